// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "edu_priv.h"

/*
 * The educational device as a copy engine. It moves at most 4 KiB at a time
 * between memory and a buffer of its own, so a copy is a sequence of
 * transfers: memory -> buffer, buffer -> memory, next chunk. One transfer is
 * under way at a time; polling for completions moves the sequence on.
 *
 * The device does not tell that the IOMMU refused an access: such a copy
 * completes, and its destination is whatever it was. It also cuts addresses
 * off above its mask without a word, and the mask can't be read; so only the
 * 28 bits that it has by default are used. Give the address space an iova_last
 * of 0x0fffffff.
 */

#define MAX_COPY (1u << 20)

static struct copy *running(struct edu *edu)
{
	return &edu->ring[edu->tail % RING];
}

static int start_in(struct edu *edu)
{
	const struct copy *copy = running(edu);
	size_t left = copy->len - edu->done;

	edu->chunk = left < EDU_BUFFER_SIZE ? left : EDU_BUFFER_SIZE;
	edu->phase = PHASE_IN;

	return edu_transfer_start(edu, copy->src + edu->done, EDU_BUFFER, 0);
}

static int start_out(struct edu *edu)
{
	edu->phase = PHASE_OUT;

	return edu_transfer_start(edu, EDU_BUFFER, running(edu)->dst + edu->done, EDU_CMD_TO_RAM);
}

/* The next to run: is it fenced by one that failed? */
static bool is_cancelled(struct edu *edu)
{
	if (!edu->failed || edu->phase != PHASE_IDLE)
		return false;
	if ((int16_t)(edu->tail - edu->cancel_end) >= 0)
		edu->failed = edu->cancel = false;
	else if (running(edu)->fence)
		edu->cancel = true;

	return edu->cancel;
}

/* Begin the next copy, if nothing runs and one was submitted. */
static int start_next(struct edu *edu)
{
	int ret;

	if (edu->phase != PHASE_IDLE || edu->tail == edu->submitted || edu->broken || edu->ended ||
	    is_cancelled(edu))
		return 0;
	edu->done = 0;
	ret = start_in(edu);
	if (ret)
		edu->phase = PHASE_IDLE; /* to be found again by the next poll */

	return ret;
}

/* Move the running copy on: 0 it still runs, 1 it is complete, or an errno. */
static int advance(struct edu *edu)
{
	int ret = edu_transfer_poll(edu);

	if (ret <= 0)
		return ret;
	if (edu->phase == PHASE_IN)
		return start_out(edu);
	edu->done += edu->chunk;
	if (edu->done < running(edu)->len)
		return start_in(edu);

	return 1;
}

/* A copy that failed breaks the chain of fences, for all that is enqueued by now. */
static void note_failure(struct edu *edu)
{
	edu->failed = true;
	edu->cancel_end = edu->head;
}

static enum uvdk_dmadev_status status_of(int ret)
{
	if (ret > 0)
		return UVDK_DMADEV_OK;

	return ret == -ENODEV ? UVDK_DMADEV_GONE : UVDK_DMADEV_ERROR;
}

static void submit_all(struct edu *edu)
{
	edu->stats.submitted += (uint16_t)(edu->head - edu->submitted);
	edu->submitted = edu->head;
}

/* The oldest submitted copy: has it ended? Then @next says how. */
static bool oldest_ended(struct edu *edu)
{
	int ret;

	if (uvdk_device_gone(edu->dev))
		submit_all(edu); /* it ends, too: nobody can submit it any more */
	if (edu->tail == edu->submitted || edu->ended)
		return edu->ended;
	edu->next = (struct uvdk_dmadev_result){.index = edu->tail};
	if (is_cancelled(edu)) {
		edu->next.status = UVDK_DMADEV_NOT_RUN;
		return edu->ended = true;
	}
	if (uvdk_device_gone(edu->dev))
		ret = -ENODEV;
	else if (edu->broken)
		ret = -EIO;
	else
		ret = edu->phase == PHASE_IDLE ? start_next(edu) : advance(edu);
	if (ret == 0)
		return false;
	if (ret < 0 && ret != -ENODEV && !edu->broken)
		edu_recover(edu);
	edu->phase = PHASE_IDLE;
	edu->next.status = (uint8_t)status_of(ret);
	edu->next.done = ret > 0 ? running(edu)->len : 0;

	return edu->ended = true;
}

