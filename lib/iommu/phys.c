// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uvdk_explain_driver.h>
#include <uvdk_phys_driver.h>

#include "phys_lock.h"

/* Documentation/admin-guide/mm/pagemap: bits 0 to 54 frame number, bit 63 present */
#define ENTRY_FRAME   ((UINT64_C(1) << 55) - 1)
#define ENTRY_PRESENT (UINT64_C(1) << 63)
#define FLAG_HUGE     (UINT64_C(1) << 17) /* in kpageflags: a page of hugetlbfs */
#define BATCH	      512

#ifndef MADV_POPULATE_READ /* Linux 5.14 */
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

/* The only thing that is global here: it was said, or there is nothing to say. */
static bool movable_told;

UVDK_EXPORT int uvdk_phys_open_at(struct uvdk_phys *phys, const char *component, const char *proc)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/self/pagemap", proc);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == EACCES)
		return uvdk_fail(-EACCES, component,
				 "%s: physical addresses are needed, and the process may not read "
				 "them: it needs CAP_SYS_ADMIN",
				 path);
	if (fd < 0)
		return uvdk_fail(-errno, component,
				 "%s: physical addresses are needed: %s; the kernel needs "
				 "CONFIG_PROC_PAGE_MONITOR, and the process CAP_SYS_ADMIN",
				 path, strerror(errno));
	*phys = (struct uvdk_phys){.component = component, .pagemap = fd, .proc = proc};

	return 0;
}

UVDK_EXPORT int uvdk_phys_open(struct uvdk_phys *phys, const char *component, bool emulated)
{
	if (!emulated)
		return uvdk_phys_open_at(phys, component, "/proc");
	*phys = (struct uvdk_phys){.component = component, .pagemap = -1, .proc = "/proc"};

	return 0;
}

UVDK_EXPORT void uvdk_phys_close(struct uvdk_phys *phys)
{
	if (phys->component && phys->pagemap >= 0)
		close(phys->pagemap);
	*phys = (struct uvdk_phys){.pagemap = -1};
}

/*
 * Each page gets a frame of its own now, so that what the device writes is not
 * lost to copy on write. Unlike a store, this can't kill us on read-only memory.
 */
static int populate(void *va, size_t len, bool write)
{
	if (!uvdk_memory_mapped(va, len))
		return EFAULT;
	if (!madvise(va, len, write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ))
		return 0;

	return errno == EINVAL ? EFAULT : errno;
}

UVDK_EXPORT int uvdk_phys_lock(const struct uvdk_phys *phys, void *va, size_t len, bool write,
			       int *pin)
{
	struct uvdk_pin_failure why = {
		.va = va, .len = len, .write = write, .charged = 1, .per = "process"};

	*pin = -1;
	why.err = populate(va, len, write);
	if (!why.err && phys->pagemap >= 0)
		why.err = -phys_lock_get(va, len, pin);

	return why.err ? uvdk_explain_pin(phys->component, &why) : 0;
}

UVDK_EXPORT void uvdk_phys_unlock(const struct uvdk_phys *phys, void *va, size_t len, int pin)
{
	if (phys->pagemap >= 0)
		phys_lock_put(va, len, pin);
}

/* ---- frames ---- */

/* One walk over the frames of some memory. */
struct walk {
	const struct uvdk_phys *phys;
	struct uvdk_phys_run *runs;
	unsigned int max;
	size_t page;
	unsigned int count;
	uint64_t next;	/* frame that would make the last run longer */
	uint64_t first; /* frame */
	uint64_t sum;	/* of all frames, by their order */
};

static int read_entries(const struct uvdk_phys *phys, uint64_t *entries, size_t count,
			uint64_t first)
{
	size_t len = count * sizeof(*entries);
	ssize_t got = pread(phys->pagemap, entries, len, (off_t)(first * sizeof(*entries)));

	if (got == (ssize_t)len)
		return 0;

	return uvdk_fail(-EIO, phys->component, "%s/self/pagemap: %s", phys->proc,
			 got < 0 ? strerror(errno) : "cut short");
}

