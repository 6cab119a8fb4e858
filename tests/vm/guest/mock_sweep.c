// SPDX-License-Identifier: BSD-3-Clause
/*
 * mock_sweep shim|kernel [nest]: everything that lib/iommu and lib/fault do with an
 * iommufd, or with nested tables of it, again and again, each time with one more ioctl that fails:
 * because mock.c says so, or because the kernel is told to fail inside it. A call that failed must
 * have changed nothing: it is made once more and must work, or all is given up. Either way nothing
 * may be left: kernel objects, descriptors, pinned pages, IOVAs.
 */
#include <uvdk_viommu.h>

#include "mock.h"

#define PAGES 4u

/* What there is before a run, and must be after it. */
static struct uvdk_iommu *iommu;
static struct uvdk_ioas *home;
static uint8_t *home_mem, *mem;
static unsigned int fds, objects;
static long pins;

/* What a run makes. */
struct world {
	struct uvdk_device *dev;
	struct uvdk_ioas *ioas;
	struct uvdk_faultq *queue;
	struct uvdk_hwpt *table, *other;
	uvdk_iova_t iova;
	uint64_t bits;
	struct uvdk_viommu *viommu;
	struct uvdk_vdevice *vdev;
	struct uvdk_hw_queue *hw_queue;
	struct uvdk_veventq *events;
};

enum mode {
	TRY_AGAIN,
	GIVE_UP,
};

static enum mode mode;

static int open_device(struct world *w)
{
	return uvdk_device_open(iommu, "mock:sweep", NULL, &w->dev);
}

static int ask_info(struct world *w)
{
	struct uvdk_iommu_info info;

	return uvdk_iommu_get_info(w->dev, &info);
}

static int make_ioas(struct world *w)
{
	return uvdk_ioas_create(iommu, NULL, &w->ioas);
}

static int map_before(struct world *w)
{
	uvdk_iova_t iova = MOCK_IOVA;

	return uvdk_ioas_map(w->ioas, mem, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova);
}

static int attach_rid(struct world *w)
{
	return uvdk_ioas_attach(w->ioas, w->dev);
}

static int map_after(struct world *w)
{
	return uvdk_ioas_map(w->ioas, mem + PAGE, 2 * PAGE, UVDK_MAP_RW, &w->iova);
}

static int make_queue(struct world *w)
{
	return uvdk_faultq_create(iommu, NULL, &w->queue);
}

static int make_table(struct world *w)
{
	const struct uvdk_hwpt_opts opts = {.size = sizeof(opts),
					    .flags = UVDK_HWPT_PASID | UVDK_HWPT_DIRTY,
					    .faultq = w->queue};

	return uvdk_hwpt_create(w->ioas, w->dev, &opts, &w->table);
}

static int make_other(struct world *w)
{
	const struct uvdk_hwpt_opts opts = {.size = sizeof(opts), .flags = UVDK_HWPT_PASID};

	return uvdk_hwpt_create(home, w->dev, &opts, &w->other);
}

static int attach_pasid(struct world *w)
{
	return uvdk_hwpt_attach(w->table, w->dev, 5);
}

static int attach_home(struct world *w)
{
	return uvdk_ioas_attach_pasid(home, w->dev, 6);
}

static int attach_own(struct world *w)
{
	return uvdk_ioas_attach_pasid(w->ioas, w->dev, 7);
}

static int replace_pasid(struct world *w)
{
	return uvdk_hwpt_replace(w->other, w->dev, 5);
}

static int replace_back(struct world *w)
{
	return uvdk_hwpt_replace(w->table, w->dev, 5);
}

static int replace_home(struct world *w)
{
	return uvdk_ioas_replace_pasid(w->ioas, w->dev, 6);
}

static int replace_rid(struct world *w)
{
	return uvdk_hwpt_replace(w->other, w->dev, UVDK_PASID_RID);
}

static int start(struct world *w)
{
	return uvdk_hwpt_dirty_start(w->table);
}

static int read_dirty(struct world *w)
{
	return uvdk_hwpt_dirty_read(w->table, MOCK_IOVA, PAGE, PAGE, &w->bits, 0);
}

