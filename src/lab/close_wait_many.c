/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <fcntl.h>

/* So many that murphy lets eBPF look through them (source/socket_owner_bpf.c: 6000). */
enum { HOLDERS = 8, EACH = 900 };

static void hold_many(void)
{
	for (int i = 0; i < EACH; i++) {
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			_exit(1);
	}
	for (;;)
		pause();
}

static int run(struct scene *s)
{
	for (int i = 0; i < HOLDERS; i++) {
		pid_t pid = scene_child(s, "lab-fds");

		if (pid < 0)
			return pid;
		if (pid == 0)
			hold_many();
	}
	scene_say(s, "%d processes lab-fds have %d files open each", HOLDERS, EACH);
	return net_close_wait(s, "lab-closewait", 48, false);
}

const struct lab lab_close_wait_many = {
	.name = "close-wait-many",
	.story = "The same where processes have so many descriptors open that only eBPF is quick",
	.want = "tcp.close-wait",
	.method = { "socket_owner", "socket_owner_bpf" },
	.bounds = "48 loopback connections, 7200 descriptors in 8 processes",
	.settle_s = 3,
	.run = run,
};
