/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DSA_POSTED_H
#define DSA_POSTED_H

#include "dsa_reference.h"

/* Operations that the class has no call for, as descriptors (341204, 8.3), and by the CPU. */

enum post_op {
	POST_NOOP = 0x00,
	POST_BATCH = 0x01,
	POST_DRAIN = 0x02,
	POST_PATTERN = 0x06,
	POST_CREATE = 0x07,
	POST_APPLY = 0x08,
	POST_DUALCAST = 0x09,
	POST_FLUSH = 0x20,
};

enum {
	POST_OK = 0x01,
	POST_FALSE = 0x02, /* not the result that was expected */
	POST_FAULT = 0x03,
	POST_SOME = 0x05, /* of a batch failed */
	POST_LIST_FAULT = 0x06,
	POST_ORDER = 0x07, /* of a delta record */
	POST_RANGE = 0x08,
	POST_SIZE = 0x13,
};

#define POST_FENCE 0x01u
#define POST_CHECK 0x80u
#define ENTRY	   10u /* bytes of a delta record: where, in words of 8 bytes, and what */

/* Addresses are offsets into the arena. */
struct post {
	enum post_op op;
	unsigned int flags;
	uint32_t src;
	uint32_t dst;
	uint32_t size;
	uint32_t other;	  /* second destination, or delta record that is made */
	uint32_t room;	  /* for that, or bytes of the one that is applied */
	uint64_t pattern; /* to compare with */
	uint8_t expected; /* POST_CHECK: result; create delta: a bit for each that will do */
};

struct outcome {
	uint8_t status; /* but for the bit that tells a write */
	uint8_t result;
	uint32_t done;
	uint32_t delta; /* bytes of the record that was made */
	uint32_t fault; /* POST_FAULT: where */
	bool write;
};

/* Do it, in the arena's copy, up to the first byte that is not mapped. */
struct outcome post_apply(struct arena *a, const struct post *p);

/* Take for right what it may have written beyond @done. */
void post_accept_rest(struct arena *a, const struct post *p, const struct outcome *o);

#endif /* DSA_POSTED_H */
