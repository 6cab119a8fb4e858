// SPDX-License-Identifier: BSD-3-Clause
#include <dirent.h>
#include <sys/wait.h>

#include "vtd_testing.h"

static unsigned int entries(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned int n = 0;

	cr_assert_not_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static struct probe *probe_of(struct uvdk_emu_function *fn)
{
	return uvdk_emu_fn_priv(fn);
}

static unsigned int worked(struct uvdk_emu_function *fn)
{
	return __atomic_load_n(&probe_of(fn)->worked, __ATOMIC_SEQ_CST);
}

Test(machine, options_out_of_range_are_refused)
{
	struct uvdk_emu *emu = NULL;
	struct uvdk_emu_opts opts = {.size = sizeof(opts), .iova_bits = 15};

	cr_expect_eq(uvdk_emu_create(&opts, &emu), -EINVAL);
	opts.iova_bits = 58;
	cr_expect_eq(uvdk_emu_create(&opts, &emu), -EINVAL);
	opts.iova_bits = 0;
	opts.size = 0;
	cr_expect_eq(uvdk_emu_create(&opts, &emu), -EINVAL);
	cr_expect_null(emu);
}

Test(machine, options_of_an_older_application_are_taken)
{
	struct uvdk_emu_opts opts = {
		.size = offsetof(struct uvdk_emu_opts, iova_bits), .manual = true, .iova_bits = 3};
	struct uvdk_emu *emu;

	cr_assert_eq(uvdk_emu_create(&opts, &emu), 0);
	cr_expect_eq(uvdk_emu_iova_bits(emu), 48);
	uvdk_emu_destroy(emu);
	uvdk_emu_destroy(NULL);
}

Test(machine, nothing_stays_behind)
{
	unsigned int threads = entries("/proc/self/task");
	unsigned int files = entries("/proc/self/fd");
	struct uvdk_emu_function *fn;

	for (int i = 0; i < 5; i++) {
		struct uvdk_emu *emu = machine(false);

		fn = plug(emu);
		plug(emu); /* left to uvdk_emu_destroy() */
		WAIT_UNTIL(entries("/proc/self/task") == threads + 1);
		uvdk_emu_unplug_fn(fn);
		uvdk_emu_destroy(emu);
	}
	cr_expect_eq(probes_alive, 0);
	WAIT_UNTIL(entries("/proc/self/task") ==
		   threads); /* a thread that was joined lingers there */
	cr_expect_eq(entries("/proc/self/fd"), files);
}

Test(machine, lives_until_the_last_holder_lets_go)
{
	struct uvdk_emu *emu = machine(false);

	plug(emu);
	uvdk_emu_get(emu);
	uvdk_emu_destroy(emu);
	cr_expect_eq(probes_alive, 1);
	uvdk_emu_destroy(emu);
	cr_expect_eq(probes_alive, 0);
}

/* Which step fails in a child of fork(); 0: none. */
static int in_child(struct uvdk_emu *emu)
{
	struct uvdk_emu_function *fn = NULL;
	struct uvdk_emu *own;

	if (uvdk_emu_plug(emu, "emu:probe", &fn) != -EPERM || fn)
		return 1;
	if (!strstr(uvdk_last_error(), "create one here"))
		return 2;
	if (uvdk_emu_unplug(emu, "emu:probe#0", true) != -EPERM || uvdk_emu_step(emu))
		return 3;
	uvdk_emu_destroy(emu);
	own = machine(false);
	if (uvdk_emu_plug(own, "emu:probe", &fn))
		return 4;
	uvdk_emu_destroy(own);

	return 0;
}

Test(machine, a_child_of_fork_is_refused_and_the_parent_goes_on)
{
	struct uvdk_emu *emu = machine(false);
	struct uvdk_emu_function *fn = plug(emu);
	int status;
	pid_t child;

	/* Now and then the stepper holds the lock just then. */
	for (int i = 0; i < 20; i++) {
		child = fork();
		if (child == 0) {
			alarm(30);
			_exit(in_child(emu));
		}
		cr_assert_gt(child, 0);
		cr_assert_eq(waitpid(child, &status, 0), child);
		cr_assert(WIFEXITED(status), "it ended by signal %d", WTERMSIG(status));
		cr_assert_eq(WEXITSTATUS(status), 0, "step %d", WEXITSTATUS(status));
	}
	uvdk_emu_unplug_fn(fn);
	uvdk_emu_destroy(emu);
	cr_expect_eq(probes_alive, 0);
}

Test(machine, bad_specs_say_what_is_wrong)
{
	struct uvdk_emu *emu = machine(true);
	struct uvdk_emu_function *fn = NULL;

	cr_expect_eq(uvdk_emu_plug(emu, "emu:teapot", &fn), -ENODEV);
	cr_expect(strstr(uvdk_last_error(), "teapot") && strstr(uvdk_last_error(), "probe"),
		  "names what was asked and what there is: %s", uvdk_last_error());
	cr_expect_eq(uvdk_emu_plug(emu, "emu:prob", &fn), -ENODEV);
	cr_expect_eq(uvdk_emu_plug(emu, "emu:", &fn), -ENODEV);
	cr_expect_eq(uvdk_emu_plug(emu, "0000:00:03.0", &fn), -EINVAL);
	cr_expect_eq(uvdk_emu_plug(emu, "emu:probe,", &fn), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "ends in a comma"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_emu_plug(emu, "emu:probe,,", &fn), -EINVAL);
	cr_expect_eq(uvdk_emu_plug(emu, "emu:probe,iommu=0,", &fn), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "comma too many"), "%s", uvdk_last_error());
	cr_expect_eq(uvdk_emu_plug(emu, "emu:probe,sugar=2", &fn), -EINVAL);
	cr_expect(strstr(uvdk_last_error(), "sugar"), "names it: %s", uvdk_last_error());
	cr_expect_eq(uvdk_emu_plug(emu, "emu:probe,fail", &fn), -EIO);
	cr_expect_eq(uvdk_emu_plug(emu, "emu:probe,bad_bar", &fn), -EINVAL);
	cr_expect_eq(uvdk_emu_plug(emu, "emu:probe,bad_msix", &fn), -EINVAL);
	cr_expect_null(fn);
	cr_expect_eq(probes_alive, 0);
	uvdk_emu_destroy(emu);
}

