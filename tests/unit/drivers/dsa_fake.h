/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DSA_FAKE_H
#define DSA_FAKE_H

#include <stdbool.h>
#include <stdint.h>

#include <uvdk_dmadev.h>
#include <uvdk_emu_driver.h>

/*
 * A DSA that the test plays: it has registers, does what a descriptor says as soon as it is
 * written, and misbehaves as it is told. Specification 341204; shares nothing with the driver.
 */
struct fake_desc {
	uint32_t pasid;
	uint32_t op_flags; /* 31:24 opcode */
	uint64_t record;
	uint64_t src;
	uint64_t dst;
	uint32_t len;
	uint16_t handle;
	uint16_t reserved;
	uint32_t seed;
	uint32_t reserved2;
	uint64_t more[2];
};

struct fake_record {
	uint8_t status;
	uint8_t result;
	uint16_t reserved;
	uint32_t done;
	uint64_t fault;
	uint64_t value;
	uint64_t more;
};

struct fake_wq {
	uint32_t cfg[16];
	unsigned int state;
	uint64_t portal[8];
};

#define FAKE_WQS 4
#define FAKE_LOG 256

struct fake {
	struct uvdk_emu_function *fn;
	/* what it says it is */
	uint32_t version;
	uint64_t gencap, wqcap, grpcap, engcap, opcap, offsets;
	uint32_t cmdcap;
	uint64_t portal_bar;
	/* what it is in */
	unsigned int state; /* GENSTS */
	uint32_t cmdsts;
	uint64_t swerr[4];
	uint64_t groups[4][8];
	struct fake_wq wq[FAKE_WQS];
	uint32_t perm[16];
	/* how it misbehaves */
	unsigned int hang;   /* this command never ends */
	unsigned int refuse; /* this command fails with @error */
	uint8_t error;
	bool sleeps;		      /* descriptors are taken and not run */
	bool loses;		      /* ... or run, and no record is written */
	bool stays_enabled;	      /* a reset or disable leaves it as it is */
	unsigned int resets_cured_by; /* function resets until a halt ends */
	/* what it saw */
	unsigned int commands[32];
	unsigned int resets; /* function resets */
	unsigned int posts;  /* descriptors written to a portal */
	unsigned int batches;
	unsigned int held; /* taken and not run */
	struct fake_desc log[FAKE_LOG];
	unsigned int ran;  /* descriptors run, those of batches too */
	unsigned int acks; /* SWERR cleared */
	/* of the test's: true if it has filled in @rec */
	bool (*script)(const struct fake_desc *desc, struct fake_record *rec);
	void (*on_status)(void); /* CMDSTS is about to be read */
};

extern struct fake fake;

/* A good device again, as after power on. */
void fake_init(void);
void fake_register(void);

static inline unsigned int fake_op(const struct fake_desc *desc)
{
	return desc->op_flags >> 24;
}

#endif /* DSA_FAKE_H */
