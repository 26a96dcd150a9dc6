/* SPDX-License-Identifier: MIT */
/* The small files of a captured frame that hold what is not bytes of a file. */
#include "host/host_private.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_notes(const void *a, const void *b)
{
	return strcmp(((const struct note *)a)->path, ((const struct note *)b)->path);
}

/*
 * Turn a line into a note in place: every field loses its escapes and is followed by a NUL, so
 * what grows is nothing.
 */
static struct note read_line(char *bytes, struct cursor line)
{
	struct note note = { 0 };
	char *to = bytes;
	struct span field;
	bool end = false;

	while (tsv_next(&line, &end, &field)) {
		to += tsv_unescape(field, to);
		*to++ = '\0';
		if (!note.path) {
			note.path = bytes;
			note.value.at = to;
		}
	}
	note.value.len = (size_t)(to - note.value.at);
	return note;
}

int notes_load(struct host *h, const char *path, struct notes *n)
{
	notes_release(n);
	int err = host_get(h, path, 64 << 20, &n->text);

	if (err == -ENOENT)
		return 0;
	if (err < 0)
		return err;
	/* Each line ends in '\n', whose place the last field's NUL takes. */
	strbuf_putc(&n->text, '\n');
	struct cursor c = cursor_of(n->text.bytes, n->text.len), line;
	size_t lines = 0;

	while (cursor_line(&c, &line))
		lines++;
	n->note = mem_new(lines, sizeof(*n->note));
	if (n->text.failed || !n->note)
		return -ENOMEM;
	c = cursor_of(n->text.bytes, n->text.len);
	while (cursor_line(&c, &line)) {
		if (!cursor_end(&line))
			n->note[n->n++] =
				read_line(n->text.bytes + (line.at - n->text.bytes), line);
	}
	if (n->n > 0)
		qsort(n->note, n->n, sizeof(*n->note), compare_notes);
	return 0;
}

void notes_release(struct notes *n)
{
	strbuf_release(&n->text);
	free(n->note);
	*n = (struct notes){ 0 };
}

const struct note *notes_find(const struct notes *n, const char *path)
{
	struct note key = { .path = path };

	return n->n ? bsearch(&key, n->note, n->n, sizeof(key), compare_notes) : NULL;
}
