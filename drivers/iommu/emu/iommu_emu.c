// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uvdk_emu_driver.h>
#include <uvdk_iommu_driver.h>

/*
 * The software IOMMU of an emulated machine. This driver's private data is the
 * machine itself (struct uvdk_emu *): the "emu" bus plugs functions into it.
 */

#define PAGE_SIZES    0x7ffff000	   /* every power of two from 4 KiB to 1 GiB */
#define MSI_FIRST     UINT64_C(0xfee00000) /* writes there are interrupts, as on x86 */
#define MSI_LAST      UINT64_C(0xfeefffff)
#define MINCORE_CHUNK 1024

#ifndef MADV_POPULATE_READ /* Linux 5.14 */
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

extern const struct uvdk_iommu_ops uvdk_iommu_emu;

struct emu_ioas {
	struct uvdk_emu *emu;
	struct uvdk_emu_domain *dom;
};

static int emu_suits(const char *spec, const struct uvdk_iommu_opts *opts)
{
	(void)opts;
	if (!strncmp(spec, "emu:", 4))
		return 100;
	uvdk_log(UVDK_LOG_INFO, "iommu.emu", "\"%s\" is not an emulated device", spec);

	return 0;
}

static int emu_open(const struct uvdk_iommu_opts *opts, void **priv)
{
	struct uvdk_emu *emu;
	int ret;

	if (opts && opts->emu) {
		uvdk_emu_get(opts->emu);
		*priv = opts->emu;
		return 0;
	}
	ret = uvdk_emu_create(NULL, &emu);
	if (!ret)
		*priv = emu;

	return ret;
}

static void emu_close(void *priv)
{
	uvdk_emu_destroy(priv);
}

static int emu_bind(void *priv, const struct uvdk_iommu_bind_args *args,
		    struct uvdk_iommu_binding *binding)
{
	if (!args->emu || uvdk_emu_fn_emu(args->emu) != priv)
		return uvdk_fail(-EINVAL, "iommu.emu", "%s is not on this emulated machine",
				 args->name);
	binding->fd = -1;
	binding->id = uvdk_emu_fn_slot(args->emu);
	binding->priv = args->emu;

	return 0;
}

static void emu_unbind(void *priv, struct uvdk_iommu_binding *binding)
{
	(void)priv;
	uvdk_emu_domain_detach(binding->priv);
}

static int emu_info(void *priv, struct uvdk_iommu_binding *binding, struct uvdk_iommu_info *out)
{
	(void)priv;
	(void)binding;
	*out = (struct uvdk_iommu_info){
		.driver = uvdk_iommu_emu.name,
		.hardware = "emu",
		.page_sizes = PAGE_SIZES,
		.coherent = true,
	};

	return 0;
}

static int emu_ioas_create(void *priv, struct uvdk_ioas *ioas, void **ioas_priv)
{
	struct emu_ioas *space = calloc(1, sizeof(*space));
	int ret;

	(void)ioas;
	if (!space)
		return uvdk_fail(-ENOMEM, "iommu.emu", "no memory for an address space");
	space->emu = priv;
	ret = uvdk_emu_domain_create(priv, &space->dom);
	if (ret) {
		free(space);
		return ret;
	}
	*ioas_priv = space;

	return 0;
}

static void emu_ioas_destroy(void *ioas_priv)
{
	struct emu_ioas *space = ioas_priv;

	uvdk_emu_domain_destroy(space->dom);
	free(space);
}

static uint64_t emu_page_sizes(void *ioas_priv)
{
	(void)ioas_priv;

	return PAGE_SIZES;
}

static int emu_ranges(void *ioas_priv, struct uvdk_iova_range *out, unsigned int max)
{
	const struct emu_ioas *space = ioas_priv;
	uint64_t last = (UINT64_C(1) << uvdk_emu_iova_bits(space->emu)) - 1;
	struct uvdk_iova_range range[2] = {
		{0, last < MSI_FIRST ? last : MSI_FIRST - 1},
		{MSI_LAST + 1, last},
	};
	unsigned int count = last > MSI_LAST ? 2 : 1;

	for (unsigned int i = 0; out && i < count && i < max; i++)
		out[i] = range[i];

	return (int)count;
}

