/* SPDX-License-Identifier: MIT */
#include "source/share.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const enum table_id filled[] = { TABLE_process_share, TABLE_group_share };

bool shares_exact(const struct probe *p)
{
	return needs_exact(p->needs, p->n_needs, TABLE_process_share) ||
	       needs_exact(p->needs, p->n_needs, TABLE_group_share);
}

static int by_pid(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int by_group(const void *a, const void *b)
{
	const struct share_group *x = a, *y = b;

	return (x->group > y->group) - (x->group < y->group);
}

/* Who was asked for by both tables comes twice. */
static void sort_processes(struct shares *s)
{
	size_t n = 0;

	qsort(s->process, s->n, sizeof(*s->process), by_pid);
	for (size_t i = 0; i < s->n; i++) {
		if (n == 0 || s->process[n - 1].pid != s->process[i].pid)
			s->process[n++] = s->process[i];
	}
	s->n = n;
}

static void sort_groups(struct shares *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		s->group[i].group = s->process[i].group;
	qsort(s->group, s->n, sizeof(*s->group), by_group);
	for (size_t i = 0; i < s->n; i++) {
		if (n == 0 || s->group[n - 1].group != s->group[i].group)
			s->group[n++] = s->group[i];
	}
	s->n_groups = n;
}

int shares_init(struct shares *s, const struct probe *p)
{
	size_t most = 1;

	*s = (struct shares){ 0 };
	for (size_t t = 0; t < ARRAY_SIZE(filled); t++)
		most += p->n_asked[filled[t]];
	s->process = mem_new(most, sizeof(*s->process));
	s->group = mem_new(most, sizeof(*s->group));
	if (!s->process || !s->group) {
		shares_release(s);
		return -ENOMEM;
	}
	for (size_t t = 0; t < ARRAY_SIZE(filled); t++) {
		for (size_t i = 0; i < p->n_asked[filled[t]]; i++) {
			uint64_t key = p->asked[filled[t]][i];

			s->process[s->n++] = (struct share){ .pid = member_pid(key),
				.group = member_group(key) };
		}
	}
	sort_processes(s);
	sort_groups(s);
	for (size_t i = 0; i < s->n; i++) {
		struct share_group like = { .group = s->process[i].group };
		const struct share_group *g =
			bsearch(&like, s->group, s->n_groups, sizeof(like), by_group);

		s->process[i].group_at = (uint32_t)(g - s->group);
	}
	return 0;
}

void shares_release(struct shares *s)
{
	free(s->process);
	free(s->group);
	*s = (struct shares){ 0 };
}

struct share *shares_find(const struct shares *s, uint64_t pid)
{
	struct share like = { .pid = pid };

	return s->n ? bsearch(&like, s->process, s->n, sizeof(like), by_pid) : NULL;
}

static uint64_t whole(double bytes)
{
	return (uint64_t)(bytes + 0.5);
}

static int put_process(struct table *t, const struct share *p)
{
	void *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, PROCESS_SHARE_pid, p->pid);
	row_put(t->schema, row, PROCESS_SHARE_group, p->group);
	row_put(t->schema, row, PROCESS_SHARE_twin, p->twin);
	if (p->twin)
		return 0;
	row_put(t->schema, row, PROCESS_SHARE_rss_bytes, whole(p->rss));
	row_put(t->schema, row, PROCESS_SHARE_pss_bytes, whole(p->pss));
	row_put(t->schema, row, PROCESS_SHARE_pss_error_bytes, 0);
	row_put(t->schema, row, PROCESS_SHARE_uss_bytes, whole(p->uss));
	row_put(t->schema, row, PROCESS_SHARE_swap_bytes, whole(p->swap));
	row_put(t->schema, row, PROCESS_SHARE_swap_pss_bytes, whole(p->swap_pss));
	row_put(t->schema, row, PROCESS_SHARE_page_tables_bytes, whole(p->tables));
	return 0;
}

struct total {
	uint64_t processes, measured;
	double rss, pss, uss, swap, swap_pss, tables;
};

static void add_to(struct total *t, const struct share *p)
{
	t->processes += !p->gone;
	if (!p->measured)
		return;
	t->measured++;
	t->rss += p->rss;
	t->pss += p->pss;
	t->uss += p->uss;
	t->swap += p->swap;
	t->swap_pss += p->swap_pss;
	t->tables += p->tables;
}

static int put_group(struct table *t, const struct share_group *g, const struct total *sum)
{
	void *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, GROUP_SHARE_group, g->group);
	row_put(t->schema, row, GROUP_SHARE_processes, sum->processes);
	row_put(t->schema, row, GROUP_SHARE_measured, sum->measured);
	if (sum->measured == 0 && sum->processes > 0) /* nothing is known, which is not 0 */
		return 0;
	row_put(t->schema, row, GROUP_SHARE_rss_bytes, whole(sum->rss));
	row_put(t->schema, row, GROUP_SHARE_pss_bytes, whole(sum->pss));
	row_put(t->schema, row, GROUP_SHARE_uss_bytes, whole(sum->uss));
	row_put(t->schema, row, GROUP_SHARE_swap_bytes, whole(sum->swap));
	row_put(t->schema, row, GROUP_SHARE_swap_pss_bytes, whole(sum->swap_pss));
	row_put(t->schema, row, GROUP_SHARE_page_tables_bytes, whole(sum->tables));
	/* Of some of them: at least this. How much more there is nobody knows. */
	if (sum->measured < sum->processes)
		return 0;
	row_put(t->schema, row, GROUP_SHARE_pss_error_bytes, 0);
	if (!g->split)
		return 0;
	row_put(t->schema, row, GROUP_SHARE_exclusive_bytes, whole(g->exclusive));
	row_put(t->schema, row, GROUP_SHARE_shared_bytes, whole(g->shared));
	return 0;
}

static int put_groups(const struct shares *s, struct table *t)
{
	auto_free struct total *total = mem_new(s->n_groups + 1, sizeof(*total));
	int err = 0;

	if (!total)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++)
		add_to(&total[s->process[i].group_at], &s->process[i]);
	for (size_t g = 0; g < s->n_groups && err == 0; g++)
		err = put_group(t, &s->group[g], &total[g]);
	return err;
}

static void close_table(struct table *t, uint64_t lost, const char *why)
{
	if (!t)
		return;
	t->lost += lost;
	table_fail(t, STATE_OK, "%s", lost ? why : "");
}

int shares_rows(const struct shares *s, struct probe *p, const char *why)
{
	struct table *processes = probe_table(p, TABLE_process_share);
	struct table *groups = probe_table(p, TABLE_group_share);
	uint64_t lost = 0;
	int err = 0;

	for (size_t i = 0; i < s->n && err == 0; i++) {
		lost += !s->process[i].measured && !s->process[i].gone;
		if (processes && s->process[i].measured)
			err = put_process(processes, &s->process[i]);
	}
	if (groups && err == 0)
		err = put_groups(s, groups);
	close_table(processes, lost, why);
	close_table(groups, lost, why);
	return err;
}

void shares_fail(struct probe *p, enum state state, const char *fmt, ...)
{
	char why[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < ARRAY_SIZE(filled); i++) {
		if (probe_table(p, filled[i]))
			table_fail(probe_table(p, filled[i]), state, "%s", why);
	}
}
