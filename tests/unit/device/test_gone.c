// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_bus.h"

TestSuite(gone, .init = fake_setup);

static bool event_waits(struct uvdk_device *dev)
{
	struct pollfd p = {.fd = uvdk_device_event_fd(dev), .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void expect_closed_for_business(struct uvdk_device *dev, const struct uvdk_region *bar)
{
	uint64_t value = 77;
	int fd = 3;

	cr_expect(uvdk_device_gone(dev));
	cr_expect_eq(uvdk_device_check(dev), -ENODEV);
	cr_expect_eq(uvdk_device_config_read(dev, 0, &value, 4), -ENODEV);
	cr_expect_eq(uvdk_device_config_write(dev, 0, &value, 4), -ENODEV);
	cr_expect_eq(uvdk_device_set_command(dev, 4, 0), -ENODEV);
	cr_expect_eq(uvdk_region_read(bar, 0, 4, &value), -ENODEV);
	cr_expect_eq(uvdk_region_write(bar, 0, 4, 0), -ENODEV);
	cr_expect_null(uvdk_region_ptr(bar, 0, 4));
	cr_expect_eq(uvdk_device_irq_count(dev, UVDK_IRQ_MSIX), -ENODEV);
	cr_expect_eq(uvdk_device_irq_set(dev, UVDK_IRQ_MSIX, 0, 1, &fd), -ENODEV);
	cr_expect_eq(uvdk_device_irq_disable(dev, UVDK_IRQ_MSIX), -ENODEV);
	cr_expect_eq(uvdk_device_reset(dev), -ENODEV);
	cr_expect_eq(uvdk_device_hot_reset(dev), -ENODEV);
	cr_expect_eq(uvdk_device_hot_reset_list(dev, NULL, 0), -ENODEV);
	cr_expect_eq(value, 77);
	cr_expect_str_eq(uvdk_device_get_info(dev)->name, "fake");
}

Test(gone, all_ones_are_believed_only_if_the_function_is_silent)
{
	struct uvdk_device *dev = fake_open();
	struct uvdk_region bar;
	uint64_t value = 0;

	cr_assert_eq(uvdk_device_region(dev, 1, &bar), 0);
	memset(fake.bar1, 0xff, sizeof(fake.bar1));
	cr_expect_eq(uvdk_region_read(&bar, 0, 4, &value), 0);
	cr_expect_eq(value, UINT32_MAX);
	cr_expect_not(uvdk_device_gone(dev));
	cr_expect_not(event_waits(dev));

	/* The kernel answers for vendor and device ID even then. */
	memset(fake.config + 4, 0xff, sizeof(fake.config) - 4);
	value = 77;
	cr_expect_eq(uvdk_region_read(&bar, 0, 4, &value), -ENODEV);
	cr_expect_eq(value, 77);
	expect_closed_for_business(dev, &bar);
	cr_expect(event_waits(dev));
	cr_expect_eq(uvdk_device_next_event(dev), UVDK_DEVICE_EVENT_GONE);
	cr_expect_not(event_waits(dev));
	cr_expect_eq(uvdk_device_next_event(dev), UVDK_DEVICE_EVENT_NONE);
	uvdk_device_close(dev);
	cr_expect_eq(fake.opened, 0);
}

static void tell(enum uvdk_device_event event)
{
	uint64_t one = 1;

	fake.event = event;
	cr_assert_eq(write(fake.event_fd, &one, sizeof(one)), sizeof(one));
}

Test(gone, a_removal_request_takes_the_device_off_memory)
{
	struct uvdk_device *dev = fake_open();
	struct uvdk_region bar;

	cr_assert_eq(uvdk_device_region(dev, 1, &bar), 0);
	cr_assert_eq(uvdk_device_set_command(dev, UVDK_PCI_COMMAND_MASTER, 0), 0);
	tell(UVDK_DEVICE_EVENT_REMOVE);
	cr_expect(event_waits(dev));
	cr_expect_eq(uvdk_device_next_event(dev), UVDK_DEVICE_EVENT_REMOVE);
	cr_expect_eq(fake.config[4] & UVDK_PCI_COMMAND_MASTER, 0);
	expect_closed_for_business(dev, &bar);

	/* The kernel repeats itself; the application is told once. */
	tell(UVDK_DEVICE_EVENT_REMOVE);
	cr_expect_eq(uvdk_device_next_event(dev), UVDK_DEVICE_EVENT_NONE);
	cr_expect_not(event_waits(dev));
	uvdk_device_close(dev);
}

Test(gone, an_error_is_an_event_and_no_end)
{
	struct uvdk_device *dev = fake_open();

	tell(UVDK_DEVICE_EVENT_ERROR);
	cr_expect_eq(uvdk_device_next_event(dev), UVDK_DEVICE_EVENT_ERROR);
	cr_expect_eq(uvdk_device_next_event(dev), UVDK_DEVICE_EVENT_NONE);
	cr_expect_not(uvdk_device_gone(dev));
	uvdk_device_close(dev);
}

/* ---- SIGBUS ---- */

static sigjmp_buf escape;
static volatile int theirs;

static void their_handler(int signum, siginfo_t *info, void *context)
{
	(void)signum;
	(void)info;
	(void)context;
	theirs++;
	siglongjmp(escape, 1);
}

static void install_theirs(void)
{
	struct sigaction action = {.sa_sigaction = their_handler,
				   .sa_flags = SA_SIGINFO | SA_NODEFER};

	cr_assert_eq(sigaction(SIGBUS, &action, NULL), 0);
}

static bool handler_is_theirs(void)
{
	struct sigaction now;

	cr_assert_eq(sigaction(SIGBUS, NULL, &now), 0);
	return now.sa_flags & SA_SIGINFO && now.sa_sigaction == their_handler;
}

/* An access to memory of a file that was cut off, which is no device's. */
static void raise_foreign_sigbus(void)
{
	int fd = memfd_create("foreign", MFD_CLOEXEC);
	volatile char *at = mmap(NULL, FAKE_PAGE, PROT_READ, MAP_SHARED, fd, 0);

	close(fd);
	if (!sigsetjmp(escape, 1))
		(void)*at;
	munmap((void *)at, FAKE_PAGE);
}

Test(gone, a_bar_that_vanishes_reads_all_ones)
{
	struct uvdk_device *dev;
	struct uvdk_region bar;
	volatile uint32_t *reg;
	volatile uint32_t *other_area;

	install_theirs();
	dev = fake_open();
	cr_assert_eq(uvdk_device_region(dev, 0, &bar), 0);
	reg = uvdk_region_ptr(&bar, 8, 4);
	other_area = uvdk_region_ptr(&bar, 2 * FAKE_PAGE, 4);
	*reg = 5;
	cr_assert_eq(*reg, 5);

	cr_assert_eq(ftruncate(fake.memfd, 0), 0);
	cr_expect_eq(*reg, UINT32_MAX);
	cr_expect_eq(theirs, 0);
	*other_area = 1; /* a store, to an area that has not faulted yet */
	cr_expect_eq(other_area[1], UINT32_MAX);
	expect_closed_for_business(dev, &bar);
	cr_expect(event_waits(dev));
	cr_expect_eq(uvdk_device_next_event(dev), UVDK_DEVICE_EVENT_GONE);
	cr_expect_eq(uvdk_device_next_event(dev), UVDK_DEVICE_EVENT_NONE);

	raise_foreign_sigbus();
	cr_expect_eq(theirs, 1, "what is not ours goes to the previous handler");
	uvdk_device_close(dev);
	cr_expect(handler_is_theirs(), "the last BAR hands the signal back");
	raise_foreign_sigbus();
	cr_expect_eq(theirs, 2);
}

Test(gone, a_region_call_meets_the_fault_as_well)
{
	struct uvdk_device *dev = fake_open();
	struct uvdk_region bar;
	uint64_t value = 77;

	cr_assert_eq(uvdk_device_region(dev, 0, &bar), 0);
	cr_assert_eq(ftruncate(fake.memfd, 0), 0);
	cr_expect_eq(uvdk_region_read(&bar, 0, 4, &value), -ENODEV);
	cr_expect_eq(value, 77);
	cr_expect_eq(uvdk_region_write(&bar, 0, 4, 1), -ENODEV);
	uvdk_device_close(dev);
}

Test(gone, a_handler_that_came_later_stays)
{
	struct uvdk_device *dev = fake_open();
	struct uvdk_region bar;

	cr_assert_eq(uvdk_device_region(dev, 0, &bar), 0);
	install_theirs();
	uvdk_device_close(dev);
	cr_expect(handler_is_theirs());
}

Test(gone, the_default_still_kills, .signal = SIGBUS)
{
	struct uvdk_device *dev;
	struct uvdk_region bar;

	signal(SIGBUS, SIG_DFL);
	dev = fake_open();
	cr_assert_eq(uvdk_device_region(dev, 0, &bar), 0);
	raise_foreign_sigbus();
	cr_assert_fail("survived a SIGBUS that is nobody's");
}

Test(gone, many_devices_are_told_apart)
{
	struct uvdk_device *devs[80]; /* two BAR areas each: more than one chunk of the table */
	volatile uint32_t *reg;
	struct uvdk_region bar;
	int doomed;

	for (int i = 0; i < 80; i++) {
		if (i == 79) /* the last one lives in a file of its own */
			fake.memfd = memfd_create("doomed", MFD_CLOEXEC);
		if (i == 79)
			cr_assert_eq(ftruncate(fake.memfd, FAKE_PAGES * FAKE_PAGE), 0);
		devs[i] = fake_open();
		cr_assert_eq(uvdk_device_region(devs[i], 0, &bar), 0);
	}
	doomed = fake.memfd;
	reg = uvdk_region_ptr(&bar, 0, 4);
	cr_assert_eq(ftruncate(doomed, 0), 0);
	cr_expect_eq(*reg, UINT32_MAX);
	for (int i = 0; i < 80; i++) {
		cr_expect_eq(uvdk_device_gone(devs[i]), i == 79);
		uvdk_device_close(devs[i]);
	}
}
