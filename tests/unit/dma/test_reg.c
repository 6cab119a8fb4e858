// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uvdk_dma_reg.h>

#include "../iommu/fake.h"

#define RW UVDK_MAP_RW

/* What is registered, over a driver that keeps account of maps. */
static void nothing_is_left(void)
{
	cr_expect_eq(fake.maps, 0);
	cr_expect_eq(fake.wrong_unmaps, 0);
}

TestSuite(dma_reg, .init = fake_setup);

static uint8_t *pages(size_t n)
{
	void *va = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(va, MAP_FAILED);
	return va;
}

static struct uvdk_dma_reg *reg_ok(void *va, size_t len, unsigned int flags)
{
	struct uvdk_dma_reg *reg = NULL;

	cr_assert_eq(uvdk_dma_register(ioas, va, len, flags, &reg), 0, "%s", uvdk_last_error());
	return reg;
}

static bool reachable(const void *va)
{
	return uvdk_translate(uvdk_ioas_xlate(ioas), va) != UVDK_IOVA_NONE;
}

static struct uvdk_dma_reg_info info_of(const struct uvdk_dma_reg *reg)
{
	struct uvdk_dma_reg_info info;

	uvdk_dma_reg_get_info(reg, &info);
	return info;
}

Test(dma_reg, whole_pages_around_a_buffer_of_malloc_are_reachable_until_it_is_unregistered)
{
	char *p = malloc(3 * PAGE);
	struct uvdk_dma_reg *reg = reg_ok(p + 5, 2 * PAGE, RW);
	uintptr_t first = (uintptr_t)(p + 5) & ~(PAGE - 1);
	size_t run;

	cr_expect_eq((uintptr_t)info_of(reg).va, first);
	cr_expect_eq(info_of(reg).len, 3 * PAGE);
	cr_expect_eq(info_of(reg).pieces, 1);
	cr_expect(reachable(p + 5) && reachable(p + 5 + 2 * PAGE - 1));
	cr_expect_eq(uvdk_dma_reg_iova(reg, p + 5, &run),
		     uvdk_translate(uvdk_ioas_xlate(ioas), p + 5));
	cr_expect_eq(run, first + 3 * PAGE - (uintptr_t)(p + 5));
	cr_expect_eq(uvdk_dma_reg_iova(reg, (char *)first - 1, NULL), UVDK_IOVA_NONE);
	cr_expect_eq(uvdk_dma_reg_iova(reg, (char *)first + 3 * PAGE, NULL), UVDK_IOVA_NONE);
	cr_expect_eq(uvdk_dma_unregister(reg), 0);
	cr_expect(!reachable(p + 5));
	nothing_is_left();
	free(p);
}

Test(dma_reg, memory_of_every_kind_can_be_registered)
{
	int fd = memfd_create("reg", 0), file = open("/proc/self/exe", O_RDONLY);
	struct uvdk_dma_reg *reg;
	uint8_t *at[4];

	cr_assert_eq(ftruncate(fd, 4 * PAGE), 0);
	at[0] = pages(4);
	at[1] = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	at[2] = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	at[3] = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE, file, 0);
	for (int i = 0; i < 4; i++) {
		reg = reg_ok(at[i], 4 * PAGE, i == 3 ? UVDK_MAP_READ : RW);
		cr_expect(reachable(at[i]));
		cr_expect_eq(uvdk_dma_unregister(reg), 0);
		munmap(at[i], 4 * PAGE);
	}
	nothing_is_left();
	close(fd);
	close(file);
}

Test(dma_reg, pages_that_two_registrations_share_stay_until_the_last_goes)
{
	uint8_t *p = pages(6);
	struct uvdk_dma_reg *a = reg_ok(p, 4 * PAGE, RW), *b = reg_ok(p + 2 * PAGE, 4 * PAGE, RW);

	cr_expect_eq(fake.bytes, 6 * PAGE, "what is mapped already is not mapped again");
	cr_expect_eq(info_of(a).mapped, 4 * PAGE);
	cr_expect_eq(info_of(b).mapped, 2 * PAGE);
	cr_expect_eq(uvdk_dma_unregister(a), 0);
	for (int i = 2; i < 6; i++)
		cr_expect(reachable(p + i * PAGE), "page %d", i);
	cr_expect_eq(uvdk_dma_unregister(b), 0);
	for (int i = 0; i < 6; i++)
		cr_expect(!reachable(p + i * PAGE), "page %d", i);
	nothing_is_left();
	munmap(p, 6 * PAGE);
}

