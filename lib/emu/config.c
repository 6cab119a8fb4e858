// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "emu_priv.h"
#include "gate.h"
#include "vtd_priv.h"

/* PCI Express capability, version 2 (PCI Express Base 5.0, 7.5.3). */
#define PCIE_LEN	60
#define PCIE_FLAGS	0x02
#define PCIE_DEVCAP	0x04
#define PCIE_DEVCTL	0x08
#define PCIE_DEVCAP2	0x24
#define PCIE_DEVCTL2	0x28
#define PCIE_TYPE_RCIEP 9u
#define DEVCAP_ROLE_ERR (1u << 15)
#define DEVCAP_FLR	(1u << 28)
#define DEVCTL_DEFAULT	0x2810 /* relaxed ordering, no snoop, 512-byte reads */
#define DEVCTL_FLR	0x8000

/* Extended capabilities (PCI Express Base 5.0, 7.6.3, 10.5.1). */
#define EXT_ATS	    0x000f
#define ATS_CTRL    0x06
#define ATS_CTRL_RW 0x801f /* enable, smallest translation unit */
#define ATS_CTRL_ON 0x8000
#define EXT_PRI	    0x0013
#define EXT_PASID   0x001b
#define PRI_CTRL    0x04
#define PRI_ALLOC   0x0c
#define PASID_CTRL  0x06

static void add_pcie(struct uvdk_emu_function *fn)
{
	uint8_t body[PCIE_LEN - 2] = {0};
	int off;

	emu_put16(body + PCIE_FLAGS - 2, (uint16_t)(2u | PCIE_TYPE_RCIEP << 4));
	emu_put32(body + PCIE_DEVCAP - 2, DEVCAP_ROLE_ERR | DEVCAP_FLR);
	emu_put16(body + PCIE_DEVCTL - 2, DEVCTL_DEFAULT);
	emu_put32(body + PCIE_DEVCAP2 - 2, 0x10); /* completion time-out can be off */
	off = uvdk_emu_fn_cap(fn, CAP_PCIE, body, sizeof(body));
	fn->pcie_cap = (unsigned int)off; /* the first one always fits */
	emu_put16(fn->wmask + off + PCIE_DEVCTL, 0x7fff);
	emu_put16(fn->wmask + off + PCIE_DEVCTL2, 0x001f);
}

/* What every function has before its model says anything. */
void emu_config_init(struct uvdk_emu_function *fn)
{
	fn->cap_free = CFG_FIRST_CAP;
	fn->cap_link = CFG_CAPS;
	emu_put16(fn->wmask + CFG_COMMAND, CMD_WRITABLE);
	fn->wmask[CFG_CACHE_LINE] = 0xff;
	fn->wmask[CFG_INT_LINE] = 0xff;
	fn->config[CFG_INT_PIN] = 1; /* INTA */
	add_pcie(fn);
}

/* Give each BAR an address, as firmware would. Nobody decodes it. */
static void place_bar(struct uvdk_emu_function *fn, unsigned int bar)
{
	uint64_t size = fn->bar[bar].size;
	uint64_t base = fn->bar[bar].is64 ? UINT64_C(0x8000000000) : UINT64_C(0xc0000000);
	uint64_t mask = ~(size - 1);
	uint8_t *reg = fn->config + CFG_BAR0 + 4 * bar;
	uint8_t *wmask = fn->wmask + CFG_BAR0 + 4 * bar;
	uint64_t addr = (base + (uint64_t)fn->slot * 0x1000000 + (uint64_t)bar * 0x200000) & mask;

	emu_put32(reg, (uint32_t)addr | (fn->bar[bar].is64 ? 0x4u : 0u));
	emu_put32(wmask, (uint32_t)mask & ~0xfu);
	if (fn->bar[bar].is64) {
		emu_put32(reg + 4, (uint32_t)(addr >> 32));
		emu_put32(wmask + 4, (uint32_t)(mask >> 32));
	}
}

void emu_config_finish(struct uvdk_emu_function *fn)
{
	for (unsigned int bar = 0; bar < EMU_BARS; bar++)
		if (fn->bar[bar].size)
			place_bar(fn, bar);
	memcpy(fn->power_on, fn->config, sizeof(fn->power_on));
}

