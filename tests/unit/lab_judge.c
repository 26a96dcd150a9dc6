/* SPDX-License-Identifier: MIT */
#include "lab/judge.h"
#include "tests/unit/unit.h"

#include <errno.h>

#define HOST "{\"schema_version\":1,\"kind\":\"host\",\"murphy\":\"0.1.0\"}\n"
#define END "{\"kind\":\"summary\",\"findings\":1}\n"
#define FINDING(id, severity, culprits)                                    \
	"{\"kind\":\"finding\",\"id\":\"" id "\",\"severity\":\"" severity \
	"\",\"culprits\":[" culprits "],\"under\":null}\n"
#define PROCESS(name, pid) "{\"kind\":\"process\",\"name\":\"" name "\",\"pid\":" pid "}"

static const struct lab sick = { .name = "sick", .want = "tcp.close-wait", .also = { "io.stuck" } };
static const struct lab twin = { .name = "twin" };

static struct answer answer(const char *json)
{
	struct answer a;

	assert_int_equal(answer_parse(json, strlen(json), &a), 0);
	return a;
}

static enum outcome judge(
	const struct lab *lab, const char *announced, const char *before, const char *after)
{
	struct answer was = answer(before), now = answer(after);

	return judge_lab(lab, announced, &was, &now).outcome;
}

static void a_torn_answer_is_no_answer(void **state UNUSED)
{
	struct answer a;

	assert_int_equal(answer_parse("{\"kind\":\"fin", 12, &a), -EINVAL);
	assert_int_equal(answer_parse("[]\n", 3, &a), -EINVAL);
	assert_int_equal(answer_parse("{\"kind\":\"finding\"}\n", 19, &a), -EINVAL);
	a = answer(HOST);
	assert_false(a.whole);
	assert_int_equal(judge(&twin, "healthy", HOST END, HOST), OUTCOME_BROKEN);
}

static void announced_names_may_hold_blanks(void **state UNUSED)
{
	struct named n[2];

	assert_int_equal(announced_parse("culprit process 12 a b | cgroup 0 /x y", n, 2), 2);
	assert_string_equal(n[0].name, "a b");
	assert_int_equal(n[0].pid, 12);
	assert_string_equal(n[1].kind, "cgroup");
	assert_string_equal(n[1].name, "/x y");
	assert_int_equal(announced_parse("healthy", n, 2), 0);
	assert_int_equal(announced_parse("culprit process x", n, 2), 0);
}

static void the_wanted_finding_names_the_right_one(void **state UNUSED)
{
	const char *said = HOST FINDING("tcp.close-wait", "warning", PROCESS("srv", "7")) END;

	assert_int_equal(judge(&sick, "culprit process 7 srv", HOST END, said), OUTCOME_PASSED);
	assert_int_equal(judge(&sick, "culprit process 8 srv", HOST END, said), OUTCOME_MISSED);
	assert_int_equal(judge(&sick, "culprit cgroup 0 /x | process 7 srv", HOST END, said),
		OUTCOME_PASSED);
	assert_int_equal(judge(&sick, "culprit process 7 srv", HOST END, HOST END), OUTCOME_MISSED);
}

static void the_host_is_only_the_place(void **state UNUSED)
{
	const char *said = FINDING("tcp.close-wait", "warning",
		"{\"kind\":\"host\",\"name\":\"db7\"}," PROCESS("srv", "7")) END;
	const char *nobody = FINDING("tcp.close-wait", "info", "") END;

	assert_int_equal(judge(&sick, "culprit process 7 srv", END, said), OUTCOME_PASSED);
	assert_int_equal(judge(&sick, "culprit process 7 srv", END, nobody), OUTCOME_MISSED);
}

static void first_means_first_but_for_what_was_there(void **state UNUSED)
{
	const char *other =
		FINDING("mem.slab", "info", "{\"kind\":\"slab\",\"name\":\"dentry\"}") END;
	const char *both = FINDING("mem.slab", "info", "{\"kind\":\"slab\",\"name\":\"dentry\"}")
		FINDING("tcp.close-wait", "warning", PROCESS("srv", "7")) END;

	assert_int_equal(judge(&sick, "culprit process 7 srv", END, both), OUTCOME_MISSED);
	assert_int_equal(judge(&sick, "culprit process 7 srv", other, both), OUTCOME_PASSED);
}

