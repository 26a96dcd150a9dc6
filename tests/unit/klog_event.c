/* SPDX-License-Identifier: MIT */
/* "6.18-" corpora were captured on a Linux 6.18 host, "-handmade" ones follow kernel sources. */
#include "sample/klog_kind.h"
#include "source/source.h"
#include "tests/unit/parse.h"

static struct table *read_corpus(const char *name)
{
	struct table *t = table_new(schemas[TABLE_klog_event]);

	assert_non_null(t);
	assert_int_equal(parse_corpus(name, klog_event_parse, t), 0);
	return t;
}

/* How many of that kind about that thing (comm or device; NULL: any), over all hours. */
static uint64_t count(const struct table *t, const char *kind, const char *name)
{
	uint64_t n = 0;

	for (table_each(const struct klog_event, e, t)) {
		const char *of = e->comm ? table_text(t, e->comm) : table_text(t, e->device);

		if (strcmp(table_text(t, e->kind), kind) == 0 && (!name || strcmp(of, name) == 0))
			n += e->n;
	}
	return n;
}

static uint64_t on_cpu(const struct table *t, const char *kind, uint64_t cpu)
{
	uint64_t n = 0;

	for (table_each(const struct klog_event, e, t)) {
		if (strcmp(table_text(t, e->kind), kind) == 0 && row_has(e->has, KLOG_EVENT_cpu) &&
			e->cpu == cpu)
			n += e->n;
	}
	return n;
}

static void captured(void **state UNUSED)
{
	struct table *t = read_corpus("klog_event/6.18-kmsg-disk-crash");

	assert_int_equal(count(t, KLOG_SEGFAULT, "lab-crasher"), 3);
	assert_int_equal(count(t, KLOG_SEGFAULT, "x: segfault at "), 1);
	assert_int_equal(count(t, KLOG_FS, "loop0"), 2);
	assert_int_equal(count(t, KLOG_READ_ONLY, "loop0"), 1);
	assert_int_equal(count(t, KLOG_MOUNTED, NULL), 0); /* before it failed: no news */
	const struct klog_event *e = t->row;

	assert_int_equal(e->first_ns, 12057066528000);
	assert_int_equal(e->last_ns, 12057068414000);
	assert_int_equal(e->pid, 16014);
	for (table_each(const struct klog_event, k, t)) {
		if (strcmp(table_text(t, k->kind), KLOG_IO) == 0)
			assert_string_equal(table_text(t, k->what), "critical space allocation");
	}
	table_unref(t);
}

/* The same log before loop0 became another disk. */
static void captured_disk(void **state UNUSED)
{
	struct table *t = read_corpus("klog_event/6.18-kmsg-thin-disk");

	assert_int_equal(count(t, KLOG_IO, "loop0"), 4);
	assert_int_equal(count(t, KLOG_BUFFER, "loop0"), 10);
	assert_int_equal(count(t, KLOG_FS, NULL), 0); /* it only warned */
	for (table_each(const struct klog_event, k, t)) {
		if (strcmp(table_text(t, k->kind), KLOG_IO) == 0)
			assert_string_equal(table_text(t, k->what), "critical space allocation");
	}
	table_unref(t);
}

static void disks(void **state UNUSED)
{
	struct table *t = read_corpus("klog_event/disk-handmade");

	assert_int_equal(count(t, KLOG_IO, "sda"), 3);
	assert_int_equal(count(t, KLOG_IO, "sdb"), 0); /* nothing says that it was data */
	assert_int_equal(count(t, KLOG_IO, "nvme0n1"), 1);
	/* What a device need not know harms nobody. */
	assert_int_equal(count(t, KLOG_IO, "sdc") + count(t, KLOG_IO, "loop1"), 0);
	assert_int_equal(count(t, KLOG_BUFFER, "sda1"), 1);
	assert_int_equal(count(t, KLOG_LOST_WRITE, "sda1"), 1);
	assert_int_equal(count(t, KLOG_LOST_WRITE, "dm-0"), 1);
	assert_int_equal(count(t, KLOG_BUFFER, "dm-0"), 1);
	assert_int_equal(count(t, KLOG_DRIVER, "ata1.00"), 1);
	assert_int_equal(count(t, KLOG_DRIVER, "nvme0"), 3);
	assert_int_equal(count(t, KLOG_LINK_DOWN, NULL), 0);
	/* The third hour since boot has rows of its own. */
	size_t rows = 0;

	for (table_each(const struct klog_event, e, t))
		rows += e->first_ns > 7200000000000;
	assert_int_equal(rows, 6);
	table_unref(t);
}

