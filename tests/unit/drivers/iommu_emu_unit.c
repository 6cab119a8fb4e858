// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <uvdk_dmadev_driver.h>
#include <uvdk_emu_driver.h>
#include <uvdk_iommu_driver.h>
#include <uvdk_viommu.h>

#include "iommu_emu_domain.h"
#include "iommu_emu_fault.h"
#include "iommu_emu_space.h"
#include "vtd_fake.h"

/* What the emu iommu driver does to its hardware, under the library's calls. */

extern const struct uvdk_bus_ops uvdk_bus_emu;
extern const struct uvdk_iommu_ops uvdk_iommu_emu;

static const struct uvdk_emu_model thing;

const struct uvdk_bus_ops *const uvdk_builtin_buses[] = {&uvdk_bus_emu, NULL};
const struct uvdk_iommu_ops *const uvdk_builtin_iommus[] = {&uvdk_iommu_emu, NULL};
const struct uvdk_emu_model *const uvdk_builtin_models[] = {&thing, NULL};
const struct uvdk_dmadev_driver *const uvdk_builtin_dmadevs[] = {NULL};

/* ---- "thing": nothing but capabilities ---- */

#define ATS   0x100
#define PASID 0x140

static void put16(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, 2);
}

static int thing_create(struct uvdk_emu_function *fn, struct uvdk_args *args)
{
	uint8_t *config = uvdk_emu_fn_config(fn), *mask = uvdk_emu_fn_config_mask(fn);
	uint64_t bits = 16;

	uvdk_emu_fn_ids(fn, 0x1234, 1, 0, 0, 0xff0000, 0);
	uvdk_args_u64(args, "pasid", 0, 20, &bits);
	if (!bits)
		return 0;
	put16(config + ATS, 0x000f);
	put16(config + ATS + 2, 1 | PASID << 4);
	put16(config + ATS + 4, 3);
	put16(mask + ATS + 6, 0x801f);
	put16(config + PASID, 0x001b);
	put16(config + PASID + 2, 1);
	put16(config + PASID + 4, (uint16_t)(bits << 8 | 6));
	put16(mask + PASID + 6, 7);

	return 0;
}

static void thing_nothing(struct uvdk_emu_function *fn)
{
	(void)fn;
}

static uint64_t thing_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			   unsigned int width)
{
	(void)fn, (void)bar, (void)off, (void)width;
	return 0;
}

static void thing_write(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			unsigned int width, uint64_t value)
{
	(void)fn, (void)bar, (void)off, (void)width, (void)value;
}

static bool thing_step(struct uvdk_emu_function *fn)
{
	(void)fn;
	return false;
}

static const struct uvdk_emu_model thing = {
	.name = "thing",
	.create = thing_create,
	.destroy = thing_nothing,
	.reset = thing_nothing,
	.bar_read = thing_read,
	.bar_write = thing_write,
	.step = thing_step,
};

/* ---- the world ---- */

#define SIZE  (4u << 20)
#define IOVA  0x10000000
#define EAGER 3 /* more than one page, less than a large one */

static struct uvdk_emu *emu;
static struct uvdk_iommu *iommu;
static struct uvdk_device *dev, *two;
static struct uvdk_ioas *a, *b;
static uint8_t *memory;

static struct uvdk_device *open_thing(const char *spec)
{
	struct uvdk_device *opened = NULL;

	cr_assert_eq(uvdk_device_open(iommu, spec, NULL, &opened), 0, "%s", uvdk_last_error());

	return opened;
}

static void open_machine(void)
{
	struct uvdk_emu_opts eopts = {.size = sizeof(eopts), .manual = true};
	struct uvdk_iommu_opts opts = {.size = sizeof(opts)};

	cr_assert_eq(uvdk_emu_create(&eopts, &emu), 0);
	opts.emu = emu;
	cr_assert_eq(uvdk_iommu_open("emu", &opts, &iommu), 0);
	memory = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void map_at(struct uvdk_ioas *ioas, void *va, size_t len, uvdk_iova_t iova)
{
	cr_assert_eq(uvdk_ioas_map(ioas, va, len, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0, "%s",
		     uvdk_last_error());
}

static void setup(void)
{
	fake_init();
	open_machine();
	dev = open_thing("emu:thing");
	two = open_thing("emu:thing");
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &a), 0);
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &b), 0);
	map_at(a, memory, EAGER * 4096, IOVA);
	map_at(b, memory + SIZE, EAGER * 4096, IOVA);
	fake_forget();
}

