/* SPDX-License-Identifier: MIT */
/* A directory of its own for each test, gone after it. */
#ifndef MURPHY_TESTS_FOLDER_H
#define MURPHY_TESTS_FOLDER_H

#include "tests/unit/unit.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char top[] = "/tmp/murphy-test-XXXXXX";

static inline const char *below(const char *path)
{
	static char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s/%s", top, path);
	return full;
}

/* Write a file and the directories above it. */
static inline void put_bytes(const char *path, const char *bytes, size_t len)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s", below(path));
	for (char *p = full + strlen(top) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(full, 0700) < 0)
			assert_int_equal(errno, EEXIST);
		*p = '/';
	}
	FILE *f = fopen(full, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static inline void put(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

static inline int remove_one(
	const char *path, const struct stat *st UNUSED, int kind UNUSED, struct FTW *at UNUSED)
{
	return remove(path);
}

static inline int make_top(void **state UNUSED)
{
	memcpy(strrchr(top, '-'), "-XXXXXX", 7);
	return mkdtemp(top) ? 0 : -1;
}

static inline int drop_top(void **state UNUSED)
{
	return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
