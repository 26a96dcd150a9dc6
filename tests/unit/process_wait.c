/* SPDX-License-Identifier: MIT */
/* Files that may hang, and what a blocked task tells: with real ones of this machine. */
#include "source/guard.h"
#include "source/syscalls.h"
#include "tests/unit/unit.h"

#include "tests/unit/run_source.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ASSERT_PARSE(name, text, t, want) \
	assert_int_equal(name##_parse(text, sizeof(text) - 1, t), want)

static void cmdline(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_process_cmd]);
	static char big[4 << 20];
	const struct process_cmd *row;

	ASSERT_PARSE(process_cmd, "nginx\0-g\0daemon off;\0\0", t, 0);
	memset(big, 'x', sizeof(big));
	assert_int_equal(process_cmd_parse(big, sizeof(big), t), 0);
	row = t->row;
	assert_string_equal(table_text(t, row[0].line), "nginx -g daemon off;");
	assert_int_equal(row[0].cut, 0);
	assert_int_equal(strlen(table_text(t, row[1].line)), 256);
	assert_int_equal(row[1].cut, 1);
	ASSERT_PARSE(process_cmd, "", t, -ENODATA);
	ASSERT_PARSE(process_cmd, "\0\0\0", t, -ENODATA);
	table_unref(t);
}

static void stacks(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_task_wait]);
	const struct task_wait *row;

	ASSERT_PARSE(task_stack,
		"[<0>] io_schedule+0x46/0x70\n[<0>] folio_wait_bit+0x1/0x2\n"
		"[<0>] ext4_readdir+0x1/0x9 [ext4]\n[<0>] do_syscall_64+0x71/0x280\n",
		t, 0);
	ASSERT_PARSE(task_stack,
		"[<ffffffff811b2c3d>] pipe_wait+0x6d/0x90\n[<ffffffffffffffff>] "
		"0xffffffffffffffff\n",
		t, 0);
	row = t->row;
	assert_string_equal(table_text(t, row[0].stack), "folio_wait_bit < ext4_readdir");
	assert_string_equal(table_text(t, row[1].stack), "pipe_wait");
	ASSERT_PARSE(task_stack, "", t, -ENODATA);
	ASSERT_PARSE(task_stack, "garbage\n", t, -EINVAL);
	table_unref(t);
}

static void syscalls(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_task_wait]);
	const struct task_wait *row;

	ASSERT_PARSE(task_syscall, "35 0x7ffd 0x0 0x0 0x0 0x0 0x0 0x7ffd 0x7f\n", t, 0);
	ASSERT_PARSE(task_syscall, "-1 0x7ffd 0x7f\n", t, 0);
	row = t->row;
	assert_int_equal(row[0].syscall, 35);
	assert_int_equal(row[1].syscall, -1);
	assert_false(row_has(row[0].has, TASK_WAIT_polled));
	assert_false(row_has(row[0].has, TASK_WAIT_descriptor));
	/* poll() of one descriptor, and recvfrom() of the seventh. */
	char text[96];

	snprintf(text, sizeof(text), "%d 0x7ffd 0x1 0x1388 0x0 0x0 0x0 0x7ffd 0x7f\n", SYS_ppoll);
	ASSERT_PARSE(task_syscall, text, t, 0);
	snprintf(text, sizeof(text), "%d 0x7 0x7ffd 0x1 0x0 0x0 0x0 0x7ffd 0x7f\n", SYS_recvfrom);
	ASSERT_PARSE(task_syscall, text, t, 0);
	row = t->row;
	assert_int_equal(row[2].polled, 1);
	assert_false(row_has(row[2].has, TASK_WAIT_descriptor));
	assert_int_equal(row[3].descriptor, 7);
	assert_false(row_has(row[3].has, TASK_WAIT_polled));
	ASSERT_PARSE(task_syscall, "running\n", t, -ENODATA);
	ASSERT_PARSE(task_syscall, "x\n", t, -EINVAL);
	ASSERT_PARSE(task_syscall, "99999999999999999999 0x0\n", t, -EINVAL);
	table_unref(t);
}

