/* SPDX-License-Identifier: MIT */
#include "engine/expr.h"

#include "engine/expr_private.h"
#include "engine/metric.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_blank(char ch)
{
	return ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r';
}

static int compile(struct expr_work *w, int want)
{
	static const char *const names[] = { "a condition, as in meminfo.free_bytes < 1 GiB",
		"a number", "a text" };

	if (!expr_parse(w) || !expr_check(w))
		return w->no_memory ? -ENOMEM : -EINVAL;
	const struct expr_node *root = &w->expr->node[w->expr->root];

	if (want >= 0 && root->type != (enum expr_type)want) {
		expr_refuse(w, w->expr->text, "expected %s", names[want]);
		return -EINVAL;
	}
	return 0;
}

int expr_compile(struct arena *a, const char *text, size_t len, int want, enum table_id row,
	const bool cannot[TABLES], const struct expr **ret_expr, struct expr_error *ret_error)
{
	struct expr_node node[EXPR_NODES_MAX];
	struct expr_error error = { 0 };
	struct expr *e = arena_new(a, sizeof(*e));

	while (len > 0 && is_blank(text[len - 1]))
		len--;
	for (; len > 0 && is_blank(*text); len--)
		text++;
	char *copy = len <= EXPR_TEXT_MAX ? arena_dup(a, text, len) : NULL;

	if (!e || (!copy && len <= EXPR_TEXT_MAX))
		return -ENOMEM;
	if (!copy) {
		snprintf(ret_error->text, sizeof(ret_error->text), "longer than %d bytes",
			EXPR_TEXT_MAX);
		ret_error->at = 0;
		return -EINVAL;
	}
	/* Line ends of a file are blanks; of other controls none is ever meant. */
	for (size_t i = 0; i < len; i++)
		copy[i] = is_blank(copy[i]) ? ' ' : copy[i];
	*e = (struct expr){ .text = copy, .len = len, .node = node, .row = row };
	struct expr_work w = { .arena = a, .expr = e, .error = &error, .cannot = cannot };
	int err = compile(&w, want);

	if (err == -EINVAL)
		*ret_error = error;
	if (err < 0)
		return err;
	e->node = arena_new(a, e->n * sizeof(*e->node));
	if (!e->node)
		return -ENOMEM;
	memcpy(e->node, node, e->n * sizeof(*e->node));
	*ret_expr = e;
	return 0;
}

const char *expr_text(const struct expr *e)
{
	return e->text;
}

enum expr_type expr_type(const struct expr *e)
{
	return e->node[e->root].type;
}

int expr_need(struct need needs[NEEDS_MAX], int n, enum table_id table, bool rate)
{
	for (int i = 0; i < n; i++) {
		if (needs[i].table == table) {
			needs[i].rate |= rate;
			return n;
		}
	}
	if (n < 0 || n >= NEEDS_MAX - 1)
		return -E2BIG;
	needs[n] = (struct need){ .table = table, .rate = rate, .optional = true };
	return n + 1;
}

int expr_needs(const struct expr *e, struct need needs[NEEDS_MAX], int n)
{
	for (size_t i = 0; i < e->n && n >= 0; i++) {
		const struct expr_node *node = &e->node[i];

		if (node->table)
			n = expr_need(needs, n, node->table, node->op == OP_RATE);
	}
	return n;
}

/* The any() below the "and"s from node on; *n counts them. */
static int each_of(const struct expr *e, int node, int *n)
{
	const struct expr_node *x = &e->node[node];

	if (x->op == OP_ROWS && x->aggregate == AGG_ANY) {
		(*n)++;
		return node;
	}
	if (x->op != OP_AND)
		return -1;
	int left = each_of(e, x->left, n), right = each_of(e, x->right, n);

	return left >= 0 ? left : right;
}

static int each_node(const struct expr *e)
{
	int n = 0, node = each_of(e, e->root, &n);

	return n == 1 ? node : -1;
}

enum table_id expr_each(const struct expr *e)
{
	int node = each_node(e);

	return node < 0 ? TABLE_none : e->node[node].table;
}

const struct expr_rows *expr_cases(const struct expr_answer *a)
{
	int node = each_node(a->expr);

	return node < 0 ? NULL : &a->rows[a->expr->node[node].aggregate_index];
}
