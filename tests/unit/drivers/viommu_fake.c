// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include <uvdk_device_driver.h>
#include <uvdk_iommu_driver.h>

#include "viommu_fake.h"

#define COMMON 0x000
#define NOTIFY 0x100
#define ISR    0x200
#define CONFIG 0x300
#define TABLE  0x800

struct fake fake;

/* ---- registers (4.1.4.3, 5.13.4) ---- */

static void forget(void)
{
	memset(fake.queue, 0, sizeof(fake.queue));
	fake.queue[0].vector = fake.queue[1].vector = 0xffff;
	fake.features = 0;
	fake.device_status = 0;
	fake.queue_select = 0;
}

static void set_half(uint64_t *to, uint64_t off, uint64_t value)
{
	if (off % 8 == 0)
		*to = (*to & ~UINT64_C(0xffffffff)) | (uint32_t)value;
	else
		*to = (*to & UINT64_C(0xffffffff)) | value << 32;
}

static uint64_t common_read(uint64_t off)
{
	static const uint16_t notify[2] = {0, 1};
	const struct fake_queue *q = &fake.queue[fake.queue_select % 2];

	switch (off) {
	case 4:
		return (uint32_t)(fake.select[0] < 2 ? fake.offered >> (32 * fake.select[0]) : 0);
	case 18:
		return 2;
	case 20:
		return fake.device_status;
	case 21:
		return fake.restless ? fake.generation++ : fake.generation;
	case 24:
		return q->size ? q->size : fake.queue_select ? fake.event_size : fake.queue_size;
	case 26:
		return q->vector;
	case 28:
		return q->enable;
	case 30:
		return notify[fake.queue_select % 2];
	default:
		return 0;
	}
}

static void set_status(uint8_t value)
{
	uint16_t command = (uint16_t)(uvdk_emu_fn_config(fake.fn)[4]);

	if (!value) {
		fake.resets++;
		fake.unmastered += !(command & 4);
		if (!fake.never_resets)
			forget();
		return;
	}
	if (value & 4 && !(fake.device_status & 4))
		fake.bypass_at_start = fake.bypass || fake.features & FAKE_BYPASS;
	fake.device_status = value;
}

static void common_write(uint64_t off, uint64_t value)
{
	struct fake_queue *q = &fake.queue[fake.queue_select % 2];

	if (off == 0)
		fake.select[0] = (uint32_t)value;
	else if (off == 8)
		fake.select[1] = (uint32_t)value;
	else if (off == 12)
		set_half(&fake.features, fake.select[1] * 4, value);
	else if (off == 20)
		set_status((uint8_t)value);
	else if (off == 22)
		fake.queue_select = (uint16_t)value;
	else if (off == 24)
		q->size = (uint16_t)value;
	else if (off == 26)
		q->vector = fake.no_vector ? 0xffff : (uint16_t)value;
	else if (off == 28)
		q->enable = (uint16_t)value;
	else if (off >= 32 && off < 40)
		set_half(&q->desc, off, value);
	else if (off >= 40 && off < 48)
		set_half(&q->avail, off, value);
	else if (off >= 48 && off < 56)
		set_half(&q->used, off, value);
}

static uint64_t config_read(uint64_t off)
{
	const uint32_t words[10] = {
		(uint32_t)fake.page_sizes,
		(uint32_t)(fake.page_sizes >> 32),
		(uint32_t)fake.input_first,
		(uint32_t)(fake.input_first >> 32),
		(uint32_t)fake.input_last,
		(uint32_t)(fake.input_last >> 32),
		fake.domain_first,
		fake.domain_last,
		fake.probe_size,
		fake.bypass,
	};

	return off < sizeof(words) ? words[off / 4] >> (8 * (off % 4)) : 0;
}

static uint64_t bar_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			 unsigned int width)
{
	uint64_t value = off < NOTIFY	 ? common_read(off)
			 : off >= CONFIG ? config_read(off - CONFIG)
					 : 0;

	(void)fn, (void)bar;
	return width == 8 ? value : value & ((UINT64_C(1) << (8 * width)) - 1);
}

static void bar_write(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
		      unsigned int width, uint64_t value)
{
	(void)fn, (void)bar, (void)width;
	if (off < NOTIFY)
		common_write(off, value);
	else if (off < ISR)
		fake.doorbells++;
	else if (off == CONFIG + 36 && !fake.bypass_sticks)
		fake.bypass = (uint8_t)value;
}

