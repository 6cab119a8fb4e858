/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_TEL_PRIV_H
#define UVDK_TEL_PRIV_H

#include <uvdk_eal_telemetry_driver.h>

#include "eal_priv.h"

/* Entries of a list in one answer: 16 KiB have room for them, whatever is in them. */
#define TEL_ENTRIES 32u

/* What may be shown: one of the two. Looked at under the lock of telemetry.c. */
struct tel_source {
	struct tel_source *next;
	uint64_t id; /* ascending */
	struct uvdk_iommu *iommu;
	struct uvdk_pasid_space *space;
	char name[64]; /* of the space */
};

/* telemetry.c: the first source; the lock is held while a command is answered. */
const struct tel_source *tel_sources(void);

/* What uvdk_eal_telemetry_fn is: tel_iommu.c, tel_pasids.c, tel_maps.c, tel_queues.c */
int tel_devices(void *priv, const char *params, struct rte_tel_data *out);
int tel_ioas(void *priv, const char *params, struct rte_tel_data *out);
int tel_maps(void *priv, const char *params, struct rte_tel_data *out);
int tel_pasids(void *priv, const char *params, struct rte_tel_data *out);
int tel_queues(void *priv, const char *params, struct rte_tel_data *out);
int tel_eal(void *priv, const char *params, struct rte_tel_data *out);

#endif /* UVDK_TEL_PRIV_H */
