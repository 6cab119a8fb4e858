// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "vfio_pci_priv.h"

static const unsigned int index_of[VPCI_IRQ_TYPES] = {
	[UVDK_IRQ_INTX] = VFIO_PCI_INTX_IRQ_INDEX,
	[UVDK_IRQ_MSI] = VFIO_PCI_MSI_IRQ_INDEX,
	[UVDK_IRQ_MSIX] = VFIO_PCI_MSIX_IRQ_INDEX,
};

/* With @fds they are the data; without, @flags say DATA_NONE. */
int vpci_set_irqs(const struct vpci *v, unsigned int index, uint32_t flags, unsigned int first,
		  unsigned int count, const int *fds)
{
	size_t data = fds ? count * sizeof(*fds) : 0;
	struct vfio_irq_set *set = calloc(1, sizeof(*set) + data);
	int ret;

	if (!set)
		return -ENOMEM;
	set->argsz = (uint32_t)(sizeof(*set) + data);
	set->flags = flags;
	set->index = index;
	set->start = first;
	set->count = count;
	if (fds)
		memcpy(set->data, fds, data);
	ret = vpci_ioctl(v->fd, VFIO_DEVICE_SET_IRQS, set);
	free(set);

	return ret;
}

int vpci_irq_probe(struct vpci *v)
{
	for (unsigned int type = 0; type < VPCI_IRQ_TYPES; type++) {
		struct vfio_irq_info info = {.argsz = sizeof(info), .index = index_of[type]};
		int ret = vpci_ioctl(v->fd, VFIO_DEVICE_GET_IRQ_INFO, &info);

		if (ret)
			return uvdk_fail(ret, VPCI, "%s: VFIO_DEVICE_GET_IRQ_INFO: %s", v->name,
					 strerror(-ret));
		v->irqs[type].count = info.flags & VFIO_IRQ_INFO_EVENTFD ? info.count : 0;
		v->irqs[type].maskable = info.flags & VFIO_IRQ_INFO_MASKABLE;
		v->irqs[type].fixed = info.flags & VFIO_IRQ_INFO_NORESIZE;
	}

	return 0;
}

int vpci_irq_count(struct uvdk_device *dev, enum uvdk_irq_type type)
{
	const struct vpci *v = uvdk_device_priv(dev);

	return (int)v->irqs[type].count;
}

/* A positive answer is the number of vectors that the host could have given. */
static int route(const struct vpci *v, enum uvdk_irq_type type, unsigned int first,
		 unsigned int count, const int *fds)
{
	int ret = vpci_set_irqs(v, index_of[type],
				VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER, first,
				count, fds);

	if (ret > 0)
		return uvdk_fail(-ENOSPC, VPCI,
				 "%s: vectors up to %u were asked for, the host has %d to give",
				 v->name, first + count - 1, ret);
	if (ret)
		return uvdk_fail(ret, VPCI, "%s: routing vectors %u to %u: %s%s", v->name, first,
				 first + count - 1, strerror(-ret),
				 ret == -ENOSPC ? "; on Arm, attach it to an address space first"
						: "");

	return 0;
}

static int turn_off(const struct vpci *v, enum uvdk_irq_type type)
{
	return vpci_set_irqs(v, index_of[type],
			     VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0, NULL);
}

/*
 * The kernel can't add vectors while they are on, so turn all off and on
 * again. If the larger set is refused, the smaller one comes back.
 */
static int enlarge(const struct vpci *v, enum uvdk_irq_type type, unsigned int first,
		   unsigned int count, const int *fds)
{
	const struct vpci_irq *irq = &v->irqs[type];
	int *all = malloc(irq->count * sizeof(*all));
	int ret;

	if (!all)
		return -ENOMEM;
	memcpy(all, irq->fds, irq->count * sizeof(*all));
	memcpy(all + first, fds, count * sizeof(*all));
	ret = turn_off(v, type);
	if (!ret)
		ret = route(v, type, 0, first + count, all);
	if (ret && route(v, type, 0, irq->enabled, irq->fds))
		uvdk_log(UVDK_LOG_ERR, VPCI, "%s: its interrupts could not be put back", v->name);
	free(all);

	return ret;
}

static int start(struct vpci_irq *irq)
{
	if (irq->fds)
		return 0;
	irq->fds = malloc(irq->count * sizeof(*irq->fds));
	if (!irq->fds)
		return -ENOMEM;

	for (unsigned int i = 0; i < irq->count; i++)
		irq->fds[i] = -1;
	return 0;
}

static void forget(struct vpci_irq *irq)
{
	free(irq->fds);
	irq->fds = NULL;
	irq->enabled = 0;
}

int vpci_irq_set(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int first,
		 unsigned int count, const int *fds)
{
	struct vpci *v = uvdk_device_priv(dev);
	struct vpci_irq *irq = &v->irqs[type];
	int ret = start(irq);

	if (ret)
		return ret;
	if (irq->enabled && irq->fixed && first + count > irq->enabled)
		ret = enlarge(v, type, first, count, fds);
	else
		ret = route(v, type, first, count, fds);
	if (ret) {
		if (!irq->enabled)
			forget(irq);
		return ret;
	}

	memcpy(irq->fds + first, fds, count * sizeof(*fds));
	if (first + count > irq->enabled)
		irq->enabled = first + count;
	return 0;
}

int vpci_irq_disable(struct uvdk_device *dev, enum uvdk_irq_type type)
{
	struct vpci *v = uvdk_device_priv(dev);
	int ret = turn_off(v, type);

	forget(&v->irqs[type]);
	return ret;
}

int vpci_irq_mask(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int vector,
		  bool masked)
{
	const struct vpci *v = uvdk_device_priv(dev);
	uint32_t action = masked ? VFIO_IRQ_SET_ACTION_MASK : VFIO_IRQ_SET_ACTION_UNMASK;
	int ret;

	if (!v->irqs[type].maskable)
		return -EOPNOTSUPP;
	ret = vpci_set_irqs(v, index_of[type], VFIO_IRQ_SET_DATA_NONE | action, vector, 1, NULL);
	if (ret == -ENOTTY)
		return -EOPNOTSUPP;

	return ret ? uvdk_fail(ret, VPCI, "%s: masking: %s", v->name, strerror(-ret)) : 0;
}

int vpci_irq_trigger(struct uvdk_device *dev, enum uvdk_irq_type type, unsigned int vector)
{
	const struct vpci *v = uvdk_device_priv(dev);
	int ret = vpci_set_irqs(v, index_of[type],
				VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, vector, 1,
				NULL);

	return ret ? uvdk_fail(ret, VPCI, "%s: triggering vector %u: %s", v->name, vector,
			       strerror(-ret))
		   : 0;
}
