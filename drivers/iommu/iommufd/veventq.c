// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "iommufd_priv.h"

/* Events of a vIOMMU: a descriptor that is read without waiting, and hands out whole events. */

#define READ_MAX 256 /* records */

struct iofd_veventq {
	const struct iofd *iofd;
	uint32_t id;
	int fd;
	size_t data_len; /* of each event */
};

static const struct {
	uint32_t type;
	size_t data_len;
} kinds[] = {
	[UVDK_VEVENTQ_SMMUV3] = {IOFD_VEVENTQ_SMMUV3, 32},
	[UVDK_VEVENTQ_TEGRA241] = {IOFD_VEVENTQ_TEGRA241, 16},
	[UVDK_VEVENTQ_SELFTEST] = {IOFD_VEVENTQ_SELFTEST, 4},
};

static int explain_create(int err)
{
	if (err == -EEXIST)
		return uvdk_fail(err, IOFD, "the vIOMMU has an event queue of this type already");
	if (err == -ENOTTY || err == -EOPNOTSUPP)
		return uvdk_fail(-EOPNOTSUPP, IOFD,
				 "the kernel has no event queues of this type: they need Linux "
				 "6.15, and nested tables of VT-d and AMD have none");

	return uvdk_fail(err, IOFD, "making an event queue: %s", strerror(-err));
}

int iofd_veventq_create(void *viommu_priv, enum uvdk_veventq_type type, unsigned int depth,
			void **queue_priv)
{
	struct iofd_viommu *viommu = viommu_priv;
	struct iofd_veventq_alloc alloc = {.size = sizeof(alloc),
					   .viommu_id = viommu->id,
					   .type = kinds[type].type,
					   .veventq_depth = depth};
	struct iofd_veventq *queue = calloc(1, sizeof(*queue));
	int ret;

	if (!queue)
		return uvdk_fail(-ENOMEM, IOFD, "no memory for an event queue");
	ret = iofd_ioctl(viommu->iofd->fd, IOFD_VEVENTQ_ALLOC, &alloc);
	if (ret) {
		free(queue);
		return explain_create(ret);
	}
	*queue = (struct iofd_veventq){.iofd = viommu->iofd,
				       .id = alloc.out_veventq_id,
				       .fd = (int)alloc.out_veventq_fd,
				       .data_len = kinds[type].data_len};
	*queue_priv = queue;

	return 0;
}

/* The descriptor holds the object. */
void iofd_veventq_destroy(void *queue_priv)
{
	struct iofd_veventq *queue = queue_priv;

	close(queue->fd);
	iofd_object_destroy(queue->iofd, queue->id, "event queue");
	free(queue);
}

int iofd_veventq_fd(void *queue_priv)
{
	const struct iofd_veventq *queue = queue_priv;

	return queue->fd;
}

static int broken(const char *what)
{
	return uvdk_fail(-EIO, IOFD, "the kernel's event queue: %s", what);
}

/* A header, and what belongs to it; bytes taken, or negative errno. */
static int take(const struct iofd_veventq *queue, const char *from, size_t len,
		struct uvdk_vevent_record *out)
{
	struct iofd_vevent_header header;

	if (len < sizeof(header))
		return broken("it ends within a header");
	memcpy(&header, from, sizeof(header));
	if (header.flags & ~IOFD_VEVENT_LOST)
		return broken("flags of a later kernel");
	*out = (struct uvdk_vevent_record){.tail = header.flags & IOFD_VEVENT_LOST,
					   .sequence = header.sequence};
	if (out->tail)
		return sizeof(header);
	if (len - sizeof(header) < queue->data_len)
		return broken("it ends within an event");
	memcpy(out->data, from + sizeof(header), queue->data_len);

	return (int)(sizeof(header) + queue->data_len);
}

/* A header may stand alone, so that as many headers as fit are as many records. */
int iofd_veventq_read(void *queue_priv, struct uvdk_vevent_record *out, unsigned int max)
{
	char buffer[READ_MAX * sizeof(struct iofd_vevent_header)];
	struct iofd_veventq *queue = queue_priv;
	size_t want = max < READ_MAX ? max : READ_MAX;
	ssize_t len = read(queue->fd, buffer, want * sizeof(struct iofd_vevent_header)), at = 0;
	unsigned int n = 0;
	int step;

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (len < 0)
		return uvdk_fail(-errno, IOFD, "reading events: %s", strerror(errno));
	for (; at < len; at += step) {
		step = take(queue, buffer + at, (size_t)(len - at), &out[n]);
		if (step < 0)
			return step;
		n++;
	}

	return (int)n;
}
