/* SPDX-License-Identifier: MIT */
#include "render/tcp.h"

#include "render/words.h"
#include "view/tcp_end.h"

#include <stdio.h>
#include <string.h>

enum { NAME_LEAST = 12 };
/* Of a group: the width of its numbers, and what is left for what its sockets are. */
enum { GROUP_FIXED = 38, SHARE_LEAST = 30 };

void tcp_put_address(
	const struct table *t, text_t address, uint32_t port, bool listens, struct strbuf *out)
{
	const char *text = table_text(t, address);
	bool any = strcmp(text, "0.0.0.0") == 0 || strcmp(text, "::") == 0;

	if (any)
		strbuf_puts(out, "*");
	else
		strbuf_printf(out, strchr(text, ':') ? "[%s]" : "%s", text);
	if (port || !listens)
		strbuf_printf(out, ":%u", port);
	else
		strbuf_puts(out, ":*");
}

void tcp_put_timer(const struct tcp_socket *s, struct strbuf *out)
{
	struct human in = human_ns((double)s->timer_ns);

	switch (s->timer) {
	case TCP_TIMER_RETRANSMIT:
		/* While ACKs come it only stands by. */
		if (s->timer_retransmits > 0)
			strbuf_printf(
				out, "sent again in %s, %u in vain", in.s, s->timer_retransmits);
		break;
	case TCP_TIMER_KEEPALIVE:
		strbuf_printf(out,
			s->state == TCP_STATE_FIN_WAIT2 ? "dropped in %s" : "keepalive probe in %s",
			in.s);
		if (s->probes > 0)
			strbuf_printf(out, ", %u in vain", s->probes);
		break;
	case TCP_TIMER_TIME_WAIT:
		strbuf_printf(out, "gone in %s", in.s);
		break;
	case TCP_TIMER_PROBE:
		strbuf_printf(out, "window probe in %s", in.s);
		if (s->probes > 0)
			strbuf_printf(out, ", %u in vain", s->probes);
		break;
	default:
		break;
	}
}

/* "SYN_RECV 2, ESTABLISHED 412" of what there is. */
static void put_counts(const uint64_t *count, size_t n, const char *(*name)(uint32_t), size_t skip,
	struct strbuf *out)
{
	bool first = true;

	for (size_t i = 0; i < n; i++) {
		if (count[i] == 0 || i == skip)
			continue;
		strbuf_printf(out, "%s%s %s", first ? "" : ", ", human_number((double)count[i]).s,
			name((uint32_t)i));
		first = false;
	}
}

static const char *name_of_verdict(uint32_t v)
{
	return tcp_verdict_name((enum tcp_verdict)v);
}

static uint64_t wrong_of(const struct tcp_report *r)
{
	return r->sockets - r->verdict[TCP_FINE];
}

/* By which method, how old, and at what cost. */
static void put_how(const struct tcp_report *r, const struct text_style *style, struct strbuf *out)
{
	const struct table *t = frame_table(r->frame, TABLE_tcp_socket);
	auto_strbuf text = { 0 };

	if (table_usable(t))
		strbuf_printf(&text, "%s %s ago, ", t->method ? t->method : "?",
			human_ns((double)(r->now_ns > t->taken_ns ? r->now_ns - t->taken_ns : 0))
				.s);
	strbuf_printf(&text, "cost %s CPU in %s", human_ns((double)r->cpu_ns).s,
		human_ns((double)r->wall_ns).s);
	strbuf_puts(out, "  ");
	words_wrap_buf(out, &text, 2, 2, style->width);
}

