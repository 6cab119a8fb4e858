# SPDX-License-Identifier: BSD-3-Clause
"""PASIDs of a function that has them, over the tables that Linux builds."""

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
    return output


def test_pasid_tenants(case):
    """64 PASIDs at the same IOVAs: each reaches its own tenant's memory, and no other."""
    guest = boot(case, "pasid_tenants")
    output = run(guest, f"pasid_tenants {BDF} 64", timeout=200)
    assert "pasid_bits 16" in output and "64 tenants: all good" in output, output


def test_pasid_replace_in_flight(case):
    """Switched between two address spaces under copies: each page in one of them, none lost."""
    guest = boot(case, "pasid_replace")
    run(guest, f"pasid_replace {BDF} 10", timeout=300)


def pinned(guest):
    """Pages that are pinned for devices, in the whole system."""
    names = ("nr_foll_pin_acquired", "nr_foll_pin_released")
    values = dict(line.split() for line in guest.check("cat /proc/vmstat").splitlines())
    return int(values[names[0]]) - int(values[names[1]])


def groups(guest):
    return guest.check("for g in /sys/kernel/iommu_groups/*; do "
                       "echo $(basename $g): $(cat $g/type) $(ls $g/devices); done")


def available(guest):
    """kB of memory that could be had; what is only cached is dropped first."""
    return int(guest.check("echo 3 > /proc/sys/vm/drop_caches;"
                           "awk '/^MemAvailable/ {print $2}' /proc/meminfo"))


def test_pasid_killed(case):
    """kill -9 with 1,000 PASIDs attached and DMA going: nothing stays behind."""
    guest = boot(case, "pasid_hold", "pasid_tenants")
    run(guest, f"pasid_tenants {BDF} 4")
    before = pinned(guest), groups(guest)
    for _ in range(2):
        free = available(guest)
        job = guest.start(f"pasid_hold {BDF} 1000")
        job.wait_output("holding 1000", timeout=200)
        held = pinned(guest) - before[0]
        print(f"  {held} pages pinned, {free - available(guest)} kB less")
        assert held >= 4000, f"{held} pages pinned"
        status, output = guest.run(f"pasid_tenants {BDF} 4")
        assert status == 1 and "[" in output, f"it could be opened twice:\n{output}"
        job.kill("KILL")
        job.wait()
        run(guest, f"pasid_tenants {BDF} 64")
        assert (pinned(guest), groups(guest)) == before, f"{before}\n{pinned(guest)} {groups(guest)}"
        lost = free - available(guest)
        print(f"  after it: {lost} kB less")
        assert lost < 4096, f"{lost} kB lost"
    log = guest.check("dmesg")
    assert "WARNING" not in log and "BUG" not in log, log[-3000:]
