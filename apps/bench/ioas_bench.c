// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <uvdk_dma_reg.h>
#include <uvdk_iommu_driver.h>

#include "bench.h"

/*
 * Bookkeeping of address spaces: what map, unmap and translate cost beside
 * what a kernel would do, so the iommu driver does nothing.
 */
#define PAGE	  4096ul
#define ROUNDS	  (1u << 16) /* operations measured, at least */
#define MAX_PAGES (1ul << 24)
#define SPREAD	  2 /* pages of address space for every page mapped */
#define NOINLINE  __attribute__((noinline, used))

static int null_suits(const char *spec, const struct uvdk_iommu_opts *opts)
{
	(void)spec;
	(void)opts;
	return -1;
}

static int null_open(const struct uvdk_iommu_opts *opts, void **priv)
{
	(void)opts;
	*priv = NULL;
	return 0;
}

static void null_close(void *priv)
{
	(void)priv;
}

static int null_bind(void *priv, const struct uvdk_iommu_bind_args *args,
		     struct uvdk_iommu_binding *binding)
{
	(void)priv;
	(void)args;
	(void)binding;
	return -EOPNOTSUPP;
}

static void null_unbind(void *priv, struct uvdk_iommu_binding *binding)
{
	(void)priv;
	(void)binding;
}

static int null_info(void *priv, struct uvdk_iommu_binding *binding, struct uvdk_iommu_info *out)
{
	(void)priv;
	(void)binding;
	(void)out;
	return -EOPNOTSUPP;
}

static int null_ioas_create(void *priv, struct uvdk_ioas *ioas, void **ioas_priv)
{
	(void)priv;
	(void)ioas;
	*ioas_priv = NULL;
	return 0;
}

static uint64_t null_page_sizes(void *ioas_priv)
{
	(void)ioas_priv;
	return PAGE;
}

static int null_ranges(void *ioas_priv, struct uvdk_iova_range *out, unsigned int max)
{
	(void)ioas_priv;
	if (max)
		out[0] = (struct uvdk_iova_range){0, (UINT64_C(1) << 48) - 1};
	return 1;
}

static void null_limits(void *ioas_priv, struct uvdk_iommu_limits *out)
{
	(void)ioas_priv;
	(void)out; /* none */
}

static int null_map(void *ioas_priv, uvdk_iova_t *iova, void *va, size_t len, unsigned int flags)
{
	(void)ioas_priv;
	(void)iova;
	(void)va;
	(void)len;
	(void)flags;
	return 0;
}

static int null_unmap(void *ioas_priv, uvdk_iova_t iova, size_t len)
{
	(void)ioas_priv;
	(void)iova;
	(void)len;
	return 0;
}

static int null_attach(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	(void)ioas_priv;
	(void)binding;
	return -EOPNOTSUPP;
}

static void null_detach(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	(void)ioas_priv;
	(void)binding;
}

static const struct uvdk_iommu_ops null_ops = {
	.name = "bench-null",
	.handle = UVDK_IOMMU_HANDLE_EMU,
	.suits = null_suits,
	.open = null_open,
	.close = null_close,
	.bind = null_bind,
	.unbind = null_unbind,
	.info = null_info,
	.ioas_create = null_ioas_create,
	.ioas_destroy = null_close,
	.page_sizes = null_page_sizes,
	.ranges = null_ranges,
	.limits = null_limits,
	.map = null_map,
	.unmap = null_unmap,
	.attach = null_attach,
	.detach = null_detach,
};

struct item {
	void *va;
	uvdk_iova_t iova;
	struct uvdk_dma_reg *reg;
};

/* N items mapped, in the order in which they are going to be worked on. */
struct state {
	struct uvdk_iommu *iommu;
	struct uvdk_ioas *ioas;
	char *memory; /* never touched */
	struct item *item;
	unsigned long count;
	const char *order;
	bool registered; /* by uvdk_dma_register(), not by uvdk_ioas_map() */
};

NOINLINE static void bench_map(struct uvdk_ioas *ioas, struct item *item, unsigned long count)
{
	for (unsigned long i = 0; i < count; i++)
		if (uvdk_ioas_map(ioas, item[i].va, PAGE, UVDK_MAP_RW, &item[i].iova))
			abort();
}

NOINLINE static void bench_unmap(struct uvdk_ioas *ioas, struct item *item, unsigned long count)
{
	for (unsigned long i = 0; i < count; i++)
		if (uvdk_ioas_unmap(ioas, item[i].iova, PAGE))
			abort();
}

NOINLINE static uint64_t bench_translate(const struct uvdk_xlate *x, const struct item *item,
					 unsigned long count)
{
	uint64_t sum = 0;

	for (const struct item *end = item + count; item < end; item++)
		sum += uvdk_translate(x, item->va);

	return sum;
}

/* What of the above is not translation, to be taken off. */
NOINLINE static uint64_t bench_translate_loop(const struct item *item, unsigned long count)
{
	uint64_t sum = 0;

	for (const struct item *end = item + count; item < end; item++) {
		uint64_t va = (uint64_t)(uintptr_t)item->va;

		__asm__ volatile("" : "+r"(va)); /* one by one, as above */
		sum += va;
	}

	return sum;
}

