/* SPDX-License-Identifier: MIT */
#include "source/keys.h"
#include "source/source.h"

#include <errno.h>

enum { PAGE = 4096, KEYS = 5 };

static const struct {
	const char *name;
	struct key key[KEYS];
} sections[] = {
	{ "sockets:", { { "used", SOCKSTAT_sockets } } },
	{ "TCP:", { { "inuse", SOCKSTAT_tcp_in_use }, { "orphan", SOCKSTAT_tcp_orphans },
			  { "tw", SOCKSTAT_tcp_time_wait }, { "alloc", SOCKSTAT_tcp_allocated },
			  { "mem", SOCKSTAT_tcp_memory_bytes, PAGE } } },
	{ "UDP:",
		{ { "inuse", SOCKSTAT_udp_in_use }, { "mem", SOCKSTAT_udp_memory_bytes, PAGE } } },
};

static int parse_section(struct cursor *line, const struct key *keys, struct sockstat *s)
{
	uint64_t seen = 0, value;
	struct span name;
	size_t n = 0;

	while (n < KEYS && keys[n].name)
		n++;
	while (cursor_word(line, &name)) {
		if (!cursor_u64(line, &value))
			return -EINVAL;
		int err = keys_put(keys, n, &seen, name, value, schemas[TABLE_sockstat], s);

		if (err < 0)
			return err;
	}
	return 0;
}

/*
 * Parse /proc/net/sockstat of one network namespace. tw, orphan, alloc and mem of TCP are the
 * host's in kernels that count them for all namespaces together.
 *
 * Shape:  "SECTION: name N name N ...".
 * Units:  mem in pages, taken for 4096 bytes.
 * Errors: -EINVAL malformed or repeated, -ENODATA "sockets:" or "TCP:" missing.
 * Source: net/ipv4/proc.c, sockstat_seq_show(); 3.10 to 6.18.
 */
int sockstat_parse(const char *buf, size_t len, struct table *t)
{
	struct sockstat s = { 0 };
	struct cursor c = cursor_of(buf, len), line;
	bool met[ARRAY_SIZE(sections)] = { 0 };
	struct span name;

	while (cursor_line(&c, &line)) {
		if (!cursor_word(&line, &name))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
			if (!span_eq(name, sections[i].name))
				continue;
			int err = met[i] ? -EINVAL : parse_section(&line, sections[i].key, &s);

			if (err < 0)
				return err;
			met[i] = true;
		}
	}
	if (!row_has(s.has, SOCKSTAT_sockets) || !row_has(s.has, SOCKSTAT_tcp_in_use))
		return -ENODATA;
	struct sockstat *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = s;
	return 0;
}

static int read_sockstat(struct probe *p)
{
	static const unsigned int columns[] = { SOCKSTAT_tcp_memory_bytes,
		SOCKSTAT_udp_memory_bytes };

	probe_parse(p, TABLE_sockstat, "proc/net/sockstat", 8192, sockstat_parse);
	probe_rescale(p, TABLE_sockstat, columns, ARRAY_SIZE(columns));
	return 0;
}

const struct source source_sockstat = {
	.name = "sockstat",
	.fills = { TABLE_sockstat },
	.deadline_ns = 500000000,
	.read = read_sockstat,
};
