// SPDX-License-Identifier: BSD-3-Clause
/*
 * viommu_frame BDF: a virtio network card behind a virtio-iommu that this process drives. A frame
 * arrives in a buffer that is mapped; another comes for a buffer that was unmapped while
 * the card owned it: a fault, and not a byte of it in memory.
 *
 * It says "posted" when the first frame may be sent, and "unmapped" for the second.
 */
#include <uvdk_virtio_driver.h>

#include "viommu_edu.h"

#define BUFFER 2048u
#define HEADER 12u /* virtio 1.2, 5.1.6.1 */

static struct uvdk_device *dev;
static struct uvdk_ioas *ioas;
static struct uvdk_virtio virtio;
static struct uvdk_virtq rx;

static void open_card(const char *bdf)
{
	int size;
	void *ring;

	CHECK_EQ(uvdk_iommu_open("virtio", NULL, &iommu), 0);
	CHECK_EQ(uvdk_device_open(iommu, bdf, NULL, &dev), 0);
	CHECK_EQ(uvdk_faultq_create(iommu, NULL, &faults), 0);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	CHECK_EQ(uvdk_ioas_attach(ioas, dev), 0);
	CHECK_EQ(uvdk_virtio_open(dev, &virtio), 0);
	CHECK_EQ(uvdk_virtio_begin(&virtio), 0);
	CHECK_EQ(uvdk_virtio_negotiate(&virtio, UVDK_VIRTIO_F_VERSION_1), 0);
	size = uvdk_virtio_queue_size(&virtio, 0);
	CHECK(size > 0, "%d", size);
	ring = memory_new(16 * PAGE, 0);
	CHECK(uvdk_virtq_bytes((unsigned int)size) <= 16 * PAGE, "%d entries", size);
	CHECK_EQ(uvdk_virtq_init(&rx, 0, (unsigned int)size, ring,
				 mapped(ioas, ring, 16 * PAGE, UVDK_MAP_RW)),
		 0);
	CHECK_EQ(uvdk_virtio_queue_enable(&virtio, &rx), 0);
	CHECK_EQ(uvdk_virtio_driver_ok(&virtio), 0);
}

static uint8_t *post(uvdk_iova_t *iova)
{
	uint8_t *va = memory_new(PAGE, 0);
	struct uvdk_virtq_seg seg = {.len = BUFFER};

	memset(va, UNTOUCHED, PAGE);
	*iova = seg.iova = mapped(ioas, va, PAGE, UVDK_MAP_RW);
	CHECK_EQ(uvdk_virtq_add(&rx, &seg, 0, 1, va), 0);
	uvdk_virtq_kick(&rx);
	return va;
}

static void received(void)
{
	time_t deadline = time(NULL) + DEADLINE;
	uvdk_iova_t iova;
	uint8_t *va = post(&iova);
	uint32_t len;

	printf("posted\n");
	while (!uvdk_virtq_take(&rx, &len)) {
		CHECK(!uvdk_virtq_broken(&rx), "broken");
		CHECK(time(NULL) <= deadline, "no frame in %d s", DEADLINE);
	}
	printf("frame ");
	for (uint32_t i = HEADER; i < len; i++)
		printf("%02x", va[i]);
	printf("\n");
	CHECK_EQ(uvdk_ioas_unmap(ioas, iova, PAGE), 0);
	no_fault();
}

static void taken_away(void)
{
	struct uvdk_fault fault;
	uvdk_iova_t iova;
	uint8_t *va = post(&iova);

	CHECK_EQ(uvdk_ioas_unmap(ioas, iova, PAGE), 0);
	printf("unmapped\n");
	fault_next(&fault);
	CHECK_EQ(fault.type, UVDK_FAULT_IOMMU);
	CHECK(fault.dev == dev, "another device");
	CHECK(fault.addr >= iova && fault.addr < iova + BUFFER, "0x%" PRIx64, fault.addr);
	CHECK(!fault.access || fault.access == UVDK_FAULT_WRITE, "access %u", fault.access);
	/* After this the card touches nothing any more. */
	CHECK_EQ(uvdk_virtio_reset(&virtio), 0);
	for (unsigned int i = 0; i < PAGE; i++)
		CHECK(va[i] == UNTOUCHED, "byte %u was written", i);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	uvdk_log_set_sink(uvdk_log_stderr, NULL);
	open_card(argv[1]);
	received();
	taken_away();
	uvdk_virtq_fini(&rx);
	uvdk_ioas_destroy(ioas);
	uvdk_faultq_destroy(faults);
	uvdk_device_close(dev);
	uvdk_iommu_close(iommu);
	printf("frame: all good\n");
	return 0;
}
