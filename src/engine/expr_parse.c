/* SPDX-License-Identifier: MIT */
#include "engine/expr_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool expr_refuse(struct expr_work *w, const char *at, const char *fmt, ...)
{
	va_list ap;

	if (w->failed)
		return false;
	w->failed = true;
	w->error->at = (size_t)(at - w->expr->text);
	va_start(ap, fmt);
	vsnprintf(w->error->text, sizeof(w->error->text), fmt, ap);
	va_end(ap);
	return false;
}

static bool is_letter(char ch)
{
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_';
}

static bool is_digit(char ch)
{
	return ch >= '0' && ch <= '9';
}

static void blank(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n'))
		c->at++;
}

/* The word that comes next, without taking it; empty when none does. */
static struct span peek_word(const struct cursor *from)
{
	struct cursor c = *from;

	blank(&c);
	const char *at = c.at;

	while (c.at < c.end && (is_letter(*c.at) || (c.at > at && is_digit(*c.at))))
		c.at++;
	return (struct span){ at, (size_t)(c.at - at) };
}

static bool take_word(struct expr_work *w, const char *word)
{
	struct span s = peek_word(&w->c);

	if (!span_eq(s, word))
		return false;
	w->c.at = s.at + s.len;
	return true;
}

static bool take(struct expr_work *w, const char *sign)
{
	struct cursor c = w->c;

	blank(&c);
	if (!cursor_lit(&c, sign))
		return false;
	w->c = c;
	return true;
}

/* What comes next, for a message. */
static const char *next_thing(const struct expr_work *w, char buf[40])
{
	struct cursor c = w->c;
	struct span s = peek_word(&c);

	blank(&c);
	if (cursor_end(&c))
		return "the end";
	if (s.len == 0)
		s = (struct span){ c.at, 1 };
	snprintf(buf, 40, "\"%.*s\"", s.len > 30 ? 30 : (int)s.len, s.at);
	return buf;
}

static bool expected(struct expr_work *w, const char *what)
{
	struct cursor c = w->c;
	char buf[40];

	blank(&c);
	return expr_refuse(w, c.at, "expected %s, not %s", what, next_thing(w, buf));
}

static int add(struct expr_work *w, enum expr_op op, const char *from)
{
	if (w->expr->n == EXPR_NODES_MAX) {
		expr_refuse(w, from, "longer than %d operands and operators", EXPR_NODES_MAX);
		return -1;
	}
	int i = (int)w->expr->n++;

	w->expr->node[i] = (struct expr_node){
		.op = op, .left = -1, .right = -1, .text = { from, (size_t)(w->c.at - from) }
	};
	return i;
}

static int add_two(struct expr_work *w, enum expr_op op, int left, int right)
{
	if (left < 0 || right < 0)
		return -1;
	int i = add(w, op, w->expr->node[left].text.at);

	if (i >= 0) {
		w->expr->node[i].left = left;
		w->expr->node[i].right = right;
	}
	return i;
}

static int parse_or(struct expr_work *w);

static const struct suffix {
	const char *word;
	double factor;
	int bytes, seconds;
	enum unit unit;
} suffixes[] = {
	{ "%", 0.01, 0, 0, UNIT_RATIO },
	{ "B", 1, 1, 0, UNIT_BYTES },
	{ "KiB", 1024.0, 1, 0, UNIT_BYTES },
	{ "MiB", 1048576.0, 1, 0, UNIT_BYTES },
	{ "GiB", 1073741824.0, 1, 0, UNIT_BYTES },
	{ "TiB", 1099511627776.0, 1, 0, UNIT_BYTES },
	{ "kB", 1e3, 1, 0, UNIT_BYTES },
	{ "MB", 1e6, 1, 0, UNIT_BYTES },
	{ "GB", 1e9, 1, 0, UNIT_BYTES },
	{ "TB", 1e12, 1, 0, UNIT_BYTES },
	{ "ns", 1e-9, 0, 1, UNIT_NS },
	{ "us", 1e-6, 0, 1, UNIT_NS },
	{ "ms", 1e-3, 0, 1, UNIT_NS },
	{ "s", 1, 0, 1, UNIT_NS },
	{ "min", 60, 0, 1, UNIT_NS },
	{ "h", 3600, 0, 1, UNIT_NS },
	{ "d", 86400, 0, 1, UNIT_NS },
	{ "Hz", 1, 0, -1, UNIT_HZ },
	{ "kHz", 1e3, 0, -1, UNIT_HZ },
	{ "MHz", 1e6, 0, -1, UNIT_HZ },
	{ "GHz", 1e9, 0, -1, UNIT_HZ },
};

