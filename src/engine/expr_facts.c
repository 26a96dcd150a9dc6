/* SPDX-License-Identifier: MIT */
/* What an answer rests on, and who is to blame for it. */
#include "engine/expr_private.h"
#include "engine/metric.h"

#include <stdio.h>
#include <string.h>

static const struct expr_node *node_at(const struct expr_answer *a, int node)
{
	return &a->expr->node[node];
}

/*
 * Again, of the machine: aggregates are remembered, so it
 * costs a few steps, which were not counted.
 */
static struct expr_value value_again(const struct expr_answer *a, int node)
{
	struct expr_answer copy = *a;

	copy.steps = EXPR_NODES_MAX;
	return expr_value_of(&copy, node, copy.expr->row, copy.row, NULL);
}

struct blamed {
	struct expr_blame *out;
	size_t n, max;
	uint64_t all;
};

static void blame_rows(
	const struct expr_answer *a, const struct expr_node *n, size_t most, struct blamed *b)
{
	const struct expr_rows *rows = &a->rows[n->aggregate_index];

	b->all += rows->hits < most ? rows->hits : most;
	for (size_t i = 0; i < rows->n && i < most && b->n < b->max; i++)
		b->out[b->n++] = (struct expr_blame){ rows->id, rows->table, rows->row[i] };
}

/* Aggregates in a number that was compared. large: it is too large, not too small. */
static void blame_number(const struct expr_answer *a, int node, bool large, struct blamed *b)
{
	if (node < 0)
		return;
	const struct expr_node *n = node_at(a, node);

	if (n->op == OP_ROWS) {
		bool one = n->aggregate == AGG_MIN || n->aggregate == AGG_MAX;

		if (one || large)
			blame_rows(a, n, one ? 1 : SIZE_MAX, b);
		return;
	}
	bool turns = n->op == OP_MINUS;

	blame_number(a, n->left, large != turns, b);
	blame_number(a, n->right, large != (n->op == OP_SUB || n->op == OP_DIV), b);
}

static void blame_node(const struct expr_answer *a, int node, bool truth, struct blamed *b)
{
	const struct expr_node *n = node_at(a, node);

	switch (n->op) {
	case OP_NOT:
		blame_node(a, n->left, !truth, b);
		break;
	case OP_AND:
	case OP_OR:
		for (int i = 0; i < 2; i++) {
			int child = i ? n->right : n->left;
			struct expr_value v = value_again(a, child);

			if (v.state == STATE_OK && v.truth == truth)
				blame_node(a, child, truth, b);
		}
		break;
	case OP_ROWS:
		if (truth == (n->aggregate == AGG_ANY))
			blame_rows(a, n, SIZE_MAX, b);
		break;
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE:
	case OP_EQ:
	case OP_NE: {
		bool less = n->op == OP_LT || n->op == OP_LE;

		blame_number(a, n->left, less != truth, b);
		blame_number(a, n->right, less == truth, b);
		break;
	}
	default:
		break;
	}
}

size_t expr_blames(
	const struct expr_answer *a, struct expr_blame *out, size_t max, uint64_t *ret_all)
{
	struct blamed b = { .out = out, .max = max };

	if (a->value.state == STATE_OK && expr_type(a->expr) == EXPR_TRUTH)
		blame_node(a, a->expr->root, a->value.truth, &b);
	*ret_all = b.all;
	return b.n;
}

struct facts {
	const struct expr_answer *answer;
	const struct expr_blame *blame;
	struct arena *arena;
	struct expr_fact *out;
	size_t n, max;
};

/* Where the walk stands: of the machine, or of a row. */
struct place {
	enum table_id scope;
	const void *row;
	bool denied; /* below an odd number of "not" */
};

static const char *metric_of(const struct expr_node *n, struct arena *arena)
{
	if (n->op != OP_NAME && n->op != OP_RATE)
		return arena_printf(arena, "%.*s", (int)n->text.len, n->text.at);
	return arena_printf(arena, n->op == OP_RATE ? "rate(%s.%s)" : "%s.%s",
		schemas[n->table]->name, schemas[n->table]->columns[n->column].name);
}

static struct expr_fact fact_of(const struct expr_node *n, struct expr_value v, struct arena *arena)
{
	struct expr_fact f = { .unit = n->unit, .table = n->table };
	char word[16];

	f.metric = metric_of(n, arena);
	f.threshold = reading_none(STATE_ABSENT);
	f.value = v.state == STATE_OK ? reading_of(v.number) : reading_none(v.state);
	if (n->unit == UNIT_NS)
		f.value.value *= 1e9;
	if (v.state == STATE_OK && n->type == EXPR_TEXT)
		f.text = v.text;
	else if (v.state == STATE_OK && n->op == OP_NAME &&
		 metric_word(n->table, n->column, v.number, word))
		f.text = arena_printf(arena, "%s", word);
	return f;
}

/* Once each; a limit that is known later joins it. */
static void put_fact(struct facts *fs, struct expr_fact f)
{
	for (size_t i = 0; i < fs->n; i++) {
		if (strcmp(fs->out[i].metric, f.metric) != 0)
			continue;
		if (!reading_ok(fs->out[i].threshold) && reading_ok(f.threshold)) {
			fs->out[i].threshold = f.threshold;
			fs->out[i].alarm = f.alarm;
			fs->out[i].unit = f.unit;
		}
		return;
	}
	if (fs->n < fs->max)
		fs->out[fs->n++] = f;
}

static void walk(struct facts *fs, int node, struct place at);

static struct expr_value value_at(const struct facts *fs, int node, struct place at)
{
	struct expr_answer copy = *fs->answer;

	copy.steps = EXPR_NODES_MAX;
	return expr_value_of(&copy, node, at.scope, at.row, NULL);
}

