/* SPDX-License-Identifier: MIT */
#include "source/page_members.h"

#include "base/cursor.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const enum table_id tables[] = { TABLE_process_share, TABLE_group_share, TABLE_shared_object,
	TABLE_object_share };

/* Keys are sorted: members of a group follow each other. The same are asked of all four tables. */
static enum table_id asked_table(const struct probe *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		if (p->n_asked[tables[i]] > 0)
			return tables[i];
	}
	return tables[0];
}

int page_members_init(struct page_members *all, struct probe *p)
{
	enum table_id id = asked_table(p);
	size_t n = p->n_asked[id];

	*all = (struct page_members){ .probe = p, .start_ns = proc_now_ns() };
	all->member = mem_new(n + 1, sizeof(*all->member));
	all->group = mem_new(n + 1, sizeof(*all->group));
	all->common = mem_new(n + 1, sizeof(*all->common));
	if (!all->member || !all->group || !all->common)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		uint64_t key = p->asked[id][i];

		if (all->n_groups == 0 || all->group[all->n_groups - 1].number != member_group(key))
			all->group[all->n_groups++] =
				(struct page_group_of){ .number = member_group(key), .first = i };
		all->member[all->n++] = (struct page_member_of){ .pid = member_pid(key),
			.group = (uint32_t)all->n_groups - 1 };
		all->group[all->n_groups - 1].n++;
	}
	return 0;
}

void page_members_release(struct page_members *all)
{
	free(all->member);
	free(all->by_pid);
	free(all->group);
	free(all->common);
}

static int by_pid(const void *a, const void *b)
{
	const struct page_member_of *const *x = a, *const *y = b;

	return ((*x)->pid > (*y)->pid) - ((*x)->pid < (*y)->pid);
}

struct page_member_of *page_members_find(const struct page_members *all, uint64_t pid)
{
	const struct page_member_of like = { .pid = pid }, *key = &like;
	struct page_member_of **at =
		bsearch(&key, all->by_pid, all->n, sizeof(*all->by_pid), by_pid);

	return at ? *at : NULL;
}

/*
 * A child of vfork(2), or of clone(2) with CLONE_VM, has its parent's address space until it runs
 * another program: then all of its figures are its parent's, and once is enough.
 */
static int find_twins(struct page_members *all)
{
	all->by_pid = mem_new(all->n + 1, sizeof(*all->by_pid));
	if (!all->by_pid)
		return -ENOMEM;
	for (size_t i = 0; i < all->n; i++)
		all->by_pid[i] = &all->member[i];
	qsort(all->by_pid, all->n, sizeof(*all->by_pid), by_pid);
	for (size_t i = 0; i < all->n; i++) {
		struct page_member_of *one = &all->member[i];
		const struct page_member_of *parent = page_members_find(all, one->status.ppid);

		if (parent && one->status.rss > 0 && parent->status.space == one->status.space &&
			host_same_space(all->probe->host, parent->pid, one->pid))
			one->twin = parent->twin ? parent->twin : parent->pid;
	}
	return 0;
}

/*
 * Each of its pages, once, however many map it: with the sum of RSS, what a shared page is worth.
 */
static uint64_t mapped_bytes(struct probe *p)
{
	char buf[4096];
	ssize_t n = host_read_record(p->host, "proc/meminfo", buf, sizeof(buf));
	struct cursor c = cursor_of(buf, n < 0 ? 0 : (size_t)n), line;
	uint64_t kib;

	while (cursor_line(&c, &line)) {
		if (cursor_lit(&line, "Mapped:") && cursor_u64(&line, &kib))
			return kib * 1024;
	}
	return 0;
}

/* Into its group's sums (by 1), or out of them again (by -1). */
static void add_member(struct page_members *all, const struct page_member_of *one, int by)
{
	struct page_group_of *g = &all->group[one->group];
	const struct mem_status *s = &one->status;

	g->live += (uint64_t)(int64_t)by;
	if (one->twin)
		return;
	g->sizes[PART_ANON] += by * pages_of(&all->meter, s->anon);
	g->sizes[PART_FILE] += by * pages_of(&all->meter, s->file);
	g->sizes[PART_SHMEM] += by * pages_of(&all->meter, s->shmem);
	g->rss += by > 0 ? s->rss : -s->rss;
	g->swap += by > 0 ? s->swap : -s->swap;
	g->tables += by > 0 ? s->tables : -s->tables;
}

