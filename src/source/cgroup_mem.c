/* SPDX-License-Identifier: MIT */
/* What the memory of a control group is, and who is in there: asked by the id of the group. */
#include "base/cursor.h"
#include "source/cgroup_tree.h"
#include "source/keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	STAT_BYTES_MAX = 16384,
	PATH_BYTES_MAX = 4096,
	PROCS_BYTES_MAX = 65536,
	MEMBERS_MAX = 1000, /* of one group */
	BELOW_MAX = 256,    /* groups below it that are looked into */
};

static const struct key keys_1[] = {
	{ "total_rss", CGROUP_MEM_anon_bytes, 1 }, { "total_cache", CGROUP_MEM_file_bytes, 1 },
	{ "total_shmem", CGROUP_MEM_shmem_bytes, 1 },
	{ "total_inactive_file", CGROUP_MEM_inactive_file_bytes, 1 },
	{ "total_active_file", CGROUP_MEM_active_file_bytes, 1 },
	{ "total_dirty", CGROUP_MEM_dirty_bytes, 1 },
	{ "total_writeback", CGROUP_MEM_writeback_bytes, 1 },
	{ "total_unevictable", CGROUP_MEM_unevictable_bytes, 1 },
	{ "total_workingset_refault_anon", CGROUP_MEM_refault_pages, 1 },
	{ "total_workingset_refault_file", CGROUP_MEM_refault_pages, 1 },
	{ "total_workingset_refault", CGROUP_MEM_refault_pages, 1 }, /* before 5.9 */
};

static const struct key keys_2[] = {
	{ "anon", CGROUP_MEM_anon_bytes, 1 },
	{ "file", CGROUP_MEM_file_bytes, 1 },
	{ "shmem", CGROUP_MEM_shmem_bytes, 1 },
	{ "inactive_file", CGROUP_MEM_inactive_file_bytes, 1 },
	{ "active_file", CGROUP_MEM_active_file_bytes, 1 },
	{ "file_dirty", CGROUP_MEM_dirty_bytes, 1 },
	{ "file_writeback", CGROUP_MEM_writeback_bytes, 1 },
	{ "unevictable", CGROUP_MEM_unevictable_bytes, 1 },
	{ "kernel", CGROUP_MEM_kernel_bytes, 1 }, /* since 5.18 */
	{ "slab", CGROUP_MEM_slab_bytes, 1 },
	{ "workingset_refault_anon", CGROUP_MEM_refault_pages, 1 },
	{ "workingset_refault_file", CGROUP_MEM_refault_pages, 1 },
	{ "workingset_refault", CGROUP_MEM_refault_pages, 1 },
};

/*
 * Parse memory.stat; the row has no id. Pure.
 *
 * Shape:  "name N" lines. Version 1 has each twice: for the group alone, and as total_NAME with
 *         those below it, which is what version 2 tells.
 * Units:  bytes; refaults are pages.
 * Errors: -EINVAL malformed or repeated line, -ENODATA nothing known in it.
 * Source: mm/memcontrol.c, memory_stat_format(); mm/memcontrol-v1.c, memcg1_stat_format().
 */
int cgroup_mem_parse(const char *buf, size_t len, struct table *t)
{
	static const char one[] = "total_cache ";
	bool v1 = len >= sizeof(one) - 1 && memmem(buf, len, one, sizeof(one) - 1);
	struct cursor c = cursor_of(buf, len), line;
	struct cgroup_mem mem = { 0 };
	uint64_t seen = 0;

	while (cursor_line(&c, &line)) {
		struct span name;
		uint64_t value;

		if (cursor_end(&line))
			continue;
		if (!cursor_word(&line, &name) || !cursor_u64(&line, &value))
			return -EINVAL;
		if (keys_put(v1 ? keys_1 : keys_2, v1 ? ARRAY_SIZE(keys_1) : ARRAY_SIZE(keys_2),
			    &seen, name, value, t->schema, &mem) < 0)
			return -EINVAL;
	}
	if (!seen)
		return -ENODATA;
	struct cgroup_mem *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = mem;
	return 0;
}

static bool whole_number(const char *buf, ssize_t len, uint64_t *ret_value)
{
	struct cursor c = cursor_of(buf, len < 0 ? 0 : (size_t)len);

	return cursor_u64(&c, ret_value);
}

