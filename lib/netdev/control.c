// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "netdev_priv.h"

/* What is asked of a port besides its life: addresses, link, counters. */

UVDK_EXPORT int uvdk_netdev_mac(const struct uvdk_netdev *nd, uint8_t mac[6])
{
	int ret = netdev_check_alive(nd);

	return ret ? ret : nd->ops->mac(nd, mac);
}

UVDK_EXPORT int uvdk_netdev_set_mac(struct uvdk_netdev *nd, const uint8_t mac[6])
{
	int ret = netdev_check_alive(nd);

	if (ret)
		return ret;
	if ((mac[0] & 1) || !(mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]))
		return uvdk_fail(-EINVAL, COMPONENT,
				 "%s: %02x:%02x:%02x:%02x:%02x:%02x is no unicast address",
				 uvdk_device_get_info(nd->dev)->name, mac[0], mac[1], mac[2],
				 mac[3], mac[4], mac[5]);

	return nd->ops->set_mac(nd, mac);
}

UVDK_EXPORT int uvdk_netdev_set_promisc(struct uvdk_netdev *nd, bool on)
{
	int ret = netdev_check_alive(nd);

	if (ret)
		return ret;
	if (!nd->started)
		return uvdk_fail(-EINVAL, COMPONENT, "%s: set promiscuous: start the port first",
				 uvdk_device_get_info(nd->dev)->name);

	return nd->ops->set_promisc(nd, on);
}

UVDK_EXPORT bool uvdk_netdev_promisc(const struct uvdk_netdev *nd)
{
	return nd->ops->promisc(nd);
}

UVDK_EXPORT unsigned int uvdk_netdev_mtu(const struct uvdk_netdev *nd)
{
	return nd->ops->mtu(nd);
}

UVDK_EXPORT int uvdk_netdev_get_link(struct uvdk_netdev *nd, struct uvdk_netdev_link *out)
{
	int ret = netdev_check_alive(nd);

	return ret ? ret : nd->ops->link(nd, out);
}

UVDK_EXPORT void uvdk_netdev_get_stats(struct uvdk_netdev *nd, struct uvdk_netdev_stats *out)
{
	nd->ops->stats(nd, out);
}

UVDK_EXPORT unsigned int uvdk_netdev_xstats(struct uvdk_netdev *nd, struct uvdk_netdev_xstat *out,
					    unsigned int max)
{
	return nd->ops->xstats(nd, out, out ? max : 0);
}

UVDK_EXPORT void uvdk_netdev_clear_stats(struct uvdk_netdev *nd)
{
	nd->ops->clear_stats(nd);
}

UVDK_EXPORT bool uvdk_netdev_broken(const struct uvdk_netdev *nd, const char **why)
{
	return nd->ops->broken(nd, why);
}
