// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <uvdk_fault_driver.h>

#include "iommufd_priv.h"

/*
 * A fault queue of the kernel's: a descriptor that is read without waiting. It
 * hands out whole groups, and EINVAL where the first one does not fit. What was
 * read is the caller's until it is answered by its cookie, or until the kernel
 * answers it itself because the device is detached; then the cookie is free.
 */

/* Groups of more requests than this the kernel keeps to itself. */
#define REQUESTS_MAX (1u << 17)
#define REPLIES	     64

struct iofd_faultq {
	struct iofd *iofd;
	uint32_t id;
	int fd;
	struct iofd_pgfault *read; /* what the caller had no room for: from @at to @count */
	unsigned int room, count, at;
};

static int explain_alloc(int err)
{
	if (err == -ENOTTY || err == -EOPNOTSUPP)
		return uvdk_fail(-EOPNOTSUPP, IOFD,
				 "the kernel has no fault queues: they need Linux 6.11 and an I/O "
				 "MMU driver with page requests");

	return uvdk_fail(err, IOFD, "making a fault queue: %s", strerror(-err));
}

static void destroy_id(const struct iofd *iofd, uint32_t id)
{
	struct iofd_destroy destroy = {.size = sizeof(destroy), .id = id};
	int ret = iofd_ioctl(iofd->fd, IOFD_DESTROY, &destroy);

	if (ret)
		uvdk_log(UVDK_LOG_WARN, IOFD, "fault queue %u outlives its owner: %s", id,
			 strerror(-ret));
}

static int faultq_create(void *priv, void **faultq_priv)
{
	struct iofd_fault_alloc alloc = {.size = sizeof(alloc)};
	struct iofd_faultq *q = calloc(1, sizeof(*q));
	struct iofd *iofd = priv;
	int ret;

	if (!q)
		return uvdk_fail(-ENOMEM, IOFD, "no memory for a fault queue");
	ret = iofd_ioctl(iofd->fd, IOFD_FAULT_ALLOC, &alloc);
	if (ret) {
		free(q);
		return explain_alloc(ret);
	}

	*q = (struct iofd_faultq){
		.iofd = iofd, .id = alloc.out_fault_id, .fd = (int)alloc.out_fault_fd};
	*faultq_priv = q;
	return 0;
}

/* The descriptor holds the object. */
static void faultq_destroy(void *faultq_priv)
{
	struct iofd_faultq *q = faultq_priv;

	close(q->fd);
	destroy_id(q->iofd, q->id);
	free(q->read);
	free(q);
}

static int faultq_fd(void *faultq_priv)
{
	const struct iofd_faultq *q = faultq_priv;

	return q->fd;
}

static int make_room(struct iofd_faultq *q, unsigned int room)
{
	struct iofd_pgfault *grown;

	if (room <= q->room)
		return 0;
	grown = reallocarray(q->read, room, sizeof(*grown));
	if (!grown)
		return uvdk_fail(-ENOMEM, IOFD, "no memory for a group of %u page requests", room);
	q->read = grown;
	q->room = room;
	return 0;
}

/* As many as the caller wants, or else one group. */
static ssize_t read_some(struct iofd_faultq *q, unsigned int want)
{
	ssize_t n;
	int err;

	for (;;) {
		err = make_room(q, want);
		if (err)
			return err;
		n = read(q->fd, q->read, want * sizeof(*q->read));
		if (n >= 0)
			return n;
		if (errno != EINVAL || want >= REQUESTS_MAX)
			return -errno;
		want *= 2;
	}
}

static int refill(struct iofd_faultq *q, unsigned int want)
{
	ssize_t n = read_some(q, want);

	q->at = 0;
	q->count = 0;
	if (n == -EAGAIN || n == -EINTR)
		return 0;
	if (n == -ENOMEM)
		return -ENOMEM;
	if (n < 0)
		return uvdk_fail((int)n, IOFD, "reading page requests: %s", strerror((int)-n));

	q->count = (unsigned int)((size_t)n / sizeof(*q->read));
	return 0;
}

