// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "vnet_frame.h"
#include "vnet_priv.h"

/*
 * Ones' complement sum of 16-bit words in memory order: it is the same in
 * either byte order (RFC 1071), as long as it is stored as it was summed.
 */
uint64_t vnet_sum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t sum = 0;
	uint32_t word;
	uint16_t half = 0;

	for (; len >= 4; p += 4, len -= 4) {
		memcpy(&word, p, 4);
		sum += word;
	}
	if (len >= 2) {
		memcpy(&half, p, 2);
		sum += half;
		p += 2;
		len -= 2;
	}
	if (len) {
		half = 0;
		memcpy(&half, p, 1);
		sum += half;
	}

	return sum;
}

uint16_t vnet_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);

	return (uint16_t)sum;
}

/* UDP's pseudo header: addresses, protocol, length. */
uint64_t vnet_pseudo_sum(const uint8_t *frame)
{
	uint8_t tail[4] = {0, frame[FRAME_IP_PROTO], frame[FRAME_UDP_LEN],
			   frame[FRAME_UDP_LEN + 1]};

	return vnet_sum(frame + FRAME_IP_SRC, 8) + vnet_sum(tail, sizeof(tail));
}

/* Section 5.1.6.2: finish what the other side left partial. */
void vnet_complete_csum(struct vnet_hdr *hdr, uint8_t *frame, size_t len)
{
	size_t start = uvdk_get16(hdr->csum_start);
	size_t at = start + uvdk_get16(hdr->csum_offset);
	uint16_t sum;

	if (at + 2 > len)
		return;
	sum = (uint16_t)~vnet_fold(vnet_sum(frame + start, len - start));
	if (sum == 0)
		sum = 0xffff; /* in UDP 0 means: none */
	memcpy(frame + at, &sum, sizeof(sum));
}

/* Mixes all bits; any slip in number, stream or length shows. */
uint32_t vnet_frame_check(uint64_t seq, uint16_t stream, size_t len)
{
	uint64_t x = seq + ((uint64_t)stream << 48) + ((uint64_t)len << 32);

	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	x ^= x >> 31;

	return (uint32_t)(x ^ x >> 32);
}

void vnet_fill_pattern(uint8_t *pattern)
{
	for (unsigned int i = 0; i < VNET_FRAME_MAX; i++)
		pattern[i] = (uint8_t)(i * 31 + (i >> 8));
}
