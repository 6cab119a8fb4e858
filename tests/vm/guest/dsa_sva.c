// SPDX-License-Identifier: BSD-3-Clause
/*
 * dsa_sva BDF: a channel of a DSA takes pointers of this process: of the heap, the stack
 * and a file. What is freed is a fault, also where other memory is now.
 */
#include <uvdk_follow.h>
#include <uvdk_sva.h>

#include "dsa_guest.h"

#define PAGE ((size_t)4096)
#define LEN  (64 * PAGE)

static struct dsa_guest g;
static struct uvdk_sva *sva;
static struct uvdk_dmadev_chan *chan;

static struct uvdk_dmadev_result copy(void *dst, const void *src, size_t len)
{
	int number =
		uvdk_dmadev_copy(chan, (uintptr_t)dst, (uintptr_t)src, len, UVDK_DMADEV_SUBMIT);

	CHECK(number >= 0, "%d", number);

	return dsa_guest_wait(chan);
}

static void move(void *dst, const void *src, size_t len)
{
	struct uvdk_dmadev_result r = copy(dst, src, len);

	CHECK(r.status == UVDK_DMADEV_OK, "status %u, code 0x%02x", r.status, r.code);
}

static void share(const void *mem, size_t len)
{
	CHECK_EQ(uvdk_sva_share(sva, mem, len), 0);
}

static void pointers(char *heap)
{
	char stack[64] = "on the stack";
	int fd = memfd_create("sva", MFD_CLOEXEC);
	char *file;

	CHECK(fd >= 0 && !ftruncate(fd, (off_t)PAGE), "memfd");
	file = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(file != MAP_FAILED, "memfd");
	share(heap, LEN);
	share(stack, sizeof(stack));
	share(file, PAGE);
	move(heap + 100, stack, sizeof(stack));
	move(file, heap + 100, sizeof(stack));
	strcpy(stack, "");
	move(stack, file, sizeof(stack));
	CHECK(!strcmp(stack, "on the stack"), "%s", stack);
	for (size_t i = 0; i < LEN / 2; i++)
		heap[i] = (char)(i * 7 + i / 251);
	move(heap + LEN / 2, heap, LEN / 2);
	CHECK(!memcmp(heap + LEN / 2, heap, LEN / 2), "the copy is wrong");
	munmap(file, PAGE);
	close(fd);
	printf("  pointers: all good\n");
}

static void refused(const struct uvdk_dmadev_result *r, const void *at)
{
	CHECK(r->status == UVDK_DMADEV_FAULT && !r->done && r->fault == (uintptr_t)at,
	      "status %u, code 0x%02x, %llu bytes, fault at 0x%llx", r->status, r->code,
	      (unsigned long long)r->done, (unsigned long long)r->fault);
}

static void freed(char *heap)
{
	char *page = (char *)(((uintptr_t)heap + LEN / 2) & ~(uintptr_t)(PAGE - 1));
	char other[64] = "is not to be read", kept[64];
	struct uvdk_dmadev_result r;

	share(other, sizeof(other));
	free(heap);
	uvdk_follow_flush();
	CHECK(mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == page,
	      "memory");
	memset(page, 0x77, PAGE);
	memcpy(kept, other, sizeof(kept));
	r = copy(page, other, sizeof(other));
	refused(&r, page);
	r = copy(other, page, sizeof(other));
	refused(&r, page);
	CHECK(!memcmp(kept, other, sizeof(kept)), "read after it was freed");
	for (size_t i = 0; i < PAGE; i++)
		CHECK(page[i] == 0x77, "written after it was freed");
	munmap(page, PAGE);
	printf("  freed: all good\n");
}

int main(int argc, char **argv)
{
	struct uvdk_dmadev_chan_opts chan_opts = {.size = sizeof(chan_opts)};
	struct uvdk_sva_opts opts = {.size = sizeof(opts), .backend = UVDK_SVA_PINNED};
	unsigned int fds = count_fds();
	char *heap = malloc(LEN);

	if (argc != 2 || !heap)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	uvdk_log_set_sink(uvdk_log_stderr, NULL);
	dsa_guest_open(&g, argv[1], 1);
	opts.owner = g.owner;
	CHECK_EQ(uvdk_sva_bind(g.dev, &opts, &sva), 0);
	dsa_guest_start(&g, 1);
	chan_opts.sva = sva;
	CHECK_EQ(uvdk_dmadev_chan_open(g.dma, &chan_opts, &chan), 0);
	pointers(heap);
	freed(heap);
	uvdk_dmadev_chan_close(chan);
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
	dsa_guest_close(&g);
	CHECK_EQ(count_fds(), fds);

	return 0;
}
