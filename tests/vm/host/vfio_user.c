// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <linux/vfio.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "vfio_user.h"

enum command {
	CMD_VERSION = 1,
	CMD_DMA_MAP = 2,
	CMD_DMA_UNMAP = 3,
	CMD_GET_INFO = 4,
	CMD_GET_REGION_INFO = 5,
	CMD_GET_IRQ_INFO = 7,
	CMD_SET_IRQS = 8,
	CMD_REGION_READ = 9,
	CMD_REGION_WRITE = 10,
	CMD_RESET = 13,
};

#define FLAG_REPLY    0x01
#define FLAG_NO_REPLY 0x10
#define FLAG_ERROR    0x20

/* The longest transfer; it goes into the version reply, too. */
#define MAX_DATA     4096
#define CAPABILITIES "{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":4096}}"
#define MAX_FDS	     8

struct header {
	uint16_t id;
	uint16_t command;
	uint32_t size; /* of header and body */
	uint32_t flags;
	uint32_t error;
};

struct version {
	uint16_t major;
	uint16_t minor;
	char data[sizeof(CAPABILITIES)];
};

struct transfer {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
	uint8_t data[MAX_DATA];
};

#define TRANSFER_HEADER offsetof(struct transfer, data)

/* A command's body comes in here, and its reply's body goes out. */
union body {
	struct version version;
	struct vfio_device_info info;
	struct vfio_region_info region;
	struct vfio_irq_info irq;
	struct vfio_irq_set irq_set;
	struct transfer transfer;
	uint8_t bytes[8192];
};

struct message {
	struct header header;
	uint32_t len; /* of the body */
	int fds[MAX_FDS];
	unsigned int nr_fds;
	union body body; /* last: one of its structs ends in an array without a length */
};

_Static_assert(sizeof(struct header) == 16, "message header");
_Static_assert(TRANSFER_HEADER == 16, "REGION_READ and REGION_WRITE");

/* ---- the socket ---- */

static void keep_fd(struct message *m, int fd)
{
	if (m->nr_fds == MAX_FDS)
		close(fd);
	else
		m->fds[m->nr_fds++] = fd;
}

static void keep_fds(struct message *m, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		unsigned int count = (unsigned int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (unsigned int i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			keep_fd(m, fd);
		}
	}
}

/* Memory of the client's that we have no use for, and interrupts that nobody took. */
static void close_fds(struct message *m)
{
	while (m->nr_fds)
		close(m->fds[--m->nr_fds]);
}

/* Returns @len, 0 at the end of the stream, or -1. */
static ssize_t receive(int sock, struct message *m, void *buf, size_t len)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(MAX_FDS * sizeof(int))];
	size_t have = 0;

	while (have < len) {
		struct iovec iov = {.iov_base = (char *)buf + have, .iov_len = len - have};
		struct msghdr msg = {.msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = control,
				     .msg_controllen = sizeof(control)};
		ssize_t got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got;
		keep_fds(m, &msg);
		have += (size_t)got;
	}

	return (ssize_t)len;
}

static int receive_message(int sock, struct message *m)
{
	ssize_t got = receive(sock, m, &m->header, sizeof(m->header));

	/* A client that is killed may end the stream with an error. */
	if (got <= 0)
		return 1;
	if (m->header.size < sizeof(m->header) ||
	    m->header.size - sizeof(m->header) > sizeof(m->body)) {
		fprintf(stderr, "vfio-user: command %u of %u bytes\n", m->header.command,
			m->header.size);
		return -1;
	}
	m->len = (uint32_t)(m->header.size - sizeof(m->header));
	if (!m->len)
		return 0;

	return receive(sock, m, &m->body, m->len) > 0 ? 0 : 1;
}

