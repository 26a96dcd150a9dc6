/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"

#include "cmd/house_args.h"
#include "cmd/look_args.h"
#include "cmd/terminal.h"
#include "source/source.h"
#include "store/capture.h"
#include "view/fact.h"

#include <stdio.h>
#include <string.h>

static const struct option_row options[] = {
	{ "diagnose", 'd', NULL, "print too what murphy finds in the frames that it stores" },
	{ "force", 0, NULL, "replace FILE" },
	{ "for", 'f', "SECONDS", "time between the two frames, instead of 2 s" },
	{ "json", 'j', NULL, "with --diagnose: one JSON object per line" },
	{ "redact", 0, NULL, "pseudonyms for names, paths, addresses; no command lines" },
	{ "root", 'r', "PATH", "capture from another capture: to redact it, or part of it" },
	{ "only", 'o', "NAMES", "only what these families or ids need: mem,tcp.close-wait" },
	{ "skip", 's', "NAMES", "all but these" },
	HOUSE_OPTION,
	{ "color", 0, "WHEN", "auto, always or never; NO_COLOR is obeyed" },
	{ "verbose", 'v', NULL, "with --diagnose: every check and source" },
	{ 0 },
};

struct taken {
	struct capture *capture;
	struct host *host;
};

static void begin_frame(void *arg, unsigned int index)
{
	struct taken *t = arg;

	capture_frame(t->capture, index);
}

static void tap(void *arg, char kind, const char *path, int err, const char *bytes, size_t len)
{
	struct taken *t = arg;

	capture_tap(t->capture, kind, path, err, bytes, len);
}

/* Tables of sources that read no bytes are kept as rows, or they would be lost. */
static bool has_no_bytes(const struct table *t)
{
	for (size_t i = 0; t->method && i < n_sources; i++) {
		if (strcmp(sources[i]->name, t->method) == 0)
			return sources[i]->rows_only;
	}
	return false;
}

static void end_frame(void *arg, unsigned int index UNUSED, const struct frame *f)
{
	struct taken *t = arg;

	capture_clock(t->capture, f->boottime_ns, f->walltime_ns, host_page_size(t->host),
		host_ticks_per_s(t->host));
	for (int id = 1; id < TABLES; id++) {
		if (f->at[id])
			capture_table(t->capture, f->at[id], has_no_bytes(f->at[id]));
	}
}

/* Look once, into t->capture, which is finished or dropped in any case. */
static int take(
	const struct args *a, const struct text_style *style, struct look *l, struct taken *t)
{
	struct report r;
	int err = look_next(l, &r), code = EXIT_NOTHING;

	if (err < 0) {
		capture_abort(t->capture);
		log_error("could not look: %s", strerror(-err));
		return EXIT_INTERNAL;
	}
	err = capture_finish(t->capture);
	/* What was found is worth knowing even when the disk is full. */
	if (args_get(a, "diagnose"))
		code = look_print(a, style, &r);
	if (err < 0) {
		log_error("%s: %s", a->operand[0], strerror(-err));
		return EXIT_INTERNAL;
	}
	return code;
}

static int run_on(const struct args *a, const struct text_style *style, struct host *h,
	const struct look_options *lo)
{
	struct capture_options co = { .path = a->operand[0],
		.force = args_get(a, "force") != NULL,
		.redact = args_get(a, "redact") != NULL };
	struct taken t = { .host = h };
	struct look_watch watch = { .tap = tap, .begin = begin_frame, .end = end_frame, .arg = &t };
	struct look *l = NULL;
	char why[160];
	int err = look_new(h, lo, &watch, &l);

	if (err < 0)
		return look_refused(a, err);
	err = capture_new(&co, &t.capture, why);
	if (err < 0)
		log_error("%s: %s", co.path, why);
	int code = err < 0 ? exit_of_open(err) : take(a, style, l, &t);

	look_free(l);
	return code;
}

static int run_house(const struct args *a, struct house *house)
{
	struct look_options o;
	struct text_style style;
	struct host *h = NULL;

	if (a->n_operands != 1)
		return usage_error(a->command, "it takes the name of one FILE");
	if (strcmp(a->operand[0], "-") == 0 && args_get(a, "diagnose"))
		return usage_error(
			a->command, "stdout cannot hold both the capture and --diagnose");
	if (!look_args_house(a, house, &o, &style))
		return EXIT_USAGE;
	/* What murphy diff compares is kept too, though no check needs it. */
	if (!o.only)
		o.also = fact_needs;
	int code = terminal_open_host(args_get(a, "root"), &h);

	if (code < 0)
		code = run_on(a, &style, h, &o);
	host_free(h);
	return code;
}

/* What the rules of the house need is captured too. */
static int run(const struct args *a)
{
	return house_run(a, run_house);
}

const struct command command_capture = {
	.name = "capture",
	.operands = "FILE",
	.help = "keep what murphy reads, to look at it elsewhere",
	.text = "Looks as murphy diagnose does and writes everything that it read into FILE, a "
		".tar.zst that murphy --root FILE diagnoses again, here or anywhere, with the same "
		"result. FILE holds command lines, names and addresses unless --redact is given; "
		"only its owner may read it. It appears when it is whole, and a file that is there "
		"is kept. - is stdout.",
	.options = options,
	.files = true,
	.run = run,
};
