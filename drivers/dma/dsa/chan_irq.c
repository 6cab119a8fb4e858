// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "dsa_pmd.h"

/*
 * Interrupts of a channel: MSI-X vector 1 + its queue, since 0 is the device's own. A
 * descriptor that asks for one has to have the PASID that is in the vector's permissions.
 */

static unsigned int vector(const struct dsa_chan *c)
{
	return c->wq + 1;
}

int dsa_pmd_irq_open(struct dsa_chan *c, int fd)
{
	struct dsa *dsa = c->dsa;
	unsigned int handle = vector(c);
	uint32_t perm = c->pasid ? DSA_PERM_PASID_EN | DSA_PERM_PASID(c->pasid) : 0;
	int ret;

	if (vector(c) >= dsa->caps.vectors)
		return uvdk_fail(-EOPNOTSUPP, LOG_NAME,
				 "%s: %u MSI-X vectors, and queue %u needs number %u", dsa->name,
				 dsa->caps.vectors, c->wq, vector(c));
	ret = uvdk_region_write(&dsa->regs, dsa->caps.perm + 8 * (uint64_t)vector(c), 4, perm);
	if (!ret)
		ret = uvdk_device_irq_set(dsa->dev, UVDK_IRQ_MSIX, vector(c), 1, &fd);
	if (ret)
		return ret;
	if (dsa_pmd_has_command(dsa, DSA_CMD_REQUEST_INT_HANDLE))
		ret = dsa_pmd_command(dsa, DSA_CMD_REQUEST_INT_HANDLE, vector(c), &handle);
	if (ret) {
		uvdk_device_irq_set(dsa->dev, UVDK_IRQ_MSIX, vector(c), 1, &(int){-1});
		return ret;
	}
	c->handle = (uint16_t)handle;
	c->handle_bits = DSA_W4_HANDLE(c->handle);
	c->event_fd = fd;
	c->irq = true;

	return 0;
}

void dsa_pmd_irq_close(struct dsa_chan *c)
{
	struct dsa *dsa = c->dsa;

	if (!c->irq || uvdk_device_gone(dsa->dev))
		return;
	if (dsa_pmd_has_command(dsa, DSA_CMD_REQUEST_INT_HANDLE) && !dsa->broken)
		dsa_pmd_command(dsa, DSA_CMD_RELEASE_INT_HANDLE, c->handle, NULL);
	uvdk_device_irq_set(dsa->dev, UVDK_IRQ_MSIX, vector(c), 1, &(int){-1});
	uvdk_region_write(&dsa->regs, dsa->caps.perm + 8 * (uint64_t)vector(c), 4, 0);
}