/* ---- rings (2.7) ---- */

struct buffer {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

static void fetch(uint64_t addr, void *to, size_t len)
{
	cr_assert_eq(uvdk_emu_dma_read(fake.fn, addr, to, len), 0, "the device reads outside");
}

static void store(uint64_t addr, const void *from, size_t len)
{
	cr_assert_eq(uvdk_emu_dma_write(fake.fn, addr, from, len), 0, "the device writes outside");
}

static bool pop(struct fake_queue *q, uint16_t *head)
{
	uint16_t idx;

	if (!q->enable)
		return false;
	fetch(q->avail + 2, &idx, 2);
	if (idx == q->next)
		return false;
	fetch(q->avail + 4 + 2u * (q->next++ % q->size), head, 2);

	return true;
}

static void push(struct fake_queue *q, uint32_t id, uint32_t len, uint16_t by)
{
	const uint32_t elem[2] = {id, len};

	store(q->used + 4 + 8u * (q->used_idx % q->size), elem, 8);
	q->used_idx = (uint16_t)(q->used_idx + by);
	store(q->used + 2, &q->used_idx, 2);
	if (fake.features & FAKE_EVENT_IDX) {
		uint16_t next = q->next;

		store(q->used + 4 + 8u * q->size, &next, 2);
	}
}

/* For the latest used buffer, if it is wanted (2.7.7). */
static void interrupt(const struct fake_queue *q)
{
	uint16_t flags;
	uint16_t event;

	fetch(q->avail, &flags, 2);
	fetch(q->avail + 4 + 2u * q->size, &event, 2);
	if (fake.features & FAKE_EVENT_IDX ? event != (uint16_t)(q->used_idx - 1) : flags & 1)
		return;
	if (q->vector != 0xffff)
		uvdk_emu_irq(fake.fn, q->vector);
}

/* Two descriptors: what is read, what is written. */
static void chain(const struct fake_queue *q, uint16_t head, struct buffer out[2])
{
	uint64_t table = q->desc;

	fetch(table + 16u * head, &out[0], 16);
	if (out[0].flags & 4) {
		table = out[0].addr;
		cr_assert_eq(out[0].len, 32);
		fetch(table, &out[0], 16);
	}
	cr_assert_eq(out[0].flags, 1);
	fetch(table + 16u * out[0].next, &out[1], 16);
	cr_assert_eq(out[1].flags, 2);
}

/* ---- requests (5.13.6) ---- */

static void answer(const struct buffer b[2])
{
	const uint8_t tail[4] = {fake.status};
	struct fake_request *r = &fake.log[fake.requests % FAKE_LOG];

	r->len = b[0].len;
	r->writable = b[1].len;
	cr_assert_leq(b[0].len, sizeof(r->data));
	fetch(b[0].addr, r->data, b[0].len);
	if (fake.lie == FAKE_NO_TAIL && fake.requests >= fake.after)
		return;
	for (uint32_t i = 0; i + 4 < b[1].len; i++)
		store(b[1].addr + i, &fake.probed, 1);
	store(b[1].addr + b[1].len - 4, tail, 4);
}

static void lie(struct fake_queue *q, uint16_t head, uint32_t len)
{
	switch (fake.lie) {
	case FAKE_USED_IDX:
		push(q, head, len, 5000);
		break;
	case FAKE_USED_ID:
		push(q, 0x10000u | head, len, 1);
		break;
	case FAKE_USED_TWICE:
		push(q, head, len, 1);
		push(q, head, len, 1);
		break;
	case FAKE_USED_LEN:
		push(q, head, len + 1, 1);
		break;
	case FAKE_SHORT:
		push(q, head, 0, 1);
		break;
	case FAKE_NEEDS_RESET:
		fake.device_status |= 0x40;
		break;
	case FAKE_RESET:
		forget();
		break;
	case FAKE_HANG:
	case FAKE_VANISH:
		break;
	default:
		push(q, head, len, 1);
		break;
	}
	if (fake.lies_left && !--fake.lies_left)
		fake.lie = fake.then;
}

static bool step(struct uvdk_emu_function *fn)
{
	struct fake_queue *q = &fake.queue[0];
	struct buffer b[2];
	bool worked = false;
	uint16_t head;

	(void)fn;
	while (fake.device_status & 4 && !(fake.device_status & 0x40) && pop(q, &head)) {
		chain(q, head, b);
		answer(b);
		if (fake.requests++ >= fake.after)
			lie(q, head, b[1].len);
		else
			push(q, head, b[1].len, 1);
		worked = true;
	}

	return worked;
}

bool fake_event_raw(const void *data, size_t len, uint32_t used_len)
{
	struct fake_queue *q = &fake.queue[1];
	struct buffer b;
	uint16_t head;

	if (!(fake.device_status & 4) || !pop(q, &head))
		return false;
	fetch(q->desc + 16u * head, &b, 16);
	cr_assert_eq(b.flags, 2);
	store(b.addr, data, len < b.len ? len : b.len);
	push(q, head, used_len, 1);
	interrupt(q);

	return true;
}

bool fake_event(uint8_t reason, uint32_t flags, uint32_t endpoint, uint64_t addr)
{
	uint8_t event[24] = {reason};

	memcpy(event + 4, &flags, 4);
	memcpy(event + 8, &endpoint, 4);
	memcpy(event + 16, &addr, 8);

	return fake_event_raw(event, sizeof(event), sizeof(event));
}

void fake_reconfigure(void)
{
	fake.generation++;
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
	(void)args;
	uvdk_emu_fn_ids(fn, 0x1af4, fake.device_id, 0x1af4, 0x1100, 0x080600, 1);
	uvdk_emu_fn_bar(fn, 0, 4096, false);
	add_cap(fn, 1, COMMON, 56);
	add_cap(fn, 2, NOTIFY, 16);
	add_cap(fn, 3, ISR, 4);
	add_cap(fn, 4, CONFIG, 40);
	if (fake.vectors)
		uvdk_emu_fn_msix(fn, fake.vectors, 0, TABLE, TABLE + 0x400);
	fake.fn = fn;
	forget();
	fake.device_status = fake.begun;

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
	.name = "fake",
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

/* ---- the world around it ---- */

static unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);

