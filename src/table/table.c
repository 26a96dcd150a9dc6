/* SPDX-License-Identifier: MIT */
#include "table/table.h"

#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const unit_names[] = {
	[UNIT_NONE] = "none",
	[UNIT_COUNT] = "count",
	[UNIT_BYTES] = "bytes",
	[UNIT_NS] = "ns",
	[UNIT_RATIO] = "ratio",
	[UNIT_PER_S] = "per_s",
	[UNIT_BYTES_PER_S] = "bytes_per_s",
	[UNIT_HZ] = "hz",
	[UNIT_NAME] = "name",
	[UNIT_PATH] = "path",
	[UNIT_ADDRESS] = "address",
	[UNIT_HASH] = "hash",
	[UNIT_SECRET] = "secret",
};

const char *unit_name(enum unit unit)
{
	return unit_names[unit];
}

struct table *table_new(const struct schema *schema)
{
	struct table *t = mem_new(1, sizeof(*t));

	if (t) {
		t->schema = schema;
		t->refs = 1;
	}
	return t;
}

struct table *table_ref(struct table *t)
{
	if (t)
		t->refs++;
	return t;
}

void table_unref(struct table *t)
{
	if (!t || --t->refs > 0)
		return;
	free(t->row);
	free(t->text);
	free(t->text_slot);
	free(t);
}

void *table_add(struct table *t)
{
	if (t->n == t->size) {
		size_t want = t->size ? t->size + t->size / 2 + 1 : 4;
		void *row = mem_resize(t->row, want, t->schema->row_size);

		if (!row)
			return NULL;
		t->row = row;
		t->size = want;
	}
	void *row = table_at(t, t->n++);

	memset(row, 0, t->schema->row_size);
	t->sorted = false;
	return row;
}

void table_drop_last(struct table *t)
{
	if (t->n > 0)
		t->n--;
}

void table_cut(struct table *t, size_t n)
{
	if (t->n > n)
		t->n = n;
}

static uint32_t text_hash(const char *s, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * 16777619u;
	return h;
}

/* Room for one more text: the set stays at most half full. */
static bool text_grow(struct table *t)
{
	if (t->text_slots > t->text_n * 2 + 1)
		return true;
	uint32_t slots = t->text_slots ? t->text_slots * 2 : 16;
	uint32_t *slot = mem_new(slots, sizeof(*slot));

	if (!slot)
		return false;
	for (uint32_t i = 0; i < t->text_slots; i++) {
		uint32_t at = t->text_slot[i];

		if (!at)
			continue;
		uint32_t h = text_hash(t->text + at, strlen(t->text + at)) & (slots - 1);

		while (slot[h])
			h = (h + 1) & (slots - 1);
		slot[h] = at;
	}
	free(t->text_slot);
	t->text_slot = slot;
	t->text_slots = slots;
	return true;
}

text_t table_intern(struct table *t, const char *s, size_t len)
{
	const char *nul = len ? memchr(s, '\0', len) : NULL;

	if (nul)
		len = (size_t)(nul - s);
	if (len == 0 || !text_grow(t))
		return 0;
	uint32_t h = text_hash(s, len) & (t->text_slots - 1);

	for (; t->text_slot[h]; h = (h + 1) & (t->text_slots - 1)) {
		const char *have = t->text + t->text_slot[h];

		if (strncmp(have, s, len) == 0 && have[len] == '\0')
			return t->text_slot[h];
	}
	uint32_t from = t->text_len ? t->text_len : 1;

	if (len >= UINT32_MAX / 2 - from)
		return 0;
	if (from + len + 1 > t->text_size) {
		size_t want = (from + len + 1) * 3 / 2 + 64;
		char *text = mem_resize(t->text, want, 1);

		if (!text)
			return 0;
		t->text = text;
		t->text_size = (uint32_t)want;
		t->text[0] = '\0';
	}
	memcpy(t->text + from, s, len);
	t->text[from + len] = '\0';
	t->text_len = from + (uint32_t)len + 1;
	t->text_slot[h] = from;
	t->text_n++;
	return from;
}

const char *table_text(const struct table *t, text_t text)
{
	return t && text < t->text_len ? t->text + text : "";
}

