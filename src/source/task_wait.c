/* SPDX-License-Identifier: MIT */
/* Why a task sleeps. Asked by tid. */
#include "base/cursor.h"
#include "source/guard.h"
#include "source/proc.h"
#include "source/syscalls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TASKS_MAX = 1024, FRAMES_MAX = 24, STACK_TEXT_MAX = 1024, WCHAN_ROUNDS = 4 };

/* Functions that every sleeper goes through: they say nothing. */
static bool dull(struct span name)
{
	static const char *const names[] = { "__schedule", "schedule", "io_schedule",
		"do_syscall_64", "entry_SYSCALL_64_after_hwframe", "entry_SYSCALL_64_fastpath",
		"system_call_fastpath", "x64_sys_call", "el0_svc", "el0t_64_sync",
		"el0t_64_sync_handler", "ret_from_fork", "ret_from_fork_asm", "kthread" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (span_eq(name, names[i]))
			return true;
	}
	return false;
}

/* "[<0>] name+0x1/0x2", "[<ffffffff810b2c3d>] name+0x1/0x2 [module]": the name. */
static int stack_line(struct cursor *line, struct span *ret_name)
{
	struct span address, word;

	if (!cursor_lit(line, "[<") || !cursor_until(line, ']', &address) ||
		!cursor_word(line, &word))
		return -EINVAL;
	const char *plus = memchr(word.at, '+', word.len);

	*ret_name = (struct span){ word.at, plus ? (size_t)(plus - word.at) : word.len };
	return 0;
}

/*
 * Parse /proc/PID/stack into the stack of a new row. Pure.
 *
 * Shape:  "[<0>] function+0x1d/0x50" per line, innermost first; before 4.15 with addresses.
 * Errors: -EINVAL malformed, -ENODATA empty: it runs.
 * Source: fs/proc/base.c, proc_pid_stack().
 */
int task_stack_parse(const char *buf, size_t len, struct table *t)
{
	char text[STACK_TEXT_MAX];
	struct cursor c = cursor_of(buf, len), line;
	size_t n = 0;

	for (int frame = 0; frame < FRAMES_MAX && cursor_line(&c, &line); frame++) {
		struct span name;

		if (stack_line(&line, &name) < 0)
			return -EINVAL;
		if (dull(name) || span_starts(name, "0x"))
			continue;
		if (n + name.len + 3 > sizeof(text))
			break;
		if (n > 0) {
			memcpy(text + n, " < ", 3);
			n += 3;
		}
		memcpy(text + n, name.at, name.len < sizeof(text) - n ? name.len : 0);
		n += name.len;
	}
	if (n == 0)
		return -ENODATA;
	text_t stack = table_intern(t, text, n);
	struct task_wait *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, TASK_WAIT_stack, stack);
	return 0;
}

/* The descriptor that the call works on, whose file system it may wait for; -1: none. */
static int64_t fd_of(int64_t number, const uint64_t *argument)
{
	const struct syscall *call = syscall_find(number);

	return call && call->fd && argument[0] <= INT32_MAX ? (int64_t)argument[0] : -1;
}

/*
 * Parse /proc/PID/syscall into a new row. Pure.
 *
 * Shape, errors, source: as syscall_parse().
 */
int task_syscall_parse(const char *buf, size_t len, struct table *t)
{
	uint64_t argument[SYSCALL_ARGUMENTS];
	int64_t number;
	int err = syscall_parse(buf, len, &number, argument);
	struct task_wait *row = err < 0 ? NULL : table_add(t);

	if (!row)
		return err < 0 ? err : -ENOMEM;
	const struct syscall *call = syscall_find(number);

	row_put(t->schema, row, TASK_WAIT_syscall, (uint64_t)number);
	if (call && call->fd && argument[0] <= INT32_MAX)
		row_put(t->schema, row, TASK_WAIT_descriptor, argument[0]);
	if (call && strcmp(call->name, "poll") == 0)
		row_put(t->schema, row, TASK_WAIT_polled, argument[1]);
	return 0;
}

