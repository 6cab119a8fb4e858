// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include <uvdk_fault_driver.h>

#include "device.h"

/*
 * The virtio-iommu that writes anything into its rings: used entries, lengths, replies, events.
 * Input: a byte of flags, and then, each a byte and what belongs to it: what the driver is asked
 * to do (this file), and whenever the device has its turn, what that does (device_ring.c).
 */

#define REQUESTS 256

struct asked {
	int status;
	uint8_t *reply; /* PROBE */
};

static struct asked asked[REQUESTS];
static unsigned int nr_asked;

static void submit(struct viommu_unit *unit, enum viommu_op op)
{
	struct asked *a = &asked[nr_asked];
	struct viommu_request request = {
		.op = op,
		.domain = fuzz_byte(),
		.endpoint = fuzz_byte(),
		.flags = op == VIOMMU_MAP ? VIOMMU_MAP_READ | VIOMMU_MAP_WRITE : 0,
		.first = (uint64_t)fuzz_byte() << 12,
		.status = &a->status,
	};

	if (nr_asked == REQUESTS)
		return;
	a->reply = op == VIOMMU_PROBE ? malloc(unit->config.probe_size) : NULL;
	a->status = UVDK_MAPQ_PENDING;
	request.reply = a->reply;
	request.last = request.first + 0xfff;
	if (viommu_ring_submit(unit->ring, &request)) {
		free(a->reply); /* it was not taken: nobody writes to it */
		a->reply = NULL;
		return;
	}
	nr_asked++;
}

static void call(struct viommu_unit *unit)
{
	static const enum viommu_op ops[] = {VIOMMU_ATTACH, VIOMMU_DETACH, VIOMMU_MAP, VIOMMU_UNMAP,
					     VIOMMU_PROBE};
	uint8_t *reply = malloc(unit->config.probe_size);
	const struct viommu_request request = {
		.op = ops[fuzz_byte() % 5],
		.domain = 1,
		.endpoint = 0x18,
		.last = 0xfff,
		.reply = reply,
	};
	int ret = viommu_call(unit, &request);

	FUZZ_MUST(ret <= 0);
	free(reply);
}

static void read_faults(void *queue)
{
	struct uvdk_fault_record records[64];
	int n = viommu_fault_ops.read(queue, records, 64);

	FUZZ_MUST(n <= 64);
	for (int i = 0; i < n; i++)
		FUZZ_MUST(records[i].fault.type == UVDK_FAULT_IOMMU ||
			  records[i].fault.type == UVDK_FAULT_LOST);
}

static void act(struct viommu_unit *unit, void *queue, uint8_t what)
{
	switch (what % 11) {
	case 0:
	case 1:
		uvdk_emu_step(fuzz_emu());
		break;
	case 2:
		submit(unit, VIOMMU_MAP);
		break;
	case 3:
		submit(unit, VIOMMU_UNMAP);
		break;
	case 4:
		submit(unit, VIOMMU_ATTACH);
		break;
	case 5:
		submit(unit, VIOMMU_PROBE);
		break;
	case 6:
		viommu_ring_kick(unit->ring);
		break;
	case 7:
		viommu_ring_poll(unit->ring);
		break;
	case 8:
		call(unit);
		break;
	case 9:
		viommu_unit_check(unit);
		break;
	case 10:
		read_faults(queue);
		break;
	}
}

/* What was taken is over once the unit is closed, and not before it is over is it free. */
static void settle(void)
{
	while (nr_asked) {
		struct asked *a = &asked[--nr_asked];

		FUZZ_MUST(a->status <= 0);
		free(a->reply);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct viommu_unit *unit;
	void *queue;
	uint8_t flags;

	fuzz_device_reset(data, size);
	flags = fuzz_byte();
	fuzz_device.scripted = true;
	fuzz_device.vectors = flags & 1 ? 0 : 1;
	fuzz_device.offered &= ~(flags & 2 ? FUZZ_EVENT_IDX : 0);
	fuzz_device.offered &= ~(flags & 4 ? FUZZ_INDIRECT : 0);
	fuzz_device.queue[0].max = (uint16_t)(2u << (flags >> 3 & 7));
	fuzz_device.queue[1].max = flags & 0x40 ? 1 : 16;
	FUZZ_MUST(!fuzz_unit_open(&unit));
	FUZZ_MUST(!viommu_fault_ops.create(fuzz_viommu(), &queue));
	while (fuzz_device.left)
		act(unit, queue, fuzz_byte());
	viommu_fault_ops.destroy(queue);
	fuzz_unit_close(unit);
	settle();

	return 0;
}
