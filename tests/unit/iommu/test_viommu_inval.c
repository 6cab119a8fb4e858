// SPDX-License-Identifier: BSD-3-Clause
#include "viommu_world.h"

/* Invalidations: what is wrong in them is found before one is carried out. */

TestSuite(viommu_inval, .init = world_setup);

#define ID	5u
#define SID(id) ((uint64_t)(id) << 32)
#define BIT(n)	(UINT64_C(1) << (n))

static struct uvdk_viommu *viommu;
static struct uvdk_vdevice *vdev;

static void smmuv3(void)
{
	viommu = viommu_for(dev, UVDK_NEST_SMMUV3);
	cr_assert_eq(uvdk_vdevice_create(viommu, dev, ID, &vdev), 0);
}

static void end(void)
{
	uvdk_vdevice_destroy(vdev);
	uvdk_viommu_destroy(viommu);
	world_teardown();
}

static int cmd(uint64_t word0, uint64_t word1)
{
	const struct uvdk_inval_smmuv3 command = {{word0, word1}};
	struct uvdk_inval_result result = {77, 77};
	int err = uvdk_viommu_invalidate(viommu, &command, sizeof(command), 1, &result);

	cr_expect_eq(result.done, !err);
	cr_expect_eq(result.failed, !err);
	return err;
}

Test(viommu_inval, commands_of_smmuv3)
{
	static const unsigned int taken[] = {0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x30};

	smmuv3();
	for (unsigned int op = 0, at = 0; op < 256; op++) {
		bool device = op == 5 || op == 6;

		if (at < sizeof(taken) / sizeof(taken[0]) && taken[at] == op) {
			cr_expect_eq(cmd(op | (device ? SID(ID) : 0), 0), 0, "0x%x", op);
			at++;
		} else {
			REFUSED(cmd(op, 0), -EINVAL, "no command");
		}
	}
	cr_expect_eq(fake_viommu.entries, 7);
	cr_expect_eq(cmd(0x12 | UINT64_C(0xffff) << 48, 0xfffffffffffff001), 0);
	REFUSED(cmd(0x13 | BIT(48), 0), -EINVAL, "reserved"); /* VAA has no ASID */
	REFUSED(cmd(0x12 | BIT(32), 0), -EINVAL, "VMID");
	REFUSED(cmd(0x12, BIT(10)), -EINVAL, "reserved"); /* TG, without ranges */
	REFUSED(cmd(0x10, 1), -EINVAL, "reserved");
	REFUSED(cmd(0x05 | SID(ID + 1), 0), -ENOENT, "no virtual ID");
	REFUSED(cmd(0x06 | SID(ID) | BIT(12), 0), -EINVAL, "reserved");
	cr_expect_eq(cmd(0x05 | SID(ID) | BIT(19), 1), 0);
	REFUSED(cmd(0x05 | SID(ID) | BIT(20), 1), -EINVAL, "reserved"); /* 8 bits of SSID */
	REFUSED(cmd(0x40 | SID(ID), 0), -EINVAL, "no command");		/* no ATS */
	end();
}

Test(viommu_inval, commands_of_an_smmuv3_that_has_more)
{
	fake_viommu.ats = true;
	fake_viommu.range_inval = true;
	fake_viommu.asid_bits = 8;
	smmuv3();
	cr_expect_eq(cmd(0x40 | SID(ID) | BIT(11) | BIT(9) | BIT(12), 52), 0);
	REFUSED(cmd(0x40 | SID(ID), 53), -EINVAL, "52");
	REFUSED(cmd(0x40, 0), -ENOENT, "no virtual ID");
	cr_expect_eq(cmd(0x12 | 3 << 12, 1 << 10), 0);
	REFUSED(cmd(0x12 | 3 << 12, 0), -EINVAL, "go together");
	REFUSED(cmd(0x12, 1 << 8), -EINVAL, "go together");
	REFUSED(cmd(0x12, 1 << 10), -EINVAL, "go together");
	cr_expect_eq(cmd(0x12, 1 << 10 | 3 << 8), 0);
	cr_expect_eq(cmd(0x11 | UINT64_C(0xff) << 48, 0), 0);
	REFUSED(cmd(0x11 | BIT(56), 0), -EINVAL, "reserved"); /* 8 bits of ASID */
	end();
}

Test(viommu_inval, an_id_that_was_taken_back_is_nobodys)
{
	smmuv3();
	cr_expect_eq(cmd(0x05 | SID(ID), 0), 0);
	uvdk_vdevice_destroy(vdev);
	vdev = NULL;
	REFUSED(cmd(0x05 | SID(ID), 0), -ENOENT, "no virtual ID");
	end();
}

