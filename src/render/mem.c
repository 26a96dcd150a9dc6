/* SPDX-License-Identifier: MIT */
#include "render/mem.h"

#include "render/words.h"
#include "sample/shared_kind.h"

#include <stdio.h>
#include <string.h>

enum { NAME_COLUMNS = 18, SHARERS_SHOWN = 2, PATH_COLUMNS_LEAST = 24, TEXT_MAX = 24, AMOUNT = 9 };

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

const char *mem_kind_name(uint32_t kind)
{
	static const char *const names[SHARED_KINDS] = { "file", "memfd", "sysv", "anonymous",
		"tmpfs", "hugetlb" };

	return kind < SHARED_KINDS ? names[kind] : "?";
}

/* A column of numbers, right-aligned; left out where the line is narrower than least. */
struct amount {
	const char *head;
	int column, of; /* of: a percentage of that column; -1: bytes, or a count */
	unsigned int width, least;
	int most; /* where column is not known: it is at most that, "<12 MiB"; 0: nothing is */
};

static const struct amount groups[] = {
	{ "PSS", GROUP_SHARE_pss_bytes, -1, AMOUNT, 0 },
	{ "+/-", GROUP_SHARE_pss_error_bytes, GROUP_SHARE_pss_bytes, 7, 60 },
	{ "RSS", GROUP_SHARE_rss_bytes, -1, AMOUNT, 0 },
	{ "USS", GROUP_SHARE_uss_bytes, -1, AMOUNT, 110 },
	{ "exclusive", GROUP_SHARE_exclusive_bytes, -1, 10, 70 },
	{ "swap", GROUP_SHARE_swap_pss_bytes, -1, AMOUNT + 1, 80, GROUP_SHARE_swap_bytes },
	{ "tables", GROUP_SHARE_page_tables_bytes, -1, AMOUNT, 90 },
	{ 0 },
};

static const struct amount shared[] = {
	{ "PSS", SHARED_OBJECT_pss_bytes, -1, AMOUNT, 0 },
	{ "+/-", SHARED_OBJECT_pss_error_bytes, SHARED_OBJECT_pss_bytes, 7, 60 },
	{ "resident", SHARED_OBJECT_resident_bytes, -1, AMOUNT, 0 },
	{ "size", SHARED_OBJECT_size_bytes, -1, AMOUNT, 80 },
	{ "mapped", SHARED_OBJECT_mapped_bytes, -1, AMOUNT, 90 },
	{ "procs", SHARED_OBJECT_processes, -1, 7, 60 },
	{ "groups", SHARED_OBJECT_groups, -1, 7, 70 },
	{ 0 },
};

static const struct amount mappings[] = {
	{ "PSS", MAPPING_pss_bytes, -1, AMOUNT, 0 },
	{ "+/-", MAPPING_pss_error_bytes, MAPPING_pss_bytes, 7, 60 },
	{ "RSS", MAPPING_rss_bytes, -1, AMOUNT, 0 },
	{ "USS", MAPPING_uss_bytes, -1, AMOUNT, 70 },
	{ "swap", MAPPING_swap_bytes, -1, AMOUNT, 80 },
	{ "size", MAPPING_size_bytes, -1, AMOUNT, 80 },
	{ "count", MAPPING_mappings, -1, 7, 90 },
	{ 0 },
};

static void put_right(struct strbuf *out, const char *text, unsigned int width)
{
	strbuf_printf(out, "%*s", (int)width, text);
}