static const char *task_path(char *buf, const struct task_wait *row, const char *file)
{
	snprintf(buf, GUARD_PATH_MAX, "proc/%llu/task/%llu/%s", (unsigned long long)row->pid,
		(unsigned long long)row->tid, file);
	return buf;
}

/* A row for the task. 0 or -errno. */
static int add_task(struct probe *p, struct table *t, uint64_t pid, uint64_t tid)
{
	struct table *stat = table_new(schemas[TABLE_process]);
	struct task_wait row = { .pid = pid, .tid = tid };
	char path[GUARD_PATH_MAX], buf[2048];

	if (!stat)
		return -ENOMEM;
	ssize_t n = host_read_record(p->host, task_path(path, &row, "stat"), buf, sizeof(buf));
	int err = n < 0 ? (int)n : proc_parsed(process_parse(buf, (size_t)n, stat), (size_t)n);
	const struct process *task = err == 0 ? stat->row : NULL;

	if (task) {
		const char *comm = table_text(stat, task->comm);
		struct task_wait *to = table_add(t);

		err = to ? 0 : -ENOMEM;
		if (to) {
			*to = row;
			row_put(t->schema, to, TASK_WAIT_tid, tid);
			row_put(t->schema, to, TASK_WAIT_pid, pid);
			row_put(t->schema, to, TASK_WAIT_comm, table_intern(t, comm, strlen(comm)));
			row_put(t->schema, to, TASK_WAIT_state, task->state);
		}
	}
	table_unref(stat);
	return err;
}

/* The row for one asked key. 0 or -ENOMEM; a task that is gone is no error. */
static int add_asked(struct probe *p, struct table *t, uint64_t key, struct tally *tally)
{
	uint64_t pid;
	int err = proc_group(p->host, key, &pid);

	if (err == 0)
		err = add_task(p, t, pid, key);
	tally_count(tally, err);
	return err == -ENOMEM ? err : 0;
}

/* No lock is taken for it. "0": it runs, or murphy may not know. True when it is known. */
static bool read_wchan(struct probe *p, struct table *t, struct task_wait *row)
{
	char path[GUARD_PATH_MAX], buf[128];
	ssize_t n = host_read_record(p->host, task_path(path, row, "wchan"), buf, sizeof(buf));

	if (n > 0 && buf[n - 1] == '\n')
		n--;
	if (n > 0 && !(n == 1 && buf[0] == '0'))
		row_put(t->schema, row, TASK_WAIT_wchan, table_intern(t, buf, (size_t)n));
	else if (n < 0)
		t->cell[TASK_WAIT_wchan] = (uint8_t)state_of_errno((int)n);
	return n != 1 || buf[0] != '0';
}

/*
 * Who waits again and again, a writer that is held back, is awake for a moment now and then: one in
 * D that is found so is asked again. Who stays so is not to be known.
 */
static void read_wchans(struct probe *p, struct table *t)
{
	const struct timespec nap = { .tv_nsec = 2000000 };
	bool awake = true;

	for (int round = 0; awake && round < WCHAN_ROUNDS && !probe_late(p); round++) {
		if (round > 0)
			nanosleep(&nap, NULL);
		awake = false;
		for (size_t k = 0; k < t->n; k++) {
			struct task_wait *row = table_at(t, k);

			if (round == 0 ||
				(row->state == 'D' && !row_has(row->has, TASK_WAIT_wchan)))
				awake |= !read_wchan(p, t, row) && row->state == 'D';
		}
	}
	if (awake)
		t->cell[TASK_WAIT_wchan] = STATE_DENIED;
}

static void read_mount(struct probe *p, struct table *t, struct task_wait *row, int64_t fd)
{
	char path[GUARD_PATH_MAX], file[48], buf[1024];
	struct cursor c, line;
	uint64_t id;

	snprintf(file, sizeof(file), "fdinfo/%lld", (long long)fd);
	ssize_t n = host_read_record(p->host, task_path(path, row, file), buf, sizeof(buf));

	if (n < 0)
		return;
	c = cursor_of(buf, (size_t)n);
	while (cursor_line(&c, &line)) {
		if (cursor_lit(&line, "mnt_id:") && cursor_u64(&line, &id))
			row_put(t->schema, row, TASK_WAIT_mount_id, id);
	}
}

