/* SPDX-License-Identifier: MIT */
#include "look/look.h"

#include "base/clock.h"
#include "base/cursor.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CHECKS_MAX = 256, LOOK_NEEDS_MAX = CHECKS_MAX * 4 };

#define DEFAULT_FOR_NS 2000000000u
/* Live budgets: 2 s + 1.2 s + two rounds of asks answer within 5 s whatever hangs. */
#define FRAME_NS 1200000000u
static const uint64_t ask_ns[] = { 1000000000u, 500000000u };

struct look {
	struct host *host;
	struct feed *feed;
	struct look_watch watch;
	uint64_t for_ns;
	bool alone, again;
	const struct house *house;
	const struct check *check[CHECKS_MAX];
	size_t n_checks;
	struct need need[LOOK_NEEDS_MAX];
	size_t n_needs;
	void *self[MODELS];
	struct arena model_arena[MODELS];
	struct frame frame[2]; /* now is frame[at], was the other */
	unsigned int at, n_frames;
	struct model model;
	struct judgement judgement;
	struct check_result result[CHECKS_MAX];
};

/* Does the word name the check, or its family? */
static bool word_names(struct span word, const char *id)
{
	size_t family = strcspn(id, ".");

	return span_eq(word, id) || (word.len == family && memcmp(word.at, id, family) == 0);
}

static bool list_names(const char *list, const char *id)
{
	struct cursor c = cursor_of(list, strlen(list));
	struct span word;

	while (cursor_until(&c, ',', &word)) {
		if (word_names(word, id))
			return true;
	}
	return word_names((struct span){ c.at, cursor_left(&c) }, id);
}

static bool one_knows(const struct check *const *list, size_t n, const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++) {
		if (word_names((struct span){ name, len }, list[i]->id))
			return true;
	}
	return false;
}

const char *look_unknown(const struct look_options *o, const char *list, size_t *ret_len)
{
	for (const char *at = list; at;) {
		size_t len = strcspn(at, ",");

		if (!one_knows(checks, n_checks, at, len) &&
			!(o->house && one_knows(o->house->check, o->house->n_rules, at, len))) {
			*ret_len = len;
			return at;
		}
		at = at[len] ? at + len + 1 : NULL;
	}
	return NULL;
}

static void add_need(struct look *l, const struct need *n)
{
	if (!n->ask && n->for_ns > l->for_ns && !l->again && host_is_live(l->host))
		return;
	for (size_t i = 0; i < l->n_needs; i++) {
		struct need *have = &l->need[i];

		if (have->table == n->table && have->keep == n->keep && have->ask == n->ask) {
			have->rate |= n->rate;
			return;
		}
	}
	if (l->n_needs < LOOK_NEEDS_MAX)
		l->need[l->n_needs++] = *n;
}

static void collect_needs(struct look *l)
{
	for (size_t i = 0; i < l->n_checks; i++) {
		const struct check *c = l->check[i];

		for (size_t k = 0; k < NEEDS_MAX && c->needs[k].table; k++)
			add_need(l, &c->needs[k]);
	}
	/* All models: vital signs and limits are shown on a healthy machine too. */
	for (size_t id = 1; id < MODELS && !l->alone; id++) {
		for (size_t k = 0; k < NEEDS_MAX && model_rows[id]->needs[k].table; k++)
			add_need(l, &model_rows[id]->needs[k]);
	}
	add_need(l, &(struct need){ .table = TABLE_host, .optional = true });
	add_need(l, &(struct need){ .table = TABLE_change, .optional = true });
}

/* Those of list that only and skip leave. */
static void choose(
	struct look *l, const struct look_options *o, const struct check *const *list, size_t n)
{
	for (size_t i = 0; i < n && l->n_checks < CHECKS_MAX; i++) {
		if ((!o->only || list_names(o->only, list[i]->id)) &&
			(!o->skip || !list_names(o->skip, list[i]->id)))
			l->check[l->n_checks++] = list[i];
	}
}

