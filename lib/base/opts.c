// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include <uvdk_base_driver.h>

/* None is ever as large: a size beyond it was never set, and following it could fault. */
#define OPTS_MAX 4096

UVDK_EXPORT int uvdk_opts_copy(void *to, size_t size, const void *from, const char *what)
{
	const unsigned char *bytes = from;
	size_t given;

	if (!from)
		return 0;
	memcpy(&given, from, sizeof(given));
	if (given < sizeof(given) || given > OPTS_MAX)
		return uvdk_fail(-EINVAL, "base", "%s.size is %zu; set it to sizeof(struct %s)",
				 what, given, what);
	for (size_t i = size; i < given; i++)
		if (bytes[i])
			return uvdk_fail(-EINVAL, "base",
					 "%s has options that this version (%s) does not know",
					 what, UVDK_VERSION);
	memcpy(to, from, given < size ? given : size);
	memcpy(to, &size, sizeof(size));

	return 0;
}
