/* SPDX-License-Identifier: MIT */
#include "render/json_report.h"
#include "render/tcp.h"
#include "table/json.h"

#include <errno.h>
#include <string.h>

/* Columns that stand under the name of another, or as a word. */
static bool is_renamed(unsigned int column)
{
	return column == TCP_SOCKET_state || column == TCP_SOCKET_timer ||
	       column == TCP_SOCKET_loops;
}

static const char *timer_name(uint32_t timer)
{
	static const char *const names[] = { "none", "retransmit", "keepalive", "time-wait",
		"probe" };

	return timer < ARRAY_SIZE(names) ? names[timer] : "?";
}

/* A cell that is missing is left out: absent is not null. */
static void put_cells(struct json *j, const struct table *t, const struct tcp_socket *s)
{
	for (unsigned int c = 0; c < t->schema->n_columns; c++) {
		if (is_renamed(c) || !row_has(s->has, c))
			continue;
		json_key(j, t->schema->columns[c].name);
		json_cell(j, t, s, c);
	}
}

static void put_owner(struct json *j, const struct tcp_report *r, const struct tcp_connection *c)
{
	if (!c->owner) {
		/* No process has it, or who does is not known. */
		if (c->s->inode == 0 || (r->owners && !r->blind)) {
			json_key(j, "pid");
			json_none(j);
		}
		return;
	}
	json_member_u64(j, "pid", c->owner->pid);
	json_member(j, "command", c->comm);
	json_member_u64(j, "fd", c->owner->fd);
	if (row_has(c->owner->has, SOCKET_OWNER_holders))
		json_member_u64(j, "holders", c->owner->holders);
	if (c->cgroup)
		json_member(j, "cgroup", c->cgroup);
	if (c->unit.len) {
		json_key(j, "unit");
		json_text(j, c->unit.at, c->unit.len);
	}
}

/* errno's name: its number is another one on other architectures. */
static const char *error_name(int error)
{
	return error == ETIMEDOUT ? "ETIMEDOUT" : error == EHOSTUNREACH ? "EHOSTUNREACH" : NULL;
}

static void put_end(struct json *j, const struct tcp_report *r, const struct tcp_connection *c)
{
	struct tcp_end end = tcp_view_end(r, c);

	if (end.what == TCP_END_NOTHING)
		return;
	json_key(j, "end");
	json_begin_object(j);
	json_member(j, "what", tcp_end_name(end.what));
	json_member_u64(j, "in_ns", end.in_ns);
	json_member_u64(j, "least_ns", end.least_ns);
	json_member_u64(j, "most_ns", end.most_ns);
	if (end.error)
		json_member(j, "error", error_name(end.error));
	json_member(j, "rule", end.rule);
	json_key(j, "assumed");
	json_bool(j, end.assumed || end.settings_assumed);
	json_end_object(j);
}

static void put_connection(
	const struct tcp_report *r, const struct tcp_connection *c, struct strbuf *out)
{
	const struct table *t = frame_table(r->frame, TABLE_tcp_socket);
	struct json j = json_begin_kind(out, "connection");
	int64_t silence_ns = tcp_silence_ns(c->s);

	json_member(&j, "verdict", tcp_verdict_name(c->verdict));
	json_member(&j, "state", tcp_state_name(c->s->state));
	json_member(&j, "timer", timer_name(c->s->timer));
	json_member(&j, "limit", tcp_limit_name(c->limit));
	if (row_has(c->s->has, TCP_SOCKET_loops)) {
		json_key(&j, "loops");
		json_bool(&j, c->s->loops);
	}
	if (silence_ns >= 0)
		json_member_u64(&j, "silent_ns", (uint64_t)silence_ns);
	put_end(&j, r, c);
	put_cells(&j, t, c->s);
	put_owner(&j, r, c);
	json_end_kind(&j);
}

/* {"close-wait":3}: what there is. */
static void put_counts(struct json *j, const char *name, const char *(*name_of)(uint32_t),
	const uint64_t *count, size_t n)
{
	json_key(j, name);
	json_begin_object(j);
	for (size_t i = 0; i < n; i++) {
		if (count[i])
			json_member_u64(j, name_of((uint32_t)i), count[i]);
	}
	json_end_object(j);
}

