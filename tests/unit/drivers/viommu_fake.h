/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_FAKE_H
#define VIOMMU_FAKE_H

#include <uvdk_emu_driver.h>

#include "viommu.h"

/*
 * A virtio-iommu that says and does what a test wants, for tests of the driver: registers and
 * requests are written here once more, as plain numbers, from virtio 1.2. It translates nothing.
 */

#define FAKE_INPUT_RANGE  (UINT64_C(1) << 0)
#define FAKE_DOMAIN_RANGE (UINT64_C(1) << 1)
#define FAKE_MAP_UNMAP	  (UINT64_C(1) << 2)
#define FAKE_BYPASS	  (UINT64_C(1) << 3)
#define FAKE_PROBE	  (UINT64_C(1) << 4)
#define FAKE_MMIO	  (UINT64_C(1) << 5)
#define FAKE_CONFIG	  (UINT64_C(1) << 6)
#define FAKE_INDIRECT	  (UINT64_C(1) << 28)
#define FAKE_EVENT_IDX	  (UINT64_C(1) << 29)
#define FAKE_VERSION	  (UINT64_C(1) << 32)
#define FAKE_PLATFORM	  (UINT64_C(1) << 33)
#define FAKE_USUAL                                                                        \
	(FAKE_INPUT_RANGE | FAKE_DOMAIN_RANGE | FAKE_MAP_UNMAP | FAKE_PROBE | FAKE_MMIO | \
	 FAKE_CONFIG | FAKE_INDIRECT | FAKE_EVENT_IDX | FAKE_VERSION | FAKE_PLATFORM)

enum fake_lie {
	FAKE_HONEST,
	FAKE_USED_IDX,	 /* more than there are */
	FAKE_USED_ID,	 /* beyond the ring */
	FAKE_USED_TWICE, /* one that it does not hold */
	FAKE_USED_LEN,	 /* more than fits */
	FAKE_NO_TAIL,	 /* used, and nothing written */
	FAKE_SHORT,	 /* says that it wrote nothing */
	FAKE_HANG,	 /* never answers */
	FAKE_NEEDS_RESET,
	FAKE_RESET, /* forgets all, instead of answering */
	FAKE_VANISH,
};

#define FAKE_LOG 4096

struct fake_request {
	uint32_t len; /* bytes that it had */
	uint32_t writable;
	uint8_t data[128];
};

struct fake_queue {
	uint16_t size, enable, vector;
	uint64_t desc, avail, used;
	uint16_t next; /* in avail */
	uint16_t used_idx;
};

struct fake {
	/* what it is to be; set before it is opened */
	uint16_t device_id;
	uint64_t offered;
	uint64_t page_sizes, input_first, input_last;
	uint32_t domain_first, domain_last, probe_size;
	uint8_t bypass;
	bool bypass_sticks; /* writes to it reach nothing */
	bool restless;	    /* its configuration never settles */
	uint16_t queue_size, event_size;
	unsigned int vectors; /* MSI-X */
	uint8_t begun;	      /* device status that it starts with */

	/* what it is to do, from request number @after on */
	enum fake_lie lie;
	unsigned int after;
	unsigned int lies_left; /* 0: for ever; else after so many it goes on with @then */
	enum fake_lie then;
	uint8_t status; /* answer to all requests */
	uint8_t probed; /* fills replies of PROBE */
	bool never_resets;
	bool no_vector; /* takes none for a queue */

	/* what it has seen */
	struct uvdk_emu_function *fn;
	uint64_t features;
	uint8_t device_status;
	uint8_t generation;
	uint32_t select[2];
	uint16_t queue_select;
	struct fake_queue queue[2];
	unsigned int doorbells;
	unsigned int requests;
	unsigned int resets;
	unsigned int unmastered; /* resets that came while bus master was on already */
	bool bypass_at_start;	 /* DRIVER_OK came with it on */
	struct fake_request log[FAKE_LOG];
};

/* The one there is. */
extern struct fake fake;

/* A machine without a thread, with an iommu for ring memory, as the driver wants it. */
struct fake_world {
	struct uvdk_emu *emu;
	struct viommu viommu;
	struct viommu_unit *unit;
	unsigned int fds;
};

void fake_world_open(struct fake_world *w);
void fake_world_close(struct fake_world *w);

/* The unit must open; or must not, with words in the sentence. */
void fake_open(struct fake_world *w);
void fake_refused(struct fake_world *w, int err, const char *words);

/* Puts an event into the queue; false: no buffer is there. */
bool fake_event(uint8_t reason, uint32_t flags, uint32_t endpoint, uint64_t addr);
bool fake_event_raw(const void *data, size_t len, uint32_t used_len);

/* Changes its configuration while it is in use. */
void fake_reconfigure(void);

#endif /* VIOMMU_FAKE_H */
