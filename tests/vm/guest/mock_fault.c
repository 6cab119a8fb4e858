// SPDX-License-Identifier: BSD-3-Clause
/*
 * mock_fault: mock devices ask for pages, through the fault queues of a real
 * iommufd: what is read, answered once, late or never.
 */
#include "mock.h"

#define LIMIT 4u

static struct uvdk_iommu *iommu;
static struct uvdk_device *dev, *second;
static struct uvdk_ioas *ioas;
static struct uvdk_faultq *queue;
static struct uvdk_hwpt *table;
static struct uvdk_fault got[64];

static int answer(uint64_t group, enum uvdk_fault_code code)
{
	struct uvdk_fault_answer one = {.group = group, .code = code};

	return uvdk_faultq_answer(queue, &one, 1);
}

static bool readable(void)
{
	return readable_within(uvdk_faultq_fd(queue), 0);
}

static void groups(void)
{
	struct uvdk_fault_answer answers[3];

	CHECK_EQ(uvdk_faultq_read(queue, got, 64), 0);
	CHECK(!readable(), "nobody has asked");
	mock_ask(dev, 5, 1, 0x1234000, 1);
	mock_ask(second, 5, 1, 0x2345000, 2);
	mock_ask(dev, 0, 7, 0x3456000, 3);
	CHECK(readable(), "three have asked");
	CHECK_EQ(uvdk_faultq_read(queue, got, 64), 3);
	CHECK(!readable(), "all is read");
	CHECK(got[0].type == UVDK_FAULT_PAGE_REQUEST && got[0].dev == dev && got[0].pasid == 5 &&
		      got[0].index == 1 && got[0].addr == 0x1234000 && got[0].last &&
		      got[0].access == UVDK_FAULT_READ,
	      "first");
	CHECK(got[1].dev == second && got[1].pasid == 5 && got[1].access == UVDK_FAULT_WRITE,
	      "second");
	CHECK(got[2].dev == dev && got[2].pasid == UVDK_PASID_RID && got[2].index == 7 &&
		      got[2].access == (UVDK_FAULT_READ | UVDK_FAULT_WRITE),
	      "third");
	for (unsigned int i = 0; i < 3; i++)
		answers[i] = (struct uvdk_fault_answer){got[2 - i].group, i, 1};
	CHECK_EQ(uvdk_faultq_answer(queue, answers, 3), 0);
	CHECK_ERR(answer(got[0].group, UVDK_FAULT_SUCCESS), -ENOENT);
	printf("groups: all good\n");
}

/* More groups than the library may hold stay with the kernel; none is lost. */
static void overflow(void)
{
	struct uvdk_faultq_stats stats;
	unsigned int seen = 0;
	int n;

	for (uint32_t i = 0; i < 3 * LIMIT; i++)
		mock_ask(dev, 5, i, i * PAGE, 1);
	CHECK_EQ(uvdk_faultq_read(queue, got, 64), LIMIT);
	CHECK_ERR(uvdk_faultq_read(queue, got + LIMIT, 64), -ENOBUFS);
	CHECK(readable(), "there are more");
	for (n = LIMIT; n > 0; n = uvdk_faultq_read(queue, got, 64)) {
		for (int i = 0; i < n; i++) {
			CHECK(got[i].index == seen && got[i].addr == seen * PAGE, "in order");
			CHECK_EQ(answer(got[i].group, UVDK_FAULT_SUCCESS), 0);
			seen++;
		}
	}
	CHECK_EQ(n, 0);
	CHECK_EQ(seen, 3 * LIMIT);
	uvdk_faultq_get_stats(queue, &stats);
	CHECK_EQ(stats.lost, 0);
	CHECK_EQ(stats.waiting, 0);
	printf("overflow: all good\n");
}

/* One is read, one is not. The kernel answers both, and gives the cookie to another. */
static void detached(void)
{
	uint64_t late, now;

	mock_ask(dev, 6, 1, 0x1000, 1);
	CHECK_EQ(uvdk_faultq_read(queue, got, 64), 1);
	late = got[0].group;
	mock_ask(dev, 6, 2, 0x2000, 1);
	uvdk_hwpt_detach(table, dev, 6);
	CHECK_EQ(uvdk_faultq_read(queue, got, 64), 0);
	CHECK_ERR(answer(late, UVDK_FAULT_SUCCESS), -ENOENT);
	mock_ask(dev, 5, 1, 0x3000, 1);
	CHECK_EQ(uvdk_faultq_read(queue, got, 64), 1);
	now = got[0].group;
	CHECK_EQ(answer(late, UVDK_FAULT_INVALID), -ENOENT);
	CHECK_EQ(answer(now, UVDK_FAULT_SUCCESS), 0);
	CHECK_EQ(uvdk_hwpt_attach(table, dev, 6), 0);
	printf("detached: all good\n");
}

