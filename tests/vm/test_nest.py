# SPDX-License-Identifier: BSD-3-Clause
"""Nested tables on Linux's own SMMUv3 driver: the first stage is the program's."""

from harness import iort


def test_smmuv3(case):
    """A device takes pointers of the process; a changed one is stale until it is invalidated."""
    guest = iort.run(case, "smmuv3-nested", "nest_edu", [("addr=3", "0000:00:03.0")],
                     ["refused", "stale", "invalidated", "event", "outside", "second stage"])
    log = guest.check("dmesg")
    assert "F_TRANSLATION" in log and "data write s2" in log, "Linux logs faults of the second stage"


def test_two_smmus(case):
    """One address space: a first stage on each SMMU, a device without one, and late ones on both."""
    iort.run(case, "smmuv3-two", "nest_two",
             [("bus=pcie.0,addr=3", "0000:00:03.0"), ("bus=rp1", "0000:09:00.0"),
              ("bus=pcie.0,addr=4", "0000:00:04.0"), ("bus=rp2", "0000:0a:00.0"),
               ("bus=pcie.0,addr=5", "0000:00:05.0")],
             ["at once", "late"])


def test_smmuv3_calls(case):
    """No system call to unmap and post, one to kick a batch, none to poll: counted by ptrace."""
    iort.run(case, "smmuv3-nested", "nest_calls", [("addr=3", "0000:00:03.0")], ["ioctl", "thread"])