Test(machine, names_and_slots_are_the_lowest_free_ones)
{
	struct uvdk_emu *emu = machine(true);
	struct uvdk_emu_function *a = plug(emu), *b = plug(emu), *c;

	cr_expect_str_eq(uvdk_emu_fn_name(a), "emu:probe#0");
	cr_expect_str_eq(uvdk_emu_fn_name(b), "emu:probe#1");
	cr_expect_eq(uvdk_emu_fn_slot(b), 1);
	uvdk_emu_unplug_fn(a);
	c = plug(emu);
	cr_expect_str_eq(uvdk_emu_fn_name(c), "emu:probe#0");
	cr_expect_eq(uvdk_emu_fn_slot(c), 0);
	uvdk_emu_destroy(emu);
}

Test(machine, a_full_bus_refuses_more)
{
	struct uvdk_emu *emu = machine(true);
	struct uvdk_emu_function *fn = NULL;

	for (int i = 0; i < 32; i++)
		fn = plug(emu);
	cr_expect_eq(uvdk_emu_plug(emu, "emu:probe", &fn), -ENOSPC);
	uvdk_emu_unplug_fn(fn);
	cr_expect_str_eq(uvdk_emu_fn_name(plug(emu)), "emu:probe#31");
	uvdk_emu_destroy(emu);
	cr_expect_eq(probes_alive, 0);
}

