# SPDX-License-Identifier: BSD-3-Clause
"""What attaching a PASID costs on a real kernel, in a machine of the VM tests.

QEMU counts instructions (-icount), and the guest's clock goes by them: one is a
nanosecond, however busy the host is.
"""

import argparse
import os
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "vm"))
from harness import kernel, pasid, tree  # noqa: E402
from harness.case import Case  # noqa: E402

FEW, MANY = 10, 110
ROUNDS = 101


class CannotMeasure(Exception):
    """There is no machine to measure in; the text says why."""


def _calls(guest, who):
    """System calls of one attach and detach: what MANY make more than FEW."""
    count = {}
    for rounds in (FEW, MANY):
        guest.check(f"strace -f -qq -c -o /tmp/calls pasid_cost {pasid.BDF} {who} {rounds}", timeout=300)
        total = [line.split() for line in guest.check("cat /tmp/calls").splitlines() if line.endswith(" total")]
        count[rounds] = int(total[-1][3])
    return (count[MANY] - count[FEW]) / (MANY - FEW)


def _measure(case):
    programs = [case.program("x86_64", path) for path in
                ("tests/vm/guest/pasid_cost", "usertools/uvdk-devbind")]
    programs.append(pathlib.Path(shutil.which("strace")))
    vm = pasid.boot(case, programs, args=["-icount", "shift=0,sleep=off"], cpus=1)
    vm.guest.check(f"uvdk-devbind -b vfio-pci {pasid.BDF}")
    calls = {who: _calls(vm.guest, who) for who in ("ours", "bare")}
    output = vm.guest.check(f"pasid_cost {pasid.BDF} both {ROUNDS}", timeout=300)
    times = {who: int(ns) for who, ns in re.findall(r"\b(ours|bare)_ns=(\d+)", output)}
    return calls, times


def measure(builddir):
    """({who: system calls}, {who: ns}) of an attach and detach; who is ours or bare."""
    if not (tree.ready() and kernel.ready("x86_64")) and os.geteuid():
        raise CannotMeasure("the virtual machine is not prepared: as root, run tests/vm/prepare once")
    if os.uname().machine != "x86_64":
        raise CannotMeasure("the virtual machine's QEMU is for x86-64 hosts")
    options = argparse.Namespace(builddir=str(builddir), cross_builddir="")
    case = Case("bench.pasid_attach", options)
    shutil.rmtree(case.logs, ignore_errors=True)
    try:
        return _measure(case)
    finally:
        case.close()


if __name__ == "__main__":
    print(*measure(sys.argv[1]))
