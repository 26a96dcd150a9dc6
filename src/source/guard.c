/* SPDX-License-Identifier: MIT */
#include "source/guard.h"

#include "base/standard_fds.h"
#include "source/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define HANG_NS 100000000u

/* Virtual: only what is written becomes memory. 100,000 command lines are 6 MiB. */
enum { SHARED_MAX = 64 << 20, LOOK_MS = 10 };

/*
 * What the helper has read so far. No message per file: waking the parent costs more than a read.
 */
struct shared {
	_Atomic uint64_t items; /* files before it are done */
	uint64_t len;
	char data[]; /* per file an int32_t length or -errno, and its bytes */
};

static size_t room(const struct shared *s)
{
	return SHARED_MAX - sizeof(*s) - s->len;
}

static _Noreturn void helper(struct probe *p, const struct guard *g, struct shared *s, size_t from)
{
	char path[GUARD_PATH_MAX];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	standard_fds_drop();
	if (p->out_fd > 0)
		close(p->out_fd);
	for (size_t i = from; i < g->n && room(s) > sizeof(int32_t) + g->size; i++) {
		g->path(g->arg, i, path);
		char *at = s->data + s->len;
		int32_t n = (int32_t)host_read_record(p->host, path, at + sizeof(n), g->size);

		memcpy(at, &n, sizeof(n));
		s->len += sizeof(n) + (n > 0 ? (size_t)n : 0);
		atomic_store_explicit(&s->items, i + 1, memory_order_release);
	}
	_exit(0);
}

/* Hand over the files [from, to) that the helper has read. */
static int take_all(const struct guard *g, const struct shared *s, size_t from, size_t to)
{
	const char *at = s->data;

	for (size_t i = from; i < to; i++) {
		int32_t n;

		memcpy(&n, at, sizeof(n));
		at += sizeof(n);
		int err = g->take(g->arg, i, at, n);

		if (err < 0)
			return err;
		at += n > 0 ? n : 0;
	}
	return 0;
}

/* Wait until the helper has ended; false when it hangs or time is over, and it was killed. */
static bool watch(struct probe *p, const struct guard *g, struct shared *s, pid_t pid, int fd)
{
	uint64_t hang_ns = g->hang_ns ? g->hang_ns : HANG_NS, since_ns = proc_now_ns();
	uint64_t last = atomic_load(&s->items);

	for (;;) {
		struct pollfd end = { .fd = fd, .events = POLLIN };

		if (poll(&end, 1, LOOK_MS) > 0) {
			waitpid(pid, NULL, 0);
			return true;
		}
		uint64_t items = atomic_load(&s->items), now_ns = proc_now_ns();

		if (items != last) {
			last = items;
			since_ns = now_ns;
		}
		if (now_ns - since_ns <= hang_ns && !probe_late(p))
			continue;
		kill(pid, SIGKILL);
		poll(&end, 1, LOOK_MS); /* the kernel may keep it: nobody waits for that */
		waitpid(pid, NULL, WNOHANG);
		return false;
	}
}

/* One helper from file from on. */
static int run_helper(
	struct probe *p, const struct guard *g, struct shared *s, size_t from, bool *ret_ended)
{
	int fds[2];

	s->len = 0;
	atomic_store(&s->items, from);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();

	if (pid == 0) {
		close(fds[0]);
		helper(p, g, s, from);
	}
	int err = pid < 0 ? -errno : 0;

	close(fds[1]);
	if (pid > 0)
		*ret_ended = watch(p, g, s, pid, fds[0]);
	close(fds[0]);
	return err;
}

static int read_guarded(struct probe *p, const struct guard *g, struct shared *s, size_t *done)
{
	for (unsigned int hangs = 0; *done < g->n && hangs <= GUARD_HANGS_MAX;) {
		bool ended = false;
		size_t from = *done;
		int err = run_helper(p, g, s, from, &ended);

		if (err < 0)
			return err;
		*done = atomic_load_explicit(&s->items, memory_order_acquire);
		err = take_all(g, s, from, *done);
		if (err < 0)
			return err;
		if (*done == g->n || probe_late(p))
			return 0;
		if (ended && *done > from)
			continue; /* its room was full */
		err = g->take(g->arg, (*done)++, "", ended ? -EIO : -ETIME);
		if (err < 0)
			return err;
		hangs++;
	}
	return 0;
}

int guard_read(struct probe *p, const struct guard *g, size_t *ret_done)
{
	char path[GUARD_PATH_MAX], buf[GUARD_FILE_MAX];
	size_t done = 0;
	int err = 0;

	if (host_is_live(p->host)) {
		struct shared *s = mmap(NULL, SHARED_MAX, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (s == MAP_FAILED)
			return -errno;
		err = read_guarded(p, g, s, &done);
		munmap(s, SHARED_MAX);
	} else {
		/* Files of a tree do not hang. */
		for (; done < g->n && err == 0 && !probe_late(p); done++) {
			g->path(g->arg, done, path);
			err = g->take(
				g->arg, done, buf, host_read_record(p->host, path, buf, g->size));
		}
	}
	if (err == 0)
		*ret_done = done;
	return err;
}
