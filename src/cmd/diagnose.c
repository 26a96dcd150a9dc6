/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"

#include "cmd/changes.h"
#include "cmd/house_args.h"
#include "cmd/look_args.h"
#include "cmd/terminal.h"

#include <errno.h>
#include <string.h>

static const struct option_row options[] = {
	{ "json", 'j', NULL, "one JSON object per line; the contract is docs/json.md" },
	{ "root", 'r', "PATH", "another machine: a capture, its unpacked tree, or a sosreport" },
	{ "for", 'f', "SECONDS", "look that long instead of 2 s" },
	{ "watch", 'w', NULL, "look again and again, print what changes" },
	{ "only", 'o', "NAMES", "only these families or ids: mem,tcp.close-wait" },
	{ "skip", 's', "NAMES", "all but these" },
	HOUSE_OPTION,
	{ "known", 'k', NULL, "list what known.d silences" },
	{ "color", 0, "WHEN", "auto, always or never; NO_COLOR is obeyed" },
	{ "verbose", 'v', NULL, "every check and source, nested findings whole" },
	{ 0 },
};

struct diagnosis {
	const struct args *args;
	struct text_style style;
	bool json;
};

static int look_once(const struct diagnosis *d, struct look *l)
{
	struct report r;
	int err = look_next(l, &r);

	if (err < 0) {
		log_error("could not look: %s", strerror(-err));
		return EXIT_INTERNAL;
	}
	return look_print(d->args, &d->style, &r);
}

/* Until the reader or a signal ends it. */
static int watch(const struct diagnosis *d, struct look *l)
{
	const char *what = "could not look";
	struct changes *c = NULL;
	struct report r;
	int err = changes_new(&c), code = EXIT_INTERNAL;

	while (err == 0 && (err = look_next(l, &r)) == 0) {
		auto_strbuf out = { 0 };

		code = report_exit_code(&r);
		err = changes_print(c, &r, d->json, &d->style, &out);
		if (err == 0 && out.len && (err = print_all(out.bytes, out.len)) < 0)
			what = "could not print";
		if (err < 0 || output_gone())
			break;
	}
	changes_free(c);
	if (err < 0) {
		log_error("%s: %s", what, strerror(-err));
		return EXIT_INTERNAL;
	}
	return code;
}

static int run_on(const struct diagnosis *d, struct host *h, const struct look_options *o)
{
	struct look *l;
	int err = look_new(h, o, NULL, &l);

	if (err < 0)
		return look_refused(d->args, err);
	int code = args_get(d->args, "watch") ? watch(d, l) : look_once(d, l);

	look_free(l);
	return code;
}

static int run_house(const struct args *a, struct house *house)
{
	struct diagnosis d = { .args = a, .json = args_get(a, "json") != NULL };
	const char *root = args_get(a, "root");
	struct look_options o;
	struct host *h = NULL;

	if (!look_args_house(a, house, &o, &d.style))
		return EXIT_USAGE;
	d.style.known = d.style.verbose || args_get(a, "known");
	if (root && args_get(a, "watch"))
		return usage_error(a->command, "--root is of the past: no --watch");
	o.again = args_get(a, "watch") != NULL;
	int code = terminal_open_host(root, &h);

	if (code < 0)
		code = run_on(&d, h, &o);
	host_free(h);
	return code;
}

static int run(const struct args *a)
{
	return house_run(a, run_house);
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
