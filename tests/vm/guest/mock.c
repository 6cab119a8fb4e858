// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>

#include <uvdk_iommu_driver.h>

#include "../../empty_bus.h"
#include "mock.h"
#include "mock_uapi.h"

#define DEVICES 8
#define PASIDS	(1u << 20)
#define IDS	64

/* A mock device, and what VFIO would know of it. */
struct device {
	struct uvdk_device *dev; /* NULL: free */
	int fd;			 /* stands for the character device */
	bool plain;
	uint32_t stdev; /* the kernel's numbers: test device, */
	uint32_t idev;	/* device, */
	uint32_t ioas;	/* address space and table that it is parked on when it is attached */
	uint32_t hwpt;	/* to nothing: a mock device always has some */
	bool bound;
	uint8_t pasids[PASIDS / 8]; /* attached */
};

struct mock_control mock;

static struct device devices[DEVICES];
static int iommufd = -1; /* of the latest bind */

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

static int call(unsigned long request, void *arg)
{
	return __real_ioctl(iommufd, request, arg) < 0 ? -errno : 0;
}

static int test(struct mock_cmd *cmd)
{
	cmd->size = sizeof(*cmd);
	return call(IOMMU_TEST_CMD, cmd);
}

static void destroy(uint32_t id)
{
	uint32_t args[2] = {8, id};

	CHECK_EQ(call(IOMMU_DESTROY, args), 0);
}

static struct device *device_by_fd(int fd)
{
	for (unsigned int i = 0; i < DEVICES; i++)
		if (devices[i].dev && devices[i].fd == fd)
			return &devices[i];
	return NULL;
}

static struct device *device_of(struct uvdk_device *dev)
{
	for (unsigned int i = 0; i < DEVICES; i++)
		if (devices[i].dev == dev)
			return &devices[i];
	CHECK(false, "no such device");
	return NULL;
}

/* ---- what VFIO would do ---- */

static int replace(const struct device *d, uint32_t pt_id)
{
	struct mock_cmd cmd = {.op = MOCK_REPLACE, .id = d->stdev, .pt_id = pt_id};

	return test(&cmd);
}

/* Parked on a table that goes together with PASIDs, as a device is that VFIO has just opened. */
static int bind_mock(struct device *d, struct mock_vfio *args)
{
	uint32_t ioas[3] = {sizeof(ioas), 0, 0};
	struct mock_cmd create = {.op = MOCK_CREATE};
	struct mock_hwpt_alloc hwpt = {.size = sizeof(hwpt), .flags = IOMMU_HWPT_ALLOC_PASID};

	iommufd = args->iommufd;
	CHECK_EQ(call(IOMMU_IOAS_ALLOC, ioas), 0);
	create.id = ioas[2];
	create.create.dev_flags = d->plain ? 0 : MOCK_DEVICE_PASID;
	CHECK_EQ(test(&create), 0);
	hwpt.dev_id = create.create.out_idev_id;
	hwpt.pt_id = ioas[2];
	CHECK_EQ(call(IOMMU_HWPT_ALLOC, &hwpt), 0);
	d->ioas = ioas[2];
	d->stdev = create.create.out_stdev_id;
	d->idev = create.create.out_idev_id;
	d->hwpt = hwpt.out_hwpt_id;
	d->bound = true;
	CHECK_EQ(replace(d, d->hwpt), 0);
	args->out_devid = d->idev;
	return 0;
}

static bool has_pasid(const struct device *d, uint32_t pasid)
{
	return d->pasids[pasid / 8] & 1 << pasid % 8;
}

static int attach(struct device *d, const struct mock_vfio *args)
{
	struct mock_cmd cmd = {.op = MOCK_PASID_ATTACH, .id = d->stdev};
	int ret;

	if (!(args->flags & 1))
		return replace(d, args->pt_id);
	if (has_pasid(d, args->pasid))
		cmd.op = MOCK_PASID_REPLACE;
	cmd.pasid.pasid = args->pasid;
	cmd.pasid.pt_id = args->pt_id;
	ret = test(&cmd);
	if (!ret)
		d->pasids[args->pasid / 8] |= (uint8_t)(1u << args->pasid % 8);
	return ret;
}

static int detach_pasid(struct device *d, uint32_t pasid)
{
	struct mock_cmd cmd = {.op = MOCK_PASID_DETACH, .id = d->stdev, .pasid = {pasid, 0}};

	d->pasids[pasid / 8] &= (uint8_t) ~(1u << pasid % 8);
	return test(&cmd);
}

static int detach(struct device *d, const struct mock_vfio *args)
{
	return args->flags & 1 ? detach_pasid(d, args->detach_pasid) : replace(d, d->hwpt);
}

