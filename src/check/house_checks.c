/* SPDX-License-Identifier: MIT */
/* checks.d: the sections of a file become rules. */
#include "check/entity.h"
#include "check/section.h"

#include <errno.h>
#include <string.h>

/* What a section may say. The first three are those of enum severity. */
enum key {
	KEY_INFO,
	KEY_WARNING,
	KEY_CRITICAL,
	KEY_TITLE,
	KEY_QUESTION,
	KEY_CAUSE,
	KEY_REFUTED_IF,
	KEY_WHY,
	KEY_CONFIDENCE,
	KEY_DOC,
	KEY_DO, /* may be given TODO_MAX times */
	KEYS = KEY_DO + TODO_MAX,
};

static const char *const key_names[] = { "info", "warning", "critical", "title", "question",
	"cause", "refuted_if", "why", "confidence", "doc", "do" };

static bool is_id(const char *id)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	size_t family = strspn(id, plain);
	const char *name = id + family + 1;

	return family > 0 && id[family] == '.' && *name && *name != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
}

static bool taken(const struct house *h, const char *id)
{
	for (size_t i = 0; i < n_checks; i++) {
		if (strcmp(checks[i]->id, id) == 0)
			return true;
	}
	for (size_t i = 0; i < h->n_rules; i++) {
		if (strcmp(h->rule[i]->check.id, id) == 0)
			return true;
	}
	return false;
}

static struct arena *arena_of(struct section *d)
{
	return &d->house->arena;
}

/* The line of the file on which byte at of a value stands. */
static unsigned int line_of(const struct section *d, int key, size_t at)
{
	const struct strbuf *text = &d->text[key];
	unsigned int line = d->key_line[key];

	for (size_t i = 0; i < at && i < text->len; i++)
		line += text->bytes[i] == '\n';
	return line;
}

static void refused(struct section *d, int key, int err, const struct expr_error *e)
{
	if (err == -EINVAL)
		section_wrong(d, line_of(d, key, e->at), section_key(d, key), e->text);
	else if (err == -E2BIG)
		section_wrong(d, d->key_line[key], section_key(d, key),
			"the rule names too much: at most 15 "
			"tables, 63 pieces of a text");
	else
		d->house->arena.failed = true;
}

/* Its expressions, and the table whose rows they are about: the same for all. */
static void make_when(struct section *d, struct rule *r, int *n_needs)
{
	bool first = true;

	for (int s = SEVERITY_INFO; s <= SEVERITY_CRITICAL; s++) {
		const struct strbuf *text = &d->text[s];
		struct expr_error error = { 0 };

		if (!d->key_line[s])
			continue;
		int err = expr_compile(arena_of(d), strbuf_text(text), text->len, EXPR_TRUTH,
			TABLE_none, d->house->cannot, &r->when[s], &error);

		if (err == 0) {
			*n_needs = expr_needs(r->when[s], r->check.needs, *n_needs);
			err = *n_needs < 0 ? *n_needs : 0;
		}
		if (err < 0) {
			refused(d, s, err, &error);
			continue;
		}
		enum table_id each = expr_each(r->when[s]);

		if (!first && each != r->each)
			section_wrong(d, d->key_line[s], section_key(d, s),
				"info, warning and critical must be about the rows of one table: "
				"any() of the same, or none");
		r->each = each;
		first = false;
	}
	if (!d->lost && !d->key_line[KEY_INFO] && !d->key_line[KEY_WARNING] &&
		!d->key_line[KEY_CRITICAL])
		section_wrong(
			d, d->line, "", "expected warning = EXPRESSION, or critical, or info");
}

static void make_text(
	struct section *d, struct rule *r, int key, struct rule_text *ret_text, int *n_needs)
{
	const char *text = section_one_line(d, key);
	struct expr_error error = { 0 };

	if (!text || *n_needs < 0)
		return;
	int err = rule_text_parse(arena_of(d), text, r->each, d->house->cannot, r->check.needs,
		n_needs, ret_text, &error);

	if (err < 0)
		refused(d, key, err, &error);
}

