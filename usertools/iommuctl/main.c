// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "iommuctl.h"

/* Long options without a letter. */
enum {
	OPT_VIOT = 256,
	OPT_FDT,
	OPT_IOMMU,
	OPT_SOCKET,
	OPT_JSON,
	OPT_ALL,
	OPT_SYSFS_ROOT,
	OPT_DEV_ROOT,
	OPT_RUN_DIR,
};

static const struct option options[] = {
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{"pid", required_argument, NULL, 'p'},
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"iommu", required_argument, NULL, OPT_IOMMU},
	{"viot", required_argument, NULL, OPT_VIOT},
	{"fdt", required_argument, NULL, OPT_FDT},
	{"all", no_argument, NULL, OPT_ALL},
	{"json", no_argument, NULL, OPT_JSON},
	{"sysfs-root", required_argument, NULL, OPT_SYSFS_ROOT},
	{"dev-root", required_argument, NULL, OPT_DEV_ROOT},
	{"run-dir", required_argument, NULL, OPT_RUN_DIR},
	{NULL, 0, NULL, 0},
};

static const char usage[] =
	"usage: uvdk-iommuctl topology [--viot FILE | --fdt FILE] [--json]\n"
	"       uvdk-iommuctl caps [--iommu NAME] DEVICE... [--json]\n"
	"       uvdk-iommuctl caps|ioas|maps|pasids [--pid N | --socket PATH] [--json]\n"
	"       uvdk-iommuctl reset DEVICE...|--all [--json]\n"
	"\n"
	"  topology         which virtio-iommu is in front of which PCI function\n"
	"  caps             what the I/O MMU in front of a device can do: DEVICEs are opened for\n"
	"                   it; without one, those that running processes have open\n"
	"  ioas             address spaces of running processes, and what is attached to them\n"
	"  maps             what is mapped there\n"
	"  pasids           PASIDs in use, and by whom\n"
	"  reset            bring virtio-iommus to a known state: bypass off, nothing attached\n"
	"\n"
	"DEVICE is a PCI address (0000:03:00.0 or 03:00.0), or emu:MODEL.\n"
	"\n"
	"      --viot FILE     read an ACPI VIOT table from a file\n"
	"      --fdt FILE      read a flattened device tree from a file\n"
	"      --iommu NAME    iommufd, type1, noiommu, ... (what suits the device best)\n"
	"  -p, --pid N         ask this process (all that can be found)\n"
	"      --socket PATH   ask whoever answers there\n"
	"      --all           every virtio-iommu\n"
	"      --json          print JSON\n"
	"  -h, --help          print this\n"
	"  -V, --version       print the version\n"
	"\n"
	"Exit status: 0 all done, 1 failed, 2 wrong usage, 3 no such device or process, 4 in\n"
	"use, 5 no permission, 6 driver not loaded, 7 no I/O MMU.\n";

void say(const char *fmt, ...)
{
	va_list ap;

	/* What went before to stdout is to come before, also in a file with both. */
	fflush(stdout);
	fprintf(stderr, "uvdk-iommuctl: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
}

enum ctl_exit exit_of(int err)
{
	switch (-err) {
	case 0:
		return EXIT_DONE;
	case ENODEV:
	case ENOENT:
		return EXIT_NO_DEVICE;
	case EBUSY:
	case EADDRINUSE:
		return EXIT_IN_USE;
	case EACCES:
	case EPERM:
		return EXIT_NO_PERMISSION;
	case ENXIO:
		return EXIT_NO_DRIVER;
	default:
		return EXIT_FAILED;
	}
}

static void sink(void *priv, enum uvdk_log_level level, const char *component, const char *msg)
{
	(void)priv;
	(void)component;
	say("%s%s", level == UVDK_LOG_WARN ? "warning: " : "", msg);
}

static int bad_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int bad_usage(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say("%s; see --help", text);

	return EXIT_USAGE;
}

static int take_pid(struct ctl *ctl, const char *arg)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(arg, &end, 10);
	if (errno || end == arg || *end || pid < 1 || pid != (pid_t)pid)
		return bad_usage("\"%s\" is not the number of a process", arg);
	ctl->pid = (pid_t)pid;

	return EXIT_DONE;
}

