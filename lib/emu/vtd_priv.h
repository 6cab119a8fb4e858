/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EMU_VTD_PRIV_H
#define UVDK_EMU_VTD_PRIV_H

#include <string.h>
#include <sys/queue.h>

#include <uvdk_emu_vtd_driver.h>

#include "emu_priv.h"
#include "vtd_layout.h"

/*
 * One remapping unit. Order of locks: a function's gate, then the unit's; the
 * queue's lock is taken before the gates of functions, one at a time, and not
 * while the unit's is held; that of the registers after all of them.
 */
#define VTD_BUCKETS 8192
#define VTD_GROUPS  256
#define VTD_TAGS    4096
#define VTD_STALES  64
#define VTD_LEVELS  5

/* Tags that no PASID has: accesses without one; translations of no PASID. */
#define VTD_RID	     UINT32_C(0x80000000)
#define VTD_NO_PASID UINT32_C(0x80000001)

/* What may be in a cache. */
enum vtd_kind {
	VTD_CONTEXT, /* id: requester; val: the entry */
	VTD_PASID,   /* id: requester; val: the entry */
	VTD_INNER,   /* id: domain; val[0]: the entry of a page table */
	VTD_IOTLB,   /* id: domain; val[0]: page, val[1]: enum vtd_right */
	VTD_DEVTLB,  /* id: requester; the same */
	VTD_KINDS,
};

enum vtd_right {
	VTD_READ = 1 << 0,
	VTD_WRITE = 1 << 1,
	VTD_EXEC = 1 << 2,
	VTD_USER = 1 << 3,
	VTD_DIRTY = 1 << 4, /* a write need not touch the tables any more */
	VTD_SNOOP = 1 << 5, /* no right: caches are looked at, whatever a request asks for */
};

struct vtd_key {
	uint64_t addr; /* number of the page that it covers */
	uint32_t pasid;
	uint16_t id;
	uint8_t kind;
	uint8_t level; /* 1: 4 KiB, 2: 2 MiB, ...; second stage under first: 8 more */
};

#define VTD_SECOND 8

struct vtd_entry {
	struct vtd_key key;
	LIST_ENTRY(vtd_entry) hash;
	LIST_ENTRY(vtd_entry) group; /* of this kind and ID */
	LIST_ENTRY(vtd_entry) tag;   /* of this kind and PASID, and of this ID but for VTD_PASID */
	uint64_t settled;	     /* vtd->ended when memory bore it out */
	uint32_t pasid;		     /* VTD_PASID: the PASID itself, also for VTD_RID */
	uint16_t did;		     /* domain, of whatever kind */
	uint16_t sid;		     /* who had it fetched */
	bool quiet;		     /* VTD_PASID: FPD, in any entry on the way to it */
	bool nested;	  /* VTD_INNER of a first stage: it leads to an address of a second */
	uint64_t context; /* first word of the context entry it came by */
	uint64_t tables;  /* VTD_INNER and later: vtd_tables() it was found in */
	uint64_t guest;	  /* VTD_IOTLB and later, nested: as in struct vtd_walk */
	uint64_t val[PTE_WORDS];
};

LIST_HEAD(vtd_list, vtd_entry);

/* Why tables are walked. Only an access sets accessed and dirty bits. */
enum vtd_purpose {
	VTD_ACCESS,
	VTD_PREFETCH, /* for the caches' sake: ends where a bit would have to be set */
	VTD_CHECK,    /* what is there now, whatever it permits */
};

/* Not a fault: an entry changed while it was read, or a prefetch ended. */
#define VTD_AGAIN ((enum uvdk_emu_fault_reason)1000)

/* One access, or translation request. */
struct vtd_req {
	struct uvdk_emu_function *fn;
	uint32_t pasid; /* VTD_RID: none */
	uint16_t sid;
	bool write;
	bool exec;
	bool priv;
	bool ats; /* translation request: what is not there is no fault */
	enum vtd_purpose purpose;
};

#define VTD_NO_GUEST UINT64_MAX

/* What a walk found. Every access has one: only what stands above context is cleared for each. */
struct vtd_walk {
	uint64_t host; /* page frame */
	unsigned int level;
	unsigned int right;
	uint64_t guest; /* nested: second-stage address of the page, or of what it has not;
			   VTD_NO_GUEST: the first stage leads nowhere */
	int fault;	/* 0: none */
	enum uvdk_emu_fault_reason why;
	uint32_t pasid; /* RID_PASID for an access without one */
	bool quiet;	/* FPD: not to be recorded */
	uint64_t context[4];
	uint64_t pte[PTE_WORDS]; /* PASID table entry */
	uint64_t inner[2][VTD_LEVELS + 1];
};

