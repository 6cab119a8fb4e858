// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "keys.h"

enum kind {
	KIND_TYPE,
	KIND_SWEEP,
	KIND_NODE,
	KIND_SGE,
	KIND_FLAG,
	KIND_SECONDS,
	KIND_LCORES,
	KIND_DIRECTION
};

struct key {
	const char *name;
	enum kind kind;
	size_t offset;
	uint64_t min;
	uint64_t max;
	enum config_type only; /* TYPE_NONE: for all */
};

#define AT(member) offsetof(struct config_case, member)

static const struct key keys[] = {
	{"type", KIND_TYPE, AT(type), 0, 0, TYPE_NONE},
	{"mem_size", KIND_SWEEP, AT(var[VAR_MEM]), 1, 65536, TYPE_NONE},
	{"buf_size", KIND_SWEEP, AT(var[VAR_BUF]), 1, UINT64_C(1) << 31, TYPE_NONE},
	{"dma_ring_size", KIND_SWEEP, AT(var[VAR_RING]), 1, 32768, TYPE_DMA},
	{"kick_batch", KIND_SWEEP, AT(var[VAR_BATCH]), 1, 32768, TYPE_DMA},
	{"channels", KIND_SWEEP, AT(var[VAR_CHANNELS]), 1, CONFIG_LCORES, TYPE_NONE},
	{"src_numa_node", KIND_NODE, AT(src_node), 0, 0, TYPE_NONE},
	{"dst_numa_node", KIND_NODE, AT(dst_node), 0, 0, TYPE_NONE},
	{"dma_src_sge", KIND_SGE, AT(src_sge), 1, 256, TYPE_DMA},
	{"dma_dst_sge", KIND_SGE, AT(dst_sge), 1, 256, TYPE_DMA},
	{"cache_flush", KIND_FLAG, AT(flush), 0, 1, TYPE_NONE},
	{"test_seconds", KIND_SECONDS, AT(ms), 0, 0, TYPE_NONE},
	{"lcore_dma", KIND_LCORES, AT(lcore), 0, 0, TYPE_DMA},
	{"lcore", KIND_LCORES, AT(lcore), 0, 0, TYPE_CPU},
	{"direction", KIND_DIRECTION, 0, 0, 0, TYPE_DMA},
	{"skip", KIND_FLAG, AT(skip), 0, 1, TYPE_NONE},
};

#define KEYS ((int)(sizeof(keys) / sizeof(keys[0])))

__attribute__((format(printf, 2, 3))) static int wrong(char *error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(error, KEYS_ERROR, fmt, args);
	va_end(args);

	return -EINVAL;
}

static struct sweep one(uint64_t value)
{
	return (struct sweep){.first = value, .last = value, .step = 1};
}

void keys_defaults(struct config_case *c)
{
	c->var[VAR_MEM] = one(10);
	c->var[VAR_BUF] = one(0); /* has to be said */
	c->var[VAR_RING] = one(0);
	c->var[VAR_BATCH] = one(32);
	c->var[VAR_CHANNELS] = one(0); /* as many as lcores */
	c->src_node = -1;
	c->dst_node = -1;
	c->ms = 2000;
}

int keys_find(const char *name)
{
	for (int i = 0; i < KEYS; i++)
		if (strcmp(keys[i].name, name) == 0)
			return i;

	return -1;
}

const char *keys_name(int key)
{
	return keys[key].name;
}

const char *keys_known(char *buf, size_t room)
{
	size_t len = 0;

	for (int i = 0; i < KEYS && len < room; i++)
		len += (size_t)snprintf(buf + len, room - len, "%s%s", i ? ", " : "", keys[i].name);

	return buf;
}

bool keys_apply(int key, enum config_type type)
{
	return key >= KEYS || keys[key].only == TYPE_NONE || keys[key].only == type;
}

