/* SPDX-License-Identifier: MIT */
#include "host/tar.h"

#include "base/cursor.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type;
	char link[100], magic[6], version[2], user[32], group[32], major[8], minor[8];
	char prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a header is one block");

static int fail(struct tar_reader *r, int err, const char *why)
{
	r->why = why;
	return err;
}

/* Octal digits among spaces, ended by NUL or space; or GNU's base 256 with the high bit set. */
static bool number(const char *field, size_t size, uint64_t *ret_value)
{
	uint64_t value = 0;
	size_t i = 0, digits = 0;

	if ((unsigned char)field[0] & 0x80) {
		for (i = 1; i < size; i++) {
			if (value >> 55)
				return false;
			value = value << 8 | (unsigned char)field[i];
		}
		*ret_value = value;
		return field[0] == (char)0x80;
	}
	while (i < size && field[i] == ' ')
		i++;
	for (; i < size && field[i] >= '0' && field[i] <= '7'; i++, digits++)
		value = value << 3 | (uint64_t)(field[i] - '0');
	if (i < size && field[i] != '\0' && field[i] != ' ')
		return false;
	*ret_value = value;
	return digits > 0;
}

static unsigned int sum_of(const char *block)
{
	const size_t from = offsetof(struct header, sum),
		     to = from + sizeof(((struct header *)0)->sum);
	unsigned int sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= from && i < to ? ' ' : (unsigned char)block[i];
	return sum;
}

