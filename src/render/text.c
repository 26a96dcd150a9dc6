/* SPDX-License-Identifier: MIT */
#include "render/text.h"

#include "base/version.h"
#include "render/words.h"
#include "view/recent.h"
#include "view/vitals.h"

#include <string.h>

enum { LABEL = TEXT_LABEL, VALUE = 9, METRIC_MAX = 44, NOTE_MIN = 36, CHECK_COLUMNS = 23 };

static const char *const severity_colour[] = { "\033[1;34m", "\033[1;33m", "\033[1;31m" };
static const char *const severity_word[] = { "INFO", "WARNING", "CRITICAL" };

void text_paint(const char *code, const struct text_style *style, struct strbuf *out)
{
	if (style->colour)
		strbuf_puts(out, code);
}

static void label(struct strbuf *out, const struct text_style *style, const char *name, int columns)
{
	text_paint(TEXT_DIM, style, out);
	strbuf_printf(out, "  %-*s", columns - 2, name);
	text_paint(TEXT_PLAIN, style, out);
}

static void paragraph(
	struct strbuf *out, const struct text_style *style, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	label(out, style, name, LABEL);
	words_wrap(out, text, LABEL, LABEL, style->width);
}

static size_t metric_columns(const struct finding *f)
{
	size_t most = 0;

	for (size_t i = 0; i < f->n_evidence; i++) {
		size_t n = words_columns(f->evidence[i].metric);

		if (n > most && n <= METRIC_MAX)
			most = n;
	}
	return most;
}

/* "alarm above 10 %": on which side of its threshold a value is bad. */
static void evidence_alarm(struct strbuf *text, const struct evidence *e)
{
	static const char *const side[] = { [ALARM_NONE] = "against",
		[ALARM_ABOVE] = "alarm above",
		[ALARM_FROM] = "alarm from",
		[ALARM_BELOW] = "alarm below",
		[ALARM_TO] = "alarm up to" };

	if (reading_ok(e->threshold))
		strbuf_printf(text, "%s %s%s", side[e->alarm],
			words_quantity(e->unit, e->threshold).s, e->why ? ": " : "");
	if (e->why)
		strbuf_puts(text, e->why);
}

/* From column at: the value, and what stands in brackets behind it, broken below itself. */
static void put_value(
	struct strbuf *out, const struct text_style *style, const struct evidence *e, size_t at)
{
	auto_strbuf text = { 0 };

	if (e->text)
		strbuf_puts(&text, e->text);
	else
		strbuf_printf(&text, "%-*s", VALUE, words_quantity(e->unit, e->value).s);
	if (reading_ok(e->threshold) || e->why) {
		strbuf_puts(&text, " (");
		evidence_alarm(&text, e);
		strbuf_puts(&text, ")");
	}
	if (style->verbose && e->source)
		strbuf_printf(&text, "  [%s]", e->source);
	size_t below = e->text ? at : at + VALUE + 2;

	words_wrap_buf(
		out, &text, at, below + NOTE_MIN <= style->width ? below : LABEL + 4, style->width);
}

/* An exclamation mark before what is beyond its threshold; the rest is there for context. */
static void put_evidence(
	struct strbuf *out, const struct text_style *style, const struct finding *f)
{
	size_t metric = metric_columns(f);

	for (size_t i = 0; i < f->n_evidence; i++) {
		const struct evidence *e = &f->evidence[i];
		size_t name = words_columns(e->metric);
		size_t gap = name < metric ? metric - name + 2 : 2;
		bool fired = evidence_fired(e);

		label(out, style, i == 0 ? "evidence" : "", LABEL - 2);
		text_paint(fired ? TEXT_BOLD : "", style, out);
		strbuf_puts(out, fired ? "! " : "  ");
		strbuf_add_printable(out, e->metric, strlen(e->metric));
		text_paint(fired ? TEXT_PLAIN : "", style, out);
		words_pad(out, gap);
		put_value(out, style, e, LABEL + name + gap);
	}
}

static void put_entities(struct strbuf *out, const struct text_style *style, const char *name,
	const struct entity *e, size_t n, size_t more)
{
	auto_strbuf text = { 0 };

	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			strbuf_puts(&text, "; ");
		words_entity(&e[i], &text);
	}
	if (more > 0)
		strbuf_printf(&text, "; and %zu more", more);
	out->failed |= text.failed;
	paragraph(out, style, name, text.bytes);
}

/* How sure murphy is stands beside what it is sure of. */
static void put_cause(struct strbuf *out, const struct text_style *style, const struct finding *f)
{
	auto_strbuf text = { 0 };

	if (f->cause && *f->cause)
		strbuf_printf(&text, "(%s) %s", confidence_name(f->confidence), f->cause);
	out->failed |= text.failed;
	paragraph(out, style, "cause", strbuf_text(&text));
}

void text_label(const char *name, const struct text_style *style, struct strbuf *out)
{
	label(out, style, name, LABEL);
}