static int send_reply(int sock, struct message *m, int error)
{
	struct iovec iov[] = {{&m->header, sizeof(m->header)}, {&m->body, error ? 0 : m->len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	size_t size = iov[0].iov_len + iov[1].iov_len;
	ssize_t sent;

	if (m->header.flags & FLAG_NO_REPLY)
		return 0;
	m->header.size = (uint32_t)size;
	m->header.flags = FLAG_REPLY | (error ? FLAG_ERROR : 0);
	m->header.error = (uint32_t)error;
	sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
	if (sent == (ssize_t)size)
		return 0;
	if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
		return 1;
	fprintf(stderr, "vfio-user: reply of %zu bytes: %zd, %s\n", size, sent, strerror(errno));

	return -1;
}

/* ---- commands: each returns 0, with the reply's body, or an errno ---- */

static int do_version(struct message *m)
{
	struct version *v = &m->body.version;

	if (m->len < offsetof(struct version, data) || v->major != 0)
		return ENOTSUP;
	/* What we use is in 0.0 already, which QEMU 11 proposes. */
	*v = (struct version){.major = 0, .minor = v->minor ? 1 : 0, .data = CAPABILITIES};
	m->len = offsetof(struct version, data) + sizeof(CAPABILITIES);

	return 0;
}

static int do_info(struct message *m)
{
	m->len = 16;
	m->body.info = (struct vfio_device_info){
		.argsz = m->len,
		.flags = VFIO_DEVICE_FLAGS_RESET | VFIO_DEVICE_FLAGS_PCI,
		.num_regions = VFIO_PCI_NUM_REGIONS,
		.num_irqs = VFIO_PCI_NUM_IRQS,
	};

	return 0;
}

static int do_region_info(struct message *m, const struct vfio_user_ops *ops, void *arg)
{
	struct vfio_region_info *region = &m->body.region;
	uint32_t index = region->index;
	uint64_t size;

	if (m->len < sizeof(*region) || index >= VFIO_PCI_NUM_REGIONS)
		return EINVAL;
	size = ops->region_size(arg, index);
	m->len = sizeof(*region);
	*region = (struct vfio_region_info){
		.argsz = m->len,
		.flags = size ? VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE : 0,
		.index = index,
		.size = size,
	};

	return 0;
}

static int do_irq_info(struct message *m, const struct vfio_user_ops *ops, void *arg)
{
	struct vfio_irq_info *irq = &m->body.irq;
	uint32_t index = irq->index;

	if (m->len < sizeof(*irq) || index >= VFIO_PCI_NUM_IRQS)
		return EINVAL;
	m->len = sizeof(*irq);
	*irq = (struct vfio_irq_info){.argsz = m->len, .index = index};
	if (index == VFIO_PCI_MSIX_IRQ_INDEX && ops->vectors(arg)) {
		irq->flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
		irq->count = ops->vectors(arg);
	}

	return 0;
}

/* Each has its eventfd with the message, or none has; of no vectors: all are off. */
static int do_set_irqs(struct message *m, const struct vfio_user_ops *ops, void *arg)
{
	struct vfio_irq_set set = m->body.irq_set;
	uint32_t have = ops->vectors(arg);

	if (m->len < sizeof(set))
		return EINVAL;
	m->len = 0;
	if (set.index != VFIO_PCI_MSIX_IRQ_INDEX ||
	    !(set.flags & VFIO_IRQ_SET_ACTION_TRIGGER)) /* masks are the client's */
		return 0;
	if (set.start > have || set.count > have - set.start ||
	    (m->nr_fds && m->nr_fds != set.count))
		return EINVAL;
	if (!set.count)
		set.count = have - set.start;
	for (uint32_t i = 0; i < set.count; i++)
		ops->set_vector(arg, set.start + i, m->nr_fds ? m->fds[i] : -1);
	m->nr_fds = 0;

	return 0;
}

static int do_read(struct message *m, const struct vfio_user_ops *ops, void *arg)
{
	struct transfer *t = &m->body.transfer;

	if (m->len != TRANSFER_HEADER || t->count > MAX_DATA ||
	    !ops->read(arg, t->region, t->offset, t->count, t->data))
		return EINVAL;
	m->len += t->count;

	return 0;
}

static int do_write(struct message *m, const struct vfio_user_ops *ops, void *arg)
{
	struct transfer *t = &m->body.transfer;

	if (m->len < TRANSFER_HEADER || t->count > MAX_DATA ||
	    m->len - TRANSFER_HEADER != t->count ||
	    !ops->write(arg, t->region, t->offset, t->count, t->data))
		return EINVAL;
	m->len = TRANSFER_HEADER;

	return 0;
}

static int obey(struct message *m, const struct vfio_user_ops *ops, void *arg)
{
	switch (m->header.command) {
	case CMD_VERSION:
		return do_version(m);
	case CMD_DMA_UNMAP: /* the reply repeats the request */
		return 0;
	case CMD_DMA_MAP:
		m->len = 0;
		return 0;
	case CMD_SET_IRQS:
		return do_set_irqs(m, ops, arg);
	case CMD_GET_INFO:
		return do_info(m);
	case CMD_GET_REGION_INFO:
		return do_region_info(m, ops, arg);
	case CMD_GET_IRQ_INFO:
		return do_irq_info(m, ops, arg);
	case CMD_REGION_READ:
		return do_read(m, ops, arg);
	case CMD_REGION_WRITE:
		return do_write(m, ops, arg);
	case CMD_RESET:
		ops->reset(arg);
		m->len = 0;
		return 0;
	default:
		return ENOTSUP;
	}
}

int vfio_user_serve(int sock, const struct vfio_user_ops *ops, void *arg)
{
	struct message m = {0};
	int ret = receive_message(sock, &m);

	if (!ret)
		ret = send_reply(sock, &m, obey(&m, ops, arg));
	close_fds(&m);

	return ret;
}
