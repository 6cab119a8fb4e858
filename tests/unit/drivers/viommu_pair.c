// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <uvdk_emu_virtio_iommu.h>
#include <uvdk_fault_driver.h>

#include "emu_asker.h"
#include "viommu.h"

/*
 * The driver of virtio-iommu and the model of one: each is written from the specification, and
 * knows nothing of the other.
 */

TestSuite(viommu_pair, .timeout = 200);

#define NAME   "emu:virtio_iommu#0"
#define DOMAIN 11
#define IOVA   UINT64_C(0x40000000)

static struct asker_world w;
static struct viommu v;
static struct viommu_unit *unit;
static struct asker *asker;
static uint32_t endpoint;

extern const struct uvdk_emu_model uvdk_model_virtio_iommu;

static int call(enum viommu_op op, uint64_t page)
{
	const struct viommu_request r = {
		.op = op,
		.domain = DOMAIN,
		.endpoint = endpoint,
		.flags = op == VIOMMU_MAP ? VIOMMU_MAP_READ | VIOMMU_MAP_WRITE : 0,
		.first = IOVA + page * ASKER_PAGE,
		.last = IOVA + page * ASKER_PAGE + ASKER_PAGE - 1,
		.phys = (uintptr_t)w.memory,
	};

	return viommu_call(unit, &r);
}

/* As lib's part would: all once more. */
int viommu_domain_restore(struct viommu_domain *domain)
{
	int err = call(VIOMMU_ATTACH, 0);

	(void)domain;
	return err ? err : call(VIOMMU_MAP, 0);
}

static void world(bool manual)
{
	const struct uvdk_emu_opts opts = {.size = sizeof(opts), .manual = manual};

	uvdk_emu_model_register(&uvdk_model_virtio_iommu);
	asker_world_open(&w, &opts);
	memset(&v, 0, sizeof(v));
	pthread_mutex_init(&v.lock, NULL);
	v.inner = w.iommu;
	v.emu = w.emu;
	cr_assert_eq(uvdk_ioas_create(w.iommu, NULL, &v.memory), 0);
}

static int open_unit(const char *args)
{
	char spec[200];

	snprintf(spec, sizeof(spec), "emu:virtio_iommu%s", args);
	unit = NULL;
	return viommu_unit_open(&v, spec, 0, &unit);
}

static void open_all(bool manual, const char *args)
{
	world(manual);
	cr_assert_eq(open_unit(args), 0, "%s", uvdk_last_error());
	asker = asker_open(w.iommu, "emu:asker,plain,nopasid");
	cr_assert_eq(uvdk_emu_put_behind(asker->fn, NAME), 0);
	endpoint = uvdk_emu_fn_endpoint(asker->fn);
}

static void close_world(void)
{
	struct uvdk_map_info map;

	viommu_unit_close(unit);
	cr_expect_eq(uvdk_ioas_next(v.memory, 0, &map), -ENOENT, "ring memory is left");
	uvdk_ioas_destroy(v.memory);
	pthread_mutex_destroy(&v.lock);
	asker_world_close(&w);
}

static void close_all(void)
{
	asker_close(asker);
	close_world();
}

static struct uvdk_emu_virtio_iommu_stats stats(void)
{
	struct uvdk_emu_virtio_iommu_stats s;

	cr_assert_eq(uvdk_emu_virtio_iommu_get_stats(w.emu, NAME, &s), 0);
	return s;
}

static void by_the_rules(void)
{
	char text[300] = "";

	uvdk_emu_virtio_iommu_violation(w.emu, NAME, 0, text, sizeof(text));
	cr_expect_eq(stats().violations, 0, "%s", text);
	cr_expect_eq(stats().advice, 0);
}

static void works(void)
{
	cr_expect_not(asker_reads(asker, 0, IOVA), "attached to nothing");
	cr_expect_eq(call(VIOMMU_ATTACH, 0), 0, "%s", uvdk_last_error());
	cr_expect_not(asker_reads(asker, 0, IOVA), "nothing is mapped");
	cr_expect_eq(call(VIOMMU_MAP, 0), 0, "%s", uvdk_last_error());
	cr_expect(asker_reads(asker, 0, IOVA));
	cr_expect(asker_writes(asker, 0, IOVA));
	cr_expect_eq(*(volatile uint64_t *)w.memory, 0x5a5a5a5a);
	cr_expect_not(asker_reads(asker, 0, IOVA + ASKER_PAGE));
	cr_expect_eq(call(VIOMMU_UNMAP, 0), 0, "%s", uvdk_last_error());
	cr_expect_not(asker_reads(asker, 0, IOVA));
	cr_expect_eq(call(VIOMMU_DETACH, 0), 0, "%s", uvdk_last_error());
}

static void works_with(const char *args)
{
	open_all(true, args);
	works();
	by_the_rules();
	close_all();
}

