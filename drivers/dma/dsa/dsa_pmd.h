/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_DSA_PMD_H
#define UVDK_DSA_PMD_H

#include <pthread.h>

#include <uvdk_device_driver.h>
#include <uvdk_dma.h>
#include <uvdk_dmadev_driver.h>
#include <uvdk_dsa.h>
#include <uvdk_sva.h>

#include "dsa_regs.h"

#define LOG_NAME "dma.dsa"
#define RING_MAX 4096
#define RING	 512
#define SG_MAX	 64 /* segments a side */
#ifndef DSA_STALL_NS
#define DSA_STALL_NS UINT64_C(10000000000) /* what makes no progress for so long is ended */
#endif

/* What the device said it has, checked. */
struct dsa_caps {
	uint64_t gencap;
	uint64_t wqcap;
	uint64_t opcap[4];
	uint32_t cmdcap;
	unsigned int version;
	unsigned int wqs;
	unsigned int entries;
	unsigned int groups;
	unsigned int rdbufs;
	unsigned int engines;
	unsigned int max_len_shift;
	unsigned int max_batch_shift; /* 0: no batches */
	unsigned int vectors;	      /* 0: no interrupts for channels */
	unsigned int pasid_bits;
	uint64_t grpcfg, wqcfg, perm; /* offsets */
	uint64_t wqcfg_size;
};

struct dsa_chan;

struct dsa {
	struct uvdk_device *dev; /* NULL: a queue of the kernel's driver, see cdev.c */
	const char *name;
	struct uvdk_region regs;
	struct uvdk_region portals;
	struct dsa_caps caps;
	unsigned int channels;	 /* as many queues are set up */
	unsigned int wq_entries; /* of each */
	pthread_mutex_t lock;	 /* guards commands */
	pthread_mutex_t swerr;	 /* guards SWERR and wq; taken last, and held for a moment only */
	struct dsa_chan *wq[DSA_WQS_MAX];
	enum dsa_cmd cmd;	/* the last one given, */
	uint64_t cmd_at;	/* and when */
	struct dsa_chan *asker; /* of the command under way, if nobody waits for it */
	bool broken;		/* a command did not end: bus master is off */
};

/* Of what a queue was given and has not told of the end. */
enum dsa_doubt {
	DOUBT_NONE,
	DOUBT_MAYBE, /* the device reported an error: nobody knows whose were lost behind it */
	DOUBT_NAMED, /* ... of this queue: what is missing will not come */
};

/* What went to the device in one descriptor. */
struct dsa_unit {
	uint32_t first; /* slot, free-running */
	uint16_t count;
	uint16_t flags;
	uint64_t bytes;
};

enum dsa_unit_flags {
	UNIT_FENCED = 1 << 0, /* one of it has a fence: wait for all before */
	UNIT_WALK = 1 << 1,   /* look at each slot; nothing was given to the device */
	UNIT_ABORTED = 1 << 2,
	UNIT_INNER = 1 << 3,  /* ... which is not its first: wait for it before what comes next */
	UNIT_JUDGED = 1 << 4, /* it was found out which records of the batch are missing */
	UNIT_UNSURE = 1 << 5, /* what has no record may have run, or not */
	UNIT_SLOWLY = UNIT_WALK | UNIT_ABORTED,
};

/* What there is to know of a slot that is not as every other; zeroes otherwise. */
struct dsa_slot {
	uint8_t flags;
	uint8_t status; /* enum uvdk_dmadev_status */
	uint8_t code;
	uint8_t tries; /* UVDK_DMADEV_RETRIES_MAX at most */
	uint32_t value;
	uint32_t tail; /* of @done: bytes at the end, where it ran backwards */
	uint64_t done; /* bytes of runs before the last */
	uint64_t fault;
};

enum dsa_slot_flags {
	SLOT_ODD = 1 << 0, /* counted in chan->odd */
	SLOT_FENCE = 1 << 1,
	SLOT_MORE = 1 << 2,   /* the next slot belongs to the same operation */
	SLOT_INVERT = 1 << 3, /* the checksum is to be inverted */
	SLOT_ENDED = 1 << 4,  /* @status and so on are valid */
};

