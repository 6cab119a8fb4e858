// SPDX-License-Identifier: BSD-3-Clause
/*
 * sva_copier BDF BACKEND CYCLES [rid]: the function with PASIDs takes pointers of
 * this process: of the heap, the stack and a file. What is freed faults and changes
 * nothing, also where other memory is now; a fork in the middle; cycles of binding
 * and unbinding while the device is busy.
 */
#include <malloc.h>
#include <sys/wait.h>

#include <uvdk_follow.h>
#include <uvdk_sva.h>

#include "pasid_copy.h"

#define LEN	  (256u * PAGE)
#define BYSTANDER 1000 /* keeps PASIDs enabled when ours is detached */
#define SLOW	  300  /* us a page */

static struct copier copier;
static struct uvdk_pasid_space *space;
static struct uvdk_sva_opts opts = {.size = sizeof(opts)};

static const struct {
	const char *name;
	enum uvdk_sva_backend id;
} backends[] = {{"auto", UVDK_SVA_AUTO},
		{"nested", UVDK_SVA_NESTED},
		{"demand", UVDK_SVA_DEMAND},
		{"pinned", UVDK_SVA_PINNED}};

static struct uvdk_sva *bind_new(void)
{
	struct uvdk_sva *sva = NULL;

	CHECK_EQ(uvdk_sva_bind(copier.dev, &opts, &sva), 0);
	return sva;
}

static uint32_t tag_of(const struct uvdk_sva *sva)
{
	uint32_t pasid = uvdk_sva_pasid(sva);

	return pasid == UVDK_PASID_RID ? 0 : pasid | COPY_TAGGED;
}

static uint32_t start(struct uvdk_sva *sva, void *dst, const void *src, size_t len)
{
	return copier_submit(&copier, 0, tag_of(sva), (uintptr_t)dst, (uintptr_t)src, len);
}

static enum copy_status copy(struct uvdk_sva *sva, void *dst, const void *src, size_t len)
{
	uint32_t index = start(sva, dst, src, len);

	copier_wait(&copier, 0);
	return copier_result(&copier, 0, index).status;
}

static bool filled(const void *mem, size_t len, int with)
{
	const uint8_t *at = mem;

	for (size_t i = 0; i < len; i++)
		if (at[i] != with)
			return false;
	return true;
}

static struct uvdk_sva_info info_of(struct uvdk_sva *sva)
{
	struct uvdk_sva_info info;

	uvdk_sva_get_info(sva, &info);
	return info;
}

static void *map_at(void *at, size_t len, int fill)
{
	void *mem = mmap(at, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0), -1, 0);

	CHECK(mem != MAP_FAILED && (!at || mem == at), "memory");
	memset(mem, fill, len);
	return mem;
}

/* ---- pointers as they are ---- */

static void share(struct uvdk_sva *sva, const void *mem, size_t len)
{
	CHECK_EQ(uvdk_sva_share(sva, mem, len), 0);
}

static void pointers(void)
{
	struct uvdk_sva *sva = bind_new();
	char stack[64] = "", *heap = malloc(LEN), *small = malloc(64);
	int fd = memfd_create("sva", MFD_CLOEXEC);
	char *file, *constant;

	CHECK(heap && small && fd >= 0 && !ftruncate(fd, PAGE), "memory");
	file = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	constant = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(file != MAP_FAILED && constant != MAP_FAILED, "memory");
	memset(heap, 0, LEN);
	strcpy(small, "from the heap");
	share(sva, heap, LEN);
	share(sva, small, 64);
	share(sva, stack, sizeof(stack));
	share(sva, file, PAGE);
	share(sva, constant, PAGE);
	CHECK_EQ(copy(sva, heap + LEN - 64, small, 64), COPY_DONE);
	CHECK_EQ(copy(sva, file + 100, heap + LEN - 64, 64), COPY_DONE);
	CHECK_EQ(copy(sva, stack, constant + 100, 64), COPY_DONE);
	CHECK(!strcmp(stack, "from the heap"), "%s", stack);
	CHECK_EQ(copy(sva, constant, small, 64), COPY_WRITE_FAULT);
	CHECK(!*constant, "a read-only mapping was written");
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
	CHECK_EQ(uvdk_sva_unbind(sva), -EINVAL);
	munmap(file, PAGE);
	munmap(constant, PAGE);
	close(fd);
	free(small);
	free(heap);
	printf("  pointers: all good\n");
}