static int stop(struct world *w)
{
	return uvdk_hwpt_dirty_stop(w->table);
}

static int unmap(struct world *w)
{
	return uvdk_ioas_unmap(w->ioas, w->iova, 2 * PAGE);
}

static int map_again(struct world *w)
{
	return uvdk_ioas_map(w->ioas, mem + 3 * PAGE, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &w->iova);
}

static int detach(struct world *w)
{
	uvdk_hwpt_detach(w->table, w->dev, 5);
	uvdk_ioas_detach_pasid(w->ioas, w->dev, 7);
	return 0;
}

/* Nested tables; the table is w->table. */
static int make_viommu(struct world *w)
{
	const struct uvdk_viommu_opts opts = {
		.size = sizeof(opts), .type = UVDK_NEST_SELFTEST, .selftest = 1};

	return uvdk_viommu_create(w->ioas, w->dev, &opts, &w->viommu);
}

static int make_vdevice(struct world *w)
{
	return uvdk_vdevice_create(w->viommu, w->dev, 9, &w->vdev);
}

static int make_nested(struct world *w)
{
	const struct uvdk_nested nested = {
		.size = sizeof(nested), .flags = UVDK_HWPT_PASID, .faultq = w->queue};

	return uvdk_hwpt_create_nested(w->viommu, w->dev, &nested, &w->table);
}

static int attach_nested(struct world *w)
{
	return uvdk_hwpt_attach(w->table, w->dev, UVDK_PASID_RID);
}

static int invalidate_nested(struct world *w)
{
	const struct uvdk_inval_selftest_hwpt all = {1, 0};

	return uvdk_hwpt_invalidate(w->table, &all, sizeof(all), 1, NULL);
}

static int invalidate_device(struct world *w)
{
	const struct uvdk_inval_selftest all = {1, 9, 0};

	return uvdk_viommu_invalidate(w->viommu, &all, sizeof(all), 1, NULL);
}

static int make_hw_queue(struct world *w)
{
	return uvdk_hw_queue_create(w->viommu, MOCK_IOVA, PAGE, &w->hw_queue);
}

static int make_events(struct world *w)
{
	return uvdk_veventq_create(w->viommu, UVDK_VEVENTQ_SELFTEST, 4, &w->events);
}

struct step {
	const char *name;
	int (*run)(struct world *w);
};

static const struct step plain_steps[] = {
#define STEP(fn)        \
	{               \
#fn, fn \
	}
	STEP(open_device),   STEP(ask_info),	 STEP(make_ioas),    STEP(map_before),
	STEP(attach_rid),    STEP(map_after),	 STEP(make_queue),   STEP(make_table),
	STEP(make_other),    STEP(attach_pasid), STEP(attach_home),  STEP(attach_own),
	STEP(replace_pasid), STEP(replace_back), STEP(replace_home), STEP(replace_rid),
	STEP(start),	     STEP(read_dirty),	 STEP(stop),	     STEP(unmap),
	STEP(map_again),     STEP(detach),
};

