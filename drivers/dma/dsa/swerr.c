// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>

#include "dsa_pmd.h"

/*
 * Errors that no completion record can tell: descriptors that were dropped, records that
 * can't be written. The register holds the first; who reads it lets the next one in.
 */

static void doubt(struct dsa_chan *c, enum dsa_doubt doubt)
{
	if (__atomic_load_n(&c->doubt, __ATOMIC_RELAXED) < (int)doubt)
		__atomic_store_n(&c->doubt, doubt, __ATOMIC_RELAXED);
}

/*
 * A record that could not be written, of a descriptor or of a batch: we write it, so that its
 * operation ends. For an address that may be rounded to its page, dsa_pmd_idle() finds out.
 */
static void end_record(struct dsa_chan *c, uint64_t addr, uint8_t code)
{
	uint64_t rings = 2 * (uint64_t)(c->mask + 1) * sizeof(struct dsa_rec);
	struct dsa_rec *rec = c->rec + (addr - c->rec_iova) / sizeof(*rec);

	if (addr - c->rec_iova >= rings || addr % 4096 == 0 || code < DSA_INVALID_FIRST)
		doubt(c, DOUBT_NAMED);
	else if (!__atomic_load_n(&rec->status, __ATOMIC_ACQUIRE))
		__atomic_store_n(&rec->status, code, __ATOMIC_RELEASE);
}

/* What came after it, before it is acknowledged, left no trace: nobody knows whose they were. */
static void doubt_all(struct dsa *dsa)
{
	for (unsigned int wq = 0; wq < dsa->channels; wq++)
		if (dsa->wq[wq])
			doubt(dsa->wq[wq], DOUBT_MAYBE);
}

static void check_swerr(struct dsa *dsa)
{
	uint64_t word = 0, addr = 0;
	int wq;

	if (uvdk_region_read(&dsa->regs, DSA_SWERR, 8, &word) || !(word & DSA_SWERR_VALID) ||
	    word == UINT64_MAX || uvdk_region_read(&dsa->regs, DSA_SWERR_ADDR, 8, &addr))
		return;
	wq = word & DSA_SWERR_WQ_VALID ? (int)DSA_SWERR_WQ(word) : -1;
	uvdk_log(UVDK_LOG_WARN, LOG_NAME,
		 "%s: the device reports error 0x%02x: work queue %d, PASID %u, opcode 0x%02x%s, "
		 "address 0x%" PRIx64 "%s",
		 dsa->name, DSA_SWERR_CODE(word), wq, DSA_SWERR_PASID(word), DSA_SWERR_OP(word),
		 word & DSA_SWERR_BATCH ? " in a batch" : "", addr,
		 word & DSA_SWERR_OVERFLOW ? "; more were lost" : "");
	if (wq >= 0 && dsa->wq[wq])
		end_record(dsa->wq[wq], addr, (uint8_t)DSA_SWERR_CODE(word));
	doubt_all(dsa);
	uvdk_region_write(&dsa->regs, DSA_SWERR, 8, DSA_SWERR_VALID | DSA_SWERR_OVERFLOW);
}

void dsa_pmd_check_swerr(struct dsa *dsa)
{
	if (!dsa->dev) /* the kernel's to read */
		return;
	pthread_mutex_lock(&dsa->swerr);
	check_swerr(dsa);
	pthread_mutex_unlock(&dsa->swerr);
}
