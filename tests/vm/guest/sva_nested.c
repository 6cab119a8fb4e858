// SPDX-License-Identifier: BSD-3-Clause
/*
 * sva_nested BDF [BDF]: edu devices behind SMMUv3s take the process's own
 * pointers, by uvdk_sva_bind(). The second one is behind another SMMU.
 */
#include <fcntl.h>
#include <sys/wait.h>

#include <uvdk_sva.h>

#include "nest_edu.h"

#define CYCLES 1000
#define BUSY   100 /* every so many, since a transfer takes a while */

static struct uvdk_iommu *iommu;
static struct edu edu;

static struct uvdk_sva *bind_rid(struct uvdk_device *dev, unsigned int flags)
{
	struct uvdk_sva_opts opts = {
		.size = sizeof(opts), .backend = UVDK_SVA_NESTED, .flags = UVDK_SVA_RID | flags};
	struct uvdk_sva *sva = NULL;

	CHECK_EQ(uvdk_sva_bind(dev, &opts, &sva), 0);
	CHECK_EQ(uvdk_sva_pasid(sva), UVDK_PASID_RID);
	return sva;
}

static struct uvdk_sva_info info_of(struct uvdk_sva *sva)
{
	struct uvdk_sva_info info;

	uvdk_sva_get_info(sva, &info);
	return info;
}

static uint8_t *new_pages(unsigned int count, int value)
{
	uint8_t *p = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	CHECK(p != MAP_FAILED, "memory");
	memset(p, value, count * PAGE);
	return p;
}

/* What the device finds at an address it writes to another. */
static void device_copies(struct edu *e, void *dst, const void *src)
{
	edu_dma(e, EDU_BUFFER, (uintptr_t)src, 0);
	edu_dma(e, (uintptr_t)dst, EDU_BUFFER, EDU_TO_RAM);
}

static void pointers(struct uvdk_sva *sva)
{
	uint8_t on_stack[2 * EDU_BYTES];
	uint8_t *heap = malloc(3 * EDU_BYTES);
	int fd = open("/proc/self/exe", O_RDONLY);
	const uint8_t *file = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);

	CHECK(heap && file != MAP_FAILED, "memory");
	memset(heap, 0x11, 3 * EDU_BYTES);
	memset(on_stack, 0, sizeof(on_stack));
	CHECK_EQ(uvdk_sva_share(sva, heap, 3 * EDU_BYTES), 0);
	CHECK_EQ(uvdk_sva_share(sva, on_stack, sizeof(on_stack)), 0);
	CHECK_EQ(uvdk_sva_share(sva, file, PAGE), 0);
	CHECK(info_of(sva).shared >= 3 * PAGE, "%llu", (unsigned long long)info_of(sva).shared);

	device_copies(&edu, on_stack + 8, heap + 24);
	CHECK(arrived(on_stack + 8, 0x11), "from the heap to the stack");
	CHECK_EQ(on_stack[7], 0);
	CHECK_EQ(on_stack[8 + EDU_BYTES], 0);
	device_copies(&edu, heap + 16, file);
	CHECK(!memcmp(heap + 16, file, EDU_BYTES), "from the file to the heap");
	/* It may not write where the process may not. */
	edu_dma(&edu, (uintptr_t)file + 512, EDU_BUFFER, EDU_TO_RAM);
	CHECK(memcmp(file + 512, file, EDU_BYTES), "into the file");

	/* They are the caller's to give back: their addresses become others'. */
	CHECK_EQ(uvdk_sva_forget(sva, file, PAGE), 0);
	CHECK_EQ(uvdk_sva_forget(sva, heap, 3 * EDU_BYTES), 0);
	CHECK_EQ(uvdk_sva_forget(sva, on_stack, sizeof(on_stack)), 0);
	CHECK_EQ(info_of(sva).shared, 0);
	CHECK_EQ(info_of(sva).pinned, 0);
	munmap((void *)(uintptr_t)file, PAGE);
	close(fd);
	free(heap);
	printf("pointers: all good\n");
}

