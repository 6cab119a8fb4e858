# SPDX-License-Identifier: BSD-3-Clause
"""One device reaches another's BARs, and files without an address, by a descriptor."""

MASK = "dma_mask=0xffffffffffff"
EDU, PEER, SHARED = "0000:00:03.0", "0000:01:00.0", "0000:02:00.0"
# A slot each for those that are reset: edu and ivshmem have no function reset.
DEVICES = [f"edu,addr=3,{MASK}",
           "pcie-root-port,id=rp1,addr=5,chassis=1,x-speed=5",
           "pcie-root-port,id=rp2,addr=6,chassis=2,x-speed=5",
           f"edu,bus=rp1,{MASK}", "ivshmem-plain,bus=rp2,memdev=shared"]
MEMORY = ["-object", "memory-backend-ram,id=shared,size=1M,share=on"]


def peers(case, kind, iommu):
    arch = "arm64" if kind.startswith("smmu") else "x86_64"
    programs = [case.program(arch, path)
                for path in ("tests/vm/guest/dmabuf_edu", "usertools/uvdk-devbind")]
    guest = case.boot(kind, devices=DEVICES, args=MEMORY, programs=programs).guest
    guest.check(f"uvdk-devbind -b vfio-pci {EDU} {PEER} {SHARED}")
    output = guest.check(f"dmabuf_edu {iommu} {EDU} {PEER} {SHARED}", timeout=600)
    print("  " + output.rstrip().replace("\n", "\n  "))
    assert "all ok" in output, output


def test_vtd_iommufd(case):
    peers(case, "vtd", "iommufd")


def test_vtd_type1(case):
    peers(case, "vtd", "type1")


def test_amdvi_iommufd(case):
    peers(case, "amdvi", "iommufd")


def test_smmuv3_iommufd(case):
    peers(case, "smmuv3", "iommufd")
