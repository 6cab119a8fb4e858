/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EMU_TESTING_H
#define EMU_TESTING_H

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <uvdk_emu_driver.h>

/*
 * "probe": a model whose registers are plain memory. A write to offset 0 is a
 * doorbell: step() counts it. Live models are counted, so that a test can see
 * that destroy() ran.
 */
#define PROBE_VECTORS 80
#define PROBE_TABLE   0x8000
#define PROBE_PBA     0xc000

struct probe {
	uint64_t reg[64];
	unsigned int pending;
	unsigned int steps;
	unsigned int worked;
	unsigned int resets;
	unsigned int answers; /* to page requests, and the last of them */
	uint32_t answer_pasid;
	unsigned int answer_group;
	enum uvdk_emu_page_code answer;
};

static int probes_alive;
static char probe_order[64]; /* slot digits in the order of their steps */

/* PASID of 20 bits, ATS, page requests; all switched off. */
static inline void probe_add_ats(struct uvdk_emu_function *fn)
{
	static const uint8_t pasid[4] = {0, 20};
	static const uint8_t ats[4] = {0};
	static const uint8_t pri[12] = {0};

	cr_assert_eq(uvdk_emu_fn_ext_cap(fn, 0x001b, 1, pasid, sizeof(pasid)), 0x100);
	cr_assert_eq(uvdk_emu_fn_ext_cap(fn, 0x000f, 1, ats, sizeof(ats)), 0x108);
	cr_assert_eq(uvdk_emu_fn_ext_cap(fn, 0x0013, 1, pri, sizeof(pri)), 0x110);
}

static int probe_create(struct uvdk_emu_function *fn, struct uvdk_args *args)
{
	struct probe *p;

	if (uvdk_args_str(args, "fail", NULL))
		return -EIO;
	p = calloc(1, sizeof(*p));
	uvdk_emu_fn_set_priv(fn, p);
	uvdk_emu_fn_ids(fn, 0x1234, 0xbeef, 0x5678, 0x9abc, 0x020000, 7);
	uvdk_emu_fn_bar(fn, 0, 0x10000, true);
	uvdk_emu_fn_bar(fn, 2, 0x1000, false);
	if (uvdk_args_str(args, "bad_bar", NULL))
		uvdk_emu_fn_bar(fn, 3, 3000, false);
	if (uvdk_args_str(args, "bad_msix", NULL))
		uvdk_emu_fn_msix(fn, 300, 2, 0, 0xff0);
	else
		uvdk_emu_fn_msix(fn, PROBE_VECTORS, 0, PROBE_TABLE, PROBE_PBA);
	uvdk_emu_fn_msi(fn, 4);
	if (uvdk_args_str(args, "ats", NULL))
		probe_add_ats(fn);
	probes_alive++;

	return 0;
}

static void probe_destroy(struct uvdk_emu_function *fn)
{
	free(uvdk_emu_fn_priv(fn));
	probes_alive--;
}

static void probe_reset(struct uvdk_emu_function *fn)
{
	struct probe *p = uvdk_emu_fn_priv(fn);

	memset(p->reg, 0, sizeof(p->reg));
	p->resets++;
}

static uint64_t probe_bar_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			       unsigned int width)
{
	struct probe *p = uvdk_emu_fn_priv(fn);

	(void)bar;
	(void)width;

	return p->reg[off / 8 % 64];
}

static void probe_bar_write(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			    unsigned int width, uint64_t value)
{
	struct probe *p = uvdk_emu_fn_priv(fn);

	(void)bar;
	(void)width;
	p->reg[off / 8 % 64] = value;
	if (off == 0) {
		__atomic_fetch_add(&p->pending, 1, __ATOMIC_SEQ_CST);
		uvdk_emu_kick(fn);
	}
}

