// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include <uvdk_device_driver.h>
#include <uvdk_iommu_driver.h>

#include "emu_world.h"
#include "iommu_emu_device.h"
#include "inval_testing.h"

/* What is particular about a backend. */

static struct world w;

TestSuite(inval_backends, .timeout = 100);

/* ---- ioctl ---- */

static void kick_thrice(unsigned int flags, unsigned int calls)
{
	uint64_t cookie = 0;

	for (unsigned int batch = 0; batch < 3; batch++) {
		unsigned int before = w.calls;

		for (unsigned int i = 0; i < 250; i++) {
			struct uvdk_inval_req req = world_pages(&w, 1000 * batch + 2 * i, 1);

			req.flags = flags & 0x3f;
			cr_assert_eq(uvdk_inval_post(w.q, &req, &cookie), 0);
		}
		cr_expect_eq(w.calls, before, "a post is no call");
		world_kick(&w);
		cr_expect_eq(w.calls, before + calls, "%u calls", w.calls - before);
		cr_expect_eq(uvdk_inval_poll(w.q, cookie), 0);
		cr_expect_eq(w.calls, before + calls, "a poll is no call");
	}
}

Test(inval_backends, ioctl_makes_one_call_a_kick)
{
	const struct uvdk_invalq_opts opts = {.size = sizeof(opts), .flush_entries = 1000};

	world_open(&w, &backend_ioctl_vtd, &opts);
	kick_thrice(0, 1);
	world_close(&w);
	world_open(&w, &backend_ioctl_smmu, &opts);
	kick_thrice(UVDK_INVAL_KEEP_DEVTLB, 1);
	world_close(&w);
}

/* The kernel puts no barrier between the commands of a call. */
Test(inval_backends, ioctl_makes_two_where_devices_have_tlbs)
{
	const struct uvdk_invalq_opts opts = {.size = sizeof(opts), .flush_entries = 1000};
	struct uvdk_inval_caps caps;

	world_open(&w, &backend_ioctl_smmu, &opts);
	uvdk_inval_get_caps(w.q, &caps);
	cr_expect_eq(caps.kick_calls, 2);
	kick_thrice(0, 2);
	cr_expect_eq(world_count(&w, UVDK_INVAL_DEVTLB), 3 * 250 * WORLD_SIDS);
	world_close(&w);
}

static int bad_count(void *priv, const void *entries, unsigned int len, unsigned int *count)
{
	(void)entries, (void)len;
	*count = priv ? *count + 1 : 0;

	return 0;
}

/* One that says more than was asked for, one that says nothing was done, and no error. */
Test(inval_backends, a_kernel_that_makes_no_sense_ends_the_queue)
{
	for (unsigned int i = 0; i < 2; i++) {
		const struct uvdk_inval_submit how = {.submit = bad_count, .priv = i ? &w : NULL};
		const struct uvdk_inval_req req = {.scope = UVDK_INVAL_ALL};
		struct uvdk_invalq *q;
		uint64_t cookie;

		cr_assert_eq(uvdk_invalq_create_submit(&how, NULL, &q), 0);
		cr_assert_eq(uvdk_inval_post(q, &req, &cookie), 0);
		cr_expect_eq(uvdk_inval_kick(q), -EIO);
		cr_expect_eq(uvdk_inval_poll(q, cookie), -EIO);
		uvdk_invalq_destroy(q);
	}
}

/* ---- commands of SMMUv3 ---- */

struct caught {
	unsigned int count;
	uint64_t cmd[256][2];
};

static int catch (void *priv, const void *entries, unsigned int len, unsigned int *count)
{
	struct caught *c = priv;

	cr_assert_eq(len, 16);
	memcpy(c->cmd[c->count], entries, *count * 16);
	c->count += *count;

	return 0;
}

