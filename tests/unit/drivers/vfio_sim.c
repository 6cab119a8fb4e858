// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../pci/fake_sysfs.h"
#include "vfio_sim_nest.h"

/* Numbers of iommufd and of vfio's character devices, from Linux's headers. */
#define IOMMU_DESTROY	  _IO(';', 0x80)
#define IOMMU_IOAS_ALLOC  _IO(';', 0x81)
#define IOMMU_IOVA_RANGES _IO(';', 0x84)
#define IOMMU_IOAS_MAP	  _IO(';', 0x85)
#define IOMMU_IOAS_UNMAP  _IO(';', 0x86)
#define IOMMU_HWPT_ALLOC  _IO(';', 0x89)
#define IOMMU_GET_HW_INFO _IO(';', 0x8a)
#define IOMMU_SET_DIRTY	  _IO(';', 0x8b)
#define IOMMU_GET_DIRTY	  _IO(';', 0x8c)
#define IOMMU_FAULT_ALLOC _IO(';', 0x8e)
#define IOMMU_MAP_FILE	  _IO(';', 0x8f)
#define DEVICE_BIND	  _IO(';', 118)
#define DEVICE_ATTACH	  _IO(';', 119)
#define DEVICE_DETACH	  _IO(';', 120)

struct sim sim;

static struct fake tree;
static int device_file = -1;

void sim_create(void)
{
	static const uint8_t config[] = {
		0x34,
		0x12,
		0xe8,
		0x11,
		0,
		0,
		0x10,
		0, /* IDs; status: capabilities */
		[0x34] = 0x40,
		/* MSI-X: 8 vectors, table in BAR 0 at 0x2010 */
		[0x40] = 0x11,
		0,
		SIM_VECTORS - 1,
		0,
		0x10,
		0x20,
		0,
		0,
		0,
		0x30,
		0,
		0,
	};

	memset(&sim, 0, sizeof(sim));
	sim.fail_errno = EIO;
	memset(&sim_faults, 0, sizeof(sim_faults));
	sim_faults.fd = -1;
	memset(sim.fds, 0xff, sizeof(sim.fds));
	fake_create(&tree);
	fake_driver(&tree, "vfio-pci", false);
	fake_function(&tree, SIM_A, 0x1234, 0x11e8, 0x00ff00, "vfio-pci", 7);
	fake_function(&tree, SIM_B, 0x1234, 0x11e8, 0x00ff00, "vfio-pci", 8);
	fake_function(&tree, SIM_C, 0x1234, 0x11e8, 0x00ff00, "vfio-pci", 7);
	fake_attr(&tree, SIM_A, "vfio-dev/vfio0/dev", "511:0\n");
	fake_attr(&tree, SIM_B, "vfio-dev/vfio1/dev", "511:1\n");
	fake_file(&tree, "dev/iommu", "");
	fake_file(&tree, "dev/vfio/vfio", "");
	fake_file(&tree, "dev/vfio/7", "");
	fake_file(&tree, "dev/vfio/8", "");
	fake_link(&tree, "dev/vfio/devices/vfio0", "../../device");
	fake_link(&tree, "dev/vfio/devices/vfio1", "../../device");
	fake_file(&tree, "dev/device", "");

	device_file = memfd_create("device", MFD_CLOEXEC);
	cr_assert_eq(ftruncate(device_file, SIM_CONFIG + 256), 0);
	cr_assert_eq(pwrite(device_file, config, sizeof(config), SIM_CONFIG), sizeof(config));
}

void sim_destroy(void)
{
	close(device_file);
	fake_destroy(&tree);
}

const struct uvdk_iommu_opts *sim_iommu_opts(void)
{
	static struct uvdk_iommu_opts opts = {.size = sizeof(opts)};

	opts.sysfs_root = tree.sys;
	opts.dev_root = tree.dev;
	return &opts;
}

const struct uvdk_device_opts *sim_device_opts(void)
{
	static struct uvdk_device_opts opts = {.size = sizeof(opts)};

	opts.sysfs_root = tree.sys;
	opts.dev_root = tree.dev;
	return &opts;
}

unsigned int sim_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* ---- address spaces ---- */

static int on_map(void)
{
	if (++sim.map_calls == sim.fail_map)
		return -sim.fail_errno;
	sim.maps++;
	return 0;
}

