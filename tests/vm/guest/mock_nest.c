// SPDX-License-Identifier: BSD-3-Clause
/*
 * mock_nest: nested tables of iommufd's mock devices. After each step the mock is
 * asked what it has cached, what it has attached, and what is left of it.
 */
#include <pthread.h>

#include <uvdk_inval.h>
#include <uvdk_viommu.h>

#include "mock.h"

#define ID	0x99u
#define MAGIC	0x5eed1234u
#define ENTRIES 4u

static struct uvdk_iommu *iommu;
static struct uvdk_device *dev, *second;
static struct uvdk_ioas *ioas;
static uint8_t *mem;

static struct uvdk_viommu *make_viommu(struct uvdk_device *d)
{
	const struct uvdk_viommu_opts opts = {
		.size = sizeof(opts), .type = UVDK_NEST_SELFTEST, .selftest = MAGIC};
	struct uvdk_viommu *viommu = NULL;

	CHECK_EQ(uvdk_viommu_create(ioas, d, &opts, &viommu), 0);
	return viommu;
}

static struct uvdk_hwpt *make_nested(struct uvdk_viommu *viommu, unsigned int flags)
{
	const struct uvdk_nested nested = {.size = sizeof(nested),
					   .type = UVDK_NEST_SELFTEST,
					   .flags = flags,
					   .selftest = {.iotlb = MOCK_IOTLB}};
	struct uvdk_hwpt *hwpt = NULL;

	CHECK_EQ(uvdk_hwpt_create_nested(viommu, dev, &nested, &hwpt), 0);
	return hwpt;
}

static void objects(void)
{
	struct uvdk_viommu *one = make_viommu(dev), *two = make_viommu(second);
	const struct uvdk_viommu_info *info = uvdk_viommu_get_info(one);
	struct uvdk_vdevice *vdev = NULL, *other = NULL;

	CHECK(info->parent == uvdk_viommu_get_info(two)->parent, "one parent for both");
	CHECK_EQ(info->page_len, 2 * PAGE);
	CHECK_EQ(*(volatile uint32_t *)info->page, MAGIC);
	CHECK_EQ(uvdk_vdevice_create(one, dev, ID, &vdev), 0);
	CHECK_ERR(uvdk_vdevice_create(one, second, ID, &other), -EEXIST);
	CHECK_ERR(uvdk_vdevice_create(one, dev, ID + 1, &other), -EEXIST);
	CHECK_EQ(uvdk_vdevice_create(two, second, ID, &other), 0); /* another name space */
	uvdk_viommu_destroy(one);
	CHECK(strstr(uvdk_last_error(), "stays"), "with a vDEVICE left");
	uvdk_vdevice_destroy(vdev);
	uvdk_vdevice_destroy(other);
	uvdk_viommu_destroy(one);
	uvdk_viommu_destroy(two);
	printf("objects: all good\n");
}

static void attached(void)
{
	struct uvdk_viommu *viommu = make_viommu(dev);
	struct uvdk_hwpt *rid = make_nested(viommu, UVDK_HWPT_PASID), *tagged;
	uint32_t tagged_id;
	struct uvdk_vdevice *vdev;

	tagged = make_nested(viommu, UVDK_HWPT_PASID);
	tagged_id = mock.latest_hwpt;
	CHECK_ERR(uvdk_hwpt_attach(rid, dev, UVDK_PASID_RID), -ENXIO);
	CHECK_EQ(uvdk_vdevice_create(viommu, dev, ID, &vdev), 0);
	CHECK_EQ(uvdk_hwpt_attach(rid, dev, UVDK_PASID_RID), 0);
	CHECK_EQ(uvdk_hwpt_attach(tagged, dev, 5), 0);
	CHECK_ERR(uvdk_hwpt_attach(rid, dev, 5), -EBUSY); /* there is another */
	CHECK(mock_pasid_has(dev, 5, tagged_id), "attached");
	CHECK_EQ(uvdk_hwpt_replace(rid, dev, 5), 0);
	CHECK(!mock_pasid_has(dev, 5, tagged_id), "replaced");
	CHECK_EQ(uvdk_hwpt_replace(tagged, dev, 5), 0);
	CHECK(mock_pasid_has(dev, 5, tagged_id), "and back");
	uvdk_hwpt_detach(tagged, dev, 5);
	CHECK(mock_pasid_has(dev, 5, 0), "detached");
	CHECK_EQ(uvdk_hwpt_replace(tagged, dev, UVDK_PASID_RID), 0);
	CHECK_EQ(uvdk_hwpt_attach(tagged, dev, 6), 0);
	uvdk_vdevice_destroy(vdev); /* takes the device's nested tables along */
	CHECK(mock_pasid_has(dev, 6, 0), "detached with its ID");
	CHECK_EQ(uvdk_ioas_attach(ioas, dev), 0);
	uvdk_ioas_detach(ioas, dev);
	uvdk_hwpt_destroy(tagged);
	uvdk_hwpt_destroy(rid);
	uvdk_viommu_destroy(viommu);
	printf("attached: all good\n");
}