static void send(const struct uvdk_inval_smmu *smmu, struct caught *c,
		 const struct uvdk_inval_req *req)
{
	const struct uvdk_inval_submit how = {
		.submit = catch, .priv = c, .format = UVDK_INVAL_FORMAT_SMMUV3, .smmu = *smmu};
	struct uvdk_invalq *q;
	uint64_t cookie;

	c->count = 0;
	cr_assert_eq(uvdk_invalq_create_submit(&how, NULL, &q), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_inval_post(q, req, &cookie), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_inval_kick(q), 0);
	cr_assert_eq(uvdk_inval_poll(q, cookie), 0);
	uvdk_invalq_destroy(q);
}

/* Bit by bit, from IHI 0070, 4.4 and 4.5: these are the architecture's, not ours. */
Test(inval_backends, smmu_commands_are_as_the_architecture_has_them)
{
	const uint32_t sid = 0x1234;
	struct uvdk_inval_smmu smmu = {.range = true};
	struct uvdk_inval_req req = {.first = 0x5000,
				     .last = 0x5fff,
				     .asid = 0xabcd,
				     .pasid = 0x54321,
				     .scope = UVDK_INVAL_RANGE,
				     .flags = UVDK_INVAL_LEAF};
	static struct caught c;

	send(&smmu, &c, &req); /* one page: NUM, SCALE and TG are 0 */
	cr_assert_eq(c.count, 1);
	cr_expect_eq(c.cmd[0][0], 0xabcd000000000012, "0x%lx", (unsigned long)c.cmd[0][0]);
	cr_expect_eq(c.cmd[0][1], 0x5001, "0x%lx", (unsigned long)c.cmd[0][1]);

	req.last = 0x5000 + 48 * 4096 - 1; /* 3 << 4 pages: NUM 2, SCALE 4, TG 4 KiB */
	req.flags = 0;
	send(&smmu, &c, &req);
	cr_assert_eq(c.count, 1);
	cr_expect_eq(c.cmd[0][0], 0xabcd000000402012, "0x%lx", (unsigned long)c.cmd[0][0]);
	cr_expect_eq(c.cmd[0][1], 0x5400, "0x%lx", (unsigned long)c.cmd[0][1]);

	smmu.sids = &sid;
	smmu.sid_count = 1;
	req.first = 0x4000;
	req.last = 0x7fff; /* 4 pages */
	send(&smmu, &c, &req);
	cr_assert_eq(c.count, 2);
	cr_expect_eq(c.cmd[1][0], 0x0000123454321840, "0x%lx", (unsigned long)c.cmd[1][0]);
	cr_expect_eq(c.cmd[1][1], 0x4002, "0x%lx", (unsigned long)c.cmd[1][1]);

	req.scope = UVDK_INVAL_PASID;
	send(&smmu, &c, &req);
	cr_expect_eq(c.cmd[0][0], 0xabcd000000000011);
	cr_expect_eq(c.cmd[1][0], 0x0000123454321840);
	cr_expect_eq(c.cmd[1][1], 52);

	req.scope = UVDK_INVAL_ALL; /* without SSV: with any PASID */
	send(&smmu, &c, &req);
	cr_expect_eq(c.cmd[0][0], 0x10);
	cr_expect_eq(c.cmd[1][0], 0x0000123400000040);
	cr_expect_eq(c.cmd[1][1], 52);
}

Test(inval_backends, smmu_without_ranges_gets_a_command_a_page)
{
	const struct uvdk_inval_smmu smmu = {0};
	const struct uvdk_inval_req req = {
		.first = 0, .last = 64 * WORLD_PAGE - 1, .scope = UVDK_INVAL_RANGE};
	static struct caught c;

	send(&smmu, &c, &req);
	cr_assert_eq(c.count, 64);
	for (unsigned int i = 0; i < 64; i++) {
		cr_expect_eq(c.cmd[i][0], 0x12);
		cr_expect_eq(c.cmd[i][1], i * WORLD_PAGE);
	}
}

