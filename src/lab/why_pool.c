/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>

enum { WORKERS = 40 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;

/* Waits for work that never comes. */
static void *idle(void *arg UNUSED)
{
	pthread_setname_np(pthread_self(), "lab-idle");
	pthread_mutex_lock(&lock);
	for (;;)
		pthread_cond_wait(&work, &lock);
	return NULL;
}

static void *busy(void *arg UNUSED)
{
	pthread_setname_np(pthread_self(), "lab-busy");
	/* Not burn(), whose clock is a system call on some machines. */
	for (volatile unsigned long i = 0;; i++)
		;
	return NULL;
}

static void serve(void)
{
	pthread_t t;

	for (int i = 0; i <= WORKERS; i++) {
		if (pthread_create(&t, NULL, i < WORKERS ? idle : busy, NULL) != 0)
			_exit(1);
	}
	for (;;)
		poll(NULL, 0, -1);
}

static int run(struct scene *s)
{
	pid_t pid = scene_child(s, "lab-pool");

	if (pid == 0)
		serve();
	if (pid < 0)
		return pid;
	scene_say(s, "lab-pool (pid %d) has %d idle threads and one that computes", (int)pid,
		WORKERS);
	scene_why(s, pid, "user", "lab-busy");
	return scene_hold(s);
}

const struct lab lab_why_pool = {
	.name = "why-pool",
	.story = "One thread of a large pool computes, the others wait for work",
	.bounds = "one CPU, 42 threads",
	.why = true,
	.settle_s = 1,
	.run = run,
};
