/* SPDX-License-Identifier: MIT */
/* A section of a file of the house while it is read: what checks.d and known.d have in common. */
#ifndef MURPHY_CHECK_SECTION_H
#define MURPHY_CHECK_SECTION_H

#include "base/strbuf.h"
#include "check/conf.h"
#include "check/house.h"

enum {
	SECTION_KEYS = 16,
	SECTION_TEXT_MAX = 4096, /* bytes of a value that is one line to people */
};

struct section {
	struct house *house;
	const char *file;
	const char *const *keys; /* their names; the last may be given until n_values are taken */
	int n_keys, n_values;
	/* of the section at hand */
	char name[64];
	unsigned int line, key_line[SECTION_KEYS];
	struct strbuf text[SECTION_KEYS];
	int at; /* key of the line before; -1: one that is dropped */
	bool open, broken;
	bool lost; /* a line was refused: what seems to be missing may have stood there */
};

/* Something is wrong with a line of it: a notice, and the section is broken. */
void section_wrong(struct section *s, unsigned int line, const char *key, const char *what);

const char *section_key(const struct section *s, int key);

/* Begin one / take a line, as conf_reader's section and value do. */
void section_begin(struct section *s, unsigned int line, const char *name);
void section_take(struct section *s, unsigned int line, const char *key, const char *value,
	enum conf_part part);

/* conf_reader's wrong; arg is a struct section. */
void section_wrong_line(void *arg, unsigned int line, const char *what);

/* All its lines are there: a key without any value is refused and dropped. */
void section_whole(struct section *s);

/* Make it ready for the next one. */
void section_end(struct section *s);

/* A value as one line, in the house's arena; NULL: not given, or too long, which is told. */
const char *section_one_line(struct section *s, int key);

#endif
