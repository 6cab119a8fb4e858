// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "viommu.h"

/* What a device answers (5.13.6). */

static const struct {
	int err;
	const char *text;
} statuses[] = {
	[0] = {0, "OK (0)"},
	[1] = {-EIO, "IOERR (1): virtio's rings failed underneath"},
	[2] = {-EOPNOTSUPP, "UNSUPP (2): it has no such request"},
	[3] = {-EREMOTEIO, "DEVERR (3): it failed inside"},
	[4] = {-EINVAL, "INVAL (4): a field of the request makes no sense to it"},
	[5] = {-ERANGE,
	       "RANGE (5): an address or a number beyond what it can take, or part of a map"},
	[6] = {-ENOENT, "NOENT (6): no such domain or endpoint"},
	[7] = {-EFAULT, "FAULT (7): it could not read or write the request"},
	[8] = {-ENOMEM, "NOMEM (8): it has no room left"},
};

#define STATUSES (sizeof(statuses) / sizeof(statuses[0]))

int viommu_errno(uint8_t status)
{
	return status < STATUSES ? statuses[status].err : -EPROTO;
}

const char *viommu_status_text(uint8_t status)
{
	return status < STATUSES ? statuses[status].text : "a status that does not exist";
}

const char *viommu_errno_text(int err)
{
	if (err == -EPROTO)
		return viommu_status_text(STATUSES);
	for (unsigned int i = 0; i < STATUSES; i++)
		if (statuses[i].err == err)
			return statuses[i].text;

	return NULL;
}
