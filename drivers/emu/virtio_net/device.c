// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vnet_priv.h"

/* Section 5.1.2: without MQ there is one pair, whatever the device could do. */
unsigned int vnet_pairs_possible(const struct vnet *m)
{
	return vnet_has(m, VNET_F_MQ) ? m->conf.pairs : 1;
}

unsigned int vnet_ctrl_index(const struct vnet *m)
{
	return 2 * vnet_pairs_possible(m);
}

unsigned int vnet_queues(const struct uvdk_emu_virtio *v)
{
	const struct vnet *m = (const struct vnet *)v;

	return 2 * vnet_pairs_possible(m) + vnet_has(m, VNET_F_CTRL_VQ);
}

/* Section 5.1.3.1: what a feature needs beside itself. */
static const struct {
	uint64_t feature;
	uint64_t needs;
	const char *text;
} dependencies[] = {
	{VNET_F_CTRL_RX, VNET_F_CTRL_VQ, "CTRL_RX without CTRL_VQ"},
	{VNET_F_CTRL_MAC_ADDR, VNET_F_CTRL_VQ, "CTRL_MAC_ADDR without CTRL_VQ"},
	{VNET_F_MQ, VNET_F_CTRL_VQ, "MQ without CTRL_VQ"},
};

const char *vnet_features_wrong(const struct uvdk_emu_virtio *v)
{
	for (unsigned int i = 0; i < sizeof(dependencies) / sizeof(dependencies[0]); i++)
		if (uvdk_emu_virtio_has(v, dependencies[i].feature) &&
		    !uvdk_emu_virtio_has(v, dependencies[i].needs))
			return dependencies[i].text;

	return NULL;
}

void vnet_reset(struct uvdk_emu_virtio *v)
{
	struct vnet *m = (struct vnet *)v;

	m->pairs = 1;
	memcpy(m->mac, m->conf.mac, sizeof(m->mac));
	m->promisc = m->allmulti = false;
	m->macs = 0;
	m->source.started_ns = 0;
}

void vnet_set_carrier(struct vnet *m)
{
	bool carrier = m->cable && vnet_link_carrier(m);

	if (carrier == m->carrier)
		return;
	m->carrier = carrier;
	uvdk_emu_virtio_config_changed(&m->v);
}
