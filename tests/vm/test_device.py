# SPDX-License-Identifier: BSD-3-Clause
"""Devices and address spaces through Linux's own vfio and iommufd."""

import itertools

EDU = "edu,addr=3,dma_mask=0xffffffffffff"
BDF = "0000:00:03.0"
# Faster ports are waited for by a link status that QEMU does not set after a reset.
ROOT_PORT = "pcie-root-port,id=rp,addr=5,x-speed=5"
IOMMUS = ("iommufd", "type1")
PROGRAMS = ("dev_edu", "dev_limits", "dev_map", "dev_msix", "dev_noiommu", "dev_open",
            "dev_removal")


def machine(case, kind, devices=(EDU,), arch="x86_64", **kwargs):
    programs = [case.program(arch, path) for path in
                [*(f"tests/vm/guest/{name}" for name in PROGRAMS), "usertools/uvdk-iommuctl"]]
    return case.boot(kind, devices=list(devices), programs=programs, **kwargs)


def bind(guest, bdf, driver="vfio-pci"):
    where = f"/sys/bus/pci/devices/{bdf}"
    guest.check(f"echo {driver} > {where}/driver_override;"
                f"test -e {where}/driver && echo {bdf} > {where}/driver/unbind;"
                f"echo {bdf} > /sys/bus/pci/drivers_probe;"
                f"readlink {where}/driver | grep -q {driver}")


def group(guest, bdf):
    return guest.check(f"basename $(readlink /sys/bus/pci/devices/{bdf}/iommu_group)").strip()


def run(guest, command, **kwargs):
    print("  " + guest.check(command, **kwargs).rstrip().replace("\n", "\n  "))


def edu_and_maps(case, kind, arch="x86_64"):
    """Registers, interrupts, reset, and every map error, over both kernel interfaces."""
    guest = machine(case, kind, [EDU, "edu,addr=4"], arch).guest
    bind(guest, BDF)
    bind(guest, "0000:00:04.0")
    for iommu in IOMMUS:
        run(guest, f"dev_edu {BDF} {iommu}")
        run(guest, f"dev_map {BDF} {iommu} 0000:00:04.0")
        run(guest, f"uvdk-iommuctl caps --iommu {iommu} {BDF} 0000:00:04.0")


def test_vtd(case):
    edu_and_maps(case, "vtd")


def test_vtd_legacy(case):
    edu_and_maps(case, "vtd-legacy")


def test_amdvi(case):
    edu_and_maps(case, "amdvi")


def test_smmuv3(case):
    edu_and_maps(case, "smmuv3", "arm64")


def test_msix_and_reset(case):
    """A function with ten vectors; alone on its bus, so a hot reset may happen."""
    guest = machine(case, "vtd", [ROOT_PORT, "igb,bus=rp"]).guest
    bind(guest, "0000:01:00.0")
    for iommu in IOMMUS:
        run(guest, f"dev_msix 0000:01:00.0 {iommu}")


def test_hot_reset_of_a_group(case):
    """A bus reset that takes along a second function, which is ours by its group."""
    guest = machine(case, "vtd", [
        ROOT_PORT, "e1000e,bus=rp,addr=0.0,multifunction=on", "e1000e,bus=rp,addr=0.1"]).guest
    for function in "01":
        bind(guest, f"0000:01:00.{function}")
    for iommu in IOMMUS:
        output = guest.check(f"dev_msix 0000:01:00.0 {iommu}")
        print("  " + output.rstrip().replace("\n", "\n  "))
        assert "affects 0000:01:00.1" in output and "2 function(s)" in output, output


