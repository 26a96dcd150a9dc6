/* SPDX-License-Identifier: MIT */
/* UDP sockets of the network namespaces that a check asks for. */
#include "source/source.h"
#include "source/tcp_diag.h"
#include "source/udp_line.h"

#include <errno.h>
#include <stdio.h>

/* More are counted as lost; those that dropped nothing and hold nothing do not count. */
enum { ROWS_MAX = 20000, FILE_MAX = 16 << 20 };

static int parse_line(struct cursor line, struct table *t)
{
	struct udp_line l;

	if (!udp_line_ends(line, &l) || !udp_line_rest(&l) || !l.has_drops)
		return -EINVAL;
	t->seen++;
	if (l.drops == 0 && l.receive_queue == 0)
		return 0;
	if (t->n >= ROWS_MAX) {
		t->lost++;
		return 0;
	}
	struct udp_socket *s = table_add(t);

	if (!s)
		return -ENOMEM;
	row_put(t->schema, s, UDP_SOCKET_netns, 0);
	row_put(t->schema, s, UDP_SOCKET_inode, l.inode);
	row_put(t->schema, s, UDP_SOCKET_family, l.family);
	s->local = tcp_diag_address(t, l.family, l.local);
	if (!s->local)
		return -ENOMEM;
	row_set(&s->has, UDP_SOCKET_local);
	row_put(t->schema, s, UDP_SOCKET_local_port, l.local_port);
	row_put(t->schema, s, UDP_SOCKET_uid, l.uid);
	row_put(t->schema, s, UDP_SOCKET_receive_queue, l.receive_queue);
	row_put(t->schema, s, UDP_SOCKET_drops, l.drops);
	return 0;
}

/*
 * Parse /proc/net/udp or udp6, only sockets that hold or have dropped something, into rows whose
 * netns is 0: of another namespace the caller changes it.
 *
 * Shape:  a head, then a line a socket (source/udp_line.h).
 * Errors: -EINVAL malformed, -ENODATA no head.
 * Source: net/ipv4/udp.c, udp4_seq_show(); net/ipv6/udp.c; drops since 2.6.27.
 */
int udp_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	size_t before = t->n;
	int err = udp_line_head(&c) ? 0 : -ENODATA;

	while (err == 0 && udp_line_next(&c, &line))
		err = parse_line(line, t);
	if (err < 0)
		table_cut(t, before);
	return err;
}

static int read_file(struct probe *p, struct table *t, uint64_t netns, const char *path)
{
	auto_strbuf text = { 0 };
	size_t before = t->n;
	int err = host_read_all(p->host, path, FILE_MAX, &text);

	if (err == 0)
		err = udp_parse(strbuf_text(&text), text.len, t);
	t->lost += text.len == FILE_MAX; /* one at least was not seen */
	for (size_t i = before; i < t->n; i++)
		row_put(t->schema, table_at(t, i), UDP_SOCKET_netns, netns);
	return err;
}

/* /proc/PID/net is the namespace of the process: no need to go there. */
static uint64_t pid_in(const struct probe *p, uint64_t netns)
{
	const struct netns *ns = table_find(probe_used(p, TABLE_netns), netns);

	return ns && row_has(ns->has, NETNS_pid) ? ns->pid : 0;
}

static int read_udp(struct probe *p)
{
	static const char *const names[] = { "udp", "udp6" };
	struct table *t = probe_table(p, TABLE_udp_socket);
	size_t answers = 0;
	int first = 0;

	for (size_t i = 0; t && i < p->n_asked[TABLE_udp_socket]; i++) {
		uint64_t netns = p->asked[TABLE_udp_socket][i];
		uint64_t pid = netns ? pid_in(p, netns) : 0;

		for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
			char path[64];

			if (pid)
				snprintf(path, sizeof(path), "proc/%llu/net/%s",
					(unsigned long long)pid, names[k]);
			else
				snprintf(path, sizeof(path), "proc/net/%s", names[k]);
			int err = netns && !pid   ? -ESRCH
				  : probe_late(p) ? -ETIME
						  : read_file(p, t, netns, path);

			if (err == -ENOMEM)
				return err;
			answers += err == 0;
			first = first ? first : err;
		}
	}
	if (t && answers > 0 && first == -ETIME)
		table_fail(t, STATE_LATE, "not all network namespaces were read in time");
	else if (t && answers > 0)
		t->state = STATE_OK;
	return answers > 0 ? 0 : first;
}

const struct source source_udp = {
	.name = "udp",
	.fills = { TABLE_udp_socket },
	.uses = { TABLE_netns },
	.cost = COST_ASKED,
	.deadline_ns = 400000000,
	.read = read_udp,
};
