/* SPDX-License-Identifier: MIT */
/* murphy why: what the numbers of model/why.h mean, and what to do. */
#ifndef MURPHY_VIEW_WHY_H
#define MURPHY_VIEW_WHY_H

#include "base/strbuf.h"
#include "model/why.h"

/* As many as why_explain() may say at once. */
enum { WHY_FACTS = 12, WHY_TODO = 4 };

struct why_report {
	const struct why *why;
	const char *who; /* "nginx (pid 12)", "unit nginx.service", ":80" */
	const uint64_t *pid;
	size_t n_pids;
	uint64_t cpu_ns, wall_ns;
	bool denied;       /* what is slept in could not be read */
	const char *lacks; /* why not all processes of it may have been found; NULL: they were */
	/* set by why_explain() */
	const char *verdict; /* a sentence */
	const char *fact[WHY_FACTS];
	size_t n_facts;
	const char *todo[WHY_TODO]; /* a command after two spaces */
	size_t n_todo;
	const char *refuted_if;
};

/* Say in words what r->why says in numbers; texts are in a. 0 or -ENOMEM. */
int why_explain(struct why_report *r, struct arena *a);

/* "10.0.0.5:80, which owes an answer, for 2.1 s". */
void why_place_words(const struct why_place *p, struct strbuf *out);

#endif
