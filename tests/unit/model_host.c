/* SPDX-License-Identifier: MIT */
/* The models of CPUs, TCP and limits. */
#include "model/cpu.h"
#include "model/limits.h"
#include "model/tcp.h"
#include "tests/unit/build.h"

static void add_cpu(
	struct scene *s, int64_t id, uint64_t user_ns, uint64_t idle_ns, uint64_t steal_ns)
{
	struct cpu *was = build_row(&s->was, TABLE_cpu), *now = build_row(&s->now, TABLE_cpu);

	was->id = now->id = id;
	was->user_ns = 50 * SECOND;
	now->user_ns = was->user_ns + user_ns;
	now->idle_ns = idle_ns;
	now->steal_ns = steal_ns;
	now->guest_ns = user_ns; /* is in user already */
}

static void cpu_time_is_told_apart(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_cpu(&s, -1, 2 * SECOND, SECOND, SECOND);
	add_cpu(&s, 0, 2 * SECOND, 0, 0);
	add_cpu(&s, 1, 0, SECOND, SECOND);
	struct pressure *was = build_row(&s.was, TABLE_pressure);
	struct pressure *now = build_row(&s.now, TABLE_pressure);

	was->resource = build_text(&s.was, TABLE_pressure, "cpu");
	now->resource = build_text(&s.now, TABLE_pressure, "cpu");
	now->some_total_ns = SECOND;
	((struct kernel_stat *)build_row(&s.was, TABLE_kernel_stat))->running = 3;
	((struct kernel_stat *)build_row(&s.now, TABLE_kernel_stat))->running = 9;
	scene_step(&s);
	assert_int_equal(s.model.cpu->cpus, 2);
	assert_true(s.model.cpu->busy.value == 0.5);
	assert_true(s.model.cpu->steal.value == 0.25);
	assert_true(s.model.cpu->busiest.value == 1);
	assert_int_equal(s.model.cpu->busiest_cpu, 0);
	assert_true(s.model.cpu->stalled.value == 0.5);
	assert_true(s.model.cpu->runnable.value == 3);
	scene_end(&s);
}

static void one_frame_has_no_ratio(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	((struct cpu *)build_row(&s.now, TABLE_cpu))->id = -1;
	scene_step(&s);
	assert_int_equal(s.model.cpu->state, STATE_OK);
	assert_false(reading_ok(s.model.cpu->busy));
	assert_false(reading_ok(s.model.cpu->stalled));
	assert_false(reading_ok(s.model.tcp->sockets[TCP_STATE_LISTEN]));
	assert_int_equal(s.model.limits->n, 0);
	scene_end(&s);
}

static void tcp_sums_namespaces(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	for (uint64_t ns = 0; ns < 2; ns++) {
		struct tcp_total *total = build_row(&s.now, TABLE_tcp_total);
		struct snmp *was = build_row(&s.was, TABLE_snmp);
		struct snmp *now = build_row(&s.now, TABLE_snmp);

		total->netns = was->netns = now->netns = ns;
		total->state = TCP_STATE_CLOSE_WAIT;
		total->sockets = 4 + ns;
		was->tcp_listen_overflows = 10;
		now->tcp_listen_overflows = 12;
		now->tcp_out_segments = 99;
		now->tcp_retransmitted = ns ? 2 : 0;
	}
	scene_step(&s);
	const struct tcp_model *tm = s.model.tcp;

	assert_true(tm->sockets[TCP_STATE_CLOSE_WAIT].value == 9);
	assert_true(tm->sockets[TCP_STATE_LISTEN].value == 0);
	assert_true(tm->listen_overflows.value == 4);
	assert_true(tm->listen_overflows_ever.value == 24);
	assert_true(tm->retransmit_ratio.value == 0.01);
	assert_true(tm->out_segments_per_s.value == 99);
	scene_end(&s);
}

static void add_fd(struct scene *s, uint64_t pid, uint64_t open, uint64_t limit)
{
	struct process_fd *fd = build_row(&s->now, TABLE_process_fd);
	struct process_limits *l = build_row(&s->now, TABLE_process_limits);

	fd->pid = l->pid = pid;
	fd->open = open;
	l->fd_soft = limit;
}

static void add_space(struct scene *s, uint64_t id, const char *fstype, uint64_t free_bytes)
{
	struct mount *mount = build_row(&s->now, TABLE_mount);
	struct mount_space *space = build_row(&s->now, TABLE_mount_space);

	mount->id = space->id = mount->dev = id;
	mount->fstype = build_text(&s->now, TABLE_mount, fstype);
	mount->target = build_text(&s->now, TABLE_mount, "/data");
	space->answered = 1;
	space->size_bytes = 1000;
	space->free_bytes = free_bytes;
	space->available_bytes = free_bytes - free_bytes / 5; /* root's reserve */
}

static void the_nearest_limits_come_first(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	for (uint64_t pid = 1; pid <= 9; pid++)
		add_fd(&s, pid, pid * 100, 1000);
	build_unset(table_at(s.now.at[TABLE_process_limits], 8), PROCESS_LIMITS_fd_soft);
	add_space(&s, 1, "squashfs", 0);
	add_space(&s, 2, "ext4", 100);
	struct mount *again = build_row(&s.now, TABLE_mount); /* a bind mount of it */
	struct mount_space *space = build_row(&s.now, TABLE_mount_space);

	again->id = space->id = 3;
	again->dev = 2;
	space->answered = 1;
	space->size_bytes = 1000;
	scene_step(&s);
	const struct limits_model *lm = s.model.limits;

	assert_int_equal(lm->n, LIMITS_PER_KIND + 1);
	assert_int_equal(lm->row[0].kind, LIMIT_SPACE);
	assert_int_equal(lm->row[0].used, 900);
	assert_int_equal(lm->row[0].limit, 980);
	assert_int_equal(lm->row[1].pid, 8);
	assert_true(lm->row[1].ratio == 0.8);
	assert_int_equal(lm->row[3].pid, 6);
	scene_end(&s);
}

static void page_cache_is_not_use(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	for (uint64_t id = 1; id <= 3; id++) {
		struct cgroup *g = build_row(&s.now, TABLE_cgroup);

		g->id = id;
		g->memory_bytes = 1000;
		g->memory_max_bytes = id == 3 ? UINT64_C(9223372036854771712) : 1000;
		build_unset(g, CGROUP_pids_max);
		if (id == 2)
			continue; /* what its memory is was not read */
		struct cgroup_mem *mem = build_row(&s.now, TABLE_cgroup_mem);

		mem->id = id;
		mem->inactive_file_bytes = 500;
		mem->active_file_bytes = 200;
	}
	scene_step(&s);
	assert_int_equal(s.model.limits->n, 1);
	assert_int_equal(s.model.limits->row[0].used, 300);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpu_time_is_told_apart),
		cmocka_unit_test(one_frame_has_no_ratio),
		cmocka_unit_test(tcp_sums_namespaces),
		cmocka_unit_test(the_nearest_limits_come_first),
		cmocka_unit_test(page_cache_is_not_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
