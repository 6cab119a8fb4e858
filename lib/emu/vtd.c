// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "gate.h"
#include "vtd_priv.h"

/* Registers of a remapping unit, 11.4. */

#define VERSION 0x70 /* 7.0 */

struct vtd *vtd_of(struct uvdk_emu *emu, unsigned int unit)
{
	return unit < emu->nr_units ? emu->vtd[unit] : NULL;
}

static uint64_t capabilities(unsigned int mgaw)
{
	return CAP_ND_64K | CAP_SAGAW_39 | CAP_SAGAW_48 | CAP_SAGAW_57 | CAP_MGAW((uint64_t)mgaw) |
	       CAP_FRO | CAP_SSLPS | CAP_PSI | CAP_NFR | CAP_MAMV | CAP_DRAIN | CAP_FS1GP |
	       CAP_FS5LP;
}

static uint64_t extended(bool snoop)
{
	return ECAP_C | ECAP_QI | ECAP_DT | ECAP_PT | (snoop ? ECAP_SC : 0) | ECAP_NEST | ECAP_PRS |
	       ECAP_ERS | ECAP_SRS | ECAP_PSS | ECAP_PASID | ECAP_PDS | ECAP_SMTS | ECAP_SSADS |
	       ECAP_SSTS | ECAP_FSTS | ECAP_SMPWC | ECAP_RPS;
}

int vtd_create(struct uvdk_emu *emu, unsigned int unit, struct vtd **out)
{
	struct vtd *vtd = calloc(1, sizeof(*vtd));

	if (!vtd)
		return uvdk_fail(-ENOMEM, "emu", "no memory for a remapping unit");
	vtd->emu = emu;
	vtd->unit = unit;
	vtd->mgaw = emu->iova_bits;
	vtd->cap = capabilities(vtd->mgaw) | (emu->absence ? CAP_CM : 0);
	vtd->ecap = extended(!(emu->no_snoop >> unit & 1));
	vtd->forgetful = emu->forgetful;
	vtd_cache_leftovers(vtd);
	vtd->random = (emu->seed + unit) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	pthread_mutex_init(&vtd->reg_lock, NULL);
	pthread_mutex_init(&vtd->queue_lock, NULL);
	pthread_mutex_init(&vtd->prq_lock, NULL);
	vtd_event_init(vtd);
	*out = vtd;

	return 0;
}

void vtd_destroy(struct vtd *vtd)
{
	if (!vtd)
		return;
	vtd_cache_free(vtd);
	vtd_event_fini(vtd);
	pthread_mutex_destroy(&vtd->prq_lock);
	pthread_mutex_destroy(&vtd->queue_lock);
	pthread_mutex_destroy(&vtd->reg_lock);
	free(vtd);
}

void vtd_plug(struct uvdk_emu_function *fn)
{
	pthread_mutex_lock(&fn->vtd->queue_lock);
	fn->vtd->fns[fn->slot] = fn;
	pthread_mutex_unlock(&fn->vtd->queue_lock);
}

void vtd_unplug(struct uvdk_emu_function *fn)
{
	vtd_forget_device(fn);
	pthread_mutex_lock(&fn->vtd->queue_lock);
	fn->vtd->fns[fn->slot] = NULL;
	pthread_mutex_unlock(&fn->vtd->queue_lock);
	vtd_owners_free(fn->vtd, fn->slot);
}

/* Its own TLB goes with a reset, and with the device. */
void vtd_forget_device(struct uvdk_emu_function *fn)
{
	struct vtd *vtd = fn->vtd;
	struct vtd_list *list = &vtd->group[VTD_DEVTLB][vtd_sid(fn) % VTD_GROUPS];
	struct vtd_entry *e, *next;

	emu_gate_enter(&vtd->gate);
	for (e = LIST_FIRST(list); e; e = next) {
		next = LIST_NEXT(e, group);
		if (e->key.id == vtd_sid(fn))
			vtd_drop(vtd, e);
	}
	emu_gate_leave(&vtd->gate);
}

/* ---- registers ---- */

