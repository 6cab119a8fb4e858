// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "dsa_pmd.h"

#ifndef DSA_PATIENCE_NS
#define DSA_PATIENCE_NS UINT64_C(5000000000) /* a command waits for what runs */
#endif

uint64_t dsa_pmd_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

bool dsa_pmd_has_command(const struct dsa *dsa, enum dsa_cmd cmd)
{
	return dsa->caps.cmdcap & 1u << cmd;
}

static int wait_idle(struct dsa *dsa, uint64_t deadline, uint64_t *status)
{
	for (unsigned int polls = 0;; polls++) {
		int ret = uvdk_region_read(&dsa->regs, DSA_CMDSTS, 4, status);

		if (ret)
			return ret;
		if (!(*status & DSA_CMDSTS_ACTIVE))
			return 0;
		if (uvdk_device_gone(dsa->dev))
			return -ENODEV;
		if (polls > 100) {
			if (dsa_pmd_now_ns() > deadline)
				return -ETIMEDOUT;
			nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
		}
	}
}

static const char *error_name(unsigned int error)
{
	switch (error) {
	case 0x01:
		return "unknown command";
	case 0x02:
		return "no such work queue";
	case 0x03:
		return "hardware error";
	case 0x04:
		return "reserved bits of the command";
	case 0x10:
		return "device is not disabled";
	case 0x11:
		return "configuration";
	case 0x12:
		return "bus master is off";
	case 0x13: /* the name that Linux's idxd has for it is PASID */
		return "number of page requests allocated (PRI), or PASID";
	case 0x14:
		return "sizes of the work queues";
	case 0x15 ... 0x18:
		return "configuration of a group";
	case 0x20:
		return "device is not enabled";
	case 0x21:
		return "work queue is not disabled";
	case 0x22:
		return "size of the work queue";
	case 0x23:
		return "priority of the work queue";
	case 0x24:
		return "mode of the work queue";
	case 0x25:
		return "block on fault";
	case 0x26:
		return "PASID of the work queue: is the device's PASID capability on?";
	case 0x27:
		return "batch size of the work queue";
	case 0x28:
		return "transfer size of the work queue";
	case 0x2a:
		return "privileged mode of the work queue";
	case 0x31:
		return "device is not enabled";
	case 0x32:
		return "work queue is not enabled";
	case 0x41:
		return "no such interrupt vector";
	case 0x42:
		return "no interrupt handle left";
	case 0x43:
		return "no such interrupt handle";
	default:
		return "unknown error";
	}
}

const char *dsa_pmd_command_name(enum dsa_cmd cmd)
{
	static const char *const names[] = {
		[DSA_CMD_ENABLE_DEVICE] = "enable the device",
		[DSA_CMD_DISABLE_DEVICE] = "disable the device",
		[DSA_CMD_ABORT_ALL] = "abort all",
		[DSA_CMD_RESET_DEVICE] = "reset the device",
		[DSA_CMD_ENABLE_WQ] = "enable a work queue",
		[DSA_CMD_DISABLE_WQ] = "disable a work queue",
		[DSA_CMD_DRAIN_WQ] = "drain a work queue",
		[DSA_CMD_ABORT_WQ] = "abort a work queue",
		[DSA_CMD_REQUEST_INT_HANDLE] = "request an interrupt handle",
		[DSA_CMD_RELEASE_INT_HANDLE] = "release an interrupt handle",
	};
	const char *name = cmd < sizeof(names) / sizeof(names[0]) ? names[cmd] : NULL;

	return name ? name : "that of a process before";
}

/* No command is under way: that of dsa_pmd_ask() has ended with @status. */
static void note_idle(struct dsa *dsa, uint64_t status)
{
	if (!dsa->asker)
		return;
	dsa->asker->ask_status = (uint32_t)status;
	dsa->asker->ask_ended = true;
	dsa->asker = NULL;
}

static int give(struct dsa *dsa, enum dsa_cmd cmd, uint32_t operand)
{
	dsa->cmd = cmd;
	dsa->cmd_at = dsa_pmd_now_ns();

	return uvdk_region_write(&dsa->regs, DSA_CMD, 4, (uint32_t)cmd << DSA_CMD_SHIFT | operand);
}

static int check_status(const struct dsa *dsa, enum dsa_cmd cmd, uint32_t operand, uint64_t status)
{
	if (!DSA_CMDSTS_ERROR(status))
		return 0;

	return uvdk_fail(-EPROTO, LOG_NAME, "%s: command %u (0x%x: %s) failed with 0x%02x: %s",
			 dsa->name, cmd, operand, dsa_pmd_command_name(cmd),
			 DSA_CMDSTS_ERROR(status), error_name(DSA_CMDSTS_ERROR(status)));
}

/* What a poll has given has the time that polls would give it. */
static int wait_for_end(struct dsa *dsa, uint64_t *status)
{
	uint64_t patience = dsa->asker ? DSA_STALL_NS : DSA_PATIENCE_NS;
	uint64_t since = dsa->asker ? dsa->cmd_at : dsa_pmd_now_ns();
	int ret = wait_idle(dsa, since + patience, status);

	if (ret == -ETIMEDOUT)
		return uvdk_fail(ret, LOG_NAME, "%s: command %u (%s) did not end within %u s",
				 dsa->name, dsa->cmd, dsa_pmd_command_name(dsa->cmd),
				 (unsigned int)(patience / 1000000000));
	if (!ret)
		note_idle(dsa, *status);

	return ret;
}