static int type1_unmap(struct vfio_iommu_type1_dma_unmap *unmap)
{
	if (unmap->flags & VFIO_DMA_UNMAP_FLAG_ALL) {
		sim.maps = 0; /* the tests that use it have one container */
		return 0;
	}
	if (++sim.unmap_calls == sim.fail_unmap)
		return -sim.fail_errno;
	if (sim.unmap_lies)
		unmap->size = 0;
	else
		sim.maps--;
	return 0;
}

/* A dma-buf is told from a memfd by its size, which is odd. */
#define DMA_BUF_EXTRA 1

static int map_file(const uint32_t *args)
{
	struct stat st;

	if (sim.no_map_file)
		return -ENOTTY;
	if (fstat((int)args[3], &st))
		return -EBADF;
	if (st.st_size % 0x1000 == DMA_BUF_EXTRA && sim.revoked)
		return -ENODEV;
	sim.file_maps++;
	sim.file_flags = args[1];
	memcpy(&sim.file_start, args + 4, 8);
	memcpy(&sim.file_iova, args + 8, 8);

	return on_map();
}

/* VFIO_DEVICE_FEATURE_DMA_BUF: index, open flags, flags, ranges, offset and length of each */
static int export_bar(const uint32_t *args)
{
	uint64_t length;
	int fd;

	if (sim.no_dma_buf || (args[1] & 0xffff) != 11)
		return -ENOTTY;
	if (args[2] || args[5] != 1)
		return -EINVAL;
	memcpy(&length, args + 8, 8);
	fd = memfd_create("dma-buf", MFD_CLOEXEC);
	cr_assert_eq(ftruncate(fd, (off_t)length + DMA_BUF_EXTRA), 0);

	return fd;
}

/* The kernel's structs end in arrays, so headers and what follows are apart. */
struct type1_description {
	struct vfio_iommu_type1_info info;
	struct vfio_info_cap_header ranges;
	uint32_t nr_ranges;
	uint32_t reserved;
	struct vfio_iova_range at[2];
	struct vfio_iommu_type1_info_dma_avail avail;
};

static int type1_info(struct vfio_iommu_type1_info *out)
{
	struct type1_description d = {
		.info = {sizeof(d), VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, 0x1000,
			 offsetof(struct type1_description, ranges)},
		.ranges = {VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1,
			   offsetof(struct type1_description, avail)},
		.nr_ranges = 2,
		.at = {{0, 0xfedfffff}, {0xfef00000, 0x7fffffffff}},
		.avail = {{VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, 1, 0}, 100},
	};

	if (sim.bad_chain) {
		d.ranges.next = 8; /* backwards */
		d.nr_ranges = UINT32_MAX;
	}
	memcpy(out, &d, out->argsz < sizeof(d) ? out->argsz : sizeof(d));
	return 0;
}

static int iommufd_ranges(uint32_t *args)
{
	struct uvdk_iova_range *out;

	memcpy(&out, args + 4, sizeof(out));
	if (args[2]) {
		out[0] = (struct uvdk_iova_range){0, 0x7fffffffff};
		args[2] = 1;
		return 0;
	}
	args[2] = 1;
	return -EMSGSIZE;
}

static int hwpt_alloc(uint32_t *args)
{
	sim.objects++;
	sim.hwpt_flags = args[1];
	sim_nest_alloc(args);
	args[4] = 60 + ++sim.objects_made;
	return 0;
}

static int set_dirty(const uint32_t *args)
{
	sim.dirty_on = args[1] & 1;
	sim.dirty = 0;
	return 0;
}

/* As the kernel: bits are added to what the caller has. */
static int get_dirty(const uint32_t *args)
{
	uint64_t iova, length, page_size, *data;

	memcpy(&iova, args + 4, 8);
	memcpy(&length, args + 6, 8);
	memcpy(&page_size, args + 8, 8);
	memcpy(&data, args + 10, 8);
	for (uint64_t at = 0; at < length; at += 4096) {
		uint64_t bit = UINT64_C(1) << ((iova + at - SIM_DIRTY_IOVA) / 4096);
		uint64_t n = at / page_size;

		if (sim.dirty & bit)
			data[n / 64] |= UINT64_C(1) << n % 64;
		if (!(args[2] & 1))
			sim.dirty &= ~bit;
	}
	return 0;
}

