// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "emu_policy.h"

/* ---- what must hold ---- */

static void wrong(struct policy *p, const char *what, unsigned int device, unsigned int way)
{
	if (!p->wrong++)
		snprintf(p->first_wrong, sizeof(p->first_wrong), "%s: device %u, way %u: %s", what,
			 device, way, uvdk_last_error());
}

static bool is_strong(unsigned int device)
{
	return device < 2;
}

static bool is_attached(const struct policy *p, unsigned int device)
{
	for (unsigned int way = 0; way < POLICY_WAYS; way++)
		if (p->attached[device][way])
			return true;

	return false;
}

static bool any_weak(const struct policy *p)
{
	return is_attached(p, 2) || is_attached(p, 3);
}

static bool must_enforce(const struct policy *p, unsigned int device)
{
	return is_strong(device) && (p->how == UVDK_COHERENCY_SEPARATE || !any_weak(p));
}

static enum uvdk_coherency_table table_of(const struct policy *p, unsigned int device)
{
	if (p->how == UVDK_COHERENCY_SHARE)
		return UVDK_COHERENCY_TABLE_SHARED;

	return is_strong(device) ? UVDK_COHERENCY_TABLE_ENFORCED : UVDK_COHERENCY_TABLE_OPEN;
}

static void check_told(struct policy *p, unsigned int device)
{
	struct uvdk_coherency c;
	int err = uvdk_ioas_device_coherency(p->ioas, p->asker[device]->dev, &c);

	if (!err != is_attached(p, device))
		wrong(p, "is it attached?", device, 0);
	else if (!err && c.enforced != must_enforce(p, device))
		wrong(p, "said to be enforced", device, c.enforced);
	else if (!err && c.table != table_of(p, device))
		wrong(p, "table", device, c.table);
}

/* A write and a read with No Snoop, of bytes that nobody else uses. */
static void check_access(struct policy *p, unsigned int device, unsigned int way, unsigned int page)
{
	struct uvdk_emu_function *fn = p->asker[device]->fn;
	uint32_t pasid = way ? way + 4 : UVDK_EMU_NO_PASID;
	uint64_t at = page * POLICY_PAGE + device * 64 + way * 8;
	uint64_t before = uvdk_emu_fn_incoherent(fn);
	bool may = p->attached[device][way] && (!page || p->second);
	uint8_t out[8], in[8] = {0};
	int err;

	p->checks++;
	memset(out, ++p->stamp, sizeof(out));
	err = uvdk_emu_dma_no_snoop(fn, pasid, POLICY_IOVA + at, out, sizeof(out), true);
	if (!err)
		err = uvdk_emu_dma_no_snoop(fn, pasid, POLICY_IOVA + at, in, sizeof(in), false);
	if (!err != may)
		wrong(p, may ? "refused" : "let through", device, way);
	else if (may && (memcmp(in, out, 8) != 0 || memcmp(p->world.memory + at, out, 8) != 0))
		wrong(p, "somewhere else", device, way);
	else if (may && uvdk_emu_fn_incoherent(fn) - before != (must_enforce(p, device) ? 0 : 2))
		wrong(p, "it is not what was said", device, way);
}

static void check(struct policy *p, unsigned int told, bool needed)
{
	struct uvdk_emu_fault faults[64];
	struct uvdk_emu_stale stale;

	if (p->told - told != (any_weak(p) != needed))
		wrong(p, "calls about WBINVD", p->told - told, 0);
	if (p->needed != any_weak(p) || uvdk_ioas_needs_wbinvd(p->ioas) != any_weak(p))
		wrong(p, "WBINVD", 0, 0);
	for (unsigned int device = 0; device < POLICY_DEVICES; device++) {
		check_told(p, device);
		for (unsigned int way = 0; way < POLICY_WAYS; way++) {
			check_access(p, device, way, 0);
			check_access(p, device, way, 1);
		}
	}
	uvdk_emu_faults(p->world.emu, faults, 64, NULL);
	if (uvdk_emu_stales(p->world.emu, &stale, 1))
		wrong(p, stale.missing, 0, 0);
}