static void make_texts(struct section *d, struct rule *r, int *n_needs)
{
	make_text(d, r, KEY_TITLE, &r->title, n_needs);
	make_text(d, r, KEY_CAUSE, &r->cause, n_needs);
	make_text(d, r, KEY_REFUTED_IF, &r->refuted_if, n_needs);
	for (int i = 0; i < TODO_MAX; i++) {
		if (d->key_line[KEY_DO + i])
			make_text(d, r, KEY_DO + i, &r->todo[r->n_todo++], n_needs);
	}
	if (!d->lost && !d->key_line[KEY_TITLE])
		section_wrong(d, d->line, "",
			"expected title = TEXT: the number that matters, the culprit");
	if (!d->lost && !d->key_line[KEY_DO])
		section_wrong(d, d->line, "", "expected do = TEXT: what is to be done about it");
}

static void make_confidence(struct section *d, struct rule *r)
{
	const char *text = section_one_line(d, KEY_CONFIDENCE);

	r->confidence = CONFIDENCE_CERTAIN;
	for (int c = CONFIDENCE_POSSIBLE; text && c <= CONFIDENCE_CERTAIN; c++) {
		if (strcmp(text, confidence_name((enum confidence)c)) == 0) {
			r->confidence = (enum confidence)c;
			return;
		}
	}
	if (text)
		section_wrong(d, d->key_line[KEY_CONFIDENCE], "confidence",
			"expected possible, likely or certain");
}

/* What culprits are called is read too. */
static void add_names(struct rule *r, int *n_needs)
{
	int n = *n_needs;

	for (int i = 0; i<n && * n_needs> 0; i++) {
		enum table_id names = entity_names(r->check.needs[i].table);

		if (names)
			*n_needs = expr_need(r->check.needs, *n_needs, names, false);
	}
}

static void make_rule(struct section *d)
{
	struct house *h = d->house;
	struct rule *r = arena_new(&h->arena, sizeof(*r));
	int n_needs = 0;

	if (!r || h->n_rules == RULES_MAX) {
		section_wrong(d, d->line, "", r ? "more than 128 rules" : "memory is out");
		return;
	}
	r->file = d->file;
	r->line = d->line;
	r->check.id = arena_printf(&h->arena, "%s", d->name);
	r->check.judge = rule_judge;
	make_when(d, r, &n_needs);
	make_texts(d, r, &n_needs);
	make_confidence(d, r);
	add_names(r, &n_needs);
	r->why = section_one_line(d, KEY_WHY);
	if (d->key_line[KEY_DOC])
		r->doc = arena_printf(&h->arena, "%s",
			strbuf_text(&d->text[KEY_DOC]) +
				strspn(strbuf_text(&d->text[KEY_DOC]), "\n"));
	r->check.question = section_one_line(d, KEY_QUESTION);
	if (!r->check.question)
		r->check.question = section_one_line(d, KEY_TITLE);
	if (n_needs < 0)
		section_wrong(d, d->line, "", "the rule names more than 15 tables");
	if (d->broken)
		return;
	h->rule[h->n_rules] = r;
	h->check[h->n_rules++] = &r->check;
}

/* The end of a section: make a rule of it, unless something was wrong. */
static void close_section(struct section *d)
{
	if (d->open) {
		section_whole(d);
		make_rule(d);
	}
	section_end(d);
}

static void open_section(void *arg, unsigned int line, const char *name)
{
	struct section *d = arg;

	close_section(d);
	section_begin(d, line, name);
	if (!is_id(name))
		section_wrong(d, line, "",
			"expected [family.name]: small letters, digits, in the name also -");
	else if (taken(d->house, name))
		section_wrong(d, line, "", "a check of this id is there already");
}

static void take_value(
	void *arg, unsigned int line, const char *key, const char *value, enum conf_part part)
{
	section_take(arg, line, key, value, part);
}

void house_add_checks(struct house *h, const char *file, const char *buf, size_t len)
{
	struct section d = { .house = h,
		.file = arena_printf(&h->arena, "%s", file),
		.keys = key_names,
		.n_keys = ARRAY_SIZE(key_names),
		.n_values = KEYS,
		.at = -1 };
	struct conf_reader r = {
		.section = open_section, .value = take_value, .wrong = section_wrong_line, .arg = &d
	};

	_Static_assert((int)KEYS <= (int)SECTION_KEYS, "a value needs a place");
	conf_parse(buf, len, &r);
	close_section(&d);
}
