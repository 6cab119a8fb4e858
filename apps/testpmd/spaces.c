// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uvdk_eal.h>
#include <uvdk_eal_telemetry.h>
#include <uvdk_inspect.h>

#include "app.h"

static int open_emu(struct app *app)
{
	if (app->spaces.emu)
		return 0;

	return uvdk_emu_create(NULL, &app->spaces.emu);
}

/* One iommu of a kind serves the process. */
static int get_iommu(struct app *app, const char *name, struct uvdk_iommu **out)
{
	struct spaces *spaces = &app->spaces;
	struct uvdk_iommu_opts opts = {.size = sizeof(opts)};
	int ret;

	for (unsigned int i = 0; i < spaces->iommus; i++) {
		if (!strcmp(uvdk_iommu_name(spaces->iommu[i]), name)) {
			*out = spaces->iommu[i];
			return 0;
		}
	}
	if (spaces->iommus == RTE_DIM(spaces->iommu))
		return -ENOSPC;
	if (!strcmp(name, "emu") || !strcmp(name, "virtio-emu")) {
		ret = open_emu(app);
		if (ret)
			return ret;
		opts.emu = spaces->emu;
	}
	ret = uvdk_iommu_open(name, &opts, out);
	if (ret)
		return ret;
	if (spaces->inspect) {
		ret = uvdk_inspect_add_iommu(spaces->inspect, *out);
		if (ret) {
			uvdk_iommu_close(*out);
			return ret;
		}
	}
	ret = uvdk_eal_telemetry_add_iommu(*out);
	if (ret) {
		uvdk_inspect_remove_iommu(spaces->inspect, *out);
		uvdk_iommu_close(*out);
		return ret;
	}
	spaces->iommu[spaces->iommus++] = *out;

	return 0;
}

static struct space *find_shared(struct app *app, const struct uvdk_iommu *iommu)
{
	if (!app->opts.ioas_shared)
		return NULL;
	for (struct space *s = app->spaces.first; s; s = s->next)
		if (s->iommu == iommu)
			return s;

	return NULL;
}

int space_get(struct app *app, const char *spec, struct space **out)
{
	const char *name = app->opts.iommu;
	struct uvdk_iommu *iommu;
	struct space *space;
	int ret;

	/* Emulated ports have an iommu of their own, whatever real ones get. */
	if (!strncmp(spec, "emu:", 4))
		name = !strcmp(name, "virtio-emu") ? name : "emu";
	else if (!strcmp(name, "auto"))
		name = uvdk_iommu_choose(spec, NULL);
	if (!name)
		return -ENODEV;
	ret = get_iommu(app, name, &iommu);
	if (ret)
		return ret;

	space = find_shared(app, iommu);
	if (!space) {
		space = calloc(1, sizeof(*space));
		if (!space)
			return -ENOMEM;
		space->iommu = iommu;
		space->id = app->spaces.next_id++;
		space->next = app->spaces.first;
		app->spaces.first = space;
	}
	space->users++;
	*out = space;

	return 0;
}

int space_attach(struct space *space, struct uvdk_device *dev)
{
	int ret;

	if (!space->ioas) {
		ret = uvdk_ioas_create(space->iommu, NULL, &space->ioas);
		if (ret)
			return ret;
	}
	ret = uvdk_ioas_attach(space->ioas, dev);
	if (ret || space->map)
		return ret;

	/* After the attach: the device's apertures decide where memory can go. */
	return uvdk_eal_map_create(space->ioas, &space->map);
}

void space_put(struct app *app, struct space *space)
{
	struct space **link = &app->spaces.first;

	if (!space || --space->users)
		return;
	while (*link != space)
		link = &(*link)->next;
	*link = space->next;
	uvdk_eal_map_destroy(space->map);
	uvdk_ioas_destroy(space->ioas);
	free(space);
}

int spaces_inspect(struct app *app)
{
	const struct uvdk_inspect_opts opts = {.size = sizeof(opts),
					       .path = app->opts.inspect_path};
	int ret;

	if (!app->opts.inspect)
		return 0;
	ret = uvdk_inspect_create(&opts, &app->spaces.inspect);
	if (ret) {
		complain("--inspect: %s", reason(ret));
		return ret;
	}
	printf("Looked into at %s\n", uvdk_inspect_path(app->spaces.inspect));

	return 0;
}

void spaces_close(struct app *app)
{
	struct spaces *spaces = &app->spaces;

	uvdk_eal_telemetry_stop();
	uvdk_inspect_destroy(spaces->inspect);
	spaces->inspect = NULL;
	while (spaces->iommus)
		uvdk_iommu_close(spaces->iommu[--spaces->iommus]);
	uvdk_emu_destroy(spaces->emu);
	spaces->emu = NULL;
}
