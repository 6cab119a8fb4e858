// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <uvdk_explain_driver.h>
#include <uvdk_phys_driver.h>

/* Physical addresses, with a pagemap of the test's: a file with a hole for all the rest. */

#define PAGE	4096ul
#define PRESENT (UINT64_C(1) << 63)

static char proc[64];
static struct uvdk_phys phys;
static char *mem;
static unsigned int warnings;

static void put(const char *name, off_t off, const void *data, size_t len)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", proc, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(pwrite(fd, data, len, off), (ssize_t)len);
	close(fd);
}

static void entry(unsigned int page, uint64_t value)
{
	put("self/pagemap", (off_t)((uintptr_t)mem / PAGE + page) * 8, &value, sizeof(value));
}

static void frames(const uint64_t *frame, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		entry(i, frame[i] | PRESENT);
}

static void begin(void)
{
	char path[128];

	snprintf(proc, sizeof(proc), "/tmp/uvdk-phys-XXXXXX");
	cr_assert_not_null(mkdtemp(proc));
	snprintf(path, sizeof(path), "%s/self", proc);
	cr_assert_eq(mkdir(path, 0700), 0);
	mem = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(mem, MAP_FAILED);
	put("self/pagemap", 0, "", 1);
	cr_assert_eq(uvdk_phys_open_at(&phys, "test", proc), 0, "%s", uvdk_last_error());
}

static void end(void)
{
	char command[128];

	uvdk_phys_close(&phys);
	munmap(mem, 16 * PAGE);
	snprintf(command, sizeof(command), "rm -r %s", proc);
	cr_assert_eq(system(command), 0);
}

TestSuite(phys, .init = begin, .fini = end);

/* Between two looks at the pagemap. */
static void (*between)(void);
static unsigned int looks;

ssize_t __real_pread64(int fd, void *buf, size_t len, off_t off);
ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t off);

ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t off)
{
	if (between && ++looks == 2)
		between();

	return __real_pread64(fd, buf, len, off);
}

Test(phys, neighbours_are_one_run)
{
	struct uvdk_phys_run runs[4];

	frames((uint64_t[]){100, 101, 102, 200, 201, 50}, 6);
	cr_assert_eq(uvdk_phys_runs(&phys, mem, 6 * PAGE, -1, runs, 4), 3, "%s", uvdk_last_error());
	cr_expect_eq(runs[0].phys, 100 * PAGE);
	cr_expect_eq(runs[0].len, 3 * PAGE);
	cr_expect_eq(runs[1].phys, 200 * PAGE);
	cr_expect_eq(runs[1].len, 2 * PAGE);
	cr_expect_eq(runs[2].phys, 50 * PAGE);
	cr_expect_eq(runs[2].len, PAGE);
}

Test(phys, runs_that_do_not_fit_are_counted_and_nothing_else_is_written)
{
	struct uvdk_phys_run runs[3] = {[2] = {7, 7}};

	frames((uint64_t[]){100, 200, 300, 301, 400}, 5);
	cr_assert_eq(uvdk_phys_runs(&phys, mem, 5 * PAGE, -1, runs, 2), 4);
	cr_expect_eq(runs[1].len, PAGE);
	cr_expect_eq(runs[2].phys, 7);
	cr_expect_eq(uvdk_phys_runs(&phys, mem, 5 * PAGE, -1, NULL, 0), 4);
}

static void move_a_page(void)
{
	entry(1, 999 | PRESENT);
}

Test(phys, a_page_that_moves_between_two_looks_is_refused)
{
	struct uvdk_phys_run run;

	frames((uint64_t[]){100, 101, 102}, 3);
	between = move_a_page;
	cr_expect_eq(uvdk_phys_runs(&phys, mem, 3 * PAGE, -1, &run, 1), -EAGAIN);
	cr_expect(strstr(uvdk_last_error(), "moved"), "%s", uvdk_last_error());
}

Test(phys, hidden_frames_name_the_privilege)
{
	struct uvdk_phys_run run;

	entry(0, PRESENT);
	cr_expect_eq(uvdk_phys_runs(&phys, mem, PAGE, -1, &run, 1), -EACCES);
	cr_expect(strstr(uvdk_last_error(), "CAP_SYS_ADMIN"), "%s", uvdk_last_error());
}

Test(phys, a_page_that_is_not_there_is_refused)
{
	struct uvdk_phys_run run;

	entry(0, 100 | PRESENT);
	entry(1, 0);
	entry(2, 102 | PRESENT);
	cr_expect_eq(uvdk_phys_runs(&phys, mem, 3 * PAGE, -1, &run, 1), -EFAULT);
}

