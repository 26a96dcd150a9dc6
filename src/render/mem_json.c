/* SPDX-License-Identifier: MIT */
#include "render/mem.h"

#include "render/json_report.h"

#include <string.h>

/* A column under the name that the contract has. */
struct field {
	const char *name;
	unsigned int column;
};

static const struct field group_fields[] = {
	{ "measured", GROUP_SHARE_measured },
	{ "rss_bytes", GROUP_SHARE_rss_bytes },
	{ "pss_bytes", GROUP_SHARE_pss_bytes },
	{ "pss_error_bytes", GROUP_SHARE_pss_error_bytes },
	{ "uss_bytes", GROUP_SHARE_uss_bytes },
	{ "exclusive_bytes", GROUP_SHARE_exclusive_bytes },
	{ "shared_bytes", GROUP_SHARE_shared_bytes },
	{ "swap_bytes", GROUP_SHARE_swap_pss_bytes },
	{ "vm_swap_bytes", GROUP_SHARE_swap_bytes },
	{ "page_tables_bytes", GROUP_SHARE_page_tables_bytes },
	{ 0 },
};

static const struct field process_fields[] = {
	{ "rss_bytes", PROCESS_SHARE_rss_bytes },
	{ "pss_bytes", PROCESS_SHARE_pss_bytes },
	{ "pss_error_bytes", PROCESS_SHARE_pss_error_bytes },
	{ "uss_bytes", PROCESS_SHARE_uss_bytes },
	{ "swap_bytes", PROCESS_SHARE_swap_pss_bytes },
	{ "vm_swap_bytes", PROCESS_SHARE_swap_bytes },
	{ "page_tables_bytes", PROCESS_SHARE_page_tables_bytes },
	{ 0 },
};

static const struct field shared_fields[] = {
	{ "dev", SHARED_OBJECT_dev },
	{ "inode", SHARED_OBJECT_inode },
	{ "size_bytes", SHARED_OBJECT_size_bytes },
	{ "mapped_bytes", SHARED_OBJECT_mapped_bytes },
	{ "resident_bytes", SHARED_OBJECT_resident_bytes },
	{ "pss_bytes", SHARED_OBJECT_pss_bytes },
	{ "pss_error_bytes", SHARED_OBJECT_pss_error_bytes },
	{ "processes", SHARED_OBJECT_processes },
	{ "groups", SHARED_OBJECT_groups },
	{ 0 },
};

static const struct field mapping_fields[] = {
	{ "start", MAPPING_start },
	{ "mappings", MAPPING_mappings },
	{ "size_bytes", MAPPING_size_bytes },
	{ "rss_bytes", MAPPING_rss_bytes },
	{ "pss_bytes", MAPPING_pss_bytes },
	{ "pss_error_bytes", MAPPING_pss_error_bytes },
	{ "uss_bytes", MAPPING_uss_bytes },
	{ "swap_bytes", MAPPING_swap_bytes },
	{ 0 },
};

/* As it is: a double has no room for large inode numbers. */
static uint64_t whole_of(const struct table *t, const void *row, unsigned int column)
{
	uint64_t value;

	memcpy(&value, (const char *)row + t->schema->columns[column].offset, sizeof(value));
	return value;
}

/* Columns of u64. row NULL: nothing of it is known. */
static void put_fields(
	struct json *j, const struct field *f, const struct table *t, const void *row)
{
	for (; f->name; f++) {
		struct reading value =
			row ? table_cell(t, row, f->column) : reading_none(STATE_ABSENT);

		json_key(j, f->name);
		if (reading_ok(value))
			json_u64(j, whole_of(t, row, f->column));
		else
			json_none(j);
	}
}

static void put_source(struct json *j, const struct mem_report *r, const struct table *t)
{
	bool known = t && table_usable(t);

	json_member(j, "method", known ? t->method : NULL);
	json_key(j, "age_ns");
	if (known)
		json_u64(j, r->now_ns > t->taken_ns ? r->now_ns - t->taken_ns : 0);
	else
		json_none(j);
}

static void put_reading(struct json *j, const char *name, struct reading value)
{
	json_key(j, name);
	if (!reading_ok(value))
		json_none(j);
	else
		json_s64(j, (int64_t)value.value);
}

static void put_id(struct json *j, const struct mem_groups *by, const struct mem_group *g)
{
	static const char *const names[MEM_BYS] = { [MEM_BY_USER] = "uid",
		[MEM_BY_SESSION] = "session",
		[MEM_BY_PARENT] = "parent",
		[MEM_BY_PROCESS] = "pid" };

	if (g->has_id && names[by->by])
		json_member_u64(j, names[by->by], g->id);
	if (g->path)
		json_member(j, "path", g->path);
}

static void put_with(struct json *j, const struct mem_report *r, const struct mem_group *g)
{
	const struct mem_groups *by = r->groups;

	json_key(j, "shares_with");
	/* Exact methods do not tell: that is not nobody. */
	if (!table_usable(frame_table(r->frame, TABLE_object_share))) {
		json_none(j);
		return;
	}
	json_begin_array(j);
	for (size_t i = 0; i < g->n_with; i++) {
		json_begin_object(j);
		json_member(j, "name", by->group[g->with[i].group].name);
		json_member_u64(j, "bytes", g->with[i].bytes);
		json_end_object(j);
	}
	json_end_array(j);
}

