# SPDX-License-Identifier: BSD-3-Clause
"""Page tables of Linux's own iommufd: switched under a device, and refused to a PASID."""

EDU = "edu,addr=3,dma_mask=0xffffffffffff"
BDF = "0000:00:03.0"


def edu(case, kind, says, arch="x86_64", tagged=""):
    """edu has no PASID capability, so a PASID must be refused though the kernel would take it."""
    programs = [case.program(arch, "tests/vm/guest/hwpt_edu"),
                case.program(arch, "usertools/uvdk-devbind")]
    guest = case.boot(kind, devices=[EDU], programs=programs).guest
    guest.check(f"uvdk-devbind -b vfio-pci {BDF}")
    output = guest.check(f"hwpt_edu {BDF} {tagged}", timeout=120)
    print(output.rstrip())
    for text in says:
        assert text in output, f"'{text}' is not in:\n{output}"


def test_vtd(case):
    edu(case, "vtd", ["vt-d:", "va_bits 48", "pasid_bits 0", "flags 0x1: all good"], tagged="tagged")


def test_vtd_legacy(case):
    edu(case, "vtd-legacy", ["vt-d:", "va_bits 0", "flags 0x0: all good"])


def test_amdvi(case):
    edu(case, "amdvi", ["amd-vi:", "flags 0x0: all good"])


def test_smmuv3(case):
    edu(case, "smmuv3", ["smmuv3:", "flags 0x0: all good"], "arm64")
