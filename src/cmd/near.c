/* SPDX-License-Identifier: MIT */
#include "cmd/near.h"

#include "base/attr.h"
#include "base/few.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { WORD_MAX = 48, NEAR_MAX = 8 };

/*
 * Letters to add, to leave out or to change until a is b
 * (Levenshtein); SIZE_MAX: too long to be an id.
 */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t row[WORD_MAX + 1];

	if (a_len > WORD_MAX || b_len > WORD_MAX)
		return SIZE_MAX;
	for (size_t k = 0; k <= b_len; k++)
		row[k] = k;
	for (size_t i = 1; i <= a_len; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t k = 1; k <= b_len; k++) {
			size_t best = corner + (a[i - 1] != b[k - 1]);

			corner = row[k];
			if (row[k] + 1 < best)
				best = row[k] + 1;
			if (row[k - 1] + 1 < best)
				best = row[k - 1] + 1;
			row[k] = best;
		}
	}
	return row[b_len];
}

/* "memory", "mem": a family, or more of its name. */
static bool is_family(const char *word, size_t len, const char *id)
{
	size_t family = strcspn(id, ".");

	return !memchr(word, '.', len) && len >= family && strncmp(word, id, family) == 0;
}

/* How far the id is from the word: as a whole, or its name without the family. */
static size_t how_far(const char *word, size_t len, const char *id)
{
	const char *name = strchr(id, '.');
	size_t whole = distance(word, len, id, strlen(id));
	size_t part = name ? distance(word, len, name + 1, strlen(name + 1)) : whole;

	if (is_family(word, len, id) || (len > 2 && memmem(id, strlen(id), word, len)))
		return 0;
	return whole < part ? whole : part;
}

struct nearest {
	struct one {
		const char *id;
		size_t far;
	} one[NEAR_MAX];
	size_t n, most;
};

/* The nearest first, of equals in the order of check.def. */
static void offer(struct nearest *v, const char *id, size_t far)
{
	size_t at = v->n;

	while (at > 0 && v->one[at - 1].far > far)
		at--;
	if (far <= v->most && few_open(v->one, sizeof(v->one[0]), &v->n, NEAR_MAX, at))
		v->one[at] = (struct one){ id, far };
}

struct near near_ids(const char *word, size_t len, const struct house *house)
{
	/* A third of the letters may be wrong: more, and it is another word. */
	struct nearest v = { .most = len / 3 };
	struct near near = { "" };
	size_t at = 0;

	for (size_t i = 0; i < n_checks; i++)
		offer(&v, checks[i]->id, how_far(word, len, checks[i]->id));
	for (size_t i = 0; house && i < house->n_rules; i++)
		offer(&v, house->check[i]->id, how_far(word, len, house->check[i]->id));
	for (size_t i = 0; i < v.n && at < sizeof(near.text); i++)
		at += (size_t)snprintf(near.text + at, sizeof(near.text) - at, "%s%s",
			i ? ", " : " (near: ", v.one[i].id);
	if (v.n && at < sizeof(near.text))
		snprintf(near.text + at, sizeof(near.text) - at, ")");
	return near;
}