static const struct wait_file {
	const char *file;
	unsigned int column;
} wait_files[] = {
	{ "syscall", TASK_WAIT_syscall },
	{ "stack", TASK_WAIT_stack },
};

struct walk {
	struct probe *p;
	struct table *t;
};

static void path_of(const void *arg, size_t i, char *buf)
{
	const struct walk *w = arg;
	const struct task_wait *row = table_at(w->t, i / ARRAY_SIZE(wait_files));

	task_path(buf, row, wait_files[i % ARRAY_SIZE(wait_files)].file);
}

static int take(void *arg, size_t i, const char *buf, ssize_t len)
{
	struct walk *w = arg;
	struct table *t = w->t;
	size_t at = i / ARRAY_SIZE(wait_files);
	const struct wait_file *f = &wait_files[i % ARRAY_SIZE(wait_files)];
	bool is_stack = f->column == TASK_WAIT_stack;
	uint64_t argument[SYSCALL_ARGUMENTS];
	int64_t nr;

	if (len <= 0) {
		if (len < 0 && state_of_errno((int)len) != STATE_ABSENT)
			t->cell[f->column] = (uint8_t)state_of_errno((int)len);
		return 0;
	}
	/* The parser makes a row of its own: its cell moves here. */
	int err = is_stack ? task_stack_parse(buf, (size_t)len, t)
			   : task_syscall_parse(buf, (size_t)len, t);

	if (err == -ENOMEM)
		return err;
	if (err < 0)
		return 0;
	struct task_wait got = *(struct task_wait *)table_at(t, t->n - 1);
	struct task_wait *row = table_at(t, at);

	table_drop_last(t);
	row_put(t->schema, row, f->column, is_stack ? got.stack : (uint64_t)got.syscall);
	if (row_has(got.has, TASK_WAIT_descriptor))
		row_put(t->schema, row, TASK_WAIT_descriptor, got.descriptor);
	if (row_has(got.has, TASK_WAIT_polled))
		row_put(t->schema, row, TASK_WAIT_polled, got.polled);
	if (!is_stack && syscall_parse(buf, (size_t)len, &nr, argument) == 0 &&
		fd_of(nr, argument) >= 0)
		read_mount(w->p, t, row, fd_of(nr, argument));
	return 0;
}

static int read_task_wait(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_task_wait);
	struct walk w = { p, t };
	struct tally tally = { .of = "tasks" };
	size_t done, all = p->n_asked[TABLE_task_wait], i;
	uint64_t start_ns = proc_now_ns();

	if (!t)
		return 0;
	for (i = 0; i < all && t->n < TASKS_MAX && !probe_late(p); i++) {
		int err = add_asked(p, t, p->asked[TABLE_task_wait][i], &tally);

		if (err < 0)
			return err;
	}
	read_wchans(p, t);
	struct guard g = { .n = t->n * ARRAY_SIZE(wait_files),
		.size = GUARD_FILE_MAX,
		.path = path_of,
		.take = take,
		.arg = &w };
	int err = guard_read(p, &g, &done);

	if (err < 0)
		return err;
	tally_close(&tally, t, "needs root");
	if (i < all)
		tally_late(&tally, t, i, all, start_ns);
	else if (done < g.n)
		table_fail(t, STATE_LATE, "stacks of %zu of %zu tasks in time",
			done / ARRAY_SIZE(wait_files), t->n);
	return 0;
}

const struct source source_task_wait = {
	.name = "task_wait",
	.fills = { TABLE_task_wait },
	.cost = COST_ASKED,
	.manner = MANNER_RISKY,
	.deadline_ns = 700000000,
	.denied = "needs CAP_SYS_ADMIN or root",
	.read = read_task_wait,
};
