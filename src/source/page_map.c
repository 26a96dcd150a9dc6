/* SPDX-License-Identifier: MIT */
/*
 * Exact shares of memory, from /proc/PID/pagemap of all processes: where page tables cannot be read
 * as such (source/page_walk_bpf.c). The kernel takes the lock of the address space anew for each 2
 * MiB that are read, and PAGEMAP_SCAN, which tells what of large mappings is there, is asked for
 * little at once.
 */
#include "base/mem.h"
#include "source/mem_status.h"
#include "source/page_frame.h"
#include "source/page_vma.h"
#include "source/proc.h"

#include <errno.h>
#include <string.h>

enum {
	MAPS_MAX = 64 << 20,
	AT_ONCE = 16 * PAGE_LEAF, /* entries */
	LARGE = 4 * PAGE_LEAF,    /* pages of a mapping that may be mostly holes */
	SCAN_PAGES = 8192,        /* that one call may find */
};

/* And how far it may look for them. */
#define SCAN_BYTES (UINT64_C(1) << 30)

struct map_process {
	uint64_t pid, twin;
	struct mem_status status;
	uint64_t start_ns;
	int space;   /* of page_count; -1: none */
	bool unread; /* it is there, but not its memory for us */
};

struct map_walk {
	struct probe *probe;
	struct shares shares;
	struct page_count count;
	struct page_entries entries;
	int flags_fd;
	uint64_t page_bytes;
	bool no_scan; /* the kernel has no PAGEMAP_SCAN */
	struct strbuf names, maps;
	struct table *stat;          /* to parse into */
	struct map_process *process; /* by pid */
	size_t n, done;
	size_t unread; /* whose pages are in no count */
	/* of the process at hand */
	int fd;
	struct host_turn turn;
	uint64_t *entry;
	uint64_t leaf; /* that key is of: page number / PAGE_LEAF */
	page_key key[PAGE_LEAF];
	bool any;
};

static int flush(struct map_walk *w)
{
	int err = 0;

	if (w->any && page_entry_is_block(w->key))
		err = page_frame_block(&w->count, w->flags_fd, w->key[0]);
	else if (w->any)
		err = page_count_leaf(&w->count, w->key);
	memset(w->key, 0, sizeof(w->key));
	w->any = false;
	return err;
}

/* Entries of a leaf, of which the first is of page. */
static int put_entries(struct map_walk *w, uint64_t page, const uint64_t *entry, size_t n)
{
	uint64_t whole[PAGE_LEAF] = { 0 };
	page_key key[PAGE_LEAF];
	int err = page / PAGE_LEAF != w->leaf ? flush(w) : 0;

	w->leaf = page / PAGE_LEAF;
	w->any = true;
	memcpy(whole, entry, n * sizeof(*entry));
	page_entry_map(&w->entries, whole, key);
	memcpy(w->key + page % PAGE_LEAF, key, n * sizeof(*key));
	return err;
}

/* Pages from to to - 1, all of one mapping. */
static int read_pages(struct map_walk *w, uint64_t from, uint64_t to)
{
	while (from < to) {
		size_t n = to - from < AT_ONCE ? (size_t)(to - from) : AT_ONCE;
		ssize_t got = host_read_pagemap(w->fd, &w->turn, from, n, w->entry);

		if (got <= 0)
			return got < 0 ? (int)got : -ESRCH; /* it has ended */
		n = (size_t)got;
		for (size_t i = 0; i < n;) {
			size_t left = PAGE_LEAF - (size_t)((from + i) % PAGE_LEAF);
			size_t part = n - i < left ? n - i : left;
			int err = put_entries(w, from + i, w->entry + i, part);

			if (err < 0)
				return err;
			i += part;
		}
		from += n;
		if (probe_late(w->probe))
			return -ETIME;
	}
	return 0;
}

/* What of a large mapping is there, and only that. Runs that are close are read as one. */
static int read_present(struct map_walk *w, uint64_t at, uint64_t end)
{
	struct host_run runs[HOST_RUNS_MAX];
	uint64_t from = 0, to = 0;

	while (at < end) {
		uint64_t stop = end - at < SCAN_BYTES ? end : at + SCAN_BYTES;
		int err = 0, n = host_present_runs(w->fd, &w->turn, runs, HOST_RUNS_MAX, RUNS_USED,
				     stop, SCAN_PAGES, &at);

		if (n < 0)
			return n;
		for (int i = 0; i < n && err == 0; i++) {
			uint64_t first = runs[i].start / w->page_bytes;

			if (first > to + PAGE_LEAF / 4 || to - from > AT_ONCE) {
				err = read_pages(w, from, to);
				from = first;
			}
			to = runs[i].end / w->page_bytes;
		}
		if (err < 0)
			return err;
		if (probe_late(w->probe))
			return -ETIME;
	}
	return read_pages(w, from, to);
}

