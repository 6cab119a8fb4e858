# SPDX-License-Identifier: BSD-3-Clause
"""Writes the guest's file system: a cpio archive that the kernel unpacks.

It is not compressed: under emulation the guest inflates slower than QEMU copies.
"""

import os
import pathlib
import stat

from . import elf, tree

INIT = pathlib.Path(__file__).with_name("init.sh")
PASSWD = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n"
GROUP = "root:x:0:\nuser:x:1000:\n"


class Cpio:
    """A newc archive; folders on the way to a file are made as needed."""

    def __init__(self, out):
        self._out = out
        self._inode = 0
        self._folders = set()

    def folder(self, name):
        parts = pathlib.PurePosixPath(name).parts
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            if path not in self._folders:
                self._folders.add(path)
                self._entry(path, stat.S_IFDIR | 0o755, b"")

    def file(self, name, data, mode=0o644):
        self.folder(os.path.dirname(name))
        self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        self.folder(os.path.dirname(name))
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor):
        self.folder(os.path.dirname(name))
        self._entry(name, stat.S_IFCHR | 0o600, b"", (major, minor))

    def close(self):
        self._entry("TRAILER!!!", 0, b"")

    def _entry(self, name, mode, data, device=(0, 0)):
        self._inode += 1
        encoded = name.encode() + b"\0"
        fields = [self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        self._out.write(head + b"\0" * (-len(head) % 4))
        self._out.write(data)
        self._out.write(b"\0" * (-len(data) % 4))


def write(out, arch, programs=(), files=None):
    """Write the archive for one guest to the binary file `out`.

    programs: host paths of executables, found in the guest by name (/usr/bin).
    files: {path in the guest: bytes, text or host path}, made executable.
    """
    cpio = Cpio(out)
    cpio.folder("usr/bin")
    cpio.folder(f"usr/lib/{elf.TRIPLET[arch]}")
    for name in ("bin", "lib", "lib64"):
        cpio.link(name, {"bin": "usr/bin"}.get(name, "usr/lib"))
    cpio.device("dev/console", 5, 1)
    cpio.file("init", INIT.read_bytes(), 0o755)
    cpio.file("etc/passwd", PASSWD.encode())
    cpio.file("etc/group", GROUP.encode())
    cpio.file("usr/bin/busybox", tree.busybox(arch).read_bytes(), 0o755)
    cpio.link("usr/bin/sh", "busybox")
    programs = [pathlib.Path(p) for p in programs]
    for path in programs:
        cpio.file(f"usr/bin/{path.name}", path.read_bytes(), 0o755)
    _libraries(cpio, [p for p in programs if is_elf(p)], arch)
    for name, content in (files or {}).items():
        data = content.encode() if isinstance(content, str) else content
        data = data.read_bytes() if isinstance(data, pathlib.Path) else data
        cpio.file(name.lstrip("/"), data, 0o755)
    cpio.close()


def is_elf(path):
    with open(path, "rb") as handle:
        return handle.read(4) == b"\x7fELF"


def _libraries(cpio, programs, arch):
    for name, path in elf.libraries(programs, arch).items():
        cpio.file(f"usr/lib/{elf.TRIPLET[arch]}/{name}", path.read_bytes(), 0o755)
        if name == elf.LOADER[arch]:
            cpio.link(f"usr/lib/{name}", f"{elf.TRIPLET[arch]}/{name}")
