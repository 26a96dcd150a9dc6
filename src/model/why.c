/* SPDX-License-Identifier: MIT */
#include "model/why_place.h"

#include "base/hash.h"
#include "model/memory.h"
#include "model/process.h"

#include <errno.h>
#include <string.h>

/* A thread has to do with a state where it spends so much of its time there. */
#define TAKES_PART_RATIO 0.05
/*
 * Its group ran into its memory limit so often in a second and it faulted in pages from disk as
 * often: what it waits for on the disk is memory. A copy that is larger than its group reaches the
 * limit too, but read(2) makes no major faults.
 */
#define THRASH_PER_S 10.0
/* A sample is 20 ms; what samples say beyond this share, schedstat has not told yet. */
#define UNTOLD_RATIO 0.10

const char *why_state_name(enum why_state s)
{
	static const char *const names[] = { "user", "system", "cpu-wait", "throttled", "disk",
		"memory", "lock", "peer", "work", "condition", "local", "timer", "child", "stopped",
		"other" };

	return names[s];
}

/* One thread. */
struct task_fold {
	double sleep_ns;
	uint64_t sleep_samples, run_samples;
	uint64_t stacks, reclaims; /* samples in the kernel whose stack is known; in reclaim */
	double ns[WHY_STATES];
};

struct fold {
	const struct model *m;
	const uint64_t *pid;
	size_t n_pids;
	struct arena *arena;
	struct why *why;
	struct why_scene scene;
	struct task_fold *task; /* as the rows of task_time */
	struct why_part part[WHY_STATES];
};

static bool is_asked(const struct fold *f, uint64_t pid)
{
	size_t low = 0, high = f->n_pids;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->pid[mid] == pid)
			return true;
		if (f->pid[mid] < pid)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

static void add_place(
	struct why_part *part, const char *text, double ns, uint64_t holder, uint64_t age_ns)
{
	for (size_t i = 0; i < part->n_places; i++) {
		struct why_place *p = &part->place[i];

		if (strcmp(p->text, text) != 0)
			continue;
		p->ns += ns;
		p->oldest_ns = age_ns > p->oldest_ns ? age_ns : p->oldest_ns;
		return;
	}
	if (part->n_places < WHY_PLACES)
		part->place[part->n_places++] = (struct why_place){ text, ns, holder, age_ns };
}

/* Of the group of that path and those above it, which limit it too, the one with most of column. */
static struct why_limit worst_group(const struct model *m, const char *path, unsigned int column)
{
	const struct table *t = frame_table(m->now, TABLE_cgroup);
	struct why_limit worst = { 0 };
	size_t len = strlen(path);

	while (len > 0) {
		const struct cgroup *g = table_find(t, hash_fnv64(path, len));
		struct reading r =
			g ? model_delta(m, TABLE_cgroup, g, column) : reading_none(STATE_ABSENT);

		if (reading_ok(r) && r.value > worst.amount)
			worst = (struct why_limit){ table_text(t, g->path), r.value };
		while (len > 0 && path[len - 1] != '/')
			len--;
		len = len > 1 ? len - 1 : 0;
	}
	return worst;
}

static void fold_limits(struct fold *f)
{
	const struct table *t = frame_table(f->m->now, TABLE_process_cgroup);

	for (size_t i = 0; i < f->n_pids; i++) {
		const struct process_cgroup *g = table_find(t, f->pid[i]);

		if (!g)
			continue;
		bool own = row_has(g->has, PROCESS_CGROUP_cpu_path);
		struct why_limit cpu = worst_group(
			f->m, table_text(t, own ? g->cpu_path : g->path), CGROUP_cpu_throttled_ns);
		struct why_limit memory =
			worst_group(f->m, table_text(t, g->path), CGROUP_memory_limit_hits);

		if (cpu.amount > f->why->throttled.amount)
			f->why->throttled = cpu;
		if (memory.amount > f->why->memory.amount)
			f->why->memory = memory;
		struct why_limit stall =
			worst_group(f->m, table_text(t, g->path), CGROUP_memory_stall_ns);

		if (stall.amount > f->why->stall.amount)
			f->why->stall = stall;
	}
}

