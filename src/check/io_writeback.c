/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "check/io.h"
#include "model/pressure.h"

#include <string.h>

/*
 * The kernel slows writers down from the middle between the background limit and the limit
 * (mm/page-writeback.c, dirty_freerun_ceiling()). One writer that is faster than its device and is
 * held back harms nobody: every large copy ends so. It is a finding when others wait for the same
 * device. Below the global limit a device's own (strict_limit, max_ratio) does the same, which only
 * the sleeping writers show.
 */
#define LIMIT_TOLD_RATIO 0.95 /* of the limit, without anybody seen to wait: worth a word */
enum { TASKS_MAX = 64, GROUPS_MAX = 8 };

struct waiter {
	const struct blocked_task *task;
	struct blocked_wait wait;
};

/* Writers that are held back, and who else waits, by device. */
struct group {
	const struct mount *mount; /* NULL: the device is unknown */
	const struct disk_load *disk;
	const char *target;
	struct waiter held[TASKS_MAX], victim[TASKS_MAX];
	size_t n_held, n_victims;
};

/* The host's dirty pages against its limits. */
struct limits {
	struct reading used_ratio; /* dirty and under writeback, of the limit */
	bool throttles;            /* over the point from which writers are slowed down */
};

static struct limits find_limits(const struct model *m)
{
	const struct vmstat *v = frame_row(m->now, TABLE_vmstat);
	struct limits l = { 0 };

	if (!v || !row_has(v->has, VMSTAT_dirty_threshold_pages) ||
		!row_has(v->has, VMSTAT_dirty_pages))
		return l;
	uint64_t dirty = v->dirty_pages + v->writeback_pages;

	l.used_ratio = ratio_of((double)dirty, (double)v->dirty_threshold_pages);
	l.throttles = v->dirty_threshold_pages > 0 &&
		      dirty > (v->dirty_threshold_pages + v->dirty_background_pages) / 2;
	return l;
}

static bool wanted(const struct blocked_task *b)
{
	return !b->kthread && !b->ours;
}

static bool same_device(const struct group *g, const struct blocked_wait *w)
{
	if (!g->mount || !w->mount)
		return !g->mount && !w->mount;
	return g->mount->dev == w->mount->dev;
}

static struct group *group_of(struct group *list, size_t *n, const struct blocked_wait *w)
{
	for (size_t i = 0; i < *n; i++) {
		if (same_device(&list[i], w))
			return &list[i];
	}
	if (*n == GROUPS_MAX)
		return NULL;
	list[*n] = (struct group){ .mount = w->mount, .disk = w->disk, .target = w->target };
	return &list[(*n)++];
}

static double written(const struct waiter *w)
{
	return reading_ok(w->task->written_bytes_per_s) ? w->task->written_bytes_per_s.value : 0;
}

/* The one that writes most first: it is the cause, the others are held back with it. */
static void put_writer_first(struct group *g)
{
	size_t most = 0;

	for (size_t i = 1; i < g->n_held; i++) {
		if (written(&g->held[i]) > written(&g->held[most]))
			most = i;
	}
	struct waiter first = g->held[most];

	g->held[most] = g->held[0];
	g->held[0] = first;
}

static size_t find_groups(const struct model *m, struct group *list)
{
	const struct blocked_model *bm = m->blocked;
	size_t n = 0;

	for (size_t i = 0; i < bm->n; i++) {
		struct waiter w = { &bm->task[i], blocked_wait_of(m, &bm->task[i]) };
		struct group *g;

		if (!wanted(w.task) || w.wait.kind != WAIT_THROTTLE)
			continue;
		g = group_of(list, &n, &w.wait);
		if (g && g->n_held < TASKS_MAX)
			g->held[g->n_held++] = w;
	}
	for (size_t i = 0; i < n; i++)
		put_writer_first(&list[i]);
	for (size_t i = 0; i < bm->n; i++) {
		struct waiter w = { &bm->task[i], blocked_wait_of(m, &bm->task[i]) };

		/*
		 * In D at both ends: it waits for long, or again and again. A thread of the
		 * writer's own process waits for its own job.
		 */
		if (!wanted(w.task) || !w.task->whole_look || !w.wait.mount ||
			w.wait.kind == WAIT_THROTTLE || w.wait.kind == WAIT_FROZEN)
			continue;
		for (size_t k = 0; k < n; k++) {
			struct group *g = &list[k];

			if (g->mount && same_device(g, &w.wait) && g->n_victims < TASKS_MAX &&
				w.task->pid != g->held[0].task->pid)
				g->victim[g->n_victims++] = w;
		}
	}
	return n;
}

