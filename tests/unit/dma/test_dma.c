// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uvdk_dma.h>

#include "../iommu/fake.h"

#define MIB (1ul << 20)

TestSuite(dma, .init = fake_setup);

static struct uvdk_dma_opts opts_of(enum uvdk_dma_source source)
{
	return (struct uvdk_dma_opts){
		.size = sizeof(struct uvdk_dma_opts), .source = source, .numa_node = -1};
}

static unsigned int fds(void)
{
	unsigned int n = 0;
	DIR *d = opendir("/proc/self/fd");

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Bytes of address space that this process has mapped. */
static unsigned long address_space(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	cr_assert_eq(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	return pages * PAGE;
}

static bool zeroed(const char *p, size_t len)
{
	return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

static unsigned long huge_free(void)
{
	unsigned long n = 0;
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");

	if (f && fscanf(f, "%lu", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

static struct uvdk_ioas_dma_stats counts(void)
{
	struct uvdk_ioas_stats stats;

	uvdk_ioas_get_stats(ioas, &stats);
	return stats.dma;
}

Test(dma, a_buffer_is_zeroed_mapped_and_gone_when_freed)
{
	struct uvdk_dma_opts opts = opts_of(UVDK_DMA_NORMAL);
	const struct uvdk_xlate *x = uvdk_ioas_xlate(ioas);
	unsigned long before;
	struct uvdk_dma_buf buf;
	void *va;

	/* Tables of the address space grow once. */
	cr_assert_eq(uvdk_dma_alloc(ioas, PAGE, &opts, &buf), 0);
	uvdk_dma_free(&buf);
	before = address_space();
	cr_assert_eq(uvdk_dma_alloc(ioas, 5 * PAGE + 1, &opts, &buf), 0, "%s", uvdk_last_error());
	cr_expect_eq(buf.ioas, ioas);
	cr_expect_eq(buf.len, 6 * PAGE);
	cr_expect_eq(buf.page_size, PAGE);
	cr_expect_eq(buf.memfd, -1);
	cr_expect(zeroed(buf.va, buf.len));
	cr_expect_eq(counts().buffers, 1);
	cr_expect_eq(counts().buffer_bytes, 6 * PAGE);
	cr_expect_eq(uvdk_translate(x, (char *)buf.va + 5 * PAGE), buf.iova + 5 * PAGE);
	cr_expect_eq(uvdk_ioas_va(ioas, buf.iova + 7), (char *)buf.va + 7);
	cr_expect_eq(fake_find(buf.iova)->flags, UVDK_MAP_RW);
	memset(buf.va, 1, buf.len);
	va = buf.va;
	uvdk_dma_free(&buf);
	cr_expect_eq(counts().buffers, 0);
	cr_expect_eq(counts().buffer_bytes, 0);
	cr_expect_eq(uvdk_translate(x, va), UVDK_IOVA_NONE);
	cr_expect_eq(address_space(), before);
	cr_expect_null(buf.va);
	uvdk_dma_free(&buf);
	uvdk_dma_free(NULL);
	fake_teardown();
}

Test(dma, without_options_a_buffer_is_for_reading_and_writing)
{
	struct uvdk_dma_buf buf;

	cr_assert_eq(uvdk_dma_alloc(ioas, 1, NULL, &buf), 0, "%s", uvdk_last_error());
	cr_expect_eq(fake_find(buf.iova)->flags, UVDK_MAP_RW);
	uvdk_dma_free(&buf);
	fake_teardown();
}

Test(dma, access_and_place_can_be_chosen)
{
	struct uvdk_dma_opts opts = opts_of(UVDK_DMA_NORMAL);
	struct uvdk_dma_buf buf;

	opts.flags = UVDK_MAP_READ | UVDK_MAP_FIXED;
	opts.iova = 0x40000000;
	cr_assert_eq(uvdk_dma_alloc(ioas, PAGE, &opts, &buf), 0, "%s", uvdk_last_error());
	cr_expect_eq(buf.iova, 0x40000000);
	cr_expect_eq(fake_find(0x40000000)->flags, UVDK_MAP_READ);
	uvdk_dma_free(&buf);
	fake_teardown();
}

Test(dma, a_memfd_is_shared_and_cannot_shrink)
{
	struct uvdk_dma_opts opts = opts_of(UVDK_DMA_MEMFD);
	unsigned int before = fds();
	struct uvdk_dma_buf buf;
	char *other;

	cr_assert_eq(uvdk_dma_alloc(ioas, 3 * PAGE, &opts, &buf), 0, "%s", uvdk_last_error());
	cr_expect(zeroed(buf.va, buf.len));
	other = mmap(NULL, buf.len, PROT_READ | PROT_WRITE, MAP_SHARED, buf.memfd, 0);
	cr_assert_neq(other, MAP_FAILED);
	other[2 * PAGE] = 42;
	cr_expect_eq(((char *)buf.va)[2 * PAGE], 42);
	cr_expect_eq(ftruncate(buf.memfd, PAGE), -1);
	cr_expect_eq(errno, EPERM);
	cr_expect(fcntl(buf.memfd, F_GETFD) & FD_CLOEXEC);
	munmap(other, buf.len);
	uvdk_dma_free(&buf);
	cr_expect_eq(fds(), before);
	fake_teardown();
}

Test(dma, bad_requests_are_refused)
{
	struct uvdk_dma_opts opts = opts_of((enum uvdk_dma_source)99);
	struct uvdk_dma_buf buf = {0};

	cr_expect_eq(uvdk_dma_alloc(ioas, 0, NULL, &buf), -EINVAL);
	cr_expect_eq(uvdk_dma_alloc(ioas, SIZE_MAX, NULL, &buf), -EINVAL);
	cr_expect_eq(uvdk_dma_alloc(ioas, PAGE, &opts, &buf), -EINVAL);
	opts = opts_of(UVDK_DMA_NORMAL);
	opts.size = 1;
	cr_expect_eq(uvdk_dma_alloc(ioas, PAGE, &opts, &buf), -EINVAL);
	opts = opts_of(UVDK_DMA_NORMAL);
	opts.flags = UVDK_MAP_ALIAS;
	cr_expect_eq(uvdk_dma_alloc(ioas, PAGE, &opts, &buf), -EINVAL);
	cr_expect_eq(uvdk_dma_alloc(NULL, PAGE, NULL, &buf), -EINVAL);
	cr_expect(said("needs an address space"), "%s", uvdk_last_error());
	cr_expect_null(buf.va);
	fake_teardown();
}

/* Were it touched first, the kernel would end this process or others. */
Test(dma, more_than_the_machine_has_is_refused_untouched)
{
	static const enum uvdk_dma_source sources[] = {UVDK_DMA_ANY, UVDK_DMA_NORMAL,
						       UVDK_DMA_MEMFD};
	struct uvdk_dma_buf buf;

	for (unsigned int i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct uvdk_dma_opts opts = opts_of(sources[i]);
		unsigned int before = fds();

		cr_expect_eq(uvdk_dma_alloc(ioas, 1ul << 46, &opts, &buf), -ENOMEM);
		cr_expect_not_null(strstr(uvdk_last_error(), "this machine has"), "%s",
				   uvdk_last_error());
		cr_expect_eq(fds(), before);
	}
	fake_teardown();
}

Test(dma, a_node_that_is_not_there_is_refused_and_others_named)
{
	struct uvdk_dma_opts opts = opts_of(UVDK_DMA_NORMAL);
	struct uvdk_dma_buf buf;

	opts.numa_node = 0;
	cr_assert_eq(uvdk_dma_alloc(ioas, PAGE, &opts, &buf), 0, "%s", uvdk_last_error());
	uvdk_dma_free(&buf);
	opts.numa_node = 77;
	cr_expect_eq(uvdk_dma_alloc(ioas, PAGE, &opts, &buf), -EINVAL);
	cr_expect(said("77") && said("0"), "%s", uvdk_last_error());
	opts.numa_node = -2;
	cr_expect_eq(uvdk_dma_alloc(ioas, PAGE, &opts, &buf), -EINVAL);
	fake_teardown();
}

Test(dma, too_few_huge_pages_says_how_many_and_where_to_get_them)
{
	struct uvdk_dma_opts opts = opts_of(UVDK_DMA_HUGE_2M);
	unsigned long before = address_space();
	struct uvdk_dma_buf buf;
	unsigned long wanted = huge_free() + 3;
	char text[64];

	cr_expect_eq(uvdk_dma_alloc(ioas, wanted * 2 * MIB, &opts, &buf), -ENOMEM);
	snprintf(text, sizeof(text), "need %lu huge pages of 2048 kB", wanted);
	cr_expect(said(text), "%s", uvdk_last_error());
	cr_expect(said("hugepages-2048kB"), "%s", uvdk_last_error());
	cr_expect_eq(address_space(), before);
	fake_teardown();
}

Test(dma, huge_pages_where_there_are_some)
{
	struct uvdk_dma_opts opts = opts_of(UVDK_DMA_HUGE_2M);
	struct uvdk_dma_buf buf;
	int err = uvdk_dma_alloc(ioas, MIB, &opts, &buf);

	if (huge_free() == 0 && err) {
		cr_expect_eq(err, -ENOMEM);
	} else {
		cr_assert_eq(err, 0, "%s", uvdk_last_error());
		cr_expect_eq(buf.len, 2 * MIB);
		cr_expect_eq(buf.page_size, 2 * MIB);
		cr_expect_eq(buf.iova % (2 * MIB), 0);
		cr_expect(zeroed(buf.va, buf.len));
		uvdk_dma_free(&buf);
	}
	/* Whatever there is, "any" works. */
	cr_assert_eq(uvdk_dma_alloc(ioas, 3 * MIB, NULL, &buf), 0, "%s", uvdk_last_error());
	cr_expect(zeroed(buf.va, 3 * MIB));
	uvdk_dma_free(&buf);
	fake_teardown();
}

Test(dma, a_granule_larger_than_a_page_is_kept)
{
	struct uvdk_dma_opts opts = opts_of(UVDK_DMA_NORMAL);
	struct uvdk_dma_buf buf;

	uvdk_ioas_destroy(ioas);
	fake.page_sizes = 0x20010000;
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_assert_eq(uvdk_dma_alloc(ioas, PAGE, &opts, &buf), 0, "%s", uvdk_last_error());
	cr_expect_eq(buf.len, 65536);
	cr_expect_eq((uintptr_t)buf.va % 65536, 0);
	cr_expect_eq(buf.iova % 65536, 0);
	uvdk_dma_free(&buf);
	fake_teardown();
}

Test(dma, memory_that_cannot_be_mapped_is_given_back)
{
	struct uvdk_dma_opts opts = opts_of(UVDK_DMA_MEMFD);
	struct uvdk_dma_buf buf = {0};
	unsigned long before;
	unsigned int files = fds();

	/* Tables of the address space grow once. */
	cr_assert_eq(uvdk_dma_alloc(ioas, MIB, &opts, &buf), 0);
	uvdk_dma_free(&buf);
	before = address_space();
	fake.map = (struct fake_failure){1, -ENOMEM};
	cr_expect_eq(uvdk_dma_alloc(ioas, MIB, &opts, &buf), -ENOMEM);
	cr_expect_null(buf.va);
	cr_expect_eq(address_space(), before);
	cr_expect_eq(fds(), files);
	fake_teardown();
}

Test(dma, memory_that_a_device_may_still_reach_is_kept)
{
	struct uvdk_dma_opts opts = opts_of(UVDK_DMA_NORMAL);
	struct uvdk_dma_buf buf;
	char *va;

	cr_assert_eq(uvdk_dma_alloc(ioas, PAGE, &opts, &buf), 0);
	va = buf.va;
	fake.unmap = (struct fake_failure){1, -EIO};
	uvdk_dma_free(&buf);
	va[0] = 1; /* would crash */
	cr_expect_eq(counts().buffers, 1, "what is lost still is there");
	cr_expect_neq(uvdk_translate(uvdk_ioas_xlate(ioas), va), UVDK_IOVA_NONE);
	fake_teardown();
}

Test(dma, memory_that_is_unmapped_already_is_freed)
{
	struct uvdk_dma_opts opts = opts_of(UVDK_DMA_NORMAL);
	struct uvdk_dma_buf buf;
	unsigned long before;

	cr_assert_eq(uvdk_dma_alloc(ioas, PAGE, &opts, &buf), 0);
	before = address_space();
	cr_assert_eq(uvdk_ioas_unmap(ioas, buf.iova, buf.len), 0);
	uvdk_dma_free(&buf);
	cr_expect_eq(address_space(), before - PAGE);
	fake_teardown();
}
