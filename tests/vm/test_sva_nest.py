# SPDX-License-Identifier: BSD-3-Clause
"""Shared virtual addressing over first stages of the library's, on Linux's own SMMUv3 driver."""

from harness import iort

MASK = "dma_mask=0xffffffffffff"


def sva(case, kind, places, says):
    """An edu at each place (a -device option and its BDF); the program gets them all."""
    programs = [case.program("arm64", "tests/vm/guest/sva_nested"),
                case.program("arm64", "usertools/uvdk-devbind")]
    devices = [f"edu,{where},{MASK}" for where, _ in places]
    guest = iort.boot(case, kind, devices=devices, programs=programs).guest
    bdfs = " ".join(bdf for _, bdf in places)
    guest.check(f"uvdk-devbind -b vfio-pci {bdfs}")
    output = guest.check(f"sva_nested {bdfs}", timeout=400)
    print(output.rstrip())
    for text in says:
        assert f"{text}: all good" in output, f"'{text}' is not in:\n{output}"


def test_smmuv3(case):
    """Pointers of the process as they are; what is freed, protected or unbound is out of reach."""
    sva(case, "smmuv3-nested", [("addr=3", "0000:00:03.0")],
        ["pointers", "freed", "followed", "read-only", "fork", "cycles", "refused"])


def test_two_smmus(case):
    """Devices behind two SMMUs share what one of them has pinned."""
    sva(case, "smmuv3-two", [("bus=pcie.0,addr=3", "0000:00:03.0"), ("bus=rp1", "0000:09:00.0")],
        ["two"])
