/* SPDX-License-Identifier: MIT */
#include "lab/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

uint64_t child_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

pid_t child_start(struct child *ret_child, int sig)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC) < 0)
		return -errno;
	fflush(NULL);
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, sig);
		/* It may have gone before the line above. */
		if (getppid() != parent)
			_exit(1);
		dup2(fd[1], STDOUT_FILENO);
		close(fd[0]);
		close(fd[1]);
		return 0;
	}
	int err = pid < 0 ? -errno : 0;

	close(fd[1]);
	if (err < 0) {
		close(fd[0]);
		return err;
	}
	*ret_child = (struct child){ pid, fd[0] };
	return pid;
}

int child_join(struct child *c)
{
	int status;

	close(c->out);
	while (waitpid(c->pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool child_more(const struct child *c, struct strbuf *text, uint64_t until_ms)
{
	struct pollfd p = { .fd = c->out, .events = POLLIN };
	char buf[8192];
	ssize_t n;

	/* A signal is not the end of it: only the time is. */
	do {
		uint64_t now = child_now_ms();
		int ready = now < until_ms ? poll(&p, 1, (int)(until_ms - now)) : 0;

		if (ready == 0)
			return false;
		n = ready < 0 ? -1 : read(c->out, buf, sizeof(buf));
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		strbuf_add(text, buf, (size_t)n);
	return n > 0;
}

int child_read(const char *const argv[], unsigned ms, struct strbuf *text)
{
	struct child c = { 0 };
	pid_t pid = child_start(&c, SIGTERM);

	if (pid < 0)
		return pid;
	if (pid == 0) {
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	uint64_t until = child_now_ms() + ms;

	while (child_more(&c, text, until))
		;
	if (child_now_ms() >= until)
		kill(pid, SIGKILL);
	return child_join(&c);
}
