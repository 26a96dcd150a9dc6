/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <pthread.h>

enum { PER_CPU = 8, THREADS_MAX = 1024 };

static void *burn_thread(void *arg)
{
	burn(0);
	return NULL;
}

static void burn_all(long n)
{
	for (long i = 1; i < n; i++) {
		pthread_t t;

		if (pthread_create(&t, NULL, burn_thread, NULL) != 0)
			_exit(1);
	}
	burn(0);
}

/* Somebody with a little work every 10 ms, who now waits for a CPU each time. */
static void victim(const struct cgroup *g)
{
	/* Not of the same job as who burns: another service. */
	setsid();
	if (cgroup_enter(g) < 0)
		_exit(1);
	for (;;) {
		burn(4);
		scene_nap(10);
	}
}

static int run(struct scene *s)
{
	long n = PER_CPU * sysconf(_SC_NPROCESSORS_ONLN);

	if (n < PER_CPU || n > THREADS_MAX)
		return scene_skip(s, "%ld threads would be needed; at most %d", n, THREADS_MAX);
	/*
	 * One group for both, as two services in one container: where each session is a group of
	 * its own (sched_autogroup_enabled) the kernel would give the victim as much as all who
	 * burn.
	 */
	struct cgroup g = { 0 };
	int err = cgroup_new(s, "cpu", &g);

	if (err < 0)
		return err;
	pid_t pid = scene_child(s, "lab-burn");

	if (pid == 0) {
		if (cgroup_enter(&g) < 0)
			_exit(1);
		burn_all(n);
	}
	pid_t waits = scene_child(s, "lab-victim");

	if (waits == 0)
		victim(&g);
	if (pid < 0 || waits < 0)
		return -EAGAIN;
	scene_say(s,
		"%ld threads of lab-burn (pid %d) want all CPUs; lab-victim (pid %d) waits for one",
		n, (int)pid, (int)waits);
	scene_culprit(s, "process", pid, "lab-burn");
	return scene_hold(s);
}

const struct lab lab_cpu_saturated = {
	.name = "cpu-saturated",
	.story = "Eight threads for each CPU want to run all the time, and others wait for their "
		 "turn",
	.want = "cpu.saturated",
	.bounds = "all CPUs, in an own cgroup",
	.root = true,
	.settle_s = 3,
	.run = run,
};