static const char *name_of_verdict(uint32_t v)
{
	return tcp_verdict_name((enum tcp_verdict)v);
}

static void put_group(const struct tcp_report *r, const struct tcp_group *g, struct strbuf *out)
{
	struct json j = json_begin_kind(out, "connections");
	uint64_t verdict[TCP_VERDICTS], state[TCP_STATES];

	for (size_t i = 0; i < TCP_VERDICTS; i++)
		verdict[i] = g->verdict[i];
	for (size_t i = 0; i < TCP_STATES; i++)
		state[i] = g->state[i];
	json_member(&j, "by", tcp_by_name(r->by));
	json_member(&j, "name", g->name);
	if (g->pid)
		json_member_u64(&j, "pid", g->pid);
	json_member_u64(&j, "sockets", g->connections);
	json_member_u64(&j, "receive_queue", g->receive_queue);
	json_member_u64(&j, "send_queue", g->send_queue);
	if (g->silence_ns >= 0)
		json_member_u64(&j, "silent_ns", (uint64_t)g->silence_ns);
	put_counts(&j, "verdicts", name_of_verdict, verdict, TCP_VERDICTS);
	put_counts(&j, "states", tcp_state_name, state, TCP_STATES);
	json_end_kind(&j);
}

static void put_summary(const struct tcp_report *r, size_t listed, uint64_t unlisted, int exit_code,
	struct strbuf *out)
{
	const struct table *t = frame_table(r->frame, TABLE_tcp_socket);
	const struct table *hosts = frame_table(r->frame, TABLE_host);
	const struct host_row *h = table_only(hosts);
	struct json j = json_begin_kind(out, "tcp");

	if (h && row_has(h->has, HOST_name))
		json_member(&j, "host", table_text(hosts, h->name));
	json_member_u64(&j, "sockets", r->sockets);
	json_member_u64(&j, "listed", listed);
	json_member_u64(&j, "unlisted", unlisted);
	put_counts(&j, "verdicts", name_of_verdict, r->verdict, TCP_VERDICTS);
	put_counts(&j, "states", tcp_state_name, r->state, TCP_STATES);
	json_key(&j, "namespaces");
	json_begin_array(&j);
	uint64_t last = UINT64_MAX;

	for (table_each(const struct tcp_total, c, frame_table(r->frame, TABLE_tcp_total))) {
		if (c->netns != last)
			json_u64(&j, c->netns);
		last = c->netns;
	}
	json_end_array(&j);
	json_member(&j, "method", table_usable(t) ? t->method : NULL);
	if (table_usable(t)) {
		json_member_u64(&j, "taken_ns", t->taken_ns);
		json_member_u64(
			&j, "age_ns", r->now_ns > t->taken_ns ? r->now_ns - t->taken_ns : 0);
	}
	json_key(&j, "lost");
	json_begin_array(&j);
	for (size_t i = 0; i < r->n_lacks; i++)
		json_str(&j, r->lack[i]);
	json_end_array(&j);
	json_member_u64(&j, "exit_code", (uint64_t)exit_code);
	json_member_u64(&j, "wall_ns", r->wall_ns);
	json_member_u64(&j, "cost_cpu_ns", r->cpu_ns);
	json_member_u64(&j, "cost_peak_bytes", r->peak_bytes);
	json_end_kind(&j);
}

static size_t lines_of(const struct tcp_report *r)
{
	size_t all = r->by != TCP_BY_NONE ? r->n_groups : r->n_rows;

	return r->top && r->top < all ? r->top : all;
}

size_t tcp_json_rows(const struct tcp_report *r, size_t from, size_t most, struct strbuf *out)
{
	size_t n = lines_of(r), i = from;

	for (; i < n && i - from < most; i++) {
		if (r->by != TCP_BY_NONE)
			put_group(r, &r->group[i], out);
		else
			put_connection(r, &r->row[i], out);
	}
	return i - from;
}

void tcp_json_end(const struct tcp_report *r, int exit_code, struct strbuf *out)
{
	bool grouped = r->by != TCP_BY_NONE;
	size_t listed = grouped ? 0 : lines_of(r);

	put_summary(r, listed, r->unlisted + (grouped ? 0 : r->n_rows - listed), exit_code, out);
}
