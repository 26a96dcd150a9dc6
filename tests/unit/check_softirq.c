/* SPDX-License-Identifier: MIT */
/* net.softirq: settings, masks of CPUs and interrupt lines; two readings of /proc/interrupts. */
#include "check/cpu_mask.h"
#include "source/source.h"
#include "tests/unit/build_net.h"
#include "tests/unit/parse.h"
#include "tests/unit/run_source.h"

extern const struct check check_net_softirq;

enum { LINK = 4 };

/* cpus of them; CPU hot gets all packets, half of its time, and drops some. */
static struct softnet *add_cpus(struct scene *s, uint64_t cpus, uint64_t hot, uint64_t percent)
{
	for (uint64_t i = 0; i < cpus; i++) {
		struct cpu *was = build_row(&s->was, TABLE_cpu),
			   *now = build_row(&s->now, TABLE_cpu);
		struct softnet *old = build_row(&s->was, TABLE_softnet);
		struct softnet *new = build_row(&s->now, TABLE_softnet);

		was->id = now->id = (int64_t)i;
		now->softirq_ns = i == hot ? percent * SECOND / 50 : 0;
		now->idle_ns = 2 * SECOND - now->softirq_ns;
		old->cpu = new->cpu = i;
	}
	struct softnet *n = table_at(s->now.at[TABLE_softnet], hot);

	n->processed = 40000;
	n->dropped = 400;
	return n;
}

static void add_settings(struct scene *s)
{
	struct sysctl *set = build_row(&s->now, TABLE_sysctl);

	set->net_backlog = 3000;
	set->net_budget = 300;
	set->net_budget_ns = 8000000;
	set->net_dev_weight = 64;
}

static void add_link(struct scene *s)
{
	struct link *was = build_row(&s->was, TABLE_link), *now = build_row(&s->now, TABLE_link);

	was->index = now->index = LINK;
	now->name = build_text(&s->now, TABLE_link, "eth0");
	now->rx_packets = 40000;
}

static void add_queues(struct scene *s, uint64_t queues, uint64_t spread, const char *near)
{
	struct link_queue *q = build_row(&s->now, TABLE_link_queue);

	q->index = LINK;
	q->rx_queues = queues;
	q->rps_queues = spread;
	if (near)
		q->near_cpus = build_text(&s->now, TABLE_link_queue, near);
	else
		build_unset(q, LINK_QUEUE_near_cpus);
	build_table(&s->now, TABLE_interrupt);
}

static struct interrupt *add_line(struct scene *s, uint64_t irq, const char *action, uint64_t cpu)
{
	struct interrupt *row = build_row(&s->now, TABLE_interrupt);

	row->index = LINK;
	row->irq = irq;
	row->action = build_text(&s->now, TABLE_interrupt, action);
	row->allowed = build_text(&s->now, TABLE_interrupt, "0-63");
	row->effective = build_text(&s->now, TABLE_interrupt, "3");
	row->fired = 1000 + irq;
	row->cpu_fired = 900 + irq;
	row->cpu = cpu;
	row->for_ns = SECOND / 10;
	return row;
}

static const struct finding *judge_sad(struct scene *s)
{
	assert_int_equal(scene_judge(s, &check_net_softirq), VERDICT_SAD);
	return scene_only(s);
}

static bool says(const struct finding *f, const char *text)
{
	for (size_t i = 0; i < f->n_todo; i++) {
		if (strstr(f->todo[i], text))
			return true;
	}
	return false;
}

static const struct evidence *evidence_of(const struct finding *f, const char *metric)
{
	for (size_t i = 0; i < f->n_evidence; i++) {
		if (strcmp(f->evidence[i].metric, metric) == 0)
			return &f->evidence[i];
	}
	return NULL;
}

