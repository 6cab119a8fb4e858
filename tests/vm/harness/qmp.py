# SPDX-License-Identifier: BSD-3-Clause
"""QEMU's monitor: commands, and the events that come in between."""

import json
import time


class QmpError(Exception):
    """QEMU refused a command."""


class Qmp:
    """Speaks QMP on a connected socket. Not thread-safe."""

    def __init__(self, sock, timeout=30):
        self._sock = sock
        self._buffer = b""
        self._events = []
        self._read_until("QMP", time.monotonic() + timeout)
        self.command("qmp_capabilities", timeout=timeout)

    def command(self, name, timeout=30, **arguments):
        """Run a command and return what it returns; argument names use `_` for `-`."""
        words = {key.replace("_", "-"): value for key, value in arguments.items()}
        self._sock.sendall(json.dumps({"execute": name, "arguments": words}).encode() + b"\n")
        reply = self._read_until(("return", "error"), time.monotonic() + timeout)
        if "error" in reply:
            raise QmpError(f"{name}: {reply['error']['desc']}")
        return reply["return"]

    def human(self, line, timeout=30):
        """A command of the human monitor, for what QMP lacks (`xp`, `info mtree`)."""
        return self.command("human-monitor-command", timeout=timeout, command_line=line)

    def event(self, name, timeout=30, **data):
        """Wait for an event whose data holds all of `data`; others stay queued."""
        deadline = time.monotonic() + timeout
        while True:
            for index, event in enumerate(self._events):
                have = event.get("data", {})
                if event["event"] == name and all(have.get(k) == v for k, v in data.items()):
                    return self._events.pop(index)
            self._read_one(deadline, f"event {name}")

    def device_add(self, driver, **properties):
        # Not through command(): property names may hold either `-` or `_`.
        words = dict(properties, driver=driver)
        self._sock.sendall(json.dumps({"execute": "device_add", "arguments": words}).encode())
        reply = self._read_until(("return", "error"), time.monotonic() + 30)
        if "error" in reply:
            raise QmpError(f"device_add {driver}: {reply['error']['desc']}")

    def device_del(self, device):
        """Ask the guest to give the device up; wait with event("DEVICE_DELETED")."""
        self.command("device_del", id=device)

    def _read_until(self, keys, deadline):
        keys = (keys,) if isinstance(keys, str) else keys
        while True:
            message = self._read_one(deadline, "a reply of the monitor")
            if message and any(key in message for key in keys):
                return message

    def _read_one(self, deadline, what):
        """Read one message; an event is queued and None returned."""
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no {what}")
            self._sock.settimeout(left)
            try:
                data = self._sock.recv(65536)
            except TimeoutError:
                raise TimeoutError(f"no {what}") from None
            if not data:
                raise ConnectionError("QEMU closed its monitor")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        message = json.loads(line)
        if "event" not in message:
            return message
        self._events.append(message)
        return None
