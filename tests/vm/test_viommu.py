# SPDX-License-Identifier: BSD-3-Clause
"""iommu "virtio": QEMU's virtio-iommu, driven by the program itself, in machines whose kernel has no part in it."""

import json

from harness import net, testpmd

UNIT, EDU, OTHER, CARD = (f"0000:00:0{slot}.0" for slot in (5, 3, 4, 6))
PARTS = ("detached", "mapped", "outside", "two spaces", "apertures", "reset", "everything")
KINDS = {"x86_64": "noiommu", "arm64": "noiommu-arm64"}
COUNT = 10000


def boot(case, arch, *programs):
    """A machine with a virtio-iommu, two edu and a card, all of them given to user space: (guest, port)."""
    port = case.enter(net.Port("net0", 0))
    devices = ["virtio-iommu-pci,addr=5", port.device(addr="6.0"),
               *(f"edu,addr={slot},dma_mask=0xffffffffffffffff" for slot in (3, 4))]
    paths = [*(f"tests/vm/guest/{name}" for name in programs), "usertools/uvdk-devbind",
             "usertools/uvdk-iommuctl"]
    vm = case.boot(KINDS[arch], devices=devices, args=port.args,
                   programs=[case.program(arch, path) for path in paths])
    vm.guest.check("echo 4 > /proc/sys/vm/nr_hugepages")
    vm.guest.check(f"uvdk-devbind -b vfio-pci {UNIT} {EDU} {OTHER} {CARD}")
    return vm.guest, port


def bus_master(guest, bdf):
    """Bit 2 of the command register (PCI 3.0, 6.2.2)."""
    return int(guest.check(f"od -An -tu1 -j4 -N1 /sys/bus/pci/devices/{bdf}/config")) >> 2 & 1


def whole(guest):
    output = guest.check(f"viommu_edu {EDU} {OTHER} {UNIT}", timeout=120)
    print(output.rstrip())
    for part in PARTS:
        assert f"{part}: all good" in output, f"'{part}' is not in:\n{output}"


def nothing_reached(guest):
    """Whose driver has ended, however that was, reaches nothing, even if it may be a master."""
    for bdf in (UNIT, EDU, OTHER):
        assert not bus_master(guest, bdf), f"{bdf} is still a bus master"
    assert "after: all good" in guest.check(f"viommu_edu {EDU} {OTHER} {UNIT} after", timeout=60)


def killed(guest):
    """An end by force, with DMA under way; the next start finds a device that does as it is told."""
    job = guest.start(f"viommu_edu {EDU} {OTHER} {UNIT} hold")
    job.wait_output("holding", timeout=60)
    assert bus_master(guest, EDU) and bus_master(guest, UNIT)
    job.kill("KILL")
    assert job.wait(30)[0] != 0
    nothing_reached(guest)
    whole(guest)


def looked_at(guest):
    """uvdk-iommuctl: what firmware tells, what is in front of a device, a reset; not while it is in use."""
    topology = json.loads(guest.check("uvdk-iommuctl topology --json"))
    assert topology["iommus"] == [UNIT], topology
    behind = {function["address"]: function["iommu"] for function in topology["functions"]}
    assert behind[EDU] == behind[CARD] == UNIT and not behind[UNIT], behind
    caps = json.loads(guest.check(f"uvdk-iommuctl caps {EDU} --json 2>/dev/null"))["caps"]
    assert [(c["iommu"], c["hardware"]) for c in caps] == [("virtio", "virtio-iommu")], caps
    for device in (UNIT, EDU):
        assert f"{UNIT}: reset" in guest.check(f"uvdk-iommuctl reset {device}")
    job = guest.start(f"viommu_edu {EDU} {OTHER} {UNIT} hold")
    job.wait_output("holding", timeout=60)
    status, output = guest.run("uvdk-iommuctl reset --all")
    assert status == 4, (status, output)
    job.kill("KILL")
    job.wait(30)
    guest.check("uvdk-iommuctl reset --all")
    nothing_reached(guest)


def frames(guest, port):
    """A frame for a buffer that is mapped, and one for a buffer that no longer is."""
    stream = net.Stream(1, port.mac, 2)
    job = guest.start(f"viommu_frame {CARD}")
    for number, cue in enumerate(("posted", "unmapped")):
        job.wait_output(cue, timeout=60)
        assert port.send(stream.frame(number))
    status, output = job.wait(60)
    print(output.rstrip())
    assert status == 0 and "frame: all good" in output, output
    assert f"frame {stream.frame(0).hex()}" in output, "the first frame arrived changed"


def quiet(guest):
    """Map queues make no system call."""
    output = guest.check(f"viommu_quiet {EDU}", timeout=300)
    print(output.rstrip())
    assert "no system call: all good" in output, output


def statuses(guest):
    """The device answers each request that it refuses with a status; what the library makes of them."""
    output = guest.check(f"viommu_status {UNIT} {EDU} {OTHER}", timeout=60)
    print(output.rstrip())
    assert "statuses: all good" in output, output


def everything(case, arch):
    guest, port = boot(case, arch, "viommu_edu", "viommu_frame", "viommu_quiet", "viommu_status")
    statuses(guest)
    whole(guest)
    nothing_reached(guest)
    killed(guest)
    looked_at(guest)
    frames(guest, port)
    quiet(guest)


def test_x86_64(case):
    """Firmware tells of it by ACPI, in a VIOT table."""
    everything(case, "x86_64")


def test_arm64(case):
    """Firmware tells of it by a device tree."""
    everything(case, "arm64")


def test_forward(case):
    """uvdk-testpmd forwards between two cards behind it, each in an address space of its own."""
    vm, ports = testpmd.boot(case, "noiommu", devices=["virtio-iommu-pci,addr=9"])
    bdfs = testpmd.cards(vm)
    testpmd.bind(vm, ["0000:00:09.0", *bdfs])
    job = testpmd.start(vm, bdfs, "virtio", options="--inspect")
    caps = json.loads(vm.guest.check("uvdk-iommuctl caps --pid $(pidof uvdk-testpmd) --json"))["caps"]
    assert {c["device"]: c["iommu"] for c in caps} == dict.fromkeys(bdfs, "virtio"), caps
    assert len({c["ioas"] for c in caps} - {None}) == len(bdfs), caps
    testpmd.both_ways(ports, COUNT)
    testpmd.stop(job)