/* The group's row of memory from the first hierarchy that has it. 0 or -errno. */
static int read_mem(struct cgroup_asked *a, struct table *t, const char *path, uint64_t id)
{
	char buf[STAT_BYTES_MAX], file[PATH_BYTES_MAX];
	int err = -ENOENT;

	for (table_each(struct cgroup_hierarchy, h, a->hierarchies)) {
		uint32_t has = cgroup_hierarchy_has(a->hierarchies, h);
		uint64_t kernel;

		if (!(has & (CGROUP_MEMORY | CGROUP_CORE)) ||
			!cgroup_path(a->hierarchies, h, path, "memory.stat", file, sizeof(file)))
			continue;
		ssize_t len = host_read(a->p->host, file, buf, sizeof(buf));

		err = len < 0 ? (int)len : cgroup_mem_parse(buf, (size_t)len, t);
		if (err < 0)
			continue;
		struct cgroup_mem *row = table_at(t, t->n - 1);

		row_put(t->schema, row, CGROUP_MEM_id, id);
		if (h->version == 2 || !cgroup_path(a->hierarchies, h, path,
					       "memory.kmem.usage_in_bytes", file, sizeof(file)))
			return 0;
		len = host_read(a->p->host, file, buf, sizeof(buf));
		if (whole_number(buf, len, &kernel))
			row_put(t->schema, row, CGROUP_MEM_kernel_bytes, kernel);
		return 0;
	}
	return err;
}

static int add_members(struct table *t, const struct strbuf *text, uint64_t id, size_t *n)
{
	struct cursor c = cursor_of(text->bytes, text->len), line;
	uint64_t pid;

	/* A last line without its end was cut: its number is not whole. */
	while (*n < MEMBERS_MAX && cursor_line(&c, &line)) {
		if (!cursor_u64(&line, &pid) || (cursor_end(&c) && c.at[-1] != '\n'))
			continue;
		struct cgroup_member *row = table_add(t);

		if (!row)
			return -ENOMEM;
		row_put(t->schema, row, CGROUP_MEMBER_pid, pid);
		row_put(t->schema, row, CGROUP_MEMBER_cgroup, id);
		++*n;
	}
	return 0;
}

/* Which hierarchy to ask for processes: they may be in different groups of each. */
static int rank_of(const struct table *hierarchies, const struct cgroup_hierarchy *h)
{
	uint32_t has = cgroup_hierarchy_has(hierarchies, h);

	return has & CGROUP_MEMORY ? 0 : h->version == 2 ? 1 : 2;
}

/* Processes that are in this very group. 0 or -errno. */
static int read_procs(
	struct cgroup_asked *a, struct table *t, const char *path, uint64_t id, size_t *n)
{
	char file[PATH_BYTES_MAX];
	auto_strbuf text = { 0 };
	int err = -ENOENT;

	for (int rank = 0; rank <= 2; rank++) {
		for (table_each(struct cgroup_hierarchy, h, a->hierarchies)) {
			if (rank_of(a->hierarchies, h) != rank ||
				!cgroup_path(a->hierarchies, h, path, "cgroup.procs", file,
					sizeof(file)))
				continue;
			err = host_read_all(a->p->host, file, PROCS_BYTES_MAX, &text);
			if (err == 0)
				return add_members(t, &text, id, n);
		}
	}
	return err;
}

/* The group and, as its memory is theirs too, all groups below it. */
static int read_members(struct cgroup_asked *a, struct table *t, const char *path, uint64_t id)
{
	size_t n = 0, below = 0, len = strlen(path);
	int err = read_procs(a, t, path, id, &n);

	if (err < 0 || strcmp(path, "/") == 0)
		return err;
	for (table_each(struct cgroup, g, a->groups)) {
		const char *other = table_text(a->groups, g->path);

		if (strncmp(other, path, len) != 0 || other[len] != '/')
			continue;
		if (n >= MEMBERS_MAX || below++ >= BELOW_MAX || probe_late(a->p)) {
			t->lost++;
			break;
		}
		err = read_procs(a, t, other, id, &n);
		if (err == -ENOMEM)
			return err;
	}
	return 0;
}

static int read_cgroup_mem(struct probe *p)
{
	struct cgroup_asked a;
	int err = cgroup_asked_init(&a, p);

	if (err == 0)
		err = cgroup_asked_read(&a, TABLE_cgroup_mem, read_mem);
	if (err == 0)
		err = cgroup_asked_read(&a, TABLE_cgroup_member, read_members);
	cgroup_asked_release(&a);
	return err;
}

const struct source source_cgroup_mem = {
	.name = "cgroup_mem",
	.fills = { TABLE_cgroup_mem, TABLE_cgroup_member },
	.uses = { TABLE_cgroup },
	.cost = COST_ASKED,
	.deadline_ns = 300000000,
	.denied = "needs root",
	.read = read_cgroup_mem,
};
