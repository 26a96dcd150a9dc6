/* SPDX-License-Identifier: MIT */
#include "store/capture.h"

#include "base/mem.h"
#include "base/version.h"
#include "host/tar.h"
#include "store/redact.h"
#include "store/sink.h"
#include "table/tsv.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { FORMAT = 1, WHY_SIZE = 160 };

struct capture {
	struct sink *sink;
	struct redact *redact; /* NULL: bytes as they are */
	int err;
	char top[64]; /* the directory that all of it is in */
	uint64_t now_s;
	bool in_frame;
	unsigned int frame, n_frames;
	struct strbuf clock, errors, links, dirs, tables; /* the last four of the frame */
	uint64_t *seen; /* open-addressed set of what the frame holds */
	size_t n_seen, seen_slots;
};

/* "/tmp/db7.tar.zst" unpacks to db7/. What is no plain name, or means something else, does not. */
static void choose_top(struct capture *c, const char *path)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t len = strspn(name, plain);

	if (len == 0 || len >= sizeof(c->top) || *name == '-' || (name[len] && name[len] != '.') ||
		(len == 4 && strncmp(name, "proc", 4) == 0)) {
		name = "murphy-capture";
		len = strlen(name);
	}
	memcpy(c->top, name, len);
}

int capture_new(const struct capture_options *o, struct capture **ret_capture, char *why)
{
	struct capture *c = mem_new(1, sizeof(*c));
	int err = -ENOMEM;

	if (!c) {
		snprintf(why, WHY_SIZE, "memory is out");
		return -ENOMEM;
	}
	c->now_s = (uint64_t)time(NULL);
	choose_top(c, o->path);
	err = o->redact ? redact_new(&c->redact) : 0;
	if (err < 0)
		snprintf(why, WHY_SIZE, "no random key: %s", strerror(-err));
	else
		err = sink_new(o->path, o->force, o->named, &c->sink, why);
	if (err < 0) {
		capture_abort(c);
		return err;
	}
	strbuf_puts(&c->clock, "# frame\tboottime_ns\twalltime_ns\tpage_size\tticks_per_s\n");
	*ret_capture = c;
	return 0;
}

void capture_abort(struct capture *c)
{
	if (!c)
		return;
	sink_abort(c->sink);
	redact_free(c->redact);
	strbuf_release(&c->clock);
	strbuf_release(&c->errors);
	strbuf_release(&c->links);
	strbuf_release(&c->dirs);
	strbuf_release(&c->tables);
	free(c->seen);
	free(c);
}

int capture_error(const struct capture *c)
{
	return c->err;
}

static void fail(struct capture *c, int err)
{
	if (c->err == 0 && err < 0)
		c->err = err;
}

/* frame < 0: beside the frames. */
static void add_member(
	struct capture *c, int frame, const char *path, const char *bytes, size_t len)
{
	static const char zero[TAR_BLOCK];
	auto_strbuf full = { 0 }, header = { 0 };

	if (c->err < 0)
		return;
	strbuf_printf(&full, "%s/", c->top);
	if (frame >= 0)
		strbuf_printf(&full, "%d/", frame);
	strbuf_puts(&full, path);
	if (full.failed) {
		fail(c, -ENOMEM);
		return;
	}
	int err = tar_header(&header, TAR_FILE, full.bytes, len, c->now_s);

	/* A path that no tar can name is one that no file system can either. */
	if (err == -ENAMETOOLONG)
		return;
	fail(c, err);
	if (err == 0)
		fail(c, sink_write(c->sink, header.bytes, header.len));
	fail(c, sink_write(c->sink, bytes, len));
	fail(c, sink_write(c->sink, zero, tar_padding(len)));
}

static void add_text(struct capture *c, int frame, const char *path, struct strbuf *text)
{
	if (text->failed)
		fail(c, -ENOMEM);
	else if (text->len > 0)
		add_member(c, frame, path, text->bytes, text->len);
	strbuf_clear(text);
}

static void end_frame(struct capture *c)
{
	if (!c->in_frame)
		return;
	add_text(c, (int)c->frame, "errors", &c->errors);
	add_text(c, (int)c->frame, "links", &c->links);
	add_text(c, (int)c->frame, "dirs", &c->dirs);
	add_text(c, (int)c->frame, "tables", &c->tables);
	c->in_frame = false;
}

void capture_frame(struct capture *c, unsigned int index)
{
	end_frame(c);
	c->in_frame = true;
	c->frame = index;
	if (index + 1 > c->n_frames)
		c->n_frames = index + 1;
	if (c->n_seen > 0)
		memset(c->seen, 0, c->seen_slots * sizeof(*c->seen));
	c->n_seen = 0;
}

void capture_clock(struct capture *c, uint64_t boottime_ns, uint64_t walltime_ns, long page_size,
	long ticks_per_s)
{
	strbuf_printf(&c->clock, "%u\t%" PRIu64 "\t%" PRIu64 "\t%ld\t%ld\n", c->frame, boottime_ns,
		walltime_ns, page_size, ticks_per_s);
}