static int read_vma(struct map_walk *w, const struct map_process *one, const struct page_vma *v)
{
	uint64_t from = v->start / w->page_bytes, to = v->end / w->page_bytes;

	if (!w->no_scan && to - from > LARGE) {
		int err = read_present(w, v->start, v->end);

		if (err != -ENOTTY)
			return err;
		w->no_scan = true;
	}
	return read_pages(w, from, to);
}

static int read_space(struct map_walk *w, const struct map_process *one)
{
	struct cursor c = cursor_of(w->maps.bytes, w->maps.len);
	struct page_vma v;
	bool bad = false;
	int err = 0;

	w->leaf = 0;
	w->any = false;
	memset(w->key, 0, sizeof(w->key));
	while (err == 0 && page_vma_next(&c, &v, &bad)) {
		/* Not even the kernel's own walks go there. */
		if (!span_starts(v.path, "[vsyscall"))
			err = read_vma(w, one, &v);
	}
	if (err == 0)
		err = flush(w);
	return err == 0 && bad ? -EINVAL : err;
}

/* What is denied, or too long or odd to be read: of one process, not of all. */
static bool is_unread(struct map_walk *w, struct map_process *one, int err)
{
	one->unread = err == -EACCES || err == -EPERM || err == -E2BIG || err == -EINVAL;
	w->unread += one->unread;
	return one->unread;
}

static void drop(struct map_walk *w, struct map_process *one)
{
	if (one->space >= 0)
		page_count_drop(&w->count, one->space);
	one->space = -1;
}

/* 0, or -errno that ends it all: not that it has ended or is denied to us. */
static int read_process(struct map_walk *w, struct map_process *one)
{
	char path[PROC_PATH_MAX];
	struct host *h = w->probe->host;
	int err = host_read_all(h, proc_path(path, one->pid, "maps"), MAPS_MAX, &w->maps);

	if (err == -ESRCH || err == -ENOENT || (err == 0 && w->maps.len == 0) ||
		is_unread(w, one, w->maps.len >= MAPS_MAX ? -E2BIG : err))
		return 0;
	if (err < 0)
		return err;
	w->fd = host_open_offset(h, proc_path(path, one->pid, "pagemap"));
	if (w->fd < 0)
		return w->fd == -ENOENT || w->fd == -ESRCH || is_unread(w, one, w->fd) ? 0 : w->fd;
	one->space = page_count_space(&w->count, page_frame_group(&w->shares, one->pid));
	err = one->space < 0 ? one->space : read_space(w, one);
	close(w->fd);
	if (err != -ESRCH && (one->space < 0 || !is_unread(w, one, err)))
		return err;
	drop(w, one);
	return err == -ESRCH ? -ESRCH : 0;
}

