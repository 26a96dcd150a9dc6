/* SPDX-License-Identifier: MIT */
/*
 * Everything about processes beyond /proc/PID/stat, in one pass per process, so that what belongs
 * together is read together and a late pass loses the same processes in every table.
 */
#include "base/cursor.h"
#include "base/few.h"
#include "source/proc.h"

#include <errno.h>
#include <string.h>

enum {
	STATUS_MAX =
		8192, /* 1.5 KiB, more with many CPUs and groups; what we want is at its head */
	SMALL_MAX = 2048,
	CGROUP_MAX = 16384, /* a line of up to 4 KiB per hierarchy of version 1 */
	LARGEST = 64,       /* processes that may be why memory is short */
	FEW_FDS = 48,       /* far below any limit that proc.fd-limit judges (64 and more) */
};

struct key {
	const char *name;
	unsigned int column;
};

static const struct key status_keys[] = {
	{ "FDSize", PROCESS_STATUS_fd_slots },
	{ "VmLck", PROCESS_STATUS_locked_bytes },
	{ "RssAnon", PROCESS_STATUS_anon_bytes },
	{ "RssFile", PROCESS_STATUS_file_bytes },
	{ "RssShmem", PROCESS_STATUS_shmem_bytes },
	{ "VmPTE", PROCESS_STATUS_page_tables_bytes },
	{ "VmSwap", PROCESS_STATUS_swap_bytes },
};

/* A line that begins with one of these letters may be wanted: most do not. */
static bool status_letter(char c)
{
	return c == 'F' || c == 'V' || c == 'R' || c == 'U';
}

static int status_line(struct span name, struct cursor *line, struct process_status *row)
{
	uint64_t value, effective;

	if (span_eq(name, "Uid")) {
		if (row_has(row->has, PROCESS_STATUS_uid) || !cursor_u64(line, &value) ||
			!cursor_u64(line, &effective))
			return -EINVAL;
		row_put(schemas[TABLE_process_status], row, PROCESS_STATUS_uid, effective);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(status_keys); i++) {
		if (!span_eq(name, status_keys[i].name))
			continue;
		if (row_has(row->has, status_keys[i].column) || !cursor_u64(line, &value))
			return -EINVAL;
		if (cursor_lit(line, " kB") && __builtin_mul_overflow(value, 1024, &value))
			return -EINVAL;
		row_put(schemas[TABLE_process_status], row, status_keys[i].column, value);
		return 0;
	}
	return 0;
}

/*
 * Parse /proc/PID/status; the row has no pid. Pure: the fuzzer calls it directly.
 *
 * Shape:  "Name:\tVALUE"; what a name may hold is escaped, so it forges no line. Kernel threads and
 *         zombies have no Vm lines; the Rss lines came with 4.5.
 * Units:  kB is KiB.
 * Errors: -EINVAL malformed or repeated line, -ENODATA Uid missing.
 * Source: fs/proc/array.c, proc_pid_status(); fs/proc/task_mmu.c, task_mem().
 */
int process_status_parse(const char *buf, size_t len, struct table *t)
{
	struct process_status s = { 0 };
	struct cursor c = cursor_of(buf, len), line;

	while (cursor_line(&c, &line)) {
		struct span name;

		if (cursor_end(&line) || !status_letter(*line.at))
			continue;
		if (!cursor_until(&line, ':', &name) || status_line(name, &line, &s) < 0)
			return -EINVAL;
	}
	if (!row_has(s.has, PROCESS_STATUS_uid))
		return -ENODATA;
	struct process_status *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = s;
	return 0;
}

static const struct key io_keys[] = {
	{ "rchar", PROCESS_IO_read_chars },
	{ "wchar", PROCESS_IO_written_chars },
	{ "read_bytes", PROCESS_IO_read_bytes },
	{ "write_bytes", PROCESS_IO_written_bytes },
	{ "cancelled_write_bytes", PROCESS_IO_cancelled_bytes },
};

