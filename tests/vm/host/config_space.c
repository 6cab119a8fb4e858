// SPDX-License-Identifier: BSD-3-Clause
/* A function that has PASIDs: PCI Express 6.0, chapter 7. */
#include <endian.h>
#include <string.h>

#include "config_space.h"

/* Type 0 header, 7.5.1. */
#define HEADER_VENDOR	 0x00
#define HEADER_DEVICE	 0x02
#define HEADER_COMMAND	 0x04
#define HEADER_STATUS	 0x06
#define HEADER_CLASS	 0x08
#define HEADER_BAR0	 0x10
#define HEADER_CAPS	 0x34
#define COMMAND_MEMORY	 0x0002
#define COMMAND_MASTER	 0x0004
#define COMMAND_INTX_OFF 0x0400
#define STATUS_CAPS	 0x0010

/* PCI Express capability, 7.5.3, version 2. */
#define EXP		   0x40
#define EXP_FLAGS	   0x02
#define EXP_DEVCAP	   0x04
#define EXP_DEVCTL	   0x08
#define EXP_DEVCAP2	   0x24
#define EXP_ID		   0x10
#define EXP_RC_ENDPOINT	   0x0092
#define EXP_DEVCAP_FLR	   (UINT32_C(1) << 28 | UINT32_C(1) << 15)
#define EXP_DEVCTL_BITS	   0x7fff
#define EXP_DEVCTL_FLR	   0x80					   /* of its second byte */
#define EXP_DEVCAP2_PREFIX (UINT32_C(1) << 21 | UINT32_C(1) << 22) /* one End-End prefix */

/* MSI-X, 7.7.2. */
#define MSIX	     0x80
#define MSIX_ID	     0x11
#define MSIX_CTRL    0x02
#define MSIX_TABLE   0x04
#define MSIX_PENDING 0x08
#define MSIX_BITS    0xc000 /* enable, and mask of the function */

/* Address translation services, 10.5.1. */
#define ATS	    0x100
#define ATS_ID	    0x000f
#define ATS_CAP	    0x04
#define ATS_CTRL    0x06
#define ATS_ALIGNED 0x0020
#define ATS_BITS    0x801f

/* Page requests, 10.5.2: off is stopped; responses carry the PASID, or Linux leaves it off. */
#define PRI	   0x120
#define PRI_ID	   0x0013
#define PRI_CTRL   0x04
#define PRI_STATUS 0x06
#define PRI_MAX	   0x08
#define PRI_ALLOC  0x0c
#define PRI_PASID  0x8000
#define PRI_STOP   0x0100
#define PRI_ENABLE 0x0001

/* PASID, 7.8.9: 20 bits. */
#define PASID	     0x140
#define PASID_ID     0x001b
#define PASID_CAP    0x04
#define PASID_CTRL   0x06
#define PASID_WIDTH  0x1400
#define PASID_ENABLE 0x0001

static void put16(uint8_t *at, uint16_t value)
{
	value = htole16(value);
	memcpy(at, &value, sizeof(value));
}

static void put32(uint8_t *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
}

static void put_extended(uint8_t *at, uint16_t id, uint16_t next)
{
	put32(at, id | UINT32_C(1) << 16 | (uint32_t)next << 20);
}

static void init_header(struct config_space *config, const struct config_identity *id)
{
	uint8_t *c = config->bytes;

	put16(c + HEADER_VENDOR, id->vendor);
	put16(c + HEADER_DEVICE, id->device);
	put16(c + HEADER_STATUS, STATUS_CAPS);
	put32(c + HEADER_CLASS, id->class_revision);
	c[HEADER_CAPS] = EXP;
	put16(config->writable + HEADER_COMMAND,
	      COMMAND_MEMORY | COMMAND_MASTER | COMMAND_INTX_OFF);
	for (unsigned int bar = 0; bar < 6; bar++)
		if (id->bar_size[bar])
			put32(config->writable + HEADER_BAR0 + 4 * bar, ~(id->bar_size[bar] - 1));
}

