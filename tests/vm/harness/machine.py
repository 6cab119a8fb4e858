# SPDX-License-Identifier: BSD-3-Clause
"""The machines that QEMU can be, and one running machine."""

import contextlib
import ctypes
import dataclasses
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from . import initramfs, kernel, tree
from .guest import Guest, GuestError
from .qmp import Qmp, QmpError

# On a busy host the emulated timer ticks too late for the kernel's self-test, which panics;
# and one boot in a hundred hangs in the clocksource watchdog, where the CPUs compare their TSCs
# (watchdog_check_skew) while one waits, with interrupts off, for a lock that the other holds.
X86 = "console=ttyS0 no_timer_check tsc=reliable"
UNSAFE_MSI = "iommufd.allow_unsafe_interrupts=1 vfio_iommu_type1.allow_unsafe_interrupts=1"
NOIOMMU = "vfio.enable_unsafe_noiommu_mode=1 initcall_blacklist=virtio_iommu_drv_init"


@dataclasses.dataclass(frozen=True)
class Kind:
    """A machine with an I/O MMU; tests add devices to it."""

    arch: str
    args: tuple
    append: str


KINDS = {
    # VT-d, scalable mode: first-stage tables and PASIDs.
    "vtd": Kind("x86_64", (
        "-M", "q35,kernel-irqchip=split", "-cpu", "max", "-device",
        "intel-iommu,scalable-mode=on,fsts=on,svm=on,pasid-bits=16,device-iotlb=on,intremap=on",
    ), f"{X86} intel_iommu=on,sm_on"),
    # VT-d as older machines have it.
    "vtd-legacy": Kind("x86_64", (
        "-M", "q35,kernel-irqchip=split", "-cpu", "max", "-device", "intel-iommu,intremap=on",
    ), f"{X86} intel_iommu=on"),
    # AMD-Vi; QEMU's does not remap interrupts for us, so VFIO has to be told.
    "amdvi": Kind("x86_64", (
        "-M", "q35", "-cpu", "max", "-device", "amd-iommu,dma-remap=on",
    ), f"{X86} {UNSAFE_MSI}"),
    # Arm SMMUv3.
    "smmuv3": Kind("arm64", (
        "-M", "virt,iommu=smmuv3,gic-version=3,acpi=on", "-cpu", "cortex-a76",
    ), "console=ttyAMA0 acpi=force"),
    # The same, offering nesting. The kernel also wants firmware that promises
    # coherent walks: see iort.py.
    "smmuv3-nested": Kind("arm64", (
        "-M", "virt,iommu=smmuv3,gic-version=3,acpi=on", "-global",
        "arm-smmuv3.stage=nested", "-cpu", "cortex-a76",
    ), "console=ttyAMA0 acpi=force"),
    # Two of them, each with a root complex of its own: pcie.0, and pcie.1 with ports rp1 and rp2.
    "smmuv3-two": Kind("arm64", (
        "-M", "virt,gic-version=3,acpi=on", "-cpu", "cortex-a76",
        "-device", "arm-smmuv3,primary-bus=pcie.0,id=smmu0,stage=nested",
        "-device", "pxb-pcie,id=pcie.1,bus_nr=8,bus=pcie.0",
        "-device", "arm-smmuv3,primary-bus=pcie.1,id=smmu1,stage=nested",
        "-device", "pcie-root-port,id=rp1,bus=pcie.1,chassis=1",
        "-device", "pcie-root-port,id=rp2,bus=pcie.1,chassis=2",
    ), "console=ttyAMA0 acpi=force"),
    # No I/O MMU driver of the kernel's: a virtio-iommu that user space drives. Firmware tells of
    # it by ACPI (VIOT).
    "noiommu": Kind("x86_64", ("-M", "q35", "-cpu", "max"), f"{X86} {NOIOMMU}"),
    # The same; firmware tells of it by a device tree.
    "noiommu-arm64": Kind("arm64", (
        "-M", "virt,gic-version=3,acpi=off", "-cpu", "cortex-a76",
    ), f"console=ttyAMA0 {NOIOMMU}"),
    # A virtio-iommu that the kernel drives.
    "virtio-iommu": Kind("x86_64", ("-M", "q35", "-cpu", "max"), f"{X86} {UNSAFE_MSI}"),
}
BOOT_DEADLINE = 120


