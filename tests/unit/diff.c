/* SPDX-License-Identifier: MIT */
/* Facts of hand-made frames, and two of them compared. */
#include "render/compare.h"
#include "tests/unit/build.h"

#include <math.h>

/* Two machines, A and B, and what differs. */
struct both {
	struct scene scene[2];
	struct facts facts[2];
	struct comparison c;
};

static void start(struct both *t)
{
	*t = (struct both){ 0 };
	scene_start(&t->scene[0]);
	scene_start(&t->scene[1]);
}

static void compare(struct both *t)
{
	for (int i = 0; i < 2; i++) {
		scene_step(&t->scene[i]);
		facts_make(&t->scene[i].model, &t->facts[i]);
		facts_sort(&t->facts[i]);
	}
	assert_int_equal(compare_facts(&t->facts[0], &t->facts[1], &t->c), 0);
}

static void end(struct both *t)
{
	comparison_release(&t->c);
	for (int i = 0; i < 2; i++) {
		facts_release(&t->facts[i]);
		scene_end(&t->scene[i]);
	}
}

static const struct difference *find(const struct both *t, enum fact_id id, const char *of)
{
	for (size_t i = 0; i < t->c.n; i++) {
		const struct difference *d = &t->c.difference[i];
		const struct fact *f = d->a ? d->a : d->b;

		if (f->id == id && strcmp(f->of, of) == 0)
			return d;
	}
	return NULL;
}

static const struct gap *find_gap(const struct both *t, enum fact_id id)
{
	for (size_t i = 0; i < t->c.n_gaps; i++) {
		if (t->c.gap[i].id == id)
			return &t->c.gap[i];
	}
	return NULL;
}

static void put_setting(
	struct scene *s, const char *of, const char *what, const char *name, const char *value)
{
	struct setting *row = build_row(&s->now, TABLE_setting);

	row->of = build_text(&s->now, TABLE_setting, of);
	row->what = build_text(&s->now, TABLE_setting, what);
	row->name = build_text(&s->now, TABLE_setting, name);
	row->value = build_text(&s->now, TABLE_setting, value);
	build_unset(row, SETTING_words);
}

static void put_flags(struct scene *s, const char *flags)
{
	struct cpu_type *c = build_row(&s->now, TABLE_cpu_type);

	c->flags = build_text(&s->now, TABLE_cpu_type, flags);
}

static void put_clock(struct scene *s, const char *name)
{
	struct clock *c = build_row(&s->now, TABLE_clock);

	c->current = build_text(&s->now, TABLE_clock, name);
}

/* Of two settings of no effect and a slow clock the clock comes first, whatever their number. */
static void knowledge_ranks(void **state UNUSED)
{
	struct both t;

	start(&t);
	put_clock(&t.scene[0], "tsc");
	put_clock(&t.scene[1], "hpet");
	put_setting(&t.scene[0], "sysctl", "", "user.max_mnt_namespaces", "10");
	put_setting(&t.scene[1], "sysctl", "", "user.max_mnt_namespaces", "100000000");
	put_setting(&t.scene[0], "sysctl", "", "vm.swappiness", "60");
	put_setting(&t.scene[1], "sysctl", "", "vm.swappiness", "61");
	compare(&t);
	assert_int_equal(t.c.n, 3);
	assert_int_equal(t.c.difference[0].a->id, FACT_clocksource);
	assert_non_null(strstr(t.c.difference[0].why, "system call"));
	assert_string_equal(t.c.difference[1].a->of, "vm.swappiness");
	assert_string_equal(t.c.difference[2].a->of, "user.max_mnt_namespaces");
	end(&t);
}

/* Two clocks of which none is a slow device differ, and little: xen is no finding of its check. */
static void good_clocks_matter_little(void **state UNUSED)
{
	static const char *const good[] = { "kvm-clock", "xen" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct both t;

		start(&t);
		put_clock(&t.scene[0], "tsc");
		put_clock(&t.scene[1], good[i]);
		compare(&t);
		assert_true(find(&t, FACT_clocksource, "")->score < 50);
		end(&t);
	}
}

/* The order of CPUs hides no word, though one is the other's end. */
static void words_of_all_cpus(void **state UNUSED)
{
	static const char *const words[2][2] = { { "balance_performance", "performance" },
		{ "balance_performance", "balance_performance" } };
	struct both t;

	start(&t);
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 2; k++) {
			struct cpufreq *c = build_row(&t.scene[i].now, TABLE_cpufreq);

			c->cpu = (uint64_t)k;
			c->preference = build_text(&t.scene[i].now, TABLE_cpufreq, words[i][k]);
		}
	}
	compare(&t);
	const struct difference *d = find(&t, FACT_preference, "");

	assert_non_null(d);
	assert_string_equal(d->a->text, "balance_performance, performance");
	assert_string_equal(d->b->text, "balance_performance");
	end(&t);
}

