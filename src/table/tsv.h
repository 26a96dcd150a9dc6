/* SPDX-License-Identifier: MIT */
/*
 * Tables as text that people can read and diff: fields separated by TAB, lines ended by '\n'; in a
 * field TAB, line break and backslash are \t, \n and \\. No field is ever quoted.
 *
 *   name  state  method  taken_ns  cost_ns  seen  lost  why      the note: how it was read
 *   pid:u64:none  comm:text:name  read_bytes:u64:bytes:denied    the columns: name:type:unit, and
 *                                                                why cells are missing, if not
 *                                                                absent
 *   1     init   -                                               rows; "-": the row does not have
 *   it
 *
 * A text that begins with '-' begins with \-. Not a number and infinity are missing cells.
 * Readers map columns by name, skip those they do not know and leave absent those that are not
 * there; a column never changes its unit, and its type only from u32 to u64.
 */
#ifndef MURPHY_TABLE_TSV_H
#define MURPHY_TABLE_TSV_H

#include "base/cursor.h"
#include "base/strbuf.h"
#include "table/table.h"

/* How a table was read, apart from its rows. */
struct table_note {
	char name[64];
	enum state state;
	char method[64], why[120];
	uint64_t taken_ns, cost_ns, seen, lost;
};

/* Append the note of t as a line. out->failed when memory is out. */
void table_write_note(const struct table *t, struct strbuf *out);

/* line without its '\n'. 0 or -EINVAL. */
int table_read_note(struct cursor line, struct table_note *ret_note);

/* Append t: note, columns, rows. out->failed when memory is out. */
void table_write_tsv(const struct table *t, struct strbuf *out);

/*
 * What a table that was read may need: a line of four bytes makes a row of hundreds, and captures
 * come from strangers. The largest of honest ones, 100,000 sockets, need a third of it.
 */
enum { TSV_TABLE_MAX = 64 << 20 };

/*
 * A new table with one reference. One that would need more than TSV_TABLE_MAX is cut: LATE, with
 * why and how many rows were lost. Its method is NULL: method is static text, so the caller looks
 * note->method up. Pure: the fuzzer calls it directly.
 * Errors: -EINVAL malformed, or another table; -EPROTOTYPE a column's type or unit has changed;
 * -ENOMEM.
 */
int table_read_tsv(const char *buf, size_t len, const struct schema *schema,
	struct table_note *ret_note, struct table **ret_table);

/* Append one field. */
void tsv_put(struct strbuf *out, const char *text, size_t len);

/*
 * Take the next field and the TAB behind it; false after the last one, when *end was set by the
 * call before. Start with *end false.
 */
bool tsv_next(struct cursor *line, bool *end, struct span *ret_raw);

/* Undo the escapes of a field into to, which has room for raw.len bytes and may be raw.at. */
size_t tsv_unescape(struct span raw, char *to);

#endif