Test(viommu_pair, a_device_reaches_what_is_mapped_and_nothing_else)
{
	works_with("");
}

Test(viommu_pair, whatever_the_unit_offers)
{
	static const char *const args[] = {
		",no-indirect",	     ",no-event-idx",	    ",no-indirect,no-event-idx,size=2",
		",no-bypass",	     ",old-bypass",	    ",no-input,no-domain,no-probe,no-mmio",
		",size=4096",	     ",notify=2",	    ",order=random,delay=7",
		",delay=20,batch=3", ",early,order=random", ",in-order",
		",bypass=0",	     ",pages=0x1000",	    ",probe=65536",
	};

	for (unsigned int i = 0; i < sizeof(args) / sizeof(args[0]); i++)
		works_with(args[i]);
}

Test(viommu_pair, a_probe)
{
	uint8_t reply[512];
	const struct viommu_request r = {.op = VIOMMU_PROBE, .reply = reply};
	struct viommu_request probe = r;

	open_all(true, ",resv=0xfee00000:0xfeefffff:msi");
	probe.endpoint = endpoint;
	cr_expect_eq(viommu_call(unit, &probe), 0, "%s", uvdk_last_error());
	cr_expect_eq(reply[0], 1, "RESV_MEM");
	probe.endpoint = 0xdead;
	cr_expect_eq(viommu_call(unit, &probe), -ENOENT);
	by_the_rules();
	close_all();
}

Test(viommu_pair, refusals_have_their_errno)
{
	open_all(true, "");
	cr_expect_eq(call(VIOMMU_MAP, 0), -ENOENT, "there is no such domain");
	cr_expect_eq(call(VIOMMU_ATTACH, 0), 0);
	cr_expect_eq(call(VIOMMU_MAP, 0), 0);
	cr_expect_eq(call(VIOMMU_MAP, 0), -EINVAL, "it is mapped already");
	close_all();
}

Test(viommu_pair, faults_are_heard_of)
{
	struct uvdk_iommu_binding binding = {.id = 5};
	struct viommu_endpoint e = {.binding = &binding};
	struct uvdk_fault_record r[8];
	void *q;

	open_all(true, "");
	e.unit = unit;
	e.id = endpoint;
	LIST_INSERT_HEAD(&v.endpoints, &e, entry);
	cr_assert_eq(viommu_fault_ops.create(&v, &q), 0);
	cr_expect_not(asker_reads(asker, 0, IOVA));
	cr_expect_eq(call(VIOMMU_ATTACH, 0), 0);
	cr_expect_not(asker_writes(asker, 0, IOVA + 0x123000));
	uvdk_emu_step(w.emu);
	cr_assert_eq(viommu_fault_ops.read(q, r, 8), 2);
	cr_expect_eq(r[0].dev_id, 5);
	cr_expect_eq(r[0].fault.reason, UVDK_FAULT_DETACHED);
	cr_expect_eq(r[0].fault.access, UVDK_FAULT_READ);
	cr_expect_eq(r[1].dev_id, 5);
	cr_expect_eq(r[1].fault.reason, UVDK_FAULT_UNMAPPED);
	cr_expect_eq(r[1].fault.access, UVDK_FAULT_WRITE);
	cr_expect_eq(r[1].fault.addr, IOVA + 0x123000);
	viommu_fault_ops.destroy(q);
	by_the_rules();
	close_all();
}

/* ---- resets ---- */

static void is_put_right(void)
{
	struct viommu_domain domain = {.unit = unit, .id = DOMAIN};

	cr_assert_eq(call(VIOMMU_ATTACH, 0), 0);
	cr_assert_eq(call(VIOMMU_MAP, 0), 0);
	LIST_INSERT_HEAD(&unit->domains, &domain, of_unit);
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(uvdk_emu_virtio_iommu_needs_reset(w.emu, NAME), 0);
		cr_expect_eq(call(VIOMMU_UNMAP, 9), -ECANCELED, "%s", uvdk_last_error());
		cr_expect_eq(viommu_unit_check(unit), 0, "%s", uvdk_last_error());
		cr_expect(asker_reads(asker, 0, IOVA));
		cr_expect_not(asker_reads(asker, 0, IOVA + ASKER_PAGE));
		cr_expect_eq(stats().bypass, 0);
		cr_expect_eq(stats().maps, 1);
		cr_assert_eq(uvdk_device_reset(unit->dev), 0);
		cr_expect_eq(viommu_unit_check(unit), 0, "%s", uvdk_last_error());
		cr_expect(asker_reads(asker, 0, IOVA));
		cr_expect_eq(viommu_unit_check(unit), 0, "%s", uvdk_last_error());
	}
}

Test(viommu_pair, after_a_reset_all_is_as_before)
{
	open_all(true, "");
	is_put_right();
	by_the_rules();
	close_all();
}

