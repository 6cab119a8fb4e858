// SPDX-License-Identifier: BSD-3-Clause
#include <uvdk_device_driver.h>
#include <uvdk_iommu_driver.h>

#include "viommu_model_testing.h"

/* Only what is emulated: this model, and one to put behind it. */
extern const struct uvdk_bus_ops uvdk_bus_emu;
extern const struct uvdk_iommu_ops uvdk_iommu_emu;
extern const struct uvdk_emu_model uvdk_model_virtio_iommu;
extern const struct uvdk_emu_model uvdk_model_edu;

const struct uvdk_bus_ops *const uvdk_builtin_buses[] = {&uvdk_bus_emu, NULL};
const struct uvdk_iommu_ops *const uvdk_builtin_iommus[] = {&uvdk_iommu_emu, NULL};
const struct uvdk_emu_model *const uvdk_builtin_models[] = {&uvdk_model_virtio_iommu,
							    &uvdk_model_edu, NULL};

static void open_both(struct vio_test *m, const char *args)
{
	char spec[256];

	snprintf(spec, sizeof(spec), "emu:virtio_iommu%s%s", *args ? "," : "", args);
	vt_open_port(&m->t, spec);
	for (unsigned int i = 0; i < 2; i++) {
		uint16_t command = 6;

		cr_assert_eq(uvdk_emu_plug(m->t.emu, "emu:edu", &m->dev[i]), 0);
		cr_assert_eq(uvdk_emu_put_behind(m->dev[i], NAME), 0, "%s", uvdk_last_error());
		cr_assert_eq(uvdk_emu_config_write(m->dev[i], 4, &command, 2), 0);
		m->ep[i] = uvdk_emu_fn_endpoint(m->dev[i]);
	}
	m->page = vt_alloc(&m->t, 8ul * PAGE, PAGE, NULL);
	memset(m->page, 0x11, 8ul * PAGE);
}

void vio_open(struct vio_test *m, const char *args)
{
	vt_machine(&m->t);
	open_both(m, args);
}

void vio_open_forgetful(struct vio_test *m, const char *args)
{
	const struct uvdk_emu_opts opts = {
		.size = sizeof(opts), .manual = true, .caching = UVDK_EMU_CACHE_FORGETS, .seed = 7};

	vt_machine_opts(&m->t, &opts);
	open_both(m, args);
}

void vio_run(struct vio_test *m, uint64_t features)
{
	vt_start(&m->t, features, 2);
	m->mark = m->t.taken;
}

void vio_start(struct vio_test *m, const char *args)
{
	vio_open(m, args);
	vio_run(m, F_VIO);
	vio_set_bypass(m, 0);
}

void vio_end(struct vio_test *m)
{
	for (unsigned int i = 0; i < 2; i++)
		if (m->dev[i])
			uvdk_emu_unplug_fn(m->dev[i]);
	vt_machine_end(&m->t);
}

void vio_end_clean(struct vio_test *m)
{
	cr_expect_eq(vio_stats(m).violations, 0, "%s", vio_violation(m, 0));
	cr_expect_eq(vio_stats(m).advice, 0);
	cr_expect_eq(vt_status(&m->t) & 0x40, 0);
	vio_end(m);
}

/* Offered and rung; the reply is where it will be. */
uint16_t vio_post(struct vio_test *m, const void *in, uint32_t len, uint32_t out, uint8_t **reply)
{
	struct vt_queue *q = &m->t.q[0];
	uint8_t *buf = vt_alloc(&m->t, len + out, 8, NULL);
	uint16_t head;

	memcpy(buf, in, len);
	memset(buf + len, 0xee, out);
	if (reply)
		*reply = buf + len;
	head = vt_put(&m->t, q, buf, len, out ? NEXT : 0);
	if (out)
		vt_put(&m->t, q, buf + len, out, WRITE);
	vt_avail(q, head);
	vt_ring(&m->t, q);

	return head;
}

