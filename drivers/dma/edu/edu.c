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

/* Begin the next copy, if nothing runs and one was submitted. */
static int start_next(struct edu *edu)
{
	int ret;

	if (edu->phase != PHASE_IDLE || edu->tail == edu->submitted || edu->broken)
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

/* The oldest submitted copy: 0 it runs on, 1 it ended with *status. */
static int complete_one(struct edu *edu, enum uvdk_dma_status *status)
{
	int ret;

	if (uvdk_device_gone(edu->dev))
		ret = -ENODEV;
	else if (edu->broken)
		ret = -EIO;
	else
		ret = edu->phase == PHASE_IDLE ? start_next(edu) : advance(edu);
	if (ret == 0)
		return 0;

	if (ret < 0 && ret != -ENODEV && !edu->broken)
		edu_recover(edu);
	edu->phase = PHASE_IDLE;
	edu->tail++;
	*status = ret > 0 ? UVDK_DMA_OK : ret == -ENODEV ? UVDK_DMA_GONE : UVDK_DMA_ERROR;

	return 1;
}

static unsigned int edu_completed(void *priv, enum uvdk_dma_status *status, unsigned int max,
				  uint16_t *last)
{
	struct edu *edu = priv;
	enum uvdk_dma_status one;
	unsigned int n = 0;

	while (n < max && edu->tail != edu->submitted && complete_one(edu, &one)) {
		if (status)
			status[n] = one;
		n++;
	}
	if (n && last)
		*last = (uint16_t)(edu->tail - 1);
	if (n)
		start_next(edu);

	return n;
}

static int edu_copy(void *priv, uvdk_iova_t dst, uvdk_iova_t src, size_t len)
{
	struct edu *edu = priv;

	if ((uint16_t)(edu->head - edu->tail) >= RING)
		return -ENOSPC;
	edu->ring[edu->head % RING] = (struct copy){.dst = dst, .src = src, .len = len};

	return edu->head++;
}

static int edu_submit(void *priv)
{
	struct edu *edu = priv;

	edu->submitted = edu->head;

	return start_next(edu) == -ENODEV ? -ENODEV : 0;
}

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

static int edu_open(struct uvdk_device *dev, struct uvdk_dmadev_info *info, void **priv)
{
	struct edu *edu = calloc(1, sizeof(*edu));
	int ret;

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
	info->max_copy = MAX_COPY;
	info->ring = RING;
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

extern const struct uvdk_dmadev_driver uvdk_dmadev_edu;

const struct uvdk_dmadev_driver uvdk_dmadev_edu = {
	.name = "edu",
	.match = edu_match,
	.open = edu_open,
	.close = edu_close,
	.copy = edu_copy,
	.submit = edu_submit,
	.completed = edu_completed,
};
