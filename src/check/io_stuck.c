/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/blocked.h"

#include <string.h>

/*
 * Copying is full of short waits in D. Stuck is who was in D at both ends of the look, ran on no
 * CPU and moved no byte between; over less than this a slow disk alone would look so.
 */
#define LOOK_MIN_NS 1000000000ull
enum { TASKS_MAX = 64, GROUPS_MAX = 8, STACK_SHOWN = 4 };

/* Tasks that wait for one thing. */
struct group {
	enum wait_kind kind;
	const struct mount *mount; /* NULL: unknown */
	const struct disk_load *disk;
	bool unanswered;          /* statfs of mount did not come back */
	struct blocked_wait wait; /* of the first task */
	const struct blocked_task *task[TASKS_MAX];
	size_t n, n_locked; /* those that only wait for the others are the last n_locked */
	const struct klog_hung *hung; /* the kernel's own complaint about one of them */
};

struct groups {
	struct group at[GROUPS_MAX];
	size_t n;
};

static bool starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static enum wait_kind kind_of_fs(const char *fstype)
{
	static const char *const network[] = { "nfs", "cifs", "smb", "ceph", "9p", "afs",
		"glusterfs", "lustre" };

	if (starts(fstype, "fuse") || strcmp(fstype, "virtiofs") == 0)
		return WAIT_FUSE;
	for (size_t i = 0; i < ARRAY_SIZE(network); i++) {
		if (starts(fstype, network[i]))
			return WAIT_NETWORK;
	}
	return WAIT_DISK;
}

static bool is_stuck(const struct blocked_task *b)
{
	return b->whole_look && !b->moved && !b->kthread && !b->ours;
}

/* The kernel complained about this very task. */
static const struct klog_hung *hung_line(const struct model *m, const struct blocked_task *b)
{
	const struct table *t = frame_table(m->now, TABLE_klog_hung);
	const struct klog_hung *last = NULL;

	if (!table_usable(t))
		return NULL;
	for (table_each(const struct klog_hung, k, t)) {
		if (k->pid == b->tid && k->at_ns >= b->start_ns &&
			starts(b->thread ? b->thread : b->comm, table_text(t, k->comm)))
			last = k;
	}
	return last;
}

/* Mounts that did not answer, a group each. */
static void find_unanswered(struct groups *g, const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_mount_space);
	const struct table *mounts = frame_table(m->now, TABLE_mount);

	if (!table_usable(t))
		return;
	for (table_each(const struct mount_space, ms, t)) {
		const struct mount *mt = table_find(mounts, ms->id);

		if (row_has(ms->has, MOUNT_SPACE_answered) || !mt || g->n == GROUPS_MAX)
			continue;
		/* Denied is an answer: only a deadline leaves every column out. */
		if (t->cell[MOUNT_SPACE_answered] == STATE_DENIED)
			continue;
		g->at[g->n++] = (struct group){ .kind = kind_of_fs(table_text(mounts, mt->fstype)),
			.mount = mt,
			.unanswered = true,
			.disk = disks_find(m->disks, mt->dev),
			.wait = { .wchan = "",
				.stack = "",
				.target = table_text(mounts, mt->target),
				.fstype = table_text(mounts, mt->fstype) } };
	}
}

static bool same_thing(const struct group *g, const struct blocked_wait *w)
{
	if (g->mount && w->mount)
		return g->mount->dev == w->mount->dev;
	if (g->kind != w->kind)
		return false;
	/* Of a path there is no descriptor: one file system of that kind that hangs is it. */
	if (g->mount || w->mount)
		return w->kind != WAIT_DISK && w->kind != WAIT_JOURNAL;
	return w->kind == WAIT_FROZEN || w->kind == WAIT_FUSE || w->kind == WAIT_NETWORK ||
	       strcmp(g->wait.wchan, w->wchan) == 0;
}

