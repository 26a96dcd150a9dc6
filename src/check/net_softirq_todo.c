/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/cpu_mask.h"
#include "check/entity.h"
#include "check/net_drops.h"
#include "check/net_softirq.h"

enum { LINES_TOLD = 2 };

/* What ended the rounds that left packets behind. */
enum squeeze { SQUEEZE_UNTOLD, SQUEEZE_TIME, SQUEEZE_BUDGET };

/* The interrupt lines of an interface that fired. */
struct lines {
	const struct table *table;
	uint64_t index, cpu;
	size_t all, here; /* here: most often on that CPU */
	const struct interrupt *first;
};

/* How a mask of CPUs was made. */
struct spread {
	struct cpu_mask mask;
	bool near; /* of the card's NUMA node alone */
};

static double received(const struct model *m)
{
	double all = 0;

	for (table_each(struct link, l, frame_table(m->now, TABLE_link)))
		all += model_grown(m, TABLE_link, l, LINK_rx_packets);
	return all;
}

/*
 * A round ends after netdev_budget packets or netdev_budget_usecs, a time that is looked at in
 * ticks and is two of them by default: half of it has passed at least (net_rx_action()). So what
 * was received, counted generously, and the CPU's time allow no more than so many of each kind.
 */
static enum squeeze squeeze_of(const struct model *m, const struct core *c)
{
	const struct sysctl *s = frame_row(m->now, TABLE_sysctl);
	double seconds = (double)model_elapsed_ns(m, TABLE_softnet) / 1e9;

	if (!s || c->squeezed == 0)
		return SQUEEZE_UNTOLD;
	if (row_has(s->has, SYSCTL_net_budget) && s->net_budget > 0 &&
		(c->processed + received(m)) / (double)s->net_budget < c->squeezed / 2)
		return SQUEEZE_TIME;
	if (row_has(s->has, SYSCTL_net_budget_ns) && s->net_budget_ns > 0 &&
		reading_ok(c->softirq) &&
		c->softirq.value * seconds / ((double)s->net_budget_ns / 2e9) < c->squeezed / 2)
		return SQUEEZE_BUDGET;
	return SQUEEZE_UNTOLD;
}

static const char *squeezed_why(enum squeeze kind)
{
	switch (kind) {
	case SQUEEZE_TIME:
		return "rounds that ended with packets left, most because their time was over: "
		       "fewer packets came than so many rounds may take";
	case SQUEEZE_BUDGET:
		return "rounds that ended with packets left, most after netdev_budget packets: the "
		       "CPU did not spend the time that so many rounds may take";
	default:
		return "rounds that ended with packets left";
	}
}

static void add_setting(struct finding *f, const struct model *m, unsigned int column,
	const char *metric, enum unit unit, const char *source, const char *why)
{
	const struct table *t = frame_table(m->now, TABLE_sysctl);
	const struct sysctl *s = frame_row(m->now, TABLE_sysctl);

	if (s && row_has(s->has, column))
		finding_evidence(f, metric, unit, table_cell(t, s, column), source,
			reading_none(STATE_ABSENT), why);
}

static bool is_here(const struct lines *l, const struct interrupt *row)
{
	return row->index == l->index && row->cpu == l->cpu;
}

static struct lines lines_of(const struct model *m, const struct core *c, const struct link *link)
{
	struct lines l = { .table = frame_table(m->now, TABLE_interrupt), .cpu = c->row->cpu };

	if (!link || link->netns)
		return (struct lines){ 0 };
	l.index = link->index;
	for (table_each(struct interrupt, row, l.table)) {
		l.all += row->index == l.index;
		if (!is_here(&l, row))
			continue;
		l.here++;
		l.first = !l.first || row->cpu_fired > l.first->cpu_fired ? row : l.first;
	}
	return l;
}

static const char *known(const struct lines *l, text_t text)
{
	return text ? table_text(l->table, text) : "?";
}

static void add_line(
	struct judgement *j, struct finding *f, const struct lines *l, const struct interrupt *row)
{
	const char *effective =
		row_has(row->has, INTERRUPT_effective)
			? judge_text(j, ", and goes to %s", known(l, row->effective))
			: "";

	finding_evidence_text(f, "interrupt.line",
		judge_text(j, "%s fired %s times in %s, %s of them on CPU %llu; it may go to %s%s",
			known(l, row->action), human_number((double)row->fired).s,
			human_ns((double)row->for_ns).s, human_number((double)row->cpu_fired).s,
			(unsigned long long)l->cpu, known(l, row->allowed), effective),
		judge_text(j, "/proc/interrupts, /proc/irq/%llu", (unsigned long long)row->irq));
}

