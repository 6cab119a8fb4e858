// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "vnet_priv.h"

#define CMD_MAX 1024 /* header and data of the longest command taken */

static const struct command {
	uint8_t class;
	uint8_t cmd;
	uint64_t feature;
	unsigned int min; /* bytes of data */
} commands[] = {
	{VNET_CTRL_RX, VNET_CTRL_RX_PROMISC, VNET_F_CTRL_RX, 1},
	{VNET_CTRL_RX, VNET_CTRL_RX_ALLMULTI, VNET_F_CTRL_RX, 1},
	{VNET_CTRL_MAC, VNET_CTRL_MAC_TABLE, VNET_F_CTRL_RX, 8},
	{VNET_CTRL_MAC, VNET_CTRL_MAC_ADDR, VNET_F_CTRL_MAC_ADDR, 6},
	{VNET_CTRL_MQ, VNET_CTRL_MQ_PAIRS, VNET_F_MQ, 2},
};

static const struct command *find_command(uint8_t class, uint8_t cmd)
{
	for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].class == class && commands[i].cmd == cmd)
			return &commands[i];

	return NULL;
}

/* One of the two lists (5.1.6.5.2): a count, then addresses. Bytes used, or 0. */
static size_t take_macs(struct vnet *m, const uint8_t *data, size_t len)
{
	struct uvdk_le32 le;
	uint32_t count;

	if (len < 4)
		return 0;
	memcpy(&le, data, 4);
	count = uvdk_get32(le);
	if (count > (len - 4) / 6 || count > VNET_MACS - m->macs)
		return 0;
	memcpy(m->mac_table[m->macs], data + 4, 6ul * count);
	m->macs += count;

	return 4 + 6ul * count;
}

static uint8_t set_mac_table(struct vnet *m, const uint8_t *data, size_t len)
{
	size_t used;

	m->macs = 0;
	used = take_macs(m, data, len);
	if (used && take_macs(m, data + used, len - used))
		return VNET_CTRL_OK;
	m->macs = 0;

	return VNET_CTRL_ERR;
}

/* Section 5.1.6.5.5 */
static uint8_t set_pairs(struct vnet *m, unsigned int pairs)
{
	if (pairs < 1 || pairs > m->conf.pairs)
		return VNET_CTRL_ERR;
	for (unsigned int i = 0; i < 2 * pairs; i++) {
		if (!m->v.queue[i].enabled) {
			uvdk_emu_virtio_violate(
				&m->v, "%u pairs asked for, queue %u is not enabled (5.1.6.5.5)",
				pairs, i);
			return VNET_CTRL_ERR;
		}
	}
	m->pairs = pairs;

	return VNET_CTRL_OK;
}

static uint8_t set_flag(bool *flag, uint8_t value)
{
	if (value > 1)
		return VNET_CTRL_ERR;
	*flag = value;

	return VNET_CTRL_OK;
}

static uint8_t obey(struct vnet *m, const struct command *c, const uint8_t *data, size_t len)
{
	if (c->class == VNET_CTRL_RX)
		return set_flag(c->cmd == VNET_CTRL_RX_PROMISC ? &m->promisc : &m->allmulti,
				data[0]);
	if (c->class == VNET_CTRL_MQ)
		return set_pairs(m, (unsigned int)(data[0] | data[1] << 8));
	if (c->cmd == VNET_CTRL_MAC_TABLE)
		return set_mac_table(m, data, len);
	if (data[0] & 1)
		return VNET_CTRL_ERR;
	memcpy(m->mac, data, 6);
	uvdk_emu_virtio_config_changed(&m->v);

	return VNET_CTRL_OK;
}

static uint8_t execute(struct vnet *m, const uint8_t *buf, size_t len)
{
	const struct command *c = find_command(buf[0], buf[1]);

	if (!c)
		return VNET_CTRL_ERR;
	if (!vnet_has(m, c->feature)) {
		uvdk_emu_virtio_violate(&m->v, "control command %u.%u, not negotiated (5.1.6.5)",
					buf[0], buf[1]);
		return VNET_CTRL_ERR;
	}
	if (len - 2 < c->min) {
		uvdk_emu_virtio_violate(&m->v,
					"control command %u.%u with %zu bytes of data (5.1.6.5)",
					buf[0], buf[1], len - 2);
		return VNET_CTRL_ERR;
	}

	return obey(m, c, buf + 2, len - 2);
}

static int serve_one(struct vnet *m, struct uvdk_emu_virtio_queue *q)
{
	struct uvdk_emu_virtq_chain *chain = &m->first;
	uint8_t buf[CMD_MAX];
	uint8_t ack = VNET_CTRL_ERR;
	int ret = uvdk_emu_virtq_pop(&q->vq, chain);

	if (ret <= 0)
		return ret;
	if (chain->read_len < 2 || chain->write_len < 1)
		return uvdk_emu_virtq_break(&q->vq,
					    "control command without its header or room for the "
					    "answer (5.1.6.5)");
	if (chain->read_len <= sizeof(buf)) {
		ret = uvdk_emu_virtq_read(&q->vq, chain, 0, buf, (size_t)chain->read_len);
		if (ret)
			return ret;
		ack = execute(m, buf, (size_t)chain->read_len);
	}
	ret = uvdk_emu_virtq_write(&q->vq, chain, &ack, 1);
	if (ret)
		return ret;
	uvdk_emu_virtq_push(&q->vq, chain, 1);

	return 1;
}

bool vnet_ctrl(struct vnet *m)
{
	struct uvdk_emu_virtio_queue *q = &m->v.queue[vnet_ctrl_index(m)];
	unsigned int done = 0;
	int ret = 1;

	if (!vnet_has(m, VNET_F_CTRL_VQ) || !uvdk_emu_virtio_looking(&m->v, q))
		return false;

	while (done < VNET_BURST && ret > 0) {
		ret = serve_one(m, q);
		done += ret > 0;
	}
	if (ret < 0) {
		uvdk_emu_virtio_broken(&m->v, q);
		return true;
	}
	uvdk_emu_virtio_flush(&m->v, q, false);
	if (ret == 0 && m->v.live && uvdk_emu_virtio_rest(&m->v, q))
		done++;

	return done > 0;
}
