// SPDX-License-Identifier: BSD-3-Clause
/*
 * coherency_edu IOMMU BDF BDF [mixed]: what two edu devices get under each
 * policy, and that their DMA goes through it. Prints what holds at each step.
 *
 * With "mixed" (iommufd, VT-d without snoop control) the library is told that
 * the first device's iommu has snoop control: it then replaces tables of the
 * real kernel as it would for two iommus that differ, and DMA goes on.
 */
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include <uvdk_coherency.h>
#include <uvdk_dmadev.h>

#include "dev_common.h"

#define PAGE	 4096u
#define DEADLINE 20

static struct uvdk_iommu *iommu;
static struct uvdk_device *dev[2];
static struct uvdk_dmadev *dma[2];
static struct uvdk_dmadev_chan *chan[2];
static unsigned int calls;
static bool heard;

#define GET_HW_INFO _IO(';', 0x8a)
#define ECAP_SC	    (UINT64_C(1) << 7)

struct hw_info {
	uint32_t size, flags, dev_id, data_len;
	uint64_t data; /* VT-d: flags, reserved, CAP, ECAP */
};

static bool pretend;

/* In front of the C library's. */
int ioctl(int fd, unsigned long request, ...)
{
	struct hw_info *info;
	va_list ap;
	long ret;

	va_start(ap, request);
	info = va_arg(ap, void *);
	va_end(ap);
	ret = syscall(SYS_ioctl, fd, request, info);
	if (pretend && !ret && request == GET_HW_INFO && info->data_len >= 24)
		((uint64_t *)(uintptr_t)info->data)[2] |= ECAP_SC;

	return (int)ret;
}

static void on_wbinvd(struct uvdk_ioas *ioas, bool needed, void *arg)
{
	(void)arg;
	CHECK_EQ(uvdk_ioas_needs_wbinvd(ioas), needed);
	heard = needed;
	calls++;
}