/*
 * Parse /proc/PID/io; the row has no pid. Pure.
 *
 * Shape:  "rchar: N" lines. A negative number is a cell without a value: proc(5) says that
 *         cancelled_write_bytes may be one.
 * Errors: -EINVAL malformed or repeated line, -ENODATA none of them.
 * Source: fs/proc/base.c, do_io_accounting().
 */
int process_io_parse(const char *buf, size_t len, struct table *t)
{
	struct process_io io = { 0 };
	struct cursor c = cursor_of(buf, len), line;

	while (cursor_line(&c, &line)) {
		struct span name;
		uint64_t value;
		int64_t negative;

		if (cursor_end(&line))
			continue;
		if (!cursor_until(&line, ':', &name))
			return -EINVAL;
		if (!cursor_u64(&line, &value)) {
			if (!cursor_s64(&line, &negative))
				return -EINVAL;
			continue;
		}
		for (size_t i = 0; i < ARRAY_SIZE(io_keys); i++) {
			if (!span_eq(name, io_keys[i].name))
				continue;
			if (row_has(io.has, io_keys[i].column))
				return -EINVAL;
			row_put(schemas[TABLE_process_io], &io, io_keys[i].column, value);
		}
	}
	if (!io.has)
		return -ENODATA;
	struct process_io *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = io;
	return 0;
}

/*
 * Parse /proc/PID/schedstat; the row has no pid. Pure.
 *
 * Shape:  "RUN_NS WAIT_NS SLICES".
 * Errors: -EINVAL malformed, -ENODATA empty.
 * Source: fs/proc/base.c, proc_pid_schedstat().
 */
int process_sched_parse(const char *buf, size_t len, struct table *t)
{
	struct process_sched s = { 0 };
	struct cursor c = cursor_of(buf, len);

	if (len == 0)
		return -ENODATA;
	if (!cursor_u64(&c, &s.run_ns) || !cursor_u64(&c, &s.wait_ns) || !cursor_u64(&c, &s.slices))
		return -EINVAL;
	row_set(&s.has, PROCESS_SCHED_run_ns);
	row_set(&s.has, PROCESS_SCHED_wait_ns);
	row_set(&s.has, PROCESS_SCHED_slices);
	struct process_sched *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = s;
	return 0;
}

/* True when list, "cpu,cpuacct", names it. */
static bool has_controller(struct span list, const char *name)
{
	struct cursor c = cursor_span(list);
	struct span item;

	while (cursor_until(&c, ',', &item)) {
		if (span_eq(item, name))
			return true;
	}
	return span_eq((struct span){ c.at, cursor_left(&c) }, name);
}

/*
 * Parse /proc/PID/cgroup; the row has no pid. Pure.
 *
 * Shape:  "ID:CONTROLLERS:PATH" per hierarchy; version 2 is "0::PATH". PATH may hold colons.
 * Errors: -EINVAL malformed, -ENODATA no hierarchy at all.
 * Source: kernel/cgroup/cgroup.c, proc_cgroup_show().
 */
int process_cgroup_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	struct span memory = { 0 }, unified = { 0 }, named = { 0 }, cpu = { 0 }, io = { 0 };

	while (cursor_line(&c, &line)) {
		struct span list;
		uint64_t id;

		if (cursor_end(&line))
			continue;
		if (!cursor_u64(&line, &id) || !cursor_lit(&line, ":") ||
			!cursor_until(&line, ':', &list) || cursor_end(&line))
			return -EINVAL;
		struct span path = { line.at, cursor_left(&line) };

		if (id == 0 && list.len == 0)
			unified = path;
		else if (span_eq(list, "name=systemd"))
			named = path;
		if (has_controller(list, "memory"))
			memory = path;
		if (has_controller(list, "cpu"))
			cpu = path;
		if (has_controller(list, "blkio"))
			io = path;
	}
	struct span path = memory.len ? memory : unified.len ? unified : named.len ? named : cpu;

	if (path.len == 0)
		return -ENODATA;
	text_t where = table_intern(t, path.at, path.len);
	text_t io_where = io.len ? table_intern(t, io.at, io.len) : where;
	text_t cpu_where = cpu.len ? table_intern(t, cpu.at, cpu.len) : where;
	struct process_cgroup *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(schemas[TABLE_process_cgroup], row, PROCESS_CGROUP_path, where);
	if (io_where != where)
		row_put(schemas[TABLE_process_cgroup], row, PROCESS_CGROUP_io_path, io_where);
	if (cpu_where != where)
		row_put(schemas[TABLE_process_cgroup], row, PROCESS_CGROUP_cpu_path, cpu_where);
	return 0;
}

