/* SPDX-License-Identifier: MIT */
#include "model/swap.h"

#include "base/few.h"
#include "model/process.h"
#include "model/spaces.h"

#include <string.h>

static const struct disk_load *disk_of(
	const struct model *m, const struct swap *s, const char *path)
{
	const struct table *mounts = frame_table(m->now, TABLE_mount);
	const struct mount *on = s->file ? mount_of_path(mounts, path) : NULL;
	const struct disk_load *d = on ? disks_find(m->disks, on->dev) : NULL;

	if (!s->file)
		return disks_named(m->disks, path);
	return on && !d ? disks_named(m->disks, table_text(mounts, on->source)) : d;
}

static void fold_areas(struct swap_model *sm, const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_swap);

	if (!table_usable(t))
		return;
	for (table_each(const struct swap, s, t)) {
		if (sm->n_areas == SWAP_AREAS_MAX)
			break;
		struct swap_area *a = &sm->area[sm->n_areas++];

		a->row = s;
		a->path = table_text(t, s->path);
		a->disk = disk_of(m, s, a->path);
		if (!sm->main || s->used_bytes > sm->main->row->used_bytes)
			sm->main = a;
	}
}

static void offer_owner(struct swap_model *sm, struct swap_owner o)
{
	size_t at = sm->n_owners;

	while (at > 0 && sm->owner[at - 1].swap_bytes < o.swap_bytes)
		at--;
	if (few_open(sm->owner, sizeof(o), &sm->n_owners, SWAP_OWNERS, at))
		sm->owner[at] = o;
}

static double wait_of(const struct swap_reader *r)
{
	return reading_ok(r->wait_ratio) ? r->wait_ratio.value : 0;
}

static void offer_reader(struct swap_model *sm, struct swap_reader r)
{
	size_t at = sm->n_readers;

	while (at > 0 && wait_of(&sm->reader[at - 1]) < wait_of(&r))
		at--;
	if (few_open(sm->reader, sizeof(r), &sm->n_readers, SWAP_READERS, at))
		sm->reader[at] = r;
}

static struct reading wait_ratio(const struct swap_model *sm, const struct process_facts *p)
{
	const struct disk_load *d = sm->main ? sm->main->disk : NULL;

	/* Of the main thread; 0 is also what a kernel says that does not count. */
	if (reading_ok(p->block_delay_ratio) && p->block_delay_ratio.value > 0)
		return p->block_delay_ratio;
	if (!d || !reading_ok(d->read_wait_ns))
		return reading_none(STATE_ABSENT);
	return reading_of(p->major_faults_per_s.value * d->read_wait_ns.value / 1e9);
}

static void fold_processes(struct swap_model *sm, const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_process_status);

	if (!table_usable(t))
		return;
	for (table_each(const struct process_status, s, t)) {
		const struct process_facts *p = process_find(m->process, s->pid);

		if (s->swap_bytes == 0)
			continue;
		offer_owner(sm, (struct swap_owner){ s->pid, s->swap_bytes });
		if (!p || !reading_ok(p->major_faults_per_s) || p->major_faults_per_s.value == 0)
			continue;
		offer_reader(sm, (struct swap_reader){ .pid = s->pid,
					 .swap_bytes = s->swap_bytes,
					 .faults_per_s = p->major_faults_per_s.value,
					 .wait_ratio = wait_ratio(sm, p) });
	}
}

static int step(void *self, const struct model *m, struct arena *a UNUSED)
{
	const struct table *t = frame_table(m->now, TABLE_swap);
	const struct vmstat *v = frame_row(m->now, TABLE_vmstat);
	struct swap_model *sm = self;

	*sm = (struct swap_model){ .state = t ? t->state : STATE_ABSENT };
	fold_areas(sm, m);
	if (v) {
		sm->in_pages_per_s = model_rate(m, TABLE_vmstat, v, VMSTAT_swap_in_pages);
		sm->out_pages_per_s = model_rate(m, TABLE_vmstat, v, VMSTAT_swap_out_pages);
		sm->file_refaults_per_s = model_rate(m, TABLE_vmstat, v, VMSTAT_refault_file_pages);
	}
	fold_processes(sm, m);
	return 0;
}

const struct model_row model_swap = {
	.name = "swap",
	.needs = {
		{ .table = TABLE_swap, .optional = true },
		{ .table = TABLE_vmstat, .rate = true, .optional = true },
		{ .table = TABLE_process, .rate = true, .optional = true },
		{ .table = TABLE_process_status, .optional = true },
		{ .table = TABLE_mount, .optional = true },
		{ .table = TABLE_disk, .rate = true, .optional = true },
	},
	.size = sizeof(struct swap_model),
	.step = step,
};