/* What writes most: the best guess where the descriptor does not tell. */
static const struct disk_load *most_written(const struct model *m)
{
	const struct disk_load *most = NULL;

	for (size_t i = 0; i < m->disks->n; i++) {
		const struct disk_load *d = &m->disks->disk[i];

		if (d->partition || !reading_ok(d->written_bytes_per_s) ||
			d->written_bytes_per_s.value == 0)
			continue;
		if (!most || d->written_bytes_per_s.value > most->written_bytes_per_s.value)
			most = d;
	}
	return most;
}

static void evidence_host(struct finding *f, const struct model *m, const struct limits *l)
{
	finding_evidence(f, "writeback.dirty_of_limit_ratio", UNIT_RATIO, l->used_ratio,
		"/proc/vmstat nr_dirty, nr_writeback, nr_dirty_threshold",
		reading_of(LIMIT_TOLD_RATIO),
		"of the host; a device's own limit may be reached far below");
	finding_evidence(f, "pressure.io_some_ratio", UNIT_RATIO, m->pressure->io.some_now,
		"/proc/pressure/io", reading_none(STATE_ABSENT),
		"share of time in which a task waited for I/O");
}

static void evidence_device(struct finding *f, const struct model *m, const struct group *g)
{
	const struct bdi *b =
		g->mount ? table_find(frame_table(m->now, TABLE_bdi), g->mount->dev) : NULL;
	struct reading none = reading_none(STATE_ABSENT);

	if (g->disk) {
		finding_evidence(f, "disk.written_bytes_per_s", UNIT_BYTES_PER_S,
			g->disk->written_bytes_per_s, "/proc/diskstats", none,
			"what the device takes");
		finding_evidence(f, "disk.write_wait_ns", UNIT_NS, g->disk->write_wait_ns,
			"/proc/diskstats", none, "mean time of one write");
	}
	if (b && row_has(b->has, BDI_dirty_bytes)) {
		finding_evidence(f, "bdi.dirty_bytes", UNIT_BYTES,
			reading_of((double)b->dirty_bytes), "debugfs bdi stats",
			reading_of((double)b->threshold_bytes),
			"the device's own share of the limit");
		finding_evidence(f, "bdi.drain_ns", UNIT_NS,
			ratio_of((double)b->dirty_bytes * 1e9, (double)b->bandwidth_bytes_per_s),
			"debugfs bdi stats", none, "an fsync there waits about so long");
	}
	if (b && row_has(b->has, BDI_strict_limit) && b->strict_limit)
		finding_evidence_text(f, "bdi.strict_limit", "throttled by its own limit alone",
			"/sys/class/bdi");
}

static void evidence_waiters(struct judgement *j, struct finding *f, const struct group *g)
{
	struct reading none = reading_none(STATE_ABSENT);

	finding_evidence(f, "writeback.held_back", UNIT_COUNT, reading_of((double)g->n_held),
		"/proc/PID/wchan", reading_of(1), "tasks that sleep in balance_dirty_pages");
	finding_evidence(f, "writeback.waiting", UNIT_COUNT, reading_of((double)g->n_victims),
		"/proc/PID/wchan, fdinfo", none, "other tasks in D on the same file system");
	finding_evidence_text(f, "task_wait.wchan", judge_text(j, "%s", g->held[0].wait.wchan),
		"/proc/PID/wchan");
	finding_evidence(f, "process_io.written_bytes_per_s", UNIT_BYTES_PER_S,
		g->held[0].task->written_bytes_per_s, "/proc/PID/io", none,
		"of the writer that is held back most");
}

