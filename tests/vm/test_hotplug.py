# SPDX-License-Identifier: BSD-3-Clause
"""A card is pulled while uvdk-testpmd forwards, and put back."""

from harness import net, testpmd


def pull_and_put_back(case, iommu):
    # Cards 0 and 1 forward to each other, and so do 2 and 3.
    vm, ports = testpmd.boot(case, "vtd", hotplug=True, cards=4)
    bdfs = testpmd.cards(vm)
    testpmd.bind(vm, bdfs)
    job = testpmd.start(vm, bdfs, iommu)
    testpmd.both_ways(ports[:2], 1000)
    pull_under_traffic(vm, ports)
    job.wait_output(f"port 0 ({bdfs[0]}) removed")
    assert job.poll() is None, f"uvdk-testpmd died:\n{job.output()}"
    testpmd.both_ways(ports[2:], 1000)
    testpmd.stop(job)
    put_back(vm, ports[0], bdfs[0])
    testpmd.bind(vm, bdfs[:1])
    ports[1].drain()
    job = testpmd.start(vm, bdfs, iommu)
    testpmd.both_ways(ports[:2], 1000)
    testpmd.stop(job)


def pull_under_traffic(vm, ports):
    """Pull card 0 in the midst of its own traffic; cards 2 and 3 must not notice."""
    card = f"dev-{ports[0].name}"
    doomed = net.Stream(100, ports[0].mac, 64)
    pulled = []

    def pull(result):
        if result.received >= 1000 and not pulled:
            for sequence in range(doomed.count):
                ports[0].send(doomed.frame(sequence))
            vm.qmp.device_del(card)
            pulled.append(card)

    net.transfer(ports[2], ports[3], 3000, 101, meanwhile=pull).check()
    assert pulled
    vm.qmp.event("DEVICE_DELETED", timeout=60, device=card)


def put_back(vm, port, bdf):
    vm.qmp.device_add(**port.device(**port.where))
    vm.guest.check(f"n=0; until [ -e /sys/bus/pci/devices/{bdf}/driver ]; do "
                   "n=$((n + 1)); [ $n -lt 300 ] || exit 1; usleep 100000; done")


def test_iommufd(case):
    pull_and_put_back(case, "iommufd")


def test_type1(case):
    pull_and_put_back(case, "type1")