static void put_group(const struct mem_report *r, const struct mem_group *g, struct strbuf *out)
{
	bool process = r->groups->by == MEM_BY_PROCESS && !g->kernel;
	struct json j = json_begin_kind(out, process ? "process" : "group");

	json_member(&j, "by", mem_by_name(r->groups->by));
	json_member(&j, "name", g->name);
	put_id(&j, r->groups, g);
	json_member_u64(&j, "processes", g->processes);
	put_fields(&j, group_fields, frame_table(r->frame, TABLE_group_share), g->share);
	put_with(&j, r, g);
	put_source(&j, r, r->source);
	json_end_kind(&j);
}

static void put_process(const struct mem_report *r, struct strbuf *out)
{
	const struct table *t = frame_table(r->frame, TABLE_process_share);
	const struct table *names = frame_table(r->frame, TABLE_process);
	const struct process *p = table_find(names, r->pid);
	struct json j = json_begin_kind(out, "process");
	struct process_share share;
	const struct table *of;
	bool known = mem_process(r, &share, &of);

	json_member(&j, "name", p ? table_text(names, p->comm) : NULL);
	json_member_u64(&j, "pid", r->pid);
	put_fields(&j, process_fields, t, known ? &share : NULL);
	put_source(&j, r, of);
	json_end_kind(&j);
}

static void put_mapping(const struct mem_report *r, const struct mapping *m, struct strbuf *out)
{
	const struct table *t = frame_table(r->frame, TABLE_mapping);
	struct json j = json_begin_kind(out, "mapping");

	json_member_u64(&j, "pid", m->pid);
	json_member(&j, "path", table_text(t, m->path));
	put_fields(&j, mapping_fields, t, m);
	put_source(&j, r, t);
	json_end_kind(&j);
}

enum { SHARERS_MAX = 64 };

static void put_object(
	const struct mem_report *r, const struct shared_object *o, struct strbuf *out)
{
	const struct table *t = frame_table(r->frame, TABLE_shared_object);
	struct mem_sharer of[SHARERS_MAX];
	size_t n = mem_sharers(r, o, of, SHARERS_MAX);
	struct json j = json_begin_kind(out, "shared");

	json_member(&j, "path", table_text(t, o->path));
	json_member(&j, "object", mem_kind_name(o->kind));
	put_fields(&j, shared_fields, t, o);
	json_key(&j, "by_group");
	json_begin_array(&j);
	for (size_t i = 0; i < n; i++) {
		json_begin_object(&j);
		json_member(&j, "name", of[i].name);
		json_member_u64(&j, "processes", of[i].share->processes);
		json_member_u64(&j, "pss_bytes", of[i].share->pss_bytes);
		json_end_object(&j);
	}
	json_end_array(&j);
	put_source(&j, r, t);
	json_end_kind(&j);
}

static void put_memory(const struct mem_report *r, int exit_code, struct strbuf *out)
{
	const struct mem_groups *g = r->groups;
	const struct mem_account *a = &g->account;
	struct json j = json_begin_kind(out, "memory");

	put_reading(&j, "total_bytes", a->total);
	json_key(&j, "rows");
	json_begin_object(&j);
	for (int row = 0; row < MEM_ROWS; row++)
		put_reading(&j, mem_row_name((enum mem_row)row), a->row[row]);
	json_end_object(&j);
	put_reading(&j, "unaccounted_bytes", a->unaccounted);
	put_reading(&j, "mapped_bytes", a->mapped);
	put_reading(&j, "cma_used_bytes", a->cma_used);
	put_reading(&j, "rss_bytes", g->rss);
	put_reading(&j, "pss_bytes", g->pss);
	put_reading(&j, "pss_error_bytes", g->pss_error);
	put_reading(&j, "swap_bytes", g->swap);
	put_source(&j, r, r->source);
	json_member_u64(&j, "processes", g->n_keys);
	json_key(&j, "lost");
	json_begin_array(&j);
	for (size_t i = 0; i < r->n_lacks; i++)
		json_str(&j, r->lack[i]);
	json_end_array(&j);
	json_member_u64(&j, "exit_code", (uint64_t)exit_code);
	json_member_u64(&j, "wall_ns", r->wall_ns);
	json_member_u64(&j, "cost_cpu_ns", r->cpu_ns);
	json_member_u64(&j, "cost_peak_bytes", r->peak_bytes);
	json_end_kind(&j);
}

void mem_json(const struct mem_report *r, int exit_code, struct strbuf *out)
{
	size_t n = r->top && r->top < r->n_rows ? r->top : r->n_rows;

	if (r->what == MEM_PROCESS)
		put_process(r, out);
	for (size_t i = 0; i < n; i++) {
		if (r->what == MEM_SHARED)
			put_object(r, r->row[i], out);
		else if (r->what == MEM_PROCESS)
			put_mapping(r, r->row[i], out);
		else
			put_group(r, r->row[i], out);
	}
	put_memory(r, exit_code, out);
}