/* A thread of that process is among the first n. */
static bool listed(const struct waiter *list, size_t n, uint64_t pid)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].task->pid == pid)
			return true;
	}
	return false;
}

static void add_people(
	struct judgement *j, struct finding *f, const struct model *m, const struct group *g)
{
	if (g->disk)
		finding_culprit(f, (struct entity){ .kind = ENTITY_DEVICE,
					   .name = judge_text(j, "%s", g->disk->name) });
	if (g->mount)
		finding_culprit(f, (struct entity){ .kind = ENTITY_MOUNT,
					   .name = judge_text(j, "%s", g->target) });
	struct entity writer = entity_process(j, m, g->held[0].task->pid);

	writer.detail = "writes most";
	finding_culprit(f, writer);
	for (size_t i = 1; i < g->n_held; i++) {
		struct entity e = entity_process(j, m, g->held[i].task->pid);

		e.detail = "held back";
		if (!listed(g->held, i, e.pid))
			finding_victim(f, e);
	}
	for (size_t i = 0; i < g->n_victims; i++) {
		struct entity e = entity_process(j, m, g->victim[i].task->pid);

		e.detail = judge_text(j, "waits in %s", g->victim[i].wait.wchan);
		if (!listed(g->victim, i, e.pid))
			finding_victim(f, e);
	}
}

static void advise(struct judgement *j, struct finding *f, const struct group *g, bool host_limit)
{
	finding_todo(f, "see the device and its queue:  iostat -xz 1 5");
	finding_todo(f, "see whether it is throttled on purpose:  grep -rs . /sys/fs/cgroup "
			"--include=io.max --include=blkio.throttle.write_bps_device");
	finding_todo(
		f, judge_text(j,
			   "let the others through for a while, until kill -CONT:  kill -STOP %llu",
			   (unsigned long long)g->held[0].task->pid));
	finding_todo(f, "for good: let it write slower or elsewhere");
	if (host_limit)
		finding_todo(f, "let the kernel flush earlier, so that less piles up:  sysctl "
				"vm.dirty_background_bytes=67108864 vm.dirty_bytes=268435456");
	f->refuted_if = "fsync of a small file there stays fast:  "
			"dd if=/dev/zero of=FILE bs=4k count=1 conv=fsync";
	if (g->mount)
		f->refuted_if = judge_text(j,
			"fsync of a small file there stays fast:  dd if=/dev/zero of=%s bs=4k "
			"count=1 conv=fsync",
			shell_word(j, judge_text(j, "%s/murphy-test", g->target)));
}

/* Writers of one job are held back by themselves, by nobody. */
static bool hurts_others(const struct model *m, const struct group *g)
{
	for (size_t i = 1; i < g->n_held; i++) {
		if (!io_one_job(m, g->held[0].task->pid, g->held[i].task->pid))
			return true;
	}
	return g->n_victims > 0;
}

static void report(
	struct judgement *j, const struct model *m, const struct group *g, const struct limits *l)
{
	bool hurts = hurts_others(m, g);
	struct finding *f = judge_finding(j, hurts ? SEVERITY_WARNING : SEVERITY_INFO,
		g->mount ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY);
	const char *where = g->disk ? g->disk->name : g->mount ? g->target : "an unknown device";
	const char *rate = "";

	if (g->disk && reading_ok(g->disk->written_bytes_per_s))
		rate = judge_text(
			j, ": it takes %s/s", human_bytes(g->disk->written_bytes_per_s.value).s);
	f->share = reading_ok(m->pressure->io.some_now) ? m->pressure->io.some_now.value : 0;
	if (g->n_victims > 0)
		f->title = judge_text(j, "Writes to %s are held back%s; %zu other %s for it", where,
			rate, g->n_victims, g->n_victims == 1 ? "task waits" : "tasks wait");
	else
		f->title = judge_text(j, "Writes to %s are held back%s; %zu %s", where, rate,
			g->n_held, g->n_held == 1 ? "writer waits" : "writers wait");
	evidence_waiters(j, f, g);
	evidence_device(f, m, g);
	evidence_host(f, m, l);
	add_people(j, f, m, g);
	f->cause = judge_text(j, "%s writes faster than %s can, until %s full%s",
		process_label(j, m, g->held[0].task->pid), where,
		l->throttles ? "the host's dirty limit is" : "the device's own dirty limit is",
		hurts ? "; whoever needs the same device queues behind it"
		      : "; nobody else waits for it, as in any large copy");
	advise(j, f, g, l->throttles);
}