/* ---- what is freed ---- */

static void freed(void)
{
	struct uvdk_sva *sva = bind_new();
	uint8_t *other = map_at(NULL, PAGE, 0x11), *block = malloc(LEN), *page;

	CHECK(block, "memory");
	share(sva, other, PAGE);
	share(sva, block, LEN);
	CHECK_EQ(copy(sva, block, other, PAGE), COPY_DONE);
	page = (uint8_t *)((uintptr_t)(block + LEN / 2) & ~(uintptr_t)(PAGE - 1));
	free(block); /* of a mapping of its own */
	uvdk_follow_flush();
	CHECK_EQ(copy(sva, other, page, PAGE), COPY_READ_FAULT);
	map_at(page, PAGE, 0x77);
	CHECK_EQ(copy(sva, other, page, PAGE), COPY_READ_FAULT);
	CHECK_EQ(copy(sva, page, other, PAGE), COPY_WRITE_FAULT);
	CHECK(filled(page, PAGE, 0x77) && filled(other, PAGE, 0x11), "changed");
	CHECK(info_of(sva).lost >= LEN, "lost");
	munmap(page, PAGE);
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
	munmap(other, PAGE);
	printf("  freed: all good\n");
}

/*
 * The device writes all the time; the pages go meanwhile, and whoever gets them
 * next finds them empty, and they stay so.
 */
static void freed_while_written(void)
{
	struct uvdk_sva *sva = bind_new();
	uint8_t *source = map_at(NULL, 64 * PAGE, 0x5a);
	unsigned int faulted = 0;

	share(sva, source, 64 * PAGE);
	copier_set_pace(&copier, 20);
	for (int round = 0; round < 30; round++) {
		uint8_t *mem = map_at(NULL, 64 * PAGE, 0), *next;
		uint32_t index = 0;

		share(sva, mem, 64 * PAGE);
		for (int i = 0; i < 16; i++)
			index = start(sva, mem, source, 64 * PAGE);
		while (!*(volatile uint8_t *)(mem + PAGE) && !copier_idle(&copier, 0))
			;
		if (round % 2)
			munmap(mem, 64 * PAGE);
		else
			CHECK_EQ(madvise(mem, 64 * PAGE, MADV_DONTNEED), 0);
		next = pages_new(1024 * PAGE);
		copier_wait(&copier, 0);
		faulted += copier_result(&copier, 0, index).status == COPY_WRITE_FAULT;
		CHECK(filled(next, 1024 * PAGE, 0),
		      "round %d: a page was written after it was freed", round);
		munmap(next, 1024 * PAGE);
		if (round % 2 == 0) {
			CHECK(filled(mem, 64 * PAGE, 0), "round %d: written", round);
			munmap(mem, 64 * PAGE);
		}
	}
	CHECK(faulted, "the device was never busy");
	copier_set_pace(&copier, 0);
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
	munmap(source, 64 * PAGE);
	printf("  written meanwhile: %u of 30 faulted: all good\n", faulted);
}

/*
 * Of a piece given up in part, copies in flight in the rest are not lost, where the
 * device tries again: see uvdk_hwpt_replace() about VT-d.
 */