/* A refused request is data when its command or name says so; else many a discard is. */
static void refused_requests(void **state UNUSED)
{
	static const struct {
		const char *disk;
		uint64_t errors;
	} want[] = {
		{ "sdj", 0 }, { "dm-5", 0 },    /* write same, as a discard */
		{ "sdk", 1 }, { "sdl", 1 },     /* read, write */
		{ "sdm", 0 },                   /* seconds after the last command */
		{ "nvme1n1", 1 },               /* with its name */
		{ "sdn", 0 },                   /* reserved by another host; asked to fail early */
		{ "sdo", 1 }, { "nvme2n1", 1 }, /* without a name, but never after a SCSI command */
	};
	struct table *t = read_corpus("klog_event/disk-handmade");

	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(count(t, KLOG_IO, want[i].disk), want[i].errors);
	table_unref(t);
}

/* Two disks at once: the one's read says nothing of what the other refused. */
static void refused_by_another_disk(void **state UNUSED)
{
	static const char log[] =
		"6,1,1,-;sd 0:0:0:0: [sda] tag#0 CDB: Read(10) 28 00 00 00\n"
		"3,2,2,-;blk_update_request: critical target error, dev sdb, sector 8\n"
		"3,3,3,-;blk_update_request: critical target error, dev sdaa, sector 8\n"
		"3,4,4,-;blk_update_request: critical target error, dev sda, sector 8\n"
		"3,5,5,-;blk_update_request: critical target error, dev dm-0, sector 8\n"
		"6,6,6,-;sd 0:0:0:0: [sdc] CDB: \n"
		"6,7,7,-;Write(10): 2a 00 00 00\n"
		"3,8,8,-;end_request: critical target error, dev sdd, sector 8\n"
		"3,9,9,-;end_request: critical target error, dev sdc, sector 8\n"
		"6,10,10,-;scsi 0:0:0:0: tag#0 CDB: Read(10) 28 00 00 00\n"
		"3,11,11,-;blk_update_request: critical target error, dev sde, sector 8\n";
	struct table *t = table_new(schemas[TABLE_klog_event]);

	assert_int_equal(parse_text(log, klog_event_parse, t), 0);
	assert_int_equal(count(t, KLOG_IO, "sda"), 1);
	assert_int_equal(count(t, KLOG_IO, "dm-0"), 1);
	assert_int_equal(count(t, KLOG_IO, "sdc"), 1);
	assert_int_equal(count(t, KLOG_IO, "sde"), 1);
	assert_int_equal(count(t, KLOG_IO, NULL), 4);
	table_unref(t);
}

/* Its mountinfo still said rw, in both lists. */
static void damaged_on_a_stable_kernel(void **state UNUSED)
{
	struct table *t = read_corpus("klog_event/6.1-kmsg-damaged");

	assert_int_equal(count(t, KLOG_READ_ONLY, "loop0"), 3);
	assert_int_equal(count(t, KLOG_FS, "loop0"), 4);
	assert_int_equal(count(t, KLOG_MOUNTED, NULL), 0);
	table_unref(t);
}

static void file_systems(void **state UNUSED)
{
	struct table *t = read_corpus("klog_event/fs-handmade");

	assert_int_equal(count(t, KLOG_FS, "sda1"), 3);
	assert_int_equal(count(t, KLOG_FS, "dm-3"), 1);
	assert_int_equal(count(t, KLOG_FS, "dm-4"), 1);
	assert_int_equal(count(t, KLOG_READ_ONLY, "sda1"), 1);
	assert_int_equal(count(t, KLOG_READ_ONLY, "sdb1"), 1);
	assert_int_equal(count(t, KLOG_MOUNTED, NULL), 2);
	assert_int_equal(count(t, KLOG_MOUNTED, "dm-0"), 1);
	assert_int_equal(count(t, KLOG_MOUNTED, "sda1"), 1);
	assert_int_equal(count(t, KLOG_FS, "dm-0"), 2);
	assert_int_equal(count(t, KLOG_READ_ONLY, "dm-0"), 1);
	assert_int_equal(count(t, KLOG_FS, "sdd1"), 2);
	assert_int_equal(count(t, KLOG_READ_ONLY, "sdd1"), 1);
	assert_int_equal(count(t, KLOG_FS, "sde"), 1);
	assert_int_equal(count(t, KLOG_FS, "sdf1"), 1);
	assert_int_equal(count(t, KLOG_READ_ONLY, "sdf1"), 1);
	assert_int_equal(count(t, KLOG_RAID, "md0"), 1);
	table_unref(t);
}