static void copy(struct uvdk_dmadev_chan *by, uvdk_iova_t iova)
{
	struct uvdk_dmadev_result result;
	time_t deadline = time(NULL) + DEADLINE;

	CHECK(uvdk_dmadev_copy(by, iova + PAGE, iova, PAGE, 0) >= 0, "copy");
	CHECK_EQ(uvdk_dmadev_submit(by), 0);
	while (!uvdk_dmadev_completed_status(by, &result, 1)) {
		CHECK(time(NULL) <= deadline, "no end in %d s", DEADLINE);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

/* The first page of @mem to its second, by a device. */
static void goes_through(unsigned int i, uint8_t *mem, uvdk_iova_t iova)
{
	memset(mem, 0x40 + (int)i, PAGE);
	memset(mem + PAGE, 0, PAGE);
	copy(chan[i], iova);
	CHECK(!memcmp(mem, mem + PAGE, PAGE), "nothing arrived");
}

static void show(struct uvdk_ioas *ioas, const char *policy, unsigned int attached)
{
	struct uvdk_coherency got[2] = {{0}};

	for (unsigned int i = 0; i < attached; i++)
		CHECK_EQ(uvdk_ioas_device_coherency(ioas, dev[i], &got[i]), 0);
	CHECK(attached < 2 || (got[0].enforced == got[1].enforced && got[0].table == got[1].table),
	      "two of one kind get two things");
	CHECK_EQ(uvdk_ioas_needs_wbinvd(ioas), heard);
	printf("%s, %u attached: enforced %d, table %d, wbinvd %d, calls %u\n", policy, attached,
	       got[0].enforced, (int)got[0].table, heard, calls);
}

static void under(enum uvdk_coherency_policy how, const char *policy)
{
	const struct uvdk_ioas_opts opts = {.size = sizeof(opts), .coherency = how};
	uint8_t *mem =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uvdk_ioas *ioas;
	uvdk_iova_t iova;

	CHECK(mem != MAP_FAILED, "memory");
	calls = 0;
	heard = false;
	CHECK_EQ(uvdk_ioas_create(iommu, &opts, &ioas), 0);
	CHECK_EQ(uvdk_ioas_set_wbinvd_cb(ioas, on_wbinvd, NULL), false);
	CHECK_EQ(uvdk_ioas_map(ioas, mem, 2 * PAGE, UVDK_MAP_RW, &iova), 0);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK_EQ(uvdk_ioas_attach(ioas, dev[i]), 0);
		show(ioas, policy, i + 1);
		goes_through(i, mem, iova);
	}
	uvdk_ioas_detach(ioas, dev[1]);
	uvdk_ioas_detach(ioas, dev[0]);
	show(ioas, policy, 0);
	uvdk_ioas_destroy(ioas);
	munmap(mem, 2 * PAGE);
}

static void expect(struct uvdk_ioas *ioas, unsigned int i, bool enforced)
{
	struct uvdk_coherency got = {0};

	CHECK_EQ(uvdk_ioas_device_coherency(ioas, dev[i], &got), 0);
	CHECK_EQ(got.enforced, enforced);
}

static void mixed(enum uvdk_coherency_policy how)
{
	const struct uvdk_ioas_opts opts = {.size = sizeof(opts), .coherency = how};
	bool kept = how == UVDK_COHERENCY_SEPARATE;
	uint8_t *mem =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uvdk_ioas *ioas;
	uvdk_iova_t iova;

	CHECK(mem != MAP_FAILED, "memory");
	CHECK_EQ(uvdk_ioas_create(iommu, &opts, &ioas), 0);
	CHECK_EQ(uvdk_ioas_map(ioas, mem, 2 * PAGE, UVDK_MAP_RW, &iova), 0);
	pretend = true;
	CHECK_EQ(uvdk_ioas_attach(ioas, dev[0]), 0);
	pretend = false;
	for (int round = 0; round < 3; round++) {
		expect(ioas, 0, true);
		goes_through(0, mem, iova);
		CHECK_EQ(uvdk_ioas_attach(ioas, dev[1]), 0);
		expect(ioas, 0, kept);
		expect(ioas, 1, false);
		goes_through(0, mem, iova);
		goes_through(1, mem, iova);
		uvdk_ioas_detach(ioas, dev[1]);
	}
	uvdk_ioas_destroy(ioas);
	munmap(mem, 2 * PAGE);
	printf("mixed, policy %d: all good\n", how);
}

int main(int argc, char **argv)
{
	struct uvdk_iommu_info info;
	unsigned int fds;

	if (argc < 4)
		return 2;
	fds = count_fds();
	CHECK_EQ(uvdk_iommu_open(argv[1], NULL, &iommu), 0);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(uvdk_device_open(iommu, argv[2 + i], NULL, &dev[i]), 0);
		CHECK_EQ(uvdk_dmadev_open(dev[i], NULL, &dma[i]), 0);
		CHECK_EQ(uvdk_dmadev_chan_open(dma[i], NULL, &chan[i]), 0);
	}
	CHECK_EQ(uvdk_iommu_get_info(dev[0], &info), 0);
	printf("%s over %s: snoop control %d\n", info.hardware, info.driver,
	       !!(info.features & UVDK_IOMMU_SNOOP_CONTROL));
	if (argc > 4) {
		mixed(UVDK_COHERENCY_SHARE);
		mixed(UVDK_COHERENCY_SEPARATE);
	} else {
		under(UVDK_COHERENCY_SHARE, "share");
		under(UVDK_COHERENCY_SEPARATE, "separate");
	}
	CHECK_ERR(uvdk_device_kvm_announce(dev[0], fds), -EINVAL);

	for (int i = 0; i < 2; i++) {
		uvdk_dmadev_close(dma[i]);
		uvdk_device_close(dev[i]);
	}
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	printf("all good\n");
	return 0;
}
