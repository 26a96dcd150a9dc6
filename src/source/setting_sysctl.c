/* SPDX-License-Identifier: MIT */
/* /proc/sys: a thousand files of a line each. */
#include "source/setting.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SYSCTL_PATH_MAX = 192, DEPTH_MAX = 5, SETTINGS_MAX = 8192 };

/* Not read, by path below /proc/sys: files, and directories with all that is in them. */
static const char *const skipped[] = {
	/* reading them does something: mm/vmstat.c, vmstat_refresh(), wakes every CPU */
	"vm/stat_refresh",
	/* keys */
	"net/ipv4/tcp_fastopen_key",
	/* never the same twice, or what has happened and not how it is set */
	"kernel/random",
	"kernel/ns_last_pid",
	"kernel/pty/nr",
	"kernel/keys",
	"fs/aio-nr",
	"fs/file-nr",
	"fs/inode-nr",
	"fs/inode-state",
	"fs/dentry-state",
	"fs/quota",
	"fs/binfmt_misc",
	"net/netfilter/nf_conntrack_count",
	/* names of this machine, not settings */
	"kernel/hostname",
	"kernel/domainname",
	/* by hardware, thousands of them */
	"kernel/sched_domain",
	"dev",
};

/* What follows piece in path, NULL when path does not hold it. */
static const char *behind(const char *path, const char *piece)
{
	const char *at = strstr(path, piece);

	return at ? at + strlen(piece) : NULL;
}

static bool starts_with_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	return strncmp(text, word, len) == 0 && (text[len] == '\0' || text[len] == '/');
}

/* Is the file or directory path, below /proc/sys, a setting that is told? */
static bool is_wanted(const char *path)
{
	const char *of = behind(path, "/conf/");

	for (size_t i = 0; i < ARRAY_SIZE(skipped); i++) {
		if (starts_with_word(path, skipped[i]))
			return false;
	}
	if (strstr(path, "stable_secret"))
		return false;
	/* Of what every interface has only all and default: the others come and go. */
	of = of ? of : behind(path, "/neigh/");
	return !of || starts_with_word(of, "all") || starts_with_word(of, "default");
}

/* As sysctl(8) names it: '/' and '.' change places. */
static void exchange(const char *path, char *to)
{
	for (; *path; path++)
		*to++ = *path == '/' ? '.' : *path == '.' ? '/' : *path;
	*to = '\0';
}

struct level {
	struct strbuf names;
	const char *at; /* the name that it is at */
	size_t len;     /* of the directory's path */
};

static void leave(struct level *levels, size_t *depth)
{
	strbuf_release(&levels[--*depth].names);
}

/* List the directory path and go into it. What cannot be listed is left out. */
static void enter(struct probe *p, struct level *levels, size_t *depth, const char *path)
{
	struct level *l = &levels[*depth];

	*l = (struct level){ .len = strlen(path) };
	if (host_list(p->host, path, &l->names) == 0)
		++*depth;
	else
		strbuf_release(&l->names);
}

/* A path is somebody's own words; numbers and the kernel's words are not. */
static int put_sysctl(struct table *t, struct span name, struct span value)
{
	bool secret = value.len > 0 && memchr(value.at, '/', value.len);

	return setting_put(t, "sysctl", "", name, value, secret);
}

/* The file path into a row; -EISDIR when it is a directory. */
static int read_setting(struct probe *p, struct table *t, const char *path)
{
	char text[4096], name[SYSCTL_PATH_MAX];
	ssize_t n = host_read(p->host, path, text, sizeof(text));

	if (n < 0)
		return n == -EISDIR ? -EISDIR : 0; /* many can only be written */
	exchange(path + strlen("proc/sys/"), name);
	return put_sysctl(t, (struct span){ name, strlen(name) }, (struct span){ text, (size_t)n });
}

int setting_read_sysctl(struct probe *p, struct table *t)
{
	struct level levels[DEPTH_MAX];
	char path[SYSCTL_PATH_MAX] = "proc/sys";
	size_t depth = 0, before = t->n;
	int err = 0;

	enter(p, levels, &depth, path);
	if (depth == 0)
		return -ENOENT;
	while (depth > 0 && err == 0) {
		struct level *l = &levels[depth - 1];

		path[l->len] = '\0';
		l->at = host_next_name(&l->names, l->at);
		if (!l->at) {
			leave(levels, &depth);
			continue;
		}
		if (strlen(l->at) + l->len + 2 > sizeof(path))
			continue;
		snprintf(path + l->len, sizeof(path) - l->len, "/%s", l->at);
		if (!is_wanted(path + strlen("proc/sys/")))
			continue;
		err = read_setting(p, t, path);
		if (err == -EISDIR) {
			if (depth < DEPTH_MAX)
				enter(p, levels, &depth, path);
			err = 0;
		}
		if (err == 0 && (probe_late(p) || t->n - before > SETTINGS_MAX))
			err = -ETIME;
	}
	while (depth > 0)
		leave(levels, &depth);
	return err;
}

/*
 * Parse what sysctl -a prints into rows of sysctl: a sosreport has it where it has no /proc/sys.
 *
 * Shape:  "name = value", a line each; a setting of several lines repeats its name. Others are
 *         messages ("sysctl: permission denied on key ...") and skipped.
 * Errors: -ENODATA no setting at all.
 * Source: procps sysctl.c, print_setting().
 */
int sysctl_list_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	size_t before = t->n;
	char text[SYSCTL_PATH_MAX] = "", path[SYSCTL_PATH_MAX] = "";
	struct span name;
	int err = 0;

	while (err == 0 && cursor_line(&c, &line)) {
		if (!cursor_word(&line, &name) || !cursor_lit(&line, " =") ||
			name.len >= sizeof(text))
			continue;
		span_copy(name, text, sizeof(text));
		exchange(text, path);
		if (is_wanted(path))
			err = put_sysctl(t, name, (struct span){ line.at, cursor_left(&line) });
	}
	if (err < 0)
		table_cut(t, before);
	return err == 0 && t->n == before ? -ENODATA : err;
}
