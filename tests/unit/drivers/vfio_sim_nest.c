// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vfio_sim_nest.h"

/* From Linux's headers. */
#define HWPT_INVALIDATE _IO(';', 0x8d)
#define VIOMMU_ALLOC	_IO(';', 0x90)
#define VDEVICE_ALLOC	_IO(';', 0x91)
#define VEVENTQ_ALLOC	_IO(';', 0x93)
#define HW_QUEUE_ALLOC	_IO(';', 0x94)

struct sim_nest sim_nest = {.events = -1};

void sim_nest_create(void)
{
	sim_create();
	memset(&sim_nest, 0, sizeof(sim_nest));
	sim_nest.accepts = UINT_MAX;
	sim_nest.events = -1;
	sim.hw_type = 2;
	sim.hw_data[2] = 1 << 12 | 3; /* IDR0: ASID16, both stages */
	sim.hw_data[3] = 4 << 6;      /* IDR1: SSIDSIZE */
}

static uint32_t new_id(void)
{
	sim.objects++;
	return 60 + ++sim.objects_made;
}

static int viommu_alloc(uint32_t *args)
{
	if (sim_nest.no_viommu)
		return -sim_nest.no_viommu;
	if (sim_nest.wrong_parents) {
		sim_nest.wrong_parents--;
		return -EINVAL;
	}
	sim_nest.latest_type = args[2];
	sim_nest.latest_parent = args[4];
	args[5] = new_id();
	return 0;
}

static int veventq_alloc(uint32_t *args)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	args[5] = new_id();
	args[6] = (uint32_t)ends[0];
	sim_nest.events = ends[1];
	return 0;
}

static int invalidate(uint32_t *args)
{
	bool all = args[6] <= sim_nest.accepts;

	sim_nest.batches++;
	sim_nest.inval_target = args[1];
	sim_nest.inval_type = args[4];
	sim_nest.inval_count = args[6];
	args[6] = all ? args[6] : sim_nest.accepts;
	return all ? 0 : -EIO;
}

void sim_nest_alloc(const uint32_t *args)
{
	const void *data;

	memcpy(&data, args + 8, sizeof(data));
	sim_nest.data_type = args[6];
	sim_nest.data_len = args[7];
	if (args[7] && args[7] <= sizeof(sim_nest.data))
		memcpy(sim_nest.data, data, args[7]);
}

int sim_nest_answer(unsigned long request, uint32_t *args, bool *mine)
{
	*mine = true;
	switch (request) {
	case VIOMMU_ALLOC:
		return viommu_alloc(args);
	case VDEVICE_ALLOC:
		args[3] = new_id();
		return 0;
	case VEVENTQ_ALLOC:
		return veventq_alloc(args);
	case HW_QUEUE_ALLOC:
		args[5] = new_id();
		return 0;
	case HWPT_INVALIDATE:
		return invalidate(args);
	default:
		*mine = false;
		return 0;
	}
}
