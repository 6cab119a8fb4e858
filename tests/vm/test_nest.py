# SPDX-License-Identifier: BSD-3-Clause
"""Nested tables on Linux's own SMMUv3 driver: the first stage is the program's."""

from harness import iort

EDU = "edu,addr=3,dma_mask=0xffffffffffff"
BDF = "0000:00:03.0"


def test_smmuv3(case):
    """Test nest_smmuv3: a device takes pointers of the process; changed, they are stale until invalidated."""
    programs = [case.program("arm64", "tests/vm/guest/nest_edu"),
                case.program("arm64", "usertools/uvdk-devbind")]
    guest = iort.boot(case, devices=[EDU], programs=programs).guest
    guest.check(f"uvdk-devbind -b vfio-pci {BDF}")
    output = guest.check(f"nest_edu {BDF}", timeout=120)
    print(output.rstrip())
    for text in ["refused", "stale", "invalidated", "event", "second stage"]:
        assert f"{text}: all good" in output, f"'{text}' is not in:\n{output}"
