// SPDX-License-Identifier: BSD-3-Clause
/*
 * Four threads allocate, transfer, free and allocate again, at random, and never say what
 * they free: the registration cache has to find out. Each has a copier of its own on one
 * emulated machine whose I/O MMU keeps account of stale translations.
 *
 * The emulated devices reach memory by its virtual address, so that a map by itself pins
 * nothing. Here it does for shared memory: what is mapped is a second mapping of the same
 * pages, which stays when the first goes, as pages stay that a kernel has pinned. So
 * whoever is given what was mapped at an address before sees what was there before.
 *
 * test_dma_regcache_storm [SECONDS [WORD...]]: seconds are 4, or UVDK_STORM_SECONDS; words:
 *   huge     memory of huge pages, too; root has 24 reserved for it meanwhile. After
 *            SIGKILL these stay: take them off /proc/sys/vm/nr_hugepages by hand
 *   fork     children of fork() come and go, too
 *   strict   UVDK_REGCACHE_STRICT, and nothing is settled
 *   blind    nothing is followed: has to fail, and does so with success
 *   unsettled nothing is settled although threads free each other's memory: may fail
 * Ten minutes of each: for w in "" fork huge "fork huge"; do PROGRAM 600 $w; done
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <uvdk_emu.h>
#include <uvdk_ioas_gone_driver.h>
#include <uvdk_regcache.h>

#define THREADS	    4
#define BUFFERS	    12
#define PAGE	    ((size_t)4096)
#define HUGE	    ((size_t)2 << 20)
#define LEN_MAX	    (24 * PAGE)
#define COPY	    (UINT64_C(1) << 32)
#define MAX_ENTRIES 40

#define FAIL(...)   (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), atomic_store(&failed, true))

enum kind { SHARED, PRIVATE, HEAP, HUGEPAGE, KINDS };

struct buffer {
	enum kind kind;
	uint8_t *va;
	size_t len, room; /* bytes in use, and mapped */
	uint8_t *shadow;  /* what is to be in it */
};

struct worker {
	struct uvdk_device *dev;
	struct uvdk_region bar;
	uint32_t tail;
	uint64_t random;
	struct buffer buffers[BUFFERS];
	unsigned long steps, transfers;
	pthread_t thread;
};

static struct uvdk_emu *emu;
static struct uvdk_iommu *iommu;
static struct uvdk_ioas *ioas;
static struct uvdk_regcache *cache;
static struct worker workers[THREADS];
static struct buffer mailbox[8];
static pthread_mutex_t mailbox_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool failed, over;
static uint64_t max_bytes = UINT64_C(2) << 20;
static bool with_huge, with_fork, strict, blind, unsettled;

/* ---- pages that stay ---- */

struct pin {
	uvdk_iova_t iova;
	void *va;
	size_t len;
	struct pin *next;
};

static struct pin *pins;
static pthread_mutex_t pins_lock = PTHREAD_MUTEX_INITIALIZER;

int __real_uvdk_ioas_map(struct uvdk_ioas *, void *, size_t, unsigned int, uvdk_iova_t *);
int __real_uvdk_ioas_unmap(struct uvdk_ioas *, uvdk_iova_t, size_t);

void __real_uvdk_ioas_gone(struct uvdk_ioas *, uvdk_iova_t, size_t, bool);

int __wrap_uvdk_ioas_map(struct uvdk_ioas *, void *, size_t, unsigned int, uvdk_iova_t *);
int __wrap_uvdk_ioas_unmap(struct uvdk_ioas *, uvdk_iova_t, size_t);
void __wrap_uvdk_ioas_gone(struct uvdk_ioas *, uvdk_iova_t, size_t, bool);

int __wrap_uvdk_ioas_map(struct uvdk_ioas *to, void *va, size_t len, unsigned int flags,
			 uvdk_iova_t *iova)
{
	void *copy = mremap(va, 0, len, MREMAP_MAYMOVE); /* fails for private memory */
	struct pin *pin = malloc(sizeof(*pin));
	int err;

	err = __real_uvdk_ioas_map(to, copy == MAP_FAILED ? va : copy, len, flags, iova);
	if (err || copy == MAP_FAILED) {
		if (copy != MAP_FAILED)
			munmap(copy, len);
		free(pin);
		return err;
	}
	*pin = (struct pin){.iova = *iova, .va = copy, .len = len};
	pthread_mutex_lock(&pins_lock);
	pin->next = pins;
	pins = pin;
	pthread_mutex_unlock(&pins_lock);

	return 0;
}

