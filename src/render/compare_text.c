/* SPDX-License-Identifier: MIT */
#include "render/compare.h"

#include "base/version.h"
#include "render/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Of those that weigh little so many are shown; what weighs more is shown in any case. */
enum { SHOWN = 25, SCORE_LOW = 40, NAME_COLUMNS = 40, VALUE_COLUMNS = 24, INDENT = 4 };

static bool is_blind(enum state state)
{
	return state == STATE_DENIED || state == STATE_LATE || state == STATE_BROKEN;
}

bool comparison_blind(const struct comparison *c)
{
	for (size_t i = 0; i < c->n_gaps; i++) {
		if (is_blind(c->gap[i].a) || is_blind(c->gap[i].b) || c->gap[i].hidden)
			return true;
	}
	return false;
}

static void put_time(uint64_t wall_ns, struct strbuf *out)
{
	time_t s = (time_t)(wall_ns / 1000000000u);
	struct tm tm;
	char text[32];

	if (wall_ns == 0 || !gmtime_r(&s, &tm))
		return;
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	strbuf_printf(out, "  %s", text);
}

static void put_side(const struct compared *side, char letter, const struct text_style *style,
	struct strbuf *out)
{
	const struct frame *f = side->report->model->now;
	const struct table *t = frame_table(f, TABLE_host);
	const struct host_row *h = table_only(t);
	auto_strbuf line = { 0 };

	strbuf_printf(&line, "%c  %s", letter, side->named ? side->named : "this machine");
	if (h && row_has(h->has, HOST_name))
		strbuf_printf(&line, "  %s", table_text(t, h->name));
	if (h && row_has(h->has, HOST_release))
		strbuf_printf(&line, "  Linux %s", table_text(t, h->release));
	put_time(f->walltime_ns, &line);
	if (side->report->looked_ns)
		strbuf_printf(
			&line, "  looked for %s", human_ns((double)side->report->looked_ns).s);
	else
		strbuf_puts(&line, "  one look: rates are means since boot");
	words_wrap_buf(out, &line, 0, INDENT, style->width);
}

static void value_of(const struct fact *f, struct measure m, struct strbuf *out)
{
	const char *text = f ? f->text : NULL;

	if (!f)
		strbuf_puts(out, "no");
	else if (text)
		strbuf_puts(out, !*text ? "yes" : text);
	else if (isinf(m.value.value))
		strbuf_puts(out, "unlimited");
	else if (fact_kinds[f->id].unit == UNIT_COUNT && fabs(m.value.value) < 100 &&
		 m.value.value != trunc(m.value.value))
		strbuf_printf(out, "%.2f", m.value.value);
	else
		strbuf_puts(out, words_quantity(fact_kinds[f->id].unit, m.value).s);
}

static void labelled(struct strbuf *out, const char *label, const struct strbuf *value,
	const struct text_style *style)
{
	strbuf_printf(out, "    %s  ", label);
	words_wrap_buf(out, value, INDENT + 3, INDENT + 3, style->width);
}

static void put_difference(
	const struct difference *d, const struct text_style *style, struct strbuf *out)
{
	const struct fact *f = d->a ? d->a : d->b;
	auto_strbuf name = { 0 }, a = { 0 }, b = { 0 }, plain = { 0 };

	strbuf_printf(&name, "%s%s%s%s", fact_kinds[f->id].name, *f->of ? " " : "", f->of,
		d->ever ? " (since boot)" : "");
	value_of(d->a, d->from, &a);
	value_of(d->b, d->to, &b);
	strbuf_add_printable(&plain, strbuf_text(&name), name.len);
	out->failed |= name.failed || a.failed || b.failed || plain.failed;
	size_t columns = words_columns(strbuf_text(&plain));
	size_t left = words_columns(strbuf_text(&a)), right = words_columns(strbuf_text(&b));
	bool fits = columns <= NAME_COLUMNS && left <= VALUE_COLUMNS &&
		    NAME_COLUMNS + VALUE_COLUMNS + 4 + right <= style->width;

	text_paint(TEXT_BOLD, style, out);
	strbuf_puts(out, strbuf_text(&plain));
	text_paint(TEXT_PLAIN, style, out);
	if (fits) {
		words_pad(out, NAME_COLUMNS + 2 - columns);
		strbuf_add_printable(out, strbuf_text(&a), a.len);
		words_pad(out, VALUE_COLUMNS + 2 - left);
		words_wrap(out, strbuf_text(&b), 0, 0, SIZE_MAX);
	} else {
		strbuf_putc(out, '\n');
		labelled(out, "A", &a, style);
		labelled(out, "B", &b, style);
	}
	words_pad(out, INDENT);
	text_paint(TEXT_DIM, style, out);
	words_wrap(out, d->why, INDENT, INDENT, style->width);
	text_paint(TEXT_PLAIN, style, out);
}