int dsa_pmd_command(struct dsa *dsa, enum dsa_cmd cmd, uint32_t operand, unsigned int *result)
{
	uint64_t status = 0;
	int ret;

	if (dsa->broken)
		return uvdk_fail(-ETIMEDOUT, LOG_NAME, "%s has stopped to answer: no command %u",
				 dsa->name, cmd);
	ret = wait_for_end(dsa, &status);
	if (!ret)
		ret = give(dsa, cmd, operand);
	if (!ret)
		ret = wait_for_end(dsa, &status);
	if (ret)
		return ret;
	if (result)
		*result = DSA_CMDSTS_RESULT(status);

	return check_status(dsa, cmd, operand, status);
}

/* ---- and without waiting ---- */

int dsa_pmd_ask(struct dsa_chan *c, enum dsa_cmd cmd)
{
	struct dsa *dsa = c->dsa;
	uint64_t status = 0;
	int ret = uvdk_region_read(&dsa->regs, DSA_CMDSTS, 4, &status);

	if (ret)
		return ret;
	if (status & DSA_CMDSTS_ACTIVE)
		return -EBUSY;
	note_idle(dsa, status);
	ret = give(dsa, cmd, DSA_WQ_OPERAND(c->wq));
	if (ret)
		return ret;
	dsa->asker = c;
	c->ask = cmd;
	c->ask_ended = false;

	return 0;
}

int dsa_pmd_answer(struct dsa_chan *c)
{
	struct dsa *dsa = c->dsa;
	enum dsa_cmd cmd = c->ask;
	uint64_t status = 0;
	int ret = 0;

	if (!c->ask_ended)
		ret = uvdk_region_read(&dsa->regs, DSA_CMDSTS, 4, &status);
	if (ret)
		return ret;
	if (!c->ask_ended && status & DSA_CMDSTS_ACTIVE)
		return -EINPROGRESS;
	if (!c->ask_ended)
		note_idle(dsa, status);
	c->ask = 0;

	return check_status(dsa, cmd, DSA_WQ_OPERAND(c->wq), c->ask_status);
}

void dsa_pmd_ask_no_more(struct dsa_chan *c)
{
	if (c->dsa->asker == c)
		c->dsa->asker = NULL;
	c->ask = 0;
}

void dsa_pmd_give_up(struct dsa *dsa)
{
	dsa->broken = true;
	if (uvdk_device_gone(dsa->dev))
		return;
	uvdk_device_set_command(dsa->dev, 0, UVDK_PCI_COMMAND_MASTER);
	uvdk_log(UVDK_LOG_WARN, LOG_NAME, "%s: it does not answer: its bus master is off now",
		 dsa->name);
}

/* A state other than disabled means that it lies about having been reset. */
static int check_state(struct dsa *dsa)
{
	uint64_t state = 0;
	int ret = uvdk_region_read(&dsa->regs, DSA_GENSTS, 4, &state);

	if (ret)
		return ret;
	if ((state & DSA_GENSTS_STATE) != DSA_DISABLED)
		return uvdk_fail(-EPROTO, LOG_NAME, "%s: after a reset its state is 0x%" PRIx64,
				 dsa->name, state);

	return 0;
}

static int soft_reset(struct dsa *dsa)
{
	uint64_t state = 0;
	int ret = uvdk_region_read(&dsa->regs, DSA_GENSTS, 4, &state);

	if (ret)
		return ret;
	if ((state & DSA_GENSTS_STATE) == DSA_HALTED)
		return -EAGAIN; /* only a function reset is sure to help */
	/* What a process before left is not waited for. */
	if ((state & DSA_GENSTS_STATE) == DSA_ENABLED &&
	    dsa_pmd_has_command(dsa, DSA_CMD_ABORT_ALL)) {
		ret = dsa_pmd_command(dsa, DSA_CMD_ABORT_ALL, 0, NULL);
		if (ret == -ENODEV || ret == -ETIMEDOUT)
			return ret;
	}
	ret = dsa_pmd_command(dsa, DSA_CMD_RESET_DEVICE, 0, NULL);

	return ret ? ret : check_state(dsa);
}

int dsa_pmd_reset(struct dsa *dsa)
{
	int ret, flr;

	uvdk_log_hush(true);
	ret = soft_reset(dsa);
	uvdk_log_hush(false);
	if (!ret || ret == -ENODEV)
		return ret;
	uvdk_device_set_command(dsa->dev, 0, UVDK_PCI_COMMAND_MASTER);
	flr = uvdk_device_reset(dsa->dev);
	if (flr == -ENODEV)
		return flr;
	ret = soft_reset(dsa);
	if (ret == -EAGAIN)
		ret = uvdk_fail(-EPROTO, LOG_NAME, "%s: it is halted, and no reset brings it back",
				dsa->name);

	return ret;
}
