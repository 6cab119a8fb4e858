/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef COST_H
#define COST_H

#include <stdarg.h>
#include <time.h>

#include <linux/vfio.h>

#include "dev_common.h"
#include "iommufd_uapi.h"

/*
 * For the programs of ./run bench: time, and the kernel's calls without the library around
 * them. For one source file of a program that is linked with --wrap=ioctl.
 */
#define COST_ROUNDS 9u
#define COST_PAGE   4096u

/* What bare calls need; the library's ioctl() goes by here, so that we see it. */
static struct {
	int iommufd;
	int device;
	int container;	 /* type1 */
	uint32_t id;	 /* of the device, in iommufd */
	uint32_t ioas;	 /* the latest */
	uint32_t viommu; /* that was invalidated last */
} kernel;

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

static inline void cost_see(int fd, unsigned long request, const void *arg)
{
	const struct iofd_hwpt_invalidate *invalidate = arg;
	const struct iofd_ioas_alloc *alloc = arg;
	const struct iofd_vfio_bind *bind = arg;

	if (request == IOFD_VFIO_BIND) {
		kernel.iommufd = bind->iommufd;
		kernel.device = fd;
		kernel.id = bind->out_devid;
	} else if (request == IOFD_IOAS_ALLOC) {
		kernel.iommufd = fd;
		kernel.ioas = alloc->out_ioas_id;
	} else if (request == IOFD_HWPT_INVALIDATE) {
		kernel.viommu = invalidate->hwpt_id;
	} else if (request == VFIO_SET_IOMMU) {
		kernel.container = fd;
	}
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int ret;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	ret = __real_ioctl(fd, request, arg);
	if (!ret || request == IOFD_HWPT_INVALIDATE)
		cost_see(fd, request, arg);

	return ret;
}

static inline void cost_call(int fd, unsigned long request, void *arg)
{
	CHECK(!__real_ioctl(fd, request, arg), "ioctl 0x%lx: %s", request, strerror(errno));
}

/* Each page by a call of its own, in the latest address space. */
static inline void cost_ioas_map(uint64_t iova, const uint8_t *va, unsigned int pages)
{
	struct iofd_ioas_map map = {.size = sizeof(map),
				    .flags = IOFD_MAP_FIXED_IOVA | IOFD_MAP_WRITEABLE |
					     IOFD_MAP_READABLE,
				    .ioas_id = kernel.ioas,
				    .user_va = (uintptr_t)va,
				    .length = COST_PAGE,
				    .iova = iova};

	for (; pages--; map.user_va += COST_PAGE, map.iova += COST_PAGE)
		cost_call(kernel.iommufd, IOFD_IOAS_MAP, &map);
}

static inline void cost_ioas_unmap(uint64_t iova, unsigned int pages)
{
	for (; pages--; iova += COST_PAGE) {
		struct iofd_ioas_unmap unmap = {.size = sizeof(unmap),
						.ioas_id = kernel.ioas,
						.iova = iova,
						.length = COST_PAGE};

		cost_call(kernel.iommufd, IOFD_IOAS_UNMAP, &unmap);
	}
}

static inline uint64_t cost_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline uint64_t cost_of(void (*fn)(unsigned int count), unsigned int count)
{
	uint64_t start = cost_now();

	fn(count);
	return cost_now() - start;
}

static inline int cost_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static inline uint64_t cost_median(uint64_t *ns, unsigned int count)
{
	qsort(ns, count, sizeof(*ns), cost_compare);
	return ns[count / 2];
}

/* Nanoseconds each of @count pages takes; the first round warms up. */
static inline double cost_page_ns(void (*fn)(unsigned int count), unsigned int count)
{
	uint64_t ns[COST_ROUNDS];

	fn(count);
	for (unsigned int i = 0; i < COST_ROUNDS; i++)
		ns[i] = cost_of(fn, count);
	return (double)cost_median(ns, COST_ROUNDS) / count;
}

#endif /* COST_H */