Test(viommu_inval, one_wrong_entry_refuses_them_all)
{
	struct uvdk_inval_smmuv3 commands[4] = {{{0x10, 0}}, {{0x11, 0}}, {{0x04, 0}}, {{0x13, 0}}};
	struct uvdk_inval_result result;

	smmuv3();
	REFUSED(uvdk_viommu_invalidate(viommu, commands, sizeof(commands[0]), 4, &result), -EINVAL,
		"invalidation 2 of 4");
	cr_expect(said(", 0x4 0x0: "), "the command itself: %s", uvdk_last_error());
	cr_expect_eq(result.done, 0);
	cr_expect_eq(result.failed, 2);
	cr_expect_eq(fake_viommu.batches, 0);
	REFUSED(uvdk_viommu_invalidate(viommu, commands, 24, 4, &result), -EINVAL, "SMMUv3 has 16");
	REFUSED(uvdk_viommu_invalidate(viommu, NULL, 16, 4, &result), -EINVAL, "no address");
	cr_expect_eq(uvdk_viommu_invalidate(viommu, NULL, 16, 0, NULL), 0, "a question");
	end();
}

Test(viommu_inval, a_batch_stops_where_the_kernel_stops_and_resumes_there)
{
	const unsigned int count = UVDK_INVAL_BATCH + 100;
	struct uvdk_inval_smmuv3 *commands = calloc(count, sizeof(*commands));
	struct uvdk_inval_result result;

	smmuv3();
	for (unsigned int i = 0; i < count; i++)
		commands[i].cmd[0] = 0x10;
	fake_viommu.refuse = UVDK_INVAL_BATCH + 11;
	cr_expect_eq(uvdk_viommu_invalidate(viommu, commands, sizeof(*commands), count, &result),
		     -EIO);
	cr_expect_eq(result.done, UVDK_INVAL_BATCH + 10);
	cr_expect_eq(result.failed, UVDK_INVAL_BATCH + 10);
	cr_expect_eq(fake_viommu.batches, 2);
	fake_viommu.refuse = 0;
	cr_expect_eq(uvdk_viommu_invalidate(viommu, commands + result.done, sizeof(*commands),
					    count - result.done, &result),
		     0);
	cr_expect_eq(result.done, 90);
	cr_expect_eq(fake_viommu.entries, count, "each once");
	free(commands);
	end();
}

Test(viommu_inval, ranges_of_vtd)
{
	struct uvdk_viommu *vtd = viommu_for(dev, UVDK_NEST_VTD);
	struct uvdk_nested nested = {.size = sizeof(nested),
				     .vtd = {.pgtbl = MAPPED, .addr_width = 48}};
	static const struct {
		struct uvdk_inval_vtd entry;
		int err;
		const char *text;
	} cases[] = {
		{{0, UINT64_MAX, 0, 0}, 0, ""},
		{{0x1000, 1, 1, 0}, 0, ""},
		{{UINT64_MAX & ~UINT64_C(4095), 1, 0, 0}, 0, ""},
		{{UINT64_MAX & ~UINT64_C(4095), 2, 0, 0}, -EINVAL, "wraps"},
		{{0x1000, UINT64_MAX - 1, 0, 0}, -EINVAL, "wraps"},
		{{0x1000, UINT64_MAX, 0, 0}, -EINVAL, "address 0"},
		{{0x1008, 1, 0, 0}, -EINVAL, "4 KiB"},
		{{0x1000, 0, 0, 0}, -EINVAL, "no pages"},
		{{0x1000, 1, 2, 0}, -EINVAL, "reserved"},
		{{0x1000, 1, 0, 1}, -EINVAL, "reserved"},
	};
	struct uvdk_inval_result result;
	struct uvdk_hwpt *hwpt;

	cr_assert_eq(uvdk_hwpt_create_nested(vtd, dev, &nested, &hwpt), 0);
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int err = uvdk_hwpt_invalidate(hwpt, &cases[i].entry, sizeof(cases[i].entry), 1,
					       &result);

		cr_expect_eq(err, cases[i].err, "case %u: %d", i, err);
		cr_expect(!err || said(cases[i].text), "case %u: %s", i, uvdk_last_error());
	}
	REFUSED(uvdk_viommu_invalidate(vtd, &cases[0].entry, 24, 1, NULL), -EOPNOTSUPP,
		"uvdk_hwpt_invalidate()");
	uvdk_hwpt_destroy(hwpt);
	uvdk_viommu_destroy(vtd);
	world_teardown();
}

Test(viommu_inval, who_cannot_says_so)
{
	struct uvdk_viommu *amd = viommu_for(dev, UVDK_NEST_AMD);
	const struct uvdk_inval_smmuv3 command = {{0x10, 0}};
	struct uvdk_nested nested = {.size = sizeof(nested), .smmuv3 = {{1 | 4 << 1, 0}}};
	struct uvdk_hwpt *hwpt;

	REFUSED(uvdk_viommu_invalidate(amd, &command, sizeof(command), 1, NULL), -EOPNOTSUPP,
		"no invalidation");
	REFUSED(uvdk_hwpt_invalidate(uvdk_viommu_get_info(amd)->parent, &command, sizeof(command),
				     1, NULL),
		-EINVAL, "only nested tables");
	uvdk_viommu_destroy(amd);
	smmuv3();
	cr_assert_eq(uvdk_hwpt_create_nested(viommu, dev, &nested, &hwpt), 0);
	REFUSED(uvdk_hwpt_invalidate(hwpt, &command, sizeof(command), 1, NULL), -EOPNOTSUPP,
		"uvdk_viommu_invalidate()");
	uvdk_hwpt_destroy(hwpt);
	end();
}
