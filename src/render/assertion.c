/* SPDX-License-Identifier: MIT */
#include "render/assertion.h"

#include "base/json.h"
#include "render/json_report.h"
#include "render/words.h"

#include <string.h>

static const char *answer_word(const struct assertion *x)
{
	if (x->answer.value.state != STATE_OK)
		return "unknown";
	return x->answer.value.truth ? "true" : "false";
}

static void put_printable(struct strbuf *out, const char *text)
{
	strbuf_add_printable(out, text, strlen(text));
}

static void put_entity(struct strbuf *out, const char *label, const struct entity *e)
{
	auto_strbuf text = { 0 };

	words_entity(e, &text);
	out->failed |= text.failed;
	strbuf_printf(out, "  %-10s ", label);
	put_printable(out, strbuf_text(&text));
	strbuf_putc(out, '\n');
}

/* "process_fd: 3 of 61 rows count, 2 lack the value" */
static void put_rows(struct strbuf *out, const struct expr_rows *r)
{
	if (!r->table)
		return;
	strbuf_printf(out, "  rows       %s: %llu of %llu count", r->table->schema->name,
		(unsigned long long)r->hits, (unsigned long long)r->took);
	if (r->skipped)
		strbuf_printf(out, ", %llu lack the value", (unsigned long long)r->skipped);
	if (r->unknown)
		strbuf_printf(out, ", %llu unknown", (unsigned long long)r->unknown);
	if (r->table->lost)
		strbuf_printf(out, ", %llu could not be read", (unsigned long long)r->table->lost);
	strbuf_putc(out, '\n');
}

void text_assertion(const struct assertion *x, struct strbuf *out)
{
	strbuf_printf(out, "%-8s ", answer_word(x));
	put_printable(out, expr_text(x->answer.expr));
	strbuf_putc(out, '\n');
	if (x->why[0]) {
		strbuf_puts(out, "  because    ");
		put_printable(out, x->why);
		strbuf_putc(out, '\n');
	}
	for (size_t i = 0; i < x->n_facts; i++) {
		const struct expr_fact *f = &x->fact[i];

		strbuf_puts(out, "  ");
		put_printable(out, f->metric);
		strbuf_puts(out, "  ");
		put_printable(out, f->text ? f->text : words_quantity(f->unit, f->value).s);
		if (reading_ok(f->threshold))
			strbuf_printf(
				out, "  (against %s)", words_quantity(f->unit, f->threshold).s);
		strbuf_putc(out, '\n');
	}
	for (size_t i = 0; i < x->n_blames; i++)
		put_entity(out, "decided by", &x->culprit[i]);
	if (x->all_blames > x->n_blames)
		strbuf_printf(out, "  decided by and %llu more\n",
			(unsigned long long)(x->all_blames - x->n_blames));
	if (x->near.row)
		put_entity(out, "closest", &x->nearest);
	for (size_t i = 0; i < x->answer.n_rows; i++)
		put_rows(out, &x->answer.rows[i]);
}

static void put_fact(struct json *j, const struct expr_fact *f)
{
	json_begin_object(j);
	json_member(j, "metric", f->metric);
	json_key(j, "value");
	if (f->text)
		json_str(j, f->text);
	else if (reading_ok(f->value))
		json_double(j, f->value.value);
	else
		json_none(j);
	json_member(j, "unit", f->text ? "text" : unit_name(f->unit));
	if (!f->text && !reading_ok(f->value))
		json_member(j, "state", state_name(f->value.state));
	json_key(j, "threshold");
	if (reading_ok(f->threshold))
		json_double(j, f->threshold.value);
	else
		json_none(j);
	json_end_object(j);
}

void json_assertion(const struct assertion *x, struct strbuf *out)
{
	struct json j = json_begin_kind(out, "assertion");

	json_member(&j, "expression", expr_text(x->answer.expr));
	json_key(&j, "answer");
	if (x->answer.value.state == STATE_OK)
		json_bool(&j, x->answer.value.truth);
	else
		json_none(&j);
	if (x->answer.value.state != STATE_OK) {
		json_member(&j, "state", state_name(x->answer.value.state));
		json_member(&j, "why", x->why);
	}
	json_key(&j, "evidence");
	json_begin_array(&j);
	for (size_t i = 0; i < x->n_facts; i++)
		put_fact(&j, &x->fact[i]);
	json_end_array(&j);
	json_entities(&j, "decided_by", x->culprit, x->n_blames);
	json_member_u64(&j, "more_decided_by", x->all_blames - x->n_blames);
	if (x->near.row)
		json_entities(&j, "closest", &x->nearest, 1);
	json_end_kind(&j);
}
