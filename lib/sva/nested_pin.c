// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "nested.h"

static unsigned int bucket_of(uintptr_t addr)
{
	return (unsigned int)(addr >> NEST_CHUNK_SHIFT) % NEST_BUCKETS;
}

static unsigned int page_of(uintptr_t addr)
{
	return (unsigned int)(addr % NEST_CHUNK / UVDK_PGTABLE_PAGE);
}

static bool same_chunk(uintptr_t a, uintptr_t b)
{
	return a >> NEST_CHUNK_SHIFT == b >> NEST_CHUNK_SHIFT;
}

static bool holds(const struct nest_pin *pin, uintptr_t addr)
{
	return addr - pin->first < pin->len;
}

/* Some binding has the page, so that it is still what the process has there. */
static bool live(const struct nest_pin *pin, uintptr_t addr)
{
	const struct nest_use *use;
	unsigned int page = page_of(addr);

	if (holds(pin, addr))
		LIST_FOREACH(use, &pin->uses, of_pin)
	if (use->pages[page / 64] >> page % 64 & 1)
		return true;

	return false;
}

static struct nest_pin *find(const struct nest_space *space, uintptr_t addr, bool writable)
{
	struct nest_pin *pin;

	LIST_FOREACH(pin, &space->pins[bucket_of(addr)], entry)
	if (same_chunk(pin->first, addr) && (pin->writable || !writable) && live(pin, addr))
		break;

	return pin;
}

/* How far it is the same as at @first: in @pin, or with NULL in none. */
static uintptr_t run(const struct nest_space *space, const struct nest_pin *pin, uintptr_t first,
		     uintptr_t last, bool writable)
{
	uintptr_t at = first + UVDK_PGTABLE_PAGE;

	while (at < last && (pin ? live(pin, at) : !find(space, at, writable)))
		at += UVDK_PGTABLE_PAGE;

	return at - 1;
}

/* It may be mapped twice: at another permission, or what was there before is still in use. */
static int make_pin(struct nest_space *space, uintptr_t first, uintptr_t last, bool writable,
		    struct nest_pin **out)
{
	unsigned int flags = UVDK_MAP_ALIAS | (writable ? UVDK_MAP_RW : UVDK_MAP_READ);
	struct nest_pin *pin = calloc(1, sizeof(*pin));
	int err;

	if (!pin)
		return uvdk_fail(-ENOMEM, SVA_COMPONENT, "nested: no memory to keep book");
	pin->first = first;
	pin->len = last - first + 1;
	pin->writable = writable;
	err = uvdk_ioas_map(space->ioas, (void *)first, pin->len, flags, &pin->iova);
	if (err) {
		free(pin);
		return err;
	}
	LIST_INSERT_HEAD(&space->pins[bucket_of(first)], pin, entry);
	*out = pin;

	return 0;
}

static void drop_pin(struct nest_space *space, struct nest_pin *pin)
{
	if (!LIST_EMPTY(&pin->uses))
		return;
	LIST_REMOVE(pin, entry);
	uvdk_ioas_unmap(space->ioas, pin->iova, pin->len);
	free(pin);
}

static struct nest_use *use_of(struct uvdk_sva *sva, struct nested *n, struct nest_pin *pin)
{
	struct nest_use *use;

	LIST_FOREACH(use, &n->uses[bucket_of(pin->first)], of_binding)
	if (use->pin == pin)
		return use;
	use = calloc(1, sizeof(*use));
	if (!use)
		return NULL;
	use->pin = pin;
	LIST_INSERT_HEAD(&pin->uses, use, of_pin);
	LIST_INSERT_HEAD(&n->uses[bucket_of(pin->first)], use, of_binding);
	sva->info.pinned += pin->len;

	return use;
}

static void mark(struct nest_use *use, uintptr_t first, uintptr_t last)
{
	for (unsigned int page = page_of(first); page <= page_of(last); page++)
		use->pages[page / 64] |= UINT64_C(1) << page % 64;
}

static int pin_run(struct uvdk_sva *sva, struct nested *n, uintptr_t first, uintptr_t last,
		   bool writable, uintptr_t *upto, uvdk_iova_t *iova)
{
	struct nest_space *space = n->space;
	struct nest_pin *pin = find(space, first, writable);
	struct nest_use *use;
	int err;

	*upto = run(space, pin, first, last, writable);
	if (!pin) {
		err = make_pin(space, first, *upto, writable, &pin);
		if (err)
			return err;
	}
	use = use_of(sva, n, pin);
	if (!use) {
		drop_pin(space, pin);
		return uvdk_fail(-ENOMEM, SVA_COMPONENT, "nested: no memory to keep book");
	}
	mark(use, first, *upto);
	*iova = pin->iova + (first - pin->first);

	return 0;
}

int nest_pin(struct uvdk_sva *sva, struct nested *n, uintptr_t first, uintptr_t last, bool writable,
	     uintptr_t *upto, uvdk_iova_t *iova)
{
	uintptr_t chunk_last = first | (NEST_CHUNK - 1);
	int err;

	pthread_mutex_lock(&n->space->lock);
	err = pin_run(sva, n, first, last < chunk_last ? last : chunk_last, writable, upto, iova);
	pthread_mutex_unlock(&n->space->lock);

	return err;
}

/* ---- and back ---- */

static void unmark(struct nest_use *use, uintptr_t first, uintptr_t last)
{
	uintptr_t base = use->pin->first & ~(uintptr_t)(NEST_CHUNK - 1);

	if (last < base || first > (base | (NEST_CHUNK - 1)))
		return;
	if (first < base)
		first = base;
	if (last > (base | (NEST_CHUNK - 1)))
		last = base | (NEST_CHUNK - 1);
	for (unsigned int page = page_of(first); page <= page_of(last); page++)
		use->pages[page / 64] &= ~(UINT64_C(1) << page % 64);
}

static bool is_empty(const struct nest_use *use)
{
	uint64_t any = 0;

	for (unsigned int i = 0; i < NEST_PAGES / 64; i++)
		any |= use->pages[i];

	return !any;
}

static void unpin_bucket(struct uvdk_sva *sva, struct nested *n, unsigned int bucket,
			 uintptr_t first, uintptr_t last)
{
	struct nest_use *use, *next;
	struct nest_pin *pin;

	for (use = LIST_FIRST(&n->uses[bucket]); use; use = next) {
		next = LIST_NEXT(use, of_binding);
		unmark(use, first, last);
		if (!is_empty(use))
			continue;
		pin = use->pin;
		sva->info.pinned -= pin->len;
		LIST_REMOVE(use, of_pin);
		LIST_REMOVE(use, of_binding);
		free(use);
		drop_pin(n->space, pin);
	}
}

void nest_unpin(struct uvdk_sva *sva, struct nested *n, uintptr_t first, uintptr_t last)
{
	uintptr_t chunks = (last >> NEST_CHUNK_SHIFT) - (first >> NEST_CHUNK_SHIFT) + 1;
	unsigned int bucket = bucket_of(first);

	if (chunks > NEST_BUCKETS)
		chunks = NEST_BUCKETS;
	pthread_mutex_lock(&n->space->lock);
	for (; chunks; chunks--, bucket = (bucket + 1) % NEST_BUCKETS)
		unpin_bucket(sva, n, bucket, first, last);
	pthread_mutex_unlock(&n->space->lock);
}
