// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devbind.h"

/* Functions the arguments name, each once. */
struct choice {
	const struct uvdk_pci_function **fns;
	size_t count;
	size_t max;
};

static enum devbind_exit exit_of(int err)
{
	switch (err) {
	case 0:
		return EXIT_DONE;
	case -ENODEV:
		return EXIT_NO_DEVICE;
	case -EACCES:
	case -EPERM:
		return EXIT_NO_PERMISSION;
	default:
		return EXIT_FAILED;
	}
}

/* Move new functions of [from, from + n) down over those chosen before. */
static void drop_duplicates(struct choice *choice, size_t from, size_t n)
{
	choice->count = from;
	for (size_t i = from; i < from + n; i++) {
		size_t j = 0;

		while (j < choice->count && choice->fns[j] != choice->fns[i])
			j++;
		if (j == choice->count)
			choice->fns[choice->count++] = choice->fns[i];
	}
}

static enum devbind_exit choose(struct devbind *db, struct choice *choice, const char *arg)
{
	size_t from = choice->count;
	size_t n = select_functions(db, arg, choice->fns + from, choice->max - from);

	/* "-u dpdk" with nothing left to unbind is done already. */
	if (n == 0 && !(db->action == ACTION_UNBIND && strcmp(arg, "dpdk") == 0)) {
		say("unknown device \"%s\": there is no such PCI function or interface; see "
		    "--status",
		    arg);
		return EXIT_NO_DEVICE;
	}
	drop_duplicates(choice, from, n);

	return EXIT_DONE;
}

static bool refused_in_use(struct devbind *db, const struct uvdk_pci_function *fn)
{
	char bdf[UVDK_PCI_ADDR_LEN];
	char why[512];

	if (db->force ||
	    !(net_in_use(db, fn, why, sizeof(why)) || disk_in_use(db, fn, why, sizeof(why)) ||
	      iommu_in_use(db, fn, why, sizeof(why))))
		return false;

	say("%s is in use: %s; left alone (--force overrides)",
	    uvdk_pci_addr_format(&fn->addr, bdf), why);

	return true;
}

/* uvdk_pci_bind() asks too; here, so as not to allow noiommu mode for nothing. */
static bool driver_loaded(const struct devbind *db)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/bus/pci/drivers/%s", db->sysfs_root, db->driver);

	return access(path, F_OK) == 0;
}

static enum devbind_exit bind_one(struct devbind *db, const struct uvdk_pci_function *fn)
{
	unsigned int flags = db->dry_run ? UVDK_PCI_BIND_DRY_RUN : 0;
	char bdf[UVDK_PCI_ADDR_LEN];
	enum devbind_exit status;
	int ret;

	if (strcmp(db->driver, "vfio-pci") == 0 && driver_loaded(db)) {
		status = noiommu_prepare(db, fn);
		if (status)
			return status;
	}
	if (strcmp(fn->driver, db->driver) == 0)
		say("notice: %s already has driver %s", uvdk_pci_addr_format(&fn->addr, bdf),
		    db->driver);

	ret = uvdk_pci_bind(&db->binder, &fn->addr, db->driver, flags);
	if (ret == -ENOENT)
		return EXIT_NO_DRIVER;
	if (ret || (db->uid == (uid_t)-1 && db->gid == (gid_t)-1))
		return exit_of(ret);

	return give_nodes(db, &fn->addr);
}

static enum devbind_exit restore_one(struct devbind *db, const struct uvdk_pci_function *fn)
{
	unsigned int flags = db->dry_run ? UVDK_PCI_BIND_DRY_RUN : 0;
	char driver[64];

	/* Only so is "nothing remembered" told from "its driver is not loaded". */
	int known = uvdk_pci_previous_driver(&db->binder, &fn->addr, driver, sizeof(driver));
	int ret = uvdk_pci_restore(&db->binder, &fn->addr, flags);

	return ret == -ENOENT && known == 0 ? EXIT_NO_DRIVER : exit_of(ret);
}

static enum devbind_exit change_one(struct devbind *db, const struct uvdk_pci_function *fn)
{
	unsigned int flags = db->dry_run ? UVDK_PCI_BIND_DRY_RUN : 0;
	char bdf[UVDK_PCI_ADDR_LEN];
	bool stays = db->action == ACTION_BIND && strcmp(fn->driver, db->driver) == 0;

	if (!stays && refused_in_use(db, fn))
		return EXIT_IN_USE;

	switch (db->action) {
	case ACTION_BIND:
		return bind_one(db, fn);
	case ACTION_RESTORE:
		return restore_one(db, fn);
	default:
		if (!fn->driver[0])
			say("notice: %s has no driver", uvdk_pci_addr_format(&fn->addr, bdf));
		return exit_of(uvdk_pci_unbind(&db->binder, &fn->addr, flags));
	}
}

/* Whole groups are what VFIO wants, so warn where only a part was bound. */
static void warn_groups(struct devbind *db, const struct choice *choice)
{
	if (db->action != ACTION_BIND || strncmp(db->driver, "vfio", 4) != 0)
		return;

	for (size_t i = 0; i < choice->count; i++)
		warn_group(db, choice->fns[i], choice->fns, choice->count);
}

static void note(enum devbind_exit *status, enum devbind_exit now)
{
	if (*status == EXIT_DONE)
		*status = now;
}

enum devbind_exit change_functions(struct devbind *db, char **args, size_t count)
{
	enum devbind_exit status = EXIT_DONE;
	struct choice choice = {.max = (count + 1) * uvdk_pci_scan_count(db->scan)};

	choice.fns = calloc(choice.max + 1, sizeof(*choice.fns));
	if (!choice.fns) {
		say("out of memory");
		return EXIT_FAILED;
	}

	for (size_t i = 0; i < count; i++)
		note(&status, choose(db, &choice, args[i]));
	for (size_t i = 0; i < choice.count; i++)
		note(&status, change_one(db, choice.fns[i]));
	warn_groups(db, &choice);
	free(choice.fns);

	return status;
}
