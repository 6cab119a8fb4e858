# SPDX-License-Identifier: BSD-3-Clause
"""PASIDs of a function that has them, over the tables that Linux builds."""

from harness import pasid
from harness.pasid import BDF


def boot(case, *names):
    programs = [case.program("x86_64", f"tests/vm/guest/{name}") for name in names]
    programs.append(case.program("x86_64", "usertools/uvdk-devbind"))
    vm = pasid.boot(case, programs)
    vm.guest.check(f"uvdk-devbind -b vfio-pci {BDF}")
    return vm.guest


def run(guest, command, **kwargs):
    output = guest.check(command, **kwargs).rstrip()
    print(output)
    return output


def test_pasid_tenants(case):
    """64 PASIDs at the same IOVAs: each reaches its own tenant's memory, and no other."""
    guest = boot(case, "pasid_tenants")
    output = run(guest, f"pasid_tenants {BDF} 64", timeout=200)
    assert "pasid_bits 16" in output and "64 tenants: all good" in output, output