static void cpus(void **state UNUSED)
{
	struct table *t = read_corpus("klog_event/cpu-handmade");

	assert_int_equal(count(t, KLOG_SOFT_LOCKUP, "kworker/1:1"), 2);
	assert_int_equal(count(t, KLOG_SOFT_LOCKUP, "a]:1! [x"), 1);
	assert_int_equal(on_cpu(t, KLOG_SOFT_LOCKUP, 1), 2);
	assert_int_equal(on_cpu(t, KLOG_HARD_LOCKUP, 5), 1);
	assert_int_equal(on_cpu(t, KLOG_HARD_LOCKUP, 6), 1);
	assert_int_equal(on_cpu(t, KLOG_RCU_STALL, 2), 1);
	assert_int_equal(on_cpu(t, KLOG_RCU_STALL, 4), 1);
	assert_int_equal(on_cpu(t, KLOG_RCU_STALL, 7), 1);
	assert_int_equal(on_cpu(t, KLOG_RCU_STALL, 1), 1);
	assert_int_equal(on_cpu(t, KLOG_RCU_STALL, 11), 1);
	assert_int_equal(count(t, KLOG_RCU_STALL, NULL), 7); /* of two the CPU is not told */
	assert_int_equal(on_cpu(t, KLOG_WORKQUEUE, 9), 1);
	table_unref(t);
}

static void machines(void **state UNUSED)
{
	struct table *t = read_corpus("klog_event/machine-handmade");

	assert_int_equal(on_cpu(t, KLOG_UNCORRECTED, 0), 1);
	assert_int_equal(on_cpu(t, KLOG_CORRECTED, 2), 1);
	assert_int_equal(on_cpu(t, KLOG_UNCORRECTED, 3), 1);
	assert_int_equal(count(t, KLOG_CORRECTED, "CPU"), 2);
	assert_int_equal(count(t, KLOG_CORRECTED, "CPU_SrcID#0_Ha#0_Chan#1_DIMM#0"), 12);
	assert_int_equal(count(t, KLOG_UNCORRECTED, "DIMM_B2"), 1);
	assert_int_equal(count(t, KLOG_CORRECTED, "firmware"), 1);
	assert_int_equal(count(t, KLOG_UNCORRECTED, "firmware"), 1);
	assert_int_equal(count(t, KLOG_CORRECTED, "0000:00:1c.0"), 2);
	assert_int_equal(count(t, KLOG_NONFATAL, "0000:01:00.0"), 1);
	assert_int_equal(count(t, KLOG_UNCORRECTED, "memory"), 1);
	assert_int_equal(count(t, KLOG_UNCORRECTED, "0000:00:1d.0"), 1);
	assert_int_equal(count(t, KLOG_NONFATAL, NULL), 1);
	table_unref(t);
}

static void crashes_and_links(void **state UNUSED)
{
	struct table *t = read_corpus("klog_event/crash-link-handmade");

	assert_int_equal(count(t, KLOG_SEGFAULT, "php-fpm"), 3);
	assert_int_equal(count(t, KLOG_SEGFAULT, "a]: segfault"), 1);
	assert_int_equal(count(t, KLOG_SEGFAULT, "arm"), 1);
	assert_int_equal(count(t, KLOG_SEGFAULT, "ppc"), 1);
	assert_int_equal(count(t, KLOG_SEGFAULT, "x"), 1);
	assert_int_equal(count(t, KLOG_SEGFAULT, ""), 45);
	assert_int_equal(count(t, KLOG_LINK_DOWN, "eth0"), 2);
	assert_int_equal(count(t, KLOG_LINK_DOWN, "eno1"), 1);
	assert_int_equal(count(t, KLOG_LINK_DOWN, "enp2s0"), 1);
	assert_int_equal(count(t, KLOG_LINK_DOWN, "em1"), 1);
	assert_int_equal(count(t, KLOG_LINK_DOWN, "ens1f0"), 1);
	assert_int_equal(count(t, KLOG_LINK_DOWN, "eth1"), 1);
	assert_int_equal(count(t, KLOG_LINK_DOWN, "eth2"), 1);
	assert_int_equal(count(t, KLOG_LINK_DOWN, NULL), 8);
	table_unref(t);
}

static void other_logs_and_damage(void **state UNUSED)
{
	struct table *t = read_corpus("klog_event/syslog-handmade");

	assert_int_equal(count(t, KLOG_READ_ONLY, "sda1"), 1);
	assert_int_equal(count(t, KLOG_LOST_WRITE, "sda1"), 1);
	for (table_each(const struct klog_event, e, t))
		assert_int_equal(row_has(e->has, KLOG_EVENT_last_ns), e->last_ns != 0);
	table_unref(t);
	t = read_corpus("klog_event/damaged");
	assert_int_equal(count(t, KLOG_SEGFAULT, NULL), 0);
	assert_int_equal(count(t, KLOG_IO, NULL) + count(t, KLOG_LINK_DOWN, NULL), 0);
	assert_int_equal(count(t, KLOG_RCU_STALL, NULL), 1);
	table_unref(t);
}

