/* SPDX-License-Identifier: MIT */
#include "render/json_report.h"
#include "render/text.h"
#include "render/words.h"
#include "tests/unit/unit.h"

static void wraps_at_the_width(void **state UNUSED)
{
	struct strbuf out = { 0 };

	words_wrap(&out, "one two three", 4, 6, 11);
	assert_string_equal(out.bytes, "one two\n      three\n");
	strbuf_clear(&out);
	/* A number keeps its unit. */
	words_wrap(&out, "takes 124 ms; 3 streams", 0, 2, 11);
	assert_string_equal(out.bytes, "takes\n  124 ms; 3\n  streams\n");
	strbuf_clear(&out);
	/* A word that fits nowhere is not cut: it may be a path to copy. */
	words_wrap(&out, "a /very/long/path/name", 2, 2, 10);
	assert_string_equal(out.bytes, "a\n  /very/long/path/name\n");
	strbuf_release(&out);
}

static void names_cannot_steer_the_terminal(void **state UNUSED)
{
	struct finding f = { .id = "x.y",
		.title = "\033[2Jevil\nCRITICAL  forged",
		.cause = "",
		.refuted_if = "",
		.culprits = { { .kind = ENTITY_PROCESS, .name = ") \n\xff", .pid = 7 } },
		.n_culprits = 1 };
	struct text_style style = { .width = 100 };
	struct strbuf out = { 0 };

	text_finding(&f, &style, &out);
	assert_null(strchr(out.bytes, '\033'));
	assert_null(strstr(out.bytes, "\nCRITICAL"));
	assert_non_null(strstr(out.bytes, "\\x1b[2Jevil\\x0aCRITICAL  forged"));
	assert_non_null(strstr(out.bytes, ") \\x0a\\xff (pid 7)"));
	strbuf_release(&out);
}

static void commands_stay_whole(void **state UNUSED)
{
	struct finding f = { .id = "x.y",
		.title = "t",
		.cause = "",
		.refuted_if = "",
		.todo = { "see who:  ss --tcp --processes --numeric state close-wait" },
		.n_todo = 1 };
	struct text_style style = { .width = 40 };
	struct strbuf out = { 0 };

	text_finding(&f, &style, &out);
	assert_non_null(strstr(out.bytes,
		"  do         see who:\n               ss --tcp --processes --numeric state "
		"close-wait\n"));
	strbuf_release(&out);
}

/* On which side of its threshold a value is bad, and which values made the finding. */
static void evidence_says_what_fired(void **state UNUSED)
{
	struct finding f = { .id = "x.y",
		.title = "t",
		.confidence = CONFIDENCE_LIKELY,
		.cause = "somebody",
		.refuted_if = "it stands still:  cat /proc/net/some/long/path/of/the/kernel" };
	struct frame frame = { 0 };
	struct model m = { .now = &frame };
	struct text_style style = { .width = 60 };
	struct strbuf out = { 0 };

	finding_evidence(&f, "a.b", UNIT_COUNT, reading_of(5), "s", reading_of(5), "why");
	finding_evidence(&f, "a.c", UNIT_COUNT, reading_of(0), "s", reading_of(0), "none");
	finding_evidence_alarm(
		&f, "a.d", UNIT_RATIO, reading_of(0.05), "s", ALARM_BELOW, reading_of(0.1), NULL);
	finding_evidence(
		&f, "a.e", UNIT_COUNT, reading_of(5), "s", reading_none(STATE_ABSENT), NULL);
	finding_evidence(
		&f, "a.f", UNIT_COUNT, reading_none(STATE_DENIED), "s", reading_of(0), NULL);
	text_finding(&f, &style, &out);
	assert_non_null(strstr(out.bytes, "  evidence ! a.b  5         (alarm from 5: why)\n"));
	assert_non_null(strstr(out.bytes, "             a.c  0         (alarm above 0: none)\n"));
	assert_non_null(strstr(out.bytes, "           ! a.d  5 %       (alarm below 10 %)\n"));
	assert_non_null(strstr(out.bytes, "             a.e  5\n"));
	assert_non_null(strstr(out.bytes, "             a.f  denied    (alarm above 0)\n"));
	assert_non_null(strstr(out.bytes, "  cause      (likely) somebody\n"));
	assert_non_null(
		strstr(out.bytes, "  refuted if it stands still:\n               cat /proc/"));
	strbuf_clear(&out);
	json_finding(&f, &m, false, &out);
	assert_non_null(strstr(out.bytes, "\"threshold\":5,\"alarm\":\">=\",\"fired\":true"));
	assert_non_null(strstr(out.bytes, "\"threshold\":0,\"alarm\":\">\",\"fired\":false"));
	assert_non_null(strstr(out.bytes, "\"threshold\":0.1,\"alarm\":\"<\",\"fired\":true"));
	assert_non_null(strstr(out.bytes, "\"threshold\":null}"));
	strbuf_release(&out);
}

