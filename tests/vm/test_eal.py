# SPDX-License-Identifier: BSD-3-Clause
"""DPDK's memory of each kind, on huge pages, and what a device reaches of it.

Pages come and go while the device works: what is allocated is reached at once,
what is freed is out of reach before DPDK gives it back.
"""

EDU = "edu,addr=3,dma_mask=0xffffffffffff"
BDF = "0000:00:03.0"
PAGES = 64


def memory(case, kind, iommu="iommufd", machine="vtd"):
    programs = [case.program("x86_64", path) for path in
                ("tests/vm/guest/eal_edu", "usertools/uvdk-devbind")]
    vm = case.boot(machine, devices=[EDU], programs=programs, memory="2G")
    # EAL asks for a folder for its files, and loads plugins only where not everybody may write.
    vm.guest.check("chmod 755 / && mkdir -p /var/run")
    vm.guest.check(f"echo {PAGES} > /proc/sys/vm/nr_hugepages && mkdir -p /dev/hugepages && "
                   "mount -t hugetlbfs none /dev/hugepages")
    free = vm.guest.check("grep HugePages_Free /proc/meminfo")
    assert int(free.split()[1]) == PAGES, free
    vm.guest.check(f"uvdk-devbind -b vfio-pci {BDF}")
    output = vm.guest.check(f"eal_edu {BDF} {iommu} {kind}", timeout=120)
    assert "all ok" in output, output
    return vm


def test_dynamic_iommufd(case):
    memory(case, "dynamic")


def test_dynamic_type1(case):
    memory(case, "dynamic", "type1")


def test_dynamic_amdvi(case):
    memory(case, "dynamic", machine="amdvi")


def test_in_memory(case):
    """Nothing is left behind: every huge page is free again."""
    vm = memory(case, "in-memory")
    free = vm.guest.check("grep HugePages_Free /proc/meminfo")
    assert int(free.split()[1]) == PAGES, free


def test_static(case):
    memory(case, "legacy")


def test_static_type1(case):
    memory(case, "legacy", "type1")


def test_no_huge(case):
    memory(case, "no-huge")
