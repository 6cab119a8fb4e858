# SPDX-License-Identifier: BSD-3-Clause
"""What a page costs behind QEMU's virtio-iommu: our driver, and the kernel's in a second boot of the same machine.

QEMU counts instructions (-icount), and the guest's clock goes by them: one is a
nanosecond, however busy the host is. QEMU's own work for a request costs
nothing then, whoever made the request.
"""

import argparse
import os
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "vm"))
from harness import kernel, tree  # noqa: E402
from harness.case import Case  # noqa: E402

UNIT, EDU = "0000:00:05.0", "0000:00:03.0"
DEVICES = ["virtio-iommu-pci,addr=5", "edu,addr=3,dma_mask=0xffffffffffff"]


class CannotMeasure(Exception):
    """There is no machine to measure in; the text says why."""


def _run(case, kind, program, bdfs):
    """{name: ns a page} of what a guest program prints."""
    programs = [case.program("x86_64", path) for path in
                (f"tests/vm/guest/{program}", "usertools/uvdk-devbind")]
    with case.boot(kind, devices=DEVICES, programs=programs,
                   args=["-icount", "shift=0,sleep=off"], cpus=1) as vm:
        vm.guest.check("echo 4 > /proc/sys/vm/nr_hugepages")
        vm.guest.check(f"uvdk-devbind -b vfio-pci {' '.join(bdfs)}")
        output = vm.guest.check(f"{program} {EDU}", timeout=600)
    (case.logs / f"{program}.txt").write_text(output)
    return {name: float(ns) for name, ns in re.findall(r"^(\w+)_ns=([\d.]+)", output, re.M)}


def measure(builddir):
    """{name: ns a page}: single, batch8 to batch512, run; iommufd and type1 of the kernel's driver."""
    if not (tree.ready() and kernel.ready("x86_64")) and os.geteuid():
        raise CannotMeasure("the virtual machine is not prepared: as root, run tests/vm/prepare once")
    options = argparse.Namespace(builddir=str(builddir), cross_builddir=f"{builddir}-arm64")
    case = Case("bench.viommu", options)
    shutil.rmtree(case.logs, ignore_errors=True)
    try:
        return (_run(case, "virtio-iommu", "viommu_kernel_cost", [EDU])
                | _run(case, "noiommu", "viommu_cost", [UNIT, EDU]))
    finally:
        case.close()


if __name__ == "__main__":
    print(measure(sys.argv[1]))
