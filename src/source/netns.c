/* SPDX-License-Identifier: MIT */
#include "source/netns.h"

#include "base/cursor.h"

#include <errno.h>
#include <stdio.h>

/* More namespaces than that are counted as lost: container hosts have hundreds, not thousands. */
enum { NETNS_MAX = 1024 };

uint64_t netns_inode(struct host *h, const char *path, int *ret_err)
{
	char text[64];
	ssize_t n = host_link(h, path, text, sizeof(text));
	uint64_t inode;

	*ret_err = n < 0 ? (int)n : -EINVAL;
	struct cursor c = cursor_of(text, n < 0 ? 0 : (size_t)n);

	if (!cursor_lit(&c, "net:[") || !cursor_u64(&c, &inode))
		return 0;
	*ret_err = 0;
	return inode;
}

/* Neighbours in the list of processes mostly share a namespace: look at the last one first. */
static struct netns *row_of(struct table *t, uint64_t key, size_t *last)
{
	struct netns *rows = t->row;

	if (rows[*last].netns == key)
		return &rows[*last];
	for (size_t i = 0; i < t->n; i++) {
		if (rows[i].netns == key) {
			*last = i;
			return &rows[i];
		}
	}
	return NULL;
}

static int count_in(struct table *t, uint64_t key, uint64_t pid, size_t *last)
{
	struct netns *row = row_of(t, key, last);

	if (!row && t->n >= NETNS_MAX) {
		t->lost++;
		return 0;
	}
	if (!row) {
		row = table_add(t);
		if (!row)
			return -ENOMEM;
		*last = t->n - 1;
		row->netns = key;
		row_set(&row->has, NETNS_netns);
		row_set(&row->has, NETNS_processes);
	}
	row->processes++;
	if (!row_has(row->has, NETNS_pid) || pid < row->pid)
		row_put(t->schema, row, NETNS_pid, pid);
	return 0;
}

static int look_at_processes(struct probe *p, struct table *t, uint64_t own, size_t *ret_denied)
{
	const struct table *processes = probe_used(p, TABLE_process);
	size_t last = 0;

	for (table_each(const struct process, proc, processes)) {
		char path[64];
		int err;

		/* Kernel threads stay where the kernel started. */
		if (proc->kthread)
			continue;
		if (probe_late(p))
			return -ETIME;
		snprintf(path, sizeof(path), "proc/%llu/ns/net", (unsigned long long)proc->pid);
		uint64_t inode = netns_inode(p->host, path, &err);

		if (err == -EACCES || err == -EPERM)
			(*ret_denied)++;
		if (inode == 0)
			continue;
		err = count_in(t, inode == own ? 0 : inode, proc->pid, &last);
		if (err < 0)
			return err;
	}
	return 0;
}

const struct netns *netns_next(
	const struct probe *p, const struct netns *at, size_t most, uint64_t *lost)
{
	const struct table *t = probe_used(p, TABLE_netns);
	const struct netns *rows = t ? t->row : NULL;
	size_t i = at ? (size_t)(at - rows) + 1 : 0;

	/* Sorted by number: our own, which is 0, is the first. */
	if (i == 0 && t && t->n > 0 && rows->netns == 0)
		i = 1;
	if (!t || i >= t->n)
		return NULL;
	if (i < most && !probe_late(p))
		return &rows[i];
	*lost += t->n - i;
	return NULL;
}

bool netns_is_gone(int err)
{
	return err == -ENOENT || err == -ESRCH;
}

static int read_netns(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_netns);
	size_t denied = 0;
	int err;

	if (!t)
		return 0;
	struct netns *self = table_add(t);

	if (!self)
		return -ENOMEM;
	row_set(&self->has, NETNS_netns);
	row_set(&self->has, NETNS_processes);
	uint64_t own = netns_inode(p->host, "proc/self/ns/net", &err);

	/*
	 * Without its own inode every process would seem to be elsewhere: then there is only own.
	 */
	t->state = STATE_OK;
	if (own == 0)
		return 0;
	err = look_at_processes(p, t, own, &denied);
	if (err == -ETIME)
		table_fail(t, STATE_LATE, "not all processes were asked for their namespace");
	else if (denied > 0)
		table_fail(t, STATE_OK, "processes not looked into: %zu (needs CAP_SYS_PTRACE)",
			denied);
	else if (t->lost > 0)
		table_fail(t, STATE_OK, "more than %d network namespaces", NETNS_MAX);
	return err == -ETIME ? 0 : err;
}

const struct source source_netns = {
	.name = "netns",
	.fills = { TABLE_netns },
	.uses = { TABLE_process },
	.deadline_ns = 300000000,
	.read = read_netns,
};
