// SPDX-License-Identifier: BSD-3-Clause
/*
 * sva_kernel BDF SCENE: a device that walks the CPU's tables, given plain pointers. It can't ask
 * for pages: what it is to read has been read by the CPU, what it is to write has been written.
 */
#include <fcntl.h>

#include "sva_kernel.h"

#define LEN  (5 * PAGE + 123) /* no multiple of anything */
#define MANY 64

struct copier copier;
const char *bdf;

/* ---- copy: memory of all kinds ---- */

static void copy_between(uint32_t tag, const char *what, unsigned char *dst, unsigned char *src)
{
	static unsigned int seed;
	struct copy_result r;

	fill(src, LEN, ++seed);
	memset(dst, 0, LEN);
	r = sva_copy(tag, dst, src, LEN);
	CHECK_COPY(what, r, COPY_DONE, 0);
	expect_filled(dst, LEN, seed);
	expect_filled(src, LEN, seed);
	printf("  %s: %u bytes from %p to %p\n", what, LEN, (void *)src, (void *)dst);
}

/* A mapping of a file, and what the file holds once the device has written. */
static void copy_file(uint32_t tag, unsigned char *heap)
{
	int fd = open("/tmp/sva", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	unsigned char *back = malloc(LEN);
	unsigned char *file;

	CHECK(fd >= 0 && back && !ftruncate(fd, LEN), "a file");
	file = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(file != MAP_FAILED, "a mapping");
	copy_between(tag, "from a file", heap, file);
	copy_between(tag, "to a file", file, heap);
	CHECK_EQ(pread(fd, back, LEN, 0), LEN);
	CHECK(!memcmp(back, heap, LEN), "the file holds something else");
	munmap(file, LEN);
	free(back);
	close(fd);
	unlink("/tmp/sva");
}

static void scene_copy(void)
{
	static unsigned char global[LEN];
	unsigned char stack[LEN];
	struct uvdk_sva *sva = sva_join(&copier);
	unsigned char *heap = malloc((size_t)2 * LEN);
	struct uvdk_sva_info info;
	uint32_t tag = sva_tag(sva);

	CHECK(heap, "memory");
	uvdk_sva_get_info(sva, &info);
	CHECK(info.backend == UVDK_SVA_KERNEL && !strcmp(info.name, "kernel"), "%s", info.name);
	CHECK(info.follows == 15, "follows 0x%x", info.follows);
	copy_between(tag, "malloc", heap + LEN, heap);
	copy_between(tag, "to the stack", stack, heap);
	copy_between(tag, "from the stack", heap, stack);
	copy_between(tag, "to a global", global, stack);
	copy_file(tag, heap);
	CHECK_EQ(uvdk_sva_share(sva, heap, LEN), 0);
	CHECK_EQ(uvdk_sva_forget(sva, heap, LEN), 0);
	copy_between(tag, "shared and forgotten", heap + LEN, heap);
	uvdk_sva_get_info(sva, &info);
	CHECK(!info.shared && !info.pinned, "%" PRIu64 " pinned", info.pinned);
	free(heap);
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
}

/* ---- absent: pages that nobody has touched ---- */

static void scene_absent(void)
{
	struct uvdk_sva *sva = sva_join(&copier);
	unsigned char *src = pages_new(PAGE), *dst;
	uint32_t tag = sva_tag(sva);

	dst = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(dst != MAP_FAILED, "memory");
	fill(src, PAGE, 1);
	CHECK_COPY("read", sva_copy(tag, src, dst, PAGE), COPY_READ_FAULT, NOT_PRESENT);
	CHECK_COPY("write", sva_copy(tag, dst, src, PAGE), COPY_WRITE_FAULT, NOT_PRESENT);
	expect_filled(src, PAGE, 1);
	CHECK_EQ(*(volatile unsigned char *)dst, 0);
	/* Now it is the page of zeroes, which nobody may write. */
	CHECK_COPY("write", sva_copy(tag, dst, src, PAGE), COPY_WRITE_FAULT, READ_ONLY);
	CHECK_EQ(*(volatile unsigned char *)dst, 0);
	*(volatile unsigned char *)dst = 0;
	CHECK_COPY("write", sva_copy(tag, dst, src, PAGE), COPY_DONE, 0);
	expect_filled(dst, PAGE, 1);
	printf("  a page not touched: faults; read: read-only; written: all\n");
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
}

/* ---- unmap: what is given up is lost to the device ---- */

/* Where nothing of what is given up lies: takes its pages, when there are free ones. */
static unsigned char *other;

/* Nothing the device does there changes what now has those pages. */
static void late(uint32_t tag, const char *what, unsigned char *gone, unsigned char *src)
{
	fill(other, (size_t)8 * MANY * PAGE, 7);
	CHECK_COPY(what, sva_copy(tag, gone, src, PAGE), COPY_WRITE_FAULT, NOT_PRESENT);
	CHECK_COPY(what, sva_copy(tag, gone + (size_t)(MANY - 1) * PAGE, src, PAGE),
		   COPY_WRITE_FAULT, NOT_PRESENT);
	CHECK_COPY(what, sva_copy(tag, src, gone, PAGE), COPY_READ_FAULT, NOT_PRESENT);
	expect_filled(other, (size_t)8 * MANY * PAGE, 7);
	expect_filled(src, PAGE, 3);
	CHECK_EQ(madvise(other, (size_t)8 * MANY * PAGE, MADV_DONTNEED), 0);
	printf("  %s: the device has lost it, and reaches nobody else's\n", what);
}

static void reach(uint32_t tag, const char *what, unsigned char *mem, unsigned char *src)
{
	CHECK_COPY(what, sva_copy(tag, mem + PAGE, src, PAGE), COPY_DONE, 0);
	expect_filled(mem + PAGE, PAGE, 3);
}

static void force_master(void)
{
	uint8_t command = UVDK_PCI_COMMAND_MEMORY | UVDK_PCI_COMMAND_MASTER;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", bdf);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0 && pwrite(fd, &command, 1, 4) == 1, "%s", path);
	close(fd);
}

static void scene_unmap(void)
{
	size_t len = (size_t)MANY * PAGE;
	struct uvdk_sva *sva = sva_join(&copier);
	unsigned char *src = pages_new(PAGE), *mem = pages_new(len), *moved = pages_new(len);
	unsigned char *volatile freed;
	uint32_t index;
	uint32_t tag = sva_tag(sva);

	other = pages_new((size_t)8 * MANY * PAGE);
	CHECK_EQ(madvise(other, (size_t)8 * MANY * PAGE, MADV_DONTNEED), 0);
	fill(src, PAGE, 3);
	reach(tag, "before", mem, src);
	CHECK_EQ(madvise(mem, len, MADV_DONTNEED), 0);
	late(tag, "MADV_DONTNEED", mem, src);
	memset(mem, 0, len);
	reach(tag, "after MADV_DONTNEED", mem, src);

	moved = mremap(mem, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, moved);
	CHECK(moved != MAP_FAILED, "mremap");
	late(tag, "mremap()", mem, src);
	reach(tag, "where it has gone", moved, src);
	CHECK_EQ(munmap(moved, len), 0);
	late(tag, "munmap()", moved, src);

	moved = mmap(moved, len, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_FIXED, -1, 0);
	CHECK(moved != MAP_FAILED, "mmap");
	reach(tag, "mapped anew", moved, src);
	munmap(moved, len);

	mem = malloc(16 * len); /* so much that free() gives it to the kernel */
	CHECK(mem, "memory");
	memset(mem, 1, 16 * len); /* 0 would become calloc(), which touches nothing */
	reach(tag, "malloc", mem, src);
	freed = mem;
	free(mem);
	late(tag, "free()", freed, src);
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
	/* It stands still; and if bus master came on behind our back, there is no PASID. */
	index = copier_submit(&copier, 0, tag, (uintptr_t)src, (uintptr_t)src, PAGE);
	CHECK(!copier_idle(&copier, 0), "the device is not kept from memory");
	force_master();
	copier_wait(&copier, 0);
	CHECK_COPY("unbound", copier_result(&copier, 0, index), COPY_READ_FAULT, NO_PASID);
}

/* ---- protect ---- */

static void scene_protect(void)
{
	struct uvdk_sva *sva = sva_join(&copier);
	unsigned char *src = pages_new(PAGE), *mem = pages_new(PAGE);
	uint32_t tag = sva_tag(sva);

	fill(src, PAGE, 3);
	fill(mem, PAGE, 4);
	CHECK_EQ(mprotect(mem, PAGE, PROT_READ), 0);
	CHECK_COPY("read-only", sva_copy(tag, mem, src, PAGE), COPY_WRITE_FAULT, READ_ONLY);
	expect_filled(mem, PAGE, 4);
	CHECK_COPY("read-only", sva_copy(tag, src, mem, PAGE), COPY_DONE, 0);
	expect_filled(src, PAGE, 4);
	CHECK_EQ(mprotect(mem, PAGE, PROT_NONE), 0);
	CHECK(sva_copy(tag, src, mem, PAGE).status == COPY_READ_FAULT, "PROT_NONE is read");
	CHECK(sva_copy(tag, mem, src, PAGE).status == COPY_WRITE_FAULT, "PROT_NONE is written");
	CHECK_EQ(mprotect(mem, PAGE, PROT_READ | PROT_WRITE), 0);
	expect_filled(mem, PAGE, 4);
	*(volatile unsigned char *)mem = 0;
	fill(src, PAGE, 5);
	CHECK_COPY("writable", sva_copy(tag, mem, src, PAGE), COPY_DONE, 0);
	expect_filled(mem, PAGE, 5);
	printf("  mprotect(): followed each time\n");
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
}

static const struct {
	const char *name;
	void (*fn)(void);
} scenes[] = {
	{"copy", scene_copy},	    {"absent", scene_absent}, {"unmap", scene_unmap},
	{"protect", scene_protect}, {"cycles", scene_cycles}, {"fork", scene_fork},
	{"hold", scene_hold},	    {"refuse", scene_refuse},
};

int main(int argc, char **argv)
{
	unsigned int fds = count_fds();

	if (argc != 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	bdf = argv[1];
	sva_open(&copier, bdf);
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		if (strcmp(scenes[i].name, argv[2]) != 0)
			continue;
		scenes[i].fn();
		copier_close(&copier);
		CHECK_EQ(count_fds(), fds);
		printf("  %s: all good\n", argv[2]);
		return 0;
	}

	return 2;
}
