/* SPDX-License-Identifier: MIT */
#include "check/net_softirq.h"
#include "base/human.h"
#include "check/entity.h"
#include "check/net_drops.h"
#include "model/cpu.h"
#include "model/process.h"

#include <stdio.h>
#include <string.h>

/*
 * What a card's queue, a veth or loopback delivers is processed in software interrupts of the CPU
 * that its interrupt went to. Packets for another CPU (RPS, and whatever has no NAPI of its own)
 * wait in that CPU's backlog, netdev_max_backlog long; what finds it full is dropped
 * (net/core/dev.c, enqueue_to_backlog()).
 */
#define LOST_SHARE 0.001
#define LOST_WHY "at one in a thousand a TCP connection over 50 ms gets no more than 9 Mbit/s"
#define BUSY_WHY "a CPU that does nothing else has no room for more packets"
#define MOST_RATIO 0.8
#define MOST_WHY "nearly all packets, so more CPUs would help"
/* A CPU can do 50 times that; below it, it may be busy with something else. */
#define MANY_PER_S 10000.0
/* One that encrypts has fewer. */
#define DEAR_PER_S 1000.0
/* With that no time left, the programs that send and receive may have a fifth of it. */
#define NO_IDLE_RATIO 0.02
#define BUSY_SHARED_RATIO 0.8
/* A packet takes some microseconds from device to device. */
#define DEAR_NS 20000.0
/* A full one of Ethernet. */
#define WIRE_BYTES 1514.0

static const struct cpu *cpu_of(const struct model *m, uint64_t id)
{
	for (table_each(struct cpu, cpu, frame_table(m->now, TABLE_cpu))) {
		if (cpu->id == (int64_t)id)
			return cpu;
	}
	return NULL;
}

/* What "ksoftirqd/3" used, of one CPU. */
static double daemon_ratio(const struct model *m, uint64_t cpu)
{
	char name[32];

	snprintf(name, sizeof(name), "ksoftirqd/%llu", (unsigned long long)cpu);
	for (size_t i = 0; m->process && i < m->process->n; i++) {
		const struct process_facts *p = &m->process->row[i];

		if (p->kthread && strcmp(p->comm, name) == 0 && reading_ok(p->cpu_ratio))
			return p->cpu_ratio.value;
	}
	return 0;
}

static double lost_share(const struct core *c)
{
	return c->dropped > 0 ? c->dropped / (c->processed + c->dropped) : 0;
}

static struct core look_at(const struct model *m, const struct softnet *row)
{
	const struct table *rounds = frame_table(m->now, TABLE_softirq);
	const struct cpu *cpu = cpu_of(m, row->cpu);
	const struct softirq *irq = table_find(rounds, row->cpu);
	struct core c = { .row = row };
	double daemon = daemon_ratio(m, row->cpu);

	c.processed = model_grown(m, TABLE_softnet, row, SOFTNET_processed);
	c.dropped = model_grown(m, TABLE_softnet, row, SOFTNET_dropped);
	c.squeezed = model_grown(m, TABLE_softnet, row, SOFTNET_squeezed);
	c.limited = model_grown(m, TABLE_softnet, row, SOFTNET_flow_limited);
	c.steered = model_grown(m, TABLE_softnet, row, SOFTNET_steered);
	c.rounds = irq ? model_grown(m, TABLE_softirq, irq, SOFTIRQ_net_rx) : 0;
	c.others = irq ? model_grown(m, TABLE_softirq, irq, SOFTIRQ_block) +
				   model_grown(m, TABLE_softirq, irq, SOFTIRQ_tasklet)
		       : 0;
	c.softirq = cpu ? cpu_part(m, cpu, CPU_softirq_ns) : reading_none(STATE_ABSENT);
	c.idle = cpu ? cpu_part(m, cpu, CPU_idle_ns) : reading_none(STATE_ABSENT);
	if (reading_ok(c.softirq) && daemon > c.softirq.value)
		c.softirq.value = daemon > 1 ? 1 : daemon;
	c.loses = c.dropped >= DROPS_MIN && lost_share(&c) >= LOST_SHARE;
	return c;
}

