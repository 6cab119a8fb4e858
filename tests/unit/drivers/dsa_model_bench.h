/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DSA_MODEL_BENCH_H
#define DSA_MODEL_BENCH_H

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "dsa.h"

/*
 * The engine of emu:dsa, with memory that is the test's. Registers and layouts are
 * written down once more, from the specification (341204).
 */
#define PAGE	4096u
#define PAGES	256u
#define BASE	UINT64_C(0x7000000000) /* address of the first byte of memory */
#define RECORDS (BASE + UINT64_C(192) * PAGE)
#define LISTS	(BASE + UINT64_C(200) * PAGE)
#define LIMIT	200000u /* steps */

enum {
	GENCAP = 0x10,
	WQCAP = 0x20,
	OPCAP = 0x40,
	OFFSETS = 0x60,
	GENCTRL = 0x88,
	GENSTS = 0x90,
	INTCAUSE = 0x98,
	CMD = 0xa0,
	CMDSTS = 0xa8,
	CMDCAP = 0xb0,
	SWERR = 0xc0,
};

enum {
	ENABLE_DEV = 1,
	DISABLE_DEV,
	DRAIN_ALL,
	ABORT_ALL,
	RESET_DEV,
	ENABLE_WQ,
	DISABLE_WQ,
	DRAIN_WQ,
	ABORT_WQ,
	RESET_WQ,
	DRAIN_PASID,
	ABORT_PASID,
	REQUEST_HANDLE,
	RELEASE_HANDLE,
};

enum { NOOP, BATCH, DRAIN, MOVE, FILL, COMPARE, PATTERN, CREATE, APPLY, DUALCAST };
enum { CRC = 0x10, COPY_CRC = 0x11, FLUSH = 0x20 };

/* Flags. */
#define FENCE  0x01u
#define BLOCK  0x02u
#define VALID  0x04u
#define RECORD 0x08u
#define IRQ    0x10u
#define CHECK  0x80u

struct desc {
	uint32_t pasid;
	uint32_t flags : 24, op : 8;
	uint64_t record, src, dst;
	uint32_t size;
	uint16_t handle, reserved;
	union {
		uint64_t more[3];
		uint8_t bytes[24];
		uint32_t words[6];
	};
};

struct record {
	uint8_t status, result;
	uint16_t reserved;
	uint32_t bytes;
	uint64_t fault;
	uint32_t more[4];
};

_Static_assert(sizeof(struct desc) == 64, "a descriptor");
_Static_assert(sizeof(struct record) == 32, "a record");

struct bench {
	struct dsa *dsa;
	uint8_t *mem;
	bool absent[PAGES], readonly[PAGES];
	uint32_t pasid; /* that accesses must carry; UINT32_MAX: none */
	unsigned int irqs[DSA_VECTORS];
	/* Page requests. */
	int ask; /* what ask() returns */
	unsigned int asked, groups[64];
	uint64_t asked_for[64];
	unsigned int accesses;
	uint64_t records; /* of accesses that were writes to RECORDS and up */
};

void bench_open(struct bench *b, const struct dsa_opts *opts);
void bench_close(struct bench *b);

/* Group 0: engines 0 to @engines - 1, and queue 0 of 16 entries, enabled. */
void bench_start(struct bench *b, unsigned int engines);

uint32_t get(struct bench *b, uint32_t off);
uint64_t get_wide(struct bench *b, uint32_t off);
void set(struct bench *b, uint32_t off, uint32_t value);

/* Where the tables are. */
uint32_t wqcfg(struct bench *b, unsigned int wq, unsigned int dword);
uint32_t grpcfg(struct bench *b, unsigned int group, unsigned int dword);
uint32_t perm(struct bench *b, unsigned int vector);
unsigned int wq_state(struct bench *b, unsigned int wq);

/* A dedicated queue that can block, with this size and priority; in no group yet. */
void set_wq(struct bench *b, unsigned int wq, unsigned int size, unsigned int priority);
void set_group(struct bench *b, unsigned int group, uint32_t wqs, uint32_t engines);
void configure(struct bench *b, bool master, bool pasids, bool prs);

/* Runs until there is nothing to do. */
void run(struct bench *b);
/* Writes a command, and runs. Returns its error. */
unsigned int command(struct bench *b, unsigned int code, uint32_t operand);

uint8_t *at(struct bench *b, uint64_t addr);
struct record *record(struct bench *b, unsigned int n);
/* What has a record of its own, the @n-th, and wants it. */
struct desc describe(unsigned int op, uint64_t src, uint64_t dst, uint32_t size, unsigned int n);
void submit(struct bench *b, unsigned int wq, const struct desc *d);
/* Submits to queue 0, runs, and returns the status in record 0. */
uint8_t do_one(struct bench *b, const struct desc *d);
/* SWERR's code, which is then cleared; -1: there is none. */
int swerr(struct bench *b);
void scribble(void *p, size_t len, unsigned int seed);

#endif /* DSA_MODEL_BENCH_H */