/* "?": not known. An error of 0 is none: exact. */
static void put_amount(
	const struct amount *c, const struct table *t, const void *row, struct strbuf *out)
{
	struct reading value =
		row ? table_cell(t, row, (unsigned int)c->column) : reading_none(STATE_ABSENT);
	struct reading of = row && c->of >= 0 ? table_cell(t, row, (unsigned int)c->of)
					      : reading_none(STATE_ABSENT);
	struct reading most = row && c->most ? table_cell(t, row, (unsigned int)c->most)
					     : reading_none(STATE_ABSENT);
	char text[TEXT_MAX + 1] = "?";

	if (!reading_ok(value) && reading_ok(most))
		snprintf(text, sizeof(text), "<%s", human_bytes(most.value).s);
	else if (reading_ok(value) && c->of >= 0 && value.value == 0)
		text[0] = '\0';
	else if (reading_ok(value) && reading_ok(of) && of.value > 0)
		snprintf(text, sizeof(text), "%s", human_ratio(value.value / of.value).s);
	else if (reading_ok(value))
		snprintf(text, sizeof(text), "%s",
			words_quantity(t->schema->columns[c->column].unit, value).s);
	put_right(out, text, c->width);
}

static void put_amounts(const struct amount *c, const struct table *t, const void *row,
	const struct text_style *style, struct strbuf *out)
{
	for (; c->head; c++) {
		if (style->width >= c->least)
			put_amount(c, t, row, out);
	}
}

static unsigned int put_heads(
	const struct amount *c, const struct text_style *style, struct strbuf *out)
{
	unsigned int columns = 0;

	for (; c->head; c++) {
		if (style->width < c->least)
			continue;
		put_right(out, c->head, c->width);
		columns += c->width;
	}
	return columns;
}

/* Up to n columns of text; ret is behind them. */
static const char *skip_columns(const char *text, size_t n)
{
	for (; *text; text++) {
		if (((unsigned char)*text & 0xc0) != 0x80 && n-- == 0)
			break;
	}
	return text;
}

/*
 * Foreign text, made printable, and cut where it has more columns; filled up when pad. Of a path
 * the end tells more.
 */
static void put_name(const char *name, size_t columns, bool pad, struct strbuf *out)
{
	auto_strbuf clean = { 0 };

	strbuf_add_printable(&clean, name, strlen(name));
	out->failed |= clean.failed;
	const char *text = strbuf_text(&clean);
	size_t all = words_columns(text);

	if (all <= columns || columns <= 2) {
		strbuf_puts(out, text);
	} else if (*text == '/') {
		strbuf_puts(out, "..");
		strbuf_puts(out, skip_columns(text, all - (columns - 2)));
	} else {
		strbuf_add(out, text, (size_t)(skip_columns(text, columns - 2) - text));
		strbuf_puts(out, "..");
	}
	if (pad)
		words_pad(out, all < columns ? columns - all : 0);
}

static void begin_bold(const struct text_style *style, struct strbuf *out)
{
	if (style->colour)
		strbuf_puts(out, BOLD);
}

static void end_bold(const struct text_style *style, struct strbuf *out)
{
	strbuf_puts(out, style->colour ? PLAIN "\n" : "\n");
}

static const char *comm_of(const struct mem_report *r)
{
	const struct table *t = frame_table(r->frame, TABLE_process);
	const struct process *p = table_find(t, r->pid);

	return p ? table_text(t, p->comm) : "?";
}

/* By which method, how old, how sure, and at what cost. */
static void put_how(const struct mem_report *r, const struct text_style *style, struct strbuf *out)
{
	const struct mem_groups *g = r->groups;
	const struct table *of = r->source;
	struct process_share share;
	auto_strbuf text = { 0 };

	/* Of a process whose mappings are not known there may be sums. */
	if (r->what == MEM_PROCESS && !mem_process(r, &share, &of))
		of = NULL;
	if (table_usable(of))
		strbuf_printf(&text, "%s %s ago, ", of->method ? of->method : "?",
			human_ns((double)(r->now_ns > of->taken_ns ? r->now_ns - of->taken_ns : 0))
				.s);
	if (r->what == MEM_GROUPS && reading_ok(g->pss_error) && g->pss_error.value > 0)
		strbuf_printf(&text, "PSS +/- %s in all, ", human_bytes(g->pss_error.value).s);
	strbuf_printf(&text, "cost %s CPU in %s", human_ns((double)r->cpu_ns).s,
		human_ns((double)r->wall_ns).s);
	strbuf_puts(out, "  ");
	words_wrap_buf(out, &text, 2, 2, style->width);
}

