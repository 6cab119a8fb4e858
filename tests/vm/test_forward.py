# SPDX-License-Identifier: BSD-3-Clause
"""uvdk-testpmd forwards between two virtio-net functions, through an I/O MMU.

A sender outside of the machine puts frames in at one port and takes them out
at the other.
"""

from harness import testpmd

COUNT = 10000


def forward(case, kind, iommu, bind="", options="", user=None):
    vm, ports = testpmd.boot(case, kind)
    bdfs = testpmd.cards(vm)
    testpmd.bind(vm, bdfs, bind)
    job = testpmd.start(vm, bdfs, iommu, options, user)
    if "--seccomp" in options:
        vm.guest.check("grep -q 'Seccomp:.*2' /proc/$(pidof uvdk-testpmd)/task/*/status")
    testpmd.both_ways(ports, COUNT)
    return testpmd.stop(job)


def test_vtd_iommufd(case):
    forward(case, "vtd", "iommufd")


def test_vtd_type1(case):
    forward(case, "vtd", "type1")


def test_amdvi_iommufd(case):
    forward(case, "amdvi", "iommufd")


def test_amdvi_type1(case):
    forward(case, "amdvi", "type1")


def test_user_iommufd(case):
    """A user who owns nothing but the device nodes."""
    forward(case, "vtd", "iommufd", bind="-U user -G user", user="user")


def test_user_type1(case):
    forward(case, "vtd", "type1", bind="-U user -G user", user="user")


def test_no_system_call(case):
    """The forwarding loop runs under a filter that kills at a system call."""
    output = forward(case, "vtd", "iommufd", options="--seccomp")
    assert "forwarded under seccomp" in output, output
