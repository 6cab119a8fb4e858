// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>
#include <stdio.h>
#include <sys/auxv.h>

#include "../../sanitizer.h"
#include "sva_world.h"

/* What can be shared, and what is left of it when it is given up by calls. */

#define FIXED ((void *)UINT64_C(0x200000000000))

static struct world w;
static struct uvdk_sva *sva;
static uint8_t *other; /* always shared: four pages */

static void setup(void)
{
	struct uvdk_sva_opts opts;

	world_open(&w, true);
	opts = with_pasid(&w, UVDK_SVA_NO_FOLLOW);
	sva = bind_ok(&w, &opts);
	other = new_memory(4 * PAGE);
	share_ok(sva, other, 4 * PAGE);
}

static void teardown(void)
{
	world_close(&w);
	munmap(other, 4 * PAGE);
}

/* Nothing is left of it. */
static void finish(void)
{
	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	cr_assert_eq(held(&w), 0);
	cr_assert_eq(stales(&w), 0);
}

TestSuite(sva_memory, .init = setup, .fini = teardown);

static uint8_t *map_at(void *at, size_t len, int prot)
{
	void *p = mmap(at, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	cr_assert_eq(p, at);
	return p;
}

static bool can_read(const void *at)
{
	return sva_copy(&w, sva, at, other, 8) == COPIED;
}

/* And nothing but that is changed. */
static bool can_write(void *at)
{
	uint64_t before, after;
	uint32_t status;

	memset(other, 0x5a, 8);
	memcpy(&before, at, 8);
	status = sva_copy(&w, sva, other, at, 8);
	memcpy(&after, at, 8);
	if (status == COPIED)
		cr_assert_eq(memcmp(at, other, 8), 0);
	else
		cr_assert_eq(before, after, "refused, and written all the same");

	return status == COPIED;
}

Test(sva_memory, a_memfd_and_a_file_are_used_as_they_are)
{
	int fd = memfd_create("sva", MFD_CLOEXEC);
	char path[] = "/tmp/uvdk-sva-XXXXXX", text[16] = "";
	int file = mkstemp(path);
	uint8_t *a, *b;

	cr_assert_eq(ftruncate(fd, 2 * PAGE), 0);
	cr_assert_eq(write(file, "in a file", 10), 10);
	a = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	b = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 0);
	cr_assert_neq(a, MAP_FAILED);
	cr_assert_neq(b, MAP_FAILED);
	share_ok(sva, a, 2 * PAGE);
	share_ok(sva, b, PAGE);
	cr_assert_eq(sva_copy(&w, sva, b, a + PAGE, 10), COPIED);
	cr_assert_eq(pread(fd, text, 10, PAGE), 10);
	cr_assert_str_eq(text, "in a file");
	finish();
	munmap(a, 2 * PAGE);
	munmap(b, PAGE);
	close(fd);
	close(file);
	unlink(path);
}

Test(sva_memory, what_the_process_may_not_write_the_device_may_not_either)
{
	uint8_t *mem = new_memory(3 * PAGE);

	cr_assert_eq(mprotect(mem + PAGE, PAGE, PROT_READ), 0);
	share_ok(sva, mem, 3 * PAGE);
	cr_assert(can_write(mem));
	cr_assert(can_read(mem + PAGE));
	cr_assert_not(can_write(mem + PAGE));
	cr_assert(can_write(mem + 2 * PAGE));
	finish();
	munmap(mem, 3 * PAGE);
}

Test(sva_memory, a_hole_is_named_and_nothing_is_shared)
{
	uint8_t *mem = map_at(FIXED, 4 * PAGE, PROT_READ | PROT_WRITE);
	uint64_t before = info_of(sva).shared;

	munmap(mem + 2 * PAGE, PAGE);
	cr_assert_eq(uvdk_sva_share(sva, mem, 4 * PAGE), -EFAULT);
	cr_assert_not_null(strstr(uvdk_last_error(), "0x200000002000"), "%s", uvdk_last_error());
	cr_assert_eq(uvdk_sva_share(sva, mem + 2 * PAGE, 1), -EFAULT);
	cr_assert_eq(uvdk_sva_share(sva, (void *)8, 1), -EFAULT);
	cr_assert_eq(info_of(sva).shared, before);
	cr_assert_eq(info_of(sva).pinned, before);
	cr_assert_not(can_read(mem));
	finish();
	munmap(mem, 4 * PAGE);
}