/* A flag that one lacks is a difference; a disk that one lacks cannot be compared. */
static void absent_is_no_value(void **state UNUSED)
{
	struct both t;

	start(&t);
	put_flags(&t.scene[0], "fpu aes");
	put_flags(&t.scene[1], "fpu");
	put_setting(&t.scene[0], "sysctl", "", "vm.swappiness", "60");
	put_setting(&t.scene[1], "sysctl", "", "vm.swappiness", "60");
	put_setting(&t.scene[1], "disk", "sdb", "scheduler", "none");
	compare(&t);
	assert_int_equal(t.c.n, 1);
	assert_null(find(&t, FACT_cpu_flag, "aes")->b);
	const struct gap *gap = find_gap(&t, FACT_disk_setting);

	assert_int_equal(gap->only, 'b');
	assert_string_equal(gap->names, "sdb scheduler");
	end(&t);
}

/* No flags at all: the file was not there, and nothing is said of the flags. */
static void a_list_that_was_not_read(void **state UNUSED)
{
	struct both t;

	start(&t);
	put_flags(&t.scene[0], "fpu aes");
	put_setting(&t.scene[0], "boot", "", "quiet", "");
	put_setting(&t.scene[1], "sysctl", "", "vm.swappiness", "60");
	compare(&t);
	assert_int_equal(t.c.n, 0);
	assert_int_equal(find_gap(&t, FACT_cpu_flag)->b, STATE_ABSENT);
	assert_int_equal(find_gap(&t, FACT_boot_param)->b, STATE_ABSENT);
	end(&t);
}

static void denied_is_told(void **state UNUSED)
{
	struct both t;

	start(&t);
	put_clock(&t.scene[0], "tsc");
	table_fail(build_table(&t.scene[1].now, TABLE_clock), STATE_DENIED, "needs root");
	compare(&t);
	assert_int_equal(t.c.n, 0);
	assert_int_equal(find_gap(&t, FACT_clocksource)->b, STATE_DENIED);
	assert_string_equal(find_gap(&t, FACT_clocksource)->why_b, "needs root");
	assert_true(comparison_blind(&t.c));
	end(&t);
}

static void put_fact(struct facts *f, const char *of, enum state unseen, const char *why)
{
	f->state[FACT_finding] = STATE_OK;
	facts_put(f, &(struct fact){ .id = FACT_finding,
			     .of = of,
			     .text = "nothing",
			     .unseen = unseen,
			     .why = why });
}

/* A check that could not look on both sides: nothing differs, and nobody knows. */
static void checks_that_could_not_look(void **state UNUSED)
{
	struct text_style style = { .width = 100 };
	struct strbuf out = { 0 };
	struct both t;

	start(&t);
	for (int i = 0; i < 2; i++) {
		put_fact(&t.facts[i], "a.one", STATE_DENIED, "needs root");
		put_fact(&t.facts[i], "a.two", STATE_DENIED, "needs root");
		put_fact(&t.facts[i], "b.one", i ? STATE_LATE : STATE_ABSENT, i ? "slow" : NULL);
	}
	put_fact(&t.facts[0], "b.two", STATE_BROKEN, "nonsense");
	compare(&t);
	assert_int_equal(t.c.n, 0);
	assert_int_equal(t.c.n_gaps, 3);
	assert_int_equal(t.c.gap[0].n, 2);
	assert_string_equal(t.c.gap[0].names, "a.one, a.two");
	assert_int_equal(t.c.gap[0].a, STATE_DENIED);
	assert_int_equal(t.c.gap[1].a, STATE_OK);
	assert_int_equal(t.c.gap[1].b, STATE_LATE);
	assert_int_equal(t.c.gap[2].b, STATE_ABSENT);
	assert_true(comparison_blind(&t.c));
	struct report r[2] = { { .model = &t.scene[0].model }, { .model = &t.scene[1].model } };
	struct compared side[2] = { { "a", &r[0] }, { "b", &r[1] } };

	text_comparison(&t.c, side, &style, &out);
	assert_non_null(strstr(
		out.bytes, "finding a.one, a.two; A: denied, needs root; B: denied, needs root\n"));
	assert_non_null(strstr(out.bytes, "finding b.one; B: late, slow\n"));
	strbuf_release(&out);
	end(&t);
}

