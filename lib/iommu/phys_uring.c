// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "phys_uring.h"

#define BUFFERS	   16384 /* Linux takes no more */
#define BUFFER_MAX ((size_t)1 << 30)
#define END	   UINT16_MAX /* of a pin */

static struct {
	bool tried;
	int fd;		   /* -1: there is none */
	pid_t pid;	   /* whose it is: in a child of fork() it still is the parent's */
	unsigned int used; /* buffers */
	unsigned int next;
	bool taken[BUFFERS];
	uint16_t more[BUFFERS]; /* the next buffer of the same pin, or END */
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

		if (ring.taken[number])
			continue;
		ring.next = number + 1;
		return (int)number;
	}

	return -1;
}

static bool ready(void)
{
	if (!ring.tried) {
		ring.tried = true;
		ring.pid = getpid();
		ring.fd = open_ring();
	}

	return ring.fd >= 0 && ring.pid == getpid();
}

/* In front of the buffers of a pin. */
static int add_buffer(const void *va, size_t len, int rest)
{
	int number = find_free();

	if (number < 0 || !set_buffer((unsigned int)number, va, len))
		return -1;
	ring.taken[number] = true;
	ring.more[number] = rest < 0 ? END : (uint16_t)rest;
	ring.used++;

	return number;
}

int phys_uring_pin(const void *va, size_t len)
{
	const char *at = va;
	int pin = -1;

	if (!ready())
		return -1;
	while (len) {
		size_t part = len < BUFFER_MAX ? len : BUFFER_MAX;
		int number = add_buffer(at, part, pin);

		if (number < 0) {
			phys_uring_put(pin);
			return -1;
		}
		pin = number;
		at += part;
		len -= part;
	}

	return pin;
}

void phys_uring_put(int number)
{
	while (number >= 0) {
		uint16_t more = ring.more[number];

		if (ring.pid == getpid())
			set_buffer((unsigned int)number, NULL, 0);
		ring.taken[number] = false;
		ring.used--;
		number = more == END ? -1 : more;
	}
	if (ring.used || ring.fd < 0)
		return;
	close(ring.fd); /* nothing of ours stays open when all is undone */
	ring.fd = -1;
	ring.tried = false;
}
