// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <uvdk_device.h>
#include <uvdk_emu_driver.h>
#include <uvdk_hwpt.h>

#include "bench.h"

/*
 * Accesses of 8 bytes by an emulated device, all of which the software IOMMU
 * has cached: translation, the check that nothing is stale, the locks, and the
 * copy of 8 bytes. What is counted is the whole access, so the translation
 * alone is faster than that.
 */
#define PAGE	  UINT64_C(4096)
#define ROUNDS	  (1u << 20) /* accesses measured, at least */
#define MAX_PAGES (1ul << 19)
#define PASID	  5
#define BASE	  UINT64_C(0x40000000)
#define NOINLINE  __attribute__((noinline, used))

/* ---- a device that does nothing by itself ---- */

static struct uvdk_emu_function *created;

static int model_create(struct uvdk_emu_function *fn, struct uvdk_args *args)
{
	static const uint8_t pasid[4] = {0, 20}; /* PCIe 7.8.9: width */
	static const uint8_t ats[4] = {0};

	uvdk_emu_fn_ids(fn, 0x1234, 0x5678, 0, 0, 0x088000, 0);
	uvdk_emu_fn_ext_cap(fn, 0x001b, 1, pasid, sizeof(pasid));
	if (uvdk_args_str(args, "ats", NULL))
		uvdk_emu_fn_ext_cap(fn, 0x000f, 1, ats, sizeof(ats));
	created = fn;

	return 0;
}

static void model_nothing(struct uvdk_emu_function *fn)
{
	(void)fn;
}

static uint64_t model_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			   unsigned int width)
{
	(void)fn;
	(void)bar;
	(void)off;
	(void)width;
	return 0;
}

static void model_write(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			unsigned int width, uint64_t value)
{
	(void)value;
	model_read(fn, bar, off, width);
}

static bool model_step(struct uvdk_emu_function *fn)
{
	(void)fn;
	return false;
}

static const struct uvdk_emu_model model = {
	.name = "bench",
	.create = model_create,
	.destroy = model_nothing,
	.reset = model_nothing,
	.bar_read = model_read,
	.bar_write = model_write,
	.step = model_step,
};

/* ---- what is measured ---- */

struct state {
	struct uvdk_emu *emu;
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_ioas *ioas;
	uint8_t *memory;
	uint64_t *iova; /* the pages, in the order in which they are accessed */
	unsigned long count;
	uint32_t pasid;
	bool ats;
};

NOINLINE static uint64_t bench_accesses(struct uvdk_emu_function *fn, uint32_t pasid,
					const uint64_t *iova, unsigned long count)
{
	uint64_t sum = 0, value;

	for (unsigned long i = 0; i < count; i++) {
		if (uvdk_emu_dma_read_pasid(fn, pasid, iova[i], &value, sizeof(value)))
			abort();
		sum += value;
	}

	return sum;
}

static int parse(int argc, char **argv, struct state *s)
{
	const char *tag = argc > 2 ? argv[2] : "pasid";
	char *end = NULL;

	s->count = argc > 1 ? strtoul(argv[1], &end, 10) : 0;
	s->pasid = strcmp(tag, "rid") == 0 ? UVDK_EMU_NO_PASID : PASID;
	s->ats = strcmp(tag, "ats") == 0;
	if (argc > 3 || !end || *end || !s->count || s->count > MAX_PAGES ||
	    (strcmp(tag, "pasid") && strcmp(tag, "rid") && !s->ats)) {
		fprintf(stderr, "usage: uvdk-bench %s N [pasid|rid|ats], N from 1 to %lu\n",
			argv[0], MAX_PAGES);
		return 2;
	}

	return 0;
}

static int open_device(struct state *s)
{
	const struct uvdk_emu_opts emu = {.size = sizeof(emu), .manual = true};
	struct uvdk_iommu_opts iommu = {.size = sizeof(iommu)};

	if (uvdk_emu_model_register(&model) || uvdk_emu_create(&emu, &s->emu))
		return 1;
	iommu.emu = s->emu;
	if (uvdk_iommu_open("emu", &iommu, &s->iommu) ||
	    uvdk_ioas_create(s->iommu, NULL, &s->ioas) ||
	    uvdk_device_open(s->iommu, s->ats ? "emu:bench,ats" : "emu:bench", NULL, &s->dev) ||
	    uvdk_device_set_command(s->dev, UVDK_PCI_COMMAND_MASTER, 0))
		return 1;

	return (s->pasid == UVDK_EMU_NO_PASID
			? uvdk_ioas_attach(s->ioas, s->dev)
			: uvdk_ioas_attach_pasid(s->ioas, s->dev, s->pasid)) != 0;
}

/* The same order in every run. */
static void shuffle(uint64_t *iova, unsigned long count)
{
	uint64_t seed = 0x9e3779b97f4a7c15;

	for (unsigned long i = count - 1; i > 0; i--) {
		uint64_t swap = iova[i];
		unsigned long j;

		seed = seed * UINT64_C(6364136223846793005) + 1;
		j = (seed >> 32) % (i + 1);
		iova[i] = iova[j];
		iova[j] = swap;
	}
}

/* Each page by itself, so that no large one serves many. */
static int map_pages(struct state *s)
{
	s->memory = mmap(NULL, s->count * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	s->iova = calloc(s->count, sizeof(*s->iova));
	if (s->memory == MAP_FAILED || !s->iova) {
		fprintf(stderr, "uvdk-bench: no memory for %lu pages\n", s->count);
		return 1;
	}
	for (unsigned long i = 0; i < s->count; i++) {
		s->iova[i] = BASE + i * 2 * PAGE;
		if (uvdk_ioas_map(s->ioas, s->memory + i * PAGE, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED,
				  &s->iova[i]))
			return 1;
	}
	shuffle(s->iova, s->count);

	return 0;
}

static void finish(struct state *s)
{
	uvdk_device_close(s->dev);
	uvdk_ioas_destroy(s->ioas);
	uvdk_iommu_close(s->iommu);
	uvdk_emu_destroy(s->emu);
	munmap(s->memory, s->count * PAGE);
	free(s->iova);
}

/* Of this thread: on a busy machine it is not always running. */
static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);

	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The first access of each page is not counted: from then on it is cached. */
int bench_emu_translate(int argc, char **argv)
{
	struct state s = {0};
	unsigned long rounds;
	uint64_t start, end, cpu;
	int status = parse(argc, argv, &s);

	if (status)
		return status;
	if (open_device(&s) || map_pages(&s))
		return 1;
	for (unsigned long i = 0; i < s.count; i++) {
		uint8_t byte;

		if (uvdk_emu_dma_read_pasid(created, s.pasid, s.iova[i], &byte, 1))
			return 1;
	}
	rounds = (ROUNDS + s.count - 1) / s.count;
	start = bench_ns();
	cpu = cpu_ns();
	for (unsigned long r = 0; r < rounds; r++)
		bench_accesses(created, s.pasid, s.iova, s.count);
	cpu = cpu_ns() - cpu;
	end = bench_ns();
	printf("%s %lu %s: operations=%lu function=bench_accesses ns_per_op=%.1f "
	       "cpu_ns_per_op=%.1f\n",
	       argv[0], s.count, argc > 2 ? argv[2] : "pasid", rounds * s.count,
	       (double)(end - start) / (double)(rounds * s.count),
	       (double)cpu / (double)(rounds * s.count));
	finish(&s);

	return 0;
}
