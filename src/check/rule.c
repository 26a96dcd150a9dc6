/* SPDX-License-Identifier: MIT */
#include "check/rule.h"

#include "check/entity.h"
#include "table/quantity.h"

#include <errno.h>
#include <string.h>

/* What a judge works on. */
struct case_of {
	const struct rule *rule;
	const struct model *m;
	struct judgement *j;
	const struct expr_answer *answer;
	enum severity severity;
	const struct expr_blame *blame; /* the case; NULL: the machine as a whole */
	struct entity culprit;
	uint64_t *steps; /* that the rule may still take: its texts count too */
};

/* The brace at which an expression ends, outside of texts. NULL: none. */
static const char *closing(const char *at)
{
	char quote = '\0';

	for (; *at; at++) {
		if (quote && *at == '\\' && at[1])
			at++;
		else if (quote)
			quote = *at == quote ? '\0' : quote;
		else if (*at == '"' || *at == '\'')
			quote = *at;
		else if (*at == '}')
			return at;
	}
	return NULL;
}

/* Text up to the next "{", with "{{" undone. */
static const char *take_text(struct arena *a, const char *at, struct rule_piece *ret_piece)
{
	char *to = arena_dup(a, at, strlen(at));
	size_t len = 0;

	ret_piece->text = to ? to : "";
	while (*at && (*at != '{' || at[1] == '{')) {
		if (*at == '{')
			at++;
		if (to)
			to[len++] = *at;
		at++;
	}
	if (to)
		to[len] = '\0';
	return at;
}

int rule_text_parse(struct arena *a, const char *text, enum table_id row, const bool cannot[TABLES],
	struct need needs[NEEDS_MAX], int *n_needs, struct rule_text *ret_text,
	struct expr_error *ret_error)
{
	struct rule_piece piece[64];
	size_t n = 0;

	for (const char *at = text; *at;) {
		if (n + 2 > ARRAY_SIZE(piece))
			return -E2BIG;
		piece[n] = (struct rule_piece){ 0 };
		if (*at != '{' || at[1] == '{') {
			at = take_text(a, at, &piece[n++]);
			continue;
		}
		const char *end = closing(at + 1);

		*ret_error = (struct expr_error){ (size_t)(at - text),
			"a { without its }; write {{ where a brace is meant" };
		if (!end)
			return -EINVAL;
		piece[n].culprit = strncmp(at, "{culprit}", 9) == 0;
		int err = piece[n].culprit ? 0
					   : expr_compile(a, at + 1, (size_t)(end - at) - 1, -1,
						     row, cannot, &piece[n].expr, ret_error);

		if (err < 0)
			return err;
		if (piece[n].expr) {
			*n_needs = expr_needs(piece[n].expr, needs, *n_needs);
			if (*n_needs < 0)
				return *n_needs;
		}
		n++;
		at = end + 1;
	}
	ret_text->piece = arena_new(a, (n + 1) * sizeof(piece[0]));
	if (!ret_text->piece)
		return -ENOMEM;
	memcpy(ret_text->piece, piece, n * sizeof(piece[0]));
	ret_text->n = n;
	return 0;
}

/* "nginx (pid 12)", "/srv", "this machine" */
static const char *culprit_label(const struct case_of *c)
{
	const struct entity *e = &c->culprit;

	if (e->kind == ENTITY_PROCESS)
		return process_label(c->j, c->m, e->pid);
	return e->kind == ENTITY_HOST ? "this machine" : e->name;
}

/* A value for people, or as a word of a command. NULL: it is unknown. */
static const char *piece_value(const struct case_of *c, const struct expr *e, bool command)
{
	const void *row = c->blame ? c->blame->row : NULL;
	struct expr_answer x;

	if (expr_eval(e, &c->j->arena, c->m->now, c->m->was, row, *c->steps, &x) < 0)
		return NULL;
	*c->steps = x.steps;
	if (x.value.state != STATE_OK)
		return NULL;
	if (expr_type(e) == EXPR_TRUTH)
		return x.value.truth ? "true" : "false";
	struct expr_fact f = expr_value_fact(&x, &c->j->arena);

	if (f.text)
		return command ? shell_word(c->j, f.text) : f.text;
	if (!command)
		return judge_text(c->j, "%s", quantity_human(f.unit, f.value).s);
	if (f.unit == UNIT_RATIO)
		return judge_text(c->j, "%.4g", f.value.value);
	return judge_text(c->j, "%.0f", f.value.value);
}

