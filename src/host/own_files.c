/* SPDX-License-Identifier: MIT */
#include "host/own_files.h"

#include "base/attr.h"
#include "base/mem.h"
#include "base/strbuf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

/* Why fd is not to be trusted, into ret_why; true: it is. */
static bool trusted(int fd, mode_t kind, struct strbuf *ret_why)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		strbuf_puts(ret_why, strerror(errno));
	else if ((st.st_mode & S_IFMT) != kind)
		strbuf_puts(ret_why, kind == S_IFDIR ? "no directory" : "no regular file");
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		strbuf_printf(ret_why,
			"not read: it belongs to user %u, and only what belongs to root or to who "
			"runs murphy (user %u) is trusted",
			(unsigned int)st.st_uid, (unsigned int)geteuid());
	else if (st.st_mode & S_IWOTH)
		strbuf_puts(ret_why, "not read: everybody may write to it (chmod o-w)");
	else if ((st.st_mode & S_IWGRP) && st.st_gid != 0 && geteuid() == 0)
		strbuf_printf(ret_why,
			"not read: group %u may write to it, and murphy runs as root (chmod g-w)",
			(unsigned int)st.st_gid);
	else
		return true;
	return false;
}

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

struct folder {
	int fd;
	const char *dir;
	size_t file_max;
	own_file_fn *each;
	void *arg;
};

static int read_one(const struct folder *f, const char *name)
{
	auto_close fd = openat(f->fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	auto_strbuf path = { 0 }, text = { 0 }, why = { 0 };
	int err = 0;

	strbuf_printf(&path, "%s/%s", f->dir, name);
	if (fd < 0)
		strbuf_puts(&why, strerror(errno));
	else if (trusted(fd, S_IFREG, &why))
		err = read_file(fd, f->file_max, &text);
	if (err == -EFBIG)
		strbuf_printf(&why, "longer than %zu KiB", f->file_max / 1024);
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
	auto_strbuf why = { 0 };

	if (fd < 0)
		return -errno;
	if (!trusted(fd, S_IFDIR, &why)) {
		each(arg, dir, strbuf_text(&why), NULL, 0);
		return 0;
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