static unsigned int access_of(uint32_t perm)
{
	return (perm & IOFD_PGFAULT_READ ? UVDK_FAULT_READ : 0) |
	       (perm & IOFD_PGFAULT_WRITE ? UVDK_FAULT_WRITE : 0) |
	       (perm & IOFD_PGFAULT_EXEC ? UVDK_FAULT_EXEC : 0) |
	       (perm & IOFD_PGFAULT_PRIV ? UVDK_FAULT_PRIV : 0);
}

static void convert(const struct iofd_pgfault *from, struct uvdk_fault_record *to)
{
	*to = (struct uvdk_fault_record){
		.fault = {.type = UVDK_FAULT_PAGE_REQUEST,
			  .access = access_of(from->perm),
			  .pasid = from->flags & IOFD_PGFAULT_PASID ? from->pasid : UVDK_PASID_RID,
			  .index = from->grpid,
			  .addr = from->addr,
			  .len = from->length,
			  .last = from->flags & IOFD_PGFAULT_LAST},
		.dev_id = from->dev_id,
		.cookie = from->cookie};
}

static int faultq_read(void *faultq_priv, struct uvdk_fault_record *out, unsigned int max)
{
	struct iofd_faultq *q = faultq_priv;
	unsigned int n = 0;
	int err = q->at == q->count ? refill(q, max) : 0;

	if (err)
		return err;
	while (n < max && q->at < q->count)
		convert(&q->read[q->at++], &out[n++]);

	return (int)n;
}

/* The kernel has answered them: their cookies may be others' by now. */
static unsigned int faultq_forget(void *faultq_priv, uint32_t dev_id, uint32_t pasid)
{
	struct iofd_faultq *q = faultq_priv;
	unsigned int kept = q->at;
	unsigned int groups = 0;

	for (unsigned int i = q->at; i < q->count; i++) {
		const struct iofd_pgfault *fault = &q->read[i];
		uint32_t own = fault->flags & IOFD_PGFAULT_PASID ? fault->pasid : UVDK_PASID_RID;

		if (fault->dev_id == dev_id && (pasid == UVDK_PASID_ALL || pasid == own))
			groups += !!(fault->flags & IOFD_PGFAULT_LAST);
		else
			q->read[kept++] = *fault;
	}
	q->count = kept;

	return groups;
}

/* The kernel stops in front of a cookie that it does not know, with EINVAL if that is the first. */
static unsigned int reply_some(struct iofd_faultq *q, const struct iofd_page_response *from,
			       struct uvdk_fault_reply *replies, unsigned int count)
{
	ssize_t n = write(q->fd, from, count * sizeof(*from));

	if (n >= (ssize_t)sizeof(*from))
		return (unsigned int)((size_t)n / sizeof(*from));
	replies[0].err = n >= 0 ? -EIO : errno == EINVAL ? -ENOENT : -errno;
	return 1;
}

static void reply_batch(struct iofd_faultq *q, struct uvdk_fault_reply *replies, unsigned int count)
{
	struct iofd_page_response responses[REPLIES];

	for (unsigned int i = 0; i < count; i++) {
		replies[i].err = 0;
		responses[i] = (struct iofd_page_response){
			.cookie = replies[i].cookie,
			.code = replies[i].code == UVDK_FAULT_SUCCESS ? IOFD_RESPONSE_SUCCESS
								      : IOFD_RESPONSE_INVALID};
	}
	for (unsigned int done = 0; done < count;)
		done += reply_some(q, &responses[done], &replies[done], count - done);
}

static void faultq_reply(void *faultq_priv, struct uvdk_fault_reply *replies, unsigned int count)
{
	while (count) {
		unsigned int n = count < REPLIES ? count : REPLIES;

		reply_batch(faultq_priv, replies, n);
		replies += n;
		count -= n;
	}
}

uint32_t iofd_faultq_id(const void *faultq_priv)
{
	const struct iofd_faultq *q = faultq_priv;

	return q->id;
}

const struct uvdk_fault_ops iofd_fault_ops = {
	.create = faultq_create,
	.destroy = faultq_destroy,
	.fd = faultq_fd,
	.read = faultq_read,
	.reply = faultq_reply,
	.forget = faultq_forget,
};
