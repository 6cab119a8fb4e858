// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>

#include "demand_world.h"

/* Memory that nobody has shared is there when the device touches it. */

static struct demand_world d;
static struct world *w;
static struct pri *p;
static struct uvdk_sva *sva;
static uint32_t pasid;

static struct uvdk_sva_opts demand(unsigned int flags)
{
	return demand_opts(w, flags | UVDK_SVA_NO_FOLLOW);
}

static void setup(void)
{
	demand_open(&d, UVDK_SVA_NO_FOLLOW);
	w = &d.w;
	p = d.p;
	sva = d.sva;
	pasid = d.pasid;
}

static void finish(void)
{
	demand_close(&d);
}

TestSuite(sva_demand, .init = setup);

static uint8_t *file_memory(int prot, int flags, size_t len)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	void *at;

	cr_assert_eq(ftruncate(fd, (off_t)len), 0);
	cr_assert_eq(pwrite(fd, "from the file", 14, 0), 14);
	at = mmap(NULL, len, prot, flags, fd, 0);
	cr_assert_neq(at, MAP_FAILED);
	close(fd);

	return at;
}

Test(sva_demand, memory_of_any_kind_is_reached_without_having_been_shared)
{
	char stack[3000] = "on the stack", *heap = calloc(1, 300000);
	uint8_t *shared = file_memory(PROT_READ | PROT_WRITE, MAP_SHARED, 3 * PAGE);
	uint8_t *private = file_memory(PROT_READ | PROT_WRITE, MAP_PRIVATE, 3 * PAGE);

	cr_assert_eq(pri_copy(p, pasid, 1, heap + 100, stack, sizeof(stack)), PRI_DONE);
	cr_assert_str_eq(heap + 100, "on the stack");
	cr_assert_eq(pri_copy(p, pasid, 1, shared + PAGE - 4, heap + 100, 100), PRI_DONE);
	cr_assert_str_eq((char *)shared + PAGE - 4, "on the stack");
	cr_assert_eq(pri_copy(p, pasid, 1, stack, private, 14), PRI_DONE);
	cr_assert_str_eq(stack, "from the file");
	cr_assert_eq(pri_copy(p, pasid, 1, private + 5, "constant", 9), PRI_DONE);
	cr_assert_str_eq((char *)private, "from constant");
	cr_assert_eq(info_of(sva).refused, 0);
	cr_assert_eq(info_of(sva).faults, pri_requests(p));
	free(heap);
	finish();
}

Test(sva_demand, accesses_without_a_pasid_do_as_well)
{
	struct uvdk_sva_opts opts = demand(UVDK_SVA_RID);
	struct uvdk_sva *rid = bind_ok(w, &opts);
	char from[32] = "no PASID", to[32] = "";

	cr_assert_eq(uvdk_sva_pasid(rid), UVDK_PASID_RID);
	cr_assert_eq(pri_copy(p, 0, 1, to, from, sizeof(from)), PRI_DONE);
	cr_assert_str_eq(to, "no PASID");
	cr_assert_eq(uvdk_sva_unbind(rid), 0);
	cr_assert_not(pri_reads(p, 0, from));
	finish();
}

Test(sva_demand, neighbours_are_mapped_along_so_that_few_requests_do)
{
	const size_t len = 1 << 20;
	uint8_t *mem = aligned_memory(len), *buf = malloc(len);
	struct uvdk_sva_opts opts = demand(0);
	struct uvdk_sva *fine;
	unsigned int before;

	cr_assert_eq(pri_read(p, pasid, 1, mem, buf, len), PRI_DONE);
	cr_assert_eq(pri_requests(p), len / 65536);
	cr_assert_eq(info_of(sva).faults, len / 65536);
	cr_assert_eq(info_of(sva).pinned, len);
	opts.readahead = PAGE;
	fine = bind_ok(w, &opts);
	before = pri_requests(p);
	cr_assert_eq(pri_read(p, uvdk_sva_pasid(fine), 1, mem, buf, len), PRI_DONE);
	cr_assert_eq(pri_requests(p) - before, len / PAGE);
	cr_assert_eq(uvdk_sva_unbind(fine), 0);
	opts.readahead = len;
	fine = bind_ok(w, &opts);
	before = pri_requests(p);
	cr_assert_eq(pri_read(p, uvdk_sva_pasid(fine), 1, mem + 3 * PAGE, buf, PAGE), PRI_DONE);
	cr_assert(pri_writes(p, uvdk_sva_pasid(fine), mem + len - 1));
	cr_assert_eq(pri_requests(p) - before, 1);
	cr_assert_eq(uvdk_sva_unbind(fine), 0);
	free(buf);
	finish();
}

