/* SPDX-License-Identifier: MIT */
#include "check/check.h"
#include "model/blocked.h"
#include "tests/unit/build.h"

extern const struct check check_io_stuck, check_io_writeback;

/* In both frames; progress: it ran in between. */
static struct process *add_process(
	struct scene *s, uint64_t pid, const char *comm, char was_state, char state, bool progress)
{
	struct process *was = build_row(&s->was, TABLE_process);
	struct process *now = build_row(&s->now, TABLE_process);
	struct process_sched *sched_was = build_row(&s->was, TABLE_process_sched);
	struct process_sched *sched = build_row(&s->now, TABLE_process_sched);
	struct process_io *io_was = build_row(&s->was, TABLE_process_io);
	struct process_io *io = build_row(&s->now, TABLE_process_io);

	was->pid = now->pid = sched_was->pid = sched->pid = io_was->pid = io->pid = pid;
	was->start_ns = now->start_ns = 5 * SECOND;
	was->state = (uint32_t)was_state;
	now->state = (uint32_t)state;
	now->comm = build_text(&s->now, TABLE_process, comm);
	sched->slices = progress ? 9 : 0;
	return now;
}

static void add_wait(
	struct scene *s, uint64_t pid, const char *wchan, const char *stack, uint64_t mount)
{
	struct task_wait *w = build_row(&s->now, TABLE_task_wait);
	text_t at = build_text(&s->now, TABLE_task_wait, wchan);
	text_t frames = build_text(&s->now, TABLE_task_wait, stack);

	w->tid = w->pid = pid;
	w->wchan = at;
	w->stack = frames;
	w->state = 'D';
	w->mount_id = mount;
	if (!mount)
		build_unset(w, TASK_WAIT_mount_id);
}

static void add_disk(struct scene *s, uint64_t dev, const char *name, uint64_t writes)
{
	struct disk *was = build_row(&s->was, TABLE_disk);
	struct disk *now = build_row(&s->now, TABLE_disk);

	was->dev = now->dev = dev;
	now->name = build_text(&s->now, TABLE_disk, name);
	now->writes = writes;
	now->written_bytes = writes * 4096;
	now->in_flight = 1;
}

/* A thread of a process that add_process() made; progress: it ran in between. */
static void add_thread(
	struct scene *s, uint64_t pid, uint64_t tid, char was_state, char state, bool progress)
{
	struct thread *was = build_row(&s->was, TABLE_thread);
	struct thread *now = build_row(&s->now, TABLE_thread);

	was->pid = now->pid = pid;
	was->tid = now->tid = tid;
	was->start_ns = now->start_ns = 6 * SECOND;
	was->state = (uint32_t)was_state;
	now->state = (uint32_t)state;
	now->comm = build_text(&s->now, TABLE_thread, "flusher");
	now->slices = progress ? 9 : 0;
}

static const char frozen_stack[] = "percpu_rwsem_wait < ext4_file_write_iter < vfs_write < "
				   "ksys_write < do_syscall_64";
static const char fsync_stack[] = "folio_wait_bit<folio_wait_writeback<file_write_and_wait_range<"
				  "ext4_sync_file<do_fsync";

