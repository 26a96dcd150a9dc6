/* SPDX-License-Identifier: MIT */
#include "check/tcp_retrans_cap.h"

#include "base/human.h"
#include "check/entity.h"
#include "model/tcp.h"

/* Lost by chance they come one at a time; what a limit or a full queue drops comes in a row. */
#define BURST 3.0
#define OURS_RATIO 0.8
/* Had arrived already: reordered, not lost. */
#define SPURIOUS_RATIO 0.5

struct loss_caps *loss_caps_find(struct judgement *j, const struct model *m)
{
	struct loss_caps *list = arena_new(&j->arena, sizeof(*list));

	if (!list)
		return NULL;
	for (table_each(struct tcp_socket, s, frame_table(m->now, TABLE_tcp_socket))) {
		struct tcp_cap cap = tcp_cap_by_loss(m, s);

		if (cap.kind == TCP_CAP_LOSS && list->n < LOSS_CAPS_MAX)
			list->of[list->n++] = (struct loss_cap){ .socket = s, .cap = cap };
	}
	return list;
}

bool loss_caps_ask(struct judgement *j, const struct model *m, const struct loss_caps *list)
{
	bool known = true;

	for (size_t i = 0; i < list->n; i++)
		known &= judge_ask(j, m, TABLE_socket_owner, list->of[i].socket->inode);
	return known;
}

static bool same_path(const struct loss_cap *a, const struct loss_cap *b)
{
	return a->socket->netns == b->socket->netns && a->socket->peer == b->socket->peer;
}

/* The transfers to one peer. */
struct sum {
	double bytes_per_s, lost;
	size_t n;
	struct reading burst; /* lost at a time; absent: others lost as well */
	bool reordered;
};

static struct sum sum_of(const struct model *m, const struct loss_caps *list, size_t first)
{
	struct sum sum = { .burst = reading_none(STATE_ABSENT) };

	for (size_t i = first; i < list->n; i++) {
		if (!same_path(&list->of[first], &list->of[i]))
			continue;
		sum.bytes_per_s += list->of[i].cap.bytes_per_s;
		sum.lost += list->of[i].cap.lost;
		sum.n++;
	}
	for (table_each(struct snmp, row, frame_table(m->now, TABLE_snmp))) {
		if (row->netns != list->of[first].socket->netns)
			continue;
		double fast = model_grown(m, TABLE_snmp, row, SNMP_tcp_fast_retransmits);
		double times = model_grown(m, TABLE_snmp, row, SNMP_tcp_sack_recoveries);
		double again = model_grown(m, TABLE_snmp, row, SNMP_tcp_retransmitted);

		if (times > 0 && fast > 0 && sum.lost >= OURS_RATIO * again)
			sum.burst = reading_of(fast / times);
		/* Nothing known of the namespace is no reordering. */
		sum.reordered =
			again > 0 && model_grown(m, TABLE_snmp, row, SNMP_tcp_dsack_received) >=
					     SPURIOUS_RATIO * again;
	}
	return sum;
}

static void add_evidence(struct finding *f, const struct loss_cap *z, const struct sum *sum)
{
	const struct reading none = reading_none(STATE_ABSENT);

	finding_evidence(f, "cap.lost_ratio", UNIT_RATIO, reading_of(z->cap.lost_ratio),
		"sock_diag tcpi_total_retrans, tcpi_segs_out", none,
		"little, but TCP goes slower for each that it takes for congestion");
	finding_evidence(f, "cap.lost", UNIT_COUNT, reading_of(sum->lost),
		"sock_diag tcpi_total_retrans", reading_of(TCP_CAP_LOST), "during the look");
	finding_evidence(f, "cap.burst", UNIT_COUNT, sum->burst,
		"/proc/net/netstat TCPFastRetrans, TCPSackRecovery", reading_of(BURST),
		reading_ok(sum->burst) ? "lost at a time; by chance it would be one"
				       : "other connections lose as well");
	finding_evidence(f, "tcp_socket.rtt_ns", UNIT_NS, reading_of((double)z->socket->rtt_ns),
		"sock_diag tcpi_rtt", none,
		"a queue that overflows is full before, and makes it longer");
	finding_evidence(f, "tcp_socket.min_rtt_ns", UNIT_NS, reading_of((double)z->cap.rtt_ns),
		"sock_diag tcpi_min_rtt", none, "at best");
	finding_evidence(f, "cap.busy_ratio", UNIT_RATIO, reading_of(z->cap.busy_ratio),
		"sock_diag tcpi_busy_time", reading_of(TCP_CAP_BUSY),
		"of the look it had data to send, and room in window and buffer");
}

