/* SPDX-License-Identifier: MIT */
/* A rule: a check that is declared as data, with expressions instead of a judge in C. */
#ifndef MURPHY_CHECK_RULE_H
#define MURPHY_CHECK_RULE_H

#include "check/check.h"
#include "engine/expr.h"

/* Steps of all rules together in one look: some 0.1 s of CPU time. */
enum { RULES_STEPS = 8000000 };

/* A text with "{...}" in it: pieces that are text, culprit, or the value of an expression. */
struct rule_piece {
	const char *text;
	bool culprit;
	const struct expr *expr;
};

struct rule_text {
	struct rule_piece *piece;
	size_t n;
};

struct rule {
	struct check check; /* its judge finds the rule by it */
	const char *file;
	unsigned int line;
	const struct expr *when[SEVERITY_CRITICAL + 1]; /* by severity; NULL: never */
	enum table_id each;                             /* a finding for each row of it, or one */
	enum confidence confidence;
	struct rule_text title, cause, refuted_if, todo[TODO_MAX];
	size_t n_todo;
	const char *why; /* those limits */
	const char *doc;
	uint64_t steps;
};

/* The judge of every rule; j->check must be the check of one. */
enum verdict rule_judge(const struct model *m, struct judgement *j);

/*
 * Parse "text {expression} {culprit}", "{{" is a brace. row: the table whose row names may mean.
 * Adds to needs. 0, -EINVAL and *ret_error, -E2BIG too many tables, -ENOMEM.
 */
int rule_text_parse(struct arena *a, const char *text, enum table_id row, const bool cannot[TABLES],
	struct need needs[NEEDS_MAX], int *n_needs, struct rule_text *ret_text,
	struct expr_error *ret_error);

#endif