/* Put together; NULL when a command lacks a value: half a command does harm. */
static const char *make_text(const struct case_of *c, const struct rule_text *t, bool command)
{
	const char *text = "";

	for (size_t i = 0; i < t->n; i++) {
		const struct rule_piece *p = &t->piece[i];
		const char *more = p->text;

		if (p->culprit)
			more = command ? shell_word(c->j, c->culprit.name) : culprit_label(c);
		else if (p->expr)
			more = piece_value(c, p->expr, command);
		if (!more && command)
			return NULL;
		text = i == 0 && more ? more
				      : judge_text(c->j, "%s%s", text, more ? more : "unknown");
	}
	return text;
}

static void add_evidence(const struct case_of *c, struct finding *f)
{
	struct expr_fact fact[EVIDENCE_MAX];
	size_t n = expr_facts(c->answer, c->blame, &c->j->arena, fact, EVIDENCE_MAX);

	for (size_t i = 0; i < n; i++) {
		const struct expr_fact *x = &fact[i];
		const char *source = x->table ? schemas[x->table]->help : "several tables";

		if (x->text)
			finding_evidence_text(f, x->metric, x->text, source);
		else
			finding_evidence_alarm(f, x->metric, x->unit, x->value, source, x->alarm,
				x->threshold, reading_ok(x->threshold) ? c->rule->why : NULL);
	}
}

static struct finding *report(const struct case_of *c)
{
	const struct rule *r = c->rule;
	struct finding *f = judge_finding(c->j, c->severity, r->confidence);

	add_evidence(c, f);
	f->title = make_text(c, &r->title, false);
	f->cause = make_text(c, &r->cause, false);
	f->refuted_if = make_text(c, &r->refuted_if, false);
	for (size_t i = 0; i < r->n_todo; i++) {
		const char *todo = make_text(c, &r->todo[i], true);

		if (todo)
			finding_todo(f, todo);
	}
	return f;
}

/* One finding that blames up to ENTITIES_MAX rows, or the machine. */
static void report_one(struct case_of *c)
{
	struct expr_blame blame[ENTITIES_MAX];
	uint64_t all;
	size_t n = expr_blames(c->answer, blame, ENTITIES_MAX, &all);

	c->blame = n ? &blame[0] : NULL;
	c->culprit = n ? entity_row(c->j, c->m, blame[0].id, blame[0].row) : entity_host();
	struct finding *f = report(c);

	finding_culprit(f, c->culprit);
	for (size_t i = 1; i < n; i++)
		finding_culprit(f, entity_row(c->j, c->m, blame[i].id, blame[i].row));
	c->blame = NULL;
}

/* A finding for each row, but those that a more severe one has told already. */
static void report_each(struct case_of *c, const void **told, size_t *n_told)
{
	const struct expr_rows *rows = expr_cases(c->answer);

	for (size_t i = 0; rows && i < rows->n; i++) {
		struct expr_blame blame = { rows->id, rows->table, rows->row[i] };
		bool old = false;

		for (size_t k = 0; k < *n_told; k++)
			old |= told[k] == blame.row;
		if (old)
			continue;
		told[(*n_told)++] = blame.row;
		c->blame = &blame;
		c->culprit = entity_row(c->j, c->m, blame.id, blame.row);
		finding_culprit(report(c), c->culprit);
		c->blame = NULL;
	}
	if (rows)
		c->j->lost_findings += rows->hits - rows->n;
}

enum verdict rule_judge(const struct model *m, struct judgement *j)
{
	/* The check is its first member. */
	const struct rule *rule = (const struct rule *)j->check;
	const void *told[(SEVERITY_CRITICAL + 1) * EXPR_ROWS_MAX];
	enum verdict verdict = VERDICT_FINE;
	struct expr_answer answer;
	uint64_t steps = rule->steps;
	size_t n_told = 0;

	for (int s = SEVERITY_CRITICAL; s >= SEVERITY_INFO; s--) {
		struct case_of c = { .rule = rule,
			.m = m,
			.j = j,
			.answer = &answer,
			.severity = (enum severity)s,
			.steps = &steps };

		if (!rule->when[s])
			continue;
		if (expr_eval(rule->when[s], &j->arena, m->now, m->was, NULL, steps, &answer) < 0)
			return judge_unknown_why(j, STATE_BROKEN, "memory is out");
		steps = answer.steps;
		if (answer.value.state != STATE_OK && verdict == VERDICT_FINE)
			verdict = judge_unknown_why(
				j, answer.value.state, expr_why(&answer, &answer.value, &j->arena));
		if (answer.value.state != STATE_OK || !answer.value.truth)
			continue;
		verdict = VERDICT_SAD;
		if (!rule->each) {
			report_one(&c);
			break;
		}
		report_each(&c, told, &n_told);
	}
	return verdict;
}
