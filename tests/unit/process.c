/* SPDX-License-Identifier: MIT */
/* The parsers of /proc/PID files, and the sources live on this very machine. */
#include "source/proc.h"
#include "tests/unit/run_source.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#define ASSERT_PARSE(name, text, t, want) \
	assert_int_equal(name##_parse(text, sizeof(text) - 1, t), want)

/* After the state: Linux 6.18, /proc/self/stat of cat, and a kernel thread. */
#define STAT_TAIL                                                                               \
	" 8774 8774 4112 0 -1 4194304 97 3 2 1 7 9 0 0 20 0 5 0 155390 3133440 362"             \
	" 18446744073709551615 94919734775808 94919734795689 140726043666592 0 0 0 0 0 0 0 0 0" \
	" 17 1 0 0 11 0 0 94919734811696 94919734813312 94920193712128 140726043675273\n"
#define KTHREAD_TAIL \
	" 2 0 0 0 -1 2129984 0 0 0 0 0 4 0 0 0 -20 1 0 7 0 0 18446744073709551615 0 0\n"

static void stat_fields(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_process]);

	ASSERT_PARSE(process, "8782 (cat) R" STAT_TAIL, t, 0);
	const struct process *p = t->row;

	assert_int_equal(p->pid, 8782);
	assert_string_equal(table_text(t, p->comm), "cat");
	assert_int_equal(p->state, 'R');
	assert_int_equal(p->ppid, 8774);
	assert_int_equal(p->kthread, 0);
	assert_int_equal(p->minor_faults, 97);
	assert_int_equal(p->major_faults, 2);
	assert_int_equal(p->user_ns, 70000000);
	assert_int_equal(p->system_ns, 90000000);
	assert_int_equal(p->threads, 5);
	assert_int_equal(p->session, 4112);
	assert_int_equal(p->nice, 0);
	assert_true(row_has(p->has, PROCESS_policy));
	assert_int_equal(p->start_ns, 1553900000000);
	assert_int_equal(p->virtual_bytes, 3133440);
	assert_int_equal(p->resident_bytes, 362 * 4096);
	assert_int_equal(p->block_delay_ns, 110000000);
	ASSERT_PARSE(process, "9 (kworker/0:0H-events_highpri) I" KTHREAD_TAIL, t, 0);
	assert_int_equal(((struct process *)table_at(t, 1))->kthread, 1);
	assert_int_equal(((struct process *)table_at(t, 1))->nice, -20);
	assert_false(row_has(((struct process *)table_at(t, 1))->has, PROCESS_block_delay_ns));
	table_unref(t);
}

static void hostile_names(void **state UNUSED)
{
	static const char *const names[] = { ") \n(", ") R 1 1 1", "", "a) (b", "\n\n", ")", "(" };
	struct table *t = table_new(schemas[TABLE_process]);
	char text[1024];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int len = snprintf(text, sizeof(text), "7 (%s) D" STAT_TAIL, names[i]);

		assert_int_equal(process_parse(text, (size_t)len, t), 0);
		const struct process *p = table_at(t, i);

		assert_string_equal(table_text(t, p->comm), names[i]);
		assert_int_equal(p->state, 'D');
		assert_int_equal(p->pid, 7);
		assert_int_equal(p->threads, 5);
	}
	table_unref(t);
}

/* As Linux 6.18 shows a process while its parent takes it away. */
static void released(void **state UNUSED)
{
	static const char text[] = "8332 (python3) X 0 -1 -1 0 -1 4227148 219 0 0 0 0 0 0 0 20 0 0 "
				   "0 5394489 0 0 0 0 0 0 0 0 0 0 0 0 1 0 0 17 1 0 0 0 0 0 0 0 0 0 "
				   "0 0 0 0\n";
	struct table *t = table_new(schemas[TABLE_process]);

	ASSERT_PARSE(process, text, t, -ESRCH);
	table_unref(t);
}

static void stat_damaged(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_process]);

	ASSERT_PARSE(process, "", t, -ENODATA);
	ASSERT_PARSE(process, "1", t, -EINVAL);
	ASSERT_PARSE(process, "1 (x", t, -EINVAL);
	ASSERT_PARSE(process, "1 )x( R", t, -EINVAL);
	ASSERT_PARSE(process, "1 (x) RR 1 1", t, -EINVAL);
	ASSERT_PARSE(process, "1 (x) R 1 1 1 0 -1 0 5", t, -ENODATA);
	ASSERT_PARSE(process, "1 (x) R -1 1 1 0 -1 0 5", t, -EINVAL);
	ASSERT_PARSE(process, "1 (x) R 1 1 1 0 -1 0 5 0 0 0 18446744073709551615 0", t, -EINVAL);
	ASSERT_PARSE(process, "1 (x) R 1 1 1 0 -1 0 99999999999999999999999", t, -EINVAL);
	assert_int_equal(t->n, 0);
	table_unref(t);
}