/* Tell the oldest, which has ended. */
static void take(struct edu *edu, struct uvdk_dmadev_result *out)
{
	if (out)
		*out = edu->next;
	edu->stats.completed++;
	edu->stats.bytes += edu->next.done;
	if (edu->next.status != UVDK_DMADEV_OK)
		edu->stats.failed++;
	if (edu->next.status != UVDK_DMADEV_OK && edu->next.status != UVDK_DMADEV_NOT_RUN)
		note_failure(edu);
	edu->ended = false;
	edu->tail++;
}

static unsigned int edu_completed_status(struct uvdk_dmadev_chan *chan,
					 struct uvdk_dmadev_result *results, unsigned int max)
{
	struct edu *edu = (struct edu *)chan;
	unsigned int n = 0;

	while (n < max && oldest_ended(edu))
		take(edu, &results[n++]);
	if (n)
		start_next(edu);

	return n;
}

static unsigned int edu_completed(struct uvdk_dmadev_chan *chan, unsigned int max, uint16_t *last,
				  bool *error)
{
	struct edu *edu = (struct edu *)chan;
	unsigned int n = 0;

	while (n < max && oldest_ended(edu) && edu->next.status == UVDK_DMADEV_OK) {
		take(edu, NULL);
		n++;
	}
	if (n)
		start_next(edu);
	if (last)
		*last = (uint16_t)(edu->tail - 1);
	if (error)
		*error = edu->ended && edu->next.status != UVDK_DMADEV_OK;

	return n;
}

static int edu_submit(struct uvdk_dmadev_chan *chan)
{
	struct edu *edu = (struct edu *)chan;

	submit_all(edu);
	if (uvdk_device_gone(edu->dev))
		return -ENODEV;

	return start_next(edu) == -ENODEV ? -ENODEV : 0;
}

static int edu_copy(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uvdk_iova_t src, size_t len,
		    unsigned int flags)
{
	struct edu *edu = (struct edu *)chan;
	int index = edu->head;

	if (len == 0 || len > MAX_COPY || !uvdk_dmadev_below(EDU_ADDRESS_MASK, dst, len) ||
	    !uvdk_dmadev_below(EDU_ADDRESS_MASK, src, len))
		return -EINVAL;
	if (uvdk_device_gone(edu->dev))
		return -ENODEV;
	if ((uint16_t)(edu->head - edu->tail) >= edu->ring_size)
		return -ENOSPC;
	edu->ring[edu->head % RING] = (struct copy){
		.dst = dst, .src = src, .len = len, .fence = flags & UVDK_DMADEV_FENCE};
	edu->head++;
	edu->stats.enqueued++;
	if (flags & UVDK_DMADEV_SUBMIT)
		edu_submit(chan);

	return index;
}

static unsigned int edu_capacity(struct uvdk_dmadev_chan *chan)
{
	struct edu *edu = (struct edu *)chan;

	return edu->ring_size - (uint16_t)(edu->head - edu->tail);
}

static const struct uvdk_dmadev_chan_ops edu_chan_ops = {
	.copy = edu_copy,
	.fill = uvdk_dmadev_no_fill,
	.compare = uvdk_dmadev_no_compare,
	.crc = uvdk_dmadev_no_crc,
	.copy_sg = uvdk_dmadev_no_copy_sg,
	.submit = edu_submit,
	.completed = edu_completed,
	.completed_status = edu_completed_status,
	.capacity = edu_capacity,
};

static bool edu_match(const struct uvdk_device_info *info)
{
	return info->vendor == EDU_VENDOR && info->device == EDU_DEVICE;
}

static int edu_start(struct edu *edu)
{
	int ret = uvdk_device_region(edu->dev, EDU_BAR, &edu->bar);

	if (ret == -ENOENT || (!ret && edu->bar.size < EDU_BAR_SIZE))
		return uvdk_fail(-EPROTO, LOG_NAME, "%s: BAR 0 is not 1 MiB", edu->name);
	if (ret)
		return ret;
	ret = uvdk_device_set_command(edu->dev, UVDK_PCI_COMMAND_MEMORY, UVDK_PCI_COMMAND_MASTER);
	if (!ret)
		ret = edu_check_identity(edu);
	if (!ret)
		ret = edu_wait_idle(edu);
	if (!ret)
		ret = uvdk_device_set_command(edu->dev, UVDK_PCI_COMMAND_MASTER, 0);

	return ret;
}

static int edu_open(struct uvdk_device *dev, const struct uvdk_dmadev_opts *opts,
		    struct uvdk_dmadev_info *info, void **priv)
{
	struct edu *edu;
	int ret;