Test(dma_reg, the_same_memory_may_be_registered_many_times)
{
	uint8_t *p = pages(2);
	struct uvdk_dma_reg *regs[10];

	for (int i = 0; i < 10; i++)
		regs[i] = reg_ok(p, 2 * PAGE, RW);
	cr_expect_eq(fake.maps, 1);
	for (int i = 0; i < 10; i++) {
		cr_expect(reachable(p));
		cr_expect_eq(uvdk_dma_unregister(regs[i]), 0);
	}
	nothing_is_left();
	munmap(p, 2 * PAGE);
}

Test(dma_reg, gaps_between_others_are_filled_and_runs_say_where_the_device_sees_a_break)
{
	uint8_t *p = pages(5);
	struct uvdk_dma_reg *b = reg_ok(p + 2 * PAGE, PAGE, RW), *all = reg_ok(p, 5 * PAGE, RW);
	const struct uvdk_xlate *x = uvdk_ioas_xlate(ioas);
	size_t run, at = 0;

	cr_expect_eq(fake.bytes, 5 * PAGE);
	while (at < 5 * PAGE) {
		uvdk_iova_t iova = uvdk_dma_reg_iova(all, p + at, &run);

		cr_assert_gt(run, 0);
		for (size_t off = 0; off < run; off += PAGE)
			cr_expect_eq(uvdk_translate(x, p + at + off), iova + off);
		at += run;
	}
	cr_expect_eq(at, 5 * PAGE);
	cr_expect_eq(uvdk_dma_unregister(all), 0);
	cr_expect(reachable(p + 2 * PAGE) && !reachable(p + PAGE));
	cr_expect_eq(uvdk_dma_unregister(b), 0);
	nothing_is_left();
	munmap(p, 5 * PAGE);
}

/* Somebody else maps @racing just before the library does. */
static void *racing;
static uvdk_iova_t racing_iova;

int __real_uvdk_ioas_map(struct uvdk_ioas *space, void *va, size_t len, unsigned int flags,
			 uvdk_iova_t *iova);
int __wrap_uvdk_ioas_map(struct uvdk_ioas *space, void *va, size_t len, unsigned int flags,
			 uvdk_iova_t *iova);

int __wrap_uvdk_ioas_map(struct uvdk_ioas *space, void *va, size_t len, unsigned int flags,
			 uvdk_iova_t *iova)
{
	void *other = racing;

	racing = NULL;
	if (other)
		cr_assert_eq(__real_uvdk_ioas_map(space, other, PAGE, RW, &racing_iova), 0);

	return __real_uvdk_ioas_map(space, va, len, flags, iova);
}

static void race_for(uint8_t *p, unsigned int page)
{
	struct uvdk_dma_reg *reg;

	racing = p + page * PAGE;
	reg = reg_ok(p, 3 * PAGE, RW);
	cr_expect_eq(info_of(reg).mapped, 2 * PAGE);
	cr_expect_eq(uvdk_dma_reg_iova(reg, p + page * PAGE, NULL), racing_iova);
	cr_expect_eq(uvdk_dma_unregister(reg), 0);
	cr_expect(reachable(p + page * PAGE), "it was another's");
	cr_expect_eq(uvdk_ioas_unmap(ioas, racing_iova, PAGE), 0);
	nothing_is_left();
}

Test(dma_reg, a_page_that_somebody_else_maps_meanwhile_is_shared)
{
	uint8_t *p = pages(3);

	for (unsigned int page = 0; page < 3; page++)
		race_for(p, page);
	munmap(p, 3 * PAGE);
}

Test(dma_reg, what_others_have_mapped_is_reachable_and_stays_theirs)
{
	uint8_t *p = pages(4);
	struct uvdk_dma_reg *reg;
	uvdk_iova_t iova = 0;

	cr_assert_eq(uvdk_ioas_map(ioas, p + PAGE, 2 * PAGE, RW, &iova), 0);
	reg = reg_ok(p, 4 * PAGE, RW);
	cr_expect_eq(fake.bytes, 4 * PAGE);
	cr_expect_eq(uvdk_dma_reg_iova(reg, p + PAGE, NULL), iova);
	cr_expect_eq(uvdk_dma_unregister(reg), 0);
	cr_expect(reachable(p + PAGE) && !reachable(p));
	/* Its owner may unmap it before. */
	reg = reg_ok(p, 4 * PAGE, RW);
	cr_expect_eq(uvdk_ioas_unmap(ioas, iova, 2 * PAGE), 0);
	cr_expect(!reachable(p + PAGE) && reachable(p));
	cr_expect_eq(uvdk_dma_unregister(reg), 0);
	nothing_is_left();
	munmap(p, 4 * PAGE);
}

