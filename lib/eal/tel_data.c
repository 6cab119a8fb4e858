// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <uvdk_eal_telemetry_driver.h>

#include "eal_priv.h"

UVDK_EXPORT void uvdk_tel_string(struct rte_tel_data *d, const char *name, const char *value)
{
	char text[RTE_TEL_MAX_STRING_LEN];

	snprintf(text, sizeof(text), "%s", value);
	/* Clients read UTF-8, of which any byte may have been cut off. */
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f || *c == '"' || *c == '\\')
			*c = '_';
	rte_tel_data_add_dict_string(d, name, text);
}

UVDK_EXPORT void uvdk_tel_address(struct rte_tel_data *d, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	rte_tel_data_add_dict_string(d, name, text);
}

static struct rte_tel_data *put(struct rte_tel_data *d, const char *name,
				struct rte_tel_data *inner)
{
	if (!rte_tel_data_add_dict_container(d, name, inner, 0))
		return inner;
	rte_tel_data_free(inner);

	return NULL;
}

UVDK_EXPORT struct rte_tel_data *uvdk_tel_dict(struct rte_tel_data *d, const char *name)
{
	struct rte_tel_data *inner = rte_tel_data_alloc();

	if (!inner)
		return NULL;
	rte_tel_data_start_dict(inner);

	return put(d, name, inner);
}

UVDK_EXPORT struct rte_tel_data *uvdk_tel_dict_of(struct rte_tel_data *d, uint64_t id)
{
	char name[24];

	snprintf(name, sizeof(name), "%" PRIu64, id);

	return uvdk_tel_dict(d, name);
}

UVDK_EXPORT struct rte_tel_data *uvdk_tel_numbers(struct rte_tel_data *d, const char *name)
{
	struct rte_tel_data *inner = rte_tel_data_alloc();

	if (!inner)
		return NULL;
	rte_tel_data_start_array(inner, RTE_TEL_U64_VAL);

	return put(d, name, inner);
}

/* One number at *@text, which moves behind it and its comma. */
static bool take(const char **text, uint64_t *out)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*out = strtoull(*text, &end, strncmp(*text, "0x", 2) ? 10 : 16);
	if (errno || (*end && *end != ',') || (*end == ',' && !end[1]))
		return false;
	*text = *end ? end + 1 : end;

	return true;
}

UVDK_EXPORT int uvdk_tel_params(const char *params, const char *usage, unsigned int min,
				unsigned int max, uint64_t *out)
{
	const char *text = params ? params : "";
	unsigned int count = 0;

	while (*text && count < max && take(&text, &out[count]))
		count++;
	if (*text || count < min)
		return uvdk_fail(-EINVAL, COMPONENT, "'%.40s' makes no sense; ask for %s",
				 params ? params : "", usage);

	return (int)count;
}

UVDK_EXPORT const char *uvdk_tel_word(const char *params, const char *word)
{
	size_t len = strlen(word);

	if (!params || strncmp(params, word, len) || (params[len] && params[len] != ','))
		return NULL;

	return params[len] ? params + len + 1 : params + len;
}
