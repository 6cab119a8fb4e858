// SPDX-License-Identifier: BSD-3-Clause
/* sva_kernel: bindings that begin and end, processes that multiply and die. */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "sva_kernel.h"

#define CYCLES 1000u
#define BUSY   (32 * PAGE)

static bool hardware_master(void)
{
	char path[128];
	uint8_t command;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", bdf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && pread(fd, &command, 1, 4) == 1, "%s", path);
	close(fd);
	return command & UVDK_PCI_COMMAND_MASTER;
}

static bool shown_master(void)
{
	uint8_t command;

	CHECK_EQ(uvdk_device_config_read(copier.dev, 4, &command, 1), 0);
	return command & UVDK_PCI_COMMAND_MASTER;
}

/* ---- cycles ---- */

/* A copy per queue; some are still at it when the binding ends. */
static void keep_busy(uint32_t tag, unsigned char *mem)
{
	for (unsigned int queue = 0; queue < 4; queue++)
		copier_submit(&copier, queue, tag, (uintptr_t)mem + (queue + 1) * BUSY,
			      (uintptr_t)mem, BUSY);
}

static unsigned int unfinished(void)
{
	unsigned int count = 0;

	for (unsigned int queue = 0; queue < 4; queue++)
		count += !copier_idle(&copier, queue);
	return count;
}

/* Bus master is off: the device stands still, whatever it has to do. */
static void expect_quiet(unsigned char *mem)
{
	CHECK(!hardware_master(), "bus master is on without a binding");
	memset(mem + BUSY, 0x5a, (size_t)4 * BUSY);
	copier_read(&copier, 0, 4); /* each takes a turn of the device's */
	copier_read(&copier, 0, 4);
	for (size_t i = BUSY; i < (size_t)5 * BUSY; i++)
		CHECK(mem[i] == 0x5a, "byte %zu changed to 0x%x", i, mem[i]);
}

void scene_cycles(void)
{
	unsigned char *mem = pages_new((size_t)5 * BUSY);
	unsigned int busy = 0;

	copier_set_pace(&copier, 20000); /* or a copy ends before the binding does */
	for (unsigned int i = 0; i < CYCLES; i++) {
		struct uvdk_sva *sva = sva_join(&copier);

		CHECK(hardware_master(), "bus master is off with a binding");
		if (!unfinished())
			keep_busy(sva_tag(sva), mem);
		CHECK_EQ(uvdk_sva_unbind(sva), 0);
		busy += unfinished() > 0;
		if (i % 16 == 0)
			expect_quiet(mem);
	}
	printf("  %u bindings, %u of them ended with the device busy\n", CYCLES, busy);
	CHECK(busy > CYCLES / 4, "the device was hardly ever busy");
	/* And it still goes. */
	{
		struct uvdk_sva *sva = sva_join(&copier);

		copier_set_pace(&copier, 0);
		for (unsigned int queue = 0; queue < 4; queue++)
			copier_wait(&copier, queue);
		fill(mem, BUSY, 9);
		CHECK_COPY("at the end", sva_copy(sva_tag(sva), mem + BUSY, mem, BUSY), COPY_DONE,
			   0);
		expect_filled(mem + BUSY, BUSY, 9);
		CHECK_EQ(uvdk_sva_unbind(sva), 0);
	}
}

/* ---- fork ---- */

static void expect_no_node(void)
{
	char link[64], target[128];

	for (int fd = 0; fd < 256; fd++) {
		ssize_t len;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		len = readlink(link, target, sizeof(target) - 1);
		if (len < 0)
			continue;
		target[len] = '\0';
		CHECK(!strstr(target, "/dev/uio") && !strstr(target, "/config"), "the child has %s",
		      target);
	}
}

/* Its memory is as it was, whatever the device does for the parent. */
static int child(struct uvdk_sva *sva, const int *go, const unsigned char *mem)
{
	char c;

	expect_no_node();
	CHECK_ERR(uvdk_sva_unbind(sva), -EPERM);
	CHECK_EQ(read(go[0], &c, 1), 1);
	expect_filled(mem, BUSY, 1);
	for (size_t i = BUSY; i < (size_t)2 * BUSY; i++)
		CHECK(mem[i] == 0, "byte %zu of the child changed to 0x%x", i, mem[i]);
	return 0;
}

/* fork() has made all pages shared and read-only; the first store parts them. */
static void touch_until_idle(unsigned char *mem)
{
	time_t deadline = time(NULL) + DEADLINE;

	while (!copier_idle(&copier, 0)) {
		for (size_t at = 0; at < (size_t)2 * BUSY; at += PAGE)
			__atomic_fetch_or(mem + at, 0, __ATOMIC_SEQ_CST);
		CHECK(time(NULL) <= deadline, "the copy does not end");
	}
}

