// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>

#include <uvdk_base.h>
#include <uvdk_base_driver.h>

#define MAX_ARGS (sizeof(((struct uvdk_args *)0)->key) / sizeof(const char *))

static int find(const struct uvdk_args *args, const char *key)
{
	for (unsigned int i = 0; i < args->count; i++)
		if (strcmp(args->key[i], key) == 0)
			return (int)i;

	return -1;
}

/* Cut "key=value" in place and enter it. */
static int add(struct uvdk_args *args, char *pair, const char *text)
{
	char *equals = strchr(pair, '=');

	if (equals)
		*equals = '\0';
	if (pair[0] == '\0')
		return uvdk_fail(-EINVAL, "args",
				 "\"%s\" has an empty key, or a comma too many; write "
				 "\"key=value,...\"",
				 text);
	if (find(args, pair) >= 0)
		return uvdk_fail(-EEXIST, "args", "\"%s\" is given twice in \"%s\"", pair, text);
	if (args->count == MAX_ARGS)
		return uvdk_fail(-EINVAL, "args", "more than %zu keys in \"%s\"", MAX_ARGS, text);

	args->key[args->count] = pair;
	args->value[args->count] = equals ? equals + 1 : "";
	args->count++;

	return 0;
}

UVDK_EXPORT int uvdk_args_parse(struct uvdk_args *args, const char *text)
{
	char *rest;
	char *pair;
	int ret;

	memset(args, 0, sizeof(*args));
	if (!text || text[0] == '\0')
		return 0;

	args->text = strdup(text);
	if (!args->text)
		return uvdk_fail(-ENOMEM, "args", "no memory to take \"%s\" apart", text);

	rest = args->text;
	while ((pair = strsep(&rest, ","))) {
		ret = add(args, pair, text);
		if (ret) {
			uvdk_args_free(args);
			return ret;
		}
	}

	return 0;
}

UVDK_EXPORT const char *uvdk_args_str(struct uvdk_args *args, const char *key, const char *fallback)
{
	int i = find(args, key);

	if (i < 0)
		return fallback;
	args->used[i] = true;

	return args->value[i];
}

/* Decimal or 0x…; no sign, no blanks, no octal. */
static int parse_u64(const char *text, uint64_t *value)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = text + (hex ? 2 : 0);
	unsigned long long v;
	char *end;

	if (!strchr(hex ? "0123456789abcdefABCDEF" : "0123456789", digits[0]) || !digits[0])
		return -EINVAL;

	errno = 0;
	v = strtoull(digits, &end, hex ? 16 : 10);
	if (*end)
		return -EINVAL;
	if (errno)
		return -ERANGE;
	*value = v;

	return 0;
}

UVDK_EXPORT int uvdk_args_u64(struct uvdk_args *args, const char *key, uint64_t min, uint64_t max,
			      uint64_t *value)
{
	const char *text = uvdk_args_str(args, key, NULL);
	uint64_t v = 0;
	int ret;

	if (!text)
		return 0;

	ret = parse_u64(text, &v);
	if (ret == -EINVAL)
		return uvdk_fail(ret, "args", "%s=%s is not a number", key, text);
	if (ret || v < min || v > max)
		return uvdk_fail(-ERANGE, "args", "%s=%s is out of range: %llu to %llu", key, text,
				 (unsigned long long)min, (unsigned long long)max);
	*value = v;

	return 0;
}

UVDK_EXPORT int uvdk_args_finish(const struct uvdk_args *args, const char *what)
{
	for (unsigned int i = 0; i < args->count; i++)
		if (!args->used[i])
			return uvdk_fail(-EINVAL, "args", "%s does not know \"%s\"", what,
					 args->key[i]);

	return 0;
}

UVDK_EXPORT void uvdk_args_free(struct uvdk_args *args)
{
	free(args->text);
	memset(args, 0, sizeof(*args));
}