class Machine:
    """One running QEMU: `guest` runs commands in it, `qmp` is its monitor.

    Use as a context manager, or call stop(); QEMU also dies with this process.

    devices: what -device takes; text, or a dict that is passed as JSON.
    args: further QEMU arguments; append: further kernel arguments.
    programs, files: see initramfs.write().
    """

    def __init__(self, kind, logs, devices=(), args=(), append="", programs=(),
                 files=None, memory="1G", cpus=2, deadline=BOOT_DEADLINE):
        self.kind = KINDS[kind]
        self.logs = pathlib.Path(logs)
        self.logs.mkdir(parents=True, exist_ok=True)
        self._process = None
        self._sockets = []
        self._temp = pathlib.Path(tempfile.mkdtemp(prefix="uvdk-vm-"))
        try:
            with open(self._temp / "initramfs", "wb") as out:
                initramfs.write(out, self.kind.arch, programs, files)
            listeners = [self._listen("qmp"), self._listen("agent")]
            argv = self._argv(devices, args, append, memory, cpus)
            self._start(argv)
            started = time.monotonic()
            self.qmp = Qmp(self._accept(listeners[0]))
            self.guest = Guest(self._accept(listeners[1]), self.check_alive)
            try:
                self.guest.wait_boot(deadline - (time.monotonic() - started))
            except TimeoutError:
                with contextlib.suppress(OSError, QmpError):
                    self._keep_registers()
                raise
            self.boot_seconds = time.monotonic() - started
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def console(self):
        """What the guest's kernel has printed."""
        return (self.logs / "console.log").read_text(errors="replace")

    def check_alive(self):
        """Raise if QEMU has ended or the guest's kernel has died."""
        code = self._process.poll()
        if code is not None:
            said = (self.logs / "qemu.log").read_text(errors="replace").strip()
            raise GuestError(f"QEMU ended with status {code}: {said[-500:]}")
        for line in self.console.splitlines():
            if "Kernel panic" in line:
                raise GuestError(line.strip())

    def _keep_registers(self):
        """Where the CPUs of a guest that hangs are: three looks, for its log."""
        with open(self.logs / "registers.log", "w") as out:
            for _ in range(3):
                for line in ("info registers -a", "info lapic"):
                    out.write(f"({line})\n{self.qmp.human(line)}\n")
                time.sleep(0.5)

    def stop(self):
        """Kill QEMU and drop its files but the logs. May be called twice."""
        if self._process:
            self._process.kill()
            self._process.wait()
        for sock in self._sockets:
            sock.close()
        shutil.rmtree(self._temp, ignore_errors=True)

    def _argv(self, devices, args, append, memory, cpus):
        kind = self.kind
        quoted = [d if isinstance(d, str) else json.dumps(d) for d in devices]
        # ACPI on arm64 comes through UEFI; without it QEMU starts the kernel itself, sooner.
        uefi = kind.arch == "arm64" and "acpi=on" in kind.args[1]
        firmware = ["-bios", str(tree.firmware())] if uefi else []
        return [
            *tree.qemu_argv(kind.arch), "-nodefaults", "-no-user-config", "-display", "none",
            "-accel", "tcg", "-no-reboot", *kind.args, *firmware,
            "-m", memory, "-smp", str(cpus),
            "-kernel", str(kernel.image(kind.arch)), "-initrd", str(self._temp / "initramfs"),
            "-append", f"{kind.append} {append}".strip(),
            "-chardev", f"file,id=console,path={self.logs / 'console.log'}",
            "-serial", "chardev:console",
            "-qmp", f"unix:{self._temp / 'qmp'},server=off",
            "-chardev", f"socket,id=agent,path={self._temp / 'agent'}",
            # Far from the low slots, which belong to the tests. Without MSIs: those are writes, and
            # a virtio-iommu that a program drives refuses them of devices that are not the program's.
            "-device", "virtio-serial-pci,bus=pcie.0,addr=1d.0"
                       + (",vectors=0" if NOIOMMU in kind.append else ""),
            "-device", "virtserialport,chardev=agent,name=agent",
            *args, *[word for device in quoted for word in ("-device", device)],
        ]

    def _start(self, argv):
        (self.logs / "console.log").touch()
        log = self.logs / "qemu.log"
        (self.logs / "command").write_text(" ".join(f"'{word}'" for word in argv) + "\n")
        with open(log, "wb") as out:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=tree.qemu_env(), preexec_fn=die_with_parent)

    def _listen(self, name):
        """QEMU connects to us, so nothing is lost between start and connection."""
        sock = socket.socket(socket.AF_UNIX)
        self._sockets.append(sock)
        sock.bind(str(self._temp / name))
        sock.listen(1)
        return sock

    def _accept(self, listener):
        listener.settimeout(0.5)
        deadline = time.monotonic() + 30
        while True:
            try:
                sock, _ = listener.accept()
                self._sockets.append(sock)
                return sock
            except TimeoutError:
                self.check_alive()
                if time.monotonic() >= deadline:
                    raise TimeoutError("QEMU did not connect to the harness") from None


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
