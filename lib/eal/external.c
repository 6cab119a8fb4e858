// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include "eal_priv.h"

/*
 * Memory of others that DPDK is told of. EAL sends no event for what is
 * registered only, and none at all where its own memory is static: so these
 * calls tell the maps themselves.
 */

struct piece {
	const char *va;
	size_t len;
	bool always; /* also those that EAL tells */
	int ret;
};

static bool reaches(const struct uvdk_eal_map *map, const struct piece *piece)
{
	const struct uvdk_xlate *xlate = uvdk_ioas_xlate(map->ioas);

	for (size_t at = 0; at < piece->len; at += 4096)
		if (uvdk_translate(xlate, piece->va + at) == UVDK_IOVA_NONE)
			return false;

	return true;
}

/* A sync tries all that was missed, too: of that, only the piece matters here. */
static void learn(struct uvdk_eal_map *map, void *arg)
{
	struct piece *piece = arg;
	int ret = map->external ? eal_map_sync(map) : 0;

	if (ret && !piece->ret && !reaches(map, piece))
		piece->ret = ret;
}

static void forget(struct uvdk_eal_map *map, void *arg)
{
	const struct piece *piece = arg;

	if (map->external && (piece->always || !map->listens))
		eal_map_forget(map, piece->va, piece->len);
}

static int learn_all(const void *va, size_t len)
{
	struct piece piece = {.va = va, .len = len};

	eal_maps_visit(learn, &piece);

	return piece.ret;
}

/*
 * Before DPDK lets go of memory, so that no device has it then; and afterwards
 * once more: a walk of another thread's in between still meets it, and maps it
 * again. A later one does not.
 */
static void forget_all(const void *va, size_t len, bool always)
{
	struct piece piece = {.va = va, .len = len, .always = always};

	eal_maps_visit(forget, &piece);
}

static int refused(const char *what, const void *va, size_t len)
{
	return uvdk_fail(-rte_errno, COMPONENT, "%zu bytes at %p: DPDK refuses to %s them: %s", len,
			 va, what, rte_strerror(rte_errno));
}

UVDK_EXPORT int uvdk_eal_extmem_register(void *va, size_t len, size_t page_size)
{
	int ret;

	if (rte_extmem_register(va, len, NULL, 0, page_size))
		return refused("register", va, len);
	ret = learn_all(va, len);
	if (!ret)
		return 0;
	forget_all(va, len, true);
	rte_extmem_unregister(va, len);
	forget_all(va, len, true);

	return ret;
}

UVDK_EXPORT int uvdk_eal_extmem_unregister(void *va, size_t len)
{
	int err;

	forget_all(va, len, true);
	if (!rte_extmem_unregister(va, len)) {
		forget_all(va, len, true);
		return 0;
	}
	err = refused("unregister", va, len);
	learn_all(va, len);

	return err;
}

UVDK_EXPORT int uvdk_eal_heap_add(const char *heap, void *va, size_t len, size_t page_size)
{
	int ret;

	if (rte_malloc_heap_memory_add(heap, va, len, NULL, 0, page_size))
		return refused("add", va, len);
	ret = learn_all(va, len);
	if (!ret)
		return 0;
	forget_all(va, len, true);
	rte_malloc_heap_memory_remove(heap, va, len);
	forget_all(va, len, true);

	return ret;
}

UVDK_EXPORT int uvdk_eal_heap_remove(const char *heap, void *va, size_t len)
{
	int err;

	/* Where EAL tells, it does so at the right moment. */
	forget_all(va, len, false);
	if (!rte_malloc_heap_memory_remove(heap, va, len)) {
		forget_all(va, len, false);
		return 0;
	}
	err = refused("remove", va, len);
	learn_all(va, len);

	return err;
}
