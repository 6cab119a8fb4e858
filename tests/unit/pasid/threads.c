// SPDX-License-Identifier: BSD-3-Clause
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../expect.h"
#include "pasid_priv.h"

/*
 * Two threads on one space. Plain, and under ThreadSanitizer, which sees what is
 * touched too early or too late, freed memory included.
 */
#define ALL	UINT32_MAX
#define ROUNDS	200000
#define RACES	20000
#define NUMBERS 200
#define SECONDS 20 /* to wait for the other thread */

static struct uvdk_pasid_space *space;

static struct uvdk_pasid_owner *new_owner(void)
{
	struct uvdk_pasid_owner *owner = NULL;

	EXPECT(!uvdk_pasid_owner_create(space, NUMBERS / 2, &owner));
	return owner;
}

static void in_two_threads(void *(*one)(void *), void *a, void *(*other)(void *), void *b)
{
	pthread_t thread;

	EXPECT(!pthread_create(&thread, NULL, one, a));
	other(b);
	pthread_join(thread, NULL);
}

/* ---- each PASID is one thread's at a time ---- */

static unsigned int mine[NUMBERS + 1]; /* not atomic: what a PASID stands for */

struct thing {
	struct uvdk_pasid_user user;
	uint32_t pasid;
	bool told;
};

static void end_of_use(void *arg, uint32_t pasid)
{
	struct thing *thing = arg;

	EXPECT(thing->pasid == pasid && !thing->told);
	thing->told = true;
	mine[pasid]--;
}

static void take_and_use(struct uvdk_pasid_owner *owner, struct thing *thing, uint32_t i)
{
	struct uvdk_pasid_user user = {.release = end_of_use, .arg = thing};

	*thing = (struct thing){.user = user};
	if (uvdk_pasid_alloc(owner, 1 + i % 50, NUMBERS, &thing->pasid))
		return;
	EXPECT(!uvdk_pasid_use(owner, thing->pasid, &thing->user));
	EXPECT(++mine[thing->pasid] == 1);
}

static void let_go(struct uvdk_pasid_owner *owner, struct thing *thing, uint32_t i)
{
	if (!thing->pasid)
		return;
	if (i % 3 == 0) {
		uvdk_pasid_unuse(&thing->user);
		end_of_use(thing, thing->pasid);
	}
	if (i % 2)
		EXPECT(!uvdk_pasid_free(owner, thing->pasid));
	else
		EXPECT(uvdk_pasid_free_range(owner, thing->pasid, thing->pasid) == 1);
	EXPECT(thing->told);
	thing->pasid = 0;
}

static void *take_and_free(void *arg)
{
	struct uvdk_pasid_owner *owner = new_owner();
	struct thing thing[64] = {0};

	(void)arg;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct thing *one = &thing[i * 7 % 64];

		let_go(owner, one, i);
		take_and_use(owner, one, i);
	}
	uvdk_pasid_owner_destroy(owner);
	for (int i = 0; i < 64; i++)
		EXPECT(!thing[i].pasid || thing[i].told);
	return NULL;
}

static void each_pasid_is_one_threads_at_a_time(void)
{
	in_two_threads(take_and_free, NULL, take_and_free, NULL);
	for (int i = 0; i <= NUMBERS; i++)
		EXPECT(mine[i] == 0);
}

/* ---- free and unuse at once ---- */

/* One of the two ends the use; both are done with it when both have returned. */
struct race {
	struct uvdk_pasid_owner *owner;
	struct thing *thing;
	pthread_barrier_t start;
	uint32_t told, ended;
};

static void count_told(void *arg, uint32_t pasid)
{
	struct race *race = arg;

	(void)pasid;
	race->told++;
	race->thing->told = true;
}

static void *race_unuse(void *arg)
{
	struct race *race = arg;

	for (int i = 0; i < RACES; i++) {
		pthread_barrier_wait(&race->start);
		uvdk_pasid_unuse(&race->thing->user);
		race->ended += !race->thing->told;
		free(race->thing);
		pthread_barrier_wait(&race->start);
	}
	return NULL;
}

static void *race_free(void *arg)
{
	struct race *race = arg;
	struct uvdk_pasid_user user = {.release = count_told, .arg = race};
	uint32_t pasid = 0;

	for (int i = 0; i < RACES; i++) {
		race->thing = calloc(1, sizeof(*race->thing));
		race->thing->user = user;
		EXPECT(!uvdk_pasid_alloc(race->owner, 0, ALL, &pasid));
		EXPECT(!uvdk_pasid_use(race->owner, pasid, &race->thing->user));
		pthread_barrier_wait(&race->start);
		EXPECT(!uvdk_pasid_free(race->owner, pasid));
		pthread_barrier_wait(&race->start);
	}
	return NULL;
}

