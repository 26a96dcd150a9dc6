/* SPDX-License-Identifier: MIT */
#include "check/entity.h"

#include "base/cursor.h"
#include "base/strbuf.h"
#include "model/process.h"

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

struct entity entity_listener(
	struct judgement *j, const struct table *t, const struct tcp_socket *s, uint64_t pid)
{
	return (struct entity){ .kind = ENTITY_LISTENER,
		.name = endpoint(j, t, s->family, s->local, s->local_port),
		.pid = pid };
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

const char *process_label(struct judgement *j, const struct model *m, uint64_t pid)
{
	const char *comm = comm_of(m, pid);

	if (!comm[0])
		return judge_text(j, "pid %llu", (unsigned long long)pid);
	return judge_text(j, "%s (pid %llu)", comm, (unsigned long long)pid);
}

const char *shell_word(struct judgement *j, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_./:@%+,=-";

	if (*text && text[strspn(text, plain)] == '\0')
		return text;
	auto_strbuf word = { 0 };

	strbuf_putc(&word, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			strbuf_puts(&word, "'\\''");
		else
			strbuf_putc(&word, *text);
	}
	strbuf_putc(&word, '\'');
	return judge_text(j, "%s", word.failed ? "''" : word.bytes);
}

/* The innermost part of path that is a service of systemd: a service may have groups below it. */
static struct span service_of(const char *path)
{
	struct cursor c = cursor_of(path, strlen(path));
	struct span part, service = { 0 };
	bool more = true;

	while (more) {
		more = cursor_until(&c, '/', &part);
		if (!more)
			part = (struct span){ c.at, cursor_left(&c) };
		size_t suffix = strlen(".service");

		if (part.len > suffix &&
			memcmp(part.at + part.len - suffix, ".service", suffix) == 0)
			service = part;
	}
	return service;
}

const char *restart_command(struct judgement *j, const struct model *m, uint64_t pid)
{
	const char *cgroup = cgroup_of(m, pid);
	struct span service = cgroup ? service_of(cgroup) : (struct span){ 0 };

	if (service.len > 0 && *service.at != '-')
		return judge_text(j, "systemctl restart %s",
			shell_word(j, judge_text(j, "%.*s", (int)service.len, service.at)));
	return judge_text(j, "kill -TERM %llu", (unsigned long long)pid);
}

const char *netns_enter(struct judgement *j, uint64_t netns, uint64_t pid)
{
	if (netns == 0 || pid == 0)
		return "";
	return judge_text(j, "nsenter -t %llu -n ", (unsigned long long)pid);
}
