// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uvdk_device_driver.h>

#include "../../expect.h"
#include "../../sanitizer.h"
#include "sva_priv.h"

/*
 * Threads share, forget, unmap, fork and unbind at once, over a backend of ours that
 * trusts the lock of the core: plain, and under ThreadSanitizer.
 */
#define PAGE   ((size_t)4096)
#define PAGES  64 /* of each thread's own */
#define OWN    3  /* threads with memory of their own */
#define ROUNDS 400

/* ---- a device, and a backend that notes what is shared ---- */

static const struct uvdk_device_info dev_info = {.name = "test"};
static struct uvdk_device *const dev = (struct uvdk_device *)&wrong;

const struct uvdk_device_info *uvdk_device_get_info(const struct uvdk_device *d)
{
	(void)d;
	return &dev_info;
}

bool uvdk_device_gone(const struct uvdk_device *d)
{
	(void)d;
	return false;
}

bool uvdk_device_has_sva(const struct uvdk_device *d)
{
	(void)d;
	return false;
}

void uvdk_device_watch(struct uvdk_device *d, struct uvdk_device_watcher *watcher)
{
	(void)d;
	(void)watcher;
}

void uvdk_device_unwatch(struct uvdk_device *d, struct uvdk_device_watcher *watcher)
{
	(void)d;
	(void)watcher;
}

int uvdk_iommu_get_info(struct uvdk_device *d, struct uvdk_iommu_info *out)
{
	(void)d;
	*out = (struct uvdk_iommu_info){.driver = "test", .pasid_bits = 20};
	return 0;
}

static uint8_t *memory; /* OWN times PAGES */

struct notes {
	bool shared[OWN * PAGES]; /* not atomic */
};

static int note_probe(struct uvdk_device *d, const struct uvdk_sva_opts *opts)
{
	(void)d;
	(void)opts;
	return 0;
}

static int note_bind(struct uvdk_sva *sva)
{
	sva->priv = calloc(1, sizeof(struct notes));
	return sva->priv ? 0 : -ENOMEM;
}

static void note_unbind(struct uvdk_sva *sva)
{
	free(sva->priv);
	sva->priv = NULL;
}

static void note(struct uvdk_sva *sva, uintptr_t addr, size_t len, bool shared)
{
	struct notes *notes = sva->priv;
	const uintptr_t begin = (uintptr_t)memory, end = begin + OWN * PAGES * PAGE;

	for (uintptr_t at = addr > begin ? addr : begin; at < end && at - addr < len; at += PAGE) {
		size_t i = (at - begin) / PAGE;

		EXPECT(!shared || !notes->shared[i]);
		notes->shared[i] = shared;
	}
}

static int note_share(struct uvdk_sva *sva, uintptr_t addr, size_t len, bool writable)
{
	(void)writable;
	note(sva, addr, len, true);
	return 0;
}

static void note_forget(struct uvdk_sva *sva, uintptr_t addr, size_t len)
{
	note(sva, addr, len, false);
}

static int note_poll(struct uvdk_sva *sva)
{
	return ((struct notes *)sva->priv)->shared[0] ? 0 : 0;
}

#define NOTES(NAME, ID)                                     \
	const struct sva_ops NAME = {.name = "notes",       \
				     .id = ID,              \
				     .probe = note_probe,   \
				     .bind = note_bind,     \
				     .unbind = note_unbind, \
				     .share = note_share,   \
				     .forget = note_forget, \
				     .poll = note_poll}

NOTES(sva_nested, UVDK_SVA_NESTED);
NOTES(sva_demand, UVDK_SVA_DEMAND);
NOTES(sva_pinned, UVDK_SVA_PINNED);
NOTES(sva_kernel, UVDK_SVA_KERNEL);

/* ---- threads ---- */

static struct uvdk_pasid_owner *owner;
static struct uvdk_sva *common;
static unsigned int follow_flags;