/* The unit that comes next; NULL: none. A call min(...) or a name h.x is none. */
static const struct suffix *take_suffix(struct expr_work *w)
{
	struct span s = peek_word(&w->c);
	struct cursor after = { s.at + s.len, w->c.end };

	if (s.len == 0 && take(w, "%"))
		return &suffixes[0];
	blank(&after);
	if (s.len == 0 || (after.at < after.end && (*after.at == '(' || *after.at == '.')))
		return NULL;
	for (size_t i = 1; i < ARRAY_SIZE(suffixes); i++) {
		if (!span_eq(s, suffixes[i].word))
			continue;
		w->c.at = s.at + s.len;
		return &suffixes[i];
	}
	return NULL;
}

/* "5", "5 %", "1.5 GiB", "100 MiB/s", "3/min" */
static int parse_number(struct expr_work *w)
{
	const char *from = w->c.at;
	double value;

	if (!cursor_f64(&w->c, &value)) {
		expr_refuse(w, from, "a number is too large");
		return -1;
	}
	if (w->c.at < w->c.end && (*w->c.at == 'e' || *w->c.at == 'E')) {
		expr_refuse(w, from, "write the number in full, or with a unit");
		return -1;
	}
	const struct suffix *unit = take_suffix(w), none = { "", 1, 0, 0, UNIT_COUNT };
	struct cursor before = w->c;
	const struct suffix *per = take(w, "/") ? take_suffix(w) : NULL;

	if (per && (per->seconds != 1 || (unit && unit->seconds != 0)))
		per = NULL;
	if (!per)
		w->c = before;
	unit = unit ? unit : &none;
	int i = add(w, OP_NUMBER, from);

	if (i < 0)
		return -1;
	struct expr_node *n = &w->expr->node[i];

	n->number = value * unit->factor / (per ? per->factor : 1);
	n->bytes = unit->bytes;
	n->seconds = unit->seconds - (per ? 1 : 0);
	n->unit = !per ? unit->unit : unit->bytes ? UNIT_BYTES_PER_S : UNIT_PER_S;
	return i;
}

/* "text" or 'text'; \ takes the next byte as it is. */
static int parse_string(struct expr_work *w)
{
	const char *from = w->c.at, quote = *w->c.at++;
	char buf[256];
	size_t len = 0;

	while (w->c.at < w->c.end && *w->c.at != quote) {
		if (*w->c.at == '\\' && w->c.at + 1 < w->c.end)
			w->c.at++;
		if (len + 1 >= sizeof(buf) || *w->c.at == '\0') {
			expr_refuse(w, from, "a text is longer than %zu bytes", sizeof(buf) - 1);
			return -1;
		}
		buf[len++] = *w->c.at++;
	}
	if (cursor_end(&w->c)) {
		expr_refuse(w, from, "the text that begins here has no closing %c", quote);
		return -1;
	}
	w->c.at++;
	int i = add(w, OP_TEXT, from);
	char *copy = i < 0 ? NULL : arena_dup(w->arena, buf, len);

	if (i < 0)
		return -1;
	w->no_memory |= !copy;
	w->failed |= !copy;
	w->expr->node[i].string = copy;
	return copy ? i : -1;
}

/* "table.column", or "column" where a row is at hand. */
static int parse_name(struct expr_work *w, enum expr_op op)
{
	struct span word = peek_word(&w->c);

	if (word.len == 0) {
		expected(w, "the name of a column, as meminfo.free_bytes");
		return -1;
	}
	w->c.at = word.at + word.len;
	if (w->c.at < w->c.end && *w->c.at == '.') {
		struct cursor rest = { w->c.at + 1, w->c.end };
		struct span column = peek_word(&rest);

		if (column.len == 0 || column.at != rest.at) {
			expr_refuse(w, rest.at, "expected a column of %.*s after the dot",
				(int)(word.len > 60 ? 60 : word.len), word.at);
			return -1;
		}
		w->c.at = column.at + column.len;
	}
	int i = add(w, op, word.at);

	if (i >= 0)
		w->expr->node[i].name = w->expr->node[i].text;
	return i;
}

