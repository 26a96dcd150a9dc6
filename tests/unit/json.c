/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "sample/tables.h"
#include "table/json.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <stdlib.h>

static void wants(struct strbuf *out, const char *want)
{
	assert_false(out->failed);
	assert_string_equal(out->bytes, want);
	strbuf_clear(out);
}

static void nests_with_commas(void **state UNUSED)
{
	auto_strbuf out = { 0 };
	struct json j = json_to(&out);

	json_begin_object(&j);
	json_key(&j, "a");
	json_begin_array(&j);
	json_u64(&j, UINT64_MAX);
	json_s64(&j, INT64_MIN);
	json_begin_object(&j);
	json_end_object(&j);
	json_end_array(&j);
	json_key(&j, "b");
	json_bool(&j, false);
	json_key(&j, "c");
	json_str(&j, NULL);
	json_end_object(&j);
	json_end_line(&j);
	json_begin_array(&j);
	json_end_array(&j);
	wants(&out, "{\"a\":[18446744073709551615,-9223372036854775808,{}],\"b\":false,"
		    "\"c\":null}\n[]");
}

static void text_is_always_valid(void **state UNUSED)
{
	auto_strbuf out = { 0 };
	struct json j = json_to(&out);

#define ESCAPES(text, want)                            \
	do {                                           \
		j = json_to(&out);                     \
		json_text(&j, text, sizeof(text) - 1); \
		wants(&out, want);                     \
	} while (0)
	ESCAPES("a\"b\\c\n\t\r\b\f", "\"a\\\"b\\\\c\\n\\t\\r\\b\\f\"");
	ESCAPES("\x1b[2J\x7f\0", "\"\\u001b[2J\\u007f\\u0000\"");
	ESCAPES("\xc3\xa4\xf0\x9f\x98\x80", "\"\xc3\xa4\xf0\x9f\x98\x80\"");
	/* a lone continuation, overlong /, a surrogate, beyond the last plane, cut short */
	ESCAPES("\x80", "\"\xef\xbf\xbd\"");
	ESCAPES("\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	ESCAPES("\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	ESCAPES("\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	ESCAPES("x\xe2\x82", "\"x\xef\xbf\xbd\xef\xbf\xbd\"");
	/* C1, line separator, right-to-left override */
	ESCAPES("\xc2\x9b\xe2\x80\xa8\xe2\x80\xae", "\"\\u009b\\u2028\\u202e\"");
#undef ESCAPES
}

static void doubles_read_back(void **state UNUSED)
{
	auto_strbuf out = { 0 };
	struct json j = json_to(&out);
	char text[32];

	json_double(&j, 0.1);
	json_double(&j, 1.0 / 3);
	json_double(&j, 5);
	json_double(&j, NAN);
	json_double(&j, -INFINITY);
	wants(&out, "0.1,0.3333333333333333,5,null,null");
	srandom(1);
	for (int i = 0; i < 10000; i++) {
		uint64_t bits =
			(uint64_t)random() << 40 ^ (uint64_t)random() << 20 ^ (uint64_t)random();
		double value;

		memcpy(&value, &bits, sizeof(value));
		if (double_shortest(value, text))
			assert_true(strtod(text, NULL) == value);
	}
}

static void members(void **state UNUSED)
{
	auto_strbuf out = { 0 };
	struct json j = json_to(&out);

	json_begin_object(&j);
	json_member(&j, "a", NULL);
	json_member(&j, "b", "c");
	json_member_u64(&j, "d", 7);
	json_end_object(&j);
	wants(&out, "{\"a\":null,\"b\":\"c\",\"d\":7}");
}

static void rows_leave_out_what_they_lack(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_process]);
	struct process *p = table_add(t);
	auto_strbuf out = { 0 };
	struct json j = json_to(&out);

	row_put(t->schema, p, PROCESS_pid, 7);
	row_put(t->schema, p, PROCESS_comm, table_intern(t, "a) \n", 4));
	row_put(t->schema, p, PROCESS_resident_bytes, 0);
	json_row(&j, t, p);
	wants(&out, "\"pid\":7,\"comm\":\"a) \\n\",\"resident_bytes\":0");
	json_cell(&j, t, p, PROCESS_threads);
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nests_with_commas),
		cmocka_unit_test(text_is_always_valid),
		cmocka_unit_test(doubles_read_back),
		cmocka_unit_test(members),
		cmocka_unit_test(rows_leave_out_what_they_lack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