int look_new(struct host *h, const struct look_options *o, const struct look_watch *watch,
	struct look **ret_look)
{
	size_t len;

	if (look_unknown(o, o->only, &len) || look_unknown(o, o->skip, &len))
		return -EINVAL;
	struct look *l = mem_new(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->host = h;
	l->for_ns = o->for_ns ? o->for_ns : DEFAULT_FOR_NS;
	l->alone = o->alone != NULL;
	l->again = o->again;
	l->house = o->house;
	if (o->alone)
		l->check[l->n_checks++] = o->alone;
	else
		choose(l, o, checks, n_checks);
	if (o->house)
		choose(l, o, o->house->check, o->house->n_rules);
	collect_needs(l);
	for (const struct need *n = o->also; n && n->table; n++)
		add_need(l, n);
	int err = l->n_checks ? feed_new(h, &l->feed) : -EINVAL;

	for (size_t id = 1; id < MODELS && err == 0; id++) {
		l->self[id] = mem_new(1, model_rows[id]->size);
		if (!l->self[id])
			err = -ENOMEM;
	}
	if (err < 0) {
		look_free(l);
		return err;
	}
	if (watch) {
		l->watch = *watch;
		feed_set_tap(l->feed, watch->tap, watch->arg);
	}
	*ret_look = l;
	return 0;
}

void look_free(struct look *l)
{
	if (!l)
		return;
	feed_free(l->feed);
	for (size_t id = 1; id < MODELS; id++) {
		free(l->self[id]);
		arena_release(&l->model_arena[id]);
	}
	frame_release(&l->frame[0]);
	frame_release(&l->frame[1]);
	arena_release(&l->judgement.arena);
	free(l);
}

/* Read the next frame into frame[at] and fold it into the models. */
static int next_frame(struct look *l, unsigned int index, bool last)
{
	l->at ^= 1;
	frame_release(&l->frame[l->at]);
	if (l->watch.begin)
		l->watch.begin(l->watch.arg, index);
	feed_set_was(l->feed, l->n_frames > 0 ? &l->frame[l->at ^ 1] : NULL);
	feed_set_budget(l->feed, FRAME_NS);
	int err = feed_frame(l->feed, index, last, l->need, l->n_needs, &l->frame[l->at]);

	if (err < 0)
		return err;
	l->n_frames++;
	l->model.now = &l->frame[l->at];
	l->model.was = l->n_frames > 1 ? &l->frame[l->at ^ 1] : NULL;
	for (size_t id = 1; id < MODELS && !l->alone; id++) {
		arena_release(&l->model_arena[id]);
		err = model_rows[id]->step(l->self[id], &l->model, &l->model_arena[id]);
		if (err < 0)
			return err;
		*model_slot(&l->model, (enum model_id)id) = l->self[id];
	}
	if (!last && l->watch.end)
		l->watch.end(l->watch.arg, index, &l->frame[l->at]);
	return 0;
}

/* The first table that the check cannot do without and that is not there. */
static const struct need *missing(const struct look *l, const struct check *c, bool partial)
{
	for (size_t k = 0; k < NEEDS_MAX && c->needs[k].table; k++) {
		const struct need *n = &c->needs[k];
		const struct table *t = frame_table(l->model.now, n->table);

		if (n->optional || n->ask)
			continue;
		if (!table_usable(t) || (partial && t->state != STATE_OK))
			return n;
	}
	return NULL;
}

static void judge(struct look *l, struct check_result *r)
{
	struct judgement *j = &l->judgement;
	size_t findings = j->n_findings, lost = j->lost_findings;
	const struct need *lack = missing(l, r->check, false);

	j->check = r->check;
	j->unknown_state = STATE_ABSENT;
	j->unknown_why = "";
	r->verdict =
		lack ? judge_unknown(j, &l->model, lack->table) : r->check->judge(&l->model, j);
	if (r->verdict == VERDICT_ASK) {
		j->n_findings = findings;
		j->lost_findings = lost;
	}
	if (r->verdict == VERDICT_FINE && (lack = missing(l, r->check, true)))
		r->verdict = judge_unknown(j, &l->model, lack->table);
	r->state = r->verdict == VERDICT_UNKNOWN ? j->unknown_state : STATE_OK;
	r->why = r->verdict == VERDICT_UNKNOWN ? j->unknown_why : "";
}

/* Sorted asks of both, each once, into the arena. */
static struct ask *merge_asks(struct judgement *j, size_t *ret_n)
{
	size_t n = 0, total = j->n_granted + j->n_asks;
	struct ask *all = arena_new(&j->arena, (total + 1) * sizeof(*all));

