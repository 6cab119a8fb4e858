// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "emu_virtio_priv.h"

/* Devices of one machine by name, for those who look at them and meddle from outside. */

#define TABLE_KEY "virtio.devices"
#define DEVICES	  32 /* slots of the bus */

/* All zero is an unlocked mutex here. */
struct table {
	pthread_mutex_t lock;
	struct uvdk_emu_virtio *device[DEVICES];
};

static struct table *table_of(struct uvdk_emu *emu)
{
	return uvdk_emu_shared(emu, TABLE_KEY, sizeof(struct table));
}

UVDK_EXPORT int uvdk_emu_virtio_add(struct uvdk_emu_virtio *v)
{
	struct table *table = table_of(uvdk_emu_fn_emu(v->fn));
	int ret = -ENOSPC;

	if (!table)
		return -ENOMEM;
	pthread_mutex_lock(&table->lock);
	for (unsigned int i = 0; i < DEVICES && ret; i++) {
		if (!table->device[i]) {
			table->device[i] = v;
			ret = 0;
		}
	}
	pthread_mutex_unlock(&table->lock);

	return ret;
}

UVDK_EXPORT void uvdk_emu_virtio_remove(struct uvdk_emu_virtio *v)
{
	struct table *table = table_of(uvdk_emu_fn_emu(v->fn));

	if (!table)
		return;
	pthread_mutex_lock(&table->lock);
	for (unsigned int i = 0; i < DEVICES; i++)
		if (table->device[i] == v)
			table->device[i] = NULL;
	pthread_mutex_unlock(&table->lock);
}

UVDK_EXPORT struct uvdk_emu_virtio *uvdk_emu_virtio_hold(struct uvdk_emu *emu, uint16_t type,
							 const char *name)
{
	struct table *table = table_of(emu);

	if (!table)
		return NULL;
	pthread_mutex_lock(&table->lock);
	for (unsigned int i = 0; i < DEVICES; i++) {
		struct uvdk_emu_virtio *v = table->device[i];

		if (v && v->type == type && !strcmp(uvdk_emu_fn_name(v->fn), name)) {
			uvdk_emu_virtio_lock(v);
			return v;
		}
	}
	pthread_mutex_unlock(&table->lock);

	return NULL;
}

UVDK_EXPORT void uvdk_emu_virtio_release(struct uvdk_emu_virtio *v)
{
	struct table *table = table_of(uvdk_emu_fn_emu(v->fn));

	uvdk_emu_virtio_unlock(v);
	pthread_mutex_unlock(&table->lock);
}

UVDK_EXPORT uint64_t uvdk_emu_virtio_notifications(const struct uvdk_emu_virtio *v)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < v->max_queues; i++)
		sum += __atomic_load_n(&v->queue[i].notifications, __ATOMIC_SEQ_CST);

	return sum;
}

UVDK_EXPORT int uvdk_emu_virtio_violation(const struct uvdk_emu_virtio *v, unsigned int index,
					  char *text, size_t len)
{
	if (index >= UVDK_EMU_VIRTIO_VIOLATIONS || index >= v->violations)
		return -ENOENT;
	snprintf(text, len, "%s", v->violation[index]);

	return 0;
}
