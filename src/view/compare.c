/* SPDX-License-Identifier: MIT */
#include "view/compare.h"

#include "base/cursor.h"
#include "base/mem.h"
#include "base/strbuf.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { SCORE_OF_SIZE = 7, SIGMAS = 4 };

/* Two walks over sorted facts, side by side. */
struct pair {
	const struct facts *a, *b;
	struct comparison *to;
	size_t size, gaps_size;
	size_t first_gap; /* of the kind */
	/* Of the kind: what is there, but its value is not known; numbers that have no fellow. */
	size_t hidden, alone;
};

void comparison_release(struct comparison *c)
{
	free(c->difference);
	free(c->gap);
	arena_release(&c->arena);
	*c = (struct comparison){ 0 };
}

static int grow(void *list, size_t n, size_t *size, size_t each)
{
	void **at = list;

	if (n < *size)
		return 0;
	size_t want = *size ? *size * 2 : 64;
	void *more = mem_resize(*at, want, each);

	if (!more)
		return -ENOMEM;
	*at = more;
	*size = want;
	return 0;
}

static int add_gap(struct pair *p, const struct gap *gap)
{
	int err = grow(&p->to->gap, p->to->n_gaps, &p->gaps_size, sizeof(*gap));

	if (err == 0)
		p->to->gap[p->to->n_gaps++] = *gap;
	return err;
}

static double weight_of(const struct fact *f)
{
	return f->weight > 0 ? f->weight : fact_kinds[f->id].weight;
}

static int add_difference(struct pair *p, struct difference d, double by_size)
{
	bool first = d.a && (!d.b || weight_of(d.a) >= weight_of(d.b));
	const struct fact *more = first ? d.a : d.b;
	int err = grow(&p->to->difference, p->to->n, &p->size, sizeof(d));

	if (!more)
		return 0;
	d.score = weight_of(more) + by_size;
	d.why = more->why ? more->why : fact_kinds[more->id].why;
	if (err == 0)
		p->to->difference[p->to->n++] = d;
	return err;
}

/* Lists of numbers, as long, each within slack of the other. */
static bool same_numbers(const char *a, const char *b, double slack)
{
	struct cursor ca = cursor_of(a, strlen(a)), cb = cursor_of(b, strlen(b));
	double na, nb;

	while (cursor_f64(&ca, &na) && cursor_f64(&cb, &nb)) {
		double most = fabs(na) > fabs(nb) ? fabs(na) : fabs(nb);

		if (fabs(na - nb) > slack * most)
			return false;
		cursor_blank(&ca);
		cursor_blank(&cb);
	}
	return cursor_end(&ca) && cursor_end(&cb);
}

static bool same_text(const struct fact *a, const struct fact *b)
{
	double slack = a->slack > b->slack ? a->slack : b->slack;

	return strcmp(a->text, b->text) == 0 ||
	       (slack > 0 && same_numbers(a->text, b->text, slack));
}

/* How many times the lower the higher is. */
static double ratio_between(double a, double b)
{
	double low = a < b ? a : b, high = a < b ? b : a;

	if (low == high)
		return 1;
	return low > 0 && high / low < 1e6 ? high / low : 1e6;
}

/* The variance of a number that was made from n counted events. */
static double variance(struct measure m)
{
	if (!(m.events > 0))
		return 0;
	return m.value.value * m.value.value / m.events;
}

static bool numbers_differ(const struct fact_kind *k, struct measure a, struct measure b)
{
	double apart = fabs(a.value.value - b.value.value);

	if (a.value.value == b.value.value || apart < k->size ||
		ratio_between(a.value.value, b.value.value) < k->ratio)
		return false;
	double noise = variance(a) + variance(b);

	return !isfinite(noise) || apart * apart > SIGMAS * SIGMAS * noise;
}

