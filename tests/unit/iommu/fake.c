// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>

#include "../../empty_bus.h"
#include "fake.h"
#include "fake_auto.h"

struct fake fake;
struct uvdk_iommu *iommu;
struct uvdk_ioas *ioas;

static int fails(struct fake_failure *f)
{
	return f->at && --f->at == 0 ? f->err : 0;
}

static unsigned int hash(uvdk_iova_t iova)
{
	return iova >> 12 & 4095;
}

struct fake_map *fake_find(uvdk_iova_t iova)
{
	struct fake_map *m = fake.chain[hash(iova)];

	while (m && m->iova != iova)
		m = m->next;
	return m;
}

struct fake_map *fake_seen_by(struct uvdk_device *dev, uvdk_iova_t iova)
{
	void *space = uvdk_device_binding(dev)->priv;

	for (unsigned int i = 0; i < 4096; i++)
		for (struct fake_map *m = fake.chain[i]; m; m = m->next)
			if (m->space == space && iova >= m->iova && iova - m->iova < m->len)
				return m;
	return NULL;
}

/* ---- iommu driver ---- */

static int fake_suits(const char *spec, const struct uvdk_iommu_opts *opts)
{
	(void)opts;
	return strncmp(spec, "fake:", 5) == 0 ? 10 : 0;
}

static int picks_suits(const char *spec, const struct uvdk_iommu_opts *opts)
{
	(void)spec;
	(void)opts;
	return -1;
}

static int fake_open(const struct uvdk_iommu_opts *opts, void **priv)
{
	int err = fails(&fake.open);

	if (err)
		return err;
	fake.opts = *opts;
	fake.opened++;
	*priv = &fake;
	return 0;
}

static void fake_close(void *priv)
{
	(void)priv;
	fake.opened--;
}

static int fake_bind(void *priv, const struct uvdk_iommu_bind_args *args,
		     struct uvdk_iommu_binding *binding)
{
	int err = fails(&fake.bind);

	(void)priv;
	if (err)
		return err;
	fake.bindings++;
	binding->id = (strstr(args->name, "-cc") ? FAKE_CC : 0) |
		      (strstr(args->name, "-odd") ? FAKE_ODD : 0);
	return 0;
}

static void fake_unbind(void *priv, struct uvdk_iommu_binding *binding)
{
	(void)priv;
	(void)binding;
	fake.bindings--;
}

static int fake_info(void *priv, struct uvdk_iommu_binding *binding, struct uvdk_iommu_info *out)
{
	(void)priv;
	out->features = fake.features | (binding->id & FAKE_CC ? UVDK_IOMMU_SNOOP_CONTROL : 0u);
	out->page_sizes = fake.page_sizes;
	out->coherent = true;
	out->pasid_bits = fake.pasid_bits;
	out->va_bits = fake.va_bits;
	out->errata = fake.errata;
	return 0;
}

static int fake_ioas_create(void *priv, struct uvdk_ioas *as, void **ioas_priv)
{
	int err = fails(&fake.create);

	(void)priv;
	if (err)
		return err;
	fake.creating = as;
	fake.ioas++;
	*ioas_priv = as;
	return 0;
}

static void fake_ioas_destroy(void *ioas_priv)
{
	(void)ioas_priv;
	fake.ioas--;
}

static uint64_t fake_page_sizes(void *ioas_priv)
{
	(void)ioas_priv;
	return fake.attached && fake.attached_page_sizes ? fake.attached_page_sizes
							 : fake.page_sizes;
}

static int fake_ranges(void *ioas_priv, struct uvdk_iova_range *out, unsigned int max)
{
	bool attached = fake.attached && fake.nr_attached_ranges;
	const struct uvdk_iova_range *r = attached ? fake.attached_ranges : fake.ranges;
	unsigned int count = attached ? fake.nr_attached_ranges : fake.nr_ranges;
	int err = fails(&fake.ranges_fail);

	(void)ioas_priv;
	if (err)
		return err;
	for (unsigned int i = 0; i < count && i < max; i++)
		out[i] = r[i];
	return (int)count;
}

