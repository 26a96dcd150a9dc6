/* SPDX-License-Identifier: MIT */
/*
 * Logs of package managers, a line a change:
 *
 *   2026-11-22 19:02:39 upgrade libc6:amd64 2.36-9 2.36-10             dpkg
 *   2026-11-22 19:02:39|install|bash|5.1-1|x86_64||repo|...            zypper
 *   2026-11-22T19:02:39+0100 SUBDEBUG Upgrade: bash-5.1.8-6.el9.x86_64  dnf
 *   [2026-11-22T19:02:39+0100] [ALPM] upgraded bash (5.1-1 -> 5.2-1)   pacman
 *   Nov 22 19:02:39 Updated: bash-4.2.46-35.el7_9.x86_64               yum
 */
#include "base/cursor.h"
#include "source/source.h"

#include <errno.h>
#include <string.h>

/* Nanoseconds in 64 bits end in 2554. */
enum { DAY_S = 86400, YEAR_MAX = 2500 };
#define NS_PER_S 1000000000u

/* Days from 1970-01-01; Gregorian. */
static uint64_t days_of(uint64_t year, uint64_t month, uint64_t day)
{
	static const uint16_t before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334 };
	uint64_t past = year - 1;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return 365 * (year - 1970) + (past / 4 - past / 100 + past / 400) - 477 +
	       before[month - 1] + (leap && month > 2) + day - 1;
}

static bool clock_at(struct cursor *c, uint64_t days, uint64_t *ret_s)
{
	uint64_t hour, minute, second;

	if (!cursor_u64(c, &hour) || !cursor_lit(c, ":") || !cursor_u64(c, &minute) ||
		!cursor_lit(c, ":") || !cursor_u64(c, &second) || hour > 23 || minute > 59 ||
		second > 60)
		return false;
	*ret_s = days * DAY_S + hour * 3600 + minute * 60 + second;
	return true;
}

/* "2026-11-22 19:02:39" or with a T between. */
static bool take_date(struct cursor *c, uint64_t *ret_s)
{
	uint64_t year, month, day;

	if (!cursor_u64(c, &year) || !cursor_lit(c, "-") || !cursor_u64(c, &month) ||
		!cursor_lit(c, "-") || !cursor_u64(c, &day) || year < 1970 || year > YEAR_MAX ||
		month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	return (cursor_lit(c, " ") || cursor_lit(c, "T")) &&
	       clock_at(c, days_of(year, month, day), ret_s);
}

/* "+0100", "-08:00", "Z": makes *s UTC. */
static void take_zone(struct cursor *c, uint64_t *s)
{
	bool east = cursor_lit(c, "+");
	uint64_t zone, minutes;

	if ((!east && !cursor_lit(c, "-")) || !cursor_u64(c, &zone))
		return;
	if (cursor_lit(c, ":") && cursor_u64(c, &minutes))
		zone = zone * 100 + minutes;
	uint64_t off = zone / 100 * 3600 + zone % 100 * 60;

	if (off <= DAY_S && *s > DAY_S)
		*s = east ? *s - off : *s + off;
}

/* "Nov 22 19:02:39" has no year: as if it were 1972, which has a 29th of February. */
static bool take_short_date(struct cursor *c, uint64_t *ret_s)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	uint64_t day;

	for (uint64_t m = 0; m < 12; m++) {
		struct cursor at = *c;
		char name[4] = { months[m * 3], months[m * 3 + 1], months[m * 3 + 2], '\0' };

		if (!cursor_lit(&at, name) || !cursor_u64(&at, &day) || day < 1 || day > 31)
			continue;
		cursor_blank(&at);
		if (!clock_at(&at, days_of(1972, m + 1, day), ret_s))
			return false;
		*c = at;
		return true;
	}
	return false;
}