def test_wrong_devices(case):
    """Absent, bound elsewhere, not bound, held: each its own errno and sentence."""
    guest = machine(case, "vtd", [EDU, "igb,addr=4", "edu,addr=5"]).guest
    bind(guest, BDF)
    for iommu in IOMMUS:
        run(guest, f"dev_open 0000:00:1e.0 {iommu} ENODEV 0000:00:1e.0")
        run(guest, f"dev_open 0000:00:04.0 {iommu} EBUSY igb uvdk-devbind")
        run(guest, f"dev_open 0000:00:05.0 {iommu} ENXIO uvdk-devbind")
        run(guest, f"dev_open nonsense {iommu} EINVAL nonsense")
        run(guest, f"dev_open {BDF} {iommu} twice")
    run(guest, f"dev_open {BDF} noiommu EOPNOTSUPP iommufd type1")
    for first, second in itertools.product(IOMMUS, IOMMUS):
        holder = guest.start(f"dev_open {BDF} {first} hold")
        holder.wait_output("open")
        run(guest, f"dev_open {BDF} {second} EBUSY fuser" if first == second
            else f"dev_open {BDF} {second} EBUSY ''")
        holder.kill()
        holder.wait()


def test_group_not_viable(case):
    """Functions behind a conventional bridge share a group; one has another driver."""
    guest = machine(case, "vtd", [
        "pcie-pci-bridge,id=br,addr=8", "edu,bus=br,addr=1", "e1000e,addr=4",
        "virtio-rng-pci,bus=br,addr=2"]).guest
    edu, other = "0000:01:01.0", "0000:01:02.0"
    bind(guest, edu)
    assert group(guest, edu) == group(guest, other)
    for iommu in IOMMUS:
        run(guest, f"dev_open {edu} {iommu} EPERM 'not viable' '{other} (virtio-pci)'")


def test_permissions_and_limits(case):
    """A user who may not; one who may, within memlock; type1's entry limit."""
    guest = machine(case, "vtd", append="vfio_iommu_type1.dma_entry_limit=20").guest
    bind(guest, BDF)
    number = group(guest, BDF)
    run(guest, f"dev_open {BDF} iommufd EACCES /dev/iommu root uvdk-devbind", user="user")
    guest.check("chown user /dev/iommu")
    run(guest, f"dev_open {BDF} iommufd EACCES /dev/vfio/devices/vfio0 root", user="user")
    run(guest, f"dev_open {BDF} type1 EACCES /dev/vfio/{number} root", user="user")
    guest.check(f"chown user /dev/vfio/devices/vfio0 /dev/vfio/{number}")
    for iommu in IOMMUS:
        run(guest, f"ulimit -l 1024; dev_limits {BDF} {iommu} memlock", user="user")
    run(guest, f"dev_limits {BDF} type1 entries 20")


def removal(case, iommu):
    """device_del: the program is told, closes, and a new device can be opened."""
    vm = machine(case, "vtd", [ROOT_PORT, "edu,bus=rp,id=victim"])
    bdf = "0000:01:00.0"
    for _ in range(2):
        bind(vm.guest, bdf)
        job = vm.guest.start(f"dev_removal {bdf} {iommu}")
        job.wait_output("ready")
        vm.qmp.device_del("victim")
        status, output = job.wait()
        print("  " + output.rstrip().replace("\n", "\n  "))
        assert status == 0 and "closed" in output, output
        vm.qmp.event("DEVICE_DELETED", timeout=60, device="victim")
        vm.qmp.device_add("edu", id="victim", bus="rp")
        vm.guest.check(f"i=0; while ! test -e /sys/bus/pci/devices/{bdf}; do "
                       "i=$((i + 1)); test $i -lt 200; usleep 100000; done")


def test_removal_iommufd(case):
    removal(case, "iommufd")


def test_removal_type1(case):
    removal(case, "type1")


def test_noiommu(case):
    """Without an I/O MMU: only by name, and only what is physically contiguous."""
    guest = machine(case, "noiommu").guest
    bind(guest, BDF)
    for iommu in IOMMUS:
        run(guest, f"dev_open {BDF} {iommu} EOPNOTSUPP noiommu")
    run(guest, f"dev_edu {BDF} noiommu")
    guest.check("echo 4 > /proc/sys/vm/nr_hugepages")
    run(guest, f"dev_noiommu {BDF}")
