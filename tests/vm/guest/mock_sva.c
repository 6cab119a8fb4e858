// SPDX-License-Identifier: BSD-3-Clause
/*
 * mock_sva [sweep]: memory on demand over a real iommufd. A mock device asks for pages at
 * addresses of the process; what is mapped and pinned then is looked up in the mock I/O MMU. The
 * mock does not tell what it was answered, but whether a request still waits.
 *
 * With an argument: the same again and again, each time with one more ioctl that fails.
 */
#include <sched.h>
#include <sys/mman.h>

#include <uvdk_sva.h>

#include "mock.h"

#define AT	(UINT64_C(0x10000000)) /* the mock translates up to 2 GiB */
#define PAGES	64u
#define WINDOW	(65536u / PAGE)
#define PATIENT 100000u

static struct uvdk_iommu *iommu;
static struct uvdk_device *dev;
static struct uvdk_pasid_space *space;
static struct uvdk_pasid_owner *owner;
static struct uvdk_sva *sva;
static uint8_t *mem;
static uint32_t pasid, id; /* the kernel's number of the table */
static uint32_t index_now;

static uint8_t *memory_at(uint64_t at, int prot)
{
	void *got = mmap((void *)at, PAGES * PAGE, prot,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	CHECK(got == (void *)at, "mmap");
	return got;
}

static int bind(unsigned int flags)
{
	const struct uvdk_sva_opts opts = {.size = sizeof(opts),
					   .backend = UVDK_SVA_DEMAND,
					   .flags = flags,
					   .owner = flags & UVDK_SVA_RID ? NULL : owner};
	int err = uvdk_sva_bind(dev, &opts, &sva);

	if (!err) {
		pasid = uvdk_sva_pasid(sva);
		id = mock.latest_hwpt;
	}
	return err;
}

static struct uvdk_sva_info info(void)
{
	struct uvdk_sva_info got;

	uvdk_sva_get_info(sva, &got);
	return got;
}

static void ask(const void *addr, bool write)
{
	mock_ask(dev, pasid, index_now++ % 512, (uintptr_t)addr, write ? 2 : 1);
}

/* Until so many requests have been answered, the one way or the other. */
static void answered(uint64_t faults, uint64_t refused)
{
	struct uvdk_sva_info got = info();

	for (unsigned int i = 0; i < PATIENT && got.faults + got.refused < faults + refused; i++) {
		CHECK(uvdk_sva_poll(sva) >= 0, "poll");
		usleep(100);
		got = info();
	}
	CHECK_EQ(got.faults, faults);
	CHECK_EQ(got.refused, refused);
}

static void pages(void)
{
	CHECK_EQ(bind(UVDK_SVA_NO_FOLLOW), 0);
	ask(mem + 20 * PAGE + 8, true);
	answered(1, 0);
	CHECK(mock_maps(id, AT + WINDOW * PAGE, WINDOW * PAGE, mem + WINDOW * PAGE), "not there");
	CHECK(mock_pinned(mem + WINDOW * PAGE, WINDOW * PAGE, 1), "not pinned");
	CHECK(mock_pinned(mem, WINDOW * PAGE, 0), "pinned beside it");
	for (unsigned int i = 0; i < PAGES; i++)
		ask(mem + i * PAGE, false);
	answered(1 + PAGES, 0);
	CHECK(mock_maps(id, AT, PAGES * PAGE, mem), "not all there");
	CHECK(mock_pinned(mem, PAGES * PAGE, 1), "not pinned once");
	CHECK_EQ(info().pinned, PAGES * PAGE);
	printf("pages: all good\n");
}

static void invalid(void)
{
	struct uvdk_sva_info before = info();
	uint8_t *readable = memory_at(AT + 2 * PAGES * PAGE, PROT_READ);

	ask((void *)(AT - PAGE), false);
	ask((void *)UINT64_C(0xfffffffffffff000), true);
	ask(readable, true);
	answered(before.faults, before.refused + 3);
	CHECK_EQ(info().pinned, before.pinned);
	ask(readable, false);
	answered(before.faults + 1, before.refused + 3);
	CHECK(mock_maps(id, (uintptr_t)readable, WINDOW * PAGE, readable), "not readable");
	ask(readable, true);
	answered(before.faults + 1, before.refused + 4);
	/* Where the I/O MMU has no addresses, there is nothing to be had either. */
	ask(&before, true);
	answered(before.faults + 1, before.refused + 5);
	munmap(readable, PAGES * PAGE);
	CHECK_EQ(uvdk_sva_forget(sva, readable, PAGES * PAGE), 0);
	printf("invalid: all good\n");
}

static void forgotten(void)
{
	struct uvdk_sva_info before = info();

	CHECK_EQ(uvdk_sva_forget(sva, mem + PAGE, 1), 0);
	CHECK(mock_pinned(mem, WINDOW * PAGE, 0), "still pinned");
	CHECK(mock_maps(id, AT + WINDOW * PAGE, PAGE, mem + WINDOW * PAGE), "too much is gone");
	ask(mem, true);
	answered(before.faults + 1, before.refused);
	CHECK(mock_pinned(mem, WINDOW * PAGE, 1), "not pinned");
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
	CHECK(mock_pinned(mem, PAGES * PAGE, 0), "pinned after the end");
	printf("forgotten: all good\n");
}

/* The old pages are no business of anybody's any more; what is new is asked for. */
static void followed(void)
{
	struct uvdk_sva_info got;

	CHECK_EQ(bind(0), 0);
	ask(mem, true);
	answered(1, 0);
	CHECK_EQ(madvise(mem, PAGES * PAGE, MADV_DONTNEED), 0);
	for (unsigned int i = 0; i < PATIENT && info().pinned; i++)
		usleep(100);
	got = info();
	CHECK_EQ(got.pinned, 0);
	CHECK_EQ(got.lost, WINDOW * PAGE);
	memset(mem, 7, PAGES * PAGE);
	ask(mem + PAGE, true);
	answered(2, 0);
	CHECK(mock_maps(id, AT + PAGE, PAGE, mem + PAGE), "not the new page");
	munmap(mem, PAGES * PAGE);
	for (unsigned int i = 0; i < PATIENT && info().pinned; i++)
		usleep(100);
	CHECK_EQ(info().pinned, 0);
	ask(mem, false);
	answered(2, 1);
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
	mem = memory_at(AT, PROT_READ | PROT_WRITE);
	memset(mem, 1, PAGES * PAGE);
	printf("followed: all good\n");
}

/* What has its effect in the kernel only: nobody waits for an answer for ever, nothing is left. */
static void ended(void)
{
	unsigned int objects = mock_objects();

	for (unsigned int i = 0; i < 300; i++) {
		CHECK_EQ(bind(UVDK_SVA_NO_FOLLOW | (i & 1 ? UVDK_SVA_RID : 0)), 0);
		for (unsigned int k = 0; k < i % 32; k++)
			ask(mem + k * PAGE, true);
		CHECK_EQ(uvdk_sva_unbind(sva), 0);
	}
	CHECK_EQ(mock_objects(), objects);
	CHECK(mock_pinned(mem, PAGES * PAGE, 0), "pinned after the end");
	printf("ended: all good\n");
}

/* One request and an end, with an ioctl that fails somewhere; the thread's, too. */
static void run(void)
{
	int err = bind(UVDK_SVA_NO_FOLLOW);

	if (err) {
		CHECK(mock.hit && *uvdk_last_error(), "bind: %d", err);
		return;
	}
	err = uvdk_sva_share(sva, mem, PAGE);
	CHECK(!err || (mock.hit && *uvdk_last_error()), "share: %d", err);
	ask(mem + PAGE, true);
	for (unsigned int i = 0; i < PATIENT && !(info().faults + info().refused); i++)
		usleep(100);
	CHECK(info().faults + info().refused == 1, "nobody answers");
	CHECK_EQ(uvdk_sva_forget(sva, mem, PAGE), 0);
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
}

static void sweep(void)
{
	unsigned int objects, fds, at;

	run();
	objects = mock_objects();
	fds = count_fds();
	mock.hit = true;
	for (at = 1; mock.hit; at++) {
		mock.calls = 0;
		mock.hit = false;
		mock.fail_errno = ENOMEM;
		mock.fail_at = at;
		run();
		mock.fail_at = 0;
		CHECK_EQ(mock_objects(), objects);
		CHECK_EQ(count_fds(), fds);
		CHECK(mock_pinned(mem, PAGES * PAGE, 0), "still pinned");
	}
	printf("  %u ioctls fail, one by one\n", at - 2);
	CHECK(at > 8, "so few?");
	printf("sweep: all good\n");
}

int main(int argc, char **argv)
{
	unsigned int fds = count_fds();

	(void)argv;
	mock_register();
	mem = memory_at(AT, PROT_READ | PROT_WRITE);
	memset(mem, 1, PAGES * PAGE);
	CHECK_EQ(uvdk_iommu_open("iommufd", NULL, &iommu), 0);
	dev = mock_open(iommu, "mock:0");
	CHECK_EQ(uvdk_pasid_space_create(NULL, &space), 0);
	CHECK_EQ(uvdk_pasid_owner_create(space, 0, &owner), 0);
	if (argc > 1) {
		sweep();
	} else {
		pages();
		invalid();
		forgotten();
		followed();
		ended();
	}
	uvdk_pasid_owner_destroy(owner);
	uvdk_pasid_space_destroy(space);
	uvdk_device_close(dev);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	return 0;
}
