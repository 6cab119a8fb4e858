// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include "config.h"
#include "fuzz.h"

/* The configuration of uvdk-dma-perf: any text is a configuration that can be walked, or refused.
 */

static void walk(const struct config_case *c)
{
	enum config_var running = config_running(c);
	unsigned int count = config_scenarios(c);
	uint64_t before = 0;
	struct scenario s;

	FUZZ_MUST(count >= 1 && count <= CONFIG_SCENARIOS);
	FUZZ_MUST(c->type == TYPE_DMA || c->type == TYPE_CPU);
	FUZZ_MUST(c->lcores <= CONFIG_LCORES && memchr(c->name, 0, sizeof(c->name)));
	for (unsigned int i = 0; i < count; i++) {
		config_scenario(c, i, &s);
		FUZZ_MUST(s.value[running] > before && s.value[running] <= c->var[running].last);
		FUZZ_MUST(s.value[VAR_BUF] <= s.value[VAR_MEM] << 20);
		FUZZ_MUST(s.value[VAR_CHANNELS] >= 1 && s.value[VAR_CHANNELS] <= CONFIG_LCORES);
		before = s.value[running];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy just as long: a read behind it is seen. */
	char *text = malloc(size ? size : 1);
	struct config config;
	char error[256] = "";
	int ret;

	FUZZ_MUST(text);
	if (size)
		memcpy(text, data, size);
	ret = config_parse("f", text, size, &config, error, sizeof(error));
	FUZZ_MUST(ret == 0 || (ret == -EINVAL && error[0]));
	for (unsigned int i = 0; !ret && i < config.cases; i++)
		walk(&config.list[i]);
	if (!ret)
		config_free(&config);
	free(text);

	return 0;
}
