/* SPDX-License-Identifier: MIT */
/*
 * The guest's first root file system: a cpio archive in memory (Linux:
 * Documentation/driver-api/early-userspace/buffer-format.rst), so that nothing is left behind
 * however we end.
 */
#ifndef MURPHY_LAB_GUEST_IMAGE_H
#define MURPHY_LAB_GUEST_IMAGE_H

#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Zero-initialised, then image_open(). What fails is remembered: check once, at image_close(). */
struct image {
	FILE *out;
	struct strbuf have; /* "\n/path\n/path\n": what lies in it */
	uint32_t entries;
	int err;
};

int image_open(struct image *im);

/* Does it hold that path? */
bool image_has(const struct image *im, const char *path);

/* A file of these bytes, with the folders that it lies in. One that is there already stays. */
void image_bytes(struct image *im, const char *path, unsigned mode, const void *bytes, size_t len);

/* A copy of a file of this machine. 0; -errno when it cannot be read: then nothing was added. */
int image_file(struct image *im, const char *from, const char *path);

/* The same for a program or library, with the libraries that it needs at their own paths. */
int image_program(struct image *im, const char *from, const char *path);

/*
 * The kernel module of that name and what it needs, from a folder /lib/modules/RELEASE with its
 * modules.dep. A line each, in the order of loading, is added to list. 0; -ENOENT: there is none,
 * nor is it built in.
 */
int image_module(struct image *im, const char *folder, const char *name, struct strbuf *list);

/* End the archive. The descriptor of a file without a name, or the first -errno; frees im. */
int image_close(struct image *im);

#endif
