/* SPDX-License-Identifier: MIT */
#include "base/glob.h"
#include "engine/expr_private.h"
#include "engine/metric.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define NS_PER_S 1e9

static struct expr_value lacking(enum state state, enum expr_lack lack, int node)
{
	return (struct expr_value){ .state = state, .lack = lack, .node = node };
}

static struct expr_value number_value(double number, int node)
{
	if (!isfinite(number))
		return lacking(STATE_ABSENT, LACK_FINITE, node);
	return (struct expr_value){ .state = STATE_OK, .number = number };
}

static struct expr_value truth_value(bool truth)
{
	return (struct expr_value){ .state = STATE_OK, .truth = truth };
}

static bool known(struct expr_value v)
{
	return v.state == STATE_OK;
}

static int index_of(const struct expr_answer *a, const struct expr_node *n)
{
	return (int)(n - a->expr->node);
}

/* The key of table to that row of table from holds. */
static bool key_of(enum table_id from, const void *row, enum table_id to, uint64_t *ret_key)
{
	unsigned int i = (unsigned int)metric_join(from, to);
	const struct column *c = &schemas[from]->columns[i];
	uint32_t narrow;
	has_t has;

	memcpy(&has, row, sizeof(has));
	if (!row_has(has, i))
		return false;
	if (c->type == TYPE_u32) {
		memcpy(&narrow, (const char *)row + c->offset, sizeof(narrow));
		*ret_key = narrow;
	} else {
		memcpy(ret_key, (const char *)row + c->offset, sizeof(*ret_key));
	}
	return true;
}

/* The row of the node's table that the name means; NULL and *ret_value says why not. */
static const void *row_of(const struct expr_answer *a, const struct expr_node *n,
	enum table_id scope, const void *row, struct expr_value *ret_value)
{
	const struct table *t = frame_table(a->now, n->table);
	const void *found;
	uint64_t key;
	bool apart;

	if (!table_usable(t)) {
		*ret_value = lacking(t && t->state != STATE_OK ? t->state : STATE_ABSENT,
			LACK_TABLE, index_of(a, n));
		return NULL;
	}
	if (n->of_row && n->table == scope)
		return row;
	if (n->of_row) {
		found = key_of(scope, row, n->table, &key) ? table_find(t, key) : NULL;
	} else if (metric_whole(n->table, &key, &apart)) {
		found = table_find(t, key);
	} else {
		found = table_only(t);
	}
	if (!found)
		*ret_value = lacking(t->state == STATE_OK ? STATE_ABSENT : t->state,
			t->state == STATE_OK ? LACK_ROW : LACK_TABLE, index_of(a, n));
	return found;
}

static struct expr_value name_value(const struct expr_answer *a, const struct expr_node *n,
	enum table_id scope, const void *row)
{
	struct expr_value v = { 0 };
	const struct table *t = frame_table(a->now, n->table);
	const void *at = row_of(a, n, scope, row, &v);
	const struct column *c = &schemas[n->table]->columns[n->column];
	has_t has;

	if (!at)
		return n->op == OP_HAS && v.lack == LACK_ROW ? truth_value(false) : v;
	memcpy(&has, at, sizeof(has));
	if (!row_has(has, n->column)) {
		enum state why = (enum state)t->cell[n->column];

		if (n->op == OP_HAS && why == STATE_ABSENT)
			return truth_value(false);
		return lacking(why == STATE_OK ? STATE_ABSENT : why, LACK_CELL, index_of(a, n));
	}
	if (n->op == OP_HAS)
		return truth_value(true);
	if (c->type == TYPE_text) {
		text_t text;

		memcpy(&text, (const char *)at + c->offset, sizeof(text));
		return (struct expr_value){ .state = STATE_OK, .text = table_text(t, text) };
	}
	struct reading r = n->op == OP_RATE ? frame_rate(a->now, a->was, n->table, at, n->column)
					    : table_cell(t, at, n->column);

	if (!reading_ok(r))
		return lacking(r.state, LACK_READINGS, index_of(a, n));
	return number_value(c->unit == UNIT_NS ? r.value / NS_PER_S : r.value, index_of(a, n));
}

/* How far l is beyond r, as a share of the larger: what orders rows. */
static double margin_of(enum expr_op op, double l, double r)
{
	double large = fabs(l) > fabs(r) ? fabs(l) : fabs(r);

	if (large == 0)
		return 0;
	return op == OP_LT || op == OP_LE ? (r - l) / large : (l - r) / large;
}

static bool compare_numbers(enum expr_op op, double l, double r)
{
	switch (op) {
	case OP_LT:
		return l < r;
	case OP_LE:
		return l <= r;
	case OP_GT:
		return l > r;
	case OP_GE:
		return l >= r;
	case OP_EQ:
		return l == r;
	default:
		return l != r;
	}
}

static void spend(struct expr_answer *a, uint64_t steps)
{
	a->steps = a->steps > steps ? a->steps - steps : 0;
}

