/* SPDX-License-Identifier: MIT */
#include "look/look.h"
#include "source/source.h"
#include "tests/unit/unit.h"

static struct finding finding_of(const char *id, enum severity s, struct entity culprit)
{
	return (struct finding){ .id = id,
		.severity = s,
		.confidence = CONFIDENCE_LIKELY,
		.title = "",
		.culprits = { culprit },
		.n_culprits = 1 };
}

static const struct entity group_a = { .kind = ENTITY_CGROUP, .name = "/a" };
static const struct entity group_b = { .kind = ENTITY_CGROUP, .name = "/b" };
static const struct entity this_host = { .kind = ENTITY_HOST };

static void worst_first_then_surest(void **state UNUSED)
{
	struct finding a = finding_of("x.info", SEVERITY_INFO, this_host);
	struct finding b = finding_of("x.possible", SEVERITY_CRITICAL, this_host);
	struct finding c = finding_of("x.certain", SEVERITY_CRITICAL, this_host);
	struct finding *list[] = { &a, &b, &c };

	b.confidence = CONFIDENCE_POSSIBLE;
	c.confidence = CONFIDENCE_CERTAIN;
	rank_findings(list, ARRAY_SIZE(list));
	assert_ptr_equal(list[0], &c);
	assert_ptr_equal(list[1], &b);
	assert_ptr_equal(list[2], &a);
}

/* Of equals what goes on now is read before what is over, however sure that is. */
static void the_present_before_the_past(void **state UNUSED)
{
	struct finding oom = finding_of("mem.oom", SEVERITY_WARNING, group_a);
	struct finding cpu = finding_of("cpu.saturated", SEVERITY_WARNING, group_b);
	struct finding same = finding_of("mem.cgroup", SEVERITY_INFO, group_a);
	struct finding *list[] = { &oom, &cpu, &same };

	oom.past = true;
	oom.confidence = CONFIDENCE_CERTAIN;
	rank_findings(list, 2);
	assert_ptr_equal(list[0], &cpu);
	oom.severity = SEVERITY_CRITICAL;
	rank_findings(list, 2);
	assert_ptr_equal(list[0], &oom);
	/* A cause whose effect goes on is not over. */
	oom.severity = SEVERITY_WARNING;
	rank_findings(list, 3);
	assert_ptr_equal(same.parent, &oom);
	assert_false(oom.past);
	assert_ptr_equal(list[0], &oom);
}

/* mem.oom explains mem.cgroup of the same group, and of no other. */
static void nests_only_what_shares_an_entity(void **state UNUSED)
{
	struct finding oom = finding_of("mem.oom", SEVERITY_WARNING, group_a);
	struct finding same = finding_of("mem.cgroup", SEVERITY_CRITICAL, group_a);
	struct finding other = finding_of("mem.cgroup", SEVERITY_WARNING, group_b);
	struct finding *list[] = { &other, &same, &oom };

	rank_findings(list, ARRAY_SIZE(list));
	assert_ptr_equal(same.parent, &oom);
	assert_null(other.parent);
	assert_null(oom.parent);
	/* A cause is as urgent as what it brings about, and what it brings follows it. */
	assert_int_equal(oom.severity, SEVERITY_CRITICAL);
	assert_ptr_equal(list[0], &oom);
	assert_ptr_equal(list[1], &same);
	assert_ptr_equal(list[2], &other);
}

/* Little stolen time is true, and not why tasks queue. */
static void what_is_small_explains_nothing(void **state UNUSED)
{
	struct finding steal = finding_of("cpu.steal", SEVERITY_INFO, this_host);
	struct finding queue = finding_of("cpu.saturated", SEVERITY_CRITICAL, group_a);
	struct finding *list[] = { &steal, &queue };

	steal.aside = true;
	rank_findings(list, ARRAY_SIZE(list));
	assert_null(queue.parent);
	assert_ptr_equal(list[0], &queue);
	assert_int_equal(steal.severity, SEVERITY_INFO);
	steal.aside = false;
	rank_findings(list, ARRAY_SIZE(list));
	assert_ptr_equal(queue.parent, &steal);
}