static bool grow_seen(struct capture *c)
{
	if (c->seen_slots > c->n_seen * 2 + 1)
		return true;
	size_t slots = c->seen_slots ? c->seen_slots * 2 : 1024;
	uint64_t *seen = mem_new(slots, sizeof(*seen));

	if (!seen)
		return false;
	for (size_t i = 0; i < c->seen_slots; i++) {
		size_t at = c->seen[i] & (slots - 1);

		while (c->seen[i] && seen[at])
			at = (at + 1) & (slots - 1);
		if (c->seen[i])
			seen[at] = c->seen[i];
	}
	free(c->seen);
	c->seen = seen;
	c->seen_slots = slots;
	return true;
}

/* True the first time in this frame. */
static bool is_new(struct capture *c, char kind, const char *path)
{
	uint64_t hash = (14695981039346656037u ^ (unsigned char)kind) * 1099511628211u;

	for (; *path; path++)
		hash = (hash ^ (unsigned char)*path) * 1099511628211u;
	hash ^= hash >> 29;
	if (hash == 0)
		hash = 1;
	if (!grow_seen(c)) {
		fail(c, -ENOMEM);
		return false;
	}
	size_t at = hash & (c->seen_slots - 1);

	for (; c->seen[at]; at = (at + 1) & (c->seen_slots - 1)) {
		if (c->seen[at] == hash)
			return false;
	}
	c->seen[at] = hash;
	c->n_seen++;
	return true;
}

/* A path that is plain and relative: whatever a source asks for, the archive unpacks below top. */
static bool is_inside(const char *path)
{
	if (*path == '/' || *path == '\0')
		return false;
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 0 || (len == 1 && path[0] == '.') ||
			(len == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += len;
		if (*path == '/' && *++path == '\0')
			return false;
	}
	return true;
}

static void note_error(struct capture *c, char kind, const char *path, int err)
{
	const char *name = strerrorname_np(-err);

	/* What is not in an archive is -ENOENT by itself, and so is the kind of what is there. */
	if (err == -ENOENT || (kind == 'l' && err == -EINVAL) || (kind == 'd' && err == -ENOTDIR) ||
		(kind == 'f' && err == -EISDIR))
		return;
	tsv_put(&c->errors, path, strlen(path));
	strbuf_printf(&c->errors, "\t%s\n", name ? name : "EIO");
}

static void note_names(struct capture *c, const char *path, const char *bytes, size_t len)
{
	tsv_put(&c->dirs, path, strlen(path));
	for (size_t at = 0; at < len; at += strnlen(bytes + at, len - at) + 1) {
		strbuf_putc(&c->dirs, '\t');
		tsv_put(&c->dirs, bytes + at, strnlen(bytes + at, len - at));
	}
	strbuf_putc(&c->dirs, '\n');
}

void capture_tap(void *arg, char kind, const char *path, int err, const char *bytes, size_t len)
{
	struct capture *c = arg;

	if (c->err < 0 || c->redact || !c->in_frame || !is_inside(path) || !is_new(c, kind, path))
		return;
	/* An answer may be cut short by an error: what came is worth more. */
	if (err < 0 && len == 0) {
		note_error(c, kind, path, err);
	} else if (kind == 'f') {
		add_member(c, (int)c->frame, path, bytes, len);
	} else if (kind == 'd') {
		note_names(c, path, bytes, len);
	} else if (kind == 'l') {
		tsv_put(&c->links, path, strlen(path));
		strbuf_putc(&c->links, '\t');
		tsv_put(&c->links, bytes, len);
		strbuf_putc(&c->links, '\n');
	}
}

void capture_table(struct capture *c, const struct table *t, bool as_rows)
{
	struct table *redacted = NULL;
	char path[128];

	if (!t || c->err < 0)
		return;
	if (c->redact) {
		redacted = redact_table(c->redact, t);
		if (!redacted) {
			fail(c, -ENOMEM);
			return;
		}
		t = redacted;
	}
	table_write_note(t, &c->tables);
	if (as_rows || redacted) {
		auto_strbuf text = { 0 };

		table_write_tsv(t, &text);
		snprintf(path, sizeof(path), "rows/%s.tsv", t->schema->name);
		add_text(c, (int)c->frame, path, &text);
	}
	table_unref(redacted);
}

static void add_manifest(struct capture *c)
{
	auto_strbuf text = { 0 };
	time_t now = (time_t)c->now_s;
	char date[32] = "";
	struct tm tm;

	if (gmtime_r(&now, &tm))
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	strbuf_printf(&text, "format\t%d\nmurphy\t%s\ndate\t%s\nframes\t%u\nredacted\t%s\n", FORMAT,
		murphy_version, date, c->n_frames, c->redact ? "yes" : "no");
	add_text(c, -1, "murphy-capture", &text);
}

int capture_finish(struct capture *c)
{
	static const char zero[2 * TAR_BLOCK];

	end_frame(c);
	add_text(c, -1, "clock", &c->clock);
	add_manifest(c);
	if (c->err == 0)
		fail(c, sink_write(c->sink, zero, sizeof(zero)));
	int err = c->err;

	if (err == 0) {
		err = sink_finish(c->sink);
		c->sink = NULL;
	}
	capture_abort(c);
	return err;
}