Test(machine, manual_steps_are_the_same_each_time)
{
	for (int run = 0; run < 3; run++) {
		struct uvdk_emu *emu = machine(true);
		struct uvdk_emu_function *fn[3];

		for (int i = 0; i < 3; i++) {
			fn[i] = plug(emu);
			enable(fn[i]);
		}
		memset(probe_order, 0, sizeof(probe_order));
		cr_expect_eq(uvdk_emu_step(emu), 0);
		bar_write(fn[2], 0, 4, 1);
		bar_write(fn[0], 0, 4, 1);
		cr_expect_eq(worked(fn[0]), 0, "nothing moves between steps");
		cr_expect_eq(uvdk_emu_step(emu), 2);
		cr_expect_eq(uvdk_emu_step(emu), 0);
		bar_write(fn[1], 0, 4, 1);
		cr_expect_eq(uvdk_emu_step(emu), 1);
		cr_expect_str_eq(probe_order, "021", "slots in order, not doorbells");
		cr_expect_eq(probe_of(fn[0])->steps, 4);
		uvdk_emu_destroy(emu);
	}
}

Test(machine, its_thread_answers_doorbells)
{
	struct uvdk_emu *emu = machine(false);
	struct uvdk_emu_function *fn = plug(emu);

	enable(fn);
	for (unsigned int i = 1; i <= 50; i++) {
		unsigned int seen = __atomic_load_n(&probe_of(fn)->steps, __ATOMIC_SEQ_CST);

		bar_write(fn, 0, 4, 1);
		WAIT_UNTIL(worked(fn) == i);
		/* and goes on stepping without any: traffic sources need no doorbell */
		WAIT_UNTIL(__atomic_load_n(&probe_of(fn)->steps, __ATOMIC_SEQ_CST) > seen + 3);
	}
	uvdk_emu_destroy(emu);
}

/* Napping 0.4 ms at a time it steps 500 times in 0.2 s; spinning, a million times. */
Test(machine, idle_thread_sleeps)
{
	struct uvdk_emu *emu = machine(false);
	struct uvdk_emu_function *fn = plug(emu);
	uint64_t start = now_ns();

	WAIT_UNTIL(now_ns() - start > UINT64_C(200000000));
	cr_expect_lt(__atomic_load_n(&probe_of(fn)->steps, __ATOMIC_SEQ_CST), 5000);
	uvdk_emu_destroy(emu);
}

Test(machine, two_machines_are_strangers)
{
	struct uvdk_emu *a = machine(true), *b = machine(true);
	struct uvdk_emu_function *fa = plug(a), *fb = plug(b);
	struct uvdk_emu_fault fault;
	uint8_t byte;

	cr_expect_str_eq(uvdk_emu_fn_name(fa), uvdk_emu_fn_name(fb));
	enable(fa);
	enable(fb);
	bar_write(fa, 0, 4, 1);
	cr_expect_eq(uvdk_emu_step(b), 0);
	cr_expect_eq(uvdk_emu_step(a), 1);
	uvdk_emu_dma_read(fa, 0, &byte, 1);
	cr_expect_eq(uvdk_emu_faults(b, &fault, 1, NULL), 0);
	cr_expect_eq(uvdk_emu_faults(a, &fault, 1, NULL), 1);
	cr_expect_neq(uvdk_emu_shared(a, "link", 8), uvdk_emu_shared(b, "link", 8));
	cr_assert_eq(uvdk_emu_unplug(a, "emu:probe#0", true), 0);
	cr_expect(uvdk_emu_fn_gone(fa));
	cr_expect_not(uvdk_emu_fn_gone(fb));
	uvdk_emu_destroy(a);
	cr_expect_eq(cfg_read(fb, 0, 4), 0xbeef1234u);
	uvdk_emu_destroy(b);
}

Test(machine, shared_objects_are_found_by_name_and_size)
{
	struct uvdk_emu *emu = machine(true);
	uint8_t *link = uvdk_emu_shared(emu, "link:A", 100);

	cr_assert_not_null(link);
	for (int i = 0; i < 100; i++)
		cr_expect_eq(link[i], 0);
	link[99] = 5;
	cr_expect_eq(uvdk_emu_shared(emu, "link:A", 100), (void *)link);
	cr_expect_neq(uvdk_emu_shared(emu, "link:B", 100), (void *)link);
	cr_expect_null(uvdk_emu_shared(emu, "link:A", 101));
	uvdk_emu_destroy(emu);
}