Test(phys, without_a_pagemap_the_privilege_is_named_up_front)
{
	struct uvdk_phys other;

	cr_expect_eq(uvdk_phys_open_at(&other, "test", "/nonexistent"), -ENOENT);
	cr_expect(strstr(uvdk_last_error(), "CAP_SYS_ADMIN"), "%s", uvdk_last_error());
}

Test(phys, memory_stays_locked_until_its_last_lock_is_undone)
{
	uint64_t before = uvdk_memlock_used();
	int a, b, c;

	cr_assert_eq(uvdk_phys_lock(&phys, mem, 4 * PAGE, true, &a), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_phys_lock(&phys, mem + 2 * PAGE, 6 * PAGE, true, &b), 0);
	cr_assert_eq(uvdk_phys_lock(&phys, mem, 8 * PAGE, false, &c), 0);
	cr_expect_eq(uvdk_memlock_used() - before, 8 * PAGE);
	uvdk_phys_unlock(&phys, mem, 8 * PAGE, c);
	cr_expect_eq(uvdk_memlock_used() - before, 8 * PAGE);
	uvdk_phys_unlock(&phys, mem, 4 * PAGE, a);
	cr_expect_eq(uvdk_memlock_used() - before, 6 * PAGE);
	uvdk_phys_unlock(&phys, mem + 2 * PAGE, 6 * PAGE, b);
	cr_expect_eq(uvdk_memlock_used(), before);
}

/* KiB of this process that the kernel has pinned. */
static uint64_t pinned(void)
{
	uint64_t kib = 0;
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");

	cr_assert_not_null(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "VmPin: %" SCNu64, &kib);
	fclose(f);

	return kib;
}

/* Older kernels let go a moment later. */
static bool pinned_becomes(uint64_t kib)
{
	for (unsigned int i = 0; i < 2000 && pinned() != kib; i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);

	return pinned() == kib;
}

Test(phys, each_lock_pins_what_is_there_until_it_is_undone)
{
	int fd = dup(0);
	int a, b, c;

	close(fd);
	cr_assert_eq(uvdk_phys_lock(&phys, mem, 8 * PAGE, true, &a), 0, "%s", uvdk_last_error());
	if (a < 0)
		cr_skip_test("no io_uring");
	cr_expect_eq(pinned(), 32);
	cr_assert_eq(uvdk_phys_lock(&phys, mem + 2 * PAGE, 2 * PAGE, true, &b), 0);
	cr_assert_eq(uvdk_phys_lock(&phys, mem + 6 * PAGE, 4 * PAGE, true, &c), 0);
	cr_expect_eq(pinned(), 56);
	uvdk_phys_unlock(&phys, mem, 8 * PAGE, a);
	cr_expect(pinned_becomes(24), "%" PRIu64 " KiB", pinned());
	uvdk_phys_unlock(&phys, mem + 2 * PAGE, 2 * PAGE, b);
	uvdk_phys_unlock(&phys, mem + 6 * PAGE, 4 * PAGE, c);
	cr_expect(pinned_becomes(0), "%" PRIu64 " KiB", pinned());
	cr_expect_eq(dup(0), fd, "a descriptor is left");
}

