// SPDX-License-Identifier: BSD-3-Clause
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "devbind_run.h"

#define MAX_ARGS 64

struct fake fake;

void devbind_setup(void)
{
	fake_create(&fake);
	fake_driver(&fake, "virtio-pci", true);
	fake_driver(&fake, "vfio-pci", false);
	fake_driver(&fake, "uio_pci_sva", false);
	fake_driver(&fake, "stubborn", false)->refuses = true;
	fake_function(&fake, NIC, 0x1af4, 0x1041, 0x020000, "virtio-pci", 1);
	fake_function(&fake, NIC2, 0x1af4, 0x1041, 0x020000, "virtio-pci", 1);
	fake_function(&fake, DISK, 0x1af4, 0x1042, 0x010000, "virtio-pci", 2);
	fake_function(&fake, EDU, 0x1234, 0x11e8, 0x00ff00, NULL, 3);
	fake_function(&fake, BRIDGE, 0x8086, 0x0d57, 0x060000, NULL, -1);
	fake_net(&fake, NIC, "virtio0", "eth0");
	fake_net(&fake, NIC2, "virtio1", "eth1");
	fake_disk(&fake, DISK, "virtio2/block", "vda", "254:0\n");
	fake_disk(&fake, DISK, "virtio2/block/vda", "vda1", "254:1\n");
	fake_file(&fake, "proc/self/mountinfo", "22 1 0:21 / /proc rw - proc proc rw\n");
	fake_kernel_start(&fake);
}

void devbind_teardown(void)
{
	fake_destroy(&fake);
}

void expect_driver(const char *bdf, const char *driver)
{
	cr_expect_str_eq(fake_bound(&fake, bdf), driver, "%s has %s", bdf, fake_bound(&fake, bdf));
}

void route_through(const char *ifname)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "Iface\tDestination\tGateway\tFlags\n%s\t00000000\t0102000A\t0003\n", ifname);
	fake_file(&fake, "proc/net/route", text);
}

static void redirect(const char *name, int fd)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	dup2(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644), fd);
}

static int spawn(char **argv)
{
	int status;
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		redirect("out", 1);
		redirect("err", 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status), "killed by signal %d", WTERMSIG(status));

	return WEXITSTATUS(status);
}

static void slurp(const char *name, char *buf, size_t len)
{
	char path[PATH_MAX];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", fake.root, name);
	file = fopen(path, "r");
	cr_assert_not_null(file);
	n = fread(buf, 1, len - 1, file);
	fclose(file);
	buf[n] = '\0';
}

struct run *devbind(const char *args)
{
	static struct run run;
	char *argv[MAX_ARGS] = {DEVBIND,       "--sysfs-root", fake.sys,
				"--proc-root", fake.proc,      "--dev-root",
				fake.dev,      "--state-dir",  fake.state};
	char text[1024];
	char *rest = text;
	char *arg;
	int n = 9;

	snprintf(text, sizeof(text), "%s", args);
	while ((arg = strsep(&rest, " ")) && arg[0])
		argv[n++] = arg;
	argv[n] = NULL;

	run.status = spawn(argv);
	slurp("out", run.out, sizeof(run.out));
	slurp("err", run.err, sizeof(run.err));

	return &run;
}

struct run *devbind_gives(int status, const char *args)
{
	struct run *run = devbind(args);

	cr_expect_eq(run->status, status, "\"%s\" gives %d, not %d: %s", args, run->status, status,
		     run->err);

	return run;
}

bool json_holds(const char *expression)
{
	char script[2 * PATH_MAX];
	char *argv[] = {"python3", "-c", script, NULL};
	char saved[PATH_MAX];
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/out", fake.root);
	snprintf(saved, sizeof(saved), "%s/json", fake.root);
	cr_assert_eq(rename(path, saved), 0);
	snprintf(script, sizeof(script),
		 "import json, sys\nd = json.load(open('%s', encoding='utf-8'))\n"
		 "sys.exit(0 if (%s) else 1)\n",
		 saved, expression);
	int status = spawn(argv);
	cr_assert_eq(rename(saved, path), 0);

	return status == 0;
}
