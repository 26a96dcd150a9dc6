/* SPDX-License-Identifier: MIT */
#include "table/tsv.h"
#include "sample/tables.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* A schema with every type, which no table of murphy's has. */
struct odd {
	has_t has;
	uint64_t key;
	uint32_t small;
	int64_t sign;
	double real;
	text_t text, other;
};

static const struct column odd_columns[] = {
	{ "key", TYPE_u64, ROLE_KEY, UNIT_NONE, offsetof(struct odd, key), "" },
	{ "small", TYPE_u32, ROLE_GAUGE, UNIT_COUNT, offsetof(struct odd, small), "" },
	{ "sign", TYPE_s64, ROLE_GAUGE, UNIT_BYTES, offsetof(struct odd, sign), "" },
	{ "real", TYPE_f64, ROLE_GAUGE, UNIT_RATIO, offsetof(struct odd, real), "" },
	{ "text", TYPE_text, ROLE_LABEL, UNIT_NAME, offsetof(struct odd, text), "" },
	{ "other", TYPE_text, ROLE_LABEL, UNIT_PATH, offsetof(struct odd, other), "" },
};
static const struct schema odd_schema = {
	.name = "odd",
	.row_size = sizeof(struct odd),
	.n_columns = ARRAY_SIZE(odd_columns),
	.columns = odd_columns,
};

