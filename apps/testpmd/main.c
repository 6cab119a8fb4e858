// SPDX-License-Identifier: BSD-3-Clause
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>

#include <uvdk_eal.h>

#include "app.h"
#include "cores.h"

static pthread_t main_thread;

/* Failures of the main thread's calls are told where they are handled. */
static void log_sink(void *priv, enum uvdk_log_level level, const char *component, const char *msg)
{
	if (level != UVDK_LOG_ERR || !pthread_equal(pthread_self(), main_thread))
		uvdk_eal_log(priv, level, component, msg);
}

/* argv[0..n) is EAL's, argv[n] is "--" or the end. */
static int find_separator(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--"))
			return i;

	return argc;
}

static bool asks_for_help(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help"))
			return true;

	return false;
}

/* Without a bound it runs until Enter, a signal or, at the prompt, "quit". */
static struct until bounds(const struct options *opts)
{
	struct until until = {.packets = opts->packets};
	bool bounded = opts->packets || opts->duration > 0;

	if (opts->duration > 0)
		until.deadline_ns = now_ns() + (uint64_t)(opts->duration * 1e9);
	until.input = opts->interactive || (!bounded && !opts->stats_period);
	/* Nobody is there to bring a port back. */
	until.stuck = opts->packets && !until.input;

	return until;
}

static int forward(struct app *app)
{
	const struct options *opts = &app->opts;
	struct until until;

	if (opts->cmdline_file && prompt_file(app, opts->cmdline_file))
		return -1;
	if (app->quit)
		return 0;
	if (opts->interactive && prompt_open(app))
		return -1;
	if ((!opts->interactive || opts->auto_start) && !app->session &&
	    fwd_start(app, opts->tx_first ? 1 : 0))
		return -1;
	until = bounds(opts);
	if (until.input && !opts->interactive)
		printf("Press enter to exit\n");
	events_run(app, &until);
	if (!until.stuck || app->quit || fwd_moved(app) >= until.packets ||
	    (until.deadline_ns && now_ns() >= until.deadline_ns))
		return 0;
	complain("--packets: %" PRIu64 " of %" PRIu64 " were forwarded, and all ports are "
		 "stopped, broken or gone",
		 fwd_moved(app), until.packets);

	return -1;
}

static int run(struct app *app)
{
	int ret = json_check(app);

	if (!ret)
		ret = cores_create(&app->opts, &app->cores);
	if (!ret)
		ret = spaces_inspect(app);
	if (!ret)
		ret = ports_open(app);
	if (!ret)
		ret = forward(app);
	prompt_close(app);
	fwd_stop(app);
	/* Without ports of the user's this run is a test of ours. */
	if (!emulated_check(app) && app->own_pair && !app->disturbed && !ret) {
		complain("the far end of an emulated port has seen what must not be (above)");
		ret = -1;
	}
	if (app->port[0].name && json_write(app) && !ret)
		ret = -1;
	if (app->broken)
		complain("a port broke during the run (above)");
	if (app->script_failed)
		complain("a command of --cmdline-file failed (above)");
	if (app->broken || app->script_failed)
		ret = -1;
	ports_close(app);
	cores_destroy(app->cores);
	pools_free(app);
	spaces_close(app);
	fwd_session_free(app->last);

	return ret;
}

int main(int argc, char **argv)
{
	int eal_argc = find_separator(argc, argv);
	static struct app app;
	char why[512];
	int ret;

	if (asks_for_help(eal_argc, argv)) {
		options_usage(stdout, "uvdk-testpmd");
		return EXIT_SUCCESS;
	}
	switch (options_parse(&app.opts, eal_argc < argc ? argc - eal_argc : 1, argv + eal_argc,
			      why, sizeof(why))) {
	case OPTIONS_EXIT:
		options_usage(stdout, "uvdk-testpmd");
		return EXIT_SUCCESS;
	case OPTIONS_BAD:
		complain("%s", why);
		return EXIT_FAILURE;
	case OPTIONS_RUN:
	default:
		break;
	}

	/* Else the next file to be opened would pass for standard input. */
	if (fcntl(STDIN_FILENO, F_GETFD) < 0) {
		complain("standard input is closed: taken for its end");
		if (open("/dev/null", O_RDONLY) < 0)
			return EXIT_FAILURE;
	}
	main_thread = pthread_self();
	events_init();
	if (eal_start(eal_argc, argv))
		return EXIT_FAILURE;
	uvdk_log_set_sink(log_sink, NULL);
	uvdk_log_set_level(NULL, uvdk_eal_log_level());
	ret = run(&app);
	if (rte_eal_cleanup() && !ret)
		ret = -1;
	if (fflush(stdout) || ferror(stdout)) {
		complain("standard output can't be written");
		ret = -1;
	}

	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
