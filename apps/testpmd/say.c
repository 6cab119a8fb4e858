// SPDX-License-Identifier: BSD-3-Clause
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app.h"

/* Main thread only. */
static char why[512];

void complain(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("uvdk-testpmd: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

int refuse(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);

	return err;
}

const char *reason(int err)
{
	static char text[sizeof(why)];

	if (*why) {
		memcpy(text, why, sizeof(text));
		*why = '\0';
		return text;
	}

	return *uvdk_last_error() ? uvdk_last_error() : strerror(-err);
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}
