/* SPDX-License-Identifier: MIT */
#include "render/json_report.h"
#include "render/nagle.h"

/* 0: there is none. */
static void put_some(struct json *j, const char *name, uint64_t value)
{
	json_key(j, name);
	if (value)
		json_u64(j, value);
	else
		json_none(j);
}

static void put_group(const struct nagle_group *g, struct strbuf *out)
{
	struct json j = json_begin_kind(out, "nagle");

	put_some(&j, "pid", g->pid);
	json_member(&j, "command", g->command);
	json_member_u64(&j, "netns", g->netns);
	json_member(&j, "local", g->local);
	put_some(&j, "local_port", g->local_port);
	json_member(&j, "peer", g->peer);
	put_some(&j, "peer_port", g->peer_port);
	json_member_u64(&j, "connections", g->connections);
	json_member_u64(&j, "sends", g->sends);
	json_member_u64(&j, "holds", g->holds);
	json_member_u64(&j, "held_ns", g->held_ns);
	json_member_u64(&j, "mean_ns", g->holds ? g->held_ns / g->holds : 0);
	json_member_u64(&j, "longest_ns", g->longest_ns);
	json_member_u64(&j, "stalls", g->stalls);
	json_member_u64(&j, "stalled_ns", g->stalled_ns);
	json_member_u64(&j, "answered", g->answered);
	json_member_u64(&j, "delayed_acks", g->delayed_acks);
	put_some(&j, "acker_pid", g->acker_pid);
	json_member(&j, "acker", g->acker);
	json_member_u64(&j, "sent_bytes", g->worst->sent_bytes);
	json_member_u64(&j, "held_bytes", g->worst->held_bytes);
	json_end_kind(&j);
}

/* What was not watched is not zero. */
static void put_sum(struct json *j, const char *name, const struct nagle_report *r, uint64_t value)
{
	json_key(j, name);
	if (r->watch)
		json_u64(j, value);
	else
		json_none(j);
}

static void put_column(
	struct json *j, const char *name, const struct nagle_report *r, unsigned int column)
{
	const struct table *t = frame_table(r->frame, TABLE_nagle_watch);
	struct reading value =
		r->watch ? table_cell(t, r->watch, column) : reading_none(STATE_ABSENT);

	json_key(j, name);
	if (reading_ok(value))
		json_u64(j, (uint64_t)value.value);
	else
		json_none(j);
}

static void put_rates(struct json *j, const struct nagle_watch *w)
{
	bool counted = w && row_has(w->has, NAGLE_WATCH_run_ns);

	json_key(j, "ns_per_run");
	if (counted && w->runs > 0)
		json_double(j, (double)w->run_ns / (double)w->runs);
	else
		json_none(j);
	json_key(j, "cpu_share");
	if (counted && w->watched_ns > 0)
		json_double(j, (double)w->run_ns / (double)w->watched_ns);
	else
		json_none(j);
}

static void put_watch(const struct nagle_report *r, int exit_code, struct strbuf *out)
{
	const struct table *t = frame_table(r->frame, TABLE_nagle_watch);
	struct json j = json_begin_kind(out, "nagle_watch");

	json_member(&j, "state", state_name(r->state));
	json_member(&j, "why", r->watch ? NULL : r->why);
	json_member(&j, "probe",
		r->watch && row_has(r->watch->has, NAGLE_WATCH_probe)
			? table_text(t, r->watch->probe)
			: NULL);
	put_column(&j, "watched_ns", r, NAGLE_WATCH_watched_ns);
	put_column(&j, "sends", r, NAGLE_WATCH_sends);
	put_column(&j, "connections", r, NAGLE_WATCH_connections);
	put_column(&j, "lost", r, NAGLE_WATCH_lost);
	put_sum(&j, "groups", r, r->n);
	put_sum(&j, "holds", r, r->holds);
	put_sum(&j, "held_ns", r, r->held_ns);
	put_sum(&j, "stalls", r, r->stalls);
	put_sum(&j, "stalled_ns", r, r->stalled_ns);
	put_column(&j, "runs", r, NAGLE_WATCH_runs);
	put_column(&j, "run_ns", r, NAGLE_WATCH_run_ns);
	put_rates(&j, r->watch);
	json_member_u64(&j, "exit_code", (uint64_t)exit_code);
	json_end_kind(&j);
}

void nagle_json(const struct nagle_report *r, int exit_code, struct strbuf *out)
{
	size_t n = r->top && r->top < r->n ? r->top : r->n;

	for (size_t i = 0; i < n; i++)
		put_group(&r->group[i], out);
	put_watch(r, exit_code, out);
}
