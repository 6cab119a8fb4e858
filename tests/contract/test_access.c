// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <uvdk_device.h>

#include "backend.h"

/*
 * What a device reaches, and when: the same tests for every way of mapping DMA
 * that runs here. CONTRACT() makes one test of each backend.
 */
#define PAGE  4096ul
#define PAGES 16
#define AT    0x40000000ul

struct world {
	const struct backend *be;
	struct uvdk_iommu *iommu;
	struct uvdk_ioas *ioas;
	struct uvdk_device *dev; /* attached to ioas */
	char *mem;		 /* PAGES; page n is filled with 'a' + n */
};

static char *memory(void)
{
	char *mem = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	cr_assert_neq(mem, MAP_FAILED);
	for (unsigned int i = 0; i < PAGES; i++)
		memset(mem + i * PAGE, 'a' + (int)i, PAGE);
	return mem;
}

static struct uvdk_ioas *space(struct world *w)
{
	struct uvdk_ioas *as = NULL;

	cr_assert_eq(uvdk_ioas_create(w->iommu, NULL, &as), 0, "%s", uvdk_last_error());
	return as;
}

static void begin(struct world *w, const struct backend *be)
{
	w->be = be;
	w->iommu = be->open();
	w->mem = memory();
	w->ioas = space(w);
	w->dev = be->device(w->iommu);
	cr_assert_eq(uvdk_ioas_attach(w->ioas, w->dev), 0, "%s", uvdk_last_error());
}

static void end(struct world *w)
{
	uvdk_device_close(w->dev);
	uvdk_ioas_destroy(w->ioas);
	w->be->close(w->iommu);
	munmap(w->mem, PAGES * PAGE);
}

/* Map page n (and the ones after it) at AT + n pages. */
static uvdk_iova_t map_in(struct uvdk_ioas *as, char *mem, unsigned int n, unsigned int pages,
			  unsigned int flags)
{
	uvdk_iova_t iova = AT + n * PAGE;

	cr_assert_eq(uvdk_ioas_map(as, mem + n * PAGE, pages * PAGE, flags | UVDK_MAP_FIXED, &iova),
		     0, "%s", uvdk_last_error());
	return iova;
}

static uvdk_iova_t map(struct world *w, unsigned int n, unsigned int pages, unsigned int flags)
{
	return map_in(w->ioas, w->mem, n, pages, flags);
}

static bool filled(const char *page, char with)
{
	return page[0] == with && memcmp(page, page + 1, PAGE - 1) == 0;
}

/* Page "from" must arrive in page "to"; or be refused, and leave it as it is. */
static bool copies(struct world *w, struct uvdk_device *dev, unsigned int to, unsigned int from)
{
	int err = w->be->copy(dev, AT + to * PAGE, AT + from * PAGE, PAGE);

	cr_assert(err == 0 || err == -EFAULT, "%d", err);
	return err == 0 && filled(w->mem + to * PAGE, w->mem[from * PAGE]);
}

static bool refuses(struct world *w, struct uvdk_device *dev, unsigned int to, unsigned int from)
{
	char was = w->mem[to * PAGE];
	int err = w->be->copy(dev, AT + to * PAGE, AT + from * PAGE, PAGE);

	return err == -EFAULT && filled(w->mem + to * PAGE, was);
}

#define CONTRACT(name)                                \
	static void contract_##name(struct world *w); \
	Test(contract_fake, name)                     \
	{                                             \
		struct world w;                       \
                                                      \
		begin(&w, &backend_fake);             \
		contract_##name(&w);                  \
		end(&w);                              \
	}                                             \
	Test(contract_emu, name)                      \
	{                                             \
		struct world w;                       \
                                                      \
		begin(&w, &backend_emu);              \
		contract_##name(&w);                  \
		end(&w);                              \
	}                                             \
	Test(contract_virtio_emu, name)               \
	{                                             \
		struct world w;                       \
                                                      \
		begin(&w, &backend_virtio_emu);       \
		contract_##name(&w);                  \
		end(&w);                              \
	}                                             \
	static void contract_##name(struct world *w)

CONTRACT(a_map_is_seen_at_once)
{
	map(w, 0, 2, UVDK_MAP_RW);
	cr_expect(copies(w, w->dev, 1, 0));
	map(w, 2, 1, UVDK_MAP_RW);
	cr_expect(copies(w, w->dev, 2, 1));
}

CONTRACT(maps_of_before_are_seen_once_attached)
{
	struct uvdk_device *late = w->be->device(w->iommu);

	map(w, 0, 1, UVDK_MAP_RW);
	map(w, 1, 3, UVDK_MAP_RW);
	cr_assert_eq(uvdk_ioas_attach(w->ioas, late), 0);
	cr_expect(copies(w, late, 3, 0));
	uvdk_device_close(late);
}