static void masks_of_cpus(void **state UNUSED)
{
	static const struct {
		const char *list, *mask;
		unsigned int n;
	} good[] = {
		{ "0", "1", 1 },
		{ "0-3", "f", 4 },
		{ "1,3-4", "1a", 3 },
		{ "31", "80000000", 1 },
		{ "32", "1,00000000", 1 },
		{ "0-63", "ffffffff,ffffffff", 64 },
		{ "33-34,64", "1,00000006,00000000", 3 },
	};
	static const char *const bad[] = { "", "a", "3-", "3-1", "8192", "1,,2", "1 2", "0-3/2",
		"99999999999999999999" };
	struct judgement j = { 0 };
	struct cpu_mask mask;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(cpu_mask_parse(good[i].list, &mask));
		assert_string_equal(cpu_mask_text(&j, &mask), good[i].mask);
		assert_int_equal(cpu_mask_count(&mask), good[i].n);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(cpu_mask_parse(bad[i], &mask));
	cpu_mask_add(&mask, 8192); /* out of range: nothing happens */
	cpu_mask_drop(&mask, UINT64_MAX);
	assert_false(cpu_mask_has(&mask, 8192));
	arena_release(&j.arena);
}

/* One queue: the other CPUs, of the card's node where that is known. */
static void packets_are_spread_over_the_right_cpus(void **state UNUSED)
{
	static const struct {
		uint64_t cpus, hot, spread, steered;
		const char *near, *want;
	} cases[] = {
		{ 2, 0, 0, 0, NULL, "echo 2 |" },
		{ 8, 3, 0, 0, NULL, "echo f7 |" },
		{ 40, 33, 0, 0, NULL, "echo fd,ffffffff |" },
		{ 40, 33, 0, 0, "20-39", "echo fd,fff00000 |" },
		{ 40, 33, 0, 0, "33", "echo fd,ffffffff |" }, /* a node of that CPU alone */
		{ 40, 33, 0, 0, "0-x", "echo fd,ffffffff |" },
		{ 8, 3, 1, 0, NULL, "echo ff |" }, /* RPS made it hot: it is one of many */
		{ 8, 3, 0, 9, NULL, "echo ff |" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		add_cpus(&s, cases[i].cpus, cases[i].hot, 60)->steered = cases[i].steered;
		add_link(&s);
		add_queues(&s, 1, cases[i].spread, cases[i].near);
		assert_true(says(judge_sad(&s), cases[i].want));
		scene_end(&s);
	}
}

static void settings_are_told_and_doubled(void **state UNUSED)
{
	static const struct {
		uint64_t percent, processed, squeezed;
		const char *todo, *why;
	} cases[] = {
		{ 30, 40000, 0, "sysctl -w net.core.netdev_max_backlog=6000", "packets left" },
		/* 80,000 packets at most are 266 rounds of 300 */
		{ 60, 40000, 600, "sysctl -w net.core.netdev_budget_usecs=16000", "their time" },
		/* 1.2 s are 300 rounds of 4 ms */
		{ 60, 400000, 700, "sysctl -w net.core.netdev_budget=600", "after netdev_budget" },
		{ 60, 400000, 300, NULL, "packets left" },
		{ 95, 40000, 600, NULL, "their time" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct scene s;

		scene_start(&s);
		struct softnet *n = add_cpus(&s, 8, 3, cases[i].percent);

		n->processed = cases[i].processed;
		n->dropped = cases[i].processed;
		n->squeezed = cases[i].squeezed;
		add_settings(&s);
		add_link(&s);
		add_queues(&s, 1, 0, NULL);
		const struct finding *f = judge_sad(&s);

		if (cases[i].todo)
			assert_true(says(f, cases[i].todo));
		else
			assert_false(says(f, "sysctl -w"));
		assert_non_null(strstr(evidence_of(f, "softnet.squeezed")->why, cases[i].why));
		assert_int_equal(evidence_of(f, "sysctl.net_backlog")->value.value, 3000);
		assert_non_null(evidence_of(f, "sysctl.net_dev_weight"));
		scene_end(&s);
	}
}

/* In a namespace that has none of them: nothing is made up. */
static void settings_that_are_unknown(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_cpus(&s, 2, 0, 30);
	add_link(&s);
	add_queues(&s, 1, 0, NULL);
	const struct finding *f = judge_sad(&s);

	assert_null(evidence_of(f, "sysctl.net_backlog"));
	assert_true(says(f, "(double it, with sysctl -w):  sysctl net.core.netdev_max_backlog"));
	scene_end(&s);
}

static void lines_of_that_cpu(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_cpus(&s, 8, 3, 60);
	add_link(&s);
	assert_int_equal(scene_judge(&s, &check_net_softirq), VERDICT_ASK);
	assert_int_equal(s.judgement.n_asks, 2);
	add_queues(&s, 4, 0, NULL);
	add_line(&s, 40, "eth0-TxRx-0", 3);
	const struct finding *f = judge_sad(&s);

	assert_string_equal(evidence_of(f, "interrupt.line")->text,
		"eth0-TxRx-0 fired 1040 times in 100 ms, 940 of them on CPU 3; it may go to 0-63, "
		"and goes to 3");
	assert_true(says(f, "the interrupts of one (eth0-TxRx-0) go to that CPU"));
	assert_true(says(f, "echo f7 | tee"));
	scene_end(&s);

	scene_start(&s);
	add_cpus(&s, 8, 3, 60);
	add_link(&s);
	add_queues(&s, 4, 0, NULL);
	add_line(&s, 40, "eth0-TxRx-0", 3);
	add_line(&s, 41, "eth0-TxRx-1", 3);
	add_line(&s, 42, "eth0-TxRx-2", 0);
	add_line(&s, 43, "eth0-TxRx-3", 3)->index = 5; /* of another interface */
	f = judge_sad(&s);
	assert_non_null(strstr(evidence_of(f, "interrupt.line")->text, "eth0-TxRx-1"));
	assert_true(says(f, "2 of its 3 interrupt lines that fire go to CPU 3"));
	assert_true(says(f, "echo 1 > /proc/irq/41/smp_affinity_list"));
	scene_end(&s);
}

static void two_readings_of_interrupts(void **state UNUSED)
{
	static const char text[] =
		"           CPU0       CPU2\n"
		" 24:          1          0  IO-APIC   5-edge      ACPI:Ged\n"
		" 38: 4294967290         10 PCI-MSIX-0000:00:03.0   1-edge      virtio2-input.0\n"
		"LOC:          1          1   Local timer interrupts\n"
		"ERR:          0\n"
		"\n"
		"           CPU0       CPU2\n"
		" 24:          1          0  IO-APIC   5-edge      ACPI:Ged\n"
		" 38:          4         90 PCI-MSIX-0000:00:03.0   1-edge      virtio2-input.0\n"
		" 39:          4         90 PCI-MSIX-0000:00:03.0   2-edge      virtio2-output.0\n";
	struct table *t = table_new(schemas[TABLE_interrupt]);

	assert_int_equal(parse_text(text, interrupt_parse, t), 0);
	assert_int_equal(t->n, 1); /* 24 did not fire, 39 was not there */
	const struct interrupt *row = table_at(t, 0);

	assert_int_equal(row->irq, 38);
	assert_int_equal(row->fired, 90); /* 10 on CPU 0, whose counter wrapped */
	assert_int_equal(row->cpu, 2);
	assert_int_equal(row->cpu_fired, 80);
	assert_string_equal(table_text(t, row->action), "virtio2-input.0");
	assert_int_equal(parse_corpus("interrupt/6.18", interrupt_parse, t), 0);
	assert_true(t->n > 1);
	size_t n = t->n;

	assert_int_equal(parse_text("", interrupt_parse, t), -ENODATA);
	assert_int_equal(parse_text(" CPU0\n", interrupt_parse, t), -ENODATA);
	assert_int_equal(parse_text(" CPU0\n\n CPU0 CPU1\n", interrupt_parse, t), -EAGAIN);
	assert_int_equal(
		parse_text(" CPU0\n1: 1  a\n\n CPU0\n1: x  a\n", interrupt_parse, t), -EINVAL);
	assert_int_equal(
		parse_text(" CPU\n1: 1  a\n\n CPU\n1: 2  a\n", interrupt_parse, t), -EINVAL);
	assert_int_equal(t->n, n);
	table_unref(t);
}

static void put_reading(struct strbuf *text, unsigned int lines, unsigned int cpus, bool later)
{
	for (unsigned int cpu = 0; cpu < cpus; cpu++)
		strbuf_printf(text, " CPU%u", cpu);
	strbuf_putc(text, '\n');
	for (unsigned int irq = 0; irq < lines; irq++) {
		strbuf_printf(text, "%4u:", irq);
		for (unsigned int cpu = 0; cpu < cpus; cpu++)
			strbuf_printf(text, " %10u", later && cpu == irq % cpus ? irq : 0);
		strbuf_printf(text, "  IR-PCI-MSI %u-edge      eth0-%u\n", irq, irq);
	}
}

/* The 64 lines that fired most, of a thousand; a thousand CPUs. */
static void many_interrupts(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_interrupt]);
	auto_strbuf text = { 0 };
	uint64_t least = UINT64_MAX;

	put_reading(&text, 1000, 1000, false);
	strbuf_putc(&text, '\n');
	put_reading(&text, 1000, 1000, true);
	assert_false(text.failed);
	assert_int_equal(interrupt_parse(text.bytes, text.len, t), 0);
	assert_int_equal(t->n, 64);
	for (table_each(struct interrupt, row, t)) {
		least = row->fired < least ? row->fired : least;
		assert_int_equal(row->cpu, row->irq);
	}
	assert_int_equal(least, 936);
	table_unref(t);
}

