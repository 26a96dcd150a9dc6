/* SPDX-License-Identifier: MIT */
/* What only the files of the expression engine know of each other. */
#ifndef MURPHY_ENGINE_EXPR_PRIVATE_H
#define MURPHY_ENGINE_EXPR_PRIVATE_H

#include "base/cursor.h"
#include "engine/expr.h"

enum expr_op {
	OP_NUMBER,
	OP_TEXT,
	OP_NAME, /* a column */
	OP_RATE, /* of a column */
	OP_HAS,  /* a column: has it a value? */
	OP_ROWS, /* an aggregate: left of each row (-1: the rows themselves), right is where */
	OP_MINUS,
	OP_NOT,
	OP_AND,
	OP_OR,
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_EQ,
	OP_NE,
	OP_LIKE,
	OP_UNLIKE,
};

enum expr_aggregate { AGG_ANY, AGG_ALL, AGG_COUNT, AGG_SUM, AGG_AVG, AGG_MIN, AGG_MAX };

struct expr_node {
	enum expr_op op;
	enum expr_aggregate aggregate;
	int left, right;        /* children, -1: none */
	struct span name, text; /* name as written; what the node spans */
	double number;
	const char *string; /* OP_TEXT, NUL-terminated */
	/* by the type pass */
	enum expr_type type;
	int bytes, seconds; /* exponents: bytes per second is 1, -1 */
	enum unit unit;     /* for people */
	bool constant;
	enum table_id table;
	unsigned int column;
	bool of_row; /* of the row at hand, not of the machine */
	int aggregate_index;
};

struct expr {
	const char *text;
	size_t len;
	struct expr_node *node;
	size_t n;
	int root;
	enum table_id row;
	size_t n_aggregates;
};

/* What expr_parse() and expr_check() work on. */
struct expr_work {
	struct arena *arena;
	struct expr *expr;
	struct expr_error *error;
	struct cursor c;
	size_t depth;
	const bool *cannot;
	bool failed;
	bool no_memory;
};

/* Note the first error, at a place in the text; always false. */
bool expr_refuse(struct expr_work *w, const char *at, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Text to nodes; false: refused. */
bool expr_parse(struct expr_work *w);

/* Tables, columns, types and units of all nodes; false: refused. */
bool expr_check(struct expr_work *w);

/* Of any node, for a row of table scope (NULL: of the machine). */
struct expr_value expr_value_of(
	struct expr_answer *a, int node, enum table_id scope, const void *row, double *margin);

#endif
