// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>

#include <uvdk_emu_driver.h>

#include "iommu_emu_unit.h"

/* The machine frees it when it goes: so tables outlive whoever caches them. */
static void *chunk(void *arg, unsigned int number, size_t size)
{
	struct emu_machine *machine = arg;
	char key[48];

	snprintf(key, sizeof(key), "iommu.emu.chunk:%u", number);

	return uvdk_emu_shared(machine->emu, key, size);
}

static void know(struct emu_machine *machine, struct uvdk_emu *emu)
{
	unsigned int count = uvdk_emu_iommu_count(emu);

	machine->emu = emu;
	machine->arena.chunk = chunk;
	machine->arena.arg = machine;
	machine->count = count < EMU_UNITS ? count : EMU_UNITS;
	for (unsigned int i = 0; i < machine->count; i++) {
		struct emu_unit *unit = &machine->units[i];

		unit->machine = machine;
		unit->number = i;
		unit->cap = emu_unit_read64(unit, VTD_CAP);
		unit->ecap = emu_unit_read64(unit, VTD_ECAP);
	}
	machine->known = true;
}

struct emu_machine *emu_machine_get(struct uvdk_emu *emu)
{
	struct emu_machine *machine = uvdk_emu_shared(emu, "iommu.emu", sizeof(*machine));

	if (!machine) {
		uvdk_log(UVDK_LOG_ERR, EMU_COMPONENT, "no memory for the I/O MMUs of a machine");
		return NULL;
	}
	uvdk_lock_acquire(&machine->lock);
	if (!machine->known)
		know(machine, emu);
	uvdk_lock_release(&machine->lock);

	return machine;
}

/* ---- what the tables of a unit can be ---- */

/* Of five levels only where four do not reach. */
static unsigned int first_levels(const struct emu_unit *unit)
{
	return VTD_CAP_FS5LP(unit->cap) && VTD_CAP_MGAW(unit->cap) + 1 > 48 ? 5 : 4;
}

/* SAGAW: bit 1 for three levels, bit 2 for four, bit 3 for five; as few as reach. */
static unsigned int second_levels(const struct emu_unit *unit)
{
	unsigned int levels = 0;

	for (unsigned int n = 3; n <= 5; n++) {
		if (!(VTD_CAP_SAGAW(unit->cap) & 1u << (n - 2)))
			continue;
		levels = n;
		if (VTD_PAGE_SHIFT + n * VTD_INDEX_BITS >= VTD_CAP_MGAW(unit->cap) + 1)
			break;
	}

	return levels;
}

unsigned int emu_unit_levels(const struct emu_unit *unit, enum emu_stage stage)
{
	if (stage == EMU_FIRST_STAGE)
		return VTD_ECAP_FSTS(unit->ecap) ? first_levels(unit) : 0;

	return VTD_ECAP_SSTS(unit->ecap) ? second_levels(unit) : 0;
}

/* First stage: the lower half of canonical addresses, and no more than MGAW (3.6). */
unsigned int emu_unit_bits(const struct emu_unit *unit, enum emu_stage stage)
{
	unsigned int mgaw = (unsigned int)VTD_CAP_MGAW(unit->cap) + 1;
	unsigned int levels = emu_unit_levels(unit, stage);
	unsigned int bits = VTD_PAGE_SHIFT + levels * VTD_INDEX_BITS;

	if (!levels)
		return 0;
	bits -= stage == EMU_FIRST_STAGE;

	return bits < mgaw ? bits : mgaw;
}

uint64_t emu_unit_leaf_sizes(const struct emu_unit *unit, enum emu_stage stage)
{
	uint64_t sslps = VTD_CAP_SSLPS(unit->cap);

	if (stage == EMU_FIRST_STAGE)
		return VTD_BIT(12) | VTD_BIT(21) | VTD_CAP_FS1GP(unit->cap) << 30;

	return VTD_BIT(12) | (sslps & 1) << 21 | (sslps >> 1 & 1) << 30;
}
