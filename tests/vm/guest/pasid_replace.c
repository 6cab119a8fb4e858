// SPDX-License-Identifier: BSD-3-Clause
/*
 * pasid_replace BDF ROUNDS: one PASID is switched back and forth between two
 * address spaces, which hold other memory at the same IOVAs, while copies with
 * it are in flight. Every page must have come whole from the one or the other
 * and lie in exactly one of them; what another PASID sees stays as it is.
 *
 * The copies insist: a page that finds no translation is asked for again, and
 * how often that happened is printed. Linux 7.3 takes a VT-d PASID entry down
 * before it writes the new one, so that a device may meet neither.
 */
#include "pasid_copy.h"

#define FLIGHTS 8u   /* copies at once, in a queue each */
#define PAGES	128u /* of each copy */
#define LEN	(FLIGHTS * PAGES * PAGE)
#define WORDS	(PAGE / sizeof(uint64_t))
#define PACE	200 /* us */

struct side {
	struct uvdk_ioas *ioas;
	uint64_t *src;
	uint64_t *dst;
	uint64_t name; /* in each word of its source */
};

static struct copier copier;
static struct side sides[2], bystander;
static unsigned int landed[2], crossed, switches;
static unsigned long again;

static uint64_t word(const struct side *side, unsigned int page, size_t i)
{
	return side->name << 56 | (uint64_t)page << 16 | i;
}

static void side_create(struct side *side, uint64_t name)
{
	side->name = name;
	side->src = pages_new((size_t)2 * LEN);
	side->dst = side->src + LEN / sizeof(uint64_t);
	for (unsigned int page = 0; page < FLIGHTS * PAGES; page++)
		for (size_t i = 0; i < WORDS; i++)
			side->src[page * WORDS + i] = word(side, page, i);
	side->ioas = ioas_over(&copier, side->src, (size_t)2 * LEN);
}

static void side_destroy(struct side *side)
{
	uvdk_ioas_destroy(side->ioas);
	munmap(side->src, (size_t)2 * LEN);
}

/* Is a page of the destination, whole, that page of @from's source? */
static bool came_from(const struct side *side, const struct side *from, unsigned int page)
{
	for (size_t i = 0; i < WORDS; i++)
		if (side->dst[page * WORDS + i] != word(from, page, i))
			return false;

	return true;
}

static bool untouched(const struct side *side, unsigned int page)
{
	for (size_t i = 0; i < WORDS; i++)
		if (side->dst[page * WORDS + i])
			return false;

	return true;
}

static void check_source(const struct side *side)
{
	for (unsigned int page = 0; page < FLIGHTS * PAGES; page++)
		for (size_t i = 0; i < WORDS; i++)
			CHECK_EQ(side->src[page * WORDS + i], word(side, page, i));
}

/* A page lies in one of the two: which, and whence it came, is counted. */
static void check_page(unsigned int page)
{
	unsigned int in = untouched(&sides[0], page);

	CHECK(untouched(&sides[!in], page), "page %u: in both address spaces", page);
	CHECK(!untouched(&sides[in], page), "page %u: missing", page);
	if (!came_from(&sides[in], &sides[in], page)) {
		CHECK(came_from(&sides[in], &sides[!in], page),
		      "page %u: torn, or from neither address space", page);
		crossed++;
	}
	landed[in]++;
}

