/* SPDX-License-Identifier: MIT */
/* Who holds deleted files: on this machine with files of our own, and in a tree. */
#include "source/source.h"
#include "tests/unit/folder.h"
#include "tests/unit/run_source.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* The tables that it uses, and one process. */
static void prepare(struct host *h, struct frame *f, uint64_t pid)
{
	static const enum table_id mounts[] = { TABLE_mount, TABLE_none };
	struct table *out[TABLES] = { 0 };
	struct table *t = table_new(schemas[TABLE_process]);
	struct process *row = table_add(t);

	assert_non_null(row);
	row_put(t->schema, row, PROCESS_pid, pid);
	t->state = STATE_OK;
	run_source(h, "mount", out, mounts, NULL, 0);
	f->at[TABLE_process] = t;
	f->at[TABLE_mount] = out[TABLE_mount];
}

static struct table *ask(struct host *h, const struct frame *f, uint64_t dev)
{
	struct table *out[TABLES] = { 0 };
	struct need need = { .table = TABLE_held_file, .ask = true };
	struct probe p = { .host = h, .frame = f, .out = out, .needs = &need, .n_needs = 1 };

	out[TABLE_held_file] = table_new(schemas[TABLE_held_file]);
	p.asked[TABLE_held_file] = &dev;
	p.n_asked[TABLE_held_file] = 1;
	p.deadline_ns = UINT64_MAX;
	for (size_t i = 0; i < n_sources; i++) {
		if (strcmp(sources[i]->name, "held_file") == 0)
			assert_int_equal(sources[i]->read(&p), 0);
	}
	assert_int_equal(table_sort(out[TABLE_held_file]), 0);
	return out[TABLE_held_file];
}

static void ours_are_seen(void **state UNUSED)
{
	static char block[1 << 20];
	struct frame f = { 0 };
	struct host *h;
	struct stat st;
	size_t deleted = 0, writable = 0;

	put("gone", "");
	put("here", "");
	auto_close gone = open(below("gone"), O_RDWR | O_CLOEXEC);
	auto_close here = open(below("here"), O_WRONLY | O_CLOEXEC);
	auto_close shared = memfd_create("no disk", MFD_CLOEXEC);

	assert_true(gone >= 0 && here >= 0 && shared >= 0);
	memset(block, 'x', sizeof(block));
	assert_int_equal(write(gone, block, sizeof(block)), sizeof(block));
	assert_int_equal(write(shared, block, sizeof(block)), sizeof(block));
	assert_int_equal(fsync(gone), 0);
	assert_int_equal(unlink(below("gone")), 0);
	assert_int_equal(fstat(gone, &st), 0);
	uint64_t dev = (uint64_t)major(st.st_dev) << 32 | minor(st.st_dev);

	assert_int_equal(host_open_live(&h), 0);
	prepare(h, &f, (uint64_t)getpid());
	struct table *t = ask(h, &f, dev);

	assert_int_equal(t->state, STATE_OK);
	for (table_each(const struct held_file, r, t)) {
		if (r->deleted) {
			assert_int_equal(r->fd, gone);
			assert_int_equal(r->inode, st.st_ino);
			assert_true(r->held_bytes >= sizeof(block));
			assert_string_equal(table_text(t, r->path), below("gone"));
			deleted++;
		} else if (r->fd == (uint64_t)here) {
			assert_true(r->writable);
			writable++;
		}
	}
	assert_int_equal(deleted, 1);
	assert_int_equal(writable, 1);
	table_unref(t);
	t = ask(h, &f, UINT64_C(12345) << 32);
	assert_int_equal(t->n, 0);
	table_unref(t);
	frame_release(&f);
	host_free(h);
}

