/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's edu device reads and writes another function's BARs by way of a dma-buf, and files
 * in memory that have no address in the process.
 *
 * usage: dmabuf_edu IOMMU EDU PEER SHARED     (iommufd, type1)
 *
 * PEER is another edu: its registers are read. SHARED is an ivshmem-plain, whose BAR 2 is
 * memory. Both can be reset by their slot.
 */
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <uvdk_dmabuf.h>

#include "edu.h"

#define PAGE	   0x1000u
#define SHARED_BAR 2
#define EDU_ID	   0x010000edu /* register 0; takes reads of four bytes */
#define UNTOUCHED  0xaaaaaaaau
#define WHERE	   UINT64_C(0x40000000)

static struct uvdk_iommu *iommu;
static struct uvdk_ioas *ioas;
static struct edu edu, peer;
static struct uvdk_device *shared;
static uint32_t *mem;
static uvdk_iova_t mem_iova;
static bool by_file;

static void dma4(uint64_t dst, uint64_t src, uint64_t command)
{
	CHECK_EQ(uvdk_region_write(&edu.bar, EDU_SRC, 8, src), 0);
	CHECK_EQ(uvdk_region_write(&edu.bar, EDU_DST, 8, dst), 0);
	CHECK_EQ(uvdk_region_write(&edu.bar, EDU_COUNT, 8, 4), 0);
	CHECK_EQ(uvdk_region_write(&edu.bar, EDU_CMD, 8, command | EDU_START), 0);
	edu_wait(&edu);
}

/* Four bytes as the edu finds them; what it had before and zeroes mean that it did not. */
static uint32_t seen_at(uvdk_iova_t iova)
{
	mem[0] = UNTOUCHED;
	dma4(EDU_BUFFER, mem_iova, 0);
	dma4(EDU_BUFFER, iova, 0);
	dma4(mem_iova, EDU_BUFFER, EDU_TO_RAM);

	return mem[0];
}

static void write_at(uvdk_iova_t iova, uint32_t value)
{
	mem[0] = value;
	dma4(EDU_BUFFER, mem_iova, 0);
	dma4(iova, EDU_BUFFER, EDU_TO_RAM);
}

static void refused_at(uvdk_iova_t iova)
{
	uint32_t value = seen_at(iova);

	CHECK(value == UNTOUCHED || !value, "0x%x", value);
}

static struct uvdk_dmabuf_info info_of(uvdk_iova_t iova)
{
	struct uvdk_dmabuf_info info;

	CHECK_EQ(uvdk_dmabuf_get_info(ioas, iova, &info), 0);
	return info;
}

static void note(const struct uvdk_dmabuf_info *info, void *arg)
{
	*(struct uvdk_dmabuf_info *)arg = *info;
}

/* ---- what is refused ---- */

static void bad_exports(void)
{
	int fd;

	printf("exports that are refused\n");
	CHECK_ERR(uvdk_device_export_bar(peer.dev, 0, 0x800, PAGE, &fd), -EDOM);
	CHECK_ERR(uvdk_device_export_bar(peer.dev, 0, 0, 0x200000, &fd), -EINVAL);
	CHECK_ERR(uvdk_device_export_bar(peer.dev, 1, 0, PAGE, &fd), -ENOENT);
	CHECK_ERR(uvdk_device_export_bar(peer.dev, 6, 0, PAGE, &fd), -EINVAL);
	CHECK_ERR(uvdk_device_export_bar(shared, 0, 0, PAGE, &fd), -EINVAL);
}

static void bad_maps(int fd)
{
	uvdk_iova_t iova = 0x800;
	int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);

	printf("maps that are refused\n");
	CHECK_ERR(uvdk_dmabuf_map(ioas, fd, PAGE, PAGE, UVDK_MAP_RW, &iova), -EINVAL);
	CHECK_ERR(uvdk_dmabuf_map(ioas, fd, 0, 0x800, UVDK_MAP_RW, &iova), -EDOM);
	CHECK_ERR(uvdk_dmabuf_map(ioas, fd, 0, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), -EDOM);
	CHECK_ERR(uvdk_dmabuf_map(ioas, fd, 0, PAGE, 0, &iova), -EINVAL);
	CHECK_ERR(uvdk_dmabuf_map(ioas, zero, 0, PAGE, UVDK_MAP_RW, &iova), -EINVAL);
	CHECK_ERR(uvdk_dmabuf_map(ioas, -1, 0, PAGE, UVDK_MAP_RW, &iova), -EINVAL);
	close(zero);
}

/* ---- a peer's registers ---- */

static void revoked_by_reset(uvdk_iova_t iova, struct uvdk_dmabuf_info *told)
{
	printf("a reset\n");
	CHECK_EQ(uvdk_device_hot_reset(peer.dev), 0);
	CHECK_EQ(told->revocations, 1);
	CHECK_EQ(told->state, UVDK_DMABUF_LIVE);
	CHECK_EQ(seen_at(iova), EDU_ID);
}

