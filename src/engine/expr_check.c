/* SPDX-License-Identifier: MIT */
#include "engine/expr_private.h"
#include "engine/metric.h"

#include <stdio.h>
#include <string.h>

enum { NAME_SHOWN = 60 };

static int shown(struct span s)
{
	return s.len > NAME_SHOWN ? NAME_SHOWN : (int)s.len;
}

/* "bytes", "time", "a plain number"; buf is for the odd ones. */
static const char *dimension(int bytes, int seconds, char buf[32])
{
	if (bytes == 0 && seconds == 0)
		return "a plain number";
	if (bytes == 1 && seconds == 0)
		return "bytes";
	if (bytes == 0 && seconds == 1)
		return "time";
	if (bytes == 0 && seconds == -1)
		return "a number per second";
	if (bytes == 1 && seconds == -1)
		return "bytes per second";
	snprintf(buf, 32, "bytes^%d seconds^%d", bytes, seconds);
	return buf;
}

static void unit_dimension(enum unit unit, int *ret_bytes, int *ret_seconds)
{
	*ret_bytes = unit == UNIT_BYTES || unit == UNIT_BYTES_PER_S;
	*ret_seconds = 0;
	if (unit == UNIT_NS)
		*ret_seconds = 1;
	else if (unit == UNIT_PER_S || unit == UNIT_BYTES_PER_S || unit == UNIT_HZ)
		*ret_seconds = -1;
}

/* For people: what a number of that dimension is shown as. */
static enum unit unit_of(int bytes, int seconds, enum unit plain)
{
	if (bytes == 1 && seconds == 0)
		return UNIT_BYTES;
	if (bytes == 0 && seconds == 1)
		return UNIT_NS;
	if (bytes == 0 && seconds == -1)
		return UNIT_PER_S;
	if (bytes == 1 && seconds == -1)
		return UNIT_BYTES_PER_S;
	return plain;
}

static bool is_zero(const struct expr_node *n)
{
	return n->op == OP_NUMBER && n->number == 0 && n->unit == UNIT_COUNT;
}

/* A plain 0 is 0 of anything. */
static bool adapt(struct expr_node *l, struct expr_node *r)
{
	struct expr_node *zero = is_zero(r) ? r : is_zero(l) ? l : NULL;
	const struct expr_node *other = zero == r ? l : r;

	if (zero) {
		zero->bytes = other->bytes;
		zero->seconds = other->seconds;
		zero->unit = other->unit;
	}
	return l->bytes == r->bytes && l->seconds == r->seconds;
}

static bool want_type(struct expr_work *w, const struct expr_node *n, enum expr_type type)
{
	static const char *const names[] = { "a condition", "a number", "a text" };

	if (n->type == type)
		return true;
	return expr_refuse(w, n->text.at, "%.*s is %s, and %s is needed here", shown(n->text),
		n->text.at, names[n->type], names[type]);
}

static bool want_computable(struct expr_work *w, const struct expr_node *n)
{
	if (!want_type(w, n, EXPR_NUMBER))
		return false;
	if (n->op != OP_NAME || schemas[n->table]->columns[n->column].role != ROLE_KEY)
		return true;
	return expr_refuse(w, n->text.at, "%.*s names a row: there is nothing to compute with",
		shown(n->text), n->text.at);
}

/* How to reach the row of n's table from where the name stands. */
static bool check_reach(struct expr_work *w, struct expr_node *n, enum table_id scope)
{
	const char *table = schemas[n->table]->name;
	uint64_t key;
	bool apart;

	n->of_row = scope && (n->table == scope || (!metric_single(n->table) &&
							   metric_join(scope, n->table) >= 0));
	if (n->of_row || metric_single(n->table) || metric_whole(n->table, &key, &apart))
		return true;
	if (scope)
		return expr_refuse(w, n->name.at, "%s and %s have no key in common",
			schemas[scope]->name, table);
	return expr_refuse(w, n->name.at,
		"%s has many rows: say which, as in any(%.*s ...), max(%.*s) or count(%s where "
		"...)",
		table, shown(n->name), n->name.at, shown(n->name), n->name.at, table);
}

