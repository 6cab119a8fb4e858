// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uvdk_fault.h>

#include "vfio_sim.h"

/* The kernel refuses one call after the other, and nothing is left behind. */

TestSuite(vfio_faults, .init = sim_create, .fini = sim_destroy);

static struct uvdk_iommu *iommu;
static char *memory;
static int irq_fds[4];

static void use_device(struct uvdk_device *dev)
{
	struct uvdk_region bar;
	uint64_t value;

	if (!uvdk_device_region(dev, 0, &bar))
		uvdk_region_read(&bar, 0x2010, 4, &value);
	uvdk_device_set_command(dev, UVDK_PCI_COMMAND_MASTER, 0);
	uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 0, 2, irq_fds);
	uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 2, 2, irq_fds + 2);
	uvdk_device_irq_trigger(dev, UVDK_IRQ_MSIX, 0);
	uvdk_device_reset(dev);
	uvdk_device_hot_reset(dev);
	uvdk_device_next_event(dev);
}

static void use_pasids(struct uvdk_ioas *ioas, struct uvdk_device *dev)
{
	struct uvdk_ioas *other;

	if (uvdk_ioas_create(iommu, NULL, &other))
		return;
	if (!uvdk_ioas_attach_pasid(other, dev, 5) && !uvdk_ioas_replace_pasid(ioas, dev, 5))
		uvdk_ioas_attach_pasid(other, dev, 6);
	uvdk_ioas_destroy(other);
}

static void use_table(struct uvdk_ioas *ioas, struct uvdk_device *dev)
{
	struct uvdk_hwpt_opts opts = {.size = sizeof(opts),
				      .flags = UVDK_HWPT_PASID | UVDK_HWPT_DIRTY};
	struct uvdk_hwpt *table;
	uint64_t bits = 0;

	if (uvdk_faultq_create(iommu, NULL, &opts.faultq))
		return;
	if (!uvdk_hwpt_create(ioas, dev, &opts, &table)) {
		uvdk_hwpt_attach(table, dev, 7);
		uvdk_hwpt_dirty_start(table);
		uvdk_hwpt_dirty_read(table, 0, 4096, 4096, &bits, 0);
		uvdk_hwpt_dirty_stop(table);
		uvdk_hwpt_destroy(table);
	}
	uvdk_faultq_destroy(opts.faultq);
}

static void use_ioas(struct uvdk_ioas *ioas, struct uvdk_device *dev)
{
	uvdk_iova_t before;
	uvdk_iova_t after;
	int mapped = uvdk_ioas_map(ioas, memory, 4096, UVDK_MAP_RW, &before);

	if (!uvdk_ioas_attach(ioas, dev)) {
		if (!uvdk_ioas_map(ioas, memory + 4096, 4096, UVDK_MAP_RW, &after))
			uvdk_ioas_unmap(ioas, after, 4096);
		use_pasids(ioas, dev);
		use_table(ioas, dev);
		uvdk_ioas_detach(ioas, dev);
	}
	if (!mapped)
		uvdk_ioas_unmap(ioas, before, 4096);
}

static void run_through(const char *name)
{
	struct uvdk_device *dev;
	struct uvdk_ioas *ioas;

	if (uvdk_iommu_open(name, sim_iommu_opts(), &iommu))
		return;
	if (!uvdk_device_open(iommu, SIM_A, sim_device_opts(), &dev)) {
		use_device(dev);
		if (!uvdk_ioas_create(iommu, NULL, &ioas)) {
			use_ioas(ioas, dev);
			uvdk_ioas_destroy(ioas);
		}
		uvdk_device_close(dev);
	}
	uvdk_iommu_close(iommu);
}

static void refuse_each(const char *name, int err)
{
	unsigned int total;
	unsigned int fds;

	memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(memory, MAP_FAILED);
	for (int i = 0; i < 4; i++)
		irq_fds[i] = eventfd(0, EFD_CLOEXEC);
	sim.noresize = true;
	sim.pasid_bits = 16;
	fds = sim_count_fds();
	run_through(name);
	total = sim.calls;
	cr_assert_gt(total, 20, "%s makes %u calls", name, total);
	cr_expect_eq(sim_count_fds(), fds);

	for (unsigned int i = 1; i <= total; i++) {
		sim.calls = 0;
		sim.fail_at = i;
		sim.fail_errno = err;
		sim.maps = 0;
		sim.objects = 0;
		sim.attached = 0;
		memset(sim.pasids, 0, sizeof(sim.pasids));
		sim.enabled = 0;
		run_through(name);
		cr_expect_eq(sim_count_fds(), fds, "%s, call %u: descriptors", name, i);
		/* What the kernel refused to give back can't be counted as ours. */
		cr_expect_leq(sim.maps, 1, "%s, call %u: %u maps", name, i, sim.maps);
		cr_expect_leq(sim.objects, 1, "%s, call %u: objects", name, i);
	}
}

Test(vfio_faults, of_iommufd)
{
	refuse_each("iommufd", EIO);
}

Test(vfio_faults, of_iommufd_out_of_memory)
{
	refuse_each("iommufd", ENOMEM);
}

Test(vfio_faults, of_type1)
{
	refuse_each("type1", EIO);
}

Test(vfio_faults, of_type1_busy)
{
	refuse_each("type1", EBUSY);
}
