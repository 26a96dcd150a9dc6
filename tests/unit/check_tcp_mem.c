/* SPDX-License-Identifier: MIT */
/* Memory of all TCP sockets against net.ipv4.tcp_mem. */
#include "tests/unit/build_net.h"

extern const struct check check_tcp_mem;

#define MIB (UINT64_C(1) << 20)

/* Of 4 MiB, where the kernel begins to save, and 8, where it refuses. */
static void add_counts(struct scene *s, uint64_t used, uint64_t entered)
{
	struct sockstat *k = build_row(&s->now, TABLE_sockstat);
	struct sysctl *set = build_row(&s->now, TABLE_sysctl);

	k->tcp_memory_bytes = used;
	set->net_tcp_mem_pressure_bytes = 4 * MIB;
	set->net_tcp_mem_max_bytes = 8 * MIB;
	add_snmp(s, 0)->tcp_memory_pressures = entered;
	build_table(&s->now, TABLE_tcp_socket);
	build_table(&s->now, TABLE_socket_owner);
}

static void by_how_much_is_taken(void **state UNUSED)
{
	static const struct {
		uint64_t used, entered;
		enum verdict verdict;
		enum severity severity;
	} cases[] = {
		{ 4 * MIB - 1, 0, VERDICT_FINE, 0 },
		{ 4 * MIB, 0, VERDICT_SAD, SEVERITY_WARNING },
		{ MIB, 1, VERDICT_SAD, SEVERITY_WARNING }, /* it began to save, and has ended */
		{ 7 * MIB, 0, VERDICT_SAD, SEVERITY_WARNING },
		{ 8 * MIB, 0, VERDICT_SAD, SEVERITY_CRITICAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_counts(&s, cases[i].used, cases[i].entered);
		scene_case(&s, &check_tcp_mem, i, cases[i].verdict, cases[i].severity);
		scene_end(&s);
	}
}

/* Of two processes the one that has more comes first; small sockets count for nobody. */
static void who_has_most(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_process(&s, 'S');
	add_counts(&s, 8 * MIB, 0);
	for (uint64_t cookie = 1; cookie <= 3; cookie++) {
		struct tcp_socket *k = add_socket(&s.now, cookie, "10.0.0.2");
		struct socket_owner *o = build_row(&s.now, TABLE_socket_owner);

		k->receive_memory_bytes = cookie == 3 ? 65535 : cookie * MIB;
		o->inode = k->inode;
		o->pid = cookie == 2 ? SELF : 12;
	}
	const struct finding *f = scene_case(&s, &check_tcp_mem, 0, VERDICT_SAD, SEVERITY_CRITICAL);

	assert_int_equal(f->n_culprits, 2);
	assert_int_equal(f->culprits[0].pid, SELF);
	assert_int_equal(f->culprits[1].pid, 12);
	assert_string_equal(f->title, "TCP sockets have 8 MiB of the 8 MiB that net.ipv4.tcp_mem "
				      "gives all of them, most of "
				      "it api (pid 977)");
	scene_end(&s);
}

static void owners_are_asked_for(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_counts(&s, 8 * MIB, 0);
	table_unref(s.now.at[TABLE_socket_owner]);
	s.now.at[TABLE_socket_owner] = NULL;
	add_socket(&s.now, 1, "10.0.0.2")->send_memory_bytes = MIB;
	assert_int_equal(scene_judge(&s, &check_tcp_mem), VERDICT_ASK);
	assert_int_equal(s.judgement.n_asks, 1);
	scene_end(&s);
}

static void many_small_ones_are_nobodys(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_counts(&s, 8 * MIB, 0);
	const struct finding *f = scene_case(&s, &check_tcp_mem, 0, VERDICT_SAD, SEVERITY_CRITICAL);

	assert_int_equal(f->culprits[0].kind, ENTITY_HOST);
	scene_end(&s);
}

static void what_cannot_be_read_is_unknown(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	assert_int_equal(scene_judge(&s, &check_tcp_mem), VERDICT_UNKNOWN);
	scene_end(&s);
	scene_start(&s);
	add_counts(&s, 8 * MIB, 0);
	build_unset(table_at(s.now.at[TABLE_sysctl], 0), SYSCTL_net_tcp_mem_pressure_bytes);
	assert_int_equal(scene_judge(&s, &check_tcp_mem), VERDICT_UNKNOWN);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_how_much_is_taken),
		cmocka_unit_test(who_has_most),
		cmocka_unit_test(owners_are_asked_for),
		cmocka_unit_test(many_small_ones_are_nobodys),
		cmocka_unit_test(what_cannot_be_read_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
