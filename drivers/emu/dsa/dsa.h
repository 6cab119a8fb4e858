/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DSA_H
#define DSA_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Intel's Data Streaming Accelerator, from its public specification (341204).
 * Knows nothing of where it runs: emulated in the process (model_dsa.c), or
 * beside QEMU (tests/vm/host).
 *
 * Of version 2.0 there is what a queue's configuration has more: 64 bytes, the
 * last 32 of which say which operations it admits (OPCFG).
 *
 * What is not there: DIF, event log, interrupt message storage, performance
 * monitor, occupancy interrupts. The capability registers say so.
 *
 * Descriptors arrive by one write of 64 bytes to a portal, or, where there is
 * no such instruction, by eight writes of 8 bytes each at 0x00, 0x08, ... 0x38
 * of one of the 64 slots of 64 bytes that a portal's page has: the last one
 * submits. This way is the model's own. A slot is for one thread at a time.
 * A write out of this order drops what the slot had and is a software error
 * (DSA_SWERR_TORN). Shared queues take descriptors by non-posted writes only
 * (DMWr), which say whether there was room. Neither the emulated bus nor
 * vfio-user has such a write, so here nobody can make one: queues can be set up
 * as shared, and what is written to one is a software error (0x52).
 *
 * Threads: dsa_step(), dsa_reset(), dsa_init() and dsa_fini() are called one at
 * a time; all else from anywhere at any time, and waits for no access to
 * memory.
 */
#define DSA_VENDOR	 0x8086
#define DSA_DEVICE	 0x0b25
#define DSA_CLASS	 0x088000

#define DSA_BAR0_SIZE	 UINT64_C(0x10000)
#define DSA_BAR2_SIZE	 UINT64_C(0x20000) /* with up to 8 work queues; twice that with more */
#define DSA_VECTORS	 9u
#define DSA_MSIX_TABLE	 0x2000u /* in BAR 0 */
#define DSA_MSIX_PENDING 0x3000u
#define DSA_GROUPS_ASKED 512u /* of page requests that can wait for an answer */

#define DSA_SWERR_TORN	 0x50u /* software error of this model's: see above */

struct dsa;

/* An access to memory; stays within a page of 4 KiB. */
struct dsa_access {
	bool tagged; /* carries @pasid */
	bool write;
	uint32_t pasid;
	uint32_t len;
	uint64_t addr;
	void *data; /* written: its source */
};

/*
 * @access: false if there is no translation.
 * @ask: for the page of an access that failed. 0: dsa_answer() follows, perhaps
 *	before this returns; -EAGAIN: try the access again later; any other: no.
 * @irq: signal an MSI-X vector.
 * From dsa_step(), but for @irq, which a register write may make, too.
 */
struct dsa_ops {
	bool (*access)(void *arg, const struct dsa_access *a);
	int (*ask)(void *arg, const struct dsa_access *a, unsigned int group);
	void (*irq)(void *arg, unsigned int vector);
};

/* How it misbehaves on purpose. */
enum dsa_evil {
	DSA_EVIL_STATUS,      /* records say 0x7e */
	DSA_EVIL_NO_RECORD,   /* and are not written */
	DSA_EVIL_EARLY,	      /* before the data */
	DSA_EVIL_TWICE,	      /* twice */
	DSA_EVIL_BYTES,	      /* with a count of bytes beyond the size */
	DSA_EVIL_FAULT,	      /* every transfer ends with a fault at an address of its own */
	DSA_EVIL_NO_DATA,     /* success, and nothing was done */
	DSA_EVIL_GENCAP,      /* GENCAP: no transfer and no batch is small enough */
	DSA_EVIL_WQCAP,	      /* WQCAP: 255 queues, size 0 */
	DSA_EVIL_OFFSETS,     /* tables beyond the BAR */
	DSA_EVIL_ONES,	      /* capability registers are all ones */
	DSA_EVIL_CMD_HANG,    /* a command never ends */
	DSA_EVIL_CMD_ERROR,   /* each ends with an internal error */
	DSA_EVIL_CMD_LIE,     /* it ends well, and nothing was done */
	DSA_EVIL_VANISH,      /* all ones everywhere, at once */
	DSA_EVIL_HALT,	      /* the device halts */
	DSA_EVIL_IRQ_STORM,   /* each descriptor signals all vectors */
	DSA_EVIL_SWERR_STORM, /* and is a software error */
	DSA_EVILS,
};

struct dsa_opts {
	uint32_t version;	 /* 0x100 or 0x200; 0: 0x100 */
	unsigned int wqs;	 /* work queues, 1 to 16; 0: 8 */
	unsigned int max_batch;	 /* as a power of two, 1 to 15; 0: 10 */
	unsigned int max_size;	 /* the same, 4 to 31; 0: 31 */
	unsigned int cmd_delay;	 /* turns that a command takes */
	unsigned int cmd_hang;	 /* code of a command that never ends, 0: none */
	unsigned int fault_rate; /* one access in so many has no translation; 0: none */
	bool spare_records;	 /* but those to completion records have */
	uint64_t seed;		 /* of what is left to chance */
	uint64_t evil;		 /* 1 << enum dsa_evil */
	uint64_t evil_after;	 /* descriptors that are processed well before */
	bool reorder;		 /* descriptors of a queue overtake each other */
	bool handles;		 /* interrupts have handles, which must be requested */
	bool no_block;		 /* can't block on faults */
	bool no_shared;		 /* has no shared queues */
	bool no_overlap;	 /* can't move where buffers overlap */
};

/* What configuration space says now. */
struct dsa_config {
	bool master;	    /* bus master enable */
	bool pasids;	    /* PASID enable */
	bool prs;	    /* page request enable */
	uint32_t prs_alloc; /* outstanding page requests allowed */
};

/* Returns the new device, or NULL: no memory. @ops must live as long as it. */
struct dsa *dsa_create(const struct dsa_ops *ops, void *arg, const struct dsa_opts *opts);
void dsa_destroy(struct dsa *dsa);

/* Function level reset: power-on state. What is under way is lost. */
void dsa_reset(struct dsa *dsa);

/* Tell what configuration space says; before dsa_step() if it may have changed. */
void dsa_configure(struct dsa *dsa, const struct dsa_config *config);

/* Registers (BAR 0), width 1, 2, 4 or 8. */
uint64_t dsa_read(struct dsa *dsa, uint64_t off, unsigned int width);
void dsa_write(struct dsa *dsa, uint64_t off, unsigned int width, uint64_t value);

/* Portals (BAR 2): @len of 8 or 64 bytes; anything else is not looked at. */
void dsa_portal(struct dsa *dsa, uint64_t off, unsigned int len, const void *data);

/* The answer to a group of page requests: 0 success, else none (PCI Express 10.4.2.1). */
void dsa_answer(struct dsa *dsa, unsigned int group, unsigned int code);

/* Some work; true if there was any, or waits for its turn. */
bool dsa_step(struct dsa *dsa);

/* Is anything under way, perhaps waiting for a page? To ask after dsa_step(). */
bool dsa_busy(const struct dsa *dsa);

/* Has it vanished (DSA_EVIL_VANISH)? */
bool dsa_gone(const struct dsa *dsa);

#endif /* DSA_H */
