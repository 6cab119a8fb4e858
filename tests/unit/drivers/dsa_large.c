// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <uvdk_device.h>
#include <uvdk_dmadev.h>
#include <uvdk_emu.h>

#include "../../random.h"
#include "../../sanitizer.h"

/*
 * The largest operations there are, of 2 GiB. Little of that is memory: a source and a destination
 * are a piece each, again and again.
 */
#define BITS   (SANITIZED ? 28 : 31) /* there 2 GiB take too long */
#define PIECE  ((size_t)2 << 20)
#define LARGE  ((size_t)1 << BITS)
#define PAGE   ((size_t)4096)
#define SRC    UINT64_C(0x1000000000)
#define DST    UINT64_C(0x2000000000)
#define SLOWER 30

/*
 * The driver gives up what does not end for seconds; a machine that has other things to do may
 * take longer over this. So time passes slowly, once it is to.
 */
static unsigned int slower;

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	int ret = (int)syscall(SYS_clock_gettime, clock, ts);
	uint64_t ns = (uint64_t)ts->tv_sec * 1000000000 + (uint64_t)ts->tv_nsec;

	if (clock == CLOCK_MONOTONIC && slower) {
		ts->tv_sec = (time_t)(ns / slower / 1000000000);
		ts->tv_nsec = (long)(ns / slower % 1000000000);
	}

	return ret;
}

static struct uvdk_emu *emu;
static struct uvdk_iommu *iommu;
static struct uvdk_device *dev;
static struct uvdk_dmadev *dma;
static struct uvdk_ioas *ioas;
static struct uvdk_dmadev_chan *chan;
static uint8_t *src, *dst;

static uint8_t *window(void)
{
	uint8_t *p =
		mmap(NULL, LARGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int fd = memfd_create("piece", MFD_CLOEXEC);

	cr_assert(p != MAP_FAILED && fd >= 0);
	cr_assert_eq(ftruncate(fd, (off_t)PIECE), 0);
	for (size_t at = 0; at < LARGE; at += PIECE)
		cr_assert_neq(
			mmap(p + at, PIECE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0),
			MAP_FAILED);
	close(fd);

	return p;
}

static void map(uint8_t *p, uvdk_iova_t iova, size_t len)
{
	cr_assert_eq(uvdk_ioas_map(ioas, p, len, UVDK_MAP_RW | UVDK_MAP_FIXED, &iova), 0, "%s",
		     uvdk_last_error());
}

static void begin(void)
{
	struct uvdk_iommu_opts iommu_opts = {.size = sizeof(iommu_opts)};
	struct uvdk_dmadev_chan_opts opts = {.size = sizeof(opts),
					     .flags = UVDK_DMADEV_CHAN_NO_RESUME};
	uint64_t seed = 1;
	char spec[32];

	snprintf(spec, sizeof(spec), "emu:dsa,max-size=%d", BITS);
	cr_assert_eq(uvdk_emu_create(NULL, &emu), 0);
	iommu_opts.emu = emu;
	cr_assert_eq(uvdk_iommu_open("emu", &iommu_opts, &iommu), 0);
	cr_assert_eq(uvdk_device_open(iommu, spec, NULL, &dev), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_dmadev_open(dev, NULL, &dma), 0, "%s", uvdk_last_error());
	cr_assert_eq(uvdk_ioas_create(iommu, NULL, &ioas), 0);
	cr_assert_eq(uvdk_ioas_attach(ioas, dev), 0, "%s", uvdk_last_error());
	opts.ioas = ioas;
	cr_assert_eq(uvdk_dmadev_chan_open(dma, &opts, &chan), 0, "%s", uvdk_last_error());
	src = window();
	dst = window();
	for (size_t at = 0; at < PIECE; at += 8)
		memcpy(src + at, &(uint64_t){random_next(&seed)}, 8);
	map(src, SRC, LARGE);
	map(dst, DST, LARGE - PAGE);
	map(dst + LARGE - PAGE, DST + LARGE - PAGE, PAGE);
	slower = SLOWER;
}

static void end(void)
{
	slower = 0;
	uvdk_dmadev_close(dma);
	uvdk_ioas_destroy(ioas);
	uvdk_device_close(dev);
	uvdk_iommu_close(iommu);
	uvdk_emu_destroy(emu);
	munmap(src, LARGE);
	munmap(dst, LARGE);
}

/* The result of what was enqueued last, and alone. */
static struct uvdk_dmadev_result result(int number)
{
	time_t give_up = time(NULL) + 300;
	struct uvdk_dmadev_result r;

	cr_assert_geq(number, 0, "%d", number);
	cr_assert_eq(uvdk_dmadev_submit(chan), 0);
	while (!uvdk_dmadev_completed_status(chan, &r, 1)) {
		usleep(1000); /* the device is a thread, too */
		cr_assert_lt(time(NULL), give_up);
	}

	return r;
}

static void succeed(const char *what, int number, uint32_t value)
{
	struct uvdk_dmadev_result r = result(number);

	cr_assert_eq(r.status, UVDK_DMADEV_OK, "%s: %u, code 0x%02x", what, r.status, r.code);
	cr_assert_eq(r.done, LARGE, "%s: %llu bytes", what, (unsigned long long)r.done);
	cr_assert_eq(r.value, value, "%s: %08x instead of %08x", what, r.value, value);
}

/* The register of a CRC-32C behind a piece. */
static uint32_t behind_piece(uint32_t crc)
{
	static uint32_t table[256];

	for (uint32_t i = 0; i < 256 && !table[255]; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0x82f63b78 : 0);
	}
	for (size_t i = 0; i < PIECE; i++)
		crc = crc >> 8 ^ table[(uint8_t)(crc ^ src[i])];

	return crc;
}

