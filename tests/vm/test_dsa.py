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
