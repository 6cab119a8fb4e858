// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isolation.h"

static void append(char *buf, size_t len, const char *text)
{
	size_t used = strlen(buf);

	if (used < len)
		snprintf(buf + used, len - used, "%s%s", used ? "; " : "", text);
}

static void say(const struct uvdk_pci_isolation *iso, const struct pci_link *link, char *buf,
		size_t len)
{
	const struct pci_upstream *culprit = &iso->functions[link->culprit];
	char from[UVDK_PCI_ADDR_LEN];
	char to[UVDK_PCI_ADDR_LEN];
	char by[UVDK_PCI_ADDR_LEN];
	char text[256];

	uvdk_pci_addr_format(&iso->functions[link->from].addr, from);
	uvdk_pci_addr_format(&iso->functions[link->to].addr, to);
	uvdk_pci_addr_format(&culprit->addr, by);
	switch (link->reason) {
	case REASON_ALIAS:
		snprintf(text, sizeof(text), "requests of %s may carry the ID of bridge %s%s%s",
			 from, to, culprit->kind == PCI_KIND_UNREADABLE ? ", " : "",
			 culprit->kind == PCI_KIND_UNREADABLE ? uvdk_pci_acs_words(culprit->acs)
							      : "");
		break;
	case REASON_BELOW:
		snprintf(text, sizeof(text), "%s is below bridge %s%s%s, %s", from, to,
			 link->culprit == link->to ? "" : ", that below ",
			 link->culprit == link->to ? "" : by, uvdk_pci_acs_words(culprit->acs));
		break;
	case REASON_SLOT:
		snprintf(text, sizeof(text), "%s is a function of one device with %s, %s", from, to,
			 uvdk_pci_acs_words(culprit->acs));
		break;
	case REASON_HOST:
		snprintf(text, sizeof(text),
			 "requests of %s carry the ID of %s, which makes its bus", from, to);
		break;
	}
	append(buf, len, text);
}

/* Links make trees: from the end back, each function remembers the link it was found by. */
static void trace(const struct uvdk_pci_isolation *iso, unsigned int from, unsigned int to,
		  int *via)
{
	bool more = true;

	for (unsigned int i = 0; i < iso->count; i++)
		via[i] = -1;
	while (more && from != to && via[from] < 0) {
		more = false;
		for (unsigned int l = 0; l < iso->nr_links; l++) {
			unsigned int a = iso->links[l].from;
			unsigned int b = iso->links[l].to;
			bool at_a = a == to || via[a] >= 0;
			bool at_b = b == to || via[b] >= 0;

			if (at_a == at_b)
				continue;
			via[at_a ? b : a] = (int)l;
			more = true;
		}
	}
}

/* The links from one to the other, in their order. */
static void say_all(const struct uvdk_pci_isolation *iso, unsigned int from, unsigned int to,
		    const int *via, char *buf, size_t len)
{
	while (from != to && via[from] >= 0) {
		const struct pci_link *link = &iso->links[via[from]];

		say(iso, link, buf, len);
		from = link->from == from ? link->to : link->from;
	}
	if (!buf[0])
		append(buf, len, "it is the same function");
}

UVDK_EXPORT int uvdk_pci_isolation_why(const struct uvdk_pci_isolation *iso,
				       const struct uvdk_pci_addr *a, const struct uvdk_pci_addr *b,
				       char *buf, size_t len)
{
	const struct pci_upstream *one = uvdk_pci_isolation_find(iso, a);
	const struct pci_upstream *other = one ? uvdk_pci_isolation_find(iso, b) : NULL;
	unsigned int from;
	unsigned int to;
	int *via;

	if (!other)
		return -ENODEV;
	from = (unsigned int)(one - iso->functions);
	to = (unsigned int)(other - iso->functions);
	if (uvdk_pci_isolation_group(iso, from) != uvdk_pci_isolation_group(iso, to))
		return -ENOENT;
	via = calloc(iso->count, sizeof(*via));
	if (!via)
		return uvdk_fail(-ENOMEM, "pci", "no memory to say why");
	if (len) {
		buf[0] = '\0';
		trace(iso, from, to, via);
		say_all(iso, from, to, via, buf, len);
	}
	free(via);

	return 0;
}
