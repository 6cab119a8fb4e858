/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FUZZ_TOPOLOGY_H
#define FUZZ_TOPOLOGY_H

#include <uvdk_topology.h>

/* What must hold of a topology, whatever it was made of; frees it. */
void fuzz_topology(struct uvdk_topology *topology);

#endif /* FUZZ_TOPOLOGY_H */