CONTRACT(a_device_that_is_not_attached_reaches_nothing)
{
	struct uvdk_device *loose = w->be->device(w->iommu);

	map(w, 0, 2, UVDK_MAP_RW);
	cr_expect(refuses(w, loose, 1, 0));
	uvdk_device_close(loose);
}

CONTRACT(what_is_not_mapped_cannot_be_reached)
{
	map(w, 0, 1, UVDK_MAP_RW);
	map(w, 2, 1, UVDK_MAP_RW);
	cr_expect(refuses(w, w->dev, 1, 0));
	cr_expect(refuses(w, w->dev, 0, 1));
	/* Half of it mapped. */
	cr_expect_eq(w->be->copy(w->dev, AT + PAGE / 2, AT + 2 * PAGE, PAGE), -EFAULT);
	cr_expect(filled(w->mem + PAGE, 'b'));
	/* The device is none the worse for it. */
	cr_expect(copies(w, w->dev, 0, 2));
}

CONTRACT(after_unmap_memory_is_out_of_reach)
{
	uvdk_iova_t iova = map(w, 1, 1, UVDK_MAP_RW);

	map(w, 0, 1, UVDK_MAP_RW);
	cr_expect(copies(w, w->dev, 1, 0));
	memset(w->mem + PAGE, 'z', PAGE);
	cr_assert_eq(uvdk_ioas_unmap(w->ioas, iova, PAGE), 0);
	cr_expect(refuses(w, w->dev, 1, 0));
	cr_expect(refuses(w, w->dev, 0, 1));
}

CONTRACT(a_row_of_maps_goes_at_once)
{
	map(w, 0, 1, UVDK_MAP_RW);
	map(w, 1, 2, UVDK_MAP_RW);
	map(w, 3, 1, UVDK_MAP_RW);
	map(w, 4, 1, UVDK_MAP_RW);
	cr_assert_eq(uvdk_ioas_unmap(w->ioas, AT + PAGE, 3 * PAGE), 0);
	for (unsigned int n = 1; n <= 3; n++)
		cr_expect(refuses(w, w->dev, n, 0));
	cr_expect(copies(w, w->dev, 4, 0));
}

CONTRACT(permissions_are_kept)
{
	map(w, 0, 1, UVDK_MAP_READ);
	map(w, 1, 1, UVDK_MAP_WRITE);
	map(w, 2, 1, UVDK_MAP_READ);
	cr_expect(copies(w, w->dev, 1, 0));
	cr_expect(refuses(w, w->dev, 2, 0));
	map(w, 3, 1, UVDK_MAP_RW);
	cr_expect(refuses(w, w->dev, 3, 1));
}

CONTRACT(devices_share_a_space)
{
	struct uvdk_device *second = w->be->device(w->iommu);

	cr_assert_eq(uvdk_ioas_attach(w->ioas, second), 0);
	map(w, 0, 3, UVDK_MAP_RW);
	cr_expect(copies(w, w->dev, 1, 0));
	cr_expect(copies(w, second, 2, 1));
	/* One leaves, the other stays. */
	uvdk_ioas_detach(w->ioas, w->dev);
	memset(w->mem, 'x', PAGE);
	cr_expect(refuses(w, w->dev, 1, 0));
	cr_expect(copies(w, second, 2, 0));
	uvdk_device_close(second);
}

CONTRACT(two_spaces_are_two)
{
	struct world other = {.be = w->be, .iommu = w->iommu, .mem = memory()};

	other.ioas = space(w);
	other.dev = w->be->device(w->iommu);
	cr_assert_eq(uvdk_ioas_attach(other.ioas, other.dev), 0);
	memset(other.mem, 'X', PAGE);
	map(w, 0, 2, UVDK_MAP_RW);
	map(&other, 0, 2, UVDK_MAP_RW);
	cr_expect(copies(w, w->dev, 1, 0));
	cr_expect(copies(&other, other.dev, 1, 0));
	cr_expect(filled(w->mem + PAGE, 'a'));
	cr_expect(filled(other.mem + PAGE, 'X'));
	/* What ends in one goes on in the other. */
	cr_assert_eq(uvdk_ioas_unmap(w->ioas, AT, 2 * PAGE), 0);
	cr_expect(refuses(w, w->dev, 1, 0));
	cr_expect(copies(&other, other.dev, 1, 0));
	uvdk_device_close(other.dev);
	uvdk_ioas_destroy(other.ioas);
	munmap(other.mem, PAGES * PAGE);
}