const void *table_only(const struct table *t)
{
	return table_usable(t) && t->n > 0 ? t->row : NULL;
}

static uint64_t number_of(const struct column *c, const void *row)
{
	const char *at = (const char *)row + c->offset;
	uint32_t narrow;
	uint64_t wide;

	if (c->type == TYPE_u32 || c->type == TYPE_text) {
		memcpy(&narrow, at, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, at, sizeof(wide));
	return wide;
}

/* Order of two rows of tables ta and tb by the key columns. */
static int compare_rows(
	const struct table *ta, const void *a, const struct table *tb, const void *b)
{
	const struct schema *s = ta->schema;

	for (size_t i = 0; i < s->n_columns && s->columns[i].role == ROLE_KEY; i++) {
		const struct column *c = &s->columns[i];
		uint64_t va = number_of(c, a), vb = number_of(c, b);
		int order;

		if (c->type == TYPE_text)
			order = strcmp(table_text(ta, (text_t)va), table_text(tb, (text_t)vb));
		else if (c->type == TYPE_s64)
			order = ((int64_t)va > (int64_t)vb) - ((int64_t)va < (int64_t)vb);
		else
			order = (va > vb) - (va < vb);
		if (order)
			return order;
	}
	return 0;
}

static int compare_for_sort(const void *a, const void *b, void *t)
{
	return compare_rows(t, a, t, b);
}

int table_sort(struct table *t)
{
	if (t->sorted)
		return 0;
	if (t->n > 0)
		qsort_r(t->row, t->n, t->schema->row_size, compare_for_sort, t);
	size_t kept = 0;

	for (size_t i = 0; i < t->n; i++) {
		void *row = table_at(t, i);

		if (kept > 0 && t->schema->columns[0].role == ROLE_KEY &&
			compare_rows(t, table_at(t, kept - 1), t, row) == 0)
			continue;
		if (kept != i)
			memcpy(table_at(t, kept), row, t->schema->row_size);
		kept++;
	}
	t->n = kept;
	t->sorted = true;
	return 0;
}

void *table_find(const struct table *t, uint64_t key)
{
	if (!table_usable(t))
		return NULL;
	const struct column *c = &t->schema->columns[0];
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		uint64_t have = number_of(c, table_at(t, mid));
		bool less = c->type == TYPE_s64 ? (int64_t)have < (int64_t)key : have < key;

		if (less)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == t->n || number_of(c, table_at(t, low)) != key)
		return NULL;
	return table_at(t, low);
}

void *table_same(const struct table *t, const struct table *of, const void *row)
{
	if (!table_usable(t))
		return NULL;
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare_rows(t, table_at(t, mid), of, row) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == t->n || compare_rows(t, table_at(t, low), of, row) != 0)
		return NULL;
	return table_at(t, low);
}

void table_fail(struct table *t, enum state state, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->why, sizeof(t->why), fmt, ap);
	va_end(ap);
	t->state = state;
	if (state != STATE_OK && state != STATE_LATE)
		t->n = 0;
}

void row_put(const struct schema *schema, void *row, unsigned int column, uint64_t value)
{
	const struct column *c = &schema->columns[column];
	char *at = (char *)row + c->offset;
	uint32_t narrow = (uint32_t)value;

	if (c->type == TYPE_u32 || c->type == TYPE_text)
		memcpy(at, &narrow, sizeof(narrow));
	else
		memcpy(at, &value, sizeof(value));
	row_set(row, column);
}

struct reading table_cell(const struct table *t, const void *row, unsigned int column)
{
	const struct column *c = &t->schema->columns[column];
	has_t has;

	memcpy(&has, row, sizeof(has));
	if (c->type == TYPE_text)
		return reading_none(STATE_ABSENT);
	if (!row_has(has, column))
		return reading_none((enum state)t->cell[column]);
	uint64_t raw = number_of(c, row);
	double real;

	if (c->type == TYPE_f64) {
		memcpy(&real, &raw, sizeof(real));
		return reading_of(real);
	}
	return reading_of(c->type == TYPE_s64 ? (double)(int64_t)raw : (double)raw);
}

int schema_column(const struct schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->n_columns; i++) {
		if (strcmp(schema->columns[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}