/* On which side of its limit a number makes the comparison hold, or fail when it is denied. */
static enum alarm alarm_of(const struct expr_node *n, bool limit_first, bool denied)
{
	static const enum alarm turned[] = { [ALARM_ABOVE] = ALARM_BELOW,
		[ALARM_FROM] = ALARM_TO,
		[ALARM_BELOW] = ALARM_ABOVE,
		[ALARM_TO] = ALARM_FROM };
	static const enum alarm refused[] = { [ALARM_ABOVE] = ALARM_TO,
		[ALARM_FROM] = ALARM_BELOW,
		[ALARM_BELOW] = ALARM_FROM,
		[ALARM_TO] = ALARM_ABOVE };
	enum alarm alarm = n->op == OP_GT   ? ALARM_ABOVE
			   : n->op == OP_GE ? ALARM_FROM
			   : n->op == OP_LT ? ALARM_BELOW
			   : n->op == OP_LE ? ALARM_TO
					    : ALARM_NONE;

	if (limit_first)
		alarm = turned[alarm];
	return denied ? refused[alarm] : alarm;
}

static void walk_comparison(struct facts *fs, const struct expr_node *n, struct place at)
{
	const struct expr_node *l = node_at(fs->answer, n->left),
			       *r = node_at(fs->answer, n->right);
	const struct expr_node *limit = l->constant ? l : r, *side = l->constant ? r : l;

	if (l->constant != r->constant && side->type == EXPR_NUMBER) {
		struct expr_fact f = fact_of(
			side, value_at(fs, l->constant ? n->right : n->left, at), fs->arena);
		struct expr_value v = value_at(fs, l->constant ? n->left : n->right, at);

		f.alarm = alarm_of(n, l->constant, at.denied);
		if (v.state == STATE_OK && !f.text)
			f.threshold = reading_of(v.number * (side->unit == UNIT_NS ? 1e9 : 1));
		if (limit->bytes == 0 && limit->seconds == 0 && limit->number != 0 &&
			side->unit != UNIT_NONE)
			f.unit = limit->unit == UNIT_RATIO ? UNIT_RATIO : UNIT_COUNT;
		put_fact(fs, f);
	}
	walk(fs, n->left, at);
	walk(fs, n->right, at);
}

static void walk_rows(struct facts *fs, int node, struct place at)
{
	const struct expr_node *n = node_at(fs->answer, node);

	if (n->type == EXPR_NUMBER)
		put_fact(fs, fact_of(n, value_at(fs, node, at), fs->arena));
	if (!fs->blame || !fs->blame->row || fs->blame->id != n->table)
		return;
	struct place in = { n->table, fs->blame->row, at.denied };

	if (n->left >= 0)
		walk(fs, n->left, in);
	if (n->right >= 0)
		walk(fs, n->right, in);
}

static void walk(struct facts *fs, int node, struct place at)
{
	const struct expr_node *n = node_at(fs->answer, node);

	switch (n->op) {
	case OP_NUMBER:
	case OP_TEXT:
	case OP_HAS:
		break;
	case OP_NAME:
	case OP_RATE:
		put_fact(fs, fact_of(n, value_at(fs, node, at), fs->arena));
		break;
	case OP_ROWS:
		walk_rows(fs, node, at);
		break;
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE:
	case OP_EQ:
	case OP_NE:
		walk_comparison(fs, n, at);
		break;
	default:
		at.denied ^= n->op == OP_NOT;
		walk(fs, n->left, at);
		if (n->right >= 0)
			walk(fs, n->right, at);
	}
}

size_t expr_facts(const struct expr_answer *a, const struct expr_blame *blame, struct arena *arena,
	struct expr_fact *out, size_t max)
{
	struct facts fs = { .answer = a, .blame = blame, .arena = arena, .out = out, .max = max };

	walk(&fs, a->expr->root, (struct place){ a->expr->row, a->row, false });
	return fs.n;
}

struct expr_fact expr_value_fact(const struct expr_answer *a, struct arena *arena)
{
	return fact_of(node_at(a, a->expr->root), a->value, arena);
}

static const char *table_why(const struct table *t, enum table_id id, struct arena *arena)
{
	const char *name = schemas[id]->name;

	if (!t)
		return arena_printf(arena, "%s was not read", name);
	if (t->why[0])
		return arena_printf(arena, "%s: %s", name, t->why);
	return arena_printf(arena, "%s: %s", name,
		t->state == STATE_OK ? "most of its rows could not be read" : state_name(t->state));
}

const char *expr_why(const struct expr_answer *a, const struct expr_value *v, struct arena *arena)
{
	const struct expr_node *n = node_at(a, v->node);
	const struct table *t = frame_table(a->now, n->table);
	const char *metric = v->lack == LACK_NOTHING ? "" : metric_of(n, arena);

	switch (v->lack) {
	case LACK_NOTHING:
		return "";
	case LACK_TABLE:
		return table_why(t, n->table, arena);
	case LACK_ROW:
		return arena_printf(arena, "%s: no such row", metric);
	case LACK_CELL:
		return arena_printf(arena, "%s: %s (%s)", metric, state_name(v->state),
			schemas[n->table]->columns[n->column].help);
	case LACK_READINGS:
		if (frame_elapsed_ns(a->now, a->was, n->table) == 0)
			return arena_printf(arena, "%s needs two readings", metric);
		return arena_printf(
			arena, "%s: it was not there in both readings, or went back", metric);
	case LACK_ROWS:
		return arena_printf(arena, "%s: no row to take it of", metric);
	case LACK_FINITE:
		return arena_printf(arena, "%s: divided by zero", metric);
	case LACK_STEPS:
		return "more rows than it may look at";
	}
	return "";
}
