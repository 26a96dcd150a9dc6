/* SPDX-License-Identifier: MIT */
/* What a report says of the rules of the house: what is silenced, expired, or cannot be read. */
#include "render/text.h"
#include "render/words.h"

#include <string.h>

enum { INDENT = 4 };

static void put_line(struct strbuf *out, const struct text_style *style, struct strbuf *text)
{
	words_pad(out, 2);
	words_wrap_buf(out, text, 2, INDENT, style->width);
	strbuf_clear(text);
}

/* "tcp.close-wait of api (pid 12), until 2027-01-31: reason" */
static void put_silenced(struct strbuf *out, const struct text_style *style, const struct report *r)
{
	auto_strbuf text = { 0 };

	for (size_t i = 0; i < r->n_known; i++) {
		const struct finding *f = r->known[i];

		strbuf_printf(&text, "%s  %s", severity_name(f->severity), f->id);
		if (f->n_culprits > 0) {
			strbuf_puts(&text, " of ");
			words_entity(&f->culprits[0], &text);
		}
		strbuf_printf(&text, ", known until %s: %s  [%s:%u]", f->known->until,
			f->known->reason, f->known->file, f->known->line);
		put_line(out, style, &text);
	}
}

static bool silences(const struct report *r, const struct known *k)
{
	for (size_t i = 0; i < r->n_known; i++) {
		if (r->known[i]->known == k)
			return true;
	}
	return false;
}

/* Entries that silence nothing now, when all are wanted; those that have expired in any case. */
static void put_entries(struct strbuf *out, const struct text_style *style, const struct report *r)
{
	auto_strbuf text = { 0 };

	for (size_t i = 0; i < r->house->n_known; i++) {
		const struct known *k = &r->house->known[i];
		bool expired = k->until_ns <= r->now_ns;

		if (!expired && (!style->known || silences(r, k)))
			continue;
		strbuf_printf(&text, "%s %s: %s", expired ? "expired on" : "nothing found; until",
			k->until, k->id);
		if (k->culprit)
			strbuf_printf(&text, " of %s", k->culprit);
		strbuf_printf(&text, ": %s  [%s:%u]", k->reason, k->file, k->line);
		put_line(out, style, &text);
	}
}

static void put_notices(struct strbuf *out, const struct text_style *style, const struct house *h)
{
	auto_strbuf text = { 0 };

	for (size_t i = 0; i < h->n_notices; i++) {
		const struct notice *n = &h->notice[i];

		strbuf_puts(&text, n->file);
		if (n->line)
			strbuf_printf(&text, ":%u", n->line);
		if (n->section[0])
			strbuf_printf(&text, ": [%s]", n->section);
		if (n->key[0])
			strbuf_printf(&text, " %s", n->key);
		strbuf_printf(&text, ": %s", n->text);
		put_line(out, style, &text);
	}
}

void text_house(const struct report *r, const struct text_style *style, struct strbuf *out)
{
	size_t expired = report_expired(r);

	if (!r->house)
		return;
	if (r->n_known)
		strbuf_printf(out, "%zu known finding%s silenced%s\n", r->n_known,
			r->n_known == 1 ? " is" : "s are",
			style->known ? "" : "; murphy --known lists them");
	if (style->known)
		put_silenced(out, style, r);
	if (expired)
		strbuf_printf(out, "%zu known finding%s expired, and silence%s nothing any more\n",
			expired, expired == 1 ? " has" : "s have", expired == 1 ? "s" : "");
	put_entries(out, style, r);
	if (r->house->n_notices)
		strbuf_printf(out, "%zu error%s in the rules of the house\n",
			r->house->n_notices + r->house->lost_notices,
			r->house->n_notices + r->house->lost_notices == 1 ? "" : "s");
	put_notices(out, style, r->house);
}
