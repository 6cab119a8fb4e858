# SPDX-License-Identifier: BSD-3-Clause
"""Devices that take the process's own pointers."""

from harness import pasid

STEPS = ["pointers", "freed", "in part", "fork", "protected", "1000 cycles"]


def copier(case, backend, *args):
    programs = [case.program("x86_64", "tests/vm/guest/sva_copier"),
                case.program("x86_64", "usertools/uvdk-devbind")]
    guest = pasid.boot(case, programs).guest
    guest.check(f"uvdk-devbind -b vfio-pci {pasid.BDF}")
    before = pinned(guest)
    output = guest.check(" ".join(["sva_copier", pasid.BDF, backend, "1000", *args]), timeout=300)
    print(output.rstrip())
    for step in STEPS:
        assert f"  {step}: all good" in output, f"'{step}' is not in:\n{output}"
    assert pinned(guest) == before, "pages are pinned still"
    log = guest.check("dmesg")
    assert "WARNING" not in log and "BUG" not in log, log[-3000:]


def pinned(guest):
    """Pages pinned for devices in the whole system."""
    text = guest.check("echo 1 > /proc/sys/vm/stat_refresh; cat /proc/vmstat")
    counts = dict(line.split() for line in text.splitlines())
    return int(counts["nr_foll_pin_acquired"]) - int(counts["nr_foll_pin_released"])


def test_pinned_pasid(case):
    """By PASID: heap, stack and file; freed memory faults; fork; 1,000 cycles with the device busy."""
    copier(case, "pinned")


def test_pinned_rid(case):
    """The same without a PASID, beside others of the device that have one."""
    copier(case, "pinned", "rid")


def test_pinned_edu(case):
    """A device of one tenant, without PASIDs: pointers of the process, and what is freed is lost."""
    programs = [case.program("x86_64", "tests/vm/guest/sva_edu"),
                case.program("x86_64", "usertools/uvdk-devbind")]
    vm = case.boot("vtd", devices=["edu,addr=3,dma_mask=0xffffffffffff"], programs=programs)
    vm.guest.check(f"uvdk-devbind -b vfio-pci {pasid.BDF}")
    output = vm.guest.check(f"sva_edu {pasid.BDF} pinned", timeout=120)
    print(output.rstrip())
    assert "sva_edu pinned: all good" in output, output
