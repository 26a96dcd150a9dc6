/* SPDX-License-Identifier: MIT */
/* Another machine: which form of one it is, its frames and their clocks. docs/capture.md */
#include "host/host_private.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { WHY_SIZE = 160 };

static bool has_dir(struct host *h, const char *path)
{
	auto_strbuf names = { 0 };

	if (h->archive)
		return archive_list(h->archive, h->prefix, path, &names) == 0;
	auto_close fd = tree_open(h->root_fd, path, O_RDONLY | O_DIRECTORY);

	return fd >= 0;
}

static bool has_file(struct host *h, const char *path)
{
	struct span bytes;

	if (h->archive)
		return archive_file(h->archive, h->prefix, path, &bytes) == 0;
	auto_close fd = tree_open(h->root_fd, path, O_RDONLY);

	return fd >= 0;
}

/* What is told of a frame besides its files. On failure *ret_bad is the file. */
static int load_notes(struct host *h, const char **ret_bad)
{
	const struct {
		const char *path;
		struct notes *notes;
	} all[] = { { "errors", &h->errors }, { "links", &h->links }, { "dirs", &h->dirs } };
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all) && err == 0; i++) {
		*ret_bad = all[i].path;
		err = notes_load(h, all[i].path, all[i].notes);
	}
	return err;
}

int root_enter(struct host *h, const char **ret_bad)
{
	char dir[16] = ".";

	if (h->frame_dirs)
		snprintf(dir, sizeof(dir), "%u", h->frame);
	if (h->archive) {
		h->prefix[h->base_prefix] = '\0';
		if (h->frame_dirs)
			snprintf(h->prefix + h->base_prefix, sizeof(h->prefix) - h->base_prefix,
				"%u/", h->frame);
	} else {
		int fd = tree_open(h->base_fd, dir, O_RDONLY | O_DIRECTORY);

		*ret_bad = ".";
		if (fd < 0)
			return fd;
		if (h->root_fd >= 0)
			close(h->root_fd);
		h->root_fd = fd;
	}
	return h->capture ? load_notes(h, ret_bad) : 0;
}

static uint64_t number_after(const struct strbuf *text, const char *key)
{
	const char *at = text->bytes ? strstr(text->bytes, key) : NULL;
	uint64_t value;

	if (!at)
		return 0;
	at += strlen(key);
	struct cursor c = cursor_of(at, strlen(at));

	return cursor_u64(&c, &value) ? value : 0;
}

/* sosreport runs uptime(1): " 12:01:00 up 3 days,  2:05,  1 user", or "up 5 min". */
static uint64_t uptime_of_text(const struct strbuf *text)
{
	const char *up = text->bytes ? strstr(text->bytes, " up ") : NULL;
	uint64_t days = 0, hours = 0, minutes = 0;

	if (!up)
		return 0;
	struct cursor c = cursor_of(up + 4, strlen(up + 4)), t = c;

	if (cursor_u64(&t, &days) && cursor_lit(&t, " day")) {
		cursor_lit(&t, "s");
		cursor_lit(&t, ",");
		c = t;
	} else {
		days = 0;
	}
	t = c;
	if (cursor_u64(&t, &minutes) && cursor_lit(&t, ":")) {
		hours = minutes;
		cursor_u64(&t, &minutes);
	} else if (!cursor_lit(&t, " min")) {
		minutes = 0;
	}
	if (days > 100000 || hours > 23 || minutes > 59)
		return 0;
	return ((days * 24 + hours) * 60 + minutes) * 60000000000u;
}

/* A frame that murphy did not capture: proc/uptime, to 10 ms, and btime of proc/stat. */
static void clock_of_proc(struct host *h, struct host_clock *clock)
{
	auto_strbuf text = { 0 };
	struct cursor c;
	double seconds;

	*clock = (struct host_clock){ .page_size = 4096, .ticks_per_s = 100 };
	if (host_get(h, "proc/uptime", 4096, &text) < 0) {
		if (host_get(h, "sos_commands/host/uptime", 4096, &text) < 0)
			return;
		clock->boottime_ns = uptime_of_text(&text);
	} else {
		c = cursor_of(strbuf_text(&text), text.len);
		if (!cursor_f64(&c, &seconds) || seconds < 0 || seconds > 1e9)
			return;
		clock->boottime_ns = (uint64_t)(seconds * 100 + 0.5) * 10000000u;
	}
	strbuf_clear(&text);
	/* intr may be long, and btime comes after it. */
	if (host_get(h, "proc/stat", 4 << 20, &text) < 0)
		return;
	uint64_t btime = number_after(&text, "\nbtime ");

	if (btime > 0 && btime < UINT64_MAX / 2000000000u)
		clock->walltime_ns = btime * 1000000000u + clock->boottime_ns;
}

/* A line "FRAME boottime_ns walltime_ns page_size ticks_per_s" of the file "clock". */
static bool read_clock_line(struct cursor *line, unsigned int *ret_frame, struct host_clock *ret)
{
	uint64_t frame, page_size, ticks;
	struct host_clock clock;

	if (!cursor_u64(line, &frame) || !cursor_u64(line, &clock.boottime_ns) ||
		!cursor_u64(line, &clock.walltime_ns) || !cursor_u64(line, &page_size) ||
		!cursor_u64(line, &ticks))
		return false;
	if (frame >= HOST_FRAMES_MAX || page_size == 0 || page_size > 1 << 24 || ticks == 0 ||
		ticks > 1000000)
		return false;
	clock.page_size = (long)page_size;
	clock.ticks_per_s = (long)ticks;
	*ret_frame = (unsigned int)frame;
	*ret = clock;
	return true;
}

