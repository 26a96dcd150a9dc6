/* SPDX-License-Identifier: MIT */
#include "base/arena.h"
#include "render/json_report.h"
#include "render/tcp_join.h"
#include "render/tcp_join_words.h"

static void put_side(struct json *j, const char *name, const struct join_row *r, const char *host)
{
	char address[46];

	json_key(j, name);
	json_begin_object(j);
	json_member(j, "host", host);
	json_member(j, "state", tcp_state_name(r->state));
	json_member_u64(j, "cookie", r->cookie);
	join_address_text(r->local, address);
	json_member(j, "local", address);
	json_member_u64(j, "local_port", r->local_port);
	join_address_text(r->peer, address);
	json_member(j, "peer", address);
	json_member_u64(j, "peer_port", r->peer_port);
	json_member_u64(j, "receive_queue", r->receive_queue);
	json_member_u64(j, "send_queue", r->send_queue);
	json_member_u64(j, "retransmits", r->retransmits);
	if (r->heard_ns != UINT64_MAX)
		json_member_u64(j, "heard_ns", r->heard_ns);
	if (r->has_next) {
		json_member_u64(j, "send_next", r->send_next);
		json_member_u64(j, "receive_next", r->receive_next);
	}
	if (r->pid) {
		json_member_u64(j, "pid", r->pid);
		json_member(j, "command", r->command);
	}
	json_end_object(j);
}

static void put_finding(const struct join_view *v, const struct join_finding *f, struct strbuf *out)
{
	const struct join_words *w = join_words_of(f->cause);
	struct json j = json_begin_kind(out, "disagreement");
	auto_strbuf kill = { 0 };

	json_member(&j, "id", "tcp.disagree");
	json_member(&j, "cause", join_cause_name(f->cause));
	json_key(&j, "checked");
	json_bool(&j, f->checked);
	json_member(&j, "confidence", f->checked ? "high" : "low");
	put_side(&j, "here", &f->here, v->host[f->host]);
	json_member(&j, "other_host", v->host[!f->host]);
	if (f->has_there) {
		put_side(&j, "there", &f->there, v->host[!f->host]);
	} else {
		json_key(&j, "there");
		json_none(&j);
	}
	json_member(&j, "says", w->says);
	json_member(&j, "do", w->program);
	if (w->kill) {
		join_put_kill(&f->here, &kill);
		out->failed |= kill.failed;
		json_member(&j, "command", strbuf_text(&kill));
	}
	json_member(&j, "refuted_if", w->refuted);
	json_end_kind(&j);
}

static void put_host(struct json *j, const struct join_side *s, const char *host)
{
	json_begin_object(j);
	json_member(j, "host", host);
	json_member_u64(j, "sockets", s->rows);
	json_member_u64(j, "unlisted", s->unlisted);
	json_member_u64(j, "looks", s->looks + 1);
	json_member_u64(j, "connections", s->connections);
	json_member_u64(j, "elsewhere", s->elsewhere);
	json_member_u64(j, "translated", s->translated);
	json_member_u64(j, "perhaps_translated", s->perhaps_nat);
	json_member_u64(j, "ambiguous", s->both_have);
	json_member_u64(j, "unseen", s->unseen);
	json_member_u64(j, "addresses", s->addresses);
	json_end_object(j);
}

static void put_summary(const struct join_view *v, size_t listed, struct strbuf *out)
{
	const struct join_result *r = v->result;
	struct json j = json_begin_kind(out, "join");
	struct arena arena = { 0 };
	const char *gap[JOIN_GAPS];
	size_t n = join_gaps(v, &arena, gap);

	json_key(&j, "hosts");
	json_begin_array(&j);
	for (int h = 0; h < JOIN_HOSTS; h++)
		put_host(&j, &r->side[h], v->host[h]);
	json_end_array(&j);
	json_member_u64(&j, "joined", r->joined);
	json_member_u64(&j, "suspects", r->suspects);
	json_member_u64(&j, "dropped", r->dropped);
	json_member_u64(&j, "disagreements", r->n_findings);
	json_member_u64(&j, "checked", r->n_checked);
	json_member_u64(&j, "listed", listed);
	json_key(&j, "not_judged");
	json_begin_array(&j);
	for (size_t i = 0; i < n; i++)
		json_str(&j, gap[i]);
	json_end_array(&j);
	json_member_u64(&j, "exit_code", (uint64_t)v->exit_code);
	json_end_kind(&j);
	out->failed |= arena.failed;
	arena_release(&arena);
}

void tcp_join_json(const struct join_view *v, struct strbuf *out)
{
	const struct join_result *r = v->result;
	size_t n = v->top && v->top < r->n_findings ? v->top : r->n_findings;

	for (size_t i = 0; i < n; i++)
		put_finding(v, &r->finding[i], out);
	put_summary(v, n, out);
}