Test(inval_backends, smmu_pages_of_another_size)
{
	const struct uvdk_inval_smmu smmu = {.granule = 14, .range = true};
	struct uvdk_inval_req req = {
		.first = 0x8000, .last = 0xffff, .granule = 14, .scope = UVDK_INVAL_RANGE};
	static struct caught c;

	send(&smmu, &c, &req); /* two pages of 16 KiB: NUM 0, SCALE 1, TG 16 KiB */
	cr_assert_eq(c.count, 1);
	cr_expect_eq(c.cmd[0][0], 0x100012, "0x%lx", (unsigned long)c.cmd[0][0]);
	cr_expect_eq(c.cmd[0][1], 0x8800, "0x%lx", (unsigned long)c.cmd[0][1]);
}

/* Any range, any length: all of it, and nothing more. */
Test(inval_backends, ranges_of_smmu_commands_add_up)
{
	const struct uvdk_inval_smmu smmu = {.range = true};
	static struct caught c;

	for (uint64_t pages = 1; pages < 4000; pages += 37) {
		const struct uvdk_inval_req req = {.first = 7 * WORLD_PAGE,
						   .last = (7 + pages) * WORLD_PAGE - 1,
						   .scope = UVDK_INVAL_RANGE};
		uint64_t at = 7;

		send(&smmu, &c, &req);
		for (unsigned int i = 0; i < c.count; i++) {
			uint64_t num = c.cmd[i][0] >> 12 & 31, scale = c.cmd[i][0] >> 20 & 31;

			cr_expect_eq(c.cmd[i][1] >> 12, at);
			cr_expect(!(c.cmd[i][1] & 0xc00) || num || scale, "reserved");
			at += (num + 1) << scale;
		}
		cr_expect_eq(at, 7 + pages);
		cr_expect_leq(c.count, 3);
	}
}

/* ---- hwqueue, with registers that nobody works behind ---- */

struct still {
	uint32_t reg[6];
	uint64_t cmd[16][2];
	struct uvdk_invalq *q;
};

enum { CONS, PROD, CONFIG, STATUS, GERROR, GERRORN };

static struct still still;

static void *switch_on(void *arg)
{
	(void)arg;
	while (!(__atomic_load_n(&still.reg[CONFIG], __ATOMIC_ACQUIRE) & 1))
		;
	__atomic_store_n(&still.reg[STATUS], 1, __ATOMIC_RELEASE);

	return NULL;
}

/* One request is in the queue: TLBI, SYNC, ATC_INV, SYNC. */
static void open_still(void)
{
	static const uint32_t sid = 3;
	const struct uvdk_inval_hwqueue how = {.ring = still.cmd,
					       .log2size = 4,
					       .page0 = still.reg,
					       .smmu = {.sids = &sid, .sid_count = 1}};
	const struct uvdk_inval_req req = {.scope = UVDK_INVAL_PASID, .pasid = 1, .asid = 1};
	uint64_t cookie;
	pthread_t t;

	pthread_create(&t, NULL, switch_on, NULL);
	cr_assert_eq(uvdk_invalq_create_hwqueue(&how, NULL, &still.q), 0);
	pthread_join(t, NULL);
	cr_assert_eq(uvdk_inval_post(still.q, &req, &cookie), 0);
	cr_assert_eq(uvdk_inval_kick(still.q), 0);
	cr_assert_eq(still.reg[PROD], 4);
	cr_expect_eq(uvdk_inval_poll(still.q, 1), -EINPROGRESS);
}

static void close_still(void)
{
	still.reg[STATUS] = 0;
	uvdk_invalq_destroy(still.q);
	cr_expect_eq(still.reg[CONFIG], 0, "it is still switched on");
}

Test(inval_backends, hwqueue_completes_with_the_barrier_and_not_before)
{
	open_still();
	for (uint32_t cons = 1; cons < 4; cons++) {
		still.reg[CONS] = cons;
		cr_expect_eq(uvdk_inval_poll(still.q, 1), -EINPROGRESS, "CONS %u", cons);
	}
	still.reg[CONS] = 4;
	cr_expect_eq(uvdk_inval_poll(still.q, 1), 0);
	close_still();
}

