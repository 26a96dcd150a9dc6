/* SPDX-License-Identifier: MIT */
/*
 * The one walk of /proc: every other source of processes takes its pids from the table process.
 */
#include "base/cursor.h"
#include "source/mem_status.h"
#include "source/proc.h"

#include <errno.h>
#include <string.h>

enum {
	STAT_MAX = 4096,    /* about 350 bytes in practice */
	TICK_NS = 10000000, /* USER_HZ is 100 on every architecture that Debian has */
	PAGE_BYTES = 4096,
	SESSION_FIELD = 6,
	NICE_FIELD = 19,
};

#define PF_KTHREAD 0x00200000u /* include/linux/sched.h; the same bit since 2.6.27 */

static bool put_scaled(struct process *p, unsigned int column, uint64_t value, uint64_t unit)
{
	if (__builtin_mul_overflow(value, unit, &value))
		return false;
	row_put(schemas[TABLE_process], p, column, value);
	return true;
}

/* Field number as in proc(5); column of process, and what one is worth. */
static const struct {
	unsigned int field, column;
	uint64_t unit;
} fields[] = {
	{ 4, PROCESS_ppid, 1 },
	{ 6, PROCESS_session, 1 },
	{ 10, PROCESS_minor_faults, 1 },
	{ 11, PROCESS_child_minor_faults, 1 },
	{ 12, PROCESS_major_faults, 1 },
	{ 14, PROCESS_user_ns, TICK_NS },
	{ 15, PROCESS_system_ns, TICK_NS },
	{ 19, PROCESS_nice, 1 },
	{ 20, PROCESS_threads, 1 },
	{ 22, PROCESS_start_ns, TICK_NS },
	{ 23, PROCESS_virtual_bytes, 1 },
	{ 24, PROCESS_resident_bytes, PAGE_BYTES },
	{ 41, PROCESS_policy, 1 },
	{ 42, PROCESS_block_delay_ns, TICK_NS },
};

/* Everything after "pid (comm) S". Of the fields that somebody wants only nice is negative. */
static int parse_fields(struct cursor *c, struct process *p)
{
	size_t next = 0;

	for (unsigned int field = 4; next < ARRAY_SIZE(fields); field++) {
		struct cursor was = *c;
		struct span word;
		uint64_t value;

		if (!cursor_word(c, &word))
			/* 2.6.32 ends before the guest times, not before field 42 */
			return field > 24 ? 0 : -ENODATA;
		if (field != fields[next].field && field != 9)
			continue;
		if (field == NICE_FIELD) {
			int64_t nice;

			if (!cursor_s64(&was, &nice) || was.at != c->at)
				return -EINVAL;
			row_put(schemas[TABLE_process], p, PROCESS_nice, (uint64_t)nice);
			next++;
			continue;
		}
		if (field == SESSION_FIELD && span_eq(word, "-1"))
			return -ESRCH;
		if (!cursor_u64(&was, &value) || was.at != c->at)
			return -EINVAL;
		if (field == 9) {
			p->kthread = (value & PF_KTHREAD) != 0;
			row_set(&p->has, PROCESS_kthread);
		} else if (!put_scaled(p, fields[next].column, value, fields[next].unit)) {
			return -EINVAL;
		} else {
			next++;
		}
	}
	return 0;
}

/*
 * Parse /proc/PID/stat. Pure: the fuzzer calls it directly.
 *
 * Shape:  "PID (COMM) S N N ..."; COMM may hold anything but NUL, also ")", spaces and line breaks.
 * Units:  times in ticks of 10 ms, resident_bytes as if pages had 4 KiB: the source corrects it.
 * Errors: -EINVAL malformed or a number out of range, -ENODATA cut off, -ESRCH its parent is taking
 *         it away: the session is -1.
 * Source: fs/proc/array.c, do_task_stat().
 */
int process_parse(const char *buf, size_t len, struct table *t)
{
	struct process p = { 0 };
	struct cursor c = cursor_of(buf, len);
	const char *close = len ? memrchr(buf, ')', len) : NULL;

	if (len == 0)
		return -ENODATA;
	if (!cursor_u64(&c, &p.pid) || !cursor_lit(&c, " ("))
		return -EINVAL;
	if (!close || close < c.at)
		return -EINVAL;
	struct span comm = { c.at, (size_t)(close - c.at) };
	struct span state;

	c.at = close + 1;
	if (!cursor_word(&c, &state) || state.len != 1)
		return -EINVAL;
	row_set(&p.has, PROCESS_pid);
	row_put(schemas[TABLE_process], &p, PROCESS_state, (unsigned char)state.at[0]);

	int err = parse_fields(&c, &p);

	if (err < 0)
		return err;
	struct process *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(schemas[TABLE_process], &p, PROCESS_comm, table_intern(t, comm.at, comm.len));
	*row = p;
	return 0;
}

/*
 * Since 5.14 delay accounting is off unless kernel.task_delayacct says otherwise, and the kernel
 * prints 0: nobody was measured, which is not "nobody waited".
 */
static bool delays_counted(struct probe *p)
{
	char text[8];
	ssize_t n = host_read_record(p->host, "proc/sys/kernel/task_delayacct", text, sizeof(text));

	return n < 1 || text[0] != '0';
}