static void freed_in_part(void)
{
	struct uvdk_sva *sva = bind_new();
	uint8_t *mem = map_at(NULL, LEN, 0), *half = mem + LEN / 2;
	struct copy_result r;
	uint32_t index;

	memset(mem, 0x33, 16 * PAGE);
	share(sva, mem, LEN);
	copier_set_pace(&copier, SLOW);
	for (int i = 0; i < 20; i++) {
		index = copier_submit(&copier, 0, tag_of(sva) | COPY_INSIST,
				      (uintptr_t)(mem + 32 * PAGE), (uintptr_t)mem, 16 * PAGE);
		munmap(half + 4 * i * PAGE, PAGE);
		uvdk_follow_flush();
		copier_wait(&copier, 0);
		r = copier_result(&copier, 0, index);
		CHECK(r.status == COPY_DONE, "round %d: status %u at 0x%" PRIx64 ", fault %u", i,
		      r.status, r.addr, r.fault);
		CHECK(filled(mem + 32 * PAGE, 16 * PAGE, 0x33), "round %d", i);
		memset(mem + 32 * PAGE, 0, 16 * PAGE);
	}
	copier_set_pace(&copier, 0);
	for (int i = 0; i < 20; i++) {
		map_at(half + 4 * i * PAGE, PAGE, 0x77);
		CHECK_EQ(copy(sva, half + 4 * i * PAGE, mem, PAGE), COPY_WRITE_FAULT);
		CHECK(filled(half + 4 * i * PAGE, PAGE, 0x77), "written");
		CHECK_EQ(copy(sva, half + (4 * i + 1) * PAGE, mem, PAGE), COPY_DONE);
	}
	CHECK_EQ(info_of(sva).lost, 20 * PAGE);
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
	munmap(mem, LEN);
	printf("  in part: all good\n");
}

static void protected(void)
{
	struct uvdk_sva *sva = bind_new();
	uint8_t *mem = map_at(NULL, 16 * PAGE, 0x44);

	share(sva, mem, 16 * PAGE);
	CHECK_EQ(mprotect(mem + 4 * PAGE, 4 * PAGE, PROT_READ), 0);
	CHECK_EQ(uvdk_sva_sync(sva, mem, 16 * PAGE), 0);
	CHECK_EQ(copy(sva, mem + 4 * PAGE, mem, PAGE), COPY_WRITE_FAULT);
	CHECK_EQ(copy(sva, mem, mem + 4 * PAGE, PAGE), COPY_DONE);
	CHECK_EQ(copy(sva, mem + 9 * PAGE, mem, PAGE), COPY_DONE);
	CHECK_EQ(mprotect(mem + 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE), 0);
	CHECK_EQ(uvdk_sva_sync(sva, mem, 16 * PAGE), 0);
	CHECK_EQ(copy(sva, mem + 4 * PAGE, mem, PAGE), COPY_DONE);
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
	munmap(mem, 16 * PAGE);
	printf("  protected: all good\n");
}

/* ---- fork ---- */

static int child(struct uvdk_sva *sva, uint8_t *mem)
{
	if (uvdk_sva_share(sva, mem, PAGE) != -EPERM || uvdk_sva_unbind(sva) != -EPERM)
		return 1;
	memset(mem, 0xcc, LEN);
	munmap(mem, LEN / 2);

	return 0;
}

static void forked(void)
{
	struct uvdk_sva *sva = bind_new();
	uint8_t *from = map_at(NULL, LEN, 0x22), *to = map_at(NULL, LEN, 0);
	int status;
	pid_t pid;

	share(sva, from, LEN);
	share(sva, to, LEN);
	copier_set_pace(&copier, SLOW);
	start(sva, to, from, LEN);
	pid = fork();
	CHECK(pid >= 0, "fork");
	if (!pid)
		_exit(child(sva, to));
	memset(from + LEN / 2, 0x22, LEN / 2); /* the child has copies, not we */
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	copier_wait(&copier, 0);
	copier_set_pace(&copier, 0);
	CHECK(filled(to, LEN, 0x22), "what the device wrote is not what we see");
	memset(from, 0x23, LEN);
	CHECK_EQ(copy(sva, to, from, LEN), COPY_DONE);
	CHECK(filled(to, LEN, 0x23), "what we wrote is not what the device sees");
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
	munmap(from, LEN);
	munmap(to, LEN);
	printf("  fork: all good\n");
}

