/* SPDX-License-Identifier: MIT */
/* Running a source in a test, without a feed. */
#ifndef MURPHY_TESTS_RUN_SOURCE_H
#define MURPHY_TESTS_RUN_SOURCE_H

#include "source/source.h"
#include "tests/unit/unit.h"

/*
 * Run the source called name on h for the tables ids, which end with TABLE_none, with these keys
 * asked of the first; exact: whatever that costs. out keeps the tables of earlier runs; free it
 * with drop_tables().
 */
static inline void run_source_needed(bool exact, const struct frame *was, struct host *h,
	const char *name, struct table **out, const enum table_id *ids, const uint64_t *asked,
	size_t n_asked)
{
	struct need needs[8] = { 0 };
	struct frame none = { 0 };
	struct probe p = { .host = h, .frame = &none, .was = was, .out = out, .needs = needs };

	for (; ids[p.n_needs]; p.n_needs++) {
		needs[p.n_needs].table = ids[p.n_needs];
		needs[p.n_needs].exact = exact;
		if (!out[ids[p.n_needs]])
			out[ids[p.n_needs]] = table_new(schemas[ids[p.n_needs]]);
	}
	p.asked[ids[0]] = asked;
	p.n_asked[ids[0]] = n_asked;
	for (size_t i = 0; i < n_sources; i++) {
		if (strcmp(sources[i]->name, name) == 0)
			assert_int_equal(sources[i]->read(&p), 0);
	}
	for (int id = 0; id < TABLES; id++) {
		if (out[id])
			assert_int_equal(table_sort(out[id]), 0);
	}
}

static inline void run_source_after(const struct frame *was, struct host *h, const char *name,
	struct table **out, const enum table_id *ids, const uint64_t *asked, size_t n_asked)
{
	run_source_needed(false, was, h, name, out, ids, asked, n_asked);
}

static inline void run_source_exact(struct host *h, const char *name, struct table **out,
	const enum table_id *ids, const uint64_t *asked, size_t n_asked)
{
	run_source_needed(true, NULL, h, name, out, ids, asked, n_asked);
}

static inline void run_source(struct host *h, const char *name, struct table **out,
	const enum table_id *ids, const uint64_t *asked, size_t n_asked)
{
	run_source_after(NULL, h, name, out, ids, asked, n_asked);
}

static inline void drop_tables(struct table **out)
{
	for (int id = 0; id < TABLES; id++)
		table_unref(out[id]);
}

#endif
