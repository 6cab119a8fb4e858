// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "emu_virtio_priv.h"

static const char *const common[UVDK_EMU_VIRTIO_EVILS] = {
	[UVDK_EMU_VIRTIO_CAP_LOOP] = "cap-loop",
	[UVDK_EMU_VIRTIO_CAP_TRUNCATED] = "cap-truncated",
	[UVDK_EMU_VIRTIO_CAP_SHORT] = "cap-short",
	[UVDK_EMU_VIRTIO_CAP_BAR] = "cap-bar",
	[UVDK_EMU_VIRTIO_CAP_RANGE] = "cap-range",
	[UVDK_EMU_VIRTIO_CAP_MISSING] = "cap-missing",
	[UVDK_EMU_VIRTIO_QUEUE_SIZE_0] = "queue-size-0",
	[UVDK_EMU_VIRTIO_QUEUE_SIZE_HUGE] = "queue-size-huge",
	[UVDK_EMU_VIRTIO_QUEUE_SIZE_ODD] = "queue-size-odd",
	[UVDK_EMU_VIRTIO_NO_VERSION1] = "no-version1",
	[UVDK_EMU_VIRTIO_FEATURES_OK] = "features-ok",
	[UVDK_EMU_VIRTIO_RESET_STUCK] = "reset-stuck",
	[UVDK_EMU_VIRTIO_NOTIFY_RANGE] = "notify-range",
	[UVDK_EMU_VIRTIO_USED_IDX] = "used-idx",
	[UVDK_EMU_VIRTIO_USED_ID] = "used-id",
	[UVDK_EMU_VIRTIO_USED_TWICE] = "used-twice",
	[UVDK_EMU_VIRTIO_USED_LEN] = "used-len",
	[UVDK_EMU_VIRTIO_USED_SHORT] = "used-short",
	[UVDK_EMU_VIRTIO_NEEDS_RESET] = "needs-reset",
	[UVDK_EMU_VIRTIO_HANG] = "hang",
};

static int find(const char *const *names, unsigned int count, const char *name, size_t len)
{
	for (unsigned int i = 0; i < count; i++)
		if (strlen(names[i]) == len && !memcmp(names[i], name, len))
			return (int)i;

	return -1;
}

UVDK_EXPORT int uvdk_emu_virtio_parse_evil(const char *text, const char *const *own,
					   unsigned int count, const char *log, uint64_t *evil)
{
	uint64_t mask = 0;

	while (*text) {
		size_t len = strcspn(text, "+");
		int i = find(common, UVDK_EMU_VIRTIO_EVILS, text, len);

		if (i < 0) {
			i = find(own, count, text, len);
			if (i >= 0)
				i += UVDK_EMU_VIRTIO_EVILS;
		}
		if (i < 0)
			return uvdk_fail(-EINVAL, log,
					 "evil=%s: there is no misbehaviour of that name; the "
					 "header of the model's control lists them",
					 text);
		mask |= UINT64_C(1) << i;
		text += len;
		text += *text == '+';
	}
	*evil = mask;

	return 0;
}