/* The host is at its limit, and who waits was not seen or could not be. */
static void report_limit(struct judgement *j, const struct model *m, const struct limits *l,
	const struct blocked_task *waiting)
{
	struct finding *f = judge_finding(j, waiting ? SEVERITY_WARNING : SEVERITY_INFO,
		waiting ? CONFIDENCE_POSSIBLE : CONFIDENCE_LIKELY);
	const struct disk_load *d = most_written(m);

	f->share = l->used_ratio.value;
	f->title = judge_text(j, "Dirty memory is at %s of its limit%s%s",
		human_ratio(l->used_ratio.value).s, d ? "; most is written to " : "",
		d ? judge_text(j, "%s", d->name) : "");
	evidence_host(f, m, l);
	if (d) {
		finding_evidence(f, "disk.written_bytes_per_s", UNIT_BYTES_PER_S,
			d->written_bytes_per_s, "/proc/diskstats", reading_none(STATE_ABSENT),
			NULL);
		finding_culprit(f, (struct entity){ .kind = ENTITY_DEVICE,
					   .name = judge_text(j, "%s", d->name) });
	} else {
		finding_culprit(f, entity_host());
	}
	if (waiting)
		finding_victim(f, entity_process(j, m, waiting->pid));
	f->cause = "writers make pages dirty faster than the devices take them";
	finding_todo(f, "see who writes:  pidstat -d 1 5");
	finding_todo(f, "see the devices:  iostat -xz 1 5");
	f->refuted_if = "nr_dirty in /proc/vmstat falls by itself within a minute";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct blocked_model *bm = m->blocked;
	const struct blocked_task *untold = NULL;
	struct limits l = find_limits(m);
	struct group list[GROUPS_MAX];
	size_t asked = 0;

	if (!io_ask_waits(j, m))
		return VERDICT_ASK;
	size_t n = find_groups(m, list);

	for (size_t i = 0; i < n; i++)
		report(j, m, &list[i], &l);
	if (n > 0)
		return VERDICT_SAD;
	for (size_t i = 0; i < bm->n && asked < TASKS_MAX; i++) {
		struct blocked_wait w = blocked_wait_of(m, &bm->task[i]);

		asked += wanted(&bm->task[i]);
		if (wanted(&bm->task[i]) && bm->task[i].whole_look && w.kind == WAIT_UNKNOWN)
			untold = &bm->task[i];
	}
	if (l.throttles && (untold || l.used_ratio.value >= LIMIT_TOLD_RATIO)) {
		report_limit(j, m, &l, untold);
		return VERDICT_SAD;
	}
	if (!reading_ok(l.used_ratio))
		return judge_unknown_why(j, STATE_ABSENT, "/proc/vmstat has no nr_dirty_threshold");
	return VERDICT_FINE;
}

const struct check check_io_writeback = {
	.id = "io.writeback",
	.question = "Do writers wait because a device cannot take what is dirty?",
	.explains = { "io.stuck", "io.saturated" },
	.needs = {
		{ .table = TABLE_vmstat, .rate = true },
		{ .table = TABLE_process, .rate = true },
		{ .table = TABLE_process_io, .rate = true, .optional = true },
		{ .table = TABLE_thread, .rate = true, .optional = true },
		{ .table = TABLE_process_cgroup, .optional = true },
		{ .table = TABLE_pressure, .rate = true, .optional = true },
		{ .table = TABLE_disk, .rate = true, .optional = true },
		{ .table = TABLE_mount, .optional = true },
		{ .table = TABLE_bdi, .optional = true },
		{ .table = TABLE_task_wait, .ask = true },
	},
	.models = { MODEL_pressure, MODEL_disks, MODEL_blocked },
	.judge = judge,
};