void scene_fork(void)
{
	struct uvdk_sva *sva = sva_join(&copier);
	unsigned char *mem = pages_new((size_t)2 * BUSY);
	int go[2], status;
	uint32_t index;
	pid_t pid;

	CHECK_EQ(pipe(go), 0);
	fill(mem, BUSY, 1);
	/* The device stands still at fork(): it does not wait for invalidations as hardware does.
	 */
	CHECK_EQ(uvdk_device_set_command(copier.dev, 0, UVDK_PCI_COMMAND_MASTER), 0);
	index = copier_submit(&copier, 0, sva_tag(sva) | COPY_INSIST, (uintptr_t)mem + BUSY,
			      (uintptr_t)mem, BUSY);
	pid = fork();
	if (!pid)
		_exit(child(sva, go, mem));
	CHECK(pid > 0, "fork");
	CHECK_EQ(uvdk_device_set_command(copier.dev, UVDK_PCI_COMMAND_MASTER, 0), 0);
	touch_until_idle(mem);
	CHECK_COPY("fork", copier_result(&copier, 0, index), COPY_DONE, 0);
	printf("  asked again %u times\n", copier_result(&copier, 0, index).again);
	expect_filled(mem + BUSY, BUSY, 1);

	/* The child lives, and does not keep the binding. */
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
	CHECK(!hardware_master() && shown_master(), "bus master");
	sva = sva_join(&copier);
	CHECK_EQ(write(go[1], "x", 1), 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status), "the child ended with 0x%x", status);
	close(go[0]);
	close(go[1]);
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
}

/* ---- hold: until it is killed ---- */

void scene_hold(void)
{
	unsigned char *mem = pages_new((size_t)5 * BUSY);
	struct uvdk_sva *sva = sva_join(&copier);

	printf("holding PASID %u\n", uvdk_sva_pasid(sva));
	for (;;)
		if (!unfinished())
			keep_busy(sva_tag(sva), mem);
}

/* ---- refuse ---- */

/* Chosen by itself, and the owner's numbers stay what they are. */
static void choose(void)
{
	struct uvdk_pasid_space_opts space_opts = {.size = sizeof(space_opts), .width = 16};
	struct uvdk_sva_opts opts = {.size = sizeof(opts)};
	struct uvdk_pasid_space *space;
	struct uvdk_sva_info info;
	struct uvdk_sva *sva;
	uint32_t pasid;

	CHECK_EQ(uvdk_pasid_space_create(&space_opts, &space), 0);
	CHECK_EQ(uvdk_pasid_owner_create(space, 1, &opts.owner), 0);
	CHECK_EQ(uvdk_sva_bind(copier.dev, &opts, &sva), 0);
	uvdk_sva_get_info(sva, &info);
	CHECK_EQ(info.backend, UVDK_SVA_KERNEL);
	CHECK_EQ(uvdk_pasid_alloc(opts.owner, 1, 100, &pasid), 0);
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
	CHECK_EQ(uvdk_pasid_free(opts.owner, pasid), 0);
	uvdk_pasid_owner_destroy(opts.owner);
	uvdk_pasid_space_destroy(space);
}

void scene_refuse(void)
{
	struct uvdk_sva_opts rid = {
		.size = sizeof(rid), .backend = UVDK_SVA_KERNEL, .flags = UVDK_SVA_RID};
	struct uvdk_sva_opts opts = {.size = sizeof(opts), .backend = UVDK_SVA_KERNEL};
	struct uvdk_sva *sva, *other;
	struct uvdk_iommu *iommufd;
	struct uvdk_device *dev;
	struct uvdk_ioas *ioas;
	int fd = eventfd(0, EFD_CLOEXEC);

	CHECK(!hardware_master() && shown_master(), "bus master");
	CHECK_ERR(uvdk_ioas_create(copier.iommu, NULL, &ioas), -EOPNOTSUPP);
	CHECK_ERR(uvdk_device_open(copier.iommu, bdf, NULL, &dev), -EBUSY);
	CHECK_EQ(uvdk_iommu_open("iommufd", NULL, &iommufd), 0);
	CHECK_ERR(uvdk_device_open(iommufd, bdf, NULL, &dev), -EBUSY);
	uvdk_iommu_close(iommufd);
	CHECK_EQ(uvdk_device_irq_count(copier.dev, UVDK_IRQ_MSIX), 0);
	CHECK_ERR(uvdk_device_irq_set(copier.dev, UVDK_IRQ_MSIX, 0, 1, &fd), -EINVAL);
	CHECK_ERR(uvdk_sva_bind(copier.dev, &rid, &sva), -EOPNOTSUPP);
	CHECK_EQ(uvdk_sva_bind(copier.dev, &opts, &sva), 0);
	CHECK_ERR(uvdk_sva_bind(copier.dev, &opts, &other), -EBUSY);
	CHECK_EQ(uvdk_device_reset(copier.dev), 0);
	CHECK(hardware_master(), "bus master is off after the reset");
	CHECK_EQ(uvdk_sva_unbind(sva), 0);
	CHECK(!hardware_master(), "bus master");
	choose();
	close(fd);
}
