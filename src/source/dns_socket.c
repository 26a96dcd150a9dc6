/* SPDX-License-Identifier: MIT */
/*
 * UDP sockets that are connected to a name server: what a stub resolver has open while it waits.
 * From /proc/net/udp, which every kernel has and no right is needed for; of other network
 * namespaces from /proc/PID/net/udp of a process in them.
 */
#include "source/netns.h"
#include "source/tcp_diag.h"
#include "source/udp_line.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * A namespace costs a walk through the table of all UDP sockets of the machine, so only some of a
 * container host's are looked into.
 */
enum { NAMESPACES_MAX = 9, FILE_MAX = 4 << 20, DNS_PORT = 53 };

static int take_line(struct cursor line, struct table *t)
{
	struct udp_line l;

	if (!udp_line_ends(line, &l))
		return -EINVAL;
	if (l.state != TCP_STATE_ESTABLISHED || l.peer_port != DNS_PORT)
		return 0;
	if (!udp_line_rest(&l))
		return -EINVAL;
	struct dns_socket *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, DNS_SOCKET_inode, l.inode);
	row->server = tcp_diag_address(t, l.family, l.peer);
	if (!row->server)
		return -ENOMEM;
	row_set(&row->has, DNS_SOCKET_server);
	row_put(t->schema, row, DNS_SOCKET_local_port, l.local_port);
	row_put(t->schema, row, DNS_SOCKET_uid, l.uid);
	row_put(t->schema, row, DNS_SOCKET_receive_queue, l.receive_queue);
	if (l.has_drops)
		row_put(t->schema, row, DNS_SOCKET_drops, l.drops);
	return 0;
}

/*
 * Parse /proc/net/udp or udp6 for sockets connected to port 53, a row each.
 *
 * Shape:  a line of names, then a line a socket (source/udp_line.h).
 * Errors: -EINVAL malformed line, -ENODATA no line of names.
 * Source: net/ipv4/udp.c, udp4_seq_show(); net/ipv6/udp.c.
 */
int dns_socket_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	size_t before = t->n;
	int err = udp_line_head(&c) ? 0 : -ENODATA;

	while (err == 0 && udp_line_next(&c, &line))
		err = take_line(line, t);
	if (err < 0)
		table_cut(t, before);
	return err;
}

/* 0 or -errno. IPv6 may be off: then its file is not there. */
static int read_files(struct probe *p, struct table *t, uint64_t netns, uint64_t pid)
{
	static const char *const names[] = { "udp", "udp6" };
	auto_strbuf text = { 0 };
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names) && err == 0; i++) {
		char path[64];
		size_t from = t->n;

		if (netns == 0)
			snprintf(path, sizeof(path), "proc/net/%s", names[i]);
		else
			snprintf(path, sizeof(path), "proc/%llu/net/%s", (unsigned long long)pid,
				names[i]);
		err = host_read_all(p->host, path, FILE_MAX, &text);
		if (err == 0)
			err = dns_socket_parse(strbuf_text(&text), text.len, t);
		else if (err == -ENOENT && i > 0)
			err = 0;
		t->lost += text.len == FILE_MAX; /* one at least was not seen */
		for (; from < t->n; from++)
			row_put(t->schema, table_at(t, from), DNS_SOCKET_netns, netns);
	}
	return err;
}

static int read_dns_socket(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_dns_socket);
	const struct netns *ns = NULL;

	if (!t)
		return 0;
	int err = read_files(p, t, 0, 0);

	if (err < 0)
		return err;
	t->state = STATE_OK;
	while ((ns = netns_next(p, ns, NAMESPACES_MAX, &t->lost))) {
		/* Its last process may be gone by now. */
		if (row_has(ns->has, NETNS_pid) && read_files(p, t, ns->netns, ns->pid) == -ENOMEM)
			return -ENOMEM;
	}
	return 0;
}

const struct source source_dns_socket = {
	.name = "dns_socket",
	.fills = { TABLE_dns_socket },
	.uses = { TABLE_netns },
	.deadline_ns = 300000000,
	.read = read_dns_socket,
};
