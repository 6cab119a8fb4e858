# SPDX-License-Identifier: BSD-3-Clause
"""A Debian tree beside the host: a QEMU new enough, and what the guest needs.

The QEMU of the host may be too old to have `pasid-bits` or `vfio-user-pci`, so
one comes from backports, in a tree of its own. It runs on the host through the
tree's own dynamic linker: no chroot, no root.
"""

import os
import pathlib
import re
import shutil
import subprocess

from . import cache
from .cache import PrepareError, run, say

SUITE = "trixie"
BACKPORTS = f"{SUITE}-backports"
QEMU_PACKAGES = ["qemu-system-x86", "qemu-system-arm", "qemu-efi-aarch64"]
DEBIAN_ARCH = {"x86_64": "amd64", "arm64": "arm64"}
LINKER = {"x86_64": "lib64/ld-linux-x86-64.so.2"}
QEMU = {"x86_64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64"}


def path():
    packages = " ".join(QEMU_PACKAGES)
    return cache.root() / f"tree-{cache.key(SUITE, packages, '1')}"


def ready():
    return path().is_dir()


def qemu_argv(arch):
    """The start of a command line that runs the tree's QEMU on the host."""
    tree = path()
    libs = [tree / "usr/lib/x86_64-linux-gnu", tree / "usr/lib"]
    libs += [sub for sub in sorted(libs[0].iterdir()) if sub.is_dir() and any(sub.glob("*.so.*"))]
    return [str(tree / LINKER["x86_64"]),
            "--library-path", ":".join(map(str, libs)),
            str(tree / "usr/bin" / QEMU[arch]),
            "-L", str(tree / "usr/share/qemu"),
            "-L", str(tree / "usr/share/seabios")]


def qemu_env():
    """QEMU looks for its loadable parts under / unless told otherwise."""
    return dict(os.environ, QEMU_MODULE_DIR=str(path() / "usr/lib/x86_64-linux-gnu/qemu"))


def firmware():
    """UEFI for arm64."""
    return path() / "usr/share/qemu-efi-aarch64/QEMU_EFI.fd"


def busybox(arch):
    return path() / "guest" / arch / "busybox"


def kernel_source():
    """(version, tar file) of the newest Linux source in backports."""
    found = sorted((path() / "kernel").glob("linux-source-*.tar.xz"))
    if not found:
        raise PrepareError(f"no Linux source in {path()}: remove that folder and prepare again")
    return (path() / "kernel" / "version").read_text().strip(), found[-1]


def mirror():
    """The Debian archive that this host's own apt uses.

    Of the indexes apt knows, the one of component main that is neither the
    security archive nor another vendor's.
    """
    out = subprocess.run(
        ["apt-get", "indextargets", "--format",
         "$(REPO_URI)|$(ORIGIN)|$(LABEL)|$(COMPONENT)", "Created-By: Packages"],
        capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        uri, origin, label, component = line.split("|")
        if component == "main" and origin == "Debian" and label == "Debian":
            return uri
    raise PrepareError("apt knows no Debian archive: run 'apt-get update' and try again")


def apt_settings():
    """How the host reaches its mirror (proxies and the like) holds in the tree."""
    out = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    wanted = re.compile(r"^Acquire::(https?|Check-|Retries)[^ ]* \".+\";$")
    return "".join(line + "\n" for line in out.splitlines() if wanted.match(line))


def proxy_env():
    env = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive")
    found = re.search(r'^Acquire::http::Proxy "(.+)";$', apt_settings(), re.M)
    if found and "http_proxy" not in env:
        env["http_proxy"] = found.group(1)
    return env


def prepare():
    """Make the tree. Needs root; call with the cache locked."""
    if ready():
        return
    if os.geteuid():
        raise PrepareError("making the QEMU tree needs root once: run tests/vm/prepare as root")
    if not shutil.which("debootstrap"):
        raise PrepareError(
            "no debootstrap here: install the packages that config/packages marks vm")
    log = cache.root() / "tree.log"
    log.write_text("")
    with cache.building(path()) as temp:
        _bootstrap(temp, log)
        _install(temp, log)
        _fetch_guest(temp, log)
        _fetch_kernel_source(temp, log)
        run(["chroot", temp, "apt-get", "clean"], log)


def _bootstrap(temp, log):
    uri = mirror()
    say(f"Debian {SUITE} tree (about 1 minute)")
    run(["debootstrap", "--variant=minbase", SUITE, temp, uri], log, env=proxy_env())
    (temp / "etc/apt/sources.list").write_text(
        f"deb {uri} {SUITE} main\ndeb {uri} {BACKPORTS} main\n")
    (temp / "etc/apt/apt.conf.d/90host").write_text(
        apt_settings() + 'APT::Install-Recommends "false";\nAcquire::Languages "none";\n')
    (temp / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (temp / "usr/sbin/policy-rc.d").chmod(0o755)


def _install(temp, log):
    say("QEMU from backports")
    run(["chroot", temp, "dpkg", "--add-architecture", "arm64"], log)
    run(["chroot", temp, "apt-get", "update"], log)
    run(["chroot", temp, "apt-get", "install", "-y", "-t", BACKPORTS, *QEMU_PACKAGES],
        log, env=proxy_env())


def _download(temp, package, log):
    """Unpack one package in a folder of its own and return that folder."""
    where = temp / "download" / package.replace(":", "-")
    (where / "root").mkdir(parents=True)
    inside = f"/{where.relative_to(temp)}"
    # apt drops privileges to fetch, and may then not write here: stay root.
    run(["chroot", temp, "sh", "-c",
         f"cd {inside} && apt-get -o APT::Sandbox::User=root download {package}"
         f" && dpkg-deb -x *.deb root && dpkg-deb -f *.deb Version > version"], log)
    return where


def _fetch_guest(temp, log):
    say("busybox for the guests")
    for arch, debian in DEBIAN_ARCH.items():
        where = _download(temp, f"busybox-static:{debian}", log)
        target = temp / "guest" / arch / "busybox"
        target.parent.mkdir(parents=True)
        source = next(p for p in (where / "root/usr/bin/busybox", where / "root/bin/busybox")
                      if p.exists())
        shutil.copy2(source, target)


def _fetch_kernel_source(temp, log):
    out = subprocess.run(
        ["chroot", temp, "apt-cache", "search", "--names-only", r"^linux-source-[0-9.]+$"],
        capture_output=True, text=True, check=True).stdout
    names = [line.split()[0] for line in out.splitlines()]
    if not names:
        raise PrepareError(f"no linux-source package in {BACKPORTS}")
    name = max(names, key=lambda n: [int(x) for x in n.rsplit("-", 1)[1].split(".")])
    say(f"{name} from backports")
    where = _download(temp, f"{name}/{BACKPORTS}", log)
    target = temp / "kernel"
    target.mkdir()
    shutil.move(where / "root/usr/src" / f"{name}.tar.xz", target)
    shutil.move(where / "version", target)
    shutil.rmtree(temp / "download")