/* The line that fires most on that CPU, and another one. */
static void add_lines(struct judgement *j, struct finding *f, const struct lines *l)
{
	size_t told = 1;

	if (!l->first)
		return;
	add_line(j, f, l, l->first);
	for (table_each(struct interrupt, row, l->table)) {
		if (is_here(l, row) && row != l->first && told++ < LINES_TOLD)
			add_line(j, f, l, row);
	}
}

void net_softirq_evidence(struct judgement *j, const struct model *m, struct finding *f,
	const struct core *c, const struct link *link)
{
	const char *softnet =
		judge_text(j, "/proc/net/softnet_stat, CPU %llu", (unsigned long long)c->row->cpu);
	struct lines lines = lines_of(m, c, link);

	finding_evidence(f, "softnet.squeezed", UNIT_COUNT, reading_of(c->squeezed), softnet,
		reading_none(STATE_ABSENT), squeezed_why(squeeze_of(m, c)));
	add_setting(f, m, SYSCTL_net_backlog, "sysctl.net_backlog", UNIT_COUNT,
		"net.core.netdev_max_backlog", "packets that may wait for that CPU");
	add_setting(f, m, SYSCTL_net_budget, "sysctl.net_budget", UNIT_COUNT,
		"net.core.netdev_budget", "packets in a round");
	add_setting(f, m, SYSCTL_net_budget_ns, "sysctl.net_budget_ns", UNIT_NS,
		"net.core.netdev_budget_usecs", "time of a round");
	add_setting(f, m, SYSCTL_net_dev_weight, "sysctl.net_dev_weight", UNIT_COUNT,
		"net.core.dev_weight", "packets of one source at a time");
	add_lines(j, f, &lines);
}

/*
 * CPUs to spread packets over. Those online, of the card's memory domain where it is known; without
 * the one that has the interrupt, which has enough to do (Documentation/networking/scaling.rst).
 * That one stays where other CPUs hand it its packets (RPS): it is one of many then.
 */
static struct spread spread_over(
	const struct model *m, const struct core *c, const struct link_queue *q)
{
	struct spread s = { .near = false };
	struct cpu_mask node;

	for (table_each(struct cpu, cpu, frame_table(m->now, TABLE_cpu))) {
		if (cpu->id >= 0)
			cpu_mask_add(&s.mask, (uint64_t)cpu->id);
	}
	if (c->steered == 0 && !(q && row_has(q->has, LINK_QUEUE_rps_queues) && q->rps_queues > 0))
		cpu_mask_drop(&s.mask, c->row->cpu);
	if (q && row_has(q->has, LINK_QUEUE_near_cpus) &&
		cpu_mask_parse(
			table_text(frame_table(m->now, TABLE_link_queue), q->near_cpus), &node)) {
		struct cpu_mask both = cpu_mask_both(&s.mask, &node);
		unsigned int n = cpu_mask_count(&both);

		s.near = n > 0 && n < cpu_mask_count(&s.mask);
		s.mask = s.near ? both : s.mask;
	}
	return s;
}

static const char *rps_command(struct judgement *j, const struct spread *s, const char *name)
{
	return judge_text(j, "echo %s | tee /sys/class/net/%s/queues/rx-*/rps_cpus",
		cpu_mask_count(&s->mask) > 0 ? cpu_mask_text(j, &s->mask) : "MASK", name);
}

/* A CPU for one of the lines: of those that none of them goes to. */
static uint64_t idle_cpu(const struct spread *s, const struct lines *l)
{
	struct cpu_mask mask = s->mask;
	uint64_t cpu = 0;

	for (table_each(struct interrupt, row, l->table)) {
		if (row->index == l->index && cpu_mask_count(&mask) > 1)
			cpu_mask_drop(&mask, row->cpu);
	}
	while (cpu < CPU_MASK_MAX && !cpu_mask_has(&mask, cpu))
		cpu++;
	return cpu;
}

static const char *move_text(struct judgement *j, const struct spread *s, const struct lines *l)
{
	uint64_t cpu = idle_cpu(s, l);

	if (cpu == CPU_MASK_MAX)
		return "give each of its interrupt lines a CPU of its own: irqbalance, or "
		       "/proc/irq/N/smp_affinity_list";
	return judge_text(j,
		"%zu of its %zu interrupt lines that fire go to CPU %llu: give each a CPU of its "
		"own, by irqbalance, or, where it does not run:  echo %llu > "
		"/proc/irq/%llu/smp_affinity_list",
		l->here, l->all, (unsigned long long)l->cpu, (unsigned long long)cpu,
		(unsigned long long)l->first->irq);
}

