/* SPDX-License-Identifier: MIT */
#include "source/keys.h"
#include "source/netns.h"

#include <errno.h>
#include <stdio.h>
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
static const struct key ip[] = {
	{ "FragCreates", SNMP_ip_fragments_made },
	{ "FragFails", SNMP_ip_fragment_fails },
};
static const struct key udp[] = {
	{ "InDatagrams", SNMP_udp_in_datagrams },
	{ "InErrors", SNMP_udp_in_errors },
	{ "RcvbufErrors", SNMP_udp_receive_buffer_errors },
	{ "InCsumErrors", SNMP_udp_checksum_errors },
	{ "MemErrors", SNMP_udp_memory_errors },
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
	{ "TCPSynRetrans", SNMP_tcp_syn_retransmits },
	{ "TCPLossProbes", SNMP_tcp_loss_probes },
	{ "TCPDSACKRecv", SNMP_tcp_dsack_received },
	{ "TCPRcvQDrop", SNMP_tcp_receive_queue_drops },
	{ "TCPTimeWaitOverflow", SNMP_tcp_time_wait_overflows },
	{ "TCPFastRetrans", SNMP_tcp_fast_retransmits },
	{ "TCPSackRecovery", SNMP_tcp_sack_recoveries },
};
static const struct key udp6[] = {
	{ "Udp6InDatagrams", SNMP_udp6_in_datagrams },
	{ "Udp6RcvbufErrors", SNMP_udp6_receive_buffer_errors },
	{ "Udp6InCsumErrors", SNMP_udp6_checksum_errors },
	{ "Udp6MemErrors", SNMP_udp6_memory_errors },
};
static const struct {
	const char *name;
	const struct key *keys;
	size_t n;
} sections[] = {
	{ "Ip:", ip, ARRAY_SIZE(ip) },
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

static int take6(struct cursor c, struct snmp *row)
{
	struct cursor line;
	uint64_t seen = 0;

	while (cursor_line(&c, &line)) {
		struct span name;
		uint64_t value;

		if (!cursor_word(&line, &name))
			continue;
		if (!span_starts(name, "Udp6"))
			continue;
		if (!cursor_u64(&line, &value))
			return -EINVAL;
		int err = keys_put(
			udp6, ARRAY_SIZE(udp6), &seen, name, value, schemas[TABLE_snmp], row);

		if (err < 0)
			return err;
	}
	return row_has(row->has, SNMP_udp6_in_datagrams) ? 0 : -ENODATA;
}

/*
 * Parse /proc/net/snmp6 into a row that has only what it tells.
 *
 * Shape:  "NAME N" lines.
 * Errors: -EINVAL malformed or repeated, -ENODATA no Udp6InDatagrams.
 * Source: net/ipv6/proc.c, snmp6_seq_show(); 3.10 to 6.18.
 */
int snmp6_parse(const char *buf, size_t len, struct table *t)
{
	struct snmp s = { 0 };
	int err = take6(cursor_of(buf, len), &s);

	if (err < 0)
		return err;
	struct snmp *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = s;
	return 0;
}

/* One file of a directory net/ behind what text has. */
static int read_more(struct host *h, const char *net, const char *name, struct strbuf *text)
{
	auto_strbuf more = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", net, name);
	int err = host_read_all(h, path, 65536, &more);

	if (err == 0)
		strbuf_add(text, strbuf_text(&more), more.len);
	return text->failed ? -ENOMEM : err;
}

/* A row of the counters in a directory net/; without IPv6 or netstat it has less cells. */
static int read_namespace(struct host *h, const char *net, struct table *t)
{
	auto_strbuf text = { 0 };
	auto_strbuf six = { 0 };
	int err = read_more(h, net, "snmp", &text);

	if (err == 0 && read_more(h, net, "netstat", &text) == -ENOMEM)
		err = -ENOMEM;
	if (err == 0)
		err = snmp_parse(strbuf_text(&text), text.len, t);
	if (err == 0 && read_more(h, net, "snmp6", &six) == 0) {
		struct snmp *row = table_at(t, t->n - 1), whole = *row;

		if (take6(cursor_of(strbuf_text(&six), six.len), &whole) == 0)
			*row = whole;
	}
	return err;
}

/* /proc/PID/net is the namespace of the process: no need to go there. */
static int read_others(struct probe *p, struct table *t)
{
	const struct netns *ns = NULL;

	while ((ns = netns_next(p, ns, NETNS_READ_MAX, &t->lost))) {
		char net[48];

		snprintf(net, sizeof(net), "proc/%llu/net", (unsigned long long)ns->pid);
		int err = read_namespace(p->host, net, t);

		if (err == -ENOMEM)
			return err;
		if (err == 0)
			row_put(t->schema, table_at(t, t->n - 1), SNMP_netns, ns->netns);
		else if (!netns_is_gone(err))
			t->lost++;
	}
	return 0;
}

static int read_snmp(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_snmp);

	if (!t)
		return 0;
	int err = read_namespace(p->host, "proc/net", t);

	if (err == -EINVAL || err == -ENODATA)
		table_fail(
			t, STATE_BROKEN, "/proc/net/snmp: not in the form that this murphy knows");
	if (err < 0)
		return err;
	t->state = STATE_OK;
	return read_others(p, t);
}

const struct source source_snmp = {
	.name = "snmp",
	.fills = { TABLE_snmp },
	.uses = { TABLE_netns },
	.deadline_ns = 500000000,
	.read = read_snmp,
};
