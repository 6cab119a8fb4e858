/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VFIO_SIM_NEST_H
#define VFIO_SIM_NEST_H

#include "vfio_sim.h"

/*
 * Nested tables of the simulated kernel: an SMMUv3 by default (sim_nest_create()).
 * Objects count as any (sim.objects). An event queue is a pipe.
 */
struct sim_nest {
	int no_viommu;		    /* errno of making one; 0: works */
	unsigned int wrong_parents; /* so many are another I/O MMU's */

	uint32_t latest_type, latest_parent;
	uint32_t data_type, data_len;
	uint8_t data[48]; /* of the latest nested table */

	unsigned int accepts; /* entries of a batch of invalidations; then EIO */
	unsigned int batches;
	uint32_t inval_target, inval_type, inval_count;

	int events; /* what is written here is read from the latest event queue; -1: none */
};

extern struct sim_nest sim_nest;

void sim_nest_create(void);

/* As ioctl() does; *@mine tells whether it is one of these. */
int sim_nest_answer(unsigned long request, uint32_t *args, bool *mine);
void sim_nest_alloc(const uint32_t *args);

#endif /* VFIO_SIM_NEST_H */
