// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "iommu_priv.h"

#define MAX_REGISTERED 16

/* The one thing that is global: drivers only ever join. */
static struct {
	pthread_mutex_t lock;
	unsigned int count;
	const struct uvdk_iommu_ops *ops[MAX_REGISTERED];
} registered = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Registered ones first, then built-in ones; NULL at the end. */
static const struct uvdk_iommu_ops *driver_locked(unsigned int i)
{
	if (i < registered.count)
		return registered.ops[i];

	i -= registered.count;
	for (unsigned int b = 0; uvdk_builtin_iommus[b]; b++)
		if (b == i)
			return uvdk_builtin_iommus[b];

	return NULL;
}

static const struct uvdk_iommu_ops *driver_at(unsigned int i)
{
	const struct uvdk_iommu_ops *ops;

	pthread_mutex_lock(&registered.lock);
	ops = driver_locked(i);
	pthread_mutex_unlock(&registered.lock);

	return ops;
}

const struct uvdk_iommu_ops *ioas_driver_find(const char *name)
{
	const struct uvdk_iommu_ops *ops;

	for (unsigned int i = 0; (ops = driver_at(i)); i++)
		if (strcmp(ops->name, name) == 0)
			return ops;

	return NULL;
}

/* "iommufd, type1" into @text; returns @text. */
const char *ioas_driver_names(char *text, size_t size)
{
	const struct uvdk_iommu_ops *ops;
	size_t used = 0;

	snprintf(text, size, "none");
	for (unsigned int i = 0; used < size && (ops = driver_at(i)); i++) {
		int n = snprintf(text + used, size - used, "%s%s", i ? ", " : "", ops->name);

		used += n > 0 ? (size_t)n : 0;
	}

	return text;
}

UVDK_EXPORT int uvdk_iommu_register(const struct uvdk_iommu_ops *ops)
{
	const struct uvdk_iommu_ops *other;
	int err = 0;

	pthread_mutex_lock(&registered.lock);
	for (unsigned int i = 0; !err && (other = driver_locked(i)); i++)
		if (strcmp(other->name, ops->name) == 0)
			err = -EEXIST;
	if (!err && registered.count == MAX_REGISTERED)
		err = -ENOSPC;
	if (!err)
		registered.ops[registered.count++] = ops;
	pthread_mutex_unlock(&registered.lock);

	if (err == -EEXIST)
		uvdk_fail(err, IOAS_COMPONENT, "an iommu driver \"%s\" exists already", ops->name);
	else if (err)
		uvdk_fail(err, IOAS_COMPONENT, "no room for \"%s\": %d iommu drivers at most",
			  ops->name, MAX_REGISTERED);

	return err;
}

static bool is_noiommu(const struct uvdk_iommu_opts *o, int group)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/vfio/noiommu-%d", o->dev_root, group);

	return !access(path, F_OK);
}

static const char *why_none(const struct uvdk_iommu_opts *o, int group)
{
	if (group < 0)
		return "it is in no IOMMU group; is an IOMMU on in the firmware and on the "
		       "kernel's "
		       "command line?";
	if (is_noiommu(o, group))
		return "the kernel has no I/O MMU in front of it, and no virtio-iommu that could "
		       "be "
		       "driven (uvdk-iommuctl topology shows them; uvdk_iommu_open(\"virtio\") "
		       "says "
		       "what is missing)";

	return "neither /dev/iommu with /dev/vfio/devices nor /dev/vfio/GROUP is there";
}

/* What a user can do about it, the nearest cause first. */
static void explain_no_choice(const char *spec, const struct uvdk_iommu_opts *o)
{
	struct uvdk_pci_function fn;
	struct uvdk_pci_addr addr;
	char names[256];

	if (uvdk_pci_addr_parse(spec, &addr)) {
		uvdk_fail(-EINVAL, IOAS_COMPONENT,
			  "\"%s\" is neither a PCI address (0000:00:03.0) nor an emulated device "
			  "(emu:MODEL)",
			  spec);
		return;
	}
	if (uvdk_pci_identify(o->sysfs_root, &addr, &fn))
		return; /* which has said why */
	if (strncmp(fn.driver, "vfio", 4) != 0) {
		uvdk_fail(-EBUSY, IOAS_COMPONENT,
			  "%s is %s%s, it must be bound to vfio-pci: uvdk-devbind -b vfio-pci %s",
			  spec, fn.driver[0] ? "bound to " : "bound to no driver", fn.driver, spec);
		return;
	}
	uvdk_fail(-ENODEV, IOAS_COMPONENT,
		  "%s is bound to %s, but none of the ways to map DMA (%s) serves it: %s. noiommu "
		  "is never chosen, only by name",
		  spec, fn.driver, ioas_driver_names(names, sizeof(names)),
		  why_none(o, fn.iommu_group));
}

UVDK_EXPORT const char *uvdk_iommu_choose(const char *spec, const struct uvdk_iommu_opts *opts)
{
	const struct uvdk_iommu_ops *best = NULL;
	const struct uvdk_iommu_ops *ops;
	struct uvdk_iommu_opts o;
	int best_score = 0;

	if (!spec) {
		uvdk_fail(-EINVAL, IOAS_COMPONENT, "choosing an iommu needs the device's spec");
		return NULL;
	}
	if (ioas_iommu_opts(&o, opts))
		return NULL;

	for (unsigned int i = 0; (ops = driver_at(i)); i++) {
		int score = ops->suits(spec, &o);

		if (score > best_score) {
			best_score = score;
			best = ops;
		}
	}
	if (best) {
		uvdk_log(UVDK_LOG_INFO, IOAS_COMPONENT, "%s: DMA through %s", spec, best->name);
		return best->name;
	}
	explain_no_choice(spec, &o);

	return NULL;
}
