/* SPDX-License-Identifier: MIT */
#include "render/why.h"

#include "base/json.h"
#include "render/json_report.h"
#include "render/words.h"

#include <stdio.h>
#include <string.h>

enum { LABEL = TEXT_LABEL, PLACES_SHOWN = 3, GROUPS_SHOWN = 8, STATE_COLUMNS = 10 };
enum { PLACE_COLUMN = 40 };

static double share(double ns, double all)
{
	return all > 0 ? ns / all : 0;
}

static void put_head(const struct why_report *r, const struct text_style *style, struct strbuf *out)
{
	const struct why *y = r->why;
	auto_strbuf text = { 0 };

	strbuf_printf(&text, "%s: %zu %s, %zu %s, %s %s", r->who, r->n_pids,
		r->n_pids == 1 ? "process" : "processes", y->tasks,
		y->tasks == 1 ? "thread" : "threads", y->sampled ? "watched" : "two frames over",
		human_ns((double)y->watched_ns).s);
	if (y->sampled)
		strbuf_printf(&text, ", %llu samples", (unsigned long long)y->samples);
	strbuf_printf(&text, ", cost %s CPU", human_ns((double)r->cpu_ns).s);
	words_wrap_buf(out, &text, 0, 2, style->width);
}

/* Of what is not idle; in a column of its own, as a pool of 200 idle threads hides the busy one. */
static void put_shares(const struct why *y, const struct why_part *p, struct strbuf *out)
{
	bool idle = p->state >= WHY_IDLE;

	strbuf_printf(out, "  %7s  %7s  ", human_ratio(share(p->ns, y->all_ns)).s,
		idle ? "idle" : human_ratio(share(p->ns, y->busy_ns)).s);
	strbuf_printf(out, "%-*s %7zu  ", STATE_COLUMNS, why_state_name(p->state), p->tasks);
}

static void put_parts(const struct why *y, const struct text_style *style, struct strbuf *out)
{
	strbuf_printf(out, "  %7s  %7s  %-*s %7s  %s\n", "of all", "of busy", STATE_COLUMNS,
		"state", "threads", "what");
	for (size_t i = 0; i < y->n_parts; i++) {
		const struct why_part *p = &y->part[i];

		put_shares(y, p, out);
		if (p->n_places == 0)
			strbuf_putc(out, '\n');
		for (size_t k = 0; k < p->n_places && k < PLACES_SHOWN; k++) {
			auto_strbuf text = { 0 };

			if (k > 0)
				words_pad(out, PLACE_COLUMN);
			if (p->n_places > 1)
				strbuf_printf(
					&text, "%s ", human_ratio(share(p->place[k].ns, p->ns)).s);
			why_place_words(&p->place[k], &text);
			words_wrap_buf(out, &text, PLACE_COLUMN, PLACE_COLUMN, style->width);
		}
	}
}

static void put_groups(const struct why *y, const struct text_style *style, struct strbuf *out)
{
	if (y->n_groups < 2)
		return;
	for (size_t i = 0; i < y->n_groups && i < GROUPS_SHOWN; i++) {
		const struct why_group *g = &y->group[i];
		auto_strbuf text = { 0 };

		strbuf_printf(&text, "%s (%zu): ", g->name, g->tasks);
		if (g->busy_ns > 0)
			strbuf_printf(&text, "%s not idle, most of it %s",
				human_ratio(share(g->busy_ns, g->all_ns)).s,
				why_state_name(g->leading));
		else
			strbuf_printf(&text, "idle: %s", why_state_name(g->leading));
		text_label(i == 0 ? "threads" : "", style, out);
		words_wrap_buf(out, &text, LABEL, LABEL, style->width);
	}
	if (y->n_groups > GROUPS_SHOWN) {
		text_label("", style, out);
		strbuf_printf(out, "and %zu more\n", y->n_groups - GROUPS_SHOWN);
	}
}

