// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "fake_bus.h"

TestSuite(device, .init = fake_setup);

static struct uvdk_iommu *any_iommu = (struct uvdk_iommu *)&fake;

static uint16_t command(void)
{
	return (uint16_t)(fake.config[4] | fake.config[5] << 8);
}

Test(device, open_and_close_leave_nothing_behind)
{
	unsigned int fds = count_fds();

	for (int i = 0; i < 100; i++) {
		struct uvdk_device *dev = fake_open();
		struct uvdk_region bar;

		cr_assert_eq(uvdk_device_region(dev, 0, &bar), 0);
		cr_expect_not_null(uvdk_device_iommu(dev));
		uvdk_device_close(dev);
	}

	cr_expect_eq(fake.opened, 0);
	cr_expect_eq(count_fds(), fds);
}

Test(device, a_failed_open_leaves_nothing_behind)
{
	struct uvdk_device *dev = NULL;
	unsigned int fds = count_fds();

	fake.fail_open = -EACCES;
	cr_expect_eq(uvdk_device_open(any_iommu, "fake", NULL, &dev), -EACCES);
	cr_expect_null(dev);
	cr_expect_eq(count_fds(), fds);
}

Test(device, spec_and_options_are_checked)
{
	struct {
		struct uvdk_device_opts now;
		uint64_t later;
	} opts = {.now.size = 3, .later = 1};
	struct uvdk_device *dev = NULL;

	cr_expect_eq(uvdk_device_open(any_iommu, "nonsense", NULL, &dev), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "nonsense"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_device_open(NULL, "fake", NULL, &dev), -EINVAL);
	cr_expect_eq(uvdk_device_open(any_iommu, NULL, NULL, &dev), -EINVAL);
	cr_expect_eq(uvdk_device_open(any_iommu, "fake", &opts.now, &dev), -EINVAL);
	opts.now.size = sizeof(opts);
	cr_expect_eq(uvdk_device_open(any_iommu, "fake", &opts.now, &dev), -EINVAL);
	cr_expect_null(dev);
	cr_expect_eq(fake.opened, 0);
}

Test(device, options_of_an_older_caller_are_taken)
{
	struct uvdk_device_opts opts = {.size = offsetof(struct uvdk_device_opts, vf_token)};
	struct uvdk_device *dev = NULL;

	cr_expect_eq(uvdk_device_open(any_iommu, "fake", &opts, &dev), 0);
	uvdk_device_close(dev);
	uvdk_device_close(NULL);
}

Test(device, info_is_the_buss)
{
	struct uvdk_device *dev = fake_open();
	const struct uvdk_device_info *info = uvdk_device_get_info(dev);

	cr_expect_str_eq(info->name, "fake");
	cr_expect_str_eq(info->bus, "fake");
	cr_expect_eq(info->vendor, 0x1234);
	uvdk_device_close(dev);
}

static char order[8];

struct noter {
	struct uvdk_device_watcher watch; /* first */
	char letter;
};

static void note(struct uvdk_device_watcher *watch)
{
	cr_expect_eq(fake.opened, 1, "told while the device is open");
	strncat(order, &((struct noter *)watch)->letter, 1);
}

Test(device, who_watches_is_told_of_the_close_latest_first_and_once)
{
	struct noter a = {{.closes = note}, 'a'}, b = {{.closes = note}, 'b'},
		     c = {{.closes = note}, 'c'};
	struct uvdk_device *dev = fake_open();

	uvdk_device_watch(dev, &a.watch);
	uvdk_device_watch(dev, &b.watch);
	uvdk_device_watch(dev, &c.watch);
	uvdk_device_unwatch(dev, &b.watch);
	uvdk_device_close(dev);
	cr_expect_str_eq(order, "ca");
	uvdk_device_unwatch(dev, &a.watch);
}

static struct uvdk_device_watcher slow;
static atomic_bool telling, given_up;

/* Long enough for whoever does not wait to be seen. */
static void tell_slowly(struct uvdk_device_watcher *watch)
{
	(void)watch;
	atomic_store(&telling, true);
	for (int i = 0; i < 1000 && !atomic_load(&given_up); i++)
		sched_yield();
	cr_expect_not(atomic_load(&given_up), "who watched may have freed it by now");
}

static void *gives_up(void *dev)
{
	while (!atomic_load(&telling))
		sched_yield();
	uvdk_device_unwatch(dev, &slow);
	atomic_store(&given_up, true);

	return NULL;
}

Test(device, a_watch_given_up_while_it_is_told_is_told_no_more_on_return)
{
	struct uvdk_device *dev = fake_open();
	pthread_t thread;

	slow.closes = tell_slowly;
	uvdk_device_watch(dev, &slow);
	cr_assert_eq(pthread_create(&thread, NULL, gives_up, dev), 0);
	uvdk_device_close(dev);
	pthread_join(thread, NULL);
	cr_expect(atomic_load(&given_up));
}