void text_command(
	const char *name, const char *text, const struct text_style *style, struct strbuf *out)
{
	const char *command = text ? strstr(text, ":  ") : NULL;
	auto_strbuf words = { 0 };

	if (!command || LABEL + words_columns(text) <= style->width) {
		paragraph(out, style, name, text);
		return;
	}
	strbuf_add(&words, text, (size_t)(command - text) + 1);
	out->failed |= words.failed;
	paragraph(out, style, name, words.bytes);
	words_pad(out, LABEL + 2);
	strbuf_add_printable(out, command + 3, strlen(command + 3));
	strbuf_putc(out, '\n');
}

/* The title from column at on, its id at the right edge, on a line of its own if need be. */
static void put_title(
	struct strbuf *out, const struct text_style *style, const struct finding *f, size_t at)
{
	size_t width = style->width, id = words_columns(f->id);
	auto_strbuf title = { 0 };

	text_paint(TEXT_BOLD, style, out);
	words_wrap(&title, f->title, at, at, width);
	if (title.len > 0)
		title.bytes[--title.len] = '\0';
	const char *last = strrchr(strbuf_text(&title), '\n');
	size_t end = last ? words_columns(last + 1) : at + words_columns(strbuf_text(&title));

	out->failed |= title.failed;
	strbuf_add(out, strbuf_text(&title), title.len);
	text_paint(TEXT_PLAIN, style, out);
	if (end + 2 + id > width) {
		strbuf_putc(out, '\n');
		end = 0;
	}
	words_pad(out, width > end + id ? width - end - id : 0);
	strbuf_printf(out, "%s\n", f->id);
}

void text_finding(const struct finding *f, const struct text_style *style, struct strbuf *out)
{
	text_paint(severity_colour[f->severity], style, out);
	strbuf_printf(out, "%-8s  ", severity_word[f->severity]);
	text_paint(TEXT_PLAIN, style, out);
	put_title(out, style, f, 10);
	put_evidence(out, style, f);
	put_cause(out, style, f);
	put_entities(out, style, f->n_culprits == 1 ? "culprit" : "culprits", f->culprits,
		f->n_culprits, 0);
	put_entities(out, style, "victims", f->victims, f->n_victims, f->more_victims);
	for (size_t i = 0; i < f->n_todo; i++)
		text_command(i == 0 ? "do" : "", f->todo[i], style, out);
	text_command("refuted if", f->refuted_if, style, out);
	if (f->known_cause) {
		auto_strbuf text = { 0 };

		strbuf_printf(&text, "%s, which is known (%s): %s", f->known_cause->id,
			f->known_cause->known->reason, f->known_cause->title);
		out->failed |= text.failed;
		paragraph(out, style, "follows", strbuf_text(&text));
	}
	label(out, style, "more", LABEL);
	strbuf_printf(out, "murphy explain %s\n", f->id);
}

static void put_nested(struct strbuf *out, const struct text_style *style, const struct finding *f)
{
	label(out, style, "brings", LABEL);
	strbuf_printf(out, "%-8s  ", severity_word[f->severity]);
	put_title(out, style, f, LABEL + 10);
}

static void put_header(const struct report *r, const struct text_style *style, struct strbuf *out)
{
	const struct table *t = frame_table(r->model->now, TABLE_host);
	const struct host_row *h = table_only(t);
	const struct meminfo *m = frame_row(r->model->now, TABLE_meminfo);
	auto_strbuf line = { 0 };

	strbuf_printf(&line, "murphy %s", murphy_version);
	if (h && h->name)
		strbuf_printf(&line, "  %s", table_text(t, h->name));
	if (h && h->release)
		strbuf_printf(&line, "  Linux %s", table_text(t, h->release));
	if (h && row_has(h->has, HOST_cpus_online))
		strbuf_printf(&line, "  %llu CPUs", (unsigned long long)h->cpus_online);
	if (m)
		strbuf_printf(&line, "  %s", human_bytes((double)m->total_bytes).s);
	if (r->looked_ns)
		strbuf_printf(&line, "  looked for %s,", human_ns((double)r->looked_ns).s);
	strbuf_printf(&line, "  cost %s CPU, %s", human_ns((double)r->cpu_ns).s,
		human_bytes((double)r->peak_bytes).s);
	words_wrap_buf(out, &line, 0, 2, style->width);
	strbuf_putc(out, '\n');
}

/* What changed in the last day: a line each, none when nothing did. */
/* A line about the machine: what it is of stands in the first column. */
static void put_named(
	struct strbuf *out, const struct text_style *style, const char *name, const char *text)
{
	text_paint(TEXT_DIM, style, out);
	strbuf_printf(out, "%-*s", LABEL, name);
	text_paint(TEXT_PLAIN, style, out);
	words_wrap(out, text, LABEL, LABEL, style->width);
}

static void put_recent(const struct report *r, const struct text_style *style, struct strbuf *out)
{
	struct recent v = { 0 };

	recent_make(r->model, &v);
	for (size_t i = 0; i < v.n; i++)
		put_named(out, style, i == 0 ? "changed" : "", v.line[i]);
	if (v.n > 0)
		strbuf_putc(out, '\n');
	arena_release(&v.arena);
}

