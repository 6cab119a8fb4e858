// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <uvdk_emu.h>
#include <uvdk_emu_virtio_iommu.h>
#include <viommu_space.h>

/* The iommu "virtio-emu": edu devices behind the model of virtio-iommu, through the library. */

#define PAGE	    4096ul
#define PAGES	    16
#define AT	    UINT64_C(0x40000000)
#define UNIT	    "emu:virtio_iommu#0"
#define MSI	    0xfee00000
#define NR_STATUSES 9 /* 5.13.6: OK and eight others */

/* edu (QEMU's documentation of it) */
#define EDU_SRC	   0x80
#define EDU_DST	   0x88
#define EDU_COUNT  0x90
#define EDU_CMD	   0x98
#define EDU_START  1
#define EDU_TO_RAM 2
#define EDU_BUFFER 0x40000

static struct uvdk_emu *emu;
static struct uvdk_iommu *iommu;
static struct uvdk_device *dev[2];
static struct uvdk_ioas *ioas[2];
static unsigned char *mem;

static int open_iommu(const char *units)
{
	struct uvdk_iommu_opts opts = {.size = sizeof(opts), .emu = emu, .emu_iommus = units};

	return uvdk_iommu_open("virtio-emu", &opts, &iommu);
}

static void machine(void)
{
	struct uvdk_emu_opts opts = {.size = sizeof(opts), .manual = true};

	cr_assert_eq(uvdk_emu_create(&opts, &emu), 0);
	mem = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(mem, MAP_FAILED);
	for (unsigned int i = 0; i < PAGES; i++)
		memset(mem + i * PAGE, 'a' + (int)i, PAGE);
}

static void begin(const char *units)
{
	machine();
	cr_assert_eq(open_iommu(units), 0, "%s", uvdk_last_error());
	for (unsigned int i = 0; i < 2; i++) {
		cr_assert_eq(uvdk_device_open(iommu, "emu:edu,dma_mask=0xffffffffffffffff", NULL,
					      &dev[i]),
			     0, "%s", uvdk_last_error());
		cr_assert_eq(uvdk_device_set_command(dev[i], UVDK_PCI_COMMAND_MASTER, 0), 0);
		cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas[i]), 0);
	}
}

static struct uvdk_emu_virtio_iommu_stats stats(void)
{
	struct uvdk_emu_virtio_iommu_stats s;

	cr_assert_eq(uvdk_emu_virtio_iommu_get_stats(emu, UNIT, &s), 0);
	return s;
}

static void close_all(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		uvdk_device_close(dev[i]);
		uvdk_ioas_destroy(ioas[i]);
	}
	uvdk_iommu_close(iommu);
	uvdk_emu_destroy(emu);
	munmap(mem, PAGES * PAGE);
}

/* The driver has done nothing that the specification forbids, and nothing is left. */
static void end(void)
{
	struct uvdk_emu_stale stale;
	char text[256] = "";

	for (unsigned int i = 0; i < 2; i++)
		uvdk_device_close(dev[i]);
	dev[0] = dev[1] = NULL;
	uvdk_emu_virtio_iommu_violation(emu, UNIT, 0, text, sizeof(text));
	cr_expect_eq(stats().violations, 0, "%s", text);
	cr_expect_eq(stats().domains, 0);
	cr_expect_eq(stats().maps, 0);
	cr_expect_eq(uvdk_emu_stales(emu, &stale, 1), 0);
	close_all();
}

static int transfer(unsigned int d, uint64_t src, uint64_t dst, size_t len, uint64_t cmd)
{
	struct uvdk_emu_fault faults[16];
	struct uvdk_region bar;

	uvdk_emu_faults(emu, faults, 16, NULL);
	cr_assert_eq(uvdk_device_region(dev[d], 0, &bar), 0);
	uvdk_region_write(&bar, EDU_SRC, 8, src);
	uvdk_region_write(&bar, EDU_DST, 8, dst);
	uvdk_region_write(&bar, EDU_COUNT, 8, len);
	uvdk_region_write(&bar, EDU_CMD, 8, cmd | EDU_START);
	while (uvdk_emu_step(emu))
		;

	return uvdk_emu_faults(emu, faults, 16, NULL) ? -EFAULT : 0;
}

