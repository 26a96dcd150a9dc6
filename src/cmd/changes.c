/* SPDX-License-Identifier: MIT */
#include "cmd/changes.h"

#include "base/mem.h"
#include "render/json_report.h"

#include <errno.h>
#include <string.h>
#include <time.h>

struct changes {
	bool started;
	struct arena arena; /* of the remembered findings */
	struct finding known[FINDINGS_MAX];
	size_t n;
};

int changes_new(struct changes **ret_changes)
{
	struct changes *c = mem_new(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	*ret_changes = c;
	return 0;
}

void changes_free(struct changes *c)
{
	if (c)
		arena_release(&c->arena);
	free(c);
}

static bool same(const struct finding *a, const struct finding *b)
{
	if (strcmp(a->id, b->id) != 0 || (a->n_culprits > 0) != (b->n_culprits > 0))
		return false;
	return a->n_culprits == 0 || entity_same(&a->culprits[0], &b->culprits[0]);
}

/* What is needed to know it again and to say that it is gone. */
static int remember(struct changes *c, const struct finding *f)
{
	struct finding *k = &c->known[c->n];

	*k = (struct finding){ .id = f->id,
		.severity = f->severity,
		.confidence = f->confidence,
		.cause = "",
		.refuted_if = "",
		.n_culprits = f->n_culprits > 0 };
	k->title = arena_dup(&c->arena, f->title, strlen(f->title));
	if (f->n_culprits > 0) {
		const char *name = f->culprits[0].name ? f->culprits[0].name : "";

		k->culprits[0] = f->culprits[0];
		k->culprits[0].name = arena_dup(&c->arena, name, strlen(name));
		k->culprits[0].cgroup = k->culprits[0].detail = NULL;
	}
	if (c->arena.failed)
		return -ENOMEM;
	c->n++;
	return 0;
}

static void put_clock(const struct report *r, struct strbuf *out)
{
	time_t s = (time_t)(r->model->now->walltime_ns / 1000000000u);
	struct tm tm;
	char text[32] = "";

	if (localtime_r(&s, &tm))
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
	strbuf_printf(out, "-- %s\n", text);
}

static void put_gone(const struct finding *f, const struct report *r, bool json, struct strbuf *out)
{
	if (json) {
		json_finding(f, r->model, true, out);
		return;
	}
	strbuf_puts(out, "gone      ");
	strbuf_add_printable(out, f->title, strlen(f->title));
	strbuf_printf(out, "  %s\n", f->id);
}

static void put_news(struct changes *c, const struct report *r, bool json,
	const struct text_style *style, struct strbuf *out)
{
	for (size_t i = 0; i < r->n_findings; i++) {
		const struct finding *f = r->finding[i];
		bool old = false;

		for (size_t k = 0; k < c->n; k++)
			old |= same(f, &c->known[k]) && f->severity <= c->known[k].severity;
		if (old)
			continue;
		if (json)
			json_finding(f, r->model, false, out);
		else
			text_finding(f, style, out);
	}
	for (size_t k = 0; k < c->n; k++) {
		bool still = false;

		for (size_t i = 0; i < r->n_findings; i++)
			still |= same(r->finding[i], &c->known[k]);
		if (!still)
			put_gone(&c->known[k], r, json, out);
	}
}

int changes_print(struct changes *c, const struct report *r, bool json,
	const struct text_style *style, struct strbuf *out)
{
	auto_strbuf news = { 0 };

	if (!c->started && json)
		json_report(r, out);
	else if (!c->started)
		text_report(r, style, out);
	else
		put_news(c, r, json, style, &news);
	if (news.len) {
		if (!json)
			put_clock(r, out);
		strbuf_add(out, news.bytes, news.len);
	}
	arena_release(&c->arena);
	c->n = 0;
	c->started = true;
	int err = 0;

	for (size_t i = 0; i < r->n_findings && err == 0; i++)
		err = remember(c, r->finding[i]);
	return out->failed || news.failed ? -ENOMEM : err;
}
