// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "demand.h"

/*
 * Requests are read, mapped and answered in batches, by a thread of the binding's or by
 * whoever polls; one at a time, for a group may go on in the next read.
 */
#define PATIENCE_MS 100 /* until a queue that could not be read is tried again */

static bool stopping(const struct demand *d)
{
	return __atomic_load_n(&d->stopping, __ATOMIC_RELAXED);
}

/* ---- a batch ---- */

/*
 * Of the two ways to refuse, that which says "not this page": the other would have the
 * device ask for no page of anybody's any more, and iommufd has none.
 */
static void say_why(struct demand *d, uintptr_t addr, int err)
{
	if (d->said_failure || err == -EFAULT || err == -EACCES || err == -ERANGE)
		return;
	d->said_failure = true;
	uvdk_log(
		UVDK_LOG_WARN, SVA_COMPONENT,
		"demand: the device is refused the page at %p: %s; others may be, too, and none is "
		"logged any more: see uvdk_sva_get_info()",
		(void *)addr, strerror(-err));
}

static void take_request(struct demand *d, const struct uvdk_fault *fault)
{
	struct demand_group *group = &d->group;
	int err;

	if (!group->count || group->id != fault->group)
		*group = (struct demand_group){.id = fault->group};
	group->count++;
	if (group->refused) /* as a whole */
		return;
	err = demand_reach(d, fault->addr, fault->access & UVDK_FAULT_WRITE);
	if (!err)
		return;
	group->refused = true;
	say_why(d, fault->addr, err);
}

/* Under sva->lock. Returns how many groups are to be answered. */
static unsigned int take_batch(struct demand *d, unsigned int count)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < count; i++) {
		const struct uvdk_fault *fault = &d->faults[i];

		if (fault->type != UVDK_FAULT_PAGE_REQUEST)
			continue; /* lost ones come again; a refused access is over */
		take_request(d, fault);
		if (!fault->last)
			continue;
		d->answers[n] = (struct uvdk_fault_answer){
			.group = fault->group,
			.code = d->group.refused ? UVDK_FAULT_INVALID : UVDK_FAULT_SUCCESS};
		d->requests[n++] = d->group.count;
		d->group.count = 0;
	}

	return n;
}

/* Under sva->lock, before the device hears of it. */
static void count_batch(struct demand *d, unsigned int groups)
{
	for (unsigned int i = 0; i < groups; i++) {
		if (d->answers[i].code == UVDK_FAULT_SUCCESS)
			d->sva->info.faults += d->requests[i];
		else
			d->sva->info.refused += d->requests[i];
	}
}

/* Requests that were read, or negative errno; *@answered grows. Under @serving. */
static int serve_batch(struct demand *d, int *answered)
{
	int count = uvdk_faultq_read(d->faultq, d->faults, DEMAND_BATCH);
	unsigned int groups;

	if (count <= 0)
		return count;
	pthread_mutex_lock(&d->sva->lock);
	groups = take_batch(d, (unsigned int)count);
	count_batch(d, groups);
	pthread_mutex_unlock(&d->sva->lock);
	uvdk_log_hush(true); /* -ENOENT: detached meanwhile, and answered by that */
	if (groups)
		uvdk_faultq_answer(d->faultq, d->answers, groups);
	uvdk_log_hush(false);
	for (unsigned int i = 0; i < groups; i++)
		*answered += !d->answers[i].err ? (int)d->requests[i] : 0;

	return count;
}

/* Until none waits. Requests answered, or negative errno. Under @serving. */
static int serve(struct demand *d)
{
	int answered = 0;
	int n = 1;

	while (n > 0 && !stopping(d))
		n = serve_batch(d, &answered);

	return answered || n > 0 ? answered : n;
}

/* ---- who serves ---- */

/* If somebody else is at it already, it is done without us. */
int demand_poll(struct uvdk_sva *sva)
{
	struct demand *d = sva->priv;
	int ret;

	if (pthread_mutex_trylock(&d->serving))
		return 0;
	ret = serve(d);
	pthread_mutex_unlock(&d->serving);

	return ret;
}

/* A queue that can't be read for now stays readable: that must not keep a CPU busy. */
static void wait_for_more(struct demand *d, bool patient)
{
	struct pollfd fds[2] = {{.fd = d->stop, .events = POLLIN},
				{.fd = uvdk_faultq_fd(d->faultq), .events = POLLIN}};

	poll(fds, patient ? 1 : 2, patient ? PATIENCE_MS : -1);
}

static void *thread(void *arg)
{
	struct demand *d = arg;
	int ret;

	while (!stopping(d)) {
		pthread_mutex_lock(&d->serving);
		ret = serve(d);
		pthread_mutex_unlock(&d->serving);
		if (!stopping(d))
			wait_for_more(d, ret < 0);
	}

	return NULL;
}

/* Signals are the application's. */
static int start_thread(struct demand *d)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&d->thread, NULL, thread, d);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return uvdk_fail(-err, SVA_COMPONENT, "demand: no thread for page requests: %s",
				 strerror(err));

	return 0;
}

int demand_start(struct demand *d)
{
	int err;

	d->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->stop < 0)
		return uvdk_fail(-errno, SVA_COMPONENT, "demand: no eventfd: %s", strerror(errno));
	err = start_thread(d);
	if (err)
		close(d->stop);

	return err;
}

/* What the thread does last may need the lock. Nobody else calls: the binding is ended. */
void demand_stop(struct demand *d)
{
	__atomic_store_n(&d->stopping, true, __ATOMIC_RELAXED);
	eventfd_write(d->stop, 1);
	pthread_mutex_unlock(&d->sva->lock);
	pthread_join(d->thread, NULL);
	pthread_mutex_lock(&d->sva->lock);
	close(d->stop);
}