static int copy(unsigned int d, uint64_t dst, uint64_t src, size_t len)
{
	int err = transfer(d, src, EDU_BUFFER, len, 0);

	return err ? err : transfer(d, EDU_BUFFER, dst, len, EDU_TO_RAM);
}

static int map_at(unsigned int as, uint64_t at, unsigned int page, unsigned int pages)
{
	return uvdk_ioas_map(ioas[as], mem + page * PAGE, pages * PAGE,
			     UVDK_MAP_RW | UVDK_MAP_FIXED, &at);
}

static int attach(unsigned int as, unsigned int d)
{
	return uvdk_ioas_attach(ioas[as], dev[d]);
}

static bool holds(unsigned int page, char what)
{
	for (size_t i = 0; i < PAGE; i++)
		if (mem[page * PAGE + i] != what)
			return false;

	return true;
}

Test(virtio_emu, it_says_what_it_is)
{
	struct uvdk_iommu_info info;

	begin("emu:virtio_iommu,input=0:0x7fffffffff");
	cr_assert_eq(uvdk_iommu_get_info(dev[0], &info), 0);
	cr_expect_str_eq(info.driver, "virtio-emu");
	cr_expect_str_eq(info.hardware, "virtio-iommu");
	cr_expect_eq(info.iova_bits, 39);
	cr_expect(info.coherent);
	cr_expect(info.page_sizes & PAGE);
	cr_expect_str_neq(uvdk_iommu_choose("emu:edu", NULL), "virtio-emu");
	end();
}

Test(virtio_emu, from_the_first_moment_nothing_is_let_through)
{
	begin("emu:virtio_iommu,bypass=1");
	cr_expect_eq(stats().bypass, 0);
	cr_expect_eq(transfer(0, (uintptr_t)mem, EDU_BUFFER, PAGE, 0), -EFAULT);
	cr_expect_eq(transfer(0, EDU_BUFFER, (uintptr_t)mem, PAGE, EDU_TO_RAM), -EFAULT);
	cr_expect(holds(0, 'a'));
	end();
}

Test(virtio_emu, what_a_device_lost_it_cannot_reach_even_with_caches)
{
	begin("emu:virtio_iommu,order=random,delay=3");
	cr_assert_eq(attach(0, 0), 0);
	for (unsigned int i = 0; i < 50; i++) {
		cr_assert_eq(map_at(0, AT, 0, 4), 0);
		cr_assert_eq(copy(0, AT + PAGE, AT, PAGE), 0);
		cr_expect(holds(1, 'a'));
		cr_assert_eq(uvdk_ioas_unmap(ioas[0], AT, 4 * PAGE), 0);
		memset(mem + PAGE, 'z', PAGE);
		cr_assert_eq(transfer(0, EDU_BUFFER, AT + PAGE, PAGE, EDU_TO_RAM), -EFAULT);
		cr_expect(holds(1, 'z'));
	}
	end();
}

/* ---- apertures ---- */

Test(virtio_emu, the_allocator_keeps_out_of_reserved_regions)
{
	uvdk_iova_t iova;

	begin("emu:virtio_iommu,input=0:0xffffff,resv=0x110000:0x13ffff:msi+0x200000:0xffffff");
	cr_assert_eq(attach(0, 0), 0);
	for (unsigned int i = 0; i < PAGES; i++) {
		cr_assert_eq(uvdk_ioas_map(ioas[0], mem + i * PAGE, PAGE, UVDK_MAP_RW, &iova), 0);
		cr_expect(iova < 0x110000 || (iova >= 0x140000 && iova < 0x200000));
		cr_assert_eq(transfer(0, iova, EDU_BUFFER, PAGE, 0), 0);
	}
	end();
}

Test(virtio_emu, mapping_what_an_attached_device_cannot_address_fails_when_it_is_mapped)
{
	begin("emu:virtio_iommu,input=0:0xffffffff,resv=0xfee00000:0xfeefffff:msi");
	cr_assert_eq(attach(0, 0), 0);
	cr_expect_lt(map_at(0, MSI, 0, 1), 0);
	cr_expect_lt(map_at(0, MSI - PAGE, 0, 2), 0);
	cr_expect_lt(map_at(0, UINT64_C(0x100000000), 0, 1), 0);
	cr_expect_eq(stats().requests[VIOMMU_MAP], 0);
	cr_expect_eq(map_at(0, MSI - PAGE, 0, 1), 0, "%s", uvdk_last_error());
	end();
}