static int take_option(struct ctl *ctl, int option, const char *arg)
{
	switch (option) {
	case 'p':
		return take_pid(ctl, arg);
	case OPT_SOCKET:
		ctl->socket = arg;
		return EXIT_DONE;
	case OPT_IOMMU:
		ctl->iommu = arg;
		return EXIT_DONE;
	case OPT_VIOT:
		ctl->viot = arg;
		return EXIT_DONE;
	case OPT_FDT:
		ctl->fdt = arg;
		return EXIT_DONE;
	case OPT_ALL:
		ctl->all = true;
		return EXIT_DONE;
	case OPT_JSON:
		ctl->json = true;
		return EXIT_DONE;
	case OPT_SYSFS_ROOT:
		ctl->sysfs_root = arg;
		return EXIT_DONE;
	case OPT_DEV_ROOT:
		ctl->dev_root = arg;
		return EXIT_DONE;
	case OPT_RUN_DIR:
		ctl->run_dir = arg;
		return EXIT_DONE;
	default: /* getopt_long() has said why */
		return bad_usage("wrong option");
	}
}

enum takes {
	TAKES_DEVICES = 1 << 0,
	TAKES_PROCESS = 1 << 1,
	TAKES_FILE = 1 << 2,
	TAKES_ALL = 1 << 3,
};

static enum ctl_exit show_caps(const struct ctl *ctl)
{
	return ctl->devices ? show_devices(ctl) : show_processes(ctl);
}

static const struct command {
	const char *name;
	unsigned int takes;
	enum ctl_exit (*run)(const struct ctl *ctl);
} commands[] = {
	{"topology", TAKES_FILE, show_topology},
	{"caps", TAKES_DEVICES | TAKES_PROCESS, show_caps},
	{"ioas", TAKES_PROCESS, show_processes},
	{"maps", TAKES_PROCESS, show_processes},
	{"pasids", TAKES_PROCESS, show_processes},
	{"reset", TAKES_DEVICES | TAKES_ALL, reset_units},
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];

	return NULL;
}

static int check(const struct ctl *ctl, const struct command *command)
{
	bool process = ctl->pid || ctl->socket;

	if (ctl->devices && !(command->takes & TAKES_DEVICES))
		return bad_usage("%s takes no device: give --pid or --socket for a process",
				 command->name);
	if (process && !(command->takes & TAKES_PROCESS))
		return bad_usage("--pid and --socket go with caps, ioas, maps and pasids");
	if (process && ctl->devices)
		return bad_usage("give devices, or a process that has some open, not both");
	if (ctl->pid && ctl->socket)
		return bad_usage("give --pid or --socket, not both");
	if ((ctl->viot || ctl->fdt) && !(command->takes & TAKES_FILE))
		return bad_usage("--viot and --fdt go with topology");
	if (ctl->viot && ctl->fdt)
		return bad_usage("give --viot or --fdt, not both");
	if (ctl->iommu && (!ctl->devices || command->run != show_caps))
		return bad_usage("--iommu goes with caps and a device");
	if (ctl->all && !(command->takes & TAKES_ALL))
		return bad_usage("--all goes with reset");
	if (command->run == reset_units && ctl->all == !!ctl->devices)
		return bad_usage("reset takes devices, or --all");

	return EXIT_DONE;
}

static int run(struct ctl *ctl, char **args, int count)
{
	const struct command *command;
	int status;

	if (!count)
		return bad_usage("nothing to do: give topology, caps, ioas, maps, pasids or reset");
	command = find_command(args[0]);
	if (!command)
		return bad_usage("there is no command \"%s\": give topology, caps, ioas, maps, "
				 "pasids or reset",
				 args[0]);
	ctl->command = command->name;
	ctl->device = args + 1;
	ctl->devices = (unsigned int)count - 1;
	status = check(ctl, command);

	return status ? status : (int)command->run(ctl);
}

int main(int argc, char **argv)
{
	struct ctl ctl = {0};
	int status = EXIT_DONE;
	int option;

	uvdk_log_set_sink(sink, NULL);
	while (!status && (option = getopt_long(argc, argv, "hVp:", options, NULL)) != -1) {
		if (option == 'h' || option == 'V') {
			printf("%s%s", option == 'h' ? usage : uvdk_version(),
			       option == 'h' ? "" : "\n");
			return EXIT_DONE;
		}
		status = take_option(&ctl, option, optarg);
	}
	if (!status)
		status = run(&ctl, argv + optind, argc - optind);
	if (fflush(stdout) || ferror(stdout)) {
		say("cannot write to stdout");
		return status ? status : EXIT_FAILED;
	}

	return status;
}