/* Entries @first to @last hold nothing any more, the others still do. */
static void iotlb_is(uint32_t hwpt, unsigned int first, unsigned int last)
{
	for (unsigned int i = 0; i < ENTRIES; i++)
		CHECK(mock_iotlb_is(hwpt, i, i >= first && i <= last ? 0 : MOCK_IOTLB), "entry %u",
		      i);
}

static void invalidated_table(struct uvdk_viommu *viommu)
{
	struct uvdk_inval_selftest_hwpt entries[ENTRIES] = {{0, 0}, {0, 1}, {0, 2}, {0, 3}};
	struct uvdk_hwpt *hwpt = make_nested(viommu, 0);
	struct uvdk_inval_result result = {0};
	uint32_t id = mock.latest_hwpt;

	CHECK_EQ(uvdk_hwpt_invalidate(hwpt, NULL, sizeof(entries[0]), 0, &result), 0);
	entries[3].iotlb = ENTRIES;
	CHECK_ERR(uvdk_hwpt_invalidate(hwpt, entries, sizeof(entries[0]), 4, &result), -EINVAL);
	CHECK_EQ(result.done, 0);
	CHECK_EQ(result.failed, 3);
	iotlb_is(id, 9, 0);
	entries[3] = (struct uvdk_inval_selftest_hwpt){2, 3};
	CHECK_ERR(uvdk_hwpt_invalidate(hwpt, entries, sizeof(entries[0]), 4, &result), -EINVAL);
	CHECK_ERR(uvdk_hwpt_invalidate(hwpt, entries, sizeof(entries[0]) - 4, 4, &result), -EINVAL);
	CHECK_ERR(uvdk_hwpt_invalidate(hwpt, entries, sizeof(entries[0]) + 8, 2, &result), -EINVAL);
	CHECK_EQ(result.done, 0);
	iotlb_is(id, 9, 0);
	entries[3] = (struct uvdk_inval_selftest_hwpt){0, 3};
	/* The kernel finds one bad that was good here. */
	mock.spoil = 2;
	CHECK_ERR(uvdk_hwpt_invalidate(hwpt, entries, sizeof(entries[0]), 4, &result), -EOPNOTSUPP);
	CHECK_EQ(result.done, 2);
	CHECK_EQ(result.failed, 2);
	iotlb_is(id, 0, 1);
	CHECK_EQ(uvdk_hwpt_invalidate(hwpt, entries + result.done, sizeof(entries[0]),
				      4 - result.done, &result),
		 0);
	CHECK_EQ(result.done, 2);
	iotlb_is(id, 0, 3);
	uvdk_hwpt_destroy(hwpt);
}