/* Digits alone, of which at most @max: the end of them, or NULL. */
static const char *number(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (*text < '0' || *text > '9')
		return NULL;
	for (; *text >= '0' && *text <= '9'; text++) {
		unsigned int digit = (unsigned int)(*text - '0');

		if (value > (max - digit) / 10 || digit > max)
			return NULL;
		value = value * 10 + digit;
	}
	*out = value;

	return text;
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

/* A number, blanks, and a comma if more follows. */
static const char *item(const char *text, uint64_t *out)
{
	text = number(skip_blanks(text), UINT32_MAX, out);
	if (!text)
		return NULL;
	text = skip_blanks(text);

	return *text == ',' ? text + 1 : NULL;
}

static bool sweep_words(const char *text, struct sweep *out)
{
	text = item(text, &out->first);
	text = text ? item(text, &out->last) : NULL;
	text = text ? item(text, &out->step) : NULL;
	if (!text)
		return false;
	text = skip_blanks(text);
	out->mul = strcmp(text, "MUL") == 0;

	return out->mul || strcmp(text, "ADD") == 0;
}

static int set_sweep(const struct key *key, struct sweep *out, const char *value, char *error)
{
	struct sweep s = {.step = 1};
	const char *end = number(value, UINT32_MAX, &s.first);

	if (end && !*end)
		s.last = s.first;
	else if (!sweep_words(value, &s))
		return wrong(error,
			     "'%s' is neither a number nor FIRST,LAST,STEP,ADD or "
			     "FIRST,LAST,STEP,MUL",
			     value);
	if (s.first < key->min || s.last > key->max)
		return wrong(error, "'%s' is not within %llu and %llu", value,
			     (unsigned long long)key->min, (unsigned long long)key->max);
	if (s.last < s.first)
		return wrong(error, "'%s' ends before it begins", value);
	if (s.step < (s.mul ? 2 : 1))
		return wrong(error,
			     "'%s' does not get on: the least step is 1 with ADD, 2 with MUL",
			     value);
	*out = s;

	return 0;
}

static int set_number(const struct key *key, uint64_t *out, const char *value, char *error)
{
	const char *end = number(value, key->max, out);

	if (!end || *end || *out < key->min)
		return wrong(error, "'%s' is no number from %llu to %llu", value,
			     (unsigned long long)key->min, (unsigned long long)key->max);

	return 0;
}

static int set_type(enum config_type *out, const char *value, char *error)
{
	if (strcmp(value, "DMA_MEM_COPY") == 0)
		*out = TYPE_DMA;
	else if (strcmp(value, "CPU_MEM_COPY") == 0)
		*out = TYPE_CPU;
	else
		return wrong(error, "'%s' is neither DMA_MEM_COPY nor CPU_MEM_COPY", value);

	return 0;
}

static int set_node(int *out, const char *value, char *error)
{
	uint64_t node;
	const char *end = number(value, 1023, &node);

	if (strcmp(value, "-1") == 0)
		node = UINT64_MAX;
	else if (!end || *end)
		return wrong(error, "'%s' is no NUMA node: 0 to 1023, or -1 for any", value);
	*out = (int)node;

	return 0;
}

/* Seconds with up to three digits after a point. */
static int set_seconds(unsigned int *out, const char *value, char *error)
{
	uint64_t whole, part = 0;
	const char *text = number(value, 86400, &whole), *point = text;

	if (text && *text == '.') {
		text = number(point + 1, 999, &part);
		for (long digits = text ? text - point - 1 : 0; digits && digits < 3; digits++)
			part *= 10;
		if (text && text - point > 4)
			text = NULL;
	}
	if (!text || *text || whole * 1000 + part < 1 || whole * 1000 + part > 86400000)
		return wrong(error, "'%s' are no seconds from 0.001 to 86400", value);
	*out = (unsigned int)(whole * 1000 + part);

	return 0;
}

/* Where the next of a list begins: a device's name may have commas, too. */
static size_t lcore_length(const char *text)
{
	const char *comma = text;

	while ((comma = strchr(comma, ',')) != NULL) {
		const char *next = skip_blanks(comma + 1);

		if (strncmp(next, "lcore", 5) == 0 || (*next >= '0' && *next <= '9') || !*next)
			return (size_t)(comma - text);
		comma++;
	}

	return strlen(text);
}

static size_t trimmed(const char *text, size_t len)
{
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;

	return len;
}

/* "lcore3", "3" or, with a device, "lcore3@SPEC". */
static bool set_lcore(struct config_lcore *out, const char *text, size_t len, bool device)
{
	const char *end = text + trimmed(text, len);
	uint64_t cpu;

	memset(out, 0, sizeof(*out));
	if (strncmp(text, "lcore", 5) == 0)
		text += 5;
	text = number(text, 4095, &cpu);
	if (!text || text > end)
		return false;
	out->cpu = (unsigned int)cpu;
	if (text == end)
		return true;
	if (!device || *text != '@' || end - text < 2 || end - text > CONFIG_SPEC)
		return false;
	memcpy(out->spec, text + 1, (size_t)(end - text - 1));

	return true;
}

static int set_lcores(struct config_case *c, const char *value, bool device, char *error)
{
	const char *text = skip_blanks(value);

	for (c->lcores = 0;; c->lcores++) {
		size_t len = lcore_length(text);

		if (c->lcores == CONFIG_LCORES)
			return wrong(error, "has more than %u entries", CONFIG_LCORES);
		if (!set_lcore(&c->lcore[c->lcores], text, len, device))
			return wrong(error, "'%.*s' is not of the form %s", (int)len, text,
				     device ? "lcoreN or lcoreN@DEVICE" : "N or lcoreN");
		if (!text[len])
			break;
		text = skip_blanks(text + len + 1);
	}
	c->lcores++;

	return 0;
}

int keys_set(struct config_case *c, int index, const char *value, char *error)
{
	const struct key *key = &keys[index];
	void *at = (char *)c + key->offset;
	uint64_t n = 0;
	int ret;

	switch (key->kind) {
	case KIND_TYPE:
		return set_type(at, value, error);
	case KIND_SWEEP:
		return set_sweep(key, at, value, error);
	case KIND_NODE:
		return set_node(at, value, error);
	case KIND_SECONDS:
		return set_seconds(at, value, error);
	case KIND_LCORES:
		return set_lcores(c, value, key->only == TYPE_DMA, error);
	case KIND_DIRECTION:
		return strcmp(value, "mem2mem") == 0
			       ? 0
			       : wrong(error, "'%s' can't be done here: only mem2mem", value);
	case KIND_SGE:
	case KIND_FLAG:
		break;
	}
	ret = set_number(key, &n, value, error);
	if (!ret && key->kind == KIND_SGE)
		*(unsigned int *)at = (unsigned int)n;
	else if (!ret)
		*(bool *)at = n;

	return ret;
}

static bool powers_of_two(const struct sweep *s)
{
	bool step = s->first == s->last || (s->mul && (s->step & (s->step - 1)) == 0);

	return step && (s->first & (s->first - 1)) == 0;
}

/* Everything else follows from these, each of its values: all grow. */
static int check_sizes(const struct config_case *c, char *error)
{
	uint64_t ring = c->var[VAR_RING].first;

	if (!c->var[VAR_BUF].first)
		return wrong(error, "buf_size is missing: bytes of a copy");
	if (c->var[VAR_BUF].last > c->var[VAR_MEM].first << 20)
		return wrong(error, "a buf_size of %llu does not fit into a mem_size of %llu MiB",
			     (unsigned long long)c->var[VAR_BUF].last,
			     (unsigned long long)c->var[VAR_MEM].first);
	if (!powers_of_two(&c->var[VAR_RING]))
		return wrong(error, "dma_ring_size takes powers of two only");
	if (ring && c->var[VAR_BATCH].last > ring)
		return wrong(error,
			     "a kick_batch of %llu does not fit into a dma_ring_size of %llu",
			     (unsigned long long)c->var[VAR_BATCH].last, (unsigned long long)ring);
	if (c->src_sge > c->var[VAR_BUF].first || c->dst_sge > c->var[VAR_BUF].first)
		return wrong(error, "a buf_size of %llu has fewer bytes than there are pieces",
			     (unsigned long long)c->var[VAR_BUF].first);

	return 0;
}

int keys_check(const struct config_case *c, char *error)
{
	const char *runs = NULL;

	if (c->type == TYPE_NONE)
		return wrong(error, "type is missing: DMA_MEM_COPY or CPU_MEM_COPY");
	for (unsigned int v = 0; v < VARS; v++) {
		const struct sweep *s = &c->var[v];

		if (s->first == s->last)
			continue;
		if (runs)
			return wrong(error, "%s and %s both run: only one of a case may", runs,
				     config_var_name(v));
		runs = config_var_name(v);
	}
	if (config_scenarios(c) > CONFIG_SCENARIOS)
		return wrong(error, "%s takes more than %u values", runs, CONFIG_SCENARIOS);

	return check_sizes(c, error);
}

const char *config_var_name(enum config_var var)
{
	/* The keys of the variables stand together, in their order. */
	return keys[1 + var].name;
}