/* Switched off, it forgets what it was told. */
static void follow_ats(struct uvdk_emu_function *fn)
{
	bool on = fn->ats_cap && (emu_get16(fn->config + fn->ats_cap + ATS_CTRL) & ATS_CTRL_ON);

	if (atomic_exchange(&fn->ats, on) && !on)
		vtd_forget_device(fn);
}

void emu_config_reset(struct uvdk_emu_function *fn)
{
	memcpy(fn->config, fn->power_on, sizeof(fn->config));
	atomic_store(&fn->command, emu_get16(fn->config + CFG_COMMAND));
	follow_ats(fn);
	emu_gate_pass(&fn->gate);
}

void emu_set_status(struct uvdk_emu_function *fn, uint16_t bits, bool on)
{
	uint16_t status = emu_get16(fn->config + CFG_STATUS);

	status = (uint16_t)(on ? status | bits : status & ~bits);
	emu_put16(fn->config + CFG_STATUS, status);
}

UVDK_EXPORT void uvdk_emu_fn_ids(struct uvdk_emu_function *fn, uint16_t vendor, uint16_t device,
				 uint16_t subvendor, uint16_t subdevice, uint32_t class_code,
				 uint8_t revision)
{
	emu_put16(fn->config + CFG_VENDOR, vendor);
	emu_put16(fn->config + CFG_DEVICE, device);
	emu_put16(fn->config + CFG_SUBVENDOR, subvendor);
	emu_put16(fn->config + CFG_SUBDEVICE, subdevice);
	fn->config[CFG_CLASS] = (uint8_t)class_code;
	emu_put16(fn->config + CFG_CLASS + 1, (uint16_t)(class_code >> 8));
	fn->config[CFG_REVISION] = revision;
}

UVDK_EXPORT void uvdk_emu_fn_bar(struct uvdk_emu_function *fn, unsigned int bar, uint64_t size,
				 bool is64)
{
	uint64_t max = is64 ? UINT64_C(1) << 40 : UINT64_C(1) << 31;

	if (bar + is64 >= EMU_BARS || size < 16 || size > max || (size & (size - 1)) ||
	    fn->bar[bar].size) {
		fn->misdescribed = true;
		return;
	}
	fn->bar[bar].size = size;
	fn->bar[bar].is64 = is64;
}

UVDK_EXPORT int uvdk_emu_fn_cap(struct uvdk_emu_function *fn, uint8_t id, const void *body,
				size_t len)
{
	unsigned int off = fn->cap_free;

	if (len > CFG_CAPS_END - 2 || off + 2 + len > CFG_CAPS_END)
		return uvdk_fail(-ENOSPC, "emu",
				 "%s: a capability of %zu bytes does not fit behind 0x%x", fn->name,
				 len + 2, off);

	fn->config[off] = id;
	memcpy(fn->config + off + 2, body, len);
	fn->config[fn->cap_link] = (uint8_t)off;
	fn->cap_link = off + 1;
	fn->cap_free = (off + 2 + (unsigned int)len + 3) & ~3u;
	emu_set_status(fn, STATUS_CAPS, true);

	return (int)off;
}

/* Control registers that whoever plays the kernel writes. */
static void ext_cap_writable(struct uvdk_emu_function *fn, uint16_t id, unsigned int off)
{
	switch (id) {
	case EXT_ATS:
		fn->ats_cap = off;
		emu_put16(fn->wmask + off + ATS_CTRL, ATS_CTRL_RW);
		break;
	case EXT_PRI:
		emu_put16(fn->wmask + off + PRI_CTRL, 0x0003);
		emu_put32(fn->wmask + off + PRI_ALLOC, UINT32_MAX);
		break;
	case EXT_PASID:
		emu_put16(fn->wmask + off + PASID_CTRL, 0x0007);
		break;
	default:
		break;
	}
}

