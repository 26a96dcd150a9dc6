/* SPDX-License-Identifier: MIT */
#include "host/own_files.h"

#include "base/attr.h"
#include "base/mem.h"
#include "host/own_trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

static int read_file(int fd, size_t max, struct strbuf *text)
{
	for (;;) {
		if (strbuf_reserve(text, 4097) < 0)
			return -ENOMEM;
		ssize_t n = fault_now(FAULT_READ) ? -1 : read(fd, text->bytes + text->len, 4096);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno ? -errno : -EIO;
		if (n == 0)
			return 0;
		text->len += (size_t)n;
		text->bytes[text->len] = '\0';
		if (text->len > max)
			return -EFBIG;
	}
}

/* To open a device may do something: what it is is asked first. */
static int open_regular(int dir, const char *name, struct strbuf *why)
{
	struct stat st;
	int fd = -1;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode)) {
		strbuf_puts(why, "not read: expected a regular file");
		return -1;
	}
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	if (fd < 0)
		strbuf_puts(why, strerror(errno));
	return fd;
}

struct folder {
	int fd;
	const char *dir;
	size_t file_max;
	own_file_fn *each;
	void *arg;
};

/* A link leads to a file of whose directories the same is asked as of the link's. */
static int follow(const char *path, struct strbuf *why)
{
	auto_free char *real = realpath(path, NULL);
	char *slash = real ? strrchr(real, '/') : NULL;

	if (!slash) {
		strbuf_printf(why, "a link that leads nowhere: %s", strerror(errno));
		return -1;
	}
	*slash = '\0';
	auto_close dir = open(*real ? real : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		strbuf_puts(why, strerror(errno));
	else if (own_trusted(dir, S_IFDIR, why) && own_trusted_above(dir, real, why))
		return open_regular(dir, slash + 1, why);
	return -1;
}

static int read_one(const struct folder *f, const char *name)
{
	auto_strbuf path = { 0 }, text = { 0 }, why = { 0 };
	struct stat st;
	int err = 0;

	strbuf_printf(&path, "%s/%s", f->dir, name);
	bool link = fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
	auto_close fd = link ? follow(strbuf_text(&path), &why) : open_regular(f->fd, name, &why);

	if (fd >= 0 && own_trusted(fd, S_IFREG, &why))
		err = read_file(fd, f->file_max, &text);
	if (err == -EFBIG)
		strbuf_printf(&why, "not read: longer than %zu KiB", f->file_max / 1024);
	else if (err < 0)
		strbuf_puts(&why, strerror(-err));
	if (err == -ENOMEM || path.failed || why.failed)
		return -ENOMEM;
	if (why.len > 0)
		f->each(f->arg, strbuf_text(&path), strbuf_text(&why), NULL, 0);
	else
		f->each(f->arg, strbuf_text(&path), NULL, strbuf_text(&text), text.len);
	return 0;
}

/* Names that end in .conf; hidden ones are editors'. */
static int is_conf(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return d->d_name[0] != '.' && len > 5 && strcmp(d->d_name + len - 5, ".conf") == 0;
}

/* In the order of bytes, whatever the locale. */
static int compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int own_files_read(const char *dir, size_t files_max, size_t file_max, own_file_fn *each, void *arg)
{
	auto_close fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	struct folder f = { .fd = fd, .dir = dir, .file_max = file_max, .each = each, .arg = arg };
	struct dirent **list = NULL;
	struct stat st;
	auto_strbuf why = { 0 };

	if (fd < 0 && errno == ENOENT && fstatat(AT_FDCWD, dir, &st, AT_SYMLINK_NOFOLLOW) == 0)
		strbuf_puts(&why, "a link that leads nowhere");
	else if (fd < 0 && errno == ENOTDIR)
		strbuf_puts(&why, "not read: expected a directory");
	else if (fd < 0)
		return -errno;
	if (why.len > 0 || !own_trusted(fd, S_IFDIR, &why) || !own_trusted_above(fd, dir, &why)) {
		each(arg, dir, strbuf_text(&why), NULL, 0);
		return why.failed ? -ENOMEM : 0;
	}
	int n = scandirat(fd, ".", &list, is_conf, compare), err = 0;

	if (n < 0)
		return -errno;
	for (size_t i = 0; i < (size_t)n; i++) {
		if (i < files_max)
			err = err < 0 ? err : read_one(&f, list[i]->d_name);
		else if (i == files_max)
			each(arg, dir, "there are more files than it reads", NULL, 0);
		free(list[i]);
	}
	free(list);
	return err;
}
