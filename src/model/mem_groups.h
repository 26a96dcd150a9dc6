/* SPDX-License-Identifier: MIT */
/*
 * Processes in groups, and what is known of the memory of each. First the groups are made of the
 * cheap tables, and numbered; then what was asked for by these numbers is folded into them.
 */
#ifndef MURPHY_MODEL_MEM_GROUPS_H
#define MURPHY_MODEL_MEM_GROUPS_H

#include "base/arena.h"
#include "model/mem_account.h"

enum mem_by {
	MEM_BY_EXECUTABLE,
	MEM_BY_NAME, /* what a process calls itself: of the cheapest table */
	MEM_BY_CGROUP,
	MEM_BY_UNIT,
	MEM_BY_USER,
	MEM_BY_SESSION,
	MEM_BY_PARENT,
	MEM_BY_PROCESS,
	MEM_BYS
};

/* "executable". Static; false: text is none. */
const char *mem_by_name(enum mem_by by);
bool mem_by_parse(const char *text, enum mem_by *ret_by);

/* Another group that maps the same objects. */
struct mem_with {
	size_t group;
	uint64_t bytes; /* of objects that both map the lesser PSS of the two, in all */
};

enum { MEM_WITH_MAX = 3 };

struct mem_group {
	const char *name; /* for people: no other group has the same */
	const char *path; /* the executable, the control group; NULL */
	uint64_t id;      /* of the user, session, parent or process; else 0 */
	bool has_id;
	bool kernel;                        /* threads of the kernel: they map nothing */
	size_t first, processes;            /* its keys */
	const struct group_share *share;    /* NULL: not known */
	struct mem_with with[MEM_WITH_MAX]; /* most first */
	size_t n_with;
};

/* Where a group stands in the list is its number. */
struct mem_groups {
	enum mem_by by;
	struct mem_group *group;
	size_t n;
	uint64_t *key; /* member_key() of every process with memory of its own, sorted */
	size_t n_keys;
	size_t unnamed; /* processes of which is not known what they belong to */
	/* Sums over the groups of which something is known; absent: of none. */
	struct reading rss, pss, pss_error, uss, swap, page_tables;
	bool outside; /* no thread of the kernel is seen: a pid namespace, others have memory too */
	bool all;     /* every process that there is was measured, or estimated */
	struct mem_account account;
};

/*
 * Group the processes of f by what the table process and those of mem_groups_tables() say. What the
 * groups point to is in a and f. 0 or -ENOMEM.
 */
int mem_groups_make(const struct frame *f, enum mem_by by, struct arena *a, struct mem_groups *ret);

/* Tables besides process that groups by this are made of; ends with TABLE_none. */
const enum table_id *mem_groups_tables(enum mem_by by);

/* Fold group_share, shared_object, object_share and the kernel's own numbers of f into g. */
void mem_groups_fold(struct mem_groups *g, const struct frame *f);

/* With whom the groups share most, by object_share. */
void mem_shares_fold(struct mem_groups *g, const struct table *shares);

/* What of tmpfs and shared memory is mapped, by shared_object; absent: not known. */
struct reading mem_shares_shmem(const struct frame *f);

#endif
