// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pci_priv.h"

/* The kernel binds within write(2), unless the driver asks for asynchronous probing. */
#define WAIT_MS 1000

/* One change of driver under way; lives on the stack of the public call. */
struct job {
	const struct uvdk_pci_binder *binder;
	struct uvdk_pci_function fn; /* as it was before */
	char bdf[UVDK_PCI_ADDR_LEN];
	bool dry;
	bool remembered_now; /* the state file is of this job's making */
};

static int job_init(struct job *job, const struct uvdk_pci_binder *binder,
		    const struct uvdk_pci_addr *addr, unsigned int flags)
{
	memset(job, 0, sizeof(*job));
	job->binder = binder;
	job->dry = flags & UVDK_PCI_BIND_DRY_RUN;
	uvdk_pci_addr_format(addr, job->bdf);

	return uvdk_pci_identify(binder->sysfs_root, addr, &job->fn);
}

static void attr_path(const struct job *job, const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/bus/pci/devices/%s/%s", uvdk_pci_root(job->binder->sysfs_root),
		 job->bdf, name);
}

static void driver_path(const struct job *job, const char *driver, const char *name,
			char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/bus/pci/drivers/%s%s%s",
		 uvdk_pci_root(job->binder->sysfs_root), driver, name[0] ? "/" : "", name);
}

static int no_permission(const struct job *job, const char *path)
{
	struct stat st = {0};

	stat(path, &st);
	return uvdk_fail(-EACCES, "pci",
			 "no permission to change the driver of %s: %s belongs to user %u, mode "
			 "%03o; run as root",
			 job->bdf, path, (unsigned int)st.st_uid, (unsigned int)st.st_mode & 0777);
}

/* Write text, or say that it would be written; the errno is the kernel's own. */
static int step(const struct job *job, const char *path, const char *text)
{
	int ret;

	if (job->dry) {
		ret = faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) ? -errno : 0;
		if (!ret)
			uvdk_log(UVDK_LOG_INFO, "pci", "would write \"%s\" to %s",
				 strcmp(text, "\n") == 0 ? "" : text, path);
	} else {
		ret = uvdk_pci_write_attr(AT_FDCWD, path, text);
	}
	if (ret == -EACCES || ret == -EPERM || ret == -EROFS)
		return no_permission(job, path);

	return ret;
}

static int set_override(const struct job *job, const char *driver)
{
	char path[PATH_MAX];
	int ret;

	attr_path(job, "driver_override", path);
	ret = step(job, path, driver[0] ? driver : "\n");
	if (ret && ret != -EACCES)
		return uvdk_fail(-EIO, "pci", "cannot write \"%s\" to %s: %s", driver, path,
				 strerror(-ret));
	return ret;
}

/* Wait until the driver is want ("" for none). */
static bool became(const struct job *job, const char *want)
{
	const struct timespec tick = {.tv_nsec = 1000000};
	char path[PATH_MAX];
	char driver[PCI_DRIVER_LEN];

	if (job->dry)
		return true;

	attr_path(job, "driver", path);
	for (int i = 0; i < WAIT_MS; i++) {
		if (uvdk_pci_link_name(AT_FDCWD, path, driver, sizeof(driver)))
			driver[0] = '\0';
		if (strcmp(driver, want) == 0)
			return true;
		nanosleep(&tick, NULL);
	}

	return false;
}

static int detach(const struct job *job)
{
	char path[PATH_MAX];
	int ret;

	driver_path(job, job->fn.driver, "unbind", path);
	ret = step(job, path, job->bdf);
	if (ret == -EACCES)
		return ret;
	if (ret)
		return uvdk_fail(-EIO, "pci", "cannot unbind %s from %s (%s): %s", job->bdf,
				 job->fn.driver, path, strerror(-ret));
	if (!became(job, ""))
		return uvdk_fail(-EIO, "pci", "%s does not let go of %s", job->fn.driver, job->bdf);

	return 0;
}

