/* SPDX-License-Identifier: MIT */
/* Parsers of zoneinfo, buddyinfo and slabinfo. */
#include "source/source.h"
#include "tests/unit/parse.h"

static void zone_kernels(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_zone]);

	assert_int_equal(parse_corpus("zone/3.10-handmade", zone_parse, t), 0);
	assert_int_equal(t->n, 2);
	const struct zone *z = table_at(t, 0);

	assert_int_equal(z[0].free_bytes, 3977 * 4096);
	assert_int_equal(z[1].node, 1);
	assert_string_equal(table_text(t, z[1].name), "Normal");
	assert_int_equal(z[1].min_bytes, 3934 * 4096);
	assert_int_equal(z[1].high_bytes, 5901 * 4096); /* not the page set's */
	assert_int_equal(z[1].managed_bytes, 233263ull * 4096);
	assert_int_equal(parse_corpus("zone/4.19-empty-movable-handmade", zone_parse, t), 0);
	assert_int_equal(t->n, 3);
	assert_int_equal(parse_corpus("zone/6.18", zone_parse, t), 0);
	assert_int_equal(t->n, 6);
	z = table_at(t, 0);
	assert_int_equal(z->per_cpu_bytes, 0);
	table_unref(t);
}

static void zone_sums_the_lists_of_cpus(void **state UNUSED)
{
	static const char text[] = "Node 0, zone Normal\n pages free 1\n min 1\n low 1\n high 1\n"
				   " pagesets\n cpu: 0\n count:    5\n high:  9\n cpu: 1\n"
				   " count: 7\n";
	struct table *t = table_new(schemas[TABLE_zone]);

	assert_int_equal(parse_text(text, zone_parse, t), 0);
	assert_int_equal(((struct zone *)t->row)->per_cpu_bytes, 12 * 4096);
	assert_int_equal(parse_text("Node 0, zone DMA\n count: x\n", zone_parse, t), -EINVAL);
	table_unref(t);
}

static void zone_damage(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_zone]);

	assert_int_equal(parse_corpus("zone/no-high", zone_parse, t), -ENODATA);
	assert_int_equal(parse_corpus("zone/repeated", zone_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("zone/overflow", zone_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("zone/headless", zone_parse, t), -EINVAL);
	assert_int_equal(parse_text("", zone_parse, t), -ENODATA);
	assert_int_equal(t->n, 0);
	table_unref(t);
}

static void buddy_orders(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_buddy]);

	assert_int_equal(parse_corpus("buddy/3.10-two-nodes-handmade", buddy_parse, t), 0);
	assert_int_equal(t->n, 33);
	assert_int_equal(table_sort(t), 0);
	assert_int_equal(t->n, 33);
	const struct buddy *b = table_at(t, 10);

	assert_int_equal(b->order, 10);
	assert_int_equal(b->free_blocks, 3);
	assert_int_equal(parse_corpus("buddy/garbage", buddy_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("buddy/large-node", buddy_parse, t), -EINVAL);
	assert_int_equal(parse_text("", buddy_parse, t), -ENODATA);
	assert_int_equal(t->n, 33);
	table_unref(t);
}

static void slab_kernels(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_slab]);

	assert_int_equal(parse_corpus("slab/3.10-slab-allocator-handmade", slab_parse, t), 0);
	assert_int_equal(t->n, 3);
	const struct slab *s = table_at(t, 0);

	assert_string_equal(table_text(t, s[0].name), "fat inode cache");
	assert_int_equal(s[0].active_objects, 12);
	assert_int_equal(s[1].object_bytes, 64);
	assert_int_equal(s[1].slabs, 109);
	assert_int_equal(s[2].size_bytes, 25080ull * 4096);
	assert_false(row_has(s[2].has, SLAB_reclaimable));
	assert_int_equal(parse_corpus("slab/2.1-statistics-handmade", slab_parse, t), 0);
	s = table_at(t, 3);
	assert_int_equal(s->size_bytes, 8192);
	assert_int_equal(parse_corpus("slab/6.18", slab_parse, t), 0);
	assert_int_equal(t->n, 4 + 58);
	table_unref(t);
}

static void slab_damage(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_slab]);

	assert_int_equal(parse_corpus("slab/version-1", slab_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("slab/overflow", slab_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("slab/short", slab_parse, t), -EINVAL);
	assert_int_equal(parse_corpus("slab/cut", slab_parse, t), -EINVAL);
	assert_int_equal(parse_text("", slab_parse, t), -ENODATA);
	assert_int_equal(t->n, 0);
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zone_kernels),
		cmocka_unit_test(zone_damage),
		cmocka_unit_test(zone_sums_the_lists_of_cpus),
		cmocka_unit_test(buddy_orders),
		cmocka_unit_test(slab_kernels),
		cmocka_unit_test(slab_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
