/* SPDX-License-Identifier: MIT */
#include "store/sink.h"

#include "base/attr.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#if defined(MURPHY_WITH_ZSTD)
#include <zstd.h>
#endif

enum { WHY_SIZE = 160, LEVEL = 3, BUFFER = 131072 };

struct sink {
	int fd, dir_fd, err;
	bool force, to_stdout;
	char dir[PATH_MAX], name[NAME_MAX + 1];
	char temporary[NAME_MAX + 1]; /* "": the file has no name yet */
	char *buf;
	size_t len;
#if defined(MURPHY_WITH_ZSTD)
	ZSTD_CCtx *zstd;
#endif
};

static void sink_free(struct sink *s)
{
	if (s->fd >= 0 && !s->to_stdout)
		close(s->fd);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
#if defined(MURPHY_WITH_ZSTD)
	ZSTD_freeCCtx(s->zstd);
#endif
	free(s->buf);
	free(s);
}

static int write_all(struct sink *s, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = fault_now(FAULT_WRITE) ? (errno = EIO, -1) : write(s->fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static int flush_buf(struct sink *s)
{
	int err = write_all(s, s->buf, s->len);

	s->len = 0;
	return err;
}

#if defined(MURPHY_WITH_ZSTD)
static int pack(struct sink *s, const void *bytes, size_t len, bool end)
{
	ZSTD_inBuffer in = { bytes, len, 0 };

	for (;;) {
		ZSTD_outBuffer out = { s->buf, BUFFER, s->len };
		size_t left = ZSTD_compressStream2(
			s->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);

		if (ZSTD_isError(left))
			return -ENOMEM;
		s->len = out.pos;
		if (s->len == BUFFER) {
			int err = flush_buf(s);

			if (err < 0)
				return err;
			continue;
		}
		if (end ? left == 0 : in.pos == in.size)
			return 0;
	}
}

static int pack_begin(struct sink *s)
{
	s->zstd = ZSTD_createCCtx();
	if (!s->zstd)
		return -ENOMEM;
	ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_checksumFlag, 1);
	return 0;
}
#else
static int pack(struct sink *s, const void *bytes, size_t len, bool end)
{
	const char *at = bytes;

	(void)end;
	while (len > 0) {
		size_t room = BUFFER - s->len, n = len < room ? len : room;

		memcpy(s->buf + s->len, at, n);
		s->len += n;
		at += n;
		len -= n;
		int err = s->len == BUFFER ? flush_buf(s) : 0;

		if (err < 0)
			return err;
	}
	return 0;
}

static int pack_begin(struct sink *s)
{
	(void)s;
	return 0;
}
#endif

static int split_path(struct sink *s, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t dir_len = slash ? (size_t)(slash - path) : 0;

	if (!*name || strlen(name) >= sizeof(s->name) || dir_len >= sizeof(s->dir))
		return -EINVAL;
	snprintf(s->name, sizeof(s->name), "%s", name);
	if (!slash)
		snprintf(s->dir, sizeof(s->dir), ".");
	else
		snprintf(s->dir, sizeof(s->dir), "%.*s", dir_len ? (int)dir_len : 1, path);
	return 0;
}

/*
 * A file that has no name until it is whole: killed, murphy leaves nothing behind. To give it one
 * takes /proc, which a rescue shell or a chroot may lack.
 */
static int open_temporary(struct sink *s, bool named)
{
	named |= access("/proc/self/fd", F_OK) < 0;
	s->fd = named ? -1 : openat(s->dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (s->fd >= 0)
		return 0;
	if (!named && errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)
		return -errno;
	for (int i = 0; i < 100; i++) {
		snprintf(s->temporary, sizeof(s->temporary), ".murphy-%d-%d", (int)getpid(), i);
		s->fd = openat(s->dir_fd, s->temporary,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (s->fd >= 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	s->temporary[0] = '\0';
	return -errno;
}

static int open_file(struct sink *s, const char *path, bool named, char *why)
{
	struct stat st;
	int err = split_path(s, path);

	if (err < 0) {
		snprintf(why, WHY_SIZE, "it is no name for a file");
		return err;
	}
	s->dir_fd = open(s->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return -errno;
	if (fstatat(s->dir_fd, s->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (!S_ISREG(st.st_mode)) {
			snprintf(why, WHY_SIZE, "it is there and no regular file; - is stdout");
			return -EINVAL;
		}
		if (!s->force) {
			snprintf(why, WHY_SIZE, "it is there already; --force replaces it");
			return -EEXIST;
		}
	}
	return open_temporary(s, named);
}

static int open_stdout(struct sink *s, char *why)
{
	if (isatty(STDOUT_FILENO)) {
		snprintf(why, WHY_SIZE, "a terminal cannot show it: name a file, or use a pipe");
		return -EINVAL;
	}
	s->to_stdout = true;
	s->fd = STDOUT_FILENO;
	return 0;
}

int sink_new(const char *path, bool force, bool named, struct sink **ret_sink, char *why)
{
	struct sink *s = mem_new(1, sizeof(*s));
	char what[WHY_SIZE] = "";
	int err = -ENOMEM;

	if (s) {
		s->fd = s->dir_fd = -1;
		s->force = force;
		s->buf = mem_new(1, BUFFER);
		err = s->buf ? pack_begin(s) : -ENOMEM;
		if (err == 0)
			err = strcmp(path, "-") == 0 ? open_stdout(s, what)
						     : open_file(s, path, named, what);
	}
	if (err < 0) {
		snprintf(why, WHY_SIZE, "%s", what[0] ? what : strerror(-err));
		if (s)
			sink_free(s);
		return err;
	}
	*ret_sink = s;
	return 0;
}

int sink_write(struct sink *s, const void *bytes, size_t len)
{
	if (s->err == 0 && len > 0)
		s->err = pack(s, bytes, len, false);
	return s->err;
}

int sink_error(const struct sink *s)
{
	return s->err;
}

/* Under its final name, which must not be there yet. */
static int link_new(struct sink *s)
{
	char self[64];

	if (s->temporary[0]) {
		/* FAT has no hard links; some network file systems have only those. */
		if (renameat2(s->dir_fd, s->temporary, s->dir_fd, s->name, RENAME_NOREPLACE) == 0) {
			s->temporary[0] = '\0';
			return 0;
		}
		if (errno != EINVAL && errno != ENOSYS)
			return -errno;
		return linkat(s->dir_fd, s->temporary, s->dir_fd, s->name, 0) < 0 ? -errno : 0;
	}
	snprintf(self, sizeof(self), "/proc/self/fd/%d", s->fd);
	return linkat(AT_FDCWD, self, s->dir_fd, s->name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

static void forget_temporary(struct sink *s)
{
	if (s->temporary[0])
		unlinkat(s->dir_fd, s->temporary, 0);
	s->temporary[0] = '\0';
}

/* rename() replaces, so a file without a name needs one of its own first. */
static int replace(struct sink *s)
{
	char name[sizeof(s->name)];

	if (!s->temporary[0]) {
		memcpy(name, s->name, sizeof(name));
		snprintf(s->name, sizeof(s->name), ".murphy-%d", (int)getpid());
		int err = link_new(s);

		if (err == 0)
			memcpy(s->temporary, s->name, sizeof(s->temporary));
		memcpy(s->name, name, sizeof(s->name));
		if (err < 0)
			return err;
	}
	if (renameat(s->dir_fd, s->temporary, s->dir_fd, s->name) < 0)
		return -errno;
	s->temporary[0] = '\0';
	return 0;
}

static int give_name(struct sink *s)
{
	if (fsync(s->fd) < 0)
		return -errno;
	int err = link_new(s);

	if (err == -EEXIST && s->force)
		err = replace(s);
	forget_temporary(s);
	if (err < 0)
		return err;
	/* The name is on disk only when its directory is. Some file systems cannot. */
	auto_close dir = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0)
		fsync(dir);
	return 0;
}

int sink_finish(struct sink *s)
{
	if (s->err == 0)
		s->err = pack(s, "", 0, true);
	if (s->err == 0)
		s->err = flush_buf(s);
	if (s->err == 0 && !s->to_stdout)
		s->err = give_name(s);
	int err = s->err;

	sink_abort(s);
	return err;
}

void sink_abort(struct sink *s)
{
	if (!s)
		return;
	forget_temporary(s);
	sink_free(s);
}
