// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include <uvdk_dmadev_walk_driver.h>

#include "tel_priv.h"

/* A channel takes 500 bytes of an answer at most, of which ports may have most. */
#define CHANNELS_BESIDE_PORTS 8u
#define CHANNELS	      24u

#define USAGE		      "/uvdk/queues or /uvdk/queues,dma or ...,dma,AFTER"

static uvdk_eal_telemetry_fn ports; /* atomic; NULL: none yet */

UVDK_EXPORT void uvdk_tel_set_ports(uvdk_eal_telemetry_fn fn)
{
	__atomic_store_n(&ports, fn, __ATOMIC_RELEASE);
}

static void put_chan(struct rte_tel_data *d, const struct uvdk_seen_dmadev_chan *chan)
{
	const struct uvdk_dmadev_stats *stats = &chan->seen.stats;

	uvdk_tel_string(d, "device", chan->name);
	uvdk_tel_string(d, "driver", chan->driver);
	uvdk_tel_number(d, "engine", chan->dma);
	uvdk_tel_number(d, "channel", chan->index);
	uvdk_tel_number(d, "pasid", chan->seen.pasid);
	uvdk_tel_number(d, "ring", chan->seen.ring);
	uvdk_tel_number(d, "free", chan->seen.free);
	uvdk_tel_number(d, "enqueued", stats->enqueued);
	uvdk_tel_number(d, "submitted", stats->submitted);
	uvdk_tel_number(d, "completed", stats->completed);
	uvdk_tel_number(d, "failed", stats->failed);
	uvdk_tel_number(d, "resumed", stats->resumed);
	uvdk_tel_number(d, "doorbells", stats->doorbells);
	uvdk_tel_number(d, "bytes", stats->bytes);
}

static void put_chans(struct rte_tel_data *out, uint64_t after, unsigned int max)
{
	struct uvdk_seen_dmadev_chan chan;
	struct rte_tel_data *chans = NULL;
	unsigned int count = 0;

	for (; !uvdk_dmadev_see_chan(after, &chan); after = chan.id) {
		struct rte_tel_data *d;

		if (count++ == max) {
			uvdk_tel_number(out, "next", after);
			return;
		}
		if (!chans)
			chans = uvdk_tel_dict(out, "dma");
		d = chans ? uvdk_tel_dict_of(chans, chan.id) : NULL;
		if (d)
			put_chan(d, &chan);
	}
}

static int put_dma(const char *params, struct rte_tel_data *out)
{
	uint64_t after = 0;
	int ret = uvdk_tel_params(params, USAGE, 0, 1, &after);

	if (ret < 0)
		return ret;
	rte_tel_data_start_dict(out);
	put_chans(out, after, CHANNELS);

	return 0;
}

static int no_ports(const char *params, struct rte_tel_data *out)
{
	const char *rest = uvdk_tel_word(params, "ports");
	uint64_t after;
	int ret = rest ? uvdk_tel_params(rest, USAGE, 0, 1, &after) : 0;

	if (ret < 0)
		return ret;
	if (!rest && params && *params)
		return uvdk_fail(-ENOENT, COMPONENT, "there are no ports; ask for " USAGE);
	rte_tel_data_start_dict(out);

	return 0;
}

int tel_queues(void *priv, const char *params, struct rte_tel_data *out)
{
	uvdk_eal_telemetry_fn fn = __atomic_load_n(&ports, __ATOMIC_ACQUIRE);
	const char *rest = uvdk_tel_word(params, "dma");
	int ret;

	if (rest)
		return put_dma(rest, out);
	ret = fn ? fn(priv, params, out) : no_ports(params, out);
	if (!ret && (!params || !*params))
		put_chans(out, 0, CHANNELS_BESIDE_PORTS);

	return ret;
}
