/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#define MIB UINT64_C(1048576)
#define TIMEOUT "/proc/sys/kernel/hung_task_timeout_secs"
#define WARNINGS "/proc/sys/kernel/hung_task_warnings"

/* khungtaskd looks once in that time: after two of its rounds it has seen it. */
enum { TIMEOUT_S = 4 };

static int thaw(const struct disk *d)
{
	auto_close fd = open(d->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || ioctl(fd, FITHAW, 0) < 0 ? -errno : 0;
}

static int run(struct scene *s)
{
	struct disk d;
	int err = scene_knob(s, TIMEOUT, "4");

	if (err == -ENOENT)
		return scene_skip(s, "%s: this kernel does not look for hung tasks", TIMEOUT);
	if (err == 0)
		err = scene_knob(s, WARNINGS, "10");
	if (err == -EACCES || err == -EROFS)
		return scene_skip(s, "%s may not be changed", TIMEOUT);
	if (err == 0)
		err = disk_new(s, 32 * MIB, 0, &d);
	if (err < 0)
		return err;
	pid_t pid = disk_writer(s, &d);

	if (pid < 0)
		return pid;
	err = disk_freeze(s, &d);
	if (err == 0)
		err = scene_await(pid, 'D');
	if (err < 0)
		return err;
	scene_nap((2 * TIMEOUT_S + 1) * 1000);
	err = thaw(&d);
	if (err < 0)
		return err;
	scene_say(s,
		"lab-writer (pid %d) hung for %d s: its file system at %s (%s) was frozen, "
		"and is thawed again",
		(int)pid, 2 * TIMEOUT_S + 1, d.target, d.device);
	scene_culprit(s, "process", pid, "lab-writer");
	return scene_hold(s);
}

const struct lab lab_hung_task = {
	.name = "hung-task",
	.story = "A file system is frozen until the kernel complains about its writer, then thawed",
	.want = "kernel.hung-task",
	.bounds = "32 MiB of disk, a loop device; the kernel looks for hung tasks every 4 s "
		  "meanwhile",
	.root = true,
	.mild = true,
	.settle_s = 2,
	.run = run,
};
