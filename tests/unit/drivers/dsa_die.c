// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <setjmp.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <uvdk_device_driver.h>
#include <uvdk_dmadev.h>
#include <uvdk_emu.h>

#include "../../random.h"
#include "../../sanitizer.h"

/*
 * A process that ends in the middle, as far as that can be had within one: the driver is left at
 * some register write and never called again, nothing is reset, and its memory is gone. The next
 * start finds the device as it is: queues enabled, commands and descriptors under way.
 */

#define LIVES	 100
#define WRITES	 3000 /* register writes of a life, at most */
#define LEN	 (256u * 1024)
#define PATIENCE 60 /* seconds */

#if SANITIZER_ADDRESS
void __lsan_disable(void);
void __lsan_enable(void);
#else
static void __lsan_disable(void)
{
}
static void __lsan_enable(void)
{
}
#endif

static struct uvdk_emu *emu;
static struct uvdk_iommu *iommu;
static struct uvdk_device *dev;
static char *memory;
static jmp_buf death;
static unsigned int writes_left; /* 0: lives on */

int __real_uvdk_region_write(const struct uvdk_region *region, uint64_t off, unsigned int width,
			     uint64_t value);

int __wrap_uvdk_region_write(const struct uvdk_region *region, uint64_t off, unsigned int width,
			     uint64_t value)
{
	if (writes_left && --writes_left == 0)
		longjmp(death, 1);

	return __real_uvdk_region_write(region, off, width, value);
}

static struct uvdk_ioas *space_new(uvdk_iova_t *iova)
{
	struct uvdk_ioas *ioas;

	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_map(ioas, memory, 2 * LEN, UVDK_MAP_RW, iova), 0);

	return ioas;
}

/* Copies of all sizes without end, in two channels. */
static void live(struct uvdk_ioas *ioas, uvdk_iova_t iova, uint64_t *random)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts), .ioas = ioas};
	struct uvdk_dmadev_chan *chan[2];
	struct uvdk_dmadev *dma;

	cr_assert_eq(uvdk_dmadev_open(dev, NULL, &dma), 0, "%s", uvdk_last_error());
	for (int i = 0; i < 2; i++)
		cr_assert_eq(uvdk_dmadev_chan_open(dma, &opts, &chan[i]), 0, "%s",
			     uvdk_last_error());
	for (;;) {
		struct uvdk_dmadev_chan *c = chan[random_next(random) % 2];
		size_t len = 1 + (random_next(random) >> 20) % LEN;

		uvdk_dmadev_copy(c, iova + LEN, iova, len, random_next(random) % 4);
		uvdk_dmadev_completed(c, 8, NULL, NULL);
	}
}

/* One copy, and it arrives. */
static void use(void)
{
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts)};
	struct uvdk_dmadev_result result;
	struct uvdk_dmadev_chan *chan;
	struct uvdk_dmadev *dma;
	time_t give_up = time(NULL) + PATIENCE;
	uvdk_iova_t iova;
	struct uvdk_ioas *ioas = space_new(&iova);

	opts.ioas = ioas;
	memset(memory + LEN, 0, LEN);
	cr_assert_eq(uvdk_dmadev_open(dev, NULL, &dma), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmadev_chan_open(dma, &opts, &chan), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmadev_copy(chan, iova + LEN, iova, LEN, UVDK_DMADEV_SUBMIT), 0);
	while (!uvdk_dmadev_completed_status(chan, &result, 1))
		cr_assert(time(NULL) < give_up, "the copy does not end");
	cr_expect_eq(result.status, UVDK_DMADEV_OK, "code 0x%02x", result.code);
	cr_expect(memcmp(memory, memory + LEN, LEN) == 0);
	uvdk_dmadev_chan_close(chan);
	uvdk_dmadev_close(dma);
	uvdk_ioas_destroy(ioas);
}

static void die(unsigned int writes, uint64_t *random)
{
	uvdk_iova_t iova;
	struct uvdk_ioas *volatile ioas = space_new(&iova);

	__lsan_disable(); /* what the dead had is nobody's */
	if (setjmp(death) == 0) {
		writes_left = writes;
		live(ioas, iova, random);
	}
	__lsan_enable();
	uvdk_ioas_destroy(ioas);
	uvdk_device_unclaim(dev);
}

Test(dsa_die, a_device_left_in_the_middle_serves_the_next, .timeout = 600)
{
	struct uvdk_iommu_opts opts = {.size = sizeof(opts)};
	uint64_t random = 11;
	struct uvdk_emu_stale stale;

	cr_assert_eq(uvdk_emu_create(NULL, &emu), 0);
	opts.emu = emu;
	cr_assert_eq(uvdk_iommu_open("emu", &opts, &iommu), 0);
	cr_assert_eq(uvdk_device_open(iommu, "emu:dsa,cmd-delay=3", NULL, &dev), 0, "%s",
		     uvdk_last_error());
	memory = mmap(NULL, 2 * LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert(memory != MAP_FAILED);
	for (unsigned int i = 0; i < LEN; i++)
		memory[i] = (char)(random_next(&random) >> 24);
	for (unsigned int life = 0; life < LIVES; life++) {
		/* A third of them while it is set up. */
		die(1 + random_next(&random) % (life % 3 ? WRITES : 80), &random);
		use();
	}
	uvdk_device_close(dev);
	uvdk_iommu_close(iommu);
	cr_expect_eq(uvdk_emu_stales(emu, &stale, 1), 0, "%s missed %s", stale.entry,
		     stale.missing);
	uvdk_emu_destroy(emu);
	munmap(memory, 2 * LEN);
}
