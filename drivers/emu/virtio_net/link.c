// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>

#include "vnet_priv.h"

int vnet_link_join(struct vnet *m)
{
	char key[64];

	if (!m->conf.link[0])
		return 0;
	snprintf(key, sizeof(key), "virtio-net.link:%s", m->conf.link);
	m->link = uvdk_emu_shared(uvdk_emu_fn_emu(m->v.fn), key, sizeof(*m->link));
	if (!m->link)
		return uvdk_fail(-ENOMEM, VNET_LOG, "no memory for link=%s", m->conf.link);

	for (m->end = 0; m->end < 2; m->end++) {
		struct uvdk_emu_function *nobody = NULL;

		if (atomic_compare_exchange_strong(&m->link->fn[m->end], &nobody, m->v.fn))
			return 0;
	}
	m->link = NULL;

	return uvdk_fail(-EBUSY, VNET_LOG, "link=%s has two ports already", m->conf.link);
}

static bool owns_end(const struct vnet *m)
{
	return m->link && atomic_load(&m->link->fn[m->end]) == m->v.fn;
}

void vnet_link_leave(struct vnet *m)
{
	if (!owns_end(m))
		return;
	vnet_link_running(m, false);
	atomic_store(&m->link->fn[m->end], NULL);
}

/* An end that starts finds nothing of what was sent to it before. */
void vnet_link_running(struct vnet *m, bool running)
{
	if (!owns_end(m) || atomic_load(&m->link->running[m->end]) == running)
		return;
	if (running)
		for (unsigned int i = 0; i < VNET_MAX_PAIRS; i++)
			vnet_pipe_drain(&m->link->to[m->end][i]);
	atomic_store(&m->link->running[m->end], running);
}

/* Without a link there is a source or a sink at the other end, always. */
bool vnet_link_carrier(const struct vnet *m)
{
	return !m->link || atomic_load(&m->link->fn[!m->end]);
}

/* In step: a peer that was pulled out takes the carrier with it. */
void vnet_link_look(struct vnet *m)
{
	struct uvdk_emu_function *peer = m->link ? atomic_load(&m->link->fn[!m->end]) : NULL;

	if (!peer || !uvdk_emu_fn_gone(peer))
		return;
	atomic_store(&m->link->running[!m->end], 0);
	atomic_store(&m->link->fn[!m->end], NULL);
}
