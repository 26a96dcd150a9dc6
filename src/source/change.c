/* SPDX-License-Identifier: MIT */
/* What changed: boots, packages, and kernel settings that somebody set. */
#include "source/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_S 1000000000ull
#define DAY_NS (86400 * NS_PER_S)
#define YEAR_NS (365 * DAY_NS)
#define FEBRUARY_29 59 /* day of a leap year, from 0 */
/* Where package_log_parse() puts dates without a year: 1972. */
#define YEARLESS_NS (2 * YEAR_NS)
#define YEARLESS_END_NS (3 * YEAR_NS + DAY_NS)
/* A clock of somebody's capture may say anything; 64 bits of nanoseconds end in 2554. */
enum { YEAR_MAX = 2500 };

/* The end of a log: an upgrade of 500 packages. Boots are few among logins. */
enum { LOG_MAX = 256 << 10, WTMP_MAX = 384 * 1024, CHANGES_MAX = 2000 };

/* Two records of one boot: the clock was set in between. */
#define SAME_BOOT_NS (300 * NS_PER_S)

static const struct {
	const char *path;
	bool local; /* its times have no zone */
} logs[] = {
	{ "var/log/dpkg.log", true },
	{ "var/log/dnf.rpm.log", false },
	{ "var/log/yum.log", true },
	{ "var/log/zypp/history", true },
	{ "var/log/pacman.log", false },
};

/*
 * Settings whose default is the same on every machine, by include/, mm/, net/; where it changed
 * both are told, and the first is the newer. Those that depend on memory, CPUs or the kernel's
 * configuration cannot be told from what somebody set.
 */
static const struct {
	const char *path, *normal, *older;
} settings[] = {
	{ "vm/swappiness", "60", NULL },
	{ "vm/overcommit_memory", "0", NULL },
	{ "vm/dirty_ratio", "20", NULL },
	{ "vm/dirty_bytes", "0", NULL },
	{ "vm/dirty_background_ratio", "10", NULL },
	{ "vm/dirty_background_bytes", "0", NULL },
	{ "vm/dirty_expire_centisecs", "3000", NULL },
	{ "vm/dirty_writeback_centisecs", "500", NULL },
	{ "vm/vfs_cache_pressure", "100", NULL },
	{ "vm/zone_reclaim_mode", "0", NULL },
	{ "vm/panic_on_oom", "0", NULL },
	{ "vm/oom_kill_allocating_task", "0", NULL },
	{ "vm/nr_hugepages", "0", NULL },
	{ "kernel/sched_rt_runtime_us", "950000", NULL },
	{ "kernel/hung_task_timeout_secs", "120", NULL },
	{ "net/core/somaxconn", "4096", "128" },
	{ "net/core/netdev_max_backlog", "1000", NULL },
	{ "net/core/netdev_budget", "300", NULL },
	{ "net/ipv4/ip_local_port_range", "32768 60999", "32768 61000" },
	{ "net/ipv4/ip_no_pmtu_disc", "0", NULL },
	{ "net/ipv4/tcp_abort_on_overflow", "0", NULL },
	{ "net/ipv4/tcp_fin_timeout", "60", NULL },
	{ "net/ipv4/tcp_keepalive_time", "7200", NULL },
	{ "net/ipv4/tcp_mtu_probing", "0", NULL },
	{ "net/ipv4/tcp_moderate_rcvbuf", "1", NULL },
	{ "net/ipv4/tcp_no_metrics_save", "0", NULL },
	{ "net/ipv4/tcp_retries2", "15", NULL },
	{ "net/ipv4/tcp_sack", "1", NULL },
	{ "net/ipv4/tcp_slow_start_after_idle", "1", NULL },
	{ "net/ipv4/tcp_syncookies", "1", NULL },
	{ "net/ipv4/tcp_timestamps", "1", NULL },
	{ "net/ipv4/tcp_tw_reuse", "2", "0" },
	{ "net/ipv4/tcp_window_scaling", "1", NULL },
};

static int add(struct table *t, const char *kind, const char *name, const char *was,
	const char *now, uint64_t at_wall_ns)
{
	struct change *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, CHANGE_number, t->n - 1);
	row_put(t->schema, row, CHANGE_kind, table_intern(t, kind, strlen(kind)));
	row_put(t->schema, row, CHANGE_name, table_intern(t, name, strlen(name)));
	row_put(t->schema, row, CHANGE_was, table_intern(t, was, strlen(was)));
	row_put(t->schema, row, CHANGE_now, table_intern(t, now, strlen(now)));
	if (at_wall_ns)
		row_put(t->schema, row, CHANGE_at_wall_ns, at_wall_ns);
	return 0;
}

/* Without the tabulators of those that have several numbers. */
static void one_blank(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		bool blank = *from == ' ' || *from == '\t';

		if (blank && to > text && to[-1] == ' ')
			continue;
		*to++ = blank ? ' ' : *from;
	}
	*to = '\0';
}

