/* SPDX-License-Identifier: MIT */
/*
 * Which interrupt lines of an interface fire, and on which CPU: /proc/interrupts twice, 100 ms
 * apart, asked by interface. The file has a column for each CPU and a line for each interrupt, a
 * thousand of each on a large host: only the lines of that interface are taken apart.
 */
#include "base/cursor.h"
#include "source/proc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PAUSE_NS = 100000000, FILE_BYTES_MAX = 16 << 20, LINES_MAX = 64, ASKED_MAX = 4 };

/* What its lines are called after: the interface, and its device. */
struct names {
	struct span of[2];
	size_t n; /* 0: all lines */
};

struct watch {
	struct cursor head; /* numbers of the columns' CPUs */
	struct cursor was;  /* the rest of the first reading */
	const struct names *names;
	uint64_t index;
};

static bool is_part(char c)
{
	return c != '-' && c != '.' && c != ':' && c != '@' && c != ',' && c != ' ';
}

/* "virtio2" is a word of "virtio2-input.0", but not of "virtio21-input.0". */
static bool has_word(struct span text, struct span word)
{
	for (size_t i = 0; word.len > 0 && i + word.len <= text.len; i++) {
		bool starts = i == 0 || !is_part(text.at[i - 1]);
		bool ends = i + word.len == text.len || !is_part(text.at[i + word.len]);

		if (starts && ends && memcmp(text.at + i, word.at, word.len) == 0)
			return true;
	}
	return false;
}

/* The handlers are what stands behind the last two blanks. */
static struct span action_of(const struct cursor *line)
{
	const char *at = line->end;

	while (at - line->at >= 2 && !(at[-1] == ' ' && at[-2] == ' '))
		at--;
	if (at - line->at < 2)
		return (struct span){ line->end, 0 };
	return (struct span){ at, (size_t)(line->end - at) };
}

static bool wanted(const struct names *names, struct span action)
{
	bool found = names->n == 0;

	for (size_t i = 0; i < names->n && !found; i++)
		found = has_word(action, names->of[i]);
	return found && action.len > 0;
}

/* " 38:", the line of an interrupt that has a number; others are of the CPUs ("LOC:"). */
static bool number_of(struct cursor *line, uint64_t *ret_irq)
{
	struct cursor c = *line;

	cursor_blank(&c);
	if (!cursor_u64(&c, ret_irq) || !cursor_lit(&c, ":"))
		return false;
	*line = c;
	return true;
}

/*
 * The same line of the first reading. Both are in the order of the numbers: what is before it is
 * dropped, so that each is looked at once.
 */
static bool line_before(struct cursor *was, uint64_t irq, struct cursor *ret_line)
{
	struct cursor line;
	uint64_t number;

	for (struct cursor c = *was; cursor_line(&c, &line); *was = c) {
		if (!number_of(&line, &number) || number < irq)
			continue;
		*ret_line = line;
		return number == irq;
	}
	return false;
}

static int count(struct watch *w, struct cursor was, struct cursor now, struct interrupt *row)
{
	struct cursor head = w->head;
	struct span word;

	while (cursor_word(&head, &word)) {
		struct cursor c = cursor_span(word);
		uint64_t cpu, before, after;

		if (!cursor_lit(&c, "CPU") || !cursor_u64(&c, &cpu) || !cursor_u64(&was, &before) ||
			!cursor_u64(&now, &after))
			return -EINVAL;
		/* An unsigned int of the kernel, which wraps (kstat_irqs_cpu()). */
		uint64_t fired = (uint32_t)(after - before);

		row->fired += fired;
		if (fired > row->cpu_fired) {
			row->cpu_fired = fired;
			row->cpu = cpu;
		}
	}
	return 0;
}

/* One more of those that fire most, in place of the least where there is no room. */
static int keep_row(struct table *t, size_t from, const struct interrupt *found, struct span action)
{
	struct interrupt *row = NULL;

	if (t->n - from >= LINES_MAX) {
		row = table_at(t, from);
		for (size_t i = from; i < t->n; i++) {
			struct interrupt *other = table_at(t, i);

			row = other->fired < row->fired ? other : row;
		}
		if (row->fired >= found->fired)
			return 0;
	} else {
		row = table_add(t);
	}
	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, INTERRUPT_index, found->index);
	row_put(t->schema, row, INTERRUPT_irq, found->irq);
	row_put(t->schema, row, INTERRUPT_action, table_intern(t, action.at, action.len));
	row_put(t->schema, row, INTERRUPT_fired, found->fired);
	row_put(t->schema, row, INTERRUPT_cpu, found->cpu);
	row_put(t->schema, row, INTERRUPT_cpu_fired, found->cpu_fired);
	return 0;
}

static int watch_lines(struct watch *w, struct cursor now, struct table *t)
{
	size_t from = t->n;
	struct cursor line, old;
	int err = 0;

	while (err == 0 && cursor_line(&now, &line)) {
		struct interrupt row = { .index = w->index };
		struct span action = action_of(&line);

		if (!wanted(w->names, action) || !number_of(&line, &row.irq) ||
			!line_before(&w->was, row.irq, &old))
			continue;
		err = count(w, old, line, &row);
		if (err == 0 && row.fired > 0)
			err = keep_row(t, from, &row, action);
	}
	if (err < 0)
		table_cut(t, from);
	return err;
}