/* Behind "rate" or "has": one name in brackets. */
static int parse_of_name(struct expr_work *w, enum expr_op op, const char *from)
{
	take(w, "(");
	int i = parse_name(w, op);

	if (i < 0)
		return -1;
	if (!take(w, ")")) {
		expected(w, op == OP_RATE ? "\")\": rate() takes the name of a counter"
					  : "\")\": has() takes the name of a column");
		return -1;
	}
	w->expr->node[i].text = (struct span){ from, (size_t)(w->c.at - from) };
	return i;
}

/* A table alone, as in count(process): nothing but the bracket's end or "where" follows. */
static bool take_table(struct expr_work *w, struct span *ret_name)
{
	struct span word = peek_word(&w->c);
	struct cursor after = { word.at + word.len, w->c.end };

	blank(&after);
	if (word.len == 0 || !(span_eq(peek_word(&after), "where") ||
				     (after.at < after.end && *after.at == ')')))
		return false;
	w->c.at = word.at + word.len;
	*ret_name = word;
	return true;
}

/* any(CONDITION where FILTER), count(TABLE where FILTER), max(NUMBER where FILTER) */
static int parse_rows(struct expr_work *w, enum expr_aggregate aggregate, const char *from)
{
	struct span table = { 0 };

	take(w, "(");
	bool alone = take_table(w, &table);
	int left = alone ? -1 : parse_or(w), right = -1;

	if (!alone && left < 0)
		return -1;
	if (take_word(w, "where")) {
		right = parse_or(w);
		if (right < 0)
			return -1;
	}
	if (!take(w, ")")) {
		expected(w, "\")\", \"where\" or an operator");
		return -1;
	}
	int i = add(w, OP_ROWS, from);

	if (i >= 0) {
		struct expr_node *n = &w->expr->node[i];

		n->aggregate = aggregate;
		n->left = left;
		n->right = right;
		n->name = table;
		n->aggregate_index = (int)w->expr->n_aggregates++;
	}
	return i;
}

static int parse_word(struct expr_work *w)
{
	static const char *const aggregates[] = { "any", "all", "count", "sum", "avg", "min",
		"max" };
	struct span word = peek_word(&w->c);
	struct cursor after = { word.at + word.len, w->c.end };

	blank(&after);
	if (after.at == after.end || *after.at != '(')
		return parse_name(w, OP_NAME);
	w->c.at = word.at + word.len;
	if (span_eq(word, "rate"))
		return parse_of_name(w, OP_RATE, word.at);
	if (span_eq(word, "has"))
		return parse_of_name(w, OP_HAS, word.at);
	for (size_t i = 0; i < ARRAY_SIZE(aggregates); i++) {
		if (span_eq(word, aggregates[i]))
			return parse_rows(w, (enum expr_aggregate)i, word.at);
	}
	expr_refuse(w, word.at,
		"no function is called %.*s; there are rate, has, any, all, count, sum, avg, min, "
		"max",
		(int)(word.len > 60 ? 60 : word.len), word.at);
	return -1;
}

static bool reserved(struct span word)
{
	static const char *const words[] = { "and", "or", "not", "where" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (span_eq(word, words[i]))
			return true;
	}
	return false;
}

static int parse_primary(struct expr_work *w)
{
	struct span word = peek_word(&w->c);

	blank(&w->c);
	const char *from = w->c.at;

	if (!cursor_end(&w->c) && is_digit(*from))
		return parse_number(w);
	if (!cursor_end(&w->c) && (*from == '"' || *from == '\''))
		return parse_string(w);
	if (word.len > 0 && !reserved(word))
		return parse_word(w);
	if (!take(w, "(")) {
		expected(w, "a name, a number, a text or \"(\"");
		return -1;
	}
	int i = parse_or(w);

	if (i < 0)
		return -1;
	if (!take(w, ")")) {
		expected(w, "\")\" or an operator");
		return -1;
	}
	w->expr->node[i].text = (struct span){ from, (size_t)(w->c.at - from) };
	return i;
}

