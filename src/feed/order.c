/* SPDX-License-Identifier: MIT */
/* Which source may run when, what it leaves behind, and how much a frame may hold. */
#include "feed/run.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { FRAME_BYTES_MAX = 256 << 20 };

bool run_fills_wanted(const struct run *r, const struct source *s)
{
	if (s->only_with && !r->wanted[s->only_with])
		return false;
	for (size_t i = 0; i < SOURCE_TABLES_MAX && s->fills[i]; i++) {
		if (r->wanted[s->fills[i]])
			return true;
	}
	return false;
}

static bool fills(const struct source *s, enum table_id id)
{
	for (size_t i = 0; i < SOURCE_TABLES_MAX && s->fills[i]; i++) {
		if (s->fills[i] == id)
			return true;
	}
	return false;
}

/* Is a source that fills one of the tables still to come? below: only of a lower rank. */
static bool pending(const struct run *r, const enum table_id *ids, size_t self, bool below)
{
	for (size_t i = 0; i < SOURCE_TABLES_MAX && ids[i]; i++) {
		for (size_t k = 0; k < n_sources; k++) {
			bool busy = r->progress[k] == WAITING || r->progress[k] == RUNNING;

			if (k != self && busy && fills(sources[k], ids[i]) &&
				(!below || sources[k]->rank < sources[self]->rank))
				return true;
		}
	}
	return false;
}

bool run_ready(const struct run *r, size_t k)
{
	const struct source *s = sources[k];

	return !pending(r, s->uses, k, false) && !pending(r, s->after, k, false) &&
	       !pending(r, s->fills, k, true);
}

bool run_superfluous(const struct run *r, const struct source *s)
{
	if (s->rank == 0)
		return false;
	for (size_t i = 0; i < SOURCE_TABLES_MAX && s->fills[i]; i++) {
		if (r->wanted[s->fills[i]] && !table_usable(r->frame->at[s->fills[i]]))
			return false;
	}
	return true;
}

bool run_too_exact(const struct run *r, const struct source *s)
{
	if (!s->exact_only || r->job.tap || !host_is_live(r->feed->host))
		return false;
	for (size_t i = 0; i < SOURCE_TABLES_MAX && s->fills[i]; i++) {
		if (needs_exact(r->job.needs, r->job.n_needs, s->fills[i]))
			return false;
	}
	return true;
}

void run_share_memory(struct run *r)
{
	struct feed *f = r->feed;

	for (size_t k = 0; k < n_sources; k++) {
		if (sources[k]->memory == 0 || f->memory[k] || !run_fills_wanted(r, sources[k]))
			continue;
		void *p = mmap(NULL, sources[k]->memory, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		f->memory[k] = p == MAP_FAILED ? NULL : p;
	}
}

void run_free_feed(struct feed *f)
{
	for (size_t k = 0; k < n_sources; k++) {
		if (f->memory[k])
			munmap(f->memory[k], sources[k]->memory);
	}
	free(f);
}

void run_want_uses(struct run *r)
{
	for (bool more = true; more;) {
		more = false;
		for (size_t k = 0; k < n_sources; k++) {
			const enum table_id *uses = sources[k]->uses;

			for (size_t i = 0;
				run_fills_wanted(r, sources[k]) && i < SOURCE_TABLES_MAX && uses[i];
				i++) {
				if (r->wanted[uses[i]] || r->frame->at[uses[i]])
					continue;
				r->wanted[uses[i]] = true;
				more = true;
			}
		}
	}
}

struct table *run_bounded(const struct run *r, enum table_id id, struct table *t)
{
	size_t bytes = table_bytes(t);

	for (int other = 1; other < TABLES; other++)
		bytes += r->frame->at[other] ? table_bytes(r->frame->at[other]) : 0;
	if (host_is_live(r->feed->host) || bytes <= FRAME_BYTES_MAX)
		return t;
	struct table *empty = table_new(schemas[id]);

	if (empty) {
		empty->lost = t->lost + t->n;
		table_fail(empty, STATE_LATE, "left out: the tables of a frame may have %d MiB",
			FRAME_BYTES_MAX >> 20);
	}
	table_unref(t);
	return empty;
}