/* Two readings, by the lines that fired in between. -EAGAIN: a CPU came or went. */
static int compare(struct span was, struct span now, const struct names *names, uint64_t index,
	struct table *t)
{
	struct watch w = { .was = cursor_span(was), .names = names, .index = index };
	struct cursor c = cursor_span(now), head;

	if (!cursor_line(&w.was, &w.head) || !cursor_line(&c, &head))
		return -ENODATA;
	size_t len = cursor_left(&head);

	if (len != cursor_left(&w.head) || memcmp(head.at, w.head.at, len) != 0)
		return -EAGAIN;
	return watch_lines(&w, c, t);
}

/*
 * Parse two readings of /proc/interrupts, an empty line between them. Every line that has a number
 * and fired in between makes a row, at most 64: those that fired most.
 *
 * Shape:  "CPU0 CPU1 ...", then " 38: N N ... CHIP HWIRQ-KIND  HANDLER, HANDLER", and lines of the
 *         CPUs' own ("LOC: ..."), which are skipped.
 * Errors: -EINVAL malformed, -ENODATA not two readings, -EAGAIN not of the same CPUs.
 * Source: kernel/irq/proc.c, show_interrupts().
 */
int interrupt_parse(const char *buf, size_t len, struct table *t)
{
	const char *gap = len > 0 ? memmem(buf, len, "\n\n", 2) : NULL;
	static const struct names all;

	if (!gap)
		return -ENODATA;
	size_t first = (size_t)(gap + 1 - buf);

	return compare(
		(struct span){ buf, first }, (struct span){ gap + 2, len - first - 1 }, &all, 0, t);
}

static const struct link *link_of(const struct probe *p, uint64_t index)
{
	for (table_each(const struct link, l, probe_used(p, TABLE_link))) {
		if (l->netns == 0 && l->index == index)
			return l;
	}
	return NULL;
}

/* A driver names its lines after the interface, its device ("virtio2") or its PCI address. */
static void find_names(
	struct probe *p, const char *name, char *device, size_t size, struct names *ret_names)
{
	char path[80];

	*ret_names = (struct names){ .of = { span_of(name) }, .n = 1 };
	snprintf(path, sizeof(path), "sys/class/net/%.32s/device", name);
	ssize_t n = host_link(p->host, path, device, size - 1);

	if (n <= 0 || (size_t)n >= size)
		return;
	device[n] = '\0';
	const char *slash = strrchr(device, '/');

	ret_names->of[ret_names->n++] = span_of(slash ? slash + 1 : device);
}

static void read_cpus(struct probe *p, struct table *t, struct interrupt *row, const char *file,
	unsigned int column)
{
	char path[80], text[256];

	snprintf(path, sizeof(path), "proc/irq/%llu/%s", (unsigned long long)row->irq, file);
	int n = probe_line(p, path, text, sizeof(text));

	if (n > 0)
		row_put(t->schema, row, column, table_intern(t, text, (size_t)n));
}

static void finish_rows(struct probe *p, struct table *t, size_t from, uint64_t for_ns)
{
	for (size_t i = from; i < t->n && !probe_late(p); i++) {
		struct interrupt *row = table_at(t, i);

		row_put(t->schema, row, INTERRUPT_for_ns, for_ns);
		read_cpus(p, t, row, "smp_affinity_list", INTERRUPT_allowed);
		read_cpus(p, t, row, "effective_affinity_list", INTERRUPT_effective);
	}
}

static void nap(uint64_t ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = (long)ns }, NULL);
}

static int watch_all(
	struct probe *p, struct table *t, struct span was, struct span now, uint64_t for_ns)
{
	size_t n = p->n_asked[TABLE_interrupt];
	int err = 0;

	for (size_t i = 0; i < n && i < ASKED_MAX && err == 0; i++) {
		const struct link *l = link_of(p, p->asked[TABLE_interrupt][i]);
		struct names names;
		char device[128];
		size_t from = t->n;

		if (!l)
			continue;
		find_names(p, table_text(probe_used(p, TABLE_link), l->name), device,
			sizeof(device), &names);
		err = compare(was, now, &names, l->index, t);
		finish_rows(p, t, from, for_ns);
	}
	return err;
}

static int read_interrupt(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_interrupt);
	auto_strbuf first = { 0 };
	auto_strbuf second = { 0 };
	uint64_t begin_ns = proc_now_ns();

	if (!t)
		return 0;
	if (!host_is_live(p->host)) {
		table_fail(t, STATE_ABSENT, "not in this capture");
		return 0;
	}
	int err = host_read_all(p->host, "proc/interrupts", FILE_BYTES_MAX, &first);

	if (err < 0)
		return err;
	nap(PAUSE_NS);
	err = host_read_all(p->host, "proc/interrupts", FILE_BYTES_MAX, &second);
	if (err == 0)
		err = watch_all(p, t, (struct span){ strbuf_text(&first), first.len },
			(struct span){ strbuf_text(&second), second.len },
			proc_now_ns() - begin_ns);
	if (err == 0 && second.len >= FILE_BYTES_MAX)
		table_fail(t, STATE_LATE, "more than %d MiB", FILE_BYTES_MAX >> 20);
	else if (err == 0)
		t->state = STATE_OK;
	return err;
}

const struct source source_interrupt = {
	.name = "interrupt",
	.fills = { TABLE_interrupt },
	.uses = { TABLE_link },
	.cost = COST_ASKED,
	.manner = MANNER_RISKY, /* it sleeps: the others shall not wait for it */
	.rows_only = true,
	.deadline_ns = 500000000,
	.read = read_interrupt,
};
