// SPDX-License-Identifier: BSD-3-Clause
/*
 * One device, many tenants: each with memory of its own, at the same IOVA.
 *
 *   tenants [--inspect] [DEVICE [COUNT]]	"emu:copier" (the default) or a PCI address; 4
 *
 * With --inspect it waits for Enter half-way, and uvdk-iommuctl can look into it.
 * doc/guides/tenants.md goes through it in the steps named below. The device copies from
 * one IOVA to another; a PASID in each descriptor says whose. Its registers are
 * described in tests/vm/README.md.
 *
 * On a DMA engine, "emu:dsa" or the address of one, each tenant has a queue of its own, and the
 * last one attacks the others: queues.c, attack.c, measure.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <uvdk_device.h>
#include <uvdk_inspect.h>
#include <uvdk_pasid_attach.h>

#include "machine.h"
#include "queues.h"

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

#define PAGE	      4096u
#define IOVA	      UINT64_C(0x40000000) /* the same for all */
#define MEMORY	      (2 * PAGE)	   /* what is copied, and where it is copied to */
#define MEMORY_MASTER (UVDK_PCI_COMMAND_MASTER | UVDK_PCI_COMMAND_MEMORY)

struct tenant {
	unsigned int number;
	uint32_t pasid;
	char *memory;
	struct uvdk_ioas *ioas;
	struct uvdk_pasid_attachment attached;
};

struct host {
	struct machine machine; /* of emulated devices */
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_region bar;
	struct uvdk_pasid_space *space;
	struct uvdk_pasid_owner *owner;
	struct tenant *tenant;
	unsigned int count;
	unsigned int chosen; /* 0: nobody said how many */
	uint32_t tail;
	bool is_copier;
	bool looked_at;
	struct uvdk_inspect *inspect;
};

/* Why a call failed is in the log, and in uvdk_last_error() for whoever has no log. */
static int fail(const char *what)
{
	fprintf(stderr, "tenants: %s\n", what);

	return -1;
}

/* Step 1: the device, and whether it has PASIDs at all. */
static int host_open(struct host *h, const char *spec, unsigned int *bits)
{
	const char *iommu = uvdk_iommu_choose(spec, NULL);
	struct uvdk_iommu_opts opts = {.size = sizeof(opts)};
	struct uvdk_iommu_info info;
	uint64_t magic;

	if (iommu && !strcmp(iommu, "emu")) {
		if (machine_create(&h->machine))
			return fail("no emulated machine");
		opts.emu = h->machine.emu;
	}
	if (!iommu || uvdk_iommu_open(iommu, &opts, &h->iommu))
		return fail("no I/O MMU");
	if (uvdk_device_open(h->iommu, spec, NULL, &h->dev))
		return fail("no device");
	if (uvdk_iommu_get_info(h->dev, &info))
		return fail("no properties");
	printf("%s: PASIDs of %u bits\n", uvdk_device_get_info(h->dev)->name, info.pasid_bits);
	if (!info.pasid_bits)
		return fail("this device, or its I/O MMU, has no PASIDs");
	if (uvdk_device_set_command(h->dev, MEMORY_MASTER, 0) ||
	    uvdk_device_region(h->dev, 0, &h->bar) ||
	    uvdk_region_read(&h->bar, REG_MAGIC, 4, &magic))
		return fail("no registers");
	*bits = info.pasid_bits;
	h->is_copier = magic == MAGIC;

	return 0;
}

/* Step 2: numbers. A space for this device, an account in it. */
static int numbers(struct host *h, unsigned int bits)
{
	struct uvdk_pasid_space_opts opts = {.size = sizeof(opts), .width = bits};

	if (uvdk_pasid_space_create(&opts, &h->space) ||
	    uvdk_pasid_owner_create(h->space, h->count, &h->owner))
		return fail("no PASIDs");

	return 0;
}

/* Memory in which the device finds something at IOVA, and writes at IOVA + PAGE. */
static char *memory_new(struct host *h, const char *text, struct uvdk_ioas **ioas)
{
	uvdk_iova_t iova = IOVA;
	char *memory =
		mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	if (uvdk_ioas_create(h->iommu, NULL, ioas)) {
		munmap(memory, MEMORY);
		return NULL;
	}
	if (uvdk_ioas_map(*ioas, memory, MEMORY, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova)) {
		uvdk_ioas_destroy(*ioas);
		*ioas = NULL;
		munmap(memory, MEMORY);
		return NULL;
	}
	snprintf(memory, PAGE, "%s", text);

	return memory;
}

