# SPDX-License-Identifier: BSD-3-Clause
"""A PCI function that has PASIDs: tests/vm/host/pasid_function, beside QEMU."""

import contextlib
import os
import pathlib
import re
import select
import subprocess
import tempfile

from .machine import die_with_parent

BDF = "0000:00:03.0"
RID = 3 << 3
MEMORY = 1 << 30
# The root table address register of VT-d, where q35 has it.
ROOT = 0xfed90000 + 0x20


class Function:
    """The process that serves the function, and the guest's memory, which both share.

    The memory is a file without a name, so that nothing is left behind.
    """

    def __init__(self, program, logs, engine=()):
        self._stack = contextlib.ExitStack()
        self._memory = os.memfd_create("guest")
        self._stack.callback(os.close, self._memory)
        os.ftruncate(self._memory, MEMORY)
        where = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="uvdk-pf-"))
        self.socket = f"{where}/socket"
        log = self._stack.enter_context(open(pathlib.Path(logs) / "function.log", "wb"))
        self._process = subprocess.Popen(
            [program, self.socket, self.memory, str(MEMORY), str(RID), *engine],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            preexec_fn=die_with_parent)
        self._stack.callback(self._end)

    def __enter__(self):
        self._expect("ready")
        return self

    def __exit__(self, *_):
        self._stack.close()

    @property
    def memory(self):
        """What QEMU and the function open as the guest's memory."""
        return f"/proc/{os.getpid()}/fd/{self._memory}"

    @property
    def args(self):
        """QEMU's arguments for a guest with this memory."""
        return ["-object", f"memory-backend-file,id=guest,size={MEMORY},share=on,"
                           f"mem-path={self.memory}",
                "-M", "memory-backend=guest", "-global", "intel-iommu.caching-mode=on"]

    @property
    def device(self):
        return {"driver": "vfio-user-pci", "socket": {"type": "unix", "path": self.socket},
                "addr": BDF[8:10].lstrip("0")}

    def follow(self, vm):
        """Let it translate by the tables of this machine's kernel."""
        words = re.findall("0x[0-9a-f]{8}", vm.qmp.human(f"xp /2wx 0x{ROOT:x}"))
        root = int(words[-2], 16) | int(words[-1], 16) << 32
        assert root, "the guest's kernel has not switched VT-d on"
        self._process.stdin.write(f"root {root:#x}\n".encode())
        self._process.stdin.flush()
        self._expect("ok")

    def _expect(self, word, timeout=20):
        ready, _, _ = select.select([self._process.stdout], [], [], timeout)
        line = self._process.stdout.readline().decode().strip() if ready else "nothing"
        if line != word:
            raise RuntimeError(f"pasid_function said '{line}', not '{word}' "
                               f"(status {self._process.poll()})")

    def _end(self):
        self._process.kill()
        self._process.communicate()


def boot(case, programs, args=(), engine=(), **kwargs):
    """Boot a machine with the function at BDF, bound to no driver; returns the machine.

    What the function is: engine, a name with arguments; the copier, if it is empty.
    """
    case.logs.mkdir(parents=True, exist_ok=True)
    function = case.enter(Function(
        case.program("x86_64", "tests/vm/host/pasid_function"), case.logs, engine))
    vm = case.boot("vtd", memory=str(MEMORY >> 20), devices=[function.device],
                   args=[*function.args, *args], programs=programs, **kwargs)
    function.follow(vm)
    return vm