static void put_head(const struct mem_report *r, const struct text_style *style, struct strbuf *out)
{
	const struct table *hosts = frame_table(r->frame, TABLE_host);
	const struct host_row *h = table_only(hosts);
	const struct mem_groups *g = r->groups;
	auto_strbuf text = { 0 };

	if (h && row_has(h->has, HOST_name))
		strbuf_printf(&text, "%s: ", table_text(hosts, h->name));
	if (r->what == MEM_PROCESS)
		strbuf_printf(&text, "%s (pid %llu)", comm_of(r), (unsigned long long)r->pid);
	else
		strbuf_printf(&text, "%s of memory, %zu processes in %zu groups by %s",
			words_quantity(UNIT_BYTES, g->account.total).s, g->n_keys, g->n,
			mem_by_name(g->by));
	words_wrap_buf(out, &text, 0, 2, style->width);
	put_how(r, style, out);
	for (size_t i = 0; i < r->n_lacks; i++)
		text_command(i == 0 ? "lost" : "", r->lack[i], style, out);
	strbuf_putc(out, '\n');
}

static const char *base_of(const char *path)
{
	const char *slash = *path == '/' ? strrchr(path, '/') : NULL;

	return slash && slash[1] ? slash + 1 : path;
}

/* "python3.11, nginx": who has most of what this one shares. */
static void put_with(
	const struct mem_report *r, const struct mem_group *g, size_t columns, struct strbuf *out)
{
	auto_strbuf text = { 0 };

	for (size_t i = 0; i < g->n_with; i++)
		strbuf_printf(&text, "%s%s", i ? ", " : "",
			base_of(r->groups->group[g->with[i].group].name));
	out->failed |= text.failed;
	put_name(strbuf_text(&text), columns, false, out);
}

/* What is known is of some of its processes, and nothing was estimated of the others. */
static bool is_part(const struct table *t, const struct mem_group *g)
{
	return g->share && g->share->measured < g->share->processes &&
	       reading_ok(table_cell(t, g->share, GROUP_SHARE_pss_bytes)) &&
	       !reading_ok(table_cell(t, g->share, GROUP_SHARE_pss_error_bytes));
}

static void put_group(const struct mem_report *r, const struct mem_group *g, size_t left,
	const struct text_style *style, struct strbuf *out)
{
	const struct table *t = frame_table(r->frame, TABLE_group_share);
	bool with = style->width >= 100 && g->n_with > 0;
	char id[TEXT_MAX] = "";

	put_amounts(groups, t, g->share, style, out);
	if (r->groups->by == MEM_BY_PROCESS)
		snprintf(id, sizeof(id), "%llu", (unsigned long long)g->id);
	else if (is_part(t, g))
		snprintf(id, sizeof(id), "%llu/%llu", (unsigned long long)g->share->measured,
			(unsigned long long)g->share->processes);
	else
		snprintf(id, sizeof(id), "%zu", g->processes);
	put_right(out, id, 8);
	strbuf_puts(out, "  ");
	put_name(g->name, with ? NAME_COLUMNS : left, with, out);
	if (with) {
		strbuf_puts(out, "  ");
		put_with(r, g, left > NAME_COLUMNS + 2 ? left - NAME_COLUMNS - 2 : 0, out);
	}
	strbuf_putc(out, '\n');
}

static void put_account_line(double bytes, const char *what, struct strbuf *out)
{
	char text[TEXT_MAX + 1];

	snprintf(text, sizeof(text), "%s%s", bytes < 0 ? "-" : "",
		human_bytes(bytes < 0 ? -bytes : bytes).s);
	put_right(out, text, AMOUNT);
	strbuf_printf(out, "  %s\n", what);
}