static const struct limit {
	const char *name;
	unsigned int soft, hard;
} limits[] = {
	{ "Max processes ", PROCESS_LIMITS_processes_soft, 0 },
	{ "Max open files ", PROCESS_LIMITS_fd_soft, PROCESS_LIMITS_fd_hard },
	{ "Max locked memory ", PROCESS_LIMITS_locked_soft_bytes, 0 },
	{ "Max address space ", PROCESS_LIMITS_address_space_soft_bytes, 0 },
};

/* "unlimited" leaves the cell absent. Column 0, the pid, means that nobody wants it. */
static int put_limit(struct cursor *line, struct process_limits *row, unsigned int column)
{
	struct span word;
	uint64_t value;

	if (!cursor_word(line, &word))
		return -EINVAL;
	if (span_eq(word, "unlimited") || column == 0)
		return 0;
	struct cursor c = cursor_span(word);

	if (!cursor_u64(&c, &value) || !cursor_end(&c))
		return -EINVAL;
	row_put(schemas[TABLE_process_limits], row, column, value);
	return 0;
}

/*
 * Parse /proc/PID/limits; the row has no pid. Pure.
 *
 * Shape:  "Max open files    1024    4096    files"; numbers or "unlimited".
 * Errors: -EINVAL malformed or repeated line, -ENODATA "Max open files" missing.
 * Source: fs/proc/base.c, proc_pid_limits().
 */
int process_limits_parse(const char *buf, size_t len, struct table *t)
{
	struct process_limits l = { 0 };
	struct cursor c = cursor_of(buf, len), line;
	unsigned int met = 0;

	while (cursor_line(&c, &line)) {
		for (unsigned int i = 0; i < ARRAY_SIZE(limits); i++) {
			if (!cursor_lit(&line, limits[i].name))
				continue;
			if (met & 1u << i || put_limit(&line, &l, limits[i].soft) < 0 ||
				put_limit(&line, &l, limits[i].hard) < 0)
				return -EINVAL;
			met |= 1u << i;
			break;
		}
	}
	if (!(met & 2))
		return -ENODATA;
	struct process_limits *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = l;
	return 0;
}

/* A table of one file per process. */
struct detail {
	enum table_id table;
	const char *file;
	size_t size;       /* of the file; longer is cut */
	bool cells_denied; /* an absent cell means nothing else */
	int (*parse)(const char *buf, size_t len, struct table *t);
};

static const struct detail details[] = {
	{ TABLE_process_status, "status", STATUS_MAX, false, process_status_parse },
	{ TABLE_process_sched, "schedstat", 256, true, process_sched_parse },
	{ TABLE_process_io, "io", SMALL_MAX, true,
		process_io_parse }, /* after sched: see unmoved() */
	{ TABLE_process_cgroup, "cgroup", CGROUP_MAX, false, process_cgroup_parse },
	{ TABLE_process_fd, NULL, 0, true, NULL }, /* before limits: see applies() */
	{ TABLE_process_limits, "limits", SMALL_MAX * 2, false, process_limits_parse },
};

