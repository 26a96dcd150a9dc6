/* SPDX-License-Identifier: MIT */
#include "model/limits.h"

#include "model/spaces.h"
#include "model/tcp.h"

#include <string.h>

static const char *const whats[LIMIT_KINDS] = {
	[LIMIT_PROCESS_FDS] = "open files",
	[LIMIT_HOST_FILES] = "open files of the host",
	[LIMIT_PIDS] = "process ids",
	[LIMIT_THREADS] = "threads",
	[LIMIT_CGROUP_MEMORY] = "memory without page cache",
	[LIMIT_CGROUP_PIDS] = "tasks",
	[LIMIT_USER_TASKS] = "tasks",
	[LIMIT_SPACE] = "space",
	[LIMIT_INODES] = "inodes",
	[LIMIT_ACCEPT_QUEUE] = "accept queue",
	[LIMIT_TCP_MEMORY] = "TCP memory",
	[LIMIT_PORTS] = "local ports",
	[LIMIT_CONNTRACK] = "tracked connections",
	[LIMIT_NEIGHBORS] = "neighbours (ARP, NDP)",
};

/* Version 1 writes "no limit" as the largest multiple of a page. */
static const uint64_t NO_MEMORY_LIMIT = (uint64_t)1 << 60;

static void drop(struct limits_model *lm, size_t i)
{
	memmove(&lm->row[i], &lm->row[i + 1], (lm->n - i - 1) * sizeof(lm->row[0]));
	lm->n--;
}

/* Keep l if it is one of the nearest of its kind. */
static void offer(struct limits_model *lm, struct limit l)
{
	size_t of_kind = 0, last = 0, at = 0;

	if (l.limit == 0)
		return;
	l.what = whats[l.kind];
	l.ratio = (double)l.used / (double)l.limit;
	for (size_t i = 0; i < lm->n; i++) {
		if (lm->row[i].kind == l.kind) {
			of_kind++;
			last = i;
		}
	}
	if (of_kind == LIMITS_PER_KIND) {
		if (lm->row[last].ratio >= l.ratio)
			return;
		drop(lm, last);
	}
	while (at < lm->n && lm->row[at].ratio >= l.ratio)
		at++;
	memmove(&lm->row[at + 1], &lm->row[at], (lm->n - at) * sizeof(lm->row[0]));
	lm->row[at] = l;
	lm->n++;
}

static void fold_processes(struct limits_model *lm, const struct model *m)
{
	const struct table *names = frame_table(m->now, TABLE_process);
	const struct table *limits = frame_table(m->now, TABLE_process_limits);

	for (table_each(struct process_fd, fd, frame_table(m->now, TABLE_process_fd))) {
		const struct process_limits *l = table_find(limits, fd->pid);
		const struct process *p = l ? table_find(names, fd->pid) : NULL;

		if (!l || !row_has(l->has, PROCESS_LIMITS_fd_soft) ||
			!row_has(fd->has, PROCESS_FD_open))
			continue;
		offer(lm, (struct limit){ .kind = LIMIT_PROCESS_FDS,
				  .name = p ? table_text(names, p->comm) : "",
				  .pid = fd->pid,
				  .unit = UNIT_COUNT,
				  .used = fd->open,
				  .limit = l->fd_soft });
	}
}

static void fold_host(struct limits_model *lm, const struct model *m)
{
	const struct sysctl *s = frame_row(m->now, TABLE_sysctl);
	const struct loadavg *load = frame_row(m->now, TABLE_loadavg);
	const struct sockstat *net = frame_row(m->now, TABLE_sockstat);

	if (!s)
		return;
	if (row_has(s->has, SYSCTL_fs_file_open) && row_has(s->has, SYSCTL_fs_file_max))
		offer(lm, (struct limit){ .kind = LIMIT_HOST_FILES,
				  .unit = UNIT_COUNT,
				  .used = s->fs_file_open,
				  .limit = s->fs_file_max });
	if (load && row_has(load->has, LOADAVG_tasks)) {
		struct limit pids = { .kind = LIMIT_PIDS,
			.unit = UNIT_COUNT,
			.used = load->tasks,
			.limit = row_has(s->has, SYSCTL_kernel_pid_max) ? s->kernel_pid_max : 0 };
		struct limit threads = pids;

		threads.kind = LIMIT_THREADS;
		threads.limit =
			row_has(s->has, SYSCTL_kernel_threads_max) ? s->kernel_threads_max : 0;
		offer(lm, pids);
		offer(lm, threads);
	}
	if (net && row_has(net->has, SOCKSTAT_tcp_memory_bytes) &&
		row_has(s->has, SYSCTL_net_tcp_mem_max_bytes))
		offer(lm, (struct limit){ .kind = LIMIT_TCP_MEMORY,
				  .unit = UNIT_BYTES,
				  .used = net->tcp_memory_bytes,
				  .limit = s->net_tcp_mem_max_bytes });
}

static void fold_cgroup_memory(struct limits_model *lm, const struct table *t,
	const struct cgroup *g, const struct cgroup_mem *what)
{
	/*
	 * A file cache that fills its group up to the limit is healthy: without it we cannot tell.
	 */
	if (!what || !row_has(what->has, CGROUP_MEM_inactive_file_bytes) ||
		!row_has(what->has, CGROUP_MEM_active_file_bytes) ||
		!row_has(g->has, CGROUP_memory_bytes) ||
		!row_has(g->has, CGROUP_memory_max_bytes) || g->memory_max_bytes >= NO_MEMORY_LIMIT)
		return;
	uint64_t cache = what->inactive_file_bytes + what->active_file_bytes;

	offer(lm, (struct limit){ .kind = LIMIT_CGROUP_MEMORY,
			  .name = table_text(t, g->path),
			  .unit = UNIT_BYTES,
			  .used = g->memory_bytes > cache ? g->memory_bytes - cache : 0,
			  .limit = g->memory_max_bytes });
}

