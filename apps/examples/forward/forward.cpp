// SPDX-License-Identifier: BSD-3-Clause
/*
 * The same as forward.c in C++: each thing that has to be given back is held
 * by a unique_ptr, so that leaving a scope is the whole clean-up. Here the
 * machine is made by hand, to ask its sinks what arrived.
 */
#include <array>
#include <chrono>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include <uvdk_device.h>
#include <uvdk_eal.h>
#include <uvdk_emu.h>
#include <uvdk_emu_virtio_net.h>
#include <uvdk_iommu.h>
#include <uvdk_netdev.h>

namespace
{

template <typename T, void (*Free)(T *)> struct Freer {
	void operator()(T *p) const
	{
		Free(p);
	}
};
template <typename T, void (*Free)(T *)> using Owner = std::unique_ptr<T, Freer<T, Free>>;

using Machine = Owner<uvdk_emu, uvdk_emu_destroy>;
using Iommu = Owner<uvdk_iommu, uvdk_iommu_close>;
using Ioas = Owner<uvdk_ioas, uvdk_ioas_destroy>;
using Device = Owner<uvdk_device, uvdk_device_close>;
using EalMap = Owner<uvdk_eal_map, uvdk_eal_map_destroy>;
using Netdev = Owner<uvdk_netdev, uvdk_netdev_close>;
using Pool = Owner<rte_mempool, rte_mempool_free>;

void check(int ret, const std::string &what)
{
	if (ret)
		throw std::runtime_error(what + ": " + uvdk_last_error());
}

/* Call a constructor of the "write *out on success" kind. */
template <typename Box, typename Make> Box make(const std::string &what, Make &&call)
{
	typename Box::pointer out = nullptr;

	check(call(&out), what);

	return Box(out);
}

struct Port {
	std::string name;
	Netdev nd;

	Port(uvdk_device *dev, uvdk_ioas *ioas, rte_mempool *pool)
	    : name(uvdk_device_get_info(dev)->name),
	      nd(make<Netdev>(name, [=](auto out) { return uvdk_netdev_open(dev, ioas, out); }))
	{
		uvdk_netdev_conf conf{};

		conf.size = sizeof(conf);
		conf.rx_queues = conf.tx_queues = 1;
		check(uvdk_netdev_configure(nd.get(), &conf), name);
		check(uvdk_netdev_rx_queue_setup(nd.get(), 0, 0, pool), name);
		check(uvdk_netdev_tx_queue_setup(nd.get(), 0, 0), name);
		check(uvdk_netdev_start(nd.get()), name);
	}
};

struct Count {
	unsigned long received = 0;
	unsigned long forwarded = 0;
	unsigned long dropped = 0;
};

unsigned int forward_burst(Port &from, Port &to, Count &count)
{
	std::array<rte_mbuf *, 32> pkts;
	const uint16_t got = uvdk_netdev_rx_burst(from.nd.get(), 0, pkts.data(), pkts.size());
	const uint16_t sent = uvdk_netdev_tx_burst(to.nd.get(), 0, pkts.data(), got);

	for (unsigned int i = sent; i < got; i++)
		rte_pktmbuf_free(pkts[i]);
	count.received += got;
	count.forwarded += sent;
	count.dropped += static_cast<unsigned long>(got - sent);

	return got;
}

Count forward(Port &a, Port &b)
{
	using clock = std::chrono::steady_clock;
	Count count;

	for (auto last = clock::now(); clock::now() - last < std::chrono::seconds(1);)
		if (forward_burst(a, b, count) + forward_burst(b, a, count))
			last = clock::now();

	return count;
}

/* Frames that a sink found whole, in order and new. */
unsigned long verified(uvdk_emu *emu, const Port &port)
{
	uvdk_emu_virtio_net_stats stats{};

	check(uvdk_emu_virtio_net_get_stats(emu, port.name.c_str(), &stats), port.name);

	return stats.verified;
}

bool run()
{
	Pool pool(rte_pktmbuf_pool_create("forward", 4096, 64, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					  SOCKET_ID_ANY));
	if (!pool)
		throw std::runtime_error("no mbuf pool");

	auto emu = make<Machine>("machine", [](auto out) { return uvdk_emu_create(nullptr, out); });
	uvdk_iommu_opts opts{};
	opts.size = sizeof(opts);
	opts.emu = emu.get();
	auto iommu =
		make<Iommu>("iommu", [&](auto out) { return uvdk_iommu_open("emu", &opts, out); });
	auto ioas = make<Ioas>("address space", [&](auto out) {
		return uvdk_ioas_create(iommu.get(), nullptr, out);
	});

	std::vector<Device> devices;
	for (int i = 0; i < 2; i++) {
		devices.push_back(make<Device>("device", [&](auto out) {
			return uvdk_device_open(iommu.get(), "emu:virtio-net,source=10000,len=imix",
						nullptr, out);
		}));
		check(uvdk_ioas_attach(ioas.get(), devices.back().get()), "attach");
	}
	auto map = make<EalMap>("EAL memory",
				[&](auto out) { return uvdk_eal_map_create(ioas.get(), out); });

	Port a(devices[0].get(), ioas.get(), pool.get());
	Port b(devices[1].get(), ioas.get(), pool.get());
	const Count count = forward(a, b);
	const unsigned long good = verified(emu.get(), a) + verified(emu.get(), b);

	std::cout << "received " << count.received << " = forwarded " << count.forwarded
		  << " + dropped " << count.dropped << "; sinks verified " << good << "\n";

	return count.received && count.received == count.forwarded + count.dropped &&
	       good == count.forwarded;
}

} // namespace

int main()
{
	std::vector<std::string> words{"forward",  "--no-huge", "--no-shconf", "--no-telemetry",
				       "--no-pci", "-m",	"64"};
	std::vector<char *> argv;
	bool good = false;

	for (auto &word : words)
		argv.push_back(word.data());
	if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
		std::cerr << "forward: EAL does not start\n";
		return 1;
	}
	try {
		good = run();
	} catch (const std::exception &e) {
		std::cerr << "forward: " << e.what() << "\n";
	}
	rte_eal_cleanup();

	return good ? 0 : 1;
}