static bool check_table(struct expr_work *w, const char *at, enum table_id id, struct span name)
{
	if (!id)
		return expr_refuse(w, at,
			"no table is called \"%.*s\"; murphy assert --list shows them all",
			shown(name), name.at);
	if (w->cannot && w->cannot[id])
		return expr_refuse(w, at,
			"%s is read only for what a check suspects, never as a whole",
			schemas[id]->name);
	return true;
}

/*
 * A name without its table is of the row at hand, else of what the row belongs to: in
 * any(process_fd.open > 1000 where comm = "api") it is process.comm.
 */
static int find_column(bool whole, enum table_id *id, struct span column)
{
	static const enum table_id owners[] = { TABLE_process, TABLE_mount, TABLE_disk };
	int i = metric_column(*id, column.at, column.len);

	for (size_t k = 0; i < 0 && !whole && k < ARRAY_SIZE(owners); k++) {
		if (metric_join(*id, owners[k]) < 0)
			continue;
		i = metric_column(owners[k], column.at, column.len);
		*id = i < 0 ? *id : owners[k];
	}
	return i;
}

static bool check_name(struct expr_work *w, struct expr_node *n, enum table_id scope)
{
	const char *dot = memchr(n->name.at, '.', n->name.len);
	struct span table = { n->name.at, dot ? (size_t)(dot - n->name.at) : 0 };
	struct span column = { dot ? dot + 1 : n->name.at,
		n->name.len - table.len - (dot ? 1 : 0) };
	enum table_id id = dot ? metric_table(table.at, table.len) : scope;

	if (!dot && !scope)
		return expr_refuse(w, n->name.at,
			"\"%.*s\" is no column: write TABLE.COLUMN; a text needs quotes",
			shown(n->name), n->name.at);
	if (!check_table(w, n->name.at, id, table))
		return false;
	int i = find_column(dot != NULL, &id, column);

	if (i < 0)
		return expr_refuse(w, column.at,
			"%s has no column \"%.*s\"; murphy assert --list %s shows those that it "
			"has",
			schemas[id]->name, shown(column), column.at, schemas[id]->name);
	const struct column *c = &schemas[id]->columns[i];

	n->table = id;
	n->column = (unsigned int)i;
	n->unit = c->unit;
	n->type = c->type == TYPE_text ? EXPR_TEXT : EXPR_NUMBER;
	unit_dimension(c->unit, &n->bytes, &n->seconds);
	if (c->unit == UNIT_HASH)
		return expr_refuse(w, n->name.at, "%.*s is a hash: nothing to compare or compute",
			shown(n->name), n->name.at);
	return check_reach(w, n, scope);
}

static bool check_rate(struct expr_work *w, struct expr_node *n, enum table_id scope)
{
	if (!check_name(w, n, scope))
		return false;
	if (schemas[n->table]->columns[n->column].role != ROLE_COUNTER)
		return expr_refuse(w, n->name.at,
			"%.*s is no counter: only what always grows has a rate", shown(n->name),
			n->name.at);
	n->seconds--;
	n->unit = unit_of(n->bytes, n->seconds, UNIT_RATIO);
	return true;
}

/* The first name below node that says its table, if that table has many rows. */
static enum table_id first_table(const struct expr_work *w, int node)
{
	if (node < 0)
		return TABLE_none;
	const struct expr_node *n = &w->expr->node[node];

	if (n->op == OP_ROWS)
		return TABLE_none;
	if (n->op == OP_NAME || n->op == OP_RATE || n->op == OP_HAS) {
		const char *dot = memchr(n->name.at, '.', n->name.len);
		enum table_id id =
			dot ? metric_table(n->name.at, (size_t)(dot - n->name.at)) : TABLE_none;

		return id && !metric_single(id) ? id : TABLE_none;
	}
	enum table_id id = first_table(w, n->left);

	return id ? id : first_table(w, n->right);
}

static bool check_node(struct expr_work *w, int node, enum table_id scope);

