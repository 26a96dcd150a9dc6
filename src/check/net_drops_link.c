/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "check/net_drops.h"

#include <string.h>

/*
 * rx_dropped and tx_dropped are not judged: they count what nobody wanted (protocols that are not
 * spoken here, VLANs that are not configured, broadcasts to a guest that is off), on every network.
 */
#define RX_SHARE 0.001
#define RX_WHY "at one in a thousand a TCP connection over 50 ms gets no more than 9 Mbit/s"
/* Queues that drop early on purpose, so that senders slow down. */
#define AQM_SHARE 0.05
#define AQM_WHY "it drops on purpose to slow senders down, but seldom as many"
#define TAIL_SHARE 0.01
#define TAIL_WHY "its queue is full: more is to be sent than may be"

enum { HARDWARE = 1, INFINIBAND = 32, FLAG_UP = 1 };
static const uint64_t ROOT = 0xffffffff;

/*
 * A card: software interfaces count other things as errors (tunnels: packets that were not meant).
 */
static bool is_card(const struct link *l)
{
	return (l->type == HARDWARE || l->type == INFINIBAND) && !row_has(l->has, LINK_kind) &&
	       (l->flags & FLAG_UP);
}

static const struct link *link_of(const struct model *m, uint64_t netns, uint64_t index)
{
	for (table_each(struct link, l, frame_table(m->now, TABLE_link))) {
		if (l->netns == netns && l->index == index)
			return l;
	}
	return NULL;
}

static void report_missed(
	struct judgement *j, const struct model *m, const struct link *l, double lost, double share)
{
	struct entity e = entity_interface(j, m, l);
	struct finding *f = judge_finding(j, SEVERITY_WARNING, CONFIDENCE_CERTAIN);
	const char *name = shell_word(j, e.name);

	finding_evidence(f, "link.rx_missed", UNIT_COUNT, reading_of(lost),
		"rtnetlink rx_missed_errors, rx_fifo_errors", reading_of(DROPS_MIN), DROPS_MIN_WHY);
	finding_evidence(f, "link.rx_missed_ratio", UNIT_RATIO, reading_of(share), "rtnetlink",
		reading_of(RX_SHARE), RX_WHY);
	finding_culprit(f, e);
	f->share = share;
	f->title = judge_text(j, "%s had to drop %s of the packets that came: its ring was full",
		e.name, human_ratio(share).s);
	f->cause = "the card's receive ring was full: the CPUs that its interrupts go to did not "
		   "fetch the packets in time (all on one CPU, a CPU that was taken away, a burst)";
	finding_todo(f, judge_text(j, "see the ring's size now and at most:  ethtool -g %s", name));
	finding_todo(f, judge_text(j,
				"see which counter of the driver grows:  ethtool -S %s | "
				"grep -iE 'miss|drop|no_buf|fifo' | grep -v ': 0$'",
				name));
	finding_todo(
		f, judge_text(j,
			   "for bursts, more room, up to what -g says (many drivers take the link "
			   "down for seconds):  ethtool -G %s rx N",
			   name));
	finding_todo(f, "spread its interrupts over CPUs (irqbalance, ethtool -L), and see "
			"net.softirq and cpu.steal");
	f->refuted_if = judge_text(j,
		"the counter stands still:  cat /sys/class/net/%s/statistics/rx_missed_errors",
		name);
}

static void report_broken(
	struct judgement *j, const struct model *m, const struct link *l, double lost, double share)
{
	struct entity e = entity_interface(j, m, l);
	struct finding *f = judge_finding(j, SEVERITY_WARNING, CONFIDENCE_CERTAIN);
	const char *name = shell_word(j, e.name);

	finding_evidence(f, "link.rx_errors", UNIT_COUNT, reading_of(lost), "rtnetlink rx_errors",
		reading_of(DROPS_MIN), DROPS_MIN_WHY);
	finding_evidence(f, "link.rx_errors_ratio", UNIT_RATIO, reading_of(share), "rtnetlink",
		reading_of(RX_SHARE), RX_WHY);
	finding_evidence(f, "link.rx_crc", UNIT_COUNT,
		reading_of(model_grown(m, TABLE_link, l, LINK_rx_crc)), "rtnetlink rx_crc_errors",
		reading_none(STATE_ABSENT), "of them with a wrong checksum: the cable's sign");
	finding_culprit(f, e);
	f->share = share;
	f->title = judge_text(
		j, "%s of the packets that come over %s are broken", human_ratio(share).s, e.name);
	f->cause = "frames arrive damaged: a cable, a transceiver, a port, or two ends that do not "
		   "agree on duplex or MTU";
	finding_todo(f, judge_text(j,
				"see speed, duplex and what the driver counts:  ethtool %s; "
				"ethtool -S %s | grep -iE 'err|crc' | grep -v ': 0$'",
				name, name));
	finding_todo(f, "change the cable or the transceiver, then the port of the switch");
	f->refuted_if = judge_text(
		j, "the counter stands still:  cat /sys/class/net/%s/statistics/rx_errors", name);
}

