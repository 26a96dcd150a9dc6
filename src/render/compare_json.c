/* SPDX-License-Identifier: MIT */
#include "render/compare.h"
#include "render/json_report.h"

#include <math.h>
#include <string.h>

static void put_side(const struct compared *side, const char *letter, struct strbuf *out)
{
	struct json j = json_begin_kind(out, "side");

	json_member(&j, "side", letter);
	json_member(&j, "named", side->named);
	json_host_members(&j, side->report);
	json_member_u64(&j, "looked_ns", side->report->looked_ns);
	json_end_kind(&j);
}

static void put_value(struct json *j, const char *name, const struct fact *f, struct measure m)
{
	json_key(j, name);
	if (!f)
		json_none(j);
	else if (f->text)
		json_str(j, f->text);
	else if (isinf(m.value.value))
		json_str(j, "unlimited");
	else
		json_double(j, m.value.value);
}

static void put_difference(const struct difference *d, struct strbuf *out)
{
	const struct fact *f = d->a ? d->a : d->b;
	const struct fact_kind *k = &fact_kinds[f->id];
	struct json j = json_begin_kind(out, "difference");

	json_member(&j, "id", k->id);
	json_member(&j, "of", f->of);
	json_member(&j, "name", k->name);
	put_value(&j, "a", d->a, d->from);
	put_value(&j, "b", d->b, d->to);
	json_member(&j, "unit", f->text ? "text" : unit_name(k->unit));
	json_key(&j, "since_boot");
	json_bool(&j, d->ever);
	json_key(&j, "score");
	json_double(&j, d->score);
	json_member(&j, "why", d->why);
	json_end_kind(&j);
}

static void put_gap(const struct gap *g, struct strbuf *out)
{
	struct json j = json_begin_kind(out, "uncompared");
	const char only[2] = { g->only, '\0' };

	json_member(&j, "id", fact_kinds[g->id].id);
	json_member(&j, "name", fact_kinds[g->id].name);
	json_member(&j, "state_a", state_name(g->a));
	json_member(&j, "state_b", state_name(g->b));
	json_member(&j, "why_a", g->why_a);
	json_member(&j, "why_b", g->why_b);
	json_member(&j, "only", g->only ? only : NULL);
	json_member_u64(&j, "n", g->n);
	json_member(&j, "some", g->names);
	json_member(&j, "because", g->because);
	json_end_kind(&j);
}

void json_comparison(const struct comparison *c, const struct compared side[2], int exit_code,
	struct strbuf *out)
{
	put_side(&side[0], "a", out);
	put_side(&side[1], "b", out);
	for (size_t i = 0; i < c->n; i++)
		put_difference(&c->difference[i], out);
	for (size_t i = 0; i < c->n_gaps; i++)
		put_gap(&c->gap[i], out);
	struct json j = json_begin_kind(out, "comparison");

	json_member_u64(&j, "compared", c->compared);
	json_member_u64(&j, "differences", c->n);
	json_member_u64(&j, "uncompared", c->n_gaps);
	json_member_u64(&j, "exit_code", (uint64_t)exit_code);
	json_end_kind(&j);
}
