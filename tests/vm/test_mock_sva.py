# SPDX-License-Identifier: BSD-3-Clause
"""Memory on demand over a real iommufd, whose mock devices ask for pages."""


def mock(case, command, says):
    guest = case.boot("vtd", programs=[case.program("x86_64", "tests/vm/guest/mock_sva")]).guest
    output = guest.check(command, timeout=300)
    print(output.rstrip())
    for text in says:
        assert f"{text}: all good" in output, f"'{text}' is not in:\n{output}"


def test_demand(case):
    mock(case, "mock_sva", ["pages", "invalid", "forgotten", "followed", "ended"])


def test_sweep(case):
    mock(case, "mock_sva sweep", ["sweep"])
