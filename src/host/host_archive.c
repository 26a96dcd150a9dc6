/* SPDX-License-Identifier: MIT */
/*
 * A tar, perhaps inside zstd, held in memory with a sorted index. Nothing of it ever touches this
 * machine's disk, so its links and names can lead nowhere but to its own members.
 */
#include "host/host_private.h"

#include "base/mem.h"
#include "host/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#if defined(MURPHY_WITH_ZSTD)
#include <zstd.h>
#endif

enum {
	WHY_SIZE = 160,
	UNPACKED_MAX = 1 << 30,
	RATIO_FREE = 64 << 20, /* below this many bytes nobody asks how well it was compressed */
	RATIO_MAX = 500,       /* a capture compresses about 1:20 */
	LINKS_MAX = 40,        /* as the kernel's MAXSYMLINKS */
};

struct archive {
	struct strbuf bytes;
	struct arena names;
	struct tar_entry *entry; /* sorted by path */
	size_t n, size;
	char top[NAME_MAX + 2];
};

/* '/' sorts first, so that what is below a directory follows it at once. */
static int compare_paths(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	int ca = *a == '/' ? 1 : *a ? (unsigned char)*a + 1 : 0;
	int cb = *b == '/' ? 1 : *b ? (unsigned char)*b + 1 : 0;

	return ca - cb;
}

static int compare_entries(const void *a, const void *b)
{
	const struct tar_entry *ea = a, *eb = b;
	int order = compare_paths(ea->path, eb->path);

	/* Of members with the same path the last counts, as when they are unpacked. A member
	 * without bytes has its place among them all the same. */
	if (order == 0 && ea->bytes != eb->bytes)
		order = ea->bytes < eb->bytes ? -1 : 1;
	return order;
}

