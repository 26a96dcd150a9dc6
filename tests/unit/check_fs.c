/* SPDX-License-Identifier: MIT */
#include "check/check.h"
#include "model/spaces.h"
#include "tests/unit/build.h"

extern const struct check check_fs_full;

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

/* Of both frames; what is left is of the last. */
static struct mount_space *add_space(
	struct scene *s, uint64_t id, uint64_t size, uint64_t was_left, uint64_t left)
{
	struct mount_space *was = build_row(&s->was, TABLE_mount_space);
	struct mount_space *now = build_row(&s->now, TABLE_mount_space);

	was->id = now->id = id;
	was->size_bytes = now->size_bytes = size;
	was->free_bytes = was->available_bytes = was_left;
	now->free_bytes = now->available_bytes = left;
	was->inodes = now->inodes = 1000000;
	was->free_inodes = now->free_inodes = 900000;
	was->answered = now->answered = 1;
	return now;
}

static void add_process(struct scene *s, uint64_t pid, const char *comm, uint64_t written)
{
	struct process *was = build_row(&s->was, TABLE_process);
	struct process *now = build_row(&s->now, TABLE_process);
	struct process_io *io_was = build_row(&s->was, TABLE_process_io);
	struct process_io *io = build_row(&s->now, TABLE_process_io);

	was->pid = now->pid = io_was->pid = io->pid = pid;
	was->start_ns = now->start_ns = 5 * SECOND;
	now->comm = build_text(&s->now, TABLE_process, comm);
	io->written_bytes = written;
	io->written_chars = written;
}

static void add_file(
	struct scene *s, uint64_t pid, uint64_t fd, uint64_t dev, uint64_t inode, uint64_t held)
{
	struct held_file *f = build_row(&s->now, TABLE_held_file);

	f->path = build_text(&s->now, TABLE_held_file, "/data/log");
	f->pid = pid;
	f->fd = fd;
	f->dev = dev;
	f->writable = 1;
	f->deleted = held > 0;
	f->inode = inode;
	f->held_bytes = held;
	if (!held) {
		build_unset(f, HELD_FILE_inode);
		build_unset(f, HELD_FILE_held_bytes);
	}
}

static const struct finding *told(struct scene *s)
{
	enum verdict v = scene_judge(s, &check_fs_full);

	if (v == VERDICT_ASK) {
		build_table(&s->now, TABLE_held_file);
		v = scene_judge(s, &check_fs_full);
	}
	if (v == VERDICT_FINE)
		return NULL;
	assert_int_equal(v, VERDICT_SAD);
	return scene_first(s);
}

static void both_share_and_amount_count(void **state UNUSED)
{
	static const struct {
		uint64_t size, left;
		int severity; /* -1: silent */
	} cases[] = {
		{ 100 * GIB, 20 * GIB, -1 }, { 100 * GIB, 51 * GIB / 10, -1 }, /* 5.1 % */
		{ 100 * GIB, 49 * GIB / 10, SEVERITY_WARNING }, /* 4.9 %, below 5 GiB */
		{ 1000 * GIB, 30 * GIB, SEVERITY_INFO },        /* 3 %, and much */
		{ 10000 * GIB, 400 * GIB, SEVERITY_INFO },
		{ 1 * GIB, 300 * MIB, -1 },                             /* little, but a third */
		{ 100 * GIB, 100 * MIB, SEVERITY_WARNING },             /* full: nobody writes */
		{ 100 * GIB, 0, SEVERITY_WARNING }, { 3 * MIB, 0, -1 }, /* made to be full */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		build_mount(&s.now, 3, 77, "/data", "ext4");
		add_space(&s, 3, cases[i].size, cases[i].left, cases[i].left);
		const struct finding *f = told(&s);

		assert_int_equal(f ? (int)f->severity : -1, cases[i].severity);
		if (f)
			assert_string_equal(f->culprits[0].name, "/data");
		scene_end(&s);
	}
}

static void full_by_design_is_silent(void **state UNUSED)
{
	static const char *const types[] = { "squashfs", "iso9660", "erofs", "fuse.snapfuse",
		"fuse.image" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct scene s;

		scene_start(&s);
		build_mount(&s.now, 3, 77, "/snap/core", types[i]);
		add_space(&s, 3, GIB, 0, 0);
		assert_null(told(&s));
		scene_end(&s);
	}
	struct scene s;

	scene_start(&s);
	build_mount(&s.now, 3, 77, "/mnt/old", "ext4")->read_only = 1;
	add_space(&s, 3, GIB, 0, 0);
	assert_null(told(&s));
	/* A writable mount of it elsewhere is how it is called. */
	build_mount(&s.now, 4, 77, "/srv/a/b", "ext4");
	build_mount(&s.now, 5, 77, "/srv", "ext4");
	assert_string_equal(told(&s)->culprits[0].name, "/srv");
	scene_end(&s);
}

