# SPDX-License-Identifier: BSD-3-Clause
"""Firmware that promises coherent page walks, so that Linux allows a vSMMU.

The kernel makes a vSMMU only if the IORT table sets CANWBS (Arm DEN0049, root
complex node, memory access flags, bit 2). QEMU's table does not, though its
walks are coherent. So boot once, read the table, and boot again with a changed
one: the kernel takes tables from the initramfs over those of the firmware.
"""

import base64

ROOT_COMPLEX = 2
CANWBS = 1 << 2
TABLE = "kernel/firmware/acpi/IORT.aml"


def promise_coherency(table):
    """The same table with CANWBS set in each root complex node."""
    new = bytearray(table)
    count, offset = _word(new, 36), _word(new, 40)
    for _ in range(count):
        if new[offset] == ROOT_COMPLEX:
            new[offset + 23] |= CANWBS
        offset += int.from_bytes(new[offset + 1:offset + 3], "little")
    # The kernel prefers ours only if its OEM revision is higher.
    new[24:28] = (_word(new, 24) + 1).to_bytes(4, "little")
    new[9] = 0
    new[9] = -sum(new) & 0xff
    return bytes(new)


def boot(case, kind="smmuv3-nested", **kwargs):
    """Boot a machine with a changed table; arguments as case.boot()."""
    with case.boot(kind, **kwargs) as first:
        text = first.guest.check("base64 -w 0 /sys/firmware/acpi/tables/IORT")
    table = promise_coherency(base64.b64decode(text))
    files = dict(kwargs.pop("files", None) or {})
    return case.boot(kind, files=files | {TABLE: table}, **kwargs)


def _word(data, at):
    return int.from_bytes(data[at:at + 4], "little")