static const struct step nest_steps[] = {
	STEP(open_device),
	STEP(make_ioas),
	STEP(map_before),
	STEP(make_queue),
	STEP(make_viommu),
	STEP(make_vdevice),
	STEP(make_nested),
	STEP(attach_nested),
	STEP(attach_pasid),
	STEP(invalidate_nested),
	STEP(invalidate_device),
	STEP(make_hw_queue),
	STEP(make_events),
	STEP(make_other),
	STEP(replace_pasid),
	STEP(replace_back),
	STEP(replace_rid),
	STEP(map_after),
	STEP(unmap),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct step *steps = plain_steps;
static unsigned int nr_steps = COUNT(plain_steps);

/* One of the two orders in which an application may give up what it has. */
static void clean_up(struct world *w)
{
	if (mode == GIVE_UP && w->dev)
		uvdk_device_close(w->dev);
	uvdk_veventq_destroy(w->events);
	uvdk_hw_queue_destroy(w->hw_queue);
	uvdk_vdevice_destroy(w->vdev);
	uvdk_hwpt_destroy(w->other);
	uvdk_hwpt_destroy(w->table);
	uvdk_viommu_destroy(w->viommu);
	uvdk_faultq_destroy(w->queue);
	uvdk_ioas_destroy(w->ioas);
	if (mode == TRY_AGAIN && w->dev)
		uvdk_device_close(w->dev);
}

static void run(void)
{
	struct world w = {.iova = 0};
	struct world before;
	int ret;

	for (unsigned int i = 0; i < nr_steps; i++) {
		before = w;
		ret = steps[i].run(&w);
		if (!ret)
			continue;
		CHECK(mock.hit, "%s fails by itself: %d", steps[i].name, ret);
		CHECK(ret < 0 && *uvdk_last_error(), "%s: %d, no sentence", steps[i].name, ret);
		CHECK(!memcmp(&before, &w, sizeof(w)), "%s failed and wrote", steps[i].name);
		if (mode == GIVE_UP)
			break;
		ret = steps[i].run(&w);
		CHECK(!ret, "%s does not work once it has failed: %d", steps[i].name, ret);
	}
	clean_up(&w);
}

static unsigned int maps_of(struct uvdk_ioas *ioas)
{
	struct uvdk_map_info map = {0};
	unsigned int count = 0;
	uvdk_iova_t at = 0;

	while (!uvdk_ioas_next(ioas, at, &map)) {
		at = map.iova + map.len;
		count++;
	}
	return count;
}

static void nothing_left(void)
{
	CHECK_EQ(mock_objects(), objects);
	CHECK_EQ(count_fds(), fds);
	CHECK_EQ(mock_system_pins(), pins);
	CHECK(mock_pinned(mem, PAGES * PAGE, 0), "still pinned");
	CHECK(mock_pinned(home_mem, PAGE, 0), "still pinned");
	CHECK_EQ(maps_of(home), 1);
}

static void one(unsigned int fail_at, unsigned int inject_at, unsigned int nth, int err)
{
	mock.calls = 0;
	mock.fail_at = fail_at;
	mock.fail_errno = err;
	mock.inject_at = inject_at;
	mock.inject_nth = nth;
	mock.hit = false;
	mock.request = 0;
	run();
	mock.fail_at = 0;
	mock.inject_at = 0;
	nothing_left();
}

/* Until a run makes it through. */
static void shim(int err)
{
	unsigned int at;

	for (at = 1, mock.hit = true; mock.hit; at++)
		one(at, 0, 0, err);
	printf("  %u ioctls fail with %s, one by one\n", at - 2, strerrorname_np(err));
}

static void kernel(void)
{
	unsigned int points = 0, at, nth;

	for (at = 1, mock.calls = 1; mock.calls >= at; at++) {
		for (nth = 1, mock.hit = true; mock.hit; nth++)
			one(0, at, nth, 0);
		points += nth - 2;
	}
	printf("  %u ioctls fail at %u points inside the kernel\n", at - 1, points);
	CHECK(points > at, "does the kernel fail at all?");
}

int main(int argc, char **argv)
{
	uvdk_iova_t iova = MOCK_IOVA;

	if (argc < 2)
		return 2;
	if (argc > 2) {
		steps = nest_steps;
		nr_steps = COUNT(nest_steps);
	}
	mock_register();
	mem = mock_memory(PAGES, 1);
	home_mem = mock_memory(1, 2);
	CHECK_EQ(uvdk_iommu_open("iommufd", NULL, &iommu), 0);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &home), 0);
	CHECK_EQ(uvdk_ioas_map(home, home_mem, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0);
	run(); /* what libraries keep from their first use is kept from here on */
	objects = mock_objects();
	CHECK_EQ(objects, 1); /* home */
	fds = count_fds();
	pins = mock_system_pins();
	for (mode = TRY_AGAIN; mode <= GIVE_UP; mode++) {
		if (!strcmp(argv[1], "kernel")) {
			kernel();
			continue;
		}
		shim(ENOMEM);
		shim(EIO);
		shim(EINVAL);
	}
	uvdk_ioas_destroy(home);
	uvdk_iommu_close(iommu);
	printf("sweep: all good\n");
	return 0;
}