/* Under reg_lock. */
uint32_t vtd_fault_status(struct vtd *vtd)
{
	uint32_t status = atomic_load(&vtd->fsts);

	for (unsigned int i = 0; i < VTD_FRCD_COUNT; i++) {
		unsigned int at = (vtd->frcd_next + i) % VTD_FRCD_COUNT;

		if (vtd->frcd[at][1] & FRCD_F)
			return status | (uint32_t)FSTS_PPF | at << 8;
	}

	return status;
}

/* A register as its 64 bits, those before it in the same 8 bytes included. */
static uint64_t read_pair(struct vtd *vtd, uint32_t off)
{
	switch (off) {
	case REG_VER:
		return VERSION;
	case REG_CAP:
		return vtd->cap;
	case REG_ECAP:
		return vtd->ecap;
	case REG_GCMD:
		return FIELD(atomic_load(&vtd->gsts), 32);
	case REG_RTADDR:
		return vtd->rtaddr_next;
	case REG_FSTS - 4:
		return FIELD(vtd_fault_status(vtd), 32);
	case REG_FECTL:
		return vtd_event_read(vtd, UVDK_EMU_IOMMU_IRQ_FAULT) |
		       FIELD(vtd->plain[REG_FEDATA / 4], 32);
	case REG_PECTL:
		return vtd_event_read(vtd, UVDK_EMU_IOMMU_IRQ_PAGE_REQUEST) |
		       FIELD(vtd->plain[REG_PECTL / 4 + 1], 32);
	case REG_IQH:
		return atomic_load(&vtd->iqh);
	case REG_IQT:
		return atomic_load(&vtd->iqt);
	case REG_IQA:
		return atomic_load(&vtd->iqa);
	case REG_ICS - 4:
		return FIELD(atomic_load(&vtd->ics), 32);
	case REG_IQERCD:
		return atomic_load(&vtd->iqercd) | FIELD(atomic_load(&vtd->itesid), 32);
	case REG_PQH:
		return atomic_load(&vtd->pqh);
	case REG_PQT:
		return atomic_load(&vtd->pqt);
	case REG_PQA:
		return atomic_load(&vtd->pqa);
	case REG_PRS - 4:
		return FIELD(atomic_load(&vtd->prs), 32);
	default:
		return vtd->plain[off / 4] | FIELD(vtd->plain[off / 4 + 1], 32);
	}
}

static bool register_exists(const struct vtd *vtd, uint32_t off, unsigned int width)
{
	return vtd && (width == 4 || width == 8) && off % width == 0 && off <= REG_END - width;
}

UVDK_EXPORT uint64_t uvdk_emu_iommu_read(struct uvdk_emu *emu, unsigned int unit, uint32_t off,
					 unsigned int width)
{
	struct vtd *vtd = vtd_of(emu, unit);
	uint64_t pair;

	if (!register_exists(vtd, off, width))
		return UINT64_MAX;
	vtd_queue_run(vtd);
	pthread_mutex_lock(&vtd->reg_lock);
	if (off >= REG_FRCD && off < REG_FRCD + VTD_FRCD_COUNT * 16)
		pair = vtd_frcd_read(vtd, (off - REG_FRCD) & ~7u, 8);
	else
		pair = read_pair(vtd, off & ~7u);
	pthread_mutex_unlock(&vtd->reg_lock);
	if (width == 8)
		return pair;

	return off & 4 ? pair >> 32 : pair & UINT32_MAX;
}

/* One-shot commands act when their bit is set; the others follow it. Under queue_lock. */
static void command(struct vtd *vtd, uint32_t value)
{
	uint32_t was = atomic_load(&vtd->gsts);
	uint32_t lasting = value & (uint32_t)(GCMD_TE | GCMD_QIE);

	if (value & GCMD_SRTP)
		atomic_store(&vtd->rtaddr, vtd->rtaddr_next);
	if (lasting & ~was & GCMD_QIE)
		atomic_store(&vtd->iqh, 0);
	atomic_store(&vtd->gsts, lasting | ((was | value) & (uint32_t)GCMD_SRTP));
}

