# SPDX-License-Identifier: BSD-3-Clause
"""uvdk-devbind on a real kernel: binding, node owners, putting things back."""

from harness import net

EDU = "edu,addr=3"
BDF = "0000:00:03.0"


def machine(case, devices=(EDU,), **kwargs):
    return case.boot("vtd", devices=list(devices), **kwargs,
                     programs=[case.program("x86_64", "usertools/uvdk-devbind")]).guest


def driver(guest, bdf):
    """Name of the kernel driver that has a device, or ""."""
    return guest.run(f"readlink /sys/bus/pci/devices/{bdf}/driver")[1].strip().rpartition("/")[2]


def test_bind_and_restore(case):
    """A card with a kernel driver goes to VFIO and comes back."""
    port = case.enter(net.Port("net0", 0))
    guest = machine(case, [port.device(addr="4.0")], args=port.args)
    bdf = "0000:00:04.0"
    assert driver(guest, bdf) == "virtio-pci"
    guest.check(f"uvdk-devbind -b vfio-pci {bdf}")
    assert driver(guest, bdf) == "vfio-pci"
    guest.check("test -c /dev/vfio/devices/vfio0")
    guest.check(f"uvdk-devbind -s | grep {bdf} | grep -q vfio-pci")
    guest.check(f"uvdk-devbind --restore {bdf}")
    assert driver(guest, bdf) == "virtio-pci"
    guest.check("ip link show eth0")


def test_owner(case):
    """-U and -G give away the nodes of the device, and nobody else's."""
    guest = machine(case)
    guest.check(f"uvdk-devbind -b vfio-pci -U user -G user {BDF}")
    group = guest.check(f"basename $(readlink /sys/bus/pci/devices/{BDF}/iommu_group)").strip()
    for node in ("devices/vfio0", group):
        assert guest.check(f"stat -c %U:%G /dev/vfio/{node}").strip() == "user:user", node
        guest.check(f": <>/dev/vfio/{node}", user="user")


def test_dry_run_changes_nothing(case):
    guest = machine(case)
    guest.check(f"uvdk-devbind --dry-run -b vfio-pci {BDF}")
    assert driver(guest, BDF) == ""
    assert guest.check(f"cat /sys/bus/pci/devices/{BDF}/driver_override").strip() == "(null)"


def test_ordinary_user_is_told(case):
    """Without the rights: status 5 and a sentence, nothing changed."""
    guest = machine(case)
    status, output = guest.run(f"uvdk-devbind -b vfio-pci {BDF}", user="user")
    assert status == 5, f"status {status}: {output}"
    assert driver(guest, BDF) == ""


def test_missing_driver_is_told(case):
    guest = machine(case)
    status, output = guest.run(f"uvdk-devbind -b no-such-driver {BDF}")
    assert status == 6, f"status {status}: {output}"
