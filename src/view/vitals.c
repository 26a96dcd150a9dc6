/* SPDX-License-Identifier: MIT */
#include "view/vitals.h"

#include "base/human.h"
#include "base/strbuf.h"
#include "model/cpu.h"
#include "model/limits.h"
#include "model/memory.h"
#include "model/tcp.h"

#include <stdio.h>
#include <string.h>

enum { LIMITS_SHOWN = 3, DISKS_SHOWN = 3 };

static void put(struct vitals *v, const char *name, struct strbuf *text)
{
	if (v->n == VITALS_MAX)
		return;
	v->line[v->n].name = name;
	v->line[v->n].text = text->len ? arena_printf(&v->arena, "%s", text->bytes) : "unknown";
	v->n++;
	strbuf_release(text);
}

static void memory_line(const struct model *m, struct vitals *v)
{
	const struct memory_model *mm = m->memory;
	auto_strbuf s = { 0 };

	if (mm && mm->total_bytes) {
		strbuf_printf(&s, "%s: applications %s, page cache %s, shared %s, kernel %s, ",
			human_bytes((double)mm->total_bytes).s,
			human_bytes((double)mm->applications_bytes).s,
			human_bytes((double)mm->cache_bytes).s,
			human_bytes((double)mm->shmem_bytes).s,
			human_bytes(
				(double)(mm->slab_bytes + mm->kernel_bytes + mm->page_tables_bytes))
				.s);
		if (mm->hugetlb_bytes)
			strbuf_printf(
				&s, "huge pages %s, ", human_bytes((double)mm->hugetlb_bytes).s);
		strbuf_printf(&s, "free %s", human_bytes((double)mm->free_bytes).s);
		if (reading_ok(mm->available_ratio))
			strbuf_printf(
				&s, "; %s available", human_ratio(mm->available_ratio.value).s);
	}
	put(v, "memory", &s);
}

static void part(struct strbuf *s, struct reading r, const char *what, bool always)
{
	if (reading_ok(r) && (always || r.value >= 0.01))
		strbuf_printf(s, ", %s %s", human_ratio(r.value).s, what);
}

static void cpu_line(const struct model *m, struct vitals *v)
{
	const struct loadavg *load = frame_row(m->now, TABLE_loadavg);
	const struct cpu_model *c = m->cpu;
	auto_strbuf s = { 0 };

	if (c && c->state == STATE_OK) {
		strbuf_printf(&s, "%llu CPUs", (unsigned long long)c->cpus);
		part(&s, c->busy, "busy", true);
		part(&s, c->iowait, "waiting for I/O", false);
		part(&s, c->steal, "stolen", true);
		part(&s, c->busiest, "on the busiest", true);
		if (reading_ok(c->runnable))
			strbuf_printf(&s, "; %.0f runnable", c->runnable.value);
	}
	if (load)
		strbuf_printf(&s, "%sload %.2f %.2f %.2f", s.len ? "; " : "", load->load_1m,
			load->load_5m, load->load_15m);
	put(v, "cpu", &s);
}

/* One disk's share of the line: only of whole devices that did something, busiest first. */
static void disk_part(const struct model *m, const struct disk *d, struct strbuf *s)
{
	struct reading busy = model_rate(m, TABLE_disk, d, DISK_busy_ns);
	struct reading read = model_rate(m, TABLE_disk, d, DISK_read_bytes);
	struct reading written = model_rate(m, TABLE_disk, d, DISK_written_bytes);

	if (!reading_ok(busy) || !reading_ok(read) || !reading_ok(written))
		return;
	strbuf_printf(s, "%s%s %s busy, reads %s/s, writes %s/s", s->len ? "; " : "",
		table_text(frame_table(m->now, TABLE_disk), d->name),
		human_ratio(busy.value / 1e9).s, human_bytes(read.value).s,
		human_bytes(written.value).s);
}