static void add_rate(struct reading *sum, struct reading one)
{
	if (!reading_ok(one))
		return;
	*sum = reading_of((reading_ok(*sum) ? sum->value : 0) + one.value);
}

static void fold_processes(struct fold *f)
{
	struct why *y = f->why;

	for (size_t i = 0; i < f->n_pids; i++) {
		const struct process_facts *p = process_find(f->m->process, f->pid[i]);

		if (!p)
			continue;
		y->processes++;
		add_rate(&y->read_bytes_per_s, p->read_bytes_per_s);
		add_rate(&y->major_faults_per_s, p->major_faults_per_s);
	}
	double seconds = (double)model_elapsed_ns(f->m, TABLE_cgroup) / 1e9;
	bool faults =
		reading_ok(y->major_faults_per_s) && y->major_faults_per_s.value >= THRASH_PER_S;
	const struct memory_model *mm = f->m->memory;
	bool swaps = mm && reading_ok(mm->swap_in_pages_per_s) &&
		     mm->swap_in_pages_per_s.value >= THRASH_PER_S;

	y->thrashes = f->scene.thrashes =
		faults && (swaps || (seconds > 0 && y->memory.amount >= THRASH_PER_S * seconds));
}

static const char *name_of(const struct fold *f, const struct table *t, uint64_t pid)
{
	const struct process *p = table_find(t, pid);

	return arena_printf(f->arena, "%s (pid %llu)", p ? table_text(t, p->comm) : "?",
		(unsigned long long)pid);
}

/*
 * Who is a zombie by now (other threads may outlive the main one: then it
 * is none), and who is gone: of these what was seen is of the time before.
 */