/* Many findings of one check hide neither its own worst nor those of another. */
static void a_crowd_leaves_room(void **state UNUSED)
{
	struct judgement j = { .check = checks[0] };
	size_t worst = 0;

	for (int i = 0; i < 100; i++)
		judge_finding(&j, SEVERITY_WARNING, CONFIDENCE_LIKELY);
	judge_finding(&j, SEVERITY_CRITICAL, CONFIDENCE_LIKELY)->title = "worst";
	judge_finding(&j, SEVERITY_INFO, CONFIDENCE_LIKELY)->title = "least";
	assert_int_equal(j.n_findings, FINDINGS_EACH_MAX);
	assert_int_equal(j.lost_findings, 102 - FINDINGS_EACH_MAX);
	for (size_t i = 0; i < j.n_findings; i++) {
		worst += strcmp(j.finding[i]->title, "worst") == 0;
		assert_string_not_equal(j.finding[i]->title, "least");
	}
	assert_int_equal(worst, 1);
	j.check = checks[1];
	judge_finding(&j, SEVERITY_INFO, CONFIDENCE_LIKELY);
	assert_int_equal(j.n_findings, FINDINGS_EACH_MAX + 1);
	for (size_t i = 0; i < n_checks; i++) {
		j.check = checks[i];
		for (int k = 0; k < 100; k++)
			judge_finding(&j, SEVERITY_WARNING, CONFIDENCE_LIKELY);
	}
	assert_true(j.n_findings <= FINDINGS_MAX);
	rank_findings(j.finding, j.n_findings);
	arena_release(&j.arena);
}

/* Whoever explains whom, nobody ends up below himself. */
static void nesting_has_no_circle(void **state UNUSED)
{
	for (size_t a = 0; a < n_checks; a++) {
		for (size_t b = 0; b < n_checks; b++) {
			struct finding f[] = {
				finding_of(checks[a]->id, SEVERITY_CRITICAL, this_host),
				finding_of(checks[b]->id, SEVERITY_WARNING, group_a),
				finding_of(checks[a]->id, SEVERITY_WARNING, group_b),
			};
			struct finding *list[] = { &f[0], &f[1], &f[2] };

			rank_findings(list, 3);
			for (size_t i = 0; i < 3; i++) {
				size_t steps = 0;

				for (struct finding *at = &f[i]; at; at = at->parent)
					assert_true(++steps <= 3);
				assert_ptr_not_equal(list[i], list[(i + 1) % 3]);
			}
		}
	}
}

/* Does something read that table unasked? */
static bool read_unasked(enum table_id table)
{
	for (size_t i = 0; i < n_sources; i++) {
		for (size_t k = 0; k < SOURCE_TABLES_MAX && sources[i]->fills[k]; k++) {
			if (sources[i]->fills[k] == table && sources[i]->cost != COST_ASKED)
				return true;
		}
	}
	return false;
}

static void assert_asked(const char *who, const struct need *needs)
{
	for (size_t i = 0; i < NEEDS_MAX && needs[i].table; i++) {
		if (!needs[i].ask && !read_unasked(needs[i].table))
			fail_msg(
				"%s needs %s and does not ask", who, schemas[needs[i].table]->name);
	}
}

/* Who needs it without asking gets it empty, and then nobody who asks is heard. */
static void a_dear_table_is_asked_for(void **state UNUSED)
{
	for (size_t i = 0; i < n_checks; i++)
		assert_asked(checks[i]->id, checks[i]->needs);
	for (size_t i = 1; i < MODELS; i++)
		assert_asked(model_rows[i]->name, model_rows[i]->needs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(worst_first_then_surest),
		cmocka_unit_test(the_present_before_the_past),
		cmocka_unit_test(nests_only_what_shares_an_entity),
		cmocka_unit_test(a_crowd_leaves_room),
		cmocka_unit_test(nesting_has_no_circle),
		cmocka_unit_test(a_dear_table_is_asked_for),
		cmocka_unit_test(what_is_small_explains_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
