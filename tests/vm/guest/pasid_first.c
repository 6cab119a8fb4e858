// SPDX-License-Identifier: BSD-3-Clause
/*
 * pasid_first BDF ROUNDS: copies without a PASID are in flight when the device
 * gets its first PASID, for which the RID moves to another page table. They
 * insist, and arrive whole; how often a page was asked for again is printed.
 */
#include "pasid_copy.h"

#define FLIGHTS 8u
#define PAGES	64u /* of each copy */
#define PART	(PAGES * PAGE)
#define LEN	(FLIGHTS * PART)
#define PACE	20000 /* us, until the PASID is attached */
#define PASID	77

static struct copier copier;
static struct uvdk_ioas *rid, *other;
static uint64_t *mem;

/* Nothing of an earlier round is left in the destination. */
static void fill(uint64_t round)
{
	for (size_t i = 0; i < LEN / sizeof(*mem); i++)
		mem[i] = round << 32 | i;
	memset((uint8_t *)mem + LEN, 0, LEN);
}

/* Returns how often a page was asked for again. */
static unsigned long fly(void)
{
	unsigned long again = 0;
	uint32_t index[FLIGHTS];

	copier_set_pace(&copier, PACE);
	for (unsigned int i = 0; i < FLIGHTS; i++)
		index[i] = copier_submit(&copier, i, COPY_INSIST, IOVA + LEN + i * PART,
					 IOVA + i * PART, PART);
	CHECK_EQ(uvdk_ioas_attach_pasid(other, copier.dev, PASID), 0);
	CHECK(!copier_idle(&copier, 0), "nothing was in flight");
	copier_set_pace(&copier, 0);
	for (unsigned int i = 0; i < FLIGHTS; i++) {
		copier_wait(&copier, i);
		CHECK_EQ(copier_result(&copier, i, index[i]).status, COPY_DONE);
		again += copier_result(&copier, i, index[i]).again;
	}
	CHECK(!memcmp(mem, (uint8_t *)mem + LEN, LEN), "not everything arrived");

	return again;
}

int main(int argc, char **argv)
{
	unsigned long again = 0;
	int rounds;
	void *aside;

	if (argc != 3)
		return 2;
	rounds = atoi(argv[2]);
	copier_open(&copier, argv[1]);
	mem = pages_new((size_t)2 * LEN);
	aside = pages_new(PAGE);
	rid = ioas_over(&copier, mem, (size_t)2 * LEN);
	other = ioas_over(&copier, aside, PAGE);
	for (int i = 1; i <= rounds; i++) {
		fill((uint64_t)i);
		CHECK_EQ(uvdk_ioas_attach(rid, copier.dev), 0);
		again += fly();
		uvdk_ioas_detach_pasid(other, copier.dev, PASID);
		uvdk_ioas_detach(rid, copier.dev);
	}
	CHECK_EQ(*(uint64_t *)aside, 0);
	uvdk_ioas_destroy(rid);
	uvdk_ioas_destroy(other);
	munmap(mem, (size_t)2 * LEN);
	munmap(aside, PAGE);
	copier_close(&copier);
	printf("  first PASID, %d times: asked for again %lu: all good\n", rounds, again);
	return 0;
}