static int compare_numbers(struct pair *p, const struct fact *a, const struct fact *b)
{
	struct difference d = { .a = a, .b = b, .from = a->now, .to = b->now };
	const struct fact_kind *k = &fact_kinds[a->id];

	if (!reading_ok(a->now.value) || !reading_ok(b->now.value)) {
		d.from = a->ever;
		d.to = b->ever;
		d.ever = true;
	}
	if (!reading_ok(d.from.value) || !reading_ok(d.to.value)) {
		p->alone++;
		return 0;
	}
	p->to->compared++;
	if (!numbers_differ(k, d.from, d.to))
		return 0;
	double times = ratio_between(d.from.value.value, d.to.value.value), by_size = 0;

	while (times >= 2 && by_size < SCORE_OF_SIZE) {
		by_size += 1.5;
		times /= 2;
	}
	return add_difference(p, d, by_size);
}

/* It could not be looked at on one side or both; others for the same reason are in the same gap. */
static int add_unseen(struct pair *p, const struct fact *a, const struct fact *b)
{
	const struct fact *f = a ? a : b;
	struct arena *arena = &p->to->arena;
	struct gap gap = { .id = f->id,
		.a = !a          ? STATE_ABSENT
		     : a->unseen ? a->unseen
				 : STATE_OK,
		.b = !b          ? STATE_ABSENT
		     : b->unseen ? b->unseen
				 : STATE_OK,
		.why_a = a && a->unseen ? a->why : "",
		.why_b = b && b->unseen ? b->why : "",
		.names = f->of,
		.n = 1 };

	for (size_t i = p->first_gap; i < p->to->n_gaps; i++) {
		struct gap *g = &p->to->gap[i];

		if (g->a != gap.a || g->b != gap.b || strcmp(g->why_a, gap.why_a) != 0 ||
			strcmp(g->why_b, gap.why_b) != 0)
			continue;
		if (g->n++ < GAP_NAMES)
			g->names = arena_printf(arena, "%s, %s", g->names, f->of);
		return 0;
	}
	return add_gap(p, &gap);
}

static int compare_both(struct pair *p, const struct fact *a, const struct fact *b)
{
	bool texts = a->text || b->text;

	if (a->unseen || b->unseen)
		return add_unseen(p, a, b);
	if (!texts && (reading_ok(a->now.value) || reading_ok(a->ever.value)))
		return compare_numbers(p, a, b);
	if (!a->text || !b->text) {
		p->hidden++;
		return 0;
	}
	p->to->compared++;
	if (same_text(a, b))
		return 0;
	return add_difference(p, (struct difference){ .a = a, .b = b }, 0);
}

static size_t end_of(const struct facts *f, size_t from, enum fact_id id)
{
	while (from < f->n && f->fact[from].id == id)
		from++;
	return from;
}

/* What only one side has of a kind. */
struct lone {
	size_t n;
	struct strbuf names;
};

static void lone_add(struct lone *l, const char *name)
{
	if (l->n < GAP_NAMES)
		strbuf_printf(&l->names, "%s%s", l->n ? ", " : "", name);
	l->n++;
}

static int lone_tell(struct pair *p, enum fact_id id, char side, struct lone *l)
{
	struct gap gap = { .id = id, .a = STATE_OK, .b = STATE_OK, .only = side, .n = l->n };
	int err = 0;

	if (l->n > 0 && !(fact_kinds[id].manner & FACT_QUIET)) {
		gap.names = arena_dup(&p->to->arena, strbuf_text(&l->names), l->names.len);
		err = l->names.failed || !gap.names ? -ENOMEM : add_gap(p, &gap);
	}
	strbuf_release(&l->names);
	return err;
}

/* One of them has it: a difference of its own kind, or something that cannot be compared. */
static int take_lone(struct pair *p, const struct fact *a, const struct fact *b, struct lone *l)
{
	const struct fact *f = a ? a : b;

	if (!f)
		return 0;
	if (f->unseen)
		return add_unseen(p, a, b);
	if (fact_kinds[f->id].manner & FACT_MEMBER) {
		p->to->compared++;
		return add_difference(p, (struct difference){ .a = a, .b = b }, 0);
	}
	lone_add(l, f->of[0] ? f->of : "it");
	return 0;
}