static struct group *group_of(struct groups *g, const struct blocked_wait *w)
{
	for (size_t i = 0; i < g->n; i++) {
		if (same_thing(&g->at[i], w))
			return &g->at[i];
	}
	if (g->n == GROUPS_MAX)
		return NULL;
	g->at[g->n] = (struct group){ .kind = w->kind };
	return &g->at[g->n++];
}

static void join(struct group *g, const struct model *m, const struct blocked_task *b,
	const struct blocked_wait *w)
{
	const struct klog_hung *hung = hung_line(m, b);

	if (g->n == 0 || (!g->mount && w->mount)) {
		const struct mount *mount = g->mount;
		const char *target = g->wait.target, *fstype = g->wait.fstype;

		g->wait = *w;
		if (mount && !w->mount) {
			g->wait.target = target;
			g->wait.fstype = fstype;
		}
		g->mount = mount ? mount : w->mount;
		if (!g->disk)
			g->disk = w->disk;
	}
	if (g->n < TASKS_MAX)
		g->task[g->n++] = b;
	if (hung && (!g->hung || hung->at_ns > g->hung->at_ns))
		g->hung = hung;
}

/* Not I/O, or somebody else's finding: io.writeback, mem.cgroup, mem.pressure. */
static bool other_story(enum wait_kind k)
{
	return k == WAIT_CHILD || k == WAIT_THROTTLE || k == WAIT_MEMORY;
}

static void find_tasks(struct groups *g, const struct model *m)
{
	const struct blocked_model *bm = m->blocked;

	/* Those that wait for a lock last: most likely one of the others holds it. */
	for (int locked = 0; locked < 2; locked++) {
		size_t asked = 0;

		for (size_t i = 0; i < bm->n && asked < TASKS_MAX; i++) {
			const struct blocked_task *b = &bm->task[i];
			struct blocked_wait w = blocked_wait_of(m, b);

			asked += is_stuck(b); /* of the others nobody knows what they wait for */
			if (!is_stuck(b) && !(b->kthread && b->whole_look && hung_line(m, b)))
				continue;
			if (other_story(w.kind) || (w.kind == WAIT_LOCK) != locked)
				continue;
			struct group *one = locked && g->n > 0 ? &g->at[0] : group_of(g, &w);

			if (!one)
				continue;
			join(one, m, b, &w);
			one->n_locked += locked && one->kind != WAIT_LOCK;
		}
	}
}

/* Nothing completed on it over the look. */
static bool dead_disk(const struct disk_load *d)
{
	return d && reading_ok(d->completed) && d->completed.value == 0;
}

/* A device with requests in flight of which none completed: it is what the others wait for. */
static const struct disk_load *find_dead_disk(const struct model *m)
{
	for (size_t i = 0; i < m->disks->n; i++) {
		const struct disk_load *d = &m->disks->disk[i];

		if (!d->partition && dead_disk(d) && d->row->in_flight > 0)
			return d;
	}
	return NULL;
}

static enum severity grade(const struct group *g)
{
	if (g->hung)
		return SEVERITY_CRITICAL;
	switch (g->kind) {
	case WAIT_FROZEN:
	case WAIT_NETWORK:
	case WAIT_FUSE:
		return SEVERITY_WARNING;
	case WAIT_DISK:
	case WAIT_JOURNAL:
		/* A device that completes requests is slow, not dead. */
		return g->unanswered || dead_disk(g->disk) ? SEVERITY_WARNING : SEVERITY_INFO;
	default:
		return SEVERITY_INFO;
	}
}

static enum confidence trust(const struct group *g)
{
	if (g->hung)
		return CONFIDENCE_CERTAIN;
	if (g->unanswered)
		return g->n > 0 ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE;
	if (g->kind == WAIT_DISK || g->kind == WAIT_JOURNAL)
		return dead_disk(g->disk) ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE;
	return g->kind == WAIT_FROZEN || g->kind == WAIT_NETWORK || g->kind == WAIT_FUSE
		       ? CONFIDENCE_LIKELY
		       : CONFIDENCE_POSSIBLE;
}