static void memory_free(char *memory, struct uvdk_ioas *ioas)
{
	uvdk_ioas_destroy(ioas);
	if (memory)
		munmap(memory, MEMORY);
}

/* Step 3: a tenant: an address space, a number, and the device told that they belong together. */
static int tenant_open(struct host *h, struct tenant *t)
{
	char text[64];

	snprintf(text, sizeof(text), "the secret of tenant %u", t->number);
	t->memory = memory_new(h, text, &t->ioas);
	if (!t->memory)
		return fail("no memory for a tenant");
	if (uvdk_pasid_alloc(h->owner, 1, UINT32_MAX, &t->pasid))
		return fail("no PASID");
	if (uvdk_pasid_attach(h->owner, t->pasid, t->ioas, h->dev, &t->attached))
		return fail("not attached");
	printf("tenant %u: PASID %u, IOVA 0x%llx is its memory at %p\n", t->number, t->pasid,
	       (unsigned long long)IOVA, (void *)t->memory);

	return 0;
}

static int submit(struct host *h, uint32_t pasid, uint64_t dst, uint64_t src)
{
	uint64_t slot = REG_SLOTS + h->tail % SLOTS * SLOT_SIZE;

	h->tail++;
	if (uvdk_region_write(&h->bar, slot, 8, pasid | WITH_PASID | OPCODE_COPY) ||
	    uvdk_region_write(&h->bar, slot + 8, 8, src) ||
	    uvdk_region_write(&h->bar, slot + 16, 8, dst) ||
	    uvdk_region_write(&h->bar, slot + 24, 8, 64) ||
	    uvdk_region_write(&h->bar, REG_TAIL, 4, h->tail))
		return fail("nothing submitted");

	return 0;
}

