// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>

#include "iommuctl.h"

/*
 * A reader of JSON (RFC 8259), in place: strings end where their quote was. It need not be
 * strict about numbers, but whatever it is given it stays inside the text.
 */
#define DEPTH_MAX  32
#define SLAB_NODES 4096

struct slab {
	struct slab *next;
	unsigned int used;
	struct node node[SLAB_NODES];
};

struct tree {
	struct slab *slabs;
	char *at;
};

static struct node *new_node(struct tree *tree, enum node_type type)
{
	struct slab *slab = tree->slabs;
	struct node *node;

	if (!slab || slab->used == SLAB_NODES) {
		slab = malloc(sizeof(*slab));
		if (!slab)
			return NULL;
		slab->next = tree->slabs;
		slab->used = 0;
		tree->slabs = slab;
	}
	node = &slab->node[slab->used++];
	*node = (struct node){.type = type};

	return node;
}

static void skip_space(struct tree *tree)
{
	tree->at += strspn(tree->at, " \t\r\n");
}

static bool take(struct tree *tree, char c)
{
	skip_space(tree);
	if (*tree->at != c)
		return false;
	tree->at++;

	return true;
}

static int hex4(const char *at)
{
	int value = 0;

	for (int i = 0; i < 4; i++) {
		const char *digits = "0123456789abcdef";
		const char *digit = at[i] ? strchr(digits, at[i] | 0x20) : NULL;

		if (!digit)
			return -1;
		value = value << 4 | (int)(digit - digits);
	}

	return value;
}

/* In UTF-8; halves of pairs stay three bytes each: nothing that we are sent has any. */
static char *put_code(char *to, int code)
{
	if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
		*to++ = '?'; /* a name must not steer the terminal that it is shown on */
	} else if (code < 0x80) {
		*to++ = (char)code;
	} else if (code < 0x800) {
		*to++ = (char)(0xc0 | code >> 6);
		*to++ = (char)(0x80 | (code & 0x3f));
	} else {
		*to++ = (char)(0xe0 | code >> 12);
		*to++ = (char)(0x80 | (code >> 6 & 0x3f));
		*to++ = (char)(0x80 | (code & 0x3f));
	}

	return to;
}

/* What follows a backslash, which is never longer than that. */
static bool unescape(struct tree *tree, char **to)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/?????";
	const char *known = *tree->at ? strchr(from, *tree->at) : NULL;
	int code;

	if (known) {
		*(*to)++ = into[known - from];
		tree->at++;
		return true;
	}
	code = *tree->at == 'u' ? hex4(tree->at + 1) : -1;
	if (code < 0)
		return false;
	*to = put_code(*to, code);
	tree->at += 5;

	return true;
}

static char *read_string(struct tree *tree)
{
	char *text, *to;

	if (!take(tree, '"'))
		return NULL;
	text = to = tree->at;
	while (*tree->at != '"') {
		if ((unsigned char)*tree->at < 0x20)
			return NULL;
		if (*tree->at != '\\') {
			*to++ = *tree->at++;
			continue;
		}
		tree->at++;
		if (!unescape(tree, &to))
			return NULL;
	}
	tree->at++;
	*to = '\0';

	return text;
}

/*
 * A word's end is where something else begins, which must stay: so the text of numbers ends
 * with the next one of ",]} \t\r\n", and is cut there by node_end() once that is read.
 */
static const char *const words[] = {"null", "true", "false"};

static struct node *read_word(struct tree *tree)
{
	size_t len = strcspn(tree->at, ",]} \t\r\n");
	struct node *node = new_node(tree, NODE_NUMBER);

	if (!node || !len)
		return NULL;
	node->text = tree->at;
	for (unsigned int i = 0; i < 3; i++) {
		if (len != strlen(words[i]) || memcmp(tree->at, words[i], len) != 0)
			continue;
		node->type = i ? NODE_BOOL : NODE_NULL;
		node->text = words[i];
	}
	if (node->type == NODE_NUMBER && strspn(tree->at, "+-.0123456789eE") != len)
		return NULL;
	tree->at += len;

	return node;
}

static struct node *read_value(struct tree *tree, unsigned int depth);

/* What stands between brackets, each with its key in an object. */
static bool read_members(struct tree *tree, struct node *of, char end, unsigned int depth)
{
	struct node **link = &of->first;

	if (take(tree, end))
		return true;
	do {
		char *key = end == '}' ? read_string(tree) : NULL;

		if (end == '}' && (!key || !take(tree, ':')))
			return false;
		*link = read_value(tree, depth + 1);
		if (!*link)
			return false;
		(*link)->key = key;
		link = &(*link)->next;
	} while (take(tree, ','));

	return take(tree, end);
}

static struct node *read_value(struct tree *tree, unsigned int depth)
{
	struct node *node;
	char c;

	skip_space(tree);
	c = *tree->at;
	if (depth > DEPTH_MAX)
		return NULL;
	if (c == '{' || c == '[') {
		node = new_node(tree, c == '{' ? NODE_OBJECT : NODE_ARRAY);
		tree->at++;
		return node && read_members(tree, node, c == '{' ? '}' : ']', depth) ? node : NULL;
	}
	if (c != '"')
		return read_word(tree);
	node = new_node(tree, NODE_STRING);
	if (node)
		node->text = read_string(tree);

	return node && node->text ? node : NULL;
}

/* Numbers end where punctuation was, which nobody needs any more. */
static void end_words(struct tree *tree)
{
	for (struct slab *slab = tree->slabs; slab; slab = slab->next)
		for (unsigned int i = 0; i < slab->used; i++)
			if (slab->node[i].type == NODE_NUMBER) {
				char *text = tree->at + (slab->node[i].text - tree->at);

				text[strspn(text, "+-.0123456789eE")] = '\0';
			}
}

const struct node *tree_read(char *text, struct tree **out)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	struct node *root;

	if (!tree)
		return NULL;
	tree->at = text;
	root = read_value(tree, 0);
	skip_space(tree);
	if (!root || *tree->at) {
		tree_free(tree);
		return NULL;
	}
	end_words(tree);
	*out = tree;

	return root;
}

void tree_free(struct tree *tree)
{
	struct slab *slab;

	if (!tree)
		return;
	while ((slab = tree->slabs)) {
		tree->slabs = slab->next;
		free(slab);
	}
	free(tree);
}

const struct node *node_get(const struct node *node, const char *key)
{
	static const struct node none = {.type = NODE_NULL};

	for (node = node->type == NODE_OBJECT ? node->first : NULL; node; node = node->next)
		if (!strcmp(node->key, key))
			return node;

	return &none;
}

const char *node_text(const struct node *node, const char *key, const char *none)
{
	const struct node *found = node_get(node, key);

	return found->type == NODE_NULL || !found->text ? none : found->text;
}

uint64_t node_number(const struct node *node, const char *key)
{
	return strtoull(node_text(node, key, "0"), NULL, 10);
}

bool node_true(const struct node *node, const char *key)
{
	return !strcmp(node_text(node, key, ""), "true");
}
