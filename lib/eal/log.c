// SPDX-License-Identifier: BSD-3-Clause
#include <rte_log.h>

#include "eal_priv.h"

/*
 * Registered before main(), so that EAL finds it when it parses its options:
 * --log-level=uvdk:debug.
 */
int eal_log_type = RTE_LOGTYPE_USER1;

__attribute__((constructor)) static void register_type(void)
{
	int type = rte_log_register_type_and_pick_level("uvdk", RTE_LOG_NOTICE);

	if (type >= 0)
		eal_log_type = type;
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
	rte_log(levels[level], (uint32_t)eal_log_type, "uvdk: %s: %s\n", component, msg);
}

UVDK_EXPORT enum uvdk_log_level uvdk_eal_log_level(void)
{
	uint32_t level = (uint32_t)rte_log_get_level((uint32_t)eal_log_type);

	if (level >= RTE_LOG_DEBUG)
		return UVDK_LOG_DEBUG;
	if (level >= RTE_LOG_INFO)
		return UVDK_LOG_INFO;

	return level >= RTE_LOG_WARNING ? UVDK_LOG_WARN : UVDK_LOG_ERR;
}

UVDK_EXPORT void uvdk_eal_log_start(void)
{
	uvdk_log_set_sink(uvdk_eal_log, NULL);
	uvdk_log_set_level(NULL, uvdk_eal_log_level());
}