static bool all_zero(const char *block)
{
	return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

/*
 * A clean copy of a member's path: no leading "./", no doubled or trailing '/'. "" is the root.
 * NULL for a path that leads outside, holds NUL, or when memory is out.
 */
static const char *clean_path(struct tar_reader *r, struct span raw)
{
	struct cursor c = cursor_span(raw);
	char *clean = arena_new(r->names, raw.len + 1);
	size_t len = 0;

	if (!clean) {
		r->why = "memory is out";
		return NULL;
	}
	r->why = "a path in it leads outside";
	if (raw.len > PATH_MAX || memchr(raw.at, '\0', raw.len) || (raw.len && raw.at[0] == '/'))
		return NULL;
	while (!cursor_end(&c)) {
		struct span piece;

		if (!cursor_until(&c, '/', &piece)) {
			piece = (struct span){ c.at, cursor_left(&c) };
			c.at = c.end;
		}
		if (span_eq(piece, ".."))
			return NULL;
		if (piece.len == 0 || span_eq(piece, "."))
			continue;
		if (len)
			clean[len++] = '/';
		memcpy(clean + len, piece.at, piece.len);
		len += piece.len;
	}
	r->why = NULL;
	return clean;
}

/* What extension headers say of the member that follows them. */
struct extension {
	struct span path, link;
	bool has_size;
	uint64_t size;
};

/* pax records: "LEN KEY=VALUE\n", LEN counting itself. */
static bool read_pax(const char *buf, size_t len, struct extension *x)
{
	struct cursor c = cursor_of(buf, len);

	while (!cursor_end(&c)) {
		struct cursor record = { c.at, c.end };
		struct span key;
		uint64_t n;

		if (!cursor_u64(&record, &n) || !cursor_lit(&record, " "))
			return false;
		if (n > cursor_left(&c) || c.at + n <= record.at || c.at[n - 1] != '\n')
			return false;
		record.end = c.at + n - 1;
		c.at += n;
		if (!cursor_until(&record, '=', &key))
			return false;
		struct span value = { record.at, cursor_left(&record) };

		if (span_eq(key, "path"))
			x->path = value;
		else if (span_eq(key, "linkpath"))
			x->link = value;
		else if (span_eq(key, "size") && !(x->has_size = cursor_u64(&record, &x->size)))
			return false;
	}
	return true;
}

static struct span field(const char *at, size_t size)
{
	return (struct span){ at, strnlen(at, size) };
}

/* The member that h and x describe; its bytes have been found already. */
static int fill(struct tar_reader *r, const struct header *h, const struct extension *x,
	struct tar_entry *e)
{
	struct span name = field(h->name, sizeof(h->name));
	struct span prefix = field(h->prefix, sizeof(h->prefix));
	char joined[sizeof(h->name) + sizeof(h->prefix) + 1];

	/* GNU keeps times in prefix; its magic ends in a space where POSIX has a NUL. */
	if (memcmp(h->magic, "ustar", 6) == 0 && prefix.len > 0) {
		memcpy(joined, prefix.at, prefix.len);
		joined[prefix.len] = '/';
		memcpy(joined + prefix.len + 1, name.at, name.len);
		name = (struct span){ joined, prefix.len + 1 + name.len };
	}
	e->path = clean_path(r, x->path.at ? x->path : name);
	if (!e->path)
		return r->names->failed ? -ENOMEM : -EBADMSG;
	struct span link = x->link.at ? x->link : field(h->link, sizeof(h->link));

	if (memchr(link.at, '\0', link.len))
		return fail(r, -EBADMSG, "a link in it holds NUL");
	e->link = arena_dup(r->names, link.at, link.len);
	if (!e->link)
		return fail(r, -ENOMEM, "memory is out");
	switch (h->type) {
	case '\0':
	case '0':
	case '7':
		e->type = TAR_FILE;
		break;
	case '1':
	case '2':
	case '5':
		e->type = (enum tar_type)h->type;
		break;
	case 'S': /* GNU's sparse files are stored in pieces */
		return fail(r, -EBADMSG, "it holds sparse files: pack them without --sparse");
	default:
		e->type = TAR_OTHER;
	}
	return 1;
}

/* The block at r->at as a header with its bytes behind it; r moves past both. 1, 0 or -errno. */
static int take(struct tar_reader *r, const struct extension *x, struct header *ret_header,
	const char **ret_bytes, size_t *ret_size)
{
	struct header h;
	uint64_t sum, size;

	if (r->len - r->at < TAR_BLOCK)
		return fail(r, -ENODATA, "it is cut short");
	const char *block = r->buf + r->at;

	if (all_zero(block))
		return 0;
	memcpy(&h, block, sizeof(h));
	if (!number(h.sum, sizeof(h.sum), &sum) || sum != sum_of(block))
		return fail(r, -EBADMSG, "it is damaged: a header's checksum is wrong");
	if (!number(h.size, sizeof(h.size), &size))
		return fail(r, -EBADMSG, "it is damaged: a size is no number");
	bool extends = h.type == 'x' || h.type == 'g' || h.type == 'L' || h.type == 'K';

	if (x->has_size && !extends)
		size = x->size;
	/* Of links, directories and devices POSIX says that a size has no bytes. */
	if (h.type >= '1' && h.type <= '6')
		size = 0;
	r->at += TAR_BLOCK;
	if (size > r->len - r->at || tar_padding((size_t)size) > r->len - r->at - (size_t)size)
		return fail(r, -ENODATA, "it is cut short");
	*ret_header = h;
	*ret_bytes = r->buf + r->at;
	*ret_size = (size_t)size;
	r->at += (size_t)size + tar_padding((size_t)size);
	return 1;
}

int tar_next(struct tar_reader *r, struct tar_entry *ret_entry)
{
	struct extension x = { 0 };

	for (;;) {
		struct tar_entry e = { 0 };
		struct header h;
		int err = take(r, &x, &h, &e.bytes, &e.size);

		if (err <= 0)
			return err;
		struct span text = { e.bytes, strnlen(e.bytes, e.size) };

		switch (h.type) {
		case 'g':
			break;
		case 'x':
			if (!read_pax(e.bytes, e.size, &x))
				return fail(r, -EBADMSG, "it is damaged: a pax header");
			break;
		case 'L':
			x.path = text;
			break;
		case 'K':
			x.link = text;
			break;
		default:
			err = fill(r, &h, &x, &e);
			if (err > 0)
				*ret_entry = e;
			return err;
		}
	}
}

/* size - 1 octal digits and a NUL; what does not fit is cut above. */
static void octal(char *field, size_t size, uint64_t value)
{
	field[size - 1] = '\0';
	for (size_t i = size - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
}

static int add_block(struct strbuf *out, char type, struct span prefix, struct span name,
	size_t size, uint64_t mtime_s)
{
	struct header h = { .type = type, .magic = "ustar", .version = "00" };

	memcpy(h.name, name.at, name.len);
	if (prefix.len)
		memcpy(h.prefix, prefix.at, prefix.len);
	octal(h.mode, sizeof(h.mode), type == TAR_DIR ? 0700 : 0600);
	octal(h.uid, sizeof(h.uid), 0);
	octal(h.gid, sizeof(h.gid), 0);
	octal(h.size, sizeof(h.size), size);
	octal(h.mtime, sizeof(h.mtime), mtime_s);
	octal(h.sum, sizeof(h.sum) - 1, sum_of((const char *)&h));
	h.sum[7] = ' ';
	strbuf_add(out, &h, sizeof(h));
	return out->failed ? -ENOMEM : 0;
}

static void add_padding(struct strbuf *out, size_t size)
{
	static const char zero[TAR_BLOCK];

	strbuf_add(out, zero, tar_padding(size));
}

/* A pax header that gives the path of the member behind it. */
static int add_pax_path(struct strbuf *out, const char *path, size_t len, uint64_t mtime_s)
{
	static const struct span name = { "PaxHeaders/path", 15 }, none = { 0 };
	size_t rest = strlen(" path=\n") + len, digits = 1;

	for (size_t least = 10; rest + digits >= least; least *= 10)
		digits++;
	int err = add_block(out, 'x', none, name, rest + digits, mtime_s);

	strbuf_printf(out, "%zu path=", rest + digits);
	strbuf_add(out, path, len);
	strbuf_putc(out, '\n');
	add_padding(out, rest + digits);
	return err < 0 || out->failed ? -ENOMEM : 0;
}

int tar_header(
	struct strbuf *out, enum tar_type type, const char *path, size_t size, uint64_t mtime_s)
{
	size_t len = strlen(path), name_max = sizeof(((struct header *)0)->name);
	struct span prefix = { 0 }, name = { path, len };

	if (len == 0 || len > PATH_MAX)
		return -ENAMETOOLONG;
	if (len > name_max) {
		const char *slash = strchr(path + len - name_max - 1, '/');

		if (slash && slash > path && slash[1] &&
			(size_t)(slash - path) <= sizeof(((struct header *)0)->prefix)) {
			prefix = (struct span){ path, (size_t)(slash - path) };
			name = (struct span){ slash + 1, len - prefix.len - 1 };
		} else {
			if (add_pax_path(out, path, len, mtime_s) < 0)
				return -ENOMEM;
			name.len = name_max;
		}
	}
	return add_block(out, (char)type, prefix, name, size, mtime_s);
}
