# SPDX-License-Identifier: BSD-3-Clause
"""What a test function is given."""

import contextlib
import pathlib
import signal

from . import kernel
from .machine import KINDS, Machine


class Skip(Exception):
    """This test cannot run here; the text says what is missing."""


class Case:
    """One test: boots machines, finds the project's programs, keeps logs.

    Machines and whatever else was given to `enter` end with the test.
    """

    def __init__(self, name, options):
        self.name = name
        self.options = options
        self.logs = pathlib.Path(options.builddir).absolute() / "vm-logs" / name
        self._stack = contextlib.ExitStack()
        self._machines = []

    def boot(self, kind, **kwargs):
        """Boot a machine of harness/machine.py; returns it when it is up."""
        _prepare(KINDS[kind].arch)
        logs = self.logs / str(len(self._machines)) if self._machines else self.logs
        self._machines.append(self.enter(Machine(kind, logs, **kwargs)))
        return self._machines[-1]

    def enter(self, manager):
        """Enter a context that ends with the test."""
        return self._stack.enter_context(manager)

    def keep_output(self):
        """Leave what the background jobs have printed beside the logs."""
        for machine in self._machines:
            for job in machine.guest.started:
                text = f"$ {job.command}\n{machine.guest.peek(job)}"
                (machine.logs / f"job-{job.number}.log").write_text(text)

    def close(self):
        self._stack.close()

    def program(self, arch, name):
        """Host path of a program the project has built, e.g. apps/uvdk-testpmd.

        A program that is not built fails the test, but for the cross build: who
        has no such build at all skips the tests that need one.
        """
        options = self.options
        folder = pathlib.Path(options.cross_builddir if arch == "arm64" else options.builddir)
        if arch == "arm64" and not folder.is_dir():
            raise Skip(f"no cross build in {folder}")
        path = folder / name
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not built")
        return path.absolute()

    def keep(self, name, text):
        """Leave a text beside the logs of this test."""
        self.logs.mkdir(parents=True, exist_ok=True)
        (self.logs / name).write_text(text)


def _prepare(arch):
    """Make what this machine needs and is not there; the test's clock stands still."""
    if not kernel.ready(arch):
        left = signal.alarm(0)
        kernel.prepare_all([arch])
        signal.alarm(left)
