/* SPDX-License-Identifier: MIT */
#include "lab/judge.h"

#include "base/cursor.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

static void copy(char *buf, size_t size, const char *text)
{
	snprintf(buf, size, "%s", text ? text : "");
}

static int severity_of(const char *name)
{
	if (name && strcmp(name, "info") == 0)
		return 0;
	if (name && strcmp(name, "warning") == 0)
		return 1;
	return 2; /* critical, or one that this does not know: take it seriously */
}

/* How many were put into ret. */
static size_t parse_entities(const json_t *list, struct named ret[SEEN_CULPRITS])
{
	size_t i, n = 0;
	json_t *e;

	json_array_foreach(list, i, e)
	{
		if (n == SEEN_CULPRITS)
			break;
		struct named *c = &ret[n++];

		copy(c->kind, sizeof(c->kind), json_string_value(json_object_get(e, "kind")));
		copy(c->name, sizeof(c->name), json_string_value(json_object_get(e, "name")));
		c->pid = json_integer_value(json_object_get(e, "pid"));
	}
	return n;
}

static void parse_source(const json_t *o, struct seen_source *s)
{
	copy(s->table, sizeof(s->table), json_string_value(json_object_get(o, "table")));
	copy(s->method, sizeof(s->method), json_string_value(json_object_get(o, "method")));
}

static void parse_check(const json_t *o, const char *id, struct answer *a)
{
	const char *verdict = json_string_value(json_object_get(o, "verdict"));
	const char *state = json_string_value(json_object_get(o, "state"));
	const char *why = json_string_value(json_object_get(o, "why"));

	if (!verdict || strcmp(verdict, "unknown") != 0 || a->n_blind == SEEN_MAX)
		return;
	struct blind *b = &a->blind[a->n_blind++];

	copy(b->id, sizeof(b->id), id);
	b->late = state && strcmp(state, "late") == 0;
	b->not_built = why && strstr(why, "built without ");
	copy(b->why, sizeof(b->why), why);
}

const struct blind *answer_blind(const struct answer *a, const char *id)
{
	for (size_t i = 0; i < a->n_blind; i++) {
		if (strcmp(a->blind[i].id, id) == 0)
			return &a->blind[i];
	}
	return NULL;
}

const struct blind *answer_blinded(const struct answer *before, const struct answer *after)
{
	for (size_t i = 0; i < after->n_blind; i++) {
		if (!answer_blind(before, after->blind[i].id))
			return &after->blind[i];
	}
	return NULL;
}

static int parse_line(struct cursor line, struct answer *a)
{
	json_t *o = json_loadb(line.at, cursor_left(&line), 0, NULL);
	const char *kind = json_string_value(json_object_get(o, "kind"));
	const char *id = json_string_value(json_object_get(o, "id"));
	int err = 0;

	if (!kind || (strcmp(kind, "finding") == 0 && !id)) {
		err = -EINVAL;
	} else if (strcmp(kind, "summary") == 0) {
		a->whole = true;
	} else if (strcmp(kind, "finding") == 0 && a->n < SEEN_MAX) {
		struct seen *s = &a->seen[a->n++];

		copy(s->id, sizeof(s->id), id);
		copy(s->under, sizeof(s->under), json_string_value(json_object_get(o, "under")));
		s->severity = severity_of(json_string_value(json_object_get(o, "severity")));
		s->past = json_is_true(json_object_get(o, "past"));
		s->n = parse_entities(json_object_get(o, "culprits"), s->culprit);
		s->n_victims = parse_entities(json_object_get(o, "victims"), s->victim);
	} else if (strcmp(kind, "check") == 0) {
		parse_check(o, id, a);
	} else if (strcmp(kind, "source") == 0 && a->n_sources < SOURCES_MAX) {
		parse_source(o, &a->source[a->n_sources++]);
	}
	json_decref(o);
	return err;
}

int answer_parse(const char *json, size_t len, struct answer *ret_answer)
{
	struct cursor c = cursor_of(json, len), line;

	*ret_answer = (struct answer){ 0 };
	while (cursor_line(&c, &line)) {
		if (cursor_end(&line))
			continue;
		int err = parse_line(line, ret_answer);

		if (err < 0)
			return err;
	}
	return 0;
}

size_t announced_parse(const char *text, struct named *ret, size_t max)
{
	struct cursor c = cursor_of(text, strlen(text));
	size_t n = 0;

	if (!cursor_lit(&c, "culprit "))
		return 0;
	while (n < max && !cursor_end(&c)) {
		const char *bar = memmem(c.at, cursor_left(&c), " | ", 3);
		struct cursor one = cursor_of(c.at, bar ? (size_t)(bar - c.at) : cursor_left(&c));
		struct named e = { 0 };
		struct span kind;

		c.at = bar ? bar + 3 : c.end;
		e.victim = cursor_lit(&one, "victim ");
		if (!cursor_word(&one, &kind) || !cursor_s64(&one, &e.pid))
			return n;
		cursor_blank(&one);
		span_copy(kind, e.kind, sizeof(e.kind));
		span_copy((struct span){ one.at, cursor_left(&one) }, e.name, sizeof(e.name));
		ret[n++] = e;
	}
	return n;
}

