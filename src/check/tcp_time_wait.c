/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/tcp.h"

/*
 * Who closes first stays in TIME_WAIT for 60 s, 300 bytes and no descriptor: thousands of them are
 * everyday. Only net.ipv4.tcp_max_tw_buckets (of each namespace) ends that: from there on
 * connections are forgotten at once (net/ipv4/tcp_minisocks.c, tcp_time_wait()). Nobody waits for
 * that, so it is info. Ports that run out are tcp.ports.
 */
#define NEAR_RATIO 0.9
#define NEAR_WHY "the rest goes in one burst; what ends then is forgotten at once"
#define OVER_WHY "each was forgotten at once instead of after 60 s"
/* Of those of the namespace: less says nothing of who made them. */
#define MOST_RATIO 0.5

struct space {
	uint64_t netns;
	double waiting;
	struct reading most, over; /* tcp_max_tw_buckets; forgotten during the look */
	const struct tcp_flow *to; /* the peer that most were opened to from here; NULL: none */
	double out;                /* all that were opened from here */
};

static void find_flows(const struct model *m, struct space *s)
{
	for (table_each(struct tcp_flow, f, frame_table(m->now, TABLE_tcp_flow))) {
		if (f->netns != s->netns)
			continue;
		s->out += (double)f->time_wait;
		if (!s->to || f->time_wait > s->to->time_wait)
			s->to = f;
	}
}

static struct reading overflows(const struct model *m, uint64_t netns)
{
	const struct snmp *row = table_find(frame_table(m->now, TABLE_snmp), netns);

	return row ? model_delta(m, TABLE_snmp, row, SNMP_tcp_time_wait_overflows)
		   : reading_none(STATE_ABSENT);
}

static bool is_over(const struct space *s)
{
	return reading_ok(s->over) && s->over.value > 0;
}

static bool is_near(const struct space *s)
{
	return reading_ok(s->most) && s->most.value > 0 && s->waiting >= NEAR_RATIO * s->most.value;
}

static void add_evidence(
	struct judgement *j, const struct model *m, struct finding *f, const struct space *s)
{
	if (reading_ok(s->over))
		finding_evidence(f, "snmp.tcp_time_wait_overflows", UNIT_COUNT, s->over,
			netns_source(j, s->netns, "/proc/net/netstat"), reading_of(1), OVER_WHY);
	if (reading_ok(s->most) && s->most.value > 0)
		finding_evidence(f, "time_wait.ratio", UNIT_RATIO,
			reading_of(s->waiting / s->most.value), "sock_diag, tcp_max_tw_buckets",
			reading_of(NEAR_RATIO), NEAR_WHY);
	finding_evidence(f, "time_wait.sockets", UNIT_COUNT, reading_of(s->waiting), "sock_diag",
		reading_none(STATE_ABSENT), "60 s each");
	finding_evidence(f, "netns_setting.time_wait_max", UNIT_COUNT, s->most,
		netns_source(j, s->netns, "/proc/sys/net/ipv4/tcp_max_tw_buckets"),
		reading_none(STATE_ABSENT), NULL);
	finding_evidence(f, "time_wait.opened_here", UNIT_COUNT, reading_of(s->out), "sock_diag",
		reading_none(STATE_ABSENT),
		"of these, as far as their ports tell; the others came in, and this side closes "
		"first");
}

static void report(struct judgement *j, const struct model *m, const struct space *s)
{
	bool out = s->to && s->out >= MOST_RATIO * s->waiting && s->out > 0;
	const struct table *flows = frame_table(m->now, TABLE_tcp_flow);
	const char *enter = netns_enter(j, s->netns, netns_pid(m, s->netns));
	struct finding *f = judge_finding(j, SEVERITY_INFO, CONFIDENCE_CERTAIN);

	add_evidence(j, m, f, s);
	if (out)
		finding_culprit(
			f, entity_peer(j, flows, s->to->family, s->to->peer, s->to->peer_port));
	finding_culprit(f, entity_host());
	if (is_over(s))
		f->title = judge_text(j,
			"The table of TIME_WAIT sockets is full: %.0f were forgotten at once",
			s->over.value);
	else
		f->title = judge_text(j, "The table of TIME_WAIT sockets is nearly full: %s of %s",
			human_number(s->waiting).s, human_number(s->most.value).s);
	f->cause = judge_text(j,
		"%s, and net.ipv4.tcp_max_tw_buckets remembers no more of them; a late segment of "
		"a forgotten one is answered by a reset, or may meet a new connection, which is "
		"rare",
		out ? "most are connections that were opened from here and closed here, one for "
		      "each request"
		    : "connections that came in are closed by this side first, one for each "
		      "request");
	finding_todo(f, judge_text(j,
				"see whose they are:  %sss -tanH state time-wait | awk '{print "
				"$3, $4}' | sed 's/:[0-9]* / /' | sort | uniq -c | sort -rn | head",
				enter));
	finding_todo(f, out ? "in the program: keep connections open and use them again (a pool, "
			      "HTTP keep-alive)"
			    : "in the server: let connections live (HTTP keep-alive), or let the "
			      "client close first: who does so has the TIME_WAIT");
	finding_todo(f, judge_text(j,
				"if memory allows (300 bytes each) double it, with sysctl -w:  "
				"%ssysctl net.ipv4.tcp_max_tw_buckets",
				enter));
	f->refuted_if = "this stands still:  nstat -az TcpExtTCPTimeWaitOverflow";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct table *settings = frame_table(m->now, TABLE_netns_setting);
	bool found = false;

	for (table_each(struct tcp_total, t, frame_table(m->now, TABLE_tcp_total))) {
		if (t->state != TCP_STATE_TIME_WAIT)
			continue;
		struct space s = { .netns = t->netns, .waiting = (double)t->sockets };
		const struct netns_setting *set = table_find(settings, s.netns);

		s.most = set ? table_cell(settings, set, NETNS_SETTING_time_wait_max)
			     : reading_none(STATE_ABSENT);
		s.over = overflows(m, s.netns);
		if (!is_over(&s) && !is_near(&s))
			continue;
		find_flows(m, &s);
		report(j, m, &s);
		found = true;
	}
	return found ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_tcp_time_wait = {
	.id = "tcp.time-wait",
	.question = "Do more connections end than the table of TIME_WAIT remembers?",
	.needs = { { .table = TABLE_tcp_total }, { .table = TABLE_netns_setting },
		{ .table = TABLE_snmp, .rate = true, .optional = true },
		{ .table = TABLE_tcp_flow, .optional = true },
		{ .table = TABLE_netns, .optional = true } },
	.models = { MODEL_process },
	.judge = judge,
};
