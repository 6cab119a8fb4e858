// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>

#include <uvdk_base_driver.h>
#include <uvdk_json_driver.h>

/* Bytes of the UTF-8 character at p, 0 if it is none; names come from anywhere. */
static unsigned int utf8_len(const unsigned char *p)
{
	unsigned int len = p[0] < 0x80	 ? 1
			   : p[0] < 0xc2 ? 0
			   : p[0] < 0xe0 ? 2
			   : p[0] < 0xf0 ? 3
					 : 4;

	if (p[0] > 0xf4 || (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	for (unsigned int i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;

	return len;
}

UVDK_EXPORT void uvdk_json_text(FILE *to, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned int len;

	putc('"', to);
	for (; *p; p += len ? len : 1) {
		len = utf8_len(p);
		if (len == 0)
			fputs("\\ufffd", to);
		else if (*p == '"' || *p == '\\')
			fprintf(to, "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(to, "\\u%04x", *p);
		else
			fwrite(p, 1, len, to);
	}
	putc('"', to);
}

/* What comes before a value. */
static void begin(struct uvdk_json *json, const char *key)
{
	if (key)
		uvdk_json_key(json, key);
	else if (json->comma)
		putc(',', json->to);
	json->comma = true;
}

UVDK_EXPORT void uvdk_json_key(struct uvdk_json *json, const char *key)
{
	if (json->comma)
		putc(',', json->to);
	uvdk_json_text(json->to, key);
	putc(':', json->to);
	json->comma = false;
}

UVDK_EXPORT void uvdk_json_open(struct uvdk_json *json, char bracket)
{
	begin(json, NULL);
	putc(bracket, json->to);
	json->comma = false;
}

UVDK_EXPORT void uvdk_json_close(struct uvdk_json *json, char bracket)
{
	putc(bracket, json->to);
	json->comma = true;
}

UVDK_EXPORT void uvdk_json_string(struct uvdk_json *json, const char *key, const char *value)
{
	begin(json, key);
	if (value)
		uvdk_json_text(json->to, value);
	else
		fputs("null", json->to);
}

UVDK_EXPORT void uvdk_json_number(struct uvdk_json *json, const char *key, uint64_t value)
{
	begin(json, key);
	fprintf(json->to, "%" PRIu64, value);
}

UVDK_EXPORT void uvdk_json_limit(struct uvdk_json *json, const char *key, uint64_t value,
				 uint64_t none)
{
	if (value == none)
		uvdk_json_string(json, key, NULL);
	else
		uvdk_json_number(json, key, value);
}

UVDK_EXPORT void uvdk_json_address(struct uvdk_json *json, const char *key, uint64_t value)
{
	begin(json, key);
	fprintf(json->to, "\"0x%" PRIx64 "\"", value);
}

UVDK_EXPORT void uvdk_json_bool(struct uvdk_json *json, const char *key, bool value)
{
	begin(json, key);
	fputs(value ? "true" : "false", json->to);
}
