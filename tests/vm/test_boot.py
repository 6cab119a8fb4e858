# SPDX-License-Identifier: BSD-3-Clause
"""The machines boot, and their kernels hand a device to user space."""

from harness import iort

EDU = "edu,addr=3,dma_mask=0xffffffffffff"


def vfio_binds_edu(vm):
    guest = vm.guest
    guest.check("ls /sys/kernel/iommu_groups | grep -q .")
    guest.check("test -c /dev/iommu && test -c /dev/vfio/vfio")
    bdf = "0000:00:03.0"
    guest.check(f"echo vfio-pci > /sys/bus/pci/devices/{bdf}/driver_override")
    guest.check(f"echo {bdf} > /sys/bus/pci/drivers_probe")
    guest.check("test -c /dev/vfio/devices/vfio0")
    group = guest.check(f"basename $(readlink /sys/bus/pci/devices/{bdf}/iommu_group)").strip()
    guest.check(f"test -c /dev/vfio/{group}")


def test_vtd(case):
    vfio_binds_edu(case.boot("vtd", devices=[EDU]))


def test_vtd_legacy(case):
    vfio_binds_edu(case.boot("vtd-legacy", devices=[EDU]))


def test_amdvi(case):
    vfio_binds_edu(case.boot("amdvi", devices=[EDU]))


def test_smmuv3(case):
    vfio_binds_edu(case.boot("smmuv3", devices=[EDU]))


def test_smmuv3_nested(case):
    """The kernel takes the table that promises coherent walks."""
    vm = iort.boot(case, devices=[EDU])
    vfio_binds_edu(vm)
    vm.guest.check("dmesg | grep -q 'Table Upgrade.*IORT'")


def test_noiommu(case):
    """User space gets the virtio-iommu itself, and a device behind it."""
    vm = case.boot("noiommu", devices=["virtio-iommu-pci,addr=5", EDU])
    for number, bdf in enumerate(["0000:00:05.0", "0000:00:03.0"]):
        vm.guest.check(f"echo vfio-pci > /sys/bus/pci/devices/{bdf}/driver_override")
        vm.guest.check(f"echo {bdf} > /sys/bus/pci/devices/{bdf}/driver/unbind || true")
        vm.guest.check(f"echo {bdf} > /sys/bus/pci/drivers_probe")
        vm.guest.check(f"test -c /dev/vfio/noiommu-{number}")