static int hw_info(uint32_t *args)
{
	size_t room = args[3] < sizeof(sim.hw_data) ? args[3] : sizeof(sim.hw_data);
	void *data;

	memcpy(&data, args + 4, sizeof(data));
	memset(data, 0, args[3]);
	memcpy(data, sim.hw_data, room);
	args[6] = sim.hw_type;
	args[7] = sim.pasid_bits;
	memcpy(args + 8, &sim.hw_caps, sizeof(sim.hw_caps));
	return 0;
}

static uint32_t *find_pasid(uint32_t pasid)
{
	for (unsigned int i = 0; i < 4; i++)
		if (sim.pasids[i] == pasid)
			return &sim.pasids[i];
	return NULL;
}

/* Attached again it is replaced. */
static int attach(const uint32_t *args)
{
	bool tagged = args[1] & 1;

	sim.last_table = args[2];
	sim_answer_all(tagged ? args[3] : 0); /* of what it replaces */
	if (tagged && !find_pasid(args[3]))
		*find_pasid(0) = args[3];
	else if (!tagged)
		sim.attached = 1;
	return 0;
}

static int detach(const uint32_t *args)
{
	sim_answer_all(args[1] & 1 ? args[2] : 0);
	if (args[1] & 1)
		*find_pasid(args[2]) = 0;
	else
		sim.attached = 0;
	return 0;
}

/* A character device turns into the device file once it is bound. */
static int bind_cdev(int fd, uint32_t *args)
{
	args[3] = 33;
	return dup3(device_file, fd, O_CLOEXEC) < 0 ? -errno : 0;
}

/* ---- devices ---- */

struct region_description {
	struct vfio_region_info info;
	struct vfio_info_cap_header mappable;
	struct vfio_info_cap_header sparse;
	uint32_t nr_areas;
	uint32_t reserved;
	struct vfio_region_sparse_mmap_area at[2];
};

static int region_info(struct vfio_region_info *out)
{
	struct region_description d = {
		.info = {.argsz = sizeof(d), .index = out->index},
		.mappable = {VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, 1, 0},
		.sparse = {VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, 0},
		.nr_areas = 2,
		.at = {{0x1000, 0x1000}, {0x3000, 0x1000}},
	};

	if (out->index == VFIO_PCI_CONFIG_REGION_INDEX) {
		d.info.size = 256;
		d.info.offset = SIM_CONFIG;
		d.info.flags = 3;
	} else if (out->index == 0) {
		d.info.size = SIM_BAR;
		d.info.flags = 7;
	}
	if (out->index == 0 && (sim.msix_mappable || sim.sparse)) {
		d.info.flags |= VFIO_REGION_INFO_FLAG_CAPS;
		d.info.cap_offset = sim.sparse ? offsetof(struct region_description, sparse)
					       : offsetof(struct region_description, mappable);
	}
	if (sim.bad_chain)
		d.info.cap_offset = sizeof(d) - 2;
	memcpy(out, &d, out->argsz < sizeof(d) ? out->argsz : sizeof(d));
	return 0;
}

static int irq_info(struct vfio_irq_info *info)
{
	info->flags = VFIO_IRQ_INFO_EVENTFD | (sim.noresize ? VFIO_IRQ_INFO_NORESIZE : 0);
	info->count = info->index == VFIO_PCI_MSIX_IRQ_INDEX  ? SIM_VECTORS
		      : info->index >= VFIO_PCI_ERR_IRQ_INDEX ? 1
							      : 0;
	return 0;
}

static int set_irqs(const struct vfio_irq_set *set)
{
	uint32_t end = set->start + set->count;

	if (set->index != VFIO_PCI_MSIX_IRQ_INDEX)
		return 0;
	if (set->flags & VFIO_IRQ_SET_DATA_NONE) {
		if (!set->count)
			sim.enabled = 0;
		return 0;
	}
	if (sim.enabled && sim.noresize && end > sim.enabled)
		return -EINVAL;
	if (sim.host_vectors && end > (uint32_t)sim.host_vectors)
		return sim.host_vectors;
	if (!sim.enabled)
		sim.turned_on++;
	if (end > sim.enabled)
		sim.enabled = end;
	memcpy(sim.fds + set->start, set->data, set->count * sizeof(int));
	return 0;
}