Test(sva_demand, read_ahead_ends_where_the_mapping_ends)
{
	uint8_t *mem = aligned_memory(65536);

	munmap(mem, 5 * PAGE);
	mprotect(mem + 9 * PAGE, PAGE, PROT_NONE);
	cr_assert_eq(pri_write(p, pasid, 1, mem + 7 * PAGE, "x", 1), PRI_DONE);
	cr_assert_eq(info_of(sva).pinned, 4 * PAGE);
	cr_assert(pri_writes(p, pasid, mem + 5 * PAGE));
	cr_assert_not(pri_reads(p, pasid, mem + 4 * PAGE));
	cr_assert_not(pri_reads(p, pasid, mem + 9 * PAGE));
	/* And where something is mapped already, on both sides. */
	cr_assert_eq(pri_write(p, pasid, 1, mem + 15 * PAGE, "x", 1), PRI_DONE);
	cr_assert_eq(uvdk_sva_forget(sva, mem + 7 * PAGE, 1), 0);
	cr_assert_eq(uvdk_sva_share(sva, mem + 6 * PAGE, 1), 0);
	cr_assert_eq(uvdk_sva_share(sva, mem + 8 * PAGE, 1), 0);
	cr_assert_eq(pri_write(p, pasid, 1, mem + 7 * PAGE, "x", 1), PRI_DONE);
	cr_assert_not(pri_reads(p, pasid, mem + 5 * PAGE));
	finish();
}

Test(sva_demand, what_the_process_may_not_write_the_device_may_not)
{
	uint8_t *mem = aligned_memory(65536);
	unsigned int before;
	uint8_t byte;

	mprotect(mem, 65536, PROT_READ);
	cr_assert_eq(pri_write(p, pasid, 1, mem, "x", 1), PRI_REFUSED);
	cr_assert_eq(pri_read(p, pasid, 1, mem, &byte, 1), PRI_DONE);
	cr_assert_eq(pri_write(p, pasid, 1, mem, "x", 1), PRI_REFUSED);
	cr_assert_not(pri_writes(p, pasid, mem));
	cr_assert_eq(mem[0], 0x11);
	cr_assert_eq(info_of(sva).refused, 2);
	cr_assert_eq(info_of(sva).faults, 1);
	/* Until it may. */
	mprotect(mem, 65536, PROT_READ | PROT_WRITE);
	before = pri_requests(p);
	cr_assert_eq(pri_write(p, pasid, 1, mem, "x", 1), PRI_DONE);
	cr_assert_eq(pri_requests(p) - before, 1);
	cr_assert_eq(mem[0], 'x');
	cr_assert_eq(info_of(sva).pinned, 65536);
	finish();
}

Test(sva_demand, what_is_not_mapped_is_refused)
{
	static const uintptr_t nonsense[] = {0,
					     PAGE,
					     UINT64_C(0x7fffffffe000),
					     UINT64_C(0x800000000000),
					     UINT64_C(0x1000000000000),
					     UINT64_C(0xffff800000000000),
					     UINT64_C(0xffffffffff600000),
					     UINT64_MAX & ~(PAGE - 1)};
	uint8_t *none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *mem = new_memory(PAGE), byte;

	munmap(mem, PAGE);
	cr_assert_eq(pri_read(p, pasid, 1, mem, &byte, 1), PRI_REFUSED);
	cr_assert_eq(pri_read(p, pasid, 1, none, &byte, 1), PRI_REFUSED);
	for (unsigned int i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++)
		cr_assert_eq(pri_read(p, pasid, 1, (void *)nonsense[i], &byte, 1), PRI_REFUSED,
			     "%zx", nonsense[i]);
	cr_assert_eq(info_of(sva).faults, 0);
	cr_assert_eq(info_of(sva).pinned, 0);
	finish();
}

