/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VFIO_USER_H
#define VFIO_USER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The server's side of the vfio-user protocol, version 0.1 (QEMU's
 * docs/interop/vfio-user.rst), as far as a function needs it whose interrupts are
 * MSI-X, and that never asks the client for memory.
 */
struct vfio_user_ops {
	/* False: outside of the region. */
	bool (*read)(void *arg, uint32_t region, uint64_t off, uint32_t len, void *data);
	bool (*write)(void *arg, uint32_t region, uint64_t off, uint32_t len, const void *data);
	uint64_t (*region_size)(void *arg, uint32_t region);
	/* How many vectors there are. */
	uint32_t (*vectors)(void *arg);
	/* An eventfd for one, which is the callee's from now on; -1: none. */
	void (*set_vector)(void *arg, uint32_t vector, int fd);
	void (*reset)(void *arg);
};

/* Answer one message. 0; 1: the client has hung up; -1: says why on stderr. */
int vfio_user_serve(int sock, const struct vfio_user_ops *ops, void *arg);

#endif /* VFIO_USER_H */