Test(virtio_emu, a_device_that_cannot_reach_what_is_mapped_is_not_attached)
{
	begin("emu:virtio_iommu,input=0:0xffffffff,resv=0x50000000:0x500fffff");
	cr_assert_eq(map_at(0, UINT64_C(0x100000000), 0, 1), 0, "%s", uvdk_last_error());
	cr_expect_eq(attach(0, 0), -EADDRINUSE);
	cr_assert_eq(map_at(1, 0x50000000, 0, 1), 0, "%s", uvdk_last_error());
	cr_expect_eq(attach(1, 0), -EADDRINUSE);
	cr_expect_eq(stats().attached, 0);
	cr_assert_eq(uvdk_ioas_unmap(ioas[1], 0x50000000, PAGE), 0);
	cr_expect_eq(attach(1, 0), 0);
	end();
}

/* ---- sharing ---- */

Test(virtio_emu, a_late_joiner_sees_all_maps_and_shares_the_domain)
{
	begin(NULL);
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(map_at(0, AT, 0, 1), 0);
	cr_assert_eq(map_at(0, AT + 8 * PAGE, 4, 2), 0);
	cr_assert_eq(attach(0, 1), 0);
	cr_expect_eq(stats().domains, 1);
	cr_expect_eq(stats().maps, 2);
	cr_assert_eq(copy(1, AT + 9 * PAGE, AT, PAGE), 0);
	cr_expect(holds(5, 'a'));
	end();
}

Test(virtio_emu, devices_behind_different_units_share_a_space_too)
{
	begin("emu:virtio_iommu;emu:virtio_iommu,input=0:0x7fffffff");
	cr_assert_eq(map_at(0, AT, 0, 4), 0);
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(attach(0, 1), 0);
	for (unsigned int i = 0; i < 2; i++) {
		cr_assert_eq(copy(i, AT + (i + 1) * PAGE, AT, PAGE), 0);
		cr_expect(holds(i + 1, 'a'));
	}
	cr_expect_eq(stats().attached, 1);
	cr_expect_lt(map_at(0, 2 * AT, 4, 1), 0); /* the other one can't */
	uvdk_ioas_detach(ioas[0], dev[0]);
	cr_assert_eq(copy(1, AT + 3 * PAGE, AT, PAGE), 0);
	cr_assert_eq(transfer(0, AT, EDU_BUFFER, PAGE, 0), -EFAULT);
	end();
}

Test(virtio_emu, devices_that_cannot_be_isolated_must_share)
{
	struct viommu_endpoint *a, *b;

	begin(NULL);
	a = uvdk_device_binding(dev[0])->priv;
	b = uvdk_device_binding(dev[1])->priv;
	a->group = b->group;
	cr_assert_eq(attach(0, 0), 0);
	cr_expect_eq(attach(1, 1), -EBUSY);
	cr_expect(strstr(uvdk_last_error(), "emu:edu#0"), "%s", uvdk_last_error());
	cr_expect(strstr(uvdk_last_error(), "emu:edu#1"), "%s", uvdk_last_error());
	cr_expect_eq(attach(0, 1), 0);
	end();
}

/* ---- what the device may answer ---- */

Test(virtio_emu, whatever_a_request_is_answered_nothing_is_left_and_it_is_said)
{
	begin(NULL);
	cr_assert_eq(attach(0, 0), 0);
	for (int status = 1; status < NR_STATUSES; status++) {
		uvdk_emu_virtio_iommu_answer(emu, UNIT, VIOMMU_MAP, status, 1);
		cr_expect_lt(map_at(0, AT, 0, 4), 0);
		cr_expect(strstr(uvdk_last_error(), "MAP"), "%s", uvdk_last_error());
		cr_expect_eq(stats().maps, 0);
		uvdk_emu_virtio_iommu_answer(emu, UNIT, VIOMMU_ATTACH, status, 1);
		cr_expect_lt(attach(1, 1), 0);
		cr_expect(strstr(uvdk_last_error(), "ATTACH"), "%s", uvdk_last_error());
		cr_expect_eq(stats().attached, 1);
		cr_assert_eq(map_at(0, AT, 0, 4), 0);
		uvdk_emu_virtio_iommu_answer(emu, UNIT, VIOMMU_UNMAP, status, 1);
		cr_expect_lt(uvdk_ioas_unmap(ioas[0], AT, 4 * PAGE), 0);
		cr_expect_eq(copy(0, AT + PAGE, AT, PAGE), 0);
		cr_assert_eq(uvdk_ioas_unmap(ioas[0], AT, 4 * PAGE), 0);
	}
	end();
}

