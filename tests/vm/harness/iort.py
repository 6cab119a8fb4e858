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


def run(case, kind, program, places, says, timeout=120):
    """A guest program on an edu at each place (a -device option and its BDF): it gets all BDFs,
    and has to say that each of some things is good."""
    programs = [case.program("arm64", f"tests/vm/guest/{program}"),
                case.program("arm64", "usertools/uvdk-devbind")]
    devices = [f"edu,{where},dma_mask=0xffffffffffff" for where, _ in places]
    guest = boot(case, kind, devices=devices, programs=programs).guest
    bdfs = " ".join(bdf for _, bdf in places)
    guest.check(f"uvdk-devbind -b vfio-pci {bdfs}")
    output = guest.check(f"{program} {bdfs}", timeout=timeout)
    print(output.rstrip())
    for text in says:
        assert f"{text}: all good" in output, f"'{text}' is not in:\n{output}"
    return guest


def _word(data, at):
    return int.from_bytes(data[at:at + 4], "little")
