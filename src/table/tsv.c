/* SPDX-License-Identifier: MIT */
#include "table/tsv.h"

#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[] = {
	[TYPE_u32] = "u32",
	[TYPE_u64] = "u64",
	[TYPE_s64] = "s64",
	[TYPE_f64] = "f64",
	[TYPE_text] = "text",
};

void tsv_put(struct strbuf *out, const char *text, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; i < len; i++) {
		char ch = text[i];

		if (ch != '\t' && ch != '\n' && ch != '\\' && !(ch == '-' && i == 0))
			continue;
		strbuf_add(out, text + from, i - from);
		strbuf_putc(out, '\\');
		strbuf_putc(out, ch == '\t' ? 't' : ch == '\n' ? 'n' : ch);
		from = i + 1;
	}
	strbuf_add(out, text + from, len - from);
}

bool tsv_next(struct cursor *line, bool *end, struct span *ret_raw)
{
	if (*end)
		return false;
	if (!cursor_until(line, '\t', ret_raw)) {
		*ret_raw = (struct span){ line->at, cursor_left(line) };
		line->at = line->end;
		*end = true;
	}
	return true;
}

size_t tsv_unescape(struct span raw, char *to)
{
	size_t len = 0;

	for (size_t i = 0; i < raw.len; i++) {
		char ch = raw.at[i];

		if (ch == '\\' && i + 1 < raw.len) {
			ch = raw.at[++i];
			ch = ch == 't' ? '\t' : ch == 'n' ? '\n' : ch;
		}
		to[len++] = ch;
	}
	return len;
}

void table_write_note(const struct table *t, struct strbuf *out)
{
	const char *method = t->method ? t->method : "";

	strbuf_printf(out, "%s\t%s\t", t->schema->name, state_name(t->state));
	tsv_put(out, method, strlen(method));
	strbuf_printf(out, "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t", t->taken_ns,
		t->cost_ns, t->seen, t->lost);
	tsv_put(out, t->why, strlen(t->why));
	strbuf_putc(out, '\n');
}

static bool whole_u64(struct span raw, uint64_t *ret_value)
{
	struct cursor c = cursor_span(raw);

	return raw.len > 0 && *raw.at >= '0' && *raw.at <= '9' && cursor_u64(&c, ret_value) &&
	       cursor_end(&c);
}

static bool short_text(struct span raw, char *to, size_t size)
{
	if (raw.len >= size || memchr(raw.at, '\0', raw.len))
		return false;
	to[tsv_unescape(raw, to)] = '\0';
	return true;
}

int table_read_note(struct cursor line, struct table_note *ret_note)
{
	struct table_note n = { 0 };
	struct span raw[8];
	char state[16];
	size_t count = 0;
	bool end = false;

	while (count < ARRAY_SIZE(raw) && tsv_next(&line, &end, &raw[count]))
		count++;
	if (count != ARRAY_SIZE(raw) || !end)
		return -EINVAL;
	/* why may have been cut in the middle of nothing, but escapes make it longer. */
	char why[2 * sizeof(n.why)];

	if (!short_text(raw[0], n.name, sizeof(n.name)) ||
		!short_text(raw[1], state, sizeof(state)) || !state_parse(state, &n.state) ||
		!short_text(raw[2], n.method, sizeof(n.method)) ||
		!whole_u64(raw[3], &n.taken_ns) || !whole_u64(raw[4], &n.cost_ns) ||
		!whole_u64(raw[5], &n.seen) || !whole_u64(raw[6], &n.lost) ||
		!short_text(raw[7], why, sizeof(why)))
		return -EINVAL;
	span_copy((struct span){ why, strlen(why) }, n.why, sizeof(n.why));
	*ret_note = n;
	return 0;
}

