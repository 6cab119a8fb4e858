// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "pci_priv.h"

/* PCI Local Bus 3.0, 6.1, 6.2 and 6.7; PCI-to-CardBus bridges: header type 2 */
#define REG_STATUS	    0x06
#define STATUS_CAP_LIST	    0x0010
#define REG_HEADER_TYPE	    0x0e
#define REG_CAP_PTR	    0x34
#define REG_CAP_PTR_CARDBUS 0x14
#define FIRST_CAP	    0x40
#define CONVENTIONAL_SIZE   0x100u

/* PCI Express Base 5.0, 7.6.3 */
#define FIRST_EXT_CAP 0x100
#define EXPRESS_SIZE  0x1000u

/* Which doublewords a walk has been at. */
struct visited {
	uint64_t bits[EXPRESS_SIZE / 4 / 64];
};

static bool visit_again(struct visited *v, uint32_t off)
{
	uint64_t bit = UINT64_C(1) << (off / 4 % 64);
	uint64_t *word = &v->bits[off / 4 / 64];
	bool again = *word & bit;

	*word |= bit;
	return again;
}

static int fetch(const struct uvdk_pci_config *config, uint32_t off, uint8_t *buf, size_t len)
{
	int ret = config->read(config->priv, off, buf, len);

	if (ret)
		return uvdk_fail(ret == -ENODEV ? -ENODEV : -EIO, "pci",
				 "cannot read %zu bytes of configuration space at 0x%x: %s", len,
				 off, strerror(-ret));
	return 0;
}

/* May a walk go to off, where an entry of size bytes starts? */
static int check_step(struct visited *v, uint32_t off, uint32_t first, uint32_t limit,
		      uint32_t size)
{
	if (off < first || limit < size || off > limit - size)
		return uvdk_fail(-EBADMSG, "pci",
				 "capability list points to 0x%x, outside 0x%x to 0x%x: the device "
				 "or its model is broken",
				 off, first, limit ? limit - 1 : 0);
	if (visit_again(v, off))
		return uvdk_fail(-ELOOP, "pci",
				 "capability list comes back to 0x%x: the device or its model is "
				 "broken",
				 off);
	return 0;
}

/* Offset of the first capability, 0 without a list, or negative errno. */
static int list_head(const struct uvdk_pci_config *config)
{
	uint8_t status[2];
	uint8_t type;
	uint8_t ptr;
	int ret;

	if ((ret = fetch(config, REG_STATUS, status, sizeof(status))) ||
	    (ret = fetch(config, REG_HEADER_TYPE, &type, 1)))
		return ret;
	if (status[0] == 0xff && status[1] == 0xff)
		return uvdk_fail(-ENODEV, "pci",
				 "configuration space reads all ones: the device is gone");
	if (!(status[0] & STATUS_CAP_LIST))
		return 0;

	ret = fetch(config, (type & 0x7f) == 2 ? REG_CAP_PTR_CARDBUS : REG_CAP_PTR, &ptr, 1);

	return ret ? ret : ptr & ~3; /* the low bits are reserved, 6.7 */
}

/*
 * Always from the head of the list, also for the next of several: only so is
 * a loop seen, however often the caller asks.
 */
UVDK_EXPORT int uvdk_pci_find_cap(const struct uvdk_pci_config *config, uint8_t id, uint32_t after)
{
	uint32_t limit = config->size < CONVENTIONAL_SIZE ? config->size : CONVENTIONAL_SIZE;
	struct visited visited = {{0}};
	bool passed = after == 0;
	uint8_t entry[2]; /* ID, next */
	int off = list_head(config);
	int ret;

	while (off > 0) {
		if ((ret = check_step(&visited, (uint32_t)off, FIRST_CAP, limit, sizeof(entry))) ||
		    (ret = fetch(config, (uint32_t)off, entry, sizeof(entry))))
			return ret;
		if (entry[0] == 0xff)
			return uvdk_fail(-EBADMSG, "pci", "capability at 0x%x reads all ones", off);
		if (passed && entry[0] == id)
			return off;
		passed |= (uint32_t)off == after;
		off = entry[1] & ~3;
	}

	return off ? off : -ENOENT;
}

/* Header of the extended capability at off. */
static int ext_header(const struct uvdk_pci_config *config, uint32_t off, uint32_t *header)
{
	uint8_t b[4];
	int ret = fetch(config, off, b, sizeof(b));

	if (ret)
		return ret;
	*header = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;

	/* A conventional device answers so above its 256 bytes: no list at all. */
	if (*header == UINT32_MAX && off == FIRST_EXT_CAP)
		return -ENOENT;
	if (*header == UINT32_MAX)
		return uvdk_fail(-EBADMSG, "pci", "extended capability at 0x%x reads all ones",
				 off);
	return 0;
}

UVDK_EXPORT int uvdk_pci_find_ext_cap(const struct uvdk_pci_config *config, uint16_t id,
				      uint32_t after)
{
	uint32_t limit = config->size < EXPRESS_SIZE ? config->size : EXPRESS_SIZE;
	struct visited visited = {{0}};
	bool passed = after == 0;
	uint32_t off = FIRST_EXT_CAP;
	uint32_t header;
	int ret;

	if (limit <= CONVENTIONAL_SIZE)
		return -ENOENT;

	while (off) {
		if ((ret = check_step(&visited, off, FIRST_EXT_CAP, limit, sizeof(header))) ||
		    (ret = ext_header(config, off, &header)))
			return ret;
		if (passed && header && (header & 0xffff) == id)
			return (int)off;
		passed |= off == after;
		off = header >> 20 & 0xffc;
	}

	return -ENOENT;
}
