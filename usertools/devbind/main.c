// SPDX-License-Identifier: BSD-3-Clause
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "devbind.h"

/* Long options without a letter. */
enum {
	OPT_STATUS_DEV = 256,
	OPT_FORCE,
	OPT_NOIOMMU,
	OPT_JSON,
	OPT_RESTORE,
	OPT_DRY_RUN,
	OPT_GROUPS,
	OPT_SYSFS_ROOT,
	OPT_PROC_ROOT,
	OPT_DEV_ROOT,
	OPT_STATE_DIR,
};

static const struct option options[] = {
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{"status", no_argument, NULL, 's'},
	{"status-dev", required_argument, NULL, OPT_STATUS_DEV},
	{"bind", required_argument, NULL, 'b'},
	{"unbind", no_argument, NULL, 'u'},
	{"restore", no_argument, NULL, OPT_RESTORE},
	{"force", no_argument, NULL, OPT_FORCE},
	{"noiommu-mode", no_argument, NULL, OPT_NOIOMMU},
	{"uid", required_argument, NULL, 'U'},
	{"gid", required_argument, NULL, 'G'},
	{"dry-run", no_argument, NULL, OPT_DRY_RUN},
	{"groups", no_argument, NULL, OPT_GROUPS},
	{"json", no_argument, NULL, OPT_JSON},
	{"sysfs-root", required_argument, NULL, OPT_SYSFS_ROOT},
	{"proc-root", required_argument, NULL, OPT_PROC_ROOT},
	{"dev-root", required_argument, NULL, OPT_DEV_ROOT},
	{"state-dir", required_argument, NULL, OPT_STATE_DIR},
	{NULL, 0, NULL, 0},
};

static const char usage[] =
	"usage: uvdk-devbind [-s] [--status-dev CLASS] [--groups] [--json]\n"
	"       uvdk-devbind -b DRIVER | -u | --restore [OPTION...] DEVICE...\n"
	"\n"
	"DEVICE is a PCI address (0000:03:00.0 or 03:00.0), a network interface, or a\n"
	"glob over addresses (\"0000:03:*\").\n"
	"\n"
	"  -s, --status          print which driver has which device\n"
	"      --status-dev CLASS  only one class: net baseband crypto dma event mempool\n"
	"                        compress misc regex ml\n"
	"      --groups          print IOMMU groups, their members and whether VFIO can\n"
	"                        have them\n"
	"      --json            print status or groups as JSON\n"
	"  -b, --bind DRIVER     bind to a driver; \"none\" unbinds\n"
	"  -u, --unbind          unbind; the device \"dpdk\" is all that user space has\n"
	"      --restore         put back the driver from before the first -b or -u\n"
	"  -U, --uid USER        with -b: give the VFIO device nodes to a user\n"
	"  -G, --gid GROUP       with -b: give the VFIO device nodes to a group\n"
	"      --noiommu-mode    let VFIO do without an IOMMU, if there is none\n"
	"      --force           also take a device that is in use\n"
	"      --dry-run         print what would be written, change nothing\n"
	"  -h, --help            print this\n"
	"  -V, --version         print the version\n"
	"\n"
	"Exit status: 0 all done, 1 failed, 2 wrong usage, 3 no such device, 4 in use,\n"
	"5 no permission, 6 driver not loaded, 7 no IOMMU.\n";