static void waits_have_kinds(void **state UNUSED)
{
	static const struct {
		const char *wchan, *stack;
		enum wait_kind kind;
	} cases[] = {
		{ "percpu_rwsem_wait", frozen_stack, WAIT_FROZEN },
		{ "percpu_rwsem_wait", "percpu_rwsem_wait<mnt_want_write<path_openat",
			WAIT_FROZEN },
		{ "percpu_rwsem_wait", "percpu_rwsem_wait<ext4_page_mkwrite<do_fault",
			WAIT_FROZEN },
		{ "percpu_rwsem_wait", "percpu_rwsem_wait<cgroup_procs_write_start<vfs_write",
			WAIT_LOCK },
		{ "percpu_rwsem_wait", "", WAIT_LOCK },
		{ "balance_dirty_pages", "", WAIT_THROTTLE },
		{ "balance_dirty_pages_ratelimited_flags", "", WAIT_THROTTLE },
		{ "folio_wait_bit", fsync_stack, WAIT_DISK },
		{ "rpc_wait_bit_killable", "rpc_wait_bit_killable<nfs4_proc_getattr",
			WAIT_NETWORK },
		{ "request_wait_answer", "request_wait_answer<fuse_statfs", WAIT_FUSE },
		{ "kernel_clone", "", WAIT_CHILD },
		{ "jbd2_log_wait_commit", "", WAIT_JOURNAL },
		{ "", "", WAIT_UNKNOWN },
		{ "do_wait", "", WAIT_OTHER },
		{ "unfs_like", "", WAIT_OTHER },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(wait_kind_of(cases[i].wchan, cases[i].stack), cases[i].kind);
}

static void frozen_file_system(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, 9, "writer", 'D', 'D', false);
	build_mount(&s.now, 3, DEV(7, 0), "/mnt/snap", "ext4");
	add_disk(&s, DEV(7, 0), "loop0", 0);
	assert_int_equal(scene_judge(&s, &check_io_stuck), VERDICT_ASK);
	assert_int_equal(s.judgement.ask[0].key, 9);
	add_wait(&s, 9, "percpu_rwsem_wait", frozen_stack, 3);
	assert_int_equal(scene_judge(&s, &check_io_stuck), VERDICT_SAD);
	const struct finding *f = scene_first(&s);

	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->confidence, CONFIDENCE_LIKELY);
	assert_int_equal(f->culprits[0].kind, ENTITY_MOUNT);
	assert_string_equal(f->culprits[0].name, "/mnt/snap");
	assert_int_equal(f->victims[0].pid, 9);
	/* Whole functions, and no more than say what it waits for. */
	assert_string_equal(f->evidence[3].text,
		"percpu_rwsem_wait < ext4_file_write_iter < vfs_write < ksys_write");
	assert_int_equal(scene_judge(&s, &check_io_writeback), VERDICT_UNKNOWN); /* no vmstat */
	scene_end(&s);
}

/*
 * Who ran in between, came into D just now, or is a vfork parent or a kernel thread is not stuck.
 */
static void short_waits_are_normal(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, 9, "cp", 'D', 'D', true);
	add_process(&s, 10, "cp", 'R', 'D', false);
	add_process(&s, 11, "make", 'D', 'D', false);
	add_process(&s, 12, "kworker/u4:1", 'D', 'D', false)->kthread = 1;
	add_process(&s, 13, "reused", 'D', 'D', false)->start_ns = 900 * SECOND;
	add_wait(&s, 11, "kernel_clone", "kernel_clone<__do_sys_vfork", 0);
	add_wait(&s, 9, "folio_wait_bit", fsync_stack, 0);
	assert_int_equal(scene_judge(&s, &check_io_stuck), VERDICT_FINE);
	scene_end(&s);
}

static void a_dead_device_is_not_a_slow_one(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, 9, "postgres", 'D', 'D', false);
	build_mount(&s.now, 3, DEV(8, 1), "/data", "ext4");
	add_disk(&s, DEV(8, 1), "sda1", 0);
	add_wait(&s, 9, "folio_wait_bit", fsync_stack, 3);
	assert_int_equal(scene_judge(&s, &check_io_stuck), VERDICT_SAD);
	const struct finding *f = scene_first(&s);

	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_string_equal(f->culprits[0].name, "sda1");
	((struct disk *)s.now.at[TABLE_disk]->row)->writes = 50;
	assert_int_equal(scene_judge(&s, &check_io_stuck), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_INFO);
	/* The kernel's log makes it certain, and urgent. */
	struct klog_hung *k = build_row(&s.now, TABLE_klog_hung);

	k->comm = build_text(&s.now, TABLE_klog_hung, "postgres");
	k->pid = 9;
	k->at_ns = 990 * SECOND;
	k->blocked_ns = 120 * SECOND;
	assert_int_equal(scene_judge(&s, &check_io_stuck), VERDICT_SAD);
	f = scene_first(&s);
	assert_int_equal(f->severity, SEVERITY_CRITICAL);
	assert_int_equal(f->confidence, CONFIDENCE_CERTAIN);
	assert_true(f->since_ns == 870 * SECOND);
	/* It came back: what the log tells of it is kernel.hung-task's. */
	((struct process *)table_find(s.now.at[TABLE_process], 9))->state = 'S';
	assert_int_equal(scene_judge(&s, &check_io_stuck), VERDICT_FINE);
	scene_end(&s);
}

