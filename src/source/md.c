/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "base/strbuf.h"
#include "source/source.h"

#include <errno.h>
#include <string.h>

/* "sdb1[2](F)(W)": the name, and whether a letter stands in brackets behind it. */
static bool has_mark(struct span word, char mark)
{
	for (size_t i = 0; i + 2 < word.len; i++) {
		if (word.at[i] == '(' && word.at[i + 1] == mark && word.at[i + 2] == ')')
			return true;
	}
	return false;
}

static void add_name(struct strbuf *names, struct span word)
{
	const char *open = memchr(word.at, '[', word.len);

	if (names->len)
		strbuf_putc(names, ' ');
	strbuf_add(names, word.at, open ? (size_t)(open - word.at) : word.len);
}

/* "active [(auto-read-only)|(read-only)] raid1 sdb1[2](F) sda1[0]" behind the colon. */
static int take_array(struct table *t, struct span name, struct cursor c)
{
	auto_strbuf failed_names = { 0 }, names = { 0 };
	uint64_t failed = 0, spares = 0;
	struct span state, word;

	if (!cursor_word(&c, &state))
		return -EINVAL;
	struct md *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, MD_name, table_intern(t, name.at, name.len));
	row_put(t->schema, row, MD_state, table_intern(t, state.at, state.len));
	while (cursor_word(&c, &word)) {
		if (word.at[0] == '(')
			continue;
		if (!memchr(word.at, '[', word.len)) {
			row_put(t->schema, row, MD_level, table_intern(t, word.at, word.len));
			continue;
		}
		add_name(&names, word);
		if (has_mark(word, 'F')) {
			failed++;
			add_name(&failed_names, word);
		}
		spares += has_mark(word, 'S');
	}
	row_put(t->schema, row, MD_failed, failed);
	row_put(t->schema, row, MD_spares, spares);
	row_put(t->schema, row, MD_devices, table_intern(t, strbuf_text(&names), names.len));
	row_put(t->schema, row, MD_failed_devices,
		table_intern(t, strbuf_text(&failed_names), failed_names.len));
	return failed_names.failed || names.failed ? -ENOMEM : 0;
}

/* "[2/1]" among the words of "1048512 blocks super 1.2 [2/1] [U_]". */
static void take_members(struct table *t, struct md *row, struct cursor c)
{
	uint64_t members, working;
	struct span word;

	while (cursor_word(&c, &word)) {
		struct cursor w = cursor_span(word);

		if (cursor_lit(&w, "[") && cursor_u64(&w, &members) && cursor_lit(&w, "/") &&
			cursor_u64(&w, &working) && cursor_lit(&w, "]")) {
			row_put(t->schema, row, MD_members, members);
			row_put(t->schema, row, MD_working, working);
		}
	}
}

/* "[==>....]  recovery = 12.6% (37/292) finish=127.5min speed=33440K/sec", "resync=DELAYED" */
static void take_action(struct table *t, struct md *row, struct cursor c)
{
	static const char *const actions[] = { "recovery", "resync", "reshape", "check", "repair" };
	struct span word;
	double percent;

	while (cursor_word(&c, &word)) {
		for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
			struct cursor w = c;

			if (!span_starts(word, actions[i]))
				continue;
			row_put(t->schema, row, MD_action,
				table_intern(t, actions[i], strlen(actions[i])));
			cursor_blank(&w);
			if (cursor_lit(&w, "=") && cursor_f64(&w, &percent) && percent <= 100) {
				row->done_ratio = percent / 100;
				row_set(&row->has, MD_done_ratio);
			}
			return;
		}
	}
}

/*
 * Parse /proc/mdstat, a row an array.
 *
 * Shape:  "md0 : active raid1 sdb1[1] sda1[0]", then indented lines with "[2/2] [UU]" and the
 *         progress of what is being done. Other lines are skipped.
 * Errors: -EINVAL an array without a state, -ENODATA no line at all.
 * Source: drivers/md/md.c, md_seq_show(); the same from 2.6 to 6.18.
 */
int md_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	size_t before = t->n;
	bool some = false;
	int err = 0;

	while (err == 0 && cursor_line(&c, &line)) {
		struct cursor rest = line;
		struct span name;

		some = true;
		if (cursor_end(&line))
			continue;
		if (*line.at == ' ' || *line.at == '\t') {
			if (t->n > before) {
				take_members(t, table_at(t, t->n - 1), line);
				take_action(t, table_at(t, t->n - 1), line);
			}
		} else if (cursor_word(&rest, &name) && cursor_lit(&rest, " : ") &&
			   !span_eq(name, "Personalities")) {
			err = take_array(t, name, rest);
		}
	}
	if (err == 0 && !some)
		err = -ENODATA;
	if (err < 0)
		table_cut(t, before);
	return err;
}

static int read_md(struct probe *p)
{
	return probe_parse(p, TABLE_md, "proc/mdstat", 1 << 20, md_parse);
}

const struct source source_md = {
	.name = "md",
	.fills = { TABLE_md },
	.deadline_ns = 500000000,
	.read = read_md,
};