static bool check_body(struct expr_work *w, struct expr_node *n)
{
	struct expr_node *body = &w->expr->node[n->left];
	bool condition = n->aggregate == AGG_ANY || n->aggregate == AGG_ALL;

	if (!check_node(w, n->left, n->table))
		return false;
	if (n->aggregate == AGG_COUNT)
		return expr_refuse(w, body->text.at,
			"count() takes a table and a filter: count(%s where ...)",
			schemas[n->table]->name);
	if (!(condition ? want_type(w, body, EXPR_TRUTH) : want_computable(w, body)))
		return false;
	n->type = body->type;
	n->unit = body->unit;
	n->bytes = body->bytes;
	n->seconds = body->seconds;
	return true;
}

static bool check_rows(struct expr_work *w, struct expr_node *n)
{
	if (n->name.len > 0) {
		n->table = metric_table(n->name.at, n->name.len);
		if (!check_table(w, n->name.at, n->table, n->name))
			return false;
		if (n->aggregate != AGG_COUNT && n->aggregate != AGG_ANY)
			return expr_refuse(w, n->name.at,
				"only count() and any() take a whole table; name a column, as in "
				"max(disk.in_flight)");
	} else {
		n->table = first_table(w, n->left);
		n->table = n->table ? n->table : first_table(w, n->right);
	}
	if (!n->table || metric_single(n->table))
		return expr_refuse(w, n->text.at,
			"the brackets name no table with rows, as in max(disk.in_flight)");
	n->type = n->aggregate == AGG_ANY || n->aggregate == AGG_ALL ? EXPR_TRUTH : EXPR_NUMBER;
	n->unit = UNIT_COUNT;
	if (n->left >= 0 && !check_body(w, n))
		return false;
	return n->right < 0 || (check_node(w, n->right, n->table) &&
				       want_type(w, &w->expr->node[n->right], EXPR_TRUTH));
}

/* process.state = "D": the word becomes its code. */
static bool check_code(struct expr_work *w, const struct expr_node *n, struct expr_node *name,
	struct expr_node *word)
{
	double code;

	if (n->op != OP_EQ && n->op != OP_NE)
		return expr_refuse(w, n->text.at,
			"%.*s is a code: compare it with = or !=", shown(name->text),
			name->text.at);
	if (!metric_code(name->table, name->column, word->string, &code))
		return expr_refuse(w, word->text.at, "%.*s is one of %s, not %.*s",
			shown(name->text), name->text.at, metric_words(name->table, name->column),
			shown(word->text), word->text.at);
	word->op = OP_NUMBER;
	word->number = code;
	word->type = EXPR_NUMBER;
	word->unit = UNIT_NONE;
	return true;
}

static bool coded(const struct expr_node *name, const struct expr_node *word)
{
	return word->op == OP_TEXT && name->op == OP_NAME && name->type == EXPR_NUMBER &&
	       metric_words(name->table, name->column);
}

static bool check_comparison(
	struct expr_work *w, struct expr_node *n, struct expr_node *l, struct expr_node *r)
{
	char a[32], b[32];

	n->type = EXPR_TRUTH;
	if (n->op == OP_LIKE || n->op == OP_UNLIKE)
		return want_type(w, l, EXPR_TEXT) && want_type(w, r, EXPR_TEXT);
	if (coded(l, r))
		return check_code(w, n, l, r);
	if (coded(r, l))
		return check_code(w, n, r, l);
	if (l->type == EXPR_TEXT && r->type == EXPR_TEXT) {
		if (n->op == OP_EQ || n->op == OP_NE)
			return true;
		return expr_refuse(
			w, n->text.at, "texts have no order: compare them with = != ~ !~");
	}
	if (!want_type(w, l, EXPR_NUMBER) || !want_type(w, r, EXPR_NUMBER))
		return false;
	if (adapt(l, r))
		return true;
	return expr_refuse(w, n->text.at, "cannot compare %s (%.*s) with %s (%.*s)",
		dimension(l->bytes, l->seconds, a), shown(l->text), l->text.at,
		dimension(r->bytes, r->seconds, b), shown(r->text), r->text.at);
}

