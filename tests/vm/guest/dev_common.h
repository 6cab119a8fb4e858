/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEV_COMMON_H
#define DEV_COMMON_H

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uvdk_iommu.h>

/* A check that failed ends the program: the VM test shows what it printed. */
#define CHECK(cond, ...)                                                         \
	do {                                                                     \
		if (!(cond)) {                                                   \
			printf("FAILED %s:%d: %s: ", __FILE__, __LINE__, #cond); \
			printf(__VA_ARGS__);                                     \
			printf(" [%s]\n", uvdk_last_error());                    \
			exit(1);                                                 \
		}                                                                \
	} while (0)

#define CHECK_EQ(call, want)                                    \
	do {                                                    \
		long long got_ = (long long)(call);             \
		CHECK(got_ == (long long)(want), "%lld", got_); \
	} while (0)

/* The call must fail so; its sentence is printed, and must not be empty. */
#define CHECK_ERR(call, want)                                                      \
	do {                                                                       \
		CHECK_EQ(call, want);                                              \
		CHECK(*uvdk_last_error(), "no sentence");                          \
		printf("  %s: %s\n", strerrorname_np(-(want)), uvdk_last_error()); \
	} while (0)

static inline unsigned int count_lines(const char *path)
{
	unsigned int count = 0;
	FILE *f = fopen(path, "re");
	int c;

	CHECK(f, "%s", path);
	while ((c = getc(f)) != EOF)
		count += c == '\n';
	fclose(f);
	return count;
}

static inline unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	CHECK(dir, "/proc/self/fd");
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static inline bool readable_within(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

/* The count of an eventfd; waits for it. */
static inline uint64_t take_count(int fd)
{
	uint64_t count = 0;

	CHECK(readable_within(fd, 5000), "no interrupt");
	CHECK_EQ(read(fd, &count, sizeof(count)), sizeof(count));
	return count;
}

#endif /* DEV_COMMON_H */
