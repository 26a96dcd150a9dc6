/* SPDX-License-Identifier: MIT */
/*
 * Every system-wide source against the machine that runs the test: what must hold on any Linux.
 * MURPHY_COSTS=1 also prints what each costs.
 */
#include "source/source.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct host *host;
static struct table *out[TABLES];
static struct frame frame;

static uint64_t clock_now(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static const struct source *find_source(const char *name)
{
	for (size_t i = 0; i < n_sources; i++) {
		if (strcmp(sources[i]->name, name) == 0)
			return sources[i];
	}
	fail_msg("no source %s", name);
	return NULL;
}

/* Run the source; its tables stay in out. */
static void look(const char *name)
{
	const struct source *s = find_source(name);
	struct probe p = { .host = host, .frame = &frame, .out = out };

	p.deadline_ns = clock_now(CLOCK_MONOTONIC) + 5 * s->deadline_ns;
	for (size_t i = 0; i < SOURCE_TABLES_MAX && s->fills[i]; i++) {
		table_unref(out[s->fills[i]]);
		out[s->fills[i]] = table_new(schemas[s->fills[i]]);
		assert_non_null(out[s->fills[i]]);
	}
	uint64_t cpu = clock_now(CLOCK_PROCESS_CPUTIME_ID);

	assert_int_equal(s->read(&p), 0);
	cpu = clock_now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	for (size_t i = 0; i < SOURCE_TABLES_MAX && s->fills[i]; i++) {
		struct table *t = out[s->fills[i]];

		if (getenv("MURPHY_COSTS"))
			fprintf(stderr, "%-12s %-12s %-7s %5zu rows %6llu us  %s\n", name,
				t->schema->name, state_name(t->state), t->n,
				(unsigned long long)cpu / 1000, t->why);
		table_sort(t);
	}
}

/* The table, which must be OK. */
static const struct table *whole(enum table_id id)
{
	const struct table *t = out[id];

	if (t->state != STATE_OK)
		fail_msg("%s is %s: %s", t->schema->name, state_name(t->state), t->why);
	return t;
}

static const void *only(enum table_id id)
{
	const struct table *t = whole(id);

	assert_int_equal(t->n, 1);
	return table_at(t, 0);
}

static void host_knows_itself(void **state UNUSED)
{
	look("host");
	const struct host_row *h = only(TABLE_host);
	const struct table *t = out[TABLE_host];

	assert_true(strlen(table_text(t, h->release)) > 0);
	assert_int_equal(strlen(table_text(t, h->boot_id)), 36);
	assert_true(strlen(table_text(t, h->name)) > 0);
	assert_int_equal(h->cpus_online, sysconf(_SC_NPROCESSORS_ONLN));
	uint64_t now = clock_now(CLOCK_BOOTTIME);

	assert_true(h->uptime_ns <= now && now - h->uptime_ns < 60000000000u);
}

static void memory(void **state UNUSED)
{
	look("meminfo");
	const struct meminfo *m = only(TABLE_meminfo);

	assert_true(m->total_bytes > 0 && m->free_bytes <= m->total_bytes);
	look("vmstat");
	const struct vmstat *v = only(TABLE_vmstat);

	assert_true(v->written_pages <= v->dirtied_pages + v->written_pages);
	assert_true(row_has(v->has, VMSTAT_dirty_threshold_pages) && v->dirty_threshold_pages > 0);
	assert_true(row_has(v->has, VMSTAT_scan_kswapd_pages));
	assert_true(row_has(v->has, VMSTAT_alloc_stalls));
	look("zone");
	uint64_t free_bytes = 0, buddy_bytes = 0;

	for (table_each(struct zone, z, whole(TABLE_zone))) {
		assert_true(z->min_bytes <= z->low_bytes && z->low_bytes <= z->high_bytes);
		assert_true(z->managed_bytes > 0 && z->free_bytes <= z->managed_bytes);
		free_bytes += z->free_bytes;
	}
	for (table_each(struct buddy, b, whole(TABLE_buddy)))
		buddy_bytes += b->free_blocks * (uint64_t)sysconf(_SC_PAGESIZE) << b->order;
	/* Both change under our eyes: within 64 MiB or a quarter. */
	uint64_t apart =
		free_bytes > buddy_bytes ? free_bytes - buddy_bytes : buddy_bytes - free_bytes;

	assert_true(apart < (64u << 20) + free_bytes / 4);
}

static void cpus(void **state UNUSED)
{
	look("stat");
	const struct kernel_stat *s = only(TABLE_kernel_stat);
	const struct table *t = whole(TABLE_cpu);
	const struct cpu *all = table_find(t, UINT64_MAX);
	uint64_t idle = 0;

	assert_true(s->running >= 1); /* we run */
	assert_int_equal(t->n, 1 + sysconf(_SC_NPROCESSORS_ONLN));
	for (table_each(struct cpu, c, t))
		idle += c->id >= 0 ? c->idle_ns : 0;
	assert_non_null(all);
	/* The sum is made in ns and cut to ticks: at most one a CPU, and what ran meanwhile. */
	assert_true(all->idle_ns >= idle && all->idle_ns - idle < 1000000000);
	look("loadavg");
	const struct loadavg *l = only(TABLE_loadavg);

	assert_true(l->runnable >= 1 && l->tasks >= l->runnable && l->load_1m >= 0);
	look("pressure");
	if (out[TABLE_pressure]->state == STATE_ABSENT)
		return;
	for (table_each(struct pressure, p, whole(TABLE_pressure))) {
		assert_true(strlen(table_text(out[TABLE_pressure], p->resource)) > 0);
		assert_true(p->some_10s_ratio >= 0 && p->some_10s_ratio <= 1);
		assert_true(p->full_10s_ratio >= 0 && p->full_10s_ratio <= 1);
	}
}

static void slabs(void **state UNUSED)
{
	look("meminfo");
	look("slab");
	if (out[TABLE_slab]->state != STATE_OK)
		skip_because("/proc/slabinfo may not be read");
	const struct meminfo *m = only(TABLE_meminfo);
	uint64_t sum = 0;

	for (table_each(struct slab, s, whole(TABLE_slab))) {
		assert_true(s->active_objects <= s->objects);
		sum += s->size_bytes;
	}
	assert_true(sum > m->slab_bytes / 2 && sum < m->slab_bytes * 2);
}

static void disks_and_mounts(void **state UNUSED)
{
	look("disk");
	for (table_each(struct disk, d, whole(TABLE_disk)))
		assert_true(strlen(table_text(out[TABLE_disk], d->name)) > 0);
	look("mount");
	bool root = false;

	for (table_each(struct mount, m, whole(TABLE_mount)))
		root |= strcmp(table_text(out[TABLE_mount], m->target), "/") == 0;
	assert_true(root);
	look("mount_space");
	uint64_t last = 0;

	assert_true(whole(TABLE_mount_space)->n > 0);
	for (table_each(struct mount_space, s, out[TABLE_mount_space])) {
		assert_true(s->id > last || last == 0);
		assert_true(s->free_bytes <= s->size_bytes);
		last = s->id;
	}
	look("bdi");
	for (table_each(struct bdi, b, whole(TABLE_bdi)))
		assert_true(b->max_ratio <= 1);
}

static void network(void **state UNUSED)
{
	look("snmp");
	const struct snmp *s = only(TABLE_snmp);

	assert_int_equal(s->has, ((has_t)1 << SNMP_COLUMNS) - 1);
	assert_int_equal(s->netns, 0);
	look("sockstat");
	const struct sockstat *k = only(TABLE_sockstat);

	assert_true(k->tcp_allocated >= k->tcp_orphans);
	look("softnet");
	assert_int_equal(whole(TABLE_softnet)->n, sysconf(_SC_NPROCESSORS_ONLN));
}

static void settings(void **state UNUSED)
{
	look("sysctl");
	const struct sysctl *s = only(TABLE_sysctl);

	assert_true(s->kernel_pid_max > 300 && s->fs_file_max > 0);
	assert_true(s->net_port_low < s->net_port_high);
	look("netns_setting");
	FILE *file = fopen("/proc/sys/net/ipv4/tcp_keepalive_time", "re");
	unsigned long seconds = 0;
	char line[32] = "";

	if (file && fgets(line, sizeof(line), file))
		seconds = strtoul(line, NULL, 10);
	if (file)
		fclose(file);
	assert_int_equal(((const struct netns_setting *)only(TABLE_netns_setting))->keepalive_ns /
				 1000000000,
		seconds);
	look("clock");
	const struct clock *c = only(TABLE_clock);

	assert_non_null(strstr(table_text(out[TABLE_clock], c->available),
		table_text(out[TABLE_clock], c->current)));
	look("cpufreq");
	for (table_each(struct cpufreq, f, out[TABLE_cpufreq]))
		assert_true(f->limit_hz <= f->max_hz && f->max_hz > 100000000);
}

static int tear_down(void **state UNUSED)
{
	for (size_t i = 0; i < TABLES; i++)
		table_unref(out[i]);
	host_free(host);
	return 0;
}

static int set_up(void **state UNUSED)
{
	return host_open_live(&host);
}

/* However many threads there are: what is late stops, and says so. */
static void watching_ends_in_time(void **state UNUSED)
{
	const struct source *s = find_source("task_time");
	struct need need = { .table = TABLE_task_time, .for_ns = 50000000 };
	uint64_t self = (uint64_t)getpid();
	struct table *times[TABLES] = { 0 };
	struct probe p = { .host = host, .out = times, .needs = &need, .n_needs = 1 };

	p.asked[TABLE_task_time] = &self;
	p.n_asked[TABLE_task_time] = 1;
	for (int late = 0; late < 2; late++) {
		p.deadline_ns = late ? 1 : 0;
		times[TABLE_task_time] = table_new(schemas[TABLE_task_time]);
		times[TABLE_task_place] = table_new(schemas[TABLE_task_place]);
		assert_int_equal(s->read(&p), 0);
		assert_int_equal(times[TABLE_task_time]->state, late ? STATE_LATE : STATE_OK);
		assert_int_equal(times[TABLE_task_time]->n, late ? 0 : 1);
		table_unref(times[TABLE_task_time]);
		table_unref(times[TABLE_task_place]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(host_knows_itself),
		cmocka_unit_test(memory),
		cmocka_unit_test(cpus),
		cmocka_unit_test(slabs),
		cmocka_unit_test(disks_and_mounts),
		cmocka_unit_test(network),
		cmocka_unit_test(settings),
		cmocka_unit_test(watching_ends_in_time),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
