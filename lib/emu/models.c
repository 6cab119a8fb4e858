// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "emu_priv.h"

#define EXTRA_MODELS 16

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards extra, nr_extra */
static const struct uvdk_emu_model *extra[EXTRA_MODELS];
static unsigned int nr_extra;

static bool named(const struct uvdk_emu_model *model, const char *name, size_t len)
{
	return strlen(model->name) == len && !memcmp(model->name, name, len);
}

static const struct uvdk_emu_model *find_locked(const char *name, size_t len)
{
	for (unsigned int i = 0; i < nr_extra; i++)
		if (named(extra[i], name, len))
			return extra[i];
	for (unsigned int i = 0; uvdk_builtin_models[i]; i++)
		if (named(uvdk_builtin_models[i], name, len))
			return uvdk_builtin_models[i];

	return NULL;
}

const struct uvdk_emu_model *emu_model_find(const char *name, size_t len)
{
	const struct uvdk_emu_model *model;

	pthread_mutex_lock(&lock);
	model = find_locked(name, len);
	pthread_mutex_unlock(&lock);

	return model;
}

static void append(char *buf, size_t len, const char *name)
{
	size_t used = strlen(buf);

	snprintf(buf + used, len - used, "%s%s", used ? ", " : "", name);
}

void emu_model_list(char *buf, size_t len)
{
	buf[0] = '\0';
	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; uvdk_builtin_models[i]; i++)
		append(buf, len, uvdk_builtin_models[i]->name);
	for (unsigned int i = 0; i < nr_extra; i++)
		append(buf, len, extra[i]->name);
	pthread_mutex_unlock(&lock);
}

UVDK_EXPORT int uvdk_emu_model_register(const struct uvdk_emu_model *model)
{
	int ret = 0;

	pthread_mutex_lock(&lock);
	if (find_locked(model->name, strlen(model->name)))
		ret = -EEXIST;
	else if (nr_extra == EXTRA_MODELS)
		ret = -ENOSPC;
	else
		extra[nr_extra++] = model;
	pthread_mutex_unlock(&lock);

	if (ret)
		return uvdk_fail(ret, "emu", "model \"%s\" is not registered: %s", model->name,
				 ret == -EEXIST ? "the name is taken" : "16 are, and no more fit");

	return 0;
}
