/* SPDX-License-Identifier: MIT */
#include "render/nagle.h"

#include "render/words.h"

#include <string.h>

enum { NARROW = 100, ROW_INDENT = 47, MORE = 14, ADVISED_MAX = 3 };

static const char *name_or(const char *name, const char *other)
{
	return name && *name ? name : other;
}

static void put_process(const char *name, uint64_t pid, struct strbuf *out)
{
	if (pid)
		strbuf_printf(out, "%s (pid %llu)", name_or(name, "a process that has ended"),
			(unsigned long long)pid);
	else
		strbuf_puts(out, "a process that is not seen from here");
}

/* "10.0.0.2:8080", "[::1]:8080", "10.0.0.2" where there are several ports. */
static void put_address(const char *address, uint32_t port, struct strbuf *out)
{
	bool v6 = strchr(address, ':') && port;

	strbuf_printf(out, "%s%s%s", v6 ? "[" : "", address, v6 ? "]" : "");
	if (port)
		strbuf_printf(out, ":%u", port);
}

static void put_who(const struct nagle_group *g, struct strbuf *out)
{
	put_process(g->command, g->pid, out);
	if (g->peer_port == 0 && g->local_port) {
		strbuf_puts(out, " at ");
		put_address(g->local, g->local_port, out);
	}
	strbuf_puts(out, " -> ");
	put_address(g->peer, g->peer_port, out);
}

/* Which way, for how long, what was seen, and what that cost. */
static void put_head(
	const struct nagle_report *r, const struct text_style *style, struct strbuf *out)
{
	const struct nagle_watch *w = r->watch;
	const struct table *t = frame_table(r->frame, TABLE_nagle_watch);
	auto_strbuf text = { 0 };

	strbuf_printf(&text,
		"%s of sends watched by %s (eBPF): ", human_ns((double)w->watched_ns).s,
		row_has(w->has, NAGLE_WATCH_probe) ? table_text(t, w->probe) : "?");
	if (row_has(w->has, NAGLE_WATCH_sends))
		strbuf_printf(&text, "%s over TCP in all, ", human_number((double)w->sends).s);
	else
		strbuf_puts(&text, "how many is not known, ");
	strbuf_printf(&text, "%s held for 1 ms or longer, %s of them by delayed ACKs",
		human_number((double)r->holds).s, human_number((double)r->stalls).s);
	if (r->pid || r->port)
		strbuf_puts(&text, r->pid && r->port ? " (of that process and port)"
				   : r->pid          ? " (of that process)"
						     : " (of that port)");
	if (w->lost)
		strbuf_printf(&text, "; %llu connections are missing: there was no room",
			(unsigned long long)w->lost);
	words_wrap_buf(out, &text, 0, 2, style->width);
}

static void put_cost(
	const struct nagle_report *r, const struct text_style *style, struct strbuf *out)
{
	const struct nagle_watch *w = r->watch;
	auto_strbuf text = { 0 };

	strbuf_puts(&text, "  ");
	if (!row_has(w->has, NAGLE_WATCH_run_ns))
		strbuf_puts(&text, "cost: not known, this kernel does not count it");
	else if (w->runs == 0 || w->watched_ns == 0)
		strbuf_puts(&text, "cost: none, the programs did not run");
	else
		strbuf_printf(&text,
			"cost: %s runs of %.0f ns, %s of one CPU, as the kernel counted in the "
			"first tenth of that time",
			human_number((double)w->runs).s, (double)w->run_ns / (double)w->runs,
			human_ratio((double)w->run_ns / (double)w->watched_ns).s);
	words_wrap_buf(out, &text, 0, 8, style->width);
}

static void put_heads(const struct text_style *style, struct strbuf *out)
{
	text_paint(TEXT_BOLD, style, out);
	strbuf_printf(out, "%7s%7s%7s%9s", "lost", "stalls", "held", "longest");
	if (style->width >= NARROW)
		strbuf_printf(out, "%7s%7s", "mean", "sends");
	strbuf_printf(out, "%13s  who -> to whom", "writes");
	text_paint(TEXT_PLAIN, style, out);
	strbuf_putc(out, '\n');
}

