// SPDX-License-Identifier: BSD-3-Clause
/* What is told by registers and vector 0, not by completion records. */
#include "dsa_priv.h"

void dsa_cause(struct dsa *dsa, uint32_t cause, bool interrupt)
{
	dsa->intcause |= cause;
	if (interrupt)
		dsa->ops->irq(dsa->arg, 0);
}

/* SWERR keeps the first until software has seen it, and then says that there were more. */
void dsa_swerr(struct dsa *dsa, const struct swerr *error)
{
	uint64_t *reg = dsa->swerr;

	if (reg[0] & SWERR_VALID) {
		reg[0] |= SWERR_OVERFLOW;
		return;
	}
	reg[0] = SWERR_VALID | SWERR_WQ | (uint64_t)error->code << 8 | (uint64_t)error->wq << 16;
	if (error->with_desc)
		reg[0] |= SWERR_DESC | (uint64_t)error->op << 32 |
			  (uint64_t)(error->pasid & DESC_PASID) << 40;
	reg[0] |= (error->batch ? SWERR_BATCH : 0) | (error->write ? SWERR_WRITE : 0);
	reg[1] = (error->index & 0xffff) | (uint64_t)error->invalid << 32;
	reg[2] = error->fault;
	reg[3] = 0;
	dsa_cause(dsa, CAUSE_SWERR, dsa->genctrl & GENCTRL_SWERR);
}

void dsa_halt(struct dsa *dsa)
{
	if (dsa->state == DEV_HALT)
		return;
	dsa->state = DEV_HALT;
	dsa->reset = RESET_SOFTWARE; /* is enough to recover */
	dsa_cause(dsa, CAUSE_HALT, dsa->genctrl & GENCTRL_HALT);
}