/* ---- cycles ---- */

/* kB that are pinned or locked for this process. */
static long pinned_kb(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	long kb = 0, n;

	CHECK(f, "status");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmPin: %ld", &n) == 1 || sscanf(line, "VmLck: %ld", &n) == 1)
			kb += n;
	fclose(f);
	return kb;
}

static void cycle(uint8_t *from, uint8_t *to, unsigned int round)
{
	struct uvdk_sva *sva = bind_new();

	share(sva, from, 16 * PAGE);
	share(sva, to, 16 * PAGE);
	while (copier.tail[0] - (uint32_t)copier_read(&copier, 0x104, 4) > COPY_SLOTS - 4)
		;
	for (int i = 0; i < 4; i++)
		start(sva, to, from, 16 * PAGE);
	/* Some have begun by then, and some have not. */
	for (unsigned int i = 0; i < round % 8; i++)
		copier_read(&copier, 0x104, 4);
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
	memset(to, 0x66, 16 * PAGE);
}

static void cycles(unsigned int count)
{
	uint8_t *from = map_at(NULL, 16 * PAGE, 0x55), *to = map_at(NULL, 16 * PAGE, 0);
	unsigned int fds = count_fds();
	struct uvdk_pasid_stats stats;
	long kb = pinned_kb();

	copier_set_pace(&copier, 20);
	for (unsigned int i = 0; i < count; i++)
		cycle(from, to, i);
	CHECK_EQ(count_fds(), fds);
	CHECK_EQ(pinned_kb(), kb);
	if (opts.owner) {
		CHECK_EQ(uvdk_pasid_get_stats(opts.owner, &stats), 0);
		CHECK_EQ(stats.held, 0);
	}
	copier_wait(&copier, 0);
	copier_set_pace(&copier, 0);
	munmap(from, 16 * PAGE);
	munmap(to, 16 * PAGE);
	printf("  %u cycles: all good\n", count);
}

static void open_owner(void)
{
	struct uvdk_pasid_space_opts space_opts = {.size = sizeof(space_opts)};
	struct uvdk_iommu_info info;

	CHECK_EQ(uvdk_iommu_get_info(copier.dev, &info), 0);
	space_opts.width = info.pasid_bits;
	CHECK_EQ(uvdk_pasid_space_create(&space_opts, &space), 0);
	CHECK_EQ(uvdk_pasid_owner_create(space, 0, &opts.owner), 0);
}

int main(int argc, char **argv)
{
	unsigned int fds = count_fds();
	struct uvdk_ioas *empty;

	if (argc < 4)
		return 2;
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
		if (!strcmp(argv[2], backends[i].name))
			opts.backend = backends[i].id;
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Or the allocator keeps large blocks once one was freed: they stay the process's. */
	mallopt(M_MMAP_THRESHOLD, LEN / 2);
	copier_open(&copier, argv[1]);
	CHECK_EQ(uvdk_ioas_create(copier.iommu, NULL, &empty), 0);
	if (argc > 4)
		opts.flags |= UVDK_SVA_RID;
	else
		open_owner();
	CHECK_EQ(uvdk_ioas_attach_pasid(empty, copier.dev, BYSTANDER), 0);

	pointers();
	freed();
	freed_in_part();
	freed_while_written();
	protected();
	forked();
	cycles((unsigned int)atoi(argv[3]));

	uvdk_pasid_owner_destroy(opts.owner);
	uvdk_pasid_space_destroy(space);
	uvdk_ioas_destroy(empty);
	copier_close(&copier);
	CHECK_EQ(count_fds(), fds);
	printf("  sva_copier %s: all good\n", argv[2]);
	return 0;
}