static const char *queues_text(struct judgement *j, const struct spread *s, const struct lines *l,
	const struct link_queue *q, const char *name)
{
	unsigned long long queues = q->rx_queues;

	if (l->here > 1)
		return move_text(j, s, l);
	if (l->here == 1)
		return judge_text(j,
			"it has %llu receive queues, and the interrupts of one (%s) go to that "
			"CPU: a single flow, or flows that the card does not tell apart (ethtool "
			"-x, -n), which Linux can spread:  %s",
			queues, known(l, l->first->action), rps_command(j, s, name));
	return judge_text(j,
		"it has %llu receive queues: see that their interrupts go to different CPUs "
		"(irqbalance), or more than one flow is needed:  grep %s /proc/interrupts",
		queues, name);
}

static const char *spread_text(struct judgement *j, const struct model *m, const struct core *c,
	const struct link *link, const char *name)
{
	const struct link_queue *q =
		link ? table_find(frame_table(m->now, TABLE_link_queue), link->index) : NULL;
	struct lines lines = lines_of(m, c, link);
	struct spread s = spread_over(m, c, q);
	const char *where = s.near ? " of its NUMA node" : "";

	if (!link)
		return "spread what is received over CPUs: rps_cpus of its queues, see "
		       "Documentation/networking/scaling.rst";
	if (link->netns)
		return judge_text(j,
			"spread it over CPUs, where /sys is that of its network namespace (ip "
			"netns exec sees to that):  %s",
			rps_command(j, &s, name));
	if (!q)
		return judge_text(
			j, "let Linux spread it over CPUs:  %s", rps_command(j, &s, name));
	if (row_has(q->has, LINK_QUEUE_rps_queues) && q->rps_queues > 0)
		return judge_text(j,
			"Linux spreads it already: see whether there is more than one flow, and "
			"let it be all CPUs%s:  %s",
			where, rps_command(j, &s, name));
	if (q->rx_queues <= 1)
		return judge_text(j,
			"it has one receive queue: let Linux spread it over the other CPUs%s:  %s",
			where, rps_command(j, &s, name));
	return queues_text(j, &s, &lines, q, name);
}

static const char *more_of(
	struct judgement *j, const char *what, const char *setting, uint64_t value)
{
	if (value == 0 || value > INT32_MAX / 2) /* the kernel keeps an int */
		return judge_text(j, "%s (double it, with sysctl -w):  sysctl %s", what, setting);
	return judge_text(j, "%s, twice as much:  sysctl -w %s=%llu", what, setting,
		(unsigned long long)value * 2);
}

/* Bursts need a longer backlog; rounds that end early, on a CPU with other work, longer ones. */
static void add_settings(
	struct judgement *j, const struct model *m, struct finding *f, const struct core *c)
{
	const struct sysctl *s = frame_row(m->now, TABLE_sysctl);
	enum squeeze kind = squeeze_of(m, c);

	if (!c->loses || !reading_ok(c->softirq) || c->softirq.value >= SOFTIRQ_BUSY_RATIO)
		return;
	if (c->softirq.value < SOFTIRQ_BEHIND_RATIO)
		finding_todo(
			f, more_of(j, "for bursts, a longer backlog", "net.core.netdev_max_backlog",
				   s && row_has(s->has, SYSCTL_net_backlog) ? s->net_backlog : 0));
	else if (s && kind == SQUEEZE_TIME)
		finding_todo(f,
			more_of(j, "rounds end by time, and other work comes between: longer ones",
				"net.core.netdev_budget_usecs", s->net_budget_ns / 1000));
	else if (s && kind == SQUEEZE_BUDGET)
		finding_todo(f,
			more_of(j, "rounds end by their budget, and other work comes between: more",
				"net.core.netdev_budget", s->net_budget));
}

void net_softirq_todo(struct judgement *j, const struct model *m, struct finding *f,
	const struct core *c, const struct link *link)
{
	const char *name = link ? shell_word(j, entity_interface(j, m, link).name) : "eth0";

	finding_todo(f,
		"watch it, a line for each CPU (2nd: dropped, 3rd: squeezed):  watch -d cat "
		"/proc/net/softnet_stat");
	finding_todo(
		f, judge_text(j, "see what that CPU does with the packets:  perf top -C %llu -g",
			   (unsigned long long)c->row->cpu));
	finding_todo(f, spread_text(j, m, c, link, name));
	add_settings(j, m, f, c);
	finding_todo(f, "make each packet cheaper: fewer firewall rules and captures (tcpdump left "
			"running), GRO on");
}
