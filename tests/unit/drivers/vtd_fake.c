// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include <uvdk_emu_driver.h>

#include "vtd_fake.h"

/* Offsets and bits by number, from chapters 6, 9 and 11 of the specification. */

struct fake fake;

void fake_init(void)
{
	/* ND 6, SAGAW 39..57, MGAW 57, FRO 0x220, 2M and 1G, PSI, 4 records, MAMV 18, FS1GP */
	uint64_t cap = 6 | 0xeull << 8 | 56ull << 16 | 0x22ull << 24 | 3ull << 34 | 1ull << 39 |
		       3ull << 40 | 18ull << 48 | 3ull << 54 | 1ull << 56;
	/* C, QI, DT, SC, NEST, PSS 19, PASID, SMTS, SSADS, SSTS, FSTS, SMPWC */
	uint64_t ecap = 1 | 1 << 1 | 1 << 2 | 1 << 7 | 1 << 26 | 19ull << 35 | 1ull << 40 |
			1ull << 43 | 1ull << 45 | 1ull << 46 | 1ull << 47 | 1ull << 48;

	fake = (struct fake){.late_sid = -1};
	for (unsigned int i = 0; i < FAKE_UNITS; i++)
		fake.unit[i] = (struct fake_unit){.cap = cap, .ecap = ecap};
}

unsigned int uvdk_emu_iommu_count(const struct uvdk_emu *emu)
{
	(void)emu;
	return FAKE_UNITS;
}

unsigned int uvdk_emu_fn_iommu(const struct uvdk_emu_function *fn)
{
	return uvdk_emu_fn_slot(fn) / 4 % FAKE_UNITS; /* the first four are behind unit 0 */
}

void uvdk_emu_iommu_begin(struct uvdk_emu *emu, unsigned int unit)
{
	(void)emu;
	fake.unit[unit].changing++;
}

void uvdk_emu_iommu_end(struct uvdk_emu *emu, unsigned int unit)
{
	(void)emu;
	fake.unit[unit].changing--;
}

static bool known(const uint64_t *d)
{
	unsigned int type = d[0] & 0xf;

	if (fake.refuse_left && type == fake.refuse_type) {
		fake.refuse_left--;
		return false;
	}

	return type >= 1 && type <= 8 && type != 4 && !(d[0] & 0xe00) && !d[2] && !d[3];
}

static bool is_late(const uint64_t *d)
{
	unsigned int type = d[0] & 0xf;

	return (type == 3 && (int)(d[0] >> 32 & 0xffff) == fake.late_sid) ||
	       (type == 8 && (int)(d[0] >> 16 & 0xffff) == fake.late_sid);
}

/* One descriptor; false: the queue stops. */
static bool one(struct fake_unit *u, uint64_t *d, bool *late)
{
	if (!known(d)) {
		u->fsts |= 1 << 4;
		u->iqer = (u->iqer & ~15ull) | 3;
		return false;
	}
	if (fake.count < FAKE_DESCS)
		memcpy(fake.desc[fake.count++], d, 32);
	fake.outside += (d[0] & 0xf) != 5 && !u->changing;
	if (fake.on_desc)
		fake.on_desc(d);
	*late |= is_late(d);
	if ((d[0] & 0xf) == 5 && *late) {
		u->fsts |= 1 << 6; /* the wait is dropped */
		u->iqer = (u->iqer & 15) | (uint64_t)fake.late_sid << 32;
		u->iqh = (u->iqh + 32) % 4096;
		*late = false;
		return false;
	}
	if ((d[0] & 0x2f) == 0x25)
		__atomic_store_n((uint32_t *)d[1], (uint32_t)(d[0] >> 32), __ATOMIC_RELEASE);
	u->iqh = (u->iqh + 32) % 4096;

	return true;
}

static void work(struct fake_unit *u)
{
	uint8_t *ring = (uint8_t *)(u->iqa & ~0xfffull);
	bool late = false;

	if (fake.deaf || !(u->gsts & 1 << 26) || !(u->iqa & 1 << 11))
		return;
	while (!(u->fsts & 0x50) && u->iqh != u->iqt)
		if (!one(u, (uint64_t *)(ring + u->iqh), &late))
			break;
}

static uint64_t *frcd_of(struct fake_unit *u, uint32_t off)
{
	return off >= 0x220 && off < 0x260 ? &u->frcd[(off - 0x220) / 16][off / 8 % 2] : NULL;
}