/* A mean since boot and a value of two seconds are not of one kind. */
static void numbers_without_a_fellow(void **state UNUSED)
{
	struct measure one = { reading_of(5), 100 };
	struct both t;

	start(&t);
	t.facts[0].state[FACT_oom_kills] = t.facts[1].state[FACT_oom_kills] = STATE_OK;
	facts_put(&t.facts[0], &(struct fact){ .id = FACT_oom_kills, .of = "x", .now = one });
	facts_put(&t.facts[1], &(struct fact){ .id = FACT_oom_kills, .of = "x", .ever = one });
	for (int i = 0; i < 2; i++)
		facts_sort(&t.facts[i]);
	assert_int_equal(compare_facts(&t.facts[0], &t.facts[1], &t.c), 0);
	assert_int_equal(t.c.compared, 0);
	assert_int_equal(find_gap(&t, FACT_oom_kills)->n, 1);
	assert_false(comparison_blind(&t.c));
	end(&t);
}

/* The kernel makes them of the size of memory: 3 % apart is the same. */
static void derived_numbers_may_be_near(void **state UNUSED)
{
	struct both t;

	start(&t);
	put_setting(&t.scene[0], "sysctl", "", "net.ipv4.tcp_mem", "380000 500000 760000");
	put_setting(&t.scene[1], "sysctl", "", "net.ipv4.tcp_mem", "370000 490000 740000");
	put_setting(&t.scene[0], "sysctl", "", "net.ipv4.udp_mem", "380000 500000 760000");
	put_setting(&t.scene[1], "sysctl", "", "net.ipv4.udp_mem", "380000 500000 7600000");
	compare(&t);
	assert_int_equal(t.c.n, 1);
	assert_non_null(find(&t, FACT_sysctl, "net.ipv4.udp_mem"));
	end(&t);
}

static void put_disk(struct scene *s, uint64_t reads, uint64_t wait_ns)
{
	struct disk *was = build_row(&s->was, TABLE_disk), *now = build_row(&s->now, TABLE_disk);

	was->dev = now->dev = 8;
	was->name = build_text(&s->was, TABLE_disk, "sda");
	now->name = build_text(&s->now, TABLE_disk, "sda");
	was->reads = 1;
	now->reads = 1 + reads;
	now->read_wait_ns = reads * wait_ns;
}

static void waits_of_a_disk(void **state UNUSED)
{
	struct both t;

	start(&t);
	put_disk(&t.scene[0], 400, 1000000);
	put_disk(&t.scene[1], 400, 9000000);
	compare(&t);
	const struct difference *d = find(&t, FACT_read_time, "sda");

	assert_non_null(d);
	assert_true(d->from.value.value == 1e6 && d->to.value.value == 9e6);
	assert_false(d->ever);
	end(&t);
	/* The same of four reads is chance. */
	start(&t);
	put_disk(&t.scene[0], 4, 1000000);
	put_disk(&t.scene[1], 4, 9000000);
	compare(&t);
	assert_null(find(&t, FACT_read_time, "sda"));
	end(&t);
	/* Eight times as long, but who minds 80 microseconds? */
	start(&t);
	put_disk(&t.scene[0], 400, 10000);
	put_disk(&t.scene[1], 400, 80000);
	compare(&t);
	assert_null(find(&t, FACT_read_time, "sda"));
	end(&t);
}

static void put_overflows(struct scene *s, uint64_t before, uint64_t more)
{
	struct snmp *was = build_row(&s->was, TABLE_snmp), *now = build_row(&s->now, TABLE_snmp);

	was->tcp_listen_overflows = before;
	now->tcp_listen_overflows = before + more;
}

/* What was counted before the look is not of the look; with one frame it is all there is. */
static void means_since_boot(void **state UNUSED)
{
	struct both t;

	start(&t);
	put_overflows(&t.scene[0], 0, 0);
	put_overflows(&t.scene[1], 100000, 0);
	compare(&t);
	assert_null(find(&t, FACT_listen_overflows, ""));
	end(&t);
	start(&t);
	put_overflows(&t.scene[0], 0, 0);
	put_overflows(&t.scene[1], 100000, 0);
	frame_release(&t.scene[0].was);
	compare(&t);
	const struct difference *d = find(&t, FACT_listen_overflows, "");

	assert_non_null(d);
	assert_true(d->ever);
	assert_true(d->to.value.value == 100000 / 1002.0);
	end(&t);
	/* One of them in two seconds is no rate. */
	start(&t);
	put_overflows(&t.scene[0], 0, 0);
	put_overflows(&t.scene[1], 0, 2);
	compare(&t);
	assert_null(find(&t, FACT_listen_overflows, ""));
	end(&t);
}

