# SPDX-License-Identifier: BSD-3-Clause
"""Pools from pages of each size, 1 GiB too, on the NUMA node that was asked for."""

from harness import pasid

# Node 1 has gigabytes that nothing else of the kernel lies in.
NODES = ["-object", "memory-backend-ram,id=m0,size=1G", "-object", "memory-backend-ram,id=m1,size=4G",
         "-numa", "node,nodeid=0,memdev=m0,cpus=0", "-numa", "node,nodeid=1,memdev=m1,cpus=1"]


def pools(case, iommu):
    programs = [case.program("x86_64", path) for path in
                ("tests/vm/guest/pool_edu", "usertools/uvdk-devbind")]
    vm = case.boot("vtd", devices=["edu,addr=3,dma_mask=0xffffffffffff"], programs=programs,
                   args=NODES, memory="5G", append="hugepagesz=1G hugepages=1:1")
    for node in (0, 1):
        vm.guest.check("echo 16 > /sys/devices/system/node/"
                       f"node{node}/hugepages/hugepages-2048kB/nr_hugepages")
    vm.guest.check(f"uvdk-devbind -b vfio-pci {pasid.BDF}")
    output = vm.guest.check(f"pool_edu {pasid.BDF} {iommu}", timeout=120)
    print(output.rstrip())
    assert "  pages of 1048576 kB on node 1: all good" in output, output
    assert "  pool_edu: all good" in output, output
    free = vm.guest.check("cat /sys/kernel/mm/hugepages/*/free_hugepages").split()
    assert sorted(free) == ["1", "32"], free


def test_iommufd(case):
    pools(case, "iommufd")


def test_type1(case):
    pools(case, "type1")