/* 1: copied; 0: the device was refused; negative: it does not answer. */
static int copy(struct host *h, uint32_t pasid, uint64_t dst, uint64_t src)
{
	uint64_t slot = REG_SLOTS + h->tail % SLOTS * SLOT_SIZE;
	time_t give_up = time(NULL) + TIMEOUT;
	uint64_t head, status;

	if (submit(h, pasid, dst, src))
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

/* Step 3, its end: the same descriptor, but for the PASID, once for each. */
static int everybody_copies(struct host *h)
{
	for (unsigned int i = 0; i < h->count; i++)
		if (copy(h, h->tenant[i].pasid, IOVA + PAGE, IOVA) != 1)
			return fail("a copy did not arrive");
	for (unsigned int i = 0; i < h->count; i++) {
		struct tenant *t = &h->tenant[i];

		printf("tenant %u finds: \"%s\"\n", t->number, t->memory + PAGE);
		if (strcmp(t->memory, t->memory + PAGE) != 0)
			return fail("that is somebody else's");
	}

	return 0;
}

/* With --inspect: a server, and what it may show. */
static int be_looked_at(struct host *h)
{
	if (!h->looked_at)
		return 0;
	if (uvdk_inspect_create(NULL, &h->inspect) ||
	    uvdk_inspect_add_iommu(h->inspect, h->iommu) ||
	    uvdk_inspect_add_pasids(h->inspect, "tenants", h->space))
		return fail("nobody can look into this process");
	printf("uvdk-iommuctl ioas --pid %d shows the tenants; Enter goes on\n", (int)getpid());
	getchar();

	return 0;
}

/* Beyond its own memory there is nothing, whatever a neighbour has mapped. */
static int out_of_bounds(struct host *h)
{
	printf("tenant 0 reaches beyond its memory\n");
	if (copy(h, h->tenant[0].pasid, IOVA, IOVA + MEMORY) != 0)
		return fail("it should not have");
	printf("and is refused\n");

	return 0;
}

/* Step 4: other memory behind the same number. The old address space is idle from then on. */
static int replace(struct host *h)
{
	struct tenant *t = &h->tenant[0];
	struct uvdk_ioas *ioas = NULL;
	char *memory = memory_new(h, "new memory of tenant 0", &ioas);

	if (!memory)
		return fail("no memory to replace it with");
	if (uvdk_pasid_replace(&t->attached, ioas)) {
		memory_free(memory, ioas);
		return fail("not replaced");
	}
	memory_free(t->memory, t->ioas);
	t->memory = memory;
	t->ioas = ioas;
	if (copy(h, t->pasid, IOVA + PAGE, IOVA) != 1)
		return fail("a copy did not arrive");
	printf("tenant 0 finds: \"%s\"\n", t->memory + PAGE);

	return strcmp(t->memory, t->memory + PAGE) ? fail("that is the old one") : 0;
}

/* The quota of step 2. What an owner may hold is decided when it is made. */
static int one_too_many(struct host *h)
{
	uint32_t pasid;
	int err = uvdk_pasid_alloc(h->owner, 1, UINT32_MAX, &pasid);

	if (err != -EDQUOT)
		return fail("the quota does not hold");
	printf("one more: %s\n", strerror(-err));

	return 0;
}

/* Step 5: giving the number back detaches first. Whoever still uses it is refused. */
static int tenant_leaves(struct host *h)
{
	struct tenant *last = &h->tenant[h->count - 1];

	memset(last->memory + PAGE, 0, PAGE);
	if (uvdk_pasid_free(h->owner, last->pasid))
		return fail("not freed");
	printf("tenant %u has left; the device goes on using its PASID\n", last->number);
	if (copy(h, last->pasid, IOVA + PAGE, IOVA) != 0 || last->memory[PAGE])
		return fail("its memory was reached");
	printf("and is refused\n");
	h->count--;
	for (unsigned int i = 0; i < h->count; i++)
		if (copy(h, h->tenant[i].pasid, IOVA + PAGE, IOVA) != 1)
			return fail("a copy of somebody else did not arrive");
	printf("the others notice nothing\n");
	h->count++;

	return 0;
}

/*
 * Step 6, safe after any failure above. Nobody looks any more, then the owner
 * goes: that frees, and so detaches, whatever is left; then nothing uses
 * address spaces or device.
 */
static void host_close(struct host *h)
{
	uvdk_inspect_destroy(h->inspect);
	uvdk_pasid_owner_destroy(h->owner);
	for (unsigned int i = 0; i < h->count; i++)
		memory_free(h->tenant[i].memory, h->tenant[i].ioas);
	uvdk_device_close(h->dev);
	uvdk_pasid_space_destroy(h->space);
	uvdk_iommu_close(h->iommu);
	machine_destroy(&h->machine);
	free(h->tenant);
}

static int run(struct host *h, const char *spec)
{
	unsigned int bits;
	int ret = host_open(h, spec, &bits);

	if (!ret && !h->is_copier)
		return engine_run(h->iommu, h->dev, h->machine.emu ? &h->machine : NULL, h->chosen,
				  bits);
	uvdk_log_set_level("emu.iommu", UVDK_LOG_DEBUG); /* let the emulated I/O MMU talk */
	if (!ret)
		ret = numbers(h, bits);
	for (unsigned int i = 0; i < h->count && !ret; i++) {
		h->tenant[i].number = i;
		ret = tenant_open(h, &h->tenant[i]);
	}
	if (!ret)
		ret = everybody_copies(h);
	if (!ret)
		ret = be_looked_at(h);
	if (!ret)
		ret = out_of_bounds(h);
	if (!ret)
		ret = replace(h);
	if (!ret)
		ret = one_too_many(h);
	if (!ret)
		ret = tenant_leaves(h);

	return ret;
}

int main(int argc, char **argv)
{
	struct host h = {.looked_at = argc > 1 && !strcmp(argv[1], "--inspect")};
	int count, ret;

	argc -= h.looked_at;
	argv += h.looked_at;
	count = argc > 2 ? atoi(argv[2]) : 4;
	if (argc > 3 || count < 2 || count > 10000) {
		fprintf(stderr,
			"usage: tenants [--inspect] [DEVICE [COUNT]], COUNT from 2 to 10000\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	uvdk_log_set_sink(uvdk_log_stderr, NULL);

	h.chosen = argc > 2 ? (unsigned int)count : 0;
	h.count = (unsigned int)count;
	h.tenant = calloc(h.count, sizeof(*h.tenant));
	if (!h.tenant)
		return 1;
	ret = run(&h, argc > 1 ? argv[1] : "emu:copier");
	host_close(&h);

	return ret ? 1 : 0;
}
