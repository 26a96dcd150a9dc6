/* SPDX-License-Identifier: MIT */
#include "source/tcp_lines.h"

#include "base/json_read.h"

#include <errno.h>
#include <string.h>

/* net/tcp_states.h */
static const char *const states[] = { NULL, "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1",
	"FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING",
	"NEW_SYN_RECV" };
static const char *const timers[] = { "none", "retransmit", "keepalive", "time-wait", "probe" };

/* Which of names a text is; false: none. */
static bool word(struct span value, const char *const *names, size_t n, uint32_t *ret)
{
	char text[32];

	if (!json_read_text(value, text, sizeof(text)))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (names[i] && strcmp(names[i], text) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

/*
 * The column that a member is. Lines have them in the table's order, so that the next is nearly
 * always the one: 60 names need not be compared with 60.
 */
static int column_of(struct span name, unsigned int *next)
{
	const struct schema *s = schemas[TABLE_tcp_socket];

	for (unsigned int i = 0; i < s->n_columns; i++) {
		unsigned int c = (*next + i) % (unsigned int)s->n_columns;

		if (span_eq(name, s->columns[c].name)) {
			*next = c + 1;
			return (int)c;
		}
	}
	return -1;
}

/* A member that is a column under its own name. */
static bool put_column(struct tcp_line *l, unsigned int column, struct span value)
{
	const struct schema *s = schemas[TABLE_tcp_socket];
	uint64_t number;
	bool flag;

	if (json_read_none(value))
		return true;
	switch (s->columns[column].type) {
	case TYPE_text:
		return true; /* the two addresses, which are kept beside the row */
	case TYPE_u32:
		if (json_read_bool(value, &flag))
			number = flag;
		else if (!json_read_u64(value, &number) || number > UINT32_MAX)
			return false;
		break;
	case TYPE_u64:
		if (!json_read_u64(value, &number))
			return false;
		break;
	default:
		return true;
	}
	row_put(s, &l->row, column, number);
	return true;
}

/* Of docs/json.md. */
enum { SCHEMA_VERSION = 1 };

/* No columns, and in every line: none of the 60 names needs to be tried. */
static const char *const others[] = { "verdict", "limit", "silent_ns", "fd", "holders", "cgroup" };

static bool put_connection(struct tcp_line *l, const struct json_member *m, unsigned int *next)
{
	uint32_t which;

	if (span_eq(m->name, "state")) {
		if (!word(m->value, states, ARRAY_SIZE(states), &which))
			return false;
		row_put(schemas[TABLE_tcp_socket], &l->row, TCP_SOCKET_state, which);
		return true;
	}
	if (span_eq(m->name, "timer")) {
		/* One that is not known yet is none that matters. */
		if (word(m->value, timers, ARRAY_SIZE(timers), &which))
			row_put(schemas[TABLE_tcp_socket], &l->row, TCP_SOCKET_timer, which);
		return true;
	}
	if (span_eq(m->name, "local"))
		return json_read_text(m->value, l->local, sizeof(l->local));
	if (span_eq(m->name, "peer"))
		return json_read_text(m->value, l->peer, sizeof(l->peer));
	if (span_eq(m->name, "pid"))
		return json_read_none(m->value) || json_read_u64(m->value, &l->pid);
	if (span_eq(m->name, "command"))
		return json_read_none(m->value) ||
		       json_read_text(m->value, l->command, sizeof(l->command));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (span_eq(m->name, others[i]))
			return true;
	}
	int column = column_of(m->name, next);

	return column < 0 || put_column(l, (unsigned int)column, m->value);
}

/* lost[]: anything but that some owners are not known. */
static bool lacks_sockets(struct span lost)
{
	static const char owners[] = "processes of some are not known";
	struct cursor c = cursor_of(lost.at + 1, lost.len - 2);
	struct span before, text;

	/* Quotes within a text are escaped, which none of these has: it counts as another. */
	while (cursor_until(&c, '"', &before)) {
		if (!cursor_until(&c, '"', &text) || !span_starts(text, owners))
			return true;
	}
	return false;
}

static bool put_end(struct tcp_line *l, const struct json_member *m)
{
	if (span_eq(m->name, "host"))
		return json_read_none(m->value) ||
		       json_read_text(m->value, l->host, sizeof(l->host));
	if (span_eq(m->name, "taken_ns"))
		return json_read_none(m->value) || json_read_u64(m->value, &l->taken_ns);
	if (span_eq(m->name, "unlisted")) {
		l->counted = true;
		return json_read_u64(m->value, &l->unlisted);
	}
	if (span_eq(m->name, "listed")) {
		l->has_listed = true;
		return json_read_u64(m->value, &l->listed);
	}
	if (span_eq(m->name, "lost")) {
		if (m->value.at[0] != '[')
			return false;
		l->blind = lacks_sockets(m->value);
		l->has_lost = true;
	}
	return true;
}

/* The kind comes before what depends on it. */
static int parse(struct cursor c, struct tcp_line *l)
{
	struct json_member m;
	unsigned int next = 0;
	bool has_kind = false;
	uint64_t version;

	if (!json_read_begin(&c))
		return -EINVAL;
	while (json_read_member(&c, &m)) {
		/* Another one may mean something else by the same names. */
		if (span_eq(m.name, "schema_version")) {
			if (!json_read_u64(m.value, &version) || version != SCHEMA_VERSION)
				return -EINVAL;
		} else if (span_eq(m.name, "kind")) {
			has_kind = true;
			l->kind = span_eq(m.value, "\"connection\"") ? TCP_LINE_CONNECTION
				  : span_eq(m.value, "\"tcp\"")      ? TCP_LINE_END
								     : TCP_LINE_OTHER;
		} else if ((l->kind == TCP_LINE_CONNECTION && !put_connection(l, &m, &next)) ||
			   (l->kind == TCP_LINE_END && !put_end(l, &m))) {
			return -EINVAL;
		}
	}
	return json_read_end(&c) && has_kind ? 0 : -EINVAL;
}

int tcp_line_parse(const char *line, size_t len, struct tcp_line *ret)
{
	struct tcp_line l = { 0 };

	if (len > TCP_LINE_MAX || parse(cursor_of(line, len), &l) < 0)
		return -EINVAL;
	if (l.kind == TCP_LINE_CONNECTION &&
		(!row_has(l.row.has, TCP_SOCKET_cookie) || !row_has(l.row.has, TCP_SOCKET_state) ||
			!row_has(l.row.has, TCP_SOCKET_local_port) ||
			!row_has(l.row.has, TCP_SOCKET_peer_port) || !l.local[0] || !l.peer[0]))
		return -EINVAL;
	/* What does not say that it is whole is not. */
	if (l.kind == TCP_LINE_END && (!l.counted || !l.has_lost))
		return -EINVAL;
	*ret = l;
	return 0;
}