Test(viommu_pair, what_a_dead_process_left_is_not_used)
{
	struct viommu_unit *first;

	open_all(true, "");
	cr_assert_eq(call(VIOMMU_ATTACH, 0), 0);
	cr_assert_eq(call(VIOMMU_MAP, 0), 0);
	cr_expect(asker_reads(asker, 0, IOVA));
	first = unit;
	cr_assert_eq(viommu_unit_bury(unit, -ENODEV), -ENODEV);
	cr_expect_not(asker_reads(asker, 0, IOVA));
	cr_expect_eq(stats().bypass, 0);
	cr_expect_eq(stats().attached, 0);
	unit = first;
	close_all();
}

/* ---- units that misbehave ---- */

static const char *const evils[] = {
	"queue-size-0",	  "queue-size-huge", "queue-size-odd", "no-version1",	"features-ok",
	"reset-stuck",	  "notify-range",    "cap-loop",       "cap-truncated", "cap-short",
	"cap-bar",	  "cap-range",	     "cap-missing",    "used-idx",	"used-id",
	"used-twice",	  "used-len",	     "needs-reset",    "hang",		"no-answer",
	"tail-reserved",  "page-mask-0",     "input-empty",    "domain-empty",	"probe-huge",
	"bypass-2",	  "bypass-stuck",    "probe-random",   "probe-length",	"probe-unknown",
	"probe-reserved", "event-flood",     "event-short",
};

/* Whatever it does: the calls return, nothing is left, and a check decides. */
static void survive(const char *evil, unsigned int after)
{
	struct uvdk_fault_record r[64];
	uint8_t *reply = malloc(65536);
	void *q = NULL;
	char args[100];

	snprintf(args, sizeof(args), ",evil=%s,evil-after=%u", evil, after);
	world(true);
	if (!open_unit(args)) {
		const struct viommu_request probe = {.op = VIOMMU_PROBE, .reply = reply};

		cr_assert_eq(viommu_fault_ops.create(&v, &q), 0);
		endpoint = 0xf8;
		for (unsigned int i = 0; i < 20; i++) {
			call(VIOMMU_ATTACH, 0);
			call(VIOMMU_MAP, i);
			call(VIOMMU_UNMAP, i);
			viommu_call(unit, &probe);
			viommu_fault_ops.read(q, r, 64);
			if (i % 4 == 3 && viommu_unit_check(unit))
				cr_expect(unit->dead);
		}
		viommu_fault_ops.destroy(q);
	} else {
		cr_expect_null(unit);
		cr_expect(strlen(uvdk_last_error()) > 0);
	}
	close_world();
	free(reply);
}

Test(viommu_pair, units_that_misbehave_cost_no_more_than_themselves)
{
	for (unsigned int i = 0; i < sizeof(evils) / sizeof(evils[0]); i++) {
		survive(evils[i], 0);
		survive(evils[i], 7);
	}
}

/* ---- many at once ---- */

#define THREADS 4
#define ROUNDS	400
#define BATCH	50

static unsigned int wrong;

/* Pages of its own, mapped and unmapped in batches, as a map queue does. */
static void *worker(void *arg)
{
	uint64_t base = (uintptr_t)arg * BATCH;
	int status[BATCH];

	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (unsigned int i = 0; i < BATCH; i++) {
			const uint64_t first = IOVA + (base + i) * ASKER_PAGE;
			const struct viommu_request r = {.op = round % 2 ? VIOMMU_UNMAP
									 : VIOMMU_MAP,
							 .domain = DOMAIN,
							 .flags = VIOMMU_MAP_READ,
							 .first = first,
							 .last = first + ASKER_PAGE - 1,
							 .phys = (uintptr_t)w.memory,
							 .status = &status[i]};

			status[i] = UVDK_MAPQ_PENDING;
			while (viommu_ring_submit(unit->ring, &r) == -EAGAIN) {
				viommu_ring_kick(unit->ring);
				viommu_ring_poll(unit->ring);
			}
		}
		viommu_ring_kick(unit->ring);
		for (unsigned int i = 0; i < BATCH; i++) {
			while (__atomic_load_n(&status[i], __ATOMIC_ACQUIRE) == UVDK_MAPQ_PENDING)
				if (viommu_ring_poll(unit->ring))
					break;
			if (__atomic_load_n(&status[i], __ATOMIC_ACQUIRE))
				__atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
		}
	}

	return NULL;
}

Test(viommu_pair, threads_share_a_ring)
{
	pthread_t thread[THREADS];

	open_all(false, ",size=64,order=random");
	cr_assert_eq(call(VIOMMU_ATTACH, 0), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, worker, (void *)i), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	cr_expect_eq(wrong, 0);
	cr_expect_eq(stats().maps, 0);
	cr_expect_eq(stats().requests[VIOMMU_MAP], THREADS * ROUNDS * BATCH / 2);
	cr_expect_eq(viommu_ring_busy(unit->ring), 0);
	by_the_rules();
	close_all();
}