static void fake_limits(void *ioas_priv, struct uvdk_iommu_limits *out)
{
	(void)ioas_priv;
	fake.limits_calls++;
	*out = fake.limits;
	if (fake.count_entries)
		out->entries_left = fake.limits.entries_max - fake.maps;
}

static int fake_map(void *ioas_priv, uvdk_iova_t *iova, void *va, size_t len, unsigned int flags)
{
	struct fake_map *m;
	int err = fails(&fake.map);

	fake.map_calls++;
	if (err)
		return err;
	m = malloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	*m = (struct fake_map){ioas_priv, *iova, va, len, flags, fake.chain[hash(*iova)]};
	fake.chain[hash(*iova)] = m;
	fake.maps++;
	fake.bytes += len;
	return 0;
}

static int picks_map(void *ioas_priv, uvdk_iova_t *iova, void *va, size_t len, unsigned int flags)
{
	*iova = fake.picked;
	return fake_map(ioas_priv, iova, va, len, flags);
}

static int fake_copy(void *ioas_priv, void *from_priv, uvdk_iova_t iova, void *va, size_t len,
		     unsigned int flags)
{
	(void)from_priv;
	return fake_map(ioas_priv, &iova, va, len, flags);
}

static int fake_unmap(void *ioas_priv, uvdk_iova_t iova, size_t len)
{
	struct fake_map **at = &fake.chain[hash(iova)];
	struct fake_map *m;
	int err = fails(&fake.unmap);

	fake.unmap_calls++;
	if (err)
		return err;
	while (*at && ((*at)->iova != iova || (*at)->space != ioas_priv))
		at = &(*at)->next;
	m = *at;
	if (!m || m->len != len) {
		fake.wrong_unmaps++;
		return -ENOENT;
	}
	*at = m->next;
	fake.maps--;
	fake.bytes -= len;
	free(m);
	return 0;
}

static int fake_attach(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	int err = fails(&fake.attach);

	if (!err && fake.on_attach)
		err = fake.on_attach(ioas_priv);
	if (!err)
		err = fake_auto_attach(ioas_priv, binding);
	if (err)
		return err;
	binding->priv = ioas_priv;
	fake.attached++;
	return 0;
}

static struct fake_tag **tag_of(const void *binding, uint32_t pasid)
{
	struct fake_tag **at = &fake.tags;

	while (*at && ((*at)->binding != binding || (*at)->pasid != pasid))
		at = &(*at)->next;
	return at;
}

static void tag_drop(const void *binding, uint32_t pasid)
{
	struct fake_tag **at = tag_of(binding, pasid);
	struct fake_tag *tag = *at;

	if (!tag)
		return;
	*at = tag->next;
	free(tag);
}

const struct fake_hwpt *fake_hwpt_of(struct uvdk_device *dev, uint32_t pasid)
{
	struct fake_tag *tag = *tag_of(uvdk_device_binding(dev), pasid);

	return tag ? tag->hwpt : NULL;
}

int fake_enforced(struct uvdk_device *dev, uint32_t pasid)
{
	const struct uvdk_iommu_binding *binding = uvdk_device_binding(dev);
	const struct fake_tag *tag = *tag_of(binding, pasid);

	if (tag)
		return tag->hwpt->kind & FAKE_CC ? 1 : 0;

	return pasid ? -1 : fake_auto_enforced(binding);
}

static void fake_detach(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	fake.wrong_attaches += binding->priv != ioas_priv;
	fake_auto_detach(binding);
	tag_drop(binding, 0);
	binding->priv = NULL;
	fake.attached--;
}

