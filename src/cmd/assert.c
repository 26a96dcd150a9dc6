/* SPDX-License-Identifier: MIT */
#include "check/entity.h"
#include "cmd/look_args.h"
#include "cmd/metrics.h"
#include "cmd/terminal.h"
#include "engine/expr.h"
#include "render/assertion.h"
#include "source/source.h"

#include <errno.h>
#include <string.h>

/* A second of CPU time or two: one question on a busy host. */
#define STEPS 50000000u

static const struct option_row options[] = {
	{ "json", 'j', NULL, "one JSON object; docs/json.md" },
	{ "root", 'r', "PATH",
		"ask another machine: a capture, its unpacked tree, or a sosreport" },
	{ "for", 'f', "SECONDS", "how long rates are measured, instead of 2 s" },
	{ "list", 'l', NULL,
		"print what expressions can name: all of it, or what has PATTERN in it" },
	{ 0 },
};

static enum verdict judge(const struct model *m UNUSED, struct judgement *j UNUSED)
{
	return VERDICT_FINE; /* only its needs count: the answer is found by look_and_answer() */
}

/* What is needed beyond the expression: what the culprits are called. */
static int add_names(const struct expr *e, struct need needs[NEEDS_MAX])
{
	int n = expr_needs(e, needs, 0), own = n;

	for (int i = 0; i < own && n > 0; i++) {
		enum table_id names = entity_names(needs[i].table);

		if (names)
			n = expr_need(needs, n, names, false);
	}
	return n;
}

static void find_culprits(struct assertion *x, const struct model *m, struct judgement *j)
{
	x->n_blames = expr_blames(&x->answer, x->blame, ENTITIES_MAX, &x->all_blames);
	for (size_t i = 0; i < x->n_blames; i++)
		x->culprit[i] = entity_row(j, m, x->blame[i].id, x->blame[i].row);
	/* Nobody is to blame: who comes closest? */
	for (size_t i = 0; i < x->answer.n_rows && x->n_blames == 0 && !x->near.row; i++) {
		const struct expr_rows *r = &x->answer.rows[i];

		if (r->near && r->hits == 0)
			x->near = (struct expr_blame){ r->id, r->table, r->near };
	}
	if (x->near.row)
		x->nearest = entity_row(j, m, x->near.id, x->near.row);
}

static int answer(const struct args *a, const struct expr *e, const struct report *r)
{
	const struct model *m = r->model;
	struct judgement j = { 0 };
	struct assertion x = { 0 };
	auto_strbuf out = { 0 };
	int err = expr_eval(e, &j.arena, m->now, m->was, NULL, STEPS, &x.answer);

	if (err == 0) {
		find_culprits(&x, m, &j);
		x.n_facts = expr_facts(&x.answer, x.n_blames ? x.blame : &x.near, &j.arena, x.fact,
			ARRAY_SIZE(x.fact));
		x.why = expr_why(&x.answer, &x.answer.value, &j.arena);
		if (args_get(a, "json"))
			json_assertion(&x, &out);
		else
			text_assertion(&x, &out);
	}
	if (err == 0 && (out.failed || j.arena.failed))
		err = -ENOMEM;
	if (err == 0)
		err = print_all(out.bytes, out.len);
	arena_release(&j.arena);
	if (err < 0) {
		log_error("could not answer: %s", strerror(-err));
		return EXIT_INTERNAL;
	}
	if (x.answer.value.state != STATE_OK)
		return EXIT_BLIND;
	return x.answer.value.truth ? EXIT_NOTHING : EXIT_WARNING;
}

static int look_and_answer(
	const struct args *a, struct host *h, const struct look_options *lo, const struct expr *e)
{
	struct look *l = NULL;
	struct report r = { 0 };
	int err = look_new(h, lo, NULL, &l);

	if (err < 0)
		return look_refused(a, err);
	err = look_next(l, &r);
	int code = err < 0 ? look_refused(a, err) : answer(a, e, &r);

	look_free(l);
	return code;
}

static int on_host(const struct args *a, const struct expr *e)
{
	struct check check = { .id = "assert", .question = expr_text(e), .judge = judge };
	struct look_options lo = { .alone = &check };
	const char *root = args_get(a, "root");
	struct host *h = NULL;
	double seconds = 0;

	if (add_names(e, check.needs) < 0)
		return usage_error(a->command, "it names more than %d tables", NEEDS_MAX - 1);
	if (root && args_get(a, "for"))
		return usage_error(a->command, "--root is of the past: no --for");
	if (args_get(a, "for") && !args_seconds(a, "for", 0.1, 86400, &seconds))
		return EXIT_USAGE;
	lo.for_ns = (uint64_t)(seconds * 1e9);
	int code = terminal_open_host(root, &h);

	if (code < 0)
		code = look_and_answer(a, h, &lo, e);
	host_free(h);
	return code;
}

enum { BEFORE_SHOWN = 60, SHOWN = 90 };

/* What is wrong with the expression, and a mark below the place. */
static int refused(const struct args *a, const char *text, const struct expr_error *e)
{
	auto_strbuf line = { 0 }, before = { 0 };

	while (*text == ' ' || *text == '\t' || *text == '\n')
		text++;
	/* Of a long one what stands around the place. */
	size_t len = strlen(text), at = e->at < len ? e->at : len;
	size_t from = at > BEFORE_SHOWN ? at - BEFORE_SHOWN : 0;
	size_t shown = len - from < SHOWN ? len - from : SHOWN;

	strbuf_add_printable(&before, text + from, at - from);
	strbuf_add_printable(&line, text + from, shown);
	fprintf(stderr, "  %s%s%s\n  %*s^\n", from ? "..." : "", strbuf_text(&line),
		from + shown < len ? "..." : "", (int)before.len + (from ? 3 : 0), "");
	return usage_error(a->command, "%s", e->text);
}

static int run(const struct args *a)
{
	struct arena arena = { 0 };
	struct expr_error error;
	const struct expr *e = NULL;
	bool cannot[TABLES] = { 0 };

	for (int id = 1; id < TABLES; id++)
		cannot[id] = !source_reads_whole((enum table_id)id);
	if (args_get(a, "list"))
		return metrics_list(a, cannot);
	if (a->n_operands != 1)
		return usage_error(a->command, "it takes one expression, in quotes");
	const char *text = a->operand[0];
	int err = expr_compile(
		&arena, text, strlen(text), EXPR_TRUTH, TABLE_none, cannot, &e, &error);
	int code;

	if (err == -EINVAL) {
		code = refused(a, text, &error);
	} else if (err < 0) {
		log_error("%s", strerror(-err));
		code = EXIT_INTERNAL;
	} else {
		code = on_host(a, e);
	}
	arena_release(&arena);
	return code;
}

const struct command command_assert = {
	.name = "assert",
	.operands = "'EXPR'",
	.help = "is an expression over metrics true? For scripts: the answer is the exit code",
	.text = "Reads only what the expression names, and prints true, false or unknown with the "
		"values that it rests on. Exit status: 0 true, 1 false, 3 unknown (and why), 64 "
		"the expression makes no sense. For example: murphy assert "
		"'meminfo.available_bytes / meminfo.total_bytes > 5 %' or 'not any(process_fd.open "
		"/ process_limits.fd_soft > 80 %)' or 'rate(vmstat.swap_out_pages) < 10/s'. The "
		"language is in docs/checks.md; murphy assert --list prints every name.",
	.options = options,
	.run = run,
};