int __wrap_uvdk_ioas_unmap(struct uvdk_ioas *from, uvdk_iova_t iova, size_t len)
{
	struct pin **at = &pins, *pin;
	int err = 0;

	pthread_mutex_lock(&pins_lock);
	while (*at && (*at)->iova != iova)
		at = &(*at)->next;
	pin = *at;
	if (pin)
		*at = pin->next;
	pthread_mutex_unlock(&pins_lock);
	err = __real_uvdk_ioas_unmap(from, iova, len);
	if (pin)
		munmap(pin->va, pin->len);
	free(pin);

	return err;
}

/* Of that no page has gone; else the machine's devices would fault, which pin nothing. */
void __wrap_uvdk_ioas_gone(struct uvdk_ioas *in, uvdk_iova_t iova, size_t len, bool sure)
{
	const struct pin *pin;

	pthread_mutex_lock(&pins_lock);
	for (pin = pins; pin && (iova < pin->iova || iova - pin->iova >= pin->len); pin = pin->next)
		;
	pthread_mutex_unlock(&pins_lock);
	if (!pin)
		__real_uvdk_ioas_gone(in, iova, len, sure);
}

/* ---- memory ---- */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static uint64_t rnd(struct worker *w, uint64_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;

	return w->random % below;
}

#define NR_HUGE	  "/proc/sys/vm/nr_hugepages"
#define HUGE_LOCK "/tmp/uvdk-storm-huge.lock"
#define HUGE_MORE 24

static atomic_ulong huge_got, huge_missed;
static long huge_added; /* to NR_HUGE */

static bool set_huge(long count)
{
	FILE *file = fopen(NR_HUGE, "w");
	bool good = file && fprintf(file, "%ld\n", count) > 0;

	return file && !fclose(file) && good;
}

static long huge_now(void)
{
	FILE *file = fopen(NR_HUGE, "r");
	long now = -1;

	if (file && fscanf(file, "%ld", &now) != 1)
		now = -1;
	if (file)
		fclose(file);

	return now;
}

/* Against other storms, which may run at once. The lock ends with the process. */
static long change_huge(long by)
{
	int fd = open(HUGE_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	long before = -1, after = -1;

	if (fd >= 0 && !flock(fd, LOCK_EX))
		before = huge_now();
	if (before >= 0 && set_huge(before + by > 0 ? before + by : 0))
		after = huge_now();
	if (fd >= 0)
		close(fd);

	return after < 0 ? 0 : after - before;
}

/* Of what there is by now, which others may have changed. Also where it ends by exit(). */
static void give_back_huge(void)
{
	change_huge(-huge_added);
	huge_added = 0;
}

/* The kernel may find fewer. */
static void reserve_huge(void)
{
	if (access(NR_HUGE, W_OK))
		return;
	huge_added = change_huge(HUGE_MORE);
	if (huge_added > 0)
		atexit(give_back_huge);
}

static uint8_t *map_memory(enum kind kind, size_t len)
{
	int flags = (kind == PRIVATE ? MAP_PRIVATE : MAP_SHARED) | MAP_ANONYMOUS;
	void *va = MAP_FAILED;

	if (kind == HUGEPAGE) {
		va = mmap(NULL, len, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB, -1, 0);
		atomic_fetch_add(va == MAP_FAILED ? &huge_missed : &huge_got, 1);
	}
	if (va == MAP_FAILED)
		va = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, -1, 0);

	return va == MAP_FAILED ? NULL : va;
}

static void fill(struct worker *w, struct buffer *b)
{
	uint64_t seed = rnd(w, UINT64_MAX);

	for (size_t i = 0; i < b->len; i += sizeof(seed)) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		memcpy(b->shadow + i, &seed, b->len - i < 8 ? b->len - i : 8);
	}
	memcpy(b->va, b->shadow, b->len);
}

static void settle(void)
{
	if (!unsettled && !strict && !blind)
		uvdk_regcache_settle(cache);
}

static void allocate(struct worker *w, struct buffer *b)
{
	/* What is shared tells most. */
	b->kind = rnd(w, 2) ? SHARED : (enum kind)rnd(w, with_huge ? KINDS : HUGEPAGE);
	b->len = 1 + rnd(w, LEN_MAX);
	b->room = b->kind == HUGEPAGE ? HUGE : (b->len + PAGE - 1) & ~(PAGE - 1);
	b->va = b->kind == HEAP ? malloc(b->len) : map_memory(b->kind, b->room);
	b->shadow = malloc(b->len);
	if (!b->va || !b->shadow)
		abort();
	settle();
	fill(w, b);
}