static int read_settings(struct probe *p, struct table *t)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		char path[96], name[64], value[64];

		snprintf(path, sizeof(path), "proc/sys/%s", settings[i].path);
		if (probe_line(p, path, value, sizeof(value)) <= 0)
			continue;
		one_blank(value);
		if (strcmp(value, settings[i].normal) == 0 ||
			(settings[i].older && strcmp(value, settings[i].older) == 0))
			continue;
		snprintf(name, sizeof(name), "%s", settings[i].path);
		for (char *c = name; (c = strchr(c, '/'));)
			*c = '.';
		if (add(t, "sysctl", name, settings[i].normal, value, 0) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* yum tells no year: it is the one that makes it the youngest that is not to come. Local time. */
static uint64_t with_year(uint64_t at_1972_ns, uint64_t now_ns)
{
	uint64_t day_of_year = (at_1972_ns - YEARLESS_NS) / DAY_NS, start = 0, best = 0;

	for (uint64_t year = 1970; start <= now_ns && year < YEAR_MAX; year++) {
		bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
		uint64_t day = day_of_year - (!leap && day_of_year > FEBRUARY_29);
		uint64_t at = start + day * DAY_NS + at_1972_ns % DAY_NS;

		if (at <= now_ns + SAME_BOOT_NS)
			best = at;
		start += YEAR_NS + leap * DAY_NS;
	}
	return best;
}

/*
 * Make the times of rows from on UTC, and drop what is older than a day or to come. False when
 * nothing was older, or there are too many: then more is known to be missing, if the log was cut.
 */
static bool keep_last_day(struct probe *p, struct table *t, size_t from, int64_t offset_s)
{
	uint64_t now_ns = host_walltime_ns(p->host), offset_ns = (uint64_t)offset_s * NS_PER_S;
	size_t n = from;
	bool older = false;

	for (size_t i = from; i < t->n; i++) {
		struct change *c = table_at(t, i);

		if (c->at_wall_ns >= YEARLESS_NS && c->at_wall_ns < YEARLESS_END_NS)
			c->at_wall_ns = with_year(c->at_wall_ns, now_ns + offset_ns);
		uint64_t at = c->at_wall_ns - offset_ns;

		older |= at + DAY_NS < now_ns;
		if (at > now_ns + SAME_BOOT_NS || at + DAY_NS < now_ns || n >= CHANGES_MAX)
			continue;
		c->at_wall_ns = at;
		c->number = n;
		*(struct change *)table_at(t, n++) = *c;
	}
	older &= n < CHANGES_MAX;
	table_cut(t, n);
	return older;
}

/*
 * 0 or -ENOMEM. *ret_whole: it has all of the last day;
 * *ret_cut: of what it had only the end was read.
 */
static int read_log(struct probe *p, struct table *t, const char *path, int64_t offset_s,
	bool *ret_whole, bool *ret_cut)
{
	auto_strbuf text = { 0 };
	size_t from = t->n;

	if (host_read_end(p->host, path, LOG_MAX, &text, ret_cut) < 0)
		return 0;
	int err = package_log_parse(strbuf_text(&text), text.len, t);

	if (err == 0)
		*ret_whole = keep_last_day(p, t, from, offset_s);
	return err;
}

static int read_packages(struct probe *p, struct table *t)
{
	int64_t offset_s = host_utc_offset_s(p->host);

	for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
		int64_t ahead_s = logs[i].local ? offset_s : 0;
		bool whole = false, cut = false;
		char before[64];
		int err = read_log(p, t, logs[i].path, ahead_s, &whole, &cut);

		/* It begins within the day: logrotate and dnf have put the rest there. */
		snprintf(before, sizeof(before), "%s.1", logs[i].path);
		if (err == 0 && !whole && !cut)
			err = read_log(p, t, before, ahead_s, &whole, &cut);
		if (err < 0)
			return err;
		/* The whole end is of the last day: what was before it is not seen. */
		t->lost += !whole && cut;
	}
	return 0;
}

/* This boot, and those before it that wtmp knows. */
static int read_boots(struct probe *p, struct table *t)
{
	uint64_t wall = host_walltime_ns(p->host), up = host_boottime_ns(p->host);
	auto_strbuf text = { 0 };
	size_t n = 0;

	if (host_read_end(p->host, "var/log/wtmp", WTMP_MAX, &text, NULL) == 0 &&
		wtmp_parse(strbuf_text(&text), text.len, t) == -ENOMEM)
		return -ENOMEM;
	keep_last_day(p, t, 0, 0);
	uint64_t boot = wall > up && up > 0 ? wall - up : 0;

	for (size_t i = 0; i < t->n; i++) {
		struct change *c = table_at(t, i);
		uint64_t apart = c->at_wall_ns > boot ? c->at_wall_ns - boot : boot - c->at_wall_ns;

		if (apart > SAME_BOOT_NS)
			*(struct change *)table_at(t, n++) = *c;
	}
	table_cut(t, n);
	for (size_t i = 0; i < n; i++)
		((struct change *)table_at(t, i))->number = i;
	return boot && boot + DAY_NS > wall ? add(t, "boot", "", "", "", boot) : 0;
}

static int read_change(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_change);

	if (!t)
		return 0;
	int err = read_boots(p, t);

	if (err == 0)
		err = read_packages(p, t);
	if (err == 0)
		err = read_settings(p, t);
	if (err == 0)
		t->state = STATE_OK;
	return err;
}

const struct source source_change = {
	.name = "change",
	.fills = { TABLE_change },
	.deadline_ns = 300000000,
	.read = read_change,
};
