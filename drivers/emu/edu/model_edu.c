// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <uvdk_emu_driver.h>

/*
 * QEMU's educational device, from its specification (QEMU, docs/specs/edu.rst).
 *
 * arguments: dma_mask=MASK	address bits it drives, 28 unless given
 *	      stuck		transfers start and never end: a broken device
 */

#define BAR_SIZE      0x100000
#define REG_ID	      0x00
#define REG_LIVENESS  0x04
#define REG_FACTORIAL 0x08
#define REG_STATUS    0x20
#define REG_IRQ	      0x24
#define REG_RAISE     0x60
#define REG_ACK	      0x64
#define REG_WIDE      0x80 /* from here on 8-byte accesses are possible */
#define REG_DMA_SRC   0x80
#define REG_DMA_DST   0x88
#define REG_DMA_COUNT 0x90
#define REG_DMA_CMD   0x98

#define ID_VALUE      0x010000ed
#define STATUS_BUSY   0x01
#define STATUS_IRQ    0x80
#define CMD_START     0x01
#define CMD_TO_RAM    0x02
#define CMD_IRQ	      0x04
#define IRQ_FACTORIAL 0x001
#define IRQ_DMA	      0x100

#define BUFFER_START  0x40000
#define BUFFER_SIZE   4096
#define DEFAULT_MASK  0x0fffffff

struct dma {
	uint64_t src;
	uint64_t dst;
	uint64_t count;
	uint64_t cmd;
};

struct edu {
	uint64_t mask;
	bool stuck;
	uint8_t buffer[BUFFER_SIZE]; /* step() alone touches it */

	pthread_mutex_t lock; /* guards the rest and the interrupt line; not held during DMA */
	uint32_t liveness;
	uint32_t factorial;
	uint32_t status;
	uint32_t irq;
	struct dma dma;
};

static int edu_create(struct uvdk_emu_function *fn, struct uvdk_args *args)
{
	uint64_t mask = DEFAULT_MASK;
	struct edu *edu;
	int ret;

	ret = uvdk_args_u64(args, "dma_mask", 0, UINT64_MAX, &mask);
	if (ret)
		return ret;
	edu = calloc(1, sizeof(*edu));
	if (!edu)
		return uvdk_fail(-ENOMEM, "emu.edu", "no memory for %s", uvdk_emu_fn_name(fn));
	pthread_mutex_init(&edu->lock, NULL);
	edu->mask = mask;
	edu->stuck = uvdk_args_str(args, "stuck", NULL) != NULL;
	uvdk_emu_fn_set_priv(fn, edu);

	uvdk_emu_fn_ids(fn, 0x1234, 0x11e8, 0x1af4, 0x1100, 0x00ff00, 0x10);
	uvdk_emu_fn_bar(fn, 0, BAR_SIZE, false);
	ret = uvdk_emu_fn_msi(fn, 1);
	if (ret) {
		pthread_mutex_destroy(&edu->lock);
		free(edu);
	}

	return ret;
}

static void edu_destroy(struct uvdk_emu_function *fn)
{
	struct edu *edu = uvdk_emu_fn_priv(fn);

	pthread_mutex_destroy(&edu->lock);
	free(edu);
}

static void edu_reset(struct uvdk_emu_function *fn)
{
	struct edu *edu = uvdk_emu_fn_priv(fn);

	pthread_mutex_lock(&edu->lock);
	edu->liveness = 0;
	edu->factorial = 0;
	edu->status = 0;
	edu->irq = 0;
	memset(&edu->dma, 0, sizeof(edu->dma));
	pthread_mutex_unlock(&edu->lock);
	memset(edu->buffer, 0, sizeof(edu->buffer));
}

static bool width_ok(uint64_t off, unsigned int width)
{
	return width == 4 || (width == 8 && off >= REG_WIDE);
}

static uint64_t read_locked(const struct edu *edu, uint64_t off)
{
	switch (off) {
	case REG_ID:
		return ID_VALUE;
	case REG_LIVENESS:
		return edu->liveness;
	case REG_FACTORIAL:
		return edu->factorial;
	case REG_STATUS:
		return edu->status;
	case REG_IRQ:
		return edu->irq;
	case REG_DMA_SRC:
		return edu->dma.src;
	case REG_DMA_DST:
		return edu->dma.dst;
	case REG_DMA_COUNT:
		return edu->dma.count;
	case REG_DMA_CMD:
		return edu->dma.cmd;
	}

	return UINT64_MAX;
}

static uint64_t edu_bar_read(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			     unsigned int width)
{
	struct edu *edu = uvdk_emu_fn_priv(fn);
	uint64_t value;

	(void)bar;
	if (!width_ok(off, width))
		return UINT64_MAX;

	pthread_mutex_lock(&edu->lock);
	value = read_locked(edu, off);
	pthread_mutex_unlock(&edu->lock);

	return value;
}

/* Its DMA registers can't be changed while a transfer runs. */
static void write_dma(struct edu *edu, uint64_t off, uint64_t value)
{
	if (edu->dma.cmd & CMD_START)
		return;

	switch (off) {
	case REG_DMA_SRC:
		edu->dma.src = value;
		break;
	case REG_DMA_DST:
		edu->dma.dst = value;
		break;
	case REG_DMA_COUNT:
		edu->dma.count = value;
		break;
	case REG_DMA_CMD:
		if (value & CMD_START)
			edu->dma.cmd = value;
		break;
	}
}

