// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "inspect_priv.h"

static const struct {
	const char *name;
	void (*put)(struct uvdk_inspect *inspect, struct uvdk_json *json);
} parts[] = {
	{"caps", inspect_caps},
	{"ioas", inspect_ioas},
	{"maps", inspect_maps},
	{"pasids", inspect_pasids},
};

const char inspect_known[] = "\"caps\", \"ioas\", \"maps\", \"pasids\" or \"all\"";

static bool is_known(const char *what)
{
	bool known = !strcmp(what, "all");

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		known |= !strcmp(what, parts[i].name);

	return known;
}

bool inspect_answer(struct uvdk_inspect *inspect, const char *what, FILE *to)
{
	struct uvdk_json json = {.to = to};

	if (!is_known(what))
		return false;
	uvdk_json_open(&json, '{');
	uvdk_json_number(&json, "pid", (uint64_t)getpid());
	uvdk_json_string(&json, "program", program_invocation_short_name);
	uvdk_json_string(&json, "version", uvdk_version());
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !ferror(to); i++) {
		if (strcmp(what, "all") != 0 && strcmp(what, parts[i].name) != 0)
			continue;
		uvdk_json_key(&json, parts[i].name);
		uvdk_json_open(&json, '[');
		parts[i].put(inspect, &json);
		uvdk_json_close(&json, ']');
	}
	uvdk_json_close(&json, '}');
	putc('\n', to);

	return true;
}
