# SPDX-License-Identifier: BSD-3-Clause
"""Small kernels with all of VFIO and iommufd, built from Debian's source."""

import os
import shutil
import time

from . import cache, tree
from .cache import CONFIG, PrepareError, run, say

ARCHS = ("x86_64", "arm64")
CROSS = {"x86_64": "", "arm64": "aarch64-linux-gnu-"}
TOOLS = ["make", "gcc", "ld", "flex", "bison", "bc", "patch", "tar", "xz"]
IMAGE = {"x86_64": "arch/x86/boot/bzImage", "arm64": "arch/arm64/boot/Image.gz"}
TARGET = {"x86_64": "bzImage", "arm64": "Image.gz"}


def _fragments(arch):
    """Options that the kernel must take."""
    return [CONFIG / "common.config", CONFIG / f"{arch}.config"]


def _optional():
    return [CONFIG / "optional.config"]


def _patches():
    return sorted((CONFIG / "patches").glob("*.patch"))


def path(arch):
    """The folder of the kernel for this tree; it holds `image` and `config`."""
    version, _ = tree.kernel_source()
    texts = [p.read_text() for p in _fragments(arch) + _optional() + _patches()]
    return cache.root() / "kernel" / f"{arch}-{cache.key(version, *texts)}"


def image(arch):
    return path(arch) / "image"


def ready(arch):
    return tree.ready() and image(arch).exists()


def prepare(arch):
    """Build the kernel if it is not there. Call with the cache locked."""
    if ready(arch):
        return
    missing = [tool for tool in [*TOOLS, f"{CROSS[arch]}gcc"] if not shutil.which(tool)]
    if missing:
        raise PrepareError(f"no {', '.join(missing)} here: "
                           "install the packages that config/packages marks vm")
    version, source = tree.kernel_source()
    log = cache.root() / f"kernel-{arch}.log"
    log.write_text("")
    started = time.monotonic()
    with cache.building(path(arch)) as temp:
        src = temp / "src"
        src.mkdir()
        say(f"kernel {version} for {arch}: unpacking")
        run(["tar", "-xf", source, "-C", src, "--strip-components=1"], log)
        for patch in _patches():
            run(["patch", "-p1", "-d", src, "-i", patch, "--fuzz=0"], log)
        _configure(arch, src, log)
        say(f"kernel for {arch}: building (5 to 10 minutes on two cores; log {log})")
        _make(arch, src, log, f"-j{os.cpu_count()}", TARGET[arch])
        shutil.copy2(src / IMAGE[arch], temp / "image")
        shutil.copy2(src / ".config", temp / "config")
        (temp / "version").write_text(f"{version}\n")
        shutil.rmtree(src)
    say(f"kernel for {arch}: built in {time.monotonic() - started:.0f} s")


def prepare_all(archs):
    """The tree and these kernels, as far as they are not there."""
    with cache.locked():
        tree.prepare()
        for arch in archs:
            prepare(arch)


def _make(arch, src, log, *words):
    # Nothing of the builder goes into the image.
    env = dict(os.environ, KBUILD_BUILD_USER="uvdk", KBUILD_BUILD_HOST="uvdk", LC_ALL="C")
    run(["make", "-C", src, f"ARCH={arch}", f"CROSS_COMPILE={CROSS[arch]}", *words],
        log, env=env)


def _configure(arch, src, log):
    _make(arch, src, log, "tinyconfig")
    run(["scripts/kconfig/merge_config.sh", "-m", ".config",
         *_optional(), *_fragments(arch)], log, cwd=src)
    _make(arch, src, log, "olddefconfig")
    missing = _refused(_fragments(arch), (src / ".config").read_text().splitlines())
    if missing:
        raise PrepareError(f"kernel for {arch}: the configuration lost {' '.join(missing)}")


def _refused(fragments, config):
    """Options that a fragment sets and the final configuration does not have."""
    have = set(config)
    wanted = [line for name in fragments for line in name.read_text().splitlines()
              if line.startswith("CONFIG_")]
    return [line for line in wanted if line not in have]
