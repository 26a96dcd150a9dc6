/* SPDX-License-Identifier: MIT */
#include "model/respawn.h"

#include "base/cursor.h"
#include "model/zombies.h"

#include <string.h>

/* Who lived longer than that is not in a hurry: another look will see it again. */
static const uint64_t SHORT_NS = UINT64_C(10000000000);
/* What start times are rounded down to. */
static const uint64_t TICK_NS = UINT64_C(10000000);
/* Not seen again for so long: over. */
static const uint64_t FORGET_NS = UINT64_C(600000000000);
/* A busy build ends more than this in two seconds; each is compared with all processes. */
enum { CANDIDATES = 256 };

struct pair {
	const struct process *gone, *born;
};

/* The only child of that parent and name in t that still runs; NULL when there is none or more. */
static const struct process *only_child(const struct table *t, uint64_t parent, const char *comm)
{
	const struct process *only = NULL;

	for (table_each(struct process, p, t)) {
		if (p->ppid != parent || zombie(p) || strcmp(table_text(t, p->comm), comm) != 0)
			continue;
		if (only)
			return NULL;
		only = p;
	}
	return only;
}

static bool young(const struct process *p, const struct table *t)
{
	return p->start_ns <= t->taken_ns && t->taken_ns - p->start_ns <= SHORT_NS;
}

/* p is gone: has the parent one of its name that was not there? */
static bool replaced(const struct model *m, const struct process *p, struct pair *ret)
{
	const struct table *now = frame_table(m->now, TABLE_process);
	const struct table *was = frame_table(m->was, TABLE_process);
	const char *comm = table_text(was, p->comm);
	const struct process *parent = table_find(now, p->ppid);

	/* Servers that fork: their children end as they should. */
	if (!parent || strcmp(table_text(now, parent->comm), comm) == 0 ||
		parent->start_ns > p->start_ns)
		return false;
	const struct process *born = only_child(now, p->ppid, comm);

	if (!born || born->start_ns < p->start_ns || born->start_ns + TICK_NS < was->taken_ns ||
		born->pid == p->pid || only_child(was, p->ppid, comm) != p)
		return false;
	*ret = (struct pair){ p, born };
	return true;
}

static uint64_t faults(const struct process *p)
{
	return p->minor_faults + p->child_minor_faults;
}

static uint64_t age(const struct process *p, uint64_t at_ns)
{
	return at_ns > p->start_ns ? at_ns - p->start_ns : 0;
}

/* A life took at least as long as one of the two was seen to live. */
static double lives_of(const struct model *m, const struct process *parent, const struct pair *p)
{
	uint64_t now_ns = frame_table(m->now, TABLE_process)->taken_ns;
	uint64_t gone_ns = age(p->gone, frame_table(m->was, TABLE_process)->taken_ns);
	uint64_t born_ns = age(p->born, now_ns), life_ns = gone_ns > born_ns ? gone_ns : born_ns;
	uint64_t one = faults(p->gone) > faults(p->born) ? faults(p->gone) : faults(p->born);

	if (!row_has(parent->has, PROCESS_child_minor_faults) || one == 0)
		return 0;
	double lives = (double)parent->child_minor_faults / (double)one;
	double room = (double)age(parent, now_ns) / (double)(life_ns > TICK_NS ? life_ns : TICK_NS);

	return lives < room ? lives : room;
}

/* The row of that parent and name, a new one, or, when all are taken, the one last seen first. */
static struct respawn *row_for(
	struct respawn_model *rm, const struct process *parent, const char *comm)
{
	struct respawn *oldest = &rm->row[0];

	for (size_t i = 0; i < rm->n; i++) {
		struct respawn *r = &rm->row[i];

		if (r->parent == parent->pid && r->parent_start_ns == parent->start_ns &&
			strcmp(r->comm, comm) == 0)
			return r;
		if (r->last_ns < oldest->last_ns)
			oldest = r;
	}
	struct respawn *r = rm->n < RESPAWN_MAX ? &rm->row[rm->n++] : oldest;

	*r = (struct respawn){ .parent = parent->pid, .parent_start_ns = parent->start_ns };
	span_copy((struct span){ comm, strlen(comm) }, r->comm, sizeof(r->comm));
	return r;
}

static void note(struct respawn_model *rm, const struct model *m, const struct pair *p)
{
	const struct table *now = frame_table(m->now, TABLE_process);
	const struct process *parent = table_find(now, p->gone->ppid);
	char comm[RESPAWN_COMM];
	const char *name = table_text(now, p->born->comm);

	span_copy((struct span){ name, strlen(name) }, comm, sizeof(comm));
	struct respawn *r = row_for(rm, parent, comm);

	r->leaders = p->gone->session == p->gone->pid && p->born->session == p->born->pid;
	r->now = true;
	r->pid = p->born->pid;
	r->gone = p->gone->pid;
	r->lived_ns = p->born->start_ns - p->gone->start_ns;
	r->seen++;
	r->last_ns = now->taken_ns;
	if (r->first_ns == 0)
		r->first_ns = now->taken_ns;
	r->lives = lives_of(m, parent, p);
}

static void forget(struct respawn_model *rm, uint64_t now_ns)
{
	size_t kept = 0;

	for (size_t i = 0; i < rm->n; i++) {
		rm->row[i].now = false;
		if (now_ns < rm->row[i].last_ns || now_ns - rm->row[i].last_ns > FORGET_NS)
			continue;
		rm->row[kept++] = rm->row[i];
	}
	rm->n = kept;
}

static int step(void *self, const struct model *m, struct arena *a)
{
	struct respawn_model *rm = self;
	const struct table *now = frame_table(m->now, TABLE_process);
	const struct table *was = frame_table(m->was, TABLE_process);
	size_t candidates = 0;
	struct pair pair;

	(void)a;
	if (!table_usable(now))
		return 0;
	forget(rm, now->taken_ns);
	if (model_elapsed_ns(m, TABLE_process) == 0)
		return 0;
	for (table_each(struct process, p, was)) {
		if (p->kthread || p->ppid == 0 || zombie(p) || !young(p, was))
			continue;
		if (candidates == CANDIDATES)
			break;
		const struct process *same = table_same(now, was, p);

		if (same && same->start_ns == p->start_ns && !zombie(same))
			continue;
		candidates++;
		if (replaced(m, p, &pair))
			note(rm, m, &pair);
	}
	return 0;
}

const struct model_row model_respawn = {
	.name = "respawn",
	.needs = { { .table = TABLE_process, .rate = true, .optional = true } },
	.size = sizeof(struct respawn_model),
	.step = step,
};