static void a_mount_that_does_not_answer(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, 9, "df", 'D', 'D', false);
	add_process(&s, 10, "murphy", 'D', 'D', false);
	add_process(&s, 11, "murphy-reader", 'D', 'D', false);
	build_mount(&s.now, 3, DEV(0, 55), "/mnt/remote", "fuse.sshfs");
	add_wait(&s, 9, "request_wait_answer", "request_wait_answer<fuse_statfs", 0);
	struct mount_space *ms = build_row(&s.now, TABLE_mount_space);

	ms->id = 3;
	build_unset(ms, MOUNT_SPACE_answered);
	assert_int_equal(scene_judge(&s, &check_io_stuck), VERDICT_SAD);
	const struct finding *f = scene_first(&s);

	assert_int_equal(s.judgement.n_findings, 1);
	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_string_equal(f->culprits[0].name, "/mnt/remote");
	assert_int_equal(f->n_victims, 1);
	assert_int_equal(f->victims[0].pid, 9);
	scene_end(&s);
}

/* Of another connection it would lose another's data. */
static void the_number_of_a_fuse_connection(void **state UNUSED)
{
	static const struct {
		const char *fstype, *command;
		uint64_t dev;
	} cases[] = {
		{ "fuse.sshfs", "connections/55/abort", DEV(0, 55) },
		{ "fuseblk", "connections/8388625/abort", DEV(8, 17) },
		{ "virtiofs", NULL, DEV(0, 55) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_process(&s, 9, "df", 'D', 'D', false);
		build_mount(&s.now, 3, cases[i].dev, "/mnt/remote", cases[i].fstype);
		add_wait(&s, 9, "request_wait_answer", "request_wait_answer<fuse_statfs", 3);
		const struct finding *f =
			scene_case(&s, &check_io_stuck, i, VERDICT_SAD, SEVERITY_WARNING);

		assert_int_equal(f->n_todo, cases[i].command ? 2 : 1);
		if (cases[i].command)
			assert_non_null(strstr(f->todo[1], cases[i].command));
		scene_end(&s);
	}
}

static void stuck_needs_processes_and_time(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	assert_int_equal(scene_judge(&s, &check_io_stuck), VERDICT_UNKNOWN);
	s.was.boottime_ns = s.now.boottime_ns - SECOND / 10;
	add_process(&s, 9, "cp", 'D', 'D', false);
	add_wait(&s, 9, "folio_wait_bit", fsync_stack, 0);
	assert_int_equal(scene_judge(&s, &check_io_stuck), VERDICT_UNKNOWN);
	scene_end(&s);
}

/* The process goes on: only its thread's own clock says that the thread does not. */
static void a_thread_is_stuck_by_itself(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, 9, "mysqld", 'S', 'S', true)->threads = 40;
	((struct process_io *)table_at(s.now.at[TABLE_process_io], 0))->written_chars = 77;
	add_thread(&s, 9, 11, 'D', 'D', false);
	add_thread(&s, 9, 12, 'D', 'D', true);
	add_thread(&s, 9, 13, 'S', 'D', false);
	add_thread(&s, 9, 14, 'D', 'S', false);
	add_thread(&s, 8, 15, 'D', 'D', false); /* of a process that is not there */
	build_mount(&s.now, 3, DEV(7, 0), "/mnt/snap", "ext4");
	assert_int_equal(scene_judge(&s, &check_io_stuck), VERDICT_ASK);
	assert_int_equal(s.judgement.n_asks, 1);
	assert_int_equal(s.judgement.ask[0].key, 11);
	add_wait(&s, 11, "percpu_rwsem_wait", frozen_stack, 3);
	assert_int_equal(scene_judge(&s, &check_io_stuck), VERDICT_SAD);
	const struct finding *f = scene_first(&s);

	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->n_victims, 1);
	assert_int_equal(f->victims[0].pid, 9);
	assert_string_equal(
		f->victims[0].detail, "thread flusher (tid 11) in D, percpu_rwsem_wait");
	assert_string_equal(f->title,
		"a thread of mysqld (pid 9) is stuck, waiting for a frozen file system: /mnt/snap");
	/* Two of one process are one victim. */
	add_thread(&s, 9, 16, 'D', 'D', false);
	add_wait(&s, 16, "percpu_rwsem_wait", frozen_stack, 3);
	assert_int_equal(scene_judge(&s, &check_io_stuck), VERDICT_SAD);
	f = scene_first(&s);
	assert_int_equal(f->n_victims, 1);
	assert_string_equal(f->victims[0].detail, "2 threads in D, percpu_rwsem_wait");
	scene_end(&s);
}