/* Copies of all pages, and switches until they have ended. */
static void fly(struct uvdk_pasid_attachment *at, uint32_t pasid, uint32_t other)
{
	uint32_t tag = pasid | COPY_TAGGED | COPY_INSIST, index[FLIGHTS], beside;
	const uint64_t part = PAGES * PAGE;
	unsigned int to = 1;
	bool flying = true;

	for (unsigned int i = 0; i < FLIGHTS; i++)
		index[i] = copier_submit(&copier, i, tag, IOVA + LEN + i * part, IOVA + i * part,
					 part);
	beside = copier_submit(&copier, FLIGHTS, other | COPY_TAGGED, IOVA + LEN, IOVA, LEN);
	while (flying) {
		CHECK_EQ(uvdk_pasid_replace(at, sides[to].ioas), 0);
		to = !to;
		switches++;
		flying = false;
		for (unsigned int i = 0; i < FLIGHTS; i++)
			flying |= !copier_idle(&copier, i);
	}
	for (unsigned int i = 0; i < FLIGHTS; i++) {
		struct copy_result r = copier_result(&copier, i, index[i]);

		CHECK(r.status == COPY_DONE, "copy %u: status %u, fault %u at 0x%" PRIx64, i,
		      r.status, r.fault, r.addr);
		CHECK_EQ(r.done, part);
		again += r.again;
	}
	copier_wait(&copier, FLIGHTS);
	CHECK_EQ(copier_result(&copier, FLIGHTS, beside).status, COPY_DONE);
	CHECK_EQ(uvdk_pasid_replace(at, sides[0].ioas), 0);
}

/* Nothing is in flight: what is copied after a switch is all in the new memory. */
static void settle(struct uvdk_pasid_attachment *at, uint32_t pasid)
{
	for (unsigned int to = 2; to-- > 0;) {
		CHECK_EQ(uvdk_pasid_replace(at, sides[to].ioas), 0);
		memset(sides[to].dst, 0, PAGE);
		memset(sides[!to].dst, 0, PAGE);
		CHECK_EQ(copier_copy(&copier, pasid | COPY_TAGGED, IOVA + LEN, IOVA, PAGE).status,
			 COPY_DONE);
		CHECK(came_from(&sides[to], &sides[to], 0), "not in the new memory");
		CHECK(untouched(&sides[!to], 0), "in the old memory");
	}
}

static void round_trip(struct uvdk_pasid_attachment *at, uint32_t pasid, uint32_t other)
{
	memset(sides[0].dst, 0, LEN);
	memset(sides[1].dst, 0, LEN);
	memset(bystander.dst, 0, LEN);
	fly(at, pasid, other);
	for (unsigned int page = 0; page < FLIGHTS * PAGES; page++) {
		check_page(page);
		CHECK(came_from(&bystander, &bystander, page), "the bystander's page %u", page);
	}
	check_source(&sides[0]);
	check_source(&sides[1]);
	check_source(&bystander);
	settle(at, pasid);
}

int main(int argc, char **argv)
{
	struct uvdk_pasid_attachment at = {0}, beside = {0};
	struct uvdk_pasid_space *space;
	struct uvdk_pasid_owner *owner;
	uint32_t pasid, other;

	if (argc != 3)
		return 2;
	copier_open(&copier, argv[1]);
	copier_set_pace(&copier, PACE);
	CHECK_EQ(uvdk_pasid_space_create(NULL, &space), 0);
	CHECK_EQ(uvdk_pasid_owner_create(space, 0, &owner), 0);
	CHECK_EQ(uvdk_pasid_alloc(owner, 1, UINT32_MAX, &pasid), 0);
	CHECK_EQ(uvdk_pasid_alloc(owner, 1, UINT32_MAX, &other), 0);
	side_create(&sides[0], 0xa);
	side_create(&sides[1], 0xb);
	side_create(&bystander, 0xc);
	CHECK_EQ(uvdk_pasid_attach(owner, pasid, sides[0].ioas, copier.dev, &at), 0);
	CHECK_EQ(uvdk_pasid_attach(owner, other, bystander.ioas, copier.dev, &beside), 0);

	for (int i = 0; i < atoi(argv[2]); i++)
		round_trip(&at, pasid, other);
	CHECK(landed[0] && landed[1], "all pages on one side: nothing was in flight");
	printf("  %u switches; pages in the one %u, in the other %u, from one to the other %u; "
	       "asked for again %lu\n",
	       switches, landed[0], landed[1], crossed, again);

	uvdk_pasid_owner_destroy(owner);
	uvdk_pasid_space_destroy(space);
	side_destroy(&sides[0]);
	side_destroy(&sides[1]);
	side_destroy(&bystander);
	copier_close(&copier);
	printf("  replaced in flight: all good\n");
	return 0;
}