static void raise_locked(struct uvdk_emu_function *fn, struct edu *edu, uint32_t cause)
{
	edu->irq |= cause;
	if (edu->irq)
		uvdk_emu_irq(fn, 0);
}

static void ack_locked(struct uvdk_emu_function *fn, struct edu *edu, uint32_t cause)
{
	edu->irq &= ~cause;
	if (!edu->irq)
		uvdk_emu_irq_lower(fn);
}

static void write_locked(struct uvdk_emu_function *fn, struct edu *edu, uint64_t off,
			 uint32_t value)
{
	switch (off) {
	case REG_LIVENESS:
		edu->liveness = ~value;
		break;
	case REG_FACTORIAL:
		if (edu->status & STATUS_BUSY)
			break;
		edu->factorial = value;
		edu->status |= STATUS_BUSY;
		break;
	case REG_STATUS:
		edu->status = (edu->status & ~(uint32_t)STATUS_IRQ) | (value & STATUS_IRQ);
		break;
	case REG_RAISE:
		raise_locked(fn, edu, value);
		break;
	case REG_ACK:
		ack_locked(fn, edu, value);
		break;
	}
}

static void edu_bar_write(struct uvdk_emu_function *fn, unsigned int bar, uint64_t off,
			  unsigned int width, uint64_t value)
{
	struct edu *edu = uvdk_emu_fn_priv(fn);

	(void)bar;
	if (!width_ok(off, width))
		return;

	pthread_mutex_lock(&edu->lock);
	if (off >= REG_WIDE)
		write_dma(edu, off, value);
	else
		write_locked(fn, edu, off, (uint32_t)value);
	pthread_mutex_unlock(&edu->lock);
	uvdk_emu_kick(fn);
}

static uint32_t factorial_of(uint32_t n)
{
	uint32_t result = 1;

	while (n > 0 && result != 0) /* once it is 0 modulo 2^32 it stays so */
		result *= n--;

	return result;
}

static bool step_factorial(struct uvdk_emu_function *fn, struct edu *edu)
{
	bool busy;

	pthread_mutex_lock(&edu->lock);
	busy = edu->status & STATUS_BUSY;
	if (busy) {
		edu->factorial = factorial_of(edu->factorial);
		edu->status &= ~(uint32_t)STATUS_BUSY;
		if (edu->status & STATUS_IRQ)
			raise_locked(fn, edu, IRQ_FACTORIAL);
	}
	pthread_mutex_unlock(&edu->lock);

	return busy;
}

/* Offset of the device's side of a transfer in its buffer, or -1. */
static int buffer_offset(const struct dma *dma)
{
	uint64_t at = dma->cmd & CMD_TO_RAM ? dma->src : dma->dst;

	if (at < BUFFER_START || at - BUFFER_START > BUFFER_SIZE ||
	    dma->count > BUFFER_SIZE - (at - BUFFER_START))
		return -1;

	return (int)(at - BUFFER_START);
}

/* Addresses are masked, not refused: the specification leaves that to the driver. */
static void transfer(struct uvdk_emu_function *fn, struct edu *edu, const struct dma *dma)
{
	int off = buffer_offset(dma);

	if (off < 0)
		uvdk_log(UVDK_LOG_WARN, "emu.edu",
			 "%s: a transfer of %llu bytes does not fit into its buffer",
			 uvdk_emu_fn_name(fn), (unsigned long long)dma->count);
	else if (dma->cmd & CMD_TO_RAM)
		uvdk_emu_dma_write(fn, dma->dst & edu->mask, edu->buffer + off, dma->count);
	else
		uvdk_emu_dma_read(fn, dma->src & edu->mask, edu->buffer + off, dma->count);
}

static bool step_dma(struct uvdk_emu_function *fn, struct edu *edu)
{
	struct dma dma;

	pthread_mutex_lock(&edu->lock);
	dma = edu->dma;
	pthread_mutex_unlock(&edu->lock);
	if (!(dma.cmd & CMD_START) || edu->stuck)
		return false;

	transfer(fn, edu, &dma);

	pthread_mutex_lock(&edu->lock);
	edu->dma.cmd &= ~(uint64_t)CMD_START;
	if (dma.cmd & CMD_IRQ)
		raise_locked(fn, edu, IRQ_DMA);
	pthread_mutex_unlock(&edu->lock);

	return true;
}

static bool edu_step(struct uvdk_emu_function *fn)
{
	struct edu *edu = uvdk_emu_fn_priv(fn);
	bool worked = step_factorial(fn, edu);

	return step_dma(fn, edu) || worked;
}

extern const struct uvdk_emu_model uvdk_model_edu;

const struct uvdk_emu_model uvdk_model_edu = {
	.name = "edu",
	.create = edu_create,
	.destroy = edu_destroy,
	.reset = edu_reset,
	.bar_read = edu_bar_read,
	.bar_write = edu_bar_write,
	.step = edu_step,
};