static struct map_process *find(const struct map_walk *w, uint64_t pid)
{
	size_t low = 0, high = w->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (w->process[middle].pid == pid)
			return &w->process[middle];
		if (w->process[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* A child of vfork(2), or of clone(2) with CLONE_VM, has its parent's address space. */
static void find_twins(struct map_walk *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct map_process *one = &w->process[i];
		const struct map_process *parent = find(w, one->status.ppid);

		if (parent && host_same_space(w->probe->host, parent->pid, one->pid))
			one->twin = parent->twin ? parent->twin : parent->pid;
	}
}

/* When a process began; 0: it is not there. */
static uint64_t start_of(struct map_walk *w, uint64_t pid)
{
	char path[PROC_PATH_MAX], buf[1024];
	ssize_t n =
		host_read_record(w->probe->host, proc_path(path, pid, "stat"), buf, sizeof(buf));

	table_cut(w->stat, 0);
	if (n <= 0 || process_parse(buf, (size_t)n, w->stat) < 0)
		return 0;
	return ((const struct process *)w->stat->row)->start_ns;
}

static int by_pid(const void *a, const void *b)
{
	const struct map_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* All that have memory: also those that nobody asked for, as they share it. */
static int list_processes(struct map_walk *w)
{
	int err = host_list(w->probe->host, "proc", &w->names);
	size_t most = 1;
	uint64_t pid;

	if (err < 0)
		return err;
	for (const char *name = NULL; (name = host_next_name(&w->names, name));)
		most += proc_is_pid(name, &pid);
	w->process = mem_new(most, sizeof(*w->process));
	if (!w->process)
		return -ENOMEM;
	for (const char *name = NULL; (name = host_next_name(&w->names, name));) {
		struct map_process *one = &w->process[w->n];

		if (!proc_is_pid(name, &pid))
			continue;
		int got = mem_status_read(w->probe, pid, &one->status, NULL);

		w->unread += got == -EACCES || got == -EPERM || (got == 0 && one->status.headless);
		if (got < 0 || (one->status.rss == 0 && one->status.tables == 0))
			continue;
		one->pid = pid;
		one->start_ns = start_of(w, pid);
		one->space = -1;
		w->n++;
	}
	qsort(w->process, w->n, sizeof(*w->process), by_pid);
	find_twins(w);
	return 0;
}

/* What has ended since gave its pages back, perhaps to others that were read later. */
static void drop_gone(struct map_walk *w)
{
	for (size_t i = 0; i < w->n; i++) {
		if (start_of(w, w->process[i].pid) != w->process[i].start_ns)
			drop(w, &w->process[i]);
	}
}

/* A process that is hidden maps pages that others are not alone with. */
static bool sees_all(const struct map_walk *w)
{
	const struct table *seen = frame_table(w->probe->frame, TABLE_process);

	return w->unread == 0 && seen && seen->lost == 0 && page_frame_sees_all(w->probe);
}

static int read_all(struct map_walk *w)
{
	for (; w->done < w->n; w->done++) {
		struct map_process *one = &w->process[w->done];
		int err = one->twin ? 0 : read_process(w, one);

		if (err == -ESRCH) /* it runs another program now, or has ended */
			err = read_process(w, one);
		if (err < 0 && err != -ESRCH)
			return err;
		if (probe_late(w->probe))
			return -ETIME;
	}
	return 0;
}

static const char denied[] = "needs CAP_SYS_ADMIN and CAP_SYS_PTRACE: pagemap of all processes";

static int put_rows(struct map_walk *w)
{
	drop_gone(w);
	int err = page_frame_count(w->probe, &w->count, sees_all(w));

	if (err < 0)
		return err;
	for (size_t i = 0; i < w->shares.n; i++) {
		struct share *to = &w->shares.process[i];
		const struct map_process *one = find(w, to->pid);

		/* Who has none any more, or never had, is nobody that is missing. */
		to->gone = !one || (!one->twin && !one->unread && one->space < 0);
		to->measured = one && (one->twin || one->space >= 0);
		if (!to->measured)
			continue;
		to->twin = one->twin;
		if (one->twin)
			continue;
		page_frame_share(to, &w->count, one->space, (long)w->page_bytes);
		to->tables = (double)one->status.tables;
	}
	page_frame_split(&w->shares, &w->count, (long)w->page_bytes);
	return shares_rows(&w->shares, w->probe, denied);
}

static int run(struct map_walk *w)
{
	int err = w->flags_fd < 0 ? w->flags_fd : page_frames(w->flags_fd, &w->entries.frames);

	w->entries.zero_page = page_frame_zero(w->probe);
	if (err == 0 && !w->entries.zero_page)
		err = -EPERM;
	w->entry = mem_new(AT_ONCE, sizeof(*w->entry));
	w->stat = table_new(schemas[TABLE_process]);
	if (err == 0)
		err = w->entry && w->stat ? shares_init(&w->shares, w->probe) : -ENOMEM;
	if (err == 0)
		err = page_count_init(&w->count, page_frame_limit(w->probe));
	if (err == 0)
		err = list_processes(w);
	if (err == 0)
		err = read_all(w);
	return err < 0 ? err : put_rows(w);
}

static void say(struct map_walk *w, int err)
{
	if (err == -EPERM || err == -EACCES)
		shares_fail(w->probe, STATE_DENIED, "pagemap: %s", strerror(-err));
	else if (err == -ENOENT)
		shares_fail(w->probe, STATE_ABSENT, "this kernel has no pagemap or kpageflags");
	else if (err == -ETIME)
		shares_fail(w->probe, STATE_LATE, "pagemap of %zu of %zu processes in time",
			w->done, w->n);
	else if (err == -EFBIG || err == -ERANGE)
		shares_fail(w->probe, STATE_ABSENT, "pagemap: too much memory to count");
	else if (err < 0)
		shares_fail(w->probe, STATE_BROKEN, "pagemap: %s", strerror(-err));
}

static int read_page_map(struct probe *p)
{
	struct map_walk w = { .probe = p, .page_bytes = (uint64_t)host_page_size(p->host) };

	if (!host_is_live(p->host))
		return 0;
	if (!shares_exact(p)) {
		shares_fail(p, STATE_ABSENT, "pagemap: exact values are not asked for");
		return 0;
	}
	auto_close fd = host_open_offset(p->host, "proc/kpageflags");

	w.flags_fd = fd;
	int err = run(&w);

	say(&w, err);
	page_count_release(&w.count);
	shares_release(&w.shares);
	strbuf_release(&w.names);
	strbuf_release(&w.maps);
	table_unref(w.stat);
	free(w.process);
	free(w.entry);
	return err == -ENOMEM ? err : 0;
}

const struct source source_page_map = {
	.name = "page_map",
	.fills = { TABLE_process_share, TABLE_group_share },
	.uses = { TABLE_meminfo },
	.rank = 1,
	.cost = COST_ASKED,
	.manner = MANNER_RISKY,
	.exact_only = true,
	.rows_only = true,
	.deadline_ns = 30000000000,
	.denied = denied,
	.read = read_page_map,
};
