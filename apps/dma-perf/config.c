// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys.h"

#define LINE 1024

struct reader {
	const char *name;
	unsigned int line;
	char *error;
	size_t room;
	struct config_case *list;
	unsigned int cases;
	/*
	 * Which type a case has may stand in its last line. Until then it is read once for each
	 * type, so that what is for the other in [GLOBAL] says nothing of it.
	 */
	struct config_case *now;	  /* what keys belong to: the latest case, or all */
	struct config_case all[TYPES];	  /* [GLOBAL]: what the cases behind it begin with */
	struct config_case latest[TYPES]; /* the latest case */
	unsigned int given[KEYS_MAX];	  /* line of each key of this section, or 0 */
};

__attribute__((format(printf, 3, 4))) static int wrong_at(struct reader *r, unsigned int line,
							  const char *fmt, ...)
{
	int len = snprintf(r->error, r->room, "%s:%u: ", r->name, line);
	va_list args;

	va_start(args, fmt);
	if (len >= 0 && (size_t)len < r->room)
		vsnprintf(r->error + len, r->room - (size_t)len, fmt, args);
	va_end(args);

	return -EINVAL;
}

/* A section is complete: do its keys go together? Then it is a case. */
static int finish_section(struct reader *r)
{
	const struct config_case *c = &r->latest[r->latest[TYPE_NONE].type];
	char error[KEYS_ERROR];

	if (r->now != r->latest)
		return 0;
	for (int key = 0; key < KEYS_MAX && c->type != TYPE_NONE; key++)
		if (r->given[key] && !keys_apply(key, c->type))
			return wrong_at(r, r->given[key], "%s is not for cases of type %s",
					keys_name(key),
					c->type == TYPE_CPU ? "CPU_MEM_COPY" : "DMA_MEM_COPY");
	if (keys_check(c, error))
		return wrong_at(r, c->line, "[%s]: %s", c->name, error);
	r->list[r->cases++] = *c;

	return 0;
}

/* Names go into JSON and SVG as they are. */
static bool good_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789_.- ");

	return len && !name[len] && len < CONFIG_NAME;
}

static int begin_case(struct reader *r, const char *name)
{
	struct config_case *list;

	for (unsigned int i = 0; i < r->cases; i++)
		if (strcmp(r->list[i].name, name) == 0)
			return wrong_at(r, r->line, "[%s] is there already, in line %u", name,
					r->list[i].line);
	if (r->cases == CONFIG_CASES)
		return wrong_at(r, r->line, "more than %u cases", CONFIG_CASES);
	list = realloc(r->list, (r->cases + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	r->list = list;
	r->now = r->latest;
	for (int type = 0; type < TYPES; type++) {
		r->latest[type] = r->all[type];
		r->latest[type].line = r->line;
		snprintf(r->latest[type].name, sizeof(r->latest[type].name), "%s", name);
	}

	return 0;
}

static int begin_section(struct reader *r, char *text)
{
	size_t len = strlen(text);
	int ret;

	if (text[len - 1] != ']')
		return wrong_at(r, r->line, "a section's name ends with ]");
	text[len - 1] = 0;
	text++;
	if (!good_name(text))
		return wrong_at(r, r->line,
				"a section's name has 1 to %u letters, digits, blanks, or any of "
				"_ . -",
				CONFIG_NAME - 1);
	ret = finish_section(r);
	if (ret)
		return ret;
	memset(r->given, 0, sizeof(r->given));
	if (strcmp(text, "GLOBAL") != 0)
		return begin_case(r, text);
	if (r->cases)
		return wrong_at(r, r->line, "[GLOBAL] stands before all cases");
	r->now = r->all;

	return 0;
}

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len && strchr(" \t", text[len - 1]))
		text[--len] = 0;

	return text;
}

static int unknown_key(struct reader *r, const char *name)
{
	char known[KEYS_ERROR];

	if (strcmp(name, "eal_args") == 0)
		return wrong_at(r, r->line,
				"eal_args: there is no EAL here; take the line out, and give "
				"--device and --iommu");

	return wrong_at(r, r->line, "no key '%.64s'; there are %s", name,
			keys_known(known, sizeof(known)));
}