void net_drops_links(struct judgement *j, const struct model *m, size_t *told)
{
	for (table_each(struct link, l, frame_table(m->now, TABLE_link))) {
		if (!is_card(l))
			continue;
		double got = model_grown(m, TABLE_link, l, LINK_rx_packets);
		double fifo = model_grown(m, TABLE_link, l, LINK_rx_fifo);
		double missed = model_grown(m, TABLE_link, l, LINK_rx_missed);
		double broken = model_grown(m, TABLE_link, l, LINK_rx_errors);

		/* Some drivers count the same packets in both, and in errors too. */
		missed = missed > fifo ? missed : fifo;
		broken -= broken >= missed ? missed : 0;
		if (missed >= DROPS_MIN && missed / (got + missed) >= RX_SHARE) {
			report_missed(j, m, l, missed, missed / (got + missed));
			(*told)++;
		}
		if (broken >= DROPS_MIN && broken / (got + broken) >= RX_SHARE) {
			report_broken(j, m, l, broken, broken / (got + broken));
			(*told)++;
		}
	}
}

/* What really queues: below mq the queue of each hardware queue. */
static const char *kind_of(const struct model *m, const struct qdisc *root)
{
	const struct table *t = frame_table(m->now, TABLE_qdisc);
	const char *kind = table_text(t, root->kind);

	if (strcmp(kind, "mq") != 0)
		return kind;
	for (table_each(struct qdisc, q, t)) {
		if (q->netns == root->netns && q->index == root->index && q->parent != ROOT)
			return table_text(t, q->kind);
	}
	return kind;
}

static bool drops_early(const char *kind)
{
	static const char *const early[] = { "fq_codel", "codel", "cake", "cake_mq", "fq_pie",
		"pie", "red", "gred", "sfb", "choke", "dualpi2" };

	for (size_t i = 0; i < ARRAY_SIZE(early); i++) {
		if (strcmp(kind, early[i]) == 0)
			return true;
	}
	return false;
}

/* A full queue is saturation: who suffers from it says so himself (tcp.retrans). */
static void report_queue(struct judgement *j, const struct model *m, const struct qdisc *q,
	const struct link *l, double lost, double share)
{
	const char *kind = judge_text(j, "%s", kind_of(m, q));
	bool early = drops_early(kind);
	struct entity e = entity_interface(j, m, l);
	const char *enter = netns_enter(j, q->netns, netns_pid(m, q->netns));
	const char *name = shell_word(j, e.name);
	struct finding *f = judge_finding(j, SEVERITY_INFO, CONFIDENCE_CERTAIN);

	finding_evidence(f, "qdisc.drops", UNIT_COUNT, reading_of(lost), "rtnetlink TCA_STATS2",
		reading_of(DROPS_MIN), DROPS_MIN_WHY);
	finding_evidence(f, "qdisc.drops_ratio", UNIT_RATIO, reading_of(share), "rtnetlink",
		reading_of(early ? AQM_SHARE : TAIL_SHARE), early ? AQM_WHY : TAIL_WHY);
	finding_evidence(f, "qdisc.backlog_bytes", UNIT_BYTES,
		table_cell(frame_table(m->now, TABLE_qdisc), q, QDISC_backlog_bytes), "rtnetlink",
		reading_none(STATE_ABSENT), "waits now");
	finding_culprit(f, e);
	f->share = share;
	f->title = judge_text(j, "The queue of %s (%s) drops %s of what is to be sent", e.name,
		kind, human_ratio(share).s);
	f->cause = "more is sent than the interface, or the rate that was set for it, takes: the "
		   "link is full";
	finding_todo(f, judge_text(j, "watch it:  %stc -s qdisc show dev %s", enter, name));
	finding_todo(f, "find who sends so much, and whether the rate is what you pay for");
	finding_todo(f, "where a plain queue drops, fq_codel or fq with a shaper keeps delays "
			"short and hurts bulk senders only");
	f->refuted_if = "dropped in tc -s qdisc stands still";
}

void net_drops_queues(struct judgement *j, const struct model *m, size_t *told)
{
	for (table_each(struct qdisc, q, frame_table(m->now, TABLE_qdisc))) {
		const struct link *l = q->parent == ROOT ? link_of(m, q->netns, q->index) : NULL;
		double lost = l ? model_grown(m, TABLE_qdisc, q, QDISC_drops) : 0;
		double sent = l ? model_grown(m, TABLE_qdisc, q, QDISC_packets) : 0;
		double least = l && drops_early(kind_of(m, q)) ? AQM_SHARE : TAIL_SHARE;

		if (lost < DROPS_MIN || lost / (sent + lost) < least)
			continue;
		report_queue(j, m, q, l, lost, lost / (sent + lost));
		(*told)++;
	}
}
