/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"

#include "base/mem.h"
#include "cmd/changes.h"
#include "cmd/terminal.h"
#include "look/look.h"
#include "render/json_report.h"
#include "render/text.h"

#include <errno.h>
#include <string.h>

static const struct option_row options[] = {
	{ "json", 'j', NULL, "one JSON object per line; the contract is docs/json.md" },
	{ "root", 'r', "PATH", "another machine: a capture, its unpacked tree, or a sosreport" },
	{ "for", 'f', "SECONDS", "look that long instead of 2 s" },
	{ "watch", 'w', NULL, "look again and again, print what changes" },
	{ "only", 'o', "NAMES", "only these families or ids: mem,tcp.close-wait" },
	{ "skip", 's', "NAMES", "all but these" },
	{ "color", 0, "WHEN", "auto, always or never; NO_COLOR is obeyed" },
	{ "verbose", 'v', NULL, "every check and source, nested findings whole" },
	{ 0 },
};

struct diagnosis {
	const struct args *args;
	struct text_style style;
	bool json;
};

static int print_report(const struct diagnosis *d, const struct report *r)
{
	auto_strbuf out = { 0 };

	if (d->json)
		json_report(r, &out);
	else
		text_report(r, &d->style, &out);
	if (out.failed) {
		log_error("out of memory");
		return -ENOMEM;
	}
	int err = print_all(out.bytes, out.len);

	if (err < 0)
		log_error("could not print: %s", strerror(-err));
	return err;
}

static int look_once(const struct diagnosis *d, struct look *l)
{
	struct report r;
	int err = look_next(l, &r);

	if (err < 0) {
		log_error("could not look: %s", strerror(-err));
		return EXIT_INTERNAL;
	}
	return print_report(d, &r) < 0 ? EXIT_INTERNAL : report_exit_code(&r);
}

/* Until the reader or a signal ends it. */
static int watch(const struct diagnosis *d, struct look *l)
{
	struct changes *c = NULL;
	struct report r;
	int err = changes_new(&c), code = EXIT_INTERNAL;

	while (err == 0 && (err = look_next(l, &r)) == 0) {
		auto_strbuf out = { 0 };

		code = report_exit_code(&r);
		err = changes_print(c, &r, d->json, &d->style, &out);
		if (err == 0 && out.len)
			err = print_all(out.bytes, out.len);
		if (output_gone())
			break;
	}
	changes_free(c);
	if (err < 0) {
		log_error("could not look: %s", strerror(-err));
		return EXIT_INTERNAL;
	}
	return code;
}

static int run_on(const struct diagnosis *d, struct host *h, const struct look_options *o)
{
	struct look *l;
	int err = look_new(h, o, NULL, &l);

	if (err == -EINVAL)
		return usage_error(d->args->command,
			"--only and --skip take families or ids that murphy explain lists");
	if (err < 0) {
		log_error("could not look: %s", strerror(-err));
		return EXIT_INTERNAL;
	}
	int code = args_get(d->args, "watch") ? watch(d, l) : look_once(d, l);

	look_free(l);
	return code;
}

static int run(const struct args *a)
{
	struct diagnosis d = { .args = a, .json = args_get(a, "json") != NULL };
	const char *root = args_get(a, "root"), *colour = args_get(a, "color");
	struct look_options o = { .only = args_get(a, "only"), .skip = args_get(a, "skip") };
	struct host *h = NULL;
	double seconds;

	if (!terminal_style(colour, &d.style))
		return usage_error(
			a->command, "--color takes auto, always or never, not '%s'", colour);
	d.style.verbose = args_get(a, "verbose") != NULL;
	if (args_get(a, "for")) {
		if (!args_seconds(a, "for", 0.1, 86400, &seconds))
			return EXIT_USAGE;
		o.for_ns = (uint64_t)(seconds * 1e9);
	}
	if (root && (args_get(a, "watch") || args_get(a, "for")))
		return usage_error(a->command, "--root is of the past: no --watch, no --for");
	int err = terminal_open_host(root, &h);

	if (err < 0)
		return root && err != -ENOMEM && err != -EIO ? EXIT_USAGE : EXIT_INTERNAL;
	int code = run_on(&d, h, &o);

	host_free(h);
	return code;
}

const struct command command_diagnose = {
	.name = "diagnose",
	.help = "what is wrong with this machine",
	.text = "Looks twice, two seconds apart, and prints what is wrong, worst first: evidence, "
		"cause, culprits, what to do (murphy never does it), and what would prove it "
		"wrong. "
		"It only reads. With nothing wrong it prints the machine's vital signs.",
	.options = options,
	.run = run,
};
