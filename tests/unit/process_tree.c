/* SPDX-License-Identifier: MIT */
/*
 * Processes and control groups of a tree that this test writes. MURPHY_PROCESSES=100000 makes the
 * large one larger, and prints what it took.
 */
#include "base/hash.h"
#include "source/proc.h"
#include "tests/unit/run_source.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAIL                                                               \
	" 1 1 1 0 -1 4194304 97 3 2 1 7 9 0 0 20 0 5 0 155390 3133440 362" \
	" 18446744073709551615 1 1 1 0 0 0 0 0 0 0 0 0 17 1 0 0 11 0 0 1 1 1 1\n"

struct tree {
	char dir[32];
	struct host *h;
};

/* A file below the tree, and the directories that it needs. */
static void put_bytes(const struct tree *t, const char *path, const char *bytes, size_t len)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", t->dir, path);
	for (char *slash = full + strlen(t->dir) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(full, 0755);
		*slash = '/';
	}
	int fd = open(full, O_CREAT | O_WRONLY | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

static void put(const struct tree *t, const char *path, const char *text)
{
	put_bytes(t, path, text, strlen(text));
}

static int remove_one(
	const char *path, const struct stat *st UNUSED, int kind UNUSED, struct FTW *ftw UNUSED)
{
	return remove(path);
}

static int setup(void **state)
{
	static struct tree t;

	t = (struct tree){ .dir = "/tmp/murphy-tree-XXXXXX" };
	if (!mkdtemp(t.dir))
		return -1;
	put(&t, "proc/1/stat", "1 (init) S" TAIL);
	*state = &t;
	return 0;
}

static int teardown(void **state)
{
	struct tree *t = *state;

	host_free(t->h);
	return nftw(t->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void open_tree(struct tree *t)
{
	char why[160];

	assert_int_equal(host_open_root(t->dir, &t->h, why), 0);
}

static void hostile_processes(void **state)
{
	static const enum table_id ids[] = { TABLE_process, TABLE_process_io, TABLE_process_status,
		TABLE_process_cmd, TABLE_none };
	struct tree *t = *state;
	struct table *out[TABLES] = { 0 };
	static char big[4 << 20];

	memset(big, 'x', sizeof(big));
	put(t, "proc/7/stat", "7 () \n() D" TAIL);
	put_bytes(t, "proc/7/cmdline", big, sizeof(big));
	put(t, "proc/7/io", "rchar: 1\nread_bytes: 2\n");
	put(t, "proc/8/comm", "it died between list and read\n");
	put(t, "proc/9/stat", "9 (cut off) S 1 1");
	put(t, "proc/10/stat", "11 (another pid) S" TAIL);
	put(t, "proc/12/stat", "12 (a) S" TAIL);
	put(t, "proc/12/io", "garbage\n");
	put(t, "proc/99999999999999999999/stat", "1 (not a pid) S" TAIL);
	open_tree(t);
	run_source(t->h, "process", out, ids, NULL, 0);
	run_source(t->h, "process_detail", out, ids, NULL, 0);
	run_source(t->h, "process_cmd", out, ids, NULL, 0);
	const struct table *p = out[TABLE_process];
	const struct process *seven = table_find(p, 7);

	assert_int_equal(p->state, STATE_OK);
	assert_int_equal(p->n, 3);
	assert_int_equal(p->lost, 2);
	assert_string_equal(p->why,
		"2 of 5 processes could not be read: not in the form that this murphy knows");
	assert_string_equal(table_text(p, seven->comm), ") \n(");
	const struct process_cmd *cmd = table_find(out[TABLE_process_cmd], 7);

	assert_int_equal(strlen(table_text(out[TABLE_process_cmd], cmd->line)), 256);
	assert_int_equal(cmd->cut, 1);
	assert_int_equal(out[TABLE_process_io]->n, 1);
	assert_int_equal(out[TABLE_process_io]->lost, 1);
	assert_int_equal(out[TABLE_process_status]->n, 0);
	drop_tables(out);
}

/* 80 processes of which 60 have most memory and the others the same: 64 are read. */
static void worth_reading(void **state)
{
	static const enum table_id ids[] = { TABLE_process, TABLE_meminfo, TABLE_process_status,
		TABLE_process_fd, TABLE_process_limits, TABLE_none };
	static const char calm[] = "MemTotal: 1024 kB\nMemFree: 1 kB\n"
				   "SwapTotal: 99 kB\nSwapFree: 90 kB\n";
	static const char full[] = "MemTotal: 1024 kB\nMemFree: 1 kB\n"
				   "SwapTotal: 99 kB\nSwapFree: 9 kB\n";
	struct tree *t = *state;
	struct table *out[TABLES] = { 0 };

	for (int pid = 1; pid <= 80; pid++) {
		char path[64], text[256];

		snprintf(path, sizeof(path), "proc/%d/stat", pid);
		snprintf(text, sizeof(text),
			"%d (x) S 1 1 1 0 -1 4194304 97 3 2 1 7 9 0 0 20 0 5 0 155390 3133440 %d "
			"0\n",
			pid, pid > 20 ? 1000 + pid : 8);
		put(t, path, text);
		snprintf(path, sizeof(path), "proc/%d/status", pid);
		put(t, path, "Uid:\t0\t0\nVmSwap:\t8 kB\n");
		snprintf(path, sizeof(path), "proc/%d/fd.count", pid);
		put(t, path, pid == 9 ? "48\n" : "47\n");
		snprintf(path, sizeof(path), "proc/%d/limits", pid);
		put(t, path, "Max open files 64 64 files\n");
	}
	put(t, "proc/meminfo", calm);
	open_tree(t);
	run_source(t->h, "process", out, ids, NULL, 0);
	run_source(t->h, "meminfo", out, ids, NULL, 0);
	run_source(t->h, "process_detail", out, ids, NULL, 0);
	assert_int_equal(out[TABLE_process_status]->state, STATE_OK);
	assert_int_equal(out[TABLE_process_status]->n, 64);
	assert_non_null(table_find(out[TABLE_process_status], 80));
	assert_non_null(table_find(out[TABLE_process_status], 21));
	assert_non_null(table_find(out[TABLE_process_status], 4));
	assert_null(table_find(out[TABLE_process_status], 5));
	assert_int_equal(out[TABLE_process_fd]->n, 80);
	assert_int_equal(out[TABLE_process_limits]->n, 1);
	assert_non_null(table_find(out[TABLE_process_limits], 9));
	drop_tables(out);
	memset(out, 0, sizeof(out));

	put(t, "proc/meminfo", full);
	run_source(t->h, "process", out, ids, NULL, 0);
	run_source(t->h, "meminfo", out, ids, NULL, 0);
	run_source(t->h, "process_detail", out, ids, NULL, 0);
	assert_int_equal(out[TABLE_process_status]->n, 80);
	drop_tables(out);
}

static uint64_t read_chars(const struct table *const *out, uint64_t pid)
{
	const struct process_io *io = table_find(out[TABLE_process_io], pid);

	assert_non_null(io);
	return io->read_chars;
}

/* Who never ran has read nothing; who may have run is read again. */
static void io_of_who_ran(void **state)
{
	static const enum table_id ids[] = { TABLE_process, TABLE_process_io, TABLE_process_sched,
		TABLE_none };
	enum { IDLE = 1, RAN, THREADS, UNCOUNTED, RUNS, REUSED, ALL };
	struct tree *t = *state;
	struct frame was = { 0 };
	struct table *out[TABLES] = { 0 };

	for (int round = 0; round < 2; round++) {
		for (int pid = IDLE; pid < ALL; pid++) {
			char path[64], text[256];

			snprintf(path, sizeof(path), "proc/%d/stat", pid);
			snprintf(text, sizeof(text),
				"%d (x) %c 1 1 1 0 -1 4194304 97 3 2 1 7 9 0 0 20 0 %d 0 %d 313 9 "
				"0\n",
				pid, pid == RUNS ? 'R' : 'S', pid == THREADS ? 2 : 1,
				pid == REUSED ? 7 + round : 7);
			put(t, path, text);
			snprintf(path, sizeof(path), "proc/%d/schedstat", pid);
			snprintf(text, sizeof(text), "%d 1 %d\n", pid == RAN ? 5 + round : 5,
				pid == UNCOUNTED ? 0 : 3);
			put(t, path, text);
			snprintf(path, sizeof(path), "proc/%d/io", pid);
			put(t, path, round ? "rchar: 2\n" : "rchar: 1\n");
		}
		if (round == 0)
			open_tree(t);
		struct table **to = round ? out : was.at;

		run_source_after(round ? &was : NULL, t->h, "process", to, ids, NULL, 0);
		run_source_after(round ? &was : NULL, t->h, "process_detail", to, ids, NULL, 0);
	}
	const struct table *const *now = (const struct table *const *)out;

	assert_int_equal(out[TABLE_process_io]->state, STATE_OK);
	assert_int_equal(out[TABLE_process_io]->n, ALL - 1);
	assert_int_equal(read_chars(now, IDLE), 1);
	for (uint64_t pid = RAN; pid < ALL; pid++)
		assert_int_equal(read_chars(now, pid), 2);
	drop_tables(out);
	frame_release(&was);
}

static void groups_v2(void **state)
{
	static const enum table_id ids[] = { TABLE_cgroup, TABLE_none };
	static const enum table_id mem[] = { TABLE_cgroup_mem, TABLE_none };
	static const enum table_id member[] = { TABLE_cgroup_member, TABLE_none };
	struct tree *t = *state;
	struct table *out[TABLES] = { 0 };

	put(t, "proc/self/mountinfo", "1 0 0:5 / /cg rw - cgroup2 cgroup2 rw\n");
	put(t, "cg/cgroup.controllers", "cpu memory pids\n");
	put(t, "cg/cgroup.subtree_control", "cpu memory\n");
	put(t, "cg/cpu.stat", "usage_usec 9\n");
	put(t, "cg/a.slice/memory.current", "4096\n");
	put(t, "cg/a.slice/memory.max", "8192\n");
	put(t, "cg/a.slice/memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n");
	put(t, "cg/a.slice/memory.stat", "anon 4096\n");
	put(t, "cg/a.slice/cpu.max", "10000 100000\n");
	put(t, "cg/a.slice/cpu.stat", "usage_usec 5\nnr_periods 2\nnr_throttled 1\n");
	put(t, "cg/a.slice/cgroup.procs", "7\n");
	put(t, "cg/a.slice/cgroup.subtree_control", "memory\n");
	put(t, "cg/a.slice/b/memory.current", "1\n");
	put(t, "cg/a.slice/b/cgroup.procs", "8\n9\n");
	put(t, "cg/a.slice/b/cpu.max", "1 1\n");
	put(t, "cg/a.slicer/memory.current", "1\n");
	put(t, "cg/a.slicer/cgroup.procs", "10\n");
	open_tree(t);
	run_source(t->h, "cgroup", out, ids, NULL, 0);
	const struct table *g = out[TABLE_cgroup];

	assert_int_equal(g->state, STATE_OK);
	assert_int_equal(g->n, 4);
	uint64_t key = hash_fnv64("/a.slice", 8);
	const struct cgroup *a = table_find(g, key),
			    *b = table_find(g, hash_fnv64("/a.slice/b", 10));

	assert_int_equal(a->version, 2);
	assert_int_equal(a->memory_bytes, 4096);
	assert_int_equal(a->memory_max_bytes, 8192);
	assert_int_equal(a->memory_limit_hits, 3);
	assert_int_equal(a->cpu_quota_ns, 10000000);
	assert_int_equal(a->cpu_throttled_periods, 1);
	assert_false(row_has(a->has, CGROUP_pids));
	/* the controller is not enabled for it, so its file is not even looked at */
	assert_false(row_has(b->has, CGROUP_cpu_quota_ns));
	run_source(t->h, "cgroup_mem", out, mem, &key, 1);
	run_source(t->h, "cgroup_mem", out, member, &key, 1);
	assert_int_equal(((struct cgroup_mem *)out[TABLE_cgroup_mem]->row)->anon_bytes, 4096);
	assert_int_equal(out[TABLE_cgroup_member]->n, 3);
	assert_null(table_find(out[TABLE_cgroup_member], 10));
	drop_tables(out);
}

static void groups_v1_merge(void **state)
{
	static const enum table_id ids[] = { TABLE_cgroup, TABLE_none };
	struct tree *t = *state;
	struct table *out[TABLES] = { 0 };

	put(t, "proc/self/mountinfo",
		"1 0 0:5 / /m rw - cgroup c rw,memory\n2 0 0:6 / /c rw - cgroup c rw,cpu,cpuacct\n"
		"3 0 0:7 / /u rw - cgroup2 c rw\n");
	put(t, "u/cgroup.controllers", "\n");
	put(t, "u/x/cpu.stat", "usage_usec 1\n");
	put(t, "m/x/memory.usage_in_bytes", "100\n");
	put(t, "m/x/memory.limit_in_bytes", "9223372036854771712\n");
	put(t, "m/x/memory.memsw.usage_in_bytes", "150\n");
	put(t, "m/x/memory.failcnt", "3\n");
	put(t, "m/x/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
	put(t, "c/x/cpu.cfs_quota_us", "50000\n");
	put(t, "c/x/cpu.cfs_period_us", "100000\n");
	put(t, "c/x/cpu.stat", "nr_periods 4\nnr_throttled 2\nthrottled_time 1000\n");
	put(t, "c/x/cpuacct.usage", "77\n");
	open_tree(t);
	run_source(t->h, "cgroup", out, ids, NULL, 0);
	const struct table *g = out[TABLE_cgroup];
	const struct cgroup *x = table_find(g, hash_fnv64("/x", 2));

	assert_int_equal(g->n, 1);
	assert_int_equal(x->version, 1);
	assert_int_equal(x->memory_bytes, 100);
	assert_int_equal(x->swap_bytes, 50);
	assert_false(row_has(x->has, CGROUP_memory_max_bytes));
	assert_false(row_has(x->has, CGROUP_memory_limit_hits));
	assert_int_equal(x->oom_kills, 2);
	assert_int_equal(x->cpu_quota_ns, 50000000);
	assert_int_equal(x->cpu_throttled_ns, 1000);
	assert_int_equal(x->cpu_usage_ns, 77);
	drop_tables(out);
}

static void many_processes(void **state)
{
	static const enum table_id ids[] = { TABLE_process, TABLE_process_sched, TABLE_none };
	struct tree *t = *state;
	struct table *out[TABLES] = { 0 };
	const char *env = getenv("MURPHY_PROCESSES");
	size_t n = env ? strtoul(env, NULL, 10) : 2000;
	char path[64], text[512];
	struct rusage use;

	for (size_t pid = 2; pid <= n; pid++) {
		snprintf(path, sizeof(path), "proc/%zu/stat", pid);
		snprintf(text, sizeof(text), "%zu (p%zu) S%s", pid, pid % 100, TAIL);
		put(t, path, text);
		snprintf(path, sizeof(path), "proc/%zu/schedstat", pid);
		put(t, path, "1 2 3\n");
	}
	open_tree(t);
	uint64_t start_ns = proc_now_ns();

	run_source(t->h, "process", out, ids, NULL, 0);
	uint64_t walked_ns = proc_now_ns();

	run_source(t->h, "process_detail", out, ids, NULL, 0);
	assert_int_equal(out[TABLE_process]->state, STATE_OK);
	assert_int_equal(out[TABLE_process]->n, n);
	assert_int_equal(out[TABLE_process_sched]->n, n - 1);
	getrusage(RUSAGE_SELF, &use);
	if (env)
		print_message("%zu processes: process %.3f s, one detail %.3f s, %ld MiB at most\n",
			n, (double)(walked_ns - start_ns) / 1e9,
			(double)(proc_now_ns() - walked_ns) / 1e9, use.ru_maxrss / 1024);
	drop_tables(out);
}

/* Rows read in time are kept; what is missing is counted and said. */
static void late(void **state)
{
	struct tree *t = *state;
	struct table *out[TABLES] = { [TABLE_process] = table_new(schemas[TABLE_process]) };
	struct frame none = { 0 };
	struct probe p = { .frame = &none, .out = out, .deadline_ns = 1 };

	put(t, "proc/2/stat", "2 (a) S" TAIL);
	open_tree(t);
	p.host = t->h;
	for (size_t i = 0; i < n_sources; i++) {
		if (strcmp(sources[i]->name, "process") == 0)
			assert_int_equal(sources[i]->read(&p), 0);
	}
	assert_int_equal(out[TABLE_process]->state, STATE_LATE);
	assert_int_equal(out[TABLE_process]->lost, 2);
	assert_string_equal(out[TABLE_process]->why, "0 of 2 processes in 0.0 s");
	drop_tables(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hostile_processes, setup, teardown),
		cmocka_unit_test_setup_teardown(worth_reading, setup, teardown),
		cmocka_unit_test_setup_teardown(io_of_who_ran, setup, teardown),
		cmocka_unit_test_setup_teardown(groups_v2, setup, teardown),
		cmocka_unit_test_setup_teardown(groups_v1_merge, setup, teardown),
		cmocka_unit_test_setup_teardown(many_processes, setup, teardown),
		cmocka_unit_test_setup_teardown(late, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