static int take_key(struct reader *r, char *text)
{
	char *equals = strchr(text, '='), *name, *value;
	char error[KEYS_ERROR];
	int key;

	if (!equals)
		return wrong_at(r, r->line, "neither [SECTION] nor KEY=VALUE: '%.64s'", text);
	*equals = 0;
	name = trim(text);
	value = trim(equals + 1);
	key = keys_find(name);
	if (key < 0)
		return unknown_key(r, name);
	if (!r->now)
		return wrong_at(r, r->line, "%s stands before the first [SECTION]", name);
	if (r->given[key])
		return wrong_at(r, r->line, "%s is there already, in line %u", name, r->given[key]);
	r->given[key] = r->line;
	for (int type = 0; type < TYPES; type++)
		if (keys_apply(key, type) && keys_set(&r->now[type], key, value, error))
			return wrong_at(r, r->line, "%s: %s", name, error);

	return 0;
}

/* @len bytes without their newline. */
static int take_line(struct reader *r, const char *text, size_t len)
{
	char line[LINE];
	char *start;

	if (len && text[len - 1] == '\r')
		len--;
	if (len >= sizeof(line))
		return wrong_at(r, r->line, "a line of more than %zu bytes", sizeof(line) - 1);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' && text[i] != '\t')
			return wrong_at(r, r->line, "byte 0x%02x, column %zu: this is no text",
					(unsigned char)text[i], i + 1);
	memcpy(line, text, len);
	line[len] = 0;
	start = trim(line);
	if (!*start || *start == ';' || *start == '#')
		return 0;

	return *start == '[' ? begin_section(r, start) : take_key(r, start);
}

static int take_lines(struct reader *r, const char *text, size_t len)
{
	const char *end = text + len;
	int ret = 0;

	while (text < end && !ret) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;

		r->line++;
		ret = take_line(r, text, (size_t)(stop - text));
		text = stop + 1;
	}
	if (!ret)
		ret = finish_section(r);
	if (!ret && !r->cases)
		ret = wrong_at(r, r->line, "no case: nothing to measure");

	return ret;
}

int config_parse(const char *name, const char *text, size_t len, struct config *out, char *error,
		 size_t room)
{
	struct reader r = {.name = name, .error = error, .room = room};
	int ret;

	for (int type = 0; type < TYPES; type++)
		keys_defaults(&r.all[type]);
	ret = take_lines(&r, text, len);
	if (ret) {
		if (ret == -ENOMEM)
			snprintf(error, room, "%s: no memory", name);
		free(r.list);
		return ret;
	}
	*out = (struct config){.cases = r.cases, .list = r.list};

	return 0;
}

void config_free(struct config *config)
{
	free(config->list);
	*config = (struct config){0};
}

/* Up to one byte more than is permitted. */
static ssize_t slurp(int fd, char *text, size_t room)
{
	size_t len = 0;

	while (len < room) {
		ssize_t got = read(fd, text + len, room - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		len += (size_t)got;
	}

	return (ssize_t)len;
}

int config_read(const char *path, struct config *out, char *error, size_t room)
{
	char *text = malloc(CONFIG_FILE + 1);
	int fd = text ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t len = !text ? -ENOMEM : fd < 0 ? -errno : slurp(fd, text, CONFIG_FILE + 1);
	int ret = (int)len;

	if (len < 0) {
		snprintf(error, room, "%s: %s", path, strerror(-ret));
	} else if (len > CONFIG_FILE) {
		snprintf(error, room, "%s: more than %u bytes", path, CONFIG_FILE);
		ret = -EFBIG;
	} else {
		ret = config_parse(path, text, (size_t)len, out, error, room);
	}
	if (fd >= 0)
		close(fd);
	free(text);

	return ret;
}

enum config_var config_running(const struct config_case *c)
{
	for (unsigned int v = 0; v < VARS; v++)
		if (c->var[v].first != c->var[v].last)
			return v;

	return VAR_BUF;
}

/* The value after @value, which is beyond the last in the end; nothing overflows: 32 bits each. */
static uint64_t next(const struct sweep *s, uint64_t value)
{
	return s->mul ? value * s->step : value + s->step;
}

unsigned int config_scenarios(const struct config_case *c)
{
	const struct sweep *s = &c->var[config_running(c)];
	uint64_t value = s->first;
	unsigned int count = 1;

	while (count <= CONFIG_SCENARIOS && (value = next(s, value)) <= s->last)
		count++;

	return count;
}

void config_scenario(const struct config_case *c, unsigned int index, struct scenario *out)
{
	enum config_var running = config_running(c);

	for (unsigned int v = 0; v < VARS; v++)
		out->value[v] = c->var[v].first;
	while (index--)
		out->value[running] = next(&c->var[running], out->value[running]);
	if (!out->value[VAR_CHANNELS])
		out->value[VAR_CHANNELS] = c->lcores ? c->lcores : 1;
}