/* What is said of a value stands below itself, not below the metric. */
static void notes_keep_their_column(void **state UNUSED)
{
	struct finding f = { .id = "x.y", .title = "t", .cause = "", .refuted_if = "" };
	struct text_style style = { .width = 66 };
	struct strbuf out = { 0 };

	finding_evidence(&f, "a.b", UNIT_COUNT, reading_of(5), "s", reading_none(STATE_ABSENT),
		"one two three four five six seven eight");
	text_finding(&f, &style, &out);
	assert_non_null(strstr(out.bytes, "a.b  5         (one two three four five six seven\n"
					  "                             eight)\n"));
	strbuf_release(&out);
}

static void absent_is_not_zero(void **state UNUSED)
{
	assert_string_equal(words_quantity(UNIT_BYTES, reading_none(STATE_DENIED)).s, "denied");
	assert_string_equal(words_quantity(UNIT_RATIO, reading_of(0.613)).s, "61 %");
}

static void put(struct frame *f, enum table_id id, struct table *t)
{
	t->state = STATE_OK;
	f->at[id] = t;
}

/* What /proc did not say is null, not 0 and not "". */
static void unknown_of_the_host_is_null(void **state UNUSED)
{
	struct frame frame = { 0 };
	struct model m = { .now = &frame };
	struct report r = { .model = &m };
	struct strbuf out = { 0 };
	struct table *t = table_new(schemas[TABLE_host]);
	struct host_row *h = t ? table_add(t) : NULL;

	assert_non_null(h);
	h->name = table_intern(t, "db7", 3);
	row_set(&h->has, HOST_name);
	put(&frame, TABLE_host, t);
	json_report(&r, &out);
	assert_non_null(strstr(out.bytes, "\"name\":\"db7\""));
	assert_non_null(strstr(out.bytes, "\"time\":null"));
	assert_non_null(strstr(out.bytes, "\"cpus\":null,\"uptime_ns\":null"));
	assert_non_null(strstr(out.bytes, "\"os\":null"));
	strbuf_release(&out);
	frame_release(&frame);
}

/* The first line has what is known, and no holes. */
static void the_header_has_no_holes(void **state UNUSED)
{
	struct frame frame = { 0 };
	struct model m = { .now = &frame };
	struct check_result result = { .check = checks[0], .verdict = VERDICT_FINE };
	struct report r = { .model = &m, .result = &result, .n_results = 1 };
	struct text_style style = { .width = 100 };
	struct strbuf out = { 0 };
	struct table *t = table_new(schemas[TABLE_host]);

	assert_true(t && table_add(t));
	put(&frame, TABLE_host, t);
	text_report(&r, &style, &out);
	assert_null(strstr(out.bytes, "Linux"));
	assert_non_null(strstr(out.bytes, "\n1 check: 0 found something, 1 fine\n"));
	assert_non_null(strstr(out.bytes, "\nNothing wrong.\n"));
	/* Who could not look has nothing to praise. */
	strbuf_clear(&out);
	result.verdict = VERDICT_UNKNOWN;
	result.why = "not here";
	text_report(&r, &style, &out);
	assert_non_null(strstr(out.bytes, "\nNothing could be looked at.\n"));
	strbuf_release(&out);
	frame_release(&frame);
}

/* An empty tree has no sick processes: that is no praise either. */
static void a_tree_without_linux_is_blind(void **state UNUSED)
{
	struct frame frame = { 0 };
	struct model m = { .now = &frame };
	struct check_result result = { .check = checks[0], .verdict = VERDICT_FINE };
	struct report r = { .model = &m, .result = &result, .n_results = 1 };
	struct text_style style = { .width = 100 };
	struct strbuf out = { 0 };

	frame.at[TABLE_kernel_stat] = table_new(schemas[TABLE_kernel_stat]);
	assert_int_equal(report_exit_code(&r), 0);
	frame.at[TABLE_meminfo] = table_new(schemas[TABLE_meminfo]);
	assert_int_equal(report_exit_code(&r), 3);
	text_report(&r, &style, &out);
	assert_non_null(strstr(out.bytes, "\nNothing could be looked at.\n"));
	strbuf_release(&out);
	frame_release(&frame);
}

/* A tree may not know the time of day: then "since" is not known either. */
static void since_needs_the_time_of_day(void **state UNUSED)
{
	struct finding f = { .id = "x.y", .title = "", .cause = "", .refuted_if = "" };
	struct frame frame = { .boottime_ns = 90000000000 };
	struct model m = { .now = &frame };
	struct strbuf out = { 0 };

	f.since_ns = 30000000000;
	json_finding(&f, &m, false, &out);
	assert_non_null(strstr(out.bytes, "\"since\":null"));
	strbuf_clear(&out);
	frame.walltime_ns = 1700000060000000000;
	json_finding(&f, &m, false, &out);
	assert_non_null(strstr(out.bytes, "\"since\":\"2023-11-14T22:13:20Z\""));
	strbuf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wraps_at_the_width),
		cmocka_unit_test(names_cannot_steer_the_terminal),
		cmocka_unit_test(commands_stay_whole),
		cmocka_unit_test(evidence_says_what_fired),
		cmocka_unit_test(notes_keep_their_column),
		cmocka_unit_test(absent_is_not_zero),
		cmocka_unit_test(unknown_of_the_host_is_null),
		cmocka_unit_test(since_needs_the_time_of_day),
		cmocka_unit_test(the_header_has_no_holes),
		cmocka_unit_test(a_tree_without_linux_is_blind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
