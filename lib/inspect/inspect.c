// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inspect_priv.h"

UVDK_EXPORT int uvdk_inspect_create(const struct uvdk_inspect_opts *opts, struct uvdk_inspect **out)
{
	struct uvdk_inspect_opts o = {.size = sizeof(o)};
	struct uvdk_inspect *inspect;
	int err = uvdk_opts_copy(&o, sizeof(o), opts, "uvdk_inspect_opts");

	if (err)
		return err;
	inspect = calloc(1, sizeof(*inspect));
	if (!inspect)
		return uvdk_fail(-ENOMEM, INSPECT_COMPONENT, "no memory to be looked into");
	inspect->pid = getpid();
	inspect->listen_fd = -1;
	inspect->stop_fd = -1;
	TAILQ_INIT(&inspect->sources);
	pthread_mutex_init(&inspect->lock, NULL);
	if (!o.path || *o.path) {
		err = inspect_listen(inspect, o.path);
		if (err)
			goto free;
		err = inspect_serve(inspect);
		if (err)
			goto unlisten;
	}
	*out = inspect;

	return 0;
unlisten:
	inspect_unlisten(inspect);
free:
	pthread_mutex_destroy(&inspect->lock);
	free(inspect);
	return err;
}

static void free_source(struct inspect_source *source)
{
	free(source->name);
	free(source);
}

UVDK_EXPORT void uvdk_inspect_destroy(struct uvdk_inspect *inspect)
{
	struct inspect_source *source;

	if (!inspect)
		return;

	inspect_stop(inspect);
	inspect_unlisten(inspect);
	while ((source = TAILQ_FIRST(&inspect->sources))) {
		TAILQ_REMOVE(&inspect->sources, source, entry);
		free_source(source);
	}
	if (inspect->pid == getpid())
		pthread_mutex_destroy(&inspect->lock);
	free(inspect);
}

/* In a child the lock may be held, for ever, by a thread that did not come along. */
static bool ours(const struct uvdk_inspect *inspect)
{
	return inspect->pid == getpid();
}

static struct inspect_source *find(struct uvdk_inspect *inspect, const void *what)
{
	struct inspect_source *source;

	TAILQ_FOREACH(source, &inspect->sources, entry)
	if (source->iommu == what || source->space == what)
		return source;

	return NULL;
}

static int add(struct uvdk_inspect *inspect, const struct inspect_source *as)
{
	const void *what = as->iommu ? (const void *)as->iommu : as->space;
	struct inspect_source *source;
	int err = 0;

	if (!inspect || !what)
		return uvdk_fail(-EINVAL, INSPECT_COMPONENT,
				 "to be shown, something needs a server: has creating one of them "
				 "failed?");
	if (!ours(inspect))
		return uvdk_fail(-EPERM, INSPECT_COMPONENT,
				 "this server is the parent process's: create one here");
	source = malloc(sizeof(*source));
	if (!source)
		return uvdk_fail(-ENOMEM, INSPECT_COMPONENT, "no memory to show more");
	*source = *as;
	source->name = strdup(as->name);
	if (!source->name) {
		free(source);
		return uvdk_fail(-ENOMEM, INSPECT_COMPONENT, "no memory to show more");
	}

	pthread_mutex_lock(&inspect->lock);
	if (find(inspect, what)) {
		err = -EEXIST;
	} else {
		source->id = ++inspect->last_id;
		TAILQ_INSERT_TAIL(&inspect->sources, source, entry);
	}
	pthread_mutex_unlock(&inspect->lock);
	if (!err)
		return 0;
	free_source(source);

	return uvdk_fail(err, INSPECT_COMPONENT, "this %s is shown already",
			 as->iommu ? "iommu" : "PASID space");
}

static void remove_from(struct uvdk_inspect *inspect, const void *what)
{
	struct inspect_source *source;

	if (!inspect || !what || !ours(inspect))
		return;
	pthread_mutex_lock(&inspect->lock);
	source = find(inspect, what);
	if (source)
		TAILQ_REMOVE(&inspect->sources, source, entry);
	pthread_mutex_unlock(&inspect->lock);
	if (source)
		free_source(source);
}

UVDK_EXPORT int uvdk_inspect_add_iommu(struct uvdk_inspect *inspect, struct uvdk_iommu *iommu)
{
	struct inspect_source source = {.iommu = iommu};
	char none[] = "";

	source.name = none;

	return add(inspect, &source);
}

UVDK_EXPORT void uvdk_inspect_remove_iommu(struct uvdk_inspect *inspect, struct uvdk_iommu *iommu)
{
	remove_from(inspect, iommu);
}

UVDK_EXPORT int uvdk_inspect_add_pasids(struct uvdk_inspect *inspect, const char *name,
					struct uvdk_pasid_space *space)
{
	struct inspect_source source = {.space = space};
	char text[sizeof(((struct inspect_place *)0)->name)];

	snprintf(text, sizeof(text), "%s", name ? name : "");
	source.name = text;

	return add(inspect, &source);
}

UVDK_EXPORT void uvdk_inspect_remove_pasids(struct uvdk_inspect *inspect,
					    struct uvdk_pasid_space *space)
{
	remove_from(inspect, space);
}

UVDK_EXPORT const char *uvdk_inspect_path(const struct uvdk_inspect *inspect)
{
	return inspect->path;
}

UVDK_EXPORT int uvdk_inspect_write(struct uvdk_inspect *inspect, const char *what, FILE *to)
{
	bool known;

	if (!inspect || !what || !to)
		return uvdk_fail(-EINVAL, INSPECT_COMPONENT,
				 "showing something needs a server, a word and a stream");
	if (!ours(inspect))
		return uvdk_fail(-EPERM, INSPECT_COMPONENT,
				 "this server is the parent process's: create one here");
	uvdk_log_hush(true); /* what is not to be had is in the answer */
	errno = 0;
	known = inspect_answer(inspect, what, to);
	uvdk_log_hush(false);
	if (!known)
		return uvdk_fail(-EINVAL, INSPECT_COMPONENT, "there is no \"%s\"; ask for %s", what,
				 inspect_known);
	if (!fflush(to) && !ferror(to))
		return 0;

	return uvdk_fail(errno ? -errno : -EIO, INSPECT_COMPONENT, "\"%s\" can't be written: %s",
			 what, strerror(errno ? errno : EIO));
}

bool inspect_next(struct uvdk_inspect *inspect, bool iommu, struct inspect_place *place)
{
	struct inspect_source *source;

	pthread_mutex_lock(&inspect->lock);
	TAILQ_FOREACH(source, &inspect->sources, entry)
	if (source->id > place->id && iommu == !!source->iommu)
		break;
	if (source) {
		place->id = source->id;
		snprintf(place->name, sizeof(place->name), "%s",
			 iommu ? uvdk_iommu_name(source->iommu) : source->name);
	}
	pthread_mutex_unlock(&inspect->lock);

	return source;
}

struct inspect_source *inspect_hold(struct uvdk_inspect *inspect, uint64_t id)
{
	struct inspect_source *source;

	pthread_mutex_lock(&inspect->lock);
	TAILQ_FOREACH(source, &inspect->sources, entry)
	if (source->id == id)
		return source;
	pthread_mutex_unlock(&inspect->lock);

	return NULL;
}

void inspect_let(struct uvdk_inspect *inspect)
{
	pthread_mutex_unlock(&inspect->lock);
}
