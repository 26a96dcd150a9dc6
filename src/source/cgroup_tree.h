/* SPDX-License-Identifier: MIT */
/* Where control groups are mounted, and paths in there. */
#ifndef MURPHY_SOURCE_CGROUP_TREE_H
#define MURPHY_SOURCE_CGROUP_TREE_H

#include "source/cgroup_file.h"
#include "source/source.h"

/* The hierarchies of this host into t, a table cgroup_hierarchy. 0 or -errno. */
int cgroup_hierarchies(struct host *h, struct table *t);

/* Controllers of a hierarchy of version 1; CGROUP_CORE of version 2. 0: none that we read. */
uint32_t cgroup_hierarchy_has(const struct table *t, const struct cgroup_hierarchy *h);

/*
 * Path of a file of the group called path in hierarchy h, which is a row of t; file NULL is the
 * group's directory. False when it is longer than size.
 */
bool cgroup_path(const struct table *t, const struct cgroup_hierarchy *h, const char *path,
	const char *file, char *buf, size_t size);

/*
 * True for a name that kernel files in a group have: host_list() tells no types. Groups of systemd
 * and of container runtimes never look so.
 */
bool cgroup_is_file(const char *name);

/* Groups that are asked for by their id. */
struct cgroup_asked {
	struct probe *p;
	const struct table *groups; /* table cgroup */
	struct table *hierarchies;  /* owned, table cgroup_hierarchy: cgroup_asked_release() */
};

/* 0, -ENODATA: the groups were not read, or -errno. */
int cgroup_asked_init(struct cgroup_asked *a, struct probe *p);
void cgroup_asked_release(struct cgroup_asked *a);

/*
 * Have each group that table is asked for read into t, unless the table is not wanted. read: 0 or
 * -errno, of which -ENOMEM ends it. State, why and lost of t are set. 0 or -ENOMEM.
 */
int cgroup_asked_read(struct cgroup_asked *a, enum table_id table,
	int (*read)(struct cgroup_asked *a, struct table *t, const char *path, uint64_t id));

#endif