/* The last reference to the character device goes. */
static void release(struct device *d)
{
	for (uint32_t pasid = 0; d->bound && pasid < PASIDS; pasid++)
		if (has_pasid(d, pasid))
			CHECK_EQ(detach_pasid(d, pasid), 0);
	if (d->bound) {
		destroy(d->stdev);
		destroy(d->hwpt);
		destroy(d->ioas);
	}
	close(d->fd);
	memset(d, 0, sizeof(*d));
}

/* In a copy: the batch is the library's. */
static int spoil(int fd, struct mock_invalidate *args)
{
	size_t len = (size_t)args->entry_len * args->entry_num;
	uint64_t uptr = args->data_uptr;
	char *copy = malloc(len);
	int ret;

	CHECK(copy && mock.spoil < args->entry_num, "a batch of %u", args->entry_num);
	memcpy(copy, (const void *)(uintptr_t)uptr, len);
	memset(copy + (size_t)mock.spoil * args->entry_len, 0xff, 4); /* its flags */
	mock.spoil = 0;
	args->data_uptr = (uintptr_t)copy;
	ret = __real_ioctl(fd, IOMMU_HWPT_INVALIDATE, args);
	args->data_uptr = uptr;
	free(copy);
	return ret < 0 ? -errno : 0;
}

static int answer(int fd, unsigned long request, void *arg)
{
	struct mock_hwpt_alloc *hwpt = arg;
	struct device *d = device_by_fd(fd);
	int ret;

	switch (request) {
	case DEVICE_BIND:
		return bind_mock(d, arg);
	case DEVICE_ATTACH:
		return attach(d, arg);
	case DEVICE_DETACH:
		return detach(d, arg);
	default:
		if (request == IOMMU_HWPT_INVALIDATE && mock.spoil)
			return spoil(fd, arg);
		ret = __real_ioctl(fd, request, arg);
		if (ret < 0)
			return -errno;
		if (request == IOMMU_HWPT_ALLOC)
			mock.latest_hwpt = hwpt->out_hwpt_id;
		return 0;
	}
}

/* ---- failures ---- */

static void fail_nth_set(unsigned int nth)
{
	char text[16];
	int fd = open("/proc/thread-self/fail-nth", O_WRONLY | O_CLOEXEC);
	int len = snprintf(text, sizeof(text), "%u", nth);

	CHECK(fd >= 0 && write(fd, text, (size_t)len) == len, "fail-nth");
	close(fd);
}

/* What is left to count before the kernel fails; 0: it has. */
static unsigned int fail_nth_get(void)
{
	char text[16] = "";
	int fd = open("/proc/thread-self/fail-nth", O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "fail-nth");
	close(fd);
	return (unsigned int)atoi(text);
}

static int answer_injected(int fd, unsigned long request, void *arg)
{
	int ret;

	fail_nth_set(mock.inject_nth);
	ret = answer(fd, request, arg);
	mock.hit = !fail_nth_get();
	fail_nth_set(0);
	return ret;
}

/*
 * Ends something: the kernel does it, whatever it says afterwards. It has no way
 * to refuse these to an owner who keeps the order.
 */
static bool ends(unsigned long request)
{
	return request == IOMMU_DESTROY || request == DEVICE_DETACH;
}

static int intercept(int fd, unsigned long request, void *arg)
{
	unsigned int now = ++mock.calls;

	if (now == mock.fail_at || now == mock.inject_at)
		mock.request = request;
	if (now == mock.fail_at) {
		mock.hit = true;
		if (ends(request))
			answer(fd, request, arg);
		return -mock.fail_errno;
	}
	if (now == mock.inject_at && !ends(request) && request != DEVICE_BIND)
		return answer_injected(fd, request, arg);
	return answer(fd, request, arg);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;
	int ret;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);

	ret = intercept(fd, request, arg);
	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	return ret;
}

/* ---- the bus ---- */

static bool bus_match(const char *spec)
{
	return !strncmp(spec, "mock:", 5);
}

static int bus_open(struct uvdk_device *dev, struct uvdk_iommu *iommu, const char *spec,
		    const struct uvdk_device_opts *opts, struct uvdk_device_info *info)
{
	struct device *d = device_of(NULL); /* a free one */
	struct uvdk_iommu_bind_args args = {.dev = dev, .name = spec};
	struct uvdk_iommu_binding *binding;
	int err;

	(void)opts;
	(void)info;
	d->dev = dev;
	d->plain = strstr(spec, "plain");
	d->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	CHECK(d->fd >= 0, "/dev/null");
	args.cdev_fd = d->fd;
	err = uvdk_iommu_bind(iommu, &args, &binding);
	if (err)
		release(d);
	else
		uvdk_device_set_binding(dev, binding);
	return err;
}

static void bus_close(struct uvdk_device *dev)
{
	uvdk_iommu_unbind(uvdk_device_binding(dev));
	release(device_of(dev));
}

