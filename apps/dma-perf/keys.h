/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DMA_PERF_KEYS_H
#define DMA_PERF_KEYS_H

#include "config.h"

/* The room that a sentence about a key needs. */
#define KEYS_ERROR 512

/* No key has a number beyond this. */
#define KEYS_MAX 32

/* What a case has where nothing is said. */
void keys_defaults(struct config_case *c);

/* Number of a key, or -1. */
int keys_find(const char *name);

/*
 * Take a value. @error: what is wrong, as the part of a sentence that follows the key.
 * 0 or -EINVAL.
 */
int keys_set(struct config_case *c, int key, const char *value, char *error);

/* Name of a key. */
const char *keys_name(int key);

/* Which keys there are, with commas. */
const char *keys_known(char *buf, size_t room);

/* Is a key for this type of case?  */
bool keys_apply(int key, enum config_type type);

/* Do the values of a case go together? 0, or -EINVAL with a sentence. */
int keys_check(const struct config_case *c, char *error);

#endif /* DMA_PERF_KEYS_H */