static struct expr_value compare(struct expr_answer *a, const struct expr_node *n,
	struct expr_value l, struct expr_value r, double *margin)
{
	if (!known(l))
		return l;
	if (!known(r))
		return r;
	if (a->expr->node[n->left].type != EXPR_TEXT) {
		if (margin && isnan(*margin) && n->op >= OP_LT && n->op <= OP_GE)
			*margin = margin_of(n->op, l.number, r.number);
		return truth_value(compare_numbers(n->op, l.number, r.number));
	}
	bool like = n->op == OP_LIKE || n->op == OP_UNLIKE;
	bool same = like ? glob_match(r.text, l.text) : strcmp(l.text, r.text) == 0;

	spend(a, 1 + strlen(l.text) / 8 * (like ? 1 + strlen(r.text) / 8 : 1));
	return truth_value(same == (n->op == OP_LIKE || n->op == OP_EQ));
}

static struct expr_value compute(const struct expr_answer *a, const struct expr_node *n,
	struct expr_value l, struct expr_value r)
{
	if (!known(l))
		return l;
	if (!known(r))
		return r;
	switch (n->op) {
	case OP_ADD:
		return number_value(l.number + r.number, index_of(a, n));
	case OP_SUB:
		return number_value(l.number - r.number, index_of(a, n));
	case OP_MUL:
		return number_value(l.number * r.number, index_of(a, n));
	default:
		return r.number == 0 ? lacking(STATE_ABSENT, LACK_FINITE, index_of(a, n))
				     : number_value(l.number / r.number, index_of(a, n));
	}
}

/* Kleene: false and unknown is false, true or unknown is true; a hard unknown outweighs absence. */
static struct expr_value both(enum expr_op op, struct expr_value l, struct expr_value r)
{
	bool decides = op == OP_OR;

	if (known(l) && l.truth == decides)
		return l;
	if (known(r) && r.truth == decides)
		return r;
	if (!known(l) && (known(r) || l.state != STATE_ABSENT))
		return l;
	return known(r) ? l : r;
}

static struct expr_value rows_value(struct expr_answer *a, const struct expr_node *n);

struct expr_value expr_value_of(
	struct expr_answer *a, int node, enum table_id scope, const void *row, double *margin)
{
	const struct expr_node *n = &a->expr->node[node];
	struct expr_value l, r;

	if (a->steps == 0)
		return lacking(STATE_LATE, LACK_STEPS, node);
	spend(a, 1);
	switch (n->op) {
	case OP_NUMBER:
		return number_value(n->number, node);
	case OP_TEXT:
		return (struct expr_value){ .state = STATE_OK, .text = n->string };
	case OP_NAME:
	case OP_RATE:
	case OP_HAS:
		return name_value(a, n, scope, row);
	case OP_ROWS:
		return rows_value(a, n);
	default:
		break;
	}
	l = expr_value_of(a, n->left, scope, row, margin);
	if (n->op == OP_MINUS || n->op == OP_NOT) {
		if (known(l) && n->op == OP_NOT)
			l.truth = !l.truth;
		else if (known(l))
			l.number = -l.number;
		return l;
	}
	r = expr_value_of(a, n->right, scope, row, margin);
	if (n->op == OP_AND || n->op == OP_OR)
		return both(n->op, l, r);
	if (n->op >= OP_ADD && n->op <= OP_DIV)
		return compute(a, n, l, r);
	return compare(a, n, l, r, margin);
}

/* Keep the EXPR_ROWS_MAX of the largest margin, of equals the first. */
static void keep_hit(struct expr_rows *rows, const void *row, double margin)
{
	size_t at = rows->n;

	rows->hits++;
	while (at > 0 && rows->margin[at - 1] < margin)
		at--;
	if (at == EXPR_ROWS_MAX)
		return;
	if (rows->n < EXPR_ROWS_MAX)
		rows->n++;
	for (size_t i = rows->n - 1; i > at; i--) {
		rows->row[i] = rows->row[i - 1];
		rows->margin[i] = rows->margin[i - 1];
	}
	rows->row[at] = row;
	rows->margin[at] = margin;
}

static void keep_near(struct expr_rows *rows, const void *row, double margin)
{
	if (!isnan(margin) && (!rows->near || margin > rows->near_margin)) {
		rows->near = row;
		rows->near_margin = margin;
	}
}

/* What has been gathered of the rows so far. */
struct gathered {
	struct expr_value lack; /* why a row is unknown, else why one was skipped */
	double sum, most;
	bool stopped;
};

static void lack_of_row(struct expr_rows *rows, struct gathered *g, struct expr_value v)
{
	bool hard = v.state != STATE_ABSENT;

	if (hard)
		rows->unknown++;
	else
		rows->skipped++;
	if (g->lack.lack == LACK_NOTHING || (hard && g->lack.state == STATE_ABSENT))
		g->lack = v;
	g->stopped |= v.lack == LACK_STEPS;
}

