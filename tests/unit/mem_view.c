/* SPDX-License-Identifier: MIT */
/* What murphy mem shows: order, what is missing, text and JSON. */
#include "render/mem.h"
#include "tests/unit/build.h"

#define MIB (UINT64_C(1) << 20)

struct show {
	struct frame f;
	struct arena a;
	struct mem_groups g;
	struct mem_report r;
	struct strbuf out;
};

static void add(struct show *s, uint64_t pid, const char *comm, uint64_t pss, uint64_t rss)
{
	text_t name = build_text(&s->f, TABLE_process, comm);
	struct process *p = build_row(&s->f, TABLE_process);
	struct group_share *g = build_row(&s->f, TABLE_group_share);

	p->pid = pid;
	p->comm = name;
	p->state = 'S';
	g->group = s->f.at[TABLE_group_share]->n - 1;
	g->pss_bytes = pss;
	g->rss_bytes = rss;
	if (pss == 0)
		build_unset(g, GROUP_SHARE_pss_bytes);
}

static void start(struct show *s)
{
	*s = (struct show){ 0 };
	s->f.boottime_ns = 1000 * SECOND;
	add(s, 10, "small", MIB, 9 * MIB);
	add(s, 11, "large", 5 * MIB, 6 * MIB);
	add(s, 12, "hidden", 0, 7 * MIB);
	add(s, 13, "for\nged\033[2J", 2 * MIB, 2 * MIB);
	struct process *kernel = build_row(&s->f, TABLE_process);

	kernel->pid = 99;
	kernel->kthread = 1;
	struct meminfo *i = build_row(&s->f, TABLE_meminfo);

	i->total_bytes = 64 * MIB;
	i->free_bytes = 70 * MIB;
	s->f.at[TABLE_group_share]->method = "page_test";
}

static void view(struct show *s, enum mem_what what, enum mem_sort sort)
{
	for (int i = 0; i < TABLES; i++) {
		if (s->f.at[i])
			assert_int_equal(table_sort(s->f.at[i]), 0);
	}
	arena_release(&s->a);
	strbuf_clear(&s->out);
	assert_int_equal(mem_groups_make(&s->f, MEM_BY_PROCESS, &s->a, &s->g), 0);
	mem_groups_fold(&s->g, &s->f);
	s->r = (struct mem_report){ .frame = &s->f,
		.groups = &s->g,
		.what = what,
		.sort = sort,
		.pid = 11,
		.top = s->r.top,
		.now_ns = 1001 * SECOND };
	assert_int_equal(mem_view(&s->r, &s->a), 0);
}

static void stop(struct show *s)
{
	strbuf_release(&s->out);
	arena_release(&s->a);
	frame_release(&s->f);
}

static const char *name(const struct show *s, size_t i)
{
	return ((const struct mem_group *)s->r.row[i])->name;
}

static void order(void **state UNUSED)
{
	struct show s;

	start(&s);
	view(&s, MEM_GROUPS, MEM_SORT_PSS);
	assert_int_equal(s.r.n_rows, 4);
	assert_string_equal(name(&s, 0), "large");
	assert_string_equal(name(&s, 3), "hidden"); /* not known is not 0, and not first */
	view(&s, MEM_GROUPS, MEM_SORT_RSS);
	assert_string_equal(name(&s, 0), "small");
	view(&s, MEM_GROUPS, MEM_SORT_NAME);
	assert_string_equal(name(&s, 1), "hidden");
	enum mem_sort sort;

	assert_true(mem_sort_parse("page-tables", &sort) && sort == MEM_SORT_PAGE_TABLES);
	assert_false(mem_sort_parse("", &sort));
	stop(&s);
}