static void write_cell(const struct table *t, const void *row, unsigned int i, struct strbuf *out)
{
	const struct column *c = &t->schema->columns[i];
	const char *at = (const char *)row + c->offset, *text;
	uint32_t narrow = 0;
	uint64_t wide = 0;
	double real;
	char number[32];
	has_t has;

	memcpy(&has, row, sizeof(has));
	if (!row_has(has, i)) {
		strbuf_putc(out, '-');
		return;
	}
	if (c->type == TYPE_u32 || c->type == TYPE_text)
		memcpy(&narrow, at, sizeof(narrow));
	else
		memcpy(&wide, at, sizeof(wide));
	switch (c->type) {
	case TYPE_u32:
		strbuf_printf(out, "%" PRIu32, narrow);
		break;
	case TYPE_u64:
		strbuf_printf(out, "%" PRIu64, wide);
		break;
	case TYPE_s64:
		strbuf_printf(out, "%" PRId64, (int64_t)wide);
		break;
	case TYPE_f64:
		memcpy(&real, &wide, sizeof(real));
		strbuf_puts(out, double_shortest(real, number) ? number : "-");
		break;
	case TYPE_text:
		text = table_text(t, narrow);
		tsv_put(out, text, strlen(text));
		break;
	}
}

void table_write_tsv(const struct table *t, struct strbuf *out)
{
	const struct schema *s = t->schema;

	table_write_note(t, out);
	for (unsigned int i = 0; i < s->n_columns; i++) {
		const struct column *c = &s->columns[i];

		strbuf_printf(out, "%s%s:%s:%s", i ? "\t" : "", c->name, type_names[c->type],
			unit_name(c->unit));
		if (t->cell[i] != STATE_ABSENT)
			strbuf_printf(out, ":%s", state_name((enum state)t->cell[i]));
	}
	strbuf_putc(out, '\n');
	for (size_t r = 0; r < t->n; r++) {
		for (unsigned int i = 0; i < s->n_columns; i++) {
			if (i > 0)
				strbuf_putc(out, '\t');
			write_cell(t, table_at(t, r), i, out);
		}
		strbuf_putc(out, '\n');
	}
}

/* The columns of a text, and which of ours each one is. */
struct mapping {
	int column[64 * 4]; /* -1: unknown, skipped */
	size_t n;
	uint64_t seen;
};

static bool same_type(struct span type, enum column_type want)
{
	return span_eq(type, type_names[want]) || (want == TYPE_u64 && span_eq(type, "u32"));
}

static bool piece(struct cursor *c, struct span *ret_piece)
{
	if (cursor_until(c, ':', ret_piece))
		return true;
	*ret_piece = (struct span){ c->at, cursor_left(c) };
	c->at = c->end;
	return ret_piece->len > 0;
}

static int map_column(struct span raw, struct table *t, int *ret_column)
{
	struct cursor c = cursor_span(raw);
	struct span name, type, unit, missing = { 0 };
	enum state state = STATE_ABSENT;
	char text[64];

	if (!piece(&c, &name) || !piece(&c, &type) || !piece(&c, &unit) || name.len == 0)
		return -EINVAL;
	if (piece(&c, &missing)) {
		span_copy(missing, text, sizeof(text));
		if (!state_parse(text, &state))
			return -EINVAL;
	}
	if (!cursor_end(&c))
		return -EINVAL;
	*ret_column = -1;
	if (name.len >= sizeof(text) || memchr(name.at, '\0', name.len))
		return 0;
	span_copy(name, text, sizeof(text));
	int i = schema_column(t->schema, text);

	if (i < 0)
		return 0;
	if (!same_type(type, t->schema->columns[i].type) ||
		!span_eq(unit, unit_name(t->schema->columns[i].unit)))
		return -EPROTOTYPE;
	t->cell[i] = (uint8_t)state;
	*ret_column = i;
	return 0;
}

static int read_columns(struct cursor line, struct table *t, struct mapping *m)
{
	struct span raw;
	bool end = false;

	while (tsv_next(&line, &end, &raw)) {
		if (m->n == ARRAY_SIZE(m->column))
			return -EINVAL;
		int *column = &m->column[m->n++];
		int err = map_column(raw, t, column);

		if (err < 0)
			return err;
		if (*column >= 0 && m->seen >> *column & 1)
			return -EINVAL;
		if (*column >= 0)
			m->seen |= (uint64_t)1 << *column;
	}
	return 0;
}

/* Digits, a point, an exponent: not what else strtod() takes. */
static bool whole_f64(struct span raw, double *ret_value)
{
	char text[64], *end;

	if (raw.len == 0 || raw.len >= sizeof(text))
		return false;
	span_copy(raw, text, sizeof(text));
	if (strspn(text, "0123456789+-.eE") != raw.len || *text == '+')
		return false;
	*ret_value = strtod(text, &end);
	return *end == '\0' && isfinite(*ret_value);
}

