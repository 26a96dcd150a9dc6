/* SPDX-License-Identifier: MIT */
#include "look/look.h"

#include <string.h>

static const struct check *check_of(const struct finding *f)
{
	for (size_t i = 0; i < n_checks; i++) {
		if (strcmp(checks[i]->id, f->id) == 0)
			return checks[i];
	}
	return NULL;
}

static bool names_explained(const struct finding *a, const struct finding *b)
{
	const struct check *c = check_of(a);

	for (size_t i = 0; c && i < ARRAY_SIZE(c->explains) && c->explains[i]; i++) {
		if (strcmp(c->explains[i], b->id) == 0)
			return true;
	}
	return false;
}

static bool of_host(const struct finding *f)
{
	return f->n_culprits == 0 || f->culprits[0].kind == ENTITY_HOST;
}

static bool among(const struct entity *e, const struct entity *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (entity_same(e, &list[i]))
			return true;
	}
	return false;
}

static bool share_entity(const struct finding *a, const struct finding *b)
{
	for (size_t i = 0; i < b->n_culprits; i++) {
		if (among(&b->culprits[i], a->culprits, a->n_culprits) ||
			among(&b->culprits[i], a->victims, a->n_victims))
			return true;
	}
	for (size_t i = 0; i < b->n_victims; i++) {
		if (among(&b->victims[i], a->culprits, a->n_culprits) ||
			among(&b->victims[i], a->victims, a->n_victims))
			return true;
	}
	return false;
}

/*
 * Are a and b about one thing? What is said of the whole host is about everything on it, unless it
 * harms nobody: then it may well have other reasons.
 */
static bool concerns(const struct finding *a, const struct finding *b)
{
	if (share_entity(a, b) || (of_host(a) && of_host(b)))
		return true;
	return b->severity > SEVERITY_INFO && (of_host(a) || of_host(b));
}

static bool below(const struct finding *f, const struct finding *top)
{
	for (; f; f = f->parent) {
		if (f == top)
			return true;
	}
	return false;
}

/*
 * Worst first; of equals what goes on now, then the surer, then the one that takes more, then the
 * order of the checks.
 */
static int compare(const struct finding *a, const struct finding *b)
{
	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	if (a->past != b->past)
		return b->past ? -1 : 1;
	if (a->confidence != b->confidence)
		return a->confidence > b->confidence ? -1 : 1;
	if (a->share != b->share)
		return a->share > b->share ? -1 : 1;
	return 0;
}

/* Stable; n is at most FINDINGS_MAX. */
static void sort(struct finding **finding, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct finding *f = finding[i];
		size_t k = i;

		for (; k > 0 && compare(finding[k - 1], f) > 0; k--)
			finding[k] = finding[k - 1];
		finding[k] = f;
	}
}

static size_t emit(struct finding **finding, size_t n, struct finding *parent, struct finding **out)
{
	size_t n_out = 0;

	for (size_t i = 0; i < n; i++) {
		if (finding[i]->parent != parent)
			continue;
		out[n_out++] = finding[i];
		n_out += emit(finding, n, finding[i], out + n_out);
	}
	return n_out;
}

void rank_findings(struct finding **finding, size_t n)
{
	struct finding *out[FINDINGS_MAX];

	sort(finding, n);
	for (size_t a = 0; a < n; a++) {
		for (size_t b = 0; b < n; b++) {
			if (a == b || finding[a]->aside || finding[b]->parent ||
				below(finding[a], finding[b]) ||
				!names_explained(finding[a], finding[b]))
				continue;
			if (concerns(finding[a], finding[b]))
				finding[b]->parent = finding[a];
		}
	}
	/* What it brings about makes a cause as urgent, and as present, as the worst of it. */
	for (size_t i = 0; i < n; i++) {
		for (struct finding *f = finding[i]; f->parent; f = f->parent) {
			if (f->parent->severity < f->severity)
				f->parent->severity = f->severity;
			f->parent->past &= f->past;
		}
	}
	sort(finding, n);
	emit(finding, n, NULL, out);
	memcpy(finding, out, n * sizeof(*out));
}

void rank_known(
	struct finding *const *finding, size_t n, struct finding *const *known, size_t n_known)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n_known && !finding[i]->parent; k++) {
			if (known[k]->aside || !names_explained(known[k], finding[i]) ||
				!concerns(known[k], finding[i]))
				continue;
			finding[i]->known_cause = known[k];
			break;
		}
	}
}
