/* SPDX-License-Identifier: MIT */
#include "model/crowd.h"

#include "base/few.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	const struct process_facts *const *x = a, *const *y = b;

	return strcmp((*x)->comm, (*y)->comm);
}

static void offer(const struct crowd *one, struct crowd *ret, size_t max, size_t *n)
{
	size_t at = *n;

	while (at > 0 && ret[at - 1].threads < one->threads)
		at--;
	if (few_open(ret, sizeof(*ret), n, max, at))
		ret[at] = *one;
}

size_t crowd_top(const struct process_model *pm,
	bool (*counts)(const struct process_facts *p, const void *arg), const void *arg,
	struct arena *a, struct crowd *ret, size_t max)
{
	const struct process_facts **list =
		pm && pm->n ? arena_new(a, pm->n * sizeof(struct process_facts *)) : NULL;
	size_t n_list = 0, n = 0, next;

	for (size_t i = 0; list && i < pm->n; i++) {
		const struct process_facts *p = &pm->row[i];

		if (!p->kthread && (!counts || counts(p, arg)))
			list[n_list++] = p;
	}
	if (n_list > 0)
		qsort(list, n_list, sizeof(struct process_facts *), compare);
	for (size_t i = 0; i < n_list; i = next) {
		struct crowd one = { .comm = list[i]->comm };
		uint64_t most = 0;

		for (next = i; next < n_list && strcmp(list[next]->comm, one.comm) == 0; next++) {
			one.processes++;
			one.threads += list[next]->threads;
			if (one.pid == 0 || list[next]->threads > most) {
				most = list[next]->threads;
				one.pid = list[next]->pid;
			}
		}
		offer(&one, ret, max, &n);
	}
	return n;
}