/* CONS past a command is not yet completion of it, 4.7.3. */
Test(inval_backends, hwqueue_each_of_a_batch_waits_for_the_barrier)
{
	uint64_t cookie;

	open_still();
	still.reg[CONS] = 4;
	cr_expect_eq(uvdk_inval_poll(still.q, 1), 0);
	for (unsigned int i = 0; i < 3; i++) {
		const struct uvdk_inval_req req = {.scope = UVDK_INVAL_PASID,
						   .pasid = 1,
						   .asid = (uint16_t)i,
						   .flags = UVDK_INVAL_KEEP_DEVTLB};

		cr_assert_eq(uvdk_inval_post(still.q, &req, &cookie), 0);
	}
	cr_assert_eq(uvdk_inval_kick(still.q), 0);
	cr_assert_eq(still.reg[PROD], 8);
	still.reg[CONS] = 7;
	cr_expect_eq(uvdk_inval_poll(still.q, 2), -EINPROGRESS);
	still.reg[CONS] = 8;
	cr_expect_eq(uvdk_inval_poll(still.q, 4), 0);
	close_still();
}

/* CERROR_ATC_INV_SYNC, 7.1: the barrier stays, and is tried again once the error is seen. */
Test(inval_backends, hwqueue_a_device_that_does_not_answer_fails_the_request)
{
	open_still();
	still.reg[CONS] = 3 | 3u << 24;
	still.reg[GERROR] = 1;
	cr_expect_eq(uvdk_inval_poll(still.q, 1), -EINPROGRESS);
	cr_expect_eq(still.reg[GERRORN], 1, "the error was not acknowledged");
	still.reg[CONS] = 4;
	cr_expect_eq(uvdk_inval_poll(still.q, 1), -ETIMEDOUT);
	close_still();
}

Test(inval_backends, hwqueue_that_can_not_read_its_memory_is_over)
{
	open_still();
	still.reg[CONS] = 1 | 2u << 24;
	still.reg[GERROR] = 1;
	cr_expect_eq(uvdk_inval_poll(still.q, 1), -EIO);
	cr_expect_eq(uvdk_inval_kick(still.q), -EIO);
	close_still();
}

Test(inval_backends, hwqueue_that_lies_of_its_progress_is_over)
{
	open_still();
	still.reg[CONS] = 9;
	cr_expect_eq(uvdk_inval_poll(still.q, 1), -EIO);
	close_still();
}

/* ---- emu ---- */

#define LATE UINT64_C(0x1234000) /* in the second stage, and not always there */

static struct emu_world emu;

static void open_emu(void)
{
	w.pasid = EMU_WORLD_PASID;
	emu_world_open(&emu);
	cr_assert_eq(emu_world_queue(&emu, NULL, &w.q), 0, "%s", uvdk_last_error());
}

static void close_emu(void)
{
	uvdk_invalq_destroy(w.q);
	emu_world_close(&emu);
}

Test(inval_backends, emu_refuses_what_is_not_the_callers)
{
	struct uvdk_inval_req req = {.scope = UVDK_INVAL_PASID, .pasid = EMU_WORLD_PASID};
	uint64_t cookie;

	open_emu();
	cr_expect_eq(uvdk_inval_post(w.q, &req, &cookie), 0);
	req.pasid = EMU_WORLD_PASID + 1;
	cr_expect_eq(uvdk_inval_post(w.q, &req, &cookie), -EINVAL);
	req.pasid = 0;
	cr_expect_eq(uvdk_inval_post(w.q, &req, &cookie), -EINVAL);
	close_emu();
}