/* Pages of a run of pages go, and others come to the same address. */
static void freed(struct uvdk_sva *sva, bool follows)
{
	uint8_t *p = new_pages(4, 0x22), *seen = new_pages(1, 0);
	uint8_t *gone = p + PAGE;

	CHECK_EQ(uvdk_sva_share(sva, p, 4 * PAGE), 0);
	CHECK_EQ(uvdk_sva_share(sva, seen, PAGE), 0);
	device_copies(&edu, seen, gone);
	CHECK(arrived(seen, 0x22), "before");
	if (!follows)
		CHECK_EQ(uvdk_sva_forget(sva, gone, 2 * PAGE), 0);
	CHECK(mmap(gone, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		   -1, 0) == gone,
	      "memory");
	memset(gone, 0x33, 2 * PAGE);
	if (follows)
		CHECK_EQ(uvdk_sva_share(sva, seen, PAGE), 0); /* waits for what went before */
	CHECK_EQ(info_of(sva).shared, 3 * PAGE);
	edu_dma(&edu, (uintptr_t)gone, EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(gone, 0x33), "a late write arrived: 0x%x", *gone);
	/* Its neighbours are still there. */
	edu_dma(&edu, (uintptr_t)(p + 3 * PAGE), EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(p + 3 * PAGE, 0x22), "the page behind");
	/* Shared anew, it is the memory that is there now. */
	CHECK_EQ(uvdk_sva_share(sva, gone, 2 * PAGE), 0);
	device_copies(&edu, seen, gone);
	CHECK(arrived(seen, 0x33), "0x%x: not what is there now", *seen);
	CHECK_EQ(uvdk_sva_forget(sva, p, 4 * PAGE), 0);
	CHECK_EQ(uvdk_sva_forget(sva, seen, PAGE), 0);
	CHECK_EQ(info_of(sva).pinned, 0);
	munmap(p, 4 * PAGE);
	munmap(seen, PAGE);
	printf("%s: all good\n", follows ? "followed" : "freed");
}

static void read_only(struct uvdk_sva *sva)
{
	uint8_t *p = new_pages(2, 0x44), *other = new_pages(1, 0x55);

	CHECK_EQ(uvdk_sva_share(sva, p, 2 * PAGE), 0);
	CHECK_EQ(uvdk_sva_share(sva, other, PAGE), 0);
	device_copies(&edu, p, other);
	CHECK(arrived(p, 0x55), "before");
	CHECK_EQ(mprotect(p, PAGE, PROT_READ), 0);
	CHECK_EQ(uvdk_sva_sync(sva, p, 2 * PAGE), 0);
	memset(other, 0x66, PAGE);
	device_copies(&edu, p, other);
	CHECK(arrived(p, 0x55), "written although it is read-only");
	device_copies(&edu, p + PAGE, p);
	CHECK(arrived(p + PAGE, 0x55), "reading goes on");
	CHECK_EQ(mprotect(p, PAGE, PROT_READ | PROT_WRITE), 0);
	CHECK_EQ(uvdk_sva_sync(sva, p, PAGE), 0);
	device_copies(&edu, p, other);
	CHECK(arrived(p, 0x66), "writable again");
	CHECK_EQ(uvdk_sva_forget(sva, p, 2 * PAGE), 0);
	CHECK_EQ(uvdk_sva_forget(sva, other, PAGE), 0);
	munmap(p, 2 * PAGE);
	munmap(other, PAGE);
	printf("read-only: all good\n");
}

/* The child's memory is its own; the parent's goes on. */
static void forks(struct uvdk_sva *sva)
{
	uint8_t *p = new_pages(1, 0x77), *other = new_pages(1, 0x88);
	int go[2], status;
	pid_t child;
	char c;

	CHECK_EQ(uvdk_sva_share(sva, p, PAGE), 0);
	CHECK_EQ(uvdk_sva_share(sva, other, PAGE), 0);
	CHECK_EQ(pipe(go), 0);
	child = fork();
	CHECK(child >= 0, "fork");
	if (!child) {
		if (read(go[0], &c, 1) != 1 || !arrived(p, 0x77))
			_exit(1);
		memset(p, 0x99, PAGE);
		_exit(uvdk_sva_share(sva, p, PAGE) == -EPERM ? 0 : 2);
	}
	device_copies(&edu, p, other);
	CHECK_EQ(write(go[1], "", 1), 1);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	CHECK(arrived(p, 0x88), "the parent's");
	close(go[0]);
	close(go[1]);
	CHECK_EQ(uvdk_sva_forget(sva, p, PAGE), 0);
	CHECK_EQ(uvdk_sva_forget(sva, other, PAGE), 0);
	munmap(p, PAGE);
	munmap(other, PAGE);
	printf("fork: all good\n");
}

