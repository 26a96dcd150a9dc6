/* SPDX-License-Identifier: MIT */
#include "check/check.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(name) extern const struct check check_##name;
#include "check/check.def"
#undef CHECK

const struct check *const checks[] = {
#define CHECK(name) &check_##name,
#include "check/check.def"
#undef CHECK
};
const size_t n_checks = ARRAY_SIZE(checks);

/* Where a finding of the check being judged goes; NULL: nowhere. */
static struct finding **place_for(struct judgement *j, enum severity severity)
{
	struct finding **least = NULL;
	size_t own = 0;

	for (size_t i = 0; i < j->n_findings; i++) {
		if (strcmp(j->finding[i]->id, j->check->id) != 0)
			continue;
		own++;
		if (!least || j->finding[i]->severity < (*least)->severity)
			least = &j->finding[i];
	}
	if (own < FINDINGS_EACH_MAX && j->n_findings < FINDINGS_MAX)
		return &j->finding[j->n_findings];
	return least && (*least)->severity < severity ? least : NULL;
}

struct finding *judge_finding(
	struct judgement *j, enum severity severity, enum confidence confidence)
{
	static struct finding scratch;
	struct finding **place = place_for(j, severity);
	struct finding *f = place ? arena_new(&j->arena, sizeof(*f)) : NULL;

	if (f && place == &j->finding[j->n_findings])
		j->n_findings++;
	else
		j->lost_findings++;
	if (f) {
		*place = f;
	} else {
		scratch = (struct finding){ 0 };
		f = &scratch;
	}
	f->id = j->check->id;
	f->severity = severity;
	f->confidence = confidence;
	f->title = f->cause = f->refuted_if = "";
	return f;
}

const char *judge_text(struct judgement *j, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	const char *text = arena_vprintf(&j->arena, fmt, ap);

	va_end(ap);
	return text;
}

void finding_evidence(struct finding *f, const char *metric, enum unit unit, struct reading value,
	const char *source, struct reading threshold, const char *why)
{
	bool any = reading_ok(threshold) && threshold.value == 0;

	finding_evidence_alarm(
		f, metric, unit, value, source, any ? ALARM_ABOVE : ALARM_FROM, threshold, why);
}

void finding_evidence_alarm(struct finding *f, const char *metric, enum unit unit,
	struct reading value, const char *source, enum alarm alarm, struct reading threshold,
	const char *why)
{
	if (f->n_evidence < EVIDENCE_MAX)
		f->evidence[f->n_evidence++] = (struct evidence){ .metric = metric,
			.unit = unit,
			.value = value,
			.source = source,
			.threshold = threshold,
			.alarm = reading_ok(threshold) ? alarm : ALARM_NONE,
			.why = why };
}

void finding_evidence_text(
	struct finding *f, const char *metric, const char *text, const char *source)
{
	if (f->n_evidence < EVIDENCE_MAX)
		f->evidence[f->n_evidence++] =
			(struct evidence){ .metric = metric, .text = text, .source = source };
}

void finding_culprit(struct finding *f, struct entity e)
{
	if (f->n_culprits < ENTITIES_MAX)
		f->culprits[f->n_culprits++] = e;
}

void finding_victim(struct finding *f, struct entity e)
{
	if (f->n_victims < ENTITIES_MAX)
		f->victims[f->n_victims++] = e;
	else
		f->more_victims++;
}

void finding_todo(struct finding *f, const char *text)
{
	if (f->n_todo < TODO_MAX)
		f->todo[f->n_todo++] = text;
}

enum verdict judge_unknown_why(struct judgement *j, enum state state, const char *why)
{
	j->unknown_state = state;
	j->unknown_why = why;
	return VERDICT_UNKNOWN;
}

enum verdict judge_unknown(struct judgement *j, const struct model *m, enum table_id table)
{
	const struct table *t = frame_table(m->now, table);

	if (!t)
		return judge_unknown_why(j, STATE_ABSENT, "not read");
	if (t->state != STATE_OK && t->why[0])
		return judge_unknown_why(j, t->state, t->why);
	/* It is there, so what is missing is the reading before it. */
	if (t->state == STATE_OK)
		return judge_unknown_why(j, STATE_ABSENT,
			judge_text(j, "%s: %s", t->schema->name,
				m->was ? "the earlier reading is missing"
				       : "needs two readings, and there is one"));
	return judge_unknown_why(
		j, t->state, judge_text(j, "%s: %s", t->schema->name, state_name(t->state)));
}

static bool asks_grow(struct judgement *j)
{
	size_t want = j->asks_size ? j->asks_size * 2 : 256;
	struct ask *ask = want <= ASKS_MAX ? arena_new(&j->arena, want * sizeof(*ask)) : NULL;

	if (!ask)
		return false;
	if (j->n_asks)
		memcpy(ask, j->ask, j->n_asks * sizeof(*ask));
	j->ask = ask;
	j->asks_size = want;
	return true;
}

int ask_compare(const void *a, const void *b)
{
	const struct ask *x = a, *y = b;

	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	return (x->key > y->key) - (x->key < y->key);
}

/* A table that nobody granted keys of is one that a test or a tree has whole. */
static bool looked_for(const struct judgement *j, const struct model *m, const struct ask *ask)
{
	bool part = false;

	if (!frame_table(m->now, ask->table))
		return false;
	for (size_t i = 0; i < j->n_granted && !part; i++)
		part = j->granted[i].table == ask->table;
	return !part || bsearch(ask, j->granted, j->n_granted, sizeof(*ask), ask_compare);
}

bool judge_ask(struct judgement *j, const struct model *m, enum table_id table, uint64_t key)
{
	struct ask ask = { table, key };

	if (looked_for(j, m, &ask))
		return true;
	if (j->n_asks < j->asks_size || asks_grow(j))
		j->ask[j->n_asks++] = ask;
	return false;
}

const char *severity_name(enum severity s)
{
	static const char *const names[] = { "info", "warning", "critical" };

	return names[s];
}

const char *confidence_name(enum confidence c)
{
	static const char *const names[] = { "possible", "likely", "certain" };

	return names[c];
}

const char *entity_kind_name(enum entity_kind k)
{
	static const char *const names[] = { "host", "process", "cgroup", "device", "mount",
		"listener", "connection", "slab", "peer", "unit", "row", "interface" };

	return names[k];
}

const char *verdict_name(enum verdict v)
{
	static const char *const names[] = { "unknown", "fine", "sad", "young", "ask" };

	return names[v];
}

bool evidence_fired(const struct evidence *e)
{
	return !e->text && alarm_fired(e->alarm, e->value, e->threshold);
}

bool entity_same(const struct entity *a, const struct entity *b)
{
	return a->kind == b->kind && a->pid == b->pid &&
	       strcmp(a->name ? a->name : "", b->name ? b->name : "") == 0;
}