static void the_same_id_of_another_is_new(void **state UNUSED)
{
	const char *was = FINDING("tcp.close-wait", "warning", PROCESS("old", "6")) END;
	const char *both = FINDING("tcp.close-wait", "warning", PROCESS("old", "6"))
		FINDING("tcp.close-wait", "warning", PROCESS("srv", "7")) END;

	assert_int_equal(judge(&sick, "culprit process 7 srv", was, both), OUTCOME_PASSED);
	assert_int_equal(judge(&sick, "culprit process 7 srv", was, was), OUTCOME_MISSED);
	assert_int_equal(judge(&twin, "healthy", was, was), OUTCOME_PASSED);
	assert_int_equal(judge(&twin, "healthy", was, both), OUTCOME_ALARM);
}

/* Whose limit it was and who was killed: both must be right. */
static void an_announced_victim_must_be_named(void **state UNUSED)
{
#define KILLED(pid)                                                                               \
	"{\"kind\":\"finding\",\"id\":\"tcp.close-wait\",\"severity\":\"warning\",\"culprits\":[" \
	"{\"kind\":\"cgroup\",\"name\":\"/\"}],\"victims\":[" PROCESS("glutton", pid) "]}\n" END
	const char *announced = "culprit cgroup 0 / | victim process 7 glutton";

	assert_int_equal(judge(&sick, announced, END, KILLED("7")), OUTCOME_PASSED);
	assert_int_equal(judge(&sick, announced, END, KILLED("8")), OUTCOME_MISSED);
	/* The victim is no culprit. */
	assert_int_equal(
		judge(&sick, "culprit cgroup 0 /x | victim process 7 glutton", END, KILLED("7")),
		OUTCOME_MISSED);
	assert_int_equal(judge(&sick, announced, END,
				 FINDING("tcp.close-wait", "warning", PROCESS("glutton", "7")) END),
		OUTCOME_MISSED);
#undef KILLED
}

/* The row tells which source read the table; the answer is right either way. */
static void the_method_is_told(void **state UNUSED)
{
	struct lab lab = { .name = "x", .want = "tcp.close-wait" };
	struct answer was = answer(END);
	struct answer now = answer("{\"kind\":\"source\",\"table\":\"socket_owner\","
				   "\"method\":\"socket_owner\"}\n" FINDING(
					   "tcp.close-wait", "warning", PROCESS("srv", "7")) END);

	lab.method.table = "socket_owner";
	lab.method.source = "socket_owner_bpf";
	struct judged j = judge_lab(&lab, "culprit process 7 srv", &was, &now);

	assert_int_equal(j.outcome, OUTCOME_PASSED);
	assert_string_equal(j.why, "by socket_owner, not by socket_owner_bpf");
	lab.method.source = "socket_owner";
	j = judge_lab(&lab, "culprit process 7 srv", &was, &now);
	assert_string_equal(j.why, "by socket_owner");
}

/* An OOM kill of the lab before stays in the log; what names it may have changed. */
static void what_was_over_is_not_of_this_lab(void **state UNUSED)
{
#define OVER "{\"kind\":\"finding\",\"id\":\"mem.oom\",\"severity\":\"warning\",\"past\":true}\n"
	const char *said = OVER FINDING("tcp.close-wait", "warning", PROCESS("srv", "7")) END;

	assert_int_equal(judge(&sick, "culprit process 7 srv", END, said), OUTCOME_PASSED);
	assert_int_equal(judge(&sick, "culprit process 7 srv", END, OVER END), OUTCOME_MISSED);
	assert_int_equal(judge(&twin, "healthy", END, OVER END), OUTCOME_PASSED);
	assert_int_equal(
		judge(&twin, "healthy", END, FINDING("mem.oom", "warning", "") END), OUTCOME_ALARM);
#undef OVER
}

