// SPDX-License-Identifier: BSD-3-Clause
/*
 * A device that takes pointers: from malloc(), from the stack, from a file.
 *
 *   sva [DEVICE]	"emu:copier" (the default) or a PCI address
 *
 * doc/guides/sva.md says which way of sharing is chosen, and why. The device
 * copies from one address to another; its registers are described in
 * tests/vm/README.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <uvdk_device.h>
#include <uvdk_sva.h>

#define REG_MAGIC     0x000
#define REG_TAIL      0x100 /* descriptors submitted, ever */
#define REG_HEAD      0x104 /* descriptors that have ended, ever */
#define REG_SLOTS     0x10000
#define SLOT_SIZE     64
#define SLOTS	      64
#define MAGIC	      0x31465055
#define OPCODE_COPY   (UINT64_C(1) << 32)
#define WITH_PASID    (UINT64_C(1) << 31)
#define STATUS_DONE   1
#define TIMEOUT	      5 /* seconds */

#define LARGE	      (1 << 20)
#define MEMORY_MASTER (UVDK_PCI_COMMAND_MASTER | UVDK_PCI_COMMAND_MEMORY)

struct host {
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_region bar;
	struct uvdk_pasid_space *space;
	struct uvdk_pasid_owner *owner;
	struct uvdk_sva *sva;
	uint32_t tail;
};

/* Why a call failed is in the log, and in uvdk_last_error() for whoever has no log. */
static int fail(const char *what)
{
	fprintf(stderr, "sva: %s\n", what);

	return -1;
}

/* Step 1: the device. */
static int host_open(struct host *h, const char *spec)
{
	const char *iommu = uvdk_iommu_choose(spec, NULL);
	uint64_t magic;

	if (!iommu || uvdk_iommu_open(iommu, NULL, &h->iommu))
		return fail("no I/O MMU");
	if (uvdk_device_open(h->iommu, spec, NULL, &h->dev))
		return fail("no device");
	if (uvdk_device_set_command(h->dev, MEMORY_MASTER, 0) ||
	    uvdk_device_region(h->dev, 0, &h->bar) ||
	    uvdk_region_read(&h->bar, REG_MAGIC, 4, &magic))
		return fail("no registers");

	return magic == MAGIC ? 0 : fail("that is another device");
}

/* Step 2: a PASID of the device stands for this process from now on. */
static int bind_process(struct host *h)
{
	struct uvdk_sva_opts opts = {.size = sizeof(opts)};
	struct uvdk_sva_info info;

	if (uvdk_pasid_space_create(NULL, &h->space) ||
	    uvdk_pasid_owner_create(h->space, 1, &h->owner))
		return fail("no PASIDs");
	opts.owner = h->owner;
	if (uvdk_sva_bind(h->dev, &opts, &h->sva))
		return fail("not bound");
	uvdk_sva_get_info(h->sva, &info);
	printf("bound to PASID %u, backend %s; what is unmapped is %s\n", uvdk_sva_pasid(h->sva),
	       info.name, info.follows & UVDK_SVA_FOLLOW_UNMAP ? "followed" : "not followed");

	return 0;
}

static int submit(struct host *h, void *dst, const void *src, size_t len)
{
	uint64_t slot = REG_SLOTS + h->tail % SLOTS * SLOT_SIZE;
	uint64_t tag = uvdk_sva_pasid(h->sva) | WITH_PASID | OPCODE_COPY;

	h->tail++;
	if (uvdk_region_write(&h->bar, slot, 8, tag) ||
	    uvdk_region_write(&h->bar, slot + 8, 8, (uintptr_t)src) ||
	    uvdk_region_write(&h->bar, slot + 16, 8, (uintptr_t)dst) ||
	    uvdk_region_write(&h->bar, slot + 24, 8, len) ||
	    uvdk_region_write(&h->bar, REG_TAIL, 4, h->tail))
		return fail("nothing submitted");

	return 0;
}

