/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include "base/cursor.h"
#include "lab/undo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define SYSTEMD "/lib/systemd/systemd"
#define PRIVATE "/run/systemd/private"

/* Without the dependencies that systemd adds: its own units are not there. */
static const struct {
	const char *name, *text;
} units[] = {
	{ "lab-exits.service",
		"[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/sh -c 'exit 3'\n" },
	{ "lab-loops.service",
		"[Unit]\nDefaultDependencies=no\nStartLimitIntervalSec=0\n"
		"[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=800ms\n" },
	{ "lab.target",
		"[Unit]\nDefaultDependencies=no\nWants=lab-exits.service lab-loops.service\n" },
};

static int write_units(struct scene *s)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/units", s->dir);
	if (mkdir(path, 0755) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		snprintf(path, sizeof(path), "%s/units/%s", s->dir, units[i].name);
		FILE *f = fopen(path, "we");

		if (!f)
			return -errno;
		fputs(units[i].text, f);
		if (fclose(f) != 0)
			return -EIO;
	}
	return 0;
}

/* A control group of version 2 for it, with or without controllers, and we in it. */
static int enter_group(struct scene *s)
{
	char buf[16384], path[160], file[192];
	ssize_t n = scene_read("/proc/self/mounts", buf, sizeof(buf));
	struct cursor c = cursor_of(buf, n > 0 ? (size_t)n : 0), line;
	struct span source, target, type;

	while (cursor_line(&c, &line)) {
		if (!cursor_word(&line, &source) || !cursor_word(&line, &target) ||
			!cursor_word(&line, &type) || !span_eq(type, "cgroup2"))
			continue;
		snprintf(path, sizeof(path), "%.*s/murphy-lab.%d", (int)target.len, target.at,
			(int)getpid());
		snprintf(file, sizeof(file), "%s/cgroup.procs", path);
		int err = undo_add(s->undo, UNDO_GROUP, path, NULL);

		if (err == 0 && mkdir(path, 0755) < 0)
			err = -errno;
		return err < 0 ? err : scene_write(file, "0");
	}
	return -ENOENT;
}

/*
 * The world of the first process of a namespace: its own /run, processes and groups. Settings of
 * the kernel are the whole machine's, and it would change some.
 */
static void become_init(struct scene *s)
{
	char path[144];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("proc", "/proc", "proc", 0, NULL) < 0 ||
		mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL) < 0 ||
		mount("", "/proc/sys", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0 ||
		mount("tmpfs", "/run", "tmpfs", 0, "mode=755") < 0)
		_exit(2);
	umount2("/sys/fs/cgroup", MNT_DETACH);
	if (mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL) < 0)
		_exit(2);
	snprintf(path, sizeof(path), "SYSTEMD_UNIT_PATH=%s/units", s->dir);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(2);
	const char *argv[] = { "systemd", "--system", "--unit=lab.target", "--show-status=0",
		"--log-target=null", NULL };
	const char *env[] = { "container=murphy-lab", path, "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		NULL };

	execve(SYSTEMD, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
	_exit(127);
}

/* Bytes that one side wrote; false at its end. */
static bool pass(int from, int to)
{
	char buf[16384];
	ssize_t n = read(from, buf, sizeof(buf)), done = 0;

	while (n > 0 && done < n) {
		ssize_t wrote = write(to, buf + done, (size_t)(n - done));

		if (wrote < 0)
			return false;
		done += wrote;
	}
	return n > 0;
}

static int connect_manager(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = PRIVATE };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * systemd turns away whom it cannot see, and murphy is outside of its namespace: so one who is
 * inside passes on what murphy asks, and what systemd answers.
 */
static void relay(int listener)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0 || fork() != 0) {
			if (fd >= 0)
				close(fd);
			continue;
		}
		int manager = connect_manager();
		struct pollfd ends[] = { { .fd = fd, .events = POLLIN },
			{ .fd = manager, .events = POLLIN } };

		while (manager >= 0 && poll(ends, 2, -1) > 0) {
			if ((ends[0].revents && !pass(fd, manager)) ||
				(ends[1].revents && !pass(manager, fd)))
				break;
		}
		_exit(0);
	}
}

/* Where murphy asks a systemd. */
static int listen_as_manager(struct scene *s)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = PRIVATE };
	bool folder = access("/run/systemd", F_OK) == 0;
	int err = undo_add(s->undo, UNDO_TREE, folder ? PRIVATE : "/run/systemd", NULL);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (err < 0 || fd < 0)
		return err < 0 ? err : -errno;
	mkdir("/run/systemd", 0755);
	umask(077);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 16) < 0)
		return -errno;
	return fd;
}

/* Fork the two: a child of ours is their parent, and they die with it. 0 or -errno. */
static int start_systemd(struct scene *s, int listener)
{
	pid_t pid = scene_child(s, "lab-systemd");

	if (pid != 0)
		return pid < 0 ? pid : 0;
	if (enter_group(s) < 0 || unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWCGROUP |
					  CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET) < 0)
		_exit(1);
	pid_t first = fork();

	if (first == 0)
		become_init(s);
	pid_t second = first > 0 ? fork() : -1;

	if (second == 0)
		relay(listener);
	_exit(first < 0 || second < 0 || scene_join(first) != 0);
}

/* A connection is only answered once systemd listens. */
static bool answers(void)
{
	for (int i = 0; i < 100; i++) {
		int fd = connect_manager();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		bool open = fd >= 0 && poll(&p, 1, 100) == 0;

		if (fd >= 0)
			close(fd);
		if (open)
			return true;
		scene_nap(100);
	}
	return false;
}

static int run(struct scene *s)
{
	if (access(SYSTEMD, X_OK) < 0)
		return scene_skip(s, SYSTEMD " is not installed");
	if (access("/run/systemd/system", F_OK) == 0 || access(PRIVATE, F_OK) == 0)
		return scene_skip(s, "systemd runs this machine: it is not to be disturbed");
	int err = scene_dir(s, 0);

	if (err == 0)
		err = write_units(s);
	if (err < 0)
		return err;
	int listener = listen_as_manager(s);

	err = listener < 0 ? listener : start_systemd(s, listener);
	if (err < 0)
		return err;
	if (!answers())
		return scene_skip(s, "a systemd of its own does not start here");
	scene_nap(4000);
	scene_say(s, "a systemd of its own has lab-exits.service, which failed, and "
		     "lab-loops.service, which dies and is restarted");
	scene_culprit(s, "unit", 0, "lab-exits.service");
	scene_culprit(s, "unit", 0, "lab-loops.service");
	return scene_hold(s);
}

const struct lab lab_unit_failed = {
	.name = "unit-failed",
	.story = "A service of systemd failed, another one dies and is restarted",
	.want = "units.failed",
	.bounds = "a systemd in namespaces of its own, where none runs; settings are out of its "
		  "reach",
	.root = true,
	.settle_s = 1,
	.run = run,
};
