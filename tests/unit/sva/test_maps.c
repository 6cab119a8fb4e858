// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "sva_priv.h"

/* What the process has mapped, as text and as the kernel answers. */

#define PAGE ((size_t)4096)

static struct sva_maps maps;

static void setup(void)
{
	cr_assert_eq(sva_maps_open(&maps), 0);
}

static void teardown(void)
{
	sva_maps_close(&maps);
}

TestSuite(sva_maps, .init = setup, .fini = teardown);

static void find(uintptr_t at, struct sva_mapping *m, bool text)
{
	sva_maps_close(&maps);
	cr_assert_eq(sva_maps_open(&maps), 0);
	maps.text = text;
	cr_assert_eq(sva_maps_next(&maps, at, m), 1);
}

/* A page with other permissions on both sides. */
static uint8_t *between(int prot, int flags)
{
	uint8_t *mem = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_eq(mmap(mem + PAGE, PAGE, prot, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		     mem + PAGE);
	return mem + PAGE;
}

static void assert_seen(bool text)
{
	uint8_t *ro = between(PROT_READ, MAP_PRIVATE),
		*rw = between(PROT_READ | PROT_WRITE, MAP_SHARED);
	struct sva_mapping m;

	find((uintptr_t)ro + 5, &m, text);
	cr_assert_eq(m.first, (uintptr_t)ro);
	cr_assert_eq(m.last, (uintptr_t)ro + PAGE - 1);
	cr_assert(m.readable && !m.writable && !m.shared);
	cr_assert_str_eq(m.name, "");
	find((uintptr_t)rw, &m, text);
	cr_assert(m.readable && m.writable && m.shared);
	find((uintptr_t)ro - 1, &m, text);
	cr_assert(!m.readable && !m.writable);
	/* Not of a variable: a sanitizer may have put that elsewhere. */
	find((uintptr_t)__builtin_frame_address(0), &m, text);
	cr_assert_str_eq(m.name, "[stack]");
	cr_assert_null(sva_mapping_special(&m));
	munmap(ro - PAGE, 3 * PAGE);
	munmap(rw - PAGE, 3 * PAGE);
}

Test(sva_maps, text_tells_addresses_permissions_and_names)
{
	assert_seen(true);
}

Test(sva_maps, so_does_the_kernel_if_it_can_be_asked)
{
	assert_seen(false);
}

Test(sva_maps, an_address_is_found_again_and_again_in_any_order)
{
	uint8_t *ro = between(PROT_READ, MAP_PRIVATE);
	struct sva_mapping m;

	for (int text = 0; text <= 1; text++) {
		maps.text = text;
		cr_assert_eq(sva_maps_find(&maps, (uintptr_t)__builtin_frame_address(0), &m), 0);
		cr_expect_str_eq(m.name, "[stack]");
		for (int again = 0; again < 2; again++) {
			cr_assert_eq(sva_maps_find(&maps, (uintptr_t)ro + 7, &m), 0);
			cr_expect_eq(m.first, (uintptr_t)ro);
			cr_expect_eq(m.page, PAGE);
		}
		cr_expect_eq(sva_maps_find(&maps, 4096, &m), -EFAULT);
		cr_expect_eq(sva_maps_find(&maps, UINTPTR_MAX - 4096, &m), -EFAULT);
	}
	munmap(ro - PAGE, 3 * PAGE);
}

Test(sva_maps, both_tell_the_same_of_all)
{
	struct sva_mapping a, b;
	uintptr_t at = 0;
	unsigned int n = 0;

	while (at < (UINT64_C(1) << 47)) {
		struct sva_maps query;
		int more;

		sva_maps_close(&maps);
		cr_assert_eq(sva_maps_open(&maps), 0);
		maps.text = true;
		more = sva_maps_next(&maps, at, &a);
		cr_assert_geq(more, 0);
		if (!more || a.first >= (UINT64_C(1) << 47))
			break;
		cr_assert_eq(sva_maps_open(&query), 0);
		cr_assert_eq(sva_maps_next(&query, at, &b), 1);
		sva_maps_close(&query);
		cr_assert_eq(a.first, b.first);
		cr_assert_eq(a.last, b.last);
		cr_assert_eq(a.readable, b.readable);
		cr_assert_eq(a.writable, b.writable);
		cr_assert_eq(a.shared, b.shared);
		cr_assert_str_eq(a.name, b.name);
		at = a.last + 1;
		n++;
	}
	cr_assert_gt(n, 10);
}

Test(sva_maps, at_the_end_there_is_no_more)
{
	struct sva_mapping m;

	maps.text = true;
	cr_assert_eq(sva_maps_next(&maps, UINTPTR_MAX, &m), 0);
}

Test(sva_maps, what_is_the_kernels_or_a_devices_is_known_by_its_name)
{
	static const char *const special[] = {"[vdso]",
					      "[vvar]",
					      "[vsyscall]",
					      "[uprobes]",
					      "anon_inode:[vfio-device]",
					      "/dev/null",
					      "/sys/bus/pci/devices/0000:00:01.0/resource0"};
	static const char *const plain[] = {"",
					    "[heap]",
					    "[stack]",
					    "[anon:arena]",
					    "[anon_shmem:x]",
					    "/usr/lib/libc.so.6",
					    "/memfd:sva (deleted)",
					    "/dev/zero (deleted)",
					    "/dev/shm/x (deleted)",
					    "/dev/hugepages/rtemap_0"};
	struct sva_mapping m = {0};

	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		strcpy(m.name, special[i]);
		cr_assert_not_null(sva_mapping_special(&m), "%s", special[i]);
	}
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		strcpy(m.name, plain[i]);
		cr_assert_null(sva_mapping_special(&m), "%s", plain[i]);
	}
}
