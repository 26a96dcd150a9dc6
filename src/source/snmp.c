/* SPDX-License-Identifier: MIT */
#include "source/keys.h"
#include "source/source.h"

#include <errno.h>
#include <string.h>

static const struct key tcp[] = {
	{ "ActiveOpens", SNMP_tcp_active_opens },
	{ "PassiveOpens", SNMP_tcp_passive_opens },
	{ "CurrEstab", SNMP_tcp_established },
	{ "InSegs", SNMP_tcp_in_segments },
	{ "OutSegs", SNMP_tcp_out_segments },
	{ "RetransSegs", SNMP_tcp_retransmitted },
	{ "OutRsts", SNMP_tcp_out_resets },
};
static const struct key udp[] = {
	{ "InErrors", SNMP_udp_in_errors },
	{ "RcvbufErrors", SNMP_udp_receive_buffer_errors },
};
static const struct key tcp_ext[] = {
	{ "ListenOverflows", SNMP_tcp_listen_overflows },
	{ "ListenDrops", SNMP_tcp_listen_drops },
	{ "SyncookiesSent", SNMP_tcp_syn_cookies_sent },
	{ "TCPReqQFullDrop", SNMP_tcp_req_queue_full_drops },
	{ "TCPToZeroWindowAdv", SNMP_tcp_zero_window_sent },
	{ "TCPMemoryPressures", SNMP_tcp_memory_pressures },
	{ "TCPAbortOnMemory", SNMP_tcp_abort_on_memory },
	{ "TCPTimeouts", SNMP_tcp_timeouts },
};
static const struct {
	const char *name;
	const struct key *keys;
	size_t n;
} sections[] = {
	{ "Tcp:", tcp, ARRAY_SIZE(tcp) },
	{ "Udp:", udp, ARRAY_SIZE(udp) },
	{ "TcpExt:", tcp_ext, ARRAY_SIZE(tcp_ext) },
};

/* Names and values pair off. A value that no column wants may be anything: MaxConn is -1. */
static int parse_pair(struct cursor names, struct cursor values, const struct key *keys, size_t n,
	struct snmp *row)
{
	uint64_t seen = 0, number;
	struct span name, value;

	while (cursor_word(&names, &name)) {
		if (!cursor_word(&values, &value))
			return -EINVAL;
		struct cursor digits = cursor_span(value);
		bool plain = cursor_u64(&digits, &number) && cursor_end(&digits);
		int err = 0;

		if (plain) {
			err = keys_put(keys, n, &seen, name, number, schemas[TABLE_snmp], row);
		} else {
			for (size_t i = 0; i < n; i++)
				err = span_eq(name, keys[i].name) ? -EINVAL : err;
		}
		if (err < 0)
			return err;
	}
	cursor_blank(&values);
	return cursor_end(&values) ? 0 : -EINVAL;
}

static int parse_sections(struct cursor c, struct snmp *row)
{
	bool met[ARRAY_SIZE(sections)] = { 0 };
	struct cursor names, values;
	struct span title, again;

	while (cursor_line(&c, &names)) {
		if (!cursor_word(&names, &title))
			continue;
		if (!cursor_line(&c, &values) || !cursor_word(&values, &again) ||
			again.len != title.len || memcmp(again.at, title.at, title.len) != 0)
			return -EINVAL;
		for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
			if (!span_eq(title, sections[i].name))
				continue;
			int err = met[i] ? -EINVAL
					 : parse_pair(names, values, sections[i].keys,
						   sections[i].n, row);

			if (err < 0)
				return err;
			met[i] = true;
		}
	}
	return 0;
}

/*
 * Parse /proc/net/snmp, with /proc/net/netstat behind it or without, into one row whose netns is
 * 0: of another namespace the caller changes it.
 *
 * Shape:  two lines a section, "Tcp: NAME NAME ..." and "Tcp: N N ...", paired by place.
 * Errors: -EINVAL malformed, unpaired or repeated, -ENODATA no "Tcp:".
 * Source: net/ipv4/proc.c, snmp_seq_show() and netstat_seq_show(); 3.10 to 6.18.
 */
int snmp_parse(const char *buf, size_t len, struct table *t)
{
	struct snmp s = { 0 };
	int err = parse_sections(cursor_of(buf, len), &s);

	if (err < 0)
		return err;
	if (!row_has(s.has, SNMP_tcp_in_segments))
		return -ENODATA;
	row_put(schemas[TABLE_snmp], &s, SNMP_netns, 0);
	struct snmp *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = s;
	return 0;
}

static int read_snmp(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_snmp);
	auto_strbuf text = { 0 }, more = { 0 };

	if (!t)
		return 0;
	int err = host_read_all(p->host, "proc/net/snmp", 65536, &text);

	if (err == 0 && host_read_all(p->host, "proc/net/netstat", 65536, &more) == 0)
		strbuf_add(&text, more.bytes ? more.bytes : "", more.len);
	probe_bytes(t, "proc/net/snmp", text.failed ? -ENOMEM : err, &text, snmp_parse);
	return 0;
}

const struct source source_snmp = {
	.name = "snmp",
	.fills = { TABLE_snmp },
	.deadline_ns = 500000000,
	.read = read_snmp,
};
