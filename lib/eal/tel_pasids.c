// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include <uvdk_pasid_walk_driver.h>

#include "tel_priv.h"

/* A PASID takes 70 bytes of an answer at most. */
#define PASIDS 128u

#define USAGE  "/uvdk/pasids or ...,spaces,AFTER or ...,SPACE or ...,SPACE,FROM"

static void put_space(struct rte_tel_data *d, const struct tel_source *source,
		      const struct uvdk_seen_pasid_space *space)
{
	uvdk_tel_string(d, "space", source->name);
	uvdk_tel_number(d, "highest", space->highest);
	uvdk_tel_number(d, "used", space->used);
	uvdk_tel_number(d, "owners", space->owners);
}

/* They come by ascending number. */
static void put_spaces(struct rte_tel_data *out, uint64_t after)
{
	struct uvdk_seen_pasid_space space;
	unsigned int count = 0;

	for (const struct tel_source *s = tel_sources(); s; s = s->next) {
		struct rte_tel_data *d;

		if (s->id <= after || !s->space || uvdk_pasid_see_space(s->space, &space))
			continue;
		if (count++ == TEL_ENTRIES) {
			uvdk_tel_number(out, "next", after);
			return;
		}
		d = uvdk_tel_dict_of(out, s->id);
		if (d)
			put_space(d, s, &space);
		after = s->id;
	}
}

static void put_pasid(struct rte_tel_data *pasids, const struct uvdk_seen_pasid *pasid)
{
	struct rte_tel_data *d = uvdk_tel_dict_of(pasids, pasid->pasid);

	if (!d)
		return;
	uvdk_tel_number(d, "owner", pasid->owner);
	uvdk_tel_number(d, "users", pasid->users);
	uvdk_tel_bool(d, "dying", pasid->dying);
}

static void put_pasids(struct rte_tel_data *out, const struct tel_source *source, uint32_t from)
{
	struct uvdk_seen_pasid pasid[PASIDS + 1];
	int count = uvdk_pasid_see(source->space, from, pasid, PASIDS + 1);
	struct rte_tel_data *pasids = uvdk_tel_dict(out, "pasids");

	for (int i = 0; pasids && i < count && i < (int)PASIDS; i++)
		put_pasid(pasids, &pasid[i]);
	if (count > (int)PASIDS)
		uvdk_tel_number(out, "next", pasid[PASIDS].pasid);
}

static int put_one(struct rte_tel_data *out, uint64_t id, uint64_t from)
{
	struct uvdk_seen_pasid_space space;

	for (const struct tel_source *s = tel_sources(); s; s = s->next) {
		if (s->id != id || !s->space || uvdk_pasid_see_space(s->space, &space))
			continue;
		rte_tel_data_start_dict(out);
		put_space(out, s, &space);
		put_pasids(out, s, from > UINT32_MAX ? UINT32_MAX : (uint32_t)from);
		return 0;
	}

	return uvdk_fail(-ENOENT, COMPONENT,
			 "there is no PASID space %" PRIu64 "; see /uvdk/pasids", id);
}

int tel_pasids(void *priv, const char *params, struct rte_tel_data *out)
{
	const char *rest = uvdk_tel_word(params, "spaces");
	uint64_t p[2] = {0, 1};
	int ret;

	(void)priv;
	ret = uvdk_tel_params(rest ? rest : params, USAGE, 0, rest ? 1 : 2, p);
	if (ret < 0)
		return ret;
	if (ret && !rest)
		return put_one(out, p[0], p[1]);
	rte_tel_data_start_dict(out);
	put_spaces(out, p[0]);

	return 0;
}
