/* SPDX-License-Identifier: MIT */
/* What was measured, as rows. */
#include "source/page_members.h"

#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static uint64_t bytes_of(const struct page_members *all, double pages)
{
	return pages > 0 ? (uint64_t)llround(pages * (double)all->meter.page_bytes) : 0;
}

static double sum_of(const double *parts)
{
	double sum = 0;

	for (size_t part = 0; part < PAGE_PARTS; part++)
		sum += parts[part];
	return sum;
}

static int put_process(
	const struct page_members *all, struct table *t, const struct page_member_of *one)
{
	void *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, PROCESS_SHARE_pid, one->pid);
	row_put(t->schema, row, PROCESS_SHARE_group, all->group[one->group].number);
	row_put(t->schema, row, PROCESS_SHARE_twin, one->twin);
	if (one->twin)
		return 0;
	row_put(t->schema, row, PROCESS_SHARE_rss_bytes, bytes_of(all, sum_of(one->result.rss)));
	row_put(t->schema, row, PROCESS_SHARE_pss_bytes, bytes_of(all, sum_of(one->result.pss)));
	row_put(t->schema, row, PROCESS_SHARE_pss_error_bytes,
		bytes_of(all, page_estimate_error(one->result.error)));
	if (!all->bounds)
		row_put(t->schema, row, PROCESS_SHARE_uss_bytes,
			bytes_of(all, sum_of(one->result.uss)));
	row_put(t->schema, row, PROCESS_SHARE_swap_bytes, one->status.swap);
	if (one->status.swap == 0) /* how often an entry is referred to no file tells */
		row_put(t->schema, row, PROCESS_SHARE_swap_pss_bytes, 0);
	row_put(t->schema, row, PROCESS_SHARE_page_tables_bytes, one->status.tables);
	return 0;
}

/* Sum over the group for what was summed over those of it that were measured. */
static double scale_of(const struct page_group_of *g, enum page_part_of part)
{
	return g->sized[part] > 0 && g->measured < g->live ? g->sizes[part] / g->sized[part] : 1;
}

static enum page_part_of part_of(const struct page_members *all, const struct page_part *x)
{
	return page_object_in_memory(&all->meter.objects.object[x->object]) ? PART_SHMEM
									    : PART_FILE;
}

/* Processes of the group that map it, when of measured ones so many do. */
static double processes_of(const struct page_group_of *g, const struct page_part *x)
{
	return g->measured ? (double)x->processes * (double)g->live / (double)g->measured : 0;
}

struct object_sum {
	double pss, error, mapped, processes;
	uint64_t groups;
	struct page_bin *bin; /* PAGE_BINS, or NULL */
};

/* Where it is in the object. */
static int sum_bins(struct object_sum *s, const struct page_part *x, double scale)
{
	if (!x->bin)
		return 0;
	if (!s->bin)
		s->bin = mem_new(PAGE_BINS, sizeof(*s->bin));
	for (size_t k = 0; s->bin && k < PAGE_BINS; k++) {
		s->bin[k].rss += x->bin[k].rss * scale;
		s->bin[k].pss += x->bin[k].pss * scale;
	}
	return s->bin ? 0 : -ENOMEM;
}

static void drop_sums(const struct page_members *all, struct object_sum *sum)
{
	for (size_t i = 0; sum && i < all->meter.objects.n; i++)
		free(sum[i].bin);
	free(sum);
}

static struct object_sum *sum_objects(const struct page_members *all)
{
	const struct page_objects *o = &all->meter.objects;
	struct object_sum *sum = mem_new(o->n + 1, sizeof(*sum));

	for (size_t i = 0; sum && i < o->n_parts; i++) {
		const struct page_part *x = &o->part[i];
		const struct page_group_of *g = &all->group[x->group];
		struct object_sum *s = &sum[x->object];
		double pss = x->pss * scale_of(g, part_of(all, x));

		s->pss += pss;
		/* As sure as the group's own sum is. */
		if (g->pss.pages > 0)
			s->error += page_estimate_error(g->pss) * pss / g->pss.pages;
		s->processes += processes_of(g, x);
		s->mapped += (double)x->mapped * processes_of(g, x) / (double)x->processes;
		s->groups++;
		if (sum_bins(s, x, scale_of(g, part_of(all, x))) < 0) {
			drop_sums(all, sum);
			return NULL;
		}
	}
	return sum;
}

