// SPDX-License-Identifier: BSD-3-Clause
/*
 * nest_two BDF0 BDF1 PLAIN LATE1 LATE0: one address space for devices on two SMMUs.
 * The first two are behind a first stage each, on a vIOMMU of their own SMMU; PLAIN
 * is attached to the second stage itself; LATE1, on the same SMMU as BDF1, and LATE0,
 * on that of BDF0, come when all is mapped.
 */
#include "nest_edu.h"

#define NESTED 2u
#define LATE   3u
#define MOVERS 5u

/* A device, and the page that it moves to another, by addresses of its own. */
struct mover {
	struct edu edu;
	struct stage1 stage1;
	struct uvdk_viommu *viommu;
	struct uvdk_vdevice *vdev;
	struct uvdk_hwpt *hwpt;
	uint8_t *src, *dst;
	uvdk_iova_t src_iova, dst_iova;
	uint64_t from, to; /* as the device says */
};

static struct uvdk_iommu *iommu;
static struct uvdk_ioas *ioas;
static struct mover movers[MOVERS];

static void memory(struct mover *m, int value)
{
	m->src = heap_pages(ioas, 1, value, &m->src_iova);
	m->dst = heap_pages(ioas, 1, 0, &m->dst_iova);
	m->from = m->src_iova;
	m->to = m->dst_iova;
}

static void nest(struct mover *m, unsigned int n)
{
	stage1_create(&m->stage1, ioas, n + 1);
	stage1_map(&m->stage1, m->src, m->src_iova);
	stage1_map(&m->stage1, m->dst, m->dst_iova);
	m->from = (uintptr_t)m->src;
	m->to = (uintptr_t)m->dst;
	CHECK_EQ(uvdk_viommu_create(ioas, m->edu.dev, NULL, &m->viommu), 0);
	m->hwpt = stage1_nested(&m->stage1, m->viommu, m->edu.dev);
	/* The same ID on both: each vIOMMU has a name space of its own. */
	CHECK_EQ(uvdk_vdevice_create(m->viommu, m->edu.dev, 1, &m->vdev), 0);
	CHECK_EQ(uvdk_hwpt_attach(m->hwpt, m->edu.dev, UVDK_PASID_RID), 0);
}

static void end(struct mover *m)
{
	uvdk_hwpt_destroy(m->hwpt);
	uvdk_vdevice_destroy(m->vdev);
	uvdk_viommu_destroy(m->viommu);
}

/* All of them at once. */
static void move(unsigned int count, uint8_t value)
{
	for (unsigned int i = 0; i < count; i++) {
		memset(movers[i].src, value + (int)i, EDU_BYTES);
		memset(movers[i].dst, 0, EDU_BYTES);
		edu_start(&movers[i].edu, EDU_BUFFER, movers[i].from, 0);
	}
	for (unsigned int i = 0; i < count; i++) {
		edu_wait(&movers[i].edu);
		edu_start(&movers[i].edu, movers[i].to, EDU_BUFFER, EDU_TO_RAM);
	}
	for (unsigned int i = 0; i < count; i++) {
		edu_wait(&movers[i].edu);
		CHECK(arrived(movers[i].dst, (uint8_t)(value + i)), "device %u", i);
	}
}

/* It sees what was there before it, too, through a table of its own. */
static void late(struct mover *m, const struct mover *before, uint8_t value)
{
	uvdk_ioas_detach(ioas, m->edu.dev);
	memset(before->src, value, EDU_BYTES);
	m->src_iova = before->src_iova;
	nest(m, (unsigned int)(m - movers));
	edu_dma(&m->edu, EDU_BUFFER, m->from, 0);
	edu_dma(&m->edu, m->to, EDU_BUFFER, EDU_TO_RAM);
	CHECK(arrived(m->dst, value), "what was mapped before");
}

static void run(void)
{
	const struct uvdk_viommu_info *info[NESTED];
	struct uvdk_vdevice *vdev = NULL;
	struct uvdk_viommu *again;

	for (unsigned int i = 0; i < MOVERS; i++)
		memory(&movers[i], 0);
	for (unsigned int i = 0; i < NESTED; i++) {
		nest(&movers[i], i);
		info[i] = uvdk_viommu_get_info(movers[i].viommu);
	}
	CHECK(info[0]->parent != info[1]->parent, "a parent for each SMMU");
	CHECK_ERR(uvdk_vdevice_create(movers[0].viommu, movers[3].edu.dev, 2, &vdev), -EINVAL);
	CHECK_EQ(uvdk_viommu_create(ioas, movers[3].edu.dev, NULL, &again), 0);
	CHECK(uvdk_viommu_get_info(again)->parent == info[1]->parent, "one for an SMMU");
	uvdk_viommu_destroy(again);
	CHECK_EQ(uvdk_hwpt_attach(info[0]->parent, movers[2].edu.dev, UVDK_PASID_RID), 0);
	for (uint8_t round = 1; round <= 3; round++)
		move(3, (uint8_t)(16 * round));
	printf("at once: all good\n");
	/* What is mapped now is behind all of them, and behind whoever comes. */
	memory(&movers[0], 0);
	stage1_map(&movers[0].stage1, movers[0].src, movers[0].src_iova);
	stage1_map(&movers[0].stage1, movers[0].dst, movers[0].dst_iova);
	movers[0].from = (uintptr_t)movers[0].src;
	movers[0].to = (uintptr_t)movers[0].dst;
	memory(&movers[2], 0);
	for (unsigned int i = LATE; i < MOVERS; i++)
		CHECK_EQ(uvdk_ioas_attach(ioas, movers[i].edu.dev), 0);
	move(MOVERS, 0x80);
	late(&movers[LATE], &movers[1], 0xcc);
	late(&movers[LATE + 1], &movers[0], 0x33);
	printf("late: all good\n");
	for (unsigned int i = 0; i < MOVERS; i++)
		end(&movers[i]);
}

int main(int argc, char **argv)
{
	unsigned int fds = count_fds();

	if (argc < 1 + (int)MOVERS)
		return 2;
	CHECK_EQ(uvdk_iommu_open("iommufd", NULL, &iommu), 0);
	CHECK_EQ(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	for (unsigned int i = 0; i < MOVERS; i++)
		edu_open(&movers[i].edu, iommu, argv[1 + i]);
	run();
	for (unsigned int i = 0; i < MOVERS; i++)
		uvdk_device_close(movers[i].edu.dev);
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	CHECK_EQ(count_fds(), fds);
	return 0;
}
