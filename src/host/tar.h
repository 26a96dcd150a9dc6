/* SPDX-License-Identifier: MIT */
/*
 * The tar format, POSIX.1-2017 (ustar and pax) and GNU's long names, in memory. Written by hand
 * because libarchive would cost each start of murphy 2 ms and 3.4 MiB, and bring a dozen libraries
 * and formats to what strangers send (docs/capture.md).
 */
#ifndef MURPHY_HOST_TAR_H
#define MURPHY_HOST_TAR_H

#include "base/arena.h"
#include "base/strbuf.h"

#include <stddef.h>
#include <stdint.h>

enum { TAR_BLOCK = 512 };

enum tar_type {
	TAR_FILE = '0',
	TAR_HARDLINK = '1',
	TAR_SYMLINK = '2',
	TAR_DIR = '5',
	TAR_OTHER = '?', /* a device, a FIFO: it has no bytes */
};

struct tar_entry {
	enum tar_type type;
	const char *path; /* relative, no "." or "..", no '/' at either end; owned by names */
	const char *link; /* as stored; owned by names */
	const char *bytes;
	size_t size;
};

struct tar_reader {
	const char *buf;
	size_t len, at;
	struct arena *names;
	const char *why; /* static: what is wrong */
};

static inline struct tar_reader tar_reader_of(const char *buf, size_t len, struct arena *names)
{
	return (struct tar_reader){ .buf = buf, .len = len, .names = names };
}

/*
 * The next member. 1, 0 at the end mark, or with r->why set: -ENODATA the archive is cut short,
 * -EBADMSG it is damaged or hostile (checksum, size, a path that leads outside), -ENOMEM.
 * Pure: the fuzzer calls it directly.
 */
int tar_next(struct tar_reader *r, struct tar_entry *ret_entry);

/*
 * Append what comes before the bytes of a file (or a directory, size 0): a header block, and two
 * more for a path that is too long for it. 0, -ENAMETOOLONG, -ENOMEM.
 */
int tar_header(
	struct strbuf *out, enum tar_type type, const char *path, size_t size, uint64_t mtime_s);

/* Bytes of padding after size bytes. */
static inline size_t tar_padding(size_t size)
{
	return (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
}

#endif
