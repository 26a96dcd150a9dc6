/* SPDX-License-Identifier: MIT */
/* known.d: findings that are known and accepted until a day. */
#include "base/cursor.h"
#include "base/glob.h"
#include "check/section.h"

#include <string.h>
#include <time.h>

enum key { KEY_ID, KEY_CULPRIT, KEY_REASON, KEY_UNTIL, KEY_UP_TO, KEYS };

static const char *const key_names[] = { "id", "culprit", "reason", "until", "up_to" };

static bool two_digits(struct cursor *c, uint64_t *ret_value)
{
	const char *from = c->at;

	return cursor_left(c) >= 2 && cursor_u64(c, ret_value) && c->at - from == 2;
}

bool day_end_ns(const char *text, uint64_t *ret_ns)
{
	struct cursor c = cursor_of(text, strlen(text)), year_text = { text, text };
	uint64_t year, month, day;

	if (strlen(text) != 10)
		return false;
	year_text.end = text + 4;
	c.at = text + 4;
	if (!cursor_u64(&year_text, &year) || !cursor_end(&year_text) || !cursor_lit(&c, "-") ||
		!two_digits(&c, &month) || !cursor_lit(&c, "-") || !two_digits(&c, &day))
		return false;
	struct tm tm = {
		.tm_year = (int)year - 1900, .tm_mon = (int)month - 1, .tm_mday = (int)day
	};
	struct tm same = tm;
	time_t midnight = timegm(&same);

	/* timegm() makes March 2 of February 30. */
	if (year < 1970 || year > 2500 || same.tm_mon != tm.tm_mon || same.tm_mday != tm.tm_mday)
		return false;
	*ret_ns = ((uint64_t)midnight + 86400) * 1000000000u;
	return true;
}

static bool id_there(const struct house *h, const char *id)
{
	for (size_t i = 0; i < n_checks; i++) {
		if (strcmp(checks[i]->id, id) == 0)
			return true;
	}
	for (size_t i = 0; i < h->n_rules; i++) {
		if (strcmp(h->check[i]->id, id) == 0)
			return true;
	}
	return false;
}

static void check_up_to(struct section *d, struct known *k)
{
	const char *up_to = section_one_line(d, KEY_UP_TO);

	k->up_to = SEVERITY_CRITICAL;
	for (int s = SEVERITY_INFO; up_to && s <= SEVERITY_CRITICAL; s++) {
		if (strcmp(up_to, severity_name((enum severity)s)) == 0) {
			k->up_to = (enum severity)s;
			return;
		}
	}
	if (up_to)
		section_wrong(
			d, d->key_line[KEY_UP_TO], "up_to", "expected info, warning or critical");
}

static void check_known(struct section *d, struct known *k)
{
	if (!k->id && !d->lost)
		section_wrong(d, d->line, "", "expected id = that of a check");
	else if (k->id && !id_there(d->house, k->id))
		section_wrong(d, d->key_line[KEY_ID], "id",
			"no check has this id; murphy explain lists them");
	if (!k->reason && !d->lost)
		section_wrong(
			d, d->line, "", "expected reason = why it is accepted, and who said so");
	if (!k->until && !d->lost)
		section_wrong(d, d->line, "", "expected until = a day such as 2027-01-31");
	else if (k->until && !day_end_ns(k->until, &k->until_ns))
		section_wrong(
			d, d->key_line[KEY_UNTIL], "until", "expected a day such as 2027-01-31");
	check_up_to(d, k);
}

static void make_known(struct section *d)
{
	struct house *h = d->house;
	struct known k = { .file = d->file,
		.line = d->line,
		.name = arena_printf(&h->arena, "%s", d->name),
		.id = section_one_line(d, KEY_ID),
		.culprit = section_one_line(d, KEY_CULPRIT),
		.reason = section_one_line(d, KEY_REASON),
		.until = section_one_line(d, KEY_UNTIL) };

	check_known(d, &k);
	if (h->n_known == KNOWN_MAX)
		section_wrong(d, d->line, "", "more than 256 known findings");
	if (!d->broken)
		h->known[h->n_known++] = k;
}

static void close_section(struct section *d)
{
	if (d->open) {
		section_whole(d);
		make_known(d);
	}
	section_end(d);
}

static void open_section(void *arg, unsigned int line, const char *name)
{
	close_section(arg);
	section_begin(arg, line, name);
}

static void take_value(
	void *arg, unsigned int line, const char *key, const char *value, enum conf_part part)
{
	section_take(arg, line, key, value, part);
}

void house_add_known(struct house *h, const char *file, const char *buf, size_t len)
{
	struct section d = { .house = h,
		.file = arena_printf(&h->arena, "%s", file),
		.keys = key_names,
		.n_keys = KEYS,
		.n_values = KEYS,
		.at = -1 };
	struct conf_reader r = {
		.section = open_section, .value = take_value, .wrong = section_wrong_line, .arg = &d
	};

	conf_parse(buf, len, &r);
	close_section(&d);
}

static bool culprit_matches(const char *pattern, const struct entity *e)
{
	return glob_match(pattern, e->name ? e->name : "") ||
	       (e->cgroup && glob_match(pattern, e->cgroup));
}

/* The first is who it is; those of another kind only say where (its listener, its group). */
static bool all_match(const char *pattern, const struct finding *f)
{
	if (f->n_culprits == 0 || !culprit_matches(pattern, &f->culprits[0]))
		return false;
	for (size_t i = 1; i < f->n_culprits; i++) {
		if (f->culprits[i].kind == f->culprits[0].kind &&
			!culprit_matches(pattern, &f->culprits[i]))
			return false;
	}
	return true;
}

const struct known *known_accepts(
	const struct known *known, size_t n, const struct finding *f, uint64_t now_ns)
{
	for (size_t i = 0; i < n; i++) {
		const struct known *k = &known[i];

		if (strcmp(k->id, f->id) == 0 && now_ns < k->until_ns && f->severity <= k->up_to &&
			(!k->culprit || all_match(k->culprit, f)))
			return k;
	}
	return NULL;
}