static void invalidated_devices(struct uvdk_viommu *viommu)
{
	struct uvdk_inval_selftest entries[3] = {{0, ID, 1}, {0, ID + 1, 2}, {1, ID, 0}};
	struct uvdk_inval_result result = {0};
	struct uvdk_vdevice *vdev, *other;

	CHECK_EQ(uvdk_vdevice_create(viommu, dev, ID, &vdev), 0);
	CHECK_ERR(uvdk_viommu_invalidate(viommu, entries, sizeof(entries[0]), 3, &result), -ENOENT);
	CHECK_EQ(result.failed, 1);
	CHECK_ERR(uvdk_viommu_invalidate(viommu, entries, 8, 3, &result), -EINVAL);
	CHECK(mock_cache_is(dev, 1, MOCK_CACHE), "none is carried out");
	CHECK_EQ(uvdk_vdevice_create(viommu, second, ID + 1, &other), 0);
	mock.spoil = 2;
	CHECK_ERR(uvdk_viommu_invalidate(viommu, entries, sizeof(entries[0]), 3, &result),
		  -EOPNOTSUPP);
	CHECK_EQ(result.done, 2);
	CHECK(mock_cache_is(dev, 0, MOCK_CACHE) && mock_cache_is(dev, 1, 0), "of the one");
	CHECK(mock_cache_is(second, 1, MOCK_CACHE) && mock_cache_is(second, 2, 0), "and the other");
	CHECK_EQ(uvdk_viommu_invalidate(viommu, entries + 2, sizeof(entries[0]), 1, &result), 0);
	for (unsigned int i = 0; i < ENTRIES; i++)
		CHECK(mock_cache_is(dev, i, 0), "entry %u", i);
	uvdk_vdevice_destroy(vdev);
	uvdk_vdevice_destroy(other);
}

static void invalidated(void)
{
	struct uvdk_viommu *viommu = make_viommu(dev);

	invalidated_table(viommu);
	invalidated_devices(viommu);
	uvdk_viommu_destroy(viommu);
	printf("invalidated: all good\n");
}

static uint64_t post_page(struct uvdk_invalq *q, uint64_t page, uint16_t asid)
{
	const struct uvdk_inval_req req = {.first = page * PAGE,
					   .last = page * PAGE + PAGE - 1,
					   .asid = asid,
					   .scope = UVDK_INVAL_RANGE};
	uint64_t cookie = 0;

	CHECK_EQ(uvdk_inval_post(q, &req, &cookie), 0);
	return cookie;
}

static int finish(struct uvdk_invalq *q, uint64_t cookie)
{
	time_t deadline = time(NULL) + 20;
	int ret;

	CHECK_EQ(uvdk_inval_kick(q), 0);
	while ((ret = uvdk_inval_poll(q, cookie)) == -EINPROGRESS)
		CHECK(time(NULL) <= deadline, "it does not end");
	return ret;
}

/* The kernel refuses one in the middle: those before and after are carried out. */
static void queued_partly(struct uvdk_hwpt *hwpt, uint32_t id)
{
	struct uvdk_invalq *q = NULL;
	struct uvdk_inval_error error;
	uint64_t cookie = 0;

	CHECK_EQ(uvdk_invalq_open(hwpt, dev, UVDK_PASID_RID, NULL, &q), 0);
	for (unsigned int i = 0; i < ENTRIES; i++)
		cookie = post_page(q, i, 0);
	iotlb_is(id, 9, 0);
	mock.spoil = 2;
	CHECK_EQ(finish(q, cookie), 0); /* once: it is tried again by itself, and taken */
	iotlb_is(id, 0, 3);
	CHECK(uvdk_inval_get_error(q, cookie, &error) == -ENOENT, "no error is left");
	/* Of the library's check: no such entry. The one before it is told, the one after, too. */
	post_page(q, 0, 0);
	cookie = post_page(q, ENTRIES + 1, 0);
	post_page(q, 3, 0);
	CHECK_EQ(finish(q, cookie), -EINVAL);
	CHECK_EQ(uvdk_inval_poll(q, cookie - 1), 0);
	CHECK_EQ(finish(q, cookie + 1), 0);
	CHECK_EQ(uvdk_inval_get_error(q, cookie, &error), 0);
	CHECK_EQ(error.req.first, (ENTRIES + 1) * PAGE);
	uvdk_inval_settle(q);
	uvdk_invalq_destroy(q);
}