static void replaced(void)
{
	struct uvdk_hwpt_opts opts = {
		.size = sizeof(opts), .flags = UVDK_HWPT_PASID, .faultq = queue};
	struct uvdk_hwpt *other;
	uint64_t late, now;

	CHECK_EQ(uvdk_hwpt_create(ioas, dev, &opts, &other), 0);
	mock_ask(dev, 6, 1, 0x1000, 1);
	CHECK_EQ(uvdk_faultq_read(queue, got, 64), 1);
	late = got[0].group;
	CHECK_EQ(uvdk_hwpt_replace(other, dev, 6), 0);
	CHECK_ERR(answer(late, UVDK_FAULT_SUCCESS), -ENOENT);
	mock_ask(dev, 6, 1, 0x1000, 1);
	CHECK_EQ(uvdk_faultq_read(queue, got, 64), 1);
	now = got[0].group;
	CHECK_EQ(answer(now, UVDK_FAULT_SUCCESS), 0);
	CHECK_EQ(uvdk_hwpt_replace(table, dev, 6), 0);
	uvdk_hwpt_destroy(other);
	printf("replaced: all good\n");
}

static void closed(void)
{
	struct uvdk_faultq_stats stats;
	uint64_t late;

	mock_ask(second, 5, 1, 0x1000, 1);
	mock_ask(dev, 5, 1, 0x2000, 1);
	CHECK_EQ(uvdk_faultq_read(queue, got, 1), 1);
	CHECK(got[0].dev == second, "in order");
	late = got[0].group;
	mock_ask(second, 5, 2, 0x3000, 1);
	uvdk_device_close(second);
	CHECK_ERR(answer(late, UVDK_FAULT_SUCCESS), -ENOENT);
	CHECK_EQ(uvdk_faultq_read(queue, got, 64), 1);
	CHECK(got[0].dev == dev, "only the other's is left");
	uvdk_faultq_get_stats(queue, &stats);
	CHECK_EQ(stats.waiting, 1);
	printf("closed: all good\n");
}

static void setup(void)
{
	const struct uvdk_faultq_opts opts = {.size = sizeof(opts), .groups_max = LIMIT};
	struct uvdk_hwpt_opts hwpt_opts = {.size = sizeof(hwpt_opts), .flags = UVDK_HWPT_PASID};

	dev = mock_open(iommu, "mock:0");
	second = mock_open(iommu, "mock:1");
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	CHECK_EQ(uvdk_faultq_create(iommu, &opts, &queue), 0);
	hwpt_opts.faultq = queue;
	CHECK_EQ(uvdk_hwpt_create(ioas, dev, &hwpt_opts, &table), 0);
	CHECK_EQ(uvdk_hwpt_attach(table, dev, UVDK_PASID_RID), 0);
	CHECK_EQ(uvdk_hwpt_attach(table, dev, 5), 0);
	CHECK_EQ(uvdk_hwpt_attach(table, dev, 6), 0);
	CHECK_EQ(uvdk_hwpt_attach(table, second, 5), 0);
}

int main(void)
{
	unsigned int fds = count_fds();
	unsigned int objects;

	mock_register();
	CHECK_EQ(uvdk_iommu_open("iommufd", NULL, &iommu), 0);
	uvdk_device_close(mock_open(iommu, "mock:first"));
	objects = mock_objects();
	setup();
	groups();
	overflow();
	detached();
	replaced();
	closed();
	/* One still waits, one was never read: the end of the queue answers both. */
	mock_ask(dev, 5, 9, 0x9000, 1);
	uvdk_hwpt_destroy(table);
	uvdk_faultq_destroy(queue);
	uvdk_device_close(dev);
	uvdk_ioas_destroy(ioas);
	CHECK_EQ(mock_objects(), objects);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	return 0;
}