static int read_text(struct span raw, struct table *t, void *row, unsigned int i)
{
	auto_free char *text = mem_new(1, raw.len + 1);

	if (!text)
		return -ENOMEM;
	size_t len = tsv_unescape(raw, text);

	if (memchr(text, '\0', len))
		return -EINVAL;
	text_t at = table_intern(t, text, len);

	if (at == 0 && len > 0)
		return -ENOMEM;
	row_put(t->schema, row, i, at);
	return 0;
}

static int read_cell(struct span raw, struct table *t, void *row, unsigned int i)
{
	struct cursor c = cursor_span(raw);
	uint64_t value = 0;
	int64_t sign;
	double real;

	if (span_eq(raw, "-"))
		return 0;
	switch (t->schema->columns[i].type) {
	case TYPE_u32:
		if (!whole_u64(raw, &value) || value > UINT32_MAX)
			return -EINVAL;
		break;
	case TYPE_u64:
		if (!whole_u64(raw, &value))
			return -EINVAL;
		break;
	case TYPE_s64:
		if (raw.len == 0 || *raw.at == ' ' || *raw.at == '\t' || !cursor_s64(&c, &sign) ||
			!cursor_end(&c))
			return -EINVAL;
		value = (uint64_t)sign;
		break;
	case TYPE_f64:
		if (!whole_f64(raw, &real))
			return -EINVAL;
		memcpy(&value, &real, sizeof(value));
		break;
	case TYPE_text:
		return read_text(raw, t, row, i);
	}
	row_put(t->schema, row, i, value);
	return 0;
}

static int read_row(struct cursor line, struct table *t, const struct mapping *m)
{
	void *row = table_add(t);
	struct span raw;
	size_t field = 0;
	bool end = false;

	if (!row)
		return -ENOMEM;
	while (tsv_next(&line, &end, &raw)) {
		if (field == m->n)
			return -EINVAL;
		int i = m->column[field++];
		int err = i < 0 ? 0 : read_cell(raw, t, row, (unsigned int)i);

		if (err < 0)
			return err;
	}
	return field == m->n ? 0 : -EINVAL;
}

/* What is left of c does not fit. */
static void cut_off(struct cursor *c, struct table *t)
{
	struct cursor line;
	uint64_t lost = 0, all = t->n;

	while (cursor_line(c, &line))
		lost++;
	all += lost;
	t->lost += lost;
	table_fail(t, STATE_LATE, "cut at %d MiB: %llu of %llu rows left out", TSV_TABLE_MAX >> 20,
		(unsigned long long)lost, (unsigned long long)all);
}

static int read_all(
	const char *buf, size_t len, struct table_note *note, struct table *t, struct mapping *m)
{
	struct cursor c = cursor_of(buf, len), line;
	int err;

	if (!cursor_line(&c, &line) || (err = table_read_note(line, note)) < 0)
		return -EINVAL;
	if (strcmp(note->name, t->schema->name) != 0)
		return -EINVAL;
	t->state = note->state;
	memcpy(t->why, note->why, sizeof(t->why));
	t->taken_ns = note->taken_ns;
	t->cost_ns = note->cost_ns;
	t->seen = note->seen;
	t->lost = note->lost;
	if (!cursor_line(&c, &line))
		return -EINVAL;
	err = read_columns(line, t, m);
	while (err == 0 && table_bytes(t) <= TSV_TABLE_MAX && cursor_line(&c, &line))
		err = read_row(line, t, m);
	if (err == 0 && !cursor_end(&c))
		cut_off(&c, t);
	return err;
}

int table_read_tsv(const char *buf, size_t len, const struct schema *schema,
	struct table_note *ret_note, struct table **ret_table)
{
	struct table *t = table_new(schema);
	struct table_note note = { 0 };
	struct mapping m = { 0 };

	if (!t)
		return -ENOMEM;
	int err = read_all(buf, len, &note, t, &m);

	if (err < 0) {
		table_unref(t);
		return err;
	}
	*ret_note = note;
	*ret_table = t;
	return 0;
}