void page_member_gone(struct page_members *all, struct page_member_of *one)
{
	one->gone = true;
	add_member(all, one, -1);
}

int page_member_again(struct page_members *all, struct page_member_of *one)
{
	struct mem_status now;
	int err = mem_status_read(all->probe, one->pid, &now, NULL);

	if (err < 0)
		return err;
	add_member(all, one, -1);
	one->status = now;
	if (!now.parts)
		one->status.anon = now.rss;
	add_member(all, one, 1);
	return 0;
}

/*
 * Half of the time is for looking at pages: of a part of the processes something is better known
 * than nothing.
 */
static bool out_of_time(const struct page_members *all)
{
	uint64_t end = all->probe->deadline_ns, now = proc_now_ns();

	return end != 0 && (now >= end || now - all->start_ns > (end - all->start_ns) / 2);
}

/* As the table process was read, when it was: anew otherwise. */
static int status_of(const struct page_members *all, struct page_member_of *one)
{
	if (mem_status_find(all->probe->frame, one->pid, &one->status))
		return 0;
	return mem_status_read(all->probe, one->pid, &one->status, NULL);
}

int page_members_status(struct page_members *all)
{
	double shared = 0;

	for (size_t i = 0; i < all->n; i++) {
		struct page_member_of *one = &all->member[i];

		one->err = out_of_time(all) ? -ETIME : status_of(all, one);
		/* Its memory is that of threads that outlived the one that had its pid. */
		if (one->err == 0 && one->status.headless)
			one->err = -EIO;
		one->gone = one->err < 0 && state_of_errno(one->err) == STATE_ABSENT;
		all->read += one->err != -ETIME;
		shared += (double)(one->status.file + one->status.shmem);
		/* A kernel before 4.5 tells the sum alone. */
		if (!one->status.parts)
			one->status.anon = one->status.rss;
	}
	int err = find_twins(all);

	if (err < 0)
		return err;
	for (size_t i = 0; i < all->n; i++) {
		if (all->member[i].err == 0)
			add_member(all, &all->member[i], 1);
	}
	all->meter.worth = shared > 0 ? (double)mapped_bytes(all->probe) / shared : 0;
	if (all->meter.worth > 1)
		all->meter.worth = 1;
	return 0;
}

double page_member_likely(const struct page_members *all, const struct page_member_of *one)
{
	if (one->err < 0 || one->twin)
		return 0;
	return (double)one->status.anon +
	       all->meter.worth * (double)(one->status.file + one->status.shmem);
}

void page_members_fail(struct probe *p, enum state state, const char *fmt, ...)
{
	char why[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		if (probe_table(p, tables[i]))
			table_fail(probe_table(p, tables[i]), state, "%s", why);
	}
}

/* Who is not seen was not asked for, but is a part of the whole. */
static void say_hidden(const struct page_members *all, struct table *t)
{
	const struct table *seen = frame_table(all->probe->frame, TABLE_process);

	if (!seen || seen->lost == 0 || t->state != STATE_OK)
		return;
	t->lost += seen->lost;
	if (!t->why[0])
		table_fail(t, t->state, "%s", seen->why);
}

void page_members_close(struct page_members *all, bool late, const char *denied)
{
	uint64_t done = 0;

	for (size_t i = 0; i < all->n; i++) {
		const struct page_member_of *one = &all->member[i];

		done += one->err != -ETIME && all->group[one->group].known;
		if (one->measured || (one->err < 0 && one->err != -ETIME))
			tally_count(&all->tally, one->err == -ESRCH ? -ENOENT : one->err);
	}
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		struct table *t = probe_table(all->probe, tables[i]);

		if (t && (late || all->read < all->n))
			tally_late(&all->tally, t, done, all->n, all->start_ns);
		else if (t)
			tally_close(&all->tally, t, denied);
		if (t) {
			t->seen = all->n;
			say_hidden(all, t);
		}
	}
}
