/* SPDX-License-Identifier: MIT */
#include "check/net_drops.h"

static enum verdict judge(const struct model *m, struct judgement *j)
{
	size_t told = 0;

	if (model_elapsed_ns(m, TABLE_snmp) == 0)
		return judge_unknown(j, m, TABLE_snmp);
	if (!net_drops_udp(j, m, &told))
		return VERDICT_ASK;
	net_drops_links(j, m, &told);
	net_drops_queues(j, m, &told);
	net_drops_tables(j, m, &told);
	if (told > 0)
		return VERDICT_SAD;
	/* A machine without connection tracking has no such table: that is no blind spot. */
	return model_elapsed_ns(m, TABLE_link) == 0 ? judge_unknown(j, m, TABLE_link)
						    : VERDICT_FINE;
}

const struct check check_net_drops = {
	.id = "net.drops",
	.question = "Are packets dropped on this machine: by sockets, interfaces, full tables?",
	.explains = { "tcp.retrans", "name.slow" },
	.needs = { { .table = TABLE_snmp, .rate = true },
		{ .table = TABLE_link, .rate = true, .optional = true },
		{ .table = TABLE_qdisc, .rate = true, .optional = true },
		{ .table = TABLE_conntrack, .rate = true, .optional = true },
		{ .table = TABLE_neighbor, .rate = true, .optional = true },
		{ .table = TABLE_netns_setting, .optional = true },
		{ .table = TABLE_netns, .optional = true },
		{ .table = TABLE_udp_socket, .ask = true },
		{ .table = TABLE_socket_owner, .ask = true } },
	.models = { MODEL_process },
	.judge = judge,
};