static uint64_t any(void)
{
	uint64_t value = (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random();

	return value >> (random() % 64);
}

static text_t any_text(struct table *t)
{
	static const char pool[] = "-\t\n\\ab:-\r \x1b\xff\x80tn";
	char text[12];
	size_t len = (size_t)random() % sizeof(text);

	for (size_t i = 0; i < len; i++)
		text[i] = pool[(size_t)random() % (sizeof(pool) - 1)];
	return table_intern(t, text, len);
}

static struct table *any_table(void)
{
	struct table *t = table_new(&odd_schema);

	t->state = (enum state)(random() % 5);
	t->taken_ns = any();
	t->cost_ns = any();
	t->seen = any();
	t->lost = any();
	memcpy(t->why, "-\t\\n\n why", 10);
	t->method = "odd\tmethod";
	for (unsigned int i = 0; i < odd_schema.n_columns; i++)
		t->cell[i] = (uint8_t)(random() % 5);
	for (long n = random() % 9; n > 0; n--) {
		struct odd *o = table_add(t);
		uint64_t bits = any();

		o->key = any();
		o->small = (uint32_t)any();
		o->sign = (int64_t)any() * (random() % 2 ? 1 : -1);
		memcpy(&o->real, &bits, sizeof(bits));
		if (!isfinite(o->real))
			o->real = -0.1;
		o->text = any_text(t);
		o->other = any_text(t);
		o->has = (has_t)random() % 64;
	}
	return t;
}

static void assert_same(const struct table *a, const struct table *b)
{
	assert_int_equal(a->n, b->n);
	assert_int_equal(a->state, b->state);
	assert_string_equal(a->why, b->why);
	assert_true(a->taken_ns == b->taken_ns && a->cost_ns == b->cost_ns);
	assert_true(a->seen == b->seen && a->lost == b->lost);
	assert_memory_equal(a->cell, b->cell, sizeof(a->cell));
	for (size_t i = 0; i < a->n; i++) {
		const struct odd *x = table_at(a, i), *y = table_at(b, i);

		assert_int_equal(x->has, y->has);
		assert_true(!row_has(x->has, 0) || x->key == y->key);
		assert_true(!row_has(x->has, 1) || x->small == y->small);
		assert_true(!row_has(x->has, 2) || x->sign == y->sign);
		assert_true(!row_has(x->has, 3) || memcmp(&x->real, &y->real, 8) == 0);
		if (row_has(x->has, 4))
			assert_string_equal(table_text(a, x->text), table_text(b, y->text));
		if (row_has(x->has, 5))
			assert_string_equal(table_text(a, x->other), table_text(b, y->other));
	}
}

static void round_trip(void **state UNUSED)
{
	srandom(20);
	for (int i = 0; i < 3000; i++) {
		struct table *t = any_table(), *back = NULL;
		auto_strbuf text = { 0 }, again = { 0 };
		struct table_note note;

		table_write_tsv(t, &text);
		assert_int_equal(
			table_read_tsv(text.bytes, text.len, &odd_schema, &note, &back), 0);
		assert_string_equal(note.method, "odd\tmethod");
		assert_same(t, back);
		back->method = note.method;
		table_write_tsv(back, &again);
		assert_string_equal(text.bytes, again.bytes);
		table_unref(t);
		table_unref(back);
	}
}

static int read_text(const char *text, struct table **ret_table)
{
	struct table_note note;

	return table_read_tsv(text, strlen(text), &odd_schema, &note, ret_table);
}

#define NOTE "odd\tok\tx\t1\t2\t3\t4\t\n"

static void maps_by_name(void **state UNUSED)
{
	struct table *t = NULL;

	/* Another order, a column of the future, a narrower one of the past. */
	assert_int_equal(read_text(NOTE "new:blob:apples\ttext:text:name\tkey:u32:none\n"
					"what\t\\-x\t7\nmore\t-\t8\n",
				 &t),
		0);
	const struct odd *o = t->row;

	assert_int_equal(t->n, 2);
	assert_int_equal(o[0].has, 1 << 4 | 1);
	assert_int_equal(o[0].key, 7);
	assert_string_equal(table_text(t, o[0].text), "-x");
	assert_int_equal(o[1].has, 1);
	table_unref(t);
}

static void refuses(void **state UNUSED)
{
	static const struct {
		int err;
		const char *text;
	} wrong[] = {
		{ -EINVAL, "" },
		{ -EINVAL, "odd\tok\n" },
		{ -EINVAL, "even\tok\tx\t1\t2\t3\t4\t\nkey:u64:none\n" },
		{ -EINVAL, "odd\tfine\tx\t1\t2\t3\t4\t\nkey:u64:none\n" },
		{ -EINVAL, NOTE },
		{ -EINVAL, NOTE "key:u64\n" },
		{ -EINVAL, NOTE "key:u64:none:later\n" },
		{ -EINVAL, NOTE "key:u64:none\tkey:u64:none\n" },
		{ -EPROTOTYPE, NOTE "key:u64:bytes\n" },
		{ -EPROTOTYPE, NOTE "key:s64:none\n" },
		{ -EPROTOTYPE, NOTE "small:u64:count\n" },
		{ -EINVAL, NOTE "key:u64:none\n1\t2\n" },
		{ -EINVAL, NOTE "key:u64:none\tsmall:u32:count\n1\n" },
		{ -EINVAL, NOTE "key:u64:none\n\n" },
		{ -EINVAL, NOTE "key:u64:none\n-1\n" },
		{ -EINVAL, NOTE "key:u64:none\n 1\n" },
		{ -EINVAL, NOTE "key:u64:none\n18446744073709551616\n" },
		{ -EINVAL, NOTE "small:u32:count\n4294967296\n" },
		{ -EINVAL, NOTE "real:f64:ratio\nnan\n" },
		{ -EINVAL, NOTE "real:f64:ratio\n0x1\n" },
		{ -EINVAL, NOTE "real:f64:ratio\n1e999\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct table *t = NULL;
		int err = read_text(wrong[i].text, &t);

		if (err != wrong[i].err || t)
			fail_msg("%d for %s", err, wrong[i].text);
	}
}

/* Two bytes make a row of many: whoever sends them gets no more than TSV_TABLE_MAX. */
static void many_rows_are_cut(void **state UNUSED)
{
	size_t fit = TSV_TABLE_MAX / sizeof(struct odd), all = fit + 1000;
	struct table_note note;
	struct strbuf text = { 0 };
	struct table *t = NULL;

	strbuf_puts(&text, "odd\tok\todd\t1\t2\t3\t4\t\nsmall:u32:count\n");
	for (size_t i = 0; i < all; i++)
		strbuf_puts(&text, "1\n");
	assert_false(text.failed);
	assert_int_equal(table_read_tsv(text.bytes, text.len, &odd_schema, &note, &t), 0);
	assert_int_equal(t->state, STATE_LATE);
	assert_int_equal(t->n, fit + 1);
	assert_int_equal(t->lost, 4 + all - t->n);
	assert_non_null(strstr(t->why, "cut at 64 MiB"));
	assert_int_equal(note.state, STATE_OK);
	table_unref(t);
	strbuf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(maps_by_name),
		cmocka_unit_test(refuses),
		cmocka_unit_test(many_rows_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