/* An interrupt of the unit. */
struct vtd_event {
	uint32_t control; /* EVENT_IM, EVENT_IP */
	int fd;		  /* -1: nobody hears it */
};

/* Somebody says when he changes the first stage of a nested table. */
struct vtd_owner {
	uint32_t pasid; /* of a function in this slot, or VTD_RID */
	LIST_ENTRY(vtd_owner) entry;
};

LIST_HEAD(vtd_owners, vtd_owner);

#define VTD_EVENTS 2 /* enum uvdk_emu_iommu_irq */

struct vtd {
	struct uvdk_emu *emu;
	unsigned int unit;
	uint64_t cap;
	uint64_t ecap;
	unsigned int mgaw;
	bool forgetful; /* evicts at random */
	uint64_t random;

	pthread_mutex_t reg_lock; /* registers but for the queue's */
	_Atomic uint32_t gsts;
	_Atomic uint64_t rtaddr;
	uint64_t rtaddr_next;
	uint32_t plain[REG_END / 4]; /* registers that only hold what is written */
	_Atomic uint32_t fsts;
	uint64_t frcd[VTD_FRCD_COUNT][2];
	unsigned int frcd_next;

	pthread_mutex_t queue_lock; /* held while descriptors are executed */
	struct uvdk_emu_function *fns[EMU_SLOTS];
	_Atomic uint64_t iqa, iqh, iqt, iqercd;
	_Atomic uint16_t itesid; /* IQERCD.ITESID: who did not answer */
	_Atomic uint32_t ics;

	pthread_mutex_t prq_lock;
	_Atomic uint64_t pqa, pqh, pqt;
	_Atomic uint32_t prs;

	pthread_mutex_t event_lock; /* taken last */
	struct vtd_event event[VTD_EVENTS];

	atomic_ulong begun, ended; /* changes of tables */

	struct emu_gate gate; /* guards the caches */
	struct vtd_list bucket[VTD_BUCKETS];
	struct vtd_list group[VTD_KINDS][VTD_GROUPS];
	struct vtd_list tag[VTD_TAGS];
	struct vtd_list unused;
	unsigned long entries;
	unsigned long tagged[VTD_GROUPS]; /* of VTD_IOTLB, those of a PASID */
	uint64_t since;			  /* what is fetched now was so at this count of changes */
	struct vtd_owners owners[EMU_SLOTS];
};

/* A device did not answer; beside the codes of IQERCD.IQEI. */
#define VTD_TIMEOUT 16

static inline void vtd_walk_begin(struct vtd_walk *w)
{
	memset(w, 0, offsetof(struct vtd_walk, context));
}

/* vtd_walk.c: tables as they are now */
void *vtd_at(struct vtd *vtd, uint64_t pa);
int vtd_read_context(struct vtd *vtd, uint16_t sid, struct vtd_walk *w);
int vtd_check_context(const struct vtd_req *req, struct vtd_walk *w);
int vtd_read_pasid(struct vtd *vtd, struct vtd_walk *w);
int vtd_fault(struct vtd_walk *w, int reason, enum uvdk_emu_fault_reason why);
int vtd_walk_fresh(struct vtd *vtd, const struct vtd_req *req, uint64_t iova, struct vtd_walk *w);

/* vtd_pages.c: page tables; @cached: inner entries may come from the cache */
int vtd_walk_pages(struct vtd *vtd, const struct vtd_req *req, uint64_t iova, bool cached,
		   struct vtd_walk *w);
int vtd_permit(const struct vtd_req *req, struct vtd_walk *w, unsigned int right);
uint32_t vtd_tag(const struct vtd_walk *w);

/* vtd_cache.c */
struct vtd_entry *vtd_find(struct vtd *vtd, const struct vtd_key *key);
struct vtd_entry *vtd_lookup(struct vtd *vtd, const struct vtd_key *key);
void vtd_fetch(struct vtd *vtd);
struct vtd_entry *vtd_add(struct vtd *vtd, const struct vtd_key *key);
void vtd_drop(struct vtd *vtd, struct vtd_entry *e);
void vtd_cache_free(struct vtd *vtd);
void vtd_cache_leftovers(struct vtd *vtd);
bool vtd_chance(struct vtd *vtd, unsigned int one_in);
struct vtd_list *vtd_tag_list(struct vtd *vtd, unsigned int kind, uint16_t id, uint32_t pasid);

/* vtd_owner.c; under the gate; and when a function goes */
bool vtd_has_owner(const struct vtd *vtd, const struct vtd_req *req);
void vtd_owners_free(struct vtd *vtd, unsigned int slot);

