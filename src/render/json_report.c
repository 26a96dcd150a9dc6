/* SPDX-License-Identifier: MIT */
#include "render/json_report.h"

#include "base/json.h"
#include "base/version.h"
#include "table/json.h"

#include <stdio.h>
#include <time.h>

struct json json_begin_kind(struct strbuf *out, const char *kind)
{
	struct json j = json_to(out);

	json_begin_object(&j);
	json_key(&j, "schema_version");
	json_u64(&j, JSON_SCHEMA_VERSION);
	json_key(&j, "kind");
	json_str(&j, kind);
	return j;
}

void json_end_kind(struct json *j)
{
	json_end_object(j);
	json_end_line(j);
}

static void put_reading(struct json *j, struct reading r)
{
	if (reading_ok(r))
		json_double(j, r.value);
	else
		json_none(j);
}

static void put_time(struct json *j, uint64_t wall_ns)
{
	time_t s = (time_t)(wall_ns / 1000000000u);
	struct tm tm;
	char text[32];

	if (wall_ns == 0 || !gmtime_r(&s, &tm)) {
		json_none(j);
		return;
	}
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_str(j, text);
}

static const char *const alarm_sign[] = { [ALARM_NONE] = "",
	[ALARM_ABOVE] = ">",
	[ALARM_FROM] = ">=",
	[ALARM_BELOW] = "<",
	[ALARM_TO] = "<=" };

static void put_evidence(struct json *j, const struct evidence *e)
{
	json_begin_object(j);
	json_member(j, "metric", e->metric);
	json_key(j, "value");
	if (e->text)
		json_str(j, e->text);
	else
		put_reading(j, e->value);
	json_member(j, "unit", e->text ? "text" : unit_name(e->unit));
	if (!e->text && !reading_ok(e->value))
		json_member(j, "state", state_name(e->value.state));
	json_member(j, "source", e->source);
	json_key(j, "threshold");
	put_reading(j, e->threshold);
	if (e->alarm != ALARM_NONE) {
		json_member(j, "alarm", alarm_sign[e->alarm]);
		json_key(j, "fired");
		json_bool(j, evidence_fired(e));
	}
	if (e->why)
		json_member(j, "why", e->why);
	json_end_object(j);
}

void json_entities(struct json *j, const char *name, const struct entity *e, size_t n)
{
	json_key(j, name);
	json_begin_array(j);
	for (size_t i = 0; i < n; i++) {
		json_begin_object(j);
		json_member(j, "kind", entity_kind_name(e[i].kind));
		json_member(j, "name", e[i].name ? e[i].name : "");
		if (e[i].pid)
			json_member_u64(j, "pid", e[i].pid);
		if (e[i].cgroup)
			json_member(j, "cgroup", e[i].cgroup);
		if (e[i].detail)
			json_member(j, "detail", e[i].detail);
		json_end_object(j);
	}
	json_end_array(j);
}

static void put_known(struct json *j, const struct known *k)
{
	json_key(j, "known");
	json_begin_object(j);
	json_member(j, "reason", k->reason);
	json_member(j, "until", k->until);
	json_member(j, "file", k->file);
	json_member_u64(j, "line", k->line);
	json_end_object(j);
}

void json_finding(const struct finding *f, const struct model *m, bool gone, struct strbuf *out)
{
	struct json j = json_begin_kind(out, "finding");
	uint64_t boot = m->now->boottime_ns, wall = m->now->walltime_ns;

	json_member(&j, "id", f->id);
	if (gone) {
		json_key(&j, "gone");
		json_bool(&j, true);
	}
	json_member(&j, "severity", severity_name(f->severity));
	json_member(&j, "confidence", confidence_name(f->confidence));
	json_member(&j, "title", f->title);
	json_key(&j, "evidence");
	json_begin_array(&j);
	for (size_t i = 0; i < f->n_evidence; i++)
		put_evidence(&j, &f->evidence[i]);
	json_end_array(&j);
	json_member(&j, "cause", f->cause);
	json_entities(&j, "culprits", f->culprits, f->n_culprits);
	json_entities(&j, "victims", f->victims, f->n_victims);
	json_member_u64(&j, "more_victims", f->more_victims);
	json_key(&j, "do");
	json_begin_array(&j);
	for (size_t i = 0; i < f->n_todo; i++)
		json_str(&j, f->todo[i]);
	json_end_array(&j);
	json_member(&j, "refuted_if", f->refuted_if);
	json_key(&j, "since");
	bool known = f->since_ns && boot > f->since_ns && wall > boot - f->since_ns;

	put_time(&j, known ? wall - (boot - f->since_ns) : 0);
	if (f->past) {
		json_key(&j, "past");
		json_bool(&j, true);
	}
	json_member(&j, "under", f->parent ? f->parent->id : NULL);
	if (f->known)
		put_known(&j, f->known);
	if (f->known_cause)
		json_member(&j, "known_cause", f->known_cause->id);
	json_end_kind(&j);
}

/* Members of a row of its table; a cell that it lacks is null. */
static void member_cell(struct json *j, const char *name, const struct table *t, const void *row,
	unsigned int column)
{
	json_key(j, name);
	json_cell(j, t, row, column);
}

/* What changed in the last day; null when it could not be read. */
static void put_changes(struct json *j, const struct table *t)
{
	json_key(j, "changes");
	if (!table_usable(t)) {
		json_none(j);
		return;
	}
	json_begin_array(j);
	for (table_each(const struct change, c, t)) {
		json_begin_object(j);
		json_member(j, "what", table_text(t, c->kind));
		if (c->name)
			json_member(j, "name", table_text(t, c->name));
		if (c->was)
			json_member(j, "was", table_text(t, c->was));
		if (c->now)
			json_member(j, "now", table_text(t, c->now));
		if (row_has(c->has, CHANGE_at_wall_ns)) {
			json_key(j, "time");
			put_time(j, c->at_wall_ns);
		}
		json_end_object(j);
	}
	json_end_array(j);
}