static int read_clock(struct host *h, char *why)
{
	auto_strbuf text = { 0 };
	struct cursor c, line;
	int err = host_get(h, "clock", 65536, &text);

	if (err < 0 || !text.bytes)
		return 0; /* made by hand: clock_of_proc() has spoken */
	c = cursor_of(text.bytes, text.len);
	while (cursor_line(&c, &line)) {
		struct host_clock clock;
		unsigned int frame;

		if (cursor_end(&line) || *line.at == '#')
			continue;
		if (!read_clock_line(&line, &frame, &clock)) {
			snprintf(why, WHY_SIZE, "its file \"clock\" makes no sense");
			return -EBADMSG;
		}
		h->clock[frame] = clock;
	}
	return 0;
}

/* Which form it is; h->root_fd or h->prefix is its top. */
static int detect(struct host *h, char *why)
{
	h->frame_dirs = has_dir(h, "0");
	h->capture = has_file(h, "murphy-capture") || has_file(h, "clock") || h->frame_dirs;
	h->n_frames = 1;
	if (h->frame_dirs) {
		char dir[16];

		for (; h->n_frames < HOST_FRAMES_MAX; h->n_frames++) {
			snprintf(dir, sizeof(dir), "%u", h->n_frames);
			if (!has_dir(h, dir))
				break;
		}
		return 0;
	}
	if (h->capture || has_dir(h, "proc"))
		return 0;
	snprintf(why, WHY_SIZE,
		"it is neither a capture of murphy (clock, 0/), nor an unpacked sosreport, nor a "
		"directory with proc/");
	return -EINVAL;
}

static int check_manifest(struct host *h, char *why)
{
	auto_strbuf text = { 0 };

	if (host_get(h, "murphy-capture", 65536, &text) < 0)
		return 0;
	uint64_t format = number_after(&text, "format\t");

	h->redacted = text.bytes && strstr(text.bytes, "redacted\tyes");

	if (format == 1)
		return 0;
	snprintf(why, WHY_SIZE, "it is a capture of format %llu; this murphy reads format 1",
		(unsigned long long)format);
	return -EPROTO;
}

static int open_top(struct host *h, const char *path, char *why)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return archive_open(path, &h->archive, why);
	h->base_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (h->base_fd < 0)
		return -errno;
	h->root_fd = dup(h->base_fd);
	return h->root_fd < 0 ? -errno : 0;
}

/* All frames are entered once, so that damage shows now. Ends in the first. */
static int enter_frames(struct host *h, char *why)
{
	bool told[HOST_FRAMES_MAX];
	const char *bad = ".";
	int err = read_clock(h, why);

	for (unsigned int i = 0; i < h->n_frames; i++)
		told[i] = h->clock[i].page_size > 0;
	for (unsigned int left = h->n_frames; err == 0 && left > 0; left--) {
		h->frame = left - 1;
		err = root_enter(h, &bad);
		if (err < 0)
			snprintf(why, WHY_SIZE, "frame %u: %s: %s", h->frame, bad,
				err == -EINVAL ? "it is no regular file" : strerror(-err));
		if (err == 0 && !told[h->frame])
			clock_of_proc(h, &h->clock[h->frame]);
	}
	return err;
}

/* The top is open: what is it? */
static int understand(struct host *h, char *why)
{
	if (h->archive) {
		snprintf(h->prefix, sizeof(h->prefix), "%s", archive_top(h->archive));
		h->base_prefix = strlen(h->prefix);
	}
	int err = detect(h, why);

	if (err == 0)
		err = check_manifest(h, why);
	return err < 0 ? err : enter_frames(h, why);
}

static struct host *new_root(void)
{
	struct host *h = mem_new(1, sizeof(*h));

	if (h)
		h->root_fd = h->base_fd = -1;
	return h;
}

/* Give h out, or say why not. */
static int conclude(struct host *h, int err, const char *what, struct host **ret_host, char *why)
{
	if (err < 0) {
		snprintf(why, WHY_SIZE, "%s", what[0] ? what : strerror(-err));
		host_free(h);
		return err;
	}
	*ret_host = h;
	return 0;
}

int host_open_root(const char *path, struct host **ret_host, char *why)
{
	struct host *h = new_root();
	char what[WHY_SIZE] = "";
	int err = h ? open_top(h, path, what) : -ENOMEM;

	if (err == 0)
		err = understand(h, what);
	return conclude(h, err, what, ret_host, why);
}

int host_open_bytes(const char *buf, size_t len, struct host **ret_host, char *why)
{
	struct host *h = new_root();
	char what[WHY_SIZE] = "";
	int err = h ? archive_open_bytes(buf, len, &h->archive, what) : -ENOMEM;

	if (err == 0)
		err = understand(h, what);
	return conclude(h, err, what, ret_host, why);
}