/*
 * One work queue. Slots, and units of slots, are counted up and never wrapped; a mask
 * finds their place. Slots: told <= done <= pending <= head. Units: retired <= posted <= made.
 */
struct dsa_chan {
	struct uvdk_dmadev_chan chan; /* first */
	/* enqueueing */
	uint64_t *desc;	     /* ring of descriptors */
	struct dsa_rec *rec; /* ring of their records */
	uint64_t w0;	     /* flags of every descriptor */
	uint64_t max_len;
	uint64_t copy; /* word 0 of a plain copy */
	uint32_t head;
	uint32_t extra; /* slots that were not the first of their operation: head - extra counts
			   these */
	uint32_t told;
	uint32_t end; /* head gets no further: a ring from told on; head itself once stopped */
	uint32_t mask;
	uint64_t pending_bytes; /* away from head: else the compiler joins both into a vector */
	/* submitting and polling */
	uint32_t pending;
	uint32_t done;
	uint32_t made, posted, retired;
	uint32_t odd;	     /* slots from told on that are not as every other */
	uint32_t fences;     /* enqueued since the last submit */
	uint32_t wq_entries; /* 0 while it is aborted: it is given nothing */
	uint32_t max_batch;
	struct dsa_unit *units;
	struct dsa_rec *batch; /* a record for each unit */
	volatile void *portal; /* NULL: by calls */
	bool refused;	       /* the last one: the shared queue had no room */
	uint64_t portal_off;
	bool movdir;
	bool stopped; /* gone, or broken */
	/* the rest is not for the fast path */
	bool failed;	  /* one of the group failed */
	bool failed_told; /* ... and the caller knows */
	bool cancel;	  /* what comes is not run */
	bool barrier;	  /* what comes waits for what was posted */
	uint32_t cancel_end;
	bool busy;    /* the slot at walk was given to the device by itself */
	bool by_hand; /* descriptors of uvdk_dsa_post() may be under way */
	uint32_t walk;
	uint64_t walk_from; /* not before this time */
	unsigned int idle;
	uint64_t idle_since, swerr_at;
	uint32_t seen;	     /* of the oldest unit: slots up to which there were as many records */
	int doubt;	     /* enum dsa_doubt; any thread raises it */
	enum dsa_cmd ask;    /* given to the device for the queue, and nobody waits for its end */
	bool ask_ended;	     /* of the device's; guarded by dsa->lock, as is: */
	uint32_t ask_status; /* CMDSTS */
	uint64_t ask_at;
	uint32_t ask_posted; /* what was posted before, */
	bool ask_busy;	     /* and was the slot at walk? */
	uint32_t extra_submitted;
	uint64_t submitted, completed, failures, resumed, doorbells, bytes;
	struct dsa_slot *slots;
	struct dsa *dsa;
	unsigned int wq;
	unsigned int flags; /* enum uvdk_dmadev_chan_flags */
	unsigned int retries;
	bool touch; /* a page that faulted may be asked for by @sva */
	struct uvdk_sva *sva;
	uint32_t pasid;
	uint16_t handle;      /* of the interrupt */
	uint64_t handle_bits; /* word 4 of what asks for one */
	bool irq;
	int event_fd; /* with irq; the caller's */
	uint64_t desc_iova, rec_iova, batch_iova;
	struct uvdk_dma_buf buf; /* with an ioas */
	void *mem;		 /* with sva */
	size_t mem_len;
};

static inline struct dsa_chan *dsa_chan(struct uvdk_dmadev_chan *chan)
{
	return (struct dsa_chan *)chan;
}

static inline bool dsa_gone(const struct dsa *dsa)
{
	return dsa->dev && uvdk_device_gone(dsa->dev);
}

static inline void dsa_set_end(struct dsa_chan *c)
{
	c->end = c->stopped ? c->head : c->told + c->mask + 1;
}

