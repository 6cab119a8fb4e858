# SPDX-License-Identifier: BSD-3-Clause
"""Shared virtual addressing over first stages of the library's, on Linux's own SMMUv3 driver."""

from harness import iort


def test_smmuv3(case):
    """Pointers of the process as they are; what is freed, protected or unbound is out of reach."""
    iort.run(case, "smmuv3-nested", "sva_nested", [("addr=3", "0000:00:03.0")],
             ["pointers", "freed", "followed", "read-only", "fork", "cycles", "refused"], timeout=400)


def test_two_smmus(case):
    """Devices behind two SMMUs share what one of them has pinned."""
    iort.run(case, "smmuv3-two", "sva_nested",
             [("bus=pcie.0,addr=3", "0000:00:03.0"), ("bus=rp1", "0000:09:00.0")], ["two"], timeout=400)
