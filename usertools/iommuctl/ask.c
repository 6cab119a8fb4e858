// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <glob.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "iommuctl.h"

/* A server takes no longer for one client; an answer of a million maps is a tenth of that. */
#define PATIENCE_MS 15000
#define ANSWER_MAX  ((size_t)1 << 30)

static int connect_to(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		int err = errno;

		close(fd);
		errno = err;
		return -1;
	}

	return fd;
}

/* All up to the end of file, as a string. NULL with errno. */
static char *read_all(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	size_t len = 0, room = 65536;
	char *text = malloc(room);
	ssize_t n = 1;

	while (text && n) {
		char *more = room - len < 2 && room < ANSWER_MAX ? realloc(text, room *= 2) : text;

		if (!more || room - len < 2) {
			errno = more ? EFBIG : ENOMEM;
			goto fail;
		}
		text = more;
		if (poll(&pfd, 1, PATIENCE_MS) == 0) {
			errno = ETIMEDOUT;
			goto fail;
		}
		n = recv(fd, text + len, room - len - 1, 0);
		if (n < 0 && errno != EINTR)
			goto fail;
		len += n > 0 ? (size_t)n : 0;
	}
	if (text)
		text[len] = '\0';

	return text;
fail:
	free(text);
	return NULL;
}

/* What a process says, or NULL with errno. */
static char *ask(const char *path, const char *what)
{
	int fd = connect_to(path);
	char line[32];
	char *text;
	int err;

	if (fd < 0)
		return NULL;
	snprintf(line, sizeof(line), "%s\n", what);
	if (send(fd, line, strlen(line), MSG_NOSIGNAL) < 0)
		text = NULL;
	else
		text = read_all(fd);
	err = errno;
	close(fd);
	errno = err;

	return text;
}

static enum ctl_exit no_answer(const char *path)
{
	int err = errno;

	switch (err) {
	case ENOENT:
	case ENOTDIR:
		say("there is no socket %s: does that process run, and with a server "
		    "(uvdk-testpmd: --inspect)?",
		    path);
		return EXIT_NO_DEVICE;
	case ECONNREFUSED:
		say("nobody answers at %s: its process is gone", path);
		return EXIT_NO_DEVICE;
	case EACCES:
	case EPERM:
		say("%s is another user's: ask as that user, or as root", path);
		return EXIT_NO_PERMISSION;
	case ETIMEDOUT:
		say("the process behind %s does not answer: is it stopped?", path);
		return EXIT_FAILED;
	default:
		say("%s can't be asked: %s", path, strerror(err));
		return EXIT_FAILED;
	}
}

static enum ctl_exit print_tree(const char *what, const char *path, char *text)
{
	enum ctl_exit status = EXIT_FAILED;
	const struct node *answer;
	struct tree *tree = NULL;

	answer = tree_read(text, &tree);
	if (!answer || answer->type != NODE_OBJECT) {
		say("%s sent no whole answer: was its process ended meanwhile?", path);
	} else if (node_get(answer, "error")->text) {
		say("%s: %s", path, node_text(answer, "error", ""));
	} else {
		printf("%s, process %s:\n", node_text(answer, "program", "?"),
		       node_text(answer, "pid", "?"));
		text_answer(what, answer);
		status = EXIT_DONE;
	}
	tree_free(tree);

	return status;
}

/* As it came; what was cut off is never passed on as if it were whole. */
static enum ctl_exit print_json(const char *path, const char *text)
{
	enum ctl_exit status = EXIT_FAILED;
	struct tree *tree = NULL;
	const struct node *answer;
	char *copy = strdup(text);

	answer = copy ? tree_read(copy, &tree) : NULL;
	if (!answer || answer->type != NODE_OBJECT) {
		say("%s sent no whole answer: was its process ended meanwhile?", path);
	} else if (node_get(answer, "error")->text) {
		say("%s: %s", path, node_text(answer, "error", ""));
	} else {
		fputs(text, stdout);
		status = EXIT_DONE;
	}
	tree_free(tree);
	free(copy);

	return status;
}

static enum ctl_exit show(const struct ctl *ctl, const char *path, char *text)
{
	return ctl->json ? print_json(path, text) : print_tree(ctl->command, path, text);
}

static enum ctl_exit show_one(const struct ctl *ctl, const char *path)
{
	char *text = ask(path, ctl->command);
	enum ctl_exit status = text ? show(ctl, path, text) : no_answer(path);

	free(text);

	return status;
}

/* Where sockets named @name may be. */
static void find(const struct ctl *ctl, const char *name, glob_t *found)
{
	const char *own = getenv("XDG_RUNTIME_DIR");
	char pattern[4096];
	int append = 0;

	memset(found, 0, sizeof(*found));
	snprintf(pattern, sizeof(pattern), "%s/uvdk/%s", ctl->run_dir ? ctl->run_dir : "/run",
		 name);
	append = glob(pattern, 0, NULL, found) ? 0 : GLOB_APPEND;
	if (ctl->run_dir)
		return;
	if (getuid() && own && *own == '/')
		snprintf(pattern, sizeof(pattern), "%s/uvdk/%s", own, name);
	else if (!getuid())
		snprintf(pattern, sizeof(pattern), "/run/user/*/uvdk/%s", name);
	else
		return;
	glob(pattern, append, NULL, found);
}

static enum ctl_exit show_pid(const struct ctl *ctl)
{
	enum ctl_exit status = EXIT_NO_DEVICE;
	char name[32];
	glob_t found;

	snprintf(name, sizeof(name), "%d.sock", (int)ctl->pid);
	find(ctl, name, &found);
	if (found.gl_pathc)
		status = show_one(ctl, found.gl_pathv[0]);
	else
		say("process %d has no socket to be looked into by: does it run, as this user, and "
		    "with a server (uvdk-testpmd: --inspect)? If it has one elsewhere, give "
		    "--socket",
		    (int)ctl->pid);
	globfree(&found);

	return status;
}

/* Sockets of processes that are gone, or of other users, are passed over. */
static enum ctl_exit show_all(const struct ctl *ctl)
{
	enum ctl_exit status = EXIT_DONE;
	const char *before = "";
	glob_t found;

	find(ctl, "*.sock", &found);
	if (ctl->json)
		printf("{\"processes\":[");
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char *text = ask(found.gl_pathv[i], ctl->command);
		enum ctl_exit one;

		if (!text && (errno == ECONNREFUSED || errno == ENOENT || errno == EACCES))
			continue;
		if (text)
			fputs(before, stdout);
		one = text ? show(ctl, found.gl_pathv[i], text) : no_answer(found.gl_pathv[i]);
		if (one == EXIT_DONE)
			before = ctl->json ? "," : "\n";
		status = status ? status : one;
		free(text);
	}
	if (ctl->json)
		printf("]}\n");
	else if (!*before && !status)
		printf("no running process can be looked into\n");
	globfree(&found);

	return status;
}

enum ctl_exit show_processes(const struct ctl *ctl)
{
	if (ctl->socket)
		return show_one(ctl, ctl->socket);

	return ctl->pid ? show_pid(ctl) : show_all(ctl);
}
