/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* A user that nobody is, so that nobody else's threads count. */
enum { USER = 64123, LIMIT = 80, THREADS = 76, STACK = 65536 };

static void *wait_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void crowd(int done, const void *context UNUSED) __attribute__((noreturn));
static void crowd(int done, const void *context UNUSED)
{
	struct rlimit r = { LIMIT, LIMIT };
	pthread_attr_t small;
	pthread_t t;

	if (setrlimit(RLIMIT_NPROC, &r) < 0 || setgroups(0, NULL) < 0 || setgid(USER) < 0 ||
		setuid(USER) < 0)
		_exit(1);
	/* A new user loses the death signal. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK);
	for (int i = 1; i < THREADS; i++) {
		if (pthread_create(&t, &small, wait_for_ever, NULL) != 0)
			_exit(1);
	}
	if (write(done, "d", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static int run(struct scene *s)
{
	pid_t pid = scene_child_done(s, "lab-threads", crowd, NULL);

	if (pid < 0)
		return pid;
	scene_say(s, "lab-threads (pid %d) has %d threads; its user %d may have %d", (int)pid,
		THREADS, USER, LIMIT);
	scene_culprit(s, "process", pid, "lab-threads");
	return scene_hold(s);
}

const struct lab lab_user_limit = {
	.name = "user-limit",
	.story = "A user has nearly as many threads as the limit of his process allows",
	.want = "proc.pid-limit",
	.bounds = "76 threads that wait",
	.root = true,
	.run = run,
};
