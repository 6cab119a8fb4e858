// SPDX-License-Identifier: BSD-3-Clause
#include <rte_log.h>

#include "eal_priv.h"

/* Registered when first used; a second registration returns the same type. */
static int log_type(void)
{
	static int type = -1;
	int t = __atomic_load_n(&type, __ATOMIC_RELAXED);

	if (t < 0) {
		t = rte_log_register("uvdk");
		if (t < 0)
			return RTE_LOGTYPE_USER1;
		__atomic_store_n(&type, t, __ATOMIC_RELAXED);
	}

	return t;
}

UVDK_EXPORT void uvdk_eal_log(void *priv, enum uvdk_log_level level, const char *component,
			      const char *msg)
{
	static const uint32_t levels[] = {
		[UVDK_LOG_ERR] = RTE_LOG_ERR,
		[UVDK_LOG_WARN] = RTE_LOG_WARNING,
		[UVDK_LOG_INFO] = RTE_LOG_INFO,
		[UVDK_LOG_DEBUG] = RTE_LOG_DEBUG,
	};

	(void)priv;
	rte_log(levels[level], (uint32_t)log_type(), "uvdk: %s: %s\n", component, msg);
}