void json_host_members(struct json *j, const struct report *r)
{
	const struct frame *f = r->model->now;
	const struct table *t = frame_table(f, TABLE_host);
	const struct host_row *h = table_only(t);
	const struct meminfo *m = frame_row(f, TABLE_meminfo);

	json_member(j, "murphy", murphy_version);
	json_key(j, "time");
	put_time(j, f->walltime_ns);
	if (h) {
		member_cell(j, "name", t, h, HOST_name);
		member_cell(j, "kernel", t, h, HOST_release);
		member_cell(j, "boot_id", t, h, HOST_boot_id);
		member_cell(j, "os", t, h, HOST_os);
		member_cell(j, "machine", t, h, HOST_machine);
		member_cell(j, "cpus", t, h, HOST_cpus_online);
		member_cell(j, "uptime_ns", t, h, HOST_uptime_ns);
	}
	if (m)
		member_cell(
			j, "memory_bytes", frame_table(f, TABLE_meminfo), m, MEMINFO_total_bytes);
}

static void put_host(const struct report *r, struct strbuf *out)
{
	struct json j = json_begin_kind(out, "host");

	json_host_members(&j, r);
	put_changes(&j, frame_table(r->model->now, TABLE_change));
	json_end_kind(&j);
}

static void put_check(const struct check_result *c, struct strbuf *out)
{
	struct json j = json_begin_kind(out, "check");

	json_member(&j, "id", c->check->id);
	json_member(&j, "question", c->check->question);
	json_member(&j, "verdict", verdict_name(c->verdict));
	if (c->verdict == VERDICT_UNKNOWN) {
		json_member(&j, "state", state_name(c->state));
		json_member(&j, "why", c->why);
	}
	json_end_kind(&j);
}

static void put_source(const struct table *t, uint64_t now_ns, struct strbuf *out)
{
	struct json j = json_begin_kind(out, "source");

	json_member(&j, "table", t->schema->name);
	json_member(&j, "method", t->method);
	json_member(&j, "state", state_name(t->state));
	if (t->why[0])
		json_member(&j, "why", t->why);
	json_member_u64(&j, "rows", t->n);
	json_member_u64(&j, "seen", t->seen);
	json_member_u64(&j, "lost", t->lost);
	json_member_u64(&j, "age_ns", now_ns > t->taken_ns ? now_ns - t->taken_ns : 0);
	json_member_u64(&j, "cost_ns", t->cost_ns);
	json_end_kind(&j);
}

/* What is wrong with the rules of the house, and what is no longer known. */
static void put_house(const struct report *r, struct strbuf *out)
{
	const struct house *h = r->house;

	for (size_t i = 0; i < h->n_notices; i++) {
		const struct notice *n = &h->notice[i];
		struct json j = json_begin_kind(out, "config_error");

		json_member(&j, "file", n->file);
		json_member_u64(&j, "line", n->line);
		json_member(&j, "section", n->section);
		json_member(&j, "key", n->key);
		json_member(&j, "why", n->text);
		json_end_kind(&j);
	}
	for (size_t i = 0; i < h->n_known; i++) {
		const struct known *k = &h->known[i];
		struct json j;

		if (k->until_ns > r->now_ns)
			continue;
		j = json_begin_kind(out, "known_expired");
		json_member(&j, "id", k->id);
		json_member(&j, "culprit", k->culprit);
		put_known(&j, k);
		json_end_kind(&j);
	}
}

static void put_summary(const struct report *r, struct strbuf *out)
{
	struct json j = json_begin_kind(out, "summary");

	json_member_u64(&j, "findings", r->n_findings);
	json_member_u64(&j, "findings_lost", r->lost_findings);
	json_member_u64(&j, "checks", r->n_results);
	json_member_u64(&j, "sad", report_count(r, VERDICT_SAD));
	json_member_u64(&j, "fine", report_count(r, VERDICT_FINE));
	json_member_u64(&j, "young", report_count(r, VERDICT_YOUNG));
	json_member_u64(&j, "unknown", report_count(r, VERDICT_UNKNOWN));
	json_member_u64(&j, "known", r->n_known);
	json_member_u64(&j, "known_expired", report_expired(r));
	json_member_u64(
		&j, "config_errors", r->house ? r->house->n_notices + r->house->lost_notices : 0);
	json_member_u64(&j, "exit_code", (uint64_t)report_exit_code(r));
	json_member_u64(&j, "looked_ns", r->looked_ns);
	json_member_u64(&j, "wall_ns", r->wall_ns);
	json_member_u64(&j, "cost_cpu_ns", r->cpu_ns);
	json_member_u64(&j, "cost_peak_bytes", r->peak_bytes);
	json_member_u64(&j, "readers_stuck", r->stuck);
	json_end_kind(&j);
}

void json_report(const struct report *r, struct strbuf *out)
{
	put_host(r, out);
	for (size_t i = 0; i < r->n_findings; i++)
		json_finding(r->finding[i], r->model, false, out);
	for (size_t i = 0; i < r->n_known; i++)
		json_finding(r->known[i], r->model, false, out);
	for (size_t i = 0; i < r->n_results; i++)
		put_check(&r->result[i], out);
	if (r->house)
		put_house(r, out);
	for (int id = 1; id < TABLES; id++) {
		const struct table *t = frame_table(r->model->now, (enum table_id)id);

		if (t)
			put_source(t, r->model->now->boottime_ns, out);
	}
	put_summary(r, out);
}