/* vtd_translate.c */
/* The context entry, through its cache; takes the gate. */
int vtd_find_context(struct vtd *vtd, const struct vtd_req *req, struct vtd_walk *w);
int vtd_translate(struct vtd *vtd, const struct vtd_req *req, uint64_t iova, struct vtd_walk *w);
int vtd_translate_locked(struct vtd *vtd, const struct vtd_req *req, uint64_t iova,
			 struct vtd_walk *w);

/* vtd_ats.c */
int vtd_ats_translate(struct vtd *vtd, const struct vtd_req *req, uint64_t iova,
		      struct vtd_walk *w);

/* vtd_stale.c: false: memory no longer bears the entry out, and nobody is changing it */
bool vtd_settle(struct vtd *vtd, struct vtd_entry *e, const struct vtd_req *req, uint64_t iova);

/* The same; memory is looked at once after each change of tables. */
static inline bool vtd_holds(struct vtd *vtd, struct vtd_entry *e, const struct vtd_req *req,
			     uint64_t iova)
{
	return e->settled == atomic_load_explicit(&vtd->ended, memory_order_acquire) ||
	       vtd_settle(vtd, e, req, iova);
}

/* By which tables a request goes, of a second stage or both. */
static inline uint64_t vtd_tables(const struct vtd_walk *w, bool second)
{
	return second ? w->pte[0] & SPAN(51, 12) : w->pte[0] ^ w->pte[2] << 1;
}

/* Where an entry's page begins in the second stage; of what is not there, its address. */
static inline uint64_t vtd_guest(const struct vtd_walk *w)
{
	return w->right ? w->guest & ~(BIT(EMU_PAGE_SHIFT + 9 * (w->level - 1)) - 1) : w->guest;
}

/* Who shares a domain ID must share the tables: the entry was compared for those, not for these. */
static inline void vtd_compare_tables(struct vtd *vtd, struct vtd_entry *e, uint64_t tables)
{
	if (e->tables != tables)
		e->settled = vtd->since - 1;
}

/* vtd_queue.c */
void vtd_queue_run(struct vtd *vtd);
void vtd_queue_write(struct vtd *vtd, uint32_t off, uint64_t value);
void vtd_drain(struct vtd *vtd);

/* vtd_inval.c; the gate is taken inside; 0 or what IQERCD has to say */
int vtd_inval(struct vtd *vtd, const uint64_t *desc);

/* vtd_fault.c */
void vtd_fault_record(struct vtd *vtd, const struct vtd_req *req, uint64_t iova,
		      const struct vtd_walk *w);
uint64_t vtd_frcd_read(struct vtd *vtd, uint32_t off, unsigned int width);
void vtd_frcd_write(struct vtd *vtd, uint32_t off, uint64_t value, unsigned int width);

/* vtd_event.c */
void vtd_event_init(struct vtd *vtd);
void vtd_event_fini(struct vtd *vtd);
void vtd_event_raise(struct vtd *vtd, enum uvdk_emu_iommu_irq kind);
void vtd_event_clear(struct vtd *vtd, enum uvdk_emu_iommu_irq kind);
uint32_t vtd_event_read(struct vtd *vtd, enum uvdk_emu_iommu_irq kind);
void vtd_event_write(struct vtd *vtd, enum uvdk_emu_iommu_irq kind, uint32_t value);

/* vtd_prq.c */
void vtd_prq_write(struct vtd *vtd, uint32_t off, uint64_t value);
int vtd_page_response(struct vtd *vtd, const uint64_t *desc);

/* vtd.c; vtd_fault_status() is FSTS */
uint32_t vtd_fault_status(struct vtd *vtd);
struct vtd *vtd_of(struct uvdk_emu *emu, unsigned int unit);
int vtd_create(struct uvdk_emu *emu, unsigned int unit, struct vtd **out);
void vtd_destroy(struct vtd *vtd);
void vtd_plug(struct uvdk_emu_function *fn);
void vtd_unplug(struct uvdk_emu_function *fn);
void vtd_forget_device(struct uvdk_emu_function *fn);

static inline bool vtd_on(struct vtd *vtd)
{
	return atomic_load_explicit(&vtd->gsts, memory_order_acquire) & GCMD_TE;
}

static inline uint16_t vtd_sid(const struct uvdk_emu_function *fn)
{
	return (uint16_t)(fn->slot << 3);
}

/* Whoever has this requester ID, or NULL. Under queue_lock. */
static inline struct uvdk_emu_function *vtd_function(struct vtd *vtd, uint16_t sid)
{
	return sid & 7 || sid >> 3 >= EMU_SLOTS ? NULL : vtd->fns[sid >> 3];
}

static inline unsigned int vtd_shift(unsigned int level)
{
	return EMU_PAGE_SHIFT + 9 * (level - 1);
}

#endif /* UVDK_EMU_VTD_PRIV_H */
