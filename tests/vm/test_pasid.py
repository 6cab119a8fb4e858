# SPDX-License-Identifier: BSD-3-Clause
"""PASIDs of a function that has them, over the tables that Linux builds."""

from harness import pasid


def boot(case):
    programs = [case.program("x86_64", "tests/vm/guest/hwpt_edu"),
                case.program("x86_64", "usertools/uvdk-devbind")]
    vm = pasid.boot(case, programs)
    vm.guest.check(f"uvdk-devbind -b vfio-pci {pasid.BDF}")
    return vm


def test_pasid_try(case):
    vm = boot(case)
    for cmd in ("cat /sys/bus/pci/devices/0000:00:03.0/vendor; ls /sys/bus/pci/devices/0000:00:03.0; dmesg | tail -40",
          "hexdump -C /sys/bus/pci/devices/0000:00:03.0/config | head -40"):
        print(vm.guest.run(cmd)[1])
