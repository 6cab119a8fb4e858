// SPDX-License-Identifier: BSD-3-Clause
/*
 * sva_kernel BDF WHAT: a device that walks the CPU's tables, given plain pointers.
 */
#include <fcntl.h>
#include <sys/wait.h>

#include "sva_kernel.h"

#define LEN (5 * PAGE + 123) /* no multiple of anything */

static struct copier copier;

static void fill(unsigned char *mem, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		mem[i] = (unsigned char)(i * 7 + i / 251 + seed);
}

static void expect_filled(const unsigned char *mem, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		CHECK(mem[i] == (unsigned char)(i * 7 + i / 251 + seed), "byte %zu is 0x%x", i,
		      mem[i]);
}

/* dst is touched first: the function can't ask for pages. */
static void copy_between(uint32_t tag, const char *what, unsigned char *dst, unsigned char *src)
{
	static unsigned int seed;
	struct copy_result r;

	fill(src, LEN, ++seed);
	memset(dst, 0, LEN);
	r = sva_copy(&copier, tag, dst, src, LEN);
	CHECK(r.status == COPY_DONE, "%s: status %u, fault %u at 0x%" PRIx64, what, r.status,
	      r.fault, r.addr);
	expect_filled(dst, LEN, seed);
	printf("  %s: %u bytes from %p to %p\n", what, LEN, (void *)src, (void *)dst);
}

static void copy(void)
{
	struct uvdk_sva *sva = sva_join(&copier);
	unsigned char *heap = malloc((size_t)2 * LEN);

	CHECK(heap, "memory");
	copy_between(sva_tag(sva), "malloc", heap + LEN, heap);
	free(heap);
	sva_part(sva);
}

static const struct {
	const char *name;
	void (*fn)(void);
} scenes[] = {
	{"copy", copy},
};

int main(int argc, char **argv)
{
	unsigned int fds = count_fds();

	if (argc != 3)
		return 2;
	sva_open(&copier, argv[1]);
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
