/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>

/* A server that forks for each request: its children end as they should. */
static void serve(void) __attribute__((noreturn));
static void serve(void)
{
	for (;;) {
		pid_t pid = fork();

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			scene_nap(300);
			_exit(0);
		}
		if (pid < 0)
			scene_nap(1000);
		else
			scene_join(pid);
	}
}

/* A supervisor whose service stays up. */
static void supervise(void) __attribute__((noreturn));
static void supervise(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "lab-service");
	}
	for (;;)
		pause();
}

static int run(struct scene *s)
{
	static const char *const loop[] = { "sh", "-c", "while :; do sleep 0.4; done", NULL };
	pid_t pid = scene_start(s, NULL, loop);
	pid_t server = pid < 0 ? pid : scene_child(s, "lab-server");

	if (server == 0)
		serve();
	pid_t supervisor = server < 0 ? server : scene_child(s, "lab-supervisor");

	if (supervisor == 0)
		supervise();
	if (supervisor < 0)
		return supervisor;
	scene_say(s,
		"a shell (pid %d) sleeps again and again, lab-server (pid %d) forks for each "
		"request, lab-supervisor (pid %d) has a service that stays up",
		(int)pid, (int)server, (int)supervisor);
	scene_nap(8000);
	return scene_hold(s);
}

const struct lab lab_shell_loop = {
	.name = "shell-loop",
	.story = "Short-lived children that nobody need worry about: a shell's, a server's",
	.bounds = "six processes",
	.run = run,
};
