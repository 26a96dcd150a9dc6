/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "base/mem.h"
#include "source/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BELOW "sys/kernel/slab"

/*
 * Only large caches get what costs a file each (24 of some 240), and only when one of them grew
 * large and nothing can shrink it are the 400 links read that tell which caches were merged: 2 ms.
 */
enum { PAGE = 4096, BIG_MAX = 24, NAME_SIZE = 128 };
#define SUSPECT_BYTES ((uint64_t)32 << 20)

/* The last place of text, which begins with ':', in line; or NULL. */
static const char *find_last(const struct cursor *line, const char *text)
{
	size_t len = strlen(text), left = cursor_left(line);
	const char *at;

	while (left > 0 && (at = memrchr(line->at, ':', left))) {
		if ((size_t)(line->end - at) >= len && memcmp(at, text, len) == 0)
			return at;
		left = (size_t)(at - line->at);
	}
	return NULL;
}

/* The n numbers that end at stop; what stands before them is the name, which may hold blanks. */
static bool split_name(const char *from, const char *stop, size_t n, struct span *ret_name,
	struct cursor *ret_numbers)
{
	const char *at = stop;

	for (size_t i = 0; i < n; i++) {
		while (at > from && at[-1] == ' ')
			at--;
		while (at > from && at[-1] != ' ')
			at--;
	}
	*ret_numbers = (struct cursor){ at, stop };
	while (at > from && at[-1] == ' ')
		at--;
	*ret_name = (struct span){ from, (size_t)(at - from) };
	return at > from && *from != '\0';
}

static int parse_cache(struct cursor *line, struct table *t)
{
	uint64_t per_slab, pages, active_slabs;
	struct slab s = { 0 };
	struct cursor c;
	struct span name;
	const char *tunables = find_last(line, ": tunables "),
		   *data = find_last(line, ": slabdata ");

	if (!tunables || !data || !split_name(line->at, tunables, 5, &name, &c))
		return -EINVAL;
	if (!cursor_u64(&c, &s.active_objects) || !cursor_u64(&c, &s.objects) ||
		!cursor_u64(&c, &s.object_bytes) || !cursor_u64(&c, &per_slab) ||
		!cursor_u64(&c, &pages))
		return -EINVAL;
	c = (struct cursor){ data + strlen(": slabdata "), line->end };
	if (!cursor_u64(&c, &active_slabs) || !cursor_u64(&c, &s.slabs) ||
		__builtin_mul_overflow(pages, PAGE, &s.slab_bytes) ||
		__builtin_mul_overflow(s.slab_bytes, s.slabs, &s.size_bytes))
		return -EINVAL;
	s.name = table_intern(t, name.at, name.len);
	for (unsigned int i = SLAB_name; i <= SLAB_size_bytes; i++)
		row_set(&s.has, i);
	struct slab *row = s.name ? table_add(t) : NULL;

	if (!row)
		return -ENOMEM;
	*row = s;
	return 0;
}

/*
 * Parse /proc/slabinfo. reclaimable and aliases stay absent: the file does not say them.
 *
 * Shape:  "slabinfo - version: 2.1", a '#' line, then "NAME active objects size per-slab pages :
 *         tunables N N N : slabdata active-slabs slabs shared".
 * Units:  pages taken for 4096 bytes.
 * Errors: -EINVAL malformed or of another version, -ENODATA no version.
 * Source: mm/slab_common.c, slab_show(); the same from 2.6 to 6.18, SLAB and SLUB.
 */
int slab_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	size_t before = t->n;
	int err = 0;

	if (!cursor_line(&c, &line))
		return -ENODATA;
	if (!cursor_lit(&line, "slabinfo - version: 2."))
		return -EINVAL;
	while (err == 0 && cursor_line(&c, &line)) {
		if (!cursor_end(&line) && *line.at != '#')
			err = parse_cache(&line, t);
	}
	if (err < 0)
		table_cut(t, before);
	return err;
}

struct big {
	struct slab *row;
	char target[NAME_SIZE]; /* of its link: ":0000064"; empty when it cannot be merged */
	struct strbuf aliases;
};