	if (!all)
		return NULL;
	if (j->n_granted > 0)
		memcpy(all, j->granted, j->n_granted * sizeof(*all));
	if (j->n_asks > 0)
		memcpy(all + j->n_granted, j->ask, j->n_asks * sizeof(*all));
	qsort(all, total, sizeof(*all), ask_compare);
	for (size_t i = 0; i < total; i++) {
		if (n == 0 || ask_compare(&all[i], &all[n - 1]) != 0)
			all[n++] = all[i];
	}
	*ret_n = n;
	return all;
}

static bool asks_table(const struct judgement *j, enum table_id table)
{
	for (size_t i = 0; i < j->n_asks; i++) {
		if (j->ask[i].table == table)
			return true;
	}
	return false;
}

/* Read what was asked; of a table that was read for other keys before, those once more. */
static int grant(struct look *l, uint64_t budget_ns)
{
	struct judgement *j = &l->judgement;
	struct feed_ask asks[TABLES];
	size_t n_asks = 0, n_all;
	struct ask *all = merge_asks(j, &n_all);
	uint64_t *keys = all ? arena_new(&j->arena, (n_all + 1) * sizeof(*keys)) : NULL;

	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < n_all; i++) {
		keys[i] = all[i].key;
		if (i > 0 && all[i].table == all[i - 1].table) {
			if (n_asks > 0 && asks[n_asks - 1].table == all[i].table)
				asks[n_asks - 1].n++;
		} else if (asks_table(j, all[i].table)) {
			asks[n_asks++] = (struct feed_ask){ all[i].table, &keys[i], 1 };
		}
	}
	j->granted = all;
	j->n_granted = n_all;
	j->n_asks = 0;
	feed_set_budget(l->feed, budget_ns);
	return feed_asks(l->feed, asks, n_asks, l->need, l->n_needs, &l->frame[l->at]);
}

static int judge_all(struct look *l)
{
	struct judgement *j = &l->judgement;
	bool asked = false;

	arena_release(&j->arena);
	*j = (struct judgement){ 0 };
	for (size_t i = 0; i < l->n_checks; i++) {
		l->result[i] = (struct check_result){ .check = l->check[i] };
		judge(l, &l->result[i]);
		asked |= l->result[i].verdict == VERDICT_ASK;
	}
	for (size_t round = 0; asked && round < ARRAY_SIZE(ask_ns); round++) {
		int err = grant(l, ask_ns[round]);

		if (err < 0)
			return err;
		asked = false;
		for (size_t i = 0; i < l->n_checks; i++) {
			if (l->result[i].verdict == VERDICT_ASK)
				judge(l, &l->result[i]);
			asked |= l->result[i].verdict == VERDICT_ASK;
		}
	}
	for (size_t i = 0; i < l->n_checks; i++) {
		if (l->result[i].verdict != VERDICT_ASK)
			continue;
		l->result[i].verdict = VERDICT_UNKNOWN;
		l->result[i].state = STATE_ABSENT;
		l->result[i].why = "asked for more than one look can read";
	}
	return 0;
}

static void sleep_until(uint64_t when_ns)
{
	struct timespec ts = { .tv_sec = (time_t)(when_ns / 1000000000u),
		.tv_nsec = (long)(when_ns % 1000000000u) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/* Of murphy and its readers. getrusage() would count what a shell did before its exec. */
static uint64_t cpu_so_far(const struct look *l)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID) + feed_cost(l->feed).cpu_ns;
}

