// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "vio_priv.h"

bool vio_resv_overlaps(const struct vio *m, uint64_t first, uint64_t last)
{
	for (unsigned int i = 0; i < m->conf.nr_resv; i++)
		if (m->conf.resv[i].first <= last && first <= m->conf.resv[i].last)
			return true;

	return false;
}

/* A property after those that are there; false: no room. */
static bool put(struct vio *m, size_t *at, const void *property, size_t len)
{
	if (len > m->config.probe_size - *at)
		return false;
	memcpy(m->reply + *at, property, len);
	*at += len;

	return true;
}

static bool put_resv(struct vio *m, size_t *at, const struct vio_resv *resv, uint16_t type)
{
	const struct vio_resv_mem mem = {
		.type = uvdk_to_le16(type),
		.length = uvdk_to_le16(sizeof(mem) - VIO_PROPERTY_HEAD),
		.subtype = resv->subtype,
		.start = uvdk_to_le64(resv->first),
		.end = uvdk_to_le64(resv->last),
	};

	return put(m, at, &mem, sizeof(mem));
}

/* Which a driver has to skip: of another type and length, or with a reserved bit. */
static bool put_strange(struct vio *m, size_t *at)
{
	static const struct vio_resv everything = {0, UINT64_MAX, VIO_RESV_RESERVED};
	const struct uvdk_le16 strange[5] = {
		{uvdk_to_le16(0x7ff).raw}, {uvdk_to_le16(6).raw}, {0xffff}, {0xffff}, {0xffff}};
	bool fits = true;

	if (uvdk_emu_virtio_evil(&m->v, VIO_EVIL_PROBE_UNKNOWN))
		fits = put(m, at, strange, sizeof(strange));
	if (fits && uvdk_emu_virtio_evil(&m->v, VIO_EVIL_PROBE_RESERVED))
		fits = put_resv(m, at, &everything, 0x2000 | VIO_PROBE_T_RESV_MEM);

	return fits;
}

static void spoil(struct vio *m)
{
	if (uvdk_emu_virtio_evil(&m->v, VIO_EVIL_PROBE_RANDOM)) {
		for (unsigned int i = 0; i < m->config.probe_size; i++) {
			vio_chance(&m->random, 2);
			m->reply[i] = (uint8_t)(m->random >> 24);
		}
	}
	if (uvdk_emu_virtio_evil(&m->v, VIO_EVIL_PROBE_LENGTH) &&
	    m->config.probe_size >= VIO_PROPERTY_HEAD) {
		m->reply[0] = VIO_PROBE_T_RESV_MEM;
		m->reply[1] = 0;
		m->reply[2] = m->reply[3] = 0xff;
	}
}

/* Section 5.13.6.7: the list, and zeroes up to probe_size. */
uint8_t vio_probe_reply(struct vio *m, const struct vio_request *r)
{
	struct vio_probe probe;
	bool fits;
	size_t at = 0;

	memset(m->reply, 0, m->config.probe_size);
	memcpy(&probe, r->in, sizeof(probe));
	if (!uvdk_emu_translator_has(m->v.fn, uvdk_get32(probe.endpoint)))
		return VIO_S_NOENT;

	fits = put_strange(m, &at);
	for (unsigned int i = 0; i < m->conf.nr_resv && fits; i++)
		fits = put_resv(m, &at, &m->conf.resv[i], VIO_PROBE_T_RESV_MEM) &&
		       put_strange(m, &at);
	if (!fits) {
		memset(m->reply, 0, m->config.probe_size);
		return VIO_S_INVAL;
	}
	spoil(m);

	return VIO_S_OK;
}
