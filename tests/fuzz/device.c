// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <time.h>

#include <uvdk_device_driver.h>
#include <uvdk_iommu_driver.h>

#include "device.h"

#define COMMON 0x000
#define NOTIFY 0x100
#define ISR    0x200
#define CONFIG 0x300
#define TABLE  0x800

struct fuzz_device fuzz_device;

uint8_t fuzz_byte(void)
{
	if (!fuzz_device.left)
		return 0;
	fuzz_device.left--;

	return *fuzz_device.data++;
}

uint64_t fuzz_value(unsigned int width)
{
	uint64_t value = 0;

	while (width--)
		value = value << 8 | fuzz_byte();

	return value;
}

/* ---- time, for the driver and the transport ---- */

int fuzz_clock_gettime(clockid_t id, struct timespec *out);
int fuzz_nanosleep(const struct timespec *time, struct timespec *left);

static uint64_t now_ns;

int fuzz_clock_gettime(clockid_t id, struct timespec *out)
{
	(void)id;
	now_ns += 1000;
	out->tv_sec = (time_t)(now_ns / 1000000000);
	out->tv_nsec = (long)(now_ns % 1000000000);

	return 0;
}

/* Who sleeps oversleeps, so that what would wait two seconds is over soon. */
int fuzz_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	now_ns += (uint64_t)time->tv_nsec * 1000;

	return 0;
}

/* ---- registers (4.1.4.3) ---- */

static void forget(void)
{
	for (int i = 0; i < 2; i++)
		fuzz_device.queue[i] = (struct fuzz_queue){
			.max = fuzz_device.queue[i].max,
			.vector = 0xffff,
		};
	fuzz_device.features = 0;
	fuzz_device.status = 0;
	fuzz_device.queue_select = 0;
}

static void set_half(uint64_t *to, uint64_t off, uint64_t value)
{
	uint64_t shift = off % 8 ? 32 : 0;

	*to = (*to & ~(UINT64_C(0xffffffff) << shift)) | (value & 0xffffffff) << shift;
}

static uint64_t common_read(uint64_t off)
{
	const struct fuzz_device *d = &fuzz_device;
	const struct fuzz_queue *q = &d->queue[d->queue_select % 2];

	switch (off) {
	case 4:
		return d->select[0] < 2 ? (uint32_t)(d->offered >> (32 * d->select[0])) : 0;
	case 18:
		return 2;
	case 20:
		return d->status;
	case 21:
		return d->generation;
	case 24:
		return q->size ? q->size : q->max;
	case 26:
		return q->vector;
	case 28:
		return q->enable;
	case 30:
		return d->queue_select % 2;
	default:
		return 0;
	}
}

static void common_write(uint64_t off, uint64_t value)
{
	struct fuzz_device *d = &fuzz_device;
	struct fuzz_queue *q = &d->queue[d->queue_select % 2];

	if (off == 0 || off == 8)
		d->select[off / 8] = (uint32_t)value;
	else if (off == 12)
		set_half(&d->features, d->select[1] * 4, value);
	else if (off == 20 && !value)
		forget();
	else if (off == 20)
		d->status = (uint8_t)value;
	else if (off == 22)
		d->queue_select = (uint16_t)value;
	else if (off == 24)
		q->size = (uint16_t)value;
	else if (off == 26)
		q->vector = value < d->vectors ? (uint16_t)value : 0xffff;
	else if (off == 28)
		q->enable = (uint16_t)value;
	else if (off >= 32 && off < 40)
		set_half(&q->desc, off, value);
	else if (off >= 40 && off < 48)
		set_half(&q->avail, off, value);
	else if (off >= 48 && off < 56)
		set_half(&q->used, off, value);
}

static uint64_t config_read(uint64_t off, unsigned int width)
{
	uint64_t value = 0;

	for (unsigned int i = width; i--;)
		if (off + i < sizeof(fuzz_device.config))
			value = value << 8 | fuzz_device.config[off + i];

	return value;
}

static uint64_t bar_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			 unsigned int width)
{
	uint64_t value = off < NOTIFY	 ? common_read(off)
			 : off >= CONFIG ? config_read(off - CONFIG, width)
					 : 0;

	(void)fn, (void)bar;
	if (fuzz_device.lies && fuzz_byte() & 0x80)
		value = fuzz_value(width);

	return width == 8 ? value : value & ((UINT64_C(1) << (8 * width)) - 1);
}

static void bar_write(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
		      unsigned int width, uint64_t value)
{
	(void)fn, (void)bar, (void)width;
	if (off < NOTIFY)
		common_write(off, value);
	else if (off == CONFIG + 36)
		fuzz_device.config[36] = (uint8_t)value;
}

static bool step(struct uvdk_emu_function *fn)
{
	(void)fn;

	return fuzz_device_work();
}

/* ---- as a model ---- */