/* What decides which files of a process are worth reading. */
struct worth {
	bool all_status;
	uint64_t least_bytes; /* resident bytes of the last of the LARGEST */
	size_t ties;          /* so many that have just that much are among them */
	uint64_t open;        /* descriptors of the process at hand; UINT64_MAX: unknown */
};

/*
 * Only who holds much memory is ever blamed for it. What is swapped out shows in no cheaper file:
 * when that is more than a small part of memory, or nobody knows, or all are wanted, all are read.
 */
static struct worth weigh(const struct probe *p, const struct table *processes)
{
	const struct meminfo *mem = table_only(probe_used(p, TABLE_meminfo));
	struct worth w = { .all_status = true };
	uint64_t top[LARGEST];
	size_t n = 0;

	if (needs_exact(p->needs, p->n_needs, TABLE_process_status) || !mem ||
		!row_has(mem->has, MEMINFO_swap_free_bytes) ||
		mem->swap_total_bytes - mem->swap_free_bytes > mem->total_bytes / LARGEST)
		return w;
	for (table_each(const struct process, proc, processes)) {
		size_t at = n;

		while (at > 0 && top[at - 1] < proc->resident_bytes)
			at--;
		if (few_open(top, sizeof(top[0]), &n, LARGEST, at))
			top[at] = proc->resident_bytes;
	}
	if (n < LARGEST)
		return w;
	w.all_status = false;
	w.least_bytes = top[LARGEST - 1];
	for (size_t i = 0; i < n; i++)
		w.ties += top[i] == w.least_bytes;
	return w;
}

/* Who waited for pages is asked how many of them are swapped out, however small he is. */
static bool faulted(const struct probe *p, const struct process *proc)
{
	const struct process *was = table_find(frame_table(p->was, TABLE_process), proc->pid);

	return was && was->start_ns == proc->start_ns && proc->major_faults > was->major_faults;
}

static bool among_largest(struct worth *w, const struct process *proc)
{
	if (w->all_status || proc->resident_bytes > w->least_bytes)
		return true;
	if (proc->resident_bytes < w->least_bytes || w->ties == 0)
		return false;
	w->ties--;
	return true;
}

static int read_fd_count(struct probe *p, struct table *t, uint64_t pid, uint64_t *ret_open)
{
	uint64_t n;
	int err = host_fd_count(p->host, pid, &n);

	if (err < 0)
		return err;
	*ret_open = n;
	struct process_fd *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, PROCESS_FD_open, n);
	return 0;
}

static int read_detail(
	struct probe *p, const struct detail *d, struct table *t, uint64_t pid, struct worth *w)
{
	char path[PROC_PATH_MAX], buf[CGROUP_MAX];
	int err;

	if (d->parse) {
		ssize_t n = host_read_record(p->host, proc_path(path, pid, d->file), buf, d->size);

		err = n < 0 ? (int)n : proc_parsed(d->parse(buf, (size_t)n, t), (size_t)n);
	} else {
		err = read_fd_count(p, t, pid, &w->open);
	}
	if (err < 0)
		return err;
	void *row = table_at(t, t->n - 1);

	row_put(t->schema, row, 0, pid);
	t->seen++;
	if (!probe_keep(p, d->table, row))
		table_drop_last(t);
	return 0;
}

/*
 * Kernel threads have no memory, files or limits of their own, and live in the root group: only
 * the time that they wait for a CPU says anything.
 */
static bool applies(
	const struct probe *p, const struct detail *d, const struct process *proc, struct worth *w)
{
	if (proc->kthread)
		return d->table == TABLE_process_sched;
	if (d->table == TABLE_process_status)
		return among_largest(w, proc) || faulted(p, proc);
	return d->table != TABLE_process_limits || w->open >= FEW_FDS;
}

/*
 * What the process, which never ran since the frame before, had read and written then is what it
 * has now: I/O is counted for the thread that asks for it (include/linux/task_io_accounting_ops.h).
 * NULL when it ran or that is not known; of several threads schedstat tells the main one's time.
 */
