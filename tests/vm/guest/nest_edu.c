// SPDX-License-Identifier: BSD-3-Clause
/*
 * nest_edu BDF: an edu device behind an SMMUv3 is given the process's own
 * pointers, through a first stage that this program writes. A translation that
 * was changed is stale until it is invalidated.
 */
#include <inttypes.h>

#include <uvdk_inval.h>

#include "nest_edu.h"

#define ASID 7u
#define ID   0x1234u /* by which commands and events name the device */

static struct uvdk_iommu *iommu;
static struct uvdk_ioas *ioas;
static struct uvdk_viommu *viommu;
static struct edu edu;
static struct stage1 stage1;

/* The device reads at one pointer, and writes what it has read at another. */
static void copies(uint8_t *dst, const uint8_t *src, uint8_t value)
{
	memset(dst, 0, EDU_BYTES);
	edu_dma(&edu, EDU_BUFFER, (uintptr_t)src, 0);
	edu_dma(&edu, (uintptr_t)dst, EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(dst, value), "0x%x", *dst);
}

static int invalidate(uint64_t word0, uint64_t word1)
{
	const struct uvdk_inval_smmuv3 command = {{word0, word1}};
	struct uvdk_inval_result result;
	int ret = uvdk_viommu_invalidate(viommu, &command, sizeof(command), 1, &result);

	CHECK_EQ(result.done, !ret);
	return ret;
}

static void refused(void)
{
	struct uvdk_nested nested = {.size = sizeof(nested), .type = UVDK_NEST_SMMUV3};
	struct uvdk_hwpt *hwpt = NULL;

	nested.smmuv3.ste[0] = 1 | 5 << 1 | (stage1.iova + 16 * TABLES * PAGE);
	CHECK_ERR(uvdk_hwpt_create_nested(viommu, edu.dev, &nested, &hwpt), -EFAULT);
	nested.smmuv3.ste[0] = 1 | 6 << 1;
	CHECK_ERR(uvdk_hwpt_create_nested(viommu, edu.dev, &nested, &hwpt), -EINVAL);
	nested.type = UVDK_NEST_VTD;
	CHECK_ERR(uvdk_hwpt_create_nested(viommu, edu.dev, &nested, &hwpt), -EINVAL);
	CHECK_ERR(invalidate(0x05 | UINT64_C(0x99) << 32, 0), -ENOENT); /* another's StreamID */
	CHECK_ERR(invalidate(0x11 | UINT64_C(1) << 32, 0), -EINVAL);	/* another's VMID */
	CHECK_ERR(invalidate(0x04, 0), -EINVAL);			/* CFGI_ALL */
	printf("refused: all good\n");
}

static void pointers(struct uvdk_hwpt *hwpt, uint8_t *dst, const uint8_t *src)
{
	const struct uvdk_inval_req req = {.first = (uintptr_t)src,
					   .last = (uintptr_t)src + PAGE - 1,
					   .asid = ASID,
					   .scope = UVDK_INVAL_RANGE,
					   .flags = UVDK_INVAL_LEAF};
	struct uvdk_invalq *q = NULL;
	uvdk_iova_t other_iova;
	uint64_t cookie;

	heap_pages(ioas, 1, 0xbb, &other_iova);
	copies(dst, src, 0xaa);
	copies(dst, src + 100, 0xaa);
	/* Another page of the heap takes the place of the first. */
	stage1_map(&stage1, src, other_iova);
	copies(dst, src, 0xaa);
	CHECK_ERR(uvdk_invalq_open(hwpt, edu.dev, 1, NULL, &q), -EINVAL);
	CHECK_EQ(uvdk_invalq_open(hwpt, edu.dev, UVDK_PASID_RID, NULL, &q), 0);
	CHECK_EQ(uvdk_inval_post(q, &req, &cookie), 0);
	copies(dst, src, 0xaa); /* posted is not told */
	printf("stale: all good\n");
	CHECK_EQ(uvdk_inval_kick(q), 0);
	CHECK_EQ(uvdk_inval_poll(q, cookie), 0);
	copies(dst, src, 0xbb);
	uvdk_invalq_destroy(q);
	printf("invalidated: all good\n");
}

