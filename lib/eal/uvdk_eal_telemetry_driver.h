/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_EAL_TELEMETRY_DRIVER_H
#define UVDK_EAL_TELEMETRY_DRIVER_H

#include <rte_telemetry.h>
#include <rte_version.h>

#include <uvdk_eal_telemetry.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: What answers are made of
 *
 * Helpers for those who add commands. Not for applications: may change in any release.
 */

/**
 * uvdk_tel_number() - a number in a dictionary
 * @d: dictionary
 * @name: key
 * @value: number
 */
static inline void uvdk_tel_number(struct rte_tel_data *d, const char *name, uint64_t value)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
	rte_tel_data_add_dict_uint(d, name, value);
#else
	rte_tel_data_add_dict_u64(d, name, value);
#endif
}

/**
 * uvdk_tel_push() - a number in an array that was started with RTE_TEL_U64_VAL
 * @d: array
 * @value: number
 */
static inline void uvdk_tel_push(struct rte_tel_data *d, uint64_t value)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
	rte_tel_data_add_array_uint(d, value);
#else
	rte_tel_data_add_array_u64(d, value);
#endif
}

/**
 * uvdk_tel_bool() - yes or no in a dictionary: 1 or 0, which every DPDK can send
 * @d: dictionary
 * @name: key
 * @value: which
 */
static inline void uvdk_tel_bool(struct rte_tel_data *d, const char *name, bool value)
{
	rte_tel_data_add_dict_int(d, name, value);
}

/**
 * uvdk_tel_string() - a string in a dictionary
 * @d: dictionary
 * @name: key
 * @value: string, cut to 127 bytes; what JSON would have to escape, and each byte that is
 *	not ASCII, becomes '_'
 */
void uvdk_tel_string(struct rte_tel_data *d, const char *name, const char *value);

/**
 * uvdk_tel_address() - an address in a dictionary, as "0x..."
 * @d: dictionary
 * @name: key
 * @value: address
 */
void uvdk_tel_address(struct rte_tel_data *d, const char *name, uint64_t value);

/**
 * uvdk_tel_dict() - a dictionary within a dictionary
 * @d: dictionary
 * @name: key: letters, digits, '_' and '/'
 *
 * Return: the inner one, owned by @d; NULL: no memory or no room.
 */
struct rte_tel_data *uvdk_tel_dict(struct rte_tel_data *d, const char *name);

/**
 * uvdk_tel_dict_of() - the same, with a number for a key
 * @d: dictionary
 * @id: number
 *
 * Return: as uvdk_tel_dict().
 */
struct rte_tel_data *uvdk_tel_dict_of(struct rte_tel_data *d, uint64_t id);

/**
 * uvdk_tel_numbers() - an array of numbers within a dictionary, for uvdk_tel_push()
 * @d: dictionary
 * @name: key
 *
 * Return: as uvdk_tel_dict().
 */
struct rte_tel_data *uvdk_tel_numbers(struct rte_tel_data *d, const char *name);

/**
 * uvdk_tel_params() - take "A,B" apart
 * @params: what was asked for, or NULL
 * @usage: how it is to be asked for, for the message
 * @min: numbers that must be there
 * @max: numbers that may be there
 * @out: room for @max; what is not given stays as it is
 *
 * Return: numbers given, or -EINVAL with a sentence.
 */
int uvdk_tel_params(const char *params, const char *usage, unsigned int min, unsigned int max,
		    uint64_t *out);

/**
 * uvdk_tel_word() - is the first parameter this word?
 * @params: what was asked for, or NULL
 * @word: such as "dma"
 *
 * Return: what stands behind it and its comma ("": nothing does); NULL: it is not.
 */
const char *uvdk_tel_word(const char *params, const char *word);

/**
 * uvdk_tel_set_ports() - what /uvdk/queues tells of ports
 * @fn: answers for them, from now on for good, with or without parameters; what is told of
 *	DMA channels is added to its dictionary, so it leaves 4 KiB of 16
 *
 * For lib/netdev, which stands right of lib/eal. Thread-safe.
 */
void uvdk_tel_set_ports(uvdk_eal_telemetry_fn fn);

#ifdef __cplusplus
}
#endif

#endif /* UVDK_EAL_TELEMETRY_DRIVER_H */