Test(sva_demand, what_is_forgotten_comes_back_only_if_the_process_has_it)
{
	uint8_t *mem = aligned_memory(65536), byte;
	unsigned int before;

	cr_assert_eq(pri_read(p, pasid, 1, mem, &byte, 1), PRI_DONE);
	cr_assert_eq(uvdk_sva_forget(sva, mem + 8, 1), 0);
	cr_assert_eq(info_of(sva).pinned, 0);
	cr_assert_not(pri_reads(p, pasid, mem));
	before = pri_requests(p);
	cr_assert_eq(pri_write(p, pasid, 1, mem + 9 * PAGE, "y", 1), PRI_DONE);
	cr_assert_eq(pri_requests(p) - before, 1, "lost beside it, and had again");
	cr_assert_eq(uvdk_sva_forget(sva, mem, 65536), 0);
	munmap(mem, 65536);
	cr_assert_eq(pri_write(p, pasid, 1, mem, "z", 1), PRI_REFUSED);
	cr_assert_eq(mmap(mem, 65536, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
		     mem);
	cr_assert_eq(pri_write(p, pasid, 1, mem, "z", 1), PRI_DONE);
	cr_assert_eq(mem[0], 'z');
	finish();
}

Test(sva_demand, what_is_shared_need_not_be_asked_for)
{
	const size_t len = 5 << 20;
	uint8_t *mem = new_memory(len), *readable = new_memory(PAGE), byte;
	unsigned int before;

	cr_assert_eq(pri_read(p, pasid, 1, mem + len / 2, &byte, 1), PRI_DONE);
	before = pri_requests(p);
	share_ok(sva, mem, len);
	for (size_t at = 0; at < len; at += PAGE)
		cr_assert(pri_writes(p, pasid, mem + at), "%zx", at);
	mprotect(readable, PAGE, PROT_READ);
	share_ok(sva, readable, PAGE);
	cr_assert(pri_reads(p, pasid, readable));
	cr_assert_not(pri_writes(p, pasid, readable));
	cr_assert_eq(pri_requests(p), before);
	cr_assert_eq(info_of(sva).pinned, len + PAGE);
	/* It is given up by whole chunks, not all at once. */
	cr_assert_eq(uvdk_sva_forget(sva, mem + len / 2, 1), 0);
	cr_assert_not(pri_reads(p, pasid, mem + len / 2));
	cr_assert(pri_reads(p, pasid, mem));
	cr_assert_eq(pri_read(p, pasid, 1, mem + len / 2, &byte, 1), PRI_DONE);
	finish();
}

Test(sva_demand, a_fork_leaves_the_parent_what_it_has)
{
	uint8_t *mem = aligned_memory(65536), byte;
	int status;
	pid_t child;

	cr_assert_eq(pri_write(p, pasid, 1, mem, "a", 1), PRI_DONE);
	child = fork();
	if (!child) {
		mem[0] = 'c';
		_exit(uvdk_sva_share(sva, mem, 1) == -EPERM ? 0 : 1);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
	cr_assert_eq(pri_read(p, pasid, 1, mem, &byte, 1), PRI_DONE);
	cr_assert_eq(byte, 'a');
	cr_assert_eq(pri_write(p, pasid, 1, mem + 1, "b", 1), PRI_DONE);
	cr_assert_eq(mem[1], 'b');
	finish();
}

Test(sva_demand, options_that_make_no_sense_are_refused)
{
	static const size_t wrong[] = {1, 2048, 12288, (size_t)1 << 40};
	struct uvdk_sva_opts opts = demand(0);
	struct uvdk_sva *none;

	for (unsigned int i = 0; i < 4; i++) {
		opts.readahead = wrong[i];
		cr_assert_eq(uvdk_sva_bind(w->dev, &opts, &none), -EINVAL);
	}
	finish();
}