/* An address without a translation: F_TRANSLATION (7.3.12), of the device by its ID. */
static void event(struct uvdk_veventq *queue, const uint8_t *dst)
{
	uint64_t va = (uintptr_t)dst ^ UINT64_C(1) << 40;
	struct uvdk_vevent got = {0};

	CHECK_EQ(uvdk_veventq_read(queue, &got, 1), 0);
	edu_dma(&edu, EDU_BUFFER, va, 0);
	CHECK(readable_within(uvdk_veventq_fd(queue), 1000 * DEADLINE), "no event");
	CHECK_EQ(uvdk_veventq_read(queue, &got, 1), 1);
	CHECK_EQ(got.lost, 0);
	CHECK_EQ(got.data[0] & 0xff, 0x10);
	CHECK_EQ(got.data[0] >> 32, ID);
	CHECK_EQ(got.data[2] & ~(uint64_t)(PAGE - 1), va & ~(uint64_t)(PAGE - 1));
	printf("event: all good\n");
}

/*
 * A page of the first stage that leads out of the second, by an IOVA that is nowhere and by
 * an address of this process. What the device writes there it writes nowhere, and the rest
 * works on. (Linux keeps faults of the second stage for its own log.)
 */
static void outside(uint8_t *dst, uint8_t *src)
{
	const uint64_t nowhere[] = {UINT64_C(1) << 39, (uintptr_t)src & ~(uint64_t)(PAGE - 1)};
	const uint8_t *va[] = {dst + (UINT64_C(1) << 21), dst + (UINT64_C(2) << 21)};

	memset(src, 0xcc, EDU_BYTES); /* by now, its address leads to the page of 0xbb */
	memset(dst, 0xdd, EDU_BYTES);
	edu_dma(&edu, EDU_BUFFER, (uintptr_t)src, 0);
	for (unsigned int i = 0; i < 2; i++) {
		stage1_map(&stage1, va[i], nowhere[i]);
		edu_dma(&edu, (uintptr_t)va[i], EDU_BUFFER, EDU_TO_RAM);
		CHECK(arrived(src, 0xcc) && arrived(dst, 0xdd), "at 0x%" PRIx64, nowhere[i]);
	}
	edu_dma(&edu, (uintptr_t)dst, EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(dst, 0xbb), "0x%x", *dst);
	memset(src, 0xaa, EDU_BYTES);
	printf("outside: all good\n");
}

static void run(void)
{
	uvdk_iova_t src_iova, dst_iova;
	uint8_t *src = heap_pages(ioas, 1, 0xaa, &src_iova);
	uint8_t *dst = heap_pages(ioas, 1, 0, &dst_iova);
	struct uvdk_veventq *queue;
	struct uvdk_vdevice *vdev;
	struct uvdk_hwpt *hwpt;

	stage1_map(&stage1, src, src_iova);
	stage1_map(&stage1, dst, dst_iova);
	CHECK_EQ(uvdk_viommu_create(ioas, edu.dev, NULL, &viommu), 0);
	CHECK_EQ(uvdk_viommu_get_info(viommu)->type, UVDK_NEST_SMMUV3);
	hwpt = stage1_nested(&stage1, viommu, edu.dev);
	CHECK_ERR(uvdk_hwpt_attach(hwpt, edu.dev, UVDK_PASID_RID), -ENXIO);
	CHECK_EQ(uvdk_vdevice_create(viommu, edu.dev, ID, &vdev), 0);
	CHECK_EQ(uvdk_veventq_create(viommu, UVDK_VEVENTQ_SMMUV3, 16, &queue), 0);
	CHECK_EQ(uvdk_hwpt_attach(hwpt, edu.dev, UVDK_PASID_RID), 0);
	refused();
	pointers(hwpt, dst, src);
	event(queue, dst);
	outside(dst, src);
	/* Without a first stage: the second alone, by IOVA. */
	CHECK_EQ(uvdk_hwpt_replace(uvdk_viommu_get_info(viommu)->parent, edu.dev, UVDK_PASID_RID),
		 0);
	edu_dma(&edu, EDU_BUFFER, src_iova, 0);
	edu_dma(&edu, dst_iova, EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(dst, 0xaa), "0x%x", *dst);
	printf("second stage: all good\n");
	uvdk_veventq_destroy(queue);
	uvdk_vdevice_destroy(vdev);
	uvdk_hwpt_destroy(hwpt);
	uvdk_viommu_destroy(viommu);
}

int main(int argc, char **argv)
{
	unsigned int fds = count_fds();

	if (argc < 2)
		return 2;
	CHECK_EQ(uvdk_iommu_open("iommufd", NULL, &iommu), 0);
	edu_open(&edu, iommu, argv[1]);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	stage1_create(&stage1, ioas, ASID);
	run();
	uvdk_device_close(edu.dev);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	return 0;
}
