// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "iommu_emu_events.h"
#include "iommu_emu_space.h"

/* Fault queues: who hears of the units, and empties them; what the library calls. */

/* ---- descriptors ---- */

/* An eventfd takes and gives without waiting. */
static void set_event(int fd, bool on)
{
	uint64_t value = 1;
	ssize_t n = on ? write(fd, &value, sizeof(value)) : read(fd, &value, sizeof(value));

	if (n != (ssize_t)sizeof(value) && on)
		uvdk_log(UVDK_LOG_DEBUG, EMU_COMPONENT, "an event is not heard of: %s",
			 strerror(errno));
}

/* Each queue is readable exactly if it has records. */
static void update(struct emu_machine *machine)
{
	struct emu_faultq *q;

	LIST_FOREACH(q, &machine->events.queues, entry)
	{
		bool has = q->count || q->lost;

		if (has != q->is_ready)
			set_event(q->ready, has);
		q->is_ready = has;
	}
}

/* An interrupt that comes meanwhile stays, and has somebody look once more. */
static void drain(struct emu_machine *machine)
{
	set_event(machine->events.irq, false);
	emu_prq_drain(machine);
	emu_faults_tell(machine);
}

static void route_all(struct emu_machine *machine, int fd)
{
	for (unsigned int i = 0; i < machine->count; i++) {
		uvdk_emu_iommu_irq_route(machine->emu, i, UVDK_EMU_IOMMU_IRQ_FAULT, fd);
		uvdk_emu_iommu_irq_route(machine->emu, i, UVDK_EMU_IOMMU_IRQ_PAGE_REQUEST, fd);
	}
}

/* The first queue has the units' interrupts heard; of earlier faults nobody is told. */
static int hear(struct emu_machine *machine)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	uvdk_lock_acquire(&machine->events.irq_lock);
	machine->events.irq = fd;
	machine->events.hears = true;
	uvdk_lock_release(&machine->events.irq_lock);
	route_all(machine, fd);
	drain(machine);

	return 0;
}

static void unhear(struct emu_machine *machine)
{
	route_all(machine, -1);
	uvdk_lock_acquire(&machine->events.irq_lock);
	machine->events.hears = false;
	close(machine->events.irq);
	uvdk_lock_release(&machine->events.irq_lock);
}

void emu_events_kick(struct emu_machine *machine)
{
	uvdk_lock_acquire(&machine->events.irq_lock);
	if (machine->events.hears)
		set_event(machine->events.irq, true);
	uvdk_lock_release(&machine->events.irq_lock);
}

static int add_to(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int open_fds(struct emu_faultq *q)
{
	int err;

	q->ready = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (q->ready < 0)
		return -errno;
	q->fd = epoll_create1(EPOLL_CLOEXEC);
	if (q->fd < 0) {
		err = -errno;
		goto close_ready;
	}
	err = add_to(q->fd, q->ready);
	if (!err)
		err = add_to(q->fd, q->machine->events.irq);
	if (err)
		goto close;

	return 0;
close:
	close(q->fd);
close_ready:
	close(q->ready);
	return err;
}

/* ---- what the library calls ---- */

static int enlist(struct emu_faultq *q)
{
	struct emu_events *events = &q->machine->events;
	bool first = LIST_EMPTY(&events->queues);
	int err = first ? hear(q->machine) : 0;

	if (err)
		return err;
	err = open_fds(q);
	if (!err)
		LIST_INSERT_HEAD(&events->queues, q, entry);
	else if (first)
		unhear(q->machine);

	return err;
}

static int faultq_create(void *priv, void **faultq_priv)
{
	struct emu_machine *machine = emu_machine_get(priv);
	struct emu_faultq *q = machine ? calloc(1, sizeof(*q)) : NULL;
	int err;

	if (!q)
		return uvdk_fail(-ENOMEM, EMU_COMPONENT, "no memory for a fault queue");
	q->machine = machine;
	uvdk_lock_acquire(&machine->events.lock);
	err = enlist(q);
	uvdk_lock_release(&machine->events.lock);
	if (err) {
		free(q);
		return uvdk_fail(err, EMU_COMPONENT, "no descriptors for a fault queue: %s",
				 strerror(-err));
	}
	*faultq_priv = q;

	return 0;
}

/* No table uses it: so no route leads here, and nobody waits. */
static void faultq_destroy(void *faultq_priv)
{
	struct emu_faultq *q = faultq_priv;
	struct emu_machine *machine = q->machine;

	uvdk_lock_acquire(&machine->events.lock);
	LIST_REMOVE(q, entry);
	close(q->fd);
	close(q->ready);
	if (LIST_EMPTY(&machine->events.queues))
		unhear(machine);
	uvdk_lock_release(&machine->events.lock);
	free(q);
}

static int faultq_fd(void *faultq_priv)
{
	const struct emu_faultq *q = faultq_priv;

	return q->fd;
}

static int faultq_read(void *faultq_priv, struct uvdk_fault_record *out, unsigned int max)
{
	struct emu_faultq *q = faultq_priv;
	unsigned int n;

	uvdk_lock_acquire(&q->machine->events.lock);
	n = emu_faultq_take(q, out, max);
	if (!n) {
		drain(q->machine);
		n = emu_faultq_take(q, out, max);
	}
	update(q->machine);
	uvdk_lock_release(&q->machine->events.lock);

	return (int)n;
}

static void faultq_reply(void *faultq_priv, struct uvdk_fault_reply *replies, unsigned int count)
{
	struct emu_faultq *q = faultq_priv;

	uvdk_lock_acquire(&q->machine->events.lock);
	emu_prq_reply(q, replies, count);
	uvdk_lock_release(&q->machine->events.lock);
}

const struct uvdk_fault_ops emu_fault_ops = {
	.create = faultq_create,
	.destroy = faultq_destroy,
	.fd = faultq_fd,
	.read = faultq_read,
	.reply = faultq_reply,
};

int emu_hwpt_create_faulting(void *ioas_priv, struct uvdk_iommu_binding *binding,
			     unsigned int flags, void *faultq_priv, void **hwpt_priv)
{
	const struct emu_device *dev = binding->priv;
	struct emu_hwpt *hwpt;
	int err;

	if (!VTD_ECAP_PRS(dev->unit->ecap))
		return uvdk_fail(-EOPNOTSUPP, EMU_COMPONENT,
				 "I/O MMU %u, in front of %s, takes no page requests (ECAP.PRS): "
				 "see uvdk_iommu_get_info()",
				 dev->unit->number, uvdk_emu_fn_name(dev->fn));
	err = emu_hwpt_create(ioas_priv, binding, flags, hwpt_priv);
	if (err)
		return err;
	hwpt = *hwpt_priv;
	hwpt->faults = faultq_priv;

	return 0;
}

/* Another function may be in its slot next. */
void emu_events_forget(struct emu_device *dev)
{
	struct emu_machine *machine = dev->unit->machine;
	struct emu_faultq *q;

	uvdk_lock_acquire(&machine->events.lock);
	if (!LIST_EMPTY(&machine->events.queues)) {
		drain(machine);
		LIST_FOREACH(q, &machine->events.queues, entry)
		emu_faultq_forget(q, dev->slot, UVDK_PASID_ALL);
		update(machine);
	}
	uvdk_lock_release(&machine->events.lock);
}