	return n;
}

void fake_world_open(struct fake_world *w)
{
	const struct uvdk_emu_opts manual = {.size = sizeof(manual), .manual = true};
	struct uvdk_iommu_opts opts = {.size = sizeof(opts)};

	memset(&fake, 0, sizeof(fake));
	fake.device_id = 0x1057;
	fake.offered = FAKE_USUAL;
	fake.page_sizes = ~UINT64_C(0xfff);
	fake.input_last = UINT64_C(0x7fffffffff);
	fake.domain_last = 0xffffffff;
	fake.probe_size = 512;
	fake.bypass = 1;
	fake.queue_size = 256;
	fake.event_size = 256;

	memset(w, 0, sizeof(*w));
	w->fds = count_fds();
	cr_assert_eq(uvdk_emu_create(&manual, &w->emu), 0);
	opts.emu = w->emu;
	cr_assert_eq(uvdk_iommu_open("emu", &opts, &w->viommu.inner), 0);
	cr_assert_eq(uvdk_ioas_create(w->viommu.inner, NULL, &w->viommu.memory), 0);
	w->viommu.emu = w->emu;
	pthread_mutex_init(&w->viommu.lock, NULL);
}

void fake_world_close(struct fake_world *w)
{
	struct uvdk_emu_stale stale;
	struct uvdk_map_info map;

	viommu_unit_close(w->unit);
	cr_expect_eq(uvdk_emu_stales(w->emu, &stale, 1), 0, "missing: %s", stale.missing);
	cr_expect_eq(uvdk_ioas_next(w->viommu.memory, 0, &map), -ENOENT, "ring memory is left");
	uvdk_ioas_destroy(w->viommu.memory);
	uvdk_iommu_close(w->viommu.inner);
	uvdk_emu_destroy(w->emu);
	pthread_mutex_destroy(&w->viommu.lock);
	cr_expect_eq(count_fds(), w->fds, "file descriptors are left");
}

void fake_open(struct fake_world *w)
{
	cr_assert_eq(viommu_unit_open(&w->viommu, "emu:fake", 0, &w->unit), 0, "%s",
		     uvdk_last_error());
	LIST_INSERT_HEAD(&w->viommu.units, w->unit, entry);
}

void fake_refused(struct fake_world *w, int err, const char *words)
{
	cr_expect_eq(viommu_unit_open(&w->viommu, "emu:fake", 0, &w->unit), err);
	cr_expect_null(w->unit);
	cr_expect(strstr(uvdk_last_error(), words), "%s", uvdk_last_error());
}
