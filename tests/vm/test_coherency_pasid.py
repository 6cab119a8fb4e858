# SPDX-License-Identifier: BSD-3-Clause
"""Cache coherency as Linux's own iommufd and type1 enforce it: what is said of a device, and DMA."""

EDUS = [f"edu,addr={slot},dma_mask=0xffffffffffff" for slot in (3, 4)]
BDFS = "0000:00:03.0 0000:00:04.0"
SHARED, OPEN, ENFORCED = 0, 1, 2


def lines(policy, enforced, table):
    """Without snoop control WBINVD is needed from the first device on, till the last is gone."""
    needed = int(not enforced)
    return [f"{policy}, {n} attached: enforced {enforced}, table {table}, wbinvd {needed}, calls {needed}"
            for n in (1, 2)] + [f"{policy}, 0 attached: enforced 0, table 0, wbinvd 0, calls {2 * needed}"]


def coherency(case, kind, snoop_control):
    programs = [case.program("x86_64", path) for path in ("tests/vm/guest/coherency_edu", "usertools/uvdk-devbind")]
    args = ["-global", f"intel-iommu.snoop-control={'on' if snoop_control else 'off'}"]
    guest = case.boot(kind, devices=EDUS, args=args if kind != "amdvi" else (), programs=programs).guest
    if kind != "amdvi":
        ecap = int(guest.check("cat /sys/class/iommu/dmar0/intel-iommu/ecap"), 16)
        assert bool(ecap >> 7 & 1) == snoop_control, f"extended capabilities 0x{ecap:x}"
    guest.check(f"uvdk-devbind -b vfio-pci {BDFS}")
    if kind != "amdvi" and not snoop_control:
        output = guest.check(f"coherency_edu iommufd {BDFS} mixed", timeout=120)
        print(output.rstrip())
        assert "mixed, policy 0: all good\nmixed, policy 1: all good" in output, output
    sc = int(snoop_control)
    for iommu in ("iommufd", "type1"):
        output = guest.check(f"coherency_edu {iommu} {BDFS}", timeout=120)
        print(output.rstrip())
        kind_of = ENFORCED if sc else OPEN
        share = SHARED if iommu == "iommufd" else kind_of
        want = [f"over {iommu}: snoop control {sc}", "all good"]
        for text in want + lines("share", sc, share) + lines("separate", sc, kind_of):
            assert text in output, f"'{text}' is not in:\n{output}"


def test_snoop_control(case):
    coherency(case, "vtd", True)


def test_no_snoop_control(case):
    coherency(case, "vtd", False)


def test_legacy_snoop_control(case):
    coherency(case, "vtd-legacy", True)


def test_legacy_no_snoop_control(case):
    coherency(case, "vtd-legacy", False)


def test_amdvi(case):
    coherency(case, "amdvi", True)