uint64_t uvdk_emu_iommu_read(struct uvdk_emu *emu, unsigned int unit, uint32_t off,
			     unsigned int width)
{
	struct fake_unit *u = &fake.unit[unit];

	(void)emu;
	(void)width;
	work(u);
	switch (off) {
	case 0x08:
		return u->cap;
	case 0x10:
		return u->ecap;
	case 0x1c:
		return u->gsts;
	case 0x34:
		return u->fsts;
	case 0x80:
		return u->iqh;
	case 0x88:
		return u->iqt;
	case 0xb0:
		return u->iqer;
	}

	return frcd_of(u, off) ? *frcd_of(u, off) : ~0ull;
}

/* One bit at a time, 11.4.4. */
static void command(struct fake_unit *u, uint32_t value)
{
	uint32_t changed = (u->gsts & 0x96ffffff) ^ value;

	if (fake.deaf || changed & (changed - 1))
		return;
	if (changed & 1u << 26)
		u->iqh = 0;
	u->gsts = (u->gsts & ~0x96ffffffu) | (value & 0x96ffffff) | (value & 1u << 30);
}

void uvdk_emu_iommu_write(struct uvdk_emu *emu, unsigned int unit, uint32_t off, unsigned int width,
			  uint64_t value)
{
	struct fake_unit *u = &fake.unit[unit];

	(void)emu;
	(void)width;
	switch (off) {
	case 0x18:
		command(u, (uint32_t)value);
		break;
	case 0x20:
		u->rtaddr = value;
		break;
	case 0x34:
		u->fsts &= ~(uint32_t)value;
		break;
	case 0x88:
		u->iqt = value;
		break;
	case 0x90:
		u->iqa = value;
		break;
	default:
		if (frcd_of(u, off) && off % 16 == 12 && value & 1u << 31)
			*frcd_of(u, off) &= ~(1ull << 63);
	}
	work(u);
}

unsigned int fake_seen(unsigned int type, uint64_t mask, uint64_t value)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < fake.count; i++)
		n += (fake.desc[i][0] & 0xf) == type && (fake.desc[i][0] & mask) == value;

	return n;
}

void fake_forget(void)
{
	fake.count = 0;
}

static uint64_t *page_of(uint64_t entry)
{
	return (uint64_t *)(entry & ~0xfffull);
}

uint64_t *fake_context(unsigned int unit, unsigned int slot)
{
	uint64_t *root = page_of(fake.unit[unit].rtaddr);

	if (!(fake.unit[unit].gsts & 1u << 31) || !(fake.unit[unit].rtaddr & 1 << 10) ||
	    !(root[slot / 16] & 1))
		return NULL;

	return page_of(root[slot / 16]) + slot % 16 * 8 * 4;
}

uint64_t *fake_pasid_entry(unsigned int unit, unsigned int slot, int pasid)
{
	uint64_t *context = fake_context(unit, slot);
	unsigned int number = pasid < 0 ? 0 : (unsigned int)pasid;
	uint64_t dir;

	if (!context || !(context[0] & 1) || (pasid >= 0 && !(context[0] & 8)) ||
	    number / 64 >= 128u << (context[0] >> 9 & 7) || context[1])
		return NULL;
	dir = page_of(context[0])[number / 64];

	return dir & 1 ? page_of(dir) + number % 64 * 8 : NULL;
}

struct walked fake_access_by(const uint64_t *e, uint64_t iova)
{
	if (!(e[0] & 1))
		return (struct walked){0};
	if ((e[0] >> 6 & 7) == 1 && e[2] >> 12)
		return vtd_walk((uint64_t)page_of(e[2]), 4 + (e[2] >> 2 & 3), false, iova);
	if ((e[0] >> 6 & 7) == 2 && e[0] >> 12)
		return vtd_walk((uint64_t)page_of(e[0]), 2 + (e[0] >> 2 & 7), true, iova);

	return (struct walked){.odd = "a type that is none of ours, or without a table"};
}

struct walked fake_access(unsigned int unit, unsigned int slot, int pasid, uint64_t iova,
			  uint16_t *did)
{
	uint64_t *e = fake_pasid_entry(unit, slot, pasid);

	if (!e)
		return (struct walked){0};
	if (did)
		*did = (uint16_t)e[1];

	return fake_access_by(e, iova);
}