/* A task of the process of task i stands before it. */
static bool process_before(const struct group *g, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (g->task[k]->pid == g->task[i]->pid)
			return true;
	}
	return false;
}

/* The process of task i, with all of its tasks that are in the group. */
static void add_victim(struct judgement *j, struct finding *f, const struct model *m,
	const struct group *g, size_t i)
{
	const struct blocked_task *b = g->task[i];
	struct entity e = entity_process(j, m, b->pid);
	struct blocked_wait w = blocked_wait_of(m, b);
	const char *comma = w.wchan[0] ? ", " : "";
	size_t n = 0;

	for (size_t k = i; k < g->n; k++)
		n += g->task[k]->pid == b->pid;
	if (n > 1)
		e.detail = judge_text(j, "%zu threads in D%s%s", n, comma, w.wchan);
	else if (b->thread)
		e.detail = judge_text(j, "thread %s (tid %llu) in D%s%s", b->thread,
			(unsigned long long)b->tid, comma, w.wchan);
	else
		e.detail = judge_text(j, "in D%s%s", comma, w.wchan);
	finding_victim(f, e);
}

static void add_culprits(
	struct judgement *j, struct finding *f, const struct model *m, const struct group *g)
{
	struct entity mount = { .kind = ENTITY_MOUNT, .name = judge_text(j, "%s", g->wait.target) };
	bool by_device = g->disk && (g->kind == WAIT_DISK || g->kind == WAIT_JOURNAL);

	if (g->mount && !by_device)
		finding_culprit(f, mount);
	if (g->disk)
		finding_culprit(f, (struct entity){ .kind = ENTITY_DEVICE,
					   .name = judge_text(j, "%s", g->disk->name) });
	if (g->mount && by_device)
		finding_culprit(f, mount);
	if (f->n_culprits == 0 && g->n > 0)
		finding_culprit(f, entity_process(j, m, g->task[0]->pid));
	for (size_t i = 0; i < g->n; i++) {
		if (!process_before(g, i))
			add_victim(j, f, m, g, i);
	}
}

/* The innermost functions of a stack, none of them cut. */
static const char *top_of_stack(struct judgement *j, const char *stack)
{
	const char *end = stack;

	for (int n = 0; n < STACK_SHOWN && end; n++)
		end = strstr(n ? end + 1 : end, " < ");
	return end ? judge_text(j, "%.*s", (int)(end - stack), stack) : judge_text(j, "%s", stack);
}

static void add_evidence(
	struct judgement *j, struct finding *f, const struct model *m, const struct group *g)
{
	struct reading none = reading_none(STATE_ABSENT);

	finding_evidence(f, "blocked.tasks", UNIT_COUNT, reading_of((double)g->n),
		"/proc/PID/task/TID/stat state", none,
		"uninterruptible in both frames, no CPU, no byte between");
	finding_evidence(f, "blocked.look_ns", UNIT_NS, reading_of((double)m->blocked->elapsed_ns),
		"time between the frames", reading_of(LOOK_MIN_NS), "shorter waits are normal");
	if (g->wait.wchan[0])
		finding_evidence_text(f, "task_wait.wchan", judge_text(j, "%s", g->wait.wchan),
			"/proc/PID/wchan");
	if (g->wait.stack[0])
		finding_evidence_text(
			f, "task_wait.stack", top_of_stack(j, g->wait.stack), "/proc/PID/stack");
	if (g->unanswered)
		finding_evidence_text(f, "mount_space.answered",
			judge_text(j, "no answer from %s (%s)", g->wait.target, g->wait.fstype),
			"statfs");
	if (g->disk) {
		finding_evidence(f, "disk.completed", UNIT_COUNT, g->disk->completed,
			"/proc/diskstats", none,
			"requests over the look; none: it does not answer");
		finding_evidence(f, "disk.in_flight", UNIT_COUNT,
			reading_of((double)g->disk->row->in_flight), "/proc/diskstats", none, NULL);
	}
	if (g->hung)
		finding_evidence(f, "klog_hung.blocked_ns", UNIT_NS,
			reading_of((double)g->hung->blocked_ns), "kernel log", none,
			"the kernel's own complaint");
}