static void a_pool_is_told_once(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	for (uint64_t id = 1; id <= 5; id++) {
		build_mount(&s.now, id, 70 + id, "/pool", "zfs");
		add_space(&s, id, id * GIB, 0, 0);
	}
	assert_non_null(told(&s));
	assert_int_equal(s.judgement.n_findings, 1);
	scene_end(&s);
}

/* Its root is an overlay, its volume and single files are of the file system below. */
static void a_container_has_one_file_system(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	build_mount(&s.now, 1, 50, "/", "overlay");
	build_mount(&s.now, 2, 8, "/etc/hosts", "ext4");
	build_mount(&s.now, 3, 8, "/var/lib/mysql", "ext4");
	add_space(&s, 1, 100 * GIB, 2 * GIB, 2 * GIB);
	add_space(&s, 2, 100 * GIB, 2 * GIB, 2 * GIB - MIB)->free_inodes -= 3;
	add_process(&s, 9, "mysqld", 0);
	add_file(&s, 9, 3, 8, 77, 0);
	const struct finding *f = told(&s);

	assert_int_equal(s.judgement.n_findings, 1);
	assert_string_equal(f->culprits[0].name, "/");
	assert_ptr_equal(spaces_find(s.model.spaces, 8), spaces_find(s.model.spaces, 50));
	assert_non_null(strstr(f->todo[f->n_todo - 1], "apt-get clean"));
	/* Other disks of that size, with as little left, have other numbers of files. */
	build_mount(&s.now, 4, 9, "/srv", "ext4");
	add_space(&s, 4, 100 * GIB, 2 * GIB, 2 * GIB)->free_inodes = 600000;
	told(&s);
	assert_int_equal(s.judgement.n_findings, 2);
	scene_end(&s);

	/* As seen from elsewhere: by the folder, not by the file, though that is shorter. */
	scene_start(&s);
	build_mount(&s.now, 2, 8, "/etc/hosts", "ext4");
	build_mount(&s.now, 3, 8, "/var/lib/mysql", "ext4");
	add_space(&s, 2, 100 * GIB, 2 * GIB, 2 * GIB);
	assert_string_equal(told(&s)->culprits[0].name, "/var/lib/mysql");
	scene_end(&s);
}

/* What may be thrown away is told of only where it lies. */
static void quick_gains_are_where_var_is(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	build_mount(&s.now, 1, 8, "/", "ext4");
	build_mount(&s.now, 2, 9, "/var/log", "ext4");
	build_mount(&s.now, 3, 10, "/data", "ext4");
	add_space(&s, 2, 100 * GIB, 2 * GIB, 2 * GIB);
	add_space(&s, 3, 100 * GIB, 2 * GIB, 2 * GIB)->free_inodes = 1;
	const struct finding *f = told(&s);

	assert_int_equal(s.judgement.n_findings, 2);
	assert_string_equal(f->culprits[0].name, "/var/log");
	assert_string_equal(f->todo[f->n_todo - 1], "gain time:  journalctl --vacuum-size=200M");
	f = s.judgement.finding[1];
	for (size_t i = 0; i < f->n_todo; i++)
		assert_null(strstr(f->todo[i], "gain time"));
	scene_end(&s);
}

static void who_holds_what_was_deleted_is_the_culprit(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	build_mount(&s.now, 3, 77, "/data", "ext4");
	add_space(&s, 3, 100 * GIB, 0, 0);
	add_process(&s, 9, "writer", 8 * MIB);
	add_process(&s, 10, "logger", 0);
	add_process(&s, 11, "child", 0);
	add_file(&s, 9, 3, 77, 0, 0);
	add_file(&s, 10, 4, 77, 500, 11 * GIB);
	add_file(&s, 11, 4, 77, 500, 11 * GIB); /* inherited: once */
	add_file(&s, 11, 5, 99, 501, 90 * GIB); /* elsewhere */
	const struct finding *f = told(&s);

	assert_int_equal(f->severity, SEVERITY_CRITICAL);
	assert_int_equal(f->confidence, CONFIDENCE_CERTAIN);
	assert_int_equal(f->culprits[0].pid, 10);
	assert_string_equal(f->culprits[0].detail, "holds 11 GiB in 1 deleted file");
	assert_string_equal(f->culprits[1].name, "/data");
	assert_int_equal(f->culprits[2].pid, 9); /* the fastest writer */
	/* Less than a tenth is not why. */
	((struct held_file *)table_at(s.now.at[TABLE_held_file], 1))->held_bytes = 9 * GIB;
	((struct held_file *)table_at(s.now.at[TABLE_held_file], 2))->held_bytes = 9 * GIB;
	f = told(&s);
	assert_string_equal(f->culprits[0].name, "/data");
	scene_end(&s);
}

