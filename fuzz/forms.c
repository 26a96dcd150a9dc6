/* SPDX-License-Identifier: MIT */
#include "fuzz/form.h"

#include "host/host.h"
#include "host/tar.h"
#include "sample/tables.h"
#include "table/tsv.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

int fuzz_judge_form(fuzz_form_fn *form, const char *buf, size_t len)
{
	char *copy = malloc(len ? len : 1);

	must(copy != NULL, "memory for the harness");
	if (len)
		memcpy(copy, buf, len);
	int err = form(copy, len);

	must(err <= 0, "neither 0 nor a negative errno");
	free(copy);
	return err;
}

/*
 * Read what is below path: to a depth that links cannot make endless, and no more than *budget
 * names, since links to links multiply.
 */
static void walk(struct host *h, const char *path, int depth, int *budget)
{
	auto_strbuf names = { 0 }, text = { 0 };
	char below[512], target[64];

	if (host_read_all(h, path, 65536, &text) == 0)
		must(text.len <= 65536, "more bytes than asked for");
	host_link(h, path, target, sizeof(target));
	if (depth == 0 || host_list(h, path, &names) < 0)
		return;
	for (const char *name = NULL; (*budget)-- > 0 && (name = host_next_name(&names, name));) {
		snprintf(below, sizeof(below), "%s%s%s", path, *path ? "/" : "", name);
		walk(h, below, depth - 1, budget);
	}
}

static int use_archive(const char *buf, size_t len)
{
	struct host *h = NULL;
	char why[160] = "";
	int err = host_open_bytes(buf, len, &h, why);

	must((err < 0) == (why[0] != '\0'), "an error without a reason");
	if (err < 0)
		return err;
	must(host_frames(h) > 0 && host_page_size(h) > 0, "a root without a frame");
	for (unsigned int i = 0; i < host_frames(h); i++) {
		struct table_note note;
		struct host_space space;
		auto_strbuf text = { 0 };
		uint64_t n;
		int budget = 2000;

		if (host_set_frame(h, i) < 0)
			continue;
		walk(h, "", 4, &budget);
		host_table_note(h, "slab", &note);
		host_rows(h, "slab", &text);
		host_statfs(h, "/", &space);
		host_fd_count(h, 1, &n);
		host_kmsg(h, 4096, &text);
	}
	host_free(h);
	return 0;
}

/* No mutation gets past a checksum, so what looks like a header gets a right one. */
static char *with_checksums(const char *buf, size_t len)
{
	char *copy = malloc(len ? len : 1);

	must(copy != NULL, "memory for the harness");
	if (len)
		memcpy(copy, buf, len);
	for (size_t at = 0; at + TAR_BLOCK <= len; at += TAR_BLOCK) {
		unsigned int sum = 0;

		if (memcmp(copy + at + 257, "ustar", 5) != 0)
			continue;
		memset(copy + at + 148, ' ', 8);
		for (size_t i = 0; i < TAR_BLOCK; i++)
			sum += (unsigned char)copy[at + i];
		snprintf(copy + at + 148, 8, "%06o", sum);
	}
	return copy;
}

int fuzz_form_archive(const char *buf, size_t len)
{
	int err = use_archive(buf, len);
	char *right = with_checksums(buf, len);

	use_archive(right, len);
	free(right);
	return err;
}

/* What was read is written; that, read again, is the same to the last byte. */
static void same_again(struct table *t, const char *method)
{
	auto_strbuf one = { 0 }, two = { 0 };
	struct table_note note;
	struct table *again = NULL;

	t->method = method;
	table_write_tsv(t, &one);
	must(table_read_tsv(one.bytes, one.len, t->schema, &note, &again) == 0,
		"murphy cannot read what it wrote");
	again->method = note.method;
	table_write_tsv(again, &two);
	must(one.len == two.len && memcmp(one.bytes, two.bytes, one.len) == 0,
		"what was read is not what was written");
	table_unref(again);
}

int fuzz_form_tsv(const char *buf, size_t len)
{
	int best = -1;

	for (int id = 1; id < TABLES; id++) {
		struct table_note note;
		struct table *t = NULL;
		int err = table_read_tsv(buf, len, schemas[id], &note, &t);

		must((err == 0) == (t != NULL), "an error with a table");
		if (err < 0)
			continue;
		must(t->n <= len, "more rows than bytes");
		same_again(t, note.method);
		table_unref(t);
		best = 0;
	}
	return best;
}
