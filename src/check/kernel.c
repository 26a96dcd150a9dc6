/* SPDX-License-Identifier: MIT */
#include "check/kernel.h"

#include "base/human.h"

#include <string.h>

static int kind_of(const struct table *t, const struct klog_event *e, const char *const *kinds)
{
	for (int i = 0; i < KERNEL_KINDS_MAX && kinds[i]; i++) {
		if (strcmp(table_text(t, e->kind), kinds[i]) == 0)
			return i;
	}
	return -1;
}

static struct kernel_thing *thing_of(struct kernel_things *things, const char *name)
{
	for (size_t i = 0; i < things->n; i++) {
		if (strcmp(things->at[i].name, name) == 0)
			return &things->at[i];
	}
	if (things->n == KERNEL_THINGS_MAX)
		return NULL;
	struct kernel_thing *one = &things->at[things->n++];

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

void kernel_fold(const struct model *m, const char *const *kinds,
	const char *(*name_of)(const struct model *m, const char *name), struct kernel_things *ret)
{
	const struct table *t = frame_table(m->now, TABLE_klog_event);
	uint64_t now_ns = m->now->boottime_ns;

	ret->n = 0;
	if (!table_usable(t))
		return;
	for (table_each(const struct klog_event, e, t)) {
		int kind = kind_of(t, e, kinds);
		bool timed = row_has(e->has, KLOG_EVENT_last_ns);
		const char *name = table_text(t, e->comm ? e->comm : e->device);

		if (kind < 0)
			continue;
		name = name_of ? name_of(m, name) : name;
		struct kernel_thing *one = name ? thing_of(ret, name) : NULL;

		if (!one)
			continue;
		uint64_t age = !timed ? UINT64_MAX : now_ns > e->last_ns ? now_ns - e->last_ns : 0;

		add(&one->of[kind], t, e, age);
		add(&one->all, t, e, age);
		if (e->last_ns >= one->last_ns) {
			one->last_ns = e->last_ns;
			one->pid = e->pid;
			one->sequence = e->sequence;
		}
		if (timed && (!one->first_ns || e->first_ns < one->first_ns))
			one->first_ns = e->first_ns;
	}
}

const char *kernel_ago(struct judgement *j, const struct model *m, uint64_t at_ns)
{
	uint64_t now_ns = m->now->boottime_ns;

	if (at_ns == 0)
		return "";
	return judge_text(j, " %s ago", human_ns(now_ns > at_ns ? (double)(now_ns - at_ns) : 0).s);
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

struct entity kernel_device(struct judgement *j, const char *name)
{
	return (struct entity){ .kind = ENTITY_DEVICE, .name = judge_text(j, "%s", name) };
}