static void status_of_kernels(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_process_status]);

	/* 3.10: no RssAnon; a zombie: no memory at all */
	ASSERT_PARSE(process_status,
		"Name:\tx\\nUid:\t7\nState:\tS (sleeping)\nTgid:\t5\nPid:\t5\n"
		"Uid:\t1000\t0\t1000\t1000\nFDSize:\t64\nVmLck:\t       4 kB\n"
		"VmRSS:\t     100 kB\nVmPTE:\t      12 kB\nVmSwap:\t       8 kB\n",
		t, 0);
	ASSERT_PARSE(process_status, "Name:\tz\nState:\tZ (zombie)\nUid:\t0\t0\t0\t0\nFDSize:\t0\n",
		t, 0);
	const struct process_status *s = t->row;

	assert_int_equal(s[0].uid, 0);
	assert_int_equal(s[0].locked_bytes, 4096);
	assert_int_equal(s[0].page_tables_bytes, 12288);
	assert_int_equal(s[0].swap_bytes, 8192);
	assert_int_equal(s[0].fd_slots, 64);
	assert_false(row_has(s[0].has, PROCESS_STATUS_anon_bytes));
	assert_false(row_has(s[1].has, PROCESS_STATUS_swap_bytes));
	ASSERT_PARSE(process_status, "Uid:\t1\t1\nUid:\t1\t1\n", t, -EINVAL);
	ASSERT_PARSE(process_status, "Uid:\t1\t1\nRssAnon:\t99999999999999999999 kB\n", t, -EINVAL);
	ASSERT_PARSE(process_status, "Uid:\t1\t1\nRssAnon:\t18446744073709551615 kB\n", t, -EINVAL);
	ASSERT_PARSE(process_status, "VmRSS:\t1 kB\n", t, -ENODATA);
	assert_int_equal(t->n, 2);
	table_unref(t);
}

static void io_and_sched(void **state UNUSED)
{
	struct table *io = table_new(schemas[TABLE_process_io]);
	struct table *sched = table_new(schemas[TABLE_process_sched]);

	ASSERT_PARSE(process_io,
		"rchar: 6976\nwchar: 1\nsyscr: 10\nsyscw: 0\nread_bytes: 4096\nwrite_bytes: 8192\n"
		"cancelled_write_bytes: 12288\n",
		io, 0);
	const struct process_io *row = io->row;

	assert_int_equal(row->read_chars, 6976);
	assert_int_equal(row->read_bytes, 4096);
	assert_int_equal(row->written_bytes, 8192);
	assert_int_equal(row->cancelled_bytes, 12288);
	ASSERT_PARSE(process_io, "rchar: 1\nrchar: 1\n", io, -EINVAL);
	/* What is negative is nothing that can be counted; the others stay. */
	ASSERT_PARSE(process_io, "rchar: 1\ncancelled_write_bytes: -1024\n", io, 0);
	row = table_at(io, io->n - 1);
	assert_true(row_has(row->has, PROCESS_IO_read_chars));
	assert_false(row_has(row->has, PROCESS_IO_cancelled_bytes));
	ASSERT_PARSE(process_io, "rchar: -\n", io, -EINVAL);
	ASSERT_PARSE(process_io, "", io, -ENODATA);
	ASSERT_PARSE(process_sched, "5 40637 1\n", sched, 0);
	assert_int_equal(((struct process_sched *)sched->row)->wait_ns, 40637);
	ASSERT_PARSE(process_sched, "5 40637", sched, -EINVAL);
	ASSERT_PARSE(process_sched, "", sched, -ENODATA);
	table_unref(io);
	table_unref(sched);
}

static const char *cgroup_path(struct table *t, const char *text)
{
	assert_int_equal(process_cgroup_parse(text, strlen(text), t), 0);
	const struct process_cgroup *row = table_at(t, t->n - 1);

	return table_text(t, row->path);
}

