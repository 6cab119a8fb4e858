// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include <uvdk_base_driver.h>
#include <uvdk_device_driver.h>
#include <uvdk_inval.h>

#include "nest_world.h"

/* What uvdk_invalq_open() refuses, whom it tells, and what goes away below it. */

#define ASID	 9u
#define SEEN	 4096u
#define ATC	 0x40u
#define PATIENCE 20 /* seconds; only a failure takes them */

static struct nest_world nest;
static struct uvdk_invalq *q;
static uint16_t asid;

/* Commands that the kernel was given. */
static struct {
	uint64_t word0[SEEN];
	unsigned int count, calls;
	unsigned int refuse; /* a command, counting from 1 */
	void (*meanwhile)(void);
} kernel;

static int on_invalidate(const struct uvdk_inval_batch *batch, struct uvdk_inval_result *out)
{
	const struct uvdk_inval_smmuv3 *cmd = batch->entries;
	void (*meanwhile)(void) = kernel.meanwhile;

	kernel.calls++;
	kernel.meanwhile = NULL;
	if (meanwhile)
		meanwhile();
	for (unsigned int i = 0; i < batch->count; i++) {
		if (kernel.refuse && kernel.count + 1 == kernel.refuse) {
			*out = (struct uvdk_inval_result){.done = 0, .failed = i};
			kernel.refuse = 0;
			return -EIO;
		}
		kernel.word0[kernel.count++] = cmd[i].cmd[0];
	}
	*out = (struct uvdk_inval_result){batch->count, batch->count};
	return 0;
}

static void setup(enum uvdk_nest_type type, bool ats)
{
	memset(&kernel, 0, sizeof(kernel));
	q = NULL;
	asid = type == UVDK_NEST_VTD ? 0 : ASID;
	fake_viommu.on_invalidate = type == UVDK_NEST_SMMUV3 ? on_invalidate : NULL;
	nest_open(&nest, type, ats);
	nest_add(&nest, 0, NULL, 0x11);
}

static int open_with(struct uvdk_invalq_opts opts)
{
	opts.size = sizeof(opts);
	return uvdk_invalq_open(nest.hwpt[0], nest.dev[0], UVDK_PASID_RID, &opts, &q);
}

static void open_queue(void)
{
	cr_assert_eq(open_with((struct uvdk_invalq_opts){0}), 0, "%s", uvdk_last_error());
}

static void teardown(void)
{
	uvdk_invalq_destroy(q);
	nest_close(&nest);
}

static uint64_t post(uint64_t page)
{
	const struct uvdk_inval_req req = {.first = page << 12,
					   .last = (page << 12) + 4095,
					   .asid = asid,
					   .scope = UVDK_INVAL_RANGE,
					   .flags = UVDK_INVAL_LEAF};
	uint64_t cookie = 0;

	cr_assert_eq(uvdk_inval_post(q, &req, &cookie), 0, "%s", uvdk_last_error());
	return cookie;
}

static int finish(uint64_t cookie)
{
	time_t deadline = time(NULL) + PATIENCE;
	int ret;

	(void)uvdk_inval_kick(q);
	while ((ret = uvdk_inval_poll(q, cookie)) == -EINPROGRESS && time(NULL) <= deadline)
		sched_yield();
	return ret;
}

/* ATC_INV for a device since the last look. */
static unsigned int told(uint32_t id)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < kernel.count; i++)
		n += (kernel.word0[i] & 0xff) == ATC && kernel.word0[i] >> 32 == id;
	return n;
}

static void forget(void)
{
	kernel.count = kernel.calls = 0;
}

#define REFUSED(call, err, text)                                                        \
	do {                                                                            \
		cr_expect_eq(call, err, "%s", uvdk_last_error());                       \
		cr_expect(said(text), "\"%s\" is not in: %s", text, uvdk_last_error()); \
	} while (0)

Test(inval_open, what_is_not_right_is_refused)
{
	struct uvdk_hwpt *plain = NULL;

	setup(UVDK_NEST_SMMUV3, false);
	cr_assert_eq(uvdk_hwpt_create(ioas, nest.dev[0], NULL, &plain), 0);
	REFUSED(uvdk_invalq_open(plain, nest.dev[0], 0, NULL, &q), -EINVAL, "kernel's");
	REFUSED(uvdk_invalq_open(nest.hwpt[0], nest.dev[0], 5, NULL, &q), -EINVAL, "PASID 5");
	REFUSED(uvdk_invalq_open(NULL, nest.dev[0], 0, NULL, &q), -EINVAL, "creating");
	REFUSED(open_with((struct uvdk_invalq_opts){.depth = 48}), -EINVAL, "power of two");
	REFUSED(open_with((struct uvdk_invalq_opts){.ring = nest.mem}), -EINVAL, "together");
	uvdk_hwpt_detach(nest.hwpt[0], nest.dev[0], UVDK_PASID_RID);
	REFUSED(open_with((struct uvdk_invalq_opts){0}), -EINVAL, "not attached");
	uvdk_hwpt_destroy(plain);
	uvdk_viommu_destroy(nest.viommu);
	cr_expect(said("stays"), "what was refused holds nothing, the table does");
	teardown();
}

