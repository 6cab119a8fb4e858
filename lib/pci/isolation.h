/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UVDK_PCI_ISOLATION_H
#define UVDK_PCI_ISOLATION_H

#include "upstream.h"

/* Why two functions can't be isolated from each other. */
enum pci_reason {
	REASON_ALIAS, /* requests of the one carry the ID of the other */
	REASON_BELOW, /* the one is below the other, and a third lets peers through */
	REASON_SLOT,  /* functions of one device */
	REASON_HOST,  /* on a root bus that the other one makes */
};

struct pci_link {
	unsigned int from;
	unsigned int to;
	enum pci_reason reason;
	unsigned int culprit;
};

struct uvdk_pci_isolation {
	struct pci_upstream *functions; /* [count], ascending */
	unsigned int *groups;		/* [count], index of a lower or the same one */
	unsigned int count;
	struct pci_link *links;
	unsigned int nr_links;
	unsigned int room_links;
};

/* Index of the lowest member of a function's group. */
unsigned int uvdk_pci_isolation_group(const struct uvdk_pci_isolation *iso, unsigned int i);
/* NULL: there is none, with a sentence. */
const struct pci_upstream *uvdk_pci_isolation_find(const struct uvdk_pci_isolation *iso,
						   const struct uvdk_pci_addr *addr);

#endif /* UVDK_PCI_ISOLATION_H */