static bool full(const struct core *c)
{
	if (!reading_ok(c->softirq))
		return false;
	return c->softirq.value >= SOFTIRQ_BUSY_RATIO ||
	       (c->softirq.value >= BUSY_SHARED_RATIO && reading_ok(c->idle) &&
		       c->idle.value <= NO_IDLE_RATIO);
}

/* Are they what it is busy with? Few of them may be, if nothing else comes as often. */
static bool by_packets(const struct core *c, double seconds)
{
	double rate = c->processed / seconds;

	return rate >= MANY_PER_S || (rate >= DEAR_PER_S && c->others < c->rounds);
}

/*
 * What that CPU takes for a packet at each device that hands it on. What GRO or the card merged, up
 * to 64 KiB, is one there: it counts as the packets that it was.
 */
static double packet_ns(const struct model *m, const struct core *c, const struct link *l)
{
	double ns = (double)model_elapsed_ns(m, TABLE_softnet);
	double wire = l ? model_grown(m, TABLE_link, l, LINK_rx_bytes) / WIRE_BYTES : 0;
	double packets = wire > c->processed ? wire : c->processed;

	return reading_ok(c->softirq) && packets > 0 ? c->softirq.value * ns / packets : 0;
}

/* The interface that received most, in whatever namespace. */
static const struct link *source_of(const struct model *m)
{
	const struct link *best = NULL;
	double most = 0;

	for (table_each(struct link, l, frame_table(m->now, TABLE_link))) {
		double got = model_grown(m, TABLE_link, l, LINK_rx_packets);

		if (got > most) {
			most = got;
			best = l;
		}
	}
	return best;
}

static void add_evidence(
	struct judgement *j, const struct model *m, struct finding *f, const struct core *c)
{
	double seconds = (double)model_elapsed_ns(m, TABLE_softnet) / 1e9;
	const char *softnet =
		judge_text(j, "/proc/net/softnet_stat, CPU %llu", (unsigned long long)c->row->cpu);

	finding_evidence(f, "softnet.dropped", UNIT_COUNT, reading_of(c->dropped), softnet,
		reading_of(DROPS_MIN), DROPS_MIN_WHY);
	if (c->dropped > 0)
		finding_evidence(f, "softnet.dropped_ratio", UNIT_RATIO, reading_of(lost_share(c)),
			softnet, reading_of(LOST_SHARE), LOST_WHY);
	if (c->limited > 0)
		finding_evidence(f, "softnet.flow_limited", UNIT_COUNT, reading_of(c->limited),
			softnet, reading_none(STATE_ABSENT),
			"of them because one flow had half of the backlog");
	finding_evidence(f, "cpu.softirq_ratio", UNIT_RATIO, c->softirq,
		judge_text(j, "/proc/stat, cpu%llu", (unsigned long long)c->row->cpu),
		reading_of(SOFTIRQ_BUSY_RATIO), BUSY_WHY);
	finding_evidence(f, "softnet.processed", UNIT_PER_S, reading_of(c->processed / seconds),
		softnet, reading_none(STATE_ABSENT), NULL);
	finding_evidence(f, "softnet.packets_ratio", UNIT_RATIO, reading_of(c->share), softnet,
		reading_of(MOST_RATIO), MOST_WHY);
	if (c->steered > 0)
		finding_evidence(f, "softnet.steered", UNIT_COUNT, reading_of(c->steered), softnet,
			reading_none(STATE_ABSENT), "times another CPU handed it packets (RPS)");
	finding_evidence(f, "softirq.net_rx", UNIT_COUNT, reading_of(c->rounds),
		judge_text(j, "/proc/softirqs, CPU%llu", (unsigned long long)c->row->cpu),
		reading_none(STATE_ABSENT), "rounds of receiving during the look");
}

static void report(
	struct judgement *j, const struct model *m, const struct core *c, const struct link *l)
{
	struct finding *f =
		judge_finding(j, c->loses ? SEVERITY_WARNING : SEVERITY_INFO, CONFIDENCE_CERTAIN);
	unsigned long long cpu = c->row->cpu;