static void discard(struct buffer *b)
{
	if (b->kind == HEAP)
		free(b->va);
	else
		munmap(b->va, b->room);
	free(b->shadow);
	memset(b, 0, sizeof(*b));
}

/* realloc(), or mremap() to another place. */
static void move(struct worker *w, struct buffer *b)
{
	size_t len = 1 + rnd(w, LEN_MAX), room = (len + PAGE - 1) & ~(PAGE - 1);
	void *va;

	if (b->kind == HUGEPAGE)
		return;
	if (b->kind == HEAP) {
		b->va = realloc(b->va, len);
	} else {
		/* What is anonymous and shared does not grow beyond what it was. */
		if (b->kind == SHARED && room > b->room)
			return;
		va = mremap(b->va, b->room, room, MREMAP_MAYMOVE);
		if (va == MAP_FAILED) /* part of it is followed: these are several mappings */
			return;
		b->va = va;
		b->room = room;
	}
	b->shadow = realloc(b->shadow, len);
	if (!b->va || !b->shadow)
		abort();
	b->len = len;
	settle();
	fill(w, b);
}

/* Other pages come at the same address. */
static void renew(struct worker *w, struct buffer *b)
{
	int flags = (b->kind == PRIVATE ? MAP_PRIVATE : MAP_SHARED) | MAP_ANONYMOUS | MAP_FIXED;

	if (b->kind == HEAP || b->kind == HUGEPAGE)
		return;
	if (b->kind == PRIVATE && rnd(w, 2)) {
		madvise(b->va, b->room, MADV_DONTNEED);
	} else if (b->kind == SHARED && rnd(w, 2)) {
		madvise(b->va, b->room, MADV_REMOVE);
	} else if (mmap(b->va, b->room, PROT_READ | PROT_WRITE, flags, -1, 0) != b->va) {
		abort();
	}
	fill(w, b);
}

/* Freed and allocated at once: the kernel often gives the same address. */
static void replace(struct worker *w, struct buffer *b)
{
	size_t room = b->room;

	if (b->kind != SHARED)
		return;
	munmap(b->va, room);
	b->va = map_memory(SHARED, room);
	if (!b->va)
		abort();
	settle();
	fill(w, b);
}

/* ---- transfers ---- */

static void reg_write(struct worker *w, uint64_t off, unsigned int width, uint64_t value)
{
	if (uvdk_region_write(&w->bar, off, width, value))
		FAIL("register write: %s", uvdk_last_error());
}

static uint32_t reg_read(struct worker *w, uint64_t off)
{
	uint64_t value = 0;

	if (uvdk_region_read(&w->bar, off, 4, &value))
		FAIL("register read: %s", uvdk_last_error());
	return (uint32_t)value;
}

/* Returns the status, 0 if the device got stuck. */
static uint32_t copy(struct worker *w, uvdk_iova_t from, uvdk_iova_t to, size_t len)
{
	uint64_t slot = 0x10000 + w->tail % 64 * 64, end = now_ns() + UINT64_C(60000000000);

	reg_write(w, slot, 8, COPY);
	reg_write(w, slot + 8, 8, from);
	reg_write(w, slot + 16, 8, to);
	reg_write(w, slot + 24, 8, len);
	reg_write(w, 0x100, 4, ++w->tail);
	while (reg_read(w, 0x104) != w->tail) {
		if (now_ns() > end)
			return 0;
		sched_yield();
	}

	return reg_read(w, slot + 32);
}

static void wrong(const struct buffer *from, const struct buffer *to, const char *what)
{
	FAIL("%s: from %p+%zu kind %d to %p+%zu kind %d", what, (void *)from->va, from->len,
	     from->kind, (void *)to->va, to->len, to->kind);
}

static int get(const struct buffer *b, size_t off, size_t len, struct uvdk_regcache_hold *hold)
{
	int err = uvdk_regcache_get(cache, b->va + off, len, hold);

	if (err)
		FAIL("get %p+%zu kind %d: %d: %s", (void *)(b->va + off), len, b->kind, err,
		     uvdk_last_error());
	return err;
}

/* Memory goes while it is held: the device has what was there, and nobody else finds it. */
static void lose(struct worker *w, struct buffer *b, const struct uvdk_regcache_hold *hold,
		 struct buffer *to, const struct uvdk_regcache_hold *to_hold, size_t len)
{
	uint8_t *old = malloc(len);

