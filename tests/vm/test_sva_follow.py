# SPDX-License-Identifier: BSD-3-Clause
"""Following of the process's memory, on Linux's own userfaultfd."""

PROGRAMS = ("sva_follow", "sva_follow_storm")


def run(guest, command, user=None):
    output = guest.check(command, timeout=300, user=user).rstrip()
    print("  " + output.replace("\n", "\n  "))
    assert "all good" in output, output
    return output


def follow(case, kind, arch):
    """What is told of each kind of memory; nobody hangs who frees, nothing is told wrongly."""
    programs = [case.program(arch, f"tests/vm/guest/{name}") for name in PROGRAMS]
    guest = case.boot(kind, programs=programs, cpus=2).guest
    guest.check("echo 4 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
    run(guest, "sva_follow huge")
    for user in (None, "user"):  # with and without CAP_SYS_PTRACE
        output = run(guest, "sva_follow kinds", user)
        assert "refused" not in output, output
        run(guest, "sva_follow fork", user)
        output = run(guest, "sva_follow refused", user)
        assert ("EPERM: " in output) == (user == "user"), output
    for what in ("locks", "overflow", "stop"):
        run(guest, f"sva_follow {what}")
    run(guest, "sva_follow_storm arenas 200")
    run(guest, "sva_follow_storm shared 200")
    log = guest.check("dmesg")
    assert "WARNING" not in log and "BUG" not in log, log[-3000:]


def test_vtd(case):
    follow(case, "vtd", "x86_64")


def test_smmuv3(case):
    follow(case, "smmuv3", "arm64")