static int read_stat(struct probe *p, struct table *t, uint64_t pid, bool delays)
{
	char path[PROC_PATH_MAX], buf[STAT_MAX];
	ssize_t n = host_read_record(p->host, proc_path(path, pid, "stat"), buf, sizeof(buf));
	int err = n < 0 ? (int)n : proc_parsed(process_parse(buf, (size_t)n, t), (size_t)n);

	if (err < 0)
		return err;
	struct process *row = table_at(t, t->n - 1);
	long page = host_page_size(p->host);

	if (row->pid != pid) {
		table_drop_last(t);
		return -EINVAL;
	}
	if (page > PAGE_BYTES)
		row->resident_bytes = row->resident_bytes / PAGE_BYTES * (uint64_t)page;
	if (!delays)
		row->has &= ~((has_t)1 << PROCESS_block_delay_ns);
	return 0;
}

/*
 * Kernels that do not say which tasks are their own (before 6.10) have them all from kthreadd, the
 * second of the machine; what has run a program since has an address space.
 */
static bool is_kernel(const struct table *t, const struct mem_status *s, const char *name)
{
	const struct process *second = t->n > 1 ? table_at(t, 1) : NULL;

	if (s->kernel || s->mapped || s->state == 'Z')
		return s->kernel;
	if (s->pid == 2)
		return s->ppid == 0 && strcmp(name, "kthreadd") == 0;
	return s->ppid == 2 && second && second->pid == 2 && second->kthread;
}

/* A row of t, and of memory where it has some: one file tells both, and is all that is read. */
static int read_status(struct probe *p, struct table *t, struct table *memory, uint64_t pid)
{
	struct mem_status s;
	char name[MEM_STATUS_NAME];
	int err = mem_status_read(p, pid, &s, name);

	if (err < 0)
		return err;
	if (s.pid != pid || s.state == '\0')
		return -EINVAL;
	if (s.state == 'X') /* its parent is taking it away */
		return -ESRCH;
	bool kernel = is_kernel(t, &s, name);
	struct process *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, PROCESS_pid, pid);
	row_put(t->schema, row, PROCESS_comm, table_intern(t, name, strlen(name)));
	row_put(t->schema, row, PROCESS_state, (unsigned char)s.state);
	row_put(t->schema, row, PROCESS_ppid, s.ppid);
	row_put(t->schema, row, PROCESS_kthread, kernel);
	row_put(t->schema, row, PROCESS_threads, s.threads);
	row_put(t->schema, row, PROCESS_resident_bytes, s.rss);
	return s.mapped ? mem_status_put(memory, &s) : 0;
}

static uint64_t count_pids(const struct strbuf *names, bool *ret_first)
{
	uint64_t n = 0, pid;

	*ret_first = false;
	for (const char *s = NULL; (s = host_next_name(names, s));) {
		if (!proc_is_pid(s, &pid))
			continue;
		n++;
		*ret_first |= pid == 1;
	}
	return n;
}

/* Every pid namespace has a process 1. Who does not see it does not see others' either. */
static void say_hidden(struct probe *p, struct table *t)
{
	auto_strbuf text = { 0 };

	if (host_read_all(p->host, "proc/self/mountinfo", 1 << 20, &text) < 0 || !text.bytes)
		return;
	if (!strstr(text.bytes, "hidepid=") || strstr(text.bytes, "hidepid=0"))
		return;
	t->lost++;
	table_fail(t, t->state, "/proc is mounted with hidepid: other users' processes are hidden");
}

/* Where the rows of the processes go; memory: NULL when nobody wants that of all. */
struct tables {
	struct table *process, *memory;
	bool delays;
};

static int read_one(struct probe *p, const struct tables *to, uint64_t pid)
{
	if (to->memory)
		return read_status(p, to->process, to->memory, pid);
	return read_stat(p, to->process, pid, to->delays);
}

static int read_each(struct probe *p, const struct tables *to, const struct strbuf *names,
	uint64_t all, const char *denied)
{
	struct table *const tables[] = { to->process, to->memory };
	uint64_t start_ns = proc_now_ns(), done = 0, pid;
	struct tally tally = { 0 };
	bool late = false;

	for (const char *s = NULL; !late && (s = host_next_name(names, s));) {
		if (!proc_is_pid(s, &pid))
			continue;
		late = probe_late(p);
		int err = late ? 0 : read_one(p, to, pid);

		if (err == -ENOMEM)
			return err;
		if (!late) {
			tally_count(&tally, err);
			done++;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		if (tables[i] && late)
			tally_late(&tally, tables[i], done, all, start_ns);
		else if (tables[i])
			tally_close(&tally, tables[i], denied);
	}
	return 0;
}

static int read_process(struct probe *p)
{
	struct tables to = { .process = probe_table(p, TABLE_process) };
	auto_strbuf names = { 0 };
	bool first;

	if (!to.process)
		return 0;
	int err = host_list(p->host, "proc", &names);

	if (err < 0) {
		table_fail(to.process, state_of_errno(err), "/proc: %s", strerror(-err));
		return 0;
	}
	uint64_t all = count_pids(&names, &first);

	if (all == 0) {
		table_fail(to.process, STATE_ABSENT, "/proc shows no process");
		return 0;
	}
	/* A root that somebody stored has both files, and of stat all that there is. */
	if (host_is_live(p->host))
		to.memory = probe_table(p, TABLE_process_memory);
	to.delays = !to.memory && delays_counted(p);
	err = read_each(p, &to, &names, all, "needs root: /proc is mounted with hidepid");
	if (err == 0 && !first && to.process->state == STATE_OK)
		say_hidden(p, to.process);
	return err;
}

const struct source source_process = {
	.name = "process",
	.fills = { TABLE_process, TABLE_process_memory },
	.deadline_ns = 500000000,
	.denied = "needs root: /proc is mounted with hidepid",
	.read = read_process,
};