void say(const char *fmt, ...)
{
	va_list ap;

	/* What went before to stdout is to come before, also in a file with both. */
	fflush(stdout);
	fprintf(stderr, "uvdk-devbind: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
}

/* Steps of a dry run are the result and go to stdout. */
static void sink(void *priv, enum uvdk_log_level level, const char *component, const char *msg)
{
	const struct devbind *db = priv;

	(void)component;
	if (level != UVDK_LOG_INFO)
		say("%s%s", level == UVDK_LOG_WARN ? "warning: " : "", msg);
	else if (db->dry_run)
		printf("%s\n", msg);
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

static int set_action(struct devbind *db, enum devbind_action action, const char *driver)
{
	if (db->action != ACTION_NONE)
		return bad_usage("only one of --bind, --unbind and --restore can be done");

	db->action = action;
	db->driver = driver;
	if (driver && strcasecmp(driver, "none") == 0)
		db->action = ACTION_UNBIND;

	return EXIT_DONE;
}

static int add_class(struct devbind *db, const char *name)
{
	int class = class_by_name(name);

	if (class < 0)
		return bad_usage("\"%s\" is not a class of devices", name);

	db->status = true;
	db->classes |= 1u << class;

	return EXIT_DONE;
}

static int take_flag(struct devbind *db, int option)
{
	switch (option) {
	case 's':
		db->status = true;
		db->classes = (1u << class_count()) - 1;
		return EXIT_DONE;
	case OPT_FORCE:
		db->force = true;
		return EXIT_DONE;
	case OPT_NOIOMMU:
		db->noiommu = true;
		return EXIT_DONE;
	case OPT_JSON:
		db->json = true;
		return EXIT_DONE;
	case OPT_DRY_RUN:
		db->dry_run = true;
		return EXIT_DONE;
	case OPT_GROUPS:
		db->groups = true;
		return EXIT_DONE;
	default: /* getopt_long() has said why */
		return bad_usage("wrong option");
	}
}

static int take_option(struct devbind *db, int option, const char *arg)
{
	switch (option) {
	case OPT_STATUS_DEV:
		return add_class(db, arg);
	case 'b':
		return set_action(db, ACTION_BIND, arg);
	case 'u':
		return set_action(db, ACTION_UNBIND, NULL);
	case OPT_RESTORE:
		return set_action(db, ACTION_RESTORE, NULL);
	case 'U':
		return parse_user(arg, &db->uid) ? EXIT_DONE
						 : bad_usage("there is no user \"%s\"", arg);
	case 'G':
		return parse_group(arg, &db->gid) ? EXIT_DONE
						  : bad_usage("there is no group \"%s\"", arg);
	case OPT_SYSFS_ROOT:
		db->sysfs_root = db->binder.sysfs_root = arg;
		return EXIT_DONE;
	case OPT_PROC_ROOT:
		db->proc_root = arg;
		return EXIT_DONE;
	case OPT_DEV_ROOT:
		db->dev_root = arg;
		return EXIT_DONE;
	case OPT_STATE_DIR:
		db->binder.state_dir = arg;
		return EXIT_DONE;
	default:
		return take_flag(db, option);
	}
}

static int check(const struct devbind *db, int devices)
{
	bool owner = db->uid != (uid_t)-1 || db->gid != (gid_t)-1;

	if (db->action == ACTION_NONE && !db->status && !db->groups)
		return bad_usage("nothing to do: give --status, --groups, --bind, --unbind or "
				 "--restore");
	if (db->action != ACTION_NONE && devices == 0)
		return bad_usage("no device given");
	if (db->action == ACTION_NONE && devices > 0)
		return bad_usage("devices are given, but not what to do with them");
	if (owner && db->action != ACTION_BIND)
		return bad_usage("--uid and --gid go with --bind");
	if (db->json && !db->status && !db->groups)
		return bad_usage("--json goes with --status or --groups");

	return EXIT_DONE;
}

static void release(struct devbind *db)
{
	links_free(&db->nets);
	links_free(&db->disks);
	routed_free(&db->routed);
	uvdk_pci_scan_destroy(db->scan);
	db->scan = NULL;
}

static int rescan(struct devbind *db)
{
	release(db);

	return uvdk_pci_scan_create(db->sysfs_root, &db->scan) ? EXIT_FAILED : EXIT_DONE;
}

static void report_json(struct devbind *db)
{
	printf("{");
	if (db->status)
		json_status(db);
	if (db->groups) {
		printf("%s", db->status ? "," : "");
		json_groups(db);
	}
	printf("}\n");
}

static int report(struct devbind *db)
{
	if (db->json) {
		report_json(db);
		return EXIT_DONE;
	}
	if (db->status)
		print_status(db);

	return db->groups ? (int)print_groups(db) : EXIT_DONE;
}

/* -b 0000:03:00.0 eth1: the driver was forgotten, the device is in its place. */
static bool driver_is_device(struct devbind *db)
{
	const struct uvdk_pci_function *fn;

	return db->action == ACTION_BIND && select_functions(db, db->driver, &fn, 1);
}

static int run(struct devbind *db, char **devices, int count)
{
	int status = rescan(db);
	int reported;

	if (status)
		return status;
	if (driver_is_device(db))
		return bad_usage("\"%s\" is a device, not a driver: say which driver to bind it to",
				 db->driver);

	if (db->action != ACTION_NONE) {
		status = change_functions(db, devices, (size_t)count);
		if ((db->status || db->groups) && rescan(db))
			return status ? status : EXIT_FAILED;
	}
	reported = report(db);

	return status ? status : reported;
}

int main(int argc, char **argv)
{
	struct devbind db = {
		.sysfs_root = "/sys",
		.proc_root = "/proc",
		.dev_root = "/dev",
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.generic_loaded = -1,
	};
	int status = EXIT_DONE;
	int option;

	uvdk_log_set_sink(sink, &db);
	uvdk_log_set_level(NULL, UVDK_LOG_INFO);
	while (!status && (option = getopt_long(argc, argv, "hVsb:uU:G:", options, NULL)) != -1) {
		if (option == 'h' || option == 'V') {
			printf("%s%s", option == 'h' ? usage : uvdk_version(),
			       option == 'h' ? "" : "\n");
			return EXIT_DONE;
		}
		status = take_option(&db, option, optarg);
	}
	if (!status)
		status = check(&db, argc - optind);
	if (!status)
		status = run(&db, argv + optind, argc - optind);

	release(&db);
	if (fflush(stdout) || ferror(stdout)) {
		say("cannot write to stdout");
		return status ? status : EXIT_FAILED;
	}

	return status;
}
