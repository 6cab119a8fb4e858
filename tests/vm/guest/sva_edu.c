// SPDX-License-Identifier: BSD-3-Clause
/*
 * sva_edu BDF BACKEND: QEMU's edu, a device of one tenant and without PASIDs, takes
 * pointers of this process, of the heap, the stack and a file. What is freed is
 * neither read nor written, also where other memory is now.
 */
#include <uvdk_follow.h>
#include <uvdk_sva.h>

#include "nest_edu.h"

#define LEN (64 * PAGE)

static struct edu edu;
static struct uvdk_sva *sva;

static void move(void *dst, const void *src)
{
	edu_start(&edu, EDU_BUFFER, (uintptr_t)src, 0);
	edu_wait(&edu);
	edu_start(&edu, (uintptr_t)dst, EDU_BUFFER, EDU_TO_RAM);
	edu_wait(&edu);
}

static void share(const void *mem, size_t len)
{
	CHECK_EQ(uvdk_sva_share(sva, mem, len), 0);
}

static bool filled(const uint8_t *at, size_t len, int with)
{
	for (size_t i = 0; i < len; i++)
		if (at[i] != with)
			return false;
	return true;
}

static void pointers(uint8_t *heap)
{
	char stack[EDU_BYTES] = "on the stack";
	int fd = memfd_create("sva", MFD_CLOEXEC);
	char *file;

	CHECK(fd >= 0 && !ftruncate(fd, PAGE), "memfd");
	file = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(file != MAP_FAILED, "memfd");
	share(heap, LEN);
	share(stack, sizeof(stack));
	share(file, PAGE);
	move(heap + 100, stack);
	move(file, heap + 100);
	strcpy(stack, "");
	move(stack, file);
	CHECK(!strcmp(stack, "on the stack"), "%s", stack);
	CHECK(!strcmp(file, "on the stack"), "%s", file);
	munmap(file, PAGE);
	close(fd);
	printf("  pointers: all good\n");
}

static void freed(uint8_t *heap)
{
	uint8_t *page = (uint8_t *)(((uintptr_t)heap + LEN / 2) & ~(uintptr_t)(PAGE - 1));
	uint8_t *other = malloc(EDU_BYTES);
	struct uvdk_sva_info info;

	CHECK(other, "memory");
	memset(other, 0x11, EDU_BYTES);
	share(other, EDU_BYTES);
	free(heap);
	uvdk_follow_flush();
	CHECK(mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == page,
	      "memory");
	memset(page, 0x77, PAGE);
	move(page, other);
	CHECK(filled(page, PAGE, 0x77), "written after it was freed");
	/* What it could not read is not what is there. */
	edu_start(&edu, EDU_BUFFER, (uintptr_t)other, 0);
	edu_wait(&edu);
	edu_start(&edu, EDU_BUFFER, (uintptr_t)page, 0);
	edu_wait(&edu);
	edu_start(&edu, (uintptr_t)other, EDU_BUFFER, EDU_TO_RAM);
	edu_wait(&edu);
	CHECK(other[0] != 0x77, "read after it was freed");
	uvdk_sva_get_info(sva, &info);
	CHECK(info.lost >= LEN, "lost");
	munmap(page, PAGE);
	free(other);
	printf("  freed: all good\n");
}

int main(int argc, char **argv)
{
	struct uvdk_sva_opts opts = {.size = sizeof(opts), .flags = UVDK_SVA_RID};
	unsigned int fds = count_fds();
	struct uvdk_sva *second = NULL;
	struct uvdk_sva_info info;
	struct uvdk_iommu *iommu;
	uint8_t *heap = malloc(LEN);

	if (argc != 3 || !heap)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	opts.backend = strcmp(argv[2], "pinned") ? UVDK_SVA_AUTO : UVDK_SVA_PINNED;
	CHECK_EQ(uvdk_iommu_open("iommufd", NULL, &iommu), 0);
	edu_open(&edu, iommu, argv[1]);
	CHECK_EQ(uvdk_sva_bind(edu.dev, &opts, &sva), 0);
	CHECK_ERR(uvdk_sva_bind(edu.dev, &opts, &second), -EBUSY);
	uvdk_sva_get_info(sva, &info);
	pointers(heap);
	freed(heap);
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
	CHECK_ERR(uvdk_sva_unbind(sva), -EINVAL);
	uvdk_device_close(edu.dev);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	printf("  sva_edu %s: all good\n", info.name);
	return 0;
}
