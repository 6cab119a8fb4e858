# SPDX-License-Identifier: BSD-3-Clause
"""Nested tables of iommufd's mock devices: a real iommufd over an I/O MMU that tells what it has cached."""


def test_objects(case):
    guest = case.boot("vtd", programs=[case.program("x86_64", "tests/vm/guest/mock_nest")]).guest
    output = guest.check("mock_nest", timeout=120)
    print(output.rstrip())
    for text in ["objects", "attached", "invalidated", "hardware queues", "events", "closed"]:
        assert f"{text}: all good" in output, f"'{text}' is not in:\n{output}"
