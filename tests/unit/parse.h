/* SPDX-License-Identifier: MIT */
/* Feed a parser from a string or from a file of its corpus. Parsers never see a NUL at the end. */
#ifndef MURPHY_TESTS_PARSE_H
#define MURPHY_TESTS_PARSE_H

#include "table/table.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

typedef int parse_fn(const char *buf, size_t len, struct table *t);

/* Exactly len bytes on the heap, so that ASan sees a read behind them. */
static inline int parse_exact(const char *text, size_t len, parse_fn *parse, struct table *t)
{
	char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	int err = parse(copy, len, t);

	free(copy);
	return err;
}

static inline int parse_text(const char *text, parse_fn *parse, struct table *t)
{
	return parse_exact(text, strlen(text), parse, t);
}

/* name below fuzz/corpus; MURPHY_SOURCE_ROOT comes from meson. */
static inline int parse_corpus(const char *name, parse_fn *parse, struct table *t)
{
	static char buf[1 << 20];
	char path[512];

	snprintf(path, sizeof(path), "%s/fuzz/corpus/%s", MURPHY_SOURCE_ROOT, name);
	auto_close fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));

	if (n < 0) {
		fail_msg("%s: %s", path, strerror(errno));
		return -errno; /* for the compiler: fail_msg() does not return */
	}
	return parse_exact(buf, (size_t)n, parse, t);
}

#endif