static void filling_counts_when_little_is_left(void **state UNUSED)
{
	static const struct {
		uint64_t left, in_two_s;
		int severity;
	} cases[] = {
		{ 19 * GIB, 80 * MIB, SEVERITY_INFO },    /* 19 GiB at 40 MiB/s: 8 minutes */
		{ 9 * GIB, 80 * MIB, SEVERITY_WARNING },  /* the same, and a tenth is left */
		{ 19 * GIB, 60 * MIB, -1 },               /* 11 minutes */
		{ 30 * GIB, 10 * GIB, -1 },               /* 70 %: copies end */
		{ 4 * GIB, 20 * MIB, SEVERITY_CRITICAL }, /* near, 7 minutes */
		{ 4 * GIB, 1 * MIB, SEVERITY_WARNING },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		build_mount(&s.now, 3, 77, "/data", "ext4");
		add_space(&s, 3, 100 * GIB, cases[i].left + cases[i].in_two_s, cases[i].left);
		const struct finding *f = told(&s);

		assert_int_equal(f ? (int)f->severity : -1, cases[i].severity);
		if (f && i == 0)
			assert_int_equal(f->confidence, CONFIDENCE_POSSIBLE);
		scene_end(&s);
	}
}

static void inodes_run_out_alone(void **state UNUSED)
{
	static const struct {
		const char *fstype;
		uint64_t left, inodes, free_inodes;
		int severity;
	} cases[] = {
		{ "ext4", 50 * GIB, 1000000, 60000, -1 },
		{ "ext4", 50 * GIB, 1000000, 40000, SEVERITY_WARNING },
		{ "ext4", 50 * GIB, 100000000, 4000000, -1 }, /* 4 %, and many */
		{ "ext4", 50 * GIB, 1000000, 3, SEVERITY_CRITICAL },
		{ "xfs", 50 * GIB, 1000000, 3, SEVERITY_CRITICAL },
		{ "xfs", 30 * MIB, 1000000, 3, SEVERITY_CRITICAL }, /* told as space */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		build_mount(&s.now, 3, 77, "/", cases[i].fstype);
		struct mount_space *sp = add_space(&s, 3, 100 * GIB, cases[i].left, cases[i].left);

		sp->inodes = cases[i].inodes;
		sp->free_inodes = cases[i].free_inodes;
		const struct finding *f = told(&s);

		assert_int_equal(f ? (int)f->severity : -1, cases[i].severity);
		if (f)
			assert_int_equal(strstr(f->title, "inodes") != NULL, i != 5);
		scene_end(&s);
	}
}

/* A dead server's file system says nothing, and nothing is said of it. */
static void who_did_not_answer_is_not_full(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	assert_int_equal(scene_judge(&s, &check_fs_full), VERDICT_UNKNOWN);
	build_mount(&s.now, 3, 77, "/mnt/remote", "nfs4");
	struct mount_space *sp = add_space(&s, 3, GIB, 0, 0);

	for (unsigned int i = 1; i < MOUNT_SPACE_COLUMNS; i++)
		build_unset(sp, i);
	sp->answered = 0;
	assert_null(told(&s));
	scene_end(&s);
}

static void the_longest_mount_holds_a_path(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	build_mount(&s.now, 1, 1, "/", "ext4");
	build_mount(&s.now, 2, 2, "/data", "ext4");
	build_mount(&s.now, 3, 3, "/data", "xfs");
	const struct table *t = s.now.at[TABLE_mount];

	assert_int_equal(mount_of_path(t, "/swapfile")->id, 1);
	assert_int_equal(mount_of_path(t, "/data/swap")->id, 3);
	assert_int_equal(mount_of_path(t, "/database/swap")->id, 1);
	assert_null(mount_of_path(t, "relative"));
	assert_null(mount_of_path(NULL, "/"));
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_share_and_amount_count),
		cmocka_unit_test(full_by_design_is_silent),
		cmocka_unit_test(a_pool_is_told_once),
		cmocka_unit_test(a_container_has_one_file_system),
		cmocka_unit_test(quick_gains_are_where_var_is),
		cmocka_unit_test(who_holds_what_was_deleted_is_the_culprit),
		cmocka_unit_test(filling_counts_when_little_is_left),
		cmocka_unit_test(inodes_run_out_alone),
		cmocka_unit_test(who_did_not_answer_is_not_full),
		cmocka_unit_test(the_longest_mount_holds_a_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