UVDK_EXPORT int uvdk_emu_fn_ext_cap(struct uvdk_emu_function *fn, uint16_t id, uint8_t version,
				    const void *body, size_t len)
{
	unsigned int off = fn->ext_free ? fn->ext_free : CFG_EXT_CAPS;

	if (len > EMU_CONFIG_SIZE - 4 || off + 4 + len > EMU_CONFIG_SIZE)
		return uvdk_fail(-ENOSPC, "emu",
				 "%s: an extended capability of %zu bytes does not fit behind 0x%x",
				 fn->name, len + 4, off);

	if (fn->ext_link) /* next pointer: the upper 12 bits of the header */
		emu_put16(fn->config + fn->ext_link + 2,
			  (uint16_t)((emu_get16(fn->config + fn->ext_link + 2) & 0xf) | off << 4));
	emu_put32(fn->config + off, id | (uint32_t)(version & 0xf) << 16);
	memcpy(fn->config + off + 4, body, len);
	ext_cap_writable(fn, id, off);
	fn->ext_link = off;
	fn->ext_free = (off + 4 + (unsigned int)len + 3) & ~3u;

	return (int)off;
}

UVDK_EXPORT uint8_t *uvdk_emu_fn_config(struct uvdk_emu_function *fn)
{
	return fn->config;
}

UVDK_EXPORT uint8_t *uvdk_emu_fn_config_mask(struct uvdk_emu_function *fn)
{
	return fn->wmask;
}

static bool in_config(uint32_t off, size_t len)
{
	return off <= EMU_CONFIG_SIZE && len <= EMU_CONFIG_SIZE - off;
}

UVDK_EXPORT int uvdk_emu_config_read(struct uvdk_emu_function *fn, uint32_t off, void *buf,
				     size_t len)
{
	if (!in_config(off, len))
		return uvdk_fail(-EINVAL, "emu",
				 "%s: %zu bytes at 0x%x: configuration space has %d", fn->name, len,
				 off, EMU_CONFIG_SIZE);

	if (atomic_load(&fn->gone)) {
		memset(buf, 0xff, len);
		return 0;
	}
	pthread_mutex_lock(&fn->lock);
	memcpy(buf, fn->config + off, len);
	pthread_mutex_unlock(&fn->lock);

	return 0;
}

static void write_byte(struct uvdk_emu_function *fn, uint32_t off, uint8_t value)
{
	uint8_t mask = fn->wmask[off];
	uint8_t keep = (uint8_t)(fn->config[off] & ~mask);

	fn->config[off] = (uint8_t)(keep | (value & mask));
	if (off == CFG_STATUS + 1)
		fn->config[off] &= (uint8_t) ~(value & STATUS_W1C >> 8);
}

static bool wants_flr(const struct uvdk_emu_function *fn, uint32_t off, const uint8_t *buf,
		      size_t len)
{
	uint32_t at = fn->pcie_cap + PCIE_DEVCTL + 1;

	return at >= off && at - off < len && buf[at - off] & DEVCTL_FLR >> 8;
}

UVDK_EXPORT int uvdk_emu_config_write(struct uvdk_emu_function *fn, uint32_t off, const void *buf,
				      size_t len)
{
	const uint8_t *bytes = buf;
	bool lost_master;
	uint16_t command;

	if (!in_config(off, len))
		return uvdk_fail(-EINVAL, "emu",
				 "%s: %zu bytes at 0x%x: configuration space has %d", fn->name, len,
				 off, EMU_CONFIG_SIZE);
	if (atomic_load(&fn->gone))
		return 0;

	pthread_mutex_lock(&fn->lock);
	for (size_t i = 0; i < len; i++)
		write_byte(fn, off + (uint32_t)i, bytes[i]);
	command = emu_get16(fn->config + CFG_COMMAND);
	lost_master = atomic_exchange(&fn->command, command) & ~command & CMD_MASTER;
	emu_irq_config_changed(fn);
	follow_ats(fn);
	pthread_mutex_unlock(&fn->lock);

	if (lost_master)
		emu_gate_pass(&fn->gate);
	if (wants_flr(fn, off, bytes, len))
		uvdk_emu_fn_reset(fn);

	return 0;
}