static void add_cap(struct uvdk_emu_function *fn, uint8_t type, uint32_t off, uint32_t len)
{
	const uint32_t multiplier = 4;
	uint8_t body[18] = {type == 2 ? 20 : 16, type, 0};

	memcpy(body + 6, &off, 4);
	memcpy(body + 10, &len, 4);
	memcpy(body + 14, &multiplier, 4);
	uvdk_emu_fn_cap(fn, 9, body, type == 2 ? 18 : 14);
}

static int create(struct uvdk_emu_function *fn, struct uvdk_args *args)
{
	uint8_t *config;

	(void)args;
	uvdk_emu_fn_ids(fn, 0x1af4, 0x1057, 0x1af4, 0x1100, 0x080600, 1);
	uvdk_emu_fn_bar(fn, 0, 4096, false);
	add_cap(fn, 1, COMMON, 56);
	add_cap(fn, 2, NOTIFY, 16);
	add_cap(fn, 3, ISR, 4);
	add_cap(fn, 4, CONFIG, 40);
	if (fuzz_device.vectors)
		uvdk_emu_fn_msix(fn, fuzz_device.vectors, 0, TABLE, TABLE + 0x400);
	config = uvdk_emu_fn_config(fn);
	while (fuzz_device.patches--) {
		uint8_t at = fuzz_byte();

		/* The header is the bus driver's; where the list begins is part of it. */
		config[at < FUZZ_CAPS ? 0x34 : at] = fuzz_byte();
	}
	fuzz_device.fn = fn;
	forget();

	return 0;
}

static void destroy(struct uvdk_emu_function *fn)
{
	(void)fn;
}

static void reset(struct uvdk_emu_function *fn)
{
	(void)fn;
	forget();
}

static const struct uvdk_emu_model model = {
	.name = "fuzz",
	.create = create,
	.destroy = destroy,
	.reset = reset,
	.bar_read = bar_read,
	.bar_write = bar_write,
	.step = step,
};

extern const struct uvdk_bus_ops uvdk_bus_emu;
extern const struct uvdk_iommu_ops uvdk_iommu_emu;

const struct uvdk_emu_model *const uvdk_builtin_models[] = {&model, NULL};
const struct uvdk_bus_ops *const uvdk_builtin_buses[] = {&uvdk_bus_emu, NULL};
const struct uvdk_iommu_ops *const uvdk_builtin_iommus[] = {&uvdk_iommu_emu, NULL};

/* ---- the world around it, made once ---- */

static struct world {
	struct uvdk_emu *emu;
	struct viommu viommu;
} world;

static void make_world(void)
{
	const struct uvdk_emu_opts manual = {.size = sizeof(manual), .manual = true};
	struct uvdk_iommu_opts opts = {.size = sizeof(opts)};

	if (world.emu)
		return;
	FUZZ_MUST(!uvdk_emu_create(&manual, &world.emu));
	opts.emu = world.emu;
	FUZZ_MUST(!uvdk_iommu_open("emu", &opts, &world.viommu.inner));
	FUZZ_MUST(!uvdk_ioas_create(world.viommu.inner, NULL, &world.viommu.memory));
	world.viommu.emu = world.emu;
	pthread_mutex_init(&world.viommu.lock, NULL);
}

struct viommu *fuzz_viommu(void)
{
	return &world.viommu;
}

struct uvdk_emu *fuzz_emu(void)
{
	return world.emu;
}

static void put_config(unsigned int off, uint64_t value, unsigned int width)
{
	for (unsigned int i = 0; i < width; i++)
		fuzz_device.config[off + i] = (uint8_t)(value >> (8 * i));
}

void fuzz_device_reset(const uint8_t *data, size_t size)
{
	make_world();
	now_ns = 0;
	fuzz_device = (struct fuzz_device){
		.data = data,
		.left = size,
		.offered = 0x77 | FUZZ_VERSION_1 | FUZZ_PLATFORM | FUZZ_INDIRECT | FUZZ_EVENT_IDX,
		.queue = {{.max = 64}, {.max = 16}},
		.vectors = 1,
	};
	put_config(0, ~UINT64_C(0xfff), 8);
	put_config(16, UINT64_C(0x7fffffffff), 8);
	put_config(28, 0xffffffff, 4);
	put_config(32, 64, 4);
	put_config(36, 1, 1);
}

int fuzz_unit_open(struct viommu_unit **out)
{
	int ret = viommu_unit_open(&world.viommu, "emu:fuzz", 0, out);

	if (ret)
		FUZZ_MUST(uvdk_last_error()[0]);
	else
		LIST_INSERT_HEAD(&world.viommu.units, *out, entry);

	return ret;
}

void fuzz_unit_close(struct viommu_unit *unit)
{
	struct uvdk_map_info map;

	if (unit) {
		LIST_REMOVE(unit, entry);
		viommu_unit_close(unit);
	}
	FUZZ_MUST(uvdk_ioas_next(world.viommu.memory, 0, &map) == -ENOENT);
}

/* There are no domains here that could be put back. */
int viommu_domain_restore(struct viommu_domain *domain)
{
	(void)domain;
	return 0;
}
