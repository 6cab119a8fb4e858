// SPDX-License-Identifier: BSD-3-Clause
/* BAR 0 (9.2): dword by dword. */
#include "dsa_priv.h"

static uint64_t gencap(const struct dsa *dsa)
{
	const struct dsa_opts *o = &dsa->opts;
	uint64_t cap = GENCAP_CACHE | GENCAP_CMDCAP | GENCAP_CONFIG;

	if (dsa_evil(dsa, DSA_EVIL_GENCAP))
		return cap;
	if (!o->no_block)
		cap |= GENCAP_BLOCK;
	if (!o->no_overlap)
		cap |= GENCAP_OVERLAP;

	return cap | (uint64_t)o->max_size << GENCAP_SIZE | (uint64_t)o->max_batch << GENCAP_BATCH;
}

static uint64_t wqcap(const struct dsa *dsa)
{
	uint64_t cap = TOTAL_SIZE | (uint64_t)dsa->opts.wqs << 16 | WQCAP_DEDICATED |
		       WQCAP_PRIORITY | WQCAP_OCCUPANCY;

	if (dsa_evil(dsa, DSA_EVIL_WQCAP))
		return 0xff << 16 | WQCAP_DEDICATED;
	if (!dsa->opts.no_shared)
		cap |= WQCAP_SHARED;
	if (dsa_wqcfg_size(dsa) == 64)
		cap |= UINT64_C(1) << 24 | WQCAP_OPCFG;

	return cap;
}

static uint64_t offsets(const struct dsa *dsa)
{
	if (dsa_evil(dsa, DSA_EVIL_OFFSETS))
		return UINT64_C(0xfffffffffffffff0);

	return TAB_GRPCFG >> 8 | TAB_WQCFG >> 8 << 16 | (uint64_t)(TAB_MSIXPERM >> 8) << 32 |
	       (uint64_t)(TAB_IMS >> 8) << 48;
}

static uint64_t opcap(const struct dsa *dsa)
{
	uint64_t cap = 0;

	for (unsigned int op = 0; op < NR_OPS; op++)
		if (dsa_offers(dsa, op))
			cap |= BIT64(op);

	return cap;
}

/* Bits 1 to 12, and the two that give interrupts handles. */
static uint64_t cmdcap(const struct dsa *dsa)
{
	return 0x1ffe | (dsa->opts.handles ? 0x6000 : 0);
}

/* The registers of 64 bits that tell what there is. */
static uint64_t capability(const struct dsa *dsa, uint32_t off)
{
	if (dsa_evil(dsa, DSA_EVIL_ONES))
		return UINT64_MAX;
	switch (off) {
	case REG_VERSION:
		return dsa->opts.version;
	case REG_GENCAP:
		return gencap(dsa);
	case REG_WQCAP:
		return wqcap(dsa);
	case REG_GRPCAP:
		return NR_GROUPS | NR_READ_BUFFERS << 8 | 1u << 16 | 1u << 17;
	case REG_ENGCAP:
		return NR_ENGINES;
	case REG_OPCAP:
		return opcap(dsa);
	case REG_OFFSETS:
		return offsets(dsa);
	case REG_OFFSETS + 8:
		return TAB_PERFMON >> 8;
	case REG_CMDCAP:
		return cmdcap(dsa);
	default:
		return 0;
	}
}

static uint32_t read_wqcfg(const struct dsa *dsa, uint32_t in)
{
	unsigned int wq = in / dsa_wqcfg_size(dsa), dword = in % dsa_wqcfg_size(dsa) / 4;
	const struct queue *queue;

	if (wq >= dsa->opts.wqs)
		return 0;
	queue = &dsa->queues[wq];
	if (dword == WQCFG_STATUS)
		return (queue->count & 0xffff) | 1u << 29 | (uint32_t)queue->state << 30;

	return dsa->wqcfg[wq][dword];
}

static uint32_t read_table(const struct dsa *dsa, uint32_t off)
{
	if (off >= TAB_MSIXPERM && off < TAB_MSIXPERM + DSA_VECTORS * MSIXPERM_SIZE)
		return off % MSIXPERM_SIZE ? 0 : dsa->perm[(off - TAB_MSIXPERM) / MSIXPERM_SIZE];
	if (off >= TAB_WQCFG && off < TAB_MSIXPERM)
		return read_wqcfg(dsa, off - TAB_WQCFG);
	if (off >= TAB_GRPCFG && off < TAB_GRPCFG + sizeof(dsa->grpcfg))
		return get32(dsa->grpcfg + (off - TAB_GRPCFG));

	return 0;
}