static bool named_same(const struct named *a, const struct named *b)
{
	if (strcmp(a->kind, b->kind) != 0)
		return false;
	if (strcmp(a->kind, "host") == 0)
		return true;
	if (strcmp(a->kind, "process") == 0)
		return a->pid == b->pid;
	return strcmp(a->name, b->name) == 0;
}

/* id + culprit: the same finding over time. One that became worse is new: the lab did that. */
static bool was_there(const struct answer *before, const struct seen *s)
{
	for (size_t i = 0; i < before->n; i++) {
		const struct seen *b = &before->seen[i];

		if (strcmp(b->id, s->id) != 0 || (b->n == 0) != (s->n == 0) ||
			b->severity < s->severity)
			continue;
		if (s->n == 0 || named_same(&b->culprit[0], &s->culprit[0]))
			return true;
	}
	return false;
}

bool judge_nothing_new(const struct answer *before, const struct answer *after)
{
	for (size_t i = 0; i < after->n; i++) {
		if (!was_there(before, &after->seen[i]))
			return false;
	}
	return after->whole;
}

/*
 * Never a lab's doing, and true whenever it is said: time that the hypervisor gave to others, CPUs
 * that it emulates (which matters more the busier they are), and what was over (for a minute, where
 * a lab is judged within seconds) and is only remembered.
 */
static bool not_of_a_lab(const struct seen *s)
{
	return strcmp(s->id, "cpu.steal") == 0 || strcmp(s->id, "cpu.emulated") == 0 || s->past;
}

static bool has_victim(const struct seen *s, const struct named *want)
{
	for (size_t i = 0; i < s->n_victims; i++) {
		if (named_same(want, &s->victim[i]))
			return true;
	}
	return false;
}

/*
 * Nested below a cause that the machine had before: it follows from that, and is no news, unless it
 * is what the lab is for. A busy lab pays for a slow clock that the hypervisor gave to the machine.
 */
static bool follows_from_old(
	const struct lab *lab, const struct answer *before, const struct seen *s)
{
	if (!s->under[0] || (lab->want && strcmp(lab->want, s->id) == 0))
		return false;
	for (size_t i = 0; i < before->n; i++) {
		if (strcmp(before->seen[i].id, s->under) == 0)
			return true;
	}
	return false;
}

/* The machine is the place where it happens; the culprit is who comes first after it. */
static bool names_right(const struct seen *s, const char *announced)
{
	struct named want[ANNOUNCED_MAX];
	size_t n = announced_parse(announced, want, ANNOUNCED_MAX), at = 0;

	bool right = false;

	while (at + 1 < s->n && strcmp(s->culprit[at].kind, "host") == 0)
		at++;
	for (size_t i = 0; i < n && s->n > 0; i++) {
		if (want[i].victim && !has_victim(s, &want[i]))
			return false;
		right |= !want[i].victim && named_same(&want[i], &s->culprit[at]);
	}
	return right;
}

/* The wanted one comes along when it blames the right one: of somebody else it is false. */
static bool comes_along(const struct lab *lab, const struct seen *s, const char *announced)
{
	if (lab->want && strcmp(lab->want, s->id) == 0)
		return names_right(s, announced);
	for (size_t i = 0; i < LAB_ALSO_MAX && lab->also[i]; i++) {
		if (strcmp(lab->also[i], s->id) == 0)
			return true;
	}
	return false;
}

/* What is shown under its cause is told once; but the hypervisor is no excuse for the rest. */
static bool false_alarm(const struct lab *lab, const struct seen *s, const char *announced)
{
	bool under = s->under[0] && strcmp(s->under, "cpu.steal") != 0;

	return s->severity > 0 && !under && !comes_along(lab, s, announced);
}

/* "tcp.close-wait of process nginx (12)" */
static struct judged judged(
	enum outcome outcome, const struct seen *first, const char *what, const struct seen *whom)
{
	struct judged j = { .outcome = outcome };
	const struct named *c = whom && whom->n ? &whom->culprit[0] : NULL;

	copy(j.first, sizeof(j.first), first ? first->id : "");
	if (!whom)
		snprintf(j.why, sizeof(j.why), "%s", what);
	else
		snprintf(j.why, sizeof(j.why), "%s %s of %s %s (%jd)", what, whom->id,
			c ? c->kind : "nobody", c ? c->name : "", c ? (intmax_t)c->pid : 0);
	return j;
}

/* "by socket_owner, not by socket_owner_bpf"; the lab passed all the same: the answer was right. */
static void tell_method(const struct lab *lab, const struct answer *after, struct judged *j)
{
	for (size_t i = 0; lab->method.table && i < after->n_sources; i++) {
		const struct seen_source *s = &after->source[i];

		if (strcmp(s->table, lab->method.table) != 0)
			continue;
		if (strcmp(s->method, lab->method.source) == 0)
			snprintf(j->why, sizeof(j->why), "by %s", s->method);
		else
			snprintf(j->why, sizeof(j->why), "by %s, not by %s", s->method,
				lab->method.source);
	}
}

