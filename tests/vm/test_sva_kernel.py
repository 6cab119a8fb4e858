# SPDX-License-Identifier: BSD-3-Clause
"""Shared virtual addressing by the kernel: uio_pci_sva, and the CPU's own tables."""

from harness import pasid
from harness.pasid import BDF

# QEMU's VT-d walks four levels.
CPU = ["-cpu", "max,la57=off"]


def boot(case, *args):
    programs = [case.program("x86_64", name)
                for name in ("tests/vm/guest/sva_kernel", "usertools/uvdk-devbind")]
    vm = pasid.boot(case, programs, args=args)
    vm.guest.check(f"uvdk-devbind -b uio_pci_sva {BDF}")
    return vm.guest


def no_complaint(guest):
    log = guest.check("dmesg")
    assert not any(word in log for word in ("WARNING", "BUG", "refcount", "DMAR: [DMA")), log[-3000:]


def run(guest, scene, **kwargs):
    output = guest.check(f"sva_kernel {BDF} {scene}", **kwargs).rstrip()
    print(output)
    assert f"{scene}: all good" in output
    no_complaint(guest)
    return output


def test_copy(case):
    """Heap, stack, globals and files, copied by the device with plain pointers."""
    run(boot(case, *CPU), "copy")


def test_memory(case):
    """Pages not there, given up, protected: the device finds what the CPU would, and no more."""
    guest = boot(case, *CPU)
    for scene in ("absent", "unmap", "protect"):
        run(guest, scene)


def test_fork(case):
    """fork() under a copy: the parent's memory is right, the child's untouched."""
    run(boot(case, *CPU), "fork")


def test_cycles(case):
    """1,000 times bound and unbound with the device busy: it stands still in between."""
    run(boot(case, *CPU), "cycles", timeout=200)


def test_refuse(case):
    """What does not go is refused with a sentence."""
    guest = boot(case, *CPU)
    output = run(guest, "refuse")
    assert "uvdk_sva_bind()" in output and "one at a time" in output, output
    assert "drv=uio_pci_sva" in guest.check("uvdk-devbind --status")


def test_killed(case):
    """Who has the device has it alone; killed with copies going, another process gets it."""
    guest = boot(case, *CPU)
    job = guest.start(f"sva_kernel {BDF} hold")
    job.wait_output("holding PASID")
    status, output = guest.run(f"sva_kernel {BDF} copy")
    assert status == 1 and "-16 [" in output and "in use by another process" in output, output
    job.kill("KILL")
    status, _ = job.wait()
    assert status == 128 + 9, f"it ended with status {status}"
    run(guest, "copy")
    run(guest, "unmap")


def test_five_levels(case):
    """CPU tables of five levels, an I/O MMU that walks four: the reason is told."""
    guest = boot(case)
    status, output = guest.run(f"sva_kernel {BDF} copy")
    assert status == 1 and "five levels" in output, output
    no_complaint(guest)
