// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmdline.h>
#include <cmdline_parse.h>
#include <cmdline_parse_string.h>
#include <cmdline_socket.h>

#include "command.h"

#define PROMPT "testpmd> "

/* A command in the form that DPDK's cmdline library reads. */
struct bound {
	struct prompt *prompt;
	const struct command *command;
	cmdline_parse_inst_t *inst;
	struct cmdline_token_string token[MAX_WORDS];
	unsigned int words;
};

struct prompt {
	struct app *app;
	struct cmdline *cl;
	int status; /* of the latest command */
	bool terminal;
	struct bound *bound;
	unsigned int count;
	cmdline_parse_ctx_t *ctx; /* NULL-terminated */
	char *strings[256];	  /* of tokens, to be freed */
	unsigned int nstrings;
};

const struct command *const command_groups[] = {
	run_commands, show_commands, set_commands, port_commands, NULL,
};

static void execute(void *parsed, struct cmdline *cl, void *data)
{
	const struct bound *bound = data;
	char *word[MAX_WORDS] = {NULL};

	(void)cl;
	for (unsigned int i = 0; i < bound->words; i++)
		word[i] = (char *)parsed + i * STR_TOKEN_SIZE;
	bound->prompt->status = bound->command->run(bound->prompt->app, word);
	/* The library writes past stdio: what is ours comes first. */
	fflush(stdout);
}

static const char *modes(void)
{
	static char text[256];
	size_t at = 0;

	for (size_t i = 0; fwd_engines[i] && at < sizeof(text); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? "#" : "",
				       fwd_engines[i]->name);

	return text;
}

/* What the library wants to see for a word of a syntax. */
static const char *token_text(struct prompt *prompt, const char *word, size_t len)
{
	char *copy;

	if (!strncmp(word, "...", len))
		return TOKEN_STRING_MULTI;
	if (!strncmp(word, "{modes}", len))
		return modes();
	if (*word == '<')
		return NULL;
	if (prompt->nstrings == RTE_DIM(prompt->strings))
		return "";
	copy = strndup(word, len);
	prompt->strings[prompt->nstrings++] = copy;

	return copy ? copy : "";
}

static int bind_command(struct prompt *prompt, struct bound *bound, const struct command *command)
{
	const char *at = command->syntax;
	size_t len;

	bound->prompt = prompt;
	bound->command = command;
	bound->inst =
		calloc(1, sizeof(*bound->inst) + (MAX_WORDS + 1) * sizeof(bound->inst->tokens[0]));
	if (!bound->inst)
		return -ENOMEM;
	for (; *at && bound->words < MAX_WORDS; at += len + (at[len] == ' ')) {
		struct cmdline_token_string *token = &bound->token[bound->words];

		len = strcspn(at, " ");
		token->hdr.ops = &cmdline_token_string_ops;
		token->hdr.offset = bound->words * STR_TOKEN_SIZE;
		token->string_data.str = token_text(prompt, at, len);
		bound->inst->tokens[bound->words++] = &token->hdr;
	}
	bound->inst->f = execute;
	bound->inst->data = bound;
	bound->inst->help_str = command->help ? command->help : command->syntax;

	return 0;
}

static void free_prompt(struct prompt *prompt)
{
	if (!prompt)
		return;
	for (unsigned int i = 0; i < prompt->count; i++)
		free(prompt->bound[i].inst);
	while (prompt->nstrings)
		free(prompt->strings[--prompt->nstrings]);
	free(prompt->bound);
	free(prompt->ctx);
	free(prompt);
}

static unsigned int count_commands(void)
{
	unsigned int n = 0;

	for (size_t g = 0; command_groups[g]; g++)
		for (const struct command *c = command_groups[g]; c->syntax; c++)
			n++;

	return n;
}

static struct prompt *make_prompt(struct app *app)
{
	struct prompt *prompt = calloc(1, sizeof(*prompt));
	unsigned int count = count_commands();

	if (!prompt)
		return NULL;
	prompt->app = app;
	prompt->bound = calloc(count, sizeof(*prompt->bound));
	prompt->ctx = calloc(count + 1, sizeof(prompt->ctx[0]));
	if (!prompt->bound || !prompt->ctx)
		goto fail;
	for (size_t g = 0; command_groups[g]; g++) {
		for (const struct command *c = command_groups[g]; c->syntax; c++) {
			struct bound *bound = &prompt->bound[prompt->count++];

			if (bind_command(prompt, bound, c))
				goto fail;
			prompt->ctx[prompt->count - 1] = bound->inst;
		}
	}