/* blind: the check that should have found it, when it could not look. */
static struct judged nothing_new(const struct blind *blind)
{
	if (blind && blind->not_built)
		return judged(OUTCOME_SKIPPED, NULL, blind->why, NULL);
	return judged(OUTCOME_MISSED, NULL,
		blind ? "murphy could not look, and said so" : "murphy found nothing new", NULL);
}

struct judged judge_lab(const struct lab *lab, const char *announced, const struct answer *before,
	const struct answer *after)
{
	const struct seen *first = NULL, *alarm = NULL;

	if (!after->whole)
		return judged(
			OUTCOME_BROKEN, NULL, "murphy's answer has no summary: cut short", NULL);
	for (size_t i = 0; i < after->n; i++) {
		const struct seen *s = &after->seen[i];

		if (was_there(before, s) || not_of_a_lab(s))
			continue;
		if (!first && !follows_from_old(lab, before, s))
			first = s;
		if (!alarm && false_alarm(lab, s, announced))
			alarm = s;
	}
	if (lab->want && !first)
		return nothing_new(answer_blind(after, lab->want));
	if (lab->want && strcmp(first->id, lab->want) != 0)
		return judged(OUTCOME_MISSED, first, "first came", first);
	if (lab->want && !names_right(first, announced))
		return judged(OUTCOME_MISSED, first, "names the wrong one:", first);
	if (lab->want && first->severity == 0 && !lab->mild)
		return judged(OUTCOME_MISSED, first, "only info:", first);
	if (alarm)
		return judged(OUTCOME_ALARM, first, "false alarm:", alarm);
	const struct blind *blinded = lab->want ? NULL : answer_blinded(before, after);
	struct judged passed = judged(OUTCOME_PASSED, first, "", NULL);

	/* Who cannot look is silent about anything. */
	if (blinded) {
		passed.outcome = OUTCOME_MISSED;
		snprintf(passed.why, sizeof(passed.why), "it keeps murphy from judging %s",
			blinded->id);
	}
	tell_method(lab, after, &passed);
	return passed;
}

/* Shares of all states together. */
static double shares(const json_t *answer)
{
	const json_t *states = json_object_get(answer, "states"), *one;
	double sum = 0;
	size_t i;

	json_array_foreach(states, i, one) sum += json_number_value(json_object_get(one, "ratio"));
	return sum;
}

/* "memory|system": either is right. */
static bool one_of(struct span states, const char *leading)
{
	struct cursor c = cursor_span(states);
	struct span one;

	while (cursor_until(&c, '|', &one)) {
		if (span_eq(one, leading))
			return true;
	}
	return span_eq((struct span){ c.at, cursor_left(&c) }, leading);
}

static bool why_is(const json_t *answer, const char *announced, char *ret_why, size_t size)
{
	const char *leading = json_string_value(json_object_get(answer, "leading"));
	const char *verdict = json_string_value(json_object_get(answer, "verdict"));
	struct cursor c = cursor_of(announced, strlen(announced));
	struct span pid, state;
	double sum = shares(answer);

	if (!leading || !verdict || !cursor_word(&c, &pid) || !cursor_word(&c, &state)) {
		snprintf(ret_why, size, "murphy why gave no verdict");
		return false;
	}
	cursor_blank(&c);
	if (!one_of(state, leading))
		snprintf(ret_why, size, "murphy why says %s, not %.*s: %s", leading, (int)state.len,
			state.at, verdict);
	else if (!cursor_end(&c) && !strstr(verdict, c.at))
		snprintf(ret_why, size, "murphy why does not name %s: %s", c.at, verdict);
	else if (sum < 0.99 || sum > 1.01)
		snprintf(ret_why, size, "the shares of murphy why add up to %.2f", sum);
	else
		return true;
	return false;
}

bool judge_why(const char *json, size_t len, const char *announced, char *ret_why, size_t size)
{
	json_t *answer = json_loadb(json, len, JSON_DISABLE_EOF_CHECK, NULL);
	bool right = why_is(answer, announced, ret_why, size);

	json_decref(answer);
	return right;
}

const char *outcome_name(enum outcome o)
{
	static const char *const names[] = { "ok", "MISS", "ALARM", "skipped", "BROKEN" };

	return names[o];
}

void tally_add(struct tally *t, enum outcome o)
{
	t->n++;
	t->passed += o == OUTCOME_PASSED;
	t->skipped += o == OUTCOME_SKIPPED;
}

void tally_print(const struct tally *t)
{
	printf("%zu passed, %zu failed, %zu skipped\n", t->passed, t->n - t->passed - t->skipped,
		t->skipped);
}

int tally_code(const struct tally *t)
{
	if (t->passed + t->skipped < t->n)
		return 1;
	return t->skipped == t->n ? LAB_SKIPPED : 0;
}