static const struct uvdk_bus_ops mock_bus = {
	.name = "mock",
	.match = bus_match,
	.open = bus_open,
	.close = bus_close,
	EMPTY_BUS_OPS,
};

/* ---- what the tests ask ---- */

void mock_register(void)
{
	CHECK_EQ(uvdk_bus_register(&mock_bus), 0);
}

struct uvdk_device *mock_open(struct uvdk_iommu *iommu, const char *spec)
{
	struct uvdk_device *dev = NULL;

	CHECK_EQ(uvdk_device_open(iommu, spec, NULL, &dev), 0);
	return dev;
}

bool mock_pasid_has(struct uvdk_device *dev, uint32_t pasid, uint32_t hwpt)
{
	struct mock_cmd cmd = {
		.op = MOCK_PASID_CHECK, .id = device_of(dev)->stdev, .pasid = {pasid, hwpt}};
	int ret = test(&cmd);

	CHECK(!ret || ret == -EINVAL, "%d", ret);
	return !ret;
}

bool mock_maps(uint32_t hwpt, uint64_t iova, size_t len, const void *va)
{
	struct mock_cmd cmd = {
		.op = MOCK_CHECK_MAP, .id = hwpt, .check_map = {iova, len, (uintptr_t)va}};
	int ret = test(&cmd);

	CHECK(!ret || ret == -EINVAL, "%d", ret);
	return !ret;
}

bool mock_pinned(const void *va, size_t len, unsigned int times)
{
	struct mock_cmd cmd = {.op = MOCK_CHECK_REFS, .check_refs = {len, (uintptr_t)va, times}};
	int ret = test(&cmd);

	CHECK(!ret || ret == -EIO, "%d", ret);
	return !ret;
}

int mock_write_pages(uint32_t hwpt, uint64_t iova, size_t len, const uint64_t *bitmap)
{
	struct mock_cmd cmd = {
		.op = MOCK_DIRTY,
		.id = hwpt,
		.dirty = {
			.iova = iova, .length = len, .page_size = PAGE, .uptr = (uintptr_t)bitmap}};

	return test(&cmd);
}

void mock_ask(struct uvdk_device *dev, uint32_t pasid, uint32_t index, uint64_t addr, uint32_t perm)
{
	struct mock_cmd cmd = {.op = MOCK_TRIGGER_IOPF,
			       .iopf = {device_of(dev)->idev, pasid, index, perm, addr}};

	CHECK_EQ(test(&cmd), 0);
}

static bool is_cached(uint32_t op, uint32_t id, uint32_t index, uint32_t value)
{
	struct mock_cmd cmd = {.op = op, .id = id, .check_cached = {index, value}};
	int ret = test(&cmd);

	CHECK(!ret || ret == -EINVAL, "%d", ret);
	return !ret;
}

bool mock_iotlb_is(uint32_t hwpt, uint32_t index, uint32_t value)
{
	return is_cached(MOCK_CHECK_IOTLB, hwpt, index, value);
}

bool mock_cache_is(struct uvdk_device *dev, uint32_t index, uint32_t value)
{
	return is_cached(MOCK_CHECK_CACHE, device_of(dev)->idev, index, value);
}

void mock_report(struct uvdk_device *dev)
{
	struct mock_cmd cmd = {.op = MOCK_TRIGGER_VEVENT, .vevent = {device_of(dev)->idev}};

	CHECK_EQ(test(&cmd), 0);
}

/* An invalidation of nothing: told apart are numbers that are something from those that are not. */
static bool exists(uint32_t id)
{
	struct mock_invalidate cmd = {.size = sizeof(cmd), .hwpt_id = id};

	return call(IOMMU_HWPT_INVALIDATE, &cmd) != -ENOENT;
}

unsigned int mock_objects(void)
{
	unsigned int count = 0;

	for (uint32_t id = 1; id <= IDS; id++)
		count += exists(id);
	return count;
}

long mock_system_pins(void)
{
	int fd = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);
	FILE *f = fopen("/proc/vmstat", "re");
	long pins = 0;
	char name[64];
	long value;

	/* Counts lie with the CPUs until they are gathered. */
	CHECK(fd >= 0 && write(fd, "1", 1) == 1, "stat_refresh");
	close(fd);
	CHECK(f, "/proc/vmstat");
	while (fscanf(f, "%63s %ld", name, &value) == 2) {
		if (!strcmp(name, "nr_foll_pin_acquired"))
			pins += value;
		else if (!strcmp(name, "nr_foll_pin_released"))
			pins -= value;
	}
	fclose(f);
	return pins;
}

uint8_t *mock_memory(size_t pages, int value)
{
	uint8_t *mem = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	CHECK(mem != MAP_FAILED, "memory");
	memset(mem, value, pages * PAGE);
	return mem;
}
