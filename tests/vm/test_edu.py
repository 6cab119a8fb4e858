# SPDX-License-Identifier: BSD-3-Clause
"""DMA of a real device model through each I/O MMU, over each way of mapping."""

import re

EDU = "edu,addr=3,dma_mask=0xffffffffffff"
BDF = "0000:00:03.0"


# What Linux logs of an access that the I/O MMU refused.
REFUSED = {"vtd": "DMAR: .*fault addr", "vtd-legacy": "DMAR: .*fault addr", "amdvi": "AMD-Vi: .*IO_PAGE_FAULT",
           "smmuv3": "arm-smmu-v3 .*(F_TRANSLATION|event 0x10|event: F_)"}


def dma(case, kind, iommu):
    arch = "arm64" if kind.startswith("smmu") else "x86_64"
    programs = [case.program(arch, "tests/vm/guest/edu_dma"),
                case.program(arch, "usertools/uvdk-devbind")]
    vm = case.boot(kind, devices=[EDU], programs=programs)
    vm.guest.check(f"uvdk-devbind -b vfio-pci {BDF}")
    output = vm.guest.check(f"edu_dma {BDF} {iommu}", timeout=120)
    assert "all ok" in output, output
    log = vm.guest.check("dmesg")
    assert re.search(REFUSED[kind], log), f"the kernel saw no refused access:\n{log[-2000:]}"


def test_vtd_iommufd(case):
    dma(case, "vtd", "iommufd")


def test_vtd_type1(case):
    dma(case, "vtd", "type1")


def test_vtd_legacy_iommufd(case):
    dma(case, "vtd-legacy", "iommufd")


def test_amdvi_iommufd(case):
    dma(case, "amdvi", "iommufd")


def test_amdvi_type1(case):
    dma(case, "amdvi", "type1")


def test_smmuv3_iommufd(case):
    dma(case, "smmuv3", "iommufd")


def test_smmuv3_type1(case):
    dma(case, "smmuv3", "type1")