Test(virtio_emu, a_probe_that_fails_refuses_the_device)
{
	struct uvdk_device *third;

	begin(NULL);
	for (int status = 1; status < NR_STATUSES; status++) {
		uvdk_emu_virtio_iommu_answer(emu, UNIT, VIOMMU_PROBE, status, 1);
		cr_expect_lt(uvdk_device_open(iommu, "emu:edu", NULL, &third), 0);
	}
	cr_assert_eq(uvdk_device_open(iommu, "emu:edu", NULL, &third), 0);
	uvdk_device_close(third);
	end();
}

Test(virtio_emu, a_detach_that_fails_is_said_and_the_teardown_goes_on)
{
	begin(NULL);
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(map_at(0, AT, 0, 4), 0);
	uvdk_emu_virtio_iommu_answer(emu, UNIT, VIOMMU_DETACH, 2, 1);
	uvdk_ioas_detach(ioas[0], dev[0]);
	close_all();
}

/* ---- resets and the end ---- */

Test(virtio_emu, after_a_reset_all_is_put_back)
{
	begin(NULL);
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(attach(1, 1), 0);
	cr_assert_eq(map_at(0, AT, 0, 4), 0);
	cr_assert_eq(map_at(1, AT, 4, 4), 0);
	for (unsigned int i = 0; i < 3; i++) {
		cr_assert_eq(uvdk_emu_virtio_iommu_needs_reset(emu, UNIT), 0);
		cr_assert_eq(map_at(0, 2 * AT, 8, 1), 0, "%s", uvdk_last_error());
		cr_assert_eq(copy(0, AT + PAGE, AT, PAGE), 0);
		cr_assert_eq(copy(1, AT + PAGE, AT, PAGE), 0);
		cr_expect(holds(1, 'a'));
		cr_expect(holds(5, 'e'));
		cr_expect_eq(stats().maps, 3);
		cr_assert_eq(uvdk_emu_virtio_iommu_needs_reset(emu, UNIT), 0);
		cr_assert_eq(uvdk_ioas_unmap(ioas[0], 2 * AT, PAGE), 0);
		cr_expect_eq(transfer(0, 2 * AT, EDU_BUFFER, PAGE, 0), -EFAULT);
		cr_expect_eq(stats().maps, 2);
		cr_expect_eq(stats().bypass, 0);
	}
	end();
}

Test(virtio_emu, a_unit_that_vanishes_ends_calls_and_the_teardown_works)
{
	begin(NULL);
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(map_at(0, AT, 0, 4), 0);
	cr_assert_eq(uvdk_emu_unplug(emu, UNIT, true), 0);
	cr_expect_eq(map_at(0, 2 * AT, 4, 1), -ENODEV);
	cr_expect_eq(uvdk_ioas_unmap(ioas[0], AT, 4 * PAGE), -ENODEV);
	cr_expect_eq(attach(1, 1), -ENODEV);
	cr_expect_eq(transfer(0, AT, EDU_BUFFER, PAGE, 0), -EFAULT);
	close_all();
}

static bool is_master(unsigned int d)
{
	struct uvdk_le16 command;

	cr_assert_eq(uvdk_device_config_read(dev[d], 4, &command, sizeof(command)), 0);
	return uvdk_get16(command) & UVDK_PCI_COMMAND_MASTER;
}

/* Not all units forget what was attached when they are reset. */
Test(virtio_emu, endpoints_of_a_unit_that_is_given_up_lose_their_bus_mastering, .timeout = 60)
{
	begin(NULL);
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(map_at(0, AT, 0, 4), 0);
	cr_assert_eq(uvdk_emu_virtio_iommu_misbehave(emu, UNIT, "no-answer"), 0);
	cr_expect(is_master(0));
	cr_expect_lt(map_at(0, 2 * AT, 4, 1), 0);
	cr_expect_not(is_master(0));
	cr_expect(is_master(1), "it is attached nowhere, and reaches nothing");
	close_all();
}

