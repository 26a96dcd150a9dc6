/* SPDX-License-Identifier: MIT */
#include "render/tcp_join.h"

#include "base/arena.h"
#include "render/tcp_join_words.h"
#include "render/words.h"

#include <string.h>

enum { INDENT = 2, LABELS = 13 };

static void put_paragraph(const char *name, const struct strbuf *text,
	const struct text_style *style, struct strbuf *out)
{
	text_label(name, style, out);
	words_wrap_buf(out, text, LABELS, LABELS, style->width);
}

static void put_counts(
	const struct join_view *v, const struct text_style *style, struct strbuf *out)
{
	const struct join_result *r = v->result;
	auto_strbuf text = { 0 };

	for (int h = 0; h < JOIN_HOSTS; h++) {
		const struct join_side *s = &r->side[h];

		strbuf_printf(&text, "%s%s: %s socket%s, %s to other hosts", h ? "; " : "",
			v->host[h], human_number((double)s->rows).s, s->rows == 1 ? "" : "s",
			human_number((double)s->connections).s);
	}
	words_wrap_buf(out, &text, 0, INDENT, style->width);
	strbuf_clear(&text);
	strbuf_printf(&text, "%s connection%s of both", human_number((double)r->joined).s,
		r->joined == 1 ? "" : "s");
	if (r->n_findings)
		strbuf_printf(&text, ", on %s they disagree%s",
			human_number((double)r->n_findings).s, r->n_checked ? "" : ", as it seems");
	else
		strbuf_puts(&text, ", they agree on all that could be judged");
	strbuf_puts(out, "  ");
	text_paint(TEXT_BOLD, style, out);
	words_wrap_buf(out, &text, INDENT, INDENT, style->width);
	text_paint(TEXT_PLAIN, style, out);
	strbuf_clear(&text);
	if (r->n_checked < r->n_findings)
		strbuf_puts(&text, "suspected, not checked again: it takes a second look at both "
				   "(--again)");
	else if (r->suspects)
		strbuf_printf(&text, "%s suspect%s of the first look, looked at again at both ends",
			human_number((double)r->suspects).s, r->suspects == 1 ? "" : "s");
	else
		strbuf_puts(&text, "no suspects in the first look");
	strbuf_puts(out, "  ");
	words_wrap_buf(out, &text, INDENT, INDENT, style->width);
}

static void put_gaps(const struct join_view *v, const struct text_style *style, struct strbuf *out)
{
	const struct join_result *r = v->result;
	struct arena arena = { 0 };
	const char *gap[JOIN_GAPS];
	size_t n = join_gaps(v, &arena, gap);

	for (size_t i = 0; i < n; i++)
		text_command(i == 0 ? "not judged" : "", gap[i], style, out);
	for (int h = 0; h < JOIN_HOSTS; h++) {
		auto_strbuf text = { 0 };

		if (r->side[h].translated) {
			strbuf_printf(&text,
				"%zu of %s are known to %s under another address (NAT)",
				r->side[h].translated, v->host[h], v->host[!h]);
			put_paragraph("NAT", &text, style, out);
			strbuf_clear(&text);
		}
		if (r->side[h].elsewhere == 0)
			continue;
		strbuf_printf(&text, "%zu of %s go to addresses that %s is not known to have",
			r->side[h].elsewhere, v->host[h], v->host[!h]);
		put_paragraph("elsewhere", &text, style, out);
	}
	out->failed |= arena.failed;
	arena_release(&arena);
}

/* "ESTABLISHED, 12 KB wait to be acknowledged, nothing heard for 2 h, php-fpm (pid 12)" */
static void put_belief(const struct join_row *r, struct strbuf *out)
{
	strbuf_puts(out, tcp_state_name(r->state));
	if (r->retransmits)
		strbuf_printf(out, ", sent %u times in vain", r->retransmits);
	if (r->send_queue)
		strbuf_printf(out, ", Send-Q %s", human_bytes((double)r->send_queue).s);
	if (r->receive_queue)
		strbuf_printf(out, ", Recv-Q %s", human_bytes((double)r->receive_queue).s);
	if (r->heard_ns != UINT64_MAX)
		strbuf_printf(out, ", heard last %s ago", human_ns((double)r->heard_ns).s);
	if (r->pid)
		strbuf_printf(out, ", %s (pid %llu)", r->command, (unsigned long long)r->pid);
}

