/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include "base/cursor.h"
#include "lab/undo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool has_word(struct span list, char separator, const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i + len <= list.len; i++) {
		bool start = i == 0 || list.at[i - 1] == separator;
		char after = i + len == list.len ? separator : list.at[i + len];

		if (start && memcmp(list.at + i, word, len) == 0 &&
			(after == separator || after == '\n'))
			return true;
	}
	return false;
}

static bool lists_controller(const char *file, const char *controller)
{
	char buf[512];
	ssize_t n = scene_read(file, buf, sizeof(buf));

	return n > 0 && has_word((struct span){ buf, (size_t)n }, ' ', controller);
}

/* One line of /proc/self/mounts: is this the hierarchy that has the controller? */
static int version_of(struct cursor line, const char *controller, char *root, size_t size)
{
	struct span source, target, type, options;
	char file[256];

	if (!cursor_word(&line, &source) || !cursor_word(&line, &target) ||
		!cursor_word(&line, &type) || !cursor_word(&line, &options))
		return 0;
	span_copy(target, root, size);
	if (span_eq(type, "cgroup"))
		return has_word(options, ',', controller) ? 1 : 0;
	if (!span_eq(type, "cgroup2"))
		return 0;
	snprintf(file, sizeof(file), "%s/cgroup.controllers", root);
	return lists_controller(file, controller) ? 2 : 0;
}

static int find(const char *controller, char *root, size_t size)
{
	char buf[16384];
	ssize_t n = scene_read("/proc/self/mounts", buf, sizeof(buf));
	struct cursor c = cursor_of(buf, n > 0 ? (size_t)n : 0), line;

	while (cursor_line(&c, &line)) {
		int version = version_of(line, controller, root, size);

		if (version > 0)
			return version;
	}
	return 0;
}

/* Version 2: children have only what the parent hands down. systemd does so already. */
static int hand_down(struct scene *s, const char *root, const char *controller)
{
	char file[160], text[32];

	snprintf(file, sizeof(file), "%s/cgroup.subtree_control", root);
	if (lists_controller(file, controller))
		return 0;
	snprintf(text, sizeof(text), "+%s", controller);
	return scene_write(file, text);
}

int cgroup_new(struct scene *s, const char *controller, struct cgroup *ret_cgroup)
{
	struct cgroup g = { 0 };
	char root[96];

	g.version = find(controller, root, sizeof(root));
	if (g.version == 0 && strcmp(controller, "blkio") == 0) {
		controller = "io"; /* as version 2 calls it */
		g.version = find(controller, root, sizeof(root));
	}
	if (g.version == 0)
		return scene_skip(
			s, "no control group hierarchy has the %s controller", controller);
	snprintf(g.path, sizeof(g.path), "/murphy-lab.%s.%d", s->lab->name, (int)getpid());
	snprintf(g.dir, sizeof(g.dir), "%s%s", root, g.path);
	int err = g.version == 2 ? hand_down(s, root, controller) : 0;

	if (err == 0)
		err = undo_add(s->undo, UNDO_GROUP, g.dir, NULL);
	if (err == 0 && mkdir(g.dir, 0755) < 0 && errno != EEXIST)
		err = -errno;
	if (err == -EROFS || err == -EACCES || err == -EPERM || err == -EBUSY)
		return scene_skip(s, "may not make control groups here: %s", strerror(-err));
	if (err < 0)
		return err;
	*ret_cgroup = g;
	return 0;
}

int cgroup_beside(
	struct scene *s, const struct cgroup *g, unsigned number, struct cgroup *ret_cgroup)
{
	struct cgroup one = { .version = g->version };

	snprintf(
		one.path, sizeof(one.path), "%.*s-%u", (int)sizeof(one.path) - 12, g->path, number);
	snprintf(one.dir, sizeof(one.dir), "%.*s-%u", (int)sizeof(one.dir) - 12, g->dir, number);
	int err = undo_add(s->undo, UNDO_GROUP, one.dir, NULL);

	if (err == 0 && mkdir(one.dir, 0755) < 0 && errno != EEXIST)
		err = -errno;
	if (err == 0)
		*ret_cgroup = one;
	return err;
}

int cgroup_move(const struct cgroup *from, const struct cgroup *to)
{
	char file[256], text[4096], pid[24];

	snprintf(file, sizeof(file), "%s/cgroup.procs", from->dir);
	ssize_t n = scene_read(file, text, sizeof(text));
	struct cursor c = cursor_of(text, n > 0 ? (size_t)n : 0);
	struct cursor line;
	int err = n < 0 ? (int)n : 0;

	while (err == 0 && cursor_line(&c, &line)) {
		span_copy((struct span){ line.at, cursor_left(&line) }, pid, sizeof(pid));
		err = cgroup_set(to, "cgroup.procs", "cgroup.procs", pid);
	}
	return err;
}

int cgroup_set(const struct cgroup *g, const char *v1, const char *v2, const char *text)
{
	const char *name = g->version == 1 ? v1 : v2;
	char file[256];

	if (!name)
		return 0;
	snprintf(file, sizeof(file), "%s/%s", g->dir, name);
	return scene_write(file, text);
}

int cgroup_enter(const struct cgroup *g)
{
	return cgroup_set(g, "cgroup.procs", "cgroup.procs", "0");
}
