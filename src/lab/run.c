/* SPDX-License-Identifier: MIT */
/* From the terminal's child to a lab and back: see undo.h for the three processes. */
#include "lab/guest.h"
#include "lab/lab.h"
#include "lab/undo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

/* A keeper that has not undone everything by then will not. */
enum { GUARD_LATE_S = 30 };

struct stage {
	const struct lab *lab;
	struct undo *undo;
	int lock;    /* undo's file, or -1 */
	int life[2]; /* a pipe that nobody writes: its end is murphy-lab's end */
	unsigned seconds;
};

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	stopped = 1;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void signals(void (*handler)(int))
{
	static const int list[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = handler };

	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		sigaction(list[i], &sa, NULL);
}

static void body(const struct stage *stage) __attribute__((noreturn));
static void body(const struct stage *stage)
{
	struct scene scene = { .lab = stage->lab, .undo = stage->undo };

	char owner[24];

	snprintf(owner, sizeof(owner), "%ju", (uintmax_t)stage->undo->owner);
	setenv(UNDO_MARK, owner, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signals(SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	close(stage->life[0]);
	if (stage->lock >= 0)
		close(stage->lock);

	int err = stage->lab->run(&scene);

	if (err == -EOPNOTSUPP)
		_exit(LAB_SKIPPED);
	fprintf(stderr, "murphy-lab: %s: %s\n", stage->lab->name, strerror(-err));
	_exit(1);
}

static bool time_is_over(const struct stage *stage, uint64_t born_ns)
{
	uint64_t ready = __atomic_load_n(&stage->undo->ready_ns, __ATOMIC_ACQUIRE);
	uint64_t end = ready ? ready + stage->seconds * UINT64_C(1000000000)
			     : born_ns + LAB_SETUP_S * UINT64_C(1000000000);

	return now_ns() >= end;
}

/* Until the body ends, the time is over or murphy-lab is gone. The body's exit code, 0: not it. */
static int watch(const struct stage *stage, pid_t pid)
{
	struct pollfd end = { .fd = stage->life[0] };
	uint64_t born = now_ns();
	int status;

	for (;;) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
		if (time_is_over(stage, born))
			return __atomic_load_n(&stage->undo->ready_ns, __ATOMIC_ACQUIRE) ? 0 : 1;
		if (poll(&end, 1, 100) > 0)
			return 0;
	}
}

static void keeper(const struct stage *stage) __attribute__((noreturn));
static void keeper(const struct stage *stage)
{
	setsid();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_NAME, "lab-keeper");
	signals(SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	close(stage->life[1]);

	pid_t pid = fork();

	if (pid == 0)
		body(stage);
	int code = pid < 0 ? 1 : watch(stage, pid);

	undo_all(stage->undo);
	/* murphy-lab may be gone: then this is the last to hold the lock. */
	undo_done(stage->lock);
	_exit(code);
}

static int start(struct stage *stage)
{
	int err = undo_new(&stage->undo, &stage->lock);

	if (err < 0)
		return err;
	undo_guard(stage->lock, LAB_SETUP_S + stage->seconds + GUARD_LATE_S);
	if (pipe2(stage->life, O_CLOEXEC) < 0)
		return -errno;
	signals(stop);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return 0;
}

int lab_run(const struct lab *lab, unsigned seconds)
{
	struct stage stage = { .lab = lab, .seconds = seconds };
	int status = 0;

	if (lab->guest && !guest_inside()) {
		printf("skipped: needs --guest: %s\n", lab->guest->why);
		return LAB_SKIPPED;
	}
	if (lab->root && geteuid() != 0) {
		printf("skipped: %s needs root\n", lab->name);
		return LAB_SKIPPED;
	}
	undo_sweep();
	int err = start(&stage);

	if (err < 0) {
		fprintf(stderr, "murphy-lab: %s\n", strerror(-err));
		return 1;
	}
	fflush(NULL);
	pid_t pid = fork();

	if (pid == 0)
		keeper(&stage);
	close(stage.life[0]);
	/* A signal lets go of the pipe: the keeper sees that and undoes; then its end is ours. */
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
		if (stopped && stage.life[1] >= 0) {
			close(stage.life[1]);
			stage.life[1] = -1;
		}
	}
	if (pid > 0 && WIFEXITED(status)) {
		close(stage.lock);
		return WEXITSTATUS(status);
	}
	undo_all(stage.undo);
	undo_done(stage.lock);
	return 1;
}
