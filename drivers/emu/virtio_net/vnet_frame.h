/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VNET_FRAME_H
#define VNET_FRAME_H

#include <stdint.h>

/*
 * Frames of a source: Ethernet, IPv4, UDP, and a payload that starts with
 *   magic (4), stream (2), number (8), check of both and the length (4),
 * big-endian, and goes on with a fixed pattern.
 */
#define FRAME_ETH_TYPE	  12
#define FRAME_IP	  14
#define FRAME_IP_LEN	  16
#define FRAME_IP_PROTO	  23
#define FRAME_IP_SUM	  24
#define FRAME_IP_SRC	  26
#define FRAME_UDP	  34
#define FRAME_UDP_LEN	  38
#define FRAME_UDP_SUM	  40
#define FRAME_MAGIC	  42
#define FRAME_STREAM	  46
#define FRAME_SEQ	  48
#define FRAME_CHECK	  56
#define FRAME_PATTERN	  60

#define FRAME_MAGIC_VALUE UINT32_C(0x7576646b)

static inline void put_be16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put_be32(uint8_t *p, uint32_t v)
{
	put_be16(p, (uint16_t)(v >> 16));
	put_be16(p + 2, (uint16_t)v);
}

static inline void put_be64(uint8_t *p, uint64_t v)
{
	put_be32(p, (uint32_t)(v >> 32));
	put_be32(p + 4, (uint32_t)v);
}

static inline uint16_t get_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)get_be16(p) << 16 | get_be16(p + 2);
}

static inline uint64_t get_be64(const uint8_t *p)
{
	return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}

#endif /* VNET_FRAME_H */