/* The largest caches, in descending order. */
static size_t find_big(struct table *t, struct big *big)
{
	size_t n = 0;

	for (table_each(struct slab, s, t)) {
		size_t at = n;

		while (at > 0 && big[at - 1].row->size_bytes < s->size_bytes)
			at--;
		if (at == BIG_MAX)
			continue;
		n += n < BIG_MAX;
		for (size_t i = n - 1; i > at; i--)
			big[i].row = big[i - 1].row;
		big[at].row = s;
	}
	return n;
}

static void read_reclaimable(struct probe *p, struct table *t, struct slab *s)
{
	char path[NAME_SIZE * 2], text[16];

	snprintf(path, sizeof(path), BELOW "/%s/reclaim_account", table_text(t, s->name));
	int n = probe_line(p, path, text, sizeof(text));

	if (n == 1 && (text[0] == '0' || text[0] == '1'))
		row_put(t->schema, s, SLAB_reclaimable, text[0] == '1');
	else if (n < 0)
		t->cell[SLAB_reclaimable] = (uint8_t)state_of_errno(n);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_alias(
	struct probe *p, struct table *t, const char *name, struct big *big, size_t n_big)
{
	char path[NAME_SIZE * 2], target[NAME_SIZE];

	snprintf(path, sizeof(path), BELOW "/%s", name);
	if (host_link(p->host, path, target, sizeof(target)) < 0)
		return;
	for (size_t i = 0; i < n_big; i++) {
		if (strcmp(target, big[i].target) != 0 ||
			strcmp(name, table_text(t, big[i].row->name)) == 0)
			continue;
		if (big[i].aliases.len > 0)
			strbuf_putc(&big[i].aliases, ',');
		strbuf_puts(&big[i].aliases, name);
	}
}

/* Which names are links to the same cache. Sorted, as a directory's order means nothing. */
static int read_aliases(struct probe *p, struct table *t, struct big *big, size_t n_big)
{
	auto_strbuf names = { 0 };
	char path[NAME_SIZE * 2];
	size_t n = 0;
	int err = host_list(p->host, BELOW, &names);

	if (err < 0)
		return err;
	for (const char *name = NULL; (name = host_next_name(&names, name));)
		n++;
	auto_free const char **sorted = mem_new(n ? n : 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	n = 0;
	for (const char *name = NULL; (name = host_next_name(&names, name));)
		sorted[n++] = name;
	qsort(sorted, n, sizeof(*sorted), compare_names);
	for (size_t i = 0; i < n_big; i++) {
		snprintf(path, sizeof(path), BELOW "/%s", table_text(t, big[i].row->name));
		if (host_link(p->host, path, big[i].target, sizeof(big[i].target)) < 0)
			big[i].target[0] = '\0';
	}
	for (size_t i = 0; i < n && !probe_late(p); i++) {
		if (sorted[i][0] != ':')
			add_alias(p, t, sorted[i], big, n_big);
	}
	for (size_t i = 0; i < n_big; i++)
		row_put(t->schema, big[i].row, SLAB_aliases,
			table_intern(t, big[i].aliases.bytes, big[i].aliases.len));
	return 0;
}

static bool is_suspect(const struct slab *s)
{
	bool known = row_has(s->has, SLAB_reclaimable);

	return s->size_bytes >= SUSPECT_BYTES && !(known && s->reclaimable);
}

static int read_slab(struct probe *p)
{
	static const unsigned int columns[] = { SLAB_slab_bytes, SLAB_size_bytes };
	struct table *t = probe_table(p, TABLE_slab);
	struct big big[BIG_MAX] = { 0 };
	size_t suspects = 0;

	probe_parse(p, TABLE_slab, "proc/slabinfo", 4 << 20, slab_parse);
	probe_rescale(p, TABLE_slab, columns, ARRAY_SIZE(columns));
	if (!table_usable(t))
		return 0;
	size_t n = find_big(t, big);

	for (size_t i = 0; i < n; i++) {
		read_reclaimable(p, t, big[i].row);
		if (is_suspect(big[i].row))
			big[suspects++].row = big[i].row;
	}
	int err = suspects > 0 ? read_aliases(p, t, big, suspects) : 0;

	if (err < 0)
		t->cell[SLAB_aliases] = (uint8_t)state_of_errno(err);
	for (size_t i = 0; i < n; i++)
		strbuf_release(&big[i].aliases);
	return 0;
}

const struct source source_slab = {
	.name = "slab",
	.fills = { TABLE_slab },
	.deadline_ns = 500000000,
	.denied = "/proc/slabinfo is for root",
	.read = read_slab,
};
