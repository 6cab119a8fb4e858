// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "decode.h"

/* A kernel that takes batches, in the two formats there are, with and without a thread. */

static const uint32_t sids[WORLD_SIDS] = {0x11, 0x22};

struct vtd_entry {
	uint64_t addr, npages;
	uint32_t flags, reserved;
};

static enum decoded decode_vtd(const struct vtd_entry *e, struct seen *out)
{
	bool all = !e->addr && e->npages == UINT64_MAX;

	*out = (struct seen){.scope = all ? UVDK_INVAL_PASID : UVDK_INVAL_RANGE,
			     .first = e->addr,
			     .last = all ? UINT64_MAX : e->addr + e->npages * WORLD_PAGE - 1,
			     .leaf = e->flags & 1};
	if (e->addr % WORLD_PAGE || e->flags & ~1u || e->reserved || !e->npages)
		return DECODED_NONE;

	return DECODED_INVAL;
}

static enum decoded decode(const void *entry, unsigned int len, struct seen *out)
{
	return len == 16 ? decode_smmu(entry, false, out) : decode_vtd(entry, out);
}

static bool is_refused(const struct world *w, const void *entry, unsigned int len)
{
	struct seen seen;

	return decode(entry, len, &seen) == DECODED_NONE ||
	       (seen.target == UVDK_INVAL_IOTLB && seen.first == w->refuse);
}

/* How many from here on are checked before any is carried out: VT-d one, SMMUv3 63. */
static unsigned int chunk(const struct world *w, const uint8_t *entry, unsigned int len,
			  unsigned int left, bool *refused)
{
	unsigned int most = len == 16 ? 63 : 1;
	unsigned int n = 0;

	*refused = false;
	while (n < most && n < left && !*refused)
		*refused = is_refused(w, entry + n++ * len, len);

	return n;
}

static int work(struct world *w, const uint8_t *entry, unsigned int len, unsigned int left,
		unsigned int *done)
{
	bool refused;

	while (left) {
		unsigned int n = chunk(w, entry, len, left, &refused);

		if (refused)
			return -EIO;
		for (unsigned int i = 0; i < n; i++, left--, entry += len, ++*done) {
			struct seen seen;

			if (!world_allowed(w))
				return -EINTR;
			decode(entry, len, &seen);
			world_see(w, &seen);
		}
	}

	return 0;
}

/* A call ends with a barrier; a signal may end it early, a page fault in between too. */
int kernel_submit(void *priv, const void *entries, unsigned int len, unsigned int *count)
{
	const struct seen fence = {.target = UVDK_INVAL_FENCE};
	struct world *w = priv;
	unsigned int done = 0;
	int err;

	pthread_mutex_lock(&w->lock);
	__atomic_add_fetch(&w->calls, 1, __ATOMIC_RELAXED);
	err = w->removed ? -ENODEV : work(w, entries, len, *count, &done);
	world_see(w, &fence);
	pthread_mutex_unlock(&w->lock);
	*count = done;

	return err == -EINTR && done ? 0 : err;
}

static int open_kernel(struct world *w, const struct uvdk_invalq_opts *opts,
		       enum uvdk_inval_format format, bool thread)
{
	const struct uvdk_inval_submit how = {
		.submit = kernel_submit,
		.priv = w,
		.format = format,
		.smmu = {.sids = sids, .sid_count = WORLD_SIDS, .range = true},
		.batch = 700,
		.thread = thread,
	};

	w->pasid = 7;
	w->asid = format == UVDK_INVAL_FORMAT_SMMUV3 ? 9 : 0;

	return uvdk_invalq_create_submit(&how, opts, &w->q);
}

static int open_vtd(struct world *w, const struct uvdk_invalq_opts *opts)
{
	return open_kernel(w, opts, UVDK_INVAL_FORMAT_VTD, false);
}

static int open_smmu(struct world *w, const struct uvdk_invalq_opts *opts)
{
	return open_kernel(w, opts, UVDK_INVAL_FORMAT_SMMUV3, false);
}

static int open_thread(struct world *w, const struct uvdk_invalq_opts *opts)
{
	return open_kernel(w, opts, UVDK_INVAL_FORMAT_SMMUV3, true);
}

static void close_kernel(struct world *w)
{
	(void)w;
}

const struct backend backend_ioctl_vtd = {
	.name = "ioctl, VT-d",
	.caps = "ioctl",
	.open = open_vtd,
	.close = close_kernel,
};

const struct backend backend_ioctl_smmu = {
	.name = "ioctl, SMMUv3",
	.asid_max = UINT16_MAX,
	.caps = "ioctl",
	.devtlb = true,
	.open = open_smmu,
	.close = close_kernel,
};

const struct backend backend_thread = {
	.name = "thread, SMMUv3",
	.caps = "thread",
	.asid_max = UINT16_MAX,
	.devtlb = true,
	.open = open_thread,
	.close = close_kernel,
};
