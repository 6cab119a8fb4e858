// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "virtio_net_priv.h"

/* The control queue (5.1.6.5): one command, answered or given up. */

#define CLASS_RX	    0 /* 5.1.6.5.1 */
#define CMD_RX_PROMISC	    0
#define CLASS_MAC	    1 /* 5.1.6.5.2 */
#define CMD_MAC_ADDR_SET    1
#define CLASS_MQ	    4 /* 5.1.6.5.5 */
#define CMD_MQ_VQ_PAIRS_SET 0

#define ACK_OK		    0

/* How long the device may take to answer. */
#define ANSWER_MS 3000

struct command {
	uint8_t class;
	uint8_t cmd;
	uint8_t data[6];
	uint8_t ack;
};

_Static_assert(offsetof(struct command, data) == 2, "virtio 1.2, 5.1.6.5");

#define RING_SIZE 4

int ctrl_start(struct virtio_net *net)
{
	struct ctrlq *c = &net->ctrl;
	size_t ring = uvdk_virtq_bytes(RING_SIZE);
	/* Behind all data queues (5.1.2). */
	unsigned int index = 2 * net->max_pairs;
	const struct uvdk_dma_opts opts = {.size = sizeof(opts), .numa_node = UVDK_DMA_ANY_NODE};
	int max;
	int ret;

	if (!(net->vio.features & F_CTRL_VQ))
		return 0;
	max = uvdk_virtio_queue_size(&net->vio, index);
	if (max < 0)
		return max;
	if (max < RING_SIZE)
		return uvdk_fail(-EPROTO, COMPONENT,
				 "%s: the control queue has %d entries, a command needs 3",
				 net->name, max);

	ret = uvdk_dma_alloc(net->nd->ioas, ring + sizeof(struct command), &opts, &c->ring);
	if (ret)
		return ret;
	ret = uvdk_virtq_init(&c->vq, index, RING_SIZE, c->ring.va, c->ring.iova);
	if (!ret)
		ret = uvdk_virtio_queue_enable(&net->vio, &c->vq);
	if (ret) {
		ctrl_stop(net);
		return ret;
	}
	c->cmd = (char *)c->ring.va + ring;
	c->cmd_iova = c->ring.iova + ring;
	c->ready = true;

	return 0;
}

/* The device has been reset, or never saw the queue. */
void ctrl_stop(struct virtio_net *net)
{
	uvdk_virtq_fini(&net->ctrl.vq);
	uvdk_dma_free(&net->ctrl.ring);
	memset(&net->ctrl, 0, sizeof(net->ctrl));
}

int ctrl_trouble(const struct virtio_net *net, char *why, size_t len)
{
	const struct ctrlq *c = &net->ctrl;
	char who[96];

	if (uvdk_virtq_broken(&c->vq)) {
		snprintf(who, sizeof(who), "%s: the control queue is broken", net->name);
		uvdk_virtq_why(&c->vq, who, why, len);
		return -EPROTO;
	}
	if (c->unanswered) {
		snprintf(why, len, "%s: the control queue does not answer (%s)", net->name,
			 c->unanswered);
		return -ETIMEDOUT;
	}

	return 0;
}

/* No command before a reset. */
static int refuse_trouble(const struct virtio_net *net, const char *what)
{
	char why[256];
	int ret = ctrl_trouble(net, why, sizeof(why));

	return ret ? uvdk_fail(ret, COMPONENT, "%s: %s; reset the port", what, why) : 0;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int wait_for_answer(struct virtio_net *net, const char *what)
{
	uint64_t deadline = now_ms() + ANSWER_MS;
	struct uvdk_virtq *vq = &net->ctrl.vq;
	uint32_t len;

	while (!uvdk_virtq_take(vq, &len)) {
		if (uvdk_virtq_broken(vq))
			return refuse_trouble(net, what);
		if (uvdk_device_check(net->nd->dev))
			return uvdk_fail(-ENODEV, COMPONENT, "%s: vanished during %s", net->name,
					 what);
		if (now_ms() > deadline) {
			/* Its buffer is still out: only a reset gets it back. */
			net->ctrl.unanswered = what;
			return uvdk_fail(-ETIMEDOUT, COMPONENT,
					 "%s: %s: no answer on the control queue in %u ms; "
					 "reset the port",
					 net->name, what, ANSWER_MS);
		}
		nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
	}

	return 0;
}

static int command(struct virtio_net *net, const char *what, uint8_t class, uint8_t cmd,
		   const void *data, uint32_t len)
{
	struct ctrlq *c = &net->ctrl;
	volatile struct command *command = c->cmd;
	const uvdk_iova_t iova = c->cmd_iova;
	/* Data in a descriptor of its own: some devices insist on it. */
	const struct uvdk_virtq_seg segs[] = {
		{iova, offsetof(struct command, data)},
		{iova + offsetof(struct command, data), len},
		{iova + offsetof(struct command, ack), sizeof(command->ack)},
	};
	int ret = refuse_trouble(net, what);

	if (ret)
		return ret;
	if (!c->ready)
		return uvdk_fail(-EOPNOTSUPP, COMPONENT, "%s: %s: no control queue", net->name,
				 what);
	command->class = class;
	command->cmd = cmd;
	for (uint32_t i = 0; i < len; i++)
		command->data[i] = ((const uint8_t *)data)[i];
	command->ack = 0xff;

	ret = uvdk_virtq_add(&c->vq, segs, 2, 1, c);
	if (ret)
		return uvdk_fail(ret, COMPONENT, "%s: %s: the control queue does not take it",
				 net->name, what);
	uvdk_virtq_kick(&c->vq);
	ret = wait_for_answer(net, what);
	if (ret)
		return ret;
	if (command->ack != ACK_OK)
		return uvdk_fail(-EIO, COMPONENT, "%s: the device refuses %s (answer %u)",
				 net->name, what, command->ack);

	return 0;
}

static int require(struct virtio_net *net, uint64_t feature, const char *what)
{
	if (net->usable & feature)
		return 0;
	return uvdk_fail(-EOPNOTSUPP, COMPONENT, "%s: %s: the device has no command for it",
			 net->name, what);
}

int ctrl_set_pairs(struct virtio_net *net, unsigned int pairs)
{
	const struct uvdk_le16 value = uvdk_to_le16((uint16_t)pairs);
	int ret = require(net, F_MQ, "set queue pairs");

	return ret ? ret
		   : command(net, "set queue pairs", CLASS_MQ, CMD_MQ_VQ_PAIRS_SET, &value,
			     sizeof(value));
}

int ctrl_set_promisc(struct virtio_net *net, bool on)
{
	const uint8_t value = on;
	int ret = require(net, F_CTRL_RX, "set promiscuous");

	return ret ? ret : command(net, "set promiscuous", CLASS_RX, CMD_RX_PROMISC, &value, 1);
}

int ctrl_set_mac(struct virtio_net *net, const uint8_t mac[6])
{
	int ret = require(net, F_CTRL_MAC_ADDR, "set MAC");

	return ret ? ret : command(net, "set MAC", CLASS_MAC, CMD_MAC_ADDR_SET, mac, 6);
}