/*
 * Of what was drawn of an object, bin by bin: where no other group has pages, and none is mapped
 * more often than the group has mappings, they are its own. Each page of the others once: no more
 * than all groups together have there.
 */
static void split_part(struct page_group_of *g, const struct page_part *x,
	const struct object_sum *sum, double scale)
{
	double areas = processes_of(g, x) * x->areas / x->processes;

	for (size_t k = 0; k < PAGE_BINS; k++) {
		double rss = x->bin[k].rss * scale, pss = x->bin[k].pss * scale;
		double alone = x->bin[k].alone * scale, all = sum->bin[k].pss;
		bool own = sum->bin[k].rss <= rss && rss <= pss * areas * 1.01;

		if (own)
			g->exclusive += pss - alone;
		else if (rss > alone)
			g->shared += (all < rss ? all : rss) - alone;
	}
}

/*
 * Of what a group maps, what is its own. Pages that one process alone maps are; so are those that
 * were seen with no other group; of large objects, where no other group has any.
 */
static void split_groups(struct page_members *all, const struct object_sum *sum)
{
	const struct page_counts *c = &all->meter.counts;
	const struct page_objects *o = &all->meter.objects;

	for (size_t i = 0; i < all->n_groups; i++) {
		struct page_group_of *g = &all->group[i];

		g->exclusive = g->uss;
		g->shared = g->n == 1 ? sum_of(all->member[g->first].result.rss) - g->uss
				      : (double)all->common[i];
	}
	for (size_t i = 0; i < c->slots; i++) {
		const struct page_seen *s = &c->slot[i];
		struct page_group_of *g = s->frame ? &all->group[s->group] : NULL;

		if (!g || g->n == 1 || s->touches == 0 || s->maps < 2)
			continue;
		/* Others than those that were asked for may have it, too. */
		bool others = s->maps > g->live || (g->measured == g->live && s->touches < s->maps);

		if (others)
			g->shared++;
		else
			g->exclusive++;
	}
	for (size_t i = 0; i < o->n_parts; i++) {
		const struct page_part *x = &o->part[i];
		struct page_group_of *g = &all->group[x->group];

		if (x->bin && g->n > 1)
			split_part(g, x, &sum[x->object], scale_of(g, part_of(all, x)));
	}
}

static int put_group(const struct page_members *all, struct table *t, const struct page_group_of *g)
{
	void *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, GROUP_SHARE_group, g->number);
	row_put(t->schema, row, GROUP_SHARE_processes, g->live);
	row_put(t->schema, row, GROUP_SHARE_measured, g->measured);
	row_put(t->schema, row, GROUP_SHARE_rss_bytes, g->rss);
	row_put(t->schema, row, GROUP_SHARE_swap_bytes, g->swap);
	if (g->swap == 0)
		row_put(t->schema, row, GROUP_SHARE_swap_pss_bytes, 0);
	row_put(t->schema, row, GROUP_SHARE_page_tables_bytes, g->tables);
	if (!g->known)
		return 0;
	row_put(t->schema, row, GROUP_SHARE_pss_bytes, bytes_of(all, g->pss.pages));
	row_put(t->schema, row, GROUP_SHARE_pss_error_bytes,
		bytes_of(all, page_estimate_error(g->pss)));
	if (all->bounds)
		return 0;
	row_put(t->schema, row, GROUP_SHARE_uss_bytes, bytes_of(all, g->uss));
	if (g->partial && g->n > 1)
		return 0;
	row_put(t->schema, row, GROUP_SHARE_exclusive_bytes, bytes_of(all, g->exclusive));
	row_put(t->schema, row, GROUP_SHARE_shared_bytes, bytes_of(all, g->shared));
	return 0;
}