	memcpy(old, b->shadow, len);
	munmap(b->va, b->room);
	if (mmap(b->va, b->room, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == b->va) {
		fill(w, b);
	} else {
		/* Another thread has the place already. */
		b->va = map_memory(SHARED, b->room);
		settle();
		fill(w, b);
	}
	if (copy(w, hold->iova, to_hold->iova, len) != 1)
		wrong(b, to, "what is held is out of reach");
	memcpy(to->shadow, old, len);
	if (!blind && memcmp(to->va, old, len))
		wrong(b, to, "what was held has changed");
	free(old);
}

static void transfer(struct worker *w, struct buffer *from, struct buffer *to)
{
	size_t len = from->len < to->len ? from->len : to->len, a = 0, b = 0;
	bool whole = rnd(w, 8) == 0 && from->kind == SHARED && !blind;
	struct uvdk_regcache_hold src, dst;
	uint32_t status;

	if (!whole && rnd(w, 2)) {
		len = 1 + rnd(w, len);
		a = rnd(w, from->len - len + 1);
		b = rnd(w, to->len - len + 1);
	}
	if (get(from, a, len, &src))
		return;
	if (get(to, b, len, &dst)) {
		uvdk_regcache_put(cache, &src);
		return;
	}
	if (whole) {
		lose(w, from, &src, to, &dst, len);
	} else {
		status = copy(w, src.iova, dst.iova, len);
		if (status != 1)
			FAIL("the copy ended with %u", status);
		memcpy(to->shadow + b, from->shadow + a, len);
		if (memcmp(to->va + b, to->shadow + b, len))
			wrong(from, to, "wrong bytes");
	}
	uvdk_regcache_put(cache, &src);
	uvdk_regcache_put(cache, &dst);
	w->transfers++;
}

/* ---- what threads do ---- */

/* Threads use and free what others have used. */
static void exchange(struct worker *w, struct buffer *b)
{
	struct buffer *other = &mailbox[rnd(w, sizeof(mailbox) / sizeof(mailbox[0]))], mine = *b;

	pthread_mutex_lock(&mailbox_lock);
	*b = *other;
	*other = mine;
	pthread_mutex_unlock(&mailbox_lock);
}

static int in_child(const struct buffer *b)
{
	struct uvdk_regcache_hold hold;

	alarm(60);
	if (uvdk_regcache_get(cache, b->va, b->len, &hold) != -EPERM)
		return 1;
	if (uvdk_regcache_forget(cache, b->va, b->len) != -EPERM)
		return 2;
	memset(b->va, 0xff, b->kind == PRIVATE ? b->len : 0);
	if (b->kind != HEAP)
		munmap(b->va, b->room);

	return 0;
}

static void have_child(const struct buffer *b)
{
	pid_t child = fork();
	int status = 0;

	if (!child)
		_exit(in_child(b));
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		FAIL("the child ended with 0x%x", status);
}

static void step(struct worker *w)
{
	struct buffer *b = &w->buffers[rnd(w, BUFFERS)], *to = &w->buffers[rnd(w, BUFFERS)];
	uint64_t what = rnd(w, 32);

	w->steps++;
	if (!b->va)
		allocate(w, b);
	else if (what < 4)
		discard(b);
	else if (what == 4)
		move(w, b);
	else if (what < 7)
		renew(w, b);
	else if (what < 10)
		replace(w, b);
	else if (what < 12)
		exchange(w, b);
	if (to != b && to->va && b->va)
		transfer(w, b, to);
	if (with_fork && b->va && !rnd(w, 400))
		have_child(b);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct uvdk_regcache_stats stats;

	while (!atomic_load(&over) && !atomic_load(&failed)) {
		step(w);
		if (w->steps % 64)
			continue;
		uvdk_regcache_get_stats(cache, &stats);
		if (stats.bytes > max_bytes || stats.entries > MAX_ENTRIES)
			FAIL("too large: %u maps, %zu bytes", stats.entries, (size_t)stats.bytes);
	}
	for (int i = 0; i < BUFFERS; i++)
		if (w->buffers[i].va)
			discard(&w->buffers[i]);

	return NULL;
}

/* ---- the whole ---- */

static void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "%s: %d: %s\n", what, err, uvdk_last_error());
	exit(err == -EPERM || err == -ENOSYS ? 77 : 1);
}

