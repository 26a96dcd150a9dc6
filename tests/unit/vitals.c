/* SPDX-License-Identifier: MIT */
/* Vital signs: what a healthy machine is told about itself. */
#include "view/vitals.h"
#include "tests/unit/build.h"

static void add_disk(struct scene *s, uint64_t dev, const char *name, uint64_t busy_ns)
{
	struct disk *was = build_row(&s->was, TABLE_disk), *now = build_row(&s->now, TABLE_disk);

	was->dev = now->dev = dev;
	was->name = build_text(&s->was, TABLE_disk, name);
	now->name = build_text(&s->now, TABLE_disk, name);
	was->reads = now->reads = 1;
	now->busy_ns = busy_ns;
}

static const char *line_of(const struct vitals *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++) {
		if (strcmp(v->line[i].name, name) == 0)
			return v->line[i].text;
	}
	return "";
}

/* A row of zeros for each loop device says nothing; that all of them rest does. */
static void idle_disks_are_not_told(void **state UNUSED)
{
	for (int busy = 0; busy < 2; busy++) {
		struct scene s;
		struct vitals v = { 0 };

		scene_start(&s);
		add_disk(&s, 1, "loop0", 0);
		add_disk(&s, 2, "vda", busy ? SECOND : 0);
		add_disk(&s, 3, "loop1", 0);
		scene_step(&s);
		vitals_make(&s.model, &v);
		assert_string_equal(
			line_of(&v, "disks"), busy ? "vda 50 % busy, reads 0 B/s, writes 0 B/s"
						   : "loop0 0 % busy, reads 0 B/s, writes 0 B/s");
		arena_release(&v.arena);
		scene_end(&s);
	}
}

static void unknown_is_told(void **state UNUSED)
{
	struct scene s;
	struct vitals v = { 0 };

	scene_start(&s);
	scene_step(&s);
	vitals_make(&s.model, &v);
	assert_string_equal(line_of(&v, "memory"), "unknown");
	assert_string_equal(line_of(&v, "disks"), "unknown");
	assert_string_equal(line_of(&v, "network"), "unknown");
	arena_release(&v.arena);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_disks_are_not_told),
		cmocka_unit_test(unknown_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
