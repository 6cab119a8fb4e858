// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <uvdk_emu.h>

#include "viommu.h"

/* One request, waited for. */

/* How long a device may take for it; maps of a large guest are pinned by its host meanwhile. */
#ifndef VIOMMU_PATIENCE_NS
#define VIOMMU_PATIENCE_NS UINT64_C(5000000000)
#endif

#define SPINS	    2000	      /* before the time is looked at */
#define LOOK_NS	    UINT64_C(1000000) /* between looks at the device */
#define SLEEP_NS    50000
#define DESCRIPTION 160

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);

	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static void describe(const struct viommu_request *r, char *buf)
{
	switch (r->op) {
	case VIOMMU_ATTACH:
	case VIOMMU_DETACH:
		snprintf(buf, DESCRIPTION, "%s of endpoint 0x%x, domain %u",
			 r->op == VIOMMU_ATTACH ? "ATTACH" : "DETACH", r->endpoint, r->domain);
		break;
	case VIOMMU_MAP:
		snprintf(buf, DESCRIPTION,
			 "MAP of 0x%" PRIx64 " to 0x%" PRIx64
			 " in domain %u, to memory at 0x%" PRIx64 ", flags 0x%x",
			 r->first, r->last, r->domain, r->phys, r->flags);
		break;
	case VIOMMU_UNMAP:
		snprintf(buf, DESCRIPTION, "UNMAP of 0x%" PRIx64 " to 0x%" PRIx64 " in domain %u",
			 r->first, r->last, r->domain);
		break;
	case VIOMMU_PROBE:
		snprintf(buf, DESCRIPTION, "PROBE of endpoint 0x%x", r->endpoint);
		break;
	default:
		snprintf(buf, DESCRIPTION, "request type %u", (unsigned int)r->op);
		break;
	}
}

static const char *remedy(int err, enum viommu_op op)
{
	switch (err) {
	case -ETIMEDOUT:
		return "it does not answer, and was reset; close what is behind it, look for what "
		       "its host says, and open it anew";
	case -ENODEV:
		return "it has vanished, or was given up before; close what is behind it";
	case -ECANCELED:
		return "it asks for a reset, or has had one; what was under way is lost";
	case -ENXIO:
		return "it does not offer PROBE";
	case -EAGAIN:
		return "its ring stays full";
	case -ENOENT:
		return op == VIOMMU_ATTACH || op == VIOMMU_PROBE
			       ? "is the function behind another I/O MMU than the firmware says?"
			       : "was it reset behind our back?";
	case -ENOMEM:
		return "map larger pieces, or less";
	case -ERANGE:
		return "see its input_range, domain_range and page sizes";
	default:
		return "look for what its host says";
	}
}

static int explain(struct viommu_unit *unit, const struct viommu_request *request, int err)
{
	const char *answer = viommu_errno_text(err);
	char what[DESCRIPTION];

	/* A ring that the device broke is given up; with the rest that has to wait until here. */
	if (err == -ENODEV && viommu_unit_dead(unit))
		viommu_unit_bury(unit, err);
	describe(request, what);
	if (answer)
		return uvdk_fail(err, VIOMMU, "%s: %s: the device answers %s; %s",
				 unit->virtio.name, what, answer, remedy(err, request->op));

	return uvdk_fail(err, VIOMMU, "%s: %s: %s", unit->virtio.name, what,
			 remedy(err, request->op));
}

/* While it takes its time: is it still there, and at work? What is found ends the request. */
static void look(struct viommu_unit *unit)
{
	int status = uvdk_device_gone(unit->dev) ? -ENODEV : uvdk_virtio_status(&unit->virtio);

	if (status < 0)
		viommu_unit_bury(unit, -ENODEV);
	else if (!(status & UVDK_VIRTIO_STATUS_DRIVER_OK) ||
		 (status & UVDK_VIRTIO_STATUS_NEEDS_RESET))
		viommu_ring_fail(unit->ring, -ECANCELED);
}

struct patience {
	unsigned int spins;
	uint64_t end, look;
};

/* Lets some time go by. -ETIMEDOUT: there is none left, and the device was given up. */
static int wait_on(struct viommu_unit *unit, struct patience *p)
{
	uint64_t now;
	bool worked;

	if (p->spins++ < SPINS) {
		uvdk_cpu_relax();
		return 0;
	}
	/* An emulated machine without a thread works here, or never. */
	worked = unit->viommu->emu && uvdk_emu_step(unit->viommu->emu);
	now = now_ns();
	if (!p->end)
		p->end = now + VIOMMU_PATIENCE_NS;
	if (now >= p->end)
		return viommu_unit_bury(unit, -ETIMEDOUT);
	if (now >= p->look) {
		look(unit);
		p->look = now + LOOK_NS;
	}
	if (!worked)
		nanosleep(&(struct timespec){.tv_nsec = SLEEP_NS}, NULL);

	return 0;
}

static int submit(struct viommu_unit *unit, const struct viommu_request *request,
		  struct patience *p)
{
	int err;

	while ((err = viommu_ring_submit(unit->ring, request)) == -EAGAIN) {
		viommu_ring_kick(unit->ring);
		viommu_ring_poll(unit->ring);
		err = wait_on(unit, p);
		if (err)
			break;
	}

	return err;
}

void viommu_drain(struct viommu_unit *unit, uint32_t domain)
{
	struct patience patience = {0};

	while (viommu_ring_has(unit->ring, domain)) {
		viommu_ring_kick(unit->ring);
		viommu_ring_poll(unit->ring);
		wait_on(unit, &patience);
	}
}

/* viommu_call(), but that the device may say @fine, which is then returned without a sentence. */
static int call(struct viommu_unit *unit, const struct viommu_request *request, int fine)
{
	struct viommu_request r = *request;
	struct patience patience = {0};
	int status = UVDK_MAPQ_PENDING;
	int err;

	if (r.op == VIOMMU_ATTACH && __atomic_load_n(&unit->shrunk, __ATOMIC_ACQUIRE))
		return uvdk_fail(-ENODEV, VIOMMU,
				 "%s: allows less than it did when it was opened: nothing is "
				 "attached there any more; close what uses it, and start anew",
				 unit->virtio.name);
	r.status = &status;
	err = submit(unit, &r, &patience);
	if (err)
		return explain(unit, &r, err);
	viommu_ring_kick(unit->ring);
	/* What gives the device up ends the request, too: @status is never left behind. */
	while (__atomic_load_n(&status, __ATOMIC_ACQUIRE) == UVDK_MAPQ_PENDING) {
		if (viommu_ring_poll(unit->ring))
			continue;
		if (__atomic_load_n(&status, __ATOMIC_ACQUIRE) == UVDK_MAPQ_PENDING)
			wait_on(unit, &patience);
	}

	return status && status != fine ? explain(unit, &r, status) : status;
}

int viommu_call(struct viommu_unit *unit, const struct viommu_request *request)
{
	return call(unit, request, 0);
}

int viommu_empty(struct viommu_unit *unit, uint32_t domain)
{
	const struct viommu_request request = {.op = VIOMMU_UNMAP,
					       .domain = domain,
					       .first = unit->config.input_first,
					       .last = unit->config.input_last};
	int err = call(unit, &request, -ENOENT);

	return err == -ENOENT ? 0 : err;
}
