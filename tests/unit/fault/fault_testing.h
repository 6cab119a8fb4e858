/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAULT_TESTING_H
#define FAULT_TESTING_H

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "../iommu/fake.h"
#include "fake_fault.h"

/* Two devices, PASIDs 5 and 6 of each attached to a table with a queue of 8 groups. */
extern struct uvdk_device *dev, *second;
extern struct uvdk_faultq *queue;
extern struct uvdk_hwpt *table;
extern struct uvdk_fault got[256];

void fault_setup(void);
void fault_teardown(void);

#define REFUSED(call, err, text)                                                        \
	do {                                                                            \
		cr_expect_eq(call, err);                                                \
		cr_expect(said(text), "\"%s\" is not in: %s", text, uvdk_last_error()); \
	} while (0)

static inline int answer(uint64_t group, enum uvdk_fault_code code)
{
	struct uvdk_fault_answer one = {.group = group, .code = code, .err = 1};
	int ret = uvdk_faultq_answer(queue, &one, 1);

	cr_expect_eq(one.err, ret);
	return ret;
}

static inline struct uvdk_faultq_stats stats(void)
{
	struct uvdk_faultq_stats out;

	uvdk_faultq_get_stats(queue, &out);
	return out;
}

#endif /* FAULT_TESTING_H */