/* Part of each test's body: what it leaves must be nothing. */
static void finish(void)
{
	uvdk_ioas_destroy(a);
	uvdk_ioas_destroy(b);
	uvdk_device_close(dev);
	uvdk_device_close(two);
	for (unsigned int slot = 0; slot < 2; slot++)
		cr_expect_eq(fake_context(0, slot)[0], 0, "slot %u", slot);
	cr_expect_eq(fake.unit[0].changing, 0);
	uvdk_iommu_close(iommu);
	uvdk_emu_destroy(emu);
	munmap(memory, 2 * SIZE);
}

TestSuite(emu_unit, .init = setup);

static uint64_t addr(const uint8_t *va)
{
	return (uint64_t)va;
}

/* Where an access of a slot leads; 0: nowhere. */
static uint64_t leads(unsigned int slot, int pasid, uint64_t iova)
{
	struct walked w = fake_access(0, slot, pasid, iova, NULL);

	cr_assert_null(w.odd, "%s", w.odd);

	return w.size ? w.addr : 0;
}

static uint16_t did_of(unsigned int slot, int pasid)
{
	uint16_t did = 0;

	fake_access(0, slot, pasid, 0, &did);

	return did;
}

Test(emu_unit, a_unit_is_switched_on_when_a_function_comes)
{
	cr_expect(fake.unit[0].gsts & 1u << 31, "it translates");
	cr_expect(fake.unit[0].rtaddr & 1 << 10, "scalable mode");
	cr_expect(fake.unit[0].iqa & 1 << 11, "wide descriptors");
	cr_expect_eq(fake.unit[1].gsts, 0, "nobody is behind the other");
	cr_expect_eq(leads(0, -1, IOVA), 0, "and nothing is reached");
	finish();
}

Test(emu_unit, what_is_mapped_before_and_after_an_attach_is_reached)
{
	cr_assert_eq(uvdk_ioas_attach(a, dev), 0, "%s", uvdk_last_error());
	cr_expect_eq(leads(0, -1, IOVA + 5), addr(memory) + 5);
	map_at(a, memory + SIZE, 4096, IOVA + SIZE);
	cr_expect_eq(leads(0, -1, IOVA + SIZE), addr(memory + SIZE));
	cr_expect_eq(leads(1, -1, IOVA), 0, "by those that are attached");
	cr_expect_eq(fake.count, 0, "nothing was there that could be cached");
	finish();
}

Test(emu_unit, an_unmap_invalidates_what_it_took)
{
	uvdk_ioas_attach(a, dev);
	map_at(a, memory + SIZE, 4096, IOVA + EAGER * 4096);
	fake_forget();
	cr_assert_eq(uvdk_ioas_unmap(a, IOVA, EAGER * 4096), 0);
	cr_expect_eq(leads(0, -1, IOVA), 0);
	cr_expect_eq(fake_seen(2, 0xffff0030, (uint64_t)did_of(0, -1) << 16 | 0x30), 1);
	cr_expect_eq(fake.desc[0][1], IOVA | 1 << 6 | 2, "4 pages, leaves alone");
	fake_forget();
	uvdk_ioas_unmap(a, IOVA + EAGER * 4096, 4096);
	cr_expect_eq(fake.desc[0][1], IOVA + EAGER * 4096, "the last one takes tables along");
	cr_expect_eq(fake.outside, 0, "all inside brackets");
	finish();
}

Test(emu_unit, a_detach_ends_access_and_what_is_cached_of_it)
{
	uint16_t did;

	uvdk_ioas_attach(a, dev);
	did = did_of(0, -1);
	fake_forget();
	uvdk_ioas_detach(a, dev);
	cr_expect_eq(leads(0, -1, IOVA), 0);
	cr_expect_eq(fake_seen(7, 0xffff0030, (uint64_t)did << 16 | 0x10), 1, "PASID cache");
	cr_expect_eq(fake_seen(2, 0xffff0030, (uint64_t)did << 16 | 0x20), 1, "IOTLB");
	cr_expect_eq(fake_seen(1, 0x30, 0x30), 1, "context cache");
	cr_expect_eq(fake_seen(3, 0, 0), 0, "it has no device TLB now");
	finish();
}

