// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vfio_sim.h"

/* The layout of what passes through a fault queue, from Linux's headers. */
struct pgfault {
	uint32_t flags; /* bit 0: has a PASID; bit 1: last of its group */
	uint32_t dev_id;
	uint32_t pasid;
	uint32_t grpid;
	uint32_t perm;
	uint32_t reserved;
	uint64_t addr;
	uint32_t length;
	uint32_t cookie;
};

struct sim_faults sim_faults;

ssize_t __real_read(int fd, void *buf, size_t count);
ssize_t __wrap_read(int fd, void *buf, size_t count);
ssize_t __real_write(int fd, const void *buf, size_t count);
ssize_t __wrap_write(int fd, const void *buf, size_t count);

static bool waits(const struct sim_group *group)
{
	return group->cookie && !group->answered;
}

static struct sim_group *by_cookie(uint32_t cookie)
{
	for (unsigned int i = 0; i < sim_faults.count; i++)
		if (waits(&sim_faults.groups[i]) && sim_faults.groups[i].cookie == cookie)
			return &sim_faults.groups[i];
	return NULL;
}

static uint32_t free_cookie(void)
{
	uint32_t cookie = 1;

	while (by_cookie(cookie))
		cookie++;
	return cookie;
}

int sim_fault_alloc(uint32_t *args)
{
	sim_faults.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	cr_assert_geq(sim_faults.fd, 0);
	sim.objects++;
	args[2] = 90;
	args[3] = (uint32_t)sim_faults.fd;
	return 0;
}

void sim_ask(uint32_t pasid, uint32_t index, unsigned int requests)
{
	const uint64_t one = 1;

	sim_faults.groups[sim_faults.count++] =
		(struct sim_group){.pasid = pasid, .index = index, .requests = requests};
	cr_assert_eq(__real_write(sim_faults.fd, &one, sizeof(one)), sizeof(one));
}

void sim_answer_all(uint32_t pasid)
{
	for (unsigned int i = 0; i < sim_faults.count; i++) {
		struct sim_group *group = &sim_faults.groups[i];

		if (group->pasid == pasid && !group->answered) {
			group->answered = true;
			group->code = 1;
		}
	}
}

static size_t hand_out(struct sim_group *group, struct pgfault *out)
{
	group->cookie = free_cookie();
	for (unsigned int i = 0; i < group->requests; i++)
		out[i] = (struct pgfault){.flags = (group->pasid ? 1 : 0) |
						   (i + 1 == group->requests ? 2 : 0),
					  .dev_id = 33,
					  .pasid = group->pasid ? group->pasid : 0xdead,
					  .grpid = group->index,
					  .perm = 5,
					  .addr = UINT64_C(0x1000) * group->index + i,
					  .length = 7,
					  .cookie = group->cookie};
	return group->requests;
}

static ssize_t read_faults(struct pgfault *out, size_t room)
{
	size_t done = 0;
	uint64_t count;
	unsigned int i;

	for (i = 0; i < sim_faults.count; i++) {
		struct sim_group *group = &sim_faults.groups[i];

		if (group->cookie || group->answered)
			continue;
		if (group->requests > room - done)
			break;
		done += hand_out(group, out + done);
	}
	if (i < sim_faults.count)
		return done ? (ssize_t)(done * sizeof(*out)) : -EINVAL;
	if (__real_read(sim_faults.fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -errno;
	return (ssize_t)(done * sizeof(*out));
}

static ssize_t write_answers(const uint32_t (*answers)[2], size_t count)
{
	size_t done;

	for (done = 0; done < count; done++) {
		struct sim_group *group = by_cookie(answers[done][0]);

		if (!group || answers[done][1] > 1)
			return done ? (ssize_t)(done * sizeof(*answers)) : -EINVAL;
		group->answered = true;
		group->code = answers[done][1];
	}
	return (ssize_t)(done * sizeof(*answers));
}

static ssize_t result(ssize_t ret)
{
	if (ret >= 0)
		return ret;
	errno = (int)-ret;
	return -1;
}

ssize_t __wrap_read(int fd, void *buf, size_t count)
{
	int err = sim_faults.fail_read;

	if (fd != sim_faults.fd || count == sizeof(uint64_t))
		return __real_read(fd, buf, count);
	sim_faults.reads++;
	sim_faults.fail_read = 0;
	return result(err ? -err : read_faults(buf, count / sizeof(struct pgfault)));
}

ssize_t __wrap_write(int fd, const void *buf, size_t count)
{
	int err = sim_faults.fail_write;

	if (fd != sim_faults.fd)
		return __real_write(fd, buf, count);
	sim_faults.writes++;
	sim_faults.fail_write = 0;
	return result(err ? -err : write_answers(buf, count / 8));
}