static void revoked_by_memory_enable(uvdk_iova_t iova, struct uvdk_dmabuf_info *told, int fd)
{
	uvdk_iova_t other;

	printf("memory enable\n");
	CHECK_EQ(uvdk_device_set_command(peer.dev, 0, UVDK_PCI_COMMAND_MEMORY), 0);
	CHECK_EQ(told->state, UVDK_DMABUF_REVOKED);
	refused_at(iova);
	if (by_file) {
		CHECK_ERR(uvdk_dmabuf_map(ioas, fd, 0, PAGE, UVDK_MAP_RW, &other), -ENODEV);
		CHECK_ERR(uvdk_dmabuf_redo(ioas, iova), -ENODEV);
	}
	CHECK_EQ(uvdk_device_set_command(peer.dev, UVDK_PCI_COMMAND_MEMORY, 0), 0);
	CHECK_EQ(told->state, UVDK_DMABUF_LIVE);
	CHECK_EQ(told->revocations, 2);
	CHECK_EQ(seen_at(iova), EDU_ID);
}

static void peer_registers(void)
{
	struct uvdk_dmabuf_info told = {0};
	struct uvdk_map_info map;
	uvdk_iova_t iova = WHERE;
	int fd;

	printf("registers of a peer\n");
	CHECK_EQ(uvdk_device_export_bar(peer.dev, 0, 0, PAGE, &fd), 0);
	bad_maps(fd);
	refused_at(iova);
	CHECK_EQ(uvdk_dmabuf_map(ioas, fd, 0, PAGE, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0);
	CHECK_EQ(seen_at(iova), EDU_ID);
	CHECK_EQ(uvdk_ioas_find(ioas, iova, &map), 0);
	CHECK_EQ(map.flags & UVDK_MAP_FILE, UVDK_MAP_FILE);
	CHECK_EQ(map.va == NULL, by_file);
	CHECK_ERR(uvdk_ioas_unmap(ioas, iova, PAGE), -EBUSY);
	CHECK_EQ(info_of(iova).exporter == peer.dev, true);
	CHECK_EQ(uvdk_dmabuf_watch(ioas, iova, note, &told), 0);
	revoked_by_reset(iova, &told);
	revoked_by_memory_enable(iova, &told, fd);
	uvdk_ioas_detach(ioas, edu.dev);
	CHECK_EQ(uvdk_ioas_attach(ioas, edu.dev), 0);
	CHECK_EQ(seen_at(iova), EDU_ID);
	CHECK_EQ(uvdk_dmabuf_redo(ioas, iova), 0);
	CHECK_EQ(seen_at(iova), EDU_ID);
	close(fd);
	CHECK_EQ(seen_at(iova), EDU_ID);
	CHECK_EQ(uvdk_dmabuf_unmap(ioas, iova), 0);
	refused_at(iova);
	CHECK_ERR(uvdk_dmabuf_unmap(ioas, iova), -ENOENT);
}

/* The peer's map is in an address space before any device is. */
static void attached_later(void)
{
	struct uvdk_ioas *first = ioas;
	uvdk_iova_t iova, own;
	int fd;

	printf("a device that is attached later\n");
	uvdk_ioas_detach(first, edu.dev);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	CHECK_EQ(uvdk_device_export_bar(peer.dev, 0, 0, PAGE, &fd), 0);
	CHECK_EQ(uvdk_dmabuf_map(ioas, fd, 0, PAGE, UVDK_MAP_RW, &iova), 0);
	CHECK_EQ(uvdk_ioas_map(ioas, mem, PAGE, UVDK_MAP_RW, &own), 0);
	CHECK_EQ(uvdk_ioas_attach(ioas, edu.dev), 0);
	mem_iova = own;
	CHECK_EQ(seen_at(iova), EDU_ID);
	CHECK_EQ(uvdk_dmabuf_unmap(ioas, iova), 0);
	refused_at(iova);
	close(fd);
	uvdk_ioas_destroy(ioas);
	ioas = first;
	CHECK_EQ(uvdk_ioas_attach(ioas, edu.dev), 0);
	mem_iova = uvdk_translate(uvdk_ioas_xlate(ioas), mem);
}

/* ---- a peer's memory ---- */

static void peer_memory(const char *bdf)
{
	struct uvdk_dmabuf_info told = {0};
	volatile uint32_t *at;
	struct uvdk_region bar;
	uvdk_iova_t iova, again = 0;
	int fd;

	printf("memory of a peer\n");
	CHECK_EQ(uvdk_device_region(shared, SHARED_BAR, &bar), 0);
	at = uvdk_region_ptr(&bar, PAGE, 2 * PAGE);
	CHECK(at, "BAR %d can't be mapped", SHARED_BAR);
	CHECK_EQ(uvdk_device_export_bar(shared, SHARED_BAR, PAGE, 2 * PAGE, &fd), 0);
	CHECK_EQ(uvdk_dmabuf_map(ioas, fd, PAGE, PAGE, UVDK_MAP_RW, &iova), 0);
	at[PAGE / 4] = 0x12345678;
	CHECK_EQ(seen_at(iova), 0x12345678);
	write_at(iova + 8, 0xfeedbeef);
	CHECK_EQ(at[PAGE / 4 + 2], 0xfeedbeef);
	CHECK_EQ(uvdk_device_hot_reset(shared), 0);
	CHECK_EQ(seen_at(iova), 0x12345678);
	CHECK_EQ(info_of(iova).bar_offset, 2 * PAGE);

	printf("a peer that is closed\n");
	CHECK_EQ(uvdk_dmabuf_watch(ioas, iova, note, &told), 0);
	uvdk_device_close(shared);
	CHECK_EQ(told.state, UVDK_DMABUF_ENDED);
	refused_at(iova);
	CHECK_ERR(uvdk_dmabuf_redo(ioas, iova), -ENODEV);
	CHECK_ERR(uvdk_dmabuf_map(ioas, fd, 0, PAGE, UVDK_MAP_RW, &again),
		  by_file ? -ENODEV : -EOPNOTSUPP);
	CHECK_EQ(uvdk_device_open(iommu, bdf, NULL, &shared), 0);
	refused_at(iova);
	CHECK_EQ(uvdk_dmabuf_unmap(ioas, iova), 0);
	close(fd);
}

/* ---- files ---- */

static void files(void)
{
	int fd = memfd_create("dmabuf_edu", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	uvdk_iova_t iova, other;
	uint32_t value = 0xc0ffee11;
	char path[64];
	int readonly;

	printf("a memfd\n");
	CHECK_EQ(ftruncate(fd, 4 * PAGE), 0);
	CHECK_EQ(pwrite(fd, &value, 4, 2 * PAGE), 4);
	CHECK_EQ(uvdk_dmabuf_map(ioas, fd, PAGE, 2 * PAGE, UVDK_MAP_RW, &iova), 0);
	CHECK_EQ(info_of(iova).va == NULL, by_file);
	CHECK_EQ(seen_at(iova + PAGE), value);
	write_at(iova + 4, 0x01020304);
	CHECK_EQ(pread(fd, &value, 4, PAGE + 4), 4);
	CHECK_EQ(value, 0x01020304);
	CHECK_EQ(uvdk_dmabuf_redo(ioas, iova), 0);
	CHECK_ERR(uvdk_dmabuf_map(ioas, fd, 3 * PAGE, 2 * PAGE, UVDK_MAP_RW, &other), -EINVAL);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	readonly = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_ERR(uvdk_dmabuf_map(ioas, readonly, 0, PAGE, UVDK_MAP_RW, &other), -EPERM);
	CHECK_EQ(uvdk_dmabuf_map(ioas, readonly, PAGE, PAGE, UVDK_MAP_READ, &other), 0);
	write_at(other + 4, 0);
	CHECK_EQ(pread(fd, &value, 4, PAGE + 4), 4);
	CHECK_EQ(value, 0x01020304);
	CHECK_EQ(uvdk_dmabuf_unmap(ioas, other), 0);
	CHECK_EQ(uvdk_dmabuf_unmap(ioas, iova), 0);
	refused_at(iova);
	close(readonly);
	close(fd);
}

/* Seen on Linux 7.2: neither takes it, iommufd for its exporter, type1 for its pages. */
static void another_exporter(void)
{
	int memfd = memfd_create("dmabuf_edu", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct udmabuf_create create = {.memfd = (uint32_t)memfd, .size = 2 * PAGE};
	int node = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	uvdk_iova_t iova;
	int fd;

	printf("a dma-buf of udmabuf\n");
	CHECK_EQ(ftruncate(memfd, 2 * PAGE), 0);
	CHECK_EQ(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	fd = ioctl(node, UDMABUF_CREATE, &create);
	CHECK(fd >= 0, "%s", strerror(errno));
	CHECK_ERR(uvdk_dmabuf_map(ioas, fd, 0, PAGE, UVDK_MAP_RW, &iova),
		  by_file ? -EOPNOTSUPP : -EFAULT);
	close(fd);
	close(node);
	close(memfd);
}

int main(int argc, char **argv)
{
	unsigned int fds;

	setvbuf(stdout, NULL, _IOLBF, 0);
	CHECK(argc == 5, "usage: dmabuf_edu IOMMU EDU PEER SHARED");
	uvdk_log_set_sink(uvdk_log_stderr, NULL);
	by_file = !strcmp(argv[1], "iommufd");
	CHECK_EQ(uvdk_iommu_open(argv[1], NULL, &iommu), 0);
	edu_open(&edu, iommu, argv[2]);
	edu_open(&peer, iommu, argv[3]);
	CHECK_EQ(uvdk_device_open(iommu, argv[4], NULL, &shared), 0);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	CHECK_EQ(uvdk_ioas_attach(ioas, edu.dev), 0);
	mem = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_EQ(uvdk_ioas_map(ioas, mem, PAGE, UVDK_MAP_RW, &mem_iova), 0);
	fds = count_fds();

	bad_exports();
	peer_registers();
	attached_later();
	peer_memory(argv[4]);
	files();
	another_exporter();

	CHECK_EQ(count_fds(), fds);
	uvdk_ioas_destroy(ioas);
	uvdk_device_close(shared);
	uvdk_device_close(peer.dev);
	uvdk_device_close(edu.dev);
	uvdk_iommu_close(iommu);
	printf("all ok\n");

	return 0;
}
