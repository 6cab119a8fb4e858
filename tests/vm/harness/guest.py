# SPDX-License-Identifier: BSD-3-Clause
"""Runs commands in the guest; the other end is init.sh."""

import base64
import time


class GuestError(Exception):
    """The guest did not do what it was told, or is gone."""


class Job:
    """A command that runs in the guest."""

    def __init__(self, guest, number, command):
        self._guest = guest
        self.number = number
        self.command = command
        self.status = None
        self.pieces = []

    def poll(self):
        """Exit status, or None while it runs."""
        self._guest.pump(0)
        return self.status

    def output(self):
        """What it has printed so far (standard output and error together)."""
        if self.poll() is None:
            return self._guest.run(f"cat /run/agent/{self.number}.out")[1]
        return base64.b64decode("".join(self.pieces)).decode(errors="replace")

    def wait(self, timeout=60):
        """Wait for the end; returns (status, output)."""
        deadline = time.monotonic() + timeout
        while self.status is None:
            if time.monotonic() >= deadline:
                raise TimeoutError(f"'{self.command}' did not end in {timeout} s; it printed:\n"
                                   f"{self._guest.peek(self)}")
            self._guest.pump(min(1, deadline - time.monotonic()))
        return self.status, self.output()

    def wait_output(self, text, timeout=60):
        """Wait until it has printed `text`; returns the output."""
        deadline = time.monotonic() + timeout
        while True:
            ended = self.poll() is not None
            output = self.output()
            if text in output:
                return output
            if ended:
                raise GuestError(f"'{self.command}' ended with status {self.status} and never "
                                 f"printed '{text}':\n{output}")
            if time.monotonic() >= deadline:
                raise TimeoutError(f"'{self.command}' did not print '{text}' in {timeout} s:\n"
                                   f"{output}")
            self._guest.pump(0.2)

    def type(self, line):
        """Write a line to its input; only for what guest.start() started."""
        self._guest.check(f"echo '{line}' >/run/agent/{self.number}.in")

    def kill(self, signal="TERM"):
        """Send a signal to it; only for what guest.start() started."""
        self._guest.check(f"kill -{signal} $(cat /run/agent/{self.number}.pid)")


class Guest:
    """The channel to one booted guest. Not thread-safe."""

    def __init__(self, sock, alive):
        self._sock = sock
        self._alive = alive
        self._buffer = b""
        self._jobs = {0: Job(self, 0, "boot")}
        self.started = []

    def wait_boot(self, timeout):
        while self._jobs[0].status is None:
            if timeout <= 0:
                raise TimeoutError("the guest did not boot in time")
            started = time.monotonic()
            self.pump(min(1, timeout))
            timeout -= time.monotonic() - started

    def run(self, command, timeout=60, user=None):
        """Run a shell command to its end; returns (status, output)."""
        return self._send(_as_user(command, user)).wait(timeout)

    def check(self, command, timeout=60, user=None):
        """Run a shell command that must succeed; returns its output."""
        status, output = self.run(command, timeout, user)
        if status:
            raise GuestError(f"'{command}' failed with status {status}:\n{output}")
        return output

    def start(self, command, user=None, before=""):
        """Start one simple command in the background; returns a Job.

        `before`: shell lines that root runs first in the same process (ulimit).
        Its input stays open; Job.type() writes to it.
        """
        number = len(self._jobs)
        base = f"/run/agent/{number}"
        # exec at each step, so that the noted process is the command itself.
        line = (f"mkfifo {base}.in\nexec 0<>{base}.in\n{before}\necho $$ >{base}.pid\n"
                f"exec {_as_user(f'exec {command}', user)}")
        self.started.append(self._send(line, command))
        return self.started[-1]

    def peek(self, job):
        """Output of a job, for an error message: never raises."""
        try:
            return self.run(f"tail -c 4000 /run/agent/{job.number}.out", timeout=10)[1]
        except (GuestError, TimeoutError, OSError):
            return "(the guest does not answer)"

    def pump(self, timeout):
        """Take in what the guest has sent; wait at most `timeout` for something."""
        self._sock.settimeout(max(timeout, 0.001))
        try:
            data = self._sock.recv(65536)
        except TimeoutError:
            self._alive()
            return
        if not data:
            self._alive()
            raise GuestError("the guest hung up")
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            self._answer(line.decode().split())

    def _answer(self, words):
        job = self._jobs[int(words[1])]
        if words[0] == "o":
            job.pieces.append(words[2])
        else:
            job.status = int(words[2])

    def _send(self, script, shown=None):
        number = len(self._jobs)
        self._jobs[number] = Job(self, number, shown or script)
        packed = base64.b64encode(script.encode()).decode()
        self._sock.settimeout(30)
        self._sock.sendall(f"{number} {packed}\n".encode())
        return self._jobs[number]


def _as_user(command, user):
    if user is None:
        return command.removeprefix("exec ")
    quoted = command.replace("'", "'\\''")
    return f"su -s /bin/sh {user} -c '{quoted}'"
