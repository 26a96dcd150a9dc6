/* SPDX-License-Identifier: MIT */
/* Expressions and files of house rules: compiled, then evaluated over a machine made by hand. */
#include "fuzz/form.h"

#include "check/house.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 5, STEPS = 20000 };

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

static void fill_row(struct table *t, size_t i, uint64_t grown)
{
	const struct schema *s = t->schema;
	char *row = table_add(t), text[32];

	must(row != NULL, "memory for the harness");
	for (unsigned int c = 0; c < s->n_columns; c++) {
		double real = (double)i / 4;

		if ((i + c) % 7 == 6 && s->columns[c].role != ROLE_KEY)
			continue;
		snprintf(text, sizeof(text), "row%zu", i % 3);
		if (s->columns[c].type == TYPE_f64) {
			memcpy(row + s->columns[c].offset, &real, sizeof(real));
			row_set((has_t *)row, c);
		} else if (s->columns[c].type == TYPE_text) {
			row_put(s, row, c, table_intern(t, text, strlen(text)));
		} else {
			row_put(s, row, c, i + (s->columns[c].role == ROLE_COUNTER ? grown : 0));
		}
	}
}

/* Each table in another state, and now and then rows that are known to be missing. */
static struct frame *machine(bool later)
{
	static const enum state states[] = { STATE_OK, STATE_OK, STATE_OK, STATE_OK, STATE_LATE,
		STATE_DENIED };
	static struct frame frames[2];
	struct frame *f = &frames[later];

	if (f->boottime_ns)
		return f;
	f->boottime_ns = (later ? 12 : 10) * UINT64_C(1000000000);
	f->walltime_ns = UINT64_C(1795305600000000000);
	for (int id = 1; id < TABLES; id++) {
		if (id % 11 == 10)
			continue;
		struct table *t = table_new(schemas[id]);

		must(t != NULL, "memory for the harness");
		t->taken_ns = f->boottime_ns;
		t->state = STATE_OK;
		for (size_t i = 0; i < ROWS; i++)
			fill_row(t, i, later ? i * 1000 : 0);
		must(table_sort(t) == 0, "a table that can be sorted");
		t->lost = id % 5 == 4 ? ROWS + 1 : 0;
		table_fail(t, states[(size_t)id % 6], "%s", "");
		f->at[id] = t;
	}
	return f;
}

static void use_answer(const struct expr_answer *x, struct arena *a)
{
	struct expr_fact fact[EVIDENCE_MAX];
	struct expr_blame blame[ENTITIES_MAX];
	uint64_t all = 0;
	size_t n = expr_blames(x, blame, ENTITIES_MAX, &all);

	must(n <= ENTITIES_MAX && n <= all, "more rows than there are");
	must(expr_facts(x, n ? blame : NULL, a, fact, EVIDENCE_MAX) <= EVIDENCE_MAX,
		"more facts than fit");
	must((x->value.state != STATE_OK) == (expr_why(x, &x->value, a)[0] != '\0'),
		"unknown without a reason, or a reason without need");
}

int fuzz_form_expr(const char *buf, size_t len)
{
	struct arena a = { 0 };
	struct expr_error error = { 0 };
	const struct expr *e = NULL;
	struct expr_answer x, y;
	struct need needs[NEEDS_MAX] = { 0 };
	int err = expr_compile(&a, buf, len, -1, TABLE_none, NULL, &e, &error);

	if (err == -EINVAL)
		must(error.text[0] && error.at <= len, "refused without a reason or a place");
	if (err == 0) {
		expr_needs(e, needs, 0);
		must(expr_eval(e, &a, machine(true), machine(false), NULL, STEPS, &x) == 0 &&
				expr_eval(e, &a, machine(true), machine(false), NULL, STEPS, &y) ==
					0,
			"memory for the harness");
		must(x.value.state == y.value.state && x.steps == y.steps, "another answer");
		use_answer(&x, &a);
	}
	arena_release(&a);
	return err;
}

static void use_rule(const struct check *c)
{
	struct model m = { .now = machine(true), .was = machine(false) };
	struct judgement j = { .check = c };
	enum verdict v = rule_judge(&m, &j);

	must(v == VERDICT_FINE || v == VERDICT_SAD || v == VERDICT_UNKNOWN, "a strange verdict");
	must((v == VERDICT_SAD) == (j.n_findings > 0), "sad without a finding, or the reverse");
	must(v != VERDICT_UNKNOWN || j.unknown_why[0], "unknown without a reason");
	for (size_t i = 0; i < j.n_findings; i++) {
		const struct finding *f = j.finding[i];

		must(f->title && f->n_culprits > 0, "a finding without a title or a culprit");
	}
	arena_release(&j.arena);
}

/* What is no rule is refused with its line. */
static int use_file(const char *buf, size_t len,
	void (*add)(struct house *h, const char *file, const char *buf, size_t len))
{
	struct house h = { 0 };
	size_t lines = 1;

	for (size_t i = 0; i < len; i++)
		lines += buf[i] == '\n';
	add(&h, "file.conf", buf, len);
	house_ready(&h);
	for (size_t i = 0; i < h.n_notices; i++)
		must(h.notice[i].text[0] && h.notice[i].line > 0 && h.notice[i].line <= lines,
			"a notice without a text or a line");
	for (size_t i = 0; i < h.n_rules; i++) {
		use_rule(h.check[i]);
		must(house_page(&h, h.check[i]->id) != NULL, "a rule without a page");
	}
	int err = h.n_notices ? -EINVAL : 0;

	house_release(&h);
	return err;
}

int fuzz_form_checks(const char *buf, size_t len)
{
	return use_file(buf, len, house_add_checks);
}

int fuzz_form_known(const char *buf, size_t len)
{
	return use_file(buf, len, house_add_known);
}
