/* SPDX-License-Identifier: MIT */
#include "view/recent.h"

#include "base/few.h"
#include "base/human.h"

#include <string.h>

/* More names than these nobody reads; --json has all. */
enum { NAMES_MAX = 3, SETTINGS_MAX = 8 };

/* What most often breaks something is named first: names begin so, or are so ("linux$"). */
static const char *const weighty[] = { "linux-image", "kernel", "linux$", "linux-lts", "libc6$",
	"glibc", "musl", "openssl", "libssl", "systemd", "qemu", "docker", "containerd",
	"postgresql", "mariadb", "mysql", "nginx", "apache2", "httpd" };

static size_t weight_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(weighty); i++) {
		size_t len = strcspn(weighty[i], "$");

		if (strncmp(name, weighty[i], len) == 0 && (!weighty[i][len] || !name[len]))
			return i;
	}
	return ARRAY_SIZE(weighty);
}

static bool is_kind(const struct table *t, const struct change *c, const char *kind)
{
	return strcmp(table_text(t, c->kind), kind) == 0;
}

static const char *ago(struct recent *v, const struct model *m, uint64_t wall_ns)
{
	uint64_t now = m->now->walltime_ns;

	return arena_printf(
		&v->arena, "%s ago", human_ns(now > wall_ns ? (double)(now - wall_ns) : 0).s);
}

static void add_boots(struct recent *v, const struct model *m, const struct table *t)
{
	uint64_t n = 0, last = 0;

	for (table_each(const struct change, c, t)) {
		if (!is_kind(t, c, "boot"))
			continue;
		n++;
		if (c->at_wall_ns > last)
			last = c->at_wall_ns;
	}
	if (n == 1)
		v->line[v->n++] = arena_printf(&v->arena, "booted %s", ago(v, m, last));
	else if (n > 1)
		v->line[v->n++] = arena_printf(&v->arena, "booted %llu times in 24 h, last %s",
			(unsigned long long)n, ago(v, m, last));
}

struct names {
	struct weighed {
		const char *name;
		size_t weight;
	} row[NAMES_MAX];
	size_t n;
};

/* Weightiest first, of equals in the order of the log. */
static void add_name(struct names *names, const char *name)
{
	size_t weight = weight_of(name), at = names->n;

	while (at > 0 && names->row[at - 1].weight > weight)
		at--;
	if (few_open(names->row, sizeof(names->row[0]), &names->n, NAMES_MAX, at))
		names->row[at] = (struct weighed){ name, weight };
}

/* Was the same done to that package before? Two upgrades in a day are one package. */
static bool is_again(const struct table *t, const struct change *c)
{
	for (table_each(const struct change, e, t)) {
		/* A text is in the pool once. */
		if (e == c || (e->kind == c->kind && e->name == c->name))
			return e != c;
	}
	return false;
}

/* "22 packages upgraded, last 1 h ago: linux-image-amd64, openssl, ..." */
static void add_packages(struct recent *v, const struct model *m, const struct table *t,
	const char *kind, const char *word)
{
	uint64_t n = 0, last = 0;
	struct names names = { 0 };
	const char *line;

	for (table_each(const struct change, c, t)) {
		if (!is_kind(t, c, kind))
			continue;
		if (c->at_wall_ns > last)
			last = c->at_wall_ns;
		if (is_again(t, c))
			continue;
		n++;
		add_name(&names, table_text(t, c->name));
	}
	if (n == 0)
		return;
	line = arena_printf(&v->arena, "%llu package%s %s, %s%s:", (unsigned long long)n,
		n == 1 ? "" : "s", word, n == 1 ? "" : "last ", ago(v, m, last));
	for (size_t i = 0; i < names.n; i++)
		line = arena_printf(
			&v->arena, "%s%s %s", line, i > 0 ? "," : "", names.row[i].name);
	v->line[v->n++] = arena_printf(&v->arena, "%s%s", line, n > names.n ? ", ..." : "");
}

static void add_settings(struct recent *v, const struct table *t)
{
	const char *line = "settings that are not the kernel's default (in brackets):";
	size_t n = 0;

	for (table_each(const struct change, c, t)) {
		if (!is_kind(t, c, "sysctl"))
			continue;
		if (n++ < SETTINGS_MAX)
			line = arena_printf(&v->arena, "%s%s %s = %s (%s)", line, n > 1 ? "," : "",
				table_text(t, c->name), table_text(t, c->now),
				table_text(t, c->was));
	}
	if (n == 0)
		return;
	if (n > SETTINGS_MAX)
		line = arena_printf(&v->arena, "%s, and %zu more", line, n - SETTINGS_MAX);
	v->line[v->n++] = line;
}

void recent_make(const struct model *m, struct recent *v)
{
	const struct table *t = frame_table(m->now, TABLE_change);

	if (!table_usable(t))
		return;
	add_boots(v, m, t);
	add_packages(v, m, t, "upgrade", "upgraded");
	add_packages(v, m, t, "downgrade", "downgraded");
	add_packages(v, m, t, "install", "installed");
	add_packages(v, m, t, "remove", "removed");
	add_settings(v, t);
}
