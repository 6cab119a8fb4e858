// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "phys_uring.h"

#define BUFFERS 16384 /* Linux takes no more */

static struct {
	bool tried;
	int fd;		   /* -1: there is none */
	pid_t pid;	   /* whose it is: in a child of fork() it still is the parent's */
	unsigned int used; /* of @users, those that are not 0 */
	unsigned int next;
	unsigned int users[BUFFERS];
} ring = {.fd = -1};

static int open_ring(void)
{
	struct io_uring_rsrc_register table = {.nr = BUFFERS, .flags = IORING_RSRC_REGISTER_SPARSE};
	struct io_uring_params params = {0};
	int fd = (int)syscall(__NR_io_uring_setup, 1, &params);

	if (fd < 0)
		return -1;
	/* Linux 5.19 */
	if (syscall(__NR_io_uring_register, fd, IORING_REGISTER_BUFFERS2, &table, sizeof(table))) {
		close(fd);
		return -1;
	}

	return fd;
}

/* Without an address the buffer goes. */
static bool set_buffer(unsigned int number, const void *va, size_t len)
{
	struct iovec buffer = {.iov_base = (void *)(uintptr_t)va, .iov_len = len};
	struct io_uring_rsrc_update2 update = {
		.offset = number, .data = (uintptr_t)&buffer, .nr = 1};

	return syscall(__NR_io_uring_register, ring.fd, IORING_REGISTER_BUFFERS_UPDATE, &update,
		       sizeof(update)) == 1;
}

static int find_free(void)
{
	for (unsigned int i = 0; i < BUFFERS && ring.used < BUFFERS; i++) {
		unsigned int number = (ring.next + i) % BUFFERS;

		if (ring.users[number])
			continue;
		ring.next = number + 1;
		return (int)number;
	}

	return -1;
}

int phys_uring_pin(const void *va, size_t len)
{
	int number;

	if (!ring.tried) {
		ring.tried = true;
		ring.pid = getpid();
		ring.fd = open_ring();
	}
	if (ring.fd < 0 || ring.pid != getpid() || len > PHYS_URING_MAX)
		return -1;
	number = find_free();
	if (number < 0 || !set_buffer((unsigned int)number, va, len))
		return -1;
	ring.users[number] = 1;
	ring.used++;

	return number;
}

void phys_uring_get(int number)
{
	if (number >= 0)
		ring.users[number]++;
}

void phys_uring_put(int number)
{
	if (number < 0 || --ring.users[number])
		return;
	ring.used--;
	if (ring.pid == getpid())
		set_buffer((unsigned int)number, NULL, 0);
	if (ring.used)
		return;
	close(ring.fd); /* nothing of ours stays open when all is undone */
	ring.fd = -1;
	ring.tried = false;
}
