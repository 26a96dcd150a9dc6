/* SPDX-License-Identifier: MIT */
/* UDP sockets of the network namespaces that a check asks for. */
#include "base/cursor.h"
#include "source/source.h"
#include "source/tcp_diag.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* More are counted as lost; those that dropped nothing and hold nothing do not count. */
enum { ROWS_MAX = 20000, FILE_MAX = 16 << 20 };

/* "0100007F:0035" or 32 digits: 32-bit words as this machine stores them. */
static bool parse_address(
	struct span word, uint8_t ret_bytes[16], uint32_t *ret_family, uint32_t *ret_port)
{
	struct cursor c = cursor_span(word);
	struct span digits;
	uint64_t port;

	if (!cursor_until(&c, ':', &digits) || (digits.len != 8 && digits.len != 32) ||
		!cursor_x64(&c, &port) || !cursor_end(&c) || port > UINT16_MAX)
		return false;
	for (size_t i = 0; i < digits.len / 8; i++) {
		struct cursor part = cursor_of(digits.at + 8 * i, 8);
		uint64_t value;

		if (!cursor_x64(&part, &value) || !cursor_end(&part))
			return false;
		uint32_t stored = (uint32_t)value;

		memcpy(ret_bytes + 4 * i, &stored, sizeof(stored));
	}
	*ret_family = digits.len == 8 ? AF_INET : AF_INET6;
	*ret_port = (uint32_t)port;
	return true;
}

/* What follows the addresses: state, queues, timer, retransmits, uid, time-out, inode, ... drops. */
static bool parse_rest(struct cursor *line, struct udp_socket *s)
{
	enum { TIMER, RETRANSMITS, UID, TIMEOUT, INODE, REFS, POINTER, DROPS, WORDS };
	struct span word[WORDS], queues, state;
	uint64_t uid, inode, drops, out, in;

	if (!cursor_word(line, &state) || !cursor_word(line, &queues))
		return false;
	for (size_t i = 0; i < WORDS; i++) {
		if (!cursor_word(line, &word[i]))
			return false;
	}
	struct cursor q = cursor_span(queues), u = cursor_span(word[UID]),
		      i = cursor_span(word[INODE]), d = cursor_span(word[DROPS]);

	if (!cursor_x64(&q, &out) || !cursor_lit(&q, ":") || !cursor_x64(&q, &in) ||
		!cursor_end(&q) || !cursor_u64(&u, &uid) || !cursor_end(&u) ||
		!cursor_u64(&i, &inode) || !cursor_end(&i) || !cursor_u64(&d, &drops) ||
		!cursor_end(&d))
		return false;
	row_put(schemas[TABLE_udp_socket], s, UDP_SOCKET_uid, uid);
	row_put(schemas[TABLE_udp_socket], s, UDP_SOCKET_inode, inode);
	row_put(schemas[TABLE_udp_socket], s, UDP_SOCKET_receive_queue, in);
	row_put(schemas[TABLE_udp_socket], s, UDP_SOCKET_drops, drops);
	return true;
}

static int parse_line(struct cursor *line, struct table *t)
{
	struct udp_socket s = { 0 };
	struct span slot, local, peer;
	uint8_t address[16];

	if (!cursor_word(line, &slot) || !cursor_word(line, &local) || !cursor_word(line, &peer) ||
		!parse_address(local, address, &s.family, &s.local_port) || !parse_rest(line, &s))
		return -EINVAL;
	t->seen++;
	if (s.drops == 0 && s.receive_queue == 0)
		return 0;
	if (t->n >= ROWS_MAX) {
		t->lost++;
		return 0;
	}
	row_put(t->schema, &s, UDP_SOCKET_netns, 0);
	row_put(t->schema, &s, UDP_SOCKET_family, s.family);
	row_put(t->schema, &s, UDP_SOCKET_local_port, s.local_port);
	s.local = tcp_diag_address(t, s.family, address);
	if (!s.local)
		return -ENOMEM;
	row_set(&s.has, UDP_SOCKET_local);
	struct udp_socket *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = s;
	return 0;
}

/*
 * Parse /proc/net/udp or udp6, only sockets that hold or have dropped something, into rows whose netns
 * is 0: of another namespace the caller changes it.
 *
 * Shape:  a head, then "sl local remote st tx:rx tr:when retrnsmt uid timeout inode ref pointer drops".
 * Errors: -EINVAL malformed, -ENODATA no head.
 * Source: net/ipv4/udp.c, udp4_seq_show(); net/ipv6/udp.c; drops since 2.6.27.
 */
int udp_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	size_t before = t->n;
	struct span word;
	int err = cursor_line(&c, &line) && cursor_word(&line, &word) && span_eq(word, "sl")
			  ? 0
			  : -ENODATA;

	while (err == 0 && cursor_line(&c, &line)) {
		cursor_blank(&line);
		if (!cursor_end(&line))
			err = parse_line(&line, t);
	}
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
	if (t && answers > 0)
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