static void put_row(const struct nagle_group *g, const struct text_style *style, struct strbuf *out)
{
	bool wide = style->width >= NARROW;
	auto_strbuf text = { 0 }, writes = { 0 };

	strbuf_printf(&text, "%7s%7s%7s%9s", human_ns((double)g->held_ns).s,
		human_number((double)g->stalls).s, human_number((double)g->holds).s,
		human_ns((double)g->longest_ns).s);
	if (wide)
		strbuf_printf(&text, "%7s%7s",
			human_ns(g->holds ? (double)g->held_ns / (double)g->holds : 0).s,
			human_number((double)g->sends).s);
	strbuf_printf(&writes, "%llu + %llu", (unsigned long long)g->worst->sent_bytes,
		(unsigned long long)g->worst->held_bytes);
	strbuf_printf(&text, "%13s  ", strbuf_text(&writes));
	put_who(g, &text);
	if (g->connections > 1)
		strbuf_printf(&text, ", %zu connections", g->connections);
	text.failed |= writes.failed;
	words_wrap_buf(out, &text, 0, wide ? ROW_INDENT + MORE : ROW_INDENT, style->width);
}

static void put_line(
	const char *name, struct strbuf *text, const struct text_style *style, struct strbuf *out)
{
	out->failed |= text->failed;
	text_command(name, strbuf_text(text), style, out);
	strbuf_clear(text);
}

/* Who waits for what, and whose ACK lets it go. */
static void put_why(const struct nagle_group *g, const struct text_style *style, struct strbuf *out)
{
	auto_strbuf text = { 0 };

	strbuf_printf(&text,
		"it writes %llu bytes, then %llu more that wait until the first are "
		"acknowledged (Nagle's algorithm); ",
		(unsigned long long)g->worst->sent_bytes, (unsigned long long)g->worst->held_bytes);
	if (g->delayed_acks) {
		strbuf_printf(&text, "the delayed-ACK timer of the other end let %s of %s go",
			human_number((double)g->delayed_acks).s, human_number((double)g->stalls).s);
		if (g->acker_pid) {
			strbuf_puts(&text, ": ");
			put_process(g->acker, g->acker_pid, &text);
		}
	} else {
		strbuf_puts(&text, "the ACK came 20 ms or more beyond the shortest round trip: the "
				   "other end, on another host, most likely delays it");
	}
	put_line("why", &text, style, out);
	if (nagle_waits(g))
		strbuf_printf(&text,
			"after %s of the stalls data came before the next write: somebody waited "
			"for an answer",
			human_number((double)g->answered).s);
	else
		strbuf_puts(&text, "no answer followed: a log or a stream may well wait, nobody "
				   "is slower for it");
	put_line("harm", &text, style, out);
}

static void put_advice(
	const struct nagle_group *g, const struct text_style *style, struct strbuf *out)
{
	auto_strbuf text = { 0 };

	strbuf_putc(out, '\n');
	strbuf_puts(&text, name_or(g->command, "that process"));
	words_wrap_buf(out, &text, 0, 2, style->width);
	put_why(g, style, out);
	text_command("fix",
		"best, where it writes: one writev() or sendmsg() for what belongs together, or a "
		"buffer",
		style, out);
	text_command("",
		"simplest, at the same end: setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, "
		"sizeof(one)) after connect() or accept(); many programs have a setting for it",
		style, out);
	text_command("",
		"where pieces come one by one: send(..., MSG_MORE) for all but the last, or "
		"TCP_CORK set before and cleared after",
		style, out);
	text_command("no fix",
		"TCP_QUICKACK at the other end: the kernel leaves that mode by itself; a route "
		"there with quickack 1 lasts",
		style, out);
	text_command("refuted if",
		"answers are as late with TCP_NODELAY, or nobody waits for what is written", style,
		out);
}

static bool advised(const struct nagle_report *r, size_t i)
{
	const struct nagle_group *g = &r->group[i];

	for (size_t k = 0; k < i; k++) {
		const struct nagle_group *o = &r->group[k];

		if (o->stalls == 0)
			continue;
		if (o->pid == g->pid ||
			(o->command && g->command && strcmp(o->command, g->command) == 0))
			return true;
	}
	return false;
}

void nagle_text(const struct nagle_report *r, const struct text_style *style, struct strbuf *out)
{
	size_t n = r->top && r->top < r->n ? r->top : r->n, shown = 0;

	put_head(r, style, out);
	put_cost(r, style, out);
	if (r->n == 0) {
		strbuf_puts(out, "\nNothing was held back by Nagle's algorithm.\n");
		return;
	}
	strbuf_putc(out, '\n');
	put_heads(style, out);
	for (size_t i = 0; i < n; i++)
		put_row(&r->group[i], style, out);
	if (n < r->n)
		strbuf_printf(out, "and %zu more\n", r->n - n);
	/* Workers of a server write by the same line of code: once. */
	for (size_t i = 0; i < n && shown < ADVISED_MAX; i++) {
		if (r->group[i].stalls == 0 || advised(r, i))
			continue;
		put_advice(&r->group[i], style, out);
		shown++;
	}
	if (r->stalls == 0)
		strbuf_puts(out, "\nNo stall: what was held went out with the next ACK, in a round "
				 "trip.\n");
}