Test(virtio_emu, so_does_one_over_whose_attachment_it_was_given_up, .timeout = 60)
{
	begin(NULL);
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(map_at(0, AT, 0, 4), 0);
	cr_assert_eq(uvdk_emu_virtio_iommu_misbehave(emu, UNIT, "no-answer"), 0);
	cr_expect_lt(attach(0, 1), 0);
	cr_expect_not(is_master(0));
	cr_expect_not(is_master(1));
	close_all();
}

Test(virtio_emu, and_one_that_could_not_be_detached, .timeout = 60)
{
	begin(NULL);
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(map_at(0, AT, 0, 4), 0);
	cr_assert_eq(uvdk_emu_virtio_iommu_misbehave(emu, UNIT, "no-answer"), 0);
	uvdk_ioas_detach(ioas[0], dev[0]);
	cr_expect_not(is_master(0));
	close_all();
}

Test(virtio_emu, and_those_of_one_that_lies_about_its_ring, .timeout = 60)
{
	begin(NULL);
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(uvdk_emu_virtio_iommu_misbehave(emu, UNIT, "used-id"), 0);
	cr_expect_lt(map_at(0, AT, 0, 4), 0);
	cr_expect_not(is_master(0));
	close_all();
}

Test(virtio_emu, a_device_that_vanishes_is_no_trouble)
{
	begin(NULL);
	cr_assert_eq(attach(0, 0), 0);
	cr_assert_eq(map_at(0, AT, 0, 4), 0);
	cr_assert_eq(uvdk_emu_unplug(emu, "emu:edu#0", true), 0);
	cr_expect_eq(uvdk_ioas_unmap(ioas[0], AT, 4 * PAGE), 0);
	end();
}

/* ---- opening ---- */

Test(virtio_emu, what_is_no_virtio_iommu_is_not_opened)
{
	machine();
	cr_expect_lt(open_iommu("emu:edu"), 0);
	cr_expect(strstr(uvdk_last_error(), "not a virtio-iommu"), "%s", uvdk_last_error());
	cr_expect_lt(open_iommu("emu:virtio_iommu;emu:nothing"), 0);
	cr_expect_lt(open_iommu("emu:virtio_iommu,evil=bypass-stuck"), 0);
	cr_expect_lt(open_iommu("emu:virtio_iommu,evil=page-mask-0"), 0);
	cr_expect_lt(open_iommu("emu:virtio_iommu,evil=domain-empty"), 0);
	uvdk_emu_destroy(emu);
	munmap(mem, PAGES * PAGE);
}

Test(virtio_emu, properties_that_cannot_be_refuse_the_device)
{
	struct uvdk_device *d;

	machine();
	cr_assert_eq(open_iommu("emu:virtio_iommu,evil=probe-length"), 0);
	cr_expect_lt(uvdk_device_open(iommu, "emu:edu", NULL, &d), 0);
	uvdk_iommu_close(iommu);
	cr_assert_eq(open_iommu("emu:virtio_iommu,evil=probe-unknown,resv=0x1000:0x1fff"), 0);
	cr_assert_eq(uvdk_device_open(iommu, "emu:edu", NULL, &d), 0, "%s", uvdk_last_error());
	uvdk_device_close(d);
	uvdk_iommu_close(iommu);
	uvdk_emu_destroy(emu);
	munmap(mem, PAGES * PAGE);
}

Test(virtio_emu, a_virtio_device_that_would_go_past_it_is_refused)
{
	struct uvdk_virtio virtio;

	machine();
	cr_assert_eq(open_iommu(NULL), 0);
	cr_assert_eq(uvdk_device_open(iommu, "emu:virtio-net,features=0x100000020", NULL, &dev[0]),
		     0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_virtio_open(dev[0], &virtio), 0);
	cr_assert_eq(uvdk_virtio_begin(&virtio), 0);
	cr_expect_eq(uvdk_virtio_negotiate(&virtio, 0), -EOPNOTSUPP);
	cr_expect(strstr(uvdk_last_error(), "virtio-emu"), "%s", uvdk_last_error());
	uvdk_device_close(dev[0]);
	uvdk_iommu_close(iommu);
	uvdk_emu_destroy(emu);
	munmap(mem, PAGES * PAGE);
}
