// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <time.h>

#include "edu_priv.h"

#define TIMEOUT_NS  UINT64_C(5000000000) /* QEMU takes 0.1 s a transfer */
#define CLOCK_POLLS 64			 /* polls between two looks at the clock */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int edu_transfer_start(struct edu *edu, uint64_t src, uint64_t dst, uint64_t cmd)
{
	int ret = uvdk_region_write(&edu->bar, EDU_DMA_SRC, 8, src);

	if (!ret)
		ret = uvdk_region_write(&edu->bar, EDU_DMA_DST, 8, dst);
	if (!ret)
		ret = uvdk_region_write(&edu->bar, EDU_DMA_COUNT, 8, edu->chunk);
	if (!ret) {
		uvdk_io_wmb();
		ret = uvdk_region_write(&edu->bar, EDU_DMA_CMD, 8, cmd | EDU_CMD_START);
	}
	edu->polls = 0;
	edu->deadline = now_ns() + TIMEOUT_NS;

	return ret;
}

int edu_transfer_poll(struct edu *edu)
{
	uint64_t cmd;
	int ret;

	ret = uvdk_region_read(&edu->bar, EDU_DMA_CMD, 8, &cmd);
	if (ret)
		return ret;
	if (cmd & ~(uint64_t)EDU_CMD_KNOWN)
		return uvdk_fail(-EPROTO, LOG_NAME, "%s: its command register reads 0x%llx",
				 edu->name, (unsigned long long)cmd);
	if (!(cmd & EDU_CMD_START)) {
		uvdk_io_rmb();
		return 1;
	}
	if (++edu->polls % CLOCK_POLLS == 0 && now_ns() > edu->deadline)
		return uvdk_fail(-ETIMEDOUT, LOG_NAME,
				 "%s: a transfer of %zu bytes did not end within %u s", edu->name,
				 edu->chunk, (unsigned int)(TIMEOUT_NS / 1000000000));

	return 0;
}

void edu_recover(struct edu *edu)
{
	uint64_t cmd = EDU_CMD_START;
	int ret = uvdk_device_reset(edu->dev);

	if (!ret)
		ret = uvdk_region_read(&edu->bar, EDU_DMA_CMD, 8, &cmd);
	if (!ret && !(cmd & ~(uint64_t)EDU_CMD_TO_RAM))
		return;
	if (ret == -ENODEV)
		return;
	edu->broken = true;
	uvdk_device_set_command(edu->dev, 0, UVDK_PCI_COMMAND_MASTER);
	uvdk_log(UVDK_LOG_ERR, LOG_NAME,
		 "%s: can't be reset, so its bus master is off and every copy fails", edu->name);
}

int edu_check_identity(struct edu *edu)
{
	const uint32_t probe = 0x5ca1ab1e;
	uint64_t id, answer;
	int ret;

	ret = uvdk_region_read(&edu->bar, EDU_ID, 4, &id);
	if (ret)
		return ret;
	if ((id & EDU_ID_MASK) != EDU_ID_V1)
		return uvdk_fail(-EPROTO, LOG_NAME,
				 "%s: its identification is 0x%08llx, and 0x01rr00ed is known",
				 edu->name, (unsigned long long)id);
	ret = uvdk_region_write(&edu->bar, EDU_LIVENESS, 4, probe);
	if (!ret)
		ret = uvdk_region_read(&edu->bar, EDU_LIVENESS, 4, &answer);
	if (ret)
		return ret;
	if (answer != (uint32_t)~probe)
		return uvdk_fail(-EPROTO, LOG_NAME, "%s: does not answer its liveness check",
				 edu->name);

	return 0;
}

int edu_wait_idle(struct edu *edu)
{
	int ret;

	edu->polls = 0;
	edu->deadline = now_ns() + TIMEOUT_NS;
	do {
		ret = edu_transfer_poll(edu);
	} while (ret == 0);
	if (ret > 0)
		return 0;
	if (ret == -ENODEV)
		return ret;
	edu_recover(edu);

	return edu->broken ? -EPROTO : 0;
}
