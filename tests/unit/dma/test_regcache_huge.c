// SPDX-License-Identifier: BSD-3-Clause
#include <linux/userfaultfd.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#include "regcache_world.h"

#define WP_ASYNC (UINT64_C(1) << 15) /* Linux 6.7 */

static bool before_6_7, before_6_11;

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

/* UFFD_FEATURE_WP_ASYNC came with 6.7, and with 6.11 a question for the size of pages. */
static bool is_unknown(unsigned long request, const void *arg)
{
	const struct uffdio_api *api = arg;

	if (request == UFFDIO_API)
		return before_6_7 && api->features & WP_ASYNC;

	return before_6_11 && _IOC_TYPE(request) == 'f' && _IOC_NR(request) == 17;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (is_unknown(request, arg)) {
		errno = EINVAL;
		return -1;
	}

	return __real_ioctl(fd, request, arg);
}

/* Where nobody else maps: huge pages, and behind them others. */
#define HUGE_PLACE ((void *)UINT64_C(0x2b0000000000))

static void take_whole_and_lose_whole(void)
{
	size_t huge = (size_t)2 << 20;
	unsigned int calls;
	uint8_t *p;

	make(0, 0, 0);
	p = mmap(HUGE_PLACE, huge, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	/* Where there are none, or others take them meanwhile, there is nothing to see. */
	for (int i = 0; i < 10 && p != MAP_FAILED; i++) {
		touch(p + 5 * PAGE + 1, 10);
		cr_expect_eq(stats_of().bytes, huge);
		calls = fake.map_calls;
		touch(p, huge);
		cr_expect_eq(fake.map_calls, calls);
		munmap(p, huge);
		cr_assert_eq(mmap(p, huge, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
			     p);
		touch(p + 5 * PAGE + 1, 10);
		cr_expect_eq(fake.map_calls, calls + 1);
		cr_expect_eq(stats_of().bytes, PAGE);
		munmap(p, huge);
		p = mmap(p, huge, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED_NOREPLACE, -1, 0);
	}
	if (p != MAP_FAILED)
		munmap(p, huge);
	end();
}

Test(regcache_huge, huge_pages_are_taken_whole_and_lost_whole)
{
	take_whole_and_lose_whole();
}

Test(regcache_huge, so_they_are_by_kernels_that_refuse_them_like_files)
{
	before_6_7 = before_6_11 = true;
	take_whole_and_lose_whole();
}

Test(regcache_huge, so_they_are_where_nobody_tells_their_size)
{
	before_6_11 = true;
	take_whole_and_lose_whole();
}
