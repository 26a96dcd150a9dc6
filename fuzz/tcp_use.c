/* SPDX-License-Identifier: MIT */
#include "fuzz/tcp_use.h"

#include "render/tcp.h"
#include "view/tcp.h"
#include "view/tcp_end.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

static void use_end(const struct tcp_socket *s, const struct netns_setting *set)
{
	struct tcp_end end = tcp_future(s, set);
	struct tcp_end_text text = tcp_future_text(&end);

	must((unsigned int)end.what < TCP_ENDS, "an end that there is not");
	must(end.rule != NULL, "an end without a rule");
	must(end.least_ns <= end.in_ns && end.in_ns <= end.most_ns, "times out of order");
	must(memchr(text.s, '\0', sizeof(text.s)) != NULL, "a text without end");
}

static void use_socket(const struct tcp_socket *s)
{
	static const struct netns_setting zero = { .has = ~(has_t)0 };
	enum tcp_verdict v = tcp_judge(s);

	must((unsigned int)v < TCP_VERDICTS, "a verdict that there is not");
	must(tcp_verdict_name(v) != NULL, "a verdict without a name");
	must((unsigned int)tcp_limit_of(s) < TCP_LIMITS, "a limit that there is not");
	must(tcp_state_name(s->state) != NULL, "a state without a name");
	use_end(s, NULL);
	use_end(s, &zero);
}

static void show(struct tcp_report *r)
{
	struct text_style style = { 0 };
	auto_strbuf out = { 0 };

	tcp_text(r, &style, &out);
	must(tcp_json_rows(r, 0, SIZE_MAX, &out) == (r->by ? r->n_groups : r->n_rows),
		"rows that are not shown");
	tcp_json_end(r, 0, &out);
	must(!out.failed, "memory for the harness");
}

void fuzz_use_sockets(struct table *t)
{
	static const enum tcp_by ways[] = { TCP_BY_NONE, TCP_BY_PORT, TCP_BY_STATE };
	struct frame f = { .at[TABLE_tcp_socket] = t };

	for (table_each(const struct tcp_socket, s, t))
		use_socket(s);
	t->state = STATE_OK;
	t->method = "fuzz";
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct arena a = { 0 };
		struct tcp_report r = {
			.frame = &f, .by = ways[i], .sort = (enum tcp_sort)(i % TCP_SORTS)
		};

		must(tcp_view_rows(&r, &a) == 0 && tcp_view_owners(&r, &a) == 0,
			"memory for the harness");
		show(&r);
		arena_release(&a);
	}
}