void why_text(const struct why_report *r, const struct text_style *style, struct strbuf *out)
{
	put_head(r, style, out);
	strbuf_putc(out, '\n');
	words_wrap(out, r->verdict, 0, 2, style->width);
	strbuf_putc(out, '\n');
	put_parts(r->why, style, out);
	strbuf_putc(out, '\n');
	put_groups(r->why, style, out);
	for (size_t i = 0; i < r->n_facts; i++)
		text_command(i == 0 ? "evidence" : "", r->fact[i], style, out);
	for (size_t i = 0; i < r->n_todo; i++)
		text_command(i == 0 ? "do" : "", r->todo[i], style, out);
	text_command("refuted if", r->refuted_if, style, out);
	text_command("more", "docs/why.md: what the states mean, and how they are told apart",
		style, out);
}

static void member_ratio(struct json *j, const char *name, double part, double whole)
{
	json_key(j, name);
	json_double(j, share(part, whole));
}

static void json_part(struct json *j, const struct why *y, const struct why_part *p)
{
	json_begin_object(j);
	json_member(j, "state", why_state_name(p->state));
	json_key(j, "idle");
	json_bool(j, p->state >= WHY_IDLE);
	member_ratio(j, "ratio", p->ns, y->all_ns);
	json_member_u64(j, "time_ns", (uint64_t)p->ns);
	json_member_u64(j, "threads", p->tasks);
	json_key(j, "places");
	json_begin_array(j);
	for (size_t i = 0; i < p->n_places; i++) {
		json_begin_object(j);
		json_member(j, "what", p->place[i].text);
		json_member_u64(j, "time_ns", (uint64_t)p->place[i].ns);
		if (p->place[i].holder)
			json_member_u64(j, "holder", p->place[i].holder);
		if (p->place[i].oldest_ns)
			json_member_u64(j, "oldest_ns", p->place[i].oldest_ns);
		json_end_object(j);
	}
	json_end_array(j);
	json_end_object(j);
}

static void json_group(struct json *j, const struct why_group *g)
{
	json_begin_object(j);
	json_member(j, "name", g->name);
	json_member_u64(j, "threads", g->tasks);
	json_member(j, "leading", why_state_name(g->leading));
	member_ratio(j, "busy_ratio", g->busy_ns, g->all_ns);
	json_end_object(j);
}

static void json_texts(struct json *j, const char *name, const char *const *text, size_t n)
{
	json_key(j, name);
	json_begin_array(j);
	for (size_t i = 0; i < n; i++)
		json_str(j, text[i]);
	json_end_array(j);
}

void why_json(const struct why_report *r, struct strbuf *out)
{
	const struct why *y = r->why;
	struct json j = json_begin_kind(out, "why");

	json_member(&j, "target", r->who);
	json_member(&j, "leading", why_state_name(y->leading));
	json_key(&j, "idle");
	json_bool(&j, y->leading >= WHY_IDLE);
	json_member(&j, "verdict", r->verdict);
	json_key(&j, "pids");
	json_begin_array(&j);
	for (size_t i = 0; i < r->n_pids; i++)
		json_u64(&j, r->pid[i]);
	json_end_array(&j);
	json_member_u64(&j, "threads", y->tasks);
	json_member_u64(&j, "ended", y->ended);
	json_member_u64(&j, "zombies", y->zombies);
	json_member_u64(&j, "watched_ns", y->watched_ns);
	json_member_u64(&j, "samples", y->samples);
	member_ratio(&j, "busy_ratio", y->busy_ns, y->all_ns);
	json_member_u64(&j, "clients_waiting", y->clients);
	json_member_u64(&j, "not_accepted", y->not_accepted);
	json_key(&j, "states");
	json_begin_array(&j);
	for (size_t i = 0; i < y->n_parts; i++)
		json_part(&j, y, &y->part[i]);
	json_end_array(&j);
	json_key(&j, "groups");
	json_begin_array(&j);
	for (size_t i = 0; i < y->n_groups; i++)
		json_group(&j, &y->group[i]);
	json_end_array(&j);
	json_texts(&j, "evidence", r->fact, r->n_facts);
	json_texts(&j, "do", r->todo, r->n_todo);
	json_member(&j, "refuted_if", r->refuted_if);
	json_member_u64(&j, "wall_ns", r->wall_ns);
	json_member_u64(&j, "cost_cpu_ns", r->cpu_ns);
	json_end_kind(&j);
}