static void text_is_harmless_and_narrow(void **state UNUSED)
{
	static const unsigned int widths[] = { 40, 80, 100, 132 };
	struct show s;

	start(&s);
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		struct text_style style = { .width = widths[i] };

		view(&s, MEM_GROUPS, MEM_SORT_PSS);
		mem_text(&s.r, &style, &s.out);
		assert_false(s.out.failed);
		assert_null(strchr(s.out.bytes, '\033'));
		assert_non_null(strstr(s.out.bytes, "for"));
		assert_non_null(strstr(s.out.bytes, "?"));
		assert_non_null(strstr(s.out.bytes, "counted twice"));
		if (widths[i] < 80)
			continue;
		for (const char *line = s.out.bytes, *end; *line; line = end + 1) {
			end = strchr(line, '\n');
			if (end - line > (long)widths[i])
				fail_msg("%u: %.*s", widths[i], (int)(end - line), line);
		}
	}
	s.r.top = 1;
	view(&s, MEM_GROUPS, MEM_SORT_PSS);
	struct text_style style = { .width = 100, .colour = true };

	mem_text(&s.r, &style, &s.out);
	assert_non_null(strstr(s.out.bytes, "3 MiB  of 3 other groups"));
	assert_non_null(strchr(s.out.bytes, '\033'));
	stop(&s);
}

static void what_is_missing_is_said(void **state UNUSED)
{
	struct show s;

	start(&s);
	view(&s, MEM_GROUPS, MEM_SORT_PSS);
	assert_false(s.r.blind);
	assert_int_equal(s.r.n_lacks, 0);
	s.f.at[TABLE_group_share]->lost = 2;
	table_fail(s.f.at[TABLE_group_share], STATE_OK, "2 of 4 processes denied: needs root");
	view(&s, MEM_GROUPS, MEM_SORT_PSS);
	assert_true(s.r.blind);
	assert_non_null(strstr(s.r.lack[0], "needs root"));
	table_fail(s.f.at[TABLE_group_share], STATE_DENIED, "needs root");
	view(&s, MEM_GROUPS, MEM_SORT_PSS);
	assert_true(s.r.blind);
	view(&s, MEM_SHARED, MEM_SORT_PSS);
	assert_true(s.r.blind);
	stop(&s);
}

/* No thread of the kernel is seen: what is not ours is others', not nobody's. */
static void a_pid_namespace_is_not_all(void **state UNUSED)
{
	struct show s;

	start(&s);
	for (size_t i = 0; i < s.f.at[TABLE_process]->n; i++)
		((struct process *)s.f.at[TABLE_process]->row)[i].kthread = 0;
	view(&s, MEM_GROUPS, MEM_SORT_PSS);
	assert_true(s.r.blind);
	assert_non_null(strstr(s.r.lack[0], "outside of this pid namespace"));
	assert_false(s.g.all);
	stop(&s);
}

/* What is shared of swap no cheap method tells: at most all of it. */
static void swap_is_at_most(void **state UNUSED)
{
	struct text_style style = { .width = 100 };
	struct show s;

	start(&s);
	for (size_t i = 0; i < 2; i++) {
		struct group_share *g = table_at(s.f.at[TABLE_group_share], i);

		g->swap_bytes = (i + 1) * 100 * MIB;
		build_unset(g, GROUP_SHARE_swap_pss_bytes);
	}
	view(&s, MEM_GROUPS, MEM_SORT_SWAP);
	assert_string_equal(name(&s, 0), "large");
	mem_text(&s.r, &style, &s.out);
	assert_non_null(strstr(s.out.bytes, "<200 MiB"));
	mem_json(&s.r, 0, &s.out);
	assert_non_null(strstr(s.out.bytes, "\"swap_bytes\":null,\"vm_swap_bytes\":209715200,"));
	stop(&s);
}

