// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <uvdk_base.h>
#include <uvdk_base_driver.h>

static struct heard {
	unsigned int lines;
	enum uvdk_log_level level;
	char component[64];
	char msg[2048];
} heard;

static void listen(void *priv, enum uvdk_log_level level, const char *component, const char *msg)
{
	struct heard *h = priv;

	h->lines++;
	h->level = level;
	snprintf(h->component, sizeof(h->component), "%s", component);
	snprintf(h->msg, sizeof(h->msg), "%s", msg);
}

static void setup(void)
{
	uvdk_log_set_sink(listen, &heard);
}

TestSuite(log, .init = setup);

Test(log, failure_is_passed_on_kept_and_its_errno_returned)
{
	cr_expect_str_eq(uvdk_last_error(), "");
	cr_expect_eq(uvdk_fail(-EBUSY, "iommu.type1", "no room for %d", 7), -EBUSY);
	cr_expect_str_eq(uvdk_last_error(), "no room for 7");
	cr_expect_str_eq(heard.msg, "no room for 7");
	cr_expect_str_eq(heard.component, "iommu.type1");
	cr_expect_eq(heard.level, UVDK_LOG_ERR);
}

Test(log, silence_still_keeps_the_last_error)
{
	uvdk_log_set_sink(NULL, NULL);
	uvdk_fail(-EIO, "x", "gone");
	cr_expect_str_eq(uvdk_last_error(), "gone");
	cr_expect_eq(heard.lines, 0);
}

Test(log, warnings_are_no_last_error)
{
	uvdk_log(UVDK_LOG_WARN, "x", "slow");
	cr_expect_eq(heard.lines, 1);
	cr_expect_str_eq(uvdk_last_error(), "");
}

Test(log, default_level_is_warnings)
{
	uvdk_log(UVDK_LOG_INFO, "x", "chosen");
	cr_expect_eq(heard.lines, 0);
}

Test(log, prefix_covers_to_a_dot_and_the_longest_decides)
{
	cr_assert_eq(uvdk_log_set_level("iommu", UVDK_LOG_INFO), 0);
	cr_assert_eq(uvdk_log_set_level("iommu.type1", UVDK_LOG_DEBUG), 0);
	uvdk_log(UVDK_LOG_INFO, "iommu", "1");
	uvdk_log(UVDK_LOG_INFO, "iommu.iommufd", "2");
	uvdk_log(UVDK_LOG_DEBUG, "iommu.type1", "3");
	cr_expect_eq(heard.lines, 3);
	uvdk_log(UVDK_LOG_DEBUG, "iommu.iommufd", "no");
	uvdk_log(UVDK_LOG_INFO, "iommufd", "no");
	uvdk_log(UVDK_LOG_INFO, "io", "no");
	cr_expect_eq(heard.lines, 3, "%s", heard.component);
}

Test(log, level_of_all_forgets_the_single_ones)
{
	uvdk_log_set_level("pci", UVDK_LOG_DEBUG);
	uvdk_log_set_level(NULL, UVDK_LOG_ERR);
	uvdk_log(UVDK_LOG_WARN, "pci", "no");
	cr_expect_eq(heard.lines, 0);
	uvdk_fail(-EIO, "pci", "yes");
	cr_expect_eq(heard.lines, 1);
}

Test(log, limits_are_told)
{
	char name[64];

	for (int i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "component%d", i);
		cr_assert_eq(uvdk_log_set_level(name, UVDK_LOG_INFO), 0);
	}
	cr_expect_eq(uvdk_log_set_level("one more", UVDK_LOG_INFO), -ENOSPC);
	cr_expect_eq(uvdk_log_set_level("component7", UVDK_LOG_DEBUG), 0, "known already");
	memset(name, 'x', 48);
	name[48] = '\0';
	cr_expect_eq(uvdk_log_set_level(name, UVDK_LOG_INFO), -EINVAL);
}

Test(log, endless_line_is_cut)
{
	char text[5000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	uvdk_fail(-EIO, "x", "%s", text);
	cr_expect_eq(strlen(heard.msg), 1023);
	cr_expect_str_eq(heard.msg, uvdk_last_error());
}

static void *fail_elsewhere(void *arg)
{
	(void)arg;
	uvdk_fail(-EIO, "x", "theirs");
	return strdup(uvdk_last_error());
}

Test(log, last_error_is_the_thread_s_own)
{
	pthread_t thread;
	void *theirs;

	uvdk_fail(-EIO, "x", "mine");
	cr_assert_eq(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
	pthread_join(thread, &theirs);
	cr_expect_str_eq(theirs, "theirs");
	cr_expect_str_eq(uvdk_last_error(), "mine");
	free(theirs);
}

static void log_again(void *priv, enum uvdk_log_level level, const char *component, const char *msg)
{
	(void)level;
	(void)component;
	(void)msg;
	uvdk_log_set_sink(listen, priv);
	uvdk_log(UVDK_LOG_WARN, "sink", "from the sink");
}

Test(log, sink_may_log_and_change_the_sink, .timeout = 10)
{
	uvdk_log_set_sink(log_again, &heard);
	uvdk_log(UVDK_LOG_WARN, "x", "first");
	cr_expect_str_eq(heard.msg, "from the sink");
}

Test(log, version_has_three_numbers)
{
	int a;
	int b;
	int c;

	cr_expect_eq(sscanf(uvdk_version(), "%d.%d.%d", &a, &b, &c), 3);
}