static void write_locked(struct vtd *vtd, uint32_t off, uint64_t value, unsigned int width)
{
	switch (off) {
	case REG_GCMD:
		command(vtd, (uint32_t)value);
		break;
	case REG_RTADDR:
		vtd->rtaddr_next =
			width == 8 ? value : (vtd->rtaddr_next & SPAN(63, 32)) | (uint32_t)value;
		break;
	case REG_RTADDR + 4:
		vtd->rtaddr_next = (vtd->rtaddr_next & UINT32_MAX) | value << 32;
		break;
	case REG_FSTS:
		atomic_fetch_and(&vtd->fsts, ~(uint32_t)(value & FSTS_W1C));
		break;
	case REG_FECTL:
		vtd_event_write(vtd, UVDK_EMU_IOMMU_IRQ_FAULT, (uint32_t)value);
		break;
	case REG_PECTL:
		vtd_event_write(vtd, UVDK_EMU_IOMMU_IRQ_PAGE_REQUEST, (uint32_t)value);
		break;
	case REG_FEDATA:
	case REG_FEADDR:
	case REG_FEUADDR:
		vtd->plain[off / 4] = (uint32_t)value;
		break;
	default:
		if (off >= REG_IECTL && off <= REG_IEUADDR)
			vtd->plain[off / 4] = (uint32_t)value;
		else if (off >= REG_PECTL && off <= REG_PEUADDR)
			vtd->plain[off / 4] = (uint32_t)value;
		else if (off >= REG_FRCD && off < REG_FRCD + VTD_FRCD_COUNT * 16)
			vtd_frcd_write(vtd, off - REG_FRCD, value, width);
	}
	if (!vtd_fault_status(vtd))
		vtd_event_clear(vtd, UVDK_EMU_IOMMU_IRQ_FAULT);
}

UVDK_EXPORT void uvdk_emu_iommu_write(struct uvdk_emu *emu, unsigned int unit, uint32_t off,
				      unsigned int width, uint64_t value)
{
	struct vtd *vtd = vtd_of(emu, unit);

	if (!register_exists(vtd, off, width))
		return;
	if (width == 4)
		value &= UINT32_MAX;
	if (off >= REG_IQH && off <= REG_ICS) {
		vtd_queue_write(vtd, off, value);
	} else if (off == REG_GCMD) {
		/* Who executes descriptors waits for accesses, and those for reg_lock. */
		pthread_mutex_lock(&vtd->queue_lock);
		pthread_mutex_lock(&vtd->reg_lock);
		write_locked(vtd, off, value, width);
		pthread_mutex_unlock(&vtd->reg_lock);
		pthread_mutex_unlock(&vtd->queue_lock);
	} else if (off >= REG_PQH && off <= REG_PRS) {
		vtd_prq_write(vtd, off, value);
	} else {
		pthread_mutex_lock(&vtd->reg_lock);
		write_locked(vtd, off, value, width);
		pthread_mutex_unlock(&vtd->reg_lock);
	}
}

/* ---- the machine around it ---- */

UVDK_EXPORT unsigned int uvdk_emu_iommu_count(const struct uvdk_emu *emu)
{
	return emu->nr_units;
}

UVDK_EXPORT unsigned int uvdk_emu_fn_iommu(const struct uvdk_emu_function *fn)
{
	return fn->vtd->unit;
}

UVDK_EXPORT void uvdk_emu_iommu_begin(struct uvdk_emu *emu, unsigned int unit)
{
	struct vtd *vtd = vtd_of(emu, unit);

	if (vtd)
		atomic_fetch_add(&vtd->begun, 1);
}

UVDK_EXPORT void uvdk_emu_iommu_end(struct uvdk_emu *emu, unsigned int unit)
{
	struct vtd *vtd = vtd_of(emu, unit);

	if (vtd)
		atomic_fetch_add(&vtd->ended, 1);
}

UVDK_EXPORT void uvdk_emu_iommu_memory(struct uvdk_emu *emu, void *(*at)(void *arg, uint64_t pa),
				       void *arg)
{
	emu->memory = at;
	emu->memory_arg = arg;
}
