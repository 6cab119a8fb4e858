// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include "server.h"

/* A stream into a socket: stdio's buffer is all the memory that an answer takes. */
struct sending {
	int fd;
	int stop_fd;
	int64_t until;
};

int64_t server_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Until it takes more; false: it does not, or we are to end. */
static bool wait_for(const struct sending *to)
{
	struct pollfd fds[] = {{.fd = to->fd, .events = POLLOUT},
			       {.fd = to->stop_fd, .events = POLLIN}};
	int64_t left = to->until - server_now_ms();
	int ret;

	if (left <= 0)
		return false;
	ret = poll(fds, 2, (int)(left < SERVER_PROGRESS_MS ? left : SERVER_PROGRESS_MS));

	return (ret > 0 && !fds[1].revents) || (ret < 0 && errno == EINTR);
}

static ssize_t write_some(void *cookie, const char *buf, size_t len)
{
	const struct sending *to = cookie;
	size_t done = 0;

	while (done < len) {
		ssize_t n = send(to->fd, buf + done, len - done, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return 0;
		else if (!wait_for(to))
			return 0;
		if (server_now_ms() > to->until)
			return 0;
	}

	return (ssize_t)len;
}

static void refuse(FILE *to, const char *what)
{
	struct uvdk_json json = {.to = to};
	char text[256];

	snprintf(text, sizeof(text), "there is no \"%s\"; ask for %s", what, inspect_known);
	uvdk_json_open(&json, '{');
	uvdk_json_string(&json, "error", text);
	uvdk_json_close(&json, '}');
	putc('\n', to);
}

void server_send(struct uvdk_inspect *inspect, int fd, const char *what)
{
	static const cookie_io_functions_t functions = {.write = write_some};
	struct sending to = {fd, inspect->stop_fd, server_now_ms() + SERVER_ANSWER_MS};
	FILE *stream = fopencookie(&to, "w", functions);

	if (!stream)
		return;
	if (!inspect_answer(inspect, what, stream))
		refuse(stream, what);
	fclose(stream);
}