Test(inval_backends, emu_needs_a_first_stage_there)
{
	struct uvdk_invalq *q = NULL;

	emu_world_open(&emu);
	uvdk_ioas_detach_pasid(emu.ioas, emu.asker->dev, EMU_WORLD_PASID);
	cr_expect_eq(emu_world_queue(&emu, NULL, &q), -EINVAL);
	cr_expect_null(q);
	emu_world_close(&emu);
}

/* The driver's own invalidations, of the second stage, and ours are in one ring. */
Test(inval_backends, emu_shares_the_units_queue_with_its_driver)
{
	const uint64_t addr = EMU_WORLD_IOVA + EMU_WORLD_PAGES * WORLD_PAGE;
	uint64_t cookie = 0;

	open_emu();
	cr_assert_eq(
		uvdk_pgtable_map_page(emu.pt, addr, LATE,
				      UVDK_PGTABLE_READ | UVDK_PGTABLE_WRITE | UVDK_PGTABLE_USER),
		0);
	for (unsigned int round = 0; round < 40; round++) {
		uvdk_iova_t iova = LATE;

		for (unsigned int i = 0; i <= 3 * round; i++) {
			const struct uvdk_inval_req req = {.first = 2 * i * WORLD_PAGE,
							   .last = (2 * i + 1) * WORLD_PAGE - 1,
							   .pasid = EMU_WORLD_PASID,
							   .scope = UVDK_INVAL_RANGE};
			cr_assert_eq(uvdk_inval_post(w.q, &req, &cookie), 0);
		}
		cr_assert_eq(uvdk_inval_kick(w.q), 0);
		cr_assert_eq(uvdk_ioas_map(emu.ioas, emu.world.memory + 300 * WORLD_PAGE,
					   WORLD_PAGE,
					   UVDK_MAP_RW | UVDK_MAP_FIXED | UVDK_MAP_ALIAS, &iova),
			     0, "%s", uvdk_last_error());
		cr_expect(asker_writes(emu.asker, EMU_WORLD_PASID, addr));
		cr_assert_eq(uvdk_ioas_unmap(emu.ioas, iova, WORLD_PAGE), 0);
		cr_expect_not(asker_writes(emu.asker, EMU_WORLD_PASID, addr));
		cr_assert_eq(world_wait(&w, cookie), 0);
	}
	close_emu();
}

static void unexpected(struct emu_poster *poster, uint64_t piece)
{
	(void)poster, (void)piece;
	cr_expect_fail("refused");
}

/* It waits until there is room, and overwrites nothing. */
Test(inval_backends, emu_the_drivers_largest_batch_fits_behind_what_is_posted)
{
	struct emu_poster poster = {.refused = unexpected};
	static struct vtd_desc batch[EMU_QUEUE_MAX];
	struct emu_unit *unit;
	uint32_t *status;

	open_emu();
	unit = ((struct emu_device *)uvdk_device_binding(emu.asker->dev)->priv)->unit;
	status = emu_arena_get(&unit->machine->arena);
	for (unsigned int i = 0; i < EMU_QUEUE_MAX; i++)
		batch[i] = emu_queue_wait(VTD_WAIT_FN, 0, NULL);
	uvdk_lock_acquire(&unit->lock);
	for (uint32_t round = 1; round < 20; round++) {
		memset(status, 0, 61 * sizeof(*status));
		for (uint32_t i = 1; i <= 60; i++) {
			const struct vtd_desc wait = emu_queue_wait(VTD_WAIT_SW, i, status + i);

			emu_queue_post(unit, &poster, &wait, i);
		}
		emu_queue_ring(unit);
		cr_assert_eq(emu_queue_run(unit, batch, EMU_QUEUE_MAX), 0);
		for (uint32_t i = 1; i <= 60; i++)
			cr_expect_eq(status[i], i, "round %u, wait %u", round, i);
	}
	uvdk_lock_release(&unit->lock);
	emu_arena_put(&unit->machine->arena, emu_page_of(status));
	close_emu();
}

static unsigned int released;

