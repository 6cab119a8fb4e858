// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "gate.h"
#include "vtd_priv.h"

/* Functions that translate for others, and those that are behind them. */

UVDK_EXPORT void uvdk_emu_translator_set(struct uvdk_emu_function *iommu,
					 const struct uvdk_emu_translator *ops)
{
	iommu->translator = ops;
}

UVDK_EXPORT void uvdk_emu_translator_settle(struct uvdk_emu_function *iommu)
{
	emu_gate_pass(&iommu->front);
}

UVDK_EXPORT uint32_t uvdk_emu_fn_endpoint(const struct uvdk_emu_function *fn)
{
	return (uint32_t)fn->slot << 3;
}

UVDK_EXPORT bool uvdk_emu_translator_has(const struct uvdk_emu_function *iommu, uint32_t endpoint)
{
	uint32_t slot = endpoint >> 3;

	return !(endpoint & 7) && slot < EMU_SLOTS && (atomic_load(&iommu->behind) >> slot & 1);
}

/* Would @fn be behind itself? */
static bool is_behind(const struct uvdk_emu_function *iommu, const struct uvdk_emu_function *fn)
{
	while (iommu && iommu != fn)
		iommu = atomic_load(&iommu->iommu);

	return iommu;
}

static int put_behind_locked(struct uvdk_emu_function *fn, const char *name)
{
	struct uvdk_emu *emu = fn->emu;
	struct uvdk_emu_function *iommu = NULL;

	for (unsigned int i = 0; i < EMU_SLOTS && !iommu; i++)
		if (emu->fns[i] && !strcmp(emu->fns[i]->name, name))
			iommu = emu->fns[i];
	if (!iommu)
		return uvdk_fail(-ENOENT, "emu", "%s can't be behind %s: there is no such function",
				 fn->name, name);
	if (!iommu->translator)
		return uvdk_fail(-EOPNOTSUPP, "emu",
				 "%s can't be behind %s, which translates for nobody", fn->name,
				 name);
	if (is_behind(iommu, fn))
		return uvdk_fail(-EINVAL, "emu", "%s can't be behind %s: it would be behind itself",
				 fn->name, name);
	if (atomic_load(&fn->translated))
		return uvdk_fail(-EBUSY, "emu", "%s is behind an I/O MMU already", fn->name);

	atomic_fetch_or(&iommu->behind, 1u << fn->slot);
	atomic_store(&fn->iommu, iommu);
	atomic_store(&fn->translated, true);
	emu_gate_pass(&fn->gate);

	return 0;
}

UVDK_EXPORT int uvdk_emu_put_behind(struct uvdk_emu_function *fn, const char *iommu)
{
	int ret;

	emu_lock(fn->emu);
	ret = put_behind_locked(fn, iommu);
	emu_unlock(fn->emu);

	return ret;
}

static void leave(struct uvdk_emu_function *fn)
{
	struct uvdk_emu_function *iommu = atomic_exchange(&fn->iommu, NULL);

	if (!iommu)
		return;
	emu_gate_pass(&fn->gate);
	atomic_fetch_and(&iommu->behind, ~(1u << fn->slot));
	iommu->translator->left(iommu, fn);
}

/* It takes nothing with it but leaves whom it translated for without a way to memory. */
void emu_translator_unplug(struct uvdk_emu_function *fn)
{
	struct uvdk_emu *emu = fn->emu;

	leave(fn);
	for (unsigned int i = 0; i < EMU_SLOTS; i++)
		if (emu->fns[i] && atomic_load(&emu->fns[i]->iommu) == fn)
			leave(emu->fns[i]);
}

static int look_up(struct uvdk_emu_function *iommu, struct uvdk_emu_function *fn, uvdk_iova_t iova,
		   bool write, size_t *len, uint8_t **va)
{
	enum uvdk_emu_fault_reason why = UVDK_EMU_FAULT_NO_DOMAIN;
	uint64_t pa = 0;
	uint64_t in_page;
	uint8_t *page;

	if (iommu->translator->translate(iommu, fn, iova, write, &pa, len, &why))
		return (int)why;

	in_page = pa & (EMU_PAGE_SIZE - 1);
	page = vtd_at(fn->vtd, pa - in_page);
	if (!page)
		return UVDK_EMU_FAULT_TABLES;
	if (*len > EMU_PAGE_SIZE - in_page)
		*len = EMU_PAGE_SIZE - in_page;
	*va = page + in_page;

	return ACCESS_OK;
}

int emu_translate(struct uvdk_emu_function *fn, uvdk_iova_t iova, bool write,
		  struct uvdk_emu_function **out, size_t *len, uint8_t **va)
{
	struct uvdk_emu_function *iommu = atomic_load(&fn->iommu);
	int why;

	if (!iommu || atomic_load_explicit(&iommu->gone, memory_order_relaxed))
		return UVDK_EMU_FAULT_NO_DOMAIN;

	emu_gate_enter(&iommu->front);
	why = look_up(iommu, fn, iova, write, len, va);
	if (why == ACCESS_OK)
		*out = iommu;
	else
		emu_gate_leave(&iommu->front);

	return why;
}

void emu_translate_end(struct uvdk_emu_function *iommu)
{
	if (iommu)
		emu_gate_leave(&iommu->front);
}
