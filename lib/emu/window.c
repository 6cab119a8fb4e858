// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "emu_priv.h"

/*
 * Memory of an emulated machine is the process's own, so a BAR that others reach by DMA
 * needs addresses there, too: a reservation in which nothing lies. An access that is
 * translated to it goes to the model. Windows live as long as the machine, for what is
 * left in caches may point there; that of a function that is gone answers like one.
 */
struct emu_window {
	struct emu_window *next;
	struct uvdk_emu_function *fn; /* NULL: unplugged; guarded by windows_lock */
	unsigned int bar;
	uint8_t *at;
	size_t size; /* whole pages */
};

static int make(struct uvdk_emu_function *fn, unsigned int bar, struct emu_window **out)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct emu_window *w = calloc(1, sizeof(*w));
	void *at;

	if (!w)
		return uvdk_fail(-ENOMEM, "emu", "%s: no memory for a window", fn->name);
	*w = (struct emu_window){.next = atomic_load(&fn->emu->windows), .fn = fn, .bar = bar};
	w->size = (fn->bar[bar].size + page - 1) & ~(page - 1);
	at = mmap(NULL, w->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED) {
		free(w);
		return uvdk_fail(-errno, "emu", "%s: no addresses for BAR %u: %s", fn->name, bar,
				 strerror(errno));
	}
	w->at = at;
	*out = w;

	return 0;
}

static struct emu_window *of(const struct uvdk_emu_function *fn, unsigned int bar)
{
	struct emu_window *w = atomic_load(&fn->emu->windows);

	while (w && (w->fn != fn || w->bar != bar))
		w = w->next;

	return w;
}

UVDK_EXPORT int uvdk_emu_bar_window(struct uvdk_emu_function *fn, unsigned int bar, void **at)
{
	struct uvdk_emu *emu = fn->emu;
	struct emu_window *w;
	int ret = 0;

	if (!uvdk_emu_bar_size(fn, bar))
		return uvdk_fail(-ENOENT, "emu", "%s has no BAR %u", fn->name, bar);
	/* It would wait for accesses that it translates while one of them waits for it. */
	if (fn->translator)
		return uvdk_fail(-EOPNOTSUPP, "emu", "%s translates for others: no peer reaches it",
				 fn->name);

	pthread_rwlock_wrlock(&emu->windows_lock);
	w = of(fn, bar);
	if (!w) {
		ret = make(fn, bar, &w);
		if (!ret)
			atomic_store(&emu->windows, w);
	}
	pthread_rwlock_unlock(&emu->windows_lock);
	if (!ret)
		*at = w->at;

	return ret;
}

struct emu_window *emu_window_find(struct uvdk_emu *emu, const uint8_t *va)
{
	struct emu_window *w = atomic_load_explicit(&emu->windows, memory_order_acquire);

	while (w && (va < w->at || va >= w->at + w->size))
		w = w->next;

	return w;
}

UVDK_EXPORT bool uvdk_emu_is_window(struct uvdk_emu *emu, const void *at, size_t len)
{
	const struct emu_window *w = emu_window_find(emu, at);

	return w && len <= (size_t)(w->at + w->size - (const uint8_t *)at);
}

/* As on the link: whole words of four bytes, and what is left at both ends. */
static unsigned int width_at(uint64_t off, size_t len)
{
	if (off & 1 || len < 2)
		return 1;

	return off & 2 || len < 4 ? 2 : 4;
}

static void access_piece(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			 unsigned int width, uint8_t *buf, bool write)
{
	uint64_t value = UINT64_MAX;

	if (write) {
		value = 0;
		for (unsigned int i = width; i-- > 0;)
			value = value << 8 | buf[i];
		uvdk_emu_bar_write(fn, bar, off, width, value);
		return;
	}
	if (fn && off + width <= fn->bar[bar].size)
		uvdk_emu_bar_read(fn, bar, off, width, &value);
	for (unsigned int i = 0; i < width; i++)
		buf[i] = (uint8_t)(value >> 8 * i);
}

void emu_window_access(struct uvdk_emu_function *from, struct emu_window *w, const uint8_t *va,
		       uint8_t *buf, size_t len, bool write)
{
	uint64_t off = (uint64_t)(va - w->at);

	pthread_rwlock_rdlock(&from->emu->windows_lock);
	/* A model may hold its lock while it accesses memory, so it can't be its own peer. */
	for (size_t done = 0; done < len;) {
		struct uvdk_emu_function *fn = w->fn == from ? NULL : w->fn;
		unsigned int width = width_at(off + done, len - done);

		if (!write || (fn && off + done + width <= fn->bar[w->bar].size))
			access_piece(fn, w->bar, off + done, width, buf + done, write);
		done += width;
	}
	pthread_rwlock_unlock(&from->emu->windows_lock);
}

void emu_windows_unplug(const struct uvdk_emu_function *fn)
{
	if (!atomic_load(&fn->emu->windows))
		return;
	pthread_rwlock_wrlock(&fn->emu->windows_lock);
	for (struct emu_window *w = atomic_load(&fn->emu->windows); w; w = w->next)
		if (w->fn == fn)
			w->fn = NULL;
	pthread_rwlock_unlock(&fn->emu->windows_lock);
}

void emu_windows_free(struct uvdk_emu *emu)
{
	struct emu_window *w = atomic_load(&emu->windows);

	while (w) {
		struct emu_window *next = w->next;

		munmap(w->at, w->size);
		free(w);
		w = next;
	}
	pthread_rwlock_destroy(&emu->windows_lock);
}
