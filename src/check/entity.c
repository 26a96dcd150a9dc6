/* SPDX-License-Identifier: MIT */
#include "check/entity.h"

#include "base/cursor.h"
#include "base/strbuf.h"
#include "engine/metric.h"
#include "model/process.h"
#include "model/tcp.h"
#include "model/unit.h"

#include <string.h>

enum { FAMILY_IPV6 = 10 };

struct entity entity_host(void)
{
	return (struct entity){ .kind = ENTITY_HOST, .name = "" };
}

static const char *comm_of(const struct model *m, uint64_t pid)
{
	const struct process_facts *p = process_find(m->process, pid);
	const struct table *t = frame_table(m->now, TABLE_process);
	const struct process *row = p ? NULL : table_find(t, pid);

	return p ? p->comm : row ? table_text(t, row->comm) : "";
}

static const char *cgroup_of(const struct model *m, uint64_t pid)
{
	const struct table *t = frame_table(m->now, TABLE_process_cgroup);
	const struct process_cgroup *row = table_find(t, pid);

	return row && row_has(row->has, PROCESS_CGROUP_path) ? table_text(t, row->path) : NULL;
}

struct entity entity_process(struct judgement *j, const struct model *m, uint64_t pid)
{
	const char *cgroup = cgroup_of(m, pid);

	return (struct entity){ .kind = ENTITY_PROCESS,
		.name = judge_text(j, "%s", comm_of(m, pid)),
		.pid = pid,
		.cgroup = cgroup ? judge_text(j, "%s", cgroup) : NULL };
}

struct entity entity_cgroup(struct judgement *j, const char *path)
{
	return (struct entity){ .kind = ENTITY_CGROUP, .name = judge_text(j, "%s", path) };
}

static const char *endpoint(
	struct judgement *j, const struct table *t, uint32_t family, text_t address, uint32_t port)
{
	return judge_text(
		j, family == FAMILY_IPV6 ? "[%s]:%u" : "%s:%u", table_text(t, address), port);
}

struct entity entity_bound(struct judgement *j, const struct table *t, uint32_t family,
	text_t address, uint32_t port, uint64_t pid)
{
	return (struct entity){
		.kind = ENTITY_LISTENER, .name = endpoint(j, t, family, address, port), .pid = pid
	};
}

struct entity entity_listener(
	struct judgement *j, const struct table *t, const struct tcp_socket *s, uint64_t pid)
{
	return entity_bound(j, t, s->family, s->local, s->local_port, pid);
}

struct entity entity_peer(
	struct judgement *j, const struct table *t, uint32_t family, text_t address, uint32_t port)
{
	return (struct entity){ .kind = ENTITY_PEER,
		.name = port ? endpoint(j, t, family, address, port)
			     : judge_text(j, "%s", table_text(t, address)) };
}

struct entity entity_interface(struct judgement *j, const struct model *m, const struct link *l)
{
	const char *name = table_text(frame_table(m->now, TABLE_link), l->name);

	return (struct entity){ .kind = ENTITY_INTERFACE,
		.name = judge_text(j, "%s", name),
		.detail = l->netns ? judge_text(j, "in network namespace %llu",
					     (unsigned long long)l->netns)
				   : NULL };
}

uint64_t netns_pid(const struct model *m, uint64_t netns)
{
	const struct netns *ns = netns ? table_find(frame_table(m->now, TABLE_netns), netns) : NULL;

	return ns && row_has(ns->has, NETNS_pid) ? ns->pid : 0;
}

const char *netns_source(struct judgement *j, uint64_t netns, const char *file)
{
	if (netns == 0)
		return file;
	return judge_text(j, "%s of network namespace %llu", file, (unsigned long long)netns);
}

void finding_victim_once(struct finding *f, struct entity e)
{
	for (size_t i = 0; i < f->n_victims; i++) {
		if (entity_same(&f->victims[i], &e))
			return;
	}
	finding_victim(f, e);
}

struct entity entity_connection(
	struct judgement *j, const struct table *t, const struct tcp_socket *s, uint64_t pid)
{
	const char *local = endpoint(j, t, s->family, s->local, s->local_port);
	const char *peer = endpoint(j, t, s->family, s->peer, s->peer_port);

	return (struct entity){
		.kind = ENTITY_CONNECTION, .name = judge_text(j, "%s %s", local, peer), .pid = pid
	};
}

/* Tables whose key is in another's row, and what stands there is called. */
static const struct naming {
	enum table_id table;
	unsigned int column;
	enum entity_kind kind;
} namings[] = {
	{ TABLE_cgroup, CGROUP_path, ENTITY_CGROUP },
	{ TABLE_mount, MOUNT_target, ENTITY_MOUNT },
	{ TABLE_disk, DISK_name, ENTITY_DEVICE },
	{ TABLE_slab, SLAB_name, ENTITY_SLAB },
	{ TABLE_systemd_unit, SYSTEMD_UNIT_name, ENTITY_UNIT },
	{ TABLE_md, MD_name, ENTITY_DEVICE },
	{ TABLE_swap, SWAP_path, ENTITY_DEVICE },
	{ TABLE_carrier, CARRIER_name, ENTITY_DEVICE },
};