static const char *kind_of(struct span word)
{
	static const struct {
		const char *word, *kind;
	} words[] = {
		{ "upgrade", "upgrade" },
		{ "install", "install" },
		{ "remove", "remove" },
		{ "upgraded", "upgrade" },
		{ "installed", "install" },
		{ "reinstalled", "install" },
		{ "removed", "remove" },
		{ "downgraded", "downgrade" },
		{ "Upgrade:", "upgrade" },
		{ "Updated:", "upgrade" },
		{ "Installed:", "install" },
		{ "Erase:", "remove" },
		{ "Erased:", "remove" },
		{ "Removed:", "remove" },
		{ "Downgrade:", "downgrade" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (span_eq(word, words[i].word))
			return words[i].kind;
	}
	return NULL;
}

struct package_change {
	uint64_t at_s;
	const char *kind;
	struct span name, was, now;
};

/* "libc6:amd64 2.36-9 2.36-10" behind the word; "<none>" is no version. */
static bool take_dpkg(struct cursor *c, struct package_change *p)
{
	if (!cursor_word(c, &p->name) || !cursor_word(c, &p->was) || !cursor_word(c, &p->now))
		return false;
	const char *arch = memchr(p->name.at, ':', p->name.len);

	if (arch)
		p->name.len = (size_t)(arch - p->name.at);
	if (span_eq(p->was, "<none>"))
		p->was.len = 0;
	if (span_eq(p->now, "<none>"))
		p->now.len = 0;
	return true;
}

/* "bash-5.1.8-6.el9.x86_64", yum "1:bash-...": the name ends before the last but one '-'. */
static bool take_rpm(struct cursor *c, struct package_change *p)
{
	struct span word;
	size_t dashes = 0, at;

	if (!cursor_word(c, &word))
		return false;
	for (at = word.len; at > 0 && dashes < 2; at--)
		dashes += word.at[at - 1] == '-';
	p->name = word;
	if (dashes == 2 && at > 0) {
		struct span version = { word.at + at + 1, word.len - at - 1 };

		p->name.len = at;
		if (strcmp(p->kind, "remove") == 0)
			p->was = version;
		else
			p->now = version;
	}
	return true;
}

/* "bash (5.1-1 -> 5.2-1)", "bash (5.1-1)" */
static bool take_pacman(struct cursor *c, struct package_change *p)
{
	struct span versions, first;

	if (!cursor_word(c, &p->name))
		return false;
	cursor_blank(c);
	if (!cursor_lit(c, "(") || !cursor_until(c, ')', &versions))
		return false;
	struct cursor v = cursor_span(versions);

	if (!cursor_word(&v, &first))
		return false;
	cursor_blank(&v);
	if (cursor_lit(&v, "-> ") && cursor_word(&v, &p->now))
		p->was = first;
	else if (strcmp(p->kind, "remove") == 0)
		p->was = first;
	else
		p->now = first;
	return true;
}

/* "|install|bash|5.1-1|..." */
static bool take_zypper(struct cursor *c, struct package_change *p)
{
	struct span word;

	if (!cursor_lit(c, "|") || !cursor_until(c, '|', &word))
		return false;
	p->kind = kind_of(word);
	while (word.len > 0 && !p->kind && word.at[word.len - 1] == ' ')
		p->kind = kind_of((struct span){ word.at, --word.len });
	return p->kind && cursor_until(c, '|', &p->name) && cursor_until(c, '|', &p->now);
}

static bool take_line(struct cursor c, struct package_change *p)
{
	bool pacman = cursor_lit(&c, "[");
	struct span word;

	if (!take_date(&c, &p->at_s)) {
		if (!take_short_date(&c, &p->at_s) || !cursor_word(&c, &word))
			return false;
		p->kind = kind_of(word);
		return p->kind && take_rpm(&c, p);
	}
	if (!cursor_end(&c) && *c.at == '|')
		return take_zypper(&c, p);
	bool dpkg = !cursor_end(&c) && *c.at == ' ';

	take_zone(&c, &p->at_s);
	if (pacman && !(cursor_lit(&c, "] [ALPM] ")))
		return false;
	if (!pacman && !dpkg) {
		cursor_lit(&c, "Z");
		if (!cursor_lit(&c, " SUBDEBUG ") && !cursor_lit(&c, " INFO "))
			return false;
	}
	if (!cursor_word(&c, &word))
		return false;
	p->kind = kind_of(word);
	if (!p->kind)
		return false;
	return pacman ? take_pacman(&c, p) : dpkg ? take_dpkg(&c, p) : take_rpm(&c, p);
}

/*
 * Parse a log of packages, a row a change. Lines that tell of none (there are many), or are cut,
 * are skipped. at_wall_ns is local time for dpkg, zypper and yum, and of 1972 for yum.
 *
 * Errors: -ENOMEM; anything may stand in a log.
 * Source: dpkg/log.c, libzypp's HistoryLog, dnf.rpm.log, pacman.log, yum.log.
 */
int package_log_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;

	while (cursor_line(&c, &line)) {
		struct package_change p = { 0 };

		if (!take_line(line, &p) || p.name.len == 0)
			continue;
		struct change *row = table_add(t);

		if (!row)
			return -ENOMEM;
		row_put(t->schema, row, CHANGE_number, t->n - 1);
		row_put(t->schema, row, CHANGE_kind, table_intern(t, p.kind, strlen(p.kind)));
		row_put(t->schema, row, CHANGE_name, table_intern(t, p.name.at, p.name.len));
		if (p.was.len)
			row_put(t->schema, row, CHANGE_was, table_intern(t, p.was.at, p.was.len));
		if (p.now.len)
			row_put(t->schema, row, CHANGE_now, table_intern(t, p.now.at, p.now.len));
		row_put(t->schema, row, CHANGE_at_wall_ns, p.at_s * NS_PER_S);
	}
	return 0;
}