/* Groups that are not shown, so that the column still adds up. */
static void put_others(const struct mem_report *r, size_t shown, struct strbuf *out)
{
	const struct table *t = frame_table(r->frame, TABLE_group_share);
	char what[96];
	double sum = 0;

	for (size_t i = shown; i < r->n_rows; i++) {
		const struct mem_group *g = r->row[i];
		struct reading pss = g->share ? table_cell(t, g->share, GROUP_SHARE_pss_bytes)
					      : reading_none(STATE_ABSENT);

		sum += reading_ok(pss) ? pss.value : 0;
	}
	snprintf(what, sizeof(what), "of %zu other groups", r->n_rows - shown);
	put_account_line(sum, what, out);
}

static void put_account(
	const struct mem_report *r, const struct text_style *style, struct strbuf *out)
{
	const struct mem_account *a = &r->groups->account;
	struct reading rest = a->unaccounted;
	char what[96];

	if (!reading_ok(a->total))
		return;
	strbuf_putc(out, '\n');
	if (!reading_ok(r->groups->pss) && reading_ok(a->row[MEM_ROW_PROCESSES]))
		put_account_line(a->row[MEM_ROW_PROCESSES].value, "mapped by processes", out);
	for (int row = MEM_ROW_UNSEEN; row < MEM_ROWS; row++) {
		if (reading_ok(a->row[row]) && a->row[row].value > 0)
			put_account_line(a->row[row].value, mem_row_text((enum mem_row)row), out);
	}
	snprintf(what, sizeof(what), "unaccounted, %s of memory%s",
		human_ratio((rest.value < 0 ? -rest.value : rest.value) / a->total.value).s,
		rest.value < 0 ? ": counted twice, or moved meanwhile" : "");
	put_account_line(rest.value, what, out);
	begin_bold(style, out);
	put_right(out, human_bytes(a->total.value).s, AMOUNT);
	strbuf_puts(out, "  MemTotal");
	end_bold(style, out);
}

static void put_groups(
	const struct mem_report *r, const struct text_style *style, struct strbuf *out)
{
	size_t n = r->top && r->top < r->n_rows ? r->top : r->n_rows;

	begin_bold(style, out);
	unsigned int columns = put_heads(groups, style, out) + 10;
	size_t left = style->width > columns + 8 ? style->width - columns : 8;
	bool process = r->groups->by == MEM_BY_PROCESS;

	put_right(out, process ? "pid" : "procs", 8);
	strbuf_puts(out, "  ");
	put_name(process ? "process" : mem_by_name(r->groups->by), NAME_COLUMNS,
		style->width >= 100, out);
	if (style->width >= 100 && table_usable(frame_table(r->frame, TABLE_object_share)))
		strbuf_puts(out, "  shares most with");
	end_bold(style, out);
	for (size_t i = 0; i < n; i++)
		put_group(r, r->row[i], left, style, out);
	if (n < r->n_rows)
		put_others(r, n, out);
	put_account(r, style, out);
}

/* "memfd /memfd:pool < nginx 1.2 GiB, lua 12 MiB". */
static void put_object(const struct mem_report *r, const struct table *t,
	const struct shared_object *o, size_t columns, struct strbuf *out)
{
	struct mem_sharer of[SHARERS_SHOWN];
	size_t n = mem_sharers(r, o, of, SHARERS_SHOWN);
	auto_strbuf owners = { 0 };
	const char *kind = o->kind == SHARED_FILE ? "" : mem_kind_name(o->kind);

	for (size_t i = 0; i < n; i++)
		strbuf_printf(&owners, "%s %s %s", i ? "," : " <", base_of(of[i].name),
			human_bytes((double)of[i].share->pss_bytes).s);
	out->failed |= owners.failed;
	size_t taken = strlen(kind) + (*kind != 0), theirs = words_columns(strbuf_text(&owners));
	size_t left = columns > taken ? columns - taken : 1;
	/* Who has it is cut before what it is gets too short to tell. */
	size_t name = left > theirs + PATH_COLUMNS_LEAST ? left - theirs
		      : left > PATH_COLUMNS_LEAST        ? PATH_COLUMNS_LEAST
							 : left;
	size_t path = words_columns(table_text(t, o->path));

	strbuf_printf(out, "%s%s", kind, *kind ? " " : "");
	put_name(table_text(t, o->path), name, false, out);
	path = path < name ? path : name;
	if (left > path + 8)
		put_name(strbuf_text(&owners), left - path, false, out);
}

