/* SPDX-License-Identifier: MIT */
#include "check/house.h"

#include "base/strbuf.h"

#include <string.h>

void house_wrong(struct house *h, const char *file, unsigned int line, const char *section,
	const char *key, const char *fmt, ...)
{
	va_list ap;

	if (h->n_notices == NOTICES_MAX) {
		h->lost_notices++;
		return;
	}
	struct notice *n = &h->notice[h->n_notices++];

	*n = (struct notice){ .line = line };
	n->file = arena_printf(&h->arena, "%s", file);
	n->section = arena_printf(&h->arena, "%s", section);
	n->key = arena_printf(&h->arena, "%s", key);
	va_start(ap, fmt);
	n->text = arena_vprintf(&h->arena, fmt, ap);
	va_end(ap);
}

/* In the order of the file, for who mends it from top to bottom; files stay in theirs. */
static void sort_notices(struct house *h)
{
	for (size_t i = 1; i < h->n_notices; i++) {
		struct notice n = h->notice[i];
		size_t k = i;

		for (; k > 0 && strcmp(h->notice[k - 1].file, n.file) == 0 &&
			h->notice[k - 1].line > n.line;
			k--)
			h->notice[k] = h->notice[k - 1];
		h->notice[k] = n;
	}
}

void house_ready(struct house *h)
{
	sort_notices(h);
	for (size_t i = 0; i < h->n_rules; i++)
		h->rule[i]->steps = RULES_STEPS / h->n_rules;
}

void house_release(struct house *h)
{
	arena_release(&h->arena);
	*h = (struct house){ 0 };
}

static const struct rule *find_rule(const struct house *h, const char *id)
{
	for (size_t i = 0; i < h->n_rules; i++) {
		if (strcmp(h->rule[i]->check.id, id) == 0)
			return h->rule[i];
	}
	return NULL;
}

const char *house_page(struct house *h, const char *id)
{
	const struct rule *r = find_rule(h, id);
	auto_strbuf page = { 0 };

	if (!r)
		return NULL;
	strbuf_printf(&page, "# %s\n\n%s\n\n", id, r->check.question);
	for (int s = SEVERITY_CRITICAL; s >= SEVERITY_INFO; s--) {
		if (r->when[s])
			strbuf_printf(&page, "- %s when `%s`\n", severity_name((enum severity)s),
				expr_text(r->when[s]));
	}
	if (r->why)
		strbuf_printf(&page, "\nWhy that limit: %s.\n", r->why);
	if (r->doc)
		strbuf_printf(&page, "\n%s\n", r->doc);
	strbuf_printf(&page, "\nA rule of the house: %s:%u. The language is in docs/checks.md.\n",
		r->file, r->line);
	h->arena.failed |= page.failed;
	return arena_printf(&h->arena, "%s", strbuf_text(&page));
}