/* Things of a kind that both have. */
static int tell_many(struct pair *p, enum fact_id id, size_t n, bool hidden, const char *because)
{
	struct gap gap = {
		.id = id, .a = STATE_OK, .b = STATE_OK, .n = n, .hidden = hidden, .because = because
	};

	return n > 0 ? add_gap(p, &gap) : 0;
}

/* All facts of a kind that both sides could read: from and to are where it begins and ends. */
static int compare_kind(struct pair *p, enum fact_id id, const size_t from[2], const size_t to[2])
{
	struct lone only_a = { 0 }, only_b = { 0 };
	size_t i = from[0], k = from[1];
	int err = 0;

	p->hidden = p->alone = 0;
	p->first_gap = p->to->n_gaps;
	while (err == 0 && (i < to[0] || k < to[1])) {
		const struct fact *a = i < to[0] ? &p->a->fact[i] : NULL;
		const struct fact *b = k < to[1] ? &p->b->fact[k] : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->of, b->of);

		if (order == 0)
			err = compare_both(p, a, b);
		else if (order < 0)
			err = take_lone(p, a, NULL, &only_a);
		else
			err = take_lone(p, NULL, b, &only_b);
		i += order <= 0;
		k += order >= 0;
	}
	int told_a = lone_tell(p, id, 'a', &only_a), told_b = lone_tell(p, id, 'b', &only_b);

	if (err == 0)
		err = told_a < 0 ? told_a : told_b;
	if (err == 0)
		err = tell_many(
			p, id, p->hidden, true, "values are not kept in a redacted capture");
	if (err == 0)
		err = tell_many(p, id, p->alone, false,
			"one side has a value of its look only, the other one since boot only");
	return err;
}

static bool knows(enum state state)
{
	return state == STATE_OK || state == STATE_LATE;
}

static int compare_kinds(struct pair *p, enum fact_id id, const size_t from[2], const size_t to[2])
{
	enum state a = p->a->state[id], b = p->b->state[id];
	struct gap gap = { .id = id,
		.a = a,
		.b = b,
		.why_a = p->a->why[id] ? p->a->why[id] : "",
		.why_b = p->b->why[id] ? p->b->why[id] : "" };

	if (a == STATE_ABSENT && b == STATE_ABSENT)
		return 0; /* neither machine has such a thing */
	if (!knows(a) || !knows(b))
		return add_gap(p, &gap);
	if ((p->a->redacted || p->b->redacted) && (fact_kinds[id].manner & FACT_NAMED)) {
		gap.because = "one of them is redacted: names are pseudonyms";
		gap.hidden = true;
		return add_gap(p, &gap);
	}
	/* Cut short: what it lacks it may have had. */
	if ((a == STATE_LATE || b == STATE_LATE) && add_gap(p, &gap) < 0)
		return -ENOMEM;
	return compare_kind(p, id, from, to);
}

static int compare_ranks(const void *x, const void *y)
{
	const struct difference *a = x, *b = y;
	const struct fact *fa = a->a ? a->a : a->b, *fb = b->a ? b->a : b->b;

	if (a->score != b->score)
		return a->score > b->score ? -1 : 1;
	if (fa->id != fb->id)
		return fa->id < fb->id ? -1 : 1;
	return strcmp(fa->of, fb->of);
}

int compare_facts(const struct facts *a, const struct facts *b, struct comparison *ret)
{
	struct comparison c = { 0 };
	struct pair p = { .a = a, .b = b, .to = &c };
	size_t from[2] = { 0 }, to[2];
	int err = a->failed || b->failed ? -ENOMEM : 0;

	for (int id = 0; id < FACTS && err == 0; id++) {
		to[0] = end_of(a, from[0], (enum fact_id)id);
		to[1] = end_of(b, from[1], (enum fact_id)id);
		err = compare_kinds(&p, (enum fact_id)id, from, to);
		memcpy(from, to, sizeof(from));
	}
	if (err < 0) {
		comparison_release(&c);
		return err;
	}
	if (c.n > 0)
		qsort(c.difference, c.n, sizeof(*c.difference), compare_ranks);
	*ret = c;
	return 0;
}
