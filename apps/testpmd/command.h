/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTPMD_COMMAND_H
#define TESTPMD_COMMAND_H

#include "app.h"

/*
 * Commands of the prompt. A *syntax* is words: a plain one is typed as it is,
 * "a#b" is one of several, <name> is any word, "{modes}" one of the forwarding
 * modes, and "..." the rest of the line.
 */

#define MAX_WORDS 8

struct command {
	const char *syntax;
	const char *help; /* NULL: not listed */
	/* Do it. 0, or negative errno after a complaint. */
	int (*run)(struct app *app, char *const *word);
};

/* Each ends with an entry without syntax. */
extern const struct command run_commands[];
extern const struct command show_commands[];
extern const struct command set_commands[];
extern const struct command port_commands[];

extern const struct command *const command_groups[]; /* NULL-terminated */

int run_show_iommu(struct app *app, char *const *word);
int run_show_ioas(struct app *app, char *const *word);

/*
 * Run @fn for the port that a word names, or for each open one with "all".
 * Says so where the word names none. @any: ports that have left count too.
 * 0, or the first failure; the ports after it have their turn all the same.
 */
int for_ports(struct app *app, const char *word, bool any,
	      int (*fn)(struct app *app, struct port *port));

/* A number in a command. 0, or -EINVAL after saying what is wrong with it. */
int word_number(const char *what, const char *word, uint64_t max, uint64_t *value);

#endif /* TESTPMD_COMMAND_H */
