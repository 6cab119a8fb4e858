/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CD_WALK_H
#define CD_WALK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * What an SMMUv3 makes of a stream table entry and a substream ID: from Arm IHI
 * 0070 (5.2 to 5.4) alone, with the bytes as the SMMU reads them. Nothing here
 * comes from the library.
 */
struct cd_memory {
	uint8_t *bytes;
	uint64_t address, length; /* as the SMMU sees it */
	const struct cd_memory *next;
};

struct cd_seen {
	const char *why; /* NULL: a valid descriptor */
	uint64_t ttb0;
	unsigned int input_bits, output_bits;
	bool ds, ha, hd;
	uint32_t asid;
	uint64_t mair;
	uint64_t l1; /* two levels: entry of the first */
};

static inline uint64_t cd_read(const struct cd_memory *m, uint64_t addr)
{
	uint64_t value = 0;

	while (m && (addr < m->address || addr - m->address > m->length - 8))
		m = m->next;
	if (!m)
		return UINT64_MAX;
	for (unsigned int i = 8; i--;)
		value = value << 8 | m->bytes[addr - m->address + i];
	return value;
}

static inline uint64_t cd_bits(uint64_t word, unsigned int high, unsigned int low)
{
	return word << (63 - high) >> (63 - high + low);
}

/* Where the descriptor of a substream is; 0: @seen->why says why there is none. */
static inline uint64_t cd_find(const struct cd_memory *m, const uint64_t ste[2], uint32_t ssid,
			       struct cd_seen *seen)
{
	unsigned int max = (unsigned int)cd_bits(ste[0], 63, 59);
	unsigned int format = (unsigned int)cd_bits(ste[0], 5, 4);
	uint64_t base = cd_bits(ste[0], 51, 6) << 6;

	if (!(ste[0] & 1) || cd_bits(ste[0], 3, 1) != 5)
		seen->why = "no first stage alone";
	else if (max && cd_bits(ste[1], 1, 0) != 2)
		seen->why = "accesses without a substream don't use entry 0";
	else if (cd_bits(ste[1], 3, 2) != 1 || cd_bits(ste[1], 5, 4) != 1 ||
		 cd_bits(ste[1], 7, 6) != 3)
		seen->why = "descriptors are not read write-back, inner shareable";
	else if (ste[1] >> 8)
		seen->why = "more in word 1";
	else if (ssid >> max)
		seen->why = "C_BAD_SUBSTREAMID: too wide";
	if (seen->why)
		return 0;
	if (!max || format == 0)
		return base + (uint64_t)ssid * 64;
	if (format != 1) {
		seen->why = "not leaves of 4 KiB";
		return 0;
	}
	seen->l1 = cd_read(m, base + (uint64_t)(ssid / 64) * 8);
	if (!(seen->l1 & 1)) {
		seen->why = "C_BAD_SUBSTREAMID: no leaf";
		return 0;
	}
	if (cd_bits(seen->l1, 11, 1) || cd_bits(seen->l1, 63, 52))
		seen->why = "reserved bits of the first level";
	return (cd_bits(seen->l1, 51, 12) << 12) + (uint64_t)(ssid % 64) * 64;
}

static inline const char *cd_illegal(const uint64_t w[8], bool ds)
{
	unsigned int t0sz = (unsigned int)cd_bits(w[0], 5, 0);

	if (t0sz > 39 || t0sz < (ds ? 12 : 16))
		return "T0SZ";
	if (cd_bits(w[0], 7, 6))
		return "TG0 is not 4 KiB";
	if (cd_bits(w[0], 9, 8) != 1 || cd_bits(w[0], 11, 10) != 1 || cd_bits(w[0], 13, 12) != 3)
		return "tables are not walked write-back, inner shareable";
	if (cd_bits(w[0], 15, 14))
		return "EPD0 or ENDI";
	if (!cd_bits(w[0], 30, 30))
		return "the upper half is walked";
	if (!cd_bits(w[0], 41, 41))
		return "not AArch64";
	if (cd_bits(w[0], 42, 42) && !cd_bits(w[0], 43, 43))
		return "HD without HA";
	/* 5.5: A aborts, R records, S would stall */
	if (cd_bits(w[0], 46, 44) != 6)
		return "faults don't abort and record";
	if (!cd_bits(w[0], 47, 47))
		return "ASID of the CPU's";
	if (cd_bits(w[0], 40, 35))
		return "AFFD to PAN";
	if (cd_bits(w[1], 63, 52) || cd_bits(w[1], 3, 0))
		return "more than TTB0 in word 1";
	if (!ds && w[1] >> 48)
		return "TTB0 beyond 48 bits";
	if (w[2] & ~(UINT64_C(1) << 58))
		return "more than DS in word 2";
	if (w[4] | w[5] | w[6] | w[7])
		return "more in words 4 to 7";
	return NULL;
}

static inline struct cd_seen cd_walk(const struct cd_memory *m, const uint64_t ste[2],
				     uint32_t ssid)
{
	static const unsigned int ips[] = {32, 36, 40, 42, 44, 48, 52, 0};
	struct cd_seen seen = {0};
	uint64_t at = cd_find(m, ste, ssid, &seen), w[8];

	if (seen.why)
		return seen;
	for (unsigned int i = 0; i < 8; i++)
		w[i] = cd_read(m, at + i * 8);
	if (!cd_bits(w[0], 31, 31)) {
		seen.why = "C_BAD_CD: not valid";
		return seen;
	}
	seen.ds = cd_bits(w[2], 58, 58);
	seen.why = cd_illegal(w, seen.ds);
	seen.input_bits = 64 - (unsigned int)cd_bits(w[0], 5, 0);
	seen.output_bits = ips[cd_bits(w[0], 34, 32)];
	seen.ttb0 = cd_bits(w[1], 51, 4) << 4;
	seen.hd = cd_bits(w[0], 42, 42);
	seen.ha = cd_bits(w[0], 43, 43);
	seen.asid = (uint32_t)cd_bits(w[0], 63, 48);
	seen.mair = w[3];
	return seen;
}

#endif /* CD_WALK_H */
