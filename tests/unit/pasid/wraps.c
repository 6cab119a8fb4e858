// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <sys/mman.h>

#include "wraps.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off);
void __real_free(void *p);
int __real_munmap(void *at, size_t len);

struct wraps wraps;

static bool refuse(void)
{
	return wraps.counting && ++wraps.allocations == wraps.fail_at;
}

void *__wrap_malloc(size_t size)
{
	void *p = refuse() ? NULL : __real_malloc(size);

	wraps.heap += p && wraps.counting;
	return p;
}

void *__wrap_calloc(size_t count, size_t size)
{
	void *p = refuse() ? NULL : __real_calloc(count, size);

	wraps.heap += p && wraps.counting;
	return p;
}

void __wrap_free(void *p)
{
	wraps.heap -= p && wraps.counting;
	__real_free(p);
}

void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	void *p = refuse() ? MAP_FAILED : __real_mmap(at, len, prot, flags, fd, off);

	wraps.mapped += p != MAP_FAILED && wraps.counting;
	return p;
}

/* What mmap() is called where off_t has 64 bits on demand. */
void *__wrap_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	return __wrap_mmap(at, len, prot, flags, fd, off);
}

int __wrap_munmap(void *at, size_t len)
{
	wraps.mapped -= wraps.counting;
	return __real_munmap(at, len);
}
