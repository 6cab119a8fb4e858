/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DSA_PRIV_H
#define DSA_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "dsa.h"
#include "layout.h"

#define PAGE	  4096u
#define NR_SLOTS  32u /* of an engine: two for each queue */
#define CHUNK	  64u /* descriptors of a batch that are fetched at once */
#define NO_GROUP  UINT32_MAX
#define NO_VECTOR UINT16_MAX

/* How far something got when it was given a turn. */
enum turn {
	TURN_OVER, /* ended */
	TURN_MORE, /* goes on when it has the next turn */
	TURN_WAIT, /* for a page, or for other descriptors */
};

enum phase { PHASE_CHECK, PHASE_RUN, PHASE_RECORD };

/* A descriptor being processed; all fields but the first few are progress. */
struct work {
	uint8_t raw[DESC_SIZE];
	uint64_t record, src, dst;
	uint32_t flags, size;
	uint8_t op;
	enum phase phase;
	uint8_t status; /* 0: not known yet */
	uint8_t result;
	bool begun, down; /* down: from the end to the beginning */
	uint8_t early;	  /* records written before their time */
	uint16_t vector;  /* of its interrupt, or NO_VECTOR */
	uint64_t done;	  /* bytes */
	uint32_t bytes;	  /* what the record says of them */
	uint32_t crc, delta, last;
	uint32_t invalid; /* flags */
	uint64_t fault;
	bool fault_write;
};

/* What an engine has under way: one entry of a queue. Only dsa_step() looks here. */
struct slot {
	bool used;
	bool waits;   /* nothing to do for now */
	bool refused; /* the page at @asked_for */
	uint64_t asked_for;
	uint8_t wq;
	bool tagged, ims;
	uint32_t pasid;
	uint32_t group; /* of page requests, or NO_GROUP */
	uint64_t seq;
	struct work top;
	/* A batch. */
	bool in_sub, failed;
	uint32_t next, completed;
	uint32_t chunk_at, chunk_len;
	struct work sub;
	uint8_t chunk[CHUNK * DESC_SIZE];
};

struct engine {
	struct slot slots[NR_SLOTS];
	unsigned int at;     /* slot whose turn is next */
	unsigned int in_use; /* slots */
};

struct entry {
	uint8_t raw[DESC_SIZE];
	uint64_t seq;
	bool ims;
};

struct queue {
	enum wq_state state;
	unsigned int head, count, size;
	unsigned int credit; /* turns left until all have had theirs */
	uint64_t seq;	     /* of the next entry */
	struct entry ring[TOTAL_SIZE];
};

/* Where a command is. */
struct order {
	bool active, begun;
	uint32_t value;
	unsigned int delay;
	unsigned int wqs; /* mask */
	uint64_t marks[NR_WQS];
};

/* A descriptor that arrives in pieces. */
struct torn {
	_Atomic uint64_t word[7];
	atomic_uint next;
};

enum { ASK_FREE, ASK_WAITS, ASK_ABANDONED, ASK_ANSWERED };

struct dsa {
	const struct dsa_ops *ops;
	void *arg;
	struct dsa_opts opts;

	pthread_mutex_t lock; /* guards what follows, up to the engines; never held over DMA */
	struct dsa_config config;
	enum device_state state;
	enum reset_type reset;
	uint32_t gencfg, genctrl, intcause, cmdsts;
	uint64_t swerr[4];
	uint8_t grpcfg[NR_GROUPS * GRPCFG_SIZE];
	uint32_t wqcfg[NR_WQS][WQCFG_SIZE_MAX / 4];
	uint32_t perm[DSA_VECTORS];
	bool handle[DSA_VECTORS]; /* requested */
	uint8_t group_of[NR_ENGINES];
	struct queue queues[NR_WQS];
	struct order order;

	/* Of dsa_step() alone. */
	struct engine engines[NR_ENGINES];
	uint64_t random;
	_Atomic uint64_t processed; /* descriptors */
	int64_t quantum;	    /* what is left of a turn, in bytes */
	uint32_t crc_table[4][256];
	uint8_t page[2][PAGE + 8];

