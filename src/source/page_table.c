/* SPDX-License-Identifier: MIT */
#include "source/page_table.h"

#include "base/mem.h"
#include "source/page_frame.h"

#include <errno.h>

enum { TRIES = 4 };

/* What of an entry leads to a table: the CPU may set the bits that say that it was used. */
static const uint64_t leads = X86_PRESENT | X86_LARGE | X86_FRAME;

static int remember(struct page_table_refs *list, struct page_table_ref ref)
{
	if (list->n == list->size) {
		size_t size = list->size ? list->size * 2 : 256;
		void *more = mem_resize(list->ref, size, sizeof(*list->ref));

		if (!more)
			return -ENOMEM;
		list->ref = more;
		list->size = size;
	}
	list->ref[list->n++] = ref;
	return 0;
}

/* Pages that an entry of a table maps. */
static uint64_t pages_of_entry(int level)
{
	return UINT64_C(1) << 9 * (level - 1);
}

/* Is there a table where an entry of a level above the lowest leads? */
static bool leads_on(const struct page_table_walk *w, uint64_t entry)
{
	return entry & X86_PRESENT && !(entry & X86_LARGE) &&
	       (entry & X86_FRAME) / PAGE_SIZE_X86 < w->entries.frames;
}

/* The table where entry number i of a table leads. */
static struct page_table_ref ref_of(const struct page_table_walk *w, int level,
	const struct page_table_ref *table, size_t i, uint64_t entry)
{
	return (struct page_table_ref){ .at = w->base + (entry & X86_FRAME),
		.entry_at = table->at + i * sizeof(entry),
		.entry = entry,
		.page = table->page + i * pages_of_entry(level) };
}

/* Larger ones, of 1 GiB, are hugetlb or device memory. */
static int add_block(struct page_table_walk *w, int level, uint64_t entry)
{
	page_key first = level == 2 ? page_entry_x86_block(&w->entries, entry) : 0;

	return first ? page_frame_block(w->count, w->flags_fd, first) : 0;
}

static int add_leaf(struct page_table_walk *w, const uint64_t entry[PAGE_TABLE_ENTRIES])
{
	page_key key[PAGE_LEAF];
	struct page_guess guess;

	if (page_count_guess(w->count, &guess) && page_entry_x86_equal(entry, &guess))
		return page_count_guessed(w->count);
	page_entry_x86(&w->entries, entry, key);
	return page_count_leaf(w->count, key);
}

static int visit(struct page_table_walk *w, int level, const struct page_table_ref *ref,
	const uint64_t entry[PAGE_TABLE_ENTRIES])
{
	/* The upper half of the topmost table is the kernel's. */
	size_t n = level == w->levels ? PAGE_TABLE_ENTRIES / 2 : PAGE_TABLE_ENTRIES;
	int err = 0;

	if (level == 1)
		return add_leaf(w, entry);
	for (size_t i = 0; i < n && err == 0; i++) {
		if (leads_on(w, entry[i]))
			err = remember(&w->todo[level - 1], ref_of(w, level, ref, i, entry[i]));
		else if (entry[i])
			err = add_block(w, level, entry[i]);
	}
	return err;
}

/* Did the entry that leads to it lead there before and after the table was read? */
static bool is_sure(const struct page_table_want *want, const struct page_table_ref *ref)
{
	return want->at && (!ref->entry_at || !((want->entry ^ ref->entry) & leads));
}

/*
 * The table of level to which page belongs now. 1: *ret_ref; 0: there is none any more, and what is
 * there instead was added; -EAGAIN: it changed again; or -errno.
 */
static int look_for(
	struct page_table_walk *w, int level, uint64_t page, struct page_table_ref *ret_ref)
{
	struct page_table_ref ref = { .at = w->pgd };

	for (int at = w->levels; at > level; at--) {
		size_t i = (size_t)(page / pages_of_entry(at) % PAGE_TABLE_ENTRIES);

		w->want[0] = (struct page_table_want){ .at = ref.at, .entry_at = ref.entry_at };
		int err = page_table_run(w, 1);

		if (err < 0)
			return err;
		if (!is_sure(&w->want[0], &ref))
			return -EAGAIN;
		uint64_t entry = w->table[0][i];

		if (!leads_on(w, entry))
			return at == level + 1 && entry ? add_block(w, at, entry) : 0;
		ref = ref_of(w, at, &ref, i, entry);
	}
	ref.page = page;
	*ret_ref = ref;
	return 1;
}

/* Look for those that have moved: what is left in the list is to be read. */
static int find_moved(struct page_table_walk *w, int level)
{
	struct page_table_refs *todo = &w->todo[level];
	size_t n = 0;

	for (size_t i = 0; i < todo->n; i++) {
		struct page_table_ref ref = todo->ref[i];
		int found = ref.moved ? look_for(w, level, ref.page, &ref) : 1;

		if (found < 0 && found != -EAGAIN)
			return found;
		if (found == -EAGAIN)
			w->lost++;
		if (found == 1)
			todo->ref[n++] = ref;
	}
	todo->n = n;
	return 0;
}

static int read_batch(struct page_table_walk *w, int level, size_t from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct page_table_ref *ref = &w->todo[level].ref[from + i];

		w->want[i] = (struct page_table_want){ .at = ref->at, .entry_at = ref->entry_at };
	}
	int err = page_table_run(w, n);

	for (size_t i = 0; i < n && err == 0; i++) {
		struct page_table_ref ref = w->todo[level].ref[from + i];

		if (is_sure(&w->want[i], &ref)) {
			err = visit(w, level, &ref, w->table[i]);
			continue;
		}
		ref.moved = ref.entry_at != 0;
		err = remember(&w->again, ref);
	}
	return err;
}

static int read_level(struct page_table_walk *w, int level)
{
	struct page_table_refs *todo = &w->todo[level];

	for (int try = 0; try < TRIES && todo->n > 0; try++) {
		int err = try > 0 ? find_moved(w, level) : 0;

		w->again.n = 0;
		for (size_t at = 0; at < todo->n && err == 0; at += PAGE_TABLE_READ) {
			size_t left = todo->n - at;

			err = read_batch(
				w, level, at, left < PAGE_TABLE_READ ? left : PAGE_TABLE_READ);
		}
		if (err < 0)
			return err;
		struct page_table_refs swap = *todo;

		*todo = w->again;
		w->again = swap;
	}
	w->lost += todo->n;
	return 0;
}

int page_table_walk(struct page_table_walk *w, const struct page_table_task *task)
{
	int err;

	w->pgd = task->pgd;
	for (int level = 0; level <= PAGE_TABLE_LEVELS; level++)
		w->todo[level].n = 0;
	err = remember(&w->todo[w->levels], (struct page_table_ref){ .at = task->pgd });
	for (int level = w->levels; level >= 1 && err == 0; level--)
		err = read_level(w, level);
	return err;
}
