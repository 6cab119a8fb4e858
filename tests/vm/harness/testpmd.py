# SPDX-License-Identifier: BSD-3-Clause
"""Two network cards in a guest and uvdk-testpmd that forwards between them."""

from . import net

VIRTIO_NET = "0x1af4:0x1041"
# What an administrator grants who wants users to drive devices (bytes / 1024).
MEMLOCK = "ulimit -l 1048576"


def boot(case, kind, hotplug=False, cards=2, devices=(), **kwargs):
    """Boot a machine with network cards, bind none; returns (vm, ports).

    With `hotplug` each card sits behind a root port of its own and can be
    pulled with vm.qmp.device_del(port.card).
    """
    ports = [case.enter(net.Port(f"net{i}", i)) for i in range(cards)]
    devices = list(devices)
    for i, port in enumerate(ports):
        if hotplug:
            devices.append(f"pcie-root-port,id=slot{i},chassis={i + 1},slot={i + 1},addr={4 + i}.0")
            port.where = {"bus": f"slot{i}"}
        else:
            port.where = {"addr": f"{4 + i}.0"}
        devices.append(port.device(**port.where))
    programs = [case.program("x86_64", path) for path in
                ("apps/uvdk-testpmd", "usertools/uvdk-devbind", "usertools/uvdk-iommuctl")]
    vm = case.boot(kind, programs=programs, devices=devices, memory="2G",
                   args=[word for port in ports for word in port.args], **kwargs)
    return vm, ports


def cards(vm):
    """PCI addresses of the guest's virtio network cards, in ascending order."""
    found = vm.guest.check(
        'for d in /sys/bus/pci/devices/*; do '
        'echo "$(basename $d) $(cat $d/vendor):$(cat $d/device)"; done')
    return [line.split()[0] for line in found.splitlines() if line.endswith(VIRTIO_NET)]


def bind(vm, bdfs, options=""):
    vm.guest.check(f"uvdk-devbind {options} -b vfio-pci {' '.join(bdfs)}")


def start(vm, bdfs, iommu, options="", user=None):
    """Start uvdk-testpmd on these functions and wait until it forwards."""
    specs = " ".join(f"-p {bdf}" for bdf in bdfs)
    job = vm.guest.start(
        "uvdk-testpmd -l 0,1 --no-huge -m 64 --in-memory --no-telemetry -- "
        f"--iommu {iommu} {specs} --auto-start {options}", user=user, before=MEMLOCK)
    job.wait_output("packet forwarding", timeout=60)
    check_access(vm, job, iommu, user)
    return job


def check_access(vm, job, iommu, user):
    """It holds the nodes of the way that was asked for, as the user that was asked for."""
    proc = f"/proc/{vm.guest.check(f'cat /run/agent/{job.number}.pid').strip()}"
    nodes = vm.guest.check(f"for fd in {proc}/fd/*; do readlink $fd; done")
    held = ("iommufd" if "/dev/iommu" in nodes else "virtio" if "/dev/vfio/noiommu-" in nodes
            else "type1" if "/dev/vfio/vfio" in nodes else None)
    assert held == iommu, f"asked for {iommu}, but it holds:\n{nodes}"
    owner = vm.guest.check(f"stat -c %U {proc}").strip()
    assert owner == (user or "root"), f"it runs as {owner}"


def both_ways(ports, count):
    """`count` frames each way; all must arrive once, unchanged and in order."""
    for number, (source, sink) in enumerate([ports, ports[::-1]]):
        result = net.transfer(source, sink, count, number)
        print(f"  {result.received} of {count} frames in {result.seconds:.1f} s")
        result.check()


def stop(job):
    """End it the ordinary way; it must say so by status 0."""
    job.kill("INT")
    status, output = job.wait(30)
    assert status == 0, f"uvdk-testpmd ended with status {status}:\n{output[-2000:]}"
    return output