static int frame_of(const struct walk *w, uint64_t entry, uint64_t *frame)
{
	*frame = entry & ENTRY_FRAME;
	if (!(entry & ENTRY_PRESENT))
		return uvdk_fail(-EFAULT, w->phys->component,
				 "a page of the memory is not present");
	if (!*frame)
		return uvdk_fail(-EACCES, w->phys->component,
				 "physical addresses are hidden: %s/self/pagemap shows them to "
				 "CAP_SYS_ADMIN only",
				 w->phys->proc);

	return 0;
}

static void add_frame(struct walk *w, uint64_t frame)
{
	if (!w->count)
		w->first = frame;
	w->sum = (w->sum ^ frame) * UINT64_C(0x9e3779b97f4a7c15);
	w->sum ^= w->sum >> 29;
	if (w->count && frame == w->next) {
		if (w->count <= w->max)
			w->runs[w->count - 1].len += w->page;
	} else {
		if (w->count < w->max)
			w->runs[w->count] =
				(struct uvdk_phys_run){.phys = frame * w->page, .len = w->page};
		w->count++;
	}
	w->next = frame + 1;
}

static int walk(struct walk *w, const void *va, size_t len)
{
	uint64_t at = (uintptr_t)va / w->page;
	size_t left = len / w->page;
	uint64_t entries[BATCH];
	uint64_t frame;

	while (left) {
		size_t count = left < BATCH ? left : BATCH;
		int err = read_entries(w->phys, entries, count, at);

		for (size_t i = 0; i < count && !err; i++) {
			err = frame_of(w, entries[i], &frame);
			if (!err)
				add_frame(w, frame);
		}
		if (err)
			return err;
		at += count;
		left -= count;
	}

	return 0;
}

static bool may_move_locked(const struct uvdk_phys *phys)
{
	char path[512];
	char value = '0';
	int fd;

	snprintf(path, sizeof(path), "%s/sys/vm/compact_unevictable_allowed", phys->proc);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, &value, 1) != 1)
		value = '0';
	close(fd);

	return value == '1';
}

static bool is_huge(const struct uvdk_phys *phys, uint64_t frame)
{
	uint64_t flags = 0;
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/kpageflags", phys->proc);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (pread(fd, &flags, sizeof(flags), (off_t)(frame * sizeof(flags))) != sizeof(flags))
		flags = 0;
	close(fd);

	return flags & FLAG_HUGE;
}

static void warn_movable(const struct walk *w, int pin)
{
	if (pin >= 0 || __atomic_load_n(&movable_told, __ATOMIC_RELAXED))
		return;
	if (may_move_locked(w->phys)) {
		if (is_huge(w->phys, w->first))
			return;
		uvdk_log(UVDK_LOG_WARN, w->phys->component,
			 "memory that is mapped for devices is not of huge pages and could not be "
			 "pinned (io_uring), and the kernel may move it while they use it: use "
			 "huge pages, or turn that off (sysctl vm.compact_unevictable_allowed=0)");
	}
	__atomic_store_n(&movable_told, true, __ATOMIC_RELAXED);
}

static int emulated(const void *va, size_t len, struct uvdk_phys_run *runs, unsigned int max)
{
	if (max)
		runs[0] = (struct uvdk_phys_run){.phys = (uintptr_t)va, .len = len};

	return 1;
}

/* Looked at twice: a page that moves while we look would be a wild DMA later. */
UVDK_EXPORT int uvdk_phys_runs(const struct uvdk_phys *phys, const void *va, size_t len, int pin,
			       struct uvdk_phys_run *runs, unsigned int max)
{
	struct walk once = {
		.phys = phys, .runs = runs, .max = max, .page = (size_t)sysconf(_SC_PAGESIZE)};
	struct walk again = {.phys = phys, .page = once.page};
	int err;

	if (phys->pagemap < 0)
		return emulated(va, len, runs, max);
	err = walk(&once, va, len);
	if (!err)
		err = walk(&again, va, len);
	if (err)
		return err;
	if (once.sum != again.sum)
		return uvdk_fail(-EAGAIN, phys->component,
				 "the kernel moved the memory at %p while it was mapped: use huge "
				 "pages",
				 va);
	warn_movable(&once, pin);

	return (int)once.count;
}
