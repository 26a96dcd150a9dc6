/* SPDX-License-Identifier: MIT */
#include "base/hash.h"
#include "base/human.h"
#include "check/entity.h"
#include "check/io.h"
#include "check/io_pace.h"
#include "model/pressure.h"

#include <string.h>

/*
 * A limit holds requests back before they reach the device: it is idle, and its users sleep. At the
 * limit is what runs at it; slices of 100 ms and requests of others make it a little uneven.
 */
#define AT_LEAST_RATIO 0.90
#define AT_MOST_RATIO 1.20
enum { SUSPECTS_MAX = 8, DEPTH_MAX = 16 };

struct limit {
	const char *what, *v1, *v2;
	unsigned int limit,
		group; /* columns of cgroup_io and cgroup; 0: the group is not counted */
	enum unit unit;
	bool reads;
};

static const struct limit limits[] = {
	{ "reads", "blkio.throttle.read_bps_device", "rbps", CGROUP_IO_read_bytes_max_per_s,
		CGROUP_read_bytes, UNIT_BYTES_PER_S, true },
	{ "writes", "blkio.throttle.write_bps_device", "wbps", CGROUP_IO_write_bytes_max_per_s,
		CGROUP_written_bytes, UNIT_BYTES_PER_S, false },
	{ "reads", "blkio.throttle.read_iops_device", "riops", CGROUP_IO_reads_max_per_s, 0,
		UNIT_PER_S, true },
	{ "writes", "blkio.throttle.write_iops_device", "wiops", CGROUP_IO_writes_max_per_s, 0,
		UNIT_PER_S, false },
};

/* A group that runs at its limit, and who waits for it. */
struct suspect {
	const struct cgroup *group;
	const struct cgroup_io *row;
	const struct limit *limit;
	const struct disk_load *disk; /* NULL: not in diskstats */
	double limit_per_s, rate_per_s;
	struct io_waiter waiter[IO_TASKS_MAX];
	size_t n_waiters;
};

static const char *group_of(const struct model *m, uint64_t pid)
{
	const struct table *t = frame_table(m->now, TABLE_process_cgroup);
	const struct process_cgroup *row = table_find(t, pid);

	if (!row)
		return NULL;
	if (row_has(row->has, PROCESS_CGROUP_io_path))
		return table_text(t, row->io_path);
	return row_has(row->has, PROCESS_CGROUP_path) ? table_text(t, row->path) : NULL;
}

/*
 * The groups whose limits count for a process: its own and, in version 2, all above it. Their rows;
 * how many.
 */
static size_t groups_of(const struct model *m, uint64_t pid, const struct cgroup **list)
{
	const struct table *t = frame_table(m->now, TABLE_cgroup);
	const char *path = group_of(m, pid);
	size_t len = path ? strlen(path) : 0, n = 0;

	while (len > 0 && n < DEPTH_MAX) {
		const struct cgroup *g = table_find(t, hash_fnv64(path, len));

		if (g)
			list[n++] = g;
		if (g && g->version == 1)
			break;
		while (len > 0 && path[len - 1] != '/')
			len--;
		len -= len > 1; /* the slash; "/" itself is the root */
		if (len == 1)
			break;
	}
	return n;
}

/* Round one asks for everything: which of the sleepers wait for a disk is not known yet. */
static bool told(const struct model *m, struct judgement *j)
{
	bool all = io_ask_waits(j, m);
	size_t asked = 0;

	for (size_t i = 0; i < m->blocked->n && asked < IO_TASKS_MAX; i++) {
		const struct blocked_task *b = &m->blocked->task[i];
		const struct cgroup *group[DEPTH_MAX];

		if (b->kthread || b->ours || !b->whole_look)
			continue;
		size_t n = groups_of(m, b->pid, group);

		for (size_t k = 0; k < n; k++)
			all &= judge_ask(j, m, TABLE_cgroup_io, group[k]->id);
		asked++;
	}
	return all;
}

static bool near_limit(struct reading rate, double limit)
{
	return reading_ok(rate) && rate.value >= limit * AT_LEAST_RATIO &&
	       rate.value <= limit * AT_MOST_RATIO;
}

static struct reading device_rate(const struct disk_load *d, const struct limit *l)
{
	if (!d)
		return reading_none(STATE_ABSENT);
	if (l->unit == UNIT_PER_S)
		return l->reads ? d->reads_per_s : d->writes_per_s;
	return l->reads ? d->read_bytes_per_s : d->written_bytes_per_s;
}

/*
 * Does the group run at this limit? What it did itself counts; where that is not known, the device.
 */
