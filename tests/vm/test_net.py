# SPDX-License-Identifier: BSD-3-Clause
"""The harness itself: its network ends lose nothing, and its checker sees a loss."""

import socket

from harness import net


def test_harness(case):
    ports = [case.enter(net.Port(f"net{i}", i)) for i in range(2)]
    vm = case.boot(
        "vtd", programs=[case.program("x86_64", "tests/vm/guest/packet_forward")],
        args=[word for port in ports for word in port.args],
        devices=[port.device(addr=f"{4 + i}.0") for i, port in enumerate(ports)])
    vm.guest.start("packet_forward eth0 eth1").wait_output("forwarding")
    for number, (source, sink) in enumerate([ports, reversed(ports)]):
        result = net.transfer(source, sink, 2000, number)
        result.check()
        print(f"  {result.received} frames in {result.seconds:.1f} s")


class Wire:
    """Both ends of a transfer at once; `fault` maps a frame to what arrives."""

    mac = bytes(6)

    def __init__(self, fault):
        self.fault = fault
        self.frames = []
        self.ready, self.other = socket.socketpair()
        self.other.send(b"x")

    def fileno(self):
        return self.ready.fileno()

    def send(self, frame):
        self.frames += self.fault(frame)
        return True

    def receive(self):
        return self.frames.pop(0) if self.frames else None


def complaint(fault):
    wire = Wire(fault)
    with wire.ready, wire.other:
        return "; ".join(net.transfer(wire, wire, 50, stall=0.2).problems)


def sequence(frame):
    return net.HEADER.unpack_from(frame)[4]


def test_checker(_case):
    held = []

    def swap(frame):
        if sequence(frame) == 7:
            held.append(frame)
            return []
        return [frame, held.pop()] if held else [frame]

    assert complaint(lambda frame: [frame]) == ""
    assert "7 to 7 did not arrive" in complaint(lambda f: [] if sequence(f) == 7 else [f])
    assert "waiting for number 49" in complaint(lambda f: [] if sequence(f) == 49 else [f])
    assert "frame 7 arrived twice" in complaint(lambda f: [f, f] if sequence(f) == 7 else [f])
    assert "frame 7 arrived twice or late" in complaint(swap)
    assert "arrived changed: from byte 59" in complaint(lambda f: [f[:59] + b"!" + f[60:]])
    assert "59 bytes instead of 60" in complaint(lambda f: [f[:-1]])