/* A process that waits in vfork() is in D state, and killable: the one D state that is harmless. */
static void blocked_task(void **state UNUSED)
{
	static const enum table_id ids[] = { TABLE_task_wait, TABLE_none };
	static const enum table_id cmd[] = { TABLE_process, TABLE_process_cmd, TABLE_none };
	struct table *out[TABLES] = { 0 };
	struct host *h;
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, 0);
		if (vfork() == 0) {
			pause();
			_exit(0);
		}
		_exit(0);
	}
	uint64_t key = (uint64_t)pid;
	const struct task_wait *row = NULL;

	assert_int_equal(host_open_live(&h), 0);
	for (int i = 0; i < 200 && (!row || row->state != 'D'); i++) {
		usleep(10000);
		drop_tables(out);
		memset(out, 0, sizeof(out));
		run_source(h, "task_wait", out, ids, &key, 1);
		row = table_find(out[TABLE_task_wait], key);
		assert_non_null(row);
	}
	assert_int_equal(row->state, 'D');
	assert_int_equal(row->pid, key);
	assert_string_equal(table_text(out[TABLE_task_wait], row->comm), "test-process_wa");
	if (geteuid() == 0) {
		/* Its name changed with kernels: clone, kernel_clone, wait_for_vfork_done */
		assert_string_not_equal(table_text(out[TABLE_task_wait], row->wchan), "");
		assert_true(row_has(row->has, TASK_WAIT_syscall));
		assert_string_not_equal(table_text(out[TABLE_task_wait], row->stack), "");
	}
	run_source(h, "process", out, cmd, NULL, 0);
	run_source(h, "process_cmd", out, cmd, NULL, 0);
	assert_int_equal(out[TABLE_process_cmd]->state, STATE_OK);
	const struct process_cmd *line = table_find(out[TABLE_process_cmd], key);

	assert_non_null(line);
	assert_non_null(strstr(table_text(out[TABLE_process_cmd], line->line), "process_wait"));
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
	drop_tables(out);
	host_free(h);
}

struct seen {
	const char *dir;
	ssize_t len[10];
	size_t n;
};

static void path_of(const void *arg, size_t i, char *buf)
{
	const struct seen *seen = arg;

	snprintf(buf, GUARD_PATH_MAX, "%s/%zu", seen->dir + 1, i);
}

static int take(void *arg, size_t i, const char *buf, ssize_t len)
{
	struct seen *seen = arg;

	assert_int_equal(i, seen->n);
	assert_in_range(i, 0, 9);
	if (len > 0)
		assert_int_equal(buf[0], (char)('0' + i));
	seen->len[seen->n++] = len;
	return 0;
}

/* FIFOs without a writer hang when they are opened: 3 and 7 of ten files, and 5 is not there. */
static void hanging_files(void **state UNUSED)
{
	char dir[] = "/tmp/murphy-guard-XXXXXX", path[64];
	struct frame none = { 0 };
	struct probe p = { .frame = &none };
	struct seen seen = { .dir = dir };
	struct guard g = { .n = 10, .size = 16, .path = path_of, .take = take, .arg = &seen };
	size_t done = 0;

	g.hang_ns = 50000000;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(host_open_live(&p.host), 0);
	for (int i = 0; i < 10; i++) {
		snprintf(path, sizeof(path), "%s/%d", dir, i);
		if (i == 3 || i == 7) {
			assert_int_equal(mkfifo(path, 0600), 0);
		} else if (i != 5) {
			int fd = open(path, O_CREAT | O_WRONLY, 0600);

			assert_int_equal(write(fd, path + strlen(path) - 1, 1), 1);
			close(fd);
		}
	}
	assert_int_equal(guard_read(&p, &g, &done), 0);
	assert_int_equal(done, 10);
	for (int i = 0; i < 10; i++) {
		int want = i == 3 || i == 7 ? -ETIME : i == 5 ? -ENOENT : 1;

		assert_int_equal(seen.len[i], want);
		snprintf(path, sizeof(path), "%s/%d", dir, i);
		unlink(path);
	}
	rmdir(dir);
	host_free(p.host);
}

/* One list tells whose first argument is a descriptor, of files as well as of sockets. */
static void calls_with_a_descriptor(void **state UNUSED)
{
	static const long with[] = { SYS_read, SYS_getdents64, SYS_fstat, SYS_pwritev2,
		SYS_accept };

	for (size_t i = 0; i < ARRAY_SIZE(with); i++) {
		assert_non_null(syscall_find(with[i]));
		assert_true(syscall_find(with[i])->fd);
	}
	assert_false(syscall_find(SYS_futex)->fd);
	assert_null(syscall_find(SYS_getpid));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cmdline),
		cmocka_unit_test(stacks),
		cmocka_unit_test(syscalls),
		cmocka_unit_test(calls_with_a_descriptor),
		cmocka_unit_test(blocked_task),
		cmocka_unit_test(hanging_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
