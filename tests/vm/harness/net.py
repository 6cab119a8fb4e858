# SPDX-License-Identifier: BSD-3-Clause
"""The far end of a guest's network card: raw Ethernet frames over a socket.

A datagram socket carries one frame a datagram, and holds the sender back when
the guest does not take them: nothing is lost on the way. What is lost then, the
device or program under test has lost.
"""

import dataclasses
import pathlib
import random
import select
import shutil
import socket
import struct
import tempfile
import time
import zlib

ETHERTYPE = 0x88B5  # IEEE 802: for experiments
HEADER = struct.Struct("!6s6sHIIH")  # to, from, type, stream, sequence, length
MIN_SIZE, MAX_SIZE = 60, 1514
SENDER = bytes.fromhex("020000000001")


class Port:
    """One network card of a guest: `args` for QEMU, send() and receive() for us.

    Enter it (case.enter) before the machine boots.
    """

    def __init__(self, name, index):
        self.name = name
        self.mac = bytes([0x52, 0x54, 0, 0, 0, index])
        self._folder = pathlib.Path(tempfile.mkdtemp(prefix="uvdk-net-"))
        self._far = str(self._folder / "qemu")
        near = str(self._folder / "host")
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(near)
        self._sock.setblocking(False)
        self.args = ("-netdev", f"dgram,id={name},local.type=unix,local.path={self._far},"
                                f"remote.type=unix,remote.path={near}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._sock.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def fileno(self):
        return self._sock.fileno()

    def device(self, driver="virtio-net-pci", **properties):
        """The -device of this card; a modern virtio behind the I/O MMU by default."""
        words = {"driver": driver, "netdev": self.name, "id": f"dev-{self.name}",
                 "mac": ":".join(f"{b:02x}" for b in self.mac)}
        if driver.startswith("virtio"):
            words |= {"iommu_platform": True, "disable-legacy": "on"}
        return words | properties

    def send(self, frame):
        """Send a frame; False if there is no room now."""
        try:
            self._sock.sendto(frame, self._far)
            return True
        except BlockingIOError:
            return False

    def receive(self):
        """A frame, or None if there is none now."""
        try:
            return self._sock.recv(65536)
        except BlockingIOError:
            return None

    def drain(self):
        """Drop what has come in so far."""
        while self.receive() is not None:
            pass


class Stream:
    """The frames of one transfer: frame `n` can be made again to compare with."""

    def __init__(self, number, to, count):
        self.number, self.to, self.count = number, to, count

    def size(self, sequence):
        """60 and 1514 come first, then sizes in between, the same in each run."""
        if sequence < 2:
            return (MIN_SIZE, MAX_SIZE)[sequence]
        return random.Random((self.number << 32) + sequence).randint(MIN_SIZE, MAX_SIZE)

    def frame(self, sequence):
        size = self.size(sequence)
        head = HEADER.pack(self.to, SENDER, ETHERTYPE, self.number, sequence, size)
        room = size - len(head) - 4
        seed = (self.number * 31 + sequence).to_bytes(8, "little")
        body = (seed * (room // 8 + 1))[:room]
        return head + body + struct.pack("!I", zlib.crc32(head + body))


@dataclasses.dataclass
class Result:
    """What became of a transfer. `problems` is empty if all frames arrived
    once, unchanged and in order."""

    sent: int = 0
    received: int = 0
    foreign: int = 0
    seconds: float = 0.0
    problems: list = dataclasses.field(default_factory=list)

    def problem(self, text):
        if len(self.problems) < 10:
            self.problems.append(text)

    def check(self):
        assert not self.problems, "; ".join(self.problems)


def transfer(source, sink, count, number=1, window=128, stall=20, meanwhile=None):
    """Send `count` frames into Port `source` and check what leaves `sink`.

    At most `window` frames are under way, so a program under test that keeps
    up never has to drop one. Gives up after `stall` seconds without a frame.
    `meanwhile`, if given, is called with the Result after each step.
    """
    stream = Stream(number, source.mac, count)
    result = Result()
    expected = 0
    started = moved = time.monotonic()
    while expected < count:
        room = result.sent < min(count, expected + window)
        writable = [source] if room else []
        ready_in, ready_out, _ = select.select([sink], writable, [], 0.5)
        # A full queue at QEMU's end is not seen by select(): try, then wait a little.
        if ready_out and not _send_some(source, stream, result, expected + window):
            select.select([sink], [], [], 0.001)
        if ready_in:
            before = expected
            expected = _take(sink, stream, result, expected)
            if expected != before:
                moved = time.monotonic()
        if meanwhile:
            meanwhile(result)
        if time.monotonic() - moved > stall:
            result.problem(f"no frame for {stall} s: sent {result.sent}, "
                           f"arrived {result.received}, waiting for number {expected}")
            break
    result.seconds = time.monotonic() - started
    return result


def _send_some(source, stream, result, limit):
    sent = 0
    while result.sent < min(stream.count, limit) and source.send(stream.frame(result.sent)):
        result.sent += 1
        sent += 1
    return sent


def _take(sink, stream, result, expected):
    """Take in all frames that are there; returns the next sequence number."""
    while (frame := sink.receive()) is not None:
        if len(frame) < HEADER.size:
            result.foreign += 1
            continue
        _, _, kind, number, sequence, _ = HEADER.unpack_from(frame)
        if kind != ETHERTYPE or number != stream.number:
            result.foreign += 1
            continue
        result.received += 1
        if sequence >= result.sent:
            result.problem(f"frame {sequence} arrived and was never sent")
            continue
        if frame != stream.frame(sequence):
            result.problem(f"frame {sequence} arrived changed: "
                           f"{_difference(stream.frame(sequence), frame)}")
        if sequence < expected:
            result.problem(f"frame {sequence} arrived twice or late, after {expected - 1}")
            continue
        if sequence > expected:
            result.problem(f"frames {expected} to {sequence - 1} did not arrive before {sequence}")
        expected = sequence + 1
    return expected


def _difference(want, have):
    if len(want) != len(have):
        return f"{len(have)} bytes instead of {len(want)}"
    at = next(i for i, (a, b) in enumerate(zip(want, have)) if a != b)
    return f"from byte {at} of {len(want)}"
