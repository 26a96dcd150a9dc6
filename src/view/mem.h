/* SPDX-License-Identifier: MIT */
/*
 * murphy mem: what is shown of the groups of model/mem_groups.h, in which order, and what is
 * missing.
 */
#ifndef MURPHY_VIEW_MEM_H
#define MURPHY_VIEW_MEM_H

#include "model/mem_groups.h"

enum mem_sort {
	MEM_SORT_PSS,
	MEM_SORT_RSS,
	MEM_SORT_USS,
	MEM_SORT_EXCLUSIVE,
	MEM_SORT_SWAP,
	MEM_SORT_PAGE_TABLES,
	MEM_SORT_PROCESSES,
	MEM_SORT_NAME,
	MEM_SORTS
};

/* "page-tables". Static; false: text is none. */
const char *mem_sort_name(enum mem_sort sort);
bool mem_sort_parse(const char *text, enum mem_sort *ret_sort);

/* What was asked for. */
enum mem_what { MEM_GROUPS, MEM_SHARED, MEM_PROCESS };

/* Does what is shown have a column for it? */
bool mem_sorts(enum mem_what what, enum mem_sort sort);

/* A group that has a part of a shared object. */
struct mem_sharer {
	const char *name;
	const struct object_share *share;
};

enum { MEM_LACKS = 8 };

struct mem_report {
	const struct frame *frame;
	const struct mem_groups *groups;
	enum mem_what what;
	enum mem_sort sort;
	size_t top;   /* rows to show; 0: all */
	uint64_t pid; /* MEM_PROCESS */
	bool exact;   /* was asked for */
	uint64_t now_ns, cpu_ns, wall_ns, peak_bytes;
	/* set by mem_view() */
	const void **row; /* in order: mem_group, shared_object or mapping */
	size_t n_rows;
	const struct table *source;  /* tells method, age and what was lost; NULL: nobody could */
	const char *lack[MEM_LACKS]; /* what was lost, and what would lift that */
	size_t n_lacks;
	bool blind; /* memory of some processes is not in it */
};

/* Order r->what, and find out what is missing; texts are in a. 0 or -ENOMEM. */
int mem_view(struct mem_report *r, struct arena *a);

/*
 * What the process r->pid has: where all of its mappings are known, which are exact, their sums.
 * *ret_of: the table that tells method and age. False: nothing is known of it.
 */
bool mem_process(
	const struct mem_report *r, struct process_share *ret, const struct table **ret_of);

/* The groups that have most of object, at most max; their number. */
size_t mem_sharers(const struct mem_report *r, const struct shared_object *object,
	struct mem_sharer *ret, size_t max);

#endif