/* And waited for. @out bytes are written, the last four are the tail. */
uint8_t vio_send(struct vio_test *m, const void *in, uint32_t len, uint32_t out, uint8_t **reply)
{
	struct vt_queue *q = &m->t.q[0];
	uint32_t id, used;
	uint8_t *at;
	uint16_t head = vio_post(m, in, len, out, &at);

	if (reply)
		*reply = at;
	else
		m->t.taken = m->mark;
	for (unsigned int i = 0; i < 300 && !vt_used(q); i++)
		vt_steps(&m->t, 1);
	if (!vt_take(q, &id, &used))
		return S_NEVER;
	cr_expect_eq(id, head);
	if (!used)
		return S_UNWRITTEN;
	cr_expect_eq(used, out);

	return at[out - 4];
}

static void put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, 4);
}

static void put64(uint8_t *at, uint64_t value)
{
	memcpy(at, &value, 8);
}

uint8_t vio_attach_flags(struct vio_test *m, uint32_t domain, uint32_t ep, uint32_t flags)
{
	uint8_t req[20] = {1};

	put32(req + 4, domain);
	put32(req + 8, ep);
	put32(req + 12, flags);

	return vio_send(m, req, sizeof(req), 4, NULL);
}

uint8_t vio_attach(struct vio_test *m, uint32_t domain, uint32_t ep)
{
	return vio_attach_flags(m, domain, ep, 0);
}

uint8_t vio_detach(struct vio_test *m, uint32_t domain, uint32_t ep)
{
	uint8_t req[20] = {2};

	put32(req + 4, domain);
	put32(req + 8, ep);

	return vio_send(m, req, sizeof(req), 4, NULL);
}

void vio_map_words(uint8_t req[36], uint32_t domain, uint64_t first, uint64_t last, uint64_t phys,
		   uint32_t flags)
{
	memset(req, 0, 36);
	req[0] = 3;
	put32(req + 4, domain);
	put64(req + 8, first);
	put64(req + 16, last);
	put64(req + 24, phys);
	put32(req + 32, flags);
}

uint8_t vio_map(struct vio_test *m, uint32_t domain, uint64_t first, uint64_t last,
		const void *phys, uint32_t flags)
{
	uint8_t req[36];

	vio_map_words(req, domain, first, last, (uintptr_t)phys, flags);

	return vio_send(m, req, sizeof(req), 4, NULL);
}

void vio_unmap_words(uint8_t req[28], uint32_t domain, uint64_t first, uint64_t last)
{
	memset(req, 0, 28);
	req[0] = 4;
	put32(req + 4, domain);
	put64(req + 8, first);
	put64(req + 16, last);
}

uint8_t vio_unmap(struct vio_test *m, uint32_t domain, uint64_t first, uint64_t last)
{
	uint8_t req[28];

	vio_unmap_words(req, domain, first, last);

	return vio_send(m, req, sizeof(req), 4, NULL);
}

void vio_set_bypass(struct vio_test *m, uint8_t bypass)
{
	vt_write(&m->t, m->t.device + 0x24, 1, bypass);
}

int vio_get(struct vio_test *m, unsigned int dev, uint64_t iova)
{
	uint8_t byte = 0;
	int ret = uvdk_emu_dma_read(m->dev[dev], iova, &byte, 1);

	return ret ? ret : byte;
}

int vio_set(struct vio_test *m, unsigned int dev, uint64_t iova, uint8_t byte)
{
	return uvdk_emu_dma_write(m->dev[dev], iova, &byte, 1);
}

int vio_fault(struct vio_test *m)
{
	struct uvdk_emu_fault fault;

	return uvdk_emu_faults(m->t.emu, &fault, 1, NULL) ? (int)fault.reason : -1;
}

uint8_t *vio_event_buffers(struct vio_test *m, unsigned int count, uint32_t len)
{
	uint8_t *first = vt_rx_buffers(&m->t, &m->t.q[1], count, len);

	m->mark = m->t.taken;

	return first;
}

struct uvdk_emu_virtio_iommu_stats vio_stats(struct vio_test *m)
{
	struct uvdk_emu_virtio_iommu_stats stats = {0};

	cr_assert_eq(uvdk_emu_virtio_iommu_get_stats(m->t.emu, NAME, &stats), 0);

	return stats;
}

const char *vio_violation(struct vio_test *m, unsigned int index)
{
	static char text[256];

	text[0] = '\0';
	uvdk_emu_virtio_iommu_violation(m->t.emu, NAME, index, text, sizeof(text));

	return text;
}