static struct uvdk_sva *bind_new(uint32_t pasid)
{
	struct uvdk_sva_opts opts = {.size = sizeof(opts),
				     .backend = UVDK_SVA_PINNED,
				     .owner = owner,
				     .pasid = pasid,
				     .flags = follow_flags};
	struct uvdk_sva *sva = NULL;

	EXPECT(!uvdk_sva_bind(dev, &opts, &sva));
	return sva;
}

static bool is_shared(const uint8_t *at)
{
	bool shared;

	pthread_mutex_lock(&common->lock);
	shared = ((struct notes *)common->priv)->shared[(size_t)(at - memory) / PAGE];
	pthread_mutex_unlock(&common->lock);

	return shared;
}

/* Memory of its own comes and goes; what it has shared stays so until it goes. */
static void *owns(void *arg)
{
	uint8_t *mem = arg;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint8_t *at = mem + i % (PAGES - 8) * PAGE;

		EXPECT(!uvdk_sva_share(common, at, 8 * PAGE));
		EXPECT(is_shared(at) && is_shared(at + 7 * PAGE));
		if (i % 3 == 0)
			EXPECT(!uvdk_sva_forget(common, at + PAGE, 2 * PAGE));
		else if (follow_flags)
			EXPECT(!uvdk_sva_forget(common, at, 8 * PAGE));
		else if (i % 3 == 1)
			EXPECT(!madvise(at, 8 * PAGE, MADV_DONTNEED));
		else
			EXPECT(mmap(at, 8 * PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
		EXPECT(!uvdk_sva_sync(common, at, 8 * PAGE));
		EXPECT(follow_flags || i % 3 == 0 || !is_shared(at));
	}
	return NULL;
}

/* Bindings come and go, their PASIDs sometimes first. */
static void *binds(void *arg)
{
	(void)arg;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint32_t pasid;
		struct uvdk_sva *sva;

		EXPECT(!uvdk_pasid_alloc(owner, 1, UINT32_MAX, &pasid));
		sva = bind_new(pasid);
		if (!sva)
			continue;
		EXPECT(!uvdk_sva_share(sva, &sva, sizeof(sva)));
		if (i % 2)
			EXPECT(!uvdk_pasid_free(owner, pasid));
		EXPECT(!uvdk_sva_unbind(sva));
		EXPECT(uvdk_sva_unbind(sva) == -EINVAL);
		if (i % 2 == 0)
			EXPECT(!uvdk_pasid_free(owner, pasid));
	}
	return NULL;
}

static void *looks(void *arg)
{
	struct uvdk_sva_info info;

	(void)arg;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		uvdk_sva_get_info(common, &info);
		EXPECT(info.shared <= OWN * PAGES * PAGE);
		EXPECT(uvdk_sva_poll(common) == 0);
	}
	return NULL;
}

/* A binding ends by its PASID while others poll, share and unbind it. */
static void *uses(void *arg)
{
	int err;

	do {
		err = uvdk_sva_share(arg, memory, PAGE);
		EXPECT(!err || err == -ENODEV || err == -EINVAL);
		uvdk_sva_poll(arg);
	} while (err != -EINVAL);

	return NULL;
}

static void race_for_the_end(void)
{
	for (unsigned int i = 0; i < 50; i++) {
		struct uvdk_sva *sva = bind_new(0);
		pthread_t user;

		if (!sva || pthread_create(&user, NULL, uses, sva)) {
			expect_failed(__FILE__, __LINE__, "a binding and a thread");
			return;
		}
		EXPECT(!uvdk_pasid_free(owner, uvdk_sva_pasid(sva)));
		EXPECT(!uvdk_sva_unbind(sva));
		pthread_join(user, NULL);
	}
}

