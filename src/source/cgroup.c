/* SPDX-License-Identifier: MIT */
/*
 * Every control group of every hierarchy, breadth first, so that what the bounds cut off is deep
 * rather than important. Hierarchies of version 1 are merged: one row per path.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "source/cgroup_tree.h"
#include "source/proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 16, GROUPS_MAX = 10000, PATH_BYTES_MAX = 4096, FILE_BYTES_MAX = 32768 };

struct node {
	size_t path; /* in walk.paths */
	unsigned int depth;
	uint32_t controllers;
};

struct walk {
	struct probe *p;
	struct table *t;
	const struct table *hierarchies;
	const struct cgroup_hierarchy *h; /* being walked */
	struct node *node;
	size_t n_nodes, nodes_size;
	struct strbuf paths;
	uint32_t *slot; /* open-addressed: row + 1 by id */
	size_t slots;
	uint64_t missing; /* bit per cgroup_files[]: not in this hierarchy */
	uint64_t denied, cut;
};

static int slots_grow(struct walk *w)
{
	if (w->slots > w->t->n * 2)
		return 0;
	size_t slots = w->slots ? w->slots * 2 : 256;
	uint32_t *slot = mem_new(slots, sizeof(*slot));

	if (!slot)
		return -ENOMEM;
	for (size_t i = 0; i < w->t->n; i++) {
		size_t k = ((struct cgroup *)table_at(w->t, i))->id & (slots - 1);

		while (slot[k])
			k = (k + 1) & (slots - 1);
		slot[k] = (uint32_t)i + 1;
	}
	free(w->slot);
	w->slot = slot;
	w->slots = slots;
	return 0;
}

/* Where the row of id is or would be. */
static uint32_t *slot_of(const struct walk *w, uint64_t id)
{
	size_t k = id & (w->slots - 1);

	while (w->slot[k] && ((struct cgroup *)table_at(w->t, w->slot[k] - 1))->id != id)
		k = (k + 1) & (w->slots - 1);
	return &w->slot[k];
}

static int push(struct walk *w, const char *parent, const char *name, unsigned int depth,
	uint32_t controllers)
{
	if (w->n_nodes == w->nodes_size) {
		size_t want = w->nodes_size ? w->nodes_size * 2 : 64;
		struct node *node = mem_resize(w->node, want, sizeof(*node));

		if (!node)
			return -ENOMEM;
		w->node = node;
		w->nodes_size = want;
	}
	w->node[w->n_nodes++] = (struct node){ w->paths.len, depth, controllers };
	strbuf_puts(&w->paths, strcmp(parent, "/") == 0 ? "" : parent);
	strbuf_puts(&w->paths, "/");
	strbuf_puts(&w->paths, name);
	strbuf_add(&w->paths, "", 1);
	return w->paths.failed ? -ENOMEM : 0;
}

static bool gone(int err)
{
	return err == -ENOENT || err == -ENODEV || err == -EOPNOTSUPP;
}

/*
 * Read the files of one group into row. What a hierarchy does not have at all is tried once: a
 * failure proves that when the controller's first file could be read in the same group.
 */
static bool read_files(struct walk *w, const struct node *n, const char *path, struct cgroup *row)
{
	char name[PATH_BYTES_MAX], buf[FILE_BYTES_MAX];
	uint32_t tried = 0, left = n->controllers;
	bool any = false;

	for (size_t i = 0; cgroup_files[i].name; i++) {
		const struct cgroup_file *f = &cgroup_files[i];

		if (f->version != w->h->version || !(f->controller & left) || w->missing >> i & 1 ||
			(f->given && !row_has(row->has, f->given)) ||
			!cgroup_path(w->hierarchies, w->h, path, f->name, name, sizeof(name)))
			continue;
		bool first = !(tried & f->controller);
		ssize_t len = host_read_record(w->p->host, name, buf, sizeof(buf));

		tried |= f->controller;
		if (len >= 0) {
			any = true;
			if (cgroup_file_parse(f, buf, (size_t)len, row) < 0)
				w->cut++;
		} else if (first) {
			left &= ~f->controller;
		} else if (gone((int)len) && n->depth > 0) {
			w->missing |= (uint64_t)1 << i;
		}
		if (len == -EACCES || len == -EPERM)
			w->denied++;
	}
	return any;
}

static int visit(struct walk *w, const struct node *n, const char *path)
{
	if (slots_grow(w) < 0)
		return -ENOMEM;
	uint64_t id = hash_fnv64(path, strlen(path));
	uint32_t *slot = slot_of(w, id);
	struct cgroup row = { 0 };
	bool had_swap = false;

	if (*slot) {
		row = *(struct cgroup *)table_at(w->t, *slot - 1);
		had_swap = row_has(row.has, CGROUP_swap_bytes);
	}
	if (!read_files(w, n, path, &row))
		return 0;
	/* Version 1 counts memory and swap together. */
	if (w->h->version == 1 && row_has(row.has, CGROUP_swap_bytes) && !had_swap)
		row.swap_bytes -=
			row.memory_bytes < row.swap_bytes ? row.memory_bytes : row.swap_bytes;
	if (*slot) {
		*(struct cgroup *)table_at(w->t, *slot - 1) = row;
		return 0;
	}
	text_t text = table_intern(w->t, path, strlen(path));
	struct cgroup *to = table_add(w->t);

	if (!to)
		return -ENOMEM;
	*to = row;
	row_put(w->t->schema, to, CGROUP_id, id);
	row_put(w->t->schema, to, CGROUP_path, text);
	row_put(w->t->schema, to, CGROUP_version, w->h->version);
	*slot = (uint32_t)w->t->n;
	return 0;
}