static void another_disk_of_that_name(void **state UNUSED)
{
	static const char log[] = "6,1,1,-;I/O error, dev loop0, sector 1 op 0x1:(WRITE)\n"
				  "6,2,2,-;I/O error, dev loop01, sector 1\n"
				  "6,3,3,-;Buffer I/O error on dev sdb1, logical block 1\n"
				  "6,4,4,-;I/O error, dev sdba, sector 1\n"
				  "6,5,5,-;loop0: detected capacity change from 0 to 65536\n"
				  "6,6,6,-;sd 6:0:0:0: [sdb] Attached SCSI removable disk\n"
				  "6,7,7,-;I/O error, dev loop0, sector 9\n";
	struct table *t = table_new(schemas[TABLE_klog_event]);

	assert_int_equal(parse_text(log, klog_event_parse, t), 0);
	assert_int_equal(count(t, KLOG_IO, "loop0"), 1);
	assert_int_equal(count(t, KLOG_BUFFER, NULL), 0);
	assert_int_equal(count(t, KLOG_IO, "sdba"), 1);
	assert_int_equal(count(t, KLOG_IO, "loop01"), 1);
	table_unref(t);
}

/*
 * New names without end fill no memory. What is newest stays, and what is of another kind; the
 * oldest keep their number only.
 */
static void a_flood_hides_nothing_new(void **state UNUSED)
{
	enum { EVENTS = 100000 };
	const size_t size = 8 << 20;
	auto_free char *log = malloc(size);
	size_t len = 0;

	assert_non_null(log);
	len += (size_t)snprintf(log, size, "3,1,1,-;I/O error, dev sda, sector 1 op 0x0:(READ)\n");
	for (int i = 2; i < EVENTS; i++)
		len += (size_t)snprintf(log + len, size - len,
			"6,%d,%d,-;p%d[1]: segfault at 0 ip 0 sp 0 error 4\n", i, i, i);
	len += (size_t)snprintf(log + len, size - len,
		"3,%d,%d,-;I/O error, dev sdb, sector 1 op 0x0:(READ)\n", EVENTS, EVENTS);
	struct table *t = table_new(schemas[TABLE_klog_event]);

	assert_int_equal(parse_exact(log, len, klog_event_parse, t), 0);
	assert_true(t->n <= 1024 && t->n > 700);
	assert_true(t->lost > 90000 && t->why[0]);
	assert_int_equal(count(t, KLOG_IO, "sda"), 1);
	assert_int_equal(count(t, KLOG_IO, "sdb"), 1);
	assert_int_equal(count(t, KLOG_SEGFAULT, NULL), EVENTS - 2);
	size_t folded = 0;

	for (table_each(const struct klog_event, e, t)) {
		if (!row_has(e->has, KLOG_EVENT_folded))
			continue;
		folded++;
		assert_int_equal(e->n, e->folded);
		assert_string_equal(table_text(t, e->comm), "");
		assert_int_equal(e->first_ns, 2000);
		assert_true(e->last_ns > 90000000 && !row_has(e->has, KLOG_EVENT_pid));
	}
	assert_int_equal(folded, 1);
	for (int i = EVENTS - 700; i < EVENTS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "p%d", i);
		assert_int_equal(count(t, KLOG_SEGFAULT, name), 1);
	}
	table_unref(t);
}

/* One disk that fails for ten years: an hour a row, and the last ones are there. */
static void a_long_story_keeps_its_end(void **state UNUSED)
{
	enum { HOURS = 80000 };
	const size_t size = 8 << 20;
	auto_free char *log = malloc(size);
	size_t len = 0;

	assert_non_null(log);
	for (unsigned long long i = 1; i <= HOURS; i++)
		len += (size_t)snprintf(log + len, size - len,
			"3,%llu,%llu,-;I/O error, dev sda, sector 1 op 0x0:(READ)\n", i,
			i * 3600000000);
	struct table *t = table_new(schemas[TABLE_klog_event]);

	assert_int_equal(parse_exact(log, len, klog_event_parse, t), 0);
	const struct klog_event *last = table_at(t, t->n - 1);

	assert_string_equal(table_text(t, last->device), "sda");
	assert_int_equal(last->last_ns, HOURS * 3600000000000);
	assert_int_equal(count(t, KLOG_IO, NULL), HOURS);
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(captured),
		cmocka_unit_test(captured_disk),
		cmocka_unit_test(disks),
		cmocka_unit_test(damaged_on_a_stable_kernel),
		cmocka_unit_test(file_systems),
		cmocka_unit_test(cpus),
		cmocka_unit_test(machines),
		cmocka_unit_test(crashes_and_links),
		cmocka_unit_test(other_logs_and_damage),
		cmocka_unit_test(another_disk_of_that_name),
		cmocka_unit_test(refused_requests),
		cmocka_unit_test(refused_by_another_disk),
		cmocka_unit_test(a_flood_hides_nothing_new),
		cmocka_unit_test(a_long_story_keeps_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
