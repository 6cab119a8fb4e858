# SPDX-License-Identifier: BSD-3-Clause
"""Nested tables on Linux's own SMMUv3 driver: the first stage is the program's."""

from harness import iort

MASK = "dma_mask=0xffffffffffff"


def nest(case, kind, program, places, says):
    """An edu at each place (a -device option and its BDF); the program gets them all."""
    programs = [case.program("arm64", f"tests/vm/guest/{program}"),
                case.program("arm64", "usertools/uvdk-devbind")]
    devices = [f"edu,{where},{MASK}" for where, _ in places]
    guest = iort.boot(case, kind, devices=devices, programs=programs).guest
    bdfs = " ".join(bdf for _, bdf in places)
    guest.check(f"uvdk-devbind -b vfio-pci {bdfs}")
    output = guest.check(f"{program} {bdfs}", timeout=120)
    print(output.rstrip())
    for text in says:
        assert f"{text}: all good" in output, f"'{text}' is not in:\n{output}"


def test_smmuv3(case):
    """A device takes pointers of the process; a changed one is stale until it is invalidated."""
    nest(case, "smmuv3-nested", "nest_edu", [("addr=3", "0000:00:03.0")],
         ["refused", "stale", "invalidated", "event", "second stage"])


def test_two_smmus(case):
    """One address space: a first stage on each SMMU, a device without one, and late ones on both."""
    nest(case, "smmuv3-two", "nest_two",
         [("bus=pcie.0,addr=3", "0000:00:03.0"), ("bus=rp1", "0000:09:00.0"),
          ("bus=pcie.0,addr=4", "0000:00:04.0"), ("bus=rp2", "0000:0a:00.0"),
          ("bus=pcie.0,addr=5", "0000:00:05.0")],
         ["at once", "late"])


def test_smmuv3_calls(case):
    """No system call to unmap and post, one to kick a batch, none to poll: counted by ptrace."""
    nest(case, "smmuv3-nested", "nest_calls", [("addr=3", "0000:00:03.0")], ["ioctl", "thread"])
