/* SPDX-License-Identifier: MIT */
#include "feed/wire.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct table_head {
	uint32_t id, state;
	char why[sizeof(((struct table *)0)->why)];
	uint8_t cell[sizeof(((struct table *)0)->cell)];
	uint64_t taken_ns, cost_ns, seen, lost, n, text_len;
};

struct tap_head {
	int32_t err;
	uint32_t path_len; /* with its NUL */
	char kind;
};

static void send_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(1);
		at += n;
		len -= (size_t)n;
	}
}

static void send_head(int fd, enum wire_kind kind, size_t source, size_t len)
{
	struct wire_head head = { (uint32_t)kind, (uint32_t)source, len };

	send_all(fd, &head, sizeof(head));
}

void wire_send_mark(int fd, enum wire_kind kind, size_t source)
{
	send_head(fd, kind, source, 0);
}

void wire_send_table(int fd, size_t source, enum table_id id, const struct table *t)
{
	struct table_head head = {
		.id = id,
		.state = t->state,
		.taken_ns = t->taken_ns,
		.cost_ns = t->cost_ns,
		.seen = t->seen,
		.lost = t->lost,
		.n = t->n,
		.text_len = t->text_len,
	};
	size_t rows = t->n * t->schema->row_size;

	memcpy(head.why, t->why, sizeof(head.why));
	memcpy(head.cell, t->cell, sizeof(head.cell));
	send_head(fd, WIRE_TABLE, source, sizeof(head) + rows + t->text_len);
	send_all(fd, &head, sizeof(head));
	send_all(fd, t->row, rows);
	send_all(fd, t->text, t->text_len);
}

void wire_send_tap(
	int fd, size_t source, char kind, const char *path, int err, const char *bytes, size_t len)
{
	struct tap_head head = { .err = err, .path_len = (uint32_t)strlen(path) + 1, .kind = kind };

	send_head(fd, WIRE_TAP, source, sizeof(head) + head.path_len + len);
	send_all(fd, &head, sizeof(head));
	send_all(fd, path, head.path_len);
	send_all(fd, bytes, len);
}

int wire_get_table(const char *buf, size_t len, enum table_id *ret_id, struct table **ret_table)
{
	struct table_head head;

	if (len < sizeof(head))
		return -EINVAL;
	memcpy(&head, buf, sizeof(head));
	if (head.id == TABLE_none || head.id >= TABLES || head.state > STATE_BROKEN)
		return -EINVAL;
	const struct schema *schema = schemas[head.id];
	size_t rows;

	if (__builtin_mul_overflow(head.n, schema->row_size, &rows) || rows > len - sizeof(head) ||
		head.text_len != len - sizeof(head) - rows || head.text_len > UINT32_MAX / 2)
		return -EINVAL;
	struct table *t = table_new(schema);

	if (!t)
		return -ENOMEM;
	t->row = mem_dup(buf + sizeof(head), rows);
	t->text = mem_dup(buf + sizeof(head) + rows, head.text_len);
	if (!t->row || !t->text) {
		table_unref(t);
		return -ENOMEM;
	}
	t->state = (enum state)head.state;
	memcpy(t->why, head.why, sizeof(t->why));
	t->why[sizeof(t->why) - 1] = '\0';
	memcpy(t->cell, head.cell, sizeof(t->cell));
	t->taken_ns = head.taken_ns;
	t->cost_ns = head.cost_ns;
	t->seen = head.seen;
	t->lost = head.lost;
	t->n = t->size = head.n;
	t->text_len = t->text_size = (uint32_t)head.text_len;
	t->sorted = true;
	*ret_id = (enum table_id)head.id;
	*ret_table = t;
	return 0;
}

int wire_get_tap(const char *buf, size_t len, host_tap_fn *tap, void *arg)
{
	struct tap_head head;

	if (len < sizeof(head))
		return -EINVAL;
	memcpy(&head, buf, sizeof(head));
	const char *path = buf + sizeof(head);

	if (head.path_len == 0 || head.path_len > len - sizeof(head) ||
		path[head.path_len - 1] != '\0')
		return -EINVAL;
	tap(arg, head.kind, path, head.err, path + head.path_len,
		len - sizeof(head) - head.path_len);
	return 0;
}
