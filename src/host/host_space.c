/* SPDX-License-Identifier: MIT */
/*
 * statfs(2) of this machine, asked by a child: a dead NFS server or FUSE daemon makes the call hang
 * for ever, in a state where even exit waits for it. The child that hangs is left behind and the
 * next question gets a new one, so that each file system answers for itself.
 */
#include "host/host_private.h"

#include "base/clock.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 300, STARVED_MAX = 4, DYING_MS = 10, UNKILLABLE_MAX = 4 };

struct answer {
	int err;
	struct host_space space;
};

/* Pipes of our parents must not stay open in a child that cannot end. */
static void close_above(int first)
{
	if (close_range((unsigned int)first, ~0u, 0) == 0)
		return;
	for (int fd = first; fd < 1024; fd++) /* before 5.9 */
		close(fd);
}

static _Noreturn void child_main(int fd, pid_t parent)
{
	char target[PATH_MAX + 1];
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || dup2(fd, 0) < 0)
		_exit(1);
	close_above(1);
	while ((n = recv(0, target, sizeof(target) - 1, 0)) > 0) {
		struct answer a = { 0 };

		target[n] = '\0';
		a.err = live_statfs(target, &a.space);
		if (send(0, &a, sizeof(a), MSG_NOSIGNAL) != sizeof(a))
			break;
	}
	_exit(0);
}

static int child_start(struct space_child *c)
{
	pid_t parent = getpid();
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	c->pid = fork();
	if (c->pid == 0)
		child_main(fds[1], parent);
	int err = c->pid < 0 ? -errno : 0;

	close(fds[1]);
	if (err < 0) {
		close(fds[0]);
		c->pid = 0;
		return err;
	}
	c->fd = fds[0];
	return 0;
}

static void child_end(struct space_child *c)
{
	if (c->pid <= 0)
		return;
	close(c->fd); /* it reads the end and exits */
	waitpid(c->pid, NULL, 0);
	*c = (struct space_child){ 0 };
}

/*
 * NFS can be killed, FUSE cannot once its server has read the question: that child goes to init
 * when we exit.
 */
static int give_up(struct host *h, struct space_child *c, int err)
{
	bool dead = false;

	kill(c->pid, SIGKILL);
	close(c->fd);
	for (int ms = 0; ms < DYING_MS && !dead; ms++) {
		dead = waitpid(c->pid, NULL, WNOHANG) != 0;
		if (!dead)
			usleep(1000);
	}
	for (size_t i = 0; h->hung && i < HUNG_MAX; i++) {
		if (h->hung[i].pid == c->pid)
			h->hung[i].killed = true;
	}
	*c = (struct space_child){ 0 };
	return err;
}

void space_children_end(struct host *h)
{
	child_end(&h->space_child);
	for (size_t i = 0; i < AHEAD_MAX; i++) {
		if (h->ahead[i].child.pid > 0)
			give_up(h, &h->ahead[i].child, 0);
	}
}

/*
 * The state of pid as long as it is that child, which keeps the name of the reader that forked it;
 * '?' where that cannot be read, 'X' when it is gone.
 */
static char state_of(pid_t pid)
{
	char path[32], buf[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	auto_close fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT || errno == ESRCH ? 'X' : '?';
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	if (n <= 0)
		return 'X';
	buf[n] = '\0';
	const char *state = strrchr(buf, ')');

	return strstr(buf, "(murphy") && state && state[1] == ' ' ? state[2] : 'X';
}

/* Not yet dead. */
static bool still_hangs(pid_t pid)
{
	char state = state_of(pid);

	return state != 'Z' && state != 'X';
}

/* It did not come to ask: no CPU was given to it, or it was stopped. */
static bool is_starved(char state)
{
	return state == 'R' || state == 'T';
}

/* The slot of a child that asked target and still hangs, else a free one; NULL: there is none. */
static struct space_hung *slot_of(struct host *h, uint64_t target)
{
	struct space_hung *empty = NULL;

	for (size_t i = 0; h->hung && i < HUNG_MAX; i++) {
		struct space_hung *s = &h->hung[i];

		if (s->pid > 0 && !still_hangs(s->pid))
			s->pid = 0;
		if (s->pid > 0 && s->target == target)
			return s;
		if (s->pid == 0 && !empty)
			empty = s;
	}
	return empty;
}

unsigned int host_stuck(const struct host *h)
{
	unsigned int n = 0;

	for (size_t i = 0; h->hung && i < HUNG_MAX; i++)
		n += h->hung[i].pid > 0 && still_hangs(h->hung[i].pid);
	return n;
}

static unsigned int unkillable(const struct host *h)
{
	unsigned int n = 0;

	for (size_t i = 0; h->hung && i < HUNG_MAX; i++)
		n += h->hung[i].killed && h->hung[i].pid > 0 && still_hangs(h->hung[i].pid);
	return n;
}

static uint64_t patience_end_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC) + PATIENCE_MS * 1000000ull;
}

