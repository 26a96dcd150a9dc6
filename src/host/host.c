/* SPDX-License-Identifier: MIT */
#include "host/host_private.h"

#include "base/clock.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

int host_open_live(struct host **ret_host)
{
	struct host *h = mem_new(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->live = true;
	h->base_fd = -1;
	h->hung = mmap(NULL, HUNG_MAX * sizeof(*h->hung), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (h->hung == MAP_FAILED)
		h->hung = NULL;
	h->root_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC); /* -1: none is there */
	*ret_host = h;
	return 0;
}

void host_free(struct host *h)
{
	if (!h)
		return;
	if (h->root_fd >= 0)
		close(h->root_fd);
	if (h->base_fd >= 0)
		close(h->base_fd);
	space_children_end(h);
	if (h->hung)
		munmap(h->hung, HUNG_MAX * sizeof(*h->hung));
	archive_free(h->archive);
	notes_release(&h->errors);
	notes_release(&h->links);
	notes_release(&h->dirs);
	free(h);
}

bool host_is_live(const struct host *h)
{
	return h->live;
}

bool host_is_redacted(const struct host *h)
{
	return h->redacted;
}

unsigned int host_frames(const struct host *h)
{
	return h->n_frames;
}

int host_set_frame(struct host *h, unsigned int frame)
{
	if (h->live || frame == h->frame)
		return 0;
	if (frame >= h->n_frames)
		return -EINVAL;
	h->frame = frame;
	const char *bad;

	return root_enter(h, &bad);
}

uint64_t host_boottime_ns(const struct host *h)
{
	return h->live ? clock_ns(CLOCK_BOOTTIME) : h->clock[h->frame].boottime_ns;
}

uint64_t host_walltime_ns(const struct host *h)
{
	return h->live ? clock_ns(CLOCK_REALTIME) : h->clock[h->frame].walltime_ns;
}

long host_page_size(const struct host *h)
{
	return h->live ? sysconf(_SC_PAGESIZE) : h->clock[h->frame].page_size;
}

long host_ticks_per_s(const struct host *h)
{
	return h->live ? sysconf(_SC_CLK_TCK) : h->clock[h->frame].ticks_per_s;
}

uint64_t host_tick_ns(const struct host *h)
{
	struct timespec ts;

	/* This clock is written once a tick. */
	if (!h->live || clock_getres(CLOCK_MONOTONIC_COARSE, &ts) < 0 || ts.tv_sec != 0)
		return 0;
	return (uint64_t)ts.tv_nsec;
}

void host_set_tap(struct host *h, host_tap_fn *tap, void *arg)
{
	h->tap = tap;
	h->tap_arg = arg;
}

bool host_tapped(const struct host *h)
{
	return h->tap != NULL;
}

void host_show(struct host *h, char kind, const char *path, int err, const char *bytes, size_t len)
{
	if (h->tap)
		h->tap(h->tap_arg, kind, path, err, bytes, len);
}

/* The errno that a capture keeps for path: it was denied there, so it is denied here. */
static int noted_error(const struct host *h, const char *path)
{
	const struct note *note = notes_find(&h->errors, path);

	if (!note)
		return 0;
	for (int err = 1; err < 134; err++) {
		const char *name = strerrorname_np(err);

		if (name && strcmp(name, note->value.at) == 0)
			return -err;
	}
	return -EIO;
}

static int open_below(const struct host *h, const char *path, int flags)
{
	if (h->live)
		return live_open(h, path, flags);
	int err = noted_error(h, path);

	return err < 0 ? err : tree_open(h->root_fd, path, flags);
}

static int file_in_archive(struct host *h, const char *path, struct span *ret_bytes)
{
	int err = noted_error(h, path);

	return err < 0 ? err : archive_file(h->archive, h->prefix, path, ret_bytes);
}

static ssize_t read_once(int fd, char *buf, size_t size)
{
	ssize_t n;

	do {
		n = fault_now(FAULT_READ) ? (errno = EIO, -1) : read(fd, buf, size);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t read_whole(int fd, char *buf, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n =
			fault_now(FAULT_READ) ? (errno = EIO, -1) : read(fd, buf + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* one: what one read(2) gives is all. */
static ssize_t read_file(struct host *h, const char *path, char *buf, size_t size, bool one)
{
	ssize_t n;

	if (h->archive) {
		struct span bytes;

		n = file_in_archive(h, path, &bytes);
		if (n == 0) {
			n = (ssize_t)(bytes.len < size ? bytes.len : size);
			memcpy(buf, bytes.at, (size_t)n);
		}
	} else {
		auto_close fd = open_below(h, path, O_RDONLY);

		n = fd < 0 ? fd : one ? read_once(fd, buf, size) : read_whole(fd, buf, size);
	}
	host_show(h, 'f', path, n < 0 ? (int)n : 0, buf, n < 0 ? 0 : (size_t)n);
	return n;
}

ssize_t host_read(struct host *h, const char *path, char *buf, size_t size)
{
	return read_file(h, path, buf, size, false);
}

ssize_t host_read_record(struct host *h, const char *path, char *buf, size_t size)
{
	return read_file(h, path, buf, size, h->live);
}

int host_get(struct host *h, const char *path, size_t limit, struct strbuf *text)
{
	if (h->archive) {
		struct span bytes;
		int err = file_in_archive(h, path, &bytes);

		if (err < 0)
			return err;
		strbuf_add(text, bytes.at, bytes.len < limit ? bytes.len : limit);
		return text->failed ? -ENOMEM : 0;
	}
	auto_close fd = open_below(h, path, O_RDONLY);
	size_t got = 0;

	if (fd < 0)
		return fd;
	while (got < limit) {
		size_t want = limit - got < 65536 ? limit - got : 65536;

		if (strbuf_reserve(text, want) < 0)
			return -ENOMEM;
		ssize_t n = read_whole(fd, text->bytes + text->len, want);

		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		got += (size_t)n;
		text->len += (size_t)n;
		text->bytes[text->len] = '\0';
	}
	return 0;
}

int host_read_all(struct host *h, const char *path, size_t limit, struct strbuf *ret_text)
{
	strbuf_clear(ret_text);
	int err = host_get(h, path, limit, ret_text);

	if (err < 0)
		strbuf_clear(ret_text);
	host_show(h, 'f', path, err, ret_text->bytes, ret_text->len);
	return err;
}

/* From limit bytes before its end; text is empty. */
static int get_end(struct host *h, const char *path, size_t limit, struct strbuf *text, bool *cut)
{
	struct span bytes;
	struct stat st;

	if (h->archive) {
		int err = file_in_archive(h, path, &bytes);

		if (err < 0)
			return err;
		*cut = bytes.len > limit;
		strbuf_add(
			text, bytes.at + (*cut ? bytes.len - limit : 0), *cut ? limit : bytes.len);
		return text->failed ? -ENOMEM : 0;
	}
	auto_close fd = open_below(h, path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st) < 0)
		return fd < 0 ? fd : -errno;
	*cut = S_ISREG(st.st_mode) && st.st_size > (off_t)limit;
	if (*cut && lseek(fd, st.st_size - (off_t)limit, SEEK_SET) < 0)
		return -errno;
	if (strbuf_reserve(text, limit) < 0)
		return -ENOMEM;
	ssize_t n = read_whole(fd, text->bytes, limit);

	if (n < 0)
		return (int)n;
	text->len = (size_t)n;
	text->bytes[n] = '\0';
	return 0;
}

int host_read_end(
	struct host *h, const char *path, size_t limit, struct strbuf *ret_text, bool *ret_cut)
{
	bool cut = false;

	strbuf_clear(ret_text);
	int err = get_end(h, path, limit, ret_text, &cut);

	if (err < 0)
		strbuf_clear(ret_text);
	else if (ret_cut)
		*ret_cut = cut;
	host_show(h, 'f', path, err, ret_text->bytes, ret_text->len);
	return err;
}

static int list_dir(struct host *h, const char *path, struct strbuf *names)
{
	int fd = open_below(h, path, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int err = fd < 0 ? fd : dir ? 0 : -errno;

	if (fd >= 0 && !dir)
		close(fd);
	errno = 0;
	for (struct dirent *d; dir && (d = readdir(dir)); errno = 0) {
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			strbuf_add(names, d->d_name, strlen(d->d_name) + 1);
	}
	if (dir && errno)
		err = -errno;
	if (dir)
		closedir(dir);
	return names->failed ? -ENOMEM : err;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The same machine gives the same answer, whatever disk its tree lies on. */
static int sort_names(struct strbuf *names)
{
	auto_strbuf sorted = { 0 };
	size_t n = 0;

	for (const char *s = NULL; (s = host_next_name(names, s));)
		n++;
	auto_free const char **name = mem_new(n, sizeof(*name));

	if (!name)
		return -ENOMEM;
	n = 0;
	for (const char *s = NULL; (s = host_next_name(names, s));)
		name[n++] = s;
	qsort(name, n, sizeof(*name), compare_names);
	for (size_t i = 0; i < n; i++)
		strbuf_add(&sorted, name[i], strlen(name[i]) + 1);
	if (sorted.failed)
		return -ENOMEM;
	struct strbuf swap = *names;

	*names = sorted;
	sorted = swap;
	return 0;
}

static int get_list(struct host *h, const char *path, struct strbuf *names)
{
	const struct note *note = h->live ? NULL : notes_find(&h->dirs, path);

	if (note) {
		strbuf_add(names, note->value.at, note->value.len);
		return names->failed ? -ENOMEM : 0;
	}
	if (h->archive) {
		int err = noted_error(h, path);

		return err < 0 ? err : archive_list(h->archive, h->prefix, path, names);
	}
	int err = list_dir(h, path, names);

	return err < 0 || h->live ? err : sort_names(names);
}

int host_list(struct host *h, const char *path, struct strbuf *ret_names)
{
	strbuf_clear(ret_names);
	int err = get_list(h, path, ret_names);

	if (err < 0)
		strbuf_clear(ret_names);
	host_show(h, 'd', path, err, ret_names->bytes, ret_names->len);
	return err;
}

bool host_may_have_dirs(const struct host *h, const char *path)
{
	struct stat st;

	return !h->live || live_stat(h, path, &st) < 0 || st.st_nlink != 2;
}

const char *host_next_name(const struct strbuf *names, const char *name)
{
	const char *next = name ? name + strlen(name) + 1 : names->bytes;

	return next && next < names->bytes + names->len ? next : NULL;
}

/* Bytes of the target, cut at size; not yet NUL-terminated. */
static ssize_t get_link(struct host *h, const char *path, char *buf, size_t size)
{
	const struct note *note = h->live ? NULL : notes_find(&h->links, path);
	struct span target = { 0 };

	if (note) {
		target = (struct span){ note->value.at, note->value.len ? note->value.len - 1 : 0 };
	} else if (h->archive) {
		int err = noted_error(h, path);

		if (err == 0)
			err = archive_link(h->archive, h->prefix, path, &target);
		if (err < 0)
			return err;
	} else if (h->live) {
		return live_link(h, path, buf, size);
	} else {
		auto_close fd = open_below(h, path, O_PATH | O_NOFOLLOW);
		ssize_t n = fd < 0 ? fd : readlinkat(fd, "", buf, size);

		return fd >= 0 && n < 0 ? -errno : n;
	}
	size_t n = target.len < size ? target.len : size;

	if (n)
		memcpy(buf, target.at, n);
	return (ssize_t)n;
}

ssize_t host_link(struct host *h, const char *path, char *buf, size_t size)
{
	ssize_t n = get_link(h, path, buf, size - 1);

	if (n >= 0)
		buf[n] = '\0';
	host_show(h, 'l', path, n < 0 ? (int)n : 0, buf, n < 0 ? 0 : (size_t)n);
	return n;
}

static int count_fds(struct host *h, const char *path, uint64_t *ret_n)
{
	auto_strbuf names = { 0 };
	uint64_t n = 0;

	if (h->live) {
		struct stat st;
		int err = live_stat(h, path, &st);

		if (err < 0)
			return err;
		*ret_n = (uint64_t)st.st_size;
		if (st.st_size > 0) /* since 6.2; fs/proc/fd.c, proc_fd_getattr() */
			return 0;
	}
	int err = get_list(h, path, &names);

	if (err < 0)
		return err;
	for (const char *s = NULL; (s = host_next_name(&names, s));)
		n++;
	*ret_n = n;
	return 0;
}

int host_fd_count(struct host *h, uint64_t pid, uint64_t *ret_n)
{
	char dir[64], path[64], text[32];
	uint64_t n = 0;
	int err = -ENOENT, len;

	snprintf(dir, sizeof(dir), "proc/%llu/fd", (unsigned long long)pid);
	snprintf(path, sizeof(path), "proc/%llu/fd.count", (unsigned long long)pid);
	if (!h->live) {
		auto_strbuf count = { 0 };

		err = host_get(h, path, sizeof(text), &count);
		struct cursor c = cursor_of(count.bytes, count.len);

		if (err == 0 && !cursor_u64(&c, &n))
			err = -EINVAL;
	}
	if (err == -ENOENT)
		err = count_fds(h, dir, &n);
	len = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)n);
	host_show(h, 'f', path, err, text, err < 0 ? 0 : (size_t)len);
	if (err == 0)
		*ret_n = n;
	return err;
}