Test(emu_unit, pasids_see_their_own_address_space)
{
	struct uvdk_iommu_info info;
	uint16_t control = 0;

	cr_assert_eq(uvdk_iommu_get_info(dev, &info), 0);
	cr_expect_eq(info.pasid_bits, 16);
	uvdk_ioas_attach(a, dev);
	cr_assert_eq(uvdk_ioas_attach_pasid(b, dev, 5), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_attach_pasid(a, dev, 65535), 0, "%s", uvdk_last_error());
	cr_expect_eq(leads(0, -1, IOVA), addr(memory));
	cr_expect_eq(leads(0, 5, IOVA), addr(memory + SIZE));
	cr_expect_eq(leads(0, 65535, IOVA), addr(memory));
	cr_expect_eq(leads(0, 6, IOVA), 0);
	cr_expect(fake_context(0, 0)[0] & 1 << 2, "the unit takes translation requests");
	uvdk_device_config_read(dev, PASID + 6, &control, 2);
	cr_expect_eq(control & 1, 1);
	uvdk_device_config_read(dev, ATS + 6, &control, 2);
	cr_expect_eq(control >> 15, 1);
	uvdk_ioas_detach_pasid(a, dev, 65535);
	cr_expect_eq(leads(0, 65535, IOVA), 0);
	cr_expect_eq(leads(0, -1, IOVA), addr(memory));
	cr_expect_eq(fake.outside, 0);
	finish();
}

Test(emu_unit, an_unmap_reaches_each_pasid_and_each_device_tlb)
{
	uvdk_ioas_attach_pasid(a, dev, 7);
	uvdk_ioas_attach_pasid(a, dev, 9);
	uvdk_ioas_attach_pasid(a, two, 7);
	uvdk_ioas_attach(a, two);
	fake_forget();
	uvdk_ioas_unmap(a, IOVA, EAGER * 4096);
	cr_expect_eq(fake_seen(6, 0xfffff00000030, 7ull << 32 | 0x30), 1,
		     "once for both functions");
	cr_expect_eq(fake_seen(6, 0xfffff00000030, 9ull << 32 | 0x30), 1);
	cr_expect_eq(fake_seen(6, 0xfffff00000030, 0x30), 1);
	cr_expect_eq(fake_seen(8, 0xfffffffff0000, 7ull << 32), 1);
	cr_expect_eq(fake_seen(8, 0xfffffffff0000, 9ull << 32), 1);
	cr_expect_eq(fake_seen(8, 0xfffffffff0000, 7ull << 32 | 8 << 16), 1);
	cr_expect_eq(fake_seen(3, 0xffffull << 32, 8ull << 32), 1);
	finish();
}

/*
 * At each step of a replacement: one table or the other, and never under a
 * strange tag; also for hardware that reads some words before the step and
 * some after it.
 */
static uint16_t did_a, did_b;
static unsigned int looks;
static uint64_t before[8];

static void look_at(const uint64_t *entry)
{
	struct walked w = fake_access_by(entry, IOVA);
	uint16_t did = (uint16_t)entry[1];

	cr_assert_null(w.odd, "%s", w.odd);
	cr_assert(w.size && (w.addr == addr(memory) || w.addr == addr(memory + SIZE)), "a gap");
	cr_assert(did != did_a || w.addr == addr(memory), "the old tag, the new table");
	cr_assert(did != did_b || w.addr == addr(memory + SIZE), "the new tag, the old table");
}

static void look(const uint64_t *desc)
{
	const uint64_t *now = fake_pasid_entry(0, 0, -1);
	uint64_t mixture[8];

	(void)desc;
	looks++;
	for (unsigned int mask = 0; mask < 8; mask++) {
		memcpy(mixture, now, sizeof(mixture));
		for (unsigned int i = 0; i < 3; i++)
			mixture[i] = mask & 1u << i ? before[i] : now[i];
		look_at(mixture);
	}
	memcpy(before, now, sizeof(before));
}

static void replace_between(struct uvdk_hwpt *from, struct uvdk_hwpt *to)
{
	cr_assert_eq(uvdk_hwpt_attach(from, dev, 0), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_hwpt_attach(to, two, 0), 0, "%s", uvdk_last_error());
	did_a = did_of(0, -1);
	did_b = did_of(1, -1);
	fake_forget();
	looks = 0;
	memcpy(before, fake_pasid_entry(0, 0, -1), sizeof(before));
	fake.on_desc = look;
	cr_assert_eq(uvdk_hwpt_replace(to, dev, 0), 0, "%s", uvdk_last_error());
	fake.on_desc = NULL;
	cr_expect_gt(looks, 4);
	cr_expect_eq(leads(0, -1, IOVA), addr(memory + SIZE));
	cr_expect_eq(did_of(0, -1), did_b);
	cr_expect_eq(memcmp(fake_pasid_entry(0, 0, -1), fake_pasid_entry(0, 1, -1), 64), 0,
		     "nothing is left of the old");
	cr_expect_geq(fake_seen(7, 0xffff0030, (uint64_t)did_a << 16 | 0x10), 1);
	cr_expect_eq(fake_seen(6, 0xffff0000, (uint64_t)did_a << 16) +
			     fake_seen(2, 0xffff0030, (uint64_t)did_a << 16 | 0x20),
		     1);
	uvdk_hwpt_detach(to, dev, 0);
	uvdk_hwpt_detach(to, two, 0);
}