Test(device, config_space_is_bounded)
{
	struct uvdk_device *dev = fake_open();
	uint32_t id;

	cr_expect_eq(uvdk_device_config_read(dev, 0, &id, 4), 0);
	cr_expect_eq(id, 0x11e81234);
	cr_expect_eq(uvdk_device_config_read(dev, 252, &id, 4), 0);
	cr_expect_eq(uvdk_device_config_read(dev, 253, &id, 4), -EINVAL);
	cr_expect_eq(uvdk_device_config_read(dev, 256, &id, 1), -EINVAL);
	cr_expect_eq(uvdk_device_config_read(dev, UINT32_MAX, &id, 4), -EINVAL);
	cr_expect_eq(uvdk_device_config_write(dev, 4, &id, SIZE_MAX), -EINVAL);
	cr_expect_eq(uvdk_device_pci_config(dev)->size, 256);
	uvdk_device_close(dev);
}

Test(device, command_bits_survive_a_reset)
{
	struct uvdk_device *dev = fake_open();

	cr_assert_eq(
		uvdk_device_set_command(dev, UVDK_PCI_COMMAND_MASTER | UVDK_PCI_COMMAND_MEMORY, 0),
		0);
	cr_expect_eq(command(), 6);
	cr_assert_eq(uvdk_device_reset(dev), 0);
	cr_expect_eq(fake.resets, 1);
	cr_expect_eq(command(), 6);
	cr_assert_eq(uvdk_device_set_command(dev, 0, UVDK_PCI_COMMAND_MEMORY), 0);
	cr_assert_eq(uvdk_device_hot_reset(dev), 0);
	cr_expect_eq(command(), 4);
	cr_expect_eq(uvdk_device_set_command(dev, 4, 4), -EINVAL);
	uvdk_device_close(dev);
	cr_expect_eq(command(), 0, "a closed device masters no bus");
}

Test(device, interrupt_arguments_are_checked)
{
	struct uvdk_device *dev = fake_open();
	int fds[8] = {3, 3, 3, 3, 3, 3, 3, 3};
	int none[2] = {-1, -1};

	cr_expect_eq(uvdk_device_irq_count(dev, UVDK_IRQ_MSIX), 8);
	cr_expect_eq(uvdk_device_irq_count(dev, UVDK_IRQ_INTX), 0);
	cr_expect_eq(uvdk_device_irq_count(dev, (enum uvdk_irq_type)3), -EINVAL);
	cr_expect_eq(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 1, 8, fds), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "8"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 0, 0, fds), -EINVAL);
	cr_expect_not_null(strstr(uvdk_last_error(), "no MSI-X vector"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, UINT32_MAX, 2, fds), -EINVAL);
	cr_expect_eq(uvdk_device_irq_trigger(dev, UVDK_IRQ_MSIX, 0), -EINVAL);

	cr_assert_eq(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 2, 2, fds), 0);
	cr_expect_eq(uvdk_device_irq_set(dev, UVDK_IRQ_MSI, 0, 1, fds), -EBUSY);
	cr_expect_eq(uvdk_device_irq_trigger(dev, UVDK_IRQ_MSIX, 1), -EINVAL);
	cr_expect_eq(uvdk_device_irq_trigger(dev, UVDK_IRQ_MSIX, 3), 0);
	cr_expect_eq(fake.triggered, 1);
	cr_expect_eq(uvdk_device_irq_mask(dev, UVDK_IRQ_MSIX, 3, true), -EOPNOTSUPP);

	/* The last vector that goes turns the kind off. */
	cr_assert_eq(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 2, 2, none), 0);
	cr_expect_eq(fake.disabled, 1);
	cr_expect_eq(uvdk_device_irq_set(dev, UVDK_IRQ_MSI, 0, 1, fds), 0);
	uvdk_device_close(dev);
	cr_expect_eq(fake.disabled, 2);
}

static bool other_match(const char *spec)
{
	return !strcmp(spec, "other");
}

Test(device, registered_buses_are_bounded_and_named_once)
{
	static struct uvdk_bus_ops more[17];
	static char names[17][8];

	cr_expect_eq(uvdk_bus_register(&fake_bus), -EEXIST);
	for (int i = 0; i < 17; i++) {
		more[i] = fake_bus;
		snprintf(names[i], sizeof(names[i]), "bus%d", i);
		more[i].name = names[i];
		more[i].match = other_match;
		cr_expect_eq(uvdk_bus_register(&more[i]), i < 16 ? 0 : -ENOSPC);
	}
	cr_expect_eq(uvdk_bus_register(&more[3]), -EEXIST);
}

Test(device, a_registered_bus_is_asked)
{
	static struct uvdk_bus_ops other;
	struct uvdk_device *dev = NULL;

	other = fake_bus;
	other.name = "other";
	other.match = other_match;
	cr_expect_eq(uvdk_device_open(any_iommu, "other", NULL, &dev), -EINVAL);
	cr_assert_eq(uvdk_bus_register(&other), 0);
	cr_assert_eq(uvdk_device_open(any_iommu, "other", NULL, &dev), 0);
	cr_expect_str_eq(uvdk_device_get_info(dev)->bus, "other");
	uvdk_device_close(dev);
}