static void set_up(void)
{
	struct uvdk_emu_opts emu_opts = {.size = sizeof(emu_opts)};
	struct uvdk_iommu_opts iommu_opts = {.size = sizeof(iommu_opts)};
	struct uvdk_regcache_opts opts = {.size = sizeof(opts),
					  .max_bytes = max_bytes,
					  .max_entries = MAX_ENTRIES,
					  .flags = (blind ? UVDK_REGCACHE_NO_FOLLOW : 0u) |
						   (strict ? UVDK_REGCACHE_STRICT : 0u)};

	must(uvdk_emu_create(&emu_opts, &emu), "machine");
	iommu_opts.emu = emu;
	must(uvdk_iommu_open("emu", &iommu_opts, &iommu), "iommu");
	must(uvdk_ioas_create(iommu, NULL, &ioas), "ioas");
	must(uvdk_regcache_create(ioas, &opts, &cache), "cache");
	for (int i = 0; i < THREADS; i++) {
		struct worker *w = &workers[i];

		w->random = 88172645463325252u + (uint64_t)i * 1234567;
		must(uvdk_device_open(iommu, "emu:copier", NULL, &w->dev), "copier");
		must(uvdk_device_region(w->dev, 0, &w->bar), "its registers");
		must(uvdk_device_set_command(w->dev, UVDK_PCI_COMMAND_MASTER, 0), "bus master");
		must(uvdk_ioas_attach(ioas, w->dev), "attach");
	}
}

static void take_down(void)
{
	struct uvdk_emu_stale stale;
	struct uvdk_ioas_stats left;

	uvdk_regcache_destroy(cache);
	uvdk_ioas_get_stats(ioas, &left);
	if (left.maps)
		FAIL("%zu maps are left", (size_t)left.maps);
	if (uvdk_emu_stales(emu, &stale, 1))
		FAIL("stale: %s %s", stale.entry, stale.missing);
	for (int i = 0; i < THREADS; i++)
		uvdk_device_close(workers[i].dev);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	uvdk_emu_destroy(emu);
	if (pins)
		FAIL("pages are left pinned");
}

static void report(void)
{
	unsigned long steps = 0, transfers = 0;
	struct uvdk_regcache_stats s;

	uvdk_regcache_get_stats(cache, &s);
	for (int i = 0; i < THREADS; i++) {
		steps += workers[i].steps;
		transfers += workers[i].transfers;
	}
	printf("%lu steps, %lu transfers; %zu hits, %zu misses, %zu evictions, %zu invalidations, "
	       "%zu refused, %u maps left, %zu held\n",
	       steps, transfers, (size_t)s.hits, (size_t)s.misses, (size_t)s.evictions,
	       (size_t)s.invalidations, (size_t)s.refused, s.entries, (size_t)s.held);
	if (with_huge)
		printf("huge pages: %lu allocated, %lu times there was none%s\n",
		       atomic_load(&huge_got), atomic_load(&huge_missed),
		       atomic_load(&huge_got) ? "" : ": nothing of them was tried");
	if (s.held || s.lingering)
		FAIL("something is held still");
	if (!blind && !failed && (s.bytes > 2 * HUGE || !s.invalidations || !s.evictions))
		FAIL("what was freed stayed mapped: %zu bytes", (size_t)s.bytes);
}

int main(int argc, char **argv)
{
	const char *env = getenv("UVDK_STORM_SECONDS");
	unsigned int seconds = env ? (unsigned int)atoi(env) : 4;
	uint64_t end;

	if (argc > 1)
		seconds = (unsigned int)atoi(argv[1]);
	for (int i = 2; i < argc; i++) {
		with_huge |= !strcmp(argv[i], "huge");
		with_fork |= !strcmp(argv[i], "fork");
		strict |= !strcmp(argv[i], "strict");
		blind |= !strcmp(argv[i], "blind");
		unsettled |= !strcmp(argv[i], "unsettled");
	}
	/* Each thread holds two buffers at a time. */
	if (with_huge) {
		max_bytes = 12 * HUGE;
		reserve_huge();
	}
	set_up();
	end = now_ns() + (uint64_t)seconds * 1000000000;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			abort();
	while (now_ns() < end && !atomic_load(&failed))
		nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	atomic_store(&over, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	for (size_t i = 0; i < sizeof(mailbox) / sizeof(mailbox[0]); i++)
		if (mailbox[i].va)
			discard(&mailbox[i]);
	uvdk_regcache_settle(cache);
	report();
	take_down();
	if (blind)
		return failed ? 0 : 1;

	return failed ? 1 : 0;
}