static void disks_line(const struct model *m, struct vitals *v)
{
	const struct disk *top[DISKS_SHOWN] = { 0 };
	double top_busy[DISKS_SHOWN] = { 0 };
	auto_strbuf s = { 0 };

	for (table_each(const struct disk, d, frame_table(m->now, TABLE_disk))) {
		struct reading busy = model_rate(m, TABLE_disk, d, DISK_busy_ns);

		if (d->partition || d->reads + d->writes == 0 || !reading_ok(busy))
			continue;
		for (size_t i = 0; i < DISKS_SHOWN; i++) {
			if (top[i] && top_busy[i] >= busy.value)
				continue;
			for (size_t k = DISKS_SHOWN - 1; k > i; k--) {
				top[k] = top[k - 1];
				top_busy[k] = top_busy[k - 1];
			}
			top[i] = d;
			top_busy[i] = busy.value;
			break;
		}
	}
	for (size_t i = 0; i < DISKS_SHOWN && top[i]; i++) {
		if (top_busy[i] > 0 || i == 0)
			disk_part(m, top[i], &s);
	}
	if (s.len == 0 && table_usable(frame_table(m->now, TABLE_disk)))
		strbuf_puts(&s, m->was ? "no disk has done anything since boot"
				       : "one look only: no rates");
	put(v, "disks", &s);
}

static void network_line(const struct model *m, struct vitals *v)
{
	const struct tcp_model *t = m->tcp;
	auto_strbuf s = { 0 };

	if (t && reading_ok(t->sockets[TCP_STATE_ESTABLISHED])) {
		double open = t->sockets[TCP_STATE_ESTABLISHED].value;
		double listen = t->sockets[TCP_STATE_LISTEN].value;

		strbuf_printf(&s, "%s TCP connection%s, %s listener%s, %s in TIME_WAIT",
			human_count(open).s, open == 1 ? "" : "s", human_count(listen).s,
			listen == 1 ? "" : "s",
			human_count(t->sockets[TCP_STATE_TIME_WAIT].value).s);
		if (reading_ok(t->in_segments_per_s) && reading_ok(t->out_segments_per_s))
			strbuf_printf(&s, "; %s segments/s in, %s out",
				human_count(t->in_segments_per_s.value).s,
				human_count(t->out_segments_per_s.value).s);
		part(&s, t->retransmit_ratio, "retransmitted", true);
	}
	put(v, "network", &s);
}

/* Share of the look in which somebody waited; the kernel's own average when there is one frame. */
static void pressure_line(const struct model *m, struct vitals *v)
{
	const struct table *t = frame_table(m->now, TABLE_pressure);
	auto_strbuf s = { 0 };

	for (table_each(const struct pressure, p, table_usable(t) ? t : NULL)) {
		struct reading stall = model_rate(m, TABLE_pressure, p, PRESSURE_some_total_ns);
		double ratio = reading_ok(stall) ? stall.value / 1e9 : p->some_10s_ratio;

		strbuf_printf(&s, "%s%s %s", s.len ? ", " : "somebody waited for ",
			table_text(t, p->resource), human_ratio(ratio > 1 ? 1 : ratio).s);
	}
	if (s.len)
		strbuf_puts(&s, " of the time");
	else if (t && t->why[0])
		strbuf_printf(&s, "%s", t->why);
	put(v, "pressure", &s);
}

static struct human amount(enum unit unit, uint64_t value)
{
	return unit == UNIT_BYTES ? human_bytes((double)value) : human_number((double)value);
}

static void limit_lines(const struct model *m, struct vitals *v)
{
	const struct limits_model *l = m->limits;

	for (size_t i = 0; l && i < l->n && i < LIMITS_SHOWN; i++) {
		const struct limit *x = &l->row[i];
		auto_strbuf s = { 0 };

		strbuf_printf(&s, "%s %s", human_ratio(x->ratio).s, x->what);
		if (x->name)
			strbuf_printf(&s, " %s %s", x->kind == LIMIT_PORTS ? "to" : "of", x->name);
		if (x->pid)
			strbuf_printf(&s, " (pid %llu)", (unsigned long long)x->pid);
		if (x->port)
			strbuf_printf(&s, ":%u", x->port);
		strbuf_printf(
			&s, ": %s of %s", amount(x->unit, x->used).s, amount(x->unit, x->limit).s);
		if (x->limit > x->used)
			strbuf_printf(&s, ", %s left", amount(x->unit, x->limit - x->used).s);
		put(v, i == 0 ? "near limits" : "", &s);
	}
}

void vitals_make(const struct model *m, struct vitals *v)
{
	memory_line(m, v);
	cpu_line(m, v);
	disks_line(m, v);
	network_line(m, v);
	pressure_line(m, v);
	limit_lines(m, v);
}