static int refused(const struct job *job, const char *driver, int err)
{
	bool no_group = err == -EINVAL && strncmp(driver, "vfio", 4) == 0;
	const struct uvdk_pci_function *fn = &job->fn;

	if (strcmp(driver, "vfio-pci") == 0 && uvdk_pci_is_denied(job->binder->sysfs_root, fn))
		return uvdk_fail(
			-EBUSY, "pci",
			"driver %s refused %s: %04x:%04x is on its list of devices that "
			"untrusted users could harm the machine with; if yours are trusted, "
			"load vfio-pci with disable_denylist=1 (kernel command line: "
			"vfio_pci.disable_denylist=1)",
			driver, job->bdf, fn->vendor, fn->device);

	return uvdk_fail(-EBUSY, "pci", "driver %s refused %s: %s%s", driver, job->bdf,
			 err ? strerror(-err) : "no error, but it is not bound",
			 no_group ? "; it has no IOMMU group, so enable the IOMMU in firmware and "
				    "kernel, or allow noiommu mode"
				  : "; the kernel log may say more");
}

static int attach(const struct job *job, const char *driver)
{
	char path[PATH_MAX];
	int ret;

	driver_path(job, driver, "bind", path);
	ret = step(job, path, job->bdf);
	if (ret == -EACCES)
		return ret;
	if (ret || !became(job, driver))
		return refused(job, driver, ret);

	return 0;
}

/* Put back what the function had, without a word over the error being reported. */
static void go_back(const struct job *job)
{
	const char *old = job->fn.driver;
	char override_path[PATH_MAX];
	char path[PATH_MAX];

	attr_path(job, "driver", path);
	if (job->dry || !old[0] || access(path, F_OK) == 0)
		return;

	attr_path(job, "driver_override", override_path);
	driver_path(job, old, "bind", path);
	uvdk_pci_write_attr(AT_FDCWD, override_path, old);
	if (uvdk_pci_write_attr(AT_FDCWD, path, job->bdf) || !became(job, old))
		uvdk_log(UVDK_LOG_WARN, "pci",
			 "%s is left without a driver: %s does not take it "
			 "back",
			 job->bdf, old);
}

/*
 * From the driver it has to another ("": none). The override is a means only:
 * it keeps others from taking the function meanwhile, makes the new driver
 * accept an ID it does not know, and is then put back as it was.
 */
static int switch_driver(const struct job *job, const char *driver)
{
	int ret = 0;

	if (driver[0] && (ret = set_override(job, driver)))
		return ret;

	if (job->fn.driver[0])
		ret = detach(job);
	if (!ret && driver[0])
		ret = attach(job, driver);
	if (ret)
		go_back(job);

	if (driver[0]) {
		char path[PATH_MAX];
		const char *old = job->fn.driver_override;

		attr_path(job, "driver_override", path);
		if (step(job, path, old[0] ? old : "\n"))
			uvdk_log(UVDK_LOG_WARN, "pci", "driver_override of %s is left at \"%s\"",
				 job->bdf, driver);
	}

	return ret;
}

static int check_driver(const struct job *job, const char *driver)
{
	char path[PATH_MAX];

	if (!uvdk_pci_driver_name_ok(driver))
		return uvdk_fail(-EINVAL, "pci", "\"%s\" cannot be the name of a driver", driver);

	driver_path(job, driver, "", path);
	if (access(path, F_OK))
		return uvdk_fail(-ENOENT, "pci",
				 "driver %s is not loaded (no %s); try: modprobe %s", driver, path,
				 driver);
	return 0;
}

/* What is remembered and still about the device that sits there. */
static int load_previous(const struct job *job, struct uvdk_pci_previous *prev)
{
	int ret = uvdk_pci_state_load(job->binder->state_dir, &job->fn.addr, prev);

	if (ret)
		return ret;

	return prev->vendor == job->fn.vendor && prev->device == job->fn.device ? 0 : -ENOENT;
}

