// SPDX-License-Identifier: BSD-3-Clause
#include "pri.h"

#define DEADLINE_S 30
#define TRIES	   1000000u

static struct pri *latest;

static int create(struct uvdk_emu_function *fn, struct uvdk_args *args)
{
	static const uint8_t ats[4] = {4};
	static const uint8_t pri[12] = {0, 0, 0, 1, 0, 2}; /* stopped; 512 requests at once */
	static const uint8_t pasid[4] = {6, 20};
	struct pri *p = calloc(1, sizeof(*p));

	(void)args;
	uvdk_emu_fn_ids(fn, 0x1234, 0x5679, 0, 0, 0x088000, 0);
	uvdk_emu_fn_bar(fn, 0, 4096, false);
	uvdk_emu_fn_ext_cap(fn, 0x001b, 1, pasid, sizeof(pasid));
	uvdk_emu_fn_ext_cap(fn, 0x000f, 1, ats, sizeof(ats));
	uvdk_emu_fn_ext_cap(fn, 0x0013, 1, pri, sizeof(pri));
	p->fn = fn;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->answered, NULL);
	uvdk_emu_fn_set_priv(fn, p);
	latest = p;

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
	struct pri *p = uvdk_emu_fn_priv(fn);

	(void)pasid;
	pthread_mutex_lock(&p->lock);
	p->answers[group]++;
	p->code[group] = code;
	pthread_cond_broadcast(&p->answered);
	pthread_mutex_unlock(&p->lock);
}

static const struct uvdk_emu_model model = {
	.name = "pri",
	.create = create,
	.destroy = destroy,
	.reset = nothing,
	.bar_read = bar_read,
	.bar_write = bar_write,
	.step = step,
	.page_response = page_response,
};

struct pri *pri_open(struct world *w)
{
	struct uvdk_emu_opts emu_opts = {.size = sizeof(emu_opts), .manual = true};
	struct uvdk_iommu_opts iommu_opts = {.size = sizeof(iommu_opts)};

	memset(w, 0, sizeof(*w));
	uvdk_emu_model_register(&model);
	cr_assert_eq(uvdk_emu_create(&emu_opts, &w->emu), 0);
	iommu_opts.emu = w->emu;
	cr_assert_eq(uvdk_iommu_open("emu", &iommu_opts, &w->iommu), 0);
	cr_assert_eq(uvdk_device_open(w->iommu, "emu:pri", NULL, &w->dev), 0, "%s",
		     uvdk_last_error());
	cr_assert_eq(uvdk_device_set_command(w->dev, UVDK_PCI_COMMAND_MASTER, 0), 0);
	cr_assert_eq(uvdk_pasid_space_create(NULL, &w->space), 0);
	cr_assert_eq(uvdk_pasid_owner_create(w->space, 0, &w->owner), 0);
	cr_assert_eq(uvdk_ioas_create(w->iommu, NULL, &w->empty), 0);

	return latest;
}

static uint32_t tag(uint32_t pasid)
{
	return pasid ? pasid : UVDK_EMU_NO_PASID;
}

int pri_ask(struct pri *p, uint32_t pasid, unsigned int group, const void *addr, bool write,
	    bool last)
{
	__atomic_fetch_add(&p->requests, 1, __ATOMIC_RELAXED);

	return uvdk_emu_page_request(p->fn, tag(pasid), (uintptr_t)addr, write, group, last);
}

static bool wait_locked(struct pri *p, unsigned int group, unsigned int answers)
{
	struct timespec end;
	int err = 0;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += DEADLINE_S;
	while (p->answers[group] < answers && !err)
		err = pthread_cond_timedwait(&p->answered, &p->lock, &end);

	return p->answers[group] >= answers;
}

bool pri_wait(struct pri *p, unsigned int group, unsigned int answers)
{
	bool there;

	pthread_mutex_lock(&p->lock);
	there = wait_locked(p, group, answers);
	pthread_mutex_unlock(&p->lock);

	return there;
}

unsigned int pri_requests(struct pri *p)
{
	return __atomic_load_n(&p->requests, __ATOMIC_RELAXED);
}

/* PRI_DONE: try again. */
static enum pri_result ask(struct pri *p, uint32_t pasid, unsigned int group, const void *addr,
			   bool write)
{
	enum uvdk_emu_page_code code;
	unsigned int before;
	bool there;

	pthread_mutex_lock(&p->lock);
	before = p->answers[group];
	pthread_mutex_unlock(&p->lock);
	if (pri_ask(p, pasid, group, addr, write, true) == -EPERM)
		return PRI_ENDED;
	pthread_mutex_lock(&p->lock);
	there = wait_locked(p, group, before + 1);
	code = p->code[group];
	pthread_mutex_unlock(&p->lock);
	if (!there)
		return PRI_LATE;
	if (code == UVDK_EMU_PAGE_FAILURE)
		return PRI_ENDED;

	return code == UVDK_EMU_PAGE_SUCCESS ? PRI_DONE : PRI_REFUSED;
}

static bool try(struct pri *p, uint32_t pasid, void *addr, void *buf, size_t len, bool write)
{
	uint64_t iova = (uintptr_t)addr;

	return !(write ? uvdk_emu_dma_write_pasid(p->fn, tag(pasid), iova, buf, len)
		       : uvdk_emu_dma_read_pasid(p->fn, tag(pasid), iova, buf, len));
}

static enum pri_result access_page(struct pri *p, uint32_t pasid, unsigned int group, void *addr,
				   void *buf, size_t len, bool write)
{
	enum pri_result ret;

	for (unsigned int i = 0; i < TRIES; i++) {
		if (try(p, pasid, addr, buf, len, write))
			return PRI_DONE;
		ret = ask(p, pasid, group, addr, write);
		if (ret)
			return ret;
	}

	return PRI_LATE;
}

static enum pri_result access_all(struct pri *p, uint32_t pasid, unsigned int group, uint8_t *addr,
				  uint8_t *buf, size_t len, bool write)
{
	enum pri_result ret = PRI_DONE;
	size_t n;

	for (; len && !ret; len -= n, addr += n, buf += n) {
		n = PAGE - (uintptr_t)addr % PAGE;
		n = n < len ? n : len;
		ret = access_page(p, pasid, group, addr, buf, n, write);
	}

	return ret;
}

enum pri_result pri_read(struct pri *p, uint32_t pasid, unsigned int group, const void *addr,
			 void *buf, size_t len)
{
	return access_all(p, pasid, group, (uint8_t *)addr, buf, len, false);
}

enum pri_result pri_write(struct pri *p, uint32_t pasid, unsigned int group, void *addr,
			  const void *buf, size_t len)
{
	return access_all(p, pasid, group, addr, (uint8_t *)buf, len, true);
}

enum pri_result pri_copy(struct pri *p, uint32_t pasid, unsigned int group, void *to,
			 const void *from, size_t len)
{
	const uint8_t *src = from;
	uint8_t *dst = to, page[PAGE];
	enum pri_result ret = PRI_DONE;
	size_t n;

	for (; len && !ret; len -= n, src += n, dst += n) {
		n = len < PAGE ? len : PAGE;
		ret = pri_read(p, pasid, group, src, page, n);
		if (!ret)
			ret = pri_write(p, pasid, group, dst, page, n);
	}

	return ret;
}

bool pri_reads(struct pri *p, uint32_t pasid, const void *addr)
{
	uint8_t byte;

	return try(p, pasid, (void *)addr, &byte, 1, false);
}

bool pri_writes(struct pri *p, uint32_t pasid, void *addr)
{
	uint8_t byte = 0x77;

	return try(p, pasid, addr, &byte, 1, true);
}