/* Counted, but not all of them could be: nobody knows how much is missing. */
static void a_part_is_not_exact(void **state UNUSED)
{
	struct text_style style = { .width = 100 };
	struct show s;

	start(&s);
	struct group_share *g = s.f.at[TABLE_group_share]->row;

	g->processes = 3;
	g->measured = 2;
	build_unset(g, GROUP_SHARE_pss_error_bytes);
	view(&s, MEM_GROUPS, MEM_SORT_PSS);
	s.g.by = MEM_BY_UNIT; /* a group of one here: it is the share that counts */
	mem_text(&s.r, &style, &s.out);
	assert_non_null(strstr(s.out.bytes, " 2/3  small"));
	assert_non_null(strstr(s.out.bytes, "1 MiB      ?"));
	stop(&s);
}

static void json_says_null(void **state UNUSED)
{
	struct show s;

	start(&s);
	view(&s, MEM_GROUPS, MEM_SORT_PSS);
	mem_json(&s.r, 0, &s.out);
	assert_non_null(strstr(s.out.bytes,
		"\"kind\":\"process\",\"by\":\"process\",\"name\":\"large\",\"pid\":11,"));
	assert_non_null(strstr(s.out.bytes, "\"pss_bytes\":5242880,"));
	assert_non_null(strstr(s.out.bytes, "\"rss_bytes\":7340032,\"pss_bytes\":null"));
	assert_non_null(strstr(s.out.bytes, "\"method\":\"page_test\",\"age_ns\":1000000000"));
	assert_non_null(strstr(s.out.bytes, "\"name\":\"for\\nged\\u001b[2J\""));
	assert_non_null(strstr(s.out.bytes, "\"unaccounted_bytes\":-"));
	assert_null(strstr(s.out.bytes, "for\nged"));
	stop(&s);
}

static void mappings_and_objects(void **state UNUSED)
{
	struct text_style style = { .width = 100 };
	struct show s;

	start(&s);
	text_t path = build_text(&s.f, TABLE_mapping, "[heap]");
	struct mapping *m = build_row(&s.f, TABLE_mapping);

	m->pid = 11;
	m->path = path;
	m->pss_bytes = 3 * MIB;
	m = build_row(&s.f, TABLE_mapping);
	m->pid = 11;
	m->start = 1;
	m->pss_bytes = 4 * MIB;
	struct process_share *p = build_row(&s.f, TABLE_process_share);

	p->pid = 11;
	p->pss_bytes = 7 * MIB;
	view(&s, MEM_PROCESS, MEM_SORT_PSS);
	mem_text(&s.r, &style, &s.out);
	const char *anonymous = strstr(s.out.bytes, "(anonymous)");

	assert_non_null(strstr(s.out.bytes, "large (pid 11)"));
	assert_non_null(strstr(s.out.bytes, "PSS 7 MiB"));
	assert_true(anonymous && anonymous < strstr(s.out.bytes, "[heap]"));
	text_t shared = build_text(&s.f, TABLE_shared_object, "/memfd:pool");

	for (uint64_t i = 0; i < 4; i++) {
		struct shared_object *o = build_row(&s.f, TABLE_shared_object);
		struct object_share *part = build_row(&s.f, TABLE_object_share);

		o->inode = part->inode = i;
		o->path = shared;
		o->kind = 1;
		part->group = i;
		part->pss_bytes = i * MIB;
	}
	view(&s, MEM_SHARED, MEM_SORT_PSS);
	mem_json(&s.r, 0, &s.out);
	assert_non_null(
		strstr(s.out.bytes, "\"kind\":\"shared\",\"path\":\"/memfd:pool\",\"object\":"
				    "\"memfd\""));
	assert_non_null(strstr(s.out.bytes,
		"\"by_group\":[{\"name\":\"hidden\",\"processes\":0,\"pss_bytes\":2097152}]"));
	stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order),
		cmocka_unit_test(text_is_harmless_and_narrow),
		cmocka_unit_test(what_is_missing_is_said),
		cmocka_unit_test(a_pid_namespace_is_not_all),
		cmocka_unit_test(swap_is_at_most),
		cmocka_unit_test(a_part_is_not_exact),
		cmocka_unit_test(json_says_null),
		cmocka_unit_test(mappings_and_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