static void put_row(const struct join_view *v, const struct join_finding *f,
	const struct text_style *style, struct strbuf *out)
{
	auto_strbuf text = { 0 };

	strbuf_printf(&text, "%s ", v->host[f->host]);
	join_put_end(f->here.local, f->here.local_port, &text);
	strbuf_printf(&text, " with %s ", v->host[!f->host]);
	join_put_end(f->here.peer, f->here.peer_port, &text);
	strbuf_puts(&text, f->checked ? "" : " (not checked again)");
	strbuf_puts(out, "  ");
	words_wrap_buf(out, &text, INDENT, 2 * INDENT, style->width);
	for (int there = 0; there < 2; there++) {
		strbuf_clear(&text);
		strbuf_printf(&text, "%s: ", v->host[there ? !f->host : f->host]);
		if (there && !f->has_there)
			strbuf_puts(&text, "no such socket");
		else
			put_belief(there ? &f->there : &f->here, &text);
		words_pad(out, 2 * INDENT);
		words_wrap_buf(out, &text, 2 * INDENT, 3 * INDENT, style->width);
	}
}

/* What is the same of all of a cause. */
static void put_cause(const struct join_view *v, size_t first, size_t n,
	const struct text_style *style, struct strbuf *out)
{
	const struct join_finding *f = &v->result->finding[first];
	const struct join_words *w = join_words_of(f->cause);
	auto_strbuf text = { 0 };

	strbuf_putc(out, '\n');
	text_paint(TEXT_BOLD, style, out);
	strbuf_printf(out, "tcp.disagree %s: %zu connection%s\n", join_cause_name(f->cause), n,
		n == 1 ? "" : "s");
	text_paint(TEXT_PLAIN, style, out);
	strbuf_puts(&text, w->says);
	put_paragraph("cause", &text, style, out);
	strbuf_clear(&text);
	strbuf_puts(&text, w->program ? w->program : "");
	if (w->program)
		put_paragraph("do", &text, style, out);
	strbuf_clear(&text);
	strbuf_printf(&text, "to end it on %s:  ", v->host[f->host]);
	join_put_kill(&f->here, &text);
	out->failed |= text.failed;
	if (w->kill)
		text_command(w->program ? "" : "do", strbuf_text(&text), style, out);
	strbuf_clear(&text);
	strbuf_puts(&text, w->refuted);
	if (!f->checked)
		strbuf_puts(&text, "; or it was gone, or had its other end, a moment later");
	else if (!v->live)
		strbuf_puts(
			&text, "; or the files are not of one time, in the order they are given");
	put_paragraph("refuted if", &text, style, out);
}

/* Findings from first on of one cause and certainty. */
static size_t count_alike(const struct join_result *r, size_t first)
{
	size_t n = first;

	while (n < r->n_findings && r->finding[n].cause == r->finding[first].cause &&
		r->finding[n].checked == r->finding[first].checked)
		n++;
	return n - first;
}

void tcp_join_text(const struct join_view *v, const struct text_style *style, struct strbuf *out)
{
	const struct join_result *r = v->result;
	size_t shown = 0, most = v->top ? v->top : r->n_findings;

	put_counts(v, style, out);
	put_gaps(v, style, out);
	for (size_t first = 0, n; first < r->n_findings; first += n) {
		n = count_alike(r, first);
		put_cause(v, first, n, style, out);
		size_t rows = n < most - shown ? n : most - shown;

		for (size_t i = 0; i < rows; i++)
			put_row(v, &r->finding[first + i], style, out);
		shown += rows;
		if (rows < n)
			strbuf_printf(out, "  %zu more: --top 0\n", n - rows);
	}
}
