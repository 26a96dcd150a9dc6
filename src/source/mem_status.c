/* SPDX-License-Identifier: MIT */
#include "source/mem_status.h"

#include "base/cursor.h"
#include "base/hash.h"
#include "source/proc.h"
#include "table/tsv.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Most are shorter; with 65536 supplementary groups, which come before the memory, not. */
enum { STATUS_USUAL = 4096, STATUS_MAX = 1 << 20 };

static const struct {
	const char *name;
	size_t at;
	uint64_t unit;
} keys[] = {
	{ "Pid:", offsetof(struct mem_status, pid), 1 },
	{ "PPid:", offsetof(struct mem_status, ppid), 1 },
	{ "Threads:", offsetof(struct mem_status, threads), 1 },
	{ "VmHWM:", offsetof(struct mem_status, peak), 1024 },
	{ "VmRSS:", offsetof(struct mem_status, rss), 1024 },
	{ "RssAnon:", offsetof(struct mem_status, anon), 1024 },
	{ "RssFile:", offsetof(struct mem_status, file), 1024 },
	{ "RssShmem:", offsetof(struct mem_status, shmem), 1024 },
	{ "VmPTE:", offsetof(struct mem_status, tables), 1024 },
	{ "VmSwap:", offsetof(struct mem_status, swap), 1024 },
};

/* Most lines begin with another letter. */
static bool wanted(char c)
{
	return c == 'V' || c == 'R' || c == 'P' || c == 'N' || c == 'S' || c == 'T' || c == 'K';
}

static int take_line(struct cursor *line, struct mem_status *s)
{
	size_t left = cursor_left(line);

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		uint64_t value;

		if (left < 3 || line->at[2] != keys[i].name[2] || !cursor_lit(line, keys[i].name))
			continue;
		if (!cursor_u64(line, &value) ||
			__builtin_mul_overflow(value, keys[i].unit, &value))
			return -EINVAL;
		memcpy((char *)s + keys[i].at, &value, sizeof(value));
		s->parts |= keys[i].at == offsetof(struct mem_status, shmem);
		break;
	}
	return 0;
}

static uint64_t space_of(const struct mem_status *s)
{
	const uint64_t figures[] = { s->anon, s->file, s->shmem, s->rss, s->swap, s->tables,
		s->peak };
	uint64_t space = 0;

	for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
		space = space * 0x9e3779b97f4a7c15u + figures[i];
	return space;
}

int mem_status_parse(
	const char *buf, size_t len, struct mem_status *ret_status, struct span *ret_name)
{
	struct mem_status s = { 0 };
	struct cursor c = cursor_of(buf, len), line;
	struct span name = { buf, 0 };
	bool parent = false;

	while (cursor_line(&c, &line)) {
		if (cursor_end(&line) || !wanted(*line.at))
			continue;
		s.mapped |= line.at[0] == 'V';
		if (cursor_lit(&line, "Name:\t")) {
			name = (struct span){ line.at, cursor_left(&line) };
			continue;
		}
		if (cursor_lit(&line, "State:")) {
			cursor_blank(&line);
			s.state = cursor_end(&line) ? '\0' : *line.at;
			continue;
		}
		if (cursor_lit(&line, "Kthread:\t1")) {
			s.kernel = true;
			continue;
		}
		parent |= cursor_left(&line) > 1 && line.at[0] == 'P' && line.at[1] == 'P';
		bool last = cursor_left(&line) > 7 && memcmp(line.at, "Threads", 7) == 0;

		if (take_line(&line, &s) < 0)
			return -EINVAL;
		if (last) /* signals and CPUs follow */
			break;
	}
	if (!parent)
		return -ENODATA;
	s.zombie = s.state == 'Z';
	s.headless = s.zombie && s.threads > 1;
	s.name = hash_fnv64(name.at, name.len);
	s.space = space_of(&s);
	*ret_status = s;
	*ret_name = name;
	return 0;
}

/* What is not printable is a line break or a backslash, if the kernel wrote it. */
static int named(int err, struct span raw, char *name)
{
	if (err < 0 || !name)
		return err;
	if (raw.len >= MEM_STATUS_NAME)
		return -EINVAL;
	name[tsv_unescape(raw, name)] = '\0';
	return 0;
}

int mem_status_read(struct probe *p, uint64_t pid, struct mem_status *ret_status, char *name)
{
	char path[PROC_PATH_MAX], buf[STATUS_USUAL];
	ssize_t n = host_read_record(p->host, proc_path(path, pid, "status"), buf, sizeof(buf));
	struct span raw = { buf, 0 };

	if (n < 0)
		return (int)n;
	if (n < STATUS_USUAL)
		return named(
			proc_parsed(mem_status_parse(buf, (size_t)n, ret_status, &raw), (size_t)n),
			raw, name);
	auto_strbuf text = { 0 };
	int err = host_read_all(p->host, path, STATUS_MAX, &text);

	if (err < 0)
		return err;
	return named(
		proc_parsed(mem_status_parse(text.bytes, text.len, ret_status, &raw), text.len),
		raw, name);
}

int mem_status_put(struct table *t, const struct mem_status *s)
{
	struct process_memory *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = (struct process_memory){ .pid = s->pid,
		.rss_bytes = s->rss,
		.anon_bytes = s->anon,
		.file_bytes = s->file,
		.shmem_bytes = s->shmem,
		.peak_bytes = s->peak,
		.swap_bytes = s->swap,
		.page_tables_bytes = s->tables,
		.space = s->space,
		.name = s->name };
	row->has = ((has_t)1 << t->schema->n_columns) - 1;
	if (!s->parts)
		row->has &= ~((has_t)1 << PROCESS_MEMORY_anon_bytes |
			      (has_t)1 << PROCESS_MEMORY_file_bytes |
			      (has_t)1 << PROCESS_MEMORY_shmem_bytes);
	return 0;
}

bool mem_status_find(const struct frame *f, uint64_t pid, struct mem_status *ret_status)
{
	const struct table *t = frame_table(f, TABLE_process_memory);
	const struct process_memory *m = table_usable(t) ? table_find(t, pid) : NULL;
	const struct process *p = m ? table_find(frame_table(f, TABLE_process), pid) : NULL;

	if (!p)
		return false;
	*ret_status = (struct mem_status){ .pid = pid,
		.ppid = p->ppid,
		.anon = m->anon_bytes,
		.file = m->file_bytes,
		.shmem = m->shmem_bytes,
		.rss = m->rss_bytes,
		.swap = m->swap_bytes,
		.tables = m->page_tables_bytes,
		.peak = m->peak_bytes,
		.name = m->name,
		.space = m->space,
		.threads = p->threads,
		.state = (char)p->state,
		.mapped = true,
		.parts = row_has(m->has, PROCESS_MEMORY_anon_bytes) };
	return true;
}