/* ---- changes ---- */

static void change(struct policy *p, unsigned int device, unsigned int way)
{
	struct uvdk_device *dev = p->asker[device]->dev;
	uint32_t pasid = way + 4;
	int err = 0;

	if (p->attached[device][way] && !way)
		uvdk_ioas_detach(p->ioas, dev);
	else if (p->attached[device][way])
		uvdk_ioas_detach_pasid(p->ioas, dev, pasid);
	else
		err = way ? uvdk_ioas_attach_pasid(p->ioas, dev, pasid)
			  : uvdk_ioas_attach(p->ioas, dev);
	if (err)
		wrong(p, "attach", device, way);
	else
		p->attached[device][way] = !p->attached[device][way];
}

void policy_toggle(struct policy *p, unsigned int device, unsigned int way)
{
	bool needed = any_weak(p);
	unsigned int told = p->told;

	change(p, device, way);
	check(p, told, needed);
}

void policy_remap(struct policy *p)
{
	uvdk_iova_t iova = POLICY_IOVA + POLICY_PAGE;
	int err = p->second ? uvdk_ioas_unmap(p->ioas, iova, POLICY_PAGE)
			    : uvdk_ioas_map(p->ioas, p->world.memory + POLICY_PAGE, POLICY_PAGE,
					    UVDK_MAP_RW | UVDK_MAP_FIXED, &iova);

	if (err)
		wrong(p, "map", 0, p->second);
	p->second = !p->second;
	check(p, p->told, any_weak(p));
}

/* ---- the machine ---- */

static void on_wbinvd(struct uvdk_ioas *ioas, bool needed, void *arg)
{
	struct policy *p = arg;

	if (ioas != p->ioas || needed == p->needed)
		wrong(p, "calls about WBINVD do not alternate", 0, needed);
	p->needed = needed;
	p->told++;
}

static struct asker *open_device(struct policy *p, unsigned int i)
{
	char spec[64];

	snprintf(spec, sizeof(spec), "emu:asker,iommu=%u%s", is_strong(i) ? 0 : 1,
		 i % 2 ? "" : ",plain");

	return asker_open(p->world.iommu, spec);
}

void policy_open(struct policy *p, enum uvdk_coherency_policy how, enum uvdk_emu_caching caching,
		 bool absence)
{
	const struct uvdk_emu_opts emu = {.size = sizeof(emu),
					  .manual = true,
					  .iommus = 2,
					  .no_snoop = 1 << 1,
					  .caching = caching,
					  .absence = absence};
	const struct uvdk_ioas_opts space = {.size = sizeof(space), .coherency = how};
	uvdk_iova_t iova = POLICY_IOVA;

	uvdk_log_set_level(NULL, UVDK_LOG_ERR);
	*p = (struct policy){.how = how};
	asker_world_open(&p->world, &emu);
	for (unsigned int i = 0; i < POLICY_DEVICES; i++)
		p->asker[i] = open_device(p, i);
	cr_assert_eq(uvdk_ioas_create(p->world.iommu, &space, &p->ioas), 0);
	cr_assert_not(uvdk_ioas_set_wbinvd_cb(p->ioas, on_wbinvd, p));
	cr_assert_eq(uvdk_ioas_map(p->ioas, p->world.memory, POLICY_PAGE,
				   UVDK_MAP_RW | UVDK_MAP_FIXED, &iova),
		     0);
}

void policy_close(struct policy *p)
{
	for (unsigned int i = 0; i < POLICY_DEVICES * POLICY_WAYS; i++)
		if (p->attached[i / POLICY_WAYS][i % POLICY_WAYS])
			policy_toggle(p, i / POLICY_WAYS, i % POLICY_WAYS);
	uvdk_ioas_destroy(p->ioas);
	for (unsigned int i = 0; i < POLICY_DEVICES; i++)
		asker_close(p->asker[i]);
	asker_world_close(&p->world);
	cr_expect_eq(p->wrong, 0, "%llu times, first %s", (unsigned long long)p->wrong,
		     p->first_wrong);
}
