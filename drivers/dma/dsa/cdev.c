// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>

#include <uvdk_sva_cdev.h>

#include "dsa_pmd.h"

/*
 * A queue of the kernel's driver idxd: the kernel has set it up, and joins the process's address
 * space to it when its node is opened. All there is of it is one page to submit to. So this is
 * the channel of chan.c, with memory of the process, and another way of writing a descriptor.
 */

#define RETRIES	    64
#define PATIENCE_NS UINT64_C(10000000000)

struct dsa_cdev {
	struct dsa dsa; /* first */
	struct uvdk_sva_cdev *node;
	volatile void *portal;
	bool shared;
	unsigned int retries;
	char name[256];
};

/* To a shared queue it is the device that says whether there is room. */
bool dsa_pmd_cdev_write(struct dsa_chan *c, const uint64_t *desc)
{
	const struct dsa_cdev *cdev = (const struct dsa_cdev *)c->dsa;

	if (!cdev->shared) {
		dsa_pmd_movdir64b(c->portal, desc);
		return true;
	}
	for (unsigned int i = 0; i < cdev->retries; i++) {
		c->refused = !dsa_pmd_enqcmd(c->portal, desc);
		if (!c->refused)
			return true;
		uvdk_cpu_relax();
	}

	return false;
}

/* What was not taken stays where it is: polls give it again, as they do with what waits. */
static int cdev_submit(struct uvdk_dmadev_chan *chan)
{
	struct dsa_chan *c = dsa_chan(chan);
	int ret = dsa_pmd_submit(chan);

	return !ret && c->refused ? -ENOSPC : ret;
}

static const struct uvdk_dmadev_chan_ops cdev_ops = {
	.copy = dsa_pmd_copy,
	.fill = dsa_pmd_fill,
	.compare = dsa_pmd_compare,
	.crc = dsa_pmd_crc,
	.copy_sg = dsa_pmd_copy_sg,
	.submit = cdev_submit,
	.completed = dsa_pmd_completed,
	.completed_status = dsa_pmd_completed_status,
	.capacity = dsa_pmd_capacity,
};

/* ---- channels ---- */

static int check(const struct dsa_cdev *cdev, const struct uvdk_dmadev_chan_opts *opts)
{
	if (opts->ioas || opts->sva)
		return uvdk_fail(-EINVAL, LOG_NAME,
				 "%s: its addresses are the process's own: leave ioas and sva out",
				 cdev->name);
	if (opts->flags & UVDK_DMADEV_CHAN_SHARED && !cdev->shared)
		return uvdk_fail(-EOPNOTSUPP, LOG_NAME, "%s is a dedicated queue", cdev->name);
	if (!cdev->node)
		return uvdk_fail(-EPROTO, LOG_NAME,
				 "%s has stopped to answer: close it and open it again",
				 cdev->name);

	return 0;
}

static int cdev_chan_open(void *priv, const struct uvdk_dmadev_chan_opts *opts,
			  struct uvdk_dmadev_chan **out)
{
	struct dsa_cdev *cdev = priv;
	struct dsa_chan *c;
	int ret = check(cdev, opts);

	if (!ret)
		ret = dsa_pmd_chan_new(&cdev->dsa, opts, &c);
	if (ret)
		return ret;
	c->chan.ops = &cdev_ops;
	c->portal = cdev->portal;
	*out = &c->chan;

	return 0;
}

static bool has_ended(const struct dsa_chan *c, uint32_t number)
{
	const struct dsa_unit *unit = &c->units[number & c->mask];
	const struct dsa_rec *rec = &c->batch[number & c->mask];

	if (number == c->retired && c->busy)
		rec = &c->rec[c->walk & c->mask];
	else if (unit->flags & UNIT_WALK)
		return true;
	else if (unit->count == 1)
		rec = &c->rec[unit->first & c->mask];

	return __atomic_load_n(&rec->status, __ATOMIC_ACQUIRE);
}