/* Of several threads the process counts what all do: a main thread that hangs still hangs. */
static void a_main_thread_is_not_its_process(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	struct process *p = add_process(&s, 9, "java", 'D', 'D', false);

	p->threads = 40;
	p->user_ns = SECOND;
	add_wait(&s, 9, "folio_wait_bit", fsync_stack, 0);
	assert_int_equal(scene_judge(&s, &check_io_stuck), VERDICT_SAD);
	p->threads = 1;
	assert_int_equal(scene_judge(&s, &check_io_stuck), VERDICT_FINE);
	scene_end(&s);
}

/* More than are asked for: of the others nothing is known, and nothing said. */
static void hundreds_of_threads(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, 9, "java", 'S', 'S', true)->threads = 300;
	for (uint64_t tid = 100; tid < 400; tid++) {
		add_thread(&s, 9, tid, 'D', 'D', false);
		if (tid < 164)
			add_wait(&s, tid, "request_wait_answer", "fuse_statfs", 0);
	}
	assert_int_equal(scene_judge(&s, &check_io_stuck), VERDICT_SAD);
	assert_int_equal(s.judgement.n_findings, 1);
	assert_int_equal(s.judgement.finding[0]->n_victims, 1);
	assert_string_equal(
		s.judgement.finding[0]->victims[0].detail, "64 threads in D, request_wait_answer");
	scene_end(&s);
}

static struct vmstat *add_dirty(struct scene *s, uint64_t dirty)
{
	struct vmstat *v = build_row(&s->now, TABLE_vmstat);

	build_row(&s->was, TABLE_vmstat);
	v->dirty_pages = dirty;
	v->dirty_background_pages = 500;
	v->dirty_threshold_pages = 1000;
	return v;
}

/* Two that write to one slow disk: of one job they only wait for each other. */
static void writers_of_one_job_harm_nobody(void **state UNUSED)
{
	static const struct {
		uint64_t session, ppid;
		const char *comm;
		enum severity severity;
	} other[] = {
		{ 70, 1, "tar", SEVERITY_INFO },
		{ 71, 60, "cp", SEVERITY_INFO },
		{ 71, 61, "cp", SEVERITY_WARNING },
		{ 71, 60, "tar", SEVERITY_WARNING },
	};

	for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
		struct scene s;

		scene_start(&s);
		build_row(&s.was, TABLE_vmstat);
		build_row(&s.now, TABLE_vmstat);
		build_mount(&s.now, 3, DEV(7, 0), "/mnt/slow", "ext4");
		add_disk(&s, DEV(7, 0), "loop0", 50);
		for (uint64_t pid = 9; pid < 11; pid++) {
			struct process *p = add_process(
				&s, pid, pid == 9 ? "cp" : other[i].comm, 'D', 'D', true);

			p->session = pid == 9 ? 70 : other[i].session;
			p->ppid = pid == 9 ? 60 : other[i].ppid;
			add_wait(&s, pid, "balance_dirty_pages", "", 3);
		}
		assert_int_equal(scene_judge(&s, &check_io_writeback), VERDICT_SAD);
		assert_int_equal(s.judgement.finding[0]->severity, other[i].severity);
		scene_end(&s);
	}
}

static void writers_held_back_and_who_queues_behind(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_dirty(&s, 10);
	add_process(&s, 9, "bulk", 'D', 'D', true);
	build_mount(&s.now, 3, DEV(7, 0), "/mnt/slow", "ext4");
	add_disk(&s, DEV(7, 0), "loop0", 2000);
	assert_int_equal(scene_judge(&s, &check_io_writeback), VERDICT_ASK);
	add_wait(&s, 9, "balance_dirty_pages", "balance_dirty_pages<ext4_buffered_write_iter", 3);
	/* Alone it is a large copy. */
	assert_int_equal(scene_judge(&s, &check_io_writeback), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_INFO);
	assert_int_equal(scene_judge(&s, &check_io_stuck), VERDICT_FINE);
	add_process(&s, 10, "victim", 'D', 'D', false);
	add_wait(&s, 10, "folio_wait_bit", fsync_stack, 3);
	assert_int_equal(scene_judge(&s, &check_io_writeback), VERDICT_SAD);
	const struct finding *f = scene_first(&s);

	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->confidence, CONFIDENCE_CERTAIN);
	assert_string_equal(f->culprits[0].name, "loop0");
	assert_int_equal(f->culprits[2].pid, 9);
	assert_int_equal(f->n_victims, 1);
	assert_int_equal(f->victims[0].pid, 10);
	scene_end(&s);
}