static void emu_limits(void *ioas_priv, struct uvdk_iommu_limits *out)
{
	(void)ioas_priv;
	(void)out; /* none */
}

/* Is all of it memory? A kernel would find out by pinning. */
static bool is_memory(uint8_t *va, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char vec[MINCORE_CHUNK];

	while (len) {
		size_t n = len < MINCORE_CHUNK * page ? len : MINCORE_CHUNK * page;

		if (mincore(va, n, vec) && errno == ENOMEM)
			return false;
		va += n;
		len -= n;
	}

	return true;
}

/* Since Linux 5.14; without it what follows finds no fault. */
static bool can_populate(void *page, bool write)
{
	long size = sysconf(_SC_PAGESIZE);
	uintptr_t here = (uintptr_t)&uvdk_iommu_emu & ~((uintptr_t)size - 1);

	if (!madvise(page, (size_t)size, write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ))
		return true;
	if (errno != EINVAL && errno != EFAULT)
		return true;

	return madvise((void *)here, (size_t)size, MADV_POPULATE_READ) != 0;
}

/*
 * What pinning would refuse must be refused here, or a model dies of it later
 * in a thread of ours. The pages at both ends stand for the rest.
 */
static int check_memory(uint8_t *va, size_t len, bool write)
{
	uint8_t *last = va + len - (size_t)sysconf(_SC_PAGESIZE);

	if (!is_memory(va, len) || !can_populate(va, false) || !can_populate(last, false))
		return uvdk_fail(-EFAULT, "iommu.emu",
				 "%p, length 0x%zx: not all of it is readable memory", (void *)va,
				 len);
	if (write && (!can_populate(va, true) || !can_populate(last, true)))
		return uvdk_fail(-EPERM, "iommu.emu",
				 "%p, length 0x%zx: read-only memory can't be mapped for writing",
				 (void *)va, len);

	return 0;
}

static int emu_map(void *ioas_priv, uvdk_iova_t *iova, void *va, size_t len, unsigned int flags)
{
	struct emu_ioas *space = ioas_priv;
	unsigned int prot = 0;
	int ret;

	ret = check_memory(va, len, flags & UVDK_MAP_WRITE);
	if (ret)
		return ret;
	if (flags & UVDK_MAP_READ)
		prot |= UVDK_EMU_PROT_READ;
	if (flags & UVDK_MAP_WRITE)
		prot |= UVDK_EMU_PROT_WRITE;

	return uvdk_emu_domain_map(space->dom, *iova, va, len, prot);
}

static int emu_unmap(void *ioas_priv, uvdk_iova_t iova, size_t len)
{
	struct emu_ioas *space = ioas_priv;

	return uvdk_emu_domain_unmap(space->dom, iova, len);
}

static int emu_attach(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	struct emu_ioas *space = ioas_priv;

	return uvdk_emu_domain_attach(space->dom, binding->priv);
}

static void emu_detach(void *ioas_priv, struct uvdk_iommu_binding *binding)
{
	(void)ioas_priv;
	uvdk_emu_domain_detach(binding->priv);
}

const struct uvdk_iommu_ops uvdk_iommu_emu = {
	.name = "emu",
	.handle = UVDK_IOMMU_HANDLE_EMU,
	.picks_iova = false,
	.suits = emu_suits,
	.open = emu_open,
	.close = emu_close,
	.bind = emu_bind,
	.unbind = emu_unbind,
	.info = emu_info,
	.ioas_create = emu_ioas_create,
	.ioas_destroy = emu_ioas_destroy,
	.page_sizes = emu_page_sizes,
	.ranges = emu_ranges,
	.limits = emu_limits,
	.map = emu_map,
	.unmap = emu_unmap,
	.attach = emu_attach,
	.detach = emu_detach,
};