static bool probe_step(struct uvdk_emu_function *fn)
{
	struct probe *p = uvdk_emu_fn_priv(fn);
	unsigned int n = __atomic_exchange_n(&p->pending, 0, __ATOMIC_SEQ_CST);
	size_t len = strlen(probe_order);

	if (n && len + 1 < sizeof(probe_order))
		probe_order[len] = (char)('0' + uvdk_emu_fn_slot(fn));
	__atomic_fetch_add(&p->steps, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&p->worked, n, __ATOMIC_SEQ_CST);

	return n;
}

static void probe_answer(struct uvdk_emu_function *fn, uint32_t pasid, unsigned int group,
			 enum uvdk_emu_page_code code)
{
	struct probe *p = uvdk_emu_fn_priv(fn);

	p->answers++;
	p->answer_pasid = pasid;
	p->answer_group = group;
	p->answer = code;
}

static const struct uvdk_emu_model probe_model = {
	.name = "probe",
	.create = probe_create,
	.destroy = probe_destroy,
	.reset = probe_reset,
	.bar_read = probe_bar_read,
	.bar_write = probe_bar_write,
	.step = probe_step,
	.page_response = probe_answer,
};

const struct uvdk_emu_model *const uvdk_builtin_models[] = {&probe_model, NULL};

/* ---- helpers ---- */

static inline struct uvdk_emu *machine(bool manual)
{
	struct uvdk_emu_opts opts = {.size = sizeof(opts), .manual = manual};
	struct uvdk_emu *emu = NULL;

	cr_assert_eq(uvdk_emu_create(&opts, &emu), 0);
	return emu;
}

static inline struct uvdk_emu_function *plug(struct uvdk_emu *emu)
{
	struct uvdk_emu_function *fn = NULL;

	cr_assert_eq(uvdk_emu_plug(emu, "emu:probe", &fn), 0);
	return fn;
}

static inline uint32_t cfg_read(struct uvdk_emu_function *fn, uint32_t off, size_t len)
{
	uint32_t value = 0;

	cr_assert_eq(uvdk_emu_config_read(fn, off, &value, len), 0);
	return value;
}

static inline void cfg_write(struct uvdk_emu_function *fn, uint32_t off, uint32_t value, size_t len)
{
	cr_assert_eq(uvdk_emu_config_write(fn, off, &value, len), 0);
}

/* Memory decoding and bus master. */
static inline void enable(struct uvdk_emu_function *fn)
{
	cfg_write(fn, 4, 0x0006, 2);
}

static inline uint64_t bar_read(struct uvdk_emu_function *fn, uint64_t off, unsigned int width)
{
	uint64_t value = 0;

	cr_assert_eq(uvdk_emu_bar_read(fn, 0, off, width, &value), 0);
	return value;
}

static inline void bar_write(struct uvdk_emu_function *fn, uint64_t off, unsigned int width,
			     uint64_t value)
{
	cr_assert_eq(uvdk_emu_bar_write(fn, 0, off, width, value), 0);
}

static inline uint32_t find_cap(struct uvdk_emu_function *fn, uint8_t id)
{
	uint32_t off = cfg_read(fn, 0x34, 1);

	while (off && cfg_read(fn, off, 1) != id)
		off = cfg_read(fn, off + 1, 1);
	return off;
}

static inline int new_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	cr_assert_geq(fd, 0);
	return fd;
}

/* Events since the last look. */
static inline uint64_t events(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static inline uint8_t *pages(size_t count)
{
	void *p = mmap(NULL, count * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	cr_assert_neq(p, MAP_FAILED);
	return p;
}

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Wait for a condition, ten seconds at most. */
#define WAIT_UNTIL(cond)                                             \
	do {                                                         \
		uint64_t give_up = now_ns() + UINT64_C(10000000000); \
                                                                     \
		while (!(cond) && now_ns() < give_up)                \
			sched_yield();                               \
		cr_assert(cond, "never came true: %s", #cond);       \
	} while (0)

#endif /* EMU_TESTING_H */
