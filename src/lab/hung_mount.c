/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include "lab/undo.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

static void reply(int fd, const struct fuse_in_header *in, int error, const void *data, size_t len)
{
	struct {
		struct fuse_out_header head;
		struct fuse_init_out init;
	} out = { .head = { .len = (uint32_t)(sizeof(out.head) + len),
			  .error = error,
			  .unique = in->unique } };

	if (len > 0)
		memcpy(&out.init, data, len);
	if (write(fd, &out, out.head.len) < 0)
		_exit(1);
}

/*
 * Greets the kernel as it must and never answers again: a server that is gone, as NFS and iSCSI
 * have them. Its end ends all waiting, as the kernel then drops the connection.
 */
static void never_answer(int fd)
{
	static char buf[1 << 16];
	static const struct fuse_init_out hello = {
		.major = FUSE_KERNEL_VERSION, .minor = 19, .max_write = 4096, .max_readahead = 4096
	};

	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf));
		const struct fuse_in_header *in = (const void *)buf;

		if (n < (ssize_t)sizeof(*in)) {
			if (n < 0 && (errno == EINTR || errno == ENOENT))
				continue;
			_exit(1);
		}
		if (in->opcode == FUSE_INIT)
			reply(fd, in, 0, &hello, FUSE_COMPAT_22_INIT_OUT_SIZE);
		else if (in->opcode == FUSE_INTERRUPT)
			reply(fd, in, -ENOSYS, NULL, 0);
	}
}

static int mount_fuse(struct scene *s, char target[112])
{
	char options[96];
	int err = scene_dir(s, 0);

	if (err < 0)
		return err;
	snprintf(target, 112, "%s/mnt", s->dir);
	if (mkdir(target, 0755) < 0)
		return -errno;
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return scene_skip(s, "/dev/fuse: %s", strerror(errno));
	err = undo_add(s->undo, UNDO_UMOUNT, target, NULL);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (err == 0 && mount("murphy-lab", target, "fuse", MS_NOSUID | MS_NODEV, options) < 0)
		err = scene_skip(s, "may not mount fuse: %s", strerror(errno));
	if (err < 0) {
		close(fd);
		return err;
	}
	return fd;
}

static void on_alarm(int sig)
{
}

/* The first wait for a FUSE answer can be interrupted; after a signal only SIGKILL ends it: D. */
static void ask(const char *target)
{
	struct statfs f;

	signal(SIGALRM, on_alarm);
	alarm(1);
	statfs(target, &f);
	_exit(1);
}

static int run(struct scene *s)
{
	char target[112];
	int fd = mount_fuse(s, target);

	if (fd < 0)
		return fd;
	pid_t server = scene_child(s, "lab-server");

	if (server == 0)
		never_answer(fd);
	close(fd);
	pid_t pid = scene_child(s, "lab-statfs");

	if (pid == 0)
		ask(target);
	if (server < 0 || pid < 0)
		return -EAGAIN;
	int err = scene_await(pid, 'D');

	if (err < 0)
		return err;
	scene_say(s,
		"the server of %s does not answer; lab-statfs (pid %d) waits for it in D state",
		target, (int)pid);
	scene_culprit(s, "mount", 0, target);
	scene_culprit(s, "process", pid, "lab-statfs");
	return scene_hold(s);
}

const struct lab lab_hung_mount = {
	.name = "hung-mount",
	.story = "A mounted file system's server answers no more: even df hangs",
	.want = "io.stuck",
	.bounds = "one FUSE mount; while it is there, df and the like hang on it",
	.root = true,
	.settle_s = 2,
	.run = run,
};
