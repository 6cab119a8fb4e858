/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VFIO_SIM_H
#define VFIO_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include <uvdk_iommu.h>

/*
 * A kernel of which only ioctl() is simulated (linked with --wrap=ioctl): the
 * nodes are ordinary files in a temporary directory, a device is a memfd, so
 * that open, close, mmap, pread and pwrite are real. Three functions exist,
 * SIM_A and SIM_C in group 7 and SIM_B in group 8. Nothing here is a model of what
 * hardware does; the VM tests are for that. It is for answers that a real
 * kernel gives rarely.
 */
#define SIM_A	       "0000:00:03.0"
#define SIM_B	       "0000:00:04.0"
#define SIM_C	       "0000:00:03.1"
#define SIM_BAR	       0x4000 /* BAR 0: four pages, MSI-X table at 0x2010 */
#define SIM_CONFIG     0x100000
#define SIM_VECTORS    8
#define SIM_DIRTY_IOVA 0x100000

struct sim {
	unsigned int calls;
	unsigned int fail_at; /* this call fails, counting from 1; 0: none */
	int fail_errno;

	unsigned int maps; /* in all containers and address spaces */
	unsigned int map_calls;
	unsigned int fail_map; /* this map call fails with fail_errno */
	unsigned int unmap_calls;
	unsigned int fail_unmap; /* likewise, of type1 */
	bool unmap_lies;	 /* unmap succeeds with nothing unmapped */
	unsigned int objects;	 /* iommufd objects */
	unsigned int attached;
	uint32_t pasids[4];	   /* attached, 0: none */
	unsigned int last_table;   /* what was attached last: ioas or hwpt */
	unsigned int objects_made; /* an id is one of these, from 60 on */
	uint64_t dirty;		   /* pages from SIM_DIRTY_IOVA on that were written */
	bool dirty_on;
	unsigned int hwpt_flags; /* of the latest */
	unsigned int hw_type;	 /* as the kernel tells what I/O MMU there is */
	unsigned int pasid_bits;
	uint64_t hw_caps;
	uint32_t hw_data[10];
	bool no_cc; /* containers don't enforce coherency */

	int kvm_files[4]; /* that a VFIO device of KVM knows, 0: none */
	bool kvm_forgets; /* it is another KVM device each time */

	bool noresize;
	int host_vectors; /* that can be had; 0: all */
	unsigned int enabled;
	int fds[SIM_VECTORS];
	unsigned int turned_on;

	bool msix_mappable;
	bool sparse;
	bool bad_chain;		/* capability chains lead outside */
	bool reset_other_group; /* a hot reset affects a function of group 9 */

	bool no_map_file, no_dma_buf; /* a kernel that is too old */
	bool revoked;		      /* dma-bufs can't be mapped now */
	unsigned int file_maps;	      /* calls that mapped a file */
	uint64_t file_start, file_iova;
	unsigned int file_flags; /* of the latest */

	unsigned int hot_resets;
	unsigned int reset_fds; /* group descriptors that came with it */
};

extern struct sim sim;

/*
 * Fault queues (vfio_sim_faults.c; linked with --wrap=read and --wrap=write): as
 * the kernel, read() hands out whole groups, each with the lowest cookie that is
 * free, and write() stops in front of a cookie that nobody waits for.
 */
struct sim_group {
	uint32_t pasid;
	uint32_t index;
	unsigned int requests;
	uint32_t cookie; /* 0: not read yet */
	bool answered;
	uint32_t code;
};

struct sim_faults {
	int fd; /* an eventfd; -1: there is no queue */
	struct sim_group groups[1024];
	unsigned int count;
	unsigned int reads, writes;
	int fail_read, fail_write; /* errno of the next one, 0: none */
};

extern struct sim_faults sim_faults;

/* A device asks for pages from 0x1000 * @index on. */
void sim_ask(uint32_t pasid, uint32_t index, unsigned int requests);

/* As when a PASID is detached: the kernel answers, and its cookies are free. */
void sim_answer_all(uint32_t pasid);
int sim_fault_alloc(uint32_t *args);

void sim_create(void);
void sim_destroy(void);

/* What points the library at the simulated nodes. */
const struct uvdk_iommu_opts *sim_iommu_opts(void);
const struct uvdk_device_opts *sim_device_opts(void);

unsigned int sim_count_fds(void);

#endif /* VFIO_SIM_H */
