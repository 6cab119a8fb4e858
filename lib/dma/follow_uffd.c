// SPDX-License-Identifier: BSD-3-Clause
/*
 * userfaultfd(2) for its events alone. Ranges are registered for write
 * protection, and nothing is ever write-protected, so that no page fault waits
 * for us. Linux 6.7 knows UFFD_FEATURE_WP_ASYNC: such a registration is taken
 * for every mapping that can become writable.
 *
 * UFFD_FEATURE_EVENT_FORK is not asked for: without it the kernel takes the
 * child's copies out of the registration by itself.
 */
#include "follow_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not in the headers of older systems; include/uapi/linux/userfaultfd.h. */
#define FOLLOW_WP_HUGETLBFS_SHMEM (1ull << 12) /* Linux 5.19 */
#define FOLLOW_WP_ASYNC		  (1ull << 15) /* Linux 6.7 */
#define FOLLOW_IOC_NEW		  _IO(0xAA, 0x00)
#define FOLLOW_USER_MODE_ONLY	  1

#define FOLLOW_FEATURES                                                                          \
	(UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_EVENT_REMAP | UFFD_FEATURE_EVENT_REMOVE | \
	 UFFD_FEATURE_EVENT_UNMAP)

static int device_open(void)
{
	int fd, dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);

	if (dev < 0)
		return -1;
	fd = ioctl(dev, FOLLOW_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
	close(dev);

	return fd;
}

/* Faults of the kernel's are of no interest, so the call that needs no privilege comes first. */
static int plain_open(void)
{
	int err, fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | FOLLOW_USER_MODE_ONLY);

	if (fd < 0 && errno == EINVAL) /* Linux before 5.11 */
		fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	err = -errno;
	if (fd < 0)
		fd = device_open();
	if (fd >= 0)
		return fd;
	if (err == -ENOSYS)
		return uvdk_fail(-ENOSYS, FOLLOW_COMPONENT,
				 "memory cannot be followed: the kernel has no userfaultfd; build "
				 "it with CONFIG_USERFAULTFD, or allow the system call in the "
				 "seccomp filter");
	if (err == -EPERM || err == -EACCES)
		return uvdk_fail(-EPERM, FOLLOW_COMPONENT,
				 "memory cannot be followed: userfaultfd is not permitted; allow "
				 "the system call in the seccomp filter, or give access to "
				 "/dev/userfaultfd");

	return uvdk_fail(err, FOLLOW_COMPONENT, "memory cannot be followed: userfaultfd: %s",
			 strerror(-err));
}

int follow_uffd_open(bool *files)
{
	static const uint64_t more[] = {FOLLOW_WP_ASYNC, FOLLOW_WP_HUGETLBFS_SHMEM, 0};
	struct uffdio_api api;
	int fd = plain_open();

	if (fd < 0)
		return fd;
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		api = (struct uffdio_api){.api = UFFD_API, .features = FOLLOW_FEATURES | more[i]};
		if (!ioctl(fd, UFFDIO_API, &api)) {
			*files = more[i] == FOLLOW_WP_ASYNC;
			return fd;
		}
	}
	close(fd);

	return uvdk_fail(
		-EOPNOTSUPP, FOLLOW_COMPONENT,
		"memory cannot be followed: this kernel's userfaultfd lacks write "
		"protection (x86-64: Linux 5.7, arm64: Linux 6.10) or the events of unmap, "
		"remap and remove (Linux 4.11)");
}

static int refused(int err, bool files, uintptr_t addr, size_t len)
{
	switch (err) {
	case EBUSY:
		return uvdk_fail(-EBUSY, FOLLOW_COMPONENT,
				 "%zu bytes at %#zx cannot be followed: another userfaultfd of the "
				 "process has some of it, and a mapping takes one",
				 len, (size_t)addr);
	case ENOMEM:
		return uvdk_fail(-ENOMEM, FOLLOW_COMPONENT,
				 "%zu bytes at %#zx cannot be followed: part of it is not mapped, "
				 "or the kernel has no memory",
				 len, (size_t)addr);
	case EPERM:
		return uvdk_fail(-EOPNOTSUPP, FOLLOW_COMPONENT,
				 "%zu bytes at %#zx cannot be followed: a shared mapping of a file "
				 "that is open for reading only; map it privately",
				 len, (size_t)addr);
	case EINVAL:
		if (files)
			return uvdk_fail(-EINVAL, FOLLOW_COMPONENT,
					 "%zu bytes at %#zx cannot be followed: hugepages are "
					 "followed whole, or the kernel does not follow this kind "
					 "of mapping",
					 len, (size_t)addr);
		return uvdk_fail(-EOPNOTSUPP, FOLLOW_COMPONENT,
				 "%zu bytes at %#zx cannot be followed: before Linux 6.7 only "
				 "anonymous memory, shared memory and whole hugepages are",
				 len, (size_t)addr);
	}

	return uvdk_fail(-err, FOLLOW_COMPONENT, "%zu bytes at %#zx cannot be followed: %s", len,
			 (size_t)addr, strerror(err));
}

int follow_uffd_register(int uffd, bool files, uintptr_t addr, size_t len)
{
	struct uffdio_register reg = {.range = {addr, len}, .mode = UFFDIO_REGISTER_MODE_WP};

	/* To register is to skip holes; this call has no other effect than to find them. */
	if (msync((void *)addr, len, MS_ASYNC))
		return refused(errno, files, addr, len);
	if (ioctl(uffd, UFFDIO_REGISTER, &reg))
		return refused(errno, files, addr, len);

	return 0;
}

/*
 * The kernel counts the calls that have changed mappings and whose events are
 * not read, and refuses this ioctl meanwhile. To take away a protection that is
 * not there does nothing.
 */
void follow_uffd_settle(int uffd, const void *home)
{
	struct uffdio_writeprotect wp = {.range = {(uintptr_t)home, (size_t)sysconf(_SC_PAGESIZE)}};

	while (ioctl(uffd, UFFDIO_WRITEPROTECT, &wp) && errno == EAGAIN)
		sched_yield();
}