	add_evidence(j, m, f, c);
	net_softirq_evidence(j, m, f, c, l);
	finding_culprit(f, l ? entity_interface(j, m, l) : entity_host());
	f->share = c->loses ? lost_share(c) : c->softirq.value;
	if (c->loses)
		f->title = judge_text(j,
			"CPU %llu drops %s of the packets that it is handed: its "
			"backlog is full",
			cpu, human_ratio(lost_share(c)).s);
	else
		f->title = judge_text(j, "CPU %llu does %s of all packets, and nothing else", cpu,
			human_ratio(c->share).s);
	if (!c->loses && packet_ns(m, c, l) >= DEAR_NS)
		f->cause = judge_text(j,
			"one CPU processes what all interfaces receive, and each packet takes it "
			"%s, many times as long as usual: it encrypts (IPsec, WireGuard), or "
			"passes thousands of firewall rules; nothing is lost yet, but it cannot do "
			"more",
			human_ns(packet_ns(m, c, l)).s);
	else if (!c->loses)
		f->cause =
			"one CPU processes what all interfaces receive; nothing is lost yet, but "
			"it cannot do more";
	else if (!reading_ok(c->softirq))
		f->cause = "its backlog is full: packets come faster than that CPU gets to them, "
			   "in bursts or all the time";
	else if (c->softirq.value >= SOFTIRQ_BEHIND_RATIO)
		f->cause = "one CPU processes nearly all packets and cannot keep up; those that "
			   "wait for it fill its backlog, the rest is dropped";
	else
		f->cause = "packets come in bursts that fill the backlog before the CPU gets to "
			   "them, though on average it could";
	net_softirq_todo(j, m, f, c, l);
	f->refuted_if = "the second column of /proc/net/softnet_stat stands still, and the CPU has "
			"idle time";
}

/* Its queues and interrupt lines. What other namespaces have is not in our /sys. */
static bool ask(struct judgement *j, const struct model *m, const struct link *l)
{
	if (!l || l->netns)
		return true;
	bool queues = judge_ask(j, m, TABLE_link_queue, l->index);

	return judge_ask(j, m, TABLE_interrupt, l->index) && queues;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct table *t = frame_table(m->now, TABLE_softnet);
	const struct link *l = source_of(m);
	double seconds = (double)model_elapsed_ns(m, TABLE_softnet) / 1e9, all = 0;
	size_t told = 0, busy = 0;

	if (seconds == 0)
		return judge_unknown(j, m, TABLE_softnet);
	for (table_each(struct softnet, row, t)) {
		struct core c = look_at(m, row);

		all += c.processed;
		busy += full(&c);
	}
	for (table_each(struct softnet, row, t)) {
		struct core c = look_at(m, row);

		c.share = all > 0 ? c.processed / all : 0;
		/*
		 * All CPUs busy with packets is a flood, or a router at its end: not one that lags.
		 */
		bool alone = full(&c) && t->n > 1 && busy == 1 && c.share >= MOST_RATIO &&
			     by_packets(&c, seconds);

		if (!c.loses && !alone)
			continue;
		if (!ask(j, m, l))
			return VERDICT_ASK;
		report(j, m, &c, l);
		told++;
	}
	return told > 0 ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_net_softirq = {
	.id = "net.softirq",
	.question =
		"Is one CPU alone with the packets, so that they are dropped or it can do no more?",
	.explains = { "net.drops", "tcp.retrans" },
	.needs = { { .table = TABLE_softnet, .rate = true },
		{ .table = TABLE_cpu, .rate = true, .optional = true },
		{ .table = TABLE_softirq, .rate = true, .optional = true },
		{ .table = TABLE_link, .rate = true, .optional = true },
		{ .table = TABLE_sysctl, .optional = true },
		{ .table = TABLE_link_queue, .ask = true },
		{ .table = TABLE_interrupt, .ask = true } },
	.models = { MODEL_process, MODEL_cpu },
	.judge = judge,
};