static inline uint64_t *dsa_desc(const struct dsa_chan *c, uint32_t slot)
{
	return c->desc + (size_t)(slot & c->mask) * DSA_DESC_WORDS;
}

/* dsa.c */
void dsa_pmd_chan_stats(const struct uvdk_dmadev_chan *chan, struct uvdk_dmadev_stats *out);
void dsa_pmd_chan_see(const struct uvdk_dmadev_chan *chan, struct uvdk_dmadev_chan_seen *out);

/* caps.c: 0, -EPROTO with a sentence, -ENODEV */
int dsa_pmd_read_caps(struct dsa *dsa);

/* command.c: the lock is held */
int dsa_pmd_command(struct dsa *dsa, enum dsa_cmd cmd, uint32_t operand, unsigned int *result);
bool dsa_pmd_has_command(const struct dsa *dsa, enum dsa_cmd cmd);
/*
 * The same without waiting, for the queue of @c, one command at a time: 0 once it is given, -EBUSY
 * while another one is under way.
 */
int dsa_pmd_ask(struct dsa_chan *c, enum dsa_cmd cmd);
/* How it ended: 0 or -EPROTO with a sentence; or -EINPROGRESS. */
int dsa_pmd_answer(struct dsa_chan *c);
/* Nobody will look for its end. */
void dsa_pmd_ask_no_more(struct dsa_chan *c);
const char *dsa_pmd_command_name(enum dsa_cmd cmd);
/* Whatever state it is in: to the one after power on. */
int dsa_pmd_reset(struct dsa *dsa);
/* It does not answer: it must reach no memory. */
void dsa_pmd_give_up(struct dsa *dsa);

/* config.c */
int dsa_pmd_configure(struct dsa *dsa);
int dsa_pmd_wq_enable(struct dsa_chan *c);
void dsa_pmd_wq_disable(struct dsa_chan *c);
/* Nothing of it runs any more when this returns 0. The lock is held. */
int dsa_pmd_wq_abort(struct dsa_chan *c);

/* chan_irq.c */
int dsa_pmd_irq_open(struct dsa_chan *c, int fd);
void dsa_pmd_irq_close(struct dsa_chan *c);

/* chan.c */
int dsa_pmd_chan_open(void *priv, const struct uvdk_dmadev_chan_opts *opts,
		      struct uvdk_dmadev_chan **out);
void dsa_pmd_chan_close(void *priv, struct uvdk_dmadev_chan *chan);

/* All but its queue: memory, options. To be freed by dsa_pmd_chan_free(). */
int dsa_pmd_chan_new(struct dsa *dsa, const struct uvdk_dmadev_chan_opts *opts,
		     struct dsa_chan **out);
void dsa_pmd_chan_free(struct dsa_chan *c);
/* What its caps let it do. */
void dsa_pmd_tell(const struct dsa *dsa, struct uvdk_dmadev_info *info);

/* cdev.c: as dsa_pmd_portal_write() */
bool dsa_pmd_cdev_write(struct dsa_chan *c, const uint64_t *desc);

/* cdev_caps.c: what sysfs says of a queue: 0, or -EOPNOTSUPP or -EPROTO with a sentence */
int dsa_pmd_cdev_caps(struct dsa *dsa, const char *sysfs);

/* To write a descriptor at once; as bytes, for assemblers that do not know it. */
static inline void dsa_movdir64b(volatile void *portal, const void *desc)
{
#if defined(__x86_64__)
	/* sfence; movdir64b (%rdx), %rax */
	__asm__ volatile("sfence\n\t.byte 0x66, 0x0f, 0x38, 0xf8, 0x02" ::"a"(portal), "d"(desc)
			 : "memory");
#else
	(void)portal;
	(void)desc;
#endif
}

/* insn.c: what a test plays */
bool dsa_pmd_has_movdir64b(void);
bool dsa_pmd_has_enqcmd(void);
void dsa_pmd_movdir64b(volatile void *portal, const void *desc);
/* False: the device says that the queue has no room. */
bool dsa_pmd_enqcmd(volatile void *portal, const void *desc);

