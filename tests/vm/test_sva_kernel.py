# SPDX-License-Identifier: BSD-3-Clause
"""Shared virtual addressing by the kernel: uio_pci_sva, and the CPU's own tables."""

from harness import pasid
from harness.pasid import BDF

# QEMU's VT-d walks four levels.
CPU = ["-cpu", "max,la57=off"]


def boot(case, args=CPU, **kwargs):
    programs = [case.program("x86_64", name)
                for name in ("tests/vm/guest/sva_kernel", "usertools/uvdk-devbind")]
    vm = pasid.boot(case, programs, args=args, **kwargs)
    vm.guest.check(f"uvdk-devbind -b uio_pci_sva {BDF}")
    return vm.guest


def run(guest, scene, **kwargs):
    output = guest.check(f"sva_kernel {BDF} {scene}", **kwargs).rstrip()
    print(output)
    assert f"{scene}: all good" in output
    log = guest.check("dmesg")
    assert "WARNING" not in log and "BUG" not in log and "refcount" not in log, log[-3000:]
    return output


def test_copy(case):
    """Memory of the process, copied by the device with plain pointers."""
    run(boot(case), "copy")