static uint32_t read_register(const struct dsa *dsa, uint32_t off)
{
	switch (off) {
	case REG_GENCFG:
		return dsa->gencfg;
	case REG_GENCTRL:
		return dsa->genctrl;
	case REG_GENSTS:
		return (uint32_t)dsa->state | (uint32_t)dsa->reset << 2;
	case REG_INTCAUSE:
		return dsa->intcause;
	case REG_CMDSTS:
		return dsa->cmdsts;
	default:
		break;
	}
	if (off >= REG_SWERR && off < REG_SWERR + sizeof(dsa->swerr))
		return (uint32_t)(dsa->swerr[(off - REG_SWERR) / 8] >> (off % 8 * 8));
	if (off < REG_GENCFG || (off & ~7u) == REG_CMDCAP)
		return (uint32_t)(capability(dsa, off & ~7u) >> (off % 8 * 8));

	return read_table(dsa, off);
}

/* Queues are set up while they are off; their sizes, while the device is. */
static void write_wqcfg(struct dsa *dsa, uint32_t in, uint32_t value)
{
	unsigned int wq = in / dsa_wqcfg_size(dsa), dword = in % dsa_wqcfg_size(dsa) / 4;
	static const uint32_t writable[8] = {0xffff, 0xffff, 0x3ffffff3, 0x1ff};

	if (wq >= dsa->opts.wqs || dsa->queues[wq].state != WQ_DISABLED)
		return;
	if (dword == 0 && dsa->state != DEV_DISABLED)
		return;
	dsa->wqcfg[wq][dword] = value & (dword < 8 ? writable[dword] : UINT32_MAX);
}

static void write_grpcfg(struct dsa *dsa, uint32_t in, uint32_t value)
{
	if (dsa->state == DEV_DISABLED && in % GRPCFG_SIZE < GRPCFG_FLAGS + 8)
		put32(dsa->grpcfg + in, value);
}

static void write_table(struct dsa *dsa, uint32_t off, uint32_t value)
{
	if (off >= TAB_MSIXPERM && off < TAB_MSIXPERM + DSA_VECTORS * MSIXPERM_SIZE) {
		if (off % MSIXPERM_SIZE == 0)
			dsa->perm[(off - TAB_MSIXPERM) / MSIXPERM_SIZE] = value & 0xfffff00c;
	} else if (off >= TAB_WQCFG && off < TAB_MSIXPERM) {
		write_wqcfg(dsa, off - TAB_WQCFG, value);
	} else if (off >= TAB_GRPCFG && off < TAB_GRPCFG + sizeof(dsa->grpcfg)) {
		write_grpcfg(dsa, off - TAB_GRPCFG, value);
	}
}

static void write_register(struct dsa *dsa, uint32_t off, uint32_t value)
{
	switch (off) {
	case REG_GENCFG:
		if (dsa->state == DEV_DISABLED)
			dsa->gencfg = value & 0xff;
		break;
	case REG_GENCTRL:
		dsa->genctrl = value & (GENCTRL_SWERR | GENCTRL_HALT);
		break;
	case REG_INTCAUSE:
		dsa->intcause &= ~value;
		break;
	case REG_CMD:
		dsa_command(dsa, value);
		break;
	case REG_SWERR:
		dsa->swerr[0] &= ~(uint64_t)(value & (SWERR_VALID | SWERR_OVERFLOW));
		break;
	default:
		write_table(dsa, off, value);
		break;
	}
}

uint64_t dsa_read(struct dsa *dsa, uint64_t off, unsigned int width)
{
	uint64_t value;
	uint32_t at = (uint32_t)off & ~3u;

	if (dsa_gone(dsa))
		return UINT64_MAX;
	if (off >= DSA_BAR0_SIZE)
		return 0;
	pthread_mutex_lock(&dsa->lock);
	value = read_register(dsa, at);
	if (width == 8)
		value |= (uint64_t)read_register(dsa, at + 4) << 32;
	pthread_mutex_unlock(&dsa->lock);

	return value >> (off % 4 * 8);
}

void dsa_write(struct dsa *dsa, uint64_t off, unsigned int width, uint64_t value)
{
	/* The registers of a byte or two are parts of larger ones: nobody writes them so. */
	if (width < 4 || off >= DSA_BAR0_SIZE || dsa_gone(dsa))
		return;
	pthread_mutex_lock(&dsa->lock);
	write_register(dsa, (uint32_t)off, (uint32_t)value);
	if (width == 8)
		write_register(dsa, (uint32_t)off + 4, (uint32_t)(value >> 32));
	pthread_mutex_unlock(&dsa->lock);
}