static const char *cause_of(const struct sum *sum)
{
	if (!reading_ok(sum->burst))
		return "TCP takes each loss for congestion and slows down, but nothing queues on "
		       "the way: a rate limit drops what is above it (a policer), or the path "
		       "damages some";
	if (sum->burst.value >= BURST)
		return "whenever the sender gets faster several segments in a row are dropped, and "
		       "no queue grows before: a rate limit that drops what is above it (a "
		       "policer of a provider, a cloud, a VPN), or a queue much too short for so "
		       "long a path";
	return "single segments are lost, at any rate and with no queue before: a cable, an optic, "
	       "a radio link or an overbooked path on the way damages them, and TCP takes each for "
	       "congestion";
}

static void add_todo(
	struct judgement *j, const struct model *m, struct finding *f, const struct loss_cap *z)
{
	const char *peer = table_text(frame_table(m->now, TABLE_tcp_socket), z->socket->peer);
	const char *enter = netns_enter(j, z->socket->netns, netns_pid(m, z->socket->netns));

	finding_todo(f, judge_text(j,
				"see it (rtt:NOW/, minrtt, cwnd, ssthresh, retrans):  %sss -tino "
				"dst %s",
				enter, peer));
	finding_todo(f, judge_text(j,
				"compare the rate with what was bought for this path, and with "
				"limits on the way here (dropped):  %stc -s qdisc; %stc -s filter "
				"show dev DEVICE ingress",
				enter, enter));
	finding_todo(f, "send a fifth slower (curl --limit-rate, rsync --bwlimit): when nothing is "
			"lost any more it was a rate limit; when the share stays, the path");
	finding_todo(f, "in the program or for its routes: pace below the limit "
			"(SO_MAX_PACING_RATE), or BBR, which does not slow down for single losses");
}

static void report(struct judgement *j, const struct model *m, struct loss_caps *list, size_t first)
{
	const struct loss_cap *z = &list->of[first];
	struct sum sum = sum_of(m, list, first);
	const struct tcp_socket *s = z->socket;

	for (size_t i = first; i < list->n; i++)
		list->of[i].told |= same_path(z, &list->of[i]);
	if (sum.reordered)
		return;
	struct finding *f = judge_finding(j, SEVERITY_INFO, CONFIDENCE_LIKELY);
	struct entity peer =
		entity_peer(j, frame_table(m->now, TABLE_tcp_socket), s->family, s->peer, 0);

	finding_culprit(f, peer);
	for (size_t i = first; i < list->n; i++) {
		const struct socket_owner *owner =
			same_path(z, &list->of[i]) ? tcp_owner(m, list->of[i].socket->inode) : NULL;

		if (owner)
			finding_victim_once(f, entity_process(j, m, owner->pid));
	}
	add_evidence(f, z, &sum);
	f->title = judge_text(j,
		"%zu connection%s to %s %s %s/s (%.3g Mbit/s), held down by losses: %s, with no "
		"queue before",
		sum.n, sum.n == 1 ? "" : "s", peer.name, sum.n == 1 ? "carries" : "carry",
		human_bytes(sum.bytes_per_s).s, sum.bytes_per_s * 8 / 1e6,
		human_ratio(z->cap.lost_ratio).s);
	f->cause = cause_of(&sum);
	add_todo(j, m, f, z);
	f->refuted_if = "the program limits its rate by itself, or the rate stays the same when "
			"nothing is lost";
	f->share = z->cap.lost_ratio;
}

void loss_caps_report(struct judgement *j, const struct model *m, struct loss_caps *list)
{
	for (size_t i = 0; i < list->n; i++) {
		if (!list->of[i].told)
			report(j, m, list, i);
	}
}