/* As a registration cache does: what is held lingers, and its addresses are used anew. */
Test(phys, memory_at_the_addresses_of_what_is_still_held_is_locked_and_pinned_for_itself)
{
	uint64_t before = uvdk_memlock_used();
	int old, new;

	cr_assert_eq(uvdk_phys_lock(&phys, mem, 8 * PAGE, true, &old), 0, "%s", uvdk_last_error());
	cr_assert_eq(munmap(mem, 8 * PAGE), 0);
	cr_expect_eq(uvdk_memlock_used(), before);
	cr_assert_eq(mmap(mem, 8 * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		     mem);
	cr_assert_eq(uvdk_phys_lock(&phys, mem, 8 * PAGE, true, &new), 0, "%s", uvdk_last_error());
	cr_expect_eq(uvdk_memlock_used() - before, 8 * PAGE);
	if (old >= 0) {
		cr_expect_geq(new, 0);
		cr_expect_eq(pinned(), 64);
	}
	uvdk_phys_unlock(&phys, mem, 8 * PAGE, old);
	cr_expect_eq(uvdk_memlock_used() - before, 8 * PAGE);
	if (old >= 0)
		cr_expect(pinned_becomes(32), "%" PRIu64 " KiB", pinned());
	uvdk_phys_unlock(&phys, mem, 8 * PAGE, new);
	cr_expect_eq(uvdk_memlock_used(), before);
	cr_expect(pinned_becomes(0), "%" PRIu64 " KiB", pinned());
}

/* More than one buffer of an io_uring can have. */
Test(phys, a_range_of_more_than_a_gibibyte_has_one_pin_of_several_parts)
{
	size_t len = ((size_t)1 << 30) + 4 * PAGE;
	int fd = memfd_create("large", 0);
	char *large;
	int pin;

	cr_assert_geq(fd, 0);
	cr_assert_eq(ftruncate(fd, 64 << 20), 0);
	large = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	cr_assert_neq(large, MAP_FAILED);
	for (size_t at = 0; at < len; at += 64 << 20)
		cr_assert_neq(mmap(large + at, len - at < 64 << 20 ? len - at : 64 << 20,
				   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0),
			      MAP_FAILED);
	close(fd);
	if (uvdk_memlock_max() < len)
		cr_skip_test("memlock");
	cr_assert_eq(uvdk_phys_lock(&phys, large, len, true, &pin), 0, "%s", uvdk_last_error());
	if (pin >= 0)
		cr_expect_gt(pinned(), 0);
	uvdk_phys_unlock(&phys, large, len, pin);
	cr_expect(pinned_becomes(0), "%" PRIu64 " KiB", pinned());
	munmap(large, len);
}

Test(phys, a_lock_that_is_refused_leaves_nothing_locked)
{
	uint64_t before = uvdk_memlock_used();
	int pin;

	cr_assert_eq(munmap(mem + 3 * PAGE, PAGE), 0);
	cr_expect_eq(uvdk_phys_lock(&phys, mem, 5 * PAGE, true, &pin), -EFAULT);
	cr_assert_eq(mprotect(mem, PAGE, PROT_READ), 0);
	cr_expect_eq(uvdk_phys_lock(&phys, mem, 2 * PAGE, true, &pin), -EPERM, "%s",
		     uvdk_last_error());
	cr_expect_eq(uvdk_phys_lock(&phys, mem, 2 * PAGE, false, &pin), 0, "%s", uvdk_last_error());
	uvdk_phys_unlock(&phys, mem, 2 * PAGE, pin);
	cr_expect_eq(uvdk_memlock_used(), before);
}

static void count_warnings(void *arg, enum uvdk_log_level level, const char *component,
			   const char *message)
{
	(void)component;
	(void)arg;
	if (level == UVDK_LOG_WARN && strstr(message, "compact_unevictable_allowed"))
		warnings++;
}

static void look(unsigned int page, int pin)
{
	struct uvdk_phys_run run;

	cr_assert_eq(uvdk_phys_runs(&phys, mem + page * PAGE, PAGE, pin, &run, 1), 1);
}

Test(phys, memory_that_the_kernel_may_move_is_warned_of_once_unless_it_is_of_huge_pages)
{
	uint64_t huge = UINT64_C(1) << 17;
	int pin;

	uvdk_log_set_sink(count_warnings, NULL);
	frames((uint64_t[]){100, 200, 300}, 3);
	cr_assert_eq(mkdirat(AT_FDCWD, strcat(strcpy((char[128]){0}, proc), "/sys"), 0700), 0);
	cr_assert_eq(mkdirat(AT_FDCWD, strcat(strcpy((char[128]){0}, proc), "/sys/vm"), 0700), 0);
	put("sys/vm/compact_unevictable_allowed", 0, "1\n", 2);
	put("kpageflags", 100 * 8, &huge, sizeof(huge));
	look(0, -1);
	cr_expect_eq(warnings, 0);
	cr_assert_eq(uvdk_phys_lock(&phys, mem + PAGE, PAGE, true, &pin), 0);
	if (pin >= 0) {
		look(1, pin);
		cr_expect_eq(warnings, 0);
	}
	uvdk_phys_unlock(&phys, mem + PAGE, PAGE, pin);
	look(1, -1);
	cr_expect_eq(warnings, 1);
	look(2, -1);
	cr_expect_eq(warnings, 1);
}

Test(phys, on_an_emulated_machine_an_address_is_its_own_and_nothing_is_locked)
{
	uint64_t before = uvdk_memlock_used();
	int pin;
	struct uvdk_phys_run run;
	struct uvdk_phys other;

	cr_assert_eq(uvdk_phys_open(&other, "test", true), 0);
	cr_assert_eq(uvdk_phys_lock(&other, mem, 16 * PAGE, true, &pin), 0);
	cr_expect_eq(uvdk_memlock_used(), before);
	cr_assert_eq(uvdk_phys_runs(&other, mem, 16 * PAGE, -1, &run, 1), 1);
	cr_expect_eq(run.phys, (uintptr_t)mem);
	cr_expect_eq(run.len, 16 * PAGE);
	uvdk_phys_unlock(&other, mem, 16 * PAGE, pin);
	cr_assert_eq(munmap(mem, PAGE), 0);
	cr_expect_eq(uvdk_phys_lock(&other, mem, PAGE, true, &pin), -EFAULT);
	uvdk_phys_close(&other);
}