/* enqueue.c, enqueue_sg.c */
int dsa_pmd_copy(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uvdk_iova_t src, size_t len,
		 unsigned int flags);
int dsa_pmd_fill(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uint64_t pattern, size_t len,
		 unsigned int flags);
int dsa_pmd_compare(struct uvdk_dmadev_chan *chan, uvdk_iova_t a, uvdk_iova_t b, size_t len,
		    unsigned int flags);
int dsa_pmd_crc(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uvdk_iova_t src, size_t len,
		const struct uvdk_dmadev_crc_spec *crc, unsigned int flags);
int dsa_pmd_copy_sg(struct uvdk_dmadev_chan *chan, const struct uvdk_dma_piece *dst,
		    unsigned int dst_count, const struct uvdk_dma_piece *src,
		    unsigned int src_count, unsigned int flags);
/* Flags of an operation whose first slot, and descriptor, is @slot's. */
void dsa_pmd_special(struct dsa_chan *c, uint32_t slot, unsigned int flags);
void dsa_pmd_mark(struct dsa_chan *c, uint32_t slot, unsigned int flags);

/* submit.c */
int dsa_pmd_submit(struct uvdk_dmadev_chan *chan);
/* What was enqueued since the last time is submitted now. */
void dsa_pmd_count_submitted(struct dsa_chan *c);
/* Give the device what it has room for. */
void dsa_pmd_post_units(struct dsa_chan *c);
/* One slot by itself. False: there is no room for it now, and nothing has changed. */
bool dsa_pmd_post_slot(struct dsa_chan *c, uint32_t slot);
bool dsa_pmd_portal_write(struct dsa_chan *c, const uint64_t *desc);

/* poll.c */
unsigned int dsa_pmd_completed(struct uvdk_dmadev_chan *chan, unsigned int max, uint16_t *last,
			       bool *error);
unsigned int dsa_pmd_completed_status(struct uvdk_dmadev_chan *chan,
				      struct uvdk_dmadev_result *results, unsigned int max);
unsigned int dsa_pmd_capacity(struct uvdk_dmadev_chan *chan);

/* walk.c: a unit that needs a look at each slot: true once all have ended */
bool dsa_pmd_walk(struct dsa_chan *c, struct dsa_unit *unit);
void dsa_pmd_end_slot(struct dsa_chan *c, uint32_t slot, enum uvdk_dmadev_status status,
		      uint8_t code);
uint32_t dsa_pmd_value(const struct dsa_chan *c, uint32_t slot);
uint32_t dsa_pmd_bytes_done(const struct dsa_chan *c, uint32_t slot);
/* Is what @rec tells as done at the end of the copy, not at its start? */
bool dsa_pmd_ran_backwards(const struct dsa_chan *c, uint32_t slot, const struct dsa_rec *rec);
/* Is a fence at @slot broken by a failure before it? */
bool dsa_pmd_is_cancelled(struct dsa_chan *c, uint32_t slot);

/* lost.c: a batch has ended: which of its records could not be written? */
void dsa_pmd_judge_batch(struct dsa_chan *c, struct dsa_unit *unit);
/* All that was posted before ask_posted has ended: what has no record lost it. */
void dsa_pmd_end_lost(struct dsa_chan *c);
/* May one of @unit that perhaps was run be run again? */
bool dsa_pmd_repeatable(const struct dsa_chan *c, const struct dsa_unit *unit, uint32_t slot);

/* resume.c: make the descriptor of a slot what is left of it: false if that can't be */
bool dsa_pmd_resume(struct dsa_chan *c, uint32_t slot, const struct dsa_rec *rec);

/* stall.c: nothing has ended for a while; the device has gone */
void dsa_pmd_idle(struct dsa_chan *c);
void dsa_pmd_gone(struct dsa_chan *c);
uint64_t dsa_pmd_now_ns(void);

/* swerr.c: tell what the device reports */
void dsa_pmd_check_swerr(struct dsa *dsa);

#endif /* UVDK_DSA_PMD_H */
