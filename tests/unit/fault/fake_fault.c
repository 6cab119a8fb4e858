// SPDX-License-Identifier: BSD-3-Clause
#include "fake_fault.h"

#include <criterion/criterion.h>
#include <string.h>

#include "../iommu/fake.h"

struct fake_faults fake_faults;

static int create(void *priv, void **faultq_priv)
{
	fake_faults.queues++;
	*faultq_priv = &fake_faults;
	(void)priv;
	return 0;
}

static void destroy(void *faultq_priv)
{
	(void)faultq_priv;
	fake_faults.queues--;
}

static int fd(void *faultq_priv)
{
	(void)faultq_priv;
	return 77;
}

static int take(void *faultq_priv, struct uvdk_fault_record *out, unsigned int max)
{
	unsigned int n = 0;

	(void)faultq_priv;
	if (fake_faults.read_err)
		return fake_faults.read_err;
	while (n < max && fake_faults.head < fake_faults.tail)
		out[n++] = fake_faults.records[fake_faults.head++];
	return (int)n;
}

static void reply(void *faultq_priv, struct uvdk_fault_reply *replies, unsigned int count)
{
	(void)faultq_priv;
	for (unsigned int i = 0; i < count; i++) {
		replies[i].err = fake_faults.reply_err;
		if (!replies[i].err)
			fake_faults.replies[fake_faults.nr_replies++] = replies[i];
	}
}

static const struct uvdk_fault_ops faults = {create, destroy, fd, take, reply};

static int bind_numbered(void *priv, const struct uvdk_iommu_bind_args *args,
			 struct uvdk_iommu_binding *binding)
{
	static uint32_t id;
	int err = fake_ops.bind(priv, args, binding);

	id += 4 * (FAKE_CC | FAKE_ODD); /* those bits say what kind it is */
	binding->id |= id;
	return err;
}

static int hwpt_create(void *ioas_priv, struct uvdk_iommu_binding *binding, unsigned int flags,
		       void *faultq_priv, void **hwpt_priv)
{
	fake_faults.table_queue = faultq_priv;
	return fake_ops.hwpt_create(ioas_priv, binding, flags, hwpt_priv);
}

void fake_faults_register(void)
{
	static struct uvdk_iommu_ops ops;

	ops = fake_ops;
	ops.name = "fake-faults";
	ops.bind = bind_numbered;
	ops.faults = &faults;
	ops.hwpt_create_faulting = hwpt_create;
	memset(&fake_faults, 0, sizeof(fake_faults));
	cr_assert_eq(uvdk_iommu_register(&ops), 0);
}

void put_record(const struct uvdk_fault_record *record)
{
	fake_faults.records[fake_faults.tail++] = *record;
}

void put(struct uvdk_device *dev, uint32_t pasid, uint32_t index, uint64_t addr, bool last,
	 uint32_t cookie)
{
	put_record(&(struct uvdk_fault_record){.fault = {.type = UVDK_FAULT_PAGE_REQUEST,
							 .access = UVDK_FAULT_WRITE,
							 .pasid = pasid,
							 .index = index,
							 .addr = addr,
							 .last = last},
					       .dev_id = uvdk_device_binding(dev)->id,
					       .cookie = cookie});
}