Test(emu_unit, a_replacement_has_no_gap_and_no_mixture)
{
	for (unsigned int i = 0; i < 4; i++) {
		struct uvdk_hwpt_opts from = {sizeof(from), i & 1 ? UVDK_HWPT_DIRTY : 0};
		struct uvdk_hwpt_opts to = {sizeof(to), i & 2 ? UVDK_HWPT_DIRTY : 0};
		struct uvdk_hwpt *x, *y;

		cr_assert_eq(uvdk_hwpt_create(a, dev, &from, &x), 0, "%s", uvdk_last_error());
		cr_assert_eq(uvdk_hwpt_create(b, two, &to, &y), 0);
		replace_between(x, y);
		uvdk_hwpt_destroy(x);
		uvdk_hwpt_destroy(y);
	}
	finish();
}

/*
 * With nested tables: where an entry is present, its type, its pointers and its
 * tag are those of one table.
 */
static uint64_t old_entry[8], new_entry[8];
static unsigned int gaps;

static bool is_whole(const uint64_t *entry, const uint64_t *like)
{
	bool has_first = (like[0] >> 6 & 7) != 2;
	uint16_t did = (uint16_t)entry[1];

	return entry[0] == like[0] && (!has_first || entry[2] == like[2]) &&
	       (did == 1 || did == (uint16_t)like[1]);
}

static void look_whole(const uint64_t *desc)
{
	const uint64_t *now = fake_pasid_entry(0, 0, 7);
	uint64_t mixture[8];

	(void)desc;
	looks++;
	gaps += !(now[0] & 1);
	for (unsigned int mask = 0; mask < 8; mask++) {
		for (unsigned int i = 0; i < 3; i++)
			mixture[i] = mask & 1u << i ? before[i] : now[i];
		if (mixture[0] & 1)
			cr_assert(is_whole(mixture, old_entry) || is_whole(mixture, new_entry),
				  "0x%lx 0x%lx 0x%lx", (unsigned long)mixture[0],
				  (unsigned long)mixture[1], (unsigned long)mixture[2]);
	}
	memcpy(before, now, sizeof(before));
}

/* PASID 7 of the second function is attached to the new one already: so must it look. */
static void nest_between(struct uvdk_hwpt *from, struct uvdk_hwpt *to, bool gap)
{
	cr_assert_eq(uvdk_hwpt_attach(from, dev, 7), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_hwpt_attach(to, two, 7), 0, "%s", uvdk_last_error());
	memcpy(old_entry, fake_pasid_entry(0, 0, 7), sizeof(old_entry));
	memcpy(new_entry, fake_pasid_entry(0, 1, 7), sizeof(new_entry));
	memcpy(before, old_entry, sizeof(before));
	looks = gaps = 0;
	fake.on_desc = look_whole;
	cr_assert_eq(uvdk_hwpt_replace(to, dev, 7), 0, "%s", uvdk_last_error());
	fake.on_desc = NULL;
	cr_expect_gt(looks, 4);
	cr_expect_eq(gaps > 0, gap);
	cr_expect_eq(memcmp(fake_pasid_entry(0, 0, 7), new_entry, 64), 0);
	uvdk_hwpt_detach(to, dev, 7);
	uvdk_hwpt_detach(to, two, 7);
}

static struct uvdk_hwpt *nest(struct uvdk_viommu *viommu, uvdk_iova_t pgtbl)
{
	struct uvdk_nested nested = {.size = sizeof(nested),
				     .flags = UVDK_HWPT_PASID,
				     .vtd = {.pgtbl = pgtbl, .addr_width = 48}};
	struct uvdk_hwpt *hwpt = NULL;

	cr_assert_eq(uvdk_hwpt_create_nested(viommu, dev, &nested, &hwpt), 0, "%s",
		     uvdk_last_error());

