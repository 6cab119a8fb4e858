// SPDX-License-Identifier: BSD-3-Clause
#include <rte_cycles.h>

#include "fwd.h"

uint16_t fwd_retry(const struct fwd_stream *s, struct rte_mbuf **pkts, uint16_t sent, uint16_t n)
{
	uint32_t retries = __atomic_load_n(&s->retries, __ATOMIC_RELAXED);
	uint32_t delay_us = __atomic_load_n(&s->retry_delay_us, __ATOMIC_RELAXED);

	while (sent < n && retries--) {
		if (delay_us)
			rte_delay_us_block(delay_us);
		else
			rte_pause();
		sent = (uint16_t)(sent + uvdk_netdev_tx_burst(s->tx, s->tx_queue, &pkts[sent],
							      (uint16_t)(n - sent)));
	}

	return sent;
}