/* The device may be in the middle of a write when it is unbound. */
static void cycles(void)
{
	uint8_t *p = new_pages(1, 0);
	unsigned int fds = 0;

	for (unsigned int i = 0; i < CYCLES; i++) {
		struct uvdk_sva *sva = bind_rid(edu.dev, UVDK_SVA_NO_FOLLOW);

		CHECK_EQ(uvdk_sva_share(sva, p, PAGE), 0);
		if (i % BUSY == 0)
			edu_start(&edu, (uintptr_t)p, EDU_BUFFER, EDU_TO_RAM);
		CHECK_EQ(uvdk_sva_unbind(sva), 0);
		if (i % BUSY == 0) {
			memset(p, 0xcc, PAGE);
			edu_wait(&edu);
			CHECK(arrived(p, 0xcc), "written after it was unbound");
		}
		if (!i)
			fds = count_fds();
	}
	CHECK_EQ(count_fds(), fds);
	munmap(p, PAGE);
	printf("cycles: all good\n");
}

static void refused(void)
{
	struct uvdk_sva_opts opts = {.size = sizeof(opts), .backend = UVDK_SVA_NESTED};
	struct uvdk_pasid_space *space;
	struct uvdk_sva *sva = NULL;

	CHECK_EQ(uvdk_pasid_space_create(NULL, &space), 0);
	CHECK_EQ(uvdk_pasid_owner_create(space, 0, &opts.owner), 0);
	CHECK_ERR(uvdk_sva_bind(edu.dev, &opts, &sva), -EOPNOTSUPP);
	CHECK(strstr(uvdk_last_error(), "PASID"), "%s", uvdk_last_error());
	uvdk_pasid_owner_destroy(opts.owner);
	uvdk_pasid_space_destroy(space);
	printf("refused: all good\n");
}

static unsigned long pinned_kb(void)
{
	unsigned long kb = 0;
	char line[128];
	FILE *f = fopen("/proc/self/status", "r");

	CHECK(f, "status");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmPin: %lu", &kb) == 1)
			break;
	fclose(f);
	return kb;
}

/* Two devices on two SMMUs over one second stage: memory is pinned once. */
static void two(const char *bdf)
{
	uint8_t *p = new_pages(1024, 0xdd), *other = new_pages(1, 0);
	struct uvdk_sva *a, *b;
	struct edu second;
	unsigned long before, once;

	edu_open(&second, iommu, bdf);
	a = bind_rid(edu.dev, UVDK_SVA_NO_FOLLOW);
	b = bind_rid(second.dev, UVDK_SVA_NO_FOLLOW);
	before = pinned_kb();
	CHECK_EQ(uvdk_sva_share(a, p, 1024 * PAGE), 0);
	once = pinned_kb();
	CHECK(once >= before + 4096, "%lu kB, before %lu kB", once, before);
	CHECK_EQ(uvdk_sva_share(b, p, 1024 * PAGE), 0);
	CHECK_EQ(pinned_kb(), once);
	CHECK_EQ(info_of(a).pinned, info_of(b).pinned);
	CHECK_EQ(uvdk_sva_share(b, other, PAGE), 0);
	edu_start(&edu, EDU_BUFFER, (uintptr_t)p, 0);
	device_copies(&second, other, p + 1023 * PAGE);
	CHECK(arrived(other, 0xdd), "the second");
	edu_wait(&edu);
	/* One lets go: the other has it still. */
	CHECK_EQ(uvdk_sva_unbind(a), 0);
	memset(other, 0, PAGE);
	device_copies(&second, other, p);
	CHECK(arrived(other, 0xdd), "the second, alone");
	CHECK_EQ(uvdk_sva_unbind(b), 0);
	uvdk_device_close(second.dev);
	munmap(p, 1024 * PAGE);
	munmap(other, PAGE);
	printf("two: all good\n");
}

static void one(void)
{
	struct uvdk_sva_opts opts = {.size = sizeof(opts),
				     .backend = UVDK_SVA_NESTED,
				     .flags = UVDK_SVA_RID | UVDK_SVA_NO_FOLLOW};
	struct uvdk_sva *sva = bind_rid(edu.dev, UVDK_SVA_NO_FOLLOW), *twice = NULL;

	CHECK_ERR(uvdk_sva_bind(edu.dev, &opts, &twice), -EBUSY);
	pointers(sva);
	freed(sva, false);
	read_only(sva);
	forks(sva);
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
	CHECK_ERR(uvdk_sva_unbind(sva), -EINVAL);
	sva = bind_rid(edu.dev, 0);
	freed(sva, true);
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
	cycles();
	refused();
}

int main(int argc, char **argv)
{
	unsigned int fds = count_fds();

	if (argc < 2)
		return 2;
	CHECK_EQ(uvdk_iommu_open("iommufd", NULL, &iommu), 0);
	edu_open(&edu, iommu, argv[1]);
	if (argc > 2)
		two(argv[2]);
	else
		one();
	uvdk_device_close(edu.dev);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	return 0;
}