static void put_head(const struct tcp_report *r, const struct text_style *style, struct strbuf *out)
{
	const struct table *hosts = frame_table(r->frame, TABLE_host);
	const struct host_row *h = table_only(hosts);
	auto_strbuf text = { 0 }, verdicts = { 0 };

	if (h && row_has(h->has, HOST_name))
		strbuf_printf(&text, "%s: ", table_text(hosts, h->name));
	strbuf_printf(&text, "%s TCP socket%s", human_number((double)r->sockets).s,
		r->sockets == 1 ? "" : "s");
	if (r->namespaces > 1)
		strbuf_printf(&text, " in %zu network namespaces", r->namespaces);
	if (r->sockets) {
		strbuf_puts(&text, ": ");
		put_counts(r->state, TCP_STATES, tcp_state_name, TCP_STATES, &text);
	}
	words_wrap_buf(out, &text, 0, 2, style->width);
	if (wrong_of(r)) {
		put_counts(r->verdict, TCP_VERDICTS, name_of_verdict, TCP_FINE, &verdicts);
		strbuf_puts(out, "  ");
		text_paint(TEXT_BOLD, style, out);
		words_wrap_buf(out, &verdicts, 2, 2, style->width);
		text_paint(TEXT_PLAIN, style, out);
	} else if (r->sockets) {
		strbuf_puts(out, "  nothing wrong can be seen of any\n");
	}
	put_how(r, style, out);
	for (size_t i = 0; i < r->n_lacks; i++)
		text_command(i == 0 ? "lost" : "", r->lack[i], style, out);
}

/* A row of the table, cell by cell; the last takes what is left. */
enum cell { VERDICT, STATE, LOCAL, PEER, RECEIVE, SEND, SILENT, LIMIT, THEN, PROCESS, CELLS };

struct layout {
	size_t width[CELLS]; /* 0: left out */
};

/* drop: where the line is too narrow the lowest is left out first; 0: never. */
static const struct {
	const char *head;
	size_t most;
	unsigned int drop;
	bool right;
} cells[CELLS] = {
	[VERDICT] = { "verdict", 17, 0, false },
	[STATE] = { "state", 11, 6, false },
	[LOCAL] = { "local", 47, 8, false },
	[PEER] = { "peer", 47, 0, false },
	[RECEIVE] = { "Recv-Q", 8, 4, true },
	[SEND] = { "Send-Q", 8, 5, true },
	[SILENT] = { "silent", 8, 2, true },
	[LIMIT] = { "limit", 11, 1, false },
	[THEN] = { "then", 40, 3, false },
	[PROCESS] = { "process", 30, 7, false },
};

static void put_silence(int64_t ns, struct strbuf *out)
{
	if (ns >= 0)
		strbuf_puts(out, human_ns((double)ns).s);
	else
		strbuf_puts(out, "?");
}

static void put_process(
	const struct tcp_report *r, const struct tcp_connection *c, struct strbuf *out)
{
	if (c->owner) {
		strbuf_puts(out, c->comm ? c->comm : "?");
		strbuf_printf(out, " (%llu) fd %llu", (unsigned long long)c->owner->pid,
			(unsigned long long)c->owner->fd);
		if (row_has(c->owner->has, SOCKET_OWNER_holders) && c->owner->holders > 1)
			strbuf_printf(out, " +%llu", (unsigned long long)c->owner->holders - 1);
	} else if (c->s->inode == 0) {
		strbuf_puts(out, "-");
	} else {
		strbuf_puts(out, r->owners ? "?" : "");
	}
}

/* How it ends, or at least what its timer does next. */
static void put_then(const struct tcp_report *r, const struct tcp_connection *c, struct strbuf *out)
{
	struct tcp_end end = tcp_view_end(r, c);

	if (end.what == TCP_END_NOTHING)
		tcp_put_timer(c->s, out);
	else
		strbuf_puts(out, tcp_future_text(&end).s);
}

static void put_cell(enum cell cell, const struct tcp_report *r, const struct tcp_connection *c,
	struct strbuf *out)
{
	const struct table *t = frame_table(r->frame, TABLE_tcp_socket);
	const struct tcp_socket *s = c->s;
	bool listens = s->state == TCP_STATE_LISTEN, gone = s->state == TCP_STATE_TIME_WAIT;

	switch (cell) {
	case VERDICT:
		strbuf_puts(out, tcp_verdict_name(c->verdict));
		break;
	case STATE:
		strbuf_puts(out, tcp_state_name(s->state));
		break;
	case LOCAL:
		tcp_put_address(t, s->local, s->local_port, false, out);
		break;
	case PEER:
		tcp_put_address(t, s->peer, s->peer_port, listens, out);
		break;
	case RECEIVE:
	case SEND:
		/* Of a listener: how many wait, of how many that may. */
		if (listens)
			strbuf_puts(out, human_number((double)(cell == SEND ? s->send_queue
									    : s->receive_queue))
						 .s);
		else
			strbuf_puts(out, human_bytes((double)(cell == SEND ? s->send_queue
									   : s->receive_queue))
						 .s);
		break;
	case SILENT:
		if (!listens && !gone)
			put_silence(tcp_silence_ns(s), out);
		break;
	case LIMIT:
		if (c->limit != TCP_LIMIT_NONE)
			strbuf_puts(out, tcp_limit_name(c->limit));
		break;
	case THEN:
		put_then(r, c, out);
		break;
	default:
		put_process(r, c, out);
	}
}