static void cgroup_of_process(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_process_cgroup]);
	const struct process_cgroup *row;

	assert_string_equal(
		cgroup_path(t, "0::/system.slice/a:b.service\n"), "/system.slice/a:b.service");
	assert_string_equal(
		cgroup_path(t, "9:name=systemd:/s\n4:memory:/m\n2:cpu,cpuacct:/m\n0::/u\n"), "/m");
	row = table_at(t, 1);
	assert_false(row_has(row->has, PROCESS_CGROUP_cpu_path));
	assert_string_equal(cgroup_path(t, "4:cpuset,memory:/m\n2:cpuacct,cpu:/c\n"), "/m");
	row = table_at(t, 2);
	assert_string_equal(table_text(t, row->cpu_path), "/c");
	assert_string_equal(cgroup_path(t, "9:name=systemd:/s\n8:pids:/p\n"), "/s");
	ASSERT_PARSE(process_cgroup, "9:name=systemd\n", t, -EINVAL);
	ASSERT_PARSE(process_cgroup, "x:memory:/\n", t, -EINVAL);
	ASSERT_PARSE(process_cgroup, "", t, -ENODATA);
	table_unref(t);
}

static void limits(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_process_limits]);

	ASSERT_PARSE(process_limits,
		"Limit                     Soft Limit           Hard Limit           Units     \n"
		"Max processes             96365                96365                processes \n"
		"Max open files            1024                 unlimited            files     \n"
		"Max locked memory         8388608              8388608              bytes     \n"
		"Max address space         unlimited            unlimited            bytes     \n",
		t, 0);
	const struct process_limits *l = t->row;

	assert_int_equal(l->fd_soft, 1024);
	assert_false(row_has(l->has, PROCESS_LIMITS_fd_hard));
	assert_int_equal(l->processes_soft, 96365);
	assert_int_equal(l->locked_soft_bytes, 8388608);
	assert_false(row_has(l->has, PROCESS_LIMITS_address_space_soft_bytes));
	ASSERT_PARSE(process_limits, "Max open files 1 1\nMax open files 1 1\n", t, -EINVAL);
	ASSERT_PARSE(process_limits, "Max open files 1x 1\n", t, -EINVAL);
	ASSERT_PARSE(process_limits, "Max open files 1\n", t, -EINVAL);
	ASSERT_PARSE(process_limits, "Max processes 1 1\n", t, -ENODATA);
	table_unref(t);
}

static void tallies(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_process_io]);
	struct tally a = { 0 };

	assert_true(tally_count(&a, 0));
	assert_false(tally_count(&a, -ESRCH));
	assert_false(tally_count(&a, -ENOENT));
	tally_close(&a, t, "needs root");
	assert_int_equal(t->state, STATE_OK);
	assert_int_equal(t->lost, 0);
	assert_string_equal(t->why, "");
	for (int i = 0; i < 1233; i++)
		tally_count(&a, -EACCES);
	tally_close(&a, t, "needs root");
	assert_int_equal(t->state, STATE_OK);
	assert_int_equal(t->lost, 1233);
	assert_string_equal(t->why, "1,233 of 1,234 processes denied: needs root");
	tally_count(&a, -EIO);
	tally_close(&a, t, "needs root");
	assert_string_equal(
		t->why, "1,234 of 1,235 processes could not be read: Input/output error");
	a = (struct tally){ 0 };
	tally_count(&a, -EACCES);
	tally_close(&a, t, "needs root");
	assert_int_equal(t->state, STATE_DENIED);
	a = (struct tally){ 0 };
	tally_count(&a, -EIO);
	tally_close(&a, t, "needs root");
	assert_int_equal(t->state, STATE_BROKEN);
	/*
	 * A sosreport has the limits of each process and
	 * the stat of none: that is not "no process".
	 */
	a = (struct tally){ 0 };
	for (int i = 0; i < 3; i++)
		tally_count(&a, -ENOENT);
	tally_close(&a, t, "needs root");
	assert_int_equal(t->state, STATE_ABSENT);
	assert_string_equal(t->why, "not there for any of 3 processes");
	a = (struct tally){ .of = "control groups" };
	tally_count(&a, 0);
	tally_count(&a, -EACCES);
	tally_close(&a, t, "needs root");
	assert_string_equal(t->why, "1 of 2 control groups denied: needs root");
	tally_late(&a, t, 2, 1200, proc_now_ns());
	assert_int_equal(t->state, STATE_LATE);
	assert_string_equal(t->why, "2 of 1,200 control groups in 0.0 s");
	table_unref(t);
}

static void paths(void **state UNUSED)
{
	char buf[PROC_PATH_MAX];
	uint64_t pid;

	assert_string_equal(proc_path(buf, 1, "stat"), "proc/1/stat");
	assert_string_equal(proc_path(buf, UINT64_MAX, "io"), "proc/18446744073709551615/io");
	assert_true(proc_is_pid("4194304", &pid));
	assert_int_equal(pid, 4194304);
	assert_false(proc_is_pid("self", &pid));
	assert_false(proc_is_pid("12a", &pid));
	assert_false(proc_is_pid("", &pid));
	assert_false(proc_is_pid("0", &pid));
	assert_false(proc_is_pid("99999999999999999999", &pid));
}

