// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <uvdk_base.h>
#include <uvdk_base_driver.h>

static struct uvdk_args args;

Test(args, pairs_and_flags_come_apart)
{
	cr_assert_eq(uvdk_args_parse(&args, "queues=4,loop,name=a=b,empty="), 0);
	cr_expect_eq(args.count, 4);
	cr_expect_str_eq(uvdk_args_str(&args, "queues", "1"), "4");
	cr_expect_str_eq(uvdk_args_str(&args, "loop", NULL), "");
	cr_expect_str_eq(uvdk_args_str(&args, "name", NULL), "a=b");
	cr_expect_str_eq(uvdk_args_str(&args, "empty", NULL), "");
	cr_expect_str_eq(uvdk_args_str(&args, "absent", "fallback"), "fallback");
	cr_expect_null(uvdk_args_str(&args, "absent", NULL));
	uvdk_args_free(&args);
}

Test(args, nothing_is_no_pairs)
{
	cr_assert_eq(uvdk_args_parse(&args, NULL), 0);
	cr_expect_eq(args.count, 0);
	uvdk_args_free(&args);
	cr_assert_eq(uvdk_args_parse(&args, ""), 0);
	cr_expect_eq(args.count, 0);
	cr_expect_eq(uvdk_args_finish(&args, "x"), 0);
	uvdk_args_free(&args);
}

Test(args, bad_text_is_refused_with_a_sentence)
{
	cr_expect_eq(uvdk_args_parse(&args, "a,,b"), -EINVAL);
	cr_expect_not_null(strstr(uvdk_last_error(), "a,,b"));
	cr_expect_eq(uvdk_args_parse(&args, "=1"), -EINVAL);
	cr_expect_eq(uvdk_args_parse(&args, "a,"), -EINVAL);
	cr_expect_eq(uvdk_args_parse(&args, "a=1,b,a=2"), -EEXIST);
	cr_expect_not_null(strstr(uvdk_last_error(), "\"a\""));
}

Test(args, at_most_32)
{
	char text[512] = "";

	for (int i = 0; i < 32; i++)
		sprintf(text + strlen(text), "%sk%d", i ? "," : "", i);
	cr_assert_eq(uvdk_args_parse(&args, text), 0);
	cr_expect_eq(args.count, 32);
	uvdk_args_free(&args);
	strcat(text, ",one-more");
	cr_expect_eq(uvdk_args_parse(&args, text), -EINVAL);
}

Test(args, numbers_keep_to_their_limits)
{
	uint64_t value = 7;

	cr_assert_eq(uvdk_args_parse(&args, "dec=010,hex=0xFf,max=18446744073709551615,"
					    "over=18446744073709551616,neg=-1,word=x,flag,sp= 1,"
					    "tail=1x,x=0x"),
		     0);
	cr_expect_eq(uvdk_args_u64(&args, "absent", 0, 1, &value), 0);
	cr_expect_eq(value, 7);
	cr_expect_eq(uvdk_args_u64(&args, "dec", 10, 10, &value), 0);
	cr_expect_eq(value, 10, "no octal");
	cr_expect_eq(uvdk_args_u64(&args, "hex", 0, 255, &value), 0);
	cr_expect_eq(value, 255);
	cr_expect_eq(uvdk_args_u64(&args, "max", 0, UINT64_MAX, &value), 0);
	cr_expect_eq(value, UINT64_MAX);

	value = 7;
	cr_expect_eq(uvdk_args_u64(&args, "hex", 0, 254, &value), -ERANGE);
	cr_expect_not_null(strstr(uvdk_last_error(), "hex=0xFf"));
	cr_expect_not_null(strstr(uvdk_last_error(), "254"));
	cr_expect_eq(uvdk_args_u64(&args, "hex", 256, 300, &value), -ERANGE);
	cr_expect_eq(uvdk_args_u64(&args, "over", 0, UINT64_MAX, &value), -ERANGE);
	cr_expect_eq(uvdk_args_u64(&args, "neg", 0, UINT64_MAX, &value), -EINVAL);
	cr_expect_eq(uvdk_args_u64(&args, "word", 0, UINT64_MAX, &value), -EINVAL);
	cr_expect_eq(uvdk_args_u64(&args, "flag", 0, UINT64_MAX, &value), -EINVAL);
	cr_expect_eq(uvdk_args_u64(&args, "sp", 0, UINT64_MAX, &value), -EINVAL);
	cr_expect_eq(uvdk_args_u64(&args, "tail", 0, UINT64_MAX, &value), -EINVAL);
	cr_expect_eq(uvdk_args_u64(&args, "x", 0, UINT64_MAX, &value), -EINVAL);
	cr_expect_eq(value, 7);
	uvdk_args_free(&args);
}

Test(args, unknown_key_is_named)
{
	uint64_t value = 0;

	cr_assert_eq(uvdk_args_parse(&args, "queues=4,qeues=2"), 0);
	cr_assert_eq(uvdk_args_u64(&args, "queues", 1, 8, &value), 0);
	cr_expect_eq(uvdk_args_finish(&args, "emu:virtio-net"), -EINVAL);
	cr_expect_not_null(strstr(uvdk_last_error(), "qeues"));
	cr_expect_not_null(strstr(uvdk_last_error(), "emu:virtio-net"));
	uvdk_args_str(&args, "qeues", NULL);
	cr_expect_eq(uvdk_args_finish(&args, "emu:virtio-net"), 0);
	uvdk_args_free(&args);
}
