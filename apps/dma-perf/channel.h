/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DMA_PERF_CHANNEL_H
#define DMA_PERF_CHANNEL_H

#include <uvdk_dma.h>
#include <uvdk_dmadev.h>
#include <uvdk_pasid_attach.h>

#include "config.h"
#include "options.h"

/*
 * Engines and channels of a scenario. They are opened for it and closed behind it: what one
 * scenario leaves can't make the next one faster or slower.
 */

/* A device with what is needed to reach it. */
struct engine {
	const char *spec;
	unsigned int channels;
	struct uvdk_iommu *iommu;
	struct uvdk_device *dev;
	struct uvdk_dmadev *dma;
	const struct uvdk_dmadev_info *info;
	struct uvdk_ioas *ioas; /* of all channels; NULL with PASIDs */
	struct uvdk_pasid_space *space;
	struct uvdk_pasid_owner *owner;
	bool emulated; /* the device needs one of our CPUs itself */
};

/* A channel with its memory. */
struct channel {
	struct engine *engine;
	struct uvdk_dmadev_chan *chan;
	struct uvdk_ioas *own; /* with a PASID */
	uint32_t pasid;
	struct uvdk_pasid_attachment attached;
	struct uvdk_dma_buf src;
	struct uvdk_dma_buf dst;
};

/*
 * @channels: that the engine is set up for; they share all of it. 0 or a negative errno, with the
 * sentence logged.
 */
int engine_open(const struct options *opts, const char *spec, unsigned int channels,
		struct engine *out);
void engine_close(struct engine *engine);

int channel_open(struct engine *engine, const struct config_case *c, const struct scenario *s,
		 struct channel *out);
void channel_close(struct channel *channel);

#endif /* DMA_PERF_CHANNEL_H */
