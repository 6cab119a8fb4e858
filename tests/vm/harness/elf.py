# SPDX-License-Identifier: BSD-3-Clause
"""Which shared libraries a program needs, for programs the host cannot run.

Reads the dynamic section with readelf instead of asking the loader (ldd), so
that it works on arm64 programs too.
"""

import functools
import pathlib
import re
import subprocess

TRIPLET = {"x86_64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
LOADER = {"x86_64": "ld-linux-x86-64.so.2", "arm64": "ld-linux-aarch64.so.1"}
# pthread_cancel() loads this one by name, so nothing lists it.
UNLISTED = ["libgcc_s.so.1"]


@functools.lru_cache(maxsize=None)
def dynamic(path):
    """(needed names, run path entries) of an ELF file; two empty lists if static."""
    out = subprocess.run(["readelf", "-dW", str(path)],
                         capture_output=True, text=True, check=True).stdout
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", out)
    runpath = re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.+)\]", out)
    origin = str(pathlib.Path(path).resolve().parent)
    return needed, [entry.replace("$ORIGIN", origin).replace("${ORIGIN}", origin)
                    for text in runpath for entry in text.split(":") if entry]


def search_path(arch):
    triplet = TRIPLET[arch]
    folders = [f"/usr/lib/{triplet}", f"/lib/{triplet}", f"/usr/local/lib/{triplet}"]
    if arch == "x86_64":
        folders += ["/usr/local/lib", "/lib64"]
    else:
        folders += [f"/usr/{triplet}/lib"]
    return [pathlib.Path(folder) for folder in folders]


def find(name, arch, extra=()):
    for folder in [*map(pathlib.Path, extra), *search_path(arch)]:
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"no {name} for {arch} in the library folders of this host")


def libraries(programs, arch):
    """{name: host path} of all that the programs load, the loader included.

    A library of the same name is taken once, as the loader would.
    """
    found = {}
    todo = [(pathlib.Path(p), []) for p in programs]
    while todo:
        path, inherited = todo.pop()
        needed, runpath = dynamic(path)
        if needed and LOADER[arch] not in found:
            needed = needed + [LOADER[arch]] + UNLISTED
        for name in needed:
            if name not in found:
                found[name] = find(name, arch, runpath + inherited)
                todo.append((found[name], runpath + inherited))
        todo += [(plugin, []) for plugin in _plugins(path, arch, found)]
    return found


def _plugins(path, arch, found):
    """The DPDK mempool driver: EAL loads it from a folder, nothing links it."""
    if not path.name.startswith("librte_eal.so"):
        return
    for folder in search_path(arch):
        for plugin in folder.glob("dpdk/pmds-*/librte_mempool_ring.so*"):
            found[str(plugin.relative_to(folder))] = plugin
            yield plugin
