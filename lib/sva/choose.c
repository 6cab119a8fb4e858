// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sva_priv.h"

/* In the order of preference. */
static const struct sva_ops *const backends[] = {&sva_kernel, &sva_nested, &sva_demand,
						 &sva_pinned};

#define BACKENDS (sizeof(backends) / sizeof(backends[0]))

/* What each of them lacks, one after the other. */
struct reasons {
	char text[900];
	size_t used;
};

static void note(struct reasons *reasons, const char *name)
{
	const char *why = uvdk_last_error();
	size_t len = strlen(name), room = sizeof(reasons->text) - reasons->used;
	int n;

	if (!strncmp(why, name, len) && why[len] == ':')
		n = snprintf(reasons->text + reasons->used, room, "; %.220s", why);
	else
		n = snprintf(reasons->text + reasons->used, room, "; %s: %.210s", name, why);
	if (n > 0)
		reasons->used += (size_t)n < room ? (size_t)n : room - 1;
}

/* To be refused by one backend is no error while there is another. */
static int try_quietly(const struct sva_ops *ops, struct uvdk_device *dev,
		       const struct uvdk_sva_opts *opts)
{
	int err;

	uvdk_log_hush(true);
	err = ops->probe(dev, opts);
	uvdk_log_hush(false);

	return err;
}

static int choose_any(struct uvdk_device *dev, const struct uvdk_sva_opts *opts,
		      int (*bind)(const struct sva_ops *ops, void *arg), void *arg)
{
	struct reasons reasons = {0};
	int err;

	for (size_t i = 0; i < BACKENDS; i++) {
		err = try_quietly(backends[i], dev, opts);
		if (!err)
			err = bind(backends[i], arg);
		if (err != -EOPNOTSUPP)
			return err;
		note(&reasons, backends[i]->name);
	}

	return uvdk_fail(-EOPNOTSUPP, SVA_COMPONENT, "no backend goes for %s%s",
			 uvdk_device_get_info(dev)->name, reasons.text);
}

int sva_choose(struct uvdk_device *dev, const struct uvdk_sva_opts *opts,
	       int (*bind)(const struct sva_ops *ops, void *arg), void *arg)
{
	int err;

	if (opts->backend == UVDK_SVA_AUTO)
		return choose_any(dev, opts, bind, arg);
	for (size_t i = 0; i < BACKENDS; i++) {
		if (backends[i]->id != opts->backend)
			continue;
		err = backends[i]->probe(dev, opts);
		return err ? err : bind(backends[i], arg);
	}

	return uvdk_fail(-EINVAL, SVA_COMPONENT, "unknown backend %d", (int)opts->backend);
}
