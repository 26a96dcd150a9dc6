/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>

/* Longer than the timeout in guest.append; afterwards the kernel is well again. */
enum { HOG_MS = 8000, WAITERS = 4 };

/* A grace period is always under way: one that does not begin is no stall. */
static void wait_for_rcu(void) __attribute__((noreturn));
static void wait_for_rcu(void)
{
	while (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0)
		continue;
	_exit(1);
}

/* Real-time tasks may have all the CPU that there is: the kernel's own threads get none. */
static void hog(int cpu) __attribute__((noreturn));
static void hog(int cpu)
{
	struct sched_param p = { .sched_priority = 50 };
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0 ||
		sched_setscheduler(0, SCHED_FIFO, &p) < 0)
		_exit(1);
	burn(HOG_MS);
	_exit(0);
}

static int run(struct scene *s)
{
	int err = scene_knob(s, "/proc/sys/kernel/sched_rt_runtime_us", "-1"), cpus = get_nprocs();
	pid_t pid[8];

	if (err < 0)
		return err;
	if (cpus > (int)ARRAY_SIZE(pid))
		return scene_skip(s, "%d CPUs are too many to hold up", cpus);
	for (int i = 0; i < WAITERS; i++) {
		pid_t waiter = scene_child(s, "lab-waiter");

		if (waiter < 0)
			return waiter;
		if (waiter == 0)
			wait_for_rcu();
	}
	for (int i = 0; i < cpus; i++) {
		pid[i] = scene_child(s, "lab-hog");
		if (pid[i] < 0)
			return pid[i];
		if (pid[i] == 0)
			hog(i);
	}
	for (int i = 0; i < cpus; i++) {
		int code = scene_join(pid[i]);

		if (code != 0)
			return code < 0 ? code : -EPERM;
	}
	scene_say(s, "lab-hog had every CPU at real-time priority for %d s: RCU stood still",
		HOG_MS / 1000);
	scene_culprit(s, "host", 0, "");
	return scene_hold(s);
}

static const struct lab_guest guest = { .why = "it holds up the whole kernel",
	.append = "rcupdate.rcu_cpu_stall_timeout=3" };

const struct lab lab_rcu_stall = {
	.name = "rcu-stall",
	.story = "Real-time tasks take every CPU, and RCU's own thread cannot run",
	.want = "kernel.lockup",
	.bounds = "the CPUs of a guest, for 8 s",
	.guest = &guest,
	.root = true,
	/* In a guest one complaint may be a pause of the host's doing: info. */
	.mild = true,
	.settle_s = 1,
	.run = run,
};