static void free_and_unuse_at_once(void)
{
	struct race race = {.owner = new_owner()};

	pthread_barrier_init(&race.start, NULL, 2);
	in_two_threads(race_unuse, &race, race_free, &race);
	EXPECT(race.told + race.ended == RACES);
	pthread_barrier_destroy(&race.start);
	uvdk_pasid_owner_destroy(race.owner);
}

/* ---- who waits for whom ---- */

/*
 * Two users of a PASID. The release() told first goes on once another thread
 * waits for it; the one told next, once that thread waits no longer.
 */
struct scene {
	struct uvdk_pasid_owner *owner;
	struct uvdk_pasid_user *user, next;
	uint32_t pasid;
	bool running, returned; /* atomic */
	bool leaves;		/* release() ends the use itself, and frees the user */
	bool done;		/* not atomic: who waited may read it */
};

static bool somebody_waits(void)
{
	bool waits;

	uvdk_lock_acquire(&space->lock);
	waits = space->lock.sleepers;
	uvdk_lock_release(&space->lock);

	return waits;
}

static void until_it_returns(struct scene *scene)
{
	time_t deadline = time(NULL) + SECONDS;

	while (!__atomic_load_n(&scene->returned, __ATOMIC_RELAXED) && time(NULL) < deadline)
		sched_yield();
	EXPECT(__atomic_load_n(&scene->returned, __ATOMIC_RELAXED));
}

static void release_next(void *arg, uint32_t pasid)
{
	(void)pasid;
	until_it_returns(arg);
}

static void release_late(void *arg, uint32_t pasid)
{
	struct scene *scene = arg;
	time_t deadline = time(NULL) + SECONDS;

	(void)pasid;
	__atomic_store_n(&scene->running, true, __ATOMIC_RELAXED);
	while (!somebody_waits() && time(NULL) < deadline)
		sched_yield();
	EXPECT(somebody_waits());
	scene->done = true;
	if (!scene->leaves)
		return;
	uvdk_pasid_unuse(scene->user);
	memset(scene->user, 0xa5, sizeof(*scene->user));
	free(scene->user);
	scene->user = NULL;
	until_it_returns(scene);
}

static void use_it(struct scene *scene, struct uvdk_pasid_user *user,
		   void (*release)(void *arg, uint32_t pasid))
{
	*user = (struct uvdk_pasid_user){.release = release, .arg = scene};
	EXPECT(!uvdk_pasid_use(scene->owner, scene->pasid, user));
}

static struct scene *new_scene(bool leaves)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	scene->owner = new_owner();
	scene->user = malloc(sizeof(*scene->user));
	scene->leaves = leaves;
	EXPECT(!uvdk_pasid_alloc(scene->owner, 0, ALL, &scene->pasid));

	return scene;
}

static void *free_it(void *arg)
{
	struct scene *scene = arg;

	EXPECT(!uvdk_pasid_free(scene->owner, scene->pasid));
	return NULL;
}

static void when_running(const struct scene *scene)
{
	while (!__atomic_load_n(&scene->running, __ATOMIC_RELAXED))
		sched_yield();
}

static void *unuse_it(void *arg)
{
	struct scene *scene = arg;
	struct uvdk_pasid_user *user = scene->user;

	when_running(scene);
	uvdk_pasid_unuse(user);
	EXPECT(scene->done);
	__atomic_store_n(&scene->returned, true, __ATOMIC_RELAXED);
	return NULL;
}

static void *destroy_it(void *arg)
{
	struct scene *scene = arg;

	when_running(scene);
	uvdk_pasid_owner_destroy(scene->owner);
	EXPECT(scene->done);
	scene->owner = NULL;
	return NULL;
}

static void unuse_waits_for_one_release(bool leaves)
{
	struct scene *scene = new_scene(leaves);

	use_it(scene, &scene->next, release_next);
	use_it(scene, scene->user, release_late);
	in_two_threads(free_it, scene, unuse_it, scene);
	uvdk_pasid_owner_destroy(scene->owner);
	free(scene->user);
	free(scene);
}

static void destroy_waits_for_free(void)
{
	struct scene *scene = new_scene(false);

	use_it(scene, scene->user, release_late);
	in_two_threads(free_it, scene, destroy_it, scene);
	free(scene->user);
	free(scene);
}

int main(void)
{
	EXPECT(!uvdk_pasid_space_create(NULL, &space));
	each_pasid_is_one_threads_at_a_time();
	free_and_unuse_at_once();
	unuse_waits_for_one_release(false);
	unuse_waits_for_one_release(true);
	destroy_waits_for_free();
	uvdk_pasid_space_destroy(space);

	return wrong != 0;
}