/* Closing is the last that can be done: the kernel then waits until the queue has drained. */
static void wait_for_end(struct dsa_cdev *cdev, const struct dsa_chan *c)
{
	uint64_t deadline = dsa_pmd_now_ns() + PATIENCE_NS;

	for (uint32_t i = c->retired; i != c->posted; i++)
		while (!has_ended(c, i)) {
			if (dsa_pmd_now_ns() < deadline) {
				uvdk_cpu_relax();
				continue;
			}
			uvdk_log(UVDK_LOG_WARN, LOG_NAME,
				 "%s: %u descriptors do not end: the queue is closed", cdev->name,
				 c->posted - i);
			uvdk_sva_cdev_close(cdev->node);
			cdev->node = NULL;
			return;
		}
}

static void cdev_chan_close(void *priv, struct uvdk_dmadev_chan *chan)
{
	struct dsa_chan *c = dsa_chan(chan);

	wait_for_end(priv, c);
	dsa_pmd_chan_free(c);
}

/* ---- the engine ---- */

static void cdev_close(void *priv)
{
	struct dsa_cdev *cdev = priv;

	uvdk_sva_cdev_close(cdev->node);
	pthread_mutex_destroy(&cdev->dsa.lock);
	pthread_mutex_destroy(&cdev->dsa.swerr);
	free(cdev);
}

static const struct uvdk_dmadev_driver driver = {
	.name = "dsa",
	.close = cdev_close,
	.chan_open = cdev_chan_open,
	.chan_close = cdev_chan_close,
	.chan_stats = dsa_pmd_chan_stats,
	.chan_see = dsa_pmd_chan_see,
};

static int check_cpu(const struct dsa_cdev *cdev)
{
	if (cdev->shared ? dsa_pmd_has_enqcmd() : dsa_pmd_has_movdir64b())
		return 0;

	return uvdk_fail(
		-EOPNOTSUPP, LOG_NAME,
		"%s is a %s queue and takes descriptors by %s, which this CPU does not have",
		cdev->name, cdev->shared ? "shared" : "dedicated",
		cdev->shared ? "ENQCMD" : "MOVDIR64B");
}

static int open_node(struct dsa_cdev *cdev, const char *path, const char *sysfs_root)
{
	const struct uvdk_sva_cdev_info *info;
	int ret = uvdk_sva_cdev_open(path, sysfs_root, &cdev->node);

	if (ret)
		return ret;
	info = uvdk_sva_cdev_get_info(cdev->node);
	if (info->kind != UVDK_SVA_CDEV_IDXD)
		return uvdk_fail(-EINVAL, LOG_NAME, "%s is no queue of idxd", path);
	cdev->shared = info->shared;
	cdev->portal = info->portal.at;
	ret = dsa_pmd_cdev_caps(&cdev->dsa, info->sysfs);

	return ret ? ret : check_cpu(cdev);
}

UVDK_EXPORT int uvdk_dsa_open_cdev(const char *path, const struct uvdk_dsa_cdev_opts *opts,
				   struct uvdk_dmadev **out)
{
	struct uvdk_dsa_cdev_opts all = {.size = sizeof(all)};
	struct uvdk_dmadev_info info = {0};
	struct dsa_cdev *cdev;
	int ret = uvdk_opts_copy(&all, sizeof(all), opts, "uvdk_dsa_cdev_opts");

	if (ret)
		return ret;
	cdev = calloc(1, sizeof(*cdev));
	if (!cdev)
		return uvdk_fail(-ENOMEM, LOG_NAME, "no memory for a queue");
	snprintf(cdev->name, sizeof(cdev->name), "%s", path ? path : "");
	cdev->dsa.name = cdev->name;
	cdev->dsa.channels = 1;
	cdev->retries = all.retries ? all.retries : RETRIES;
	pthread_mutex_init(&cdev->dsa.lock, NULL);
	pthread_mutex_init(&cdev->dsa.swerr, NULL);
	ret = open_node(cdev, path, all.sysfs_root);
	if (ret)
		goto err;
	dsa_pmd_tell(&cdev->dsa, &info);
	if (cdev->shared)
		info.features |= UVDK_DMADEV_SHARED;
	ret = uvdk_dmadev_create(&driver, cdev->name, &info, cdev, out);
	if (!ret)
		return 0;

err:
	cdev_close(cdev);
	return ret;
}