static int fake_hwpt_create(void *ioas_priv, struct uvdk_iommu_binding *binding, unsigned int flags,
			    void **hwpt_priv)
{
	struct fake_hwpt *hwpt;
	int err = fails(&fake.hwpt_create);

	if (err)
		return err;
	hwpt = malloc(sizeof(*hwpt));
	if (!hwpt)
		return -ENOMEM;
	*hwpt = (struct fake_hwpt){ioas_priv, flags, binding->id};
	fake.hwpts++;
	*hwpt_priv = hwpt;
	return 0;
}

static void fake_hwpt_destroy(void *hwpt_priv)
{
	for (const struct fake_tag *tag = fake.tags; tag; tag = tag->next)
		fake.wrong_attaches += tag->hwpt == hwpt_priv;
	fake.hwpts--;
	free(hwpt_priv);
}

/* As the kernel: PASIDs want a RID that is not attached, or through a table made for them. */
static int fake_hwpt_attach(void *hwpt_priv, struct uvdk_iommu_binding *binding, uint32_t pasid,
			    void *from)
{
	struct fake_hwpt *hwpt = hwpt_priv;
	struct fake_tag **tag = tag_of(binding, pasid);
	const struct fake_tag *rid = *tag_of(binding, 0);
	void *before = pasid ? (*tag ? (*tag)->hwpt->space : NULL) : binding->priv;
	int err = fails(&fake.hwpt_attach);

	if (err)
		return err;
	fake.wrong_attaches += from != before;
	if (!fake_fits(hwpt->kind, binding->id))
		return -EINVAL;
	if (pasid && (!(hwpt->flags & UVDK_HWPT_PASID) ||
		      (binding->priv && (!rid || !(rid->hwpt->flags & UVDK_HWPT_PASID)))))
		return -EINVAL;
	if (!*tag) {
		*tag = calloc(1, sizeof(**tag));
		**tag = (struct fake_tag){.binding = binding, .pasid = pasid};
	}
	(*tag)->hwpt = hwpt;
	if (!pasid) {
		fake_auto_detach(binding);
		fake.attached += !binding->priv;
		binding->priv = hwpt->space;
	}
	return 0;
}

static int fake_rid_restore(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	int err = fails(&fake.attach);

	fake.wrong_attaches += binding->priv != ioas_priv || !*tag_of(binding, 0);
	if (!err)
		err = fake_auto_attach(ioas_priv, binding);
	if (!err)
		tag_drop(binding, 0);
	return err;
}

static void fake_pasid_detach(void *ioas_priv, struct uvdk_iommu_binding *binding, uint32_t pasid)
{
	const struct fake_tag *tag = *tag_of(binding, pasid);

	fake.wrong_attaches += !tag || tag->hwpt->space != ioas_priv;
	tag_drop(binding, pasid);
}

/* NULL in tests that do not link fake_viommu.c. */
extern const struct uvdk_viommu_ops fake_viommu_ops __attribute__((weak));
/* Likewise, of ../mapq. */
extern const struct uvdk_mapq_ops fake_mapq_ops __attribute__((weak));

#define FAKE_OPS                                                                     \
	.handle = UVDK_IOMMU_HANDLE_EMU, .open = fake_open, .close = fake_close,     \
	.bind = fake_bind, .unbind = fake_unbind, .info = fake_info,                 \
	.ioas_create = fake_ioas_create, .ioas_destroy = fake_ioas_destroy,          \
	.page_sizes = fake_page_sizes, .ranges = fake_ranges, .limits = fake_limits, \
	.unmap = fake_unmap, .attach = fake_attach, .detach = fake_detach,           \
	.hwpt_create = fake_hwpt_create, .hwpt_destroy = fake_hwpt_destroy,          \
	.hwpt_attach = fake_hwpt_attach, .rid_restore = fake_rid_restore,            \
	.pasid_detach = fake_pasid_detach

const struct uvdk_iommu_ops fake_ops = {.name = "fake",
					.suits = fake_suits,
					.map = fake_map,
					.copy = fake_copy,
					.viommus = &fake_viommu_ops,
					.mapqs = &fake_mapq_ops,
					FAKE_OPS};
