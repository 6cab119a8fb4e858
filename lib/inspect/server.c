// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

/*
 * One thread. Clients that have not asked yet are waited for all at once, and the one that
 * has taken longest makes way for a new one: whoever asks at once is always served. Answers
 * go out one after the other.
 */
#define CLIENTS	 16
#define WORD_MAX 16
#define TIRED_MS 100 /* between attempts, while there is no room or no descriptor */

struct client {
	int fd;
	int64_t until;
	unsigned int len;
	char word[WORD_MAX + 1];
};

struct server {
	struct uvdk_inspect *inspect;
	struct client client[CLIENTS]; /* oldest first */
	unsigned int clients;
	bool tired; /* nobody new: not now */
};

static void leave(struct server *s, unsigned int i)
{
	close(s->client[i].fd);
	s->clients--;
	memmove(&s->client[i], &s->client[i + 1], (s->clients - i) * sizeof(s->client[0]));
}

/* Every client has some time to ask, however many there are. */
static bool make_room(struct server *s)
{
	if (s->clients < CLIENTS)
		return true;
	if (s->client[0].until - server_now_ms() > SERVER_ASK_MS - TIRED_MS)
		return false;
	leave(s, 0);

	return true;
}

static void welcome(struct server *s)
{
	int fd;

	s->tired = !make_room(s);
	if (s->tired)
		return;
	fd = accept4(s->inspect->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		s->tired = errno != EAGAIN && errno != EINTR && errno != ECONNABORTED;
		return;
	}
	s->client[s->clients++] =
		(struct client){.fd = fd, .until = server_now_ms() + SERVER_ASK_MS};
}

/* Is there a whole word, ended by a newline or the end of file, or too much for one? */
static bool has_asked(struct client *client, ssize_t n)
{
	char *end = n > 0 ? memchr(client->word, '\n', client->len) : NULL;

	if (end)
		*end = '\0';
	else
		client->word[client->len] = '\0';

	return end || n == 0 || client->len == WORD_MAX;
}

static void listen_to(struct server *s, unsigned int i)
{
	struct client *client = &s->client[i];
	ssize_t n =
		recv(client->fd, client->word + client->len, WORD_MAX - client->len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	client->len += n > 0 ? (unsigned int)n : 0;
	if (n >= 0 && !has_asked(client, n))
		return;
	if (n > 0 || client->len)
		server_send(s->inspect, client->fd, client->word);
	leave(s, i);
}

/* Milliseconds until something has to be looked at, whoever moves or not. */
static int patience(const struct server *s)
{
	int64_t least = s->tired ? TIRED_MS : INT_MAX;
	int64_t now = server_now_ms();

	for (unsigned int i = 0; i < s->clients; i++)
		if (s->client[i].until - now < least)
			least = s->client[i].until - now;

	return least == INT_MAX ? -1 : least > 0 ? (int)least : 0;
}

/* False: it is to end. */
static bool turn(struct server *s)
{
	struct pollfd fds[CLIENTS + 2];
	int64_t now;
	int timeout = patience(s);

	fds[0] = (struct pollfd){.fd = s->inspect->stop_fd, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = s->tired ? -1 : s->inspect->listen_fd, .events = POLLIN};
	for (unsigned int i = 0; i < s->clients; i++)
		fds[i + 2] = (struct pollfd){.fd = s->client[i].fd, .events = POLLIN};
	s->tired = false;
	if (poll(fds, s->clients + 2, timeout) < 0)
		return errno == EINTR;
	if (fds[0].revents)
		return false;

	now = server_now_ms();
	for (unsigned int i = s->clients; i--;) {
		if (fds[i + 2].revents)
			listen_to(s, i);
		else if (s->client[i].until <= now)
			leave(s, i);
	}
	if (fds[1].revents)
		welcome(s);

	return true;
}

static void *serve(void *arg)
{
	struct server s = {.inspect = arg};

	pthread_setname_np(pthread_self(), "uvdk-inspect");
	uvdk_log_hush(true); /* what is not to be had is in the answer */
	while (turn(&s))
		;
	while (s.clients)
		leave(&s, 0);

	return NULL;
}

int inspect_serve(struct uvdk_inspect *inspect)
{
	sigset_t all, before;
	int err;

	inspect->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (inspect->stop_fd < 0)
		return uvdk_fail(-errno, INSPECT_COMPONENT, "no eventfd to end a server with: %s",
				 strerror(errno));
	/* Signals are the application's: none is handled in a thread it does not know. */
	sigfillset(&all);
	sigdelset(&all, SIGBUS); /* but for what a thread causes itself */
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&inspect->thread, NULL, serve, inspect);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!err)
		return 0;
	close(inspect->stop_fd);
	inspect->stop_fd = -1;

	return uvdk_fail(-err, INSPECT_COMPONENT, "no thread to answer: %s", strerror(err));
}

void inspect_stop(struct uvdk_inspect *inspect)
{
	uint64_t one = 1;

	if (inspect->stop_fd < 0)
		return;
	/* In a child this descriptor stops the parent's thread, and there is none here. */
	if (inspect->pid == getpid()) {
		while (write(inspect->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
		pthread_join(inspect->thread, NULL);
	}
	close(inspect->stop_fd);
	inspect->stop_fd = -1;
}
