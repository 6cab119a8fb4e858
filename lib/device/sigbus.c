// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device_priv.h"

/*
 * A load from a BAR whose device has been removed raises SIGBUS. The handler
 * looks the address up in a table of our mappings, puts memory that reads all
 * ones in the place of the BAR and closes the device for business; any other
 * SIGBUS goes to whoever handled it before.
 *
 * The table is written under a lock and read by the handler without one. Its
 * chunks are never freed, since a handler may be walking them on any thread.
 */

#define CHUNK_SLOTS 64
#define WINDOW	    (UINT64_C(2) << 20) /* most memory that one fault may cost */

struct slot {
	atomic_uintptr_t start; /* 0: free; written last, cleared first */
	atomic_size_t len;
	_Atomic(struct uvdk_device *) dev;
};

struct chunk {
	_Atomic(struct chunk *) next;
	struct slot slots[CHUNK_SLOTS];
};

static struct chunk first_chunk;

static struct {
	pthread_mutex_t lock; /* guards the rest, and writers of slots */
	unsigned int used;    /* slots */
	bool installed;
	struct sigaction previous; /* written only while not installed */
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct slot *find_slot(uintptr_t addr)
{
	for (struct chunk *c = &first_chunk; c; c = atomic_load(&c->next)) {
		for (unsigned int i = 0; i < CHUNK_SLOTS; i++) {
			uintptr_t start = atomic_load(&c->slots[i].start);

			if (start && addr >= start && addr - start < atomic_load(&c->slots[i].len))
				return &c->slots[i];
		}
	}

	return NULL;
}

/*
 * Filled before it is moved into place, so that no other thread sees it empty.
 * A huge BAR is replaced piece by piece, as it is touched.
 */
static bool replace_by_ones(uintptr_t addr, uintptr_t start, size_t len)
{
	uintptr_t first = addr & ~(uintptr_t)(WINDOW - 1);
	uintptr_t end = first + WINDOW;
	void *ones;

	if (first < start)
		first = start;
	if (end - start > len)
		end = start + len;

	ones = mmap(NULL, end - first, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ones == MAP_FAILED)
		return false;
	memset(ones, 0xff, end - first);
	if (mremap(ones, end - first, end - first, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)first) ==
	    MAP_FAILED) {
		munmap(ones, end - first);
		return false;
	}

	return true;
}

static bool is_ours(const siginfo_t *info)
{
	struct slot *slot;
	struct uvdk_device *dev;
	uintptr_t addr = (uintptr_t)info->si_addr;

	if (info->si_code <= 0) /* sent by a process */
		return false;
	slot = find_slot(addr);
	if (!slot)
		return false;

	dev = atomic_load(&slot->dev);
	if (!replace_by_ones(addr, atomic_load(&slot->start), atomic_load(&slot->len)))
		return false;
	device_set_gone(dev, DEVICE_GONE_SIGBUS);
	return true;
}

/* Return to the faulting instruction: it faults again, and the default kills. */
static void die_by_default(int signum, const siginfo_t *info)
{
	signal(signum, SIG_DFL);
	if (info->si_code <= 0)
		raise(signum);
}

static void handle(int signum, siginfo_t *info, void *context)
{
	int saved = errno;

	if (is_ours(info)) {
		errno = saved;
		return;
	}
	errno = saved;

	if (table.previous.sa_flags & SA_SIGINFO)
		table.previous.sa_sigaction(signum, info, context);
	else if (table.previous.sa_handler == SIG_DFL)
		die_by_default(signum, info);
	else if (table.previous.sa_handler != SIG_IGN)
		table.previous.sa_handler(signum);
	else if (info->si_code > 0) /* a fault can't be ignored */
		die_by_default(signum, info);
}

/*
 * If somebody has put a handler over ours since, leave both: theirs may call
 * ours, and installing ours once more would make the two call each other.
 */
static int install(void)
{
	struct sigaction ours = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	if (table.installed)
		return 0;
	if (sigaction(SIGBUS, NULL, &table.previous))
		return -errno;
	ours.sa_mask = table.previous.sa_mask;
	if (sigaction(SIGBUS, &ours, NULL))
		return -errno;

	table.installed = true;
	return 0;
}

static void hand_back(void)
{
	struct sigaction now;

	if (sigaction(SIGBUS, NULL, &now) || !(now.sa_flags & SA_SIGINFO) ||
	    now.sa_sigaction != handle)
		return;

	if (!sigaction(SIGBUS, &table.previous, NULL))
		table.installed = false;
}

static struct slot *free_slot(void)
{
	struct chunk *c = &first_chunk;

	for (;;) {
		struct chunk *next;

		for (unsigned int i = 0; i < CHUNK_SLOTS; i++)
			if (!atomic_load(&c->slots[i].start))
				return &c->slots[i];
		next = atomic_load(&c->next);
		if (!next) {
			next = calloc(1, sizeof(*next));
			if (!next)
				return NULL;
			atomic_store(&c->next, next);
		}
		c = next;
	}
}

int sigbus_add(struct uvdk_device *dev, void *at, size_t len)
{
	struct slot *slot;
	int ret;

	pthread_mutex_lock(&table.lock);
	ret = -ENOMEM;
	slot = free_slot();
	if (!slot)
		goto unlock;
	ret = install();
	if (ret)
		goto unlock;

	atomic_store(&slot->dev, dev);
	atomic_store(&slot->len, len);
	atomic_store(&slot->start, (uintptr_t)at);
	table.used++;
unlock:
	pthread_mutex_unlock(&table.lock);
	return ret;
}

void sigbus_remove(const void *at)
{
	struct slot *slot;

	pthread_mutex_lock(&table.lock);
	slot = find_slot((uintptr_t)at);
	if (slot) {
		atomic_store(&slot->start, 0);
		if (--table.used == 0)
			hand_back();
	}
	pthread_mutex_unlock(&table.lock);
}
