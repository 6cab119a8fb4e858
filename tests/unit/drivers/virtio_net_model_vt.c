// SPDX-License-Identifier: BSD-3-Clause
#include <sys/mman.h>

#include "virtio_net_model_testing.h"

void vt_machine_opts(struct vt *t, const struct uvdk_emu_opts *opts)
{
	struct uvdk_iommu_opts iommu_opts = {.size = sizeof(iommu_opts)};

	memset(t, 0, sizeof(*t));
	cr_assert_eq(uvdk_emu_create(opts, &t->emu), 0);
	iommu_opts.emu = t->emu;
	cr_assert_eq(uvdk_iommu_open("emu", &iommu_opts, &t->iommu), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_create(t->iommu, NULL, &t->ioas), 0, "%s", uvdk_last_error());
	t->mem = mmap(NULL, VT_MEM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(t->mem, MAP_FAILED);
	cr_assert_eq(uvdk_ioas_map(t->ioas, t->mem, VT_MEM, UVDK_MAP_RW, &t->iova), 0, "%s",
		     uvdk_last_error());
}

static void make_machine(struct vt *t, bool manual)
{
	const struct uvdk_emu_opts opts = {.size = sizeof(opts), .manual = manual};

	vt_machine_opts(t, &opts);
}

void vt_machine(struct vt *t)
{
	make_machine(t, true);
}

static void find_caps(struct vt *t)
{
	uint8_t at = 0;

	uvdk_device_config_read(t->dev, 0x34, &at, 1);
	for (unsigned int i = 0; at && i < 48; i++) {
		uint8_t cap[20];
		uint32_t off, len;

		cr_assert_eq(uvdk_device_config_read(t->dev, at, cap, sizeof(cap)), 0);
		memcpy(&off, cap + 8, 4);
		memcpy(&len, cap + 12, 4);
		at = cap[1];
		if (cap[0] != 9)
			continue;
		if (cap[3] == 1)
			t->common = off;
		else if (cap[3] == 2) {
			t->notify = off;
			t->notify_len = len;
			memcpy(&t->multiplier, cap + 16, 4);
		} else if (cap[3] == 3)
			t->isr = off;
		else if (cap[3] == 4)
			t->device = off;
	}
}

void vt_open_port(struct vt *t, const char *spec)
{
	cr_assert_eq(uvdk_device_open(t->iommu, spec, NULL, &t->dev), 0, "%s", uvdk_last_error());
	t->name = uvdk_device_get_info(t->dev)->name;
	cr_assert_eq(uvdk_ioas_attach(t->ioas, t->dev), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_device_set_command(t->dev, 6, 0), 0); /* memory, bus master */
	cr_assert_eq(uvdk_device_region(t->dev, 4, &t->bar), 0);
	find_caps(t);
}

void vt_open(struct vt *t, const char *spec)
{
	vt_machine(t);
	vt_open_port(t, spec);
}

/* On a machine with a thread of its own. */
void vt_open_threaded(struct vt *t, const char *spec)
{
	make_machine(t, false);
	vt_open_port(t, spec);
}

/* On the same machine; memory is shared out by halves. */
void vt_open_beside(struct vt *t, const struct vt *other, const char *spec)
{
	*t = *other;
	memset(t->q, 0, sizeof(t->q));
	t->taken = VT_MEM / 2;
	vt_open_port(t, spec);
}

void vt_close(struct vt *t)
{
	uvdk_device_close(t->dev);
	t->dev = NULL;
}

void vt_machine_end(struct vt *t)
{
	uvdk_device_close(t->dev);
	uvdk_ioas_destroy(t->ioas);
	uvdk_iommu_close(t->iommu);
	uvdk_emu_destroy(t->emu);
	munmap(t->mem, VT_MEM);
}

uint64_t vt_read(struct vt *t, uint64_t off, unsigned int width)
{
	uint64_t value = 0;

	cr_assert_eq(uvdk_region_read(&t->bar, off, width, &value), 0, "%s", uvdk_last_error());

	return value;
}

void vt_write(struct vt *t, uint64_t off, unsigned int width, uint64_t value)
{
	cr_assert_eq(uvdk_region_write(&t->bar, off, width, value), 0, "%s", uvdk_last_error());
}

uint8_t vt_status(struct vt *t)
{
	return (uint8_t)vt_read(t, t->common + 0x14, 1);
}

void vt_set_status(struct vt *t, uint8_t status)
{
	vt_write(t, t->common + 0x14, 1, status);
}

void vt_reset(struct vt *t)
{
	vt_set_status(t, 0);
	cr_assert_eq(vt_status(t), 0);
}

uint64_t vt_offered(struct vt *t)
{
	uint64_t low, high;

	vt_write(t, t->common + 0x00, 4, 0);
	low = vt_read(t, t->common + 0x04, 4);
	vt_write(t, t->common + 0x00, 4, 1);
	high = vt_read(t, t->common + 0x04, 4);

	return high << 32 | low;
}

/* ACKNOWLEDGE, DRIVER, features; not FEATURES_OK. */
void vt_accept(struct vt *t, uint64_t features)
{
	vt_set_status(t, 1);
	vt_set_status(t, 3);
	t->offered = vt_offered(t);
	t->features = features;
	for (unsigned int i = 0; i < 2; i++) {
		vt_write(t, t->common + 0x08, 4, i);
		vt_write(t, t->common + 0x0c, 4, (uint32_t)(features >> (32 * i)));
	}
}

void vt_features(struct vt *t, uint64_t features)
{
	vt_reset(t);
	vt_accept(t, features);
	vt_set_status(t, 0xb);
	cr_assert_eq(vt_status(t), 0xb, "FEATURES_OK refused for 0x%llx of 0x%llx",
		     (unsigned long long)features, (unsigned long long)t->offered);
}

void *vt_alloc(struct vt *t, size_t len, size_t align, uint64_t *iova)
{
	size_t at = (t->taken + align - 1) & ~(align - 1);

	cr_assert_leq(at + len, VT_MEM);
	t->taken = at + len;
	if (iova)
		*iova = t->iova + at;

	return t->mem + at;
}

uint64_t vt_iova(struct vt *t, const void *va)
{
	return t->iova + (uint64_t)((const uint8_t *)va - t->mem);
}

void vt_queue(struct vt *t, unsigned int index, unsigned int size)
{
	struct vt_queue *q = &t->q[index];
	uint64_t at[3];

	memset(q, 0, sizeof(*q));
	q->index = index;
	q->size = size;
	q->desc = vt_alloc(t, 16ul * size, 16, &at[0]);
	q->avail = vt_alloc(t, 6 + 2ul * size, 2, &at[1]);
	q->used = vt_alloc(t, 6 + 8ul * size, 4, &at[2]);
	memset((void *)(uintptr_t)q->desc, 0, 16ul * size);
	memset((void *)(uintptr_t)q->avail, 0, 6 + 2ul * size);
	memset((void *)(uintptr_t)q->used, 0, 6 + 8ul * size);

	vt_write(t, t->common + 0x16, 2, index);
	vt_write(t, t->common + 0x18, 2, size);
	for (unsigned int i = 0; i < 3; i++) {
		vt_write(t, t->common + 0x20 + 8 * i, 4, (uint32_t)at[i]);
		vt_write(t, t->common + 0x24 + 8 * i, 4, at[i] >> 32);
	}
	q->doorbell = t->notify + vt_read(t, t->common + 0x1e, 2) * t->multiplier;
	vt_write(t, t->common + 0x1c, 2, 1);
}

/* A running device with queues 0 to queues - 1 of 16 entries. */
void vt_start(struct vt *t, uint64_t features, unsigned int queues)
{
	vt_features(t, features);
	for (unsigned int i = 0; i < queues; i++)
		vt_queue(t, i, 16);
	vt_set_status(t, 0xf);
	cr_assert_eq(vt_status(t), 0xf, "%s", vt_violation(t, 0));
}

void vt_steps(struct vt *t, unsigned int count)
{
	while (count--)
		uvdk_emu_step(t->emu);
}