	return hwpt;
}

Test(emu_unit, a_nested_table_is_replaced_without_a_mixture_and_where_that_can_be_without_a_gap)
{
	struct uvdk_hwpt_opts opts = {sizeof(opts), UVDK_HWPT_PASID};
	struct uvdk_hwpt *hwpt[5];
	struct uvdk_viommu *viommu[2];

	cr_assert_eq(uvdk_viommu_create(a, dev, NULL, &viommu[0]), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_viommu_create(b, dev, NULL, &viommu[1]), 0, "%s", uvdk_last_error());
	hwpt[0] = nest(viommu[0], IOVA);
	hwpt[1] = nest(viommu[0], IOVA + 4096);
	hwpt[2] = nest(viommu[1], IOVA);
	cr_assert_eq(uvdk_hwpt_create(a, dev, &opts, &hwpt[3]), 0);
	opts.flags |= UVDK_HWPT_DIRTY;
	cr_assert_eq(uvdk_hwpt_create(a, dev, &opts, &hwpt[4]), 0);

	nest_between(hwpt[0], hwpt[1], false); /* another first stage */
	nest_between(hwpt[0], hwpt[4], false); /* a second stage alone */
	nest_between(hwpt[4], hwpt[0], false);
	nest_between(hwpt[0], hwpt[2], true); /* another second stage below it */
	nest_between(hwpt[0], hwpt[3], true); /* a first stage alone */
	nest_between(hwpt[3], hwpt[0], true);
	for (unsigned int i = 0; i < 5; i++)
		uvdk_hwpt_destroy(hwpt[i]);
	for (unsigned int i = 0; i < 2; i++)
		uvdk_viommu_destroy(viommu[i]);
	finish();
}

Test(emu_unit, a_map_is_in_every_table_of_its_address_space)
{
	struct uvdk_hwpt_opts opts = {sizeof(opts), UVDK_HWPT_DIRTY};
	struct uvdk_hwpt *hwpt;

	uvdk_ioas_attach(a, dev);
	cr_assert_eq(uvdk_hwpt_create(a, two, &opts, &hwpt), 0);
	cr_assert_eq(uvdk_hwpt_attach(hwpt, two, 0), 0);
	map_at(a, memory + SIZE, 4096, IOVA + SIZE);
	for (unsigned int slot = 0; slot < 2; slot++) {
		cr_expect_eq(leads(slot, -1, IOVA), addr(memory));
		cr_expect_eq(leads(slot, -1, IOVA + SIZE), addr(memory + SIZE));
	}
	fake_forget();
	uvdk_ioas_unmap(a, IOVA + SIZE, 4096);
	cr_expect_eq(leads(1, -1, IOVA + SIZE), 0);
	cr_expect_eq(fake_seen(2, 0xffff0030, (uint64_t)did_of(1, -1) << 16 | 0x30), 1);
	uvdk_hwpt_destroy(hwpt);
	finish();
}

Test(emu_unit, dirty_pages_are_tracked_while_asked_for)
{
	struct uvdk_hwpt_opts opts = {sizeof(opts), UVDK_HWPT_DIRTY};
	struct uvdk_iommu_binding *binding = uvdk_device_binding(dev);
	struct emu_device *own = binding->priv;
	struct emu_domain *dom;
	struct uvdk_hwpt *hwpt;
	uint64_t bitmap = 0;

	uvdk_hwpt_create(a, dev, &opts, &hwpt);
	uvdk_hwpt_attach(hwpt, dev, 0);
	dom = emu_attachment_find(own, 0)->dom;
	cr_expect_eq(emu_dirty_read(dom, IOVA, 4096, 4096, &bitmap, false), -EINVAL);
	fake_forget();
	cr_assert_eq(emu_dirty_start(dom), 0);
	cr_expect(fake_pasid_entry(0, 0, -1)[0] & 1 << 9);
	cr_expect_eq(fake_seen(2, 0x30, 0x20), 1);
	*fake_access(0, 0, -1, IOVA + 4096, NULL).leaf |= 1 << 9;
	fake_forget();
	cr_assert_eq(emu_dirty_read(dom, IOVA, EAGER * 4096, 4096, &bitmap, true), 0);
	cr_expect_eq(bitmap, 2);
	cr_expect_eq(fake.count, 0, "nothing has changed");
	cr_assert_eq(emu_dirty_read(dom, IOVA, EAGER * 4096, 4096, &bitmap, false), 0);
	cr_expect_eq(fake_seen(2, 0x30, 0x30), 1, "or the next write is not seen");
	bitmap = 0;
	emu_dirty_read(dom, IOVA, EAGER * 4096, 4096, &bitmap, false);
	cr_expect_eq(bitmap, 0);
	emu_dirty_stop(dom);
	cr_expect(!(fake_pasid_entry(0, 0, -1)[0] & 1 << 9));
	uvdk_hwpt_destroy(hwpt);
	finish();
}