/* Controllers named in a file of a group of version 2. */
static uint32_t read_controllers(struct walk *w, const char *path, const char *file)
{
	char name[PATH_BYTES_MAX], buf[512];

	if (!cgroup_path(w->hierarchies, w->h, path, file, name, sizeof(name)))
		return CGROUP_CORE;
	ssize_t len = host_read_record(w->p->host, name, buf, sizeof(buf));

	return cgroup_controllers(buf, len < 0 ? 0 : (size_t)len, 2);
}

static int push_children(struct walk *w, struct node n)
{
	char dir[PATH_BYTES_MAX], path[PATH_BYTES_MAX];
	auto_strbuf names = { 0 };
	uint32_t controllers = n.controllers;
	bool first = true;

	snprintf(path, sizeof(path), "%s", w->paths.bytes + n.path);
	if (!cgroup_path(w->hierarchies, w->h, path, NULL, dir, sizeof(dir)) ||
		!host_may_have_dirs(w->p->host, dir) || host_list(w->p->host, dir, &names) < 0)
		return 0;
	for (const char *s = NULL; (s = host_next_name(&names, s));) {
		if (cgroup_is_file(s))
			continue;
		if (n.depth == DEPTH_MAX || w->n_nodes >= GROUPS_MAX ||
			strlen(path) + strlen(s) + 2 > sizeof(path)) {
			w->cut++;
			continue;
		}
		if (first && w->h->version == 2)
			controllers = read_controllers(w, path, "cgroup.subtree_control");
		first = false;
		int err = push(w, path, s, n.depth + 1, controllers);

		if (err < 0)
			return err;
	}
	return 0;
}

/* One hierarchy. 0, -ETIME when the deadline came, -ENOMEM. */
static int walk_hierarchy(struct walk *w, const struct cgroup_hierarchy *h, uint32_t controllers)
{
	w->h = h;
	w->n_nodes = 0;
	w->missing = 0;
	strbuf_clear(&w->paths);
	int err = push(w, "", "", 0, controllers);

	for (size_t i = 0; i < w->n_nodes && err == 0; i++) {
		if (probe_late(w->p)) {
			w->cut += w->n_nodes - i;
			return -ETIME;
		}
		err = visit(w, &w->node[i], w->paths.bytes + w->node[i].path);
		if (err == 0)
			err = push_children(w, w->node[i]);
	}
	return err;
}

/* Version 1 first: on hybrid hosts version 2 has the same groups and no controllers. */
static int walk_all(struct walk *w)
{
	bool one = false;

	for (uint32_t version = 1; version <= 2; version++) {
		for (table_each(struct cgroup_hierarchy, h, w->hierarchies)) {
			uint32_t has = cgroup_hierarchy_has(w->hierarchies, h);

			if (h->version != version || has == 0)
				continue;
			w->h = h;
			if (version == 2)
				has = read_controllers(w, "/", "cgroup.controllers");
			if (version == 2 && one && has == CGROUP_CORE)
				continue;
			one = true;
			int err = walk_hierarchy(w, h, has);

			if (err < 0)
				return err;
		}
	}
	return 0;
}

static void say(struct walk *w, int err, uint64_t start_ns)
{
	struct table *t = w->t;

	t->lost = w->cut;
	if (err == -ETIME)
		table_fail(t, STATE_LATE, "%zu control groups in %.1f s, and there are more", t->n,
			(double)(proc_now_ns() - start_ns) / 1e9);
	else if (t->n == 0 && w->denied)
		table_fail(t, STATE_DENIED, "control groups may not be read");
	else if (t->n == 0)
		table_fail(t, STATE_ABSENT, "no control groups with controllers are mounted");
	else if (w->cut)
		table_fail(t, STATE_OK, "%llu control groups or files of them left out",
			(unsigned long long)w->cut);
	else
		t->state = STATE_OK;
}

static int read_cgroup(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_cgroup), *found = NULL;
	struct table *hierarchies = probe_table(p, TABLE_cgroup_hierarchy);
	uint64_t start_ns = proc_now_ns();

	if (!hierarchies)
		hierarchies = found = table_new(schemas[TABLE_cgroup_hierarchy]);
	if (!hierarchies)
		return -ENOMEM;
	int err = cgroup_hierarchies(p->host, hierarchies);

	if (err == 0) {
		hierarchies->state = STATE_OK;
		struct walk w = { .p = p, .t = t, .hierarchies = hierarchies };

		if (t) {
			err = walk_all(&w);
			say(&w, err, start_ns);
		}
		free(w.node);
		free(w.slot);
		strbuf_release(&w.paths);
	}
	table_unref(found);
	return err == -ETIME ? 0 : err;
}

const struct source source_cgroup = {
	.name = "cgroup",
	.fills = { TABLE_cgroup_hierarchy, TABLE_cgroup },
	.deadline_ns = 300000000,
	.read = read_cgroup,
};