static void init_express(struct config_space *config)
{
	uint8_t *c = config->bytes + EXP;

	c[0] = EXP_ID;
	put16(c + EXP_FLAGS, EXP_RC_ENDPOINT);
	put32(c + EXP_DEVCAP, EXP_DEVCAP_FLR);
	put32(c + EXP_DEVCAP2, EXP_DEVCAP2_PREFIX);
	put16(config->writable + EXP + EXP_DEVCTL, EXP_DEVCTL_BITS);
}

static void init_msix(struct config_space *config, const struct config_identity *id)
{
	uint8_t *c = config->bytes + MSIX;

	config->bytes[EXP + 1] = MSIX; /* next capability */
	c[0] = MSIX_ID;
	put16(c + MSIX_CTRL, (uint16_t)(id->vectors - 1));
	put32(c + MSIX_TABLE, id->table);
	put32(c + MSIX_PENDING, id->pending);
	put16(config->writable + MSIX + MSIX_CTRL, MSIX_BITS);
}

static void init_extended(struct config_space *config, const struct config_identity *id)
{
	uint8_t *c = config->bytes, *w = config->writable;

	put_extended(c + ATS, ATS_ID, PRI);
	put16(c + ATS + ATS_CAP, ATS_ALIGNED);
	put16(w + ATS + ATS_CTRL, ATS_BITS);

	put_extended(c + PRI, PRI_ID, PASID);
	put16(c + PRI + PRI_STATUS, PRI_PASID | PRI_STOP);
	put32(c + PRI + PRI_MAX, id->requests);
	put16(w + PRI + PRI_CTRL, PRI_ENABLE);
	put32(w + PRI + PRI_ALLOC, UINT32_MAX);

	put_extended(c + PASID, PASID_ID, 0);
	put16(c + PASID + PASID_CAP, PASID_WIDTH);
	put16(w + PASID + PASID_CTRL, PASID_ENABLE);
}

void config_init(struct config_space *config, const struct config_identity *identity)
{
	memset(config, 0, sizeof(*config));
	init_header(config, identity);
	init_express(config);
	if (identity->vectors)
		init_msix(config, identity);
	init_extended(config, identity);
}

bool config_read(const struct config_space *config, uint64_t off, uint32_t len, void *data)
{
	if (off > CONFIG_SIZE || len > CONFIG_SIZE - off)
		return false;
	memcpy(data, config->bytes + off, len);

	return true;
}

bool config_write(struct config_space *config, uint64_t off, uint32_t len, const void *data,
		  bool *reset)
{
	const uint8_t *in = data;

	if (off > CONFIG_SIZE || len > CONFIG_SIZE - off)
		return false;
	for (uint32_t i = 0; i < len; i++) {
		uint8_t *byte = &config->bytes[off + i], mask = config->writable[off + i];

		*byte = (uint8_t)((*byte & ~mask) | (in[i] & mask));
		if (off + i == EXP + EXP_DEVCTL + 1 && in[i] & EXP_DEVCTL_FLR)
			*reset = true;
	}

	put16(config->bytes + PRI + PRI_STATUS,
	      config->bytes[PRI + PRI_CTRL] & PRI_ENABLE ? PRI_PASID : PRI_PASID | PRI_STOP);

	return true;
}

bool config_master(const struct config_space *config)
{
	return config->bytes[HEADER_COMMAND] & COMMAND_MASTER;
}

bool config_pasids(const struct config_space *config)
{
	return config->bytes[PASID + PASID_CTRL] & PASID_ENABLE;
}

bool config_requests(const struct config_space *config, uint32_t *alloc)
{
	memcpy(alloc, config->bytes + PRI + PRI_ALLOC, sizeof(*alloc));
	*alloc = le32toh(*alloc);

	return config->bytes[PRI + PRI_CTRL] & PRI_ENABLE;
}