static bool at_limit(const struct model *m, const struct limit *l, struct suspect *s)
{
	struct reading max = table_cell(frame_table(m->now, TABLE_cgroup_io), s->row, l->limit);
	struct reading group = l->group ? model_rate(m, TABLE_cgroup, s->group, l->group)
					: reading_none(STATE_ABSENT);
	struct reading device = device_rate(s->disk, l);

	if (!reading_ok(max) || max.value <= 0)
		return false;
	if (!near_limit(group, max.value) && !near_limit(device, max.value))
		return false;
	s->limit = l;
	s->limit_per_s = max.value;
	s->rate_per_s = near_limit(group, max.value) ? group.value : device.value;
	return true;
}

static struct suspect *known(struct suspect *list, size_t n, const struct suspect *s)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].row == s->row && list[i].limit == s->limit)
			return &list[i];
	}
	return NULL;
}

/* The limits that hold one waiter back. */
static void blame(const struct model *m, const struct io_waiter *w, struct suspect *list, size_t *n)
{
	const struct table *t = frame_table(m->now, TABLE_cgroup_io);
	const struct cgroup *group[DEPTH_MAX];
	size_t n_groups = groups_of(m, w->task->pid, group);

	for (table_each(const struct cgroup_io, row, t)) {
		struct suspect s = { .row = row, .disk = disks_find(m->disks, row->dev) };

		for (size_t i = 0; i < n_groups; i++) {
			if (group[i]->id == row->id)
				s.group = group[i];
		}
		if (!s.group || (w->disk && w->disk != s.disk) || io_held_back(m, s.disk))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
			if (!at_limit(m, &limits[i], &s))
				continue;
			struct suspect *have = known(list, *n, &s);

			if (!have && *n < SUSPECTS_MAX) {
				have = &list[(*n)++];
				*have = s;
			}
			if (have && have->n_waiters < IO_TASKS_MAX)
				have->waiter[have->n_waiters++] = *w;
		}
	}
}

static const char *amount(struct judgement *j, const struct suspect *s, double value)
{
	if (s->limit->unit == UNIT_PER_S)
		return judge_text(j, "%s %s a second", human_number(value).s, s->limit->what);
	return judge_text(j, "%s of %s a second", human_bytes(value).s, s->limit->what);
}

/* Asked to wait: nice, or a group that is only backed up at night. */
static bool all_patient(const struct model *m, const struct suspect *s)
{
	for (size_t i = 0; i < s->n_waiters; i++) {
		const struct process_facts *p = process_find(m->process, s->waiter[i].task->pid);

		if (!p || !p->patient)
			return false;
	}
	return true;
}

static void add_evidence(
	struct judgement *j, struct finding *f, const struct model *m, const struct suspect *s)
{
	bool v2 = s->group->version == 2;
	const char *file = judge_text(j, "%s", v2 ? "io.max" : s->limit->v1);
	struct reading none = reading_none(STATE_ABSENT);

	finding_evidence(f, "io.rate", s->limit->unit, reading_of(s->rate_per_s),
		s->limit->unit == UNIT_PER_S ? "/proc/diskstats"
		: v2                         ? "io.stat"
					     : "blkio.throttle.io_service_bytes, /proc/diskstats",
		reading_of(s->limit_per_s * AT_LEAST_RATIO),
		"runs at its limit: within -10 and +20 %");
	finding_evidence(f, "cgroup_io.limit", s->limit->unit, reading_of(s->limit_per_s), file,
		none, v2 ? s->limit->v2 : NULL);
	finding_evidence(f, "io.waiting", UNIT_COUNT, reading_of((double)s->n_waiters),
		"/proc/PID/stack", reading_of(1),
		"tasks of the group that wait for a disk at both ends of the look");
	if (s->disk) {
		finding_evidence(f, "disk.busy_ratio", UNIT_RATIO, s->disk->busy_ratio,
			"/proc/diskstats", none,
			"the device itself: what is held back does not reach it");
		finding_evidence(f, "disk.queue", UNIT_COUNT, s->disk->queue, "/proc/diskstats",
			none, "requests in flight on average");
	}
	finding_evidence(f, "pressure.io_some_ratio", UNIT_RATIO, m->pressure->io.some_now,
		"/proc/pressure/io", none, "share of time in which a task waited for I/O");
}

static void advise(
	struct judgement *j, struct finding *f, const struct model *m, const struct suspect *s)
{
	const char *path = table_text(frame_table(m->now, TABLE_cgroup), s->group->path);
	bool v2 = s->group->version == 2;
	const char *dir = judge_text(j, "/sys/fs/cgroup%s%s", v2 ? "" : "/blkio", path);
	const char *file = shell_word(j, judge_text(j, "%s/%s", dir, v2 ? "io.max" : s->limit->v1));
	unsigned int major = (unsigned int)(s->row->dev >> 32);
	unsigned int minor = (unsigned int)(s->row->dev & UINT32_MAX);

