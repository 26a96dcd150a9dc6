/* SPDX-License-Identifier: MIT */
/* What one look found: made by look/, shown by render/. */
#ifndef MURPHY_CHECK_REPORT_H
#define MURPHY_CHECK_REPORT_H

#include "check/house.h"

struct check_result {
	const struct check *check;
	enum verdict verdict; /* never ASK */
	enum state state;     /* of UNKNOWN: why it could not look */
	const char *why;
};

/* What a look found. Valid until the next look of the same struct look. */
struct report {
	const struct model *model; /* ->now and ->was: its frames */
	/* Ranked; what a finding explains follows it and has it as parent. */
	struct finding *const *finding;
	size_t n_findings, lost_findings;
	/* Accepted by the house (f->known), ranked: counted and never told as wrong. */
	struct finding *const *known;
	size_t n_known;
	const struct house *house;         /* whose rules were judged too; NULL: none */
	uint64_t now_ns;                   /* wall clock, for what is known until a day */
	const struct check_result *result; /* in the order of check.def, without skipped ones */
	size_t n_results;
	uint64_t looked_ns;  /* between the frames, 0: one frame only */
	uint64_t wall_ns;    /* the whole look */
	uint64_t cpu_ns;     /* of murphy and its readers */
	uint64_t peak_bytes; /* of the largest of them */
	unsigned int stuck;  /* readers that hang in the kernel */
};

/*
 * Nothing was seen: no check could look, or what every Linux has (/proc/stat, /proc/meminfo) is not
 * there.
 */
bool report_is_blind(const struct report *r);

/* 0 nothing, 1 warning, 2 critical, 3 nothing found but a check was denied, late or broken. */
int report_exit_code(const struct report *r);

/* Entries of the house's known findings that have expired. */
size_t report_expired(const struct report *r);

/* How many results have that verdict. */
size_t report_count(const struct report *r, enum verdict verdict);

#endif
