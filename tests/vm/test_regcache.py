# SPDX-License-Identifier: BSD-3-Clause
"""Registration caches over pages that a kernel has pinned."""

from harness import pasid

STEPS = ["unmapped", "shared", "mapped over", "discarded", "fork", "held", "huge pages",
         "late"]


def edu(case, config, iommu):
    programs = [case.program("x86_64", "tests/vm/guest/regcache_edu"),
                case.program("x86_64", "usertools/uvdk-devbind")]
    vm = case.boot(config, devices=["edu,addr=3,dma_mask=0xffffffffffff"], programs=programs)
    vm.guest.check(f"uvdk-devbind -b vfio-pci {pasid.BDF}")
    vm.guest.check("echo 4 > /proc/sys/vm/nr_hugepages")
    output = vm.guest.check(f"regcache_edu {pasid.BDF} {iommu}", timeout=300)
    print(output.rstrip())
    for step in STEPS:
        assert f"  {step}: all good" in output, f"'{step}' is not in:\n{output}"
    log = vm.guest.check("dmesg")
    assert "WARNING" not in log and "BUG" not in log, log[-3000:]


def test_iommufd(case):
    """Memory that comes and goes at the same addresses: the device has what is there."""
    edu(case, "vtd", "iommufd")


def test_type1(case):
    """The same where the kernel's older interface pins."""
    edu(case, "vtd", "type1")
