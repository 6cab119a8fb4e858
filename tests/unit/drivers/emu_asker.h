/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_ASKER_H
#define EMU_ASKER_H

#include <criterion/criterion.h>

#include <uvdk_emu_driver.h>
#include <uvdk_fault.h>

/*
 * "asker", a device that reads and writes where a test says, with any PASID,
 * and that asks for pages if its PRI capability is enabled. "emu:asker,plain"
 * has neither ATS nor PRI, "emu:asker,nopasid" has no PASIDs.
 */
#define ASKER_ANSWERS 2048

struct asker {
	struct uvdk_emu_function *fn;
	struct uvdk_device *dev;
	unsigned int pri; /* offset of its capability, 0: none */
	unsigned int answers;
	struct {
		uint32_t pasid;
		unsigned int group;
		enum uvdk_emu_page_code code;
	} answer[ASKER_ANSWERS];
};

/* The machine of a test, and an iommu on it. */
struct asker_world {
	struct uvdk_emu *emu;
	struct uvdk_iommu *iommu;
	uint8_t *memory; /* ASKER_MEMORY bytes, aligned to 2 MiB */
	unsigned int fds;
};

#define ASKER_PAGE   UINT64_C(4096)
#define ASKER_LARGE  (512 * ASKER_PAGE)
#define ASKER_MEMORY (2 * ASKER_LARGE)

void asker_world_open(struct asker_world *w, const struct uvdk_emu_opts *opts);

/* Everything else is closed: nothing was stale, and nothing is left. */
void asker_world_close(struct asker_world *w);

/* The same, but that somebody may hold the machine still. */
void asker_world_close_keeping(struct asker_world *w);

struct asker *asker_open(struct uvdk_iommu *iommu, const char *spec);
void asker_close(struct asker *a);

/* Whether an access went through; PASID 0: none. */
bool asker_reads(struct asker *a, uint32_t pasid, uint64_t addr);
bool asker_writes(struct asker *a, uint32_t pasid, uint64_t addr);

/* As uvdk_emu_page_request(), by a device that may; PASID 0: none. */
int asker_asks(struct asker *a, uint32_t pasid, uint64_t addr, unsigned int group, bool last);

/* Answers so far to a group. */
unsigned int asker_answers(const struct asker *a, uint32_t pasid, unsigned int group,
			   enum uvdk_emu_page_code code);

#endif /* EMU_ASKER_H */