CONTRACT(a_device_moves_from_space_to_space)
{
	struct uvdk_ioas *second = space(w);

	map(w, 0, 2, UVDK_MAP_RW);
	map_in(second, w->mem, 2, 2, UVDK_MAP_RW);
	cr_expect_eq(uvdk_ioas_attach(second, w->dev), -EBUSY);
	cr_expect(copies(w, w->dev, 1, 0));
	uvdk_ioas_detach(w->ioas, w->dev);
	cr_assert_eq(uvdk_ioas_attach(second, w->dev), 0, "%s", uvdk_last_error());
	memset(w->mem, 'x', PAGE);
	cr_expect(refuses(w, w->dev, 1, 0));
	cr_expect(copies(w, w->dev, 3, 2));
	uvdk_ioas_detach(second, w->dev);
	uvdk_ioas_destroy(second);
}

CONTRACT(maps_outlive_the_devices)
{
	map(w, 0, 2, UVDK_MAP_RW);
	uvdk_device_close(w->dev);
	map(w, 2, 1, UVDK_MAP_RW);
	cr_assert_eq(uvdk_ioas_unmap(w->ioas, AT, 2 * PAGE), 0);
	map(w, 1, 1, UVDK_MAP_RW);
	w->dev = w->be->device(w->iommu);
	cr_assert_eq(uvdk_ioas_attach(w->ioas, w->dev), 0);
	cr_expect(copies(w, w->dev, 2, 1));
	cr_expect(refuses(w, w->dev, 1, 0));
}

CONTRACT(a_destroyed_space_is_out_of_reach)
{
	map(w, 0, 2, UVDK_MAP_RW);
	uvdk_ioas_destroy(w->ioas);
	w->ioas = NULL;
	cr_expect(refuses(w, w->dev, 1, 0));
}

CONTRACT(one_iova_can_serve_other_memory_later)
{
	uvdk_iova_t iova = map(w, 0, 1, UVDK_MAP_RW);

	map(w, 2, 1, UVDK_MAP_RW);
	cr_expect(copies(w, w->dev, 2, 0));
	cr_assert_eq(uvdk_ioas_unmap(w->ioas, iova, PAGE), 0);
	cr_assert_eq(uvdk_ioas_map(w->ioas, w->mem + 5 * PAGE, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED,
				   &iova),
		     0);
	cr_assert_eq(w->be->copy(w->dev, AT + 2 * PAGE, iova, PAGE), 0);
	cr_expect(filled(w->mem + 2 * PAGE, 'f'));
}

CONTRACT(one_memory_at_two_iovas)
{
	uvdk_iova_t alias = AT + 8 * PAGE;

	map(w, 0, 2, UVDK_MAP_RW);
	cr_assert_eq(uvdk_ioas_map(w->ioas, w->mem, PAGE,
				   UVDK_MAP_READ | UVDK_MAP_FIXED | UVDK_MAP_ALIAS, &alias),
		     0, "%s", uvdk_last_error());
	cr_assert_eq(w->be->copy(w->dev, AT + PAGE, alias, PAGE), 0);
	cr_expect(filled(w->mem + PAGE, 'a'));
	cr_expect_eq(w->be->copy(w->dev, alias, AT + PAGE, PAGE), -EFAULT);
	cr_assert_eq(uvdk_ioas_unmap(w->ioas, AT, 2 * PAGE), 0);
	map(w, 3, 1, UVDK_MAP_RW);
	cr_assert_eq(w->be->copy(w->dev, AT + 3 * PAGE, alias, PAGE), 0);
	cr_expect(filled(w->mem + 3 * PAGE, 'a'));
}

CONTRACT(what_the_allocator_gives_can_be_used)
{
	uvdk_iova_t iova[PAGES];

	for (unsigned int n = 0; n < PAGES; n++)
		cr_assert_eq(uvdk_ioas_map(w->ioas, w->mem + n * PAGE, PAGE, UVDK_MAP_RW, &iova[n]),
			     0, "%s", uvdk_last_error());
	for (unsigned int n = 1; n < PAGES; n++)
		cr_expect_eq(w->be->copy(w->dev, iova[n], iova[n - 1], PAGE), 0);
	cr_expect(filled(w->mem + (PAGES - 1) * PAGE, 'a'));
}

CONTRACT(the_ranges_it_tells_can_be_mapped)
{
	struct uvdk_iova_range r[16];
	unsigned int count = uvdk_ioas_ranges(w->ioas, r, 16);
	uvdk_iova_t dst = AT;

	cr_assert(count > 0 && count <= 16);
	map(w, 0, 1, UVDK_MAP_RW);
	for (unsigned int i = 0; i < count; i++) {
		uvdk_iova_t last = r[i].last + 1 - PAGE;

		cr_assert_eq(uvdk_ioas_map(w->ioas, w->mem + PAGE, PAGE,
					   UVDK_MAP_RW | UVDK_MAP_FIXED, &last),
			     0, "%s", uvdk_last_error());
		cr_expect_eq(w->be->copy(w->dev, dst, last, PAGE), 0);
		cr_assert_eq(uvdk_ioas_unmap(w->ioas, last, PAGE), 0);
	}
	cr_expect(filled(w->mem, 'b'));
}