/* The first entry whose path is not below path. */
static size_t lower_bound(const struct archive *a, const char *path)
{
	size_t from = 0, to = a->n;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (compare_paths(a->entry[middle].path, path) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static const struct tar_entry *find(const struct archive *a, const char *path)
{
	size_t i = lower_bound(a, path);

	return i < a->n && strcmp(a->entry[i].path, path) == 0 ? &a->entry[i] : NULL;
}

/*
 * True when path is "" or something is below it, though no member may say that it is a directory.
 */
static bool is_above(const struct archive *a, const char *path)
{
	size_t len = strlen(path), i = lower_bound(a, path);

	if (len == 0)
		return true;
	if (i < a->n && strcmp(a->entry[i].path, path) == 0)
		i++;
	return i < a->n && strncmp(a->entry[i].path, path, len) == 0 &&
	       a->entry[i].path[len] == '/';
}

static int read_index(struct archive *a, char *why)
{
	struct tar_reader r = tar_reader_of(a->bytes.bytes, a->bytes.len, &a->names);
	struct tar_entry e;
	int more;

	while ((more = tar_next(&r, &e)) > 0) {
		if (e.path[0] == '\0')
			continue;
		if (a->n == a->size) {
			size_t want = a->size ? a->size * 2 : 256;
			struct tar_entry *entry = mem_resize(a->entry, want, sizeof(*entry));

			if (!entry)
				return -ENOMEM;
			a->entry = entry;
			a->size = want;
		}
		a->entry[a->n++] = e;
	}
	if (more < 0) {
		snprintf(why, WHY_SIZE, "%s", r.why ? r.why : "memory is out");
		return more;
	}
	if (a->n > 0)
		qsort(a->entry, a->n, sizeof(*a->entry), compare_entries);
	size_t kept = 0;

	for (size_t i = 0; i < a->n; i++) {
		if (i + 1 < a->n && strcmp(a->entry[i].path, a->entry[i + 1].path) == 0)
			continue;
		a->entry[kept++] = a->entry[i];
	}
	a->n = kept;
	return 0;
}

/* An archive of one directory, as murphy and sosreport make them; but proc/ alone is a root. */
static void find_top(struct archive *a)
{
	const char *first = a->n ? a->entry[0].path : "";
	const char *slash = strchr(first, '/');
	size_t len = slash ? (size_t)(slash - first) : strlen(first);

	if (len == 0 || len > NAME_MAX || (len == 4 && memcmp(first, "proc", 4) == 0))
		return;
	for (size_t i = 0; i < a->n; i++) {
		const char *path = a->entry[i].path;

		if (strncmp(path, first, len) != 0 || (path[len] && path[len] != '/'))
			return;
		if (path[len] == '\0' && a->entry[i].type != TAR_DIR)
			return;
	}
	memcpy(a->top, first, len);
	a->top[len] = '/';
}

const char *archive_top(const struct archive *a)
{
	return a->top;
}

/* The archive's bytes: of a file, or in memory. */
struct input {
	int fd; /* -1: in memory */
	struct cursor bytes;
};

/* Bytes read, 0 at the end, or -errno. */
static ssize_t read_some(struct input *in, char *buf, size_t size)
{
	ssize_t n;

	if (in->fd < 0) {
		size_t left = cursor_left(&in->bytes);

		size = size < left ? size : left;
		if (size)
			memcpy(buf, in->bytes.at, size);
		in->bytes.at += size;
		return (ssize_t)size;
	}
	do
		n = fault_now(FAULT_READ) ? (errno = EIO, -1) : read(in->fd, buf, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Its first bytes, which stay to be read. Their number or -errno. */
static ssize_t peek(const struct input *in, unsigned char *buf, size_t size)
{
	size_t left = cursor_left(&in->bytes);

	if (in->fd >= 0) {
		ssize_t n = pread(in->fd, buf, size, 0);

		return n < 0 ? -errno : n;
	}
	size = size < left ? size : left;
	if (size)
		memcpy(buf, in->bytes.at, size);
	return (ssize_t)size;
}

static int too_big(char *why)
{
	snprintf(why, WHY_SIZE, "it unpacks to more than %d MiB, or far more than a capture would",
		UNPACKED_MAX >> 20);
	return -EFBIG;
}

static int read_plain(struct input *in, struct strbuf *out, char *why)
{
	for (;;) {
		if (out->len > UNPACKED_MAX)
			return too_big(why);
		if (strbuf_reserve(out, 65536) < 0)
			return -ENOMEM;
		ssize_t n = read_some(in, out->bytes + out->len, 65536);

		if (n <= 0)
			return (int)n;
		out->len += (size_t)n;
	}
}

#if defined(MURPHY_WITH_ZSTD)
static void free_stream(ZSTD_DStream **z)
{
	ZSTD_freeDStream(*z);
}

/* Decompress what in holds. *ret_open: bytes of a frame are still to come. */
static int unpack_some(ZSTD_DStream *z, ZSTD_inBuffer *in, uint64_t read_bytes, struct strbuf *out,
	bool *ret_open, char *why)
{
	bool full = false;

	while (in->pos < in->size || full) {
		if (strbuf_reserve(out, ZSTD_DStreamOutSize()) < 0)
			return -ENOMEM;
		ZSTD_outBuffer to = { out->bytes + out->len, ZSTD_DStreamOutSize(), 0 };
		size_t left = ZSTD_decompressStream(z, &to, in);

		if (ZSTD_isError(left)) {
			snprintf(why, WHY_SIZE, "it is damaged: zstd: %s", ZSTD_getErrorName(left));
			return -EBADMSG;
		}
		out->len += to.pos;
		*ret_open = left > 0;
		full = to.pos == to.size;
		if (out->len > UNPACKED_MAX ||
			(out->len > RATIO_FREE && out->len / RATIO_MAX > read_bytes))
			return too_big(why);
		if (left == 0)
			full = false;
	}
	return 0;
}

static int read_zstd(struct input *input, struct strbuf *out, char *why)
{
	ZSTD_DStream *z __attribute__((cleanup(free_stream))) = ZSTD_createDStream();
	auto_free char *packed = mem_new(1, 65536);
	uint64_t read_bytes = 0;
	bool open = true;

	if (!z || !packed)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read_some(input, packed, 65536);

		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		ZSTD_inBuffer in = { packed, (size_t)n, 0 };

		read_bytes += (uint64_t)n;
		int err = unpack_some(z, &in, read_bytes, out, &open, why);

		if (err < 0)
			return err;
	}
	if (open) {
		snprintf(why, WHY_SIZE, "it is cut short");
		return -ENODATA;
	}
	return 0;
}
#else
static int read_zstd(struct input *in UNUSED, struct strbuf *out UNUSED, char *why)
{
	snprintf(why, WHY_SIZE,
		"it is compressed, and this murphy was built without libzstd: "
		"unpack it with tar --zstd -xf");
	return -EOPNOTSUPP;
}
#endif

/* What the first bytes say; the messages end a sentence that begins with the file's name. */
static int read_bytes(struct input *in, struct strbuf *out, char *why)
{
	unsigned char head[TAR_BLOCK] = { 0 };
	ssize_t n = peek(in, head, sizeof(head));

	if (n < 0)
		return (int)n;
	if (memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0)
		return read_zstd(in, out, why);
	if (n == sizeof(head) && memcmp(head + 257, "ustar", 5) == 0)
		return read_plain(in, out, why);
	if (memcmp(head, "\x1f\x8b", 2) == 0 ||
		memcmp(head,
			"\xfd"
			"7zXZ",
			5) == 0 ||
		memcmp(head, "BZh", 3) == 0) {
		snprintf(why, WHY_SIZE, "it is compressed with gzip, xz or bzip2: unpack it first");
		return -EINVAL;
	}
	snprintf(why, WHY_SIZE, "it is neither a directory nor an archive (.tar.zst or .tar)");
	return -EINVAL;
}

/* Read it and index what it holds. */
static int open_input(struct input *in, struct archive **ret_archive, char *why)
{
	struct archive *a = mem_new(1, sizeof(*a));
	int err = a ? read_bytes(in, &a->bytes, why) : -ENOMEM;

	if (err == 0)
		err = read_index(a, why);
	if (err < 0) {
		archive_free(a);
		return err;
	}
	find_top(a);
	*ret_archive = a;
	return 0;
}

int archive_open(const char *path, struct archive **ret_archive, char *why)
{
	auto_close fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode)) {
		snprintf(why, WHY_SIZE, "it is neither a directory nor a regular file");
		return -EINVAL;
	}
	struct input in = { .fd = fd };

	return open_input(&in, ret_archive, why);
}

int archive_open_bytes(const char *buf, size_t len, struct archive **ret_archive, char *why)
{
	struct input in = { .fd = -1, .bytes = cursor_of(buf, len) };

	return open_input(&in, ret_archive, why);
}

void archive_free(struct archive *a)
{
	if (!a)
		return;
	strbuf_release(&a->bytes);
	arena_release(&a->names);
	free(a->entry);
	free(a);
}

/*
 * Walking a path: done is where the walk has come to, links resolved; it never leaves root, which
 * is "" or ends in '/'.
 */
struct walk {
	char done[2 * PATH_MAX];
	size_t root_len, len;
};

static void walk_up(struct walk *w)
{
	while (w->len > w->root_len && w->done[w->len - 1] != '/')
		w->len--;
	if (w->len > w->root_len)
		w->len--; /* the '/' */
	w->done[w->len] = '\0';
}

static bool walk_down(struct walk *w, struct span piece)
{
	bool slash = w->len > w->root_len;

	if (w->len + slash + piece.len + 1 > sizeof(w->done))
		return false;
	if (slash)
		w->done[w->len++] = '/';
	memcpy(w->done + w->len, piece.at, piece.len);
	w->len += piece.len;
	w->done[w->len] = '\0';
	return true;
}

static const struct tar_entry *hard(const struct archive *a, const struct tar_entry *e)
{
	for (int i = 0; e && e->type == TAR_HARDLINK && i < LINKS_MAX; i++)
		e = find(a, e->link);
	return e;
}

/* The last piece of a path, which the walk does not follow when it wants the link itself. */
static int walk_path(const struct archive *a, struct walk *w, const char *path, bool follow)
{
	char rest[2 * PATH_MAX], again[2 * PATH_MAX];
	int links = 0;

	if ((size_t)snprintf(rest, sizeof(rest), "%s", path) >= sizeof(rest))
		return -ENAMETOOLONG;
	struct cursor c = cursor_of(rest, strlen(rest));

	while (!cursor_end(&c)) {
		struct span piece;
		bool last = !cursor_until(&c, '/', &piece);

		if (last) {
			piece = (struct span){ c.at, cursor_left(&c) };
			c.at = c.end;
		}
		if (piece.len == 0 || span_eq(piece, "."))
			continue;
		if (span_eq(piece, "..")) {
			walk_up(w);
			continue;
		}
		if (!walk_down(w, piece))
			return -ENAMETOOLONG;
		const struct tar_entry *e = find(a, w->done);

		if (!e || e->type != TAR_SYMLINK || (last && !follow))
			continue;
		if (links++ == LINKS_MAX)
			return -ELOOP;
		walk_up(w);
		if (e->link[0] == '/') {
			w->len = w->root_len;
			w->done[w->len] = '\0';
		}
		int n = snprintf(
			again, sizeof(again), "%s/%.*s", e->link, (int)cursor_left(&c), c.at);

		if (n < 0 || (size_t)n >= sizeof(again))
			return -ENAMETOOLONG;
		memcpy(rest, again, (size_t)n + 1);
		c = cursor_of(rest, (size_t)n);
	}
	return 0;
}

static int walk_from(
	const struct archive *a, struct walk *w, const char *root, const char *path, bool follow)
{
	w->len = w->root_len = strlen(root);
	if (w->len >= sizeof(w->done))
		return -ENAMETOOLONG;
	memcpy(w->done, root, w->len + 1);
	/* Nearly every path is that of a member. */
	if (strlen(path) + w->len < sizeof(w->done)) {
		memcpy(w->done + w->len, path, strlen(path) + 1);
		const struct tar_entry *e = find(a, w->done);

		if (e && (e->type == TAR_FILE || e->type == TAR_DIR || !follow)) {
			w->len += strlen(path);
			return 0;
		}
		w->done[w->len] = '\0';
	}
	return walk_path(a, w, path, follow);
}

int archive_file(
	const struct archive *a, const char *root, const char *path, struct span *ret_bytes)
{
	struct walk w;
	int err = walk_from(a, &w, root, path, true);

	if (err < 0)
		return err;
	const struct tar_entry *e = hard(a, find(a, w.done));

	if (e && e->type == TAR_FILE) {
		*ret_bytes = (struct span){ e->bytes, e->size };
		return 0;
	}
	if ((e && e->type == TAR_DIR) || is_above(a, w.done))
		return -EISDIR;
	return e ? -EINVAL : -ENOENT; /* a device, a FIFO */
}

int archive_list(const struct archive *a, const char *root, const char *path, struct strbuf *names)
{
	struct walk w;
	int err = walk_from(a, &w, root, path, true);

	if (err < 0)
		return err;
	/* A root ends in '/', and the directory may be the root itself. */
	if (w.len > 0 && w.done[w.len - 1] == '/')
		w.done[--w.len] = '\0';
	const struct tar_entry *e = find(a, w.done);

	if (e && e->type != TAR_DIR)
		return -ENOTDIR;
	if (!e && !is_above(a, w.done))
		return -ENOENT;
	size_t skip = w.len ? w.len + 1 : 0;
	const char *was = "";
	size_t was_len = 0;

	for (size_t i = lower_bound(a, w.done); i < a->n; i++) {
		const char *at = a->entry[i].path;

		if (strncmp(at, w.done, w.len) != 0 || (w.len && at[w.len] && at[w.len] != '/'))
			break;
		if (w.len && at[w.len] == '\0')
			continue;
		size_t len = strcspn(at + skip, "/");

		if (len == was_len && memcmp(at + skip, was, len) == 0)
			continue;
		was = at + skip;
		was_len = len;
		strbuf_add(names, was, len);
		strbuf_putc(names, '\0');
	}
	return names->failed ? -ENOMEM : 0;
}

int archive_link(
	const struct archive *a, const char *root, const char *path, struct span *ret_target)
{
	struct walk w;
	int err = walk_from(a, &w, root, path, false);

	if (err < 0)
		return err;
	const struct tar_entry *e = find(a, w.done);

	if (!e)
		return is_above(a, w.done) ? -EINVAL : -ENOENT;
	if (e->type != TAR_SYMLINK)
		return -EINVAL;
	*ret_target = (struct span){ e->link, strlen(e->link) };
	return 0;
}