/* This machine: whatever it has, lines of the interface alone. */
static void interrupts_of_this_machine(void **state UNUSED)
{
	static const enum table_id ids[] = { TABLE_interrupt, TABLE_none };
	struct table *out[TABLES] = { 0 };
	uint64_t asked[] = { LINK };
	struct frame frame = { 0 };
	struct need need = { .table = TABLE_interrupt };
	struct host *host;
	struct link *link = build_row(&frame, TABLE_link);

	link->index = LINK;
	link->name = build_text(&frame, TABLE_link, "virtio1");
	assert_int_equal(host_open_live(&host), 0);
	struct probe p = { .host = host, .frame = &frame, .out = out, .needs = &need };

	p.n_needs = 1;
	p.asked[TABLE_interrupt] = asked;
	p.n_asked[TABLE_interrupt] = 1;
	out[ids[0]] = table_new(schemas[TABLE_interrupt]);
	for (size_t i = 0; i < n_sources; i++) {
		if (strcmp(sources[i]->name, "interrupt") == 0)
			assert_int_equal(sources[i]->read(&p), 0);
	}
	assert_int_equal(out[TABLE_interrupt]->state, STATE_OK);
	for (table_each(struct interrupt, row, out[TABLE_interrupt])) {
		assert_int_equal(row->index, LINK);
		assert_true(row->for_ns >= SECOND / 10);
		assert_non_null(strstr(table_text(out[TABLE_interrupt], row->action), "virtio1"));
		assert_true(row_has(row->has, INTERRUPT_allowed));
	}
	drop_tables(out);
	table_unref(frame.at[TABLE_link]);
	host_free(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(masks_of_cpus),
		cmocka_unit_test(packets_are_spread_over_the_right_cpus),
		cmocka_unit_test(settings_are_told_and_doubled),
		cmocka_unit_test(settings_that_are_unknown),
		cmocka_unit_test(lines_of_that_cpu),
		cmocka_unit_test(two_readings_of_interrupts),
		cmocka_unit_test(many_interrupts),
		cmocka_unit_test(interrupts_of_this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
