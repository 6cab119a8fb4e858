# SPDX-License-Identifier: BSD-3-Clause
"""iommu "virtio": QEMU's virtio-iommu, driven by the program itself, in machines whose kernel has no part in it."""

import json

from harness import net, testpmd

UNIT, EDU, OTHER, CARD = (f"0000:00:0{slot}.0" for slot in (5, 3, 4, 6))
PARTS = ("detached", "mapped", "outside", "two spaces", "registers", "apertures", "reset", "everything")
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
    output = guest.check(f"viommu_edu {EDU} {OTHER} {UNIT} after", timeout=60)
    assert "after: all good" in output, output
    return output


def killed(guest):
    """An end by force, with DMA under way; the next start finds a device that does as it is told."""
    job = guest.start(f"viommu_edu {EDU} {OTHER} {UNIT} hold")
    job.wait_output("holding", timeout=60)
    assert bus_master(guest, EDU) and bus_master(guest, UNIT)
    job.kill("KILL")
    assert job.wait(30)[0] != 0
    nothing_reached(guest)
    whole(guest)


def ctl(guest, *words):
    """What uvdk-iommuctl prints: (text, JSON). Who only looks and resets is not told of all memory."""
    text, json_text = (guest.check(" ".join(("uvdk-iommuctl", *words, *more))) for more in ((), ("--json",)))
    assert "reach all memory" not in text + json_text, text + json_text
    return text, json.loads(json_text)


def reset_from_boot(guest):
    """Firmware leaves bypass on: everything is reached, until a reset."""
    status, output = guest.run(f"viommu_edu {EDU} {OTHER} {UNIT} after")
    assert status and "was written" in output, output
    text, data = ctl(guest, "reset", UNIT)
    assert f"{UNIT}: reset; bypass is off" in text and data == {"reset": [UNIT]}, (text, data)
    nothing_reached(guest)


def told(guest):
    """uvdk-iommuctl: what firmware tells, and what is in front of a device that nobody has open."""
    text, data = ctl(guest, "topology")
    assert data["iommus"] == [UNIT] and UNIT in text, (text, data)
    behind = {function["address"]: function["iommu"] for function in data["functions"]}
    assert behind[EDU] == behind[CARD] == UNIT and not behind[UNIT], behind
    text, data = ctl(guest, "caps", EDU)
    (caps,) = data["caps"]
    assert (caps["device"], caps["iommu"], caps["hardware"]) == (EDU, "virtio", "virtio-iommu"), caps
    assert EDU in text and "virtio-iommu" in text, text
    for device in (EDU, "--all"):
        text, data = ctl(guest, "reset", device)
        assert data == {"reset": [UNIT]} and f"{UNIT}: reset" in text, (text, data)


def looked_into(guest, job):
    """viommu_edu hold: a page, another one at 1 GiB, and three that a map queue has mapped."""
    asked = f"--pid $(cat /run/agent/{job.number}.pid)"
    text, data = ctl(guest, "caps", asked)
    assert {c["device"] for c in data["caps"]} == {EDU, OTHER} and EDU in text, (text, data)
    text, data = ctl(guest, "ioas", asked)
    (ioas,) = data["ioas"]
    assert (ioas["iommu"], ioas["maps"], ioas["bytes"]) == ("virtio", 2, 8192), ioas
    assert {a["device"] for a in ioas["attached"]} == {EDU, OTHER}, ioas
    (window,) = ioas["map_queues"]
    assert (window["len"], window["mapped"]) == (64 * 4096, 3), ioas
    assert f"map queue   {window['iova']}-" in text and "3 pages mapped" in text, text
    text, data = ctl(guest, "maps", asked)
    maps = [(m["len"], m["access"]) for m in data["maps"][0]["maps"]]
    assert maps == [(4096, "rw")] * 2 and "0x40000000" in text, (text, data)


def looked_at(guest):
    """uvdk-iommuctl beside a process that drives the virtio-iommu, and after that was killed."""
    job = guest.start(f"viommu_edu {EDU} {OTHER} {UNIT} hold")
    job.wait_output("holding", timeout=60)
    looked_into(guest, job)
    status, output = guest.run("uvdk-iommuctl reset --all")
    assert status == 4, (status, output)
    job.kill("KILL")
    job.wait(30)
    print(nothing_reached(guest))  # QEMU: "held: reached", see drivers/iommu/virtio/unit.c
    ctl(guest, "reset", "--all")
    assert "held: not reached" in nothing_reached(guest)


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
    reset_from_boot(guest)
    told(guest)
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
