# SPDX-License-Identifier: BSD-3-Clause
"""Intel's DSA: the model of drivers/emu/dsa as a PCI function of a virtual machine."""

from harness import pasid
from harness.pasid import BDF

# vfio-pci does not take 8086:0b25 without being told to: programs could stop real ones.
ALLOW = "vfio_pci.disable_denylist=1"


def test_raw(case):
    """It is what it should be, and works over Linux's vfio-pci, iommufd and VT-d driver."""
    programs = [case.program("x86_64", name) for name in
                ("tests/vm/guest/dsa_raw", "usertools/uvdk-devbind")]
    vm = pasid.boot(case, programs, engine=("dsa",), append=ALLOW)
    guest = vm.guest
    identity = guest.check(f"cd /sys/bus/pci/devices/{BDF}; cat vendor device class").split()
    assert identity == ["0x8086", "0x0b25", "0x088000"], identity
    status = guest.check("uvdk-devbind -s")
    print(status)
    assert BDF in status and "8086:0b25" in status.lower(), status
    guest.check(f"uvdk-devbind -b vfio-pci {BDF}")
    output = guest.check(f"dsa_raw {BDF} iommufd", timeout=100)
    print(output)
    assert "version 0x100, 9 vectors" in output and "all good" in output, output
    log = guest.check("dmesg")
    assert "WARNING" not in log and "BUG" not in log, log[-3000:]


def test_denied(case):
    """Without being told to, vfio-pci refuses it, and uvdk-devbind says how to have it."""
    vm = pasid.boot(case, [case.program("x86_64", "usertools/uvdk-devbind")], engine=("dsa",))
    status, output = vm.guest.run(f"uvdk-devbind -b vfio-pci {BDF}")
    print(output)
    assert status == 1 and ALLOW in output, output


def boot(case, *names, engine=("dsa",)):
    """A machine whose vfio-pci has the device."""
    programs = [case.program("x86_64", name) for name in (*names, "usertools/uvdk-devbind")]
    vm = pasid.boot(case, programs, engine=engine, append=ALLOW)
    vm.guest.check(f"uvdk-devbind -b vfio-pci {BDF}")
    return vm.guest


def run(guest, command, **kwargs):
    output = guest.check(command, **kwargs).rstrip()
    print(output)
    log = guest.check("dmesg")
    assert "WARNING" not in log and "BUG" not in log, log[-3000:]
    return output


def test_example(case):
    """The example, where one of eight tenants attacks the others, on a real kernel."""
    guest = boot(case, "apps/examples/tenants", engine=("dsa", "patience=0"))
    output = run(guest, f"tenants {BDF} 8", timeout=200)
    assert "0 of the others' copies failed" in output, output


def tenants(case, engine):
    guest = boot(case, "tests/vm/guest/dsa_tenants", engine=engine)
    output = run(guest, f"dsa_tenants {BDF}", timeout=200)
    assert "168 attempts on the memory of others: refused" in output, output
    assert "8 tenants: all good" in output, output


def test_tenants(case):
    """Every operation in every queue, each with a PASID of its own; nobody reaches another's."""
    tenants(case, ("dsa",))


def test_tenants_version_2(case):
    """The same of a DSA 2.0, whose queues must be told which operations they admit."""
    tenants(case, ("dsa", "version=2"))


def state(guest):
    """Pages pinned for devices, and the device's IOMMU group."""
    # Each CPU counts for itself for a while, unless it is told to hand it in.
    text = guest.check("echo 1 > /proc/sys/vm/stat_refresh; cat /proc/vmstat")
    counts = dict(line.split() for line in text.splitlines())
    pinned = int(counts["nr_foll_pin_acquired"]) - int(counts["nr_foll_pin_released"])
    return pinned, guest.check(f"cat /sys/bus/pci/devices/{BDF}/iommu_group/type")


def test_killed(case):
    """kill -9 at 100 random points: each time the next start finds a device that it can use."""
    guest = boot(case, "tests/vm/guest/dsa_killed")
    before = state(guest)
    # Linux resets a function between two users; where it can't, the driver does.
    for how in ("flr", ""):
        guest.check(f"echo {how} > /sys/bus/pci/devices/{BDF}/reset_method")
        output = run(guest, f"dsa_killed {BDF} 100", timeout=300)
        assert "100 killed" in output and "all good" in output, output
        assert state(guest) == before, f"before: {before}\nafter: {state(guest)}"


def test_sva(case):
    """A channel takes pointers of the process; what was freed is a fault."""
    guest = boot(case, "tests/vm/guest/dsa_sva")
    output = run(guest, f"dsa_sva {BDF}", timeout=100)
    assert "pointers: all good" in output and "freed: all good" in output, output


PERF = """[GLOBAL]
mem_size=1
[dma]
type=DMA_MEM_COPY
buf_size=64,65536,32,MUL
channels=2
"""


def test_perf(case):
    """uvdk-dma-perf finds that all it copied is right, in channels with PASIDs."""
    guest = boot(case, "apps/uvdk-dma-perf")
    guest.check(f"cat > /tmp/perf.ini <<END\n{PERF}END\n")
    output = run(guest, f"uvdk-dma-perf -d {BDF} --iommu iommufd -c /tmp/perf.ini --pasids "
                 "--seconds 0.2", timeout=100)
    assert "bytes were compared, and are right" in output, output