/* 0 when c has something to say; -ETIMEDOUT, -errno. */
static int await(const struct space_child *c, uint64_t until_ns)
{
	struct pollfd pfd = { .fd = c->fd, .events = POLLIN };
	int n;

	do {
		uint64_t now = clock_ns(CLOCK_MONOTONIC);

		n = poll(&pfd, 1, now < until_ns ? (int)((until_ns - now) / 1000000) + 1 : 0);
	} while (n < 0 && errno == EINTR);
	return n > 0 ? 0 : n < 0 ? -errno : -ETIMEDOUT;
}

/*
 * As await(), but -EAGAIN when the child did not run, so that nothing is known. What it is in is
 * read before the last look for an answer: we may have been given no CPU in between either, and
 * who answered meanwhile sleeps as who hangs does.
 */
static int await_running(const struct space_child *c, uint64_t until_ns)
{
	int err = await(c, until_ns);

	for (int i = 1; err == -ETIMEDOUT; i++) {
		char state = state_of(c->pid);

		err = await(c, 0);
		if (err != -ETIMEDOUT || !is_starved(state))
			break;
		if (i == STARVED_MAX)
			return -EAGAIN;
		err = await(c, patience_end_ns());
	}
	return err;
}

/* -ETIMEDOUT: the file system hangs. -EAGAIN: the child did not run, nothing is known. */
static int answer(
	struct host *h, struct space_child *c, uint64_t until_ns, struct host_space *ret_space)
{
	struct answer a;
	int err = await_running(c, until_ns);

	if (err < 0)
		return give_up(h, c, err);
	if (recv(c->fd, &a, sizeof(a), 0) != sizeof(a))
		return give_up(h, c, -EIO);
	if (a.err == 0)
		*ret_space = a.space;
	return a.err;
}

/* Send the question to a child, started if there is none; noted in slot while no answer came. */
static int ask(struct host *h, struct space_child *c, const char *target, struct space_hung *slot)
{
	int err = c->pid > 0 ? 0 : child_start(c);

	if (err < 0)
		return err;
	/* Noted before it is asked: this process may be ended while it waits. */
	if (slot)
		*slot = (struct space_hung){ .pid = c->pid,
			.target = hash_fnv64(target, strlen(target)) };
	if (send(c->fd, target, strlen(target), MSG_NOSIGNAL) >= 0)
		return 0;
	err = give_up(h, c, -errno);
	if (slot)
		slot->pid = 0;
	return err;
}

static unsigned int n_ahead(const struct host *h)
{
	unsigned int n = 0;

	for (size_t i = 0; i < AHEAD_MAX; i++)
		n += h->ahead[i].child.pid > 0;
	return n;
}

/* The question that was asked ahead for target, or one that is free. */
static struct space_ahead *ahead_of(struct host *h, uint64_t target)
{
	struct space_ahead *empty = NULL;

	for (size_t i = 0; i < AHEAD_MAX; i++) {
		struct space_ahead *a = &h->ahead[i];

		if (a->child.pid > 0 && a->target == target)
			return a;
		if (a->child.pid == 0 && !empty)
			empty = a;
	}
	return empty;
}

int space_child_ahead(struct host *h, const char *target)
{
	size_t len = strlen(target);
	uint64_t hash = hash_fnv64(target, len);
	struct space_ahead *a = ahead_of(h, hash);
	struct space_hung *slot = slot_of(h, hash);

	if (len == 0 || len > PATH_MAX)
		return -ENAMETOOLONG;
	if (!a || !slot || unkillable(h) + n_ahead(h) >= UNKILLABLE_MAX)
		return -EAGAIN;
	if (a->child.pid > 0 || slot->pid > 0)
		return 0;
	a->target = hash;
	a->until_ns = patience_end_ns();
	return ask(h, &a->child, target, slot);
}

/* Its answer, if it was asked ahead: that child is then done. */
static int answer_ahead(struct host *h, struct space_ahead *a, struct space_hung *slot,
	struct host_space *ret_space)
{
	int err = answer(h, &a->child, a->until_ns, ret_space);

	child_end(&a->child);
	if (slot && err != -ETIMEDOUT)
		slot->pid = 0;
	return err;
}

int space_child_ask(struct host *h, const char *target, struct host_space *ret_space)
{
	size_t len = strlen(target);
	uint64_t hash = hash_fnv64(target, len);

	if (len == 0 || len > PATH_MAX)
		return -ENAMETOOLONG;
	struct space_hung *slot = slot_of(h, hash);
	struct space_ahead *ahead = ahead_of(h, hash);

	if (ahead && ahead->child.pid > 0)
		return answer_ahead(h, ahead, slot, ret_space);
	if (slot && slot->pid > 0)
		return -ETIMEDOUT;
	if (unkillable(h) >= UNKILLABLE_MAX)
		return -EBUSY;
	int err = ask(h, &h->space_child, target, slot);

	if (err < 0)
		return err;
	err = answer(h, &h->space_child, patience_end_ns(), ret_space);
	if (slot && err != -ETIMEDOUT)
		slot->pid = 0;
	return err;
}