/* An overlay on /data2 takes no space from what is mounted on /data. */
static void names_that_begin_alike(void **state UNUSED)
{
	struct frame f = { 0 };
	struct host *h;
	char why[160];

	put("proc/self/mountinfo", "29 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
				   "30 29 8:2 / /data rw - ext4 /dev/sda2 rw\n"
				   "31 29 0:55 / /data2/x/merged rw - overlay overlay rw\n");
	put("proc/7/fdinfo/5", "pos:\t0\nflags:\t0100001\nmnt_id:\t31\n");
	assert_int_equal(mkdir(below("proc/7/fd"), 0700), 0);
	assert_int_equal(symlink("/data2/x/merged/a", below("proc/7/fd/5")), 0);
	assert_int_equal(host_open_root(top, &h, why), 0);
	prepare(h, &f, 7);
	struct table *t = ask(h, &f, UINT64_C(8) << 32 | 2);

	assert_int_equal(t->n, 0);
	table_unref(t);
	t = ask(h, &f, UINT64_C(8) << 32 | 1);
	assert_int_equal(t->n, 1);
	table_unref(t);
	frame_release(&f);
	host_free(h);
}

/* A capture has no stat(2): its answer lies in proc/PID/fdstat. */
static void captures_answer_as_the_machine_did(void **state UNUSED)
{
	struct frame f = { 0 };
	struct host *h;
	char why[160];

	put("murphy-capture", "format\t1\nmurphy\t0.1.0\ndate\t-\nframes\t1\nredacted\tno\n");
	put("clock", "0\t1000\t1000\t4096\t100\n");
	put("0/proc/self/mountinfo",
		"29 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
		"30 29 0:40 / /proc rw - proc proc rw\n"
		"31 29 0:55 / /var/lib/docker/x/merged rw - overlay overlay rw\n");
	put("0/links", "proc/7/fd/1\t/var/log/a (deleted)\nproc/7/fd/2\t/dev/shm/x (deleted)\n"
		       "proc/7/fd/3\t/var/called (deleted)\nproc/7/fd/4\tsocket:[8]\n"
		       "proc/7/fd/5\t/app/inside (deleted)\n");
	put("0/dirs", "proc/7/fd\t1\t2\t3\t4\t5\n");
	for (int fd = 1; fd <= 5; fd++) {
		char path[64], text[96];

		snprintf(path, sizeof(path), "0/proc/7/fdinfo/%d", fd);
		snprintf(text, sizeof(text), "pos:\t0\nflags:\t0100001\nmnt_id:\t%d\nino:\t9\n",
			fd == 2   ? 99
			: fd == 5 ? 400
				  : 29);
		put(path, text);
	}
	put("0/proc/7/mountinfo", "400 399 0:55 / / rw - overlay overlay rw\n");
	put("0/proc/7/fdstat/1", "inode 11\nlinks 0\nallocated_bytes 4096\nregular 1\n");
	put("0/proc/7/fdstat/3", "inode 12\nlinks 1\nallocated_bytes 4096\nregular 1\n");
	put("0/proc/7/fdstat/5", "inode 13\nlinks 0\nallocated_bytes 8192\nregular 1\n");
	assert_int_equal(host_open_root(top, &h, why), 0);
	prepare(h, &f, 7);
	struct table *t = ask(h, &f, UINT64_C(8) << 32 | 1);

	assert_int_equal(t->state, STATE_OK);
	assert_int_equal(t->n, 2);
	const struct held_file *r = table_at(t, 0);

	assert_string_equal(table_text(t, r->path), "/var/log/a");
	assert_int_equal(r->held_bytes, 4096);
	/* What a container wrote into its overlay lies where the overlay is mounted. */
	r = table_at(t, 1);
	assert_int_equal(r->fd, 5);
	assert_int_equal(r->held_bytes, 8192);
	table_unref(t);
	frame_release(&f);
	host_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ours_are_seen, make_top, drop_top),
		cmocka_unit_test_setup_teardown(names_that_begin_alike, make_top, drop_top),
		cmocka_unit_test_setup_teardown(
			captures_answer_as_the_machine_did, make_top, drop_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
