// SPDX-License-Identifier: BSD-3-Clause
/*
 * pasid_function SOCKET RAM SIZE RID: serves a PCI function with PASIDs to one
 * QEMU, which connects to SOCKET. RAM is the file that is the guest's memory,
 * SIZE its bytes, RID the function's bus, device and function as a number. Each
 * line of its input, "root VALUE", tells the iommu's root table address
 * register; at the end of the input, or of the connection, it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "config_space.h"
#include "guest_memory.h"
#include "vfio_user.h"

struct function {
	struct config_space config;
	struct engine engine;
	struct guest_memory memory;
};

static void allow(struct function *f)
{
	f->engine.master = config_master(&f->config);
	f->engine.pasids = config_pasids(&f->config);
}

static void function_reset(void *arg)
{
	struct function *f = arg;

	config_init(&f->config, ENGINE_BAR_SIZE);
	engine_reset(&f->engine);
}

static bool function_read(void *arg, uint32_t region, uint64_t off, uint32_t len, void *data)
{
	const struct function *f = arg;

	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		return config_read(&f->config, off, len, data);

	return region == VFIO_PCI_BAR0_REGION_INDEX && engine_read(&f->engine, off, len, data);
}

static bool function_write(void *arg, uint32_t region, uint64_t off, uint32_t len, const void *data)
{
	struct function *f = arg;
	bool reset = false;

	if (region == VFIO_PCI_BAR0_REGION_INDEX)
		return engine_write(&f->engine, off, len, data);
	if (region != VFIO_PCI_CONFIG_REGION_INDEX ||
	    !config_write(&f->config, off, len, data, &reset))
		return false;
	if (reset)
		function_reset(f);
	allow(f);

	return true;
}

static uint64_t function_region_size(void *arg, uint32_t region)
{
	(void)arg;
	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		return CONFIG_SIZE;

	return region == VFIO_PCI_BAR0_REGION_INDEX ? ENGINE_BAR_SIZE : 0;
}

static const struct vfio_user_ops function_ops = {
	.read = function_read,
	.write = function_write,
	.region_size = function_region_size,
	.reset = function_reset,
};

/* Returns the listening socket, or -1. */
static int listen_at(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int sock;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(addr.sun_path, path);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -1;
	if (bind(sock, (struct sockaddr *)&addr, sizeof(addr)) || listen(sock, 1)) {
		close(sock);
		return -1;
	}

	return sock;
}

static int map_ram(const char *path, uint64_t size, struct vtd_unit *unit)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -1;
	unit->ram_size = size;
	unit->ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);

	return unit->ram == MAP_FAILED ? -1 : 0;
}

/* A line of the input. Returns 0, or 1 at its end. */
static int take_order(struct vtd_unit *unit)
{
	char line[64];

	if (!fgets(line, sizeof(line), stdin))
		return 1;
	if (sscanf(line, "root %lx", &unit->rtaddr) != 1) {
		fprintf(stderr, "pasid_function: what is '%s'?\n", line);
		return 1;
	}
	puts("ok");
	fflush(stdout);

	return 0;
}

/* Take turns: whatever waits to be answered, then a page of each copy. */
static int serve(int sock, struct function *f)
{
	struct pollfd fds[] = {{.fd = sock, .events = POLLIN},
			       {.fd = STDIN_FILENO, .events = POLLIN}};
	int ret = 0;

	while (!ret) {
		int us = engine_step(&f->engine);
		struct timespec wait = {.tv_nsec = us * 1000L};

		if (ppoll(fds, 2, us < 0 ? NULL : &wait, NULL) < 0)
			continue;
		if (fds[1].revents)
			ret = take_order(&f->memory.unit);
		if (!ret && fds[0].revents)
			ret = vfio_user_serve(sock, &function_ops, f);
	}

	return ret < 0;
}

static int fail(const char *what)
{
	fprintf(stderr, "pasid_function: %s: %s\n", what, strerror(errno));

	return 1;
}

int main(int argc, char **argv)
{
	static struct function function;
	int listener, sock, ret;

	if (argc != 5)
		return 2;
	function.memory.rid = (uint16_t)strtoul(argv[4], NULL, 0);
	function.engine.access = guest_memory_access;
	function.engine.arg = &function.memory;
	function_reset(&function);
	if (map_ram(argv[2], strtoull(argv[3], NULL, 0), &function.memory.unit))
		return fail(argv[2]);
	listener = listen_at(argv[1]);
	if (listener < 0)
		return fail(argv[1]);
	puts("ready");
	fflush(stdout);
	sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	if (sock < 0)
		return fail("accept");
	ret = serve(sock, &function);
	close(sock);

	return ret;
}