	finding_todo(f, judge_text(j, "see the limit:  cat %s", file));
	finding_todo(f, "let the group do less I/O: more memory for its cache, larger requests "
			"where requests are counted");
	finding_todo(f, v2 ? judge_text(j, "raise it, 'max' lifts it:  echo '%u:%u %s=max' > %s",
				     major, minor, s->limit->v2, file)
			   : judge_text(j, "raise it, 0 lifts it:  echo '%u:%u 0' > %s", major,
				     minor, file));
	finding_todo(f, "where systemd or a container runtime set it, raise it there: "
			"IOReadBandwidthMax=, IOWriteIOPSMax=, --device-read-bps");
	f->refuted_if = "with the limit lifted the same tasks wait as long as before";
}

static void report(struct judgement *j, const struct model *m, const struct suspect *s)
{
	const char *path = table_text(frame_table(m->now, TABLE_cgroup), s->group->path);
	struct finding *f = judge_finding(
		j, all_patient(m, s) ? SEVERITY_INFO : SEVERITY_WARNING, CONFIDENCE_CERTAIN);
	const char *device = s->disk ? s->disk->name : "a device";

	f->share = reading_ok(m->pressure->io.some_now) ? m->pressure->io.some_now.value : 0;
	f->title = judge_text(j, "%s is held to %s on %s: %zu task%s wait%s", path,
		amount(j, s, s->limit_per_s), device, s->n_waiters, s->n_waiters == 1 ? "" : "s",
		s->n_waiters == 1 ? "s" : "");
	add_evidence(j, f, m, s);
	finding_culprit(f, entity_cgroup(j, path));
	if (s->disk)
		finding_culprit(f, (struct entity){ .kind = ENTITY_DEVICE,
					   .name = judge_text(j, "%s", s->disk->name) });
	io_victims(j, f, m, s->waiter, s->n_waiters);
	f->cause = judge_text(j,
		"a limit of the control group, not the device: it may do %s on %s and does %s, the "
		"rest sleeps; the device was %s busy",
		amount(j, s, s->limit_per_s), device, amount(j, s, s->rate_per_s),
		s->disk && reading_ok(s->disk->busy_ratio)
			? human_ratio(s->disk->busy_ratio.value).s
			: "?");
	advise(j, f, m, s);
}

static void volume_evidence(
	struct finding *f, const struct model *m, const struct io_queue *q, const struct io_pace *p)
{
	static const char source[] = "/proc/diskstats, each 5 ms for 0.7 s";

	finding_evidence(f, "disk_pace.requests_per_s", UNIT_PER_S, reading_of(p->requests_per_s),
		source, reading_none(STATE_ABSENT), "reads and writes, over the last of the look");
	finding_evidence_alarm(f, "disk_pace.requests_spread", UNIT_RATIO,
		reading_of(p->requests_spread), source, ALARM_BELOW,
		reading_of(IO_PACE_SPREAD_RATIO),
		"the tenth of a second farthest from the mean: a disk is uneven, a limit is not");
	finding_evidence(f, "disk_pace.bytes_per_s", UNIT_BYTES_PER_S, reading_of(p->bytes_per_s),
		source, reading_none(STATE_ABSENT), NULL);
	finding_evidence_alarm(f, "disk_pace.bytes_spread", UNIT_RATIO, reading_of(p->bytes_spread),
		source, ALARM_BELOW, reading_of(IO_PACE_SPREAD_RATIO), NULL);
	finding_evidence(f, "disk.queue", UNIT_COUNT, q->disk->queue, "/proc/diskstats",
		reading_of(IO_QUEUE_SAD), "requests in flight on average, and never none");
	finding_evidence(f, "disk.wait_ns", UNIT_NS, q->disk->wait_ns, "/proc/diskstats",
		reading_of(IO_WAIT_SAD_NS), "mean time of one request");
	finding_evidence(f, "pressure.io_some_ratio", UNIT_RATIO, m->pressure->io.some_now,
		"/proc/pressure/io", reading_of(IO_STALL_RATIO),
		"share of time in which a task waited for I/O");
}

