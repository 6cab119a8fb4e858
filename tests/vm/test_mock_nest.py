# SPDX-License-Identifier: BSD-3-Clause
"""Nested tables of iommufd's mock devices: a real iommufd over an I/O MMU that tells what it has cached."""


def mock(case, command, says, prepare="true"):
    programs = [case.program("x86_64", f"tests/vm/guest/{command.split()[0]}")]
    guest = case.boot("vtd", programs=programs).guest
    guest.check(prepare)
    output = guest.check(command, timeout=300)
    print(output.rstrip())
    for text in says:
        assert f"{text}: all good" in output, f"'{text}' is not in:\n{output}"


def test_objects(case):
    mock(case, "mock_nest",
         ["objects", "attached", "invalidated", "queued", "queued by a thread", "queued in memory",
          "hardware queues", "events", "closed"])


def test_sweep(case):
    mock(case, "mock_sweep shim nest", ["sweep"])


def test_sweep_kernel(case):
    """The kernel's own fault injection; told to be quiet, for it prints a stack for each."""
    mock(case, "mock_sweep kernel nest", ["sweep"],
         prepare="echo 0 > /sys/kernel/debug/fail_iommufd/verbose")