static void a_twin_may_have_info_and_no_more(void **state UNUSED)
{
	assert_int_equal(
		judge(&twin, "healthy", END, FINDING("a.b", "info", "") END), OUTCOME_PASSED);
	assert_int_equal(
		judge(&twin, "healthy", END, FINDING("a.b", "warning", "") END), OUTCOME_ALARM);
	assert_int_equal(
		judge(&twin, "healthy", END, FINDING("a.b", "dreadful", "") END), OUTCOME_ALARM);
}

static void what_comes_along_is_no_alarm(void **state UNUSED)
{
#define WANTED FINDING("tcp.close-wait", "critical", PROCESS("srv", "7"))
	const char *also = WANTED FINDING("io.stuck", "warning", "") END;
	const char *under = WANTED "{\"kind\":\"finding\",\"id\":\"x.y\",\"severity\":\"warning\","
				   "\"under\":\"tcp.close-wait\"}\n" END;
	const char *alarm = WANTED FINDING("x.y", "warning", "") END;

	assert_int_equal(judge(&sick, "culprit process 7 srv", END, also), OUTCOME_PASSED);
	assert_int_equal(judge(&sick, "culprit process 7 srv", END, under), OUTCOME_PASSED);
	assert_int_equal(judge(&sick, "culprit process 7 srv", END, alarm), OUTCOME_ALARM);
}

static void the_hypervisor_is_not_of_the_lab(void **state UNUSED)
{
	const char *steal = FINDING("cpu.steal", "warning", "{\"kind\":\"host\",\"name\":\"a\"}")
		FINDING("tcp.close-wait", "warning", PROCESS("srv", "7")) END;
	const char *hidden = FINDING("cpu.steal", "warning",
		"{\"kind\":\"host\",\"name\":\"a\"}") "{\"kind\":\"finding\",\"id\":\"x.y\","
						      "\"severity\":\"warning\","
						      "\"under\":\"cpu.steal\"}\n" END;

	const char *emulated = FINDING("cpu.emulated", "warning", "{\"kind\":\"host\"}") END;
	const char *idle = FINDING("cpu.emulated", "info", "{\"kind\":\"host\"}") END;

	assert_int_equal(judge(&sick, "culprit process 7 srv", END, steal), OUTCOME_PASSED);
	assert_int_equal(judge(&twin, "healthy", END, hidden), OUTCOME_ALARM);
	/* The lab only gives it something to do. */
	assert_int_equal(judge(&twin, "healthy", idle, emulated), OUTCOME_PASSED);
}

static void a_check_that_could_not_look(void **state UNUSED)
{
#define CHECK(state)                                                                               \
	"{\"kind\":\"check\",\"id\":\"tcp.close-wait\",\"verdict\":\"unknown\",\"state\":\"" state \
	"\"}\n"
	struct answer late = answer(CHECK("late") END), denied = answer(CHECK("denied") END);
	struct answer fine =
		answer("{\"kind\":\"check\",\"id\":\"tcp.close-wait\",\"verdict\":\"fine\"}\n" END);

	assert_true(answer_blind(&late, "tcp.close-wait")->late);
	assert_false(answer_blind(&denied, "tcp.close-wait")->late);
	assert_null(answer_blind(&late, "tcp.ports"));
	assert_null(answer_blind(&fine, "tcp.close-wait"));
	assert_int_equal(
		judge(&sick, "culprit process 7 srv", END, CHECK("late") END), OUTCOME_MISSED);
	/* What is not built in cannot be tried. */
	const char *bare =
		"{\"kind\":\"check\",\"id\":\"tcp.close-wait\",\"verdict\":\"unknown\","
		"\"state\":\"absent\",\"why\":\"this murphy was built without libx\"}\n" END;

	assert_int_equal(judge(&sick, "culprit process 7 srv", END, bare), OUTCOME_SKIPPED);
	/* A twin that blinds murphy proves nothing; what was unseen before is not its doing. */
	assert_null(answer_blinded(&denied, &late));
	assert_string_equal(answer_blinded(&fine, &late)->id, "tcp.close-wait");
	assert_int_equal(judge(&twin, "healthy", END, CHECK("denied") END), OUTCOME_MISSED);
	assert_int_equal(
		judge(&twin, "healthy", CHECK("denied") END, CHECK("denied") END), OUTCOME_PASSED);
#undef CHECK
}

