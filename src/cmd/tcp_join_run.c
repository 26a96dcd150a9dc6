/* SPDX-License-Identifier: MIT */
#include "cmd/tcp_join_run.h"

#include "base/clock.h"
#include "cmd/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* argv is not changed by exec, whatever its type says. */
static char *word(const char *text)
{
	return (char *)(uintptr_t)text;
}

/* In the child. It keeps stderr: what ssh has to say is for the user. */
static void run_it(const struct remote *r, bool owners, int out)
{
	/* Should murphy be killed, ssh is not to go on alone. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char *argv[8];
	int n = 0;

	if (r) {
		argv[n++] = word(r->ssh);
		argv[n++] = word(r->host);
	}
	argv[n++] = word(r ? r->murphy : "murphy");
	argv[n++] = word("tcp");
	argv[n++] = word("--json");
	if (!owners)
		argv[n++] = word("--no-owner");
	argv[n] = NULL;
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		return;
	if (r)
		execvp(r->ssh, argv);
	else
		execv("/proc/self/exe", argv);
	log_error("%s: %s", r ? r->ssh : "/proc/self/exe", strerror(errno));
}

int dump_start(const struct remote *r, bool owners, unsigned int seconds, struct dump_child *ret)
{
	int pipe_fd[2];

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();

	if (pid == 0) {
		run_it(r, owners, pipe_fd[1]);
		_exit(127);
	}
	int err = pid < 0 ? -errno : 0;

	close(pipe_fd[1]);
	if (err < 0) {
		close(pipe_fd[0]);
		return err;
	}
	*ret = (struct dump_child){
		.reader = { .name = r ? r->host : "this host",
			.fd = pipe_fd[0],
			.deadline_ns = clock_ns(CLOCK_MONOTONIC) + seconds * UINT64_C(1000000000) },
		.pid = pid,
	};
	return 0;
}

/* A moment to end by itself, then it is ended. */
void dump_stop(struct dump_child *c)
{
	static const struct timespec tick = { .tv_nsec = 10000000 };
	int status;

	dump_release(&c->reader);
	for (int i = 0; i < 300; i++) {
		pid_t got = waitpid(c->pid, &status, WNOHANG);

		if (got == c->pid || (got < 0 && errno != EINTR))
			return;
		/* ssh ends what it started when it is asked to. */
		if (i == 100)
			kill(c->pid, SIGTERM);
		nanosleep(&tick, NULL);
	}
	kill(c->pid, SIGKILL);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
}