static void fold_ends(struct fold *f)
{
	const struct table *now = frame_table(f->m->now, TABLE_process);
	const struct table *was = frame_table(f->m->was, TABLE_process);
	struct why *y = f->why;

	if (!now || now->state != STATE_OK || !was)
		return;
	for (size_t i = 0; i < f->n_pids; i++) {
		const struct process *p = table_find(now, f->pid[i]);
		const struct process *before = table_find(was, f->pid[i]);

		if (!p || (before && before->start_ns != p->start_ns))
			y->ended++;
		else if (p->state == 'Z' && p->threads <= 1 && y->zombies++ == 0) {
			y->reaper_pid = p->ppid;
			y->reaper = name_of(f, now, p->ppid);
		}
	}
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

/* Running and waiting for a CPU, as the kernel counted it; the rest is sleep. */
static void fold_cpu(struct fold *f, const struct task_time *t, struct task_fold *x)
{
	double all = (double)t->watched_ns, run = least((double)t->run_ns, all);
	double wait = least((double)t->wait_ns, all - run);
	double ticks = (double)(t->user_ns + t->system_ns);
	double user = ticks > 0 ? (double)t->user_ns / ticks : 1;
	uint64_t samples = x->run_samples + x->sleep_samples;
	double found = samples ? all * (double)x->run_samples / (double)samples : 0;

	/* Who waits now has not been counted yet: that happens when it gets a CPU at last. */
	if (found - run - wait > UNTOLD_RATIO * all)
		wait = least(found - run, all - run);
	double throttled = least(wait, f->why->throttled.amount);

	x->ns[WHY_USER] = run * user;
	x->ns[WHY_SYSTEM] = run * (1 - user);
	if (x->reclaims > 0) {
		x->ns[WHY_MEMORY] = x->ns[WHY_SYSTEM] * (double)x->reclaims / (double)x->stacks;
		x->ns[WHY_SYSTEM] -= x->ns[WHY_MEMORY];
		add_place(&f->part[WHY_MEMORY], "it makes room for what it allocates (reclaim)",
			x->ns[WHY_MEMORY], 0, 0);
	}
	x->ns[WHY_THROTTLED] = throttled;
	x->ns[WHY_CPU] = wait - throttled;
	x->sleep_ns = all - run - wait;
	if (x->sleep_samples == 0 && x->sleep_ns > 0) {
		x->ns[WHY_OTHER] = x->sleep_ns;
		add_place(&f->part[WHY_OTHER], "waits shorter than a sample", x->sleep_ns, 0, 0);
	}
}

static size_t index_of(const struct table *t, const void *row)
{
	return (size_t)((const char *)row - (const char *)t->row) / t->schema->row_size;
}

static void fold_sleep(struct fold *f, const struct table *times, const struct table *places)
{
	for (table_each(const struct task_place, p, places)) {
		const struct task_time *t = p->state == 'R' ? NULL : table_find(times, p->tid);
		struct task_fold *x = t ? &f->task[index_of(times, t)] : NULL;

		if (!x || !is_asked(f, t->pid) || x->sleep_samples == 0)
			continue;
		struct why_found at = why_find(&f->scene, p);
		double ns = x->sleep_ns * (double)p->samples / (double)x->sleep_samples;

		x->ns[at.state] += ns;
		add_place(&f->part[at.state], at.text, ns, at.holder, at.age_ns);
	}
}

static double take(double *from, double most)
{
	double ns = least(*from, most);

	*from -= ns;
	return ns;
}

/*
 * Where delay accounting is on the kernel knows how long a thread waited for memory: in reclaim,
 * which looks like running, and for pages that were pushed out, which looks like a disk.
 */
static void fold_measured(struct fold *f, const struct task_time *t, struct task_fold *x)
{
	double known = least((double)t->memory_ns, (double)t->watched_ns);
	double more = known - x->ns[WHY_MEMORY], moved;

	if (!row_has(t->has, TASK_TIME_memory_ns) || more <= 0)
		return;
	moved = take(&x->ns[WHY_DISK], more);
	moved += take(&x->ns[WHY_SYSTEM], more - moved);
	if (moved <= 0)
		return;
	x->ns[WHY_MEMORY] += moved;
	add_place(&f->part[WHY_MEMORY],
		"reclaim, swap-in and pages that were pushed out, as delay accounting measures it",
		moved, 0, 0);
}

/* What was measured to be memory was found on the disk. */
static void scale_places(struct why_part *part)
{
	double all = 0;

	for (size_t i = 0; i < part->n_places; i++)
		all += part->place[i].ns;
	for (size_t i = 0; i < part->n_places && all > part->ns; i++)
		part->place[i].ns *= part->ns / all;
}

static struct why_group *group_of(struct fold *f, const char *comm)
{
	char name[32];
	size_t n = 0;

	for (const char *c = comm; *c && n < sizeof(name) - 1; c++) {
		bool digit = *c >= '0' && *c <= '9';

		if (!digit)
			name[n++] = *c;
		else if (n == 0 || name[n - 1] != '#')
			name[n++] = '#';
	}
	name[n] = '\0';
	for (size_t i = 0; i < f->why->n_groups; i++) {
		if (strcmp(f->why->group[i].name, name) == 0)
			return &f->why->group[i];
	}
	if (f->why->n_groups == WHY_GROUPS)
		return NULL;
	struct why_group *g = &f->why->group[f->why->n_groups++];

	g->name = arena_dup(f->arena, name, n);
	if (!g->name)
		g->name = "";
	return g;
}

static void add_task(struct fold *f, const char *comm, const struct task_fold *x, double all)
{
	struct why_group *g = group_of(f, comm);
	struct why *y = f->why;

	y->tasks++;
	y->all_ns += all;
	if (g)
		g->tasks++;
	for (int s = 0; s < WHY_STATES; s++) {
		f->part[s].ns += x->ns[s];
		f->part[s].tasks += x->ns[s] >= TAKES_PART_RATIO * all && all > 0;
		y->busy_ns += s < WHY_IDLE ? x->ns[s] : 0;
		if (!g)
			continue;
		g->ns[s] += x->ns[s];
		g->all_ns += x->ns[s];
		g->busy_ns += s < WHY_IDLE ? x->ns[s] : 0;
	}
}

static void count_samples(struct task_fold *x, const struct task_place *p)
{
	if (p->state != 'R') {
		x->sleep_samples += p->samples;
		return;
	}
	x->run_samples += p->samples;
	if (row_has(p->has, TASK_PLACE_reclaims)) {
		x->stacks += p->samples;
		x->reclaims += p->reclaims ? p->samples : 0;
	}
}

static int fold_samples(struct fold *f, const struct table *times)
{
	const struct table *places = frame_table(f->m->now, TABLE_task_place);
	double block_ns = 0;
	struct why *y = f->why;

	f->task = arena_new(f->arena, (times->n + 1) * sizeof(*f->task));
	if (!f->task || why_scene_sockets(&f->scene) < 0)
		return -ENOMEM;
	for (table_each(const struct task_place, p, places)) {
		const struct task_time *t = table_find(times, p->tid);

		if (t)
			count_samples(&f->task[index_of(times, t)], p);
	}
	for (table_each(const struct task_time, t, times)) {
		if (is_asked(f, t->pid))
			fold_cpu(f, t, &f->task[index_of(times, t)]);
	}
	fold_sleep(f, times, places);
	for (table_each(const struct task_time, t, times)) {
		if (!is_asked(f, t->pid))
			continue;
		fold_measured(f, t, &f->task[index_of(times, t)]);
		add_task(f, table_text(times, t->comm), &f->task[index_of(times, t)],
			(double)t->watched_ns);
		y->watched_ns = t->watched_ns > y->watched_ns ? t->watched_ns : y->watched_ns;
		y->samples = t->samples > y->samples ? t->samples : y->samples;
		y->delays_counted |= row_has(t->has, TASK_TIME_block_ns);
		block_ns += (double)t->block_ns;
	}
	scale_places(&f->part[WHY_DISK]);
	why_scene_clients(&f->scene, y);
	if (y->delays_counted)
		y->block_ratio = ratio_of(block_ns, y->all_ns);
	return 0;
}

/* A capture has no samples: what two frames say of each process as a whole. */
static void fold_frames(struct fold *f)
{
	double all = (double)f->m->process->elapsed_ns;

	f->why->watched_ns = f->m->process->elapsed_ns;
	for (size_t i = 0; i < f->n_pids; i++) {
		const struct process_facts *p = process_find(f->m->process, f->pid[i]);
		const struct process *row =
			table_find(frame_table(f->m->now, TABLE_process), f->pid[i]);
		struct task_fold x = { 0 };

		if (!p || !row || p->born || all <= 0)
			continue;
		double time = all * (double)(p->threads ? p->threads : 1);
		struct reading user = model_delta(f->m, TABLE_process, row, PROCESS_user_ns);
		struct reading system = model_delta(f->m, TABLE_process, row, PROCESS_system_ns);

		x.ns[WHY_USER] = reading_ok(user) ? user.value : 0;
		x.ns[WHY_SYSTEM] = reading_ok(system) ? system.value : 0;
		x.ns[WHY_CPU] = reading_ok(p->wait_ratio) ? p->wait_ratio.value * all : 0;
		x.ns[WHY_THROTTLED] = least(x.ns[WHY_CPU], f->why->throttled.amount);
		x.ns[WHY_CPU] -= x.ns[WHY_THROTTLED];
		double rest = time - x.ns[WHY_USER] - x.ns[WHY_SYSTEM] - x.ns[WHY_CPU] -
			      x.ns[WHY_THROTTLED];

		rest = rest > 0 ? rest : 0;
		x.ns[p->state == 'D' ? WHY_DISK : WHY_OTHER] += rest;
		add_place(&f->part[p->state == 'D' ? WHY_DISK : WHY_OTHER],
			p->state == 'D' ? "in D in the last frame" : "not sampled", rest, 0, 0);
		add_task(f, p->comm, &x, time);
	}
}

static void sort_places(struct why_part *part)
{
	for (size_t i = 1; i < part->n_places; i++) {
		struct why_place p = part->place[i];
		size_t k = i;

		for (; k > 0 && part->place[k - 1].ns < p.ns; k--)
			part->place[k] = part->place[k - 1];
		part->place[k] = p;
	}
}

static bool before(const struct why_part *a, const struct why_part *b)
{
	if ((a->state < WHY_IDLE) != (b->state < WHY_IDLE))
		return a->state < WHY_IDLE;
	return a->ns > b->ns;
}

static void rank_parts(struct fold *f)
{
	struct why *y = f->why;

	for (int s = 0; s < WHY_STATES; s++) {
		size_t k = y->n_parts;

		f->part[s].state = (enum why_state)s;
		if (f->part[s].ns <= 0)
			continue;
		sort_places(&f->part[s]);
		for (; k > 0 && before(&f->part[s], &y->part[k - 1]); k--)
			y->part[k] = y->part[k - 1];
		y->part[k] = f->part[s];
		y->n_parts++;
	}
	y->leading = y->n_parts ? y->part[0].state : WHY_OTHER;
	if (y->busy_ns >= WHY_BUSY_RATIO * (double)y->watched_ns)
		return;
	for (size_t i = 0; i < y->n_parts; i++) {
		if (y->part[i].state >= WHY_IDLE) {
			y->leading = y->part[i].state;
			return;
		}
	}
}

static void rank_groups(struct why *y)
{
	for (size_t i = 0; i < y->n_groups; i++) {
		struct why_group g = y->group[i];
		int from = g.busy_ns > 0 ? 0 : WHY_IDLE, to = g.busy_ns > 0 ? WHY_IDLE : WHY_STATES;
		size_t k = i;

		g.leading = (enum why_state)from;
		for (int s = from; s < to; s++) {
			if (g.ns[s] > g.ns[g.leading])
				g.leading = (enum why_state)s;
		}
		for (; k > 0 && y->group[k - 1].busy_ns < g.busy_ns; k--)
			y->group[k] = y->group[k - 1];
		y->group[k] = g;
	}
}

int why_fold(const struct model *m, const uint64_t *pids, size_t n_pids, struct arena *a,
	struct why *ret_why)
{
	const struct table *times = frame_table(m->now, TABLE_task_time);
	struct fold f = { .m = m, .pid = pids, .n_pids = n_pids, .arena = a, .why = ret_why };
	int err = 0;

	*ret_why = (struct why){ .sampled = table_usable(times) };
	f.scene.m = m;
	f.scene.arena = a;
	fold_limits(&f);
	fold_processes(&f);
	fold_ends(&f);
	if (ret_why->sampled)
		err = fold_samples(&f, times);
	else
		fold_frames(&f);
	if (err < 0)
		return err;
	rank_parts(&f);
	rank_groups(ret_why);
	return a->failed ? -ENOMEM : 0;
}

static bool suspect(const struct table *places, const struct task_place *p, enum table_id table)
{
	enum { FUTEX_COMMAND = 0x7f, FUTEX_WAIT_BITSET = 9, FUTEX_WAIT_REQUEUE_PI = 11 };
	uint64_t command = p->operation & FUTEX_COMMAND;

	if (table == TABLE_task_wait)
		return p->state == 'D';
	return strcmp(table_text(places, p->call), "futex") == 0 && command != FUTEX_WAIT_BITSET &&
	       command != FUTEX_WAIT_REQUEUE_PI;
}

size_t why_suspects(const struct model *m, enum table_id table, uint64_t *ret_tids, size_t max)
{
	const struct table *places = frame_table(m->now, TABLE_task_place);
	size_t n = 0;

	if (!table_usable(places))
		return 0;
	for (table_each(const struct task_place, p, places)) {
		bool known = false;

		if (n == max || !suspect(places, p, table))
			continue;
		for (size_t i = 0; i < n && !known; i++)
			known = ret_tids[i] == p->tid;
		if (!known)
			ret_tids[n++] = p->tid;
	}
	return n;
}