/* What the machine had does not excuse that the lab made it worse. */
static void worse_than_before_is_new(void **state UNUSED)
{
	const char *mild = FINDING("a.b", "info", PROCESS("x", "1")) END;
	const char *bad = FINDING("a.b", "warning", PROCESS("x", "1")) END;

	assert_int_equal(judge(&twin, "healthy", mild, bad), OUTCOME_ALARM);
	assert_int_equal(judge(&twin, "healthy", bad, mild), OUTCOME_PASSED);
}

/* As an emulated CPU brings a slow clock, which is worse for who computes. */
static void what_follows_from_before_is_not_first(void **state UNUSED)
{
#define BROUGHT(id)                                                                                \
	"{\"kind\":\"finding\",\"id\":\"" id "\",\"severity\":\"warning\",\"culprits\":[" PROCESS( \
		"srv", "7") "],\"under\":\"cpu.emulated\"}\n"
#define SLOW FINDING("cpu.emulated", "warning", "{\"kind\":\"host\",\"name\":\"\"}")
	const char *sat = FINDING("tcp.close-wait", "warning", PROCESS("srv", "7")) END;
	const char *both = SLOW BROUGHT("cpu.clocksource")
		FINDING("tcp.close-wait", "warning", PROCESS("srv", "7")) END;

	assert_int_equal(judge(&sick, "culprit process 7 srv", SLOW END, both), OUTCOME_PASSED);
	assert_int_equal(judge(&sick, "culprit process 7 srv", END, both), OUTCOME_MISSED);
	assert_int_equal(judge(&sick, "culprit process 7 srv", SLOW END, sat), OUTCOME_PASSED);
	assert_int_equal(judge(&sick, "culprit process 7 srv", SLOW END,
				 SLOW BROUGHT("cpu.clocksource") END),
		OUTCOME_MISSED);
	/* What the lab is for counts wherever it stands. */
	assert_int_equal(
		judge(&sick, "culprit process 7 srv", SLOW END, SLOW BROUGHT("tcp.close-wait") END),
		OUTCOME_PASSED);
#undef SLOW
#undef BROUGHT
}

static void nothing_new_is_all_that_was_there(void **state UNUSED)
{
	struct answer none = answer(END), torn = answer("");
	struct answer mild = answer(FINDING("a.b", "info", PROCESS("x", "1")) END);
	struct answer bad = answer(FINDING("a.b", "warning", PROCESS("x", "1")) END);

	assert_true(judge_nothing_new(&mild, &mild));
	assert_true(judge_nothing_new(&bad, &mild));
	assert_true(judge_nothing_new(&mild, &none));
	assert_false(judge_nothing_new(&mild, &bad));
	assert_false(judge_nothing_new(&none, &mild));
	/* What was cut short may have held more. */
	assert_false(judge_nothing_new(&mild, &torn));
}

static void a_sickness_is_more_than_info(void **state UNUSED)
{
	static const struct lab mild = { .name = "mild", .want = "tcp.close-wait", .mild = true };
	const char *said = FINDING("tcp.close-wait", "info", PROCESS("srv", "7")) END;

	assert_int_equal(judge(&sick, "culprit process 7 srv", END, said), OUTCOME_MISSED);
	assert_int_equal(judge(&mild, "culprit process 7 srv", END, said), OUTCOME_PASSED);
}

static void the_wanted_id_of_a_bystander_is_an_alarm(void **state UNUSED)
{
	const char *said = FINDING("tcp.close-wait", "warning", PROCESS("srv", "7"))
		FINDING("tcp.close-wait", "warning", PROCESS("other", "8")) END;

	assert_int_equal(judge(&sick, "culprit process 7 srv", END, said), OUTCOME_ALARM);
}

static void the_reason_names_who_was_blamed(void **state UNUSED)
{
	struct answer was = answer(END);
	struct answer now = answer(FINDING("tcp.close-wait", "info", PROCESS("srv", "7")) END);
	struct judged j = judge_lab(&sick, "culprit process 8 x", &was, &now);

	assert_string_equal(j.first, "tcp.close-wait");
	assert_string_equal(j.why, "names the wrong one: tcp.close-wait of process srv (7)");
}