Test(dma_reg, writing_over_what_is_registered_for_reading_gets_a_map_that_allows_it)
{
	uint8_t *p = pages(3);
	struct uvdk_dma_reg *ro = reg_ok(p, 2 * PAGE, UVDK_MAP_READ);
	struct uvdk_dma_reg *rw = reg_ok(p + PAGE, 2 * PAGE, RW);
	struct uvdk_map_info m;

	cr_assert_eq(uvdk_ioas_find(ioas, uvdk_dma_reg_iova(rw, p + PAGE, NULL), &m), 0);
	cr_expect(m.flags & UVDK_MAP_WRITE);
	cr_expect_eq(m.va, p + PAGE);
	cr_assert_eq(uvdk_ioas_find(ioas, uvdk_dma_reg_iova(ro, p + PAGE, NULL), &m), 0);
	cr_expect(!(m.flags & UVDK_MAP_WRITE), "who may only read can't write after that");
	cr_expect_eq(uvdk_dma_unregister(ro), 0);
	cr_assert_eq(uvdk_ioas_find(ioas, uvdk_dma_reg_iova(rw, p + PAGE, NULL), &m), 0);
	cr_expect_eq(uvdk_dma_unregister(rw), 0);
	nothing_is_left();
	munmap(p, 3 * PAGE);
}

Test(dma_reg, reading_of_what_is_registered_for_writing_shares_it)
{
	uint8_t *p = pages(1);
	struct uvdk_dma_reg *rw = reg_ok(p, PAGE, RW), *ro = reg_ok(p, PAGE, UVDK_MAP_READ);

	cr_expect_eq(fake.maps, 1);
	cr_expect_eq(uvdk_dma_unregister(rw), 0);
	cr_expect(reachable(p));
	cr_expect_eq(uvdk_dma_unregister(ro), 0);
	nothing_is_left();
	munmap(p, PAGE);
}

Test(dma_reg, pages_that_only_a_map_of_another_keeps_are_not_taken_for_what_is_there_now)
{
	uint8_t *p = pages(4);
	struct uvdk_dma_reg *a = reg_ok(p, 3 * PAGE, RW), *b = reg_ok(p + 2 * PAGE, 2 * PAGE, RW);
	struct uvdk_dma_reg *c = NULL;

	cr_expect_eq(uvdk_dma_unregister(a), 0);
	/* Something else may be there by now. */
	cr_expect_eq(uvdk_dma_register(ioas, p, PAGE, RW, &c), -EBUSY);
	cr_expect_null(c);
	c = reg_ok(p, PAGE, RW | UVDK_MAP_ALIAS);
	cr_expect_neq(uvdk_dma_reg_iova(c, p, NULL), uvdk_translate(uvdk_ioas_xlate(ioas), p));
	cr_expect_eq(uvdk_dma_unregister(c), 0);
	cr_expect_eq(uvdk_dma_unregister(b), 0);
	c = reg_ok(p, PAGE, RW);
	cr_expect_eq(uvdk_dma_unregister(c), 0);
	nothing_is_left();
	munmap(p, 4 * PAGE);
}

Test(dma_reg, a_failure_in_the_middle_leaves_nothing)
{
	uint8_t *p = pages(5);
	struct uvdk_dma_reg *b = reg_ok(p + 2 * PAGE, PAGE, RW), *all = NULL;

	fake.map = (struct fake_failure){.at = 2, .err = -ENOMEM};
	cr_expect_eq(uvdk_dma_register(ioas, p, 5 * PAGE, RW, &all), -ENOMEM);
	cr_expect_null(all);
	cr_expect_eq(fake.maps, 1);
	cr_expect(reachable(p + 2 * PAGE) && !reachable(p));
	fake.unmap = (struct fake_failure){.at = 1, .err = -ENODEV};
	cr_expect_eq(uvdk_dma_unregister(b), -ENODEV);
	cr_expect(reachable(p + 2 * PAGE));
	cr_expect_eq(uvdk_dma_unregister(b), 0, "it can be tried again");
	nothing_is_left();
	munmap(p, 5 * PAGE);
}