/* Remember the present driver, unless an earlier one is remembered. */
static int remember(struct job *job)
{
	struct uvdk_pci_previous prev;
	int ret = load_previous(job, &prev);

	if (ret != -ENOENT)
		return ret;

	memcpy(prev.driver, job->fn.driver, sizeof(prev.driver));
	prev.vendor = job->fn.vendor;
	prev.device = job->fn.device;
	if (job->dry) {
		uvdk_log(UVDK_LOG_INFO, "pci", "would remember that %s had %s%s", job->bdf,
			 prev.driver[0] ? "driver " : "no driver", prev.driver);
		return 0;
	}
	job->remembered_now = true;

	return uvdk_pci_state_save(job->binder->state_dir, &job->fn.addr, &prev);
}

static void forget(const struct job *job)
{
	if (!job->dry)
		uvdk_pci_state_forget(job->binder->state_dir, &job->fn.addr);
}

/* Once the first driver is back there is nothing to restore. */
static void forget_if_home(const struct job *job, const char *driver)
{
	struct uvdk_pci_previous prev;

	if (!load_previous(job, &prev) && strcmp(prev.driver, driver) == 0)
		forget(job);
}

static int remember_and_switch(struct job *job, const char *driver)
{
	int ret = remember(job);

	if (ret)
		return ret;

	ret = switch_driver(job, driver);
	if (ret && job->remembered_now)
		forget(job);
	if (!ret)
		forget_if_home(job, driver);

	return ret;
}

UVDK_EXPORT int uvdk_pci_bind(const struct uvdk_pci_binder *binder,
			      const struct uvdk_pci_addr *addr, const char *driver,
			      unsigned int flags)
{
	struct job job;
	int ret;

	if ((ret = job_init(&job, binder, addr, flags)) || (ret = check_driver(&job, driver)))
		return ret;
	if (strcmp(job.fn.driver, driver) == 0)
		return 0;

	return remember_and_switch(&job, driver);
}

UVDK_EXPORT int uvdk_pci_unbind(const struct uvdk_pci_binder *binder,
				const struct uvdk_pci_addr *addr, unsigned int flags)
{
	struct job job;
	int ret = job_init(&job, binder, addr, flags);

	if (ret || !job.fn.driver[0])
		return ret;

	return remember_and_switch(&job, "");
}

UVDK_EXPORT int uvdk_pci_restore(const struct uvdk_pci_binder *binder,
				 const struct uvdk_pci_addr *addr, unsigned int flags)
{
	struct uvdk_pci_previous prev;
	struct job job;
	int ret;

	if ((ret = job_init(&job, binder, addr, flags)))
		return ret;
	ret = load_previous(&job, &prev);
	if (ret == -ENOENT)
		return uvdk_fail(ret, "pci",
				 "no former driver of %s is remembered; bind it to one by name",
				 job.bdf);
	if (ret || (prev.driver[0] && (ret = check_driver(&job, prev.driver))))
		return ret;

	if (strcmp(job.fn.driver, prev.driver) != 0)
		ret = switch_driver(&job, prev.driver);
	if (!ret)
		forget(&job);

	return ret;
}

UVDK_EXPORT int uvdk_pci_previous_driver(const struct uvdk_pci_binder *binder,
					 const struct uvdk_pci_addr *addr, char *buf, size_t len)
{
	struct uvdk_pci_previous prev;
	struct job job;
	int ret = uvdk_pci_state_load(binder->state_dir, addr, &prev);

	if (ret)
		return ret;
	if (job_init(&job, binder, addr, 0))
		return -EIO;
	if (prev.vendor != job.fn.vendor || prev.device != job.fn.device)
		return -ENOENT;
	if (strlen(prev.driver) >= len)
		return uvdk_fail(-EIO, "pci", "\"%s\" does not fit in %zu bytes", prev.driver, len);
	memcpy(buf, prev.driver, strlen(prev.driver) + 1);

	return 0;
}
