// SPDX-License-Identifier: BSD-3-Clause
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tel_priv.h"

#define PREFIX	     "/uvdk/"
#define MAX_COMMANDS 24u /* 18 of others */

/* For good: DPDK has no way to take a command back. */
struct command {
	char name[32];
	char help[64];
	uvdk_eal_telemetry_fn fn; /* NULL: removed */
	void *priv;
	bool registered;
};

/* Guards all below; held while a command is answered, so that what was removed is left alone. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool live;
static struct tel_source *sources;
static uint64_t last_id;
static struct command commands[MAX_COMMANDS] = {
	{"devices", "Devices of uvdk. Parameter: after which number", tel_devices, NULL, false},
	{"ioas", "I/O address spaces. Parameter: after which number", tel_ioas, NULL, false},
	{"maps", "Maps. Parameters: I/O address space[,from IOVA]", tel_maps, NULL, false},
	{"pasids", "PASIDs. Parameters: none, spaces,after or space[,from]", tel_pasids, NULL,
	 false},
	{"eal", "DPDK's memory, by I/O address space. Parameter: after which", tel_eal, NULL,
	 false},
	{"queues", "Ports, DMA channels. Parameters: port[,from], ports or dma", tel_queues, NULL,
	 false},
};

const struct tel_source *tel_sources(void)
{
	return sources;
}

static struct command *find(const char *name)
{
	for (unsigned int i = 0; i < MAX_COMMANDS && *commands[i].name; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];

	return NULL;
}

static int answer(const char *cmd, const char *params, struct rte_tel_data *out)
{
	const struct command *command = find(cmd + strlen(PREFIX));

	if (!live)
		return uvdk_fail(-ENODEV, COMPONENT, "uvdk's telemetry is stopped");
	if (!command || !command->fn)
		return uvdk_fail(-ENODEV, COMPONENT, "nobody answers %s any more", cmd);

	return command->fn(command->priv, params, out);
}

/* Called by a thread of DPDK's for each client. */
static int dispatch(const char *cmd, const char *params, struct rte_tel_data *out)
{
	int ret;

	uvdk_log_hush(true); /* what is wrong is in the answer */
	pthread_mutex_lock(&lock);
	ret = answer(cmd, params, out);
	pthread_mutex_unlock(&lock);
	uvdk_log_hush(false);
	if (ret >= 0)
		return 0;
	rte_tel_data_start_dict(out);
	uvdk_tel_string(out, "error", uvdk_last_error());

	return 0;
}

static int register_command(struct command *command)
{
	char path[sizeof(PREFIX) + sizeof(command->name)];
	int ret;

	if (command->registered)
		return 0;
	snprintf(path, sizeof(path), PREFIX "%.31s", command->name);
	ret = rte_telemetry_register_cmd(path, dispatch, command->help);
	if (ret)
		return uvdk_fail(ret, COMPONENT, "DPDK refuses the telemetry command %s (%d)", path,
				 ret);
	command->registered = true;

	return 0;
}

UVDK_EXPORT int uvdk_eal_telemetry_start(void)
{
	int ret = 0;

	pthread_mutex_lock(&lock);
	if (live)
		ret = uvdk_fail(-EALREADY, COMPONENT, "telemetry is started already");
	for (unsigned int i = 0; i < MAX_COMMANDS && *commands[i].name && !ret; i++)
		ret = register_command(&commands[i]);
	if (!ret)
		live = true;
	pthread_mutex_unlock(&lock);

	return ret;
}

UVDK_EXPORT void uvdk_eal_telemetry_stop(void)
{
	pthread_mutex_lock(&lock);
	live = false;
	while (sources) {
		struct tel_source *source = sources;

		sources = source->next;
		free(source);
	}
	pthread_mutex_unlock(&lock);
}

