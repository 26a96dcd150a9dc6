/* SPDX-License-Identifier: MIT */
#include "host/host.h"

#include "base/mem.h"
#include "host/door.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>

struct host {
	bool live;
	int root_fd;
	host_tap_fn *tap;
	void *tap_arg;
};

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int host_open_live(struct host **ret_host)
{
	struct host *h = mem_new(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->live = true;
	h->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (h->root_fd < 0) {
		int err = -errno;

		free(h);
		return err;
	}
	*ret_host = h;
	return 0;
}

void host_free(struct host *h)
{
	if (!h)
		return;
	close(h->root_fd);
	free(h);
}

bool host_is_live(const struct host *h)
{
	return h->live;
}

unsigned int host_frames(const struct host *h)
{
	return h->live ? 0 : 1;
}

void host_set_frame(struct host *h UNUSED, unsigned int frame UNUSED)
{
}

uint64_t host_boottime_ns(const struct host *h UNUSED)
{
	return clock_ns(CLOCK_BOOTTIME);
}

uint64_t host_walltime_ns(const struct host *h UNUSED)
{
	return clock_ns(CLOCK_REALTIME);
}

long host_page_size(const struct host *h UNUSED)
{
	return sysconf(_SC_PAGESIZE);
}

long host_ticks_per_s(const struct host *h UNUSED)
{
	return sysconf(_SC_CLK_TCK);
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

static int open_below(const struct host *h, const char *path, int flags)
{
	int fd;

	if (h->live) {
		fd = openat(h->root_fd, path, flags | O_CLOEXEC);
	} else {
		struct open_how how = { .flags = (uint64_t)flags | O_CLOEXEC,
			.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

		fd = (int)syscall(SYS_openat2, h->root_fd, path, &how, sizeof(how));
	}
	return fd < 0 ? -errno : fd;
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

ssize_t host_read(struct host *h, const char *path, char *buf, size_t size)
{
	auto_close fd = open_below(h, path, O_RDONLY);
	ssize_t n = fd < 0 ? fd : read_whole(fd, buf, size);

	host_show(h, 'f', path, n < 0 ? (int)n : 0, buf, n < 0 ? 0 : (size_t)n);
	return n;
}

int host_read_all(struct host *h, const char *path, size_t limit, struct strbuf *ret_text)
{
	auto_close fd = open_below(h, path, O_RDONLY);
	int err = fd < 0 ? fd : 0;

	strbuf_clear(ret_text);
	while (err == 0 && ret_text->len < limit) {
		size_t want = limit - ret_text->len < 65536 ? limit - ret_text->len : 65536;

		if (strbuf_reserve(ret_text, want) < 0) {
			err = -ENOMEM;
			break;
		}
		ssize_t n = read_whole(fd, ret_text->bytes + ret_text->len, want);

		if (n < 0)
			err = (int)n;
		if (n <= 0)
			break;
		ret_text->len += (size_t)n;
		ret_text->bytes[ret_text->len] = '\0';
	}
	if (err < 0)
		strbuf_clear(ret_text);
	host_show(h, 'f', path, err, ret_text->bytes, ret_text->len);
	return err;
}

int host_list(struct host *h, const char *path, struct strbuf *ret_names)
{
	int fd = open_below(h, path, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int err = fd < 0 ? fd : dir ? 0 : -errno;

	strbuf_clear(ret_names);
	if (fd >= 0 && !dir)
		close(fd);
	errno = 0;
	for (struct dirent *d; dir && (d = readdir(dir)); errno = 0) {
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			strbuf_add(ret_names, d->d_name, strlen(d->d_name) + 1);
	}
	if (dir && errno)
		err = -errno;
	if (dir)
		closedir(dir);
	if (ret_names->failed)
		err = -ENOMEM;
	host_show(h, 'd', path, err, ret_names->bytes, ret_names->len);
	return err;
}

const char *host_next_name(const struct strbuf *names, const char *name)
{
	const char *next = name ? name + strlen(name) + 1 : names->bytes;

	return next && next < names->bytes + names->len ? next : NULL;
}

ssize_t host_link(struct host *h, const char *path, char *buf, size_t size)
{
	auto_close fd = open_below(h, path, O_PATH | O_NOFOLLOW);
	ssize_t n = fd < 0 ? fd : readlinkat(fd, "", buf, size - 1);

	if (fd >= 0 && n < 0)
		n = -errno;
	if (n >= 0)
		buf[n] = '\0';
	host_show(h, 'l', path, n < 0 ? (int)n : 0, buf, n < 0 ? 0 : (size_t)n);
	return n;
}

int host_fd_count(struct host *h, uint64_t pid, uint64_t *ret_n)
{
	char path[64], text[32];
	struct stat st;
	uint64_t n = 0;

	snprintf(path, sizeof(path), "proc/%llu/fd", (unsigned long long)pid);
	auto_close fd = open_below(h, path, O_RDONLY | O_DIRECTORY);
	int err = fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : 0;

	if (err == 0 && st.st_size > 0) {
		n = (uint64_t)st.st_size;
	} else if (err == 0) {
		auto_strbuf names = { 0 };

		err = host_list(h, path, &names);
		for (const char *s = NULL; (s = host_next_name(&names, s));)
			n++;
	}
	snprintf(path, sizeof(path), "proc/%llu/fd.count", (unsigned long long)pid);
	int len = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)n);

	host_show(h, 'f', path, err, text, err < 0 ? 0 : (size_t)len);
	if (err == 0)
		*ret_n = n;
	return err;
}

int host_statfs(struct host *h UNUSED, const char *target, struct host_space *ret_space)
{
	struct statfs s;

	if (statfs(target, &s) < 0)
		return -errno;
	uint64_t unit = (uint64_t)(s.f_frsize ? s.f_frsize : s.f_bsize);

	*ret_space = (struct host_space){ .size_bytes = (uint64_t)s.f_blocks * unit,
		.free_bytes = (uint64_t)s.f_bfree * unit,
		.available_bytes = (uint64_t)s.f_bavail * unit,
		.inodes = (uint64_t)s.f_files,
		.free_inodes = (uint64_t)s.f_ffree };
	return 0;
}