static int parse_one(
	struct expr_work *w, enum expr_op op, const char *from, int (*of)(struct expr_work *w))
{
	int inner = of(w);
	int i = inner < 0 ? -1 : add(w, op, from);

	if (i >= 0)
		w->expr->node[i].left = inner;
	return i;
}

/*
 * Every way into brackets, "-" and "not" goes through here or parse_not(): what nests is counted.
 */
static int parse_unary(struct expr_work *w)
{
	struct cursor c = w->c;
	int i;

	blank(&c);
	if (++w->depth > EXPR_DEPTH_MAX) {
		expr_refuse(
			w, c.at, "more than %d brackets and signs in each other", EXPR_DEPTH_MAX);
		i = -1;
	} else if (take(w, "-")) {
		i = parse_one(w, OP_MINUS, c.at, parse_unary);
	} else {
		i = parse_primary(w);
	}
	w->depth--;
	return i;
}

static int parse_product(struct expr_work *w)
{
	int i = parse_unary(w);

	while (i >= 0) {
		if (take(w, "*"))
			i = add_two(w, OP_MUL, i, parse_unary(w));
		else if (take(w, "/"))
			i = add_two(w, OP_DIV, i, parse_unary(w));
		else
			break;
	}
	return i;
}

static int parse_sum(struct expr_work *w)
{
	int i = parse_product(w);

	while (i >= 0) {
		if (take(w, "+"))
			i = add_two(w, OP_ADD, i, parse_product(w));
		else if (take(w, "-"))
			i = add_two(w, OP_SUB, i, parse_product(w));
		else
			break;
	}
	return i;
}

static bool take_comparison(struct expr_work *w, enum expr_op *ret_op)
{
	static const struct {
		const char *sign;
		enum expr_op op;
	} signs[] = { { "<=", OP_LE }, { "<", OP_LT }, { ">=", OP_GE }, { ">", OP_GT },
		{ "==", OP_EQ }, { "=", OP_EQ }, { "!=", OP_NE }, { "!~", OP_UNLIKE },
		{ "~", OP_LIKE } };

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
		if (take(w, signs[i].sign)) {
			*ret_op = signs[i].op;
			return true;
		}
	}
	return false;
}

static int parse_comparison(struct expr_work *w)
{
	int i = parse_sum(w);
	enum expr_op op;

	if (i < 0 || !take_comparison(w, &op))
		return i;
	i = add_two(w, op, i, parse_sum(w));
	struct cursor before = w->c;

	if (i >= 0 && take_comparison(w, &op)) {
		blank(&before);
		expr_refuse(w, before.at, "two comparisons in a row: join them with \"and\"");
		return -1;
	}
	return i;
}

static int parse_not(struct expr_work *w)
{
	struct span word = peek_word(&w->c);
	int i;

	if (!take_word(w, "not"))
		return parse_comparison(w);
	if (++w->depth > EXPR_DEPTH_MAX) {
		expr_refuse(w, word.at, "more than %d brackets and signs in each other",
			EXPR_DEPTH_MAX);
		i = -1;
	} else {
		i = parse_one(w, OP_NOT, word.at, parse_not);
	}
	w->depth--;
	return i;
}

static int parse_and(struct expr_work *w)
{
	int i = parse_not(w);

	while (i >= 0 && take_word(w, "and"))
		i = add_two(w, OP_AND, i, parse_not(w));
	return i;
}

static int parse_or(struct expr_work *w)
{
	int i = parse_and(w);

	while (i >= 0 && take_word(w, "or"))
		i = add_two(w, OP_OR, i, parse_and(w));
	return i;
}

bool expr_parse(struct expr_work *w)
{
	w->c = cursor_of(w->expr->text, w->expr->len);
	w->expr->root = parse_or(w);
	if (w->failed || w->expr->root < 0)
		return false;
	struct span word = peek_word(&w->c);

	blank(&w->c);
	if (cursor_end(&w->c))
		return true;
	if (span_eq(word, "where"))
		return expr_refuse(w, word.at,
			"\"where\" goes into the brackets: max(disk.in_flight where name ~ "
			"\"sd*\")");
	return expected(w, "an operator or the end");
}