static void fold_cgroups(struct limits_model *lm, const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_cgroup);
	const struct table *mem = frame_table(m->now, TABLE_cgroup_mem);

	for (table_each(struct cgroup, g, t)) {
		fold_cgroup_memory(lm, t, g, table_find(mem, g->id));
		if (row_has(g->has, CGROUP_pids) && row_has(g->has, CGROUP_pids_max))
			offer(lm, (struct limit){ .kind = LIMIT_CGROUP_PIDS,
					  .name = table_text(t, g->path),
					  .unit = UNIT_COUNT,
					  .used = g->pids,
					  .limit = g->pids_max });
	}
}

/* Root may have as many as he likes. */
static void fold_users(struct limits_model *lm, const struct model *m, struct arena *a)
{
	for (table_each(struct user_tasks, u, frame_table(m->now, TABLE_user_tasks))) {
		if (!row_has(u->has, USER_TASKS_limit) || u->uid == 0)
			continue;
		offer(lm, (struct limit){ .kind = LIMIT_USER_TASKS,
				  .name = arena_printf(a, "user %llu", (unsigned long long)u->uid),
				  .pid = u->pid,
				  .unit = UNIT_COUNT,
				  .used = u->threads,
				  .limit = u->limit });
	}
}

static void fold_spaces(struct limits_model *lm, const struct model *m)
{
	for (size_t i = 0; m->spaces && i < m->spaces->n; i++) {
		const struct space *s = &m->spaces->space[i];
		struct limit l = { .kind = LIMIT_SPACE,
			.name = s->target,
			.unit = UNIT_BYTES,
			/* As df counts: root's reserve is neither used nor there to be used. */
			.used = s->used_bytes,
			.limit = s->used_bytes + s->available_bytes };

		offer(lm, l);
		l.kind = LIMIT_INODES;
		l.unit = UNIT_COUNT;
		l.used = s->inodes - s->free_inodes;
		l.limit = s->inodes;
		offer(lm, l);
	}
}

static void fold_listeners(struct limits_model *lm, const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_tcp_socket);

	for (table_each(struct tcp_socket, s, t)) {
		if (s->state != TCP_STATE_LISTEN)
			continue;
		offer(lm, (struct limit){ .kind = LIMIT_ACCEPT_QUEUE,
				  .name = table_text(t, s->local),
				  .port = s->local_port,
				  .unit = UNIT_COUNT,
				  .used = s->receive_queue,
				  .limit = s->send_queue });
	}
}

static void fold_network(struct limits_model *lm, const struct model *m)
{
	const struct table *flows = frame_table(m->now, TABLE_tcp_flow);

	for (table_each(struct tcp_flow, flow, flows)) {
		struct port_use use = tcp_ports(m, flow);

		offer(lm, (struct limit){ .kind = LIMIT_PORTS,
				  .name = table_text(flows, flow->peer),
				  .port = flow->peer_port,
				  .unit = UNIT_COUNT,
				  .used = use.used,
				  .limit = use.total });
	}
	for (table_each(struct netns_setting, s, frame_table(m->now, TABLE_netns_setting))) {
		if (row_has(s->has, NETNS_SETTING_conntrack_entries) &&
			row_has(s->has, NETNS_SETTING_conntrack_max))
			offer(lm, (struct limit){ .kind = LIMIT_CONNTRACK,
					  .unit = UNIT_COUNT,
					  .used = s->conntrack_entries,
					  .limit = s->conntrack_max });
	}
	for (table_each(struct neighbor, n, frame_table(m->now, TABLE_neighbor))) {
		if (row_has(n->has, NEIGHBOR_entries) && row_has(n->has, NEIGHBOR_limit))
			offer(lm, (struct limit){ .kind = LIMIT_NEIGHBORS,
					  .unit = UNIT_COUNT,
					  .used = n->entries,
					  .limit = n->limit });
	}
}

static int step(void *self, const struct model *m, struct arena *a)
{
	struct limits_model *lm = self;

	lm->n = 0;
	fold_processes(lm, m);
	fold_host(lm, m);
	fold_cgroups(lm, m);
	fold_users(lm, m, a);
	fold_spaces(lm, m);
	fold_listeners(lm, m);
	fold_network(lm, m);
	return 0;
}

static bool keep_listener(const void *row)
{
	return ((const struct tcp_socket *)row)->state == TCP_STATE_LISTEN;
}

const struct model_row model_limits = {
	.name = "limits",
	.needs = { { .table = TABLE_process, .optional = true },
		{ .table = TABLE_process_fd, .optional = true },
		{ .table = TABLE_process_limits, .optional = true },
		{ .table = TABLE_sysctl, .optional = true },
		{ .table = TABLE_loadavg, .optional = true },
		{ .table = TABLE_sockstat, .optional = true },
		{ .table = TABLE_cgroup, .optional = true },
		{ .table = TABLE_cgroup_mem, .optional = true, .ask = true },
		{ .table = TABLE_user_tasks, .optional = true },
		{ .table = TABLE_tcp_socket, .optional = true, .keep = keep_listener },
		{ .table = TABLE_tcp_flow, .optional = true },
		{ .table = TABLE_netns_setting, .optional = true },
		{ .table = TABLE_neighbor, .optional = true } },
	.size = sizeof(struct limits_model),
	.step = step,
};
