/* SPDX-License-Identifier: MIT */
#include "source/source.h"

#include "base/clock.h"
#include "base/cursor.h"

#include <errno.h>
#include <string.h>

#define SOURCE(name) extern const struct source source_##name;
#include "source/source.def"
#undef SOURCE

const struct source *const sources[] = {
#define SOURCE(name) &source_##name,
#include "source/source.def"
#undef SOURCE
};
const size_t n_sources = ARRAY_SIZE(sources);

bool source_reads_whole(enum table_id id)
{
	for (size_t i = 0; i < n_sources; i++) {
		for (size_t k = 0; k < SOURCE_TABLES_MAX && sources[i]->fills[k]; k++) {
			if (sources[i]->fills[k] == id && sources[i]->cost != COST_ASKED)
				return true;
		}
	}
	return false;
}

struct table *probe_table(struct probe *p, enum table_id id)
{
	return p->out[id];
}

const struct table *probe_used(const struct probe *p, enum table_id id)
{
	if (p->out[id] && table_usable(p->out[id]))
		return p->out[id];
	const struct table *t = frame_table(p->frame, id);

	return table_usable(t) ? t : NULL;
}

bool probe_keep(const struct probe *p, enum table_id id, const void *row)
{
	bool needed = false; /* else only another source uses it, and gets all */

	for (size_t i = 0; i < p->n_needs; i++) {
		if (p->needs[i].table != id)
			continue;
		if (!p->needs[i].keep || p->needs[i].keep(row))
			return true;
		needed = true;
	}
	return !needed;
}

uint32_t probe_verdict(const struct probe *p, enum table_id id, const void *row)
{
	for (size_t i = 0; i < p->n_needs; i++) {
		if (p->needs[i].table == id && p->needs[i].verdict)
			return p->needs[i].verdict(row);
	}
	return 0;
}

uint64_t needs_for_ns(const struct need *needs, size_t n_needs, enum table_id id)
{
	uint64_t most = 0;

	for (size_t i = 0; i < n_needs; i++) {
		if (needs[i].table == id && needs[i].for_ns > most)
			most = needs[i].for_ns;
	}
	return most;
}

bool needs_all(const struct need *needs, size_t n_needs, enum table_id id)
{
	for (size_t i = 0; i < n_needs; i++) {
		if (needs[i].table == id && (needs[i].verdict || needs[i].exact))
			return true;
	}
	return false;
}

bool needs_exact(const struct need *needs, size_t n_needs, enum table_id id)
{
	for (size_t i = 0; i < n_needs; i++)
		if (needs[i].table == id && needs[i].exact)
			return true;
	return false;
}

bool probe_late(const struct probe *p)
{
	return p->deadline_ns != 0 && clock_ns(CLOCK_MONOTONIC) > p->deadline_ns;
}

void probe_bytes(struct table *t, const char *path, int err, const struct strbuf *text,
	int (*parse)(const char *buf, size_t len, struct table *t))
{
	if (!t)
		return;
	if (err < 0) {
		table_fail(t, state_of_errno(err), "/%s: %s", path, strerror(-err));
		return;
	}
	err = parse(strbuf_text(text), text->len, t);
	if (err == -EINVAL)
		table_fail(t, STATE_BROKEN, "/%s: not in the form that this murphy knows", path);
	else if (err == -ENODATA)
		table_fail(t, STATE_BROKEN, "/%s: lines that every kernel has are missing", path);
	else if (err < 0)
		table_fail(t, STATE_BROKEN, "/%s: %s", path, strerror(-err));
	else
		t->state = STATE_OK;
}

int probe_parse(struct probe *p, enum table_id id, const char *path, size_t limit,
	int (*parse)(const char *buf, size_t len, struct table *t))
{
	auto_strbuf text = { 0 };

	if (probe_table(p, id)) {
		int err = host_read_all(p->host, path, limit, &text);

		probe_bytes(probe_table(p, id), path, err, &text, parse);
	}
	return 0;
}

int probe_line(struct probe *p, const char *path, char *buf, size_t size)
{
	ssize_t n = host_read(p->host, path, buf, size - 1);

	if (n < 0)
		return (int)n;
	const char *stop = memchr(buf, '\n', (size_t)n);
	size_t len = stop ? (size_t)(stop - buf) : (size_t)n;

	while (len > 0 && (buf[len - 1] == ' ' || buf[len - 1] == '\t'))
		len--;
	buf[len] = '\0';
	return (int)len;
}

int probe_number(struct probe *p, const char *path, uint64_t *ret_value)
{
	char text[64];
	int n = probe_line(p, path, text, sizeof(text));
	struct cursor c = cursor_of(text, n < 0 ? 0 : (size_t)n);
	uint64_t value;

	if (n < 0)
		return n;
	if (!cursor_u64(&c, &value) || !cursor_end(&c))
		return -EINVAL;
	*ret_value = value;
	return 0;
}

void probe_rescale(struct probe *p, enum table_id id, const unsigned int *columns, size_t n)
{
	struct table *t = probe_table(p, id);
	uint64_t by = (uint64_t)host_page_size(p->host) / 4096, value;

	for (size_t i = 0; t && by > 1 && i < t->n; i++) {
		char *row = table_at(t, i);

		for (size_t k = 0; k < n; k++) {
			char *at = row + t->schema->columns[columns[k]].offset;

			memcpy(&value, at, sizeof(value));
			if (__builtin_mul_overflow(value, by, &value)) {
				table_fail(t, STATE_BROKEN, "more pages than memory can have");
				return;
			}
			memcpy(at, &value, sizeof(value));
		}
	}
}
