/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>

/* Short for murphy's 3 s, so that the share is the same whatever part of a round they begin in. */
enum { WAITERS = 4, HOLD_MS = 200 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *waits(void *arg UNUSED)
{
	pthread_setname_np(pthread_self(), "lab-waiter");
	for (;;) {
		pthread_mutex_lock(&lock);
		pthread_mutex_unlock(&lock);
		scene_nap(1);
	}
	return NULL;
}

/* Keeps the lock nearly all the time, and sleeps: as if it wrote to a slow log with it. */
static void *holds(void *arg UNUSED)
{
	pthread_setname_np(pthread_self(), "lab-holder");
	for (;;) {
		pthread_mutex_lock(&lock);
		scene_nap(HOLD_MS);
		pthread_mutex_unlock(&lock);
		scene_nap(1);
	}
	return NULL;
}

static void serve(void)
{
	pthread_t t;

	for (int i = 0; i <= WAITERS; i++) {
		if (pthread_create(&t, NULL, i == 0 ? holds : waits, NULL) != 0)
			_exit(1);
		scene_nap(20);
	}
	for (;;)
		poll(NULL, 0, -1);
}

static int run(struct scene *s)
{
	pid_t pid = scene_child(s, "lab-locked");

	if (pid == 0)
		serve();
	if (pid < 0)
		return pid;
	scene_say(s,
		"%d threads of lab-locked (pid %d) wait for a mutex that lab-holder holds and "
		"sleeps on",
		WAITERS, (int)pid);
	scene_why(s, pid, "lock", "lab-holder");
	return scene_hold(s);
}

const struct lab lab_why_lock = {
	.name = "why-lock",
	.story = "Four threads wait for a mutex; the one that has it sleeps",
	.bounds = "6 threads that hardly run",
	.why = true,
	.settle_s = 1,
	.run = run,
};
