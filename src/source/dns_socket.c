/* SPDX-License-Identifier: MIT */
/*
 * UDP sockets that are connected to a name server: what a stub resolver has open while it waits.
 * From /proc/net/udp, which every kernel has and no right is needed for; of other network
 * namespaces from /proc/PID/net/udp of a process in them.
 */
#include "base/cursor.h"
#include "source/source.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * A namespace costs a walk through the table of all UDP sockets of the machine, so only some of a
 * container host's are looked into.
 */
enum { NAMESPACES_MAX = 9, FILE_MAX = 4 << 20, DNS_PORT = 53, ESTABLISHED = 1 };
enum { HEX_V4 = 8, HEX_V6 = 32 };

/* One 32-bit word in hex, as the machine has it in memory; little-endian. */
static bool take_word(struct cursor *c, uint32_t *ret_word)
{
	struct cursor hex = cursor_of(c->at, 8);
	uint64_t word;

	if (cursor_left(c) < 8 || *c->at == ' ' || !cursor_x64(&hex, &word) || !cursor_end(&hex))
		return false;
	*ret_word = (uint32_t)word;
	c->at += 8;
	return true;
}

/* "0100007F:0035", "0000...:0035": address and port. */
static bool take_end(struct span s, char text[INET6_ADDRSTRLEN], uint64_t *ret_port)
{
	struct cursor c = cursor_span(s);
	uint32_t words[4] = { 0 };
	struct span address;
	size_t n = 0;

	if (!cursor_until(&c, ':', &address) || (address.len != HEX_V4 && address.len != HEX_V6) ||
		!cursor_x64(&c, ret_port))
		return false;
	c = cursor_span(address);
	while (n < address.len / HEX_V4 && take_word(&c, &words[n]))
		n++;
	if (n != address.len / HEX_V4)
		return false;
	for (size_t i = 0; i < n; i++)
		words[i] = htole32(words[i]);
	/* "::ffff:1.2.3.4" of a socket for both is the address that it means. */
	bool mapped = n == 4 && words[0] == 0 && words[1] == 0 && words[2] == htonl(0xffff);

	return inet_ntop(n == 1 || mapped ? AF_INET : AF_INET6, mapped ? &words[3] : words, text,
		       INET6_ADDRSTRLEN) != NULL;
}

/* "sl local rem st tx:rx tr:when retr uid timeout inode ref pointer drops" */
static int take_line(struct cursor c, struct table *t)
{
	char server[INET6_ADDRSTRLEN], local[INET6_ADDRSTRLEN];
	struct span word, ends[2];
	uint64_t state, port, local_port, queue, uid, inode, drops = 0;

	if (!cursor_word(&c, &word) || !cursor_word(&c, &ends[0]) || !cursor_word(&c, &ends[1]) ||
		!cursor_x64(&c, &state) || !take_end(ends[0], local, &local_port) ||
		!take_end(ends[1], server, &port))
		return -EINVAL;
	if (state != ESTABLISHED || port != DNS_PORT)
		return 0;
	if (!cursor_x64(&c, &queue) || !cursor_lit(&c, ":") || !cursor_x64(&c, &queue) ||
		!cursor_word(&c, &word) || !cursor_word(&c, &word) || !cursor_u64(&c, &uid) ||
		!cursor_word(&c, &word) || !cursor_u64(&c, &inode))
		return -EINVAL;
	bool has_drops = cursor_word(&c, &word) && cursor_word(&c, &word) && cursor_u64(&c, &drops);
	struct dns_socket *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, DNS_SOCKET_inode, inode);
	row_put(t->schema, row, DNS_SOCKET_server, table_intern(t, server, strlen(server)));
	row_put(t->schema, row, DNS_SOCKET_local_port, local_port);
	row_put(t->schema, row, DNS_SOCKET_uid, uid);
	row_put(t->schema, row, DNS_SOCKET_receive_queue, queue);
	if (has_drops)
		row_put(t->schema, row, DNS_SOCKET_drops, drops);
	return 0;
}

/*
 * Parse /proc/net/udp or udp6 for sockets connected to port 53, a row each.
 *
 * Shape:  a line of names, then a line a socket; addresses in hex, words as in memory.
 * Errors: -EINVAL malformed line, -ENODATA no line of names.
 * Source: net/ipv4/udp.c, udp4_format_sock(); net/ipv6/datagram.c, __ip6_dgram_sock_seq_show().
 */
int dns_socket_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	size_t before = t->n;
	int err = 0;

	if (len == 0 || !cursor_line(&c, &line))
		return -ENODATA;
	while (err == 0 && cursor_line(&c, &line)) {
		/* The file was cut within its last line. */
		if (!cursor_end(&line) && (!cursor_end(&c) || buf[len - 1] == '\n'))
			err = take_line(line, t);
	}
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
		for (; from < t->n; from++)
			row_put(t->schema, table_at(t, from), DNS_SOCKET_netns, netns);
	}
	return err;
}

static int read_dns_socket(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_dns_socket);
	const struct table *spaces = probe_used(p, TABLE_netns);
	size_t n = 1;

	if (!t)
		return 0;
	int err = read_files(p, t, 0, 0);

	if (err < 0)
		return err;
	t->state = STATE_OK;
	for (table_each(const struct netns, ns, spaces)) {
		if (ns->netns == 0 || !row_has(ns->has, NETNS_pid))
			continue;
		if (n == NAMESPACES_MAX || probe_late(p)) {
			t->lost++;
			continue;
		}
		n++;
		/* Its last process may be gone by now. */
		if (read_files(p, t, ns->netns, ns->pid) == -ENOMEM)
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
