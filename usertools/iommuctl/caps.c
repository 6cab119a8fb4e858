// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_base_driver.h>
#include <uvdk_inspect.h>

#include "iommuctl.h"

/* Devices are opened here for a moment, and described by the code that answers for others. */
#define IOMMUS_MAX 8

struct open_devices {
	struct uvdk_iommu *iommu[IOMMUS_MAX];
	unsigned int iommus;
	struct uvdk_device **device;
	unsigned int devices;
	struct uvdk_inspect *inspect;
};

static int open_iommu(const struct ctl *ctl, struct open_devices *all, const char *name,
		      struct uvdk_iommu **out)
{
	const struct uvdk_iommu_opts opts = {
		.size = sizeof(opts), .sysfs_root = ctl->sysfs_root, .dev_root = ctl->dev_root};
	int err;

	for (unsigned int i = 0; i < all->iommus; i++)
		if (!strcmp(uvdk_iommu_name(all->iommu[i]), name)) {
			*out = all->iommu[i];
			return 0;
		}
	if (all->iommus == IOMMUS_MAX)
		return -ENOSPC;
	err = uvdk_iommu_open(name, &opts, out);
	if (err)
		return err;
	all->iommu[all->iommus++] = *out;

	return uvdk_inspect_add_iommu(all->inspect, *out);
}

/* Looking for one logs each that does not suit: the last sentence will do. */
static const char *choose(const struct ctl *ctl, const char *spec)
{
	const struct uvdk_iommu_opts opts = {
		.size = sizeof(opts), .sysfs_root = ctl->sysfs_root, .dev_root = ctl->dev_root};
	const char *name;

	uvdk_log_hush(true);
	name = uvdk_iommu_choose(spec, &opts);
	uvdk_log_hush(false);

	return name;
}

static enum ctl_exit none_suits(const struct ctl *ctl, const char *spec)
{
	struct uvdk_pci_function fn = {.driver = "vfio-pci"};
	struct uvdk_pci_addr addr;
	int err = 0;

	say("%s", uvdk_last_error());
	uvdk_log_hush(true);
	if (!uvdk_pci_addr_parse(spec, &addr))
		err = uvdk_pci_identify(ctl->sysfs_root ? ctl->sysfs_root : "/sys", &addr, &fn);
	uvdk_log_hush(false);

	if (err)
		return EXIT_NO_DEVICE;
	if (!fn.driver[0])
		return EXIT_NO_DRIVER;

	return strcmp(fn.driver, "vfio-pci") != 0 ? EXIT_IN_USE : EXIT_NO_IOMMU;
}

static enum ctl_exit open_device(const struct ctl *ctl, struct open_devices *all, const char *spec)
{
	const struct uvdk_device_opts opts = {
		.size = sizeof(opts), .sysfs_root = ctl->sysfs_root, .dev_root = ctl->dev_root};
	const char *name = ctl->iommu ? ctl->iommu : choose(ctl, spec);
	struct uvdk_iommu *iommu;
	int err;

	if (!name)
		return none_suits(ctl, spec);
	err = open_iommu(ctl, all, name, &iommu);
	if (err)
		return err == -ENOENT ? EXIT_NO_IOMMU : exit_of(err);
	err = uvdk_device_open(iommu, spec, &opts, &all->device[all->devices]);
	if (!err) {
		all->devices++;
		return EXIT_DONE;
	}
	if (err == -EBUSY)
		say("%s is in use, and can't be opened for a look: a process that has it, and a "
		    "server, is asked by uvdk-iommuctl caps",
		    spec);

	return exit_of(err);
}

static enum ctl_exit print_text(char *text)
{
	struct tree *tree = NULL;
	const struct node *answer = tree_read(text, &tree);

	if (answer)
		text_answer("caps", answer);
	else
		say("no memory for the answer");
	tree_free(tree);

	return answer ? EXIT_DONE : EXIT_FAILED;
}

static enum ctl_exit print(const struct ctl *ctl, struct open_devices *all)
{
	enum ctl_exit status = EXIT_FAILED;
	size_t len;
	char *text = NULL;
	FILE *to = open_memstream(&text, &len);

	if (to && !uvdk_inspect_write(all->inspect, "caps", to) && !fclose(to)) {
		to = NULL;
		status = ctl->json ? fputs(text, stdout) < 0 ? EXIT_FAILED : EXIT_DONE
				   : print_text(text);
	}
	if (to)
		fclose(to);
	free(text);

	return status;
}

static void close_all(struct open_devices *all)
{
	while (all->devices)
		uvdk_device_close(all->device[--all->devices]);
	uvdk_inspect_destroy(all->inspect);
	while (all->iommus)
		uvdk_iommu_close(all->iommu[--all->iommus]);
	free(all->device);
}

enum ctl_exit show_devices(const struct ctl *ctl)
{
	const struct uvdk_inspect_opts opts = {.size = sizeof(opts), .path = ""};
	struct open_devices all = {.device = calloc(ctl->devices, sizeof(*all.device))};
	enum ctl_exit status = EXIT_DONE;

	if (!all.device || uvdk_inspect_create(&opts, &all.inspect)) {
		say("no memory");
		free(all.device);
		return EXIT_FAILED;
	}
	for (unsigned int i = 0; i < ctl->devices; i++) {
		enum ctl_exit one = open_device(ctl, &all, ctl->device[i]);

		status = status ? status : one;
	}
	if (all.devices || ctl->json) {
		enum ctl_exit printed = print(ctl, &all);

		status = status ? status : printed;
	}
	close_all(&all);

	return status;
}
