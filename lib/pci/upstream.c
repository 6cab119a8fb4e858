// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "upstream.h"

#define CONFIG_SIZE	     4096u

#define REG_STATUS	     0x06
#define STATUS_CAP_LIST	     0x0010
#define REG_HEADER_TYPE	     0x0e
#define HEADER_MULTIFUNCTION 0x80

/* PCI Express Base 5.0, 7.5.3.2 and 7.7.8 */
#define CAP_EXPRESS	0x10
#define EXPRESS_CAPS	2
#define EXPRESS_KIND(v) ((v) >> 4 & 0xf)
#define EXT_CAP_ACS	0x0d
#define ACS_CAPS	4
#define ACS_CONTROL	6
#define ACS_SV		0x01
#define ACS_RR		0x04
#define ACS_CR		0x08
#define ACS_UF		0x10
#define ACS_NEEDED	(ACS_SV | ACS_RR | ACS_CR | ACS_UF)

/* As much of configuration space as sysfs gave. */
struct space {
	uint8_t bytes[CONFIG_SIZE];
	uint32_t len;
};

static int read_space(void *priv, uint32_t off, void *buf, size_t len)
{
	const struct space *space = priv;

	if (off > space->len || len > space->len - off)
		return -EIO;
	memcpy(buf, space->bytes + off, len);

	return 0;
}

static uint16_t get16(const struct space *space, uint32_t off)
{
	if (off + 1 >= space->len)
		return 0;

	return (uint16_t)(space->bytes[off] | space->bytes[off + 1] << 8);
}

static void load(int dir, struct space *space)
{
	int fd = openat(dir, "config", O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	space->len = 0;
	if (fd < 0)
		return;
	while (n > 0 && space->len < CONFIG_SIZE) {
		n = read(fd, space->bytes + space->len, CONFIG_SIZE - space->len);
		if (n > 0)
			space->len += (uint32_t)n;
	}
	close(fd);
}

/* What a capability list is walked in: a size that exists, and no sentences. */
static int find(const struct space *space, uint16_t id, bool extended)
{
	struct uvdk_pci_config config = {
		.read = read_space,
		.priv = (void *)(uintptr_t)space,
		.size = space->len < 256	   ? 64
			: space->len < CONFIG_SIZE ? 256
						   : CONFIG_SIZE,
	};
	int ret;

	uvdk_log_hush(true);
	ret = extended ? uvdk_pci_find_ext_cap(&config, id, 0)
		       : uvdk_pci_find_cap(&config, (uint8_t)id, 0);
	uvdk_log_hush(false);

	return ret;
}

/* Is ACS due at all? PCI Express Base 5.0, 6.12.1; what is left out is as in Linux. */
static bool acs_is_due(const struct pci_upstream *up)
{
	switch (up->kind) {
	case PCI_KIND_ROOT_PORT:
	case PCI_KIND_DOWNSTREAM:
		return true;
	default:
		return up->multifunction;
	}
}

static bool acs_is_possible(enum pci_kind kind)
{
	return kind != PCI_KIND_CONVENTIONAL && kind != PCI_KIND_TO_PCI &&
	       kind != PCI_KIND_FROM_PCI && kind != PCI_KIND_RC_EVENTS;
}

static enum pci_acs read_acs(const struct pci_upstream *up, const struct space *space)
{
	uint16_t needed;
	int cap;

	if (!acs_is_possible(up->kind))
		return PCI_ACS_NONE;
	if (!acs_is_due(up))
		return PCI_ACS_ON;
	if (space->len < CONFIG_SIZE)
		return PCI_ACS_CUT;
	cap = find(space, EXT_CAP_ACS, true);
	if (cap == -ENOENT)
		return PCI_ACS_NONE;
	if (cap < 0 || (uint32_t)cap + ACS_CONTROL + 2 > space->len)
		return PCI_ACS_MALFORMED;
	/* What it lacks it need not be told to do: nothing of the kind goes through it. */
	needed = ACS_NEEDED & get16(space, (uint32_t)cap + ACS_CAPS);

	return (get16(space, (uint32_t)cap + ACS_CONTROL) & needed) == needed ? PCI_ACS_ON
									      : PCI_ACS_OFF;
}

static void read_kind(struct pci_upstream *up, const struct space *space)
{
	int cap;

	up->kind = PCI_KIND_UNREADABLE;
	up->acs = PCI_ACS_CUT;
	if (space->len < 64)
		return;
	if (!(get16(space, REG_STATUS) & STATUS_CAP_LIST)) {
		up->kind = PCI_KIND_CONVENTIONAL;
		up->acs = PCI_ACS_NONE;
		return;
	}
	if (space->len < 256)
		return;
	cap = find(space, CAP_EXPRESS, false);
	if (cap == -ENOENT) {
		up->kind = PCI_KIND_CONVENTIONAL;
	} else if (cap < 0) {
		up->acs = PCI_ACS_MALFORMED;
		return;
	} else {
		up->kind = (enum pci_kind)EXPRESS_KIND(get16(space, (uint32_t)cap + EXPRESS_CAPS));
	}
	up->acs = read_acs(up, space);
}

/*
 * The folder's path has the bridges: .../pci0000:00/0000:00:01.0/0000:01:00.0.
 * Below a root bus that is a function's own, the function stands before "pciDDDD:BB".
 */
static int read_parent(const char *sysfs_root, struct pci_upstream *up)
{
	char bdf[UVDK_PCI_ADDR_LEN];
	char real[PATH_MAX];
	char path[PATH_MAX];
	char *slash;

	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s", uvdk_pci_root(sysfs_root),
		 uvdk_pci_addr_format(&up->addr, bdf));
	if (!realpath(path, real))
		return errno == ENOENT ? -ENODEV
				       : uvdk_fail(-EIO, "pci", "cannot follow %s: %s", path,
						   strerror(errno));
	uvdk_log_hush(true);
	for (int up_by = 0; up_by < 3 && (slash = strrchr(real, '/')); up_by++) {
		bool found = up_by && !uvdk_pci_addr_parse(slash + 1, &up->parent);

		up->has_parent |= found && up_by == 1;
		up->has_host |= found && up_by == 2;
		if (found || (up_by == 1 && strncmp(slash + 1, "pci", 3) != 0))
			break;
		*slash = '\0';
	}
	uvdk_log_hush(false);

	return 0;
}

int uvdk_pci_read_upstream(const char *sysfs_root, const struct uvdk_pci_function *fn,
			   struct pci_upstream *out)
{
	struct pci_upstream up = {.addr = fn->addr};
	struct space space;
	int dir = uvdk_pci_open_function(sysfs_root, &fn->addr);
	int ret;

	if (dir < 0)
		return dir;
	load(dir, &space);
	close(dir);
	/* A VF never tells; functions beyond the first tell by being there. */
	if (!fn->is_vf)
		up.multifunction =
			fn->addr.function || (space.len > REG_HEADER_TYPE &&
					      space.bytes[REG_HEADER_TYPE] & HEADER_MULTIFUNCTION);
	read_kind(&up, &space);
	ret = read_parent(sysfs_root, &up);
	if (!ret)
		*out = up;

	return ret;
}

const char *uvdk_pci_acs_words(enum pci_acs acs)
{
	switch (acs) {
	case PCI_ACS_ON:
		return "which has ACS";
	case PCI_ACS_NONE:
		return "which has no ACS";
	case PCI_ACS_OFF:
		return "whose ACS is not all switched on";
	case PCI_ACS_CUT:
		return "whose configuration space can't be read far enough (root may)";
	case PCI_ACS_MALFORMED:
		return "whose capabilities make no sense";
	}

	return "";
}