	return prompt;
fail:
	free_prompt(prompt);
	return NULL;
}

int prompt_open(struct app *app)
{
	struct prompt *prompt = make_prompt(app);

	if (!prompt) {
		complain("the prompt can't be opened: %s", strerror(ENOMEM));
		return -ENOMEM;
	}
	fflush(stdout);
	prompt->terminal = isatty(STDIN_FILENO);
	if (prompt->terminal)
		prompt->cl = cmdline_stdin_new(prompt->ctx, PROMPT);
	else
		prompt->cl = cmdline_new(prompt->ctx, PROMPT, STDIN_FILENO, STDOUT_FILENO);
	if (!prompt->cl) {
		free_prompt(prompt);
		complain("the prompt can't be opened");
		return -EIO;
	}
	app->prompt = prompt;

	return 0;
}

void prompt_close(struct app *app)
{
	struct prompt *prompt = app->prompt;

	if (!prompt)
		return;
	/* The former gives the terminal its settings back; both free. */
	if (prompt->terminal)
		cmdline_stdin_exit(prompt->cl);
	else
		cmdline_free(prompt->cl);
	free_prompt(prompt);
	app->prompt = NULL;
}

void prompt_input(struct app *app, const char *text, size_t len)
{
	bool bounded = app->opts.packets || app->opts.duration > 0;

	if (len == 0) {
		app->quit |= !bounded;
		return;
	}
	fflush(stdout);
	/* One at a time: what follows "quit" is not ours any more. */
	for (size_t i = 0; i < len && !app->quit; i++) {
		if (cmdline_in(app->prompt->cl, text + i, 1) < 0)
			app->quit = true;
	}
}

/* What the library makes of a line that it runs no command for. */
static const char *misread(int ret)
{
	switch (ret) {
	case CMDLINE_PARSE_BAD_ARGS:
		return "wrong arguments; 'help' lists the commands";
	case CMDLINE_PARSE_AMBIGUOUS:
		return "could be several commands; 'help' lists them";
	default:
		return "no such command; 'help' lists them";
	}
}

/* A line of a file, without its end: did it do what it says? */
static bool execute_line(struct prompt *prompt, const char *line, size_t len, const char *where)
{
	char text[CMDLINE_PARSE_RESULT_BUFSIZE];
	int ret;

	printf("%s%s\n", PROMPT, line);
	fflush(stdout);
	/* The library would pass over what it can't hold, and over what follows a NUL. */
	if (len + 2 > sizeof(text) || strcspn(line, "\r") != len) {
		complain("%s: not executed: it is too long, or holds a NUL or carriage return",
			 where);
		return false;
	}
	/* It takes a line only with its end. */
	snprintf(text, sizeof(text), "%s\n", line);
	prompt->status = 0;
	ret = cmdline_parse(prompt->cl, text);
	if (ret < 0)
		complain("%s: '%s': %s", where, line, misread(ret));
	else if (prompt->status)
		complain("%s: '%s' failed", where, line);

	return ret >= 0 && !prompt->status;
}

static bool execute_file(struct prompt *prompt, FILE *f, const char *path)
{
	char where[PATH_MAX + 32];
	char *line = NULL;
	size_t room = 0;
	bool good = true;
	ssize_t len;

	for (unsigned int n = 1; !prompt->app->quit && (len = getline(&line, &room, f)) > 0; n++) {
		if (line[len - 1] == '\n')
			line[--len] = '\0';
		if (len && line[len - 1] == '\r')
			line[--len] = '\0';
		snprintf(where, sizeof(where), "%s, line %u", path, n);
		good &= execute_line(prompt, line, (size_t)len, where);
	}
	free(line);

	return good;
}

int prompt_file(struct app *app, const char *path)
{
	struct prompt *prompt;
	FILE *f = fopen(path, "re");
	int ret = -1;

	if (!f) {
		complain("--cmdline-file: '%s' can't be read: %s", path, strerror(errno));
		return -1;
	}
	prompt = make_prompt(app);
	if (prompt)
		prompt->cl = cmdline_new(prompt->ctx, "", -1, STDOUT_FILENO);
	if (!prompt || !prompt->cl) {
		complain("--cmdline-file: no memory to execute '%s'", path);
		goto out;
	}
	app->script_failed = !execute_file(prompt, f, path);
	if (!feof(f) && !app->quit) {
		complain("--cmdline-file: '%s' can't be read: %s", path, strerror(errno));
		goto out;
	}
	ret = 0;
out:
	if (prompt && prompt->cl)
		cmdline_free(prompt->cl);
	free_prompt(prompt);
	fclose(f);

	return ret;
}