/* Filled up to width, or cut: of what has an end that tells more, the beginning. */
static void put_padded(const struct strbuf *text, size_t width, bool right, struct strbuf *out)
{
	auto_strbuf clean = { 0 };

	strbuf_add_printable(&clean, strbuf_text(text), text->len);
	out->failed |= clean.failed || text->failed;
	const char *s = strbuf_text(&clean);
	size_t columns = words_columns(s);

	if (columns > width) {
		strbuf_printf(out, "%.*s..", (int)(width - 2), s);
		return;
	}
	if (right)
		words_pad(out, width - columns);
	strbuf_puts(out, s);
	if (!right)
		words_pad(out, width - columns);
}

/* Of its head and of the n rows that are shown; 0: no row has any. */
static size_t widest(enum cell cell, const struct tcp_report *r, size_t n)
{
	size_t width = 0, head = strlen(cells[cell].head);

	for (size_t i = 0; i < n; i++) {
		auto_strbuf text = { 0 };

		put_cell(cell, r, &r->row[i], &text);
		width = text.len > width ? text.len : width;
	}
	if (width == 0)
		return 0;
	width = width > head ? width : head;
	return width < cells[cell].most ? width : cells[cell].most;
}

/* The cell to be left out next; CELLS: none can be. */
static int least_of(const struct layout *l)
{
	int least = CELLS;

	for (int c = 0; c < CELLS; c++) {
		if (l->width[c] && cells[c].drop &&
			(least == CELLS || cells[c].drop < cells[least].drop))
			least = c;
	}
	return least;
}

static struct layout lay_out(const struct tcp_report *r, size_t n, unsigned int line)
{
	struct layout l = { .width = { 0 } };
	size_t taken = 0;

	for (int c = 0; c < CELLS; c++) {
		l.width[c] = widest((enum cell)c, r, n);
		taken += l.width[c] ? l.width[c] + 1 : 0;
	}
	const struct layout all = l;

	for (int c = least_of(&l); taken > line + 1 && c < CELLS; c = least_of(&l)) {
		taken -= l.width[c] + 1;
		l.width[c] = 0;
	}
	/* What is narrow may still fit where something wide had to go. */
	for (int c = 0; c < CELLS; c++) {
		if (l.width[c] == 0 && all.width[c] && taken + all.width[c] <= line) {
			l.width[c] = all.width[c];
			taken += all.width[c] + 1;
		}
	}
	return l;
}

static void put_row(const struct layout *l, const struct tcp_report *r,
	const struct tcp_connection *c, struct strbuf *out)
{
	auto_strbuf line = { 0 };

	for (int cell = 0; cell < CELLS; cell++) {
		auto_strbuf text = { 0 };

		if (l->width[cell] == 0)
			continue;
		if (c)
			put_cell((enum cell)cell, r, c, &text);
		else
			strbuf_puts(&text, cells[cell].head);
		if (line.len)
			strbuf_putc(&line, ' ');
		put_padded(&text, l->width[cell], cells[cell].right, &line);
	}
	while (line.len && line.bytes[line.len - 1] == ' ')
		line.bytes[--line.len] = '\0';
	out->failed |= line.failed;
	strbuf_puts(out, strbuf_text(&line));
}

static void put_rows(const struct tcp_report *r, const struct text_style *style, struct strbuf *out)
{
	size_t n = r->top && r->top < r->n_rows ? r->top : r->n_rows;
	struct layout l = lay_out(r, n, style->width);

	text_paint(TEXT_BOLD, style, out);
	put_row(&l, r, NULL, out);
	text_paint(TEXT_PLAIN, style, out);
	strbuf_putc(out, '\n');
	for (size_t i = 0; i < n; i++) {
		put_row(&l, r, &r->row[i], out);
		strbuf_putc(out, '\n');
	}
	uint64_t more = r->n_rows - n + r->unlisted;

	if (more)
		strbuf_printf(out, "and %s more\n", human_number((double)more).s);
}