Test(machine, surprise_unplug_leaves_all_ones)
{
	struct uvdk_emu_function *fn;
	struct uvdk_emu_fault fault;
	int fd = new_eventfd(), irq = new_eventfd();
	uint8_t *mem, byte = 1;
	struct uvdk_emu *emu;
	struct kern k;

	kern_start(&k, NULL, "emu:probe");
	emu = k.emu;
	fn = k.fn;
	mem = new_page(&k);
	set_context(&k, fn, 0);
	set_pasid(&k, 0, PASS, 1, NULL, NULL);
	cr_assert_eq(uvdk_emu_dma_write(fn, pa(mem), &byte, 0), 0);
	cr_assert_eq(uvdk_emu_dma_write(fn, pa(mem) + 1, &byte, 1), 0);
	cr_assert_eq(uvdk_emu_irq_route(fn, 2, 0, 1, &irq), 0);
	uvdk_emu_fn_set_event(fn, fd);
	bar_write(fn, 0, 4, 1);
	cr_assert_eq(uvdk_emu_unplug(emu, "emu:probe#0", true), 0);

	cr_expect(uvdk_emu_fn_gone(fn));
	cr_expect_eq(events(fd), 1);
	cr_expect_eq(cfg_read(fn, 0, 4), UINT32_MAX);
	cfg_write(fn, 4, 6, 2);
	cr_expect_eq(bar_read(fn, 0x40, 8), UINT64_MAX);
	cr_expect_eq(bar_read(fn, PROBE_TABLE, 2), 0xffffu);
	cr_expect_eq(uvdk_emu_dma_write(fn, pa(mem), &byte, 1), -EFAULT);
	cr_expect_eq(mem[0], 0);
	cr_expect_eq(uvdk_emu_faults(emu, &fault, 1, NULL), 0, "it is off the bus, not at fault");
	uvdk_emu_irq(fn, 0);
	cr_expect_eq(events(irq), 0);
	cr_expect_eq(uvdk_emu_step(emu), 0, "its model no longer runs");
	uvdk_emu_fn_reset(fn);
	cr_expect_eq(probe_of(fn)->resets, 0);
	cr_expect_eq(uvdk_emu_unplug(emu, "emu:probe#0", true), -ENOENT);

	kern_stop(&k);
	cr_expect_eq(probes_alive, 0);
	close(fd);
	close(irq);
}

Test(machine, orderly_unplug_only_asks)
{
	struct uvdk_emu *emu = machine(true);
	struct uvdk_emu_function *fn = plug(emu);
	int fd = new_eventfd();

	uvdk_emu_fn_set_event(fn, fd);
	cr_expect_eq(uvdk_emu_unplug(emu, "emu:probe#1", false), -ENOENT);
	cr_assert_eq(uvdk_emu_unplug(emu, "emu:probe#0", false), 0);
	cr_expect_eq(events(fd), 1);
	cr_expect(uvdk_emu_fn_removal_asked(fn));
	cr_expect_not(uvdk_emu_fn_gone(fn));
	cr_expect_eq(cfg_read(fn, 0, 4), 0xbeef1234u);
	uvdk_emu_destroy(emu);
	close(fd);
}

Test(machine, models_from_outside_can_be_added_once)
{
	static const struct uvdk_emu_model other = {
		.name = "other",
		.create = probe_create,
		.destroy = probe_destroy,
		.reset = probe_reset,
		.bar_read = probe_bar_read,
		.bar_write = probe_bar_write,
		.step = probe_step,
	};
	struct uvdk_emu *emu = machine(true);
	struct uvdk_emu_function *fn;

	cr_expect_eq(uvdk_emu_model_register(&probe_model), -EEXIST);
	cr_assert_eq(uvdk_emu_model_register(&other), 0);
	cr_expect_eq(uvdk_emu_model_register(&other), -EEXIST);
	cr_assert_eq(uvdk_emu_plug(emu, "emu:other", &fn), 0);
	cr_expect_str_eq(uvdk_emu_fn_name(fn), "emu:other#0");
	uvdk_emu_destroy(emu);
}