static int hot_reset_info(struct vfio_pci_hot_reset_info *info)
{
	unsigned int count = sim.reset_other_group ? 2 : 1;

	info->count = count;
	if (info->argsz < sizeof(*info) + count * sizeof(info->devices[0]))
		return -ENOSPC;
	info->devices[0] = (struct vfio_pci_dependent_device){7, 0, 0, 3 << 3};
	if (sim.reset_other_group)
		info->devices[1] = (struct vfio_pci_dependent_device){9, 0, 0, 5 << 3 | 1};
	return 0;
}

static int hot_reset(const struct vfio_pci_hot_reset *reset)
{
	sim.hot_resets++;
	sim.reset_fds = reset->count;
	return 0;
}

static bool is_device(int fd)
{
	struct stat a;
	struct stat b;

	cr_assert_eq(fstat(fd, &a), 0);
	cr_assert_eq(fstat(device_file, &b), 0);
	return a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static int kvm_attr(const struct kvm_device_attr *attr)
{
	int file = *(const int32_t *)(uintptr_t)attr->addr;
	int *known = NULL, *empty = NULL;

	if (attr->group != KVM_DEV_VFIO_GROUP)
		return -ENXIO;
	for (int i = 0; i < 4; i++) {
		known = sim.kvm_files[i] == file ? &sim.kvm_files[i] : known;
		empty = sim.kvm_files[i] ? empty : &sim.kvm_files[i];
	}
	if (attr->attr == KVM_DEV_VFIO_GROUP_ADD) {
		if (known && !sim.kvm_forgets)
			return -EEXIST;
		*empty = file;
		return 0;
	}
	if (!known)
		return -ENOENT;
	*known = 0;
	return 0;
}

static int answer(int fd, unsigned long request, void *arg)
{
	uint32_t *words = arg;
	bool nest;
	int ret = sim_nest_answer(request, arg, &nest);

	if (nest)
		return ret;
	switch (request) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return !((uintptr_t)arg == VFIO_DMA_CC_IOMMU && sim.no_cc);
	case KVM_SET_DEVICE_ATTR:
		return kvm_attr(arg);
	case VFIO_GROUP_GET_STATUS:
		words[1] = VFIO_GROUP_FLAGS_VIABLE;
		return 0;
	case VFIO_GROUP_GET_DEVICE_FD:
		return fcntl(device_file, F_DUPFD_CLOEXEC, 0);
	case VFIO_IOMMU_GET_INFO: /* one number for two calls, told apart by the file */
		return is_device(fd) ? hot_reset_info(arg) : type1_info(arg);
	case VFIO_IOMMU_MAP_DMA: /* likewise */
		return is_device(fd) ? hot_reset(arg) : on_map();
	case IOMMU_MAP_FILE:
		return map_file(arg);
	case VFIO_DEVICE_FEATURE:
		return export_bar(arg);
	case IOMMU_IOAS_MAP:
		return on_map();
	case VFIO_IOMMU_UNMAP_DMA:
		return type1_unmap(arg);
	case IOMMU_IOAS_UNMAP:
		sim.maps--;
		return 0;
	case IOMMU_IOAS_ALLOC:
		sim.objects++;
		words[2] = 44;
		return 0;
	case IOMMU_DESTROY:
		sim.objects--;
		return 0;
	case IOMMU_IOVA_RANGES:
		return iommufd_ranges(arg);
	case DEVICE_BIND:
		return bind_cdev(fd, arg);
	case IOMMU_HWPT_ALLOC:
		return hwpt_alloc(arg);
	case IOMMU_FAULT_ALLOC:
		return sim_fault_alloc(arg);
	case IOMMU_SET_DIRTY:
		return set_dirty(arg);
	case IOMMU_GET_DIRTY:
		return get_dirty(arg);
	case IOMMU_GET_HW_INFO:
		return hw_info(arg);
	case DEVICE_ATTACH:
		return attach(arg);
	case DEVICE_DETACH:
		return detach(arg);
	case VFIO_DEVICE_GET_INFO:
		words[1] = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return irq_info(arg);
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(arg);
	default:
		return 0;
	}
}

int __wrap_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;
	int ret;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);

	if (++sim.calls == sim.fail_at) {
		errno = sim.fail_errno;
		return -1;
	}
	ret = answer(fd, request, arg);
	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	return ret;
}