static void put_list(const struct mem_report *r, const struct amount *columns, enum table_id id,
	const char *name, const struct text_style *style, struct strbuf *out)
{
	const struct table *t = frame_table(r->frame, id);
	size_t n = r->top && r->top < r->n_rows ? r->top : r->n_rows;

	begin_bold(style, out);
	unsigned int taken = put_heads(columns, style, out) + 2;
	size_t left = style->width > taken + 8 ? style->width - taken : 8;

	strbuf_printf(out, "  %s", name);
	end_bold(style, out);
	for (size_t i = 0; i < n; i++) {
		put_amounts(columns, t, r->row[i], style, out);
		strbuf_puts(out, "  ");
		if (id == TABLE_mapping) {
			const char *path = table_text(t, ((const struct mapping *)r->row[i])->path);

			put_name(*path ? path : "(anonymous)", left, false, out);
		} else {
			put_object(r, t, r->row[i], left, out);
		}
		strbuf_putc(out, '\n');
	}
	if (n < r->n_rows)
		strbuf_printf(out, "and %zu more\n", r->n_rows - n);
}

/* The process as a whole. */
static void put_process(
	const struct mem_report *r, const struct text_style *style, struct strbuf *out)
{
	static const struct {
		const char *name;
		unsigned int column;
	} facts[] = {
		{ "PSS", PROCESS_SHARE_pss_bytes },
		{ "within", PROCESS_SHARE_pss_error_bytes },
		{ "RSS", PROCESS_SHARE_rss_bytes },
		{ "USS", PROCESS_SHARE_uss_bytes },
		{ "swap", PROCESS_SHARE_swap_pss_bytes },
		{ "page tables", PROCESS_SHARE_page_tables_bytes },
	};
	const struct table *t = frame_table(r->frame, TABLE_process_share), *of;
	struct process_share share;
	bool known = mem_process(r, &share, &of);
	auto_strbuf text = { 0 };

	for (size_t i = 0; known && i < ARRAY_SIZE(facts); i++) {
		struct reading value = table_cell(t, &share, facts[i].column);

		if (reading_ok(value) && (value.value > 0 || i == 0))
			strbuf_printf(&text, "%s%s %s", text.len ? ", " : "", facts[i].name,
				human_bytes(value.value).s);
	}
	if (text.len) {
		words_wrap_buf(out, &text, 0, 2, style->width);
		strbuf_putc(out, '\n');
	}
}

/* Why it maps nothing at all; NULL: it may. */
static const char *without_memory(const struct mem_report *r)
{
	const struct process *p = table_find(frame_table(r->frame, TABLE_process), r->pid);

	if (p && p->kthread)
		return "A thread of the kernel: it maps nothing.\n";
	return p && p->state == 'Z' ? "A zombie: it has no memory any more.\n" : NULL;
}

void mem_text(const struct mem_report *r, const struct text_style *style, struct strbuf *out)
{
	put_head(r, style, out);
	switch (r->what) {
	case MEM_SHARED:
		put_list(
			r, shared, TABLE_shared_object, "object  < who has most of it", style, out);
		break;
	case MEM_PROCESS:
		if (without_memory(r)) {
			strbuf_puts(out, without_memory(r));
			break;
		}
		put_process(r, style, out);
		put_list(r, mappings, TABLE_mapping, "mapping", style, out);
		break;
	default:
		put_groups(r, style, out);
	}
}