static const struct process_io *unmoved(
	const struct probe *p, const struct process *proc, const struct table *sched)
{
	uint64_t pid = proc->pid;
	const struct process *was = table_find(frame_table(p->was, TABLE_process), pid);
	const struct process_sched *before =
		table_find(frame_table(p->was, TABLE_process_sched), pid);
	const struct process_sched *now = sched && sched->n ? table_at(sched, sched->n - 1) : NULL;

	if (!was || !before || !now || now->pid != pid)
		return NULL;
	if (was->start_ns != proc->start_ns || was->threads != 1 || proc->threads != 1 ||
		proc->state == 'R')
		return NULL;
	/* Everybody got a CPU once: 0 is a kernel that does not count. */
	if (now->slices == 0 || now->slices != before->slices || now->run_ns != before->run_ns)
		return NULL;
	return table_find(frame_table(p->was, TABLE_process_io), pid);
}

static int copy_io(struct table *t, const struct process_io *was)
{
	struct process_io *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = *was;
	t->seen++;
	return 0;
}

static int read_details(struct probe *p, struct table *const *to, struct tally *tally)
{
	const struct table *processes = probe_used(p, TABLE_process);
	struct worth w = weigh(p, processes);
	uint64_t start_ns = proc_now_ns();

	for (table_each(struct process, proc, processes)) {
		uint64_t done = (uint64_t)(proc - (struct process *)processes->row);
		bool late = probe_late(p);

		w.open = UINT64_MAX;
		for (size_t i = 0; i < ARRAY_SIZE(details); i++) {
			if (!to[i])
				continue;
			if (late) {
				tally_late(&tally[i], to[i], done, processes->n, start_ns);
				continue;
			}
			if (!applies(p, &details[i], proc, &w))
				continue;
			const struct process_io *same =
				details[i].table == TABLE_process_io
					? unmoved(p, proc, probe_table(p, TABLE_process_sched))
					: NULL;
			int err = same ? copy_io(to[i], same)
				       : read_detail(p, &details[i], to[i], proc->pid, &w);

			if (err == -ENOMEM)
				return err;
			tally_count(&tally[i], err);
		}
		if (late)
			break;
	}
	return 0;
}

static int read_process_detail(struct probe *p)
{
	struct table *to[ARRAY_SIZE(details)];
	struct tally tally[ARRAY_SIZE(details)] = { 0 };
	bool wanted = false;

	for (size_t i = 0; i < ARRAY_SIZE(details); i++) {
		to[i] = probe_table(p, details[i].table);
		wanted |= to[i] != NULL;
	}
	if (!wanted)
		return 0;
	if (!probe_used(p, TABLE_process))
		return -ENODATA;
	int err = read_details(p, to, tally);

	for (size_t i = 0; i < ARRAY_SIZE(details) && err == 0; i++) {
		if (!to[i] || to[i]->state == STATE_LATE)
			continue;
		tally_close(&tally[i], to[i], "needs root with CAP_SYS_PTRACE over them");
		for (size_t k = 1;
			tally[i].denied && details[i].cells_denied && k < to[i]->schema->n_columns;
			k++)
			to[i]->cell[k] = STATE_DENIED;
	}
	return err;
}

const struct source source_process_detail = {
	.name = "process_detail",
	.fills = { TABLE_process_status, TABLE_process_io, TABLE_process_sched,
		TABLE_process_cgroup, TABLE_process_limits, TABLE_process_fd },
	.uses = { TABLE_process },
	/*
	 * Counting descriptors makes inodes of its own;
	 * meminfo tells whether anybody is swapped out.
	 */
	.after = { TABLE_slab, TABLE_meminfo },
	.deadline_ns = 500000000,
	.denied = "needs root with CAP_SYS_PTRACE over them",
	.read = read_process_detail,
};
