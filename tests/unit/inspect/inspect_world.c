// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "inspect_world.h"

struct world w;

static void attach_pasids(void)
{
	const struct uvdk_pasid_space_opts opts = {.size = sizeof(opts), .width = 16};

	cr_assert_eq(uvdk_pasid_space_create(&opts, &w.space), 0);
	cr_assert_eq(uvdk_pasid_owner_create(w.space, 10, &w.owner), 0);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(uvdk_pasid_alloc(w.owner, 5, UINT32_MAX, &w.pasid[i]), 0);
		cr_assert_eq(uvdk_pasid_attach(w.owner, w.pasid[i], w.pasid_ioas, w.dev, &w.at[i]),
			     0, "%s", uvdk_last_error());
	}
}

void world_open(void)
{
	struct uvdk_inspect_opts opts = {.size = sizeof(opts)};

	memset(&w, 0, sizeof(w));
	strcpy(w.folder, "/tmp/uvdk-inspect-XXXXXX");
	cr_assert_not_null(mkdtemp(w.folder));
	snprintf(w.path, sizeof(w.path), "%s/socket", w.folder);
	cr_assert_eq(uvdk_iommu_open("emu", NULL, &w.iommu), 0);
	cr_assert_eq(uvdk_device_open(w.iommu, "emu:copier", NULL, &w.dev), 0);
	cr_assert_eq(uvdk_ioas_create(w.iommu, NULL, &w.rid_ioas), 0);
	cr_assert_eq(uvdk_ioas_create(w.iommu, NULL, &w.pasid_ioas), 0);
	cr_assert_eq(uvdk_ioas_attach(w.rid_ioas, w.dev), 0);
	attach_pasids();
	w.mem = mmap(NULL, WORLD_MEM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(w.mem, MAP_FAILED);
	cr_assert_eq(uvdk_ioas_map(w.rid_ioas, w.mem, WORLD_MEM, UVDK_MAP_READ, &w.iova), 0);
	opts.path = w.path;
	cr_assert_eq(uvdk_inspect_create(&opts, &w.inspect), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_inspect_add_iommu(w.inspect, w.iommu), 0);
	cr_assert_eq(uvdk_inspect_add_pasids(w.inspect, "tenants", w.space), 0);
}

void world_end_pasid_ioas(void)
{
	for (int i = 0; i < 2; i++)
		uvdk_pasid_detach(&w.at[i]);
	uvdk_ioas_destroy(w.pasid_ioas);
	w.pasid_ioas = NULL;
}

void world_close(void)
{
	uvdk_inspect_destroy(w.inspect);
	uvdk_pasid_owner_destroy(w.owner);
	uvdk_pasid_space_destroy(w.space);
	uvdk_ioas_destroy(w.rid_ioas);
	uvdk_ioas_destroy(w.pasid_ioas);
	uvdk_device_close(w.dev);
	uvdk_iommu_close(w.iommu);
	if (w.mem)
		munmap(w.mem, WORLD_MEM);
	unlink(w.path);
	rmdir(w.folder);
}

static void mapq_open(struct world_mapqs *m, int i, uvdk_iova_t iova)
{
	const struct uvdk_mapq_opts opts = {
		.size = sizeof(opts), .iova = iova, .len = MAPQ_PAGES * 4096};

	cr_assert_eq(uvdk_ioas_reserve(m->ioas, opts.len, 0, true, &iova), 0);
	cr_assert_eq(uvdk_mapq_open(m->ioas, &opts, &m->q[i]), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_mapq_pin(m->q[i], w.mem, WORLD_MEM, UVDK_MAP_RW, &m->mem[i]), 0, "%s",
		     uvdk_last_error());
}

void mapqs_open(struct world_mapqs *m)
{
	cr_assert_eq(uvdk_iommu_open("virtio-emu", NULL, &m->iommu), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_device_open(m->iommu, "emu:edu", NULL, &m->dev), 0);
	cr_assert_eq(uvdk_ioas_create(m->iommu, NULL, &m->ioas), 0);
	cr_assert_eq(uvdk_ioas_attach(m->ioas, m->dev), 0);
	mapq_open(m, 0, MAPQ_LOW);
	mapq_open(m, 1, MAPQ_HIGH);
	cr_assert_eq(uvdk_inspect_add_iommu(w.inspect, m->iommu), 0);
}

void mapqs_close(struct world_mapqs *m)
{
	for (int i = 0; i < 2; i++)
		uvdk_mapq_close(m->q[i]);
	uvdk_inspect_remove_iommu(w.inspect, m->iommu);
	uvdk_ioas_destroy(m->ioas);
	uvdk_device_close(m->dev);
	uvdk_iommu_close(m->iommu);
}

void mapqs_map(struct uvdk_mapq *q, struct uvdk_mapq_mem *mem, uvdk_iova_t iova, unsigned int pages)
{
	uint64_t cookie;
	int err;

	cr_assert_eq(uvdk_mapq_map(q, iova, mem, 0, pages * 4096ul, UVDK_MAP_RW, &cookie), 0);
	cr_assert_eq(uvdk_mapq_kick(q), 0);
	while ((err = uvdk_mapq_poll(q, cookie)) == -EINPROGRESS)
		;
	cr_assert_eq(err, 0);
}

int client_connect(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", w.path);
	if (!connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	close(fd);

	return -1;
}

char *client_read(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	size_t len = 0, room = 4096;
	char *text = malloc(room);

	while (poll(&pfd, 1, 30000) > 0) {
		ssize_t n = recv(fd, text + len, room - len - 1, 0);

		if (n <= 0)
			break;
		len += (size_t)n;
		if (room - len < 2)
			text = realloc(text, room *= 2);
	}
	text[len] = '\0';

	return text;
}

char *client_ask(const char *line)
{
	int fd = client_connect();
	char *text;

	cr_assert_geq(fd, 0);
	cr_assert_eq(send(fd, line, strlen(line), MSG_NOSIGNAL), (ssize_t)strlen(line));
	shutdown(fd, SHUT_WR);
	text = client_read(fd);
	close(fd);

	return text;
}

bool json_holds(const char *json, const char *expression)
{
	char command[2048];
	FILE *python;

	snprintf(command, sizeof(command),
		 "python3 -c \"import json, sys\nd = json.load(sys.stdin)\n"
		 "sys.exit(0 if (%s) else 1)\"",
		 expression);
	python = popen(command, "w");
	cr_assert_not_null(python);
	fputs(json, python);

	return pclose(python) == 0;
}

bool answer_holds(const char *line, const char *expression)
{
	char *json = client_ask(line);
	bool holds = json_holds(json, expression);

	if (!holds)
		cr_log_error("not so: %s\n%.2000s", expression, json);
	free(json);

	return holds;
}