Test(sva_memory, what_is_no_memory_of_the_process_is_refused)
{
	void *vdso = (void *)getauxval(AT_SYSINFO_EHDR);
	uint8_t *mem = new_memory(2 * PAGE);

	cr_assert_eq(mprotect(mem + PAGE, PAGE, PROT_NONE), 0);
	cr_assert_eq(uvdk_sva_share(sva, mem, 2 * PAGE), -EFAULT);
	cr_assert_eq(uvdk_sva_share(sva, vdso, 1), -EOPNOTSUPP);
	cr_assert_not_null(strstr(uvdk_last_error(), "[vdso]"), "%s", uvdk_last_error());
	cr_assert_eq(uvdk_sva_share(sva, mem, 0), -EINVAL);
	cr_assert_eq(uvdk_sva_share(sva, mem, SIZE_MAX), -EINVAL);
	cr_assert_eq(uvdk_sva_forget(sva, mem, 0), -EINVAL);
	cr_assert_eq(uvdk_sva_sync(sva, (void *)-1, PAGE), -EINVAL);
	cr_assert_eq(info_of(sva).pinned, 4 * PAGE);
	finish();
	munmap(mem, 2 * PAGE);
}

Test(sva_memory, addresses_that_the_io_mmu_does_not_take_are_named)
{
	void *msi = (void *)UINT64_C(0xfee00000);
	uint8_t *mem = mmap(msi, PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (mem != msi)
		cr_skip_test("something is there already (AddressSanitizer)");
	cr_assert_eq(uvdk_sva_share(sva, mem, PAGE), -ERANGE);
	cr_assert_not_null(strstr(uvdk_last_error(), "fee00000"), "%s", uvdk_last_error());
	finish();
	munmap(mem, PAGE);
}

Test(sva_memory, what_is_shared_twice_is_shared_once)
{
	uint8_t *mem = map_at(FIXED, 8 * PAGE, PROT_READ | PROT_WRITE);

	share_ok(sva, mem + 2 * PAGE, PAGE);
	share_ok(sva, mem + 5 * PAGE, 1);
	share_ok(sva, mem, 8 * PAGE);
	share_ok(sva, mem + 3 * PAGE, 2 * PAGE);
	cr_assert_eq(info_of(sva).shared, 12 * PAGE);
	cr_assert_eq(info_of(sva).pinned, 12 * PAGE);
	for (int i = 0; i < 8; i++)
		cr_assert(can_write(mem + i * PAGE));
	cr_assert_eq(uvdk_sva_forget(sva, mem, 8 * PAGE), 0);
	cr_assert_eq(info_of(sva).pinned, 4 * PAGE);
	finish();
	munmap(mem, 8 * PAGE);
}

Test(sva_memory, what_was_forgotten_faults_also_when_it_is_another_allocation_now)
{
	uint8_t *mem = map_at(FIXED, 16 * PAGE, PROT_READ | PROT_WRITE);

	share_ok(sva, mem, 16 * PAGE);
	cr_assert(can_write(mem + 15 * PAGE));
	cr_assert_eq(uvdk_sva_forget(sva, mem, 16 * PAGE), 0);
	munmap(mem, 16 * PAGE);
	map_at(FIXED, 16 * PAGE, PROT_READ | PROT_WRITE);
	memset(mem, 0x77, 16 * PAGE);
	for (int i = 0; i < 16; i++) {
		cr_assert_not(can_read(mem + i * PAGE));
		cr_assert_not(can_write(mem + i * PAGE));
	}
	cr_assert_eq(info_of(sva).lost, 0, "it was asked for");
	share_ok(sva, mem, 16 * PAGE);
	cr_assert(can_write(mem));
	finish();
	munmap(mem, 16 * PAGE);
}

Test(sva_memory, of_a_piece_forgotten_in_part_the_rest_stays)
{
	uint8_t *mem = map_at(FIXED, 16 * PAGE, PROT_READ | PROT_WRITE);

	share_ok(sva, mem, 16 * PAGE);
	cr_assert_eq(uvdk_sva_forget(sva, mem + 4 * PAGE, 3 * PAGE), 0);
	cr_assert_eq(uvdk_sva_forget(sva, mem + 15 * PAGE, 1), 0);
	cr_assert_eq(uvdk_sva_forget(sva, mem, 1), 0);
	for (int i = 0; i < 16; i++)
		cr_assert_eq(can_write(mem + i * PAGE), i && i != 15 && (i < 4 || i > 6), "%d", i);
	cr_assert_eq(info_of(sva).shared, (4 + 11) * PAGE);
	cr_assert_eq(info_of(sva).pinned, (4 + 11) * PAGE);
	share_ok(sva, mem, 16 * PAGE);
	for (int i = 0; i < 16; i++)
		cr_assert(can_write(mem + i * PAGE));
	finish();
	munmap(mem, 16 * PAGE);
}

Test(sva_memory, the_same_holds_without_a_pasid)
{
	struct uvdk_sva_opts rid = with_rid(UVDK_SVA_NO_FOLLOW);
	uint8_t *mem = map_at(FIXED, 8 * PAGE, PROT_READ | PROT_WRITE);

	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	sva = bind_ok(&w, &rid);
	share_ok(sva, other, 4 * PAGE);
	share_ok(sva, mem, 8 * PAGE);
	for (int gone = 1; gone < 7; gone += 2) {
		cr_assert_eq(uvdk_sva_forget(sva, mem + gone * PAGE, PAGE), 0);
		for (int i = 0; i < 8; i++)
			cr_assert_eq(can_write(mem + i * PAGE), i % 2 == 0 || i > gone);
	}
	finish();
	munmap(mem, 8 * PAGE);
}

Test(sva_memory, sync_takes_and_gives_what_mprotect_did)
{
	uint8_t *mem = map_at(FIXED, 8 * PAGE, PROT_READ | PROT_WRITE);

	share_ok(sva, mem, 8 * PAGE);
	cr_assert_eq(mprotect(mem + 2 * PAGE, 2 * PAGE, PROT_READ), 0);
	cr_assert_eq(mprotect(mem + 5 * PAGE, PAGE, PROT_NONE), 0);
	munmap(mem + 7 * PAGE, PAGE);
	cr_assert_eq(uvdk_sva_sync(sva, mem, 8 * PAGE), 0, "%s", uvdk_last_error());
	cr_assert(can_write(mem + PAGE));
	cr_assert_not(can_write(mem + 2 * PAGE));
	cr_assert_not(can_write(mem + 3 * PAGE));
	cr_assert(can_read(mem + 3 * PAGE));
	cr_assert(can_write(mem + 4 * PAGE));
	cr_assert_not(can_read(mem + 5 * PAGE));
	cr_assert(can_write(mem + 6 * PAGE));
	cr_assert_not(can_read(mem + 7 * PAGE));
	cr_assert_eq(info_of(sva).shared, (4 + 6) * PAGE);
	cr_assert_eq(mprotect(mem, 7 * PAGE, PROT_READ | PROT_WRITE), 0);
	cr_assert_eq(uvdk_sva_sync(sva, mem, 7 * PAGE), 0);
	cr_assert(can_write(mem + 2 * PAGE));
	cr_assert_not(can_read(mem + 5 * PAGE), "not shared any more");
	cr_assert_eq(info_of(sva).pinned, (4 + 6) * PAGE);
	finish();
	munmap(mem, 7 * PAGE);
}

Test(sva_memory, all_of_the_process_is_shared_if_asked_for)
{
#if SANITIZER_ADDRESS
	cr_skip_test("terabytes of shadow are mapped");
#endif
	struct uvdk_sva_opts opts = with_pasid(&w, UVDK_SVA_NO_FOLLOW | UVDK_SVA_PROCESS);
	static const char text[] = "a constant", *where = text;
	char *heap = malloc(100), stack[16] = "";

	cr_assert_eq(uvdk_sva_unbind(sva), 0);
	sva = bind_ok(&w, &opts);
	cr_assert_eq(sva_copy(&w, sva, where, heap, sizeof(text)), COPIED);
	cr_assert_eq(sva_copy(&w, sva, heap, stack, sizeof(text)), COPIED);
	cr_assert_str_eq(stack, "a constant");
	cr_assert_eq(sva_copy(&w, sva, heap, (void *)(uintptr_t)where, 4), NOT_WRITTEN);
	finish();
	free(heap);
}