/* A thread of another process is a victim; one of the writer's own waits for its own job. */
static void threads_queue_behind(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_dirty(&s, 10);
	add_process(&s, 9, "bulk", 'S', 'S', true)->threads = 3;
	add_process(&s, 20, "api", 'S', 'S', true)->threads = 9;
	build_mount(&s.now, 3, DEV(7, 0), "/mnt/slow", "ext4");
	add_disk(&s, DEV(7, 0), "loop0", 2000);
	add_thread(&s, 9, 10, 'D', 'D', true);
	add_thread(&s, 9, 11, 'D', 'D', true);
	add_wait(&s, 10, "balance_dirty_pages", "balance_dirty_pages<ext4_write_iter", 3);
	add_wait(&s, 11, "folio_wait_bit", fsync_stack, 3);
	assert_int_equal(scene_judge(&s, &check_io_writeback), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_INFO);
	add_thread(&s, 20, 21, 'D', 'D', true);
	add_wait(&s, 21, "folio_wait_bit", fsync_stack, 3);
	assert_int_equal(scene_judge(&s, &check_io_writeback), VERDICT_SAD);
	const struct finding *f = scene_first(&s);

	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->culprits[2].pid, 9);
	assert_int_equal(f->n_victims, 1);
	assert_int_equal(f->victims[0].pid, 20);
	scene_end(&s);
}

static void another_file_system_is_no_victim(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_dirty(&s, 10);
	add_process(&s, 9, "bulk", 'D', 'D', true);
	add_process(&s, 10, "other", 'D', 'D', true);
	build_mount(&s.now, 3, DEV(7, 0), "/mnt/slow", "ext4");
	build_mount(&s.now, 4, DEV(8, 0), "/", "ext4");
	add_wait(&s, 9, "balance_dirty_pages", "", 3);
	add_wait(&s, 10, "folio_wait_bit", fsync_stack, 4);
	assert_int_equal(scene_judge(&s, &check_io_writeback), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_INFO);
	assert_int_equal(s.judgement.finding[0]->n_victims, 0);
	scene_end(&s);
}

static void the_hosts_limit_alone_is_info(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	struct vmstat *v = add_dirty(&s, 990);

	build_table(&s.now, TABLE_process);
	assert_int_equal(scene_judge(&s, &check_io_writeback), VERDICT_SAD);
	assert_int_equal(scene_first(&s)->severity, SEVERITY_INFO);
	/* Somebody waits, the kernel does not say for what. */
	add_process(&s, 9, "cp", 'D', 'D', true);
	build_table(&s.now, TABLE_task_wait);
	assert_int_equal(scene_judge(&s, &check_io_writeback), VERDICT_SAD);
	assert_int_equal(s.judgement.finding[0]->severity, SEVERITY_WARNING);
	assert_int_equal(s.judgement.finding[0]->confidence, CONFIDENCE_POSSIBLE);
	v->dirty_pages = 100;
	assert_int_equal(scene_judge(&s, &check_io_writeback), VERDICT_FINE);
	build_unset(v, VMSTAT_dirty_threshold_pages);
	assert_int_equal(scene_judge(&s, &check_io_writeback), VERDICT_UNKNOWN);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_have_kinds),
		cmocka_unit_test(writers_of_one_job_harm_nobody),
		cmocka_unit_test(frozen_file_system),
		cmocka_unit_test(short_waits_are_normal),
		cmocka_unit_test(a_dead_device_is_not_a_slow_one),
		cmocka_unit_test(a_mount_that_does_not_answer),
		cmocka_unit_test(the_number_of_a_fuse_connection),
		cmocka_unit_test(stuck_needs_processes_and_time),
		cmocka_unit_test(a_thread_is_stuck_by_itself),
		cmocka_unit_test(a_main_thread_is_not_its_process),
		cmocka_unit_test(hundreds_of_threads),
		cmocka_unit_test(threads_queue_behind),
		cmocka_unit_test(writers_held_back_and_who_queues_behind),
		cmocka_unit_test(another_file_system_is_no_victim),
		cmocka_unit_test(the_hosts_limit_alone_is_info),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
