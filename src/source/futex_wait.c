/* SPDX-License-Identifier: MIT */
/*
 * Who holds the mutex that a task waits for. The kernel does not know: a futex is a word in memory.
 * But the libraries write the owner's tid into their mutexes: musl into the word itself, as the
 * kernel demands of PI futexes, glibc two words behind it (nptl, struct __pthread_mutex_s). A word
 * that is no task of the same process is none of them: a condition variable, a Go semaphore.
 */
#include "base/mem.h"
#include "source/proc.h"
#include "source/syscalls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Short waits are caught in one of several looks. */
enum { LOOKS = 8, NAP_NS = 15000000 };
enum { FUTEX_TID = 0x3fffffff, FUTEX_COMMAND = 0x7f };
enum { WAIT = 0, LOCK_PI = 6, LOCK_PI2 = 13 };

struct waiter {
	uint64_t tid, pid, address;
};

/* Is it in futex(), in an operation that locks use? 0, or -EAGAIN when not, or -errno. */
static int read_wait(struct probe *p, struct waiter *w)
{
	char path[PROC_PATH_MAX], buf[256];
	uint64_t argument[SYSCALL_ARGUMENTS], operation;
	int64_t nr;

	snprintf(path, sizeof(path), "proc/%llu/task/%llu/syscall", (unsigned long long)w->pid,
		(unsigned long long)w->tid);
	ssize_t n = host_read_record(p->host, path, buf, sizeof(buf));

	if (n < 0)
		return (int)n;
	if (syscall_parse(buf, (size_t)n, &nr, argument) < 0)
		return -EAGAIN;
	const struct syscall *call = syscall_find(nr);

	w->address = argument[0];
	operation = argument[1] & FUTEX_COMMAND;
	if (!call || strcmp(call->name, "futex") != 0 ||
		(operation != WAIT && operation != LOCK_PI && operation != LOCK_PI2))
		return -EAGAIN;
	return 0;
}

/* A task of the process, other than the one that waits. */
static bool is_holder(struct probe *p, const struct waiter *w, uint64_t tid)
{
	char path[PROC_PATH_MAX], buf[64];

	if (tid == 0 || tid == w->tid)
		return false;
	snprintf(path, sizeof(path), "proc/%llu/task/%llu/schedstat", (unsigned long long)w->pid,
		(unsigned long long)tid);
	return host_read_record(p->host, path, buf, sizeof(buf)) >= 0;
}

static int add_wait(struct probe *p, struct table *t, const struct waiter *w)
{
	uint32_t word[3] = { 0 };
	int err = host_peek(p->host, w->pid, w->address, word, sizeof(word));
	struct futex_wait *row = err < 0 ? NULL : table_add(t);

	if (!row)
		return err < 0 ? err : -ENOMEM;
	row_put(t->schema, row, FUTEX_WAIT_tid, w->tid);
	row_put(t->schema, row, FUTEX_WAIT_pid, w->pid);
	row_put(t->schema, row, FUTEX_WAIT_address, w->address);
	if (is_holder(p, w, word[0] & FUTEX_TID))
		row_put(t->schema, row, FUTEX_WAIT_holder, word[0] & FUTEX_TID);
	else if (is_holder(p, w, word[2]))
		row_put(t->schema, row, FUTEX_WAIT_holder, word[2]);
	return 0;
}

/* One look at each of those that were not caught yet. 0, or -errno of the last that failed. */
static int look(struct probe *p, struct table *t, bool *caught)
{
	const uint64_t *asked = p->asked[TABLE_futex_wait];
	int failed = 0;

	for (size_t i = 0; i < p->n_asked[TABLE_futex_wait] && !probe_late(p); i++) {
		struct waiter w = { .tid = asked[i] };
		int err = caught[i] ? -EAGAIN : proc_group(p->host, w.tid, &w.pid);

		if (err == 0)
			err = read_wait(p, &w);
		if (err == 0)
			err = add_wait(p, t, &w);
		if (err == -ENOMEM)
			return err;
		caught[i] |= err == 0;
		if (err < 0 && err != -EAGAIN)
			failed = err;
	}
	return failed;
}

static int read_futex_wait(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_futex_wait);
	size_t all = p->n_asked[TABLE_futex_wait];
	auto_free bool *caught = mem_new(all + 1, sizeof(*caught));
	int failed = 0;

	if (!t || !host_is_live(p->host))
		return 0;
	if (!caught)
		return -ENOMEM;
	for (int i = 0; i < LOOKS && t->n < all && !probe_late(p); i++) {
		failed = look(p, t, caught);
		if (failed == -ENOMEM)
			return failed;
		nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
	}
	t->state = STATE_OK;
	if (t->n == 0 && state_of_errno(failed) == STATE_DENIED)
		t->state = STATE_DENIED;
	return 0;
}

const struct source source_futex_wait = {
	.name = "futex_wait",
	.fills = { TABLE_futex_wait },
	.cost = COST_ASKED,
	.manner = MANNER_RISKY,
	.rows_only = true,
	.deadline_ns = 350000000,
	.denied = "needs CAP_SYS_PTRACE or root",
	.read = read_futex_wait,
};
