/* SPDX-License-Identifier: MIT */
/* The pages of docs/findings, embedded at build time by tools/embed-docs.py. */
#ifndef MURPHY_CMD_EXPLAIN_H
#define MURPHY_CMD_EXPLAIN_H

#include <stddef.h>

struct page {
	const char *id, *text;
};

extern const struct page pages[];
extern const size_t n_pages;

#endif