static void gap_side(char letter, enum state state, const char *why, struct strbuf *out)
{
	if (state != STATE_OK)
		strbuf_printf(out, "; %c: %s%s%s", letter, state_name(state),
			why && *why ? ", " : "", why ? why : "");
}

static bool same_reason(const struct gap *a, const struct gap *b)
{
	return !a->only && !b->only && a->a == b->a && a->b == b->b && a->because == b->because &&
	       !a->n && !b->n && strcmp(a->why_a ? a->why_a : "", b->why_a ? b->why_a : "") == 0 &&
	       strcmp(a->why_b ? a->why_b : "", b->why_b ? b->why_b : "") == 0;
}

/* "mean time of a read of" is a beginning: without its end. */
static void put_kind(enum fact_id id, const char *before, struct strbuf *out)
{
	const char *name = fact_kinds[id].name;
	size_t len = strlen(name);

	if (len > 3 && (strcmp(name + len - 3, " of") == 0 || strcmp(name + len - 3, " to") == 0))
		len -= 3;
	strbuf_printf(out, "%s%.*s", before, (int)len, name);
}

/* Gaps for one reason, which stand together or not, on one line. */
static void put_gaps(const struct comparison *c, const struct text_style *style, struct strbuf *out)
{
	if (c->n_gaps > 0)
		strbuf_puts(out, "\nNot compared:\n");
	for (size_t i = 0; i < c->n_gaps; i++) {
		const struct gap *g = &c->gap[i];
		auto_strbuf line = { 0 };
		bool told = false;

		for (size_t k = 0; k < i && !told; k++)
			told = same_reason(&c->gap[k], g);
		if (told)
			continue;
		put_kind(g->id, "", &line);
		for (size_t k = i + 1; k < c->n_gaps; k++) {
			if (same_reason(g, &c->gap[k]))
				put_kind(c->gap[k].id, ", ", &line);
		}
		if (g->only)
			strbuf_printf(&line, ": only in %c: %s%s", g->only - 'a' + 'A', g->names,
				g->n > GAP_NAMES ? " and others" : "");
		else if (g->because && g->n)
			strbuf_printf(&line, " (%zu): %s", g->n, g->because);
		else if (g->because)
			strbuf_printf(&line, ": %s", g->because);
		else if (g->names)
			strbuf_printf(
				&line, " %s%s", g->names, g->n > GAP_NAMES ? " and others" : "");
		gap_side('A', g->a, g->why_a, &line);
		gap_side('B', g->b, g->why_b, &line);
		strbuf_puts(out, "  ");
		words_wrap_buf(out, &line, 2, INDENT, style->width);
	}
}

void text_comparison(const struct comparison *c, const struct compared side[2],
	const struct text_style *style, struct strbuf *out)
{
	size_t shown = 0;

	put_side(&side[0], 'A', style, out);
	put_side(&side[1], 'B', style, out);
	strbuf_printf(out, "%zu of %zu facts differ%s\n", c->n, c->compared,
		c->n ? ", what matters most first" : " more than by noise");
	if (c->n > 0) {
		strbuf_putc(out, '\n');
		words_pad(out, NAME_COLUMNS + 2);
		strbuf_puts(out, "A");
		words_pad(out, VALUE_COLUMNS + 1);
		strbuf_puts(out, "B\n");
	}
	for (; shown < c->n; shown++) {
		const struct difference *d = &c->difference[shown];

		if (!style->verbose && shown >= SHOWN && d->score < SCORE_LOW)
			break;
		put_difference(d, style, out);
	}
	if (shown < c->n)
		strbuf_printf(out, "and %zu that matter less: --verbose\n", c->n - shown);
	put_gaps(c, style, out);
}
