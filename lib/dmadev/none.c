// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include <uvdk_dmadev_driver.h>

/* What an engine can't do. No sentences: these stand on a data path. */

UVDK_EXPORT int uvdk_dmadev_no_fill(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst,
				    uint64_t pattern, size_t len, unsigned int flags)
{
	(void)chan;
	(void)dst;
	(void)pattern;
	(void)len;
	(void)flags;

	return -EOPNOTSUPP;
}

UVDK_EXPORT int uvdk_dmadev_no_compare(struct uvdk_dmadev_chan *chan, uvdk_iova_t a, uvdk_iova_t b,
				       size_t len, unsigned int flags)
{
	(void)chan;
	(void)a;
	(void)b;
	(void)len;
	(void)flags;

	return -EOPNOTSUPP;
}

UVDK_EXPORT int uvdk_dmadev_no_crc(struct uvdk_dmadev_chan *chan, uvdk_iova_t dst, uvdk_iova_t src,
				   size_t len, const struct uvdk_dmadev_crc_spec *crc,
				   unsigned int flags)
{
	(void)chan;
	(void)dst;
	(void)src;
	(void)len;
	(void)crc;
	(void)flags;

	return -EOPNOTSUPP;
}

UVDK_EXPORT int uvdk_dmadev_no_copy_sg(struct uvdk_dmadev_chan *chan,
				       const struct uvdk_dma_piece *dst, unsigned int dst_count,
				       const struct uvdk_dma_piece *src, unsigned int src_count,
				       unsigned int flags)
{
	(void)chan;
	(void)dst;
	(void)dst_count;
	(void)src;
	(void)src_count;
	(void)flags;

	return -EOPNOTSUPP;
}