Test(inval_open, amd_has_none)
{
	setup(UVDK_NEST_AMD, false);
	REFUSED(open_with((struct uvdk_invalq_opts){0}), -EOPNOTSUPP, "AMD");
	teardown();
}

Test(inval_open, rings_that_are_not_the_queues_are_refused)
{
	struct uvdk_hw_queue *queue;
	struct uvdk_invalq_opts opts = {.ring_len = NEST_RING_LEN};
	uint8_t regs[NEST_STRIDE] = {0};

	fake_viommu.page = regs;
	fake_viommu.page_len = sizeof(regs);
	setup(UVDK_NEST_TEGRA241, false);
	cr_assert_eq(uvdk_hw_queue_create(nest.viommu, NEST_IOVA, NEST_RING_LEN, &queue), 0);
	opts.hw_queue = queue;
	REFUSED(open_with(opts), -EINVAL, "together");
	opts.ring = (char *)nest.mem + NEST_RING_LEN;
	REFUSED(open_with(opts), -EINVAL, "mapped there");
	opts.ring = nest.mem;
	opts.ring_len = NEST_RING_LEN / 2;
	REFUSED(open_with(opts), -EINVAL, "mapped there");
	opts.ring_len = NEST_RING_LEN - 16;
	REFUSED(open_with(opts), -EINVAL, "power of two");
	opts.ring_len = NEST_RING_LEN;
	opts.thread = true;
	REFUSED(open_with(opts), -EINVAL, "thread");
	opts.thread = false;
	REFUSED(open_with(opts), -ETIMEDOUT, "switch on"); /* nobody is there */
	uvdk_hw_queue_destroy(queue);
	cr_expect_eq(fake_viommu.next_queue, 0, "what was refused has not kept it");
	fake_viommu.page_len = NEST_STRIDE - 1;
	teardown();
}

Test(inval_open, one_call_a_kick)
{
	setup(UVDK_NEST_SMMUV3, true);
	open_queue();
	for (unsigned int i = 0; i < 200; i++)
		post(2 * i);
	cr_expect_eq(kernel.calls, 0);
	cr_expect_eq(finish(200), 0);
	cr_expect_eq(kernel.calls, 2, "%u: devices after the I/O MMU", kernel.calls);
	cr_expect_eq(kernel.count, 400);
	uvdk_hwpt_detach(nest.hwpt[0], nest.dev[0], UVDK_PASID_RID);
	teardown();
}

/* There is ATS, but no device uses it. */
Test(inval_open, no_call_for_devices_that_cache_nothing)
{
	setup(UVDK_NEST_SMMUV3, true);
	nest_add(&nest, 1, "fake:plain", 0x22);
	cr_assert_eq(uvdk_invalq_open(nest.hwpt[1], nest.dev[1], UVDK_PASID_RID, NULL, &q), 0);
	nest_remove(&nest, 0);
	nest.dev[0] = NULL;
	cr_expect_eq(finish(post(1)), 0);
	cr_expect_eq(kernel.calls, 1);
	cr_expect_eq(told(0x11) + told(0x22), 0);
	teardown();
}

Test(inval_open, devices_that_come_and_go_are_told)
{
	setup(UVDK_NEST_SMMUV3, true);
	open_queue();
	cr_expect_eq(finish(post(1)), 0);
	cr_expect_eq(told(0x11), 1);
	forget();
	nest_add(&nest, 1, "fake:1-ats", 0x22);
	cr_expect_eq(finish(post(1)), 0);
	cr_expect(told(0x11) == 1 && told(0x22) == 1, "both");
	forget();
	uvdk_hwpt_detach(nest.hwpt[1], nest.dev[1], UVDK_PASID_RID);
	cr_expect_eq(finish(post(1)), 0);
	cr_expect(told(0x11) == 1 && told(0x22) == 0, "no ATS without a table");
	cr_expect_eq(uvdk_hwpt_attach(nest.hwpt[1], nest.dev[1], UVDK_PASID_RID), 0);
	cr_expect_eq(finish(post(1)), 0);
	cr_expect_eq(told(0x22), 1);
	forget();
	nest_remove(&nest, 1);
	cr_expect_eq(finish(post(1)), 0);
	cr_expect(told(0x11) == 1 && told(0x22) == 0, "it is gone");
	teardown();
}