/* 1: copied; 0: the device was refused; negative: it does not answer. */
static int copy(struct host *h, void *dst, const void *src, size_t len)
{
	uint64_t slot = REG_SLOTS + h->tail % SLOTS * SLOT_SIZE;
	time_t give_up = time(NULL) + TIMEOUT;
	uint64_t head, status;

	if (submit(h, dst, src, len))
		return -1;
	do {
		if (uvdk_region_read(&h->bar, REG_HEAD, 4, &head))
			return fail("register not readable");
		if (time(NULL) > give_up)
			return fail("the device does not answer");
	} while ((uint32_t)head != h->tail);
	if (uvdk_region_read(&h->bar, slot + 32, 4, &status))
		return fail("register not readable");

	return status == STATUS_DONE;
}

/* Step 3: pointers, as they are. */
static int pointers(struct host *h, char *heap)
{
	char stack[64] = "";

	if (uvdk_sva_share(h->sva, heap, LARGE) || uvdk_sva_share(h->sva, stack, sizeof(stack)))
		return fail("not shared");
	strcpy(heap + LARGE / 2, "from the heap to the stack");
	if (copy(h, stack, heap + LARGE / 2, sizeof(stack)) != 1)
		return fail("a copy did not arrive");
	printf("the device has copied %p to %p: \"%s\"\n", (void *)(heap + LARGE / 2),
	       (void *)stack, stack);

	return strcmp(stack, heap + LARGE / 2) ? fail("that is something else") : 0;
}

static char *memory_at(char *at, int flags)
{
	char *memory =
		mmap(at, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/*
 * Without userfaultfd it has to be said beforehand. Where only what was shared is
 * reachable, other memory takes the place; else nothing does, for it would be reachable.
 */
static bool give_up(struct host *h, char *memory)
{
	struct uvdk_sva_info info;

	uvdk_sva_get_info(h->sva, &info);
	if (!(info.follows & UVDK_SVA_FOLLOW_UNMAP))
		uvdk_sva_forget(h->sva, memory, LARGE);
	munmap(memory, LARGE);

	return info.backend == UVDK_SVA_NESTED || info.backend == UVDK_SVA_PINNED;
}

/* Step 4: what is given up is lost to the device, also when it is somebody else's then. */
static int given_up(struct host *h)
{
	char mine[64] = "mine", *memory = memory_at(NULL, 0);
	bool another;

	if (memory)
		*memory = 0; /* a device that can't ask for a page needs one that was written */
	if (!memory || uvdk_sva_share(h->sva, memory, LARGE) ||
	    uvdk_sva_share(h->sva, mine, sizeof(mine)))
		return fail("not shared");
	if (copy(h, memory, mine, sizeof(mine)) != 1 || strcmp(memory, mine))
		return fail("a copy did not arrive");
	another = give_up(h, memory);
	if (another && memory_at(memory, MAP_FIXED) != memory)
		return fail("no memory");
	/* Any call that shares returns after all that was given up before is lost. */
	if (uvdk_sva_share(h->sva, mine, sizeof(mine)))
		return fail("not shared");
	printf("the device writes to %p, which was unmapped%s\n", (void *)memory,
	       another ? " and is other memory now" : "");
	if (copy(h, memory, mine, sizeof(mine)) != 0 || (another && *memory))
		return fail("it should not have");
	printf("and is refused\n");
	if (another)
		munmap(memory, LARGE);

	return 0;
}

/* Safe after any failure above. */
static void host_close(struct host *h)
{
	if (h->sva)
		uvdk_sva_unbind(h->sva);
	uvdk_pasid_owner_destroy(h->owner);
	uvdk_pasid_space_destroy(h->space);
	uvdk_device_close(h->dev);
	uvdk_iommu_close(h->iommu);
}

int main(int argc, char **argv)
{
	char *heap = malloc(LARGE);
	struct host h = {0};
	int ret;

	if (argc > 2 || !heap) {
		fprintf(stderr, "usage: sva [DEVICE]\n");
		free(heap);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	uvdk_log_set_sink(uvdk_log_stderr, NULL);
	ret = host_open(&h, argc > 1 ? argv[1] : "emu:copier");
	if (!ret)
		ret = bind_process(&h);
	if (!ret)
		ret = pointers(&h, heap);
	if (!ret)
		ret = given_up(&h);
	host_close(&h);
	free(heap);

	return ret ? 1 : 0;
}
