/* SPDX-License-Identifier: MIT */
/*
 * What murphy said, held against what a lab is. Pure: from the text of `murphy --json` before and
 * during the lab, and the lab's line "ready", to a verdict.
 */
#ifndef MURPHY_LAB_JUDGE_H
#define MURPHY_LAB_JUDGE_H

#include "lab/lab.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	SEEN_MAX = 64,
	SEEN_CULPRITS = 8,
	ANNOUNCED_MAX = 8,
	SOURCES_MAX = 96,
};

struct named {
	bool victim; /* of what a lab announces: not a culprit */
	char kind[16];
	char name[160];
	int64_t pid; /* 0: none */
};

/* One finding of murphy's answer. */
struct seen {
	char id[48];
	char under[48]; /* id of the finding that explains it, "" */
	int severity;   /* 0 info, 1 warning, 2 critical */
	bool past;      /* murphy says that it was over before this lab was there */
	size_t n, n_victims;
	struct named culprit[SEEN_CULPRITS], victim[SEEN_CULPRITS];
};

/* Who read a table. */
struct seen_source {
	char table[32], method[32];
};

/* A check that could not look. */
struct blind {
	char id[48];
	bool late; /* what it needs was not read in time: the whole machine may have stood still */
	bool not_built; /* it needs a library that this murphy was built without */
	char why[128];
};

struct answer {
	bool whole; /* its summary, the last line, was there */
	size_t n, n_sources, n_blind;
	struct blind blind[SEEN_MAX];
	struct seen seen[SEEN_MAX];
	struct seen_source source[SOURCES_MAX];
};

enum outcome {
	OUTCOME_PASSED,
	OUTCOME_MISSED,  /* the wanted finding is not there, not first, or names somebody else */
	OUTCOME_ALARM,   /* a finding that is not true */
	OUTCOME_SKIPPED, /* the lab cannot run here */
	OUTCOME_BROKEN,  /* the lab or murphy failed */
};

struct judged {
	enum outcome outcome;
	char first[48]; /* the first new finding, "" */
	char why[320];
};

/* Parse JSON lines. Lines of kinds that it does not know are skipped; 0 or -EINVAL. */
int answer_parse(const char *json, size_t len, struct answer *ret_answer);

/* The check of that id, when it could not look; else NULL. */
const struct blind *answer_blind(const struct answer *a, const char *id);

/* The first check that could look before and cannot after; NULL: none. */
const struct blind *answer_blinded(const struct answer *before, const struct answer *after);

/*
 * "culprit process 12 nginx | cgroup 0 /a b | victim process 3 c": how many were read into ret, at
 * most max.
 */
size_t announced_parse(const char *text, struct named *ret, size_t max);

/* before may hold what the machine already had; announced is the rest of the line "ready". */
struct judged judge_lab(const struct lab *lab, const char *announced, const struct answer *before,
	const struct answer *after);

/* Whether all that after holds was there before. */
bool judge_nothing_new(const struct answer *before, const struct answer *after);

/*
 * One line of `murphy why --json`, held against the rest of a lab's line "why": PID STATE NAMES.
 * True when the leading state is STATE (or one of "A|B"), its shares add up to all the time, and
 * NAMES occurs in the verdict; else ret_why, of size bytes, says what is wrong.
 */
bool judge_why(const char *json, size_t len, const char *announced, char *ret_why, size_t size);

const char *outcome_name(enum outcome o);

/* Outcomes, counted. */
struct tally {
	size_t n, passed, skipped;
};

void tally_add(struct tally *t, enum outcome o);

/* "N passed, N failed, N skipped". */
void tally_print(const struct tally *t);

/* The exit code: 0 when all that could run passed, LAB_SKIPPED when none could, else 1. */
int tally_code(const struct tally *t);

#endif