Test(emu_unit, a_descriptor_that_is_refused_does_not_stop_the_queue)
{
	uvdk_ioas_attach(a, dev);
	fake.refuse_type = 2;
	fake.refuse_left = 1;
	cr_expect_eq(uvdk_ioas_unmap(a, IOVA, EAGER * 4096), 0);
	cr_expect(strstr(uvdk_last_error(), "refuses descriptor"), "%s", uvdk_last_error());
	cr_expect_eq(fake.unit[0].fsts, 0);
	map_at(a, memory, 4096, IOVA);
	fake_forget();
	cr_expect_eq(uvdk_ioas_unmap(a, IOVA, 4096), 0);
	cr_expect_eq(fake_seen(2, 0, 0), 1);
	finish();
}

Test(emu_unit, a_function_that_does_not_answer_is_named_and_the_others_are_served)
{
	uvdk_ioas_attach_pasid(a, dev, 7);
	uvdk_ioas_attach_pasid(a, two, 7);
	fake.late_sid = 0;
	fake_forget();
	cr_expect_eq(uvdk_ioas_unmap(a, IOVA, EAGER * 4096), 0);
	cr_expect(strstr(uvdk_last_error(), "00.0"), "%s", uvdk_last_error());
	cr_expect_eq(fake_seen(8, 0xffff0000, 0), 1, "it is not asked again");
	cr_expect_geq(fake_seen(8, 0xffff0000, 8 << 16), 1);
	cr_expect_eq(fake.unit[0].fsts, 0);
	fake.late_sid = -1;
	finish();
}

Test(emu_unit, a_unit_that_lacks_something_is_named)
{
	static const unsigned int lacks[] = {1, 43};

	finish();
	for (unsigned int i = 0; i < 2; i++) {
		fake_init();
		fake.unit[0].ecap &= ~(1ull << lacks[i]);
		open_machine();
		cr_expect_eq(uvdk_device_open(iommu, "emu:thing", NULL, &dev), -EOPNOTSUPP);
		cr_expect(strstr(uvdk_last_error(), i ? "SMTS" : "QI"), "%s", uvdk_last_error());
		uvdk_iommu_close(iommu);
		uvdk_emu_destroy(emu);
		munmap(memory, 2 * SIZE);
	}
}

Test(emu_unit, five_levels_and_a_second_stage_alone_work_too)
{
	for (unsigned int i = 0; i < 2; i++) {
		const struct emu_unit *unit;
		struct uvdk_iommu_info info;

		finish();
		fake_init();
		for (unsigned int n = 0; n < FAKE_UNITS; n++) {
			fake.unit[n].cap |= (uint64_t)!i << 60;
			fake.unit[n].ecap &= i ? ~(1ull << 47) : ~0ull;
		}
		open_machine();
		dev = open_thing("emu:thing");
		two = open_thing("emu:thing,pasid=0");
		uvdk_ioas_create(iommu, NULL, &a);
		uvdk_ioas_create(iommu, NULL, &b);
		map_at(a, memory, 4096, IOVA);
		unit = &emu_machine_get(emu)->units[0];
		cr_expect_eq(emu_unit_bits(unit, EMU_FIRST_STAGE), i ? 0 : 56);
		cr_expect_eq(emu_unit_bits(unit, EMU_SECOND_STAGE), 57);
		cr_assert_eq(uvdk_ioas_attach(a, dev), 0);
		cr_expect_eq(leads(0, -1, IOVA), addr(memory));
		cr_assert_eq(uvdk_ioas_attach_pasid(a, dev, 3), 0);
		cr_expect_eq(leads(0, 3, IOVA), addr(memory));
		cr_expect_eq(uvdk_ioas_attach_pasid(a, two, 3), -EOPNOTSUPP);
		uvdk_iommu_get_info(two, &info);
		cr_expect_eq(info.pasid_bits, 0);
		cr_expect_eq(info.va_bits, i ? 0 : 57);
		cr_expect_eq(info.iova_bits, 57);
	}
	finish();
}

