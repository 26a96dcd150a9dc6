/* SPDX-License-Identifier: MIT */
/* io.saturated and io.ceiling. */
#include "base/hash.h"
#include "check/check.h"
#include "model/disks.h"
#include "tests/unit/build.h"

extern const struct check check_io_saturated, check_io_ceiling;

#define DEV(major, minor) ((uint64_t)(major) << 32 | (minor))
#define MIB (UINT64_C(1) << 20)

static struct disk *add_disk(struct scene *s, uint64_t dev, const char *name, double queue,
	double busy, uint64_t reads, uint64_t request_bytes)
{
	struct disk *was = build_row(&s->was, TABLE_disk);
	struct disk *now = build_row(&s->now, TABLE_disk);

	was->dev = now->dev = dev;
	now->name = build_text(&s->now, TABLE_disk, name);
	now->reads = reads;
	now->read_bytes = reads * request_bytes;
	now->queue_ns = (uint64_t)(queue * 2 * SECOND);
	now->read_wait_ns = now->queue_ns; /* as Little says */
	now->busy_ns = (uint64_t)(busy * 2 * SECOND);
	return now;
}

static struct process *add_process(struct scene *s, uint64_t pid, const char *comm,
	uint64_t session, char state, uint64_t read)
{
	struct process *was = build_row(&s->was, TABLE_process);
	struct process *now = build_row(&s->now, TABLE_process);
	struct process_io *io_was = build_row(&s->was, TABLE_process_io);
	struct process_io *io = build_row(&s->now, TABLE_process_io);

	was->pid = now->pid = io_was->pid = io->pid = pid;
	was->start_ns = now->start_ns = 5 * SECOND;
	was->state = now->state = (uint32_t)state;
	now->comm = build_text(&s->now, TABLE_process, comm);
	now->session = session;
	now->ppid = session;
	io->read_bytes = read;
	return now;
}

static void add_wait(struct scene *s, uint64_t pid, const char *stack, uint64_t mount)
{
	struct task_wait *w = build_row(&s->now, TABLE_task_wait);
	text_t frames = build_text(&s->now, TABLE_task_wait, stack);

	w->tid = w->pid = pid;
	w->stack = frames;
	w->state = 'D';
	w->mount_id = mount;
	if (!mount)
		build_unset(w, TASK_WAIT_mount_id);
}

static void add_mount(struct scene *s, uint64_t id, uint64_t dev)
{
	struct mount *m = build_row(&s->now, TABLE_mount);
	text_t at = build_text(&s->now, TABLE_mount, "/data");
	text_t type = build_text(&s->now, TABLE_mount, "ext4");

	m->id = id;
	m->dev = dev;
	m->target = at;
	m->fstype = type;
}

static void add_pressure(struct scene *s, double some)
{
	struct pressure *was = build_row(&s->was, TABLE_pressure);
	struct pressure *now = build_row(&s->now, TABLE_pressure);

	was->resource = build_text(&s->was, TABLE_pressure, "io");
	now->resource = build_text(&s->now, TABLE_pressure, "io");
	now->some_total_ns = (uint64_t)(some * 2 * SECOND);
}

static const struct finding *told(struct scene *s, const struct check *check)
{
	enum verdict v = scene_judge(s, check);

	if (v == VERDICT_ASK) {
		build_table(&s->now, TABLE_task_wait);
		build_table(&s->now, TABLE_cgroup_io);
		build_table(&s->now, TABLE_disk_pace);
		v = scene_judge(s, check);
	}
	if (v == VERDICT_FINE)
		return NULL;
	assert_int_equal(v, VERDICT_SAD);
	return scene_first(s);
}

static const char dio[] = "submit_bio_wait < blkdev_direct_IO < vfs_read";

