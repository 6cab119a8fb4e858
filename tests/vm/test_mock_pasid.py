# SPDX-License-Identifier: BSD-3-Clause
"""iommufd's mock devices: a real iommufd over an I/O MMU that can do everything, and tells what it got."""


def mock(case, program, says, args="", prepare="true"):
    guest = case.boot("vtd", programs=[case.program("x86_64", f"tests/vm/guest/{program}")]).guest
    guest.check(prepare)
    output = guest.check(f"{program} {args}", timeout=300)
    print(output.rstrip())
    for text in says:
        assert f"{text}: all good" in output, f"'{text}' is not in:\n{output}"


def test_attach(case):
    mock(case, "mock_attach", ["PASIDs", "RID first", "refused", "without capability", "closed"])


def test_dirty(case):
    mock(case, "mock_dirty", ["patterns", "parts", "starts and stops"])


def test_fault(case):
    mock(case, "mock_fault", ["groups", "overflow", "detached", "replaced", "closed"])


def test_sweep(case):
    mock(case, "mock_sweep", ["sweep"], args="shim")


def test_sweep_kernel(case):
    """The kernel's own fault injection; told to be quiet, for it prints a stack for each."""
    mock(case, "mock_sweep", ["sweep"], args="kernel",
         prepare="echo 0 > /sys/kernel/debug/fail_iommufd/verbose")
