// SPDX-License-Identifier: BSD-3-Clause
#include <uvdk_pasid_walk_driver.h>

#include "inspect_priv.h"

/* Looked at in one go: the application may allocate between two. */
#define PASIDS_AT_ONCE 64u

static bool get_space(struct uvdk_inspect *inspect, uint64_t place,
		      struct uvdk_seen_pasid_space *space)
{
	struct inspect_source *source = inspect_hold(inspect, place);
	int err;

	if (!source)
		return false;
	err = uvdk_pasid_see_space(source->space, space);
	inspect_let(inspect);

	return !err;
}

static bool next_owner(struct uvdk_inspect *inspect, uint64_t place,
		       struct uvdk_seen_pasid_owner *owner)
{
	struct inspect_source *source = inspect_hold(inspect, place);
	int err;

	if (!source)
		return false;
	err = uvdk_pasid_see_owner(source->space, owner->id, owner);
	inspect_let(inspect);

	return !err;
}

static void put_owners(struct uvdk_inspect *inspect, uint64_t place, struct uvdk_json *json)
{
	struct uvdk_seen_pasid_owner owner = {0};

	uvdk_json_key(json, "owners");
	uvdk_json_open(json, '[');
	while (!ferror(json->to) && next_owner(inspect, place, &owner)) {
		uvdk_json_open(json, '{');
		uvdk_json_number(json, "owner", owner.id);
		uvdk_json_number(json, "quota", owner.quota);
		uvdk_json_number(json, "held", owner.held);
		uvdk_json_close(json, '}');
	}
	uvdk_json_close(json, ']');
}

static unsigned int next_pasids(struct uvdk_inspect *inspect, uint64_t place, uint32_t from,
				struct uvdk_seen_pasid *pasid)
{
	struct inspect_source *source = inspect_hold(inspect, place);
	int count;

	if (!source)
		return 0;
	count = uvdk_pasid_see(source->space, from, pasid, PASIDS_AT_ONCE);
	inspect_let(inspect);

	return count > 0 ? (unsigned int)count : 0;
}

static void put_numbers(struct uvdk_inspect *inspect, uint64_t place, struct uvdk_json *json)
{
	struct uvdk_seen_pasid pasid[PASIDS_AT_ONCE];
	unsigned int count = PASIDS_AT_ONCE;
	uint32_t from = 1;

	uvdk_json_key(json, "numbers");
	uvdk_json_open(json, '[');
	while (count == PASIDS_AT_ONCE && !ferror(json->to)) {
		count = next_pasids(inspect, place, from, pasid);
		for (unsigned int i = 0; i < count; i++) {
			uvdk_json_open(json, '{');
			uvdk_json_number(json, "pasid", pasid[i].pasid);
			uvdk_json_number(json, "owner", pasid[i].owner);
			uvdk_json_number(json, "users", pasid[i].users);
			uvdk_json_bool(json, "dying", pasid[i].dying);
			uvdk_json_close(json, '}');
			from = pasid[i].pasid + 1;
		}
	}
	uvdk_json_close(json, ']');
}

void inspect_pasids(struct uvdk_inspect *inspect, struct uvdk_json *json)
{
	struct uvdk_seen_pasid_space space;
	struct inspect_place place = {0};

	while (!ferror(json->to) && inspect_next(inspect, false, &place)) {
		if (!get_space(inspect, place.id, &space))
			continue;
		uvdk_json_open(json, '{');
		uvdk_json_string(json, "space", place.name);
		uvdk_json_number(json, "highest", space.highest);
		uvdk_json_number(json, "used", space.used);
		put_owners(inspect, place.id, json);
		put_numbers(inspect, place.id, json);
		uvdk_json_close(json, '}');
	}
}
