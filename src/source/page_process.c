/* SPDX-License-Identifier: MIT */
#include "source/page_process.h"

#include "base/clock.h"
#include "base/mem.h"
#include "source/proc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	MAPS_MAX = 32 << 20,
	BIG_PAGES = 1024,   /* a mapping of an object that is larger is drawn from */
	SPARSE_PAGES = 512, /* anonymous memory that is larger may be mostly holes */
	SCAN_PAGES = 32768, /* at once: a millisecond */
	RANGES_MAX = 1 << 20,
};

/*
 * Address space that is looked at at once: page tables without pages in them take time as well.
 * More where nothing was found: programs reserve terabytes.
 */
#define SCAN_BYTES (UINT64_C(1) << 30)
#define SCAN_BYTES_MAX (UINT64_C(16) << 30)

int page_room(void *array, size_t n, size_t *size, size_t item)
{
	void **at = array;

	if (n < *size)
		return 0;
	size_t more = *size ? *size * 2 : 128;
	void *grown = mem_resize(*at, more, item);

	if (!grown)
		return -ENOMEM;
	*at = grown;
	*size = more;
	return 0;
}

bool page_meter_sees_frames(const struct probe *p)
{
	uint64_t page = (uint64_t)(uintptr_t)&p / (uint64_t)host_page_size(p->host), entry = 0;
	auto_close fd = host_open_offset(p->host, "proc/self/pagemap");

	return fd >= 0 &&
	       pread(fd, &entry, sizeof(entry), (off_t)(page * sizeof(entry))) == sizeof(entry) &&
	       PAGE_FRAME(entry) != 0;
}

int page_meter_init(struct page_meter *m, struct probe *p, int counts_fd)
{
	*m = (struct page_meter){ .probe = p,
		.counts = { .fd = counts_fd },
		.random = page_random_of(clock_ns(CLOCK_MONOTONIC)),
		.page_bytes = (uint64_t)host_page_size(p->host),
		.budget = 8192,
		.draws = 64,
		.fd = -1 };
	m->huge_pages = m->page_bytes / sizeof(uint64_t);
	m->entry = mem_new(PAGE_ENTRIES, sizeof(*m->entry));
	return m->entry ? page_objects_init(&m->objects, p) : -ENOMEM;
}

void page_meter_release(struct page_meter *m)
{
	page_counts_release(&m->counts);
	page_objects_release(&m->objects);
	strbuf_release(&m->text);
	free(m->area);
	free(m->range);
	free(m->big);
	free(m->piece);
	free(m->entry);
}

void page_count_one(struct page_result *r, enum page_part_of part, uint32_t maps)
{
	if (maps == 0)
		return;
	r->rss[part]++;
	r->pss[part] += 1.0 / maps;
	r->uss[part] += maps == 1;
}

static int add_range(struct page_meter *m, uint64_t from, uint64_t to, uint32_t area)
{
	struct page_range *last = m->n_ranges ? &m->range[m->n_ranges - 1] : NULL;

	if (m->n_ranges >= RANGES_MAX && last->vma == area) {
		m->holes = true;
		last->to = to;
		return 0;
	}
	if (m->n_ranges >= RANGES_MAX)
		return -E2BIG;
	int err = page_room(&m->range, m->n_ranges, &m->ranges_size, sizeof(*m->range));

	if (err == 0)
		m->range[m->n_ranges++] = (struct page_range){ from, to, area };
	return err;
}

/* What of a large anonymous mapping is there: address space of gigabytes may have a few pages. */
static int add_sparse(struct page_meter *m, const struct page_area *a, uint32_t area)
{
	struct host_run runs[HOST_RUNS_MAX];
	uint64_t at = a->from * m->page_bytes, end = a->to * m->page_bytes, step = SCAN_BYTES;
	int err = 0;

	while (err == 0 && at < end) {
		uint64_t stop = end - at > step ? at + step : end;
		int n = m->no_scan ? -ENOTTY
				   : host_present_runs(m->fd, &m->turn, runs, HOST_RUNS_MAX,
					     RUNS_PRESENT, stop, SCAN_PAGES, &at);

		if (n == -ENOTTY) {
			m->no_scan = true;
			return add_range(m, a->from, a->to, area);
		}
		if (n < 0)
			return n;
		for (int i = 0; i < n && err == 0; i++)
			err = add_range(m, runs[i].start / m->page_bytes,
				runs[i].end / m->page_bytes, area);
		if (n == 0 && at < stop) /* cannot be: it stops there, or has found something */
			return -EIO;
		step = n > 0 ? SCAN_BYTES : step * 2 > SCAN_BYTES_MAX ? SCAN_BYTES_MAX : step * 2;
	}
	return err;
}