static enum unit plain_unit(
	const struct expr_node *n, const struct expr_node *l, const struct expr_node *r)
{
	bool ratios = l->unit == UNIT_RATIO && r->unit == UNIT_RATIO;

	if (n->op == OP_DIV && r->constant && r->bytes == 0 && r->seconds == 0)
		return l->unit == UNIT_RATIO ? UNIT_RATIO : UNIT_COUNT;
	if (n->op == OP_DIV)
		return l->unit == UNIT_RATIO && r->unit != UNIT_RATIO ? UNIT_COUNT : UNIT_RATIO;
	if (n->op == OP_MUL)
		return ratios || (l->constant && r->unit == UNIT_RATIO) ||
				       (r->constant && l->unit == UNIT_RATIO)
			       ? UNIT_RATIO
			       : UNIT_COUNT;
	return l->unit == UNIT_RATIO || r->unit == UNIT_RATIO ? UNIT_RATIO : UNIT_COUNT;
}

static bool check_arithmetic(
	struct expr_work *w, struct expr_node *n, struct expr_node *l, struct expr_node *r)
{
	char a[32], b[32];

	if (!want_computable(w, l) || !want_computable(w, r))
		return false;
	n->type = EXPR_NUMBER;
	if (n->op == OP_ADD || n->op == OP_SUB) {
		if (!adapt(l, r))
			return expr_refuse(w, n->text.at, "cannot %s %s (%.*s) and %s (%.*s)",
				n->op == OP_ADD ? "add" : "subtract",
				dimension(l->bytes, l->seconds, a), shown(l->text), l->text.at,
				dimension(r->bytes, r->seconds, b), shown(r->text), r->text.at);
		n->bytes = l->bytes;
		n->seconds = l->seconds;
	} else {
		int sign = n->op == OP_DIV ? -1 : 1;

		n->bytes = l->bytes + sign * r->bytes;
		n->seconds = l->seconds + sign * r->seconds;
	}
	n->unit = unit_of(n->bytes, n->seconds, plain_unit(n, l, r));
	return true;
}

static bool check_two(struct expr_work *w, struct expr_node *n, enum table_id scope)
{
	struct expr_node *l = &w->expr->node[n->left], *r = &w->expr->node[n->right];

	if (!check_node(w, n->left, scope) || !check_node(w, n->right, scope))
		return false;
	n->constant = l->constant && r->constant;
	switch (n->op) {
	case OP_AND:
	case OP_OR:
		n->type = EXPR_TRUTH;
		return want_type(w, l, EXPR_TRUTH) && want_type(w, r, EXPR_TRUTH);
	case OP_ADD:
	case OP_SUB:
	case OP_MUL:
	case OP_DIV:
		return check_arithmetic(w, n, l, r);
	default:
		return check_comparison(w, n, l, r);
	}
}

static bool check_one(struct expr_work *w, struct expr_node *n, enum table_id scope)
{
	const struct expr_node *l = &w->expr->node[n->left];

	if (!check_node(w, n->left, scope))
		return false;
	n->constant = l->constant;
	n->type = l->type;
	n->unit = l->unit;
	n->bytes = l->bytes;
	n->seconds = l->seconds;
	return n->op == OP_NOT ? want_type(w, l, EXPR_TRUTH) : want_computable(w, l);
}

static bool check_node(struct expr_work *w, int node, enum table_id scope)
{
	struct expr_node *n = &w->expr->node[node];

	switch (n->op) {
	case OP_NUMBER:
		n->type = EXPR_NUMBER;
		n->constant = true;
		return true;
	case OP_TEXT:
		n->type = EXPR_TEXT;
		n->constant = true;
		return true;
	case OP_NAME:
		return check_name(w, n, scope);
	case OP_RATE:
		return check_rate(w, n, scope);
	case OP_HAS:
		if (!check_name(w, n, scope))
			return false;
		n->type = EXPR_TRUTH;
		return true;
	case OP_ROWS:
		return check_rows(w, n);
	case OP_MINUS:
	case OP_NOT:
		return check_one(w, n, scope);
	default:
		return check_two(w, n, scope);
	}
}

bool expr_check(struct expr_work *w)
{
	return check_node(w, w->expr->root, w->expr->row);
}
