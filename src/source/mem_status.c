/* SPDX-License-Identifier: MIT */
#include "source/mem_status.h"

#include "base/cursor.h"
#include "base/hash.h"
#include "source/proc.h"

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
	return c == 'V' || c == 'R' || c == 'P' || c == 'N' || c == 'S' || c == 'T';
}

static int take_line(struct cursor *line, struct mem_status *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		uint64_t value;

		if (!cursor_lit(line, keys[i].name))
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

int mem_status_parse(const char *buf, size_t len, struct mem_status *ret_status)
{
	struct mem_status s = { 0 };
	struct cursor c = cursor_of(buf, len), line;
	bool parent = false;

	while (cursor_line(&c, &line)) {
		if (cursor_end(&line) || !wanted(*line.at))
			continue;
		if (line.at[0] == 'V')
			s.space = s.space * 31 + hash_fnv64(line.at, cursor_left(&line));
		if (cursor_lit(&line, "Name:"))
			s.name = hash_fnv64(line.at, cursor_left(&line));
		if (cursor_lit(&line, "State:")) {
			cursor_blank(&line);
			s.zombie = cursor_lit(&line, "Z");
			continue;
		}
		parent |= cursor_left(&line) > 0 && line.at[0] == 'P';
		if (take_line(&line, &s) < 0)
			return -EINVAL;
	}
	if (!parent)
		return -ENODATA;
	s.headless = s.zombie && s.threads > 1;
	*ret_status = s;
	return 0;
}

int mem_status_read(struct probe *p, uint64_t pid, struct mem_status *ret_status)
{
	char path[PROC_PATH_MAX], buf[STATUS_USUAL];
	ssize_t n = host_read_record(p->host, proc_path(path, pid, "status"), buf, sizeof(buf));

	if (n < 0)
		return (int)n;
	if (n < STATUS_USUAL)
		return proc_parsed(mem_status_parse(buf, (size_t)n, ret_status), (size_t)n);
	auto_strbuf text = { 0 };
	int err = host_read_all(p->host, path, STATUS_MAX, &text);

	return err < 0 ? err
		       : proc_parsed(mem_status_parse(text.bytes, text.len, ret_status), text.len);
}