static void shuffle(struct item *item, unsigned long count, uint64_t seed)
{
	for (unsigned long i = count - 1; i > 0; i--) {
		unsigned long j = bench_random(&seed) % (i + 1);
		struct item swap = item[i];

		item[i] = item[j];
		item[j] = swap;
	}
}

static int parse(int argc, char **argv, struct state *s)
{
	char *end = NULL;

	s->order = argc > 2 ? argv[2] : "random";
	s->count = argc > 1 ? strtoul(argv[1], &end, 10) : 0;
	if (argc > 3 || !end || *end || !s->count || s->count > MAX_PAGES ||
	    (strcmp(s->order, "seq") && strcmp(s->order, "random"))) {
		fprintf(stderr, "usage: uvdk-bench %s N [seq|random], N from 1 to %lu\n", argv[0],
			MAX_PAGES);
		return 2;
	}

	return 0;
}

static int add(struct state *s, struct item *item)
{
	if (s->registered)
		return uvdk_dma_register(s->ioas, item->va, PAGE, UVDK_MAP_RW, &item->reg);

	return uvdk_ioas_map(s->ioas, item->va, PAGE, UVDK_MAP_RW, &item->iova);
}

static int setup(struct state *s)
{
	const int prot = s->registered ? PROT_READ | PROT_WRITE : PROT_NONE;
	size_t len = s->count * SPREAD * PAGE;
	int err = uvdk_iommu_register(&null_ops);

	if (!err)
		err = uvdk_iommu_open(null_ops.name, NULL, &s->iommu);
	if (!err)
		err = uvdk_ioas_create(s->iommu, NULL, &s->ioas);
	if (err)
		return 1;
	s->memory = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	s->item = calloc(s->count, sizeof(*s->item));
	if (s->memory == MAP_FAILED || !s->item) {
		fprintf(stderr, "uvdk-bench: no memory for %lu maps\n", s->count);
		return 1;
	}
	for (unsigned long i = 0; i < s->count; i++)
		s->item[i].va = s->memory + i * SPREAD * PAGE;
	if (strcmp(s->order, "random") == 0)
		shuffle(s->item, s->count, 0x9e3779b97f4a7c15);
	for (unsigned long i = 0; i < s->count; i++)
		if (add(s, &s->item[i])) {
			fprintf(stderr, "uvdk-bench: %s\n", uvdk_last_error());
			return 1;
		}
	/* Addresses were given out in that order: work in another one. */
	if (strcmp(s->order, "random") == 0)
		shuffle(s->item, s->count, 0xd1b54a32d192ed03);

	return 0;
}

static void finish(struct state *s)
{
	for (unsigned long i = 0; i < s->count && s->registered; i++)
		uvdk_dma_unregister(s->item[i].reg);
	uvdk_ioas_destroy(s->ioas);
	uvdk_iommu_close(s->iommu);
	free(s->item);
}

static unsigned long rounds(unsigned long batch)
{
	return (ROUNDS + batch - 1) / batch;
}

/* An eighth at a time, so that nearly all of the N maps are there all the while. */
static int run_maps(int argc, char **argv, bool unmap)
{
	struct state s = {0};
	uint64_t ns = 0;
	unsigned long batch, at = 0;
	int status = parse(argc, argv, &s);

	if (status || setup(&s))
		return status ? status : 1;

	batch = (s.count + 7) / 8;
	for (unsigned long r = 0; r < rounds(batch); r++) {
		uint64_t start = bench_ns();
		uint64_t middle;

		bench_unmap(s.ioas, s.item + at, batch);
		middle = bench_ns();
		bench_map(s.ioas, s.item + at, batch);
		ns += unmap ? middle - start : bench_ns() - middle;
		at = at + 2 * batch <= s.count ? at + batch : 0;
	}
	printf("%s %lu %s: operations=%lu function=%s ns_per_op=%.1f\n", argv[0], s.count, s.order,
	       rounds(batch) * batch, unmap ? "bench_unmap" : "bench_map",
	       (double)ns / (double)(rounds(batch) * batch));
	finish(&s);

	return 0;
}

int bench_ioas_map(int argc, char **argv)
{
	return run_maps(argc, argv, false);
}

int bench_ioas_unmap(int argc, char **argv)
{
	return run_maps(argc, argv, true);
}

static int run_translate(int argc, char **argv, bool registered)
{
	struct state s = {.registered = registered};
	uint64_t start, middle, end;
	unsigned long operations;
	int status = parse(argc, argv, &s);

	if (status || setup(&s))
		return status ? status : 1;

	operations = rounds(s.count) * s.count;
	start = bench_ns();
	for (unsigned long r = 0; r < rounds(s.count); r++)
		bench_translate(uvdk_ioas_xlate(s.ioas), s.item, s.count);
	middle = bench_ns();
	for (unsigned long r = 0; r < rounds(s.count); r++)
		bench_translate_loop(s.item, s.count);
	end = bench_ns();
	printf("%s %lu %s: operations=%lu function=bench_translate baseline=bench_translate_loop "
	       "ns_per_op=%.1f\n",
	       argv[0], s.count, s.order, operations,
	       ((double)(middle - start) - (double)(end - middle)) / (double)operations);
	finish(&s);

	return 0;
}

int bench_ioas_translate(int argc, char **argv)
{
	return run_translate(argc, argv, false);
}

int bench_reg_translate(int argc, char **argv)
{
	return run_translate(argc, argv, true);
}