static void come(void)
{
	nest_add(&nest, 1, "fake:1-ats", 0x22);
}

/* It may have asked for a page just before the I/O MMU forgot that. */
Test(inval_open, a_device_that_comes_during_the_call_is_told)
{
	setup(UVDK_NEST_SMMUV3, true);
	open_queue();
	kernel.meanwhile = come;
	cr_expect_eq(finish(post(1)), 0);
	cr_expect(told(0x11) == 1 && told(0x22) == 1, "both");
	teardown();
}

/* The kernel says which one it refused, and not that those before are done. */
Test(inval_open, what_comes_before_a_refused_entry_is_carried_out)
{
	setup(UVDK_NEST_SMMUV3, false);
	open_queue();
	for (unsigned int i = 0; i < 100; i++)
		post(2 * i);
	kernel.refuse = 71;
	cr_expect_eq(finish(100), 0, "that time only");
	cr_expect_eq(kernel.count, 70 + 70 + 30);
	teardown();
}

static void is_over(uint64_t cookie)
{
	const struct uvdk_inval_req all = {.scope = UVDK_INVAL_ALL};
	uint64_t other = 0;

	cr_expect_eq(finish(cookie), -ENODEV);
	cr_expect_eq(uvdk_inval_post(q, &all, &other), -ENODEV);
	cr_expect_eq(kernel.calls, 0, "nothing is called for it any more");
	uvdk_inval_settle(q);
}

Test(inval_open, a_queue_ends_with_its_table)
{
	for (unsigned int how = 0; how < 5; how++) {
		uint64_t cookie;

		setup(UVDK_NEST_SMMUV3, true);
		cr_assert_eq(open_with((struct uvdk_invalq_opts){.thread = how & 1}), 0);
		cookie = post(1);
		switch (how) {
		case 0:
			uvdk_hwpt_detach(nest.hwpt[0], nest.dev[0], UVDK_PASID_RID);
			break;
		case 1:
			uvdk_hwpt_destroy(nest.hwpt[0]);
			nest.hwpt[0] = NULL;
			break;
		case 2:
			cr_assert_eq(uvdk_hwpt_replace(uvdk_viommu_get_info(nest.viommu)->parent,
						       nest.dev[0], UVDK_PASID_RID),
				     0);
			break;
		case 3:
			uvdk_device_close(nest.dev[0]);
			nest.dev[0] = NULL;
			break;
		default:
			uvdk_vdevice_destroy(nest.vdev[0]);
			nest.vdev[0] = NULL;
		}
		cr_expect_eq(uvdk_inval_poll(q, cookie), -ENODEV, "not kicked, yet over");
		is_over(cookie);
		uvdk_viommu_destroy(nest.viommu);
		cr_expect(said("stays"), "the queue is a user: %s", uvdk_last_error());
		teardown();
	}
}

Test(inval_open, a_device_that_is_gone_ends_it)
{
	setup(UVDK_NEST_SMMUV3, false);
	open_queue();
	uvdk_device_mark_gone(nest.dev[0], "test");
	is_over(post(1));
	teardown();
}

/* uvdk_inval_gone() may come while the table goes, too. */
Test(inval_open, other_tables_do_not_end_it)
{
	setup(UVDK_NEST_SMMUV3, true);
	nest_add(&nest, 1, "fake:1-ats", 0x22);
	open_queue();
	cr_assert_eq(uvdk_hwpt_replace(nest.hwpt[0], nest.dev[0], UVDK_PASID_RID), 0);
	nest_remove(&nest, 1);
	cr_expect_eq(finish(post(1)), 0, "the same table, and another's");
	teardown();
}

/* ---- a driver with queues of its own ---- */

static struct uvdk_invalq_opts driver_opts;
static uint32_t driver_pasid;

static int driver_create(void *hwpt_priv, struct uvdk_iommu_binding *binding, uint32_t pasid,
			 const struct uvdk_invalq_opts *opts, struct uvdk_invalq **out)
{
	(void)hwpt_priv;
	(void)binding;
	(void)out;
	driver_pasid = pasid;
	driver_opts = *opts;
	return uvdk_fail(-ENOMEM, "test", "no queue today");
}

Test(inval_open, the_drivers_own_comes_first)
{
	setup(UVDK_NEST_VTD, false);
	fake_viommu.invalq_create = driver_create;
	REFUSED(open_with((struct uvdk_invalq_opts){.depth = 64}), -ENOMEM, "today");
	cr_expect_eq(driver_opts.depth, 64);
	cr_expect_eq(driver_pasid, UVDK_PASID_RID);
	fake_viommu.invalq_create = NULL;
	open_queue();
	cr_expect_eq(finish(post(1)), 0);
	teardown();
}
