# SPDX-License-Identifier: BSD-3-Clause
"""PASIDs of a function that has them, over the tables that Linux builds."""

import time

from harness import pasid
from harness.pasid import BDF


def boot(case, *names):
    programs = [case.program("x86_64", f"tests/vm/guest/{name}") for name in names]
    programs.append(case.program("x86_64", "usertools/uvdk-devbind"))
    vm = pasid.boot(case, programs)
    vm.guest.check(f"uvdk-devbind -b vfio-pci {BDF}")
    return vm.guest


def run(guest, command, **kwargs):
    output = guest.check(command, **kwargs).rstrip()
    print(output)
    log = guest.check("dmesg")
    assert "WARNING" not in log and "BUG" not in log, log[-3000:]
    return output


def test_pasid_tenants(case):
    """64 PASIDs at the same IOVAs: each reaches its own tenant's memory, and no other."""
    guest = boot(case, "pasid_tenants")
    output = run(guest, f"pasid_tenants {BDF} 64", timeout=200)
    assert "pasid_bits 16" in output and "64 tenants: all good" in output, output


def test_pasid_example(case):
    """The example of the guide, as it is, on a real kernel."""
    vm = pasid.boot(case, [case.program("x86_64", name) for name in
                           ("apps/examples/tenants", "usertools/uvdk-devbind")])
    vm.guest.check(f"uvdk-devbind -b vfio-pci {BDF}")
    output = run(vm.guest, f"tenants {BDF} 16", timeout=100)
    assert output.count("and is refused") == 2 and "the others notice nothing" in output, output


def test_pasid_replace_in_flight(case):
    """Switched between two address spaces under copies: each page in one of them, none lost."""
    guest = boot(case, "pasid_replace")
    run(guest, f"pasid_replace {BDF} 10", timeout=300)


def test_pasid_first_in_flight(case):
    """A device gets its first PASID under copies without one: they all arrive."""
    guest = boot(case, "pasid_first")
    run(guest, f"pasid_first {BDF} 10", timeout=200)


def state(guest):
    """Pages pinned for devices, and IOMMU groups, in the whole system."""
    # Each CPU counts for itself for a while, unless it is told to hand it in.
    text = guest.check("echo 1 > /proc/sys/vm/stat_refresh; cat /proc/vmstat")
    counts = dict(line.split() for line in text.splitlines())
    pinned = int(counts["nr_foll_pin_acquired"]) - int(counts["nr_foll_pin_released"])
    groups = guest.check("for g in /sys/kernel/iommu_groups/*; do "
                         "echo $(basename $g): $(cat $g/type) $(ls $g/devices); done")
    return pinned, groups


def memory(guest):
    """kB that could be had when no more is only cached, and kB of I/O page tables."""
    text = guest.check("echo 3 > /proc/sys/vm/drop_caches; cat /proc/meminfo")
    values = dict(line.split()[:2] for line in text.splitlines())
    return int(values["MemAvailable:"]), int(values["SecPageTables:"])


def kill_holder(guest, before):
    """A holder of 1,000 PASIDs is killed; another process takes the device at once."""
    job = guest.start(f"pasid_hold {BDF} 1000")
    job.wait_output("holding 1000", timeout=200)
    held = state(guest)[0] - before[0]
    tables = memory(guest)[1]
    print(f"  {held} pages pinned, {tables} kB of tables")
    assert held >= 4000, f"{held} pages pinned"
    status, output = guest.run(f"pasid_tenants {BDF} 4")
    assert status == 1 and "-16 [" in output, f"another could open it meanwhile:\n{output}"
    job.kill("KILL")
    status, _ = job.wait()
    assert status == 128 + 9, f"it ended with status {status}"
    after = state(guest)
    assert after == before, f"before: {before}\nafter: {after}"
    run(guest, f"pasid_tenants {BDF} 64")
    after = state(guest)
    assert after == before, f"before: {before}\nafter: {after}"


def test_pasid_killed(case):
    """kill -9 with 1,000 PASIDs attached and DMA going: nothing stays behind."""
    guest = boot(case, "pasid_hold", "pasid_tenants")
    run(guest, f"pasid_tenants {BDF} 64")
    before = state(guest)
    kill_holder(guest, before)  # the kernel's own caches fill
    free, tables = memory(guest)
    kill_holder(guest, before)
    # What was pinned is 16,000 kB, and so much are the tables.
    deadline = time.monotonic() + 30
    while (left := memory(guest))[0] < free - 12000 or left[1] > tables + 2000:
        assert time.monotonic() < deadline, (
            f"available {free} kB, then {left[0]}; I/O page tables {tables} kB, then {left[1]}")
    print(f"  {free - left[0]} kB less, {left[1]} kB of tables")