/* This test finds itself, under a name that is an attack. */
static void live(void **state UNUSED)
{
	static const enum table_id first[] = { TABLE_process, TABLE_none };
	static const enum table_id more[] = { TABLE_process_status, TABLE_process_io,
		TABLE_process_sched, TABLE_process_cgroup, TABLE_process_limits, TABLE_process_fd,
		TABLE_none };
	struct table *out[TABLES] = { 0 };
	uint64_t pid = (uint64_t)getpid();
	struct host *h;

	/* Limits are read of who has descriptors to lose. */
	for (int i = 0; i < 48; i++)
		assert_true(dup(0) >= 0);
	prctl(PR_SET_NAME, ") R 1 (\nx", 0, 0, 0);
	assert_int_equal(host_open_live(&h), 0);
	run_source(h, "process", out, first, NULL, 0);
	assert_int_equal(out[TABLE_process]->state, STATE_OK);
	const struct process *self = table_find(out[TABLE_process], pid);

	assert_non_null(self);
	assert_string_equal(table_text(out[TABLE_process], self->comm), ") R 1 (\nx");
	assert_int_equal(self->ppid, getppid());
	assert_int_equal(self->threads, 1);
	run_source(h, "process_detail", out, more, NULL, 0);
	for (size_t i = 0; more[i]; i++) {
		assert_int_equal(out[more[i]]->state, STATE_OK);
		assert_non_null(table_find(out[more[i]], pid));
	}
	const struct process_status *s = table_find(out[TABLE_process_status], pid);
	const struct process_limits *l = table_find(out[TABLE_process_limits], pid);
	const struct process_fd *f = table_find(out[TABLE_process_fd], pid);

	assert_int_equal(s->uid, geteuid());
	assert_int_equal(l->fd_soft, sysconf(_SC_OPEN_MAX));
	assert_in_range(f->open, 1, l->fd_soft);
	drop_tables(out);
	host_free(h);
}

/* What both files tell of a process is the same, whatever its name is. */
static void status_as_stat(void **state UNUSED)
{
	static const enum table_id one[] = { TABLE_process, TABLE_none };
	static const enum table_id both[] = { TABLE_process, TABLE_process_memory, TABLE_none };
	struct table *stat[TABLES] = { 0 }, *status[TABLES] = { 0 };
	struct host *h = NULL;
	size_t same = 0, mapped = 0;

	assert_int_equal(prctl(PR_SET_NAME, "a\nPid:\t1\\n) R"), 0);
	assert_int_equal(host_open_live(&h), 0);
	run_source(h, "process", stat, one, NULL, 0);
	run_source(h, "process", status, both, NULL, 0);
	const struct table *t = stat[TABLE_process], *other = status[TABLE_process];

	assert_int_equal(status[TABLE_process_memory]->state, other->state);
	for (table_each(const struct process, p, t)) {
		const struct process *q = table_find(other, p->pid);
		const struct process_memory *m = table_find(status[TABLE_process_memory], p->pid);

		mapped += m != NULL;
		if (!q || q->ppid != p->ppid) /* it has ended, or its parent has */
			continue;
		assert_int_equal(q->kthread, p->kthread);
		assert_false(q->kthread && m);
		assert_false(row_has(q->has, PROCESS_start_ns));
		same += strcmp(table_text(t, p->comm), table_text(other, q->comm)) == 0;
	}
	assert_in_range(same + t->n / 10, t->n, 2 * t->n); /* of the rest: exec meanwhile */
	assert_in_range(mapped, 1, t->n);
	const struct process *self = table_find(other, (uint64_t)getpid());
	const struct process_memory *m =
		table_find(status[TABLE_process_memory], (uint64_t)getpid());

	assert_true(self && m);
	assert_string_equal(table_text(other, self->comm), "a\nPid:\t1\\n) R");
	assert_true(self->state == 'R' && self->ppid == (uint64_t)getppid());
	assert_int_equal(m->rss_bytes, m->anon_bytes + m->file_bytes + m->shmem_bytes);
	assert_in_range(m->rss_bytes, 1 << 16, m->peak_bytes);
	drop_tables(stat);
	drop_tables(status);
	host_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_fields),
		cmocka_unit_test(hostile_names),
		cmocka_unit_test(released),
		cmocka_unit_test(stat_damaged),
		cmocka_unit_test(status_of_kernels),
		cmocka_unit_test(io_and_sched),
		cmocka_unit_test(cgroup_of_process),
		cmocka_unit_test(limits),
		cmocka_unit_test(tallies),
		cmocka_unit_test(paths),
		cmocka_unit_test(live),
		cmocka_unit_test(status_as_stat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
