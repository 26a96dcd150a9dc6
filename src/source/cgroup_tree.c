/* SPDX-License-Identifier: MIT */
#include "source/cgroup_tree.h"

#include "base/cursor.h"
#include "source/proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MOUNTINFO_MAX = 4 << 20, PATH_BYTES_MAX = 4096 };

/* Undo \040 and the like. False when it is longer than size. */
static bool unescape(struct span s, char *buf, size_t size, size_t *ret_len)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		char ch = s.at[i];

		if (ch == '\\' && i + 3 < s.len && s.at[i + 1] >= '0' && s.at[i + 1] <= '3' &&
			s.at[i + 2] >= '0' && s.at[i + 2] <= '7' && s.at[i + 3] >= '0' &&
			s.at[i + 3] <= '7') {
			ch = (char)((s.at[i + 1] - '0') * 64 + (s.at[i + 2] - '0') * 8 +
				    (s.at[i + 3] - '0'));
			i += 3;
		}
		if (n == size)
			return false;
		buf[n++] = ch;
	}
	*ret_len = n;
	return true;
}

struct mount_line {
	uint64_t dev;
	struct span root, target, fstype, options;
};

/* "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue" */
static int parse_mount(struct cursor *line, struct mount_line *m)
{
	uint64_t number, major, minor;
	struct span word;

	if (!cursor_u64(line, &number) || !cursor_u64(line, &number) || !cursor_u64(line, &major) ||
		!cursor_lit(line, ":") || !cursor_u64(line, &minor) ||
		!cursor_word(line, &m->root) || !cursor_word(line, &m->target))
		return -EINVAL;
	m->dev = major << 32 | (minor & UINT32_MAX);
	do {
		if (!cursor_word(line, &word))
			return -EINVAL;
	} while (!span_eq(word, "-"));
	if (!cursor_word(line, &m->fstype))
		return -EINVAL;
	m->options = (struct span){ line->at, cursor_left(line) };
	return 0;
}

static int put_text(
	struct table *t, struct cgroup_hierarchy *row, unsigned int column, struct span text)
{
	char buf[PATH_BYTES_MAX];
	size_t len;

	if (!unescape(text, buf, sizeof(buf), &len))
		return -EINVAL;
	row_put(t->schema, row, column, table_intern(t, buf, len));
	return 0;
}

/* The row of that hierarchy, a new one, or NULL with *ret_err. */
static struct cgroup_hierarchy *hierarchy_row(
	struct table *t, const struct mount_line *m, int *ret_err)
{
	*ret_err = 0;
	for (table_each(struct cgroup_hierarchy, h, t)) {
		if (h->dev != m->dev)
			continue;
		/* Mounted twice: the mount that shows more of it counts. */
		return m->root.len < strlen(table_text(t, h->root)) ? h : NULL;
	}
	struct cgroup_hierarchy *row = table_add(t);

	if (!row)
		*ret_err = -ENOMEM;
	return row;
}

static int parse_hierarchies(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;

	if (len == 0)
		return -ENODATA;
	while (cursor_line(&c, &line)) {
		struct mount_line m;
		int err;

		if (cursor_end(&line))
			continue;
		if (parse_mount(&line, &m) < 0)
			return -EINVAL;
		bool two = span_eq(m.fstype, "cgroup2");

		if (!two && !span_eq(m.fstype, "cgroup"))
			continue;
		struct cgroup_hierarchy *row = hierarchy_row(t, &m, &err);

		if (err < 0)
			return err;
		if (!row)
			continue;
		row_put(t->schema, row, CGROUP_HIERARCHY_dev, m.dev);
		row_put(t->schema, row, CGROUP_HIERARCHY_version, two ? 2 : 1);
		if (put_text(t, row, CGROUP_HIERARCHY_target, m.target) < 0 ||
			put_text(t, row, CGROUP_HIERARCHY_root, m.root) < 0 ||
			put_text(t, row, CGROUP_HIERARCHY_controllers, m.options) < 0)
			return -EINVAL;
	}
	return 0;
}

