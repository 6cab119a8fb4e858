// SPDX-License-Identifier: BSD-3-Clause
/*
 * pasid_function SOCKET RAM SIZE RID [ENGINE [ARG...]]: serves a PCI function
 * with PASIDs to one QEMU, which connects to SOCKET. RAM is the file that is the
 * guest's memory, SIZE its bytes, RID the function's bus, device and function as
 * a number, ENGINE what the function is (copier, dsa; without: copier). Each line
 * of its input, "root VALUE", tells the iommu's root table address register; at
 * the end of the input, or of the connection, it ends.
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

#include "served.h"
#include "vfio_user.h"

struct function {
	struct config_space config;
	struct served_host host;
	const struct served *served;
	void *engine;
};

static const struct served *const engines[] = {&served_copier, &served_dsa};

static const struct served *find_engine(const char *name)
{
	for (unsigned int i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
		if (!strcmp(engines[i]->name, name))
			return engines[i];

	return NULL;
}

static void function_reset(void *arg)
{
	struct function *f = arg;

	config_init(&f->config, &f->served->identity);
	f->served->reset(f->engine);
	f->served->configure(f->engine, &f->config);
}

static bool is_bar(uint32_t region)
{
	return region <= VFIO_PCI_BAR5_REGION_INDEX;
}

static bool function_read(void *arg, uint32_t region, uint64_t off, uint32_t len, void *data)
{
	const struct function *f = arg;

	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		return config_read(&f->config, off, len, data);

	return is_bar(region) && f->served->read(f->engine, region, off, len, data);
}

static bool function_write(void *arg, uint32_t region, uint64_t off, uint32_t len, const void *data)
{
	struct function *f = arg;
	bool reset = false;

	if (is_bar(region))
		return f->served->write(f->engine, region, off, len, data);
	if (region != VFIO_PCI_CONFIG_REGION_INDEX ||
	    !config_write(&f->config, off, len, data, &reset))
		return false;
	if (reset)
		function_reset(f);
	f->served->configure(f->engine, &f->config);

	return true;
}

static uint64_t function_region_size(void *arg, uint32_t region)
{
	const struct function *f = arg;

	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		return CONFIG_SIZE;

	return is_bar(region) ? f->served->identity.bar_size[region] : 0;
}

static uint32_t function_vectors(void *arg)
{
	const struct function *f = arg;

	return f->served->identity.vectors;
}

/* The one that was there before is closed. */
static void function_set_vector(void *arg, uint32_t vector, int fd)
{
	struct function *f = arg;

	if (f->host.irq[vector] >= 0)
		close(f->host.irq[vector]);
	f->host.irq[vector] = fd;
}

static const struct vfio_user_ops function_ops = {
	.read = function_read,
	.write = function_write,
	.region_size = function_region_size,
	.vectors = function_vectors,
	.set_vector = function_set_vector,
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

/* Take turns: whatever waits to be answered, then some work. */
static int serve(int sock, struct function *f)
{
	struct pollfd fds[] = {{.fd = sock, .events = POLLIN},
			       {.fd = STDIN_FILENO, .events = POLLIN}};
	int ret = 0;

	while (!ret) {
		int us = f->served->step(f->engine);
		struct timespec wait = {.tv_nsec = us * 1000L};

		if (ppoll(fds, 2, us < 0 ? NULL : &wait, NULL) < 0)
			continue;
		if (fds[1].revents)
			ret = take_order(&f->host.memory.unit);
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

static bool choose(struct function *f, int argc, char **argv)
{
	f->served = find_engine(argc ? argv[0] : "copier");
	if (!f->served)
		return false;
	for (unsigned int i = 0; i < SERVED_VECTORS; i++)
		f->host.irq[i] = -1;
	f->engine = f->served->open(&f->host, argc ? argc - 1 : 0, argv + 1);

	return f->engine;
}

int main(int argc, char **argv)
{
	static struct function function;
	int listener, sock, ret;

	if (argc < 5 || !choose(&function, argc - 5, argv + 5))
		return 2;
	function.host.memory.rid = (uint16_t)strtoul(argv[4], NULL, 0);
	function_reset(&function);
	if (map_ram(argv[2], strtoull(argv[3], NULL, 0), &function.host.memory.unit))
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