static int put_object(const struct page_members *all, struct table *t, const struct page_object *x,
	const struct object_sum *sum)
{
	const char *paths = strbuf_text(&all->meter.objects.paths);
	text_t path = table_intern(t, paths + x->path, x->path_len);
	void *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, SHARED_OBJECT_dev, x->dev);
	row_put(t->schema, row, SHARED_OBJECT_inode, x->inode);
	row_put(t->schema, row, SHARED_OBJECT_path, path);
	row_put(t->schema, row, SHARED_OBJECT_kind, x->kind);
	if (x->sized) {
		row_put(t->schema, row, SHARED_OBJECT_size_bytes, x->size);
		row_put(t->schema, row, SHARED_OBJECT_resident_bytes, x->resident);
	}
	row_put(t->schema, row, SHARED_OBJECT_mapped_bytes, bytes_of(all, sum->mapped));
	row_put(t->schema, row, SHARED_OBJECT_processes, (uint64_t)llround(sum->processes));
	row_put(t->schema, row, SHARED_OBJECT_groups, sum->groups);
	if (x->kind == SHARED_HUGETLB)
		return 0;
	row_put(t->schema, row, SHARED_OBJECT_pss_bytes, bytes_of(all, sum->pss));
	row_put(t->schema, row, SHARED_OBJECT_pss_error_bytes, bytes_of(all, sum->error));
	return 0;
}

static int put_objects(
	const struct page_members *all, struct table *objects, const struct object_sum *sum)
{
	const struct page_objects *o = &all->meter.objects;
	int err = 0;

	for (size_t i = 0; objects && i < o->n && err == 0; i++)
		err = put_object(all, objects, &o->object[i], &sum[i]);
	if (objects)
		objects->lost += o->left_out;
	return err;
}

static int put_parts(const struct page_members *all, struct table *t)
{
	const struct page_objects *o = &all->meter.objects;

	for (size_t i = 0; t && i < o->n_parts; i++) {
		const struct page_part *x = &o->part[i];
		const struct page_group_of *g = &all->group[x->group];
		void *row = table_add(t);

		if (!row)
			return -ENOMEM;
		row_put(t->schema, row, OBJECT_SHARE_dev, o->object[x->object].dev);
		row_put(t->schema, row, OBJECT_SHARE_inode, o->object[x->object].inode);
		row_put(t->schema, row, OBJECT_SHARE_group, g->number);
		row_put(t->schema, row, OBJECT_SHARE_processes,
			(uint64_t)llround(processes_of(g, x)));
		if (o->object[x->object].kind != SHARED_HUGETLB)
			row_put(t->schema, row, OBJECT_SHARE_pss_bytes,
				bytes_of(all, x->pss * scale_of(g, part_of(all, x))));
	}
	return 0;
}

static void sum_measured(struct page_members *all)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct page_member_of *one = &all->member[i];
		struct page_group_of *g = &all->group[one->group];
		const struct page_meter *m = &all->meter;

		if (all->bounds)
			continue;
		g->measured += one->measured || (one->err == 0 && one->twin);
		if (!one->measured)
			continue;
		g->sized[PART_ANON] += pages_of(m, one->status.anon);
		g->sized[PART_FILE] += pages_of(m, one->status.file);
		g->sized[PART_SHMEM] += pages_of(m, one->status.shmem);
	}
}

int page_members_rows(struct page_members *all)
{
	struct table *processes = probe_table(all->probe, TABLE_process_share);
	struct table *groups = probe_table(all->probe, TABLE_group_share);

	sum_measured(all);
	struct object_sum *sum = sum_objects(all);
	int err = sum ? 0 : -ENOMEM;

	if (sum && !all->bounds)
		split_groups(all, sum);
	for (size_t i = 0; processes && i < all->n && err == 0; i++) {
		if (all->member[i].measured || (all->member[i].err == 0 && all->member[i].twin))
			err = put_process(all, processes, &all->member[i]);
	}
	for (size_t i = 0; groups && i < all->n_groups && err == 0; i++)
		err = put_group(all, groups, &all->group[i]);
	if (err == 0)
		err = put_objects(all, probe_table(all->probe, TABLE_shared_object), sum);
	if (err == 0)
		err = put_parts(all, probe_table(all->probe, TABLE_object_share));
	drop_sums(all, sum);
	return err;
}