Test(emu_unit, tables_outlive_the_iommu_and_are_found_again)
{
	uint64_t root = fake.unit[0].rtaddr;
	struct uvdk_iommu_opts opts = {.size = sizeof(opts), .emu = emu};

	uvdk_ioas_attach(a, dev);
	uvdk_ioas_destroy(a);
	uvdk_ioas_destroy(b);
	uvdk_device_close(dev);
	uvdk_device_close(two);
	uvdk_iommu_close(iommu);
	cr_assert_eq(uvdk_iommu_open("emu", &opts, &iommu), 0);
	dev = open_thing("emu:thing,pasid=20");
	two = open_thing("emu:thing");
	uvdk_ioas_create(iommu, NULL, &a);
	uvdk_ioas_create(iommu, NULL, &b);
	map_at(a, memory, 4096, IOVA);
	cr_assert_eq(uvdk_ioas_attach_pasid(a, dev, 0xfffff), 0, "%s", uvdk_last_error());
	cr_expect_eq(leads(0, 0xfffff, IOVA), addr(memory));
	cr_expect_eq(fake.unit[0].rtaddr, root);
	finish();
}

Test(emu_unit, faults_are_taken_oldest_first)
{
	struct emu_machine *machine = emu_machine_get(emu);
	struct emu_fault fault[8];
	bool lost;

	for (unsigned int i = 0; i < 3; i++) {
		uint64_t *record = fake.unit[0].frcd[(2 + i) % 4];

		record[0] = 0x1000 * (i + 1);
		record[1] = 1ull << 63 | (uint64_t)(i == 1) << 62 | 0x71ull << 32 | 8 |
			    (i == 2 ? 1ull << 31 | 77ull << 40 : 0);
	}
	fake.unit[0].fsts = 2 << 8 | 1 << 1 | 1;
	cr_assert_eq(emu_faults_drain(machine, fault, 8, &lost), 3);
	cr_expect(lost);
	cr_expect_eq(fault[0].iova, 0x1000);
	cr_expect(fault[0].write && !fault[1].write);
	cr_expect_eq(fault[0].sid, 8);
	cr_expect_eq(fault[0].reason, 0x71);
	cr_expect(!fault[1].has_pasid && fault[2].has_pasid);
	cr_expect_eq(fault[2].pasid, 77);
	for (unsigned int i = 0; i < 4; i++)
		cr_expect_eq(fake.unit[0].frcd[i][1] >> 63, 0);
	finish();
}

Test(emu_unit, a_unit_that_does_nothing_is_not_waited_for_for_ever)
{
	uvdk_ioas_attach(a, dev);
	fake.deaf = true;
	cr_expect_eq(uvdk_ioas_unmap(a, IOVA, EAGER * 4096), 0);
	cr_expect(strstr(uvdk_last_error(), "does not work off"), "%s", uvdk_last_error());
	cr_expect_eq(leads(0, -1, IOVA), 0);
	finish();

	fake_init();
	fake.deaf = true;
	open_machine();
	cr_expect_eq(uvdk_device_open(iommu, "emu:thing", NULL, &dev), -ETIMEDOUT);
	uvdk_iommu_close(iommu);
	uvdk_emu_destroy(emu);
	munmap(memory, 2 * SIZE);
}

Test(emu_unit, what_can_not_go_by_page_goes_by_domain)
{
	finish();
	for (unsigned int i = 0; i < 2; i++) {
		fake_init();
		if (i)
			fake.unit[0].cap &= ~(1ull << 39);
		else
			fake.unit[0].cap &= ~(63ull << 48);
		open_machine();
		dev = open_thing("emu:thing");
		uvdk_ioas_create(iommu, NULL, &a);
		map_at(a, memory, EAGER * 4096, IOVA);
		uvdk_ioas_attach(a, dev);
		fake_forget();
		uvdk_ioas_unmap(a, IOVA, EAGER * 4096);
		cr_expect_eq(fake_seen(2, 0x30, 0x20), 1);
		cr_expect_eq(fake.desc[0][1], 0);
		uvdk_ioas_destroy(a);
		uvdk_device_close(dev);
		uvdk_iommu_close(iommu);
		uvdk_emu_destroy(emu);
		munmap(memory, 2 * SIZE);
	}
}