static bool any_rate(const struct look *l)
{
	for (size_t i = 0; i < l->n_needs; i++) {
		if (l->need[i].rate)
			return true;
	}
	return false;
}

/* What is watched, from now on until the look is to end; that must not be in the past. */
static void begin_watch(struct look *l, uint64_t end_ns)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	for (size_t i = 0; i < l->n_needs; i++) {
		if (l->need[i].for_ns > 0 && !l->need[i].ask)
			l->need[i].for_ns = end_ns > now ? end_ns - now : 1;
	}
	feed_set_budget(l->feed, FRAME_NS);
	feed_watch(l->feed, l->need, l->n_needs);
}

/*
 * The frames of one look: of a root all that it has, live the interval's end and, once, its start.
 */
static int read_frames(struct look *l, uint64_t start_ns)
{
	unsigned int have = host_frames(l->host);
	int err = 0;

	if (have > 0) {
		for (unsigned int i = 0; i < have && err == 0; i++)
			err = next_frame(l, i, i + 1 == have);
		return err;
	}
	if (l->alone && !any_rate(l))
		return next_frame(l, l->n_frames, true);
	if (l->n_frames == 0)
		err = next_frame(l, 0, false);
	if (err == 0) {
		begin_watch(l, start_ns + l->for_ns);
		sleep_until(start_ns + l->for_ns);
		err = next_frame(l, l->n_frames, true);
	}
	return err;
}

/* The findings that the house accepts go to the end; how many are left. */
static size_t part_known(struct look *l, uint64_t now_ns)
{
	struct judgement *j = &l->judgement;
	struct finding *known[FINDINGS_MAX];
	size_t kept = 0, n_known = 0;

	for (size_t i = 0; i < j->n_findings && l->house; i++) {
		struct finding *f = j->finding[i];

		f->known = known_accepts(l->house->known, l->house->n_known, f, now_ns);
		if (f->known)
			known[n_known++] = f;
		else
			j->finding[kept++] = f;
	}
	if (n_known == 0)
		return j->n_findings;
	memcpy(&j->finding[kept], known, n_known * sizeof(known[0]));
	return kept;
}

int look_next(struct look *l, struct report *ret_report)
{
	struct judgement *j = &l->judgement;
	uint64_t start = clock_ns(CLOCK_MONOTONIC), cpu = cpu_so_far(l);
	int err = read_frames(l, start);

	if (err == 0)
		err = judge_all(l);
	if (err < 0)
		return err;
	if (l->watch.end)
		l->watch.end(l->watch.arg, l->n_frames - 1, l->model.now);
	uint64_t now_ns = l->model.now->walltime_ns;

	if (now_ns == 0)
		now_ns = clock_ns(CLOCK_REALTIME); /* a root that does not say */
	size_t n = part_known(l, now_ns);

	rank_findings(j->finding, n);
	rank_findings(j->finding + n, j->n_findings - n);
	rank_known(j->finding, n, j->finding + n, j->n_findings - n);
	if (j->arena.failed)
		return -ENOMEM;
	uint64_t self = host_own_peak_bytes(), readers = feed_cost(l->feed).peak_bytes;
	uint64_t from = l->model.was ? l->model.was->boottime_ns : 0;
	uint64_t to = l->model.now->boottime_ns;

	*ret_report = (struct report){
		.model = &l->model,
		.finding = j->finding,
		.n_findings = n,
		.known = j->finding + n,
		.n_known = j->n_findings - n,
		.house = l->house,
		.now_ns = now_ns,
		.lost_findings = j->lost_findings,
		.result = l->result,
		.n_results = l->n_checks,
		.looked_ns = l->model.was && to > from ? to - from : 0,
		.wall_ns = clock_ns(CLOCK_MONOTONIC) - start,
		.cpu_ns = cpu_so_far(l) - cpu,
		.peak_bytes = self > readers ? self : readers,
		.stuck = feed_stuck(l->feed) + host_stuck(l->host),
	};
	return 0;
}