	if (opts->channels > 1)
		return uvdk_fail(-EINVAL, LOG_NAME, "%s has 1 channel, and %u are asked for",
				 uvdk_device_get_info(dev)->name, opts->channels);
	edu = calloc(1, sizeof(*edu));
	if (!edu)
		return uvdk_fail(-ENOMEM, LOG_NAME, "no memory for %s",
				 uvdk_device_get_info(dev)->name);
	edu->dev = dev;
	edu->name = uvdk_device_get_info(dev)->name;
	ret = edu_start(edu);
	if (ret) {
		free(edu);
		return ret;
	}
	info->ops = UVDK_DMADEV_OP_COPY;
	info->max_channels = 1;
	info->ring_max = RING;
	info->max_len = MAX_COPY;
	info->max_batch = 1;
	info->address_mask = EDU_ADDRESS_MASK;
	*priv = edu;

	return 0;
}

/* Without bus master it reaches no memory, whatever it is doing. */
static void edu_close(void *priv)
{
	struct edu *edu = priv;

	if (!uvdk_device_gone(edu->dev))
		uvdk_device_set_command(edu->dev, 0, UVDK_PCI_COMMAND_MASTER);
	free(edu);
}

/* What runs must not write to memory that the caller has back. */
static void edu_chan_close(void *priv, struct uvdk_dmadev_chan *chan)
{
	struct edu *edu = (struct edu *)chan;

	(void)priv;
	edu->stale = edu->phase != PHASE_IDLE;
	if (edu->stale && !uvdk_device_gone(edu->dev))
		uvdk_device_set_command(edu->dev, 0, UVDK_PCI_COMMAND_MASTER);
	edu->phase = PHASE_IDLE;
	edu->head = edu->submitted = edu->tail = 0;
	edu->failed = edu->cancel = edu->ended = false;
	edu->stats = (struct uvdk_dmadev_stats){0};
}

/* Whatever the channel before left running ends, without reaching memory. */
static int end_stale(struct edu *edu)
{
	int ret;

	if (!edu->stale)
		return 0;
	ret = edu_wait_idle(edu);
	if (!ret)
		ret = uvdk_device_set_command(edu->dev, UVDK_PCI_COMMAND_MASTER, 0);
	edu->stale = ret != 0;

	return ret;
}

static int edu_chan_open(void *priv, const struct uvdk_dmadev_chan_opts *opts,
			 struct uvdk_dmadev_chan **out)
{
	struct edu *edu = priv;
	int ret;

	if (opts->sva)
		return uvdk_fail(-EOPNOTSUPP, LOG_NAME,
				 "%s: its 28 bits of address reach no pointers", edu->name);
	if (opts->flags & UVDK_DMADEV_CHAN_SHARED)
		return uvdk_fail(-EOPNOTSUPP, LOG_NAME, "%s has no shared queue", edu->name);
	ret = end_stale(edu);
	if (ret)
		return ret;
	edu->chan.ops = &edu_chan_ops;
	edu->ring_size = opts->ring ? opts->ring : RING;
	*out = &edu->chan;

	return 0;
}

static void edu_chan_stats(const struct uvdk_dmadev_chan *chan, struct uvdk_dmadev_stats *out)
{
	*out = ((const struct edu *)chan)->stats;
}

/* What the channel's thread counts without a lock: each number is one word. */
static __attribute__((no_sanitize("thread"))) void edu_chan_see(const struct uvdk_dmadev_chan *chan,
								struct uvdk_dmadev_chan_seen *out)
{
	const volatile struct edu *edu = (const volatile struct edu *)chan;
	uint16_t head = edu->head;
	unsigned int used = (uint16_t)(head - edu->tail);

	*out = (struct uvdk_dmadev_chan_seen){.ring = edu->ring_size};
	out->free = used < out->ring ? out->ring - used : 0;
	out->stats.enqueued = edu->stats.enqueued;
	out->stats.submitted = edu->stats.submitted;
	out->stats.completed = edu->stats.completed;
	out->stats.failed = edu->stats.failed;
	out->stats.resumed = edu->stats.resumed;
	out->stats.doorbells = edu->stats.doorbells;
	out->stats.bytes = edu->stats.bytes;
}

extern const struct uvdk_dmadev_driver uvdk_dmadev_edu;

const struct uvdk_dmadev_driver uvdk_dmadev_edu = {
	.name = "edu",
	.match = edu_match,
	.open = edu_open,
	.close = edu_close,
	.chan_open = edu_chan_open,
	.chan_close = edu_chan_close,
	.chan_stats = edu_chan_stats,
	.chan_see = edu_chan_see,
};