static void queued(bool thread)
{
	const struct uvdk_invalq_opts opts = {.size = sizeof(opts), .thread = thread};
	struct uvdk_viommu *viommu = make_viommu(dev);
	struct uvdk_hwpt *hwpt = make_nested(viommu, 0);
	uint32_t id = mock.latest_hwpt;
	struct uvdk_invalq *q = NULL;
	struct uvdk_vdevice *vdev;
	uint64_t cookie;

	CHECK_ERR(uvdk_invalq_open(hwpt, dev, UVDK_PASID_RID, &opts, &q), -EINVAL);
	CHECK_EQ(uvdk_vdevice_create(viommu, dev, ID, &vdev), 0);
	CHECK_EQ(uvdk_hwpt_attach(hwpt, dev, UVDK_PASID_RID), 0);
	if (!thread)
		queued_partly(hwpt, id);
	CHECK_EQ(uvdk_invalq_open(hwpt, dev, UVDK_PASID_RID, &opts, &q), 0);
	CHECK_EQ(finish(q, post_page(q, 1, 0)), 0);
	CHECK(mock_iotlb_is(id, 1, 0), "forgotten");
	cookie = post_page(q, 2, 0);
	uvdk_hwpt_detach(hwpt, dev, UVDK_PASID_RID); /* too early: it ends, no more */
	uvdk_inval_kick(q);
	CHECK_EQ(uvdk_inval_poll(q, cookie), -ENODEV);
	uvdk_hwpt_destroy(hwpt);
	uvdk_viommu_destroy(viommu);
	CHECK(strstr(uvdk_last_error(), "stays"), "the queue is on it");
	uvdk_inval_settle(q);
	uvdk_invalq_destroy(q);
	uvdk_vdevice_destroy(vdev);
	uvdk_viommu_destroy(viommu);
	printf("queued%s: all good\n", thread ? " by a thread" : "");
}

/*
 * The mock's page of registers is plain memory. This is who reads the queue, with
 * registers as Tegra241's: it takes all that comes.
 */
#define CONS   0
#define PROD   1
#define CONFIG 2
#define STATUS 3

struct reader {
	uint32_t *reg;
	unsigned int commands, syncs;
	bool quit;
	const uint64_t (*ring)[2];
};

static void *read_queue(void *arg)
{
	struct reader *r = arg;

	while (!__atomic_load_n(&r->quit, __ATOMIC_ACQUIRE)) {
		uint32_t cons = __atomic_load_n(&r->reg[CONS], __ATOMIC_ACQUIRE);

		__atomic_store_n(&r->reg[STATUS],
				 __atomic_load_n(&r->reg[CONFIG], __ATOMIC_ACQUIRE) & 1,
				 __ATOMIC_RELEASE);
		if (r->reg[STATUS] && cons != __atomic_load_n(&r->reg[PROD], __ATOMIC_ACQUIRE)) {
			r->commands++;
			r->syncs += (r->ring[cons % (PAGE / 16)][0] & 0xff) == 0x46;
			__atomic_store_n(&r->reg[CONS], (cons + 1) % (PAGE / 8), __ATOMIC_RELEASE);
		}
	}
	return NULL;
}