Test(dma_reg, mistakes_are_named)
{
	struct uvdk_dma_reg *reg = NULL;
	uint8_t *p = pages(1);

	cr_expect_eq(uvdk_dma_register(NULL, p, 1, RW, &reg), -EINVAL);
	cr_expect_eq(uvdk_dma_register(ioas, p, 0, RW, &reg), -EINVAL);
	cr_expect_eq(uvdk_dma_register(ioas, p, 1, 0, &reg), -EINVAL);
	cr_expect_eq(uvdk_dma_register(ioas, p, 1, RW | UVDK_MAP_FIXED, &reg), -EINVAL);
	cr_expect_eq(uvdk_dma_register(ioas, p, SIZE_MAX, RW, &reg), -EINVAL);
	cr_expect_null(reg);
	cr_expect_eq(uvdk_dma_unregister(NULL), 0);
	nothing_is_left();
	munmap(p, PAGE);
}

Test(dma_reg, whole_huge_pages_are_registered)
{
	size_t huge = 2ul << 20;
	uint8_t *p = mmap(NULL, huge, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	struct uvdk_dma_reg *reg;

	if (p == MAP_FAILED)
		return; /* no huge page is free */
	reg = reg_ok(p + 3 * PAGE + 7, 100, RW);
	/* Else this kernel does not tell the size of pages. */
	if (info_of(reg).len != PAGE) {
		cr_expect_eq(info_of(reg).va, p);
		cr_expect_eq(info_of(reg).len, huge);
	}
	cr_expect_eq(uvdk_dma_unregister(reg), 0);
	nothing_is_left();
	munmap(p, huge);
}

/* Of normal pages where no huge ones are free: what must hold is the same. */
Test(dma_reg, part_of_a_memfd_of_huge_pages_is_registered_and_lets_it_go)
{
	size_t huge = 2ul << 20, page = huge;
	int fd = memfd_create("reg", MFD_CLOEXEC | MFD_HUGETLB);
	struct uvdk_dma_reg *reg;
	uint8_t *p = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, (off_t)huge))
		p = mmap(NULL, huge, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED) {
		close(fd);
		page = PAGE;
		fd = memfd_create("reg", MFD_CLOEXEC);
		cr_assert_eq(ftruncate(fd, (off_t)huge), 0);
		p = mmap(NULL, huge, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		cr_assert_neq(p, MAP_FAILED);
	}
	reg = reg_ok(p + 5 * PAGE + 9, 3, RW);
	cr_expect(info_of(reg).len == page || info_of(reg).len == PAGE, "%zu", info_of(reg).len);
	cr_expect_eq((uintptr_t)info_of(reg).va % info_of(reg).len, 0);
	cr_expect_eq(fake.bytes, info_of(reg).len);
	cr_expect(reachable(p + 5 * PAGE));
	cr_expect_eq(uvdk_dma_reg_iova(reg, p + 5 * PAGE + 9, NULL),
		     uvdk_translate(uvdk_ioas_xlate(ioas), p + 5 * PAGE + 9));
	cr_expect_eq(uvdk_dma_unregister(reg), 0);
	cr_expect_not(reachable(p + 5 * PAGE));
	nothing_is_left();
	cr_expect_eq(munmap(p, huge), 0);
	close(fd);
}

/* A child's pages are not those that a device of the parent's sees at the same address. */
static const char *try_in_child(uint8_t *p, struct uvdk_ioas *other)
{
	struct uvdk_dma_reg *reg = NULL;
	unsigned int maps = fake.maps;

	if (uvdk_dma_register(ioas, p, PAGE, RW, &reg) != -EPERM)
		return "what the parent has registered";
	if (uvdk_dma_register(ioas, p + PAGE, PAGE, RW, &reg) != -EPERM)
		return "other memory";
	if (uvdk_dma_register(ioas, p, PAGE, RW | UVDK_MAP_ALIAS, &reg) != -EPERM)
		return "an alias";
	if (uvdk_dma_register(other, p, PAGE, RW, &reg) != -EPERM)
		return "in a space without registrations";

	return reg || fake.maps != maps ? "something is left" : NULL;
}

Test(dma_reg, a_child_registers_nothing_for_the_devices_of_its_parent)
{
	uint8_t *p = pages(2);
	struct uvdk_dma_reg *reg = reg_ok(p, PAGE, RW);
	struct uvdk_ioas *other;
	int status;
	pid_t child;

	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &other), 0);
	child = fork();
	if (!child) {
		const char *wrong = try_in_child(p, other);

		if (wrong)
			dprintf(STDERR_FILENO, "registered in a child: %s\n", wrong);
		_exit(wrong != NULL);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect_eq(status, 0);
	cr_expect_eq(uvdk_dma_unregister(reg), 0);
	uvdk_ioas_destroy(other);
	nothing_is_left();
	munmap(p, 2 * PAGE);
}

