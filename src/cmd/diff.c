/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"

#include "cmd/look_args.h"
#include "cmd/terminal.h"
#include "render/compare.h"

#include <errno.h>
#include <string.h>

/* One of the two machines: its look outlives the comparison. */
struct side {
	struct host *host;
	struct look *look;
	struct report report;
	struct facts facts;
};

static const struct option_row options[] = {
	{ "json", 'j', NULL, "one JSON object per line; the contract is docs/json.md" },
	{ "for", 'f', "SECONDS", "look at this machine that long instead of 2 s" },
	{ "color", 0, "WHEN", "auto, always or never; NO_COLOR is obeyed" },
	{ "verbose", 'v', NULL, "those too that matter little" },
	{ 0 },
};

static void side_release(struct side *s)
{
	facts_release(&s->facts);
	look_free(s->look);
	host_free(s->host);
}

/*
 * What the checks found is a fact like others: one machine is sick of it, the other is not. What
 * harms nobody comes and goes with the load, and is as good as nothing.
 */
static void add_findings(struct side *s)
{
	static const double weight[] = { [SEVERITY_WARNING] = 94, [SEVERITY_CRITICAL] = 98 };
	const struct report *r = &s->report;

	s->facts.state[FACT_finding] = STATE_OK;
	for (size_t i = 0; i < r->n_results; i++) {
		const char *id = r->result[i].check->id;
		struct fact fact = { .id = FACT_finding, .of = id, .text = "nothing" };
		const struct finding *worst = NULL;
		bool fine = r->result[i].verdict == VERDICT_FINE;

		for (size_t k = 0; k < r->n_findings; k++) {
			const struct finding *f = r->finding[k];

			if (strcmp(f->id, id) == 0 && (!worst || f->severity > worst->severity))
				worst = f;
		}
		if (worst && worst->severity > SEVERITY_INFO) {
			fact.text = severity_name(worst->severity);
			fact.weight = weight[worst->severity];
			fact.why = worst->title;
		}
		/*
		 * Could it not look, then that cannot be compared; a thing that is not there can.
		 */
		if (!worst && r->result[i].verdict == VERDICT_UNKNOWN &&
			r->result[i].state != STATE_OK) {
			fact.unseen = r->result[i].state;
			fact.why = r->result[i].why;
		}
		if (worst || fine || fact.unseen)
			facts_put(&s->facts, &fact);
	}
}

/* path NULL is this machine. An exit code, or -1 when it was looked at. */
static int look_at(
	const struct args *a, const char *path, const struct look_options *o, struct side *s)
{
	int code = terminal_open_host(path, &s->host);

	if (code >= 0)
		return code;
	int err = look_new(s->host, o, NULL, &s->look);
	if (err < 0)
		return look_refused(a, err);
	err = look_next(s->look, &s->report);
	if (err < 0) {
		log_error("could not look: %s", strerror(-err));
		return EXIT_INTERNAL;
	}
	s->facts.redacted = host_is_redacted(s->host);
	facts_make(s->report.model, &s->facts);
	add_findings(s);
	facts_sort(&s->facts);
	return -1;
}

static int print_comparison(const struct args *a, const struct text_style *style,
	const struct comparison *c, const struct side side[2])
{
	const struct compared compared[2] = { { a->operand[0], &side[0].report },
		{ a->n_operands > 1 ? a->operand[1] : NULL, &side[1].report } };
	int code = c->n > 0 ? EXIT_WARNING : comparison_blind(c) ? EXIT_BLIND : EXIT_NOTHING;
	auto_strbuf out = { 0 };

	if (args_get(a, "json"))
		json_comparison(c, compared, code, &out);
	else
		text_comparison(c, compared, style, &out);
	int printed = print_text(&out);

	return printed == EXIT_NOTHING ? code : printed;
}

static int run(const struct args *a)
{
	struct side side[2] = { 0 };
	struct comparison c = { 0 };
	struct look_options o;
	struct text_style style;

	if (a->n_operands < 1 || a->n_operands > 2)
		return usage_error(a->command, "it takes one capture, or two");
	if (!look_args(a, &o, &style))
		return EXIT_USAGE;
	if (a->n_operands == 2 && args_get(a, "for"))
		return usage_error(a->command, "captures are of the past: no --for");
	o.also = fact_needs;
	int code = look_at(a, a->operand[0], &o, &side[0]);

	if (code < 0)
		code = look_at(a, a->n_operands > 1 ? a->operand[1] : NULL, &o, &side[1]);
	if (code < 0) {
		int err = compare_facts(&side[0].facts, &side[1].facts, &c);

		if (err < 0)
			log_error("could not compare: %s", strerror(-err));
		code = err < 0 ? EXIT_INTERNAL : print_comparison(a, &style, &c, side);
	}
	comparison_release(&c);
	side_release(&side[0]);
	side_release(&side[1]);
	return code;
}

const struct command command_diff = {
	.name = "diff",
	.operands = "A [B]",
	.help = "what differs between two machines, or one at two times; without B: A and this "
		"machine",
	.text = "A and B are what --root takes: captures, their unpacked trees, sosreports. Says "
		"what "
		"differs and matters, most important first: findings, processor, clock, settings, "
		"limits, mounts, and rates per second and per CPU where they differ by more than "
		"noise; and what could not be compared. Exit status: 0 nothing differs, 1 "
		"something "
		"does, 3 nothing does but something could not be compared, since it was denied, "
		"late, broken or redacted, 64 wrong usage, 70 internal error. docs/diff.md tells "
		"how it ranks.",
	.options = options,
	.files = true,
	.run = run,
};