static void take_number(const struct expr_node *n, struct expr_rows *rows, struct gathered *g,
	const void *row, double number)
{
	double order = n->aggregate == AGG_MIN ? -number : number;

	g->sum += number;
	if (rows->took == 0 || order > g->most)
		g->most = order;
	rows->took++;
	keep_hit(rows, row, order);
}

static void take_row(struct expr_answer *a, const struct expr_node *n, struct expr_rows *rows,
	struct gathered *g, const void *row)
{
	double margin = NAN;
	struct expr_value v = truth_value(true);

	if (a->steps == 0)
		v = lacking(STATE_LATE, LACK_STEPS, rows->node);
	spend(a, 1);
	if (known(v) && n->right >= 0)
		v = expr_value_of(a, n->right, n->table, row, n->left < 0 ? &margin : NULL);
	if (known(v) && !v.truth) {
		keep_near(rows, row, margin);
		return;
	}
	if (known(v) && n->left >= 0)
		v = expr_value_of(a, n->left, n->table, row, &margin);
	if (!known(v)) {
		lack_of_row(rows, g, v);
		return;
	}
	if (n->aggregate == AGG_COUNT || n->left < 0) {
		rows->took++;
		keep_hit(rows, row, isnan(margin) ? 0 : margin);
	} else if (n->type == EXPR_NUMBER) {
		take_number(n, rows, g, row, v.number);
	} else {
		rows->took++;
		if (v.truth == (n->aggregate == AGG_ANY))
			keep_hit(rows, row, isnan(margin) ? 0 : margin);
		else
			keep_near(rows, row, margin);
	}
}

/* The table's own silence: rows that are known to be missing might have decided otherwise. */
static bool mostly_unseen(const struct table *t)
{
	return t->state != STATE_OK || t->lost > (t->seen > t->n ? t->seen : t->n);
}

static struct expr_value decide(const struct expr_answer *a, const struct expr_node *n,
	const struct expr_rows *rows, const struct gathered *g)
{
	bool any = n->aggregate == AGG_ANY, all = n->aggregate == AGG_ALL;
	int node = index_of(a, n);

	if ((any || all) && rows->hits > 0)
		return truth_value(any);
	if (rows->unknown > 0 || (rows->took == 0 && rows->skipped > 0))
		return g->lack;
	if (mostly_unseen(rows->table))
		return lacking(rows->table->state == STATE_OK ? STATE_DENIED : rows->table->state,
			LACK_TABLE, node);
	if (any || all)
		return truth_value(all);
	if (n->aggregate == AGG_COUNT)
		return number_value((double)rows->took, node);
	if (n->aggregate == AGG_SUM)
		return number_value(g->sum, node);
	if (rows->took == 0)
		return lacking(STATE_ABSENT, LACK_ROWS, node);
	if (n->aggregate == AGG_AVG)
		return number_value(g->sum / (double)rows->took, node);
	return number_value(n->aggregate == AGG_MIN ? -g->most : g->most, node);
}

/* Of all rows, once: what stands in an aggregate never depends on the row around it. */
static struct expr_value rows_value(struct expr_answer *a, const struct expr_node *n)
{
	struct expr_value *cached = &a->cached[n->aggregate_index];
	struct expr_rows *rows = &a->rows[n->aggregate_index];
	const struct table *t = frame_table(a->now, n->table);
	struct gathered g = { 0 };
	uint64_t key;
	bool apart = false;

	if (known(*cached) || cached->lack != LACK_NOTHING)
		return *cached;
	rows->node = index_of(a, n);
	rows->id = n->table;
	rows->table = t;
	if (!table_usable(t)) {
		*cached = lacking(t && t->state != STATE_OK ? t->state : STATE_ABSENT, LACK_TABLE,
			rows->node);
		return *cached;
	}
	apart = metric_whole(n->table, &key, &apart) && apart;
	for (size_t i = 0; i < t->n && !g.stopped; i++) {
		const void *row = table_at(t, i);

		if (!apart || table_cell(t, row, 0).value != (double)(int64_t)key)
			take_row(a, n, rows, &g, row);
	}
	*cached = decide(a, n, rows, &g);
	return *cached;
}

int expr_eval(const struct expr *e, struct arena *arena, const struct frame *now,
	const struct frame *was, const void *row, uint64_t steps, struct expr_answer *ret_answer)
{
	struct expr_answer a = { .expr = e,
		.now = now,
		.was = was,
		.row = row,
		.n_rows = e->n_aggregates,
		.steps = steps };

	a.rows = arena_new(arena, (e->n_aggregates + 1) * sizeof(*a.rows));
	a.cached = arena_new(arena, (e->n_aggregates + 1) * sizeof(*a.cached));
	if (!a.rows || !a.cached)
		return -ENOMEM;
	a.value = expr_value_of(&a, e->root, e->row, row, NULL);
	*ret_answer = a;
	return 0;
}