	/* Without a lock. */
	atomic_bool gone;
	atomic_uint asked[DSA_GROUPS_ASKED]; /* ASK_...; answered: + code */
	unsigned int next_group;
	struct torn torn[NR_WQS * 4][64];
};

/* core.c */
bool dsa_evil(const struct dsa *dsa, enum dsa_evil evil);
uint64_t dsa_random(struct dsa *dsa);
void dsa_power_on(struct dsa *dsa, enum reset_type reset); /* lock held */
void dsa_default_wq(struct dsa *dsa, unsigned int wq);	   /* the same */
uint32_t dsa_wqcfg_size(const struct dsa *dsa);
bool dsa_offers(const struct dsa *dsa, unsigned int op);
bool dsa_vector(struct dsa *dsa, const struct slot *slot, uint32_t handle, uint16_t *vector);

/* setup.c; lock held */
enum cmd_error dsa_check_device(struct dsa *dsa);
enum cmd_error dsa_check_wq(const struct dsa *dsa, unsigned int wq);
uint64_t dsa_group_wqs(const struct dsa *dsa, unsigned int group);
uint64_t dsa_group_engines(const struct dsa *dsa, unsigned int group);

/* command.c; lock held */
void dsa_command(struct dsa *dsa, uint32_t value);
bool dsa_command_step(struct dsa *dsa);

/* error.c; lock held for dsa_cause() and dsa_swerr() */
struct swerr {
	uint8_t code;
	bool with_desc, batch, write;
	unsigned int wq;
	uint32_t pasid, index, invalid;
	uint8_t op;
	uint64_t fault;
};
void dsa_cause(struct dsa *dsa, uint32_t cause, bool interrupt);
void dsa_swerr(struct dsa *dsa, const struct swerr *error);
void dsa_halt(struct dsa *dsa);

/* schedule.c */
void dsa_drop(struct dsa *dsa, struct slot *slot);

/* memory.c: an access that stays within a page, or is split at pages. */
enum turn dsa_reach(struct dsa *dsa, struct slot *slot, struct work *work, uint64_t addr,
		    void *data, uint32_t len, bool write);
enum turn dsa_reach_span(struct dsa *dsa, struct slot *slot, struct work *work, uint64_t addr,
			 void *data, uint32_t len, bool write);
bool dsa_answered(struct dsa *dsa, struct slot *slot);
void dsa_forget_group(struct dsa *dsa, struct slot *slot);

/* check.c: 0, or the status that it ends with at once. */
uint8_t dsa_check(struct dsa *dsa, struct slot *slot, struct work *work);
uint64_t dsa_max_size(const struct dsa *dsa, unsigned int wq);
uint64_t dsa_max_batch(const struct dsa *dsa, unsigned int wq);

/* work.c */
void dsa_work_load(struct work *work, const uint8_t *raw);
enum turn dsa_work_run(struct dsa *dsa, struct slot *slot, struct work *work);

/* record.c */
enum turn dsa_record(struct dsa *dsa, struct slot *slot, struct work *work);

/*
 * Operations. TURN_OVER: ended, with work->status if it is not success, or with a
 * fault that dsa_reach() noted.
 */
typedef enum turn dsa_op(struct dsa *dsa, struct slot *slot, struct work *work);
dsa_op dsa_op_drain, dsa_op_batch, dsa_op_move, dsa_op_fill, dsa_op_compare, dsa_op_pattern,
	dsa_op_create_delta, dsa_op_apply_delta, dsa_op_dualcast, dsa_op_crc, dsa_op_flush;

void dsa_crc_init(struct dsa *dsa);

/* Bytes until the next page boundary of an address. */
static inline uint32_t to_boundary(uint64_t addr)
{
	return PAGE - (uint32_t)(addr % PAGE);
}

static inline uint32_t min32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

#endif /* DSA_PRIV_H */