Test(dma_reg, a_child_leaves_the_maps_of_its_parent_alone)
{
	uint8_t *p = pages(1);
	struct uvdk_dma_reg *reg = reg_ok(p, PAGE, RW);
	int status;
	pid_t child = fork();

	if (!child)
		_exit(uvdk_dma_unregister(reg) != -EPERM || fake.maps != 1);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect_eq(status, 0);
	cr_expect_eq(uvdk_dma_unregister(reg), 0);
	nothing_is_left();
	munmap(p, PAGE);
}

static struct uvdk_ioas_dma_stats counts(void)
{
	struct uvdk_ioas_stats stats;

	uvdk_ioas_get_stats(ioas, &stats);
	return stats.dma;
}

Test(dma_reg, registrations_are_counted_with_what_was_shared_and_refused)
{
	uint8_t *p = pages(4);
	struct uvdk_dma_reg *a = reg_ok(p, 4 * PAGE, RW), *b = reg_ok(p + 1, PAGE - 1, RW), *none;

	cr_expect_eq(uvdk_dma_register(ioas, p, 0, RW, &none), -EINVAL);
	fake.map = (struct fake_failure){1, -ENOMEM};
	cr_expect_eq(uvdk_dma_register(ioas, p, PAGE, RW | UVDK_MAP_ALIAS, &none), -ENOMEM);
	cr_expect_eq(counts().registrations, 2);
	cr_expect_eq(counts().registered_bytes, 5 * PAGE);
	cr_expect_eq(counts().made, 2);
	cr_expect_eq(counts().shared, 1);
	cr_expect_eq(counts().refused, 2);
	cr_expect_eq(uvdk_dma_unregister(b), 0);
	fake.unmap = (struct fake_failure){1, -EIO};
	cr_expect_eq(uvdk_dma_unregister(a), -EIO);
	cr_expect_eq(counts().registrations, 1);
	cr_expect_eq(uvdk_dma_unregister(a), 0);
	cr_expect_eq(counts().registrations, 0);
	cr_expect_eq(counts().registered_bytes, 0);
	cr_expect_eq(counts().made, 2);
	nothing_is_left();
	munmap(p, 4 * PAGE);
}

/* ---- at random, by four threads ---- */

#define AREA	64ul
#define THREADS 4

static uint8_t *area;

static void *register_at_random(void *arg)
{
	uint64_t r = 88172645463325252u + (uintptr_t)arg;
	struct uvdk_dma_reg *regs[8] = {NULL};

	for (int i = 0; i < 4000; i++) {
		struct uvdk_dma_reg **reg = &regs[i % 8];
		uint64_t first, n, flags;

		r ^= r << 13, r ^= r >> 7, r ^= r << 17;
		first = r % AREA;
		n = 1 + (r >> 8) % (AREA - first);
		flags = r >> 16 & 3 ? RW : UVDK_MAP_READ;
		if (uvdk_dma_unregister(*reg))
			return "unregister";
		*reg = NULL;
		int err = uvdk_dma_register(ioas, area + first * PAGE, n * PAGE - 9,
					    (unsigned int)flags, reg);
		struct uvdk_map_info m;

		if (err && err != -EBUSY)
			return "register";
		for (uint64_t at = first; !err && at < first + n; at++) {
			uvdk_iova_t iova = uvdk_dma_reg_iova(*reg, area + at * PAGE, NULL);

			if (uvdk_ioas_find(ioas, iova, &m))
				return "a page is not mapped";
			if ((uint8_t *)m.va + (iova - m.iova) != area + at * PAGE)
				return "another page is";
			if (flags & ~m.flags)
				return "with less access";
		}
	}
	for (int i = 0; i < 8; i++)
		uvdk_dma_unregister(regs[i]);

	return NULL;
}

Test(dma_reg, overlaps_at_random_in_four_threads_keep_every_page_until_its_last_registration)
{
	pthread_t threads[THREADS];
	void *what;

	area = pages(AREA);
	for (uintptr_t i = 0; i < THREADS; i++)
		cr_assert_eq(
			pthread_create(&threads[i], NULL, register_at_random, (void *)(i * 7919)),
			0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &what);
		cr_expect_null(what, "%s", (const char *)what);
	}
	nothing_is_left();
	munmap(area, AREA * PAGE);
}
