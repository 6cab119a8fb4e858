# SPDX-License-Identifier: BSD-3-Clause
"""What a page costs in a first stage of our own on a real SMMUv3 driver, in a machine of the VM tests.

QEMU counts instructions (-icount), and the guest's clock goes by them: one is a
nanosecond, however busy the host is. The peer is iommufd's map and unmap of
single pages, by bare ioctls, in the same run.
"""

import argparse
import os
import pathlib
import re
import shutil
import sys

import plot

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "vm"))
from harness import iort, kernel, tree  # noqa: E402
from harness.case import Case  # noqa: E402

BDF = "0000:00:03.0"
DEVICE = "edu,addr=3,dma_mask=0xffffffffffff"


class CannotMeasure(Exception):
    """There is no machine to measure in; the text says why."""


def parse(output):
    """({name: ns a page}, {curve: [(pages, ns a page)]}, {entries: ns}) of what nest_cost prints."""
    values = {name: float(ns) for name, ns in re.findall(r"^(\w+)_ns=([\d.]+)", output, re.M)}
    curves = {}
    for name, pages, ns in re.findall(r"^point (\w+) (\d+) ([\d.]+)", output, re.M):
        curves.setdefault(name, []).append((int(pages), float(ns)))
    entries = {int(n): float(ns) for n, ns in re.findall(r"^entries (\d+) ([\d.]+)", output, re.M)}
    return values, curves, entries


def entry_cost(entries):
    """Of one more in a batch, by the line through the ends."""
    few, many = min(entries), max(entries)
    return (entries[many] - entries[few]) / (many - few)


def draw(values, curves):
    """The curves, beside the peer's, as SVG."""
    sizes = [pages for pages, _ in curves["strided"]]
    names = {"strided": "every other page, by arrays", "calls": "the same, a call a page",
             "random": "random pages, by arrays", "contiguous": "contiguous pages, a call a page",
             "range": "one range", "flushed": "ASID as a whole, a call a page"}
    series = {"IOAS_MAP + IOAS_UNMAP": [(pages, values["bare"]) for pages in sizes]}
    series |= {text: curves[name] for name, text in names.items()}
    return plot.curves("Map, unmap and invalidate a page of 4 KiB (SMMUv3, one batch a kick)",
                       ("pages a batch", "ns a page; one instruction is 1 ns"), series)


def _measure(case):
    programs = [case.program("arm64", path) for path in
                ("tests/vm/guest/nest_cost", "usertools/uvdk-devbind")]
    vm = iort.boot(case, "smmuv3-nested", devices=[DEVICE], programs=programs,
                   args=["-icount", "shift=0,sleep=off"], cpus=1)
    vm.guest.check(f"uvdk-devbind -b vfio-pci {BDF}")
    output = vm.guest.check(f"nest_cost {BDF}", timeout=600)
    (case.logs / "nest_cost.txt").write_text(output)
    return parse(output)


def measure(builddir):
    """As parse(); the guest's programs come from the arm64 build folder beside @builddir."""
    cross = pathlib.Path(str(builddir).rstrip("/") + "-arm64")
    if not (tree.ready() and kernel.ready("arm64")) and os.geteuid():
        raise CannotMeasure("the virtual machine is not prepared: as root, run tests/vm/prepare once")
    if not (cross / "tests/vm/guest/nest_cost").exists():
        raise CannotMeasure(f"{cross} has no arm64 build: ./run build makes one where the compiler is there")
    options = argparse.Namespace(builddir=str(builddir), cross_builddir=str(cross))
    case = Case("bench.nested", options)
    shutil.rmtree(case.logs, ignore_errors=True)
    try:
        return _measure(case)
    finally:
        case.close()


if __name__ == "__main__":
    print(*measure(sys.argv[1]), sep="\n")