/*
 * fs/fuse/control.c names a connection by dev_t as the kernel has it inside: 20 bits of minor.
 * fuseblk is on a device with a major. virtiofs has none there (no_control).
 */
static unsigned long long fuse_connection(uint64_t dev)
{
	return (dev >> 32) << 20 | (uint32_t)dev;
}

static void advise(struct judgement *j, struct finding *f, const struct group *g)
{
	const char *target = g->mount ? shell_word(j, g->wait.target) : "MOUNT";

	switch (g->kind) {
	case WAIT_FROZEN:
		finding_todo(f, "see who took the snapshot:  pgrep -af 'freeze|snapshot|backup'");
		finding_todo(f, judge_text(j, "thaw it when the snapshot is done:  fsfreeze -u %s",
					target));
		f->refuted_if = "fsfreeze -u says that it was not frozen";
		break;
	case WAIT_NETWORK:
		finding_todo(f, "see whether the server answers:  nfsstat -m; ss -tnp dst SERVER");
		finding_todo(f,
			judge_text(j, "give it up, losing what was not written:  umount -f -l %s",
				target));
		f->refuted_if = "another client of the same server works, and so does df here";
		break;
	case WAIT_FUSE:
		finding_todo(f, judge_text(j,
					"find its daemon and what it waits for:  findmnt %s; "
					"pgrep -af fuse",
					target));
		if (g->mount && starts(g->wait.fstype, "fuse"))
			finding_todo(f, judge_text(j,
						"cut it off, losing what was not written:  "
						"echo 1 > /sys/fs/fuse/connections/%llu/abort",
						fuse_connection(g->mount->dev)));
		f->refuted_if = judge_text(j, "it answers:  timeout 5 df %s", target);
		break;
	case WAIT_DISK:
	case WAIT_JOURNAL:
		finding_todo(f, "read what the driver says:  dmesg -T | tail -50");
		finding_todo(f, judge_text(j,
					"see whether it completes anything:  "
					"grep -w %s /proc/diskstats",
					g->disk ? shell_word(j, g->disk->name) : "DEVICE"));
		finding_todo(f, "see whether it is throttled on purpose:  "
				"cat /sys/fs/cgroup/*/io.max "
				"/sys/fs/cgroup/blkio/blkio.throttle.*_bps_device");
		f->refuted_if = "the numbers of the device in /proc/diskstats go on";
		break;
	default:
		finding_todo(f, judge_text(j, "see where it sleeps:  cat /proc/%llu/stack",
					(unsigned long long)(g->n ? g->task[0]->tid : 0)));
		finding_todo(f, "let the kernel list all blocked tasks:  "
				"echo w > /proc/sysrq-trigger; dmesg -T | tail -200");
		f->refuted_if = "its context switches (/proc/PID/status) go on";
	}
}

static const char *title(struct judgement *j, const struct model *m, const struct group *g)
{
	const char *what = wait_kind_text(g->kind), *where = "";

	if (g->mount)
		where = judge_text(j, ": %s", g->wait.target);
	else if (g->disk)
		where = judge_text(j, ": %s", g->disk->name);
	if (g->n == 0)
		return judge_text(j, "%s (%s) does not answer", g->wait.target, g->wait.fstype);
	const char *first = process_label(j, m, g->task[0]->pid);
	size_t processes = 0;

	for (size_t i = 0; i < g->n; i++)
		processes += !process_before(g, i);
	if (g->n == 1 && g->task[0]->thread)
		return judge_text(
			j, "a thread of %s is stuck, waiting for %s%s", first, what, where);
	if (g->n == 1)
		return judge_text(j, "%s is stuck, waiting for %s%s", first, what, where);
	if (processes == 1)
		return judge_text(j, "%zu threads of %s are stuck, waiting for %s%s", g->n, first,
			what, where);
	return judge_text(j, "%zu processes are stuck, waiting for %s%s", processes, what, where);
}