/* It is linear: what each bit makes of it, and what the piece adds, are enough for all of them. */
static uint32_t whole_crc(void)
{
	uint32_t bits[32], piece = behind_piece(0), crc = UINT32_MAX;

	for (unsigned int i = 0; i < 32; i++)
		bits[i] = behind_piece(UINT32_C(1) << i) ^ piece;
	for (size_t at = 0; at < LARGE; at += PIECE) {
		uint32_t next = piece;

		for (unsigned int i = 0; i < 32; i++)
			next ^= crc >> i & 1 ? bits[i] : 0;
		crc = next;
	}

	return ~crc;
}

static bool is_filled(uint64_t pattern)
{
	for (size_t at = 0; at < PIECE; at += 8)
		if (memcmp(dst + at, &pattern, 8) != 0)
			return false;

	return true;
}

Test(dsa_large, operations_of_the_maximum_are_done_and_of_a_byte_more_are_refused, .timeout = 600)
{
	const uint64_t pattern = UINT64_C(0x0123456789abcdef);
	struct uvdk_dmadev_result r;

	begin();
	cr_assert_eq(uvdk_dmadev_get_info(dma)->max_len, LARGE);
	succeed("copy", uvdk_dmadev_copy(chan, DST, SRC, LARGE, 0), 0);
	cr_expect_eq(memcmp(dst, src, PIECE), 0);
	succeed("compare", uvdk_dmadev_compare(chan, DST, SRC, LARGE, 0), 0);
	succeed("CRC", uvdk_dmadev_crc(chan, UVDK_IOVA_NONE, SRC, LARGE, NULL, 0), whole_crc());
	succeed("fill", uvdk_dmadev_fill(chan, DST, pattern, LARGE, 0), 0);
	cr_expect(is_filled(pattern));
	cr_expect_eq(uvdk_dmadev_copy(chan, DST, SRC, LARGE + 1, 0), -EINVAL);
	cr_expect_eq(uvdk_dmadev_fill(chan, DST, pattern, LARGE + 1, 0), -EINVAL);
	cr_expect_eq(uvdk_dmadev_compare(chan, DST, SRC, LARGE + 1, 0), -EINVAL);
	cr_expect_eq(uvdk_dmadev_crc(chan, UVDK_IOVA_NONE, SRC, LARGE + 1, NULL, 0), -EINVAL);

	cr_assert_eq(uvdk_ioas_unmap(ioas, DST + LARGE - PAGE, PAGE), 0);
	r = result(uvdk_dmadev_fill(chan, DST, pattern, LARGE, 0));
	cr_expect_eq(r.status, UVDK_DMADEV_FAULT, "its last page is missing");
	cr_expect_eq(r.done, LARGE - PAGE, "%llu bytes", (unsigned long long)r.done);
	end();
}