/*
 * Parse /proc/PID/mountinfo: the lines of cgroup and cgroup2. Pure.
 *
 * Shape:  as proc_pid_mountinfo(5); the controllers of version 1 are in the super options.
 * Errors: -EINVAL malformed, -ENODATA no line at all.
 * Source: fs/proc_namespace.c, show_mountinfo().
 */
int cgroup_hierarchy_parse(const char *buf, size_t len, struct table *t)
{
	size_t was = t->n;
	int err = parse_hierarchies(buf, len, t);

	while (err < 0 && t->n > was)
		table_drop_last(t);
	return err;
}

int cgroup_hierarchies(struct host *h, struct table *t)
{
	auto_strbuf text = { 0 };
	int err = host_read_all(h, "proc/self/mountinfo", MOUNTINFO_MAX, &text);

	if (err < 0)
		return err;
	return cgroup_hierarchy_parse(strbuf_text(&text), text.len, t);
}

uint32_t cgroup_hierarchy_has(const struct table *t, const struct cgroup_hierarchy *h)
{
	const char *list = table_text(t, h->controllers);

	return h->version == 2 ? CGROUP_CORE : cgroup_controllers(list, strlen(list), 1);
}

bool cgroup_path(const struct table *t, const struct cgroup_hierarchy *h, const char *path,
	const char *file, char *buf, size_t size)
{
	const char *target = table_text(t, h->target);
	int n = snprintf(buf, size, "%s%s%s%s", target + (*target == '/'),
		strcmp(path, "/") == 0 ? "" : path, file ? "/" : "", file ? file : "");

	return n >= 0 && (size_t)n < size;
}

bool cgroup_is_file(const char *name)
{
	static const char *const files[] = { "tasks", "notify_on_release", "release_agent" };
	static const char *const prefixes[] = { "cgroup.", "memory.", "cpu.", "cpuacct.", "cpuset.",
		"blkio.", "io.", "pids.", "devices.", "freezer.", "hugetlb.", "net_cls.",
		"net_prio.", "perf_event.", "rdma.", "misc.", "irq.", "dmem.", "debug." };
	static const char *const units[] = { ".slice", ".scope", ".service", ".mount", ".socket" };
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (strcmp(name, files[i]) == 0)
			return true;
	}
	if (!dot || strchr(name, '-'))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(dot, units[i]) == 0)
			return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return false;
}

int cgroup_asked_init(struct cgroup_asked *a, struct probe *p)
{
	*a = (struct cgroup_asked){ .p = p, .groups = probe_used(p, TABLE_cgroup) };
	if (!a->groups)
		return -ENODATA;
	a->hierarchies = table_new(schemas[TABLE_cgroup_hierarchy]);
	return a->hierarchies ? cgroup_hierarchies(p->host, a->hierarchies) : -ENOMEM;
}

void cgroup_asked_release(struct cgroup_asked *a)
{
	table_unref(a->hierarchies);
}

int cgroup_asked_read(struct cgroup_asked *a, enum table_id table,
	int (*read)(struct cgroup_asked *a, struct table *t, const char *path, uint64_t id))
{
	struct table *t = probe_table(a->p, table);
	struct tally tally = { .of = "control groups" };

	if (!t)
		return 0;
	for (size_t i = 0; i < a->p->n_asked[table]; i++) {
		uint64_t id = a->p->asked[table][i];
		const struct cgroup *g = table_find(a->groups, id);

		if (!g)
			continue;
		if (probe_late(a->p)) {
			table_fail(t, STATE_LATE, "%zu of %zu control groups in time", i,
				a->p->n_asked[table]);
			return 0;
		}
		int err = read(a, t, table_text(a->groups, g->path), id);

		if (err == -ENOMEM)
			return err;
		tally_count(&tally, err);
	}
	tally_close(&tally, t, "needs root");
	return 0;
}
