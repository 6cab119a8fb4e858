// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_json_driver.h>

#include "devbind.h"

/*
 * Drivers beside which VFIO accepts a group: its own, none, and those that
 * leave DMA alone (Linux: driver_managed_dma).
 */
static bool tolerated(const struct uvdk_pci_function *fn)
{
	return fn->driver[0] == '\0' || strncmp(fn->driver, "vfio", 4) == 0 ||
	       strcmp(fn->driver, "pci-stub") == 0 || strcmp(fn->driver, "pcieport") == 0;
}

static int by_group(const void *a, const void *b)
{
	const struct uvdk_pci_function *x = *(const struct uvdk_pci_function *const *)a;
	const struct uvdk_pci_function *y = *(const struct uvdk_pci_function *const *)b;

	if (x->iommu_group != y->iommu_group)
		return x->iommu_group < y->iommu_group ? -1 : 1;

	return uvdk_pci_addr_cmp(&x->addr, &y->addr);
}

/* Functions that are in a group, by group and address; the caller frees the array. */
static const struct uvdk_pci_function **grouped(struct devbind *db, size_t *count)
{
	size_t n = uvdk_pci_scan_count(db->scan);
	const struct uvdk_pci_function **fns = calloc(n + 1, sizeof(*fns)); /* NULL ends it */

	*count = 0;
	for (size_t i = 0; fns && i < n; i++)
		if (uvdk_pci_scan_at(db->scan, i)->iommu_group >= 0)
			fns[(*count)++] = uvdk_pci_scan_at(db->scan, i);
	if (fns)
		qsort(fns, *count, sizeof(*fns), by_group);

	return fns;
}

/* How many from fns[0] on share its group, and whether VFIO can have that. */
static size_t group_size(const struct uvdk_pci_function *const *fns, bool *viable)
{
	size_t n = 0;

	*viable = true;
	for (; fns[n] && fns[n]->iommu_group == fns[0]->iommu_group; n++)
		*viable &= tolerated(fns[n]);

	return n;
}

static void print_member(struct devbind *db, const struct uvdk_pci_function *fn)
{
	char bdf[UVDK_PCI_ADDR_LEN];
	char name[256];

	printf("  %s '%s' drv=%s%s\n", uvdk_pci_addr_format(&fn->addr, bdf),
	       uvdk_pci_name(db->scan, fn, name, sizeof(name)), fn->driver,
	       tolerated(fn) ? "" : " *keeps VFIO out*");
}

enum devbind_exit print_groups(struct devbind *db)
{
	size_t count;
	size_t n;
	bool viable;
	const struct uvdk_pci_function **fns = grouped(db, &count);

	if (!fns) {
		say("out of memory");
		return EXIT_FAILED;
	}
	if (count == 0)
		printf("No IOMMU groups: no IOMMU, or it is switched off\n");
	for (size_t i = 0; i < count; i += n) {
		n = group_size(&fns[i], &viable);
		printf("IOMMU group %d: %s\n", fns[i]->iommu_group,
		       viable ? "viable" : "not viable");
		for (size_t j = i; j < i + n; j++)
			print_member(db, fns[j]);
	}
	free(fns);

	return EXIT_DONE;
}

void json_groups(struct devbind *db)
{
	size_t count;
	size_t n;
	bool viable;
	char bdf[UVDK_PCI_ADDR_LEN];
	const struct uvdk_pci_function **fns = grouped(db, &count);

	printf("\"groups\":[");
	for (size_t i = 0; fns && i < count; i += n) {
		n = group_size(&fns[i], &viable);
		printf("%s\n{\"group\":%d,\"viable\":%s,\"members\":[", i ? "," : "",
		       fns[i]->iommu_group, viable ? "true" : "false");
		for (size_t j = i; j < i + n; j++) {
			printf("%s{\"address\":\"%s\",\"driver\":", j > i ? "," : "",
			       uvdk_pci_addr_format(&fns[j]->addr, bdf));
			uvdk_json_text(stdout, fns[j]->driver);
			printf("}");
		}
		printf("]}");
	}
	printf("]");
	free(fns);
}

static bool is_chosen(const struct uvdk_pci_function *fn,
		      const struct uvdk_pci_function *const *chosen, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (chosen[i] == fn)
			return true;

	return false;
}

void warn_group(struct devbind *db, const struct uvdk_pci_function *fn,
		const struct uvdk_pci_function *const *chosen, size_t count)
{
	const struct uvdk_pci_function *other;
	char bdf[UVDK_PCI_ADDR_LEN];
	char other_bdf[UVDK_PCI_ADDR_LEN];

	if (fn->iommu_group < 0)
		return;

	for (size_t i = 0; (other = uvdk_pci_scan_at(db->scan, i)); i++)
		if (other->iommu_group == fn->iommu_group && !tolerated(other) &&
		    !is_chosen(other, chosen, count))
			say("warning: %s cannot be used yet: %s is in the same IOMMU group %d and "
			    "still has driver %s; bind that to vfio-pci too, or unbind it",
			    uvdk_pci_addr_format(&fn->addr, bdf),
			    uvdk_pci_addr_format(&other->addr, other_bdf), fn->iommu_group,
			    other->driver);
}