/* The second of two: its registers are 0x80 bytes further on. */
static void hw_queued(void)
{
	struct uvdk_viommu *viommu = make_viommu(dev);
	struct uvdk_hwpt *hwpt = make_nested(viommu, 0);
	struct reader reader = {.reg = (uint32_t *)(uintptr_t)uvdk_viommu_get_info(viommu)->page +
				       0x80 / 4,
				.ring = (const uint64_t(*)[2])(mem + PAGE)};
	struct uvdk_invalq_opts opts = {.size = sizeof(opts), .ring = mem, .ring_len = PAGE};
	struct uvdk_hw_queue *queue[2];
	struct uvdk_invalq *q = NULL;
	struct uvdk_vdevice *vdev;
	pthread_t thread;

	CHECK_EQ(uvdk_vdevice_create(viommu, dev, ID, &vdev), 0);
	CHECK_EQ(uvdk_hwpt_attach(hwpt, dev, UVDK_PASID_RID), 0);
	for (unsigned int i = 0; i < 2; i++)
		CHECK_EQ(uvdk_hw_queue_create(viommu, MOCK_IOVA + i * PAGE, PAGE, &queue[i]), 0);
	opts.hw_queue = queue[1];
	CHECK_ERR(uvdk_invalq_open(hwpt, dev, UVDK_PASID_RID, &opts, &q), -EINVAL);
	opts.ring = mem + PAGE;
	CHECK(!pthread_create(&thread, NULL, read_queue, &reader), "thread");
	CHECK_EQ(uvdk_invalq_open(hwpt, dev, UVDK_PASID_RID, &opts, &q), 0);
	for (unsigned int i = 0; i < 300; i++)
		CHECK_EQ(finish(q, post_page(q, i, 0)), 0);
	uvdk_hw_queue_destroy(queue[1]);
	CHECK(strstr(uvdk_last_error(), "stays"), "it is in use");
	CHECK_EQ(finish(q, post_page(q, 1, 0)), 0);
	uvdk_invalq_destroy(q); /* and the hardware's, now */
	__atomic_store_n(&reader.quit, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	CHECK_EQ(reader.commands, 602);
	CHECK_EQ(reader.syncs, 301);
	uvdk_hw_queue_destroy(queue[0]);
	uvdk_vdevice_destroy(vdev);
	uvdk_hwpt_destroy(hwpt);
	uvdk_viommu_destroy(viommu);
	printf("queued in memory: all good\n");
}

static void hw_queues(void)
{
	struct uvdk_viommu *viommu = make_viommu(dev);
	struct uvdk_hw_queue *queue[2], *third = NULL;
	uvdk_iova_t iova = MOCK_IOVA;

	CHECK_ERR(uvdk_hw_queue_create(viommu, MOCK_IOVA + 64 * PAGE, PAGE, &third), -EFAULT);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK_EQ(uvdk_hw_queue_create(viommu, MOCK_IOVA + i * PAGE, PAGE, &queue[i]), 0);
		CHECK_EQ(uvdk_hw_queue_index(queue[i]), i);
	}
	CHECK_ERR(uvdk_hw_queue_create(viommu, MOCK_IOVA + 2 * PAGE, PAGE, &third), -EINVAL);
	uvdk_hw_queue_destroy(queue[0]);
	/* It is there while the one above is: the kernel keeps its memory. */
	CHECK_ERR(uvdk_ioas_unmap(ioas, MOCK_IOVA, PAGE), -EBUSY);
	uvdk_hw_queue_destroy(queue[1]);
	CHECK_EQ(uvdk_ioas_unmap(ioas, MOCK_IOVA, PAGE), 0);
	CHECK_EQ(uvdk_ioas_map(ioas, mem, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0);
	uvdk_viommu_destroy(viommu);
	printf("hardware queues: all good\n");
}

static void expect(struct uvdk_veventq *queue, uint32_t lost, uint32_t sequence)
{
	struct uvdk_vevent event;

	CHECK_EQ(uvdk_veventq_read(queue, &event, 1), 1);
	CHECK_EQ(event.lost, lost);
	CHECK_EQ(event.sequence, sequence);
	CHECK(lost || event.data[0] == ID, "0x%llx", (unsigned long long)event.data[0]);
}

static void events(void)
{
	struct uvdk_viommu *viommu = make_viommu(dev);
	struct uvdk_hwpt *hwpt = make_nested(viommu, 0);
	struct uvdk_veventq *queue, *again = NULL;
	struct uvdk_vevent event[8];
	struct uvdk_vdevice *vdev;

	CHECK_EQ(uvdk_veventq_create(viommu, UVDK_VEVENTQ_SELFTEST, 2, &queue), 0);
	CHECK_ERR(uvdk_veventq_create(viommu, UVDK_VEVENTQ_SELFTEST, 2, &again), -EEXIST);
	CHECK_ERR(uvdk_veventq_create(viommu, UVDK_VEVENTQ_SMMUV3, 2, &again), -EINVAL);
	CHECK_EQ(uvdk_vdevice_create(viommu, dev, ID, &vdev), 0);
	CHECK_EQ(uvdk_hwpt_attach(hwpt, dev, UVDK_PASID_RID), 0);
	CHECK_EQ(uvdk_veventq_read(queue, event, 8), 0);
	CHECK(!readable_within(uvdk_veventq_fd(queue), 0), "nothing yet");
	for (unsigned int i = 0; i < 5; i++)
		mock_report(dev); /* 0 and 1 fit, 2 to 4 are lost at the end */
	CHECK(readable_within(uvdk_veventq_fd(queue), 0), "events");
	expect(queue, 0, 0);
	expect(queue, 0, 1);
	expect(queue, 3, 4);
	CHECK_EQ(uvdk_veventq_read(queue, event, 8), 0);
	for (unsigned int i = 0; i < 4; i++)
		mock_report(dev); /* 5 and 6 fit, 7 and 8 are lost */
	expect(queue, 0, 5);
	expect(queue, 0, 6);
	mock_report(dev);
	expect(queue, 2, 8);
	CHECK_EQ(uvdk_veventq_read(queue, event, 8), 1);
	CHECK(!event[0].lost && event[0].sequence == 9, "then it goes on");
	mock_report(dev); /* one waits as all ends */
	uvdk_veventq_destroy(queue);
	uvdk_hwpt_destroy(hwpt);
	uvdk_vdevice_destroy(vdev);
	uvdk_viommu_destroy(viommu);
	printf("events: all good\n");
}

/* A device that is closed takes its ID along; the parent serves plain devices, too. */
static void closed(void)
{
	struct uvdk_device *third = mock_open(iommu, "mock:third");
	struct uvdk_viommu *viommu = make_viommu(third);
	struct uvdk_hwpt *parent = uvdk_viommu_get_info(viommu)->parent;
	uint32_t parent_id = mock.latest_hwpt;
	struct uvdk_hwpt *hwpt = make_nested(viommu, 0);
	struct uvdk_vdevice *vdev, *other;
	uvdk_iova_t iova = MOCK_IOVA + 16 * PAGE;

	CHECK_EQ(uvdk_vdevice_create(viommu, third, ID, &vdev), 0);
	CHECK_EQ(uvdk_hwpt_attach(hwpt, third, UVDK_PASID_RID), 0);
	CHECK_EQ(uvdk_hwpt_attach(parent, second, UVDK_PASID_RID), 0);
	CHECK_EQ(uvdk_ioas_map(ioas, mem + PAGE, PAGE,
			       UVDK_MAP_RW | UVDK_MAP_FIXED | UVDK_MAP_ALIAS, &iova),
		 0);
	CHECK(mock_maps(parent_id, iova, PAGE, mem + PAGE), "a late map");
	CHECK_EQ(uvdk_ioas_unmap(ioas, iova, PAGE), 0);
	uvdk_device_close(third);
	CHECK_EQ(uvdk_vdevice_create(viommu, dev, ID, &other), 0); /* its ID is free */
	uvdk_vdevice_destroy(vdev);
	uvdk_vdevice_destroy(other);
	uvdk_hwpt_destroy(hwpt);
	uvdk_viommu_destroy(viommu);
	CHECK_EQ(uvdk_ioas_attach(ioas, second), 0); /* the parent is gone, and let it go */
	printf("closed: all good\n");
}

int main(void)
{
	unsigned int fds = count_fds();
	unsigned int before;
	uvdk_iova_t iova = MOCK_IOVA;

	mock_register();
	CHECK_EQ(uvdk_iommu_open("iommufd", NULL, &iommu), 0);
	uvdk_device_close(mock_open(iommu, "mock:first"));
	before = mock_objects();
	dev = mock_open(iommu, "mock:0");
	second = mock_open(iommu, "mock:1");
	mem = mock_memory(4, 1);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	for (unsigned int i = 0; i < 4; i++, iova += PAGE)
		CHECK_EQ(uvdk_ioas_map(ioas, mem + i * PAGE, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED,
				       &iova),
			 0);
	objects();
	attached();
	invalidated();
	queued(false);
	queued(true);
	hw_queued();
	hw_queues();
	events();
	closed();
	uvdk_device_close(dev);
	uvdk_device_close(second);
	uvdk_ioas_destroy(ioas);
	CHECK_EQ(mock_objects(), before);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	return 0;
}
