/* SPDX-License-Identifier: MIT */
/*
 * The rules of the house: checks that are data (checks.d), and findings that are known and accepted
 * for a while (known.d). Made from the bytes of files; who may write them is the loader's affair
 * (cmd/house_args.h). docs/checks.md.
 */
#ifndef MURPHY_CHECK_HOUSE_H
#define MURPHY_CHECK_HOUSE_H

#include "check/rule.h"

enum {
	RULES_MAX = 128,
	KNOWN_MAX = 256,
	NOTICES_MAX = 64,
	HOUSE_FILES_MAX = 128,    /* in a directory */
	HOUSE_FILE_MAX = 1 << 16, /* bytes of one */
};

/* What is wrong with a file: it counts as a check that could not look. */
struct notice {
	const char *file;
	unsigned int line;         /* 0: the file as a whole */
	const char *section, *key; /* "" where there is none */
	const char *text;          /* "expected ..." */
};

/* A finding that is accepted until a day. */
struct known {
	const char *file;
	unsigned int line;
	const char *name;    /* of its section */
	const char *id;      /* of the check */
	const char *culprit; /* pattern of the culprit's name; NULL: any */
	const char *reason;
	const char *until;   /* "2027-01-31" */
	uint64_t until_ns;   /* wall clock at the end of that day, UTC */
	enum severity up_to; /* worse ones are told all the same */
};

struct house {
	struct arena arena; /* owns all below */
	struct rule *rule[RULES_MAX];
	const struct check *check[RULES_MAX]; /* of rule, for look */
	size_t n_rules;
	struct known known[KNOWN_MAX];
	size_t n_known;
	struct notice notice[NOTICES_MAX];
	size_t n_notices, lost_notices;
	bool cannot[TABLES]; /* tables that no rule may read, set before the first file */
};

/* Add what a file declares; what is wrong with it becomes notices. file is copied. */
void house_add_checks(struct house *h, const char *file, const char *buf, size_t len);
/* After all checks: an id must be one of a check, or of a rule. */
void house_add_known(struct house *h, const char *file, const char *buf, size_t len);

/* After the last file: orders notices, shares out the steps that rules may take in one look. */
void house_ready(struct house *h);

/* A file that may not be read or makes no sense. */
void house_wrong(struct house *h, const char *file, unsigned int line, const char *section,
	const char *key, const char *fmt, ...) PRINTF_LIKE(6, 7);

/* Drops everything; h is empty after it. */
void house_release(struct house *h);

/*
 * The page of a rule, as murphy explain prints it; h->arena.failed: not whole. NULL: no such rule.
 */
const char *house_page(struct house *h, const char *id);

/* Days are those of UTC. "2027-01-31" to the nanosecond at which that day ends; false: no day. */
bool day_end_ns(const char *text, uint64_t *ret_ns);

/*
 * The entry of known that accepts f on a machine whose wall clock is now_ns; NULL: none does. One
 * with a pattern accepts what is of one culprit, or of several of one kind that all match.
 */
const struct known *known_accepts(
	const struct known *known, size_t n, const struct finding *f, uint64_t now_ns);

#endif