static void count_release(struct uvdk_inval_node *node)
{
	(void)node;
	released++;
}

/* Asked for its TLB, and gone: the unit waits for it in vain (6.5.2.11). */
Test(inval_backends, emu_a_function_that_vanishes_fails_its_requests)
{
	struct uvdk_inval_node node = {.release = count_release};
	const struct uvdk_inval_req req = {.scope = UVDK_INVAL_PASID, .pasid = EMU_WORLD_PASID};
	uint64_t cookie;

	released = 0;
	open_emu();
	uvdk_emu_unplug(emu.world.emu, uvdk_emu_fn_name(emu.asker->fn), true);
	cr_assert_eq(uvdk_inval_post(w.q, &req, &cookie), 0);
	cr_assert_eq(uvdk_inval_defer(w.q, &node, cookie), 0);
	uvdk_inval_kick(w.q);
	cr_expect_eq(world_wait(&w, cookie), -ENODEV);
	cr_expect_eq(released, 0);
	uvdk_inval_settle(w.q);
	cr_expect_eq(released, 1);
	close_emu();
}

static void close_device(void)
{
	asker_close(emu.asker);
	emu.asker = NULL;
}

static void detach(void)
{
	uvdk_hwpt_detach(emu.hwpt, emu.asker->dev, EMU_WORLD_PASID);
}

static void destroy(void)
{
	uvdk_hwpt_destroy(emu.hwpt);
	emu.hwpt = NULL;
}

static void replace(void)
{
	cr_assert_eq(uvdk_ioas_replace_pasid(emu.ioas, emu.asker->dev, EMU_WORLD_PASID), 0);
}

/* All of it, in an order that leaves the queue for the last. */
static void close_everything(void)
{
	uvdk_hwpt_destroy(emu.hwpt);
	uvdk_viommu_destroy(emu.viommu);
	uvdk_pgtable_destroy(emu.pt);
	uvdk_pgtable_arena_destroy(emu.arena);
	uvdk_ioas_destroy(emu.ioas);
	asker_close(emu.asker);
	asker_world_close_keeping(&emu.world);
}

static void expect_dead(uint64_t cookie)
{
	const struct uvdk_inval_req req = {.scope = UVDK_INVAL_PASID, .pasid = EMU_WORLD_PASID};
	uint64_t other;

	cr_expect_eq(uvdk_inval_poll(w.q, cookie), -ENODEV);
	cr_expect_eq(uvdk_inval_post(w.q, &req, &other), -ENODEV);
	cr_expect_eq(released, 0);
	uvdk_inval_settle(w.q);
	cr_expect_eq(released, 1);
	uvdk_invalq_destroy(w.q);
}

/* With one request kicked, one not, and something in quarantine. */
static void end_by(void (*how)(void))
{
	const struct uvdk_inval_req req = {.scope = UVDK_INVAL_PASID, .pasid = EMU_WORLD_PASID};
	struct uvdk_inval_node node = {.release = count_release};
	uint64_t cookie;

	released = 0;
	uvdk_log_set_level(NULL, UVDK_LOG_ERR);
	open_emu();
	cr_assert_eq(uvdk_inval_post(w.q, &req, &cookie), 0);
	cr_assert_eq(uvdk_inval_kick(w.q), 0);
	cr_assert_eq(uvdk_inval_post(w.q, &req, &cookie), 0);
	cr_assert_eq(uvdk_inval_defer(w.q, &node, cookie), 0);
	how();
	expect_dead(cookie);
}

Test(inval_backends, emu_a_queue_outlives_its_attachment_and_says_so)
{
	end_by(detach);
	emu_world_close(&emu);
	end_by(destroy);
	emu_world_close(&emu);
	end_by(replace);
	emu_world_close(&emu);
	end_by(close_device);
	emu_world_close(&emu);
}

Test(inval_backends, emu_a_queue_outlives_its_machine)
{
	end_by(close_everything);
}