static void put_vitals(const struct report *r, const struct text_style *style, struct strbuf *out)
{
	struct vitals v = { 0 };

	vitals_make(r->model, &v);
	for (size_t i = 0; i < v.n; i++)
		put_named(out, style, v.line[i].name, v.line[i].text);
	arena_release(&v.arena);
	strbuf_putc(out, '\n');
}

static void put_checks(const struct report *r, const struct text_style *style, struct strbuf *out)
{
	size_t young = report_count(r, VERDICT_YOUNG), unknown = report_count(r, VERDICT_UNKNOWN);

	strbuf_printf(out, "%zu check%s: %zu found something, %zu fine", r->n_results,
		r->n_results == 1 ? "" : "s", report_count(r, VERDICT_SAD),
		report_count(r, VERDICT_FINE));
	if (young)
		strbuf_printf(out, ", %zu need%s history", young, young == 1 ? "s" : "");
	if (unknown)
		strbuf_printf(out, ", %zu could not look", unknown);
	strbuf_putc(out, '\n');
	for (size_t i = 0; i < r->n_results; i++) {
		const struct check_result *c = &r->result[i];

		if (c->verdict != VERDICT_UNKNOWN && !style->verbose)
			continue;
		strbuf_printf(out, "  %-20s ", c->check->id);
		words_wrap(out, c->verdict == VERDICT_UNKNOWN ? c->why : verdict_name(c->verdict),
			CHECK_COLUMNS, CHECK_COLUMNS, style->width);
	}
}

static bool not_whole(const struct table *t)
{
	return t && t->why[0] &&
	       ((t->state != STATE_OK && t->state != STATE_ABSENT) || t->lost > 0);
}

/* What was not seen and why, tables with one reason together. */
static void put_unseen(const struct report *r, const struct text_style *style, struct strbuf *out)
{
	bool told[TABLES] = { 0 };

	for (int id = 1; id < TABLES; id++) {
		const struct table *t = frame_table(r->model->now, (enum table_id)id);
		auto_strbuf text = { 0 };

		if (!not_whole(t) || told[id])
			continue;
		for (int other = id; other < TABLES; other++) {
			const struct table *o = frame_table(r->model->now, (enum table_id)other);

			if (!not_whole(o) || strcmp(o->why, t->why) != 0)
				continue;
			strbuf_printf(&text, "%s%s", text.len ? ", " : "", o->schema->name);
			told[other] = true;
		}
		strbuf_printf(&text, ": %s", t->why);
		label(out, style, "not seen", LABEL);
		words_wrap_buf(out, &text, LABEL, LABEL, style->width);
	}
	if (r->stuck)
		strbuf_printf(out,
			"  %u of murphy's readers hang in the kernel and end when it lets go\n",
			r->stuck);
}

static void put_sources(const struct report *r, const struct text_style *style, struct strbuf *out)
{
	for (int id = 1; id < TABLES; id++) {
		const struct table *t = frame_table(r->model->now, (enum table_id)id);
		auto_strbuf text = { 0 };

		if (!t)
			continue;
		strbuf_puts(&text, state_name(t->state));
		if (t->state == STATE_OK)
			strbuf_printf(&text, ", %zu rows", t->n);
		if (t->why[0])
			strbuf_printf(&text, ": %s", t->why);
		if (t->cost_ns)
			strbuf_printf(&text, " (%s CPU)", human_ns((double)t->cost_ns).s);
		strbuf_printf(out, "  %-20s ", t->schema->name);
		words_wrap_buf(out, &text, CHECK_COLUMNS, CHECK_COLUMNS, style->width);
	}
}

static void put_findings(const struct report *r, const struct text_style *style, struct strbuf *out)
{
	for (size_t i = 0; i < r->n_findings; i++) {
		const struct finding *f = r->finding[i];

		if (f->parent && !style->verbose)
			put_nested(out, style, f);
		else
			text_finding(f, style, out);
		if (i + 1 == r->n_findings || !r->finding[i + 1]->parent || style->verbose)
			strbuf_putc(out, '\n');
	}
	if (r->lost_findings)
		strbuf_printf(out, "%zu more findings are not shown\n\n", r->lost_findings);
}

void text_report(const struct report *r, const struct text_style *style, struct strbuf *out)
{
	int code = report_exit_code(r);

	put_header(r, style, out);
	put_recent(r, style, out);
	put_findings(r, style, out);
	if (code == 0 || code == 3) {
		bool blind = report_is_blind(r);

		strbuf_printf(out, "Nothing%s %s%s.\n\n", r->n_known ? " else" : "",
			blind ? "could be looked at" : "wrong",
			code == 3 && !blind ? " in what could be looked at" : "");
		put_vitals(r, style, out);
	}
	put_checks(r, style, out);
	text_house(r, style, out);
	if (style->verbose)
		put_sources(r, style, out);
	put_unseen(r, style, out);
}
