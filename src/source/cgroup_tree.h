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

#endif
