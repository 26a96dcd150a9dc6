/* SPDX-License-Identifier: MIT */
#include "model/tcp.h"

#include <string.h>

const char *tcp_state_name(uint32_t state)
{
	static const char *const names[TCP_STATES] = { [0] = "?",
		[TCP_STATE_ESTABLISHED] = "ESTABLISHED",
		[TCP_STATE_SYN_SENT] = "SYN_SENT",
		[TCP_STATE_SYN_RECV] = "SYN_RECV",
		[TCP_STATE_FIN_WAIT1] = "FIN_WAIT1",
		[TCP_STATE_FIN_WAIT2] = "FIN_WAIT2",
		[TCP_STATE_TIME_WAIT] = "TIME_WAIT",
		[TCP_STATE_CLOSE] = "CLOSE",
		[TCP_STATE_CLOSE_WAIT] = "CLOSE_WAIT",
		[TCP_STATE_LAST_ACK] = "LAST_ACK",
		[TCP_STATE_LISTEN] = "LISTEN",
		[TCP_STATE_CLOSING] = "CLOSING",
		[TCP_STATE_NEW_SYN_RECV] = "SYN_RECV" };

	return names[state < TCP_STATES ? state : 0];
}

const struct socket_owner *tcp_owner(const struct model *m, uint64_t inode)
{
	return inode ? table_find(frame_table(m->now, TABLE_socket_owner), inode) : NULL;
}

const struct tcp_socket *tcp_before(const struct model *m, const struct tcp_socket *s)
{
	return table_same(
		frame_table(m->was, TABLE_tcp_socket), frame_table(m->now, TABLE_tcp_socket), s);
}

static bool loops_back(const struct model *m, const struct tcp_flow *flow)
{
	const char *peer = table_text(frame_table(m->now, TABLE_tcp_flow), flow->peer);

	return strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0;
}

struct port_use tcp_ports(const struct model *m, const struct tcp_flow *flow)
{
	const struct netns_setting *set =
		table_find(frame_table(m->now, TABLE_netns_setting), flow->netns);
	struct port_use use = { .used = flow->established + flow->other };

	if (!set || !row_has(set->has, NETNS_SETTING_port_low))
		return use;
	use.total = set->port_high - set->port_low + 1;
	if (row_has(set->has, NETNS_SETTING_ports_reserved) && set->ports_reserved < use.total)
		use.total -= set->ports_reserved;
	/*
	 * net/ipv4/tcp_ipv4.c, tcp_twsk_unique(): after a second, when both sides have timestamps.
	 */
	use.reuses =
		row_has(set->has, NETNS_SETTING_time_wait_reuse) &&
		(set->time_wait_reuse == 1 || (set->time_wait_reuse == 2 && loops_back(m, flow)));
	if (!use.reuses)
		use.used += flow->time_wait;
	return use;
}

/* The sum of a counter's growth over all namespaces that were read in both frames. */
static struct reading grown(const struct model *m, unsigned int column)
{
	struct reading sum = reading_none(STATE_ABSENT);

	for (table_each(struct snmp, row, frame_table(m->now, TABLE_snmp))) {
		struct reading r = model_delta(m, TABLE_snmp, row, column);

		if (reading_ok(r))
			sum = reading_of(sum.value + r.value);
	}
	return sum;
}

static void fold_traffic(struct tcp_model *tm, const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_snmp);
	double seconds = (double)model_elapsed_ns(m, TABLE_snmp) / 1e9;
	struct reading in = grown(m, SNMP_tcp_in_segments);
	struct reading out = grown(m, SNMP_tcp_out_segments);
	struct reading again = grown(m, SNMP_tcp_retransmitted);

	tm->listen_overflows = grown(m, SNMP_tcp_listen_overflows);
	for (table_each(struct snmp, row, t)) {
		if (row_has(row->has, SNMP_tcp_listen_overflows))
			tm->listen_overflows_ever = reading_of(tm->listen_overflows_ever.value +
							       (double)row->tcp_listen_overflows);
	}
	if (reading_ok(in))
		tm->in_segments_per_s = ratio_of(in.value, seconds);
	if (reading_ok(out))
		tm->out_segments_per_s = ratio_of(out.value, seconds);
	/* A few segments say nothing about a ratio; without any it would be 0/0. */
	if (reading_ok(out) && reading_ok(again))
		tm->retransmit_ratio = ratio_of(again.value, out.value + again.value);
}

static int step(void *self, const struct model *m, struct arena *a UNUSED)
{
	struct tcp_model *tm = self;
	const struct table *t = frame_table(m->now, TABLE_tcp_total);
	const struct sockstat *use = frame_row(m->now, TABLE_sockstat);
	const struct sysctl *set = frame_row(m->now, TABLE_sysctl);

	*tm = (struct tcp_model){ .state = t ? t->state : STATE_ABSENT };
	fold_traffic(tm, m);
	if (use && set && row_has(use->has, SOCKSTAT_tcp_memory_bytes) &&
		row_has(set->has, SYSCTL_net_tcp_mem_max_bytes))
		tm->memory_ratio =
			ratio_of((double)use->tcp_memory_bytes, (double)set->net_tcp_mem_max_bytes);
	if (!table_usable(t)) {
		for (size_t i = 0; i < TCP_STATES; i++)
			tm->sockets[i] =
				reading_none(tm->state == STATE_OK ? STATE_ABSENT : tm->state);
		return 0;
	}
	for (size_t i = 0; i < TCP_STATES; i++)
		tm->sockets[i] = reading_of(0);
	for (table_each(struct tcp_total, row, t)) {
		if (row->state < TCP_STATES)
			tm->sockets[row->state].value += (double)row->sockets;
	}
	return 0;
}

const struct model_row model_tcp = {
	.name = "tcp",
	.needs = { { .table = TABLE_tcp_total, .optional = true },
		{ .table = TABLE_snmp, .rate = true, .optional = true },
		{ .table = TABLE_sockstat, .optional = true },
		{ .table = TABLE_sysctl, .optional = true } },
	.size = sizeof(struct tcp_model),
	.step = step,
};
