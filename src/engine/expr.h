/* SPDX-License-Identifier: MIT */
/*
 * Expressions over tables: what a check is when it is written as data instead of C, and what
 * murphy assert evaluates. Pure: text to a typed tree, tree and frames to an answer. The language
 * is in docs/checks.md.
 *
 * Names are columns ("meminfo.free_bytes"). Units are checked when the text is compiled. What is
 * unknown stays unknown (Kleene): it makes an answer unknown unless the rest decides it.
 *
 * Bounds: EXPR_TEXT_MAX bytes, EXPR_NODES_MAX nodes, EXPR_DEPTH_MAX brackets, and a number of steps
 * that the caller gives each evaluation.
 */
#ifndef MURPHY_ENGINE_EXPR_H
#define MURPHY_ENGINE_EXPR_H

#include "base/arena.h"
#include "sample/frame.h"

enum {
	EXPR_TEXT_MAX = 4096,
	EXPR_NODES_MAX = 256,
	EXPR_DEPTH_MAX = 32,
	EXPR_ROWS_MAX = 16, /* rows that an answer names, the worst first */
};

enum expr_type { EXPR_TRUTH, EXPR_NUMBER, EXPR_TEXT };

/* Why something is unknown. */
enum expr_lack {
	LACK_NOTHING,
	LACK_TABLE,    /* the table could not be read, or not whole */
	LACK_ROW,      /* it has no such row */
	LACK_CELL,     /* the row has no such value */
	LACK_READINGS, /* a rate without two readings */
	LACK_ROWS,     /* none of the rows has the value, or there is none */
	LACK_FINITE,   /* divided by zero */
	LACK_STEPS,    /* more to do than allowed */
};

struct expr_value {
	enum state state; /* OK: the value counts */
	union {
		double number; /* bytes, seconds, per second, ratios 0..1 */
		bool truth;
		const char *text; /* of the table or the expression */
	};
	enum expr_lack lack; /* else this, of that node */
	int node;
};

struct expr_error {
	size_t at;      /* byte of the text */
	char text[200]; /* "cannot compare bytes with time" */
};

struct expr;

/*
 * Compile text, whose value must be of type want (-1: any). row: the table whose row the names may
 * mean; TABLE_none: none is there. cannot: tables that cannot be read for an expression, NULL:
 * none. It lives in a, and keeps no pointer to text. 0, -EINVAL and *ret_error says why, or
 * -ENOMEM.
 */
int expr_compile(struct arena *a, const char *text, size_t len, int want, enum table_id row,
	const bool cannot[TABLES], const struct expr **ret_expr, struct expr_error *ret_error);

/* The text, without blanks around it. */
const char *expr_text(const struct expr *e);
enum expr_type expr_type(const struct expr *e);

/*
 * Add the tables that it reads to needs, of which n are there already; all optional. Returns their
 * number, or -E2BIG past NEEDS_MAX - 1.
 */
int expr_needs(const struct expr *e, struct need needs[NEEDS_MAX], int n);

/* Add one table, or the rate to one that is there. As expr_needs(). */
int expr_need(struct need needs[NEEDS_MAX], int n, enum table_id table, bool rate);

/*
 * The table whose rows are each a case of its own when it is true: that of the only any() that
 * "and" joins to the rest. TABLE_none: a true answer is about the machine as a whole.
 */
enum table_id expr_each(const struct expr *e);

/* What an aggregate (any, count, max...) saw. */
struct expr_rows {
	int node;
	enum table_id id;
	const struct table *table;
	uint64_t took, skipped, unknown; /* rows: judged; without the value; not known */
	uint64_t hits;                   /* that decide: true for any, false for all, counted... */
	size_t n;
	const void *row[EXPR_ROWS_MAX]; /* of the hits, the furthest beyond the limit first */
	double margin[EXPR_ROWS_MAX];
	const void *near; /* without a hit: the one that comes closest; NULL */
	double near_margin;
};

struct expr_answer {
	const struct expr *expr;
	const struct frame *now, *was;
	const void *row; /* of the table that the expression was compiled for */
	struct expr_value value;
	struct expr_value *cached; /* private: of aggregates */
	struct expr_rows *rows;    /* of its aggregates, in the order of the text */
	size_t n_rows;
	uint64_t steps; /* left */
};

/*
 * Evaluate. was may be NULL; row is of the table given to expr_compile(), in frame now. What the
 * answer needs comes from a. 0 or -ENOMEM.
 */
int expr_eval(const struct expr *e, struct arena *a, const struct frame *now,
	const struct frame *was, const void *row, uint64_t steps, struct expr_answer *ret_answer);

/* The rows that make a true expression true: of expr_each()'s any(); NULL when it is none. */
const struct expr_rows *expr_cases(const struct expr_answer *a);

/*
 * The rows that decide the answer, worst first: those of its aggregates that make it true or false.
 * At most max; *ret_all how many there are.
 */
struct expr_blame {
	enum table_id id;
	const struct table *table;
	const void *row;
};
size_t expr_blames(
	const struct expr_answer *a, struct expr_blame *out, size_t max, uint64_t *ret_all);

/* A number that the answer rests on. */
struct expr_fact {
	const char *metric; /* "meminfo.free_bytes", "count(process where state = \"D\")" */
	enum unit unit;
	struct reading value;
	const char *text;         /* instead of the value; else NULL */
	struct reading threshold; /* what it was compared with */
	enum alarm alarm;         /* on which side of it the comparison holds */
	enum table_id table;      /* where it comes from; TABLE_none: several */
};

/*
 * Every name used, with its value: inside of blame's aggregate for blame's row (NULL: none), and
 * every side that is compared with a constant. Texts live in a. Returns how many, at most max.
 */
size_t expr_facts(const struct expr_answer *a, const struct expr_blame *blame, struct arena *arena,
	struct expr_fact *out, size_t max);

/* The value as a fact: for people and JSON in the base units of docs/json.md. */
struct expr_fact expr_value_fact(const struct expr_answer *a, struct arena *arena);

/* "process_fd: needs CAP_SYS_PTRACE or root": why v, a value of a, is unknown. */
const char *expr_why(const struct expr_answer *a, const struct expr_value *v, struct arena *arena);

#endif