static const char *cause(struct judgement *j, const struct group *g)
{
	const char *locked =
		g->n_locked == 0
			? ""
			: judge_text(j, "; %zu of them wait for a lock that another may hold",
				  g->n_locked);

	switch (g->kind) {
	case WAIT_FROZEN:
		return judge_text(j, "%s is frozen: writers wait until it is thawed%s",
			g->mount ? g->wait.target : "a file system", locked);
	case WAIT_NETWORK:
	case WAIT_FUSE:
		return judge_text(j, "%s%s%s does not answer%s", wait_kind_text(g->kind),
			g->mount ? " at " : "", g->mount ? g->wait.target : "", locked);
	case WAIT_DISK:
	case WAIT_JOURNAL:
		if (g->disk && dead_disk(g->disk))
			return judge_text(j, "%s completed no request during the look%s",
				g->disk->name, locked);
		return judge_text(j, "one request takes longer than the look; %s%s",
			g->disk ? "the device completes others" : "its device is unknown", locked);
	default:
		return judge_text(j, "it sleeps in %s%s",
			g->wait.wchan[0] ? g->wait.wchan : "a place that only root may see",
			locked);
	}
}

static void report(struct judgement *j, const struct model *m, const struct group *g)
{
	struct finding *f = judge_finding(j, grade(g), trust(g));

	f->title = title(j, m, g);
	f->cause = cause(j, g);
	if (g->hung && g->hung->at_ns > g->hung->blocked_ns)
		f->since_ns = g->hung->at_ns - g->hung->blocked_ns;
	add_evidence(j, f, m, g);
	add_culprits(j, f, m, g);
	advise(j, f, g);
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct blocked_model *bm = m->blocked;
	struct groups g = { 0 };
	bool told = true, sad = false;
	size_t asked = 0;

	for (size_t i = 0; i < bm->n && asked < TASKS_MAX; i++) {
		if (is_stuck(&bm->task[i])) {
			told &= judge_ask(j, m, TABLE_task_wait, bm->task[i].tid);
			asked++;
		}
	}
	if (!told)
		return VERDICT_ASK;
	find_unanswered(&g, m);
	if (bm->elapsed_ns >= LOOK_MIN_NS)
		find_tasks(&g, m);
	for (size_t i = 0; i < g.n; i++) {
		struct group *one = &g.at[i];

		if (!one->disk && (one->kind == WAIT_DISK || one->kind == WAIT_JOURNAL))
			one->disk = find_dead_disk(m);
		report(j, m, one);
		sad = true;
	}
	if (sad)
		return VERDICT_SAD;
	if (bm->elapsed_ns < LOOK_MIN_NS)
		return judge_unknown_why(
			j, STATE_ABSENT, "stuck is who waits through a look of a second or more");
	return VERDICT_FINE;
}

const struct check check_io_stuck = {
	.id = "io.stuck",
	.question = "Does a process wait for I/O that does not come?",
	.explains = { "kernel.hung-task" },
	.needs = {
		{ .table = TABLE_process, .rate = true },
		{ .table = TABLE_process_io, .rate = true, .optional = true },
		{ .table = TABLE_process_sched, .rate = true, .optional = true },
		{ .table = TABLE_thread, .rate = true, .optional = true },
		{ .table = TABLE_process_cgroup, .optional = true },
		{ .table = TABLE_disk, .rate = true, .optional = true },
		{ .table = TABLE_mount, .optional = true },
		{ .table = TABLE_mount_space, .optional = true },
		{ .table = TABLE_klog_hung, .optional = true },
		{ .table = TABLE_task_wait, .ask = true },
	},
	.models = { MODEL_disks, MODEL_blocked },
	.judge = judge,
};