static void a_busy_device_is_not_a_queue(void **state UNUSED)
{
	static const struct {
		double queue, busy;
		uint64_t reads;
		bool sad;
	} cases[] = {
		{ 1, 1.0, 40000, false },   /* iostat: 100 % */
		{ 60, 1.0, 400000, false }, /* parallel: 60 at once, 0.3 ms each */
		{ 3.9, 1.0, 200, false },
		{ 4.1, 1.0, 200, true },  /* 41 ms each */
		{ 4.1, 1.0, 830, false }, /* 9.9 ms */
		{ 40, 0.89, 200, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		build_table(&s.now, TABLE_process);
		add_disk(&s, DEV(8, 0), "sda", cases[i].queue, cases[i].busy, cases[i].reads, 4096);
		const struct finding *f = told(&s, &check_io_saturated);

		assert_int_equal(f != NULL, cases[i].sad);
		/* Nobody is seen to wait. */
		if (f)
			assert_int_equal(f->severity, SEVERITY_INFO);
		scene_end(&s);
	}
}

static void a_stranger_in_the_queue_is_harmed(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_disk(&s, DEV(8, 0), "sda", 9, 1, 200, 4096);
	add_disk(&s, DEV(8, 1), "sda1", 9, 1, 200, 4096)->partition = 1;
	add_disk(&s, DEV(253, 0), "dm-0", 9, 1, 200, 4096);
	((struct disk *)s.now.at[TABLE_disk]->row)->partition = 0;
	((struct disk *)table_at(s.now.at[TABLE_disk], 2))->partition = 0;
	add_mount(&s, 3, DEV(8, 1));
	add_pressure(&s, 0.5);
	add_process(&s, 9, "backup", 90, 'D', 400 * 4096);
	add_process(&s, 10, "backup", 90, 'D', 400 * 4096);
	assert_int_equal(scene_judge(&s, &check_io_saturated), VERDICT_ASK);
	add_wait(&s, 9, dio, 3);
	add_wait(&s, 10, dio, 3);
	const struct finding *f = told(&s, &check_io_saturated);

	assert_int_equal(s.judgement.n_findings, 1); /* neither the partition nor what is stacked */
	assert_int_equal(f->severity, SEVERITY_INFO);
	add_process(&s, 11, "postgres", 91, 'D', 4096);
	add_wait(&s, 11, "folio_wait_bit_common < filemap_read", 3);
	f = told(&s, &check_io_saturated);
	assert_int_equal(f->severity, SEVERITY_WARNING);
	assert_int_equal(f->confidence, CONFIDENCE_CERTAIN);
	assert_string_equal(f->culprits[0].name, "sda");
	assert_int_equal(f->culprits[1].pid, 9);
	assert_string_equal(f->culprits[1].detail, "and 1 more of its job do 1.6 MiB/s of I/O");
	assert_int_equal(f->n_victims, 1);
	assert_int_equal(f->victims[0].pid, 11);
	/* With none and kyber ionice does nothing. */
	assert_non_null(strstr(f->todo[2], "/sys/block/sda/queue/scheduler says [bfq]"));
	/* In D by chance: nobody waited for more than a moment. */
	((struct pressure *)s.now.at[TABLE_pressure]->row)->some_total_ns = 2 * SECOND / 100 * 9;
	assert_int_equal(told(&s, &check_io_saturated)->severity, SEVERITY_INFO);
	scene_end(&s);
}

/* The kernel does not say where: who does far more than this device is busy elsewhere. */
static void who_is_busy_elsewhere_is_not_to_blame(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_disk(&s, DEV(8, 0), "sda", 9, 1, 200, 4096)->partition = 0;
	add_mount(&s, 3, DEV(8, 0));
	add_pressure(&s, 0.5);
	add_process(&s, 8, "ninja", 80, 'S', 250 * 4096);
	add_process(&s, 9, "scan", 90, 'D', 150 * 4096);
	add_wait(&s, 9, dio, 3);
	assert_int_equal(told(&s, &check_io_saturated)->culprits[1].pid, 9);
	struct process_io *io = s.now.at[TABLE_process_io]->row;

	/* It could be, but who waits here explains most of it. */
	io->read_bytes = 230 * 4096;
	assert_int_equal(told(&s, &check_io_saturated)->culprits[1].pid, 9);
	assert_int_not_equal(s.judgement.finding[0]->culprits[2].pid, 8);
	/* It explains less than half. */
	((struct process_io *)table_at(s.now.at[TABLE_process_io], 1))->read_bytes = 90 * 4096;
	assert_int_equal(told(&s, &check_io_saturated)->culprits[1].pid, 8);
	scene_end(&s);
}

/* 15 samples; requests of each step of 50 ms. */
static void add_pace(struct scene *s, const unsigned *step, uint64_t request_bytes)
{
	uint64_t requests = 1000;

	for (uint32_t i = 0; i < 15; i++) {
		struct disk_pace *p = build_row(&s->now, TABLE_disk_pace);

		requests += i > 0 ? step[i - 1] : 0;
		p->dev = DEV(8, 0);
		p->sample = i;
		p->at_ns = i * SECOND / 20;
		p->requests = requests;
		p->bytes = requests * request_bytes;
		p->in_flight = 5;
	}
}

static void an_even_pace_below_a_queue_is_a_limit(void **state UNUSED)
{
	static const struct {
		unsigned step[14];
		uint64_t looked; /* requests of the two seconds before */
		bool idle, stranger;
		int severity, confidence;
	} cases[] = {
		/* 200/s in slices of 100 ms */
		{ { 0, 20, 0, 20, 0, 20, 0, 20, 0, 20, 0, 20, 0, 20 }, 400, false, true,
			SEVERITY_WARNING, CONFIDENCE_LIKELY },
		{ { 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10 }, 400, false, false,
			SEVERITY_INFO, CONFIDENCE_LIKELY },
		/* 180/s is nobody's choice */
		{ { 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9 }, 360, false, true, SEVERITY_WARNING,
			CONFIDENCE_POSSIBLE },
		{ { 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9 }, 360, false, false, -1, 0 },
		/* as a disk is: one tenth 20 % off */
		{ { 10, 10, 12, 12, 10, 10, 9, 9, 9, 9, 10, 10, 10, 10 }, 400, false, true, -1, 0 },
		/* slices of 100 ms that begin anywhere; a burst that two samples see */
		{ { 20, 0, 20, 0, 20, 0, 20, 0, 20, 0, 20, 0, 20, 0 }, 400, false, true,
			SEVERITY_WARNING, CONFIDENCE_LIKELY },
		{ { 0, 20, 0, 20, 0, 15, 5, 20, 0, 20, 0, 20, 0, 20 }, 400, false, true,
			SEVERITY_WARNING, CONFIDENCE_LIKELY },
		/* one that comes half a slice late, and the next one in time */
		{ { 0, 20, 0, 20, 0, 0, 20, 20, 0, 20, 0, 20, 0, 20 }, 400, false, true, -1, 0 },
		/* only three slices are seen */
		{ { 0, 0, 0, 40, 0, 0, 0, 40, 0, 0, 0, 40, 0, 0 }, 400, false, true, -1, 0 },
		/* even now, twice as fast before */
		{ { 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10 }, 800, false, true, -1,
			0 },
		/* nobody was held back for a moment */
		{ { 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10 }, 400, true, true, -1,
			0 },
		/* too few to tell */
		{ { 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2 }, 80, false, true, -1, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_disk(&s, DEV(8, 0), "sda", 30, 1, cases[i].looked, 4000)->partition = 0;
		add_mount(&s, 3, DEV(8, 0));
		add_pressure(&s, 0.5);
		add_process(&s, 9, "scan", 90, 'D', 300 * 4096);
		if (cases[i].stranger)
			add_process(&s, 10, "victim", 91, 'D', 4096);
		assert_int_equal(scene_judge(&s, &check_io_ceiling), VERDICT_ASK);
		add_wait(&s, 9, dio, 3);
		if (cases[i].stranger)
			add_wait(&s, 10, dio, 3);
		build_table(&s.now, TABLE_cgroup_io);
		add_pace(&s, cases[i].step, 4000);
		if (cases[i].idle)
			((struct disk_pace *)table_at(s.now.at[TABLE_disk_pace], 4))->in_flight = 0;
		const struct finding *f = told(&s, &check_io_ceiling);

		assert_int_equal(f ? (int)f->severity : -1, cases[i].severity);
		if (f) {
			assert_int_equal(f->confidence, cases[i].confidence);
			assert_string_equal(f->culprits[0].name, "sda");
		}
		scene_end(&s);
	}
}

/* Many tasks of one job with small requests are a server. */
static void a_server_waits_for_itself(void **state UNUSED)
{
	static const struct {
		uint64_t tasks, request_bytes;
		double stall;
		enum severity severity;
	} cases[] = {
		{ 4, 8192, 0.6, SEVERITY_WARNING },
		{ 3, 8192, 0.6, SEVERITY_INFO },
		{ 4, 131072, 0.6, SEVERITY_INFO },
		{ 4, 8192, 0.4, SEVERITY_INFO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_disk(&s, DEV(8, 0), "sda", 9, 1, 200, cases[i].request_bytes)->partition = 0;
		add_pressure(&s, cases[i].stall);
		for (uint64_t pid = 9; pid < 9 + cases[i].tasks; pid++) {
			add_process(&s, pid, "mysqld", 90, 'D', 4096);
			add_wait(&s, pid, dio, 0);
		}
		assert_int_equal(told(&s, &check_io_saturated)->severity, cases[i].severity);
		scene_end(&s);
	}
}

static void saturation_needs_two_readings(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	assert_int_equal(scene_judge(&s, &check_io_saturated), VERDICT_UNKNOWN);
	add_disk(&s, DEV(8, 0), "sda", 9, 1, 200, 4096);
	s.was.at[TABLE_disk]->state = STATE_ABSENT;
	assert_int_equal(scene_judge(&s, &check_io_saturated), VERDICT_UNKNOWN);
	assert_int_equal(scene_judge(&s, &check_io_ceiling), VERDICT_UNKNOWN);
	scene_end(&s);
}

/* A reader in /job/child; rates of its group over two seconds. */
static void add_group(struct scene *s, const char *path, uint32_t version, uint64_t read)
{
	struct cgroup *was = build_row(&s->was, TABLE_cgroup);
	struct cgroup *now = build_row(&s->now, TABLE_cgroup);

	was->id = now->id = hash_fnv64(path, strlen(path));
	now->path = build_text(&s->now, TABLE_cgroup, path);
	was->version = now->version = version;
	now->read_bytes = read;
}

static struct cgroup_io *add_limit(struct scene *s, const char *path, uint64_t dev)
{
	struct cgroup_io *row = build_row(&s->now, TABLE_cgroup_io);

	row->id = hash_fnv64(path, strlen(path));
	row->dev = dev;
	for (unsigned int i = CGROUP_IO_dev + 1; i < CGROUP_IO_COLUMNS; i++)
		build_unset(row, i);
	return row;
}

static void start_limited(struct scene *s, uint32_t version, uint64_t read, uint64_t reads)
{
	scene_start(s);
	add_disk(s, DEV(8, 0), "sda", 0.1, 0.05, reads, 4096)->partition = 0;
	add_mount(s, 3, DEV(8, 0));
	add_group(s, "/job", version, read);
	add_group(s, "/job/child", version, read);
	add_process(s, 9, "reader", 90, 'D', 4096);
	struct process_cgroup *pc = build_row(&s->now, TABLE_process_cgroup);

	pc->pid = 9;
	pc->path = build_text(&s->now, TABLE_process_cgroup, "/elsewhere");
	pc->io_path = build_text(&s->now, TABLE_process_cgroup, "/job/child");
	assert_int_equal(scene_judge(s, &check_io_ceiling), VERDICT_ASK);
	add_wait(s, 9, dio, 3);
}

static void a_group_at_its_limit(void **state UNUSED)
{
	static const struct {
		const char *path;
		uint32_t version;
		uint64_t read, limit, dev;
		bool sad;
	} cases[] = {
		{ "/job/child", 1, 8 * MIB, 4 * MIB, DEV(8, 0), true },
		{ "/job/child", 1, 7 * MIB, 4 * MIB, DEV(8, 0), false },  /* 88 % of it */
		{ "/job/child", 1, 10 * MIB, 4 * MIB, DEV(8, 0), false }, /* 125 % */
		{ "/job/child", 1, 8 * MIB, 4 * MIB, DEV(8, 16), false }, /* of another disk */
		{ "/job", 1, 8 * MIB, 4 * MIB, DEV(8, 0), false }, /* version 1: not inherited */
		{ "/job", 2, 8 * MIB, 4 * MIB, DEV(8, 0), true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		start_limited(&s, cases[i].version, cases[i].read, 10);
		struct cgroup_io *row = add_limit(&s, cases[i].path, cases[i].dev);

		row->read_bytes_max_per_s = cases[i].limit;
		row_set(&row->has, CGROUP_IO_read_bytes_max_per_s);
		const struct finding *f = told(&s, &check_io_ceiling);

		assert_int_equal(f != NULL, cases[i].sad);
		if (f) {
			assert_int_equal(f->severity, SEVERITY_WARNING);
			assert_int_equal(f->confidence, CONFIDENCE_CERTAIN);
			assert_string_equal(f->culprits[0].name, cases[i].path);
			assert_string_equal(f->culprits[1].name, "sda");
			assert_int_equal(f->victims[0].pid, 9);
		}
		scene_end(&s);
	}
}

static void requests_are_counted_by_the_device(void **state UNUSED)
{
	for (uint64_t per_s = 80; per_s <= 130; per_s += 25) {
		struct scene s;

		start_limited(&s, 1, 1, per_s * 2);
		struct cgroup_io *row = add_limit(&s, "/job/child", DEV(8, 0));

		row->reads_max_per_s = 100;
		row_set(&row->has, CGROUP_IO_reads_max_per_s);
		assert_int_equal(told(&s, &check_io_ceiling) != NULL, per_s == 105);
		/* Who is nice was asked to wait. */
		((struct process *)s.now.at[TABLE_process]->row)->nice = 10;
		if (per_s == 105)
			assert_int_equal(told(&s, &check_io_ceiling)->severity, SEVERITY_INFO);
		scene_end(&s);
	}
}

/*
 * Who waits for memory or a lock is not held back by a limit; and held-back writers are told once.
 */
static void other_waits_are_not_the_limits(void **state UNUSED)
{
	struct scene s;

	start_limited(&s, 1, 8 * MIB, 10);
	struct cgroup_io *row = add_limit(&s, "/job/child", DEV(8, 0));

	row->read_bytes_max_per_s = 4 * MIB;
	row_set(&row->has, CGROUP_IO_read_bytes_max_per_s);
	struct task_wait *w = s.now.at[TABLE_task_wait]->row;
	text_t was = w->stack;

	w->stack = build_text(&s.now, TABLE_task_wait, "rwsem_down_read_slowpath");
	assert_null(told(&s, &check_io_ceiling));
	w->stack = was;
	assert_non_null(told(&s, &check_io_ceiling));
	add_process(&s, 10, "writer", 91, 'D', 0);
	add_wait(&s, 10, "balance_dirty_pages", 3);
	assert_null(told(&s, &check_io_ceiling));
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_busy_device_is_not_a_queue),
		cmocka_unit_test(a_stranger_in_the_queue_is_harmed),
		cmocka_unit_test(who_is_busy_elsewhere_is_not_to_blame),
		cmocka_unit_test(an_even_pace_below_a_queue_is_a_limit),
		cmocka_unit_test(a_server_waits_for_itself),
		cmocka_unit_test(saturation_needs_two_readings),
		cmocka_unit_test(a_group_at_its_limit),
		cmocka_unit_test(requests_are_counted_by_the_device),
		cmocka_unit_test(other_waits_are_not_the_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
