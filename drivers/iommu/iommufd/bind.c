// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "iommufd_priv.h"

#define UUID_BYTES 16

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 9562 text to the bytes in the order of the text. */
static int parse_uuid(const char *text, uint8_t out[UUID_BYTES])
{
	unsigned int count = 0;

	for (; *text && count < UUID_BYTES; text++) {
		if (*text == '-')
			continue;
		if (hex(text[0]) < 0 || hex(text[1]) < 0)
			break;
		out[count++] = (uint8_t)(hex(text[0]) << 4 | hex(text[1]));
		text++;
	}

	return *text || count < UUID_BYTES ? -EINVAL : 0;
}

/*
 * The kernel answers EINVAL when a character device is open already, EBUSY
 * when its group is in use some other way, EPERM when an owner differs or
 * interrupts can't be isolated.
 */
static int explain(const struct iofd *iofd, const struct uvdk_iommu_bind_args *args,
		   const char *token, int err)
{
	int group = iofd_group_of(iofd, args->name);
	char others[512];

	if ((err == -EBUSY || err == -EPERM) &&
	    uvdk_explain_group(iofd->sysfs_root, group, others, sizeof(others)))
		return uvdk_fail(-EPERM, IOFD,
				 "group %d of %s is not viable: bind its other members to vfio-pci "
				 "too, or unbind them: %s",
				 group, args->name, others);
	switch (err) {
	case -EACCES:
		return uvdk_fail(err, IOFD,
				 "%s wants the VF token of its PF's owner: %s (vf_token)",
				 args->name, token ? "another one than given" : "none was given");
	case -EINVAL:
		if (token)
			return uvdk_fail(err, IOFD,
					 "%s takes no VF token here: it is open already, needs "
					 "none, or the kernel is older than 6.17 (iommu type1 can)",
					 args->name);
		/* fall through */
	case -EBUSY:
		return uvdk_fail(-EBUSY, IOFD,
				 "%s is open already, in this process or another (fuser -v "
				 "/dev/vfio/devices/* /dev/vfio/%d)",
				 args->name, group);
	case -EPERM:
		return uvdk_fail(err, IOFD,
				 "%s: group %d belongs to another process, or this platform can't "
				 "isolate interrupts (kernel parameter "
				 "iommufd.allow_unsafe_interrupts=1 accepts that)",
				 args->name, group);
	default:
		return uvdk_fail(err, IOFD, "binding %s to iommufd: %s", args->name,
				 strerror(-err));
	}
}

int iofd_bind(void *priv, const struct uvdk_iommu_bind_args *args,
	      struct uvdk_iommu_binding *binding)
{
	const struct uvdk_device_opts *opts = uvdk_device_opening(args->dev);
	const char *token = opts ? opts->vf_token : NULL;
	struct iofd *iofd = priv;
	uint8_t uuid[UUID_BYTES];
	struct iofd_vfio_bind bind = {.argsz = sizeof(bind), .iommufd = iofd->fd};
	int ret;

	if (token) {
		if (parse_uuid(token, uuid))
			return uvdk_fail(-EINVAL, IOFD, "VF token '%s' is no UUID", token);
		bind.flags = IOFD_VFIO_BIND_TOKEN;
		bind.token_uuid_ptr = (uintptr_t)uuid;
	}

	ret = iofd_ioctl(args->cdev_fd, IOFD_VFIO_BIND, &bind);
	if (ret)
		return explain(iofd, args, token, ret);

	binding->fd = args->cdev_fd;
	binding->id = bind.out_devid;
	return 0;
}

/* The kernel unbinds when the bus closes the character device. */
void iofd_unbind(void *priv, struct uvdk_iommu_binding *binding)
{
	(void)priv;
	binding->fd = -1;
}