Test(emu_unit, where_absence_is_cached_maps_and_attaches_invalidate)
{
	finish();
	fake_init();
	fake.unit[0].cap |= 1 << 7;
	open_machine();
	dev = open_thing("emu:thing");
	two = open_thing("emu:thing");
	uvdk_ioas_create(iommu, NULL, &a);
	uvdk_ioas_create(iommu, NULL, &b);
	fake_forget();
	uvdk_ioas_attach(a, dev);
	cr_expect_eq(fake_seen(1, 0x30, 0x30), 1);
	cr_expect_eq(fake_seen(7, 0xffff0030, 0x10), 1, "ID 0");
	fake_forget();
	map_at(a, memory, 4096, IOVA);
	cr_expect_eq(fake_seen(2, 0x30, 0x30), 1);
	cr_expect_eq(fake.outside, 0);
	finish();
}

Test(emu_unit, a_function_that_vanished_is_not_asked)
{
	uvdk_ioas_attach_pasid(a, dev, 7);
	uvdk_ioas_attach_pasid(a, two, 7);
	fake_forget();
	cr_assert_eq(uvdk_emu_unplug(emu, "emu:thing#0", true), 0);
	uvdk_ioas_unmap(a, IOVA, EAGER * 4096);
	cr_expect_eq(fake_seen(8, 0xffff0000, 0), 0);
	cr_expect_eq(fake_seen(8, 0xffff0000, 8 << 16), 1);
	finish();
}

Test(emu_unit, many_pasids_are_more_than_the_queue_holds)
{
	for (uint32_t pasid = 1; pasid <= 400; pasid++)
		cr_assert_eq(uvdk_ioas_attach_pasid(a, dev, 40 * pasid), 0, "%s",
			     uvdk_last_error());
	fake_forget();
	cr_assert_eq(uvdk_ioas_unmap(a, IOVA, EAGER * 4096), 0);
	cr_expect_eq(fake_seen(6, 0, 0), 400);
	cr_expect_eq(fake_seen(8, 0, 0), 400);
	finish();
}

static void expect_no_access(const uint64_t *desc)
{
	(void)desc;
	cr_expect_eq(leads(0, -1, IOVA), 0);
}

Test(emu_unit, an_entry_is_gone_before_it_is_invalidated)
{
	uvdk_ioas_attach(a, dev);
	fake.on_desc = expect_no_access;
	uvdk_ioas_detach(a, dev);
	fake.on_desc = NULL;
	uvdk_ioas_attach(a, dev);
	fake.on_desc = expect_no_access;
	uvdk_ioas_unmap(a, IOVA, EAGER * 4096);
	fake.on_desc = NULL;
	finish();
}

Test(emu_unit, pages_are_not_used_again_where_an_invalidation_failed)
{
	struct emu_machine *machine = emu_machine_get(emu);

	uvdk_ioas_attach(a, dev);
	cr_assert_null(machine->arena.free);
	fake.refuse_type = 2;
	fake.refuse_left = 1;
	uvdk_ioas_unmap(a, IOVA, EAGER * 4096);
	cr_expect_null(machine->arena.free);
	finish();
}

Test(emu_unit, domain_ids_come_back)
{
	finish();
	fake_init();
	fake.unit[0].cap &= ~7ull; /* 16, two of them not for tables */
	open_machine();
	dev = open_thing("emu:thing");
	two = open_thing("emu:thing");
	for (unsigned int i = 0; i < 40; i++) {
		struct uvdk_hwpt *hwpt;

		uvdk_ioas_create(iommu, NULL, &a);
		cr_assert_eq(uvdk_hwpt_create(a, dev, NULL, &hwpt), 0, "%s", uvdk_last_error());
		cr_assert_eq(uvdk_hwpt_attach(hwpt, dev, 0), 0);
		cr_expect_geq(did_of(0, -1), 2);
		uvdk_hwpt_destroy(hwpt);
		uvdk_ioas_destroy(a);
	}
	uvdk_ioas_create(iommu, NULL, &a);
	uvdk_ioas_create(iommu, NULL, &b);
	for (unsigned int i = 0; i <= 14; i++) {
		struct uvdk_hwpt_opts opts = {sizeof(opts), UVDK_HWPT_DIRTY | UVDK_HWPT_PASID};
		static struct uvdk_hwpt *hwpt[15];

		cr_assert_eq(uvdk_hwpt_create(a, dev, &opts, &hwpt[i]), 0);
		cr_expect_eq(uvdk_hwpt_attach(hwpt[i], dev, i + 1), i < 14 ? 0 : -ENOSPC);
		for (unsigned int n = 0; i == 14 && n <= 14; n++)
			uvdk_hwpt_destroy(hwpt[n]);
	}
	finish();
}
