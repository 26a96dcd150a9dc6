/* SPDX-License-Identifier: MIT */
/* Answers that are no files on a live machine and have a path of their own in a capture. */
#include "host/host_private.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A name that is one piece of a path: '/', '%', controls become %XX. */
static int statfs_path(const char *target, char *path, size_t size)
{
	size_t len = (size_t)snprintf(path, size, "statfs/");

	for (const char *p = target; *p; p++) {
		bool plain = *p != '/' && *p != '%' && (unsigned char)*p > ' ' && *p != 0x7f;
		int n = snprintf(
			path + len, size - len, plain ? "%c" : "%%%02X", (unsigned char)*p);

		len += (size_t)n;
		if (len >= size)
			return -ENAMETOOLONG;
	}
	return 0;
}

struct number {
	const char *name;
	size_t offset; /* of a uint64_t */
};

static const struct number spaces[] = {
	{ "size_bytes", offsetof(struct host_space, size_bytes) },
	{ "free_bytes", offsetof(struct host_space, free_bytes) },
	{ "available_bytes", offsetof(struct host_space, available_bytes) },
	{ "inodes", offsetof(struct host_space, inodes) },
	{ "free_inodes", offsetof(struct host_space, free_inodes) },
};

static const struct number fd_stats[] = {
	{ "inode", offsetof(struct host_fd_stat, inode) },
	{ "links", offsetof(struct host_fd_stat, links) },
	{ "allocated_bytes", offsetof(struct host_fd_stat, allocated_bytes) },
	{ "regular", offsetof(struct host_fd_stat, regular) },
};

/* "size_bytes 123\n" and so on, all n of them, into the struct at base. */
static int parse_numbers(const struct strbuf *text, const struct number *list, size_t n, void *base)
{
	struct cursor c = cursor_of(text->bytes, text->len), line;
	size_t seen = 0;

	while (cursor_line(&c, &line)) {
		struct span name;
		uint64_t value;

		if (!cursor_word(&line, &name) || !cursor_u64(&line, &value))
			return -EINVAL;
		for (size_t i = 0; i < n; i++) {
			if (!span_eq(name, list[i].name))
				continue;
			memcpy((char *)base + list[i].offset, &value, sizeof(value));
			seen |= (size_t)1 << i;
		}
	}
	return seen + 1 == (size_t)1 << n ? 0 : -EINVAL;
}

static void print_numbers(
	struct strbuf *text, const struct number *list, size_t n, const void *base)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t value;

		memcpy(&value, (const char *)base + list[i].offset, sizeof(value));
		strbuf_printf(text, "%s %llu\n", list[i].name, (unsigned long long)value);
	}
}

static int root_numbers(
	struct host *h, const char *path, const struct number *list, size_t n, void *base)
{
	auto_strbuf text = { 0 };
	int err = host_get(h, path, 4096, &text);

	return err < 0 ? err : parse_numbers(&text, list, n, base);
}

int host_fd_stat(struct host *h, uint64_t pid, uint64_t fd, struct host_fd_stat *ret_st)
{
	struct host_fd_stat st = { 0 };
	auto_strbuf text = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "proc/%llu/fd/%llu", (unsigned long long)pid,
		(unsigned long long)fd);
	int err = h->live ? live_fd_stat(h, path, &st) : 0;

	snprintf(path, sizeof(path), "proc/%llu/fdstat/%llu", (unsigned long long)pid,
		(unsigned long long)fd);
	if (!h->live)
		err = root_numbers(h, path, fd_stats, ARRAY_SIZE(fd_stats), &st);
	if (err == 0)
		print_numbers(&text, fd_stats, ARRAY_SIZE(fd_stats), &st);
	host_show(h, 'f', path, err, text.bytes, text.len);
	if (err == 0)
		*ret_st = st;
	return err;
}

int host_statfs(struct host *h, const char *target, struct host_space *ret_space)
{
	char path[3 * PATH_MAX];
	auto_strbuf text = { 0 };
	struct host_space space;
	int err = statfs_path(target, path, sizeof(path));

	if (err < 0)
		return err;
	err = h->live ? space_child_ask(h, target, &space)
		      : root_numbers(h, path, spaces, ARRAY_SIZE(spaces), &space);
	if (err == 0)
		print_numbers(&text, spaces, ARRAY_SIZE(spaces), &space);
	host_show(h, 'f', path, err, text.bytes, text.len);
	if (err == 0)
		*ret_space = space;
	return err;
}

int host_statfs_ahead(struct host *h, const char *target)
{
	return h->live ? space_child_ahead(h, target) : 0;
}

void host_statfs_end(struct host *h)
{
	space_children_end(h);
}

int64_t host_utc_offset_s(struct host *h)
{
	static const char path[] = "utc-offset";
	auto_strbuf text = { 0 };
	int64_t offset = 0;
	int err = 0;

	if (h->live) {
		time_t now = (time_t)(host_walltime_ns(h) / 1000000000u);
		struct tm tm;

		offset = localtime_r(&now, &tm) ? tm.tm_gmtoff : 0;
		strbuf_printf(&text, "%lld\n", (long long)offset);
	} else {
		err = host_get(h, path, 64, &text);
		struct cursor c = cursor_of(text.bytes, text.len);

		/* A day at most, whoever wrote the file. */
		if (err < 0 || !cursor_s64(&c, &offset) || offset > 86400 || offset < -86400)
			offset = 0;
	}
	host_show(h, 'f', path, err, text.bytes, text.len);
	return offset;
}

int host_table_note(struct host *h, const char *table, struct table_note *ret_note)
{
	auto_strbuf text = { 0 };

	if (h->live || !h->capture)
		return -ENOENT;
	int err = host_get(h, "tables", 1 << 20, &text);

	if (err < 0)
		return err;
	struct cursor c = cursor_of(text.bytes, text.len), line;

	while (cursor_line(&c, &line)) {
		struct table_note note;

		if (cursor_end(&line) || *line.at == '#')
			continue;
		err = table_read_note(line, &note);
		if (err < 0)
			return err;
		if (strcmp(note.name, table) == 0) {
			*ret_note = note;
			return 0;
		}
	}
	return -ENOENT;
}

enum { ROWS_TEXT_MAX = 128 << 20 };

int host_rows(struct host *h, const char *table, struct strbuf *ret_text)
{
	char path[128];

	strbuf_clear(ret_text);
	if (h->live || !h->capture)
		return -ENOENT;
	snprintf(path, sizeof(path), "rows/%s.tsv", table);
	int err = host_get(h, path, ROWS_TEXT_MAX + 1, ret_text);

	if (err == 0 && ret_text->len > ROWS_TEXT_MAX) {
		strbuf_clear(ret_text);
		err = -EFBIG;
	}
	return err;
}