static void all_at_once(void)
{
	pthread_t thread[OWN + 2];

	common = bind_new(0);
	if (!common)
		return;
	for (unsigned int i = 0; i < OWN; i++)
		EXPECT(!pthread_create(&thread[i], NULL, owns, memory + i * PAGES * PAGE));
	EXPECT(!pthread_create(&thread[OWN], NULL, binds, NULL));
	EXPECT(!pthread_create(&thread[OWN + 1], NULL, looks, NULL));
	for (unsigned int i = 0; i < OWN + 2; i++)
		pthread_join(thread[i], NULL);
	EXPECT(!uvdk_sva_unbind(common));
}

/* In a child the device of a binding is closed: what is the parent's is left alone. */
static void close_in_child(void)
{
	struct uvdk_sva *sva = bind_new(0);
	int status = -1;
	pid_t child;

	if (!sva)
		return;
	pthread_mutex_lock(&sva->lock); /* as a thread may hold it that is not there */
	child = fork();
	if (!child) {
		alarm(20);
		sva_device_closes(&sva->watcher);
		_exit(sva->live ? 0 : 1);
	}
	pthread_mutex_unlock(&sva->lock);
	EXPECT(waitpid(child, &status, 0) == child && !status);
	EXPECT(!uvdk_sva_unbind(sva));
}

static void *ends_at_once(void *arg)
{
	return arg;
}

static void *churns(void *arg)
{
	while (!__atomic_load_n((bool *)arg, __ATOMIC_RELAXED)) {
		void *at = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				-1, 0);
		pthread_t thread;

		free(memset(malloc(500000), 1, 500000));
		madvise(at, PAGE, MADV_DONTNEED);
		munmap(at, 8 * PAGE);
		if (!pthread_create(&thread, NULL, ends_at_once, NULL))
			pthread_join(thread, NULL);
	}
	return NULL;
}

/*
 * ThreadSanitizer's runtime gives memory back from any thread, that which reads the events
 * included, which then waits for itself: where its memory is followed, too, this may hang.
 */
#define SHARE_ALL (!SANITIZER_THREAD)

/* All is followed, the memory of the library's own threads included. */
static void share_all(void)
{
	struct uvdk_sva_opts opts = {.size = sizeof(opts),
				     .backend = UVDK_SVA_PINNED,
				     .owner = owner,
				     .flags = UVDK_SVA_PROCESS};
	struct uvdk_sva *sva = NULL;
	pthread_t thread[2];
	bool quit = false;

	for (unsigned int i = 0; i < 2; i++)
		EXPECT(!pthread_create(&thread[i], NULL, churns, &quit));
	for (unsigned int i = 0; i < 10; i++) {
		if (uvdk_sva_bind(dev, &opts, &sva)) {
			expect_failed(__FILE__, __LINE__, "bound");
			break;
		}
		EXPECT(!uvdk_sva_unbind(sva));
	}
	__atomic_store_n(&quit, true, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}

static bool can_follow(void)
{
	struct uvdk_sva_opts opts = {
		.size = sizeof(opts), .backend = UVDK_SVA_PINNED, .owner = owner};
	struct uvdk_sva *sva = NULL;

	if (uvdk_sva_bind(dev, &opts, &sva))
		return false;
	uvdk_sva_unbind(sva);

	return true;
}

int main(void)
{
	struct uvdk_pasid_space *space = NULL;
	struct uvdk_pasid_stats stats;

	memory = mmap(NULL, OWN * PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	EXPECT(!uvdk_pasid_space_create(NULL, &space));
	EXPECT(!uvdk_pasid_owner_create(space, 0, &owner));
	follow_flags = UVDK_SVA_NO_FOLLOW;
	all_at_once();
	race_for_the_end();
	close_in_child();
	follow_flags = 0;
	if (can_follow()) {
		all_at_once();
		if (SHARE_ALL)
			share_all();
	}
	EXPECT(!uvdk_pasid_get_stats(owner, &stats) && !stats.held);
	uvdk_pasid_owner_destroy(owner);
	uvdk_pasid_space_destroy(space);
	munmap(memory, OWN * PAGES * PAGE);

	return wrong != 0;
}
