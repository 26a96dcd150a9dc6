/* SPDX-License-Identifier: MIT */
#include "check/kernel.h"

#include "base/human.h"

#include <string.h>

int kernel_kind(const struct table *t, const struct klog_event *e, const char *const *kinds)
{
	for (int i = 0; i < KERNEL_KINDS_MAX && kinds[i]; i++) {
		if (strcmp(table_text(t, e->kind), kinds[i]) == 0)
			return i;
	}
	return -1;
}

static struct kernel_thing *find(const struct kernel_things *things, const char *name)
{
	for (size_t i = 0; i < things->n; i++) {
		if (strcmp(things->at[i].name, name) == 0)
			return &things->at[i];
	}
	return NULL;
}

const struct kernel_thing *kernel_named(const struct kernel_things *things, const char *name)
{
	return find(things, name);
}

static struct kernel_thing *thing_of(struct kernel_things *things, size_t room, const char *name)
{
	struct kernel_thing *one = find(things, name);

	if (one || things->n == room)
		return one;
	one = &things->at[things->n++];
	*one = (struct kernel_thing){ .name = name };
	one->all.what = "";
	for (size_t i = 0; i < KERNEL_KINDS_MAX; i++)
		one->of[i].what = "";
	return one;
}

/* A row is what began within an hour: it counts as young as its last. */
static void add(
	struct kernel_count *c, const struct table *t, const struct klog_event *e, uint64_t age_ns)
{
	const char *what = table_text(t, e->what);
	uint64_t n = e->n;

	c->n += n;
	c->hour += age_ns <= KERNEL_HOUR_NS ? n : 0;
	c->day += age_ns <= KERNEL_DAY_NS ? n : 0;
	if (what[0])
		c->what = what;
	if (e->last_ns > c->last_ns)
		c->last_ns = e->last_ns;
}

static uint64_t age_of(const struct model *m, const struct klog_event *e)
{
	uint64_t now_ns = m->now->boottime_ns;

	if (!row_has(e->has, KLOG_EVENT_last_ns))
		return UINT64_MAX;
	return now_ns > e->last_ns ? now_ns - e->last_ns : 0;
}

static void take(struct kernel_thing *one, int kind, const struct model *m, const struct table *t,
	const struct klog_event *e)
{
	uint64_t age = age_of(m, e);

	add(&one->of[kind], t, e, age);
	add(&one->all, t, e, age);
	if (e->last_ns >= one->last_ns) {
		one->last_ns = e->last_ns;
		one->pid = e->pid;
		one->sequence = e->sequence;
	}
	if (age != UINT64_MAX && (!one->first_ns || e->first_ns < one->first_ns))
		one->first_ns = e->first_ns;
}

/* Rows of kinds that are of one thing; what was summed up may be of any. */
static size_t count_rows(const struct model *m, const struct table *t, const char *const *kinds,
	struct kernel_things *things)
{
	size_t n = 0;

	for (table_each(const struct klog_event, e, t)) {
		if (kernel_kind(t, e, kinds) < 0)
			continue;
		if (e->folded == 0) {
			n++;
			continue;
		}
		uint64_t age = age_of(m, e);

		things->lost |= age <= KERNEL_DAY_NS || age == UINT64_MAX;
	}
	return n;
}

void kernel_fold(struct judgement *j, const struct model *m, const char *const *kinds,
	const char *(*name_of)(struct judgement *j, const struct model *m, const char *name),
	struct kernel_things *ret)
{
	const struct table *t = frame_table(m->now, TABLE_klog_event);

	*ret = (struct kernel_things){ 0 };
	if (!table_usable(t))
		return;
	size_t room = count_rows(m, t, kinds, ret);

	room = room < KERNEL_THINGS_MAX ? room : KERNEL_THINGS_MAX;
	if (room > 0)
		ret->at = arena_new(&j->arena, room * sizeof(*ret->at));
	if (!ret->at) {
		ret->lost |= room > 0;
		return;
	}
	for (table_each(const struct klog_event, e, t)) {
		int kind = kernel_kind(t, e, kinds);
		const char *name = table_text(t, e->comm ? e->comm : e->device);

		if (kind < 0 || e->folded > 0)
			continue;
		name = name_of ? name_of(j, m, name) : name;
		struct kernel_thing *one = name ? thing_of(ret, room, name) : NULL;

		if (one)
			take(one, kind, m, t, e);
		else
			ret->lost |= name != NULL;
	}
}

enum verdict kernel_verdict(struct judgement *j, const struct kernel_things *things, bool sad)
{
	if (sad)
		return VERDICT_SAD;
	if (!things->lost)
		return VERDICT_FINE;
	return judge_unknown_why(j, STATE_LATE,
		"the kernel log of this day tells of more different things than murphy keeps");
}

const char *kernel_ago(struct judgement *j, const struct model *m, uint64_t at_ns)
{
	uint64_t now_ns = m->now->boottime_ns;

	if (at_ns == 0)
		return "";
	return judge_text(j, " %s ago", human_ns(now_ns > at_ns ? (double)(now_ns - at_ns) : 0).s);
}

const char *kernel_last(struct judgement *j, const struct model *m, uint64_t at_ns)
{
	return judge_text(
		j, ", the last%s", at_ns ? kernel_ago(j, m, at_ns) : " at an unknown time");
}

bool kernel_over(const struct model *m, uint64_t last_ns)
{
	return m->now->boottime_ns > last_ns + 60ull * 1000000000u;
}

void kernel_evidence(struct judgement *j, struct finding *f, const char *name,
	const struct kernel_count *c, double threshold, const char *why)
{
	finding_evidence(f, judge_text(j, "klog_event.%s_last_hour", name), UNIT_COUNT,
		reading_of((double)c->hour), "kernel log", reading_of(threshold), why);
	finding_evidence(f, judge_text(j, "klog_event.%s_last_day", name), UNIT_COUNT,
		reading_of((double)c->day), "kernel log", reading_none(STATE_ABSENT), NULL);
	if (c->n > c->day)
		finding_evidence(f, judge_text(j, "klog_event.%s_in_log", name), UNIT_COUNT,
			reading_of((double)c->n), "kernel log", reading_none(STATE_ABSENT),
			"older than a day, or of unknown age, counts no more");
}

bool kernel_removable(const char *target)
{
	return strncmp(target, "/media/", 7) == 0 || strncmp(target, "/run/media/", 11) == 0;
}

struct entity kernel_device(struct judgement *j, const char *name)
{
	return (struct entity){ .kind = ENTITY_DEVICE, .name = judge_text(j, "%s", name) };
}
