/* SPDX-License-Identifier: MIT */
/*
 * Who owns how many threads: RLIMIT_NPROC counts the threads of a user wherever they are, in all
 * containers that share his id, and fork() fails for the process whose own limit they reach.
 */
#include "base/cursor.h"
#include "source/proc.h"

enum {
	USERS_MAX = 4096,
	LIMITS_MAX = 4096,
	/* Far below any limit that proc.pid-limit judges (64 and more): not worth a file. */
	FEW_THREADS = 48,
};

/* Of a user: the processes whose limits are worth reading. */
struct worth {
	uint64_t threads, start_ns; /* of the one with most, of the youngest */
	uint64_t most, youngest;    /* pids */
};

static size_t user_of(struct table *t, struct worth *worth, uint64_t uid, size_t last)
{
	struct user_tasks *rows = t->row;

	if (last < t->n && rows[last].uid == uid)
		return last;
	for (size_t i = 0; i < t->n; i++) {
		if (rows[i].uid == uid)
			return i;
	}
	struct user_tasks *row = t->n < USERS_MAX ? table_add(t) : NULL;

	if (!row)
		return USERS_MAX;
	row_put(t->schema, row, USER_TASKS_uid, uid);
	row_put(t->schema, row, USER_TASKS_processes, 0);
	row_put(t->schema, row, USER_TASKS_threads, 0);
	worth[t->n - 1] = (struct worth){ 0 };
	return t->n - 1;
}

static void count(struct table *t, struct worth *worth, size_t at, const struct process *p)
{
	struct user_tasks *row = table_at(t, at);
	struct worth *w = &worth[at];

	row->processes++;
	row->threads += p->threads;
	if (p->threads >= w->threads) {
		w->threads = p->threads;
		w->most = p->pid;
	}
	if (p->start_ns >= w->start_ns) {
		w->start_ns = p->start_ns;
		w->youngest = p->pid;
	}
}

/* The soft limit of pid, if it is lower than the one that row has. */
static void lower_limit(struct probe *p, struct table *t, struct user_tasks *row, uint64_t pid)
{
	char path[PROC_PATH_MAX], buf[LIMITS_MAX];
	struct table *one = table_new(schemas[TABLE_process_limits]);
	ssize_t n =
		one ? host_read_record(p->host, proc_path(path, pid, "limits"), buf, sizeof(buf))
		    : -1;
	bool read = n > 0 && process_limits_parse(buf, (size_t)n, one) == 0;
	const struct process_limits *l = read ? table_at(one, 0) : NULL;

	if (l && !row_has(row->has, USER_TASKS_pid))
		row_put(t->schema, row, USER_TASKS_pid, pid);
	if (l && row_has(l->has, PROCESS_LIMITS_processes_soft) &&
		(!row_has(row->has, USER_TASKS_limit) || l->processes_soft < row->limit)) {
		row_put(t->schema, row, USER_TASKS_limit, l->processes_soft);
		row_put(t->schema, row, USER_TASKS_pid, pid);
	}
	table_unref(one);
}

/* Who may have as many as he likes (kernel/fork.c, CAP_SYS_RESOURCE) has no limit that counts. */
static void read_limits(struct probe *p, struct table *t, const struct worth *worth)
{
	for (size_t i = 0; i < t->n && !probe_late(p); i++) {
		struct user_tasks *row = table_at(t, i);

		if (row->uid == 0 || row->threads < FEW_THREADS)
			continue;
		lower_limit(p, t, row, worth[i].most);
		if (worth[i].youngest != worth[i].most)
			lower_limit(p, t, row, worth[i].youngest);
	}
}

static int count_all(struct probe *p, struct table *t, struct worth *worth)
{
	const struct table *processes = probe_used(p, TABLE_process);
	uint64_t start_ns = proc_now_ns(), uid;
	struct tally tally = { 0 };
	size_t at = USERS_MAX;

	for (table_each(struct process, proc, processes)) {
		if (proc->kthread)
			continue;
		if (probe_late(p)) {
			tally_late(&tally, t, (uint64_t)(proc - (struct process *)processes->row),
				processes->n, start_ns);
			return 0;
		}
		if (!tally_count(&tally, host_owner(p->host, proc->pid, &uid)))
			continue;
		at = user_of(t, worth, uid, at);
		if (at == USERS_MAX)
			t->lost++;
		else
			count(t, worth, at, proc);
	}
	tally_close(&tally, t, "needs root: /proc is mounted with hidepid");
	return 0;
}

static int read_user_tasks(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_user_tasks);
	static struct worth worth[USERS_MAX];

	if (!t)
		return 0;
	if (!probe_used(p, TABLE_process))
		return -ENODATA;
	int err = count_all(p, t, worth);

	if (err == 0)
		read_limits(p, t, worth);
	return err;
}

const struct source source_user_tasks = {
	.name = "user_tasks",
	.fills = { TABLE_user_tasks },
	.uses = { TABLE_process },
	.deadline_ns = 300000000,
	.denied = "needs root: /proc is mounted with hidepid",
	.read = read_user_tasks,
};