static const struct naming *naming_of(enum table_id id)
{
	for (size_t i = 0; i < ARRAY_SIZE(namings); i++) {
		if (namings[i].table == id)
			return &namings[i];
	}
	for (size_t i = 0; i < ARRAY_SIZE(namings); i++) {
		if (metric_join(id, namings[i].table) >= 0)
			return &namings[i];
	}
	return NULL;
}

enum table_id entity_names(enum table_id id)
{
	const struct naming *n = naming_of(id);

	if (metric_join(id, TABLE_process) >= 0 && (!n || n->table != id))
		return TABLE_process;
	return n && n->table != id ? n->table : TABLE_none;
}

/* "softnet cpu=3" */
static const char *row_keys(struct judgement *j, const struct table *t, const void *row)
{
	const struct schema *s = t->schema;
	auto_strbuf text = { 0 };

	strbuf_puts(&text, s->name);
	for (unsigned int i = 0; i < s->n_columns && s->columns[i].role == ROLE_KEY; i++) {
		const struct column *c = &s->columns[i];
		struct reading r = table_cell(t, row, i);
		text_t at;

		memcpy(&at, (const char *)row + c->offset, sizeof(at));
		if (c->type == TYPE_text)
			strbuf_printf(&text, " %s=%s", c->name, table_text(t, at));
		else if (reading_ok(r))
			strbuf_printf(&text, " %s=%.0f", c->name, r.value);
	}
	return judge_text(j, "%s", strbuf_text(&text));
}

static const char *row_name(const struct table *t, const void *row, unsigned int column)
{
	text_t at;

	memcpy(&at, (const char *)row + t->schema->columns[column].offset, sizeof(at));
	return table_text(t, at);
}

struct entity entity_row(
	struct judgement *j, const struct model *m, enum table_id id, const void *row)
{
	const struct table *t = frame_table(m->now, id);
	const struct naming *n = naming_of(id);
	int pid = metric_join(id, TABLE_process);

	if (id == TABLE_tcp_socket) {
		const struct tcp_socket *s = row;

		return s->state == TCP_STATE_LISTEN ? entity_listener(j, t, s, 0)
						    : entity_connection(j, t, s, 0);
	}
	if (pid >= 0 && (!n || n->table != id)) {
		struct reading r = table_cell(t, row, (unsigned int)pid);

		return reading_ok(r) ? entity_process(j, m, (uint64_t)r.value) : entity_host();
	}
	if (n && n->table == id)
		return (struct entity){ .kind = n->kind,
			.name = judge_text(j, "%s", row_name(t, row, n->column)) };
	if (n) {
		const struct table *names = frame_table(m->now, n->table);
		struct reading key = table_cell(t, row, (unsigned int)metric_join(id, n->table));
		const void *named = reading_ok(key) ? table_find(names, (uint64_t)key.value) : NULL;

		if (named)
			return (struct entity){ .kind = n->kind,
				.name = judge_text(j, "%s", row_name(names, named, n->column)) };
	}
	return (struct entity){ .kind = ENTITY_ROW, .name = row_keys(j, t, row) };
}

const char *process_label(struct judgement *j, const struct model *m, uint64_t pid)
{
	const char *comm = comm_of(m, pid);

	if (!comm[0])
		return judge_text(j, "pid %llu", (unsigned long long)pid);
	return judge_text(j, "%s (pid %llu)", comm, (unsigned long long)pid);
}

const char *shell_word(struct judgement *j, const char *text)
{
	auto_strbuf word = { 0 };

	strbuf_add_shell_word(&word, text);
	return judge_text(j, "%s", word.failed ? "''" : word.bytes);
}

const char *system_unit(struct judgement *j, const char *path)
{
	struct span unit = unit_of_path(path ? path : "");

	return unit.len ? judge_text(j, "%.*s", (int)unit.len, unit.at) : NULL;
}

const char *restart_command(struct judgement *j, const struct model *m, uint64_t pid)
{
	const char *cgroup = cgroup_of(m, pid);
	const char *unit = system_unit(j, cgroup);

	/* user@1000.service is all that this user runs. */
	if (unit && span_ends(span_of(unit), ".service") && strncmp(unit, "user@", 5) != 0)
		return judge_text(j, "systemctl restart %s", shell_word(j, unit));
	return judge_text(j, "kill -TERM %llu", (unsigned long long)pid);
}

const char *netns_enter(struct judgement *j, uint64_t netns, uint64_t pid)
{
	if (netns == 0 || pid == 0)
		return "";
	return judge_text(j, "nsenter -t %llu -n ", (unsigned long long)pid);
}
