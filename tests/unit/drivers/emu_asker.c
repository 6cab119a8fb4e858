// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <uvdk_device_driver.h>
#include <uvdk_iommu_driver.h>

#include "emu_asker.h"

#define EXT_ATS	  0x000f
#define EXT_PRI	  0x0013
#define EXT_PASID 0x001b

static struct asker *created;

static int create(struct uvdk_emu_function *fn, struct uvdk_args *args)
{
	static const uint8_t ats[4] = {4};
	static const uint8_t pri[12] = {0, 0, 0, 1, 64}; /* stopped; 64 requests at once */
	static const uint8_t pasid[4] = {6, 20};
	struct asker *a = calloc(1, sizeof(*a));

	uvdk_emu_fn_ids(fn, 0x1234, 0x5678, 0, 0, 0x088000, 0);
	uvdk_emu_fn_bar(fn, 0, 4096, false);
	if (!uvdk_args_str(args, "nopasid", NULL))
		uvdk_emu_fn_ext_cap(fn, EXT_PASID, 1, pasid, sizeof(pasid));
	if (!uvdk_args_str(args, "plain", NULL)) {
		uvdk_emu_fn_ext_cap(fn, EXT_ATS, 1, ats, sizeof(ats));
		a->pri = (unsigned int)uvdk_emu_fn_ext_cap(fn, EXT_PRI, 1, pri, sizeof(pri));
	}
	a->fn = fn;
	uvdk_emu_fn_set_priv(fn, a);
	created = a;

	return 0;
}

static void destroy(struct uvdk_emu_function *fn)
{
	free(uvdk_emu_fn_priv(fn));
}

static void nothing(struct uvdk_emu_function *fn)
{
	(void)fn;
}

static uint64_t bar_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			 unsigned int width)
{
	(void)fn, (void)bar, (void)off, (void)width;
	return 0;
}

static void bar_write(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
		      unsigned int width, uint64_t value)
{
	(void)fn, (void)bar, (void)off, (void)width, (void)value;
}

static bool step(struct uvdk_emu_function *fn)
{
	(void)fn;
	return false;
}

static void page_response(struct uvdk_emu_function *fn, uint32_t pasid, unsigned int group,
			  enum uvdk_emu_page_code code)
{
	struct asker *a = uvdk_emu_fn_priv(fn);

	unsigned int n = a->answers;

	if (n == ASKER_ANSWERS)
		return;
	a->answer[n].pasid = pasid;
	a->answer[n].group = group;
	a->answer[n].code = code;
	__atomic_store_n(&a->answers, n + 1, __ATOMIC_RELEASE);
}

static const struct uvdk_emu_model asker = {
	.name = "asker",
	.create = create,
	.destroy = destroy,
	.reset = nothing,
	.bar_read = bar_read,
	.bar_write = bar_write,
	.step = step,
	.page_response = page_response,
};

extern const struct uvdk_bus_ops uvdk_bus_emu;
extern const struct uvdk_iommu_ops uvdk_iommu_emu;
extern const struct uvdk_emu_model uvdk_model_copier;

const struct uvdk_emu_model *const uvdk_builtin_models[] = {&asker, &uvdk_model_copier, NULL};
const struct uvdk_bus_ops *const uvdk_builtin_buses[] = {&uvdk_bus_emu, NULL};
const struct uvdk_iommu_ops *const uvdk_builtin_iommus[] = {&uvdk_iommu_emu, NULL};

static unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);

	return n;
}

void asker_world_open(struct asker_world *w, const struct uvdk_emu_opts *opts)
{
	struct uvdk_emu_opts manual = {.size = sizeof(manual), .manual = true};
	struct uvdk_iommu_opts iommu = {.size = sizeof(iommu)};
	uint8_t *raw = mmap(NULL, ASKER_MEMORY + ASKER_LARGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	w->fds = count_fds();
	w->memory = (uint8_t *)(((uintptr_t)raw + ASKER_LARGE - 1) & ~(ASKER_LARGE - 1));
	cr_assert_eq(uvdk_emu_create(opts ? opts : &manual, &w->emu), 0);
	iommu.emu = w->emu;
	cr_assert_eq(uvdk_iommu_open("emu", &iommu, &w->iommu), 0);
}

void asker_world_close_keeping(struct asker_world *w)
{
	struct uvdk_emu_stale stale;

	cr_expect_eq(uvdk_emu_stales(w->emu, &stale, 1), 0, "missing: %s", stale.missing);
	uvdk_iommu_close(w->iommu);
	uvdk_emu_destroy(w->emu);
}

void asker_world_close(struct asker_world *w)
{
	asker_world_close_keeping(w);
	cr_expect_eq(count_fds(), w->fds, "file descriptors are left");
}

struct asker *asker_open(struct uvdk_iommu *iommu, const char *spec)
{
	const uint16_t command = 6;
	struct uvdk_device *dev;

	cr_assert_eq(uvdk_device_open(iommu, spec, NULL, &dev), 0, "%s", uvdk_last_error());
	uvdk_device_config_write(dev, 4, &command, 2);
	created->dev = dev;

	return created;
}

void asker_close(struct asker *a)
{
	uvdk_device_close(a->dev);
}

static uint32_t tag(uint32_t pasid)
{
	return pasid ? pasid : UVDK_EMU_NO_PASID;
}

bool asker_reads(struct asker *a, uint32_t pasid, uint64_t addr)
{
	uint64_t value;

	return !uvdk_emu_dma_read_pasid(a->fn, tag(pasid), addr, &value, 8);
}

bool asker_writes(struct asker *a, uint32_t pasid, uint64_t addr)
{
	const uint64_t value = 0x5a5a5a5a;

	return !uvdk_emu_dma_write_pasid(a->fn, tag(pasid), addr, &value, 8);
}

int asker_asks(struct asker *a, uint32_t pasid, uint64_t addr, unsigned int group, bool last)
{
	if (!a->pri || !(uvdk_emu_fn_config(a->fn)[a->pri + 4] & 1))
		return -EPERM;

	return uvdk_emu_page_request(a->fn, tag(pasid), addr, true, group, last);
}

unsigned int asker_answers(const struct asker *a, uint32_t pasid, unsigned int group,
			   enum uvdk_emu_page_code code)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < a->answers; i++)
		n += a->answer[i].pasid == tag(pasid) && a->answer[i].group == group &&
		     a->answer[i].code == code;

	return n;
}
