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

/* An entry of a table of a level above the lowest. */
static int follow(struct page_table_walk *w, int level, uint64_t entry, uint64_t entry_at)
{
	struct page_table_ref ref = { .entry_at = entry_at, .entry = entry };

	if (entry & X86_PRESENT && !(entry & X86_LARGE)) {
		uint64_t frame = (entry & X86_FRAME) / PAGE_SIZE_X86;

		ref.at = w->base + frame * PAGE_SIZE_X86;
		return frame < w->entries.frames ? remember(&w->todo[level - 1], ref) : 0;
	}
	/* Larger ones, of 1 GiB, are hugetlb or device memory. */
	page_key first = level == 2 ? page_entry_x86_block(&w->entries, entry) : 0;

	return first ? page_frame_block(w->count, w->flags_fd, first) : 0;
}

static int visit(struct page_table_walk *w, int level, const struct page_table_ref *ref,
	const uint64_t entry[PAGE_TABLE_ENTRIES])
{
	/* The upper half of the topmost table is the kernel's. */
	size_t n = level == w->levels ? PAGE_TABLE_ENTRIES / 2 : PAGE_TABLE_ENTRIES;
	page_key key[PAGE_LEAF];
	int err = 0;

	if (level == 1) {
		page_entry_x86(&w->entries, entry, key);
		return page_count_leaf(w->count, key);
	}
	for (size_t i = 0; i < n && err == 0; i++) {
		if (entry[i])
			err = follow(w, level, entry[i], ref->at + i * sizeof(*entry));
	}
	return err;
}

/* The table was not what its entry led to: where does the entry lead now? */
static int retry(
	struct page_table_walk *w, int level, const struct page_table_ref *ref, uint64_t entry)
{
	if (!ref->entry_at || !((entry ^ ref->entry) & leads))
		return remember(&w->again, *ref);
	size_t had = w->todo[level].n;
	int err = follow(w, level + 1, entry, ref->entry_at);

	/* It was put at the end of the list that is being read: for the next time. */
	if (err == 0 && w->todo[level].n > had)
		err = remember(&w->again, w->todo[level].ref[--w->todo[level].n]);
	return err;
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
		uint64_t entry = w->want[i].entry;

		if (w->want[i].at && (!ref.entry_at || !((entry ^ ref.entry) & leads)))
			err = visit(w, level, &ref, w->table[i]);
		else
			err = retry(w, level, &ref, entry);
	}
	return err;
}

static int read_level(struct page_table_walk *w, int level)
{
	struct page_table_refs *todo = &w->todo[level];
	int err = 0;

	for (int try = 0; try < TRIES && todo->n > 0; try++) {
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

	for (int level = 0; level <= PAGE_TABLE_LEVELS; level++)
		w->todo[level].n = 0;
	err = remember(&w->todo[w->levels], (struct page_table_ref){ .at = task->pgd });
	for (int level = w->levels; level >= 1 && err == 0; level--)
		err = read_level(w, level);
	return err;
}