static int add(const struct tel_source *as)
{
	const void *what = as->iommu ? (const void *)as->iommu : as->space;
	struct tel_source **link = &sources;
	struct tel_source *source;

	if (!what)
		return uvdk_fail(-EINVAL, COMPONENT,
				 "there is nothing to be shown: has opening it failed?");
	source = malloc(sizeof(*source));
	if (!source)
		return uvdk_fail(-ENOMEM, COMPONENT, "out of memory");
	*source = *as;

	pthread_mutex_lock(&lock);
	while (*link && (*link)->iommu != what && (*link)->space != what)
		link = &(*link)->next;
	if (!*link) {
		source->id = ++last_id;
		*link = source;
		source = NULL;
	}
	pthread_mutex_unlock(&lock);
	if (!source)
		return 0;
	free(source);

	return uvdk_fail(-EEXIST, COMPONENT, "this %s is shown already",
			 as->iommu ? "iommu" : "PASID space");
}

static void remove_source(const void *what)
{
	struct tel_source **link = &sources;
	struct tel_source *source;

	if (!what)
		return;
	pthread_mutex_lock(&lock);
	while (*link && (*link)->iommu != what && (*link)->space != what)
		link = &(*link)->next;
	source = *link;
	if (source)
		*link = source->next;
	pthread_mutex_unlock(&lock);
	free(source);
}

UVDK_EXPORT int uvdk_eal_telemetry_add_iommu(struct uvdk_iommu *iommu)
{
	return add(&(struct tel_source){.iommu = iommu});
}

UVDK_EXPORT void uvdk_eal_telemetry_remove_iommu(struct uvdk_iommu *iommu)
{
	remove_source(iommu);
}

UVDK_EXPORT int uvdk_eal_telemetry_add_pasids(const char *name, struct uvdk_pasid_space *space)
{
	struct tel_source source = {.space = space};

	snprintf(source.name, sizeof(source.name), "%s", name ? name : "");

	return add(&source);
}

UVDK_EXPORT void uvdk_eal_telemetry_remove_pasids(struct uvdk_pasid_space *space)
{
	remove_source(space);
}

static bool good_name(const char *name)
{
	size_t len = name ? strlen(name) : 0;

	if (!len || len >= sizeof(commands[0].name))
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && *name != '_')
			return false;

	return true;
}

static struct command *find_or_take(const char *name, const char *help)
{
	struct command *command = find(name);
	unsigned int i = 0;

	if (command)
		return command;
	while (i < MAX_COMMANDS && *commands[i].name)
		i++;
	if (i == MAX_COMMANDS)
		return NULL;
	command = &commands[i];
	snprintf(command->name, sizeof(command->name), "%s", name);
	snprintf(command->help, sizeof(command->help), "%s", help);

	return command;
}

static int add_command(const char *name, const char *help, uvdk_eal_telemetry_fn fn, void *priv)
{
	struct command *command = find_or_take(name, help);
	int ret;

	if (!command)
		return uvdk_fail(-ENOSPC, COMPONENT, "no room for the telemetry command %s", name);
	if (command->fn)
		return uvdk_fail(-EEXIST, COMPONENT, "somebody answers /uvdk/%s already", name);
	ret = live ? register_command(command) : 0;
	if (ret)
		return ret;
	command->fn = fn;
	command->priv = priv;

	return 0;
}

UVDK_EXPORT int uvdk_eal_telemetry_add(const char *name, const char *help, uvdk_eal_telemetry_fn fn,
				       void *priv)
{
	int ret;

	if (!good_name(name) || !help || strlen(help) >= sizeof(commands[0].help) || !fn)
		return uvdk_fail(
			-EINVAL, COMPONENT,
			"a telemetry command needs a name of letters, digits and '_', less "
			"than 32, a line of help, less than 64, and a function");
	pthread_mutex_lock(&lock);
	ret = add_command(name, help, fn, priv);
	pthread_mutex_unlock(&lock);

	return ret;
}

UVDK_EXPORT void uvdk_eal_telemetry_remove(const char *name)
{
	struct command *command;

	pthread_mutex_lock(&lock);
	command = good_name(name) ? find(name) : NULL;
	if (command)
		command->fn = NULL;
	pthread_mutex_unlock(&lock);
}
