/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_PCI_UPSTREAM_H
#define UVDK_PCI_UPSTREAM_H

#include "pci_priv.h"

/* Device/port types of PCI Express (PCI Express Base 5.0, 7.5.3.2), and two more. */
enum pci_kind {
	PCI_KIND_ENDPOINT = 0x0,
	PCI_KIND_LEGACY = 0x1,
	PCI_KIND_ROOT_PORT = 0x4,
	PCI_KIND_UPSTREAM = 0x5,
	PCI_KIND_DOWNSTREAM = 0x6,
	PCI_KIND_TO_PCI = 0x7,
	PCI_KIND_FROM_PCI = 0x8,
	PCI_KIND_RC_ENDPOINT = 0x9,
	PCI_KIND_RC_EVENTS = 0xa,
	PCI_KIND_CONVENTIONAL = 0x10,
	PCI_KIND_UNREADABLE = 0x11,
};

/* Does it keep its peers apart? */
enum pci_acs {
	PCI_ACS_ON,
	PCI_ACS_NONE,	   /* no such capability where it is due, or none is possible */
	PCI_ACS_OFF,	   /* it could, but not all of SV, RR, CR and UF are on */
	PCI_ACS_CUT,	   /* configuration space can't be read as far */
	PCI_ACS_MALFORMED, /* its capabilities make no sense, or it is gone */
};

/* What matters of a function for who can be isolated from whom. */
struct pci_upstream {
	struct uvdk_pci_addr addr;
	enum pci_kind kind;
	enum pci_acs acs;
	bool multifunction;
	bool has_parent; /* a bridge above */
	bool has_host;	 /* on a root bus that another function makes (VMD) */
	struct uvdk_pci_addr parent;
};

/* From sysfs; what can't be read is in kind and acs. 0, -ENODEV or -EIO. */
int uvdk_pci_read_upstream(const char *sysfs_root, const struct uvdk_pci_function *fn,
			   struct pci_upstream *out);

/* For a sentence: "which has no ACS". */
const char *uvdk_pci_acs_words(enum pci_acs acs);

#endif /* UVDK_PCI_UPSTREAM_H */