static void put_program(struct scene *s, uint64_t pid, const char *comm, uint64_t files)
{
	struct process *p = build_row(&s->now, TABLE_process);
	struct process_limits *l = build_row(&s->now, TABLE_process_limits);

	p->pid = l->pid = pid;
	p->comm = build_text(&s->now, TABLE_process, comm);
	l->fd_soft = files;
	if (files == 0)
		build_unset(l, PROCESS_LIMITS_fd_soft);
}

static void limits_of_programs(void **state UNUSED)
{
	struct both t;

	start(&t);
	put_program(&t.scene[0], 10, "nginx", 65536);
	put_program(&t.scene[0], 11, "nginx", 1024);
	put_program(&t.scene[0], 12, "db", 1024);
	put_program(&t.scene[0], 13, "only", 1024);
	put_program(&t.scene[1], 20, "nginx", 65536);
	put_program(&t.scene[1], 21, "db", 0);
	compare(&t);
	/* Of several the lowest. */
	assert_true(find(&t, FACT_limit_files, "nginx")->from.value.value == 1024);
	assert_true(isinf(find(&t, FACT_limit_files, "db")->to.value.value));
	assert_null(find(&t, FACT_limit_files, "only"));
	assert_null(find_gap(&t, FACT_limit_files));
	end(&t);
	start(&t);
	put_program(&t.scene[0], 10, "nginx", 1024);
	put_program(&t.scene[1], 20, "nginx", 65536);
	t.facts[1].redacted = true;
	compare(&t);
	assert_null(find(&t, FACT_limit_files, "nginx"));
	assert_non_null(find_gap(&t, FACT_limit_files)->because);
	end(&t);
}

static void put_mount(struct scene *s, const char *target, const char *options)
{
	struct mount *m = build_row(&s->now, TABLE_mount);

	m->id = 30;
	m->target = build_text(&s->now, TABLE_mount, target);
	m->fstype = build_text(&s->now, TABLE_mount, "ext4");
	m->options = build_text(&s->now, TABLE_mount, options);
	m->super_options = build_text(&s->now, TABLE_mount, "rw");
}

static void names_cannot_steer_the_terminal(void **state UNUSED)
{
	struct text_style style = { .width = 100, .verbose = true };
	struct strbuf out = { 0 };
	struct both t;

	start(&t);
	put_mount(&t.scene[0], "/\033[2J\nA", "rw\n");
	put_mount(&t.scene[1], "/\033[2J\nA", "rw\033c");
	compare(&t);
	struct report r[2] = { { .model = &t.scene[0].model }, { .model = &t.scene[1].model } };
	struct compared side[2] = { { "a\nb", &r[0] }, { NULL, &r[1] } };

	text_comparison(&t.c, side, &style, &out);
	assert_null(strchr(out.bytes, '\033'));
	assert_non_null(strstr(out.bytes, "/\\x1b[2J\\x0aA"));
	strbuf_clear(&out);
	json_comparison(&t.c, side, 1, &out);
	assert_null(strchr(out.bytes, '\033'));
	assert_non_null(strstr(out.bytes, "\"kind\":\"difference\",\"id\":\"mount_options\""));
	assert_non_null(strstr(out.bytes, "\"side\":\"b\",\"named\":null"));
	strbuf_release(&out);
	end(&t);
}

static void nothing_differs_from_itself(void **state UNUSED)
{
	struct both t;

	start(&t);
	for (int i = 0; i < 2; i++) {
		put_clock(&t.scene[i], "tsc");
		put_setting(&t.scene[i], "boot", "", "quiet", "");
		put_disk(&t.scene[i], 400, 1000000);
		put_program(&t.scene[i], 10, "nginx", 0);
		put_mount(&t.scene[i], "/", "rw");
	}
	compare(&t);
	assert_int_equal(t.c.n, 0);
	assert_int_equal(t.c.n_gaps, 0);
	assert_true(t.c.compared > 8);
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knowledge_ranks),
		cmocka_unit_test(good_clocks_matter_little),
		cmocka_unit_test(words_of_all_cpus),
		cmocka_unit_test(absent_is_no_value),
		cmocka_unit_test(a_list_that_was_not_read),
		cmocka_unit_test(denied_is_told),
		cmocka_unit_test(checks_that_could_not_look),
		cmocka_unit_test(numbers_without_a_fellow),
		cmocka_unit_test(derived_numbers_may_be_near),
		cmocka_unit_test(waits_of_a_disk),
		cmocka_unit_test(means_since_boot),
		cmocka_unit_test(limits_of_programs),
		cmocka_unit_test(names_cannot_steer_the_terminal),
		cmocka_unit_test(nothing_differs_from_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