/* "3 close-wait, 1 nagle" and, where nothing is wrong, its states. */
static void put_group_counts(
	const struct tcp_report *r, const struct tcp_group *g, struct strbuf *out)
{
	uint64_t count[TCP_STATES + TCP_VERDICTS] = { 0 };

	for (size_t i = 0; g->wrong && i < TCP_VERDICTS; i++)
		count[i] = g->verdict[i];
	if (g->wrong && r->by != TCP_BY_VERDICT) {
		put_counts(count, TCP_VERDICTS, name_of_verdict, TCP_FINE, out);
		return;
	}
	for (size_t i = 0; i < TCP_STATES; i++)
		count[i] = g->state[i];
	put_counts(count, TCP_STATES, tcp_state_name, TCP_STATES, out);
}

static void put_groups(
	const struct tcp_report *r, const struct text_style *style, struct strbuf *out)
{
	size_t n = r->top && r->top < r->n_groups ? r->top : r->n_groups, width = NAME_LEAST;

	for (size_t i = 0; i < n; i++)
		width = words_columns(r->group[i].name) > width ? words_columns(r->group[i].name)
								: width;
	/* Room for what they are is more than room for names. */
	size_t most = style->width > GROUP_FIXED + SHARE_LEAST + NAME_LEAST
			      ? style->width - GROUP_FIXED - SHARE_LEAST
			      : NAME_LEAST;

	width += r->by == TCP_BY_PROCESS ? 11 : 0;
	width = width < most ? width : most;
	text_paint(TEXT_BOLD, style, out);
	strbuf_printf(out, "%8s %8s %8s %7s  %-*s  what they are", "sockets", "Recv-Q", "Send-Q",
		"silent", (int)width, tcp_by_name(r->by));
	text_paint(TEXT_PLAIN, style, out);
	strbuf_putc(out, '\n');
	for (size_t i = 0; i < n; i++) {
		const struct tcp_group *g = &r->group[i];
		auto_strbuf name = { 0 }, line = { 0 };

		strbuf_printf(out, "%8s %8s %8s ", human_number((double)g->connections).s,
			human_bytes((double)g->receive_queue).s,
			human_bytes((double)g->send_queue).s);
		strbuf_printf(
			out, "%7s  ", g->silence_ns < 0 ? "" : human_ns((double)g->silence_ns).s);
		strbuf_puts(&name, g->name);
		if (g->pid)
			strbuf_printf(&name, " (%llu)", (unsigned long long)g->pid);
		put_padded(&name, width, false, out);
		strbuf_puts(out, "  ");
		put_group_counts(r, g, &line);
		words_wrap_buf(out, &line, width + GROUP_FIXED, width + GROUP_FIXED, style->width);
	}
	if (n < r->n_groups)
		strbuf_printf(out, "and %zu more\n", r->n_groups - n);
}

/* What the verdicts that were seen mean. */
static void put_legend(
	const struct tcp_report *r, const struct text_style *style, struct strbuf *out)
{
	bool first = true;

	for (int v = TCP_FINE + 1; v < TCP_VERDICTS; v++) {
		const char *name = tcp_verdict_name((enum tcp_verdict)v);
		auto_strbuf text = { 0 };

		if (r->verdict[v] == 0)
			continue;
		if (first)
			strbuf_putc(out, '\n');
		first = false;
		strbuf_printf(&text, "%s; murphy explain %s.%s",
			tcp_verdict_text((enum tcp_verdict)v),
			tcp_verdict_family((enum tcp_verdict)v), name);
		strbuf_printf(out, "%-17s ", name);
		words_wrap_buf(out, &text, 18, 18, style->width);
	}
}

void tcp_text(const struct tcp_report *r, const struct text_style *style, struct strbuf *out)
{
	put_head(r, style, out);
	if (r->by != TCP_BY_NONE && r->n_groups) {
		strbuf_putc(out, '\n');
		put_groups(r, style, out);
	} else if (r->n_rows) {
		strbuf_putc(out, '\n');
		put_rows(r, style, out);
	} else if (r->sockets) {
		strbuf_puts(out, "\nno socket is as asked for\n");
	}
	put_legend(r, style, out);
}
