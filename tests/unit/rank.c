/* SPDX-License-Identifier: MIT */
#include "look/look.h"
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(worst_first_then_surest),
		cmocka_unit_test(nests_only_what_shares_an_entity),
		cmocka_unit_test(what_is_small_explains_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
