/* SPDX-License-Identifier: MIT */
#include "lab/guest_image.h"

#include "base/cursor.h"
#include "lab/child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* A program with its libraries is some MiB; no file of a guest is near this. */
enum { FILE_MAX = 512 << 20, LIBRARIES_MS = 20000 };

int image_open(struct image *im)
{
	int fd = memfd_create("murphy-guest", MFD_CLOEXEC);

	im->out = fd < 0 ? NULL : fdopen(fd, "w");
	if (im->out) {
		strbuf_putc(&im->have, '\n');
		return 0;
	}
	im->err = -errno;
	if (fd >= 0)
		close(fd);
	return im->err;
}

bool image_has(const struct image *im, const char *path)
{
	char line[PATH_MAX + 2];
	int len = snprintf(line, sizeof(line), "\n%s\n", path);

	return len < (int)sizeof(line) &&
	       memmem(strbuf_text(&im->have), im->have.len, line, (size_t)len);
}

static bool have(struct image *im, const char *path)
{
	if (image_has(im, path))
		return true;
	strbuf_printf(&im->have, "%s\n", path);
	return false;
}

static void pad(struct image *im, size_t len)
{
	static const char zero[4];

	fwrite(zero, 1, -len & 3, im->out);
}

/* Names in the archive have no slash before them. */
static void put(struct image *im, const char *path, unsigned mode, const void *bytes, size_t len)
{
	size_t name_len = strlen(path) + 1;
	unsigned links = S_ISDIR(mode) ? 2 : 1;

	fprintf(im->out, "070701%08" PRIX32 "%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X",
		++im->entries, mode, 0u, 0u, links, 0u, len, 0u, 0u, 0u, 0u, name_len, 0u);
	fwrite(path, 1, name_len, im->out);
	pad(im, 110 + name_len);
	if (bytes)
		fwrite(bytes, 1, len, im->out);
	pad(im, len);
	if (ferror(im->out) && !im->err)
		im->err = -EIO;
}

static void put_folders(struct image *im, const char *path)
{
	char folder[PATH_MAX];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
		if (!have(im, folder))
			put(im, folder + 1, S_IFDIR | 0755, NULL, 0);
	}
}

void image_bytes(struct image *im, const char *path, unsigned mode, const void *bytes, size_t len)
{
	if (have(im, path))
		return;
	put_folders(im, path);
	put(im, path + 1, S_IFREG | mode, bytes, len);
}

int image_file(struct image *im, const char *from, const char *path)
{
	auto_close fd = open(from, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return -EFBIG;
	if (st.st_size == 0) {
		image_bytes(im, path, st.st_mode & 0777, NULL, 0);
		return 0;
	}
	void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

	if (bytes == MAP_FAILED)
		return -errno;
	image_bytes(im, path, st.st_mode & 0777, bytes, (size_t)st.st_size);
	munmap(bytes, (size_t)st.st_size);
	return 0;
}

/* ldd: "libm.so.6 => /lib/libm.so.6 (0x7f...)", "/lib64/ld-linux.so.2 (0x7f...)". */
static int put_libraries(struct image *im, const char *from)
{
	const char *const argv[] = { "ldd", from, NULL };
	auto_strbuf text = { 0 };
	char path[PATH_MAX];
	int code = child_read(argv, LIBRARIES_MS, &text);
	struct cursor c = cursor_of(strbuf_text(&text), text.len), line;

	if (code == 127)
		return -ENOENT;
	while (cursor_line(&c, &line)) {
		struct span word;

		while (cursor_word(&line, &word)) {
			if (!span_starts(word, "/"))
				continue;
			span_copy(word, path, sizeof(path));
			int err = image_file(im, path, path);

			if (err < 0)
				return err;
		}
	}
	return 0;
}

int image_program(struct image *im, const char *from, const char *path)
{
	int err = image_file(im, from, path);

	return err < 0 ? err : put_libraries(im, from);
}

/* Is this the path of module name? The kernel takes - and _ for the same. */
static bool is_module(struct span path, const char *name)
{
	size_t at = path.len, len = strlen(name);

	while (at > 0 && path.at[at - 1] != '/')
		at--;
	if (path.len - at < len + 3 || memcmp(path.at + at + len, ".ko", 3) != 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		char a = path.at[at + i], b = name[i];

		if ((a == '-' ? '_' : a) != (b == '-' ? '_' : b))
			return false;
	}
	return true;
}

static int put_module(struct image *im, const char *folder, struct span path, struct strbuf *list)
{
	char from[PATH_MAX], to[PATH_MAX];

	snprintf(from, sizeof(from), "%s/%.*s", folder, (int)path.len, path.at);
	snprintf(to, sizeof(to), "/modules/%.*s", (int)path.len, path.at);
	struct stat st;
	/* Listed once, where it is first needed. */
	size_t entries = im->entries;
	int err = stat(from, &st) < 0 ? -errno : image_file(im, from, to);

	if (err == 0 && im->entries > entries)
		strbuf_printf(list, "%s\n", to);
	return err;
}

/* "a.ko: b.ko c.ko": c must be loaded before b, b before a (modules.dep(5)). */
static int put_with_needs(
	struct image *im, const char *folder, struct cursor line, struct strbuf *list)
{
	struct span path[64], self;
	size_t n = 0;

	if (!cursor_until(&line, ':', &self))
		return -EINVAL;
	while (n < ARRAY_SIZE(path) && cursor_word(&line, &path[n]))
		n++;
	while (n > 0) {
		int err = put_module(im, folder, path[--n], list);

		if (err < 0)
			return err;
	}
	return put_module(im, folder, self, list);
}

static int read_text(const char *folder, const char *name, struct strbuf *text)
{
	char path[PATH_MAX], buf[16384];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	auto_close fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : 0;

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		strbuf_add(text, buf, (size_t)n);
	return n < 0 ? -errno : text->failed ? -ENOMEM : 0;
}

int image_module(struct image *im, const char *folder, const char *name, struct strbuf *list)
{
	static const char *const files[] = { "modules.dep", "modules.builtin" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		auto_strbuf text = { 0 };
		int err = read_text(folder, files[i], &text);
		struct cursor c = cursor_of(strbuf_text(&text), text.len), line;

		if (err < 0)
			return err;
		while (cursor_line(&c, &line)) {
			struct cursor copy = line;
			struct span path = { line.at, cursor_left(&line) };

			if (i == 0 && !cursor_until(&copy, ':', &path))
				continue;
			if (is_module(path, name))
				return i == 0 ? put_with_needs(im, folder, line, list) : 0;
		}
	}
	return -ENOENT;
}

int image_close(struct image *im)
{
	int err = im->err ? im->err : im->have.failed ? -ENOMEM : 0;
	int fd = -1;

	if (im->out) {
		put(im, "TRAILER!!!", 0, NULL, 0);
		if (fflush(im->out) != 0 && !err)
			err = -EIO;
		if (!err)
			fd = fcntl(fileno(im->out), F_DUPFD_CLOEXEC, 3);
		if (!err && fd < 0)
			err = -errno;
		fclose(im->out);
	}
	strbuf_release(&im->have);
	*im = (struct image){ 0 };
	return err < 0 ? err : fd;
}