const struct uvdk_iommu_ops fake_picks_ops = {
	.name = "fake-picks", .suits = picks_suits, .map = picks_map, .picks_iova = true, FAKE_OPS};

/* ---- bus: only what opening and closing needs ---- */

static bool bus_match(const char *spec)
{
	return strncmp(spec, "fake:", 5) == 0;
}

static int bus_open(struct uvdk_device *dev, struct uvdk_iommu *under, const char *spec,
		    const struct uvdk_device_opts *opts, struct uvdk_device_info *info)
{
	struct uvdk_iommu_bind_args args = {.dev = dev, .name = spec, .cdev_fd = -1};
	struct uvdk_iommu_binding *binding;
	int err = uvdk_iommu_bind(under, &args, &binding);

	(void)opts;
	(void)info;
	if (!err)
		uvdk_device_set_binding(dev, binding);
	return err;
}

static void bus_close(struct uvdk_device *dev)
{
	uvdk_iommu_unbind(uvdk_device_binding(dev));
}

/* Of a device named "-ats": that capability at 0x100, and it is enabled. */
static int bus_config_read(struct uvdk_device *dev, uint32_t off, void *buf, size_t len)
{
	const uint8_t ats[8] = {0x0f, 0, 1, 0, 0, 0, 0, 0x80};
	bool has = strstr(uvdk_device_get_info(dev)->name, "-ats");

	memset(buf, 0, len);
	if (has && off >= 0x100 && off + len <= 0x100 + sizeof(ats))
		memcpy(buf, ats + off - 0x100, len);
	return 0;
}

const struct uvdk_bus_ops fake_bus = {
	.name = "fake",
	.match = bus_match,
	.open = bus_open,
	.close = bus_close,
	.config_read = bus_config_read,
	.config_write = empty_config_write,
	.irq_count = empty_irq_count,
	.irq_disable = empty_irq_disable,
	.event_fd = empty_event_fd,
	.next_event = empty_next_event,
};

/* ---- fixture ---- */

void fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.nr_ranges = 1;
	fake.ranges[0] = (struct uvdk_iova_range){0, (UINT64_C(1) << 48) - 1};
	fake.page_sizes = 0x40201000;
	fake.pasid_bits = 20;
	fake.limits = (struct uvdk_iommu_limits){0, UINT64_MAX, UINT64_MAX, UINT64_MAX};
}

void fake_setup(void)
{
	fake_reset();
	cr_assert_eq(uvdk_iommu_open("fake", NULL, &iommu), 0);
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
}

void fake_teardown(void)
{
	uvdk_ioas_destroy(ioas);
	uvdk_iommu_close(iommu);
	cr_assert_eq(fake.maps, 0);
	cr_assert_eq(fake.bytes, 0);
	cr_assert_eq(fake.wrong_unmaps, 0);
	cr_assert_eq(fake.attached, 0);
	cr_assert_eq(fake.hwpts, 0);
	cr_assert_eq(fake.tags, NULL);
	cr_assert_eq(fake.autos, NULL);
	cr_assert_eq(fake.wrong_attaches, 0);
	cr_assert_eq(fake.bindings, 0);
	cr_assert_eq(fake.ioas, 0);
	cr_assert_eq(fake.opened, 0);
}

struct uvdk_device *fake_device_named(const char *spec)
{
	struct uvdk_device *dev = NULL;

	cr_assert_eq(uvdk_device_open(iommu, spec, NULL, &dev), 0, "%s", uvdk_last_error());
	return dev;
}

struct uvdk_device *fake_device(void)
{
	return fake_device_named("fake:0");
}

char *fake_memory(size_t len)
{
	void *p = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	cr_assert_neq(p, MAP_FAILED);
	return p;
}

bool said(const char *text)
{
	return strstr(uvdk_last_error(), text) != NULL;
}