#define WHY(leading, verdict, a, b)                                            \
	"{\"kind\":\"why\",\"leading\":\"" leading "\",\"verdict\":\"" verdict \
	"\",\"states\":[{\"ratio\":" a "},{\"ratio\":" b "}]}\n"

static void why_names_state_and_cause(void **state UNUSED)
{
	static const struct {
		const char *json, *announced;
		bool right;
	} cases[] = {
		{ WHY("lock", "x waits; held by lab-holder", "0.7", "0.3"), "12 lock lab-holder",
			true },
		{ WHY("lock", "x waits", "0.7", "0.3"), "12 lock ", true },
		{ WHY("disk", "x waits; held by lab-holder", "0.7", "0.3"), "12 lock lab-holder",
			false },
		{ WHY("lock", "x waits", "0.7", "0.3"), "12 lock lab-holder", false },
		{ WHY("lock", "x waits", "0.7", "0.2"), "12 lock ", false },
		{ WHY("lock", "x waits", "0.7", "0.3"), "12 disk|lock x", true },
		{ WHY("disk", "x waits", "0.7", "0.3"), "12 disk|lock x", true },
		{ WHY("user", "x waits", "0.7", "0.3"), "12 disk|lock x", false },
		{ "{}", "12 lock ", false },
		{ "", "12 lock ", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char why[300] = "";

		assert_int_equal(judge_why(cases[i].json, strlen(cases[i].json), cases[i].announced,
					 why, sizeof(why)),
			cases[i].right);
		assert_true(cases[i].right || why[0]);
	}
}

static void what_ran_and_what_could_not_is_counted(void **state UNUSED)
{
	static const struct {
		enum outcome outcome[3];
		int code;
	} cases[] = {
		{ { OUTCOME_PASSED, OUTCOME_SKIPPED, OUTCOME_PASSED }, 0 },
		{ { OUTCOME_SKIPPED, OUTCOME_SKIPPED, OUTCOME_SKIPPED }, LAB_SKIPPED },
		{ { OUTCOME_PASSED, OUTCOME_MISSED, OUTCOME_SKIPPED }, 1 },
		{ { OUTCOME_ALARM, OUTCOME_PASSED, OUTCOME_PASSED }, 1 },
		{ { OUTCOME_SKIPPED, OUTCOME_SKIPPED, OUTCOME_BROKEN }, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tally t = { 0 };

		for (size_t k = 0; k < ARRAY_SIZE(cases[i].outcome); k++)
			tally_add(&t, cases[i].outcome[k]);
		assert_int_equal(tally_code(&t), cases[i].code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_torn_answer_is_no_answer),
		cmocka_unit_test(announced_names_may_hold_blanks),
		cmocka_unit_test(the_wanted_finding_names_the_right_one),
		cmocka_unit_test(the_host_is_only_the_place),
		cmocka_unit_test(first_means_first_but_for_what_was_there),
		cmocka_unit_test(the_same_id_of_another_is_new),
		cmocka_unit_test(what_was_over_is_not_of_this_lab),
		cmocka_unit_test(an_announced_victim_must_be_named),
		cmocka_unit_test(the_method_is_told),
		cmocka_unit_test(a_twin_may_have_info_and_no_more),
		cmocka_unit_test(what_comes_along_is_no_alarm),
		cmocka_unit_test(the_hypervisor_is_not_of_the_lab),
		cmocka_unit_test(a_check_that_could_not_look),
		cmocka_unit_test(worse_than_before_is_new),
		cmocka_unit_test(what_follows_from_before_is_not_first),
		cmocka_unit_test(nothing_new_is_all_that_was_there),
		cmocka_unit_test(a_sickness_is_more_than_info),
		cmocka_unit_test(the_wanted_id_of_a_bystander_is_an_alarm),
		cmocka_unit_test(the_reason_names_who_was_blamed),
		cmocka_unit_test(why_names_state_and_cause),
		cmocka_unit_test(what_ran_and_what_could_not_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