/* A device that works evenly below a queue: the limit of a volume, or its own. */
static void report_volume(struct judgement *j, const struct model *m, const struct io_queue *q,
	const struct io_pace *p)
{
	bool hurts = io_queue_hurts(m, q);
	struct finding *f = judge_finding(j, hurts ? SEVERITY_WARNING : SEVERITY_INFO,
		p->round ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE);
	const char *gives =
		p->even_requests ? judge_text(j, "%s requests", human_number(p->requests_per_s).s)
				 : "";

	if (p->even_bytes)
		gives = judge_text(
			j, "%s%s%s", gives, *gives ? ", " : "", human_bytes(p->bytes_per_s).s);
	f->share = reading_ok(m->pressure->io.some_now) ? m->pressure->io.some_now.value : 0;
	f->title = judge_text(j, "%s gives %s a second, evenly, and %s wait in its queue",
		q->disk->name, gives, human_count(q->disk->queue.value).s);
	volume_evidence(f, m, q, p);
	finding_culprit(f, (struct entity){ .kind = ENTITY_DEVICE,
				   .name = judge_text(j, "%s", q->disk->name) });
	for (size_t i = 0; i < q->n_fillers; i++)
		finding_culprit(f, entity_process(j, m, q->filler[i].pid));
	io_victims(j, f, m, q->waiter, io_queue_victims(m, q));
	f->cause = "the limit of a volume (cloud, SAN, hypervisor), or the most that the device "
		   "can do; whatever is asked for above it waits";
	finding_todo(f, judge_text(j, "see it stay the same:  iostat -xz %s 1 10",
				shell_word(j, q->disk->name)));
	finding_todo(f,
		"compare with what the volume was bought with: requests and bytes a second, "
		"and whether its burst credits are used up");
	if (q->n_fillers > 0)
		io_todo_give_way(j, f, q);
	finding_todo(f, p->even_bytes && !p->even_requests
				? "raise the volume's bandwidth, or read and write less"
				: "raise the volume's limit; where requests are counted, make them "
				  "larger (read-ahead, batches)");
	f->refuted_if =
		"iostat shows the rate rise and fall while the queue stays, or another device "
		"of the same kind does more";
}

static size_t judge_volumes(const struct model *m, struct judgement *j)
{
	struct io_queue list[IO_QUEUES_MAX];
	size_t n = io_queues(m, list), told = 0;

	for (size_t i = 0; i < n; i++) {
		struct io_pace p;

		if (!io_pace_of(m, list[i].disk, &p) || (!p.even_requests && !p.even_bytes) ||
			io_held_back(m, list[i].disk))
			continue;
		io_queue_people(&list[i], m, n == 1);
		/*
		 * What harms nobody and is no number that somebody chose is how fast the disk is.
		 */
		if (!io_queue_hurts(m, &list[i]) && !p.round)
			continue;
		report_volume(j, m, &list[i], &p);
		told++;
	}
	return told;
}

static bool ask_volumes(const struct model *m, struct judgement *j)
{
	struct io_queue list[IO_QUEUES_MAX];
	size_t n = io_queues(m, list);
	bool all = true;

	for (size_t i = 0; i < n; i++)
		all &= judge_ask(j, m, TABLE_disk_pace, list[i].disk->row->dev);
	return all;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct io_waiter waiter[IO_TASKS_MAX];
	struct suspect list[SUSPECTS_MAX];
	size_t n = 0;

	bool all = told(m, j);

	all &= ask_volumes(m, j);
	if (!all)
		return VERDICT_ASK;
	size_t n_waiters = io_waiters(m, waiter);

	for (size_t i = 0; i < n_waiters; i++)
		blame(m, &waiter[i], list, &n);
	for (size_t i = 0; i < n; i++)
		report(j, m, &list[i]);
	n += judge_volumes(m, j);
	if (n == 0 && model_elapsed_ns(m, TABLE_process) == 0)
		return judge_unknown(j, m, TABLE_process);
	return n > 0 ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_io_ceiling = {
	.id = "io.ceiling",
	.question = "Does I/O run at a limit that was set for it, while tasks wait?",
	.explains = { "io.saturated", "io.writeback", "io.stuck", "mem.swap" },
	.needs = {
		{ .table = TABLE_process, .rate = true },
		{ .table = TABLE_process_cgroup, .optional = true },
		{ .table = TABLE_cgroup, .rate = true, .optional = true },
		{ .table = TABLE_disk, .rate = true, .optional = true },
		{ .table = TABLE_pressure, .rate = true, .optional = true },
		{ .table = TABLE_mount, .optional = true },
		{ .table = TABLE_task_wait, .ask = true },
		{ .table = TABLE_cgroup_io, .ask = true },
		{ .table = TABLE_disk_pace, .ask = true },
	},
	.models = { MODEL_pressure, MODEL_process, MODEL_disks, MODEL_blocked },
	.judge = judge,
};
