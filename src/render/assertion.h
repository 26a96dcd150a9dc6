/* SPDX-License-Identifier: MIT */
/* The answer to murphy assert, for people and as JSON. */
#ifndef MURPHY_RENDER_ASSERTION_H
#define MURPHY_RENDER_ASSERTION_H

#include "base/strbuf.h"
#include "check/check.h"
#include "engine/expr.h"

struct assertion {
	struct expr_answer answer;
	struct expr_blame blame[ENTITIES_MAX];
	struct entity culprit[ENTITIES_MAX]; /* of blame */
	size_t n_blames;
	uint64_t all_blames;
	struct expr_blame near; /* without culprits: the row that comes closest; row NULL: none */
	struct entity nearest;
	struct expr_fact fact[32];
	size_t n_facts;
	const char *why; /* of unknown, else "" */
};

void text_assertion(const struct assertion *x, struct strbuf *out);
void json_assertion(const struct assertion *x, struct strbuf *out);

#endif