static int add_big(struct page_meter *m, uint64_t pid, const struct page_vma *v)
{
	int err = page_room(&m->big, m->n_bigs, &m->bigs_size, sizeof(*m->big));

	if (err < 0)
		return err;
	page_objects_ask(&m->objects, (uint32_t)m->area[m->n_areas - 1].object, pid, v);
	m->big[m->n_bigs++] = (struct page_big){ .area = (uint32_t)m->n_areas - 1 };
	return 0;
}

/* One that it maps, for the list of objects. */
static int count_object(struct page_meter *m, const struct page_area *a)
{
	struct page_part *part = page_objects_part(&m->objects, (uint32_t)a->object, m->group);
	struct page_object *x = &m->objects.object[a->object];

	if (!part) { /* there are too many */
		m->objects.left_out++;
		return 0;
	}
	part->mapped += a->to - a->from;
	part->areas++;
	part->processes += x->last_process != m->process;
	x->last_process = m->process;
	return 0;
}

static int add_vma(struct page_meter *m, uint64_t pid, const struct page_vma *v)
{
	int object = v->inode ? page_objects_of(&m->objects, pid, v) : -1;

	if (object < 0 && v->inode && object != -E2BIG)
		return object;
	if (object >= 0 && m->objects.object[object].kind == SHARED_HUGETLB)
		return count_object(m, &(struct page_area){ .from = v->start / m->page_bytes,
					       .to = v->end / m->page_bytes,
					       .object = object });
	int err = page_room(&m->area, m->n_areas, &m->areas_size, sizeof(*m->area));

	if (err < 0)
		return err;
	struct page_area *a = &m->area[m->n_areas++];
	uint32_t number = (uint32_t)m->n_areas - 1;

	*a = (struct page_area){ v->start / m->page_bytes, v->end / m->page_bytes,
		v->offset / m->page_bytes, object < 0 ? -1 : object,
		object >= 0 && page_object_in_memory(&m->objects.object[object]), v->shared };
	if (a->object >= 0)
		err = count_object(m, a);
	if (err < 0)
		return err;
	if (a->object >= 0 && a->to - a->from > BIG_PAGES)
		return add_big(m, pid, v);
	if (a->to - a->from > SPARSE_PAGES && a->object < 0)
		return add_sparse(m, a, number);
	return add_range(m, a->from, a->to, number);
}

static int lay_out(struct page_meter *m, uint64_t pid)
{
	struct cursor c = cursor_of(m->text.bytes, m->text.len);
	struct page_vma v;
	bool bad = false;
	int err = 0;

	m->holes = m->no_scan;
	m->n_areas = m->n_ranges = m->n_bigs = m->n_pieces = m->reads = m->n_ahead = 0;
	while (err == 0 && page_vma_next(&c, &v, &bad)) {
		if (!page_vma_of_kernel(&v))
			err = add_vma(m, pid, &v);
	}
	return err == 0 && bad ? -EINVAL : err;
}

/* What was too much to look up: some of it stands for all. */
static void count_left(struct page_meter *m, struct page_result *r)
{
	for (size_t part = 0; part < PAGE_PARTS; part++) {
		struct page_strata s = { 0 };
		double alone = 0;

		for (size_t i = 0; i < page_reservoir_n(&m->left[part]); i++) {
			uint64_t maps = 0;

			page_counts_run(&m->counts, m->left[part].item[i], 1, &maps);
			page_strata_add(&s, maps > 0, maps ? 1.0 / (double)maps : 0);
			alone += maps == 1;
		}
		if (s.hits == 0)
			continue;
		double pages = (double)m->left[part].seen * (double)s.hits / (double)s.n;
		struct page_estimate e = page_strata_total(&s, pages);

		r->rss[part] += pages;
		r->pss[part] += e.pages;
		r->uss[part] += pages * alone / (double)s.hits;
		page_estimate_add(&r->error, e);
	}
}

static int measure(
	struct page_meter *m, uint64_t pid, const struct mem_status *s, struct page_result *r)
{
	int err = lay_out(m, pid);

	if (err == 0)
		err = page_read_ranges(m, s, r);
	count_left(m, r);
	return err < 0 ? err : page_draw(m, s, r);
}

int page_process_measure(struct page_meter *m, uint64_t pid, const struct mem_status *status,
	struct page_result *ret_result)
{
	char path[PROC_PATH_MAX];
	struct page_result r = { 0 };
	int err = host_read_all(m->probe->host, proc_path(path, pid, "maps"), MAPS_MAX, &m->text);

	if (err < 0)
		return err;
	if (m->text.len == 0)
		return -ESRCH;
	if (m->text.len >= MAPS_MAX)
		return -E2BIG;
	m->fd = host_open_offset(m->probe->host, proc_path(path, pid, "pagemap"));
	if (m->fd < 0)
		return m->fd;
	m->process++;
	memset(m->left, 0, sizeof(m->left));
	m->partial = false;
	err = measure(m, pid, status, &r);
	close(m->fd);
	m->fd = -1;
	if (err == 0)
		*ret_result = r;
	return err;
}
