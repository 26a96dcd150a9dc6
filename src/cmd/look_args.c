/* SPDX-License-Identifier: MIT */
#include "cmd/look_args.h"

#include "cmd/near.h"
#include "cmd/terminal.h"
#include "render/json_report.h"

#include <errno.h>
#include <string.h>

/* Is every word of the option's list a family or an id? */
static bool names_known(const struct args *a, const struct look_options *o, const char *option)
{
	size_t len;
	const char *word = look_unknown(o, args_get(a, option), &len);

	if (word)
		usage_error(a->command,
			"--%s takes families or ids, such as mem,tcp.close-wait, not '%.*s'%s; "
			"murphy explain lists all",
			option, (int)len, word, near_ids(word, len, o->house).text);
	return !word;
}

bool look_args(const struct args *a, struct look_options *ret_options, struct text_style *ret_style)
{
	return look_args_house(a, NULL, ret_options, ret_style);
}

bool look_args_house(const struct args *a, const struct house *house,
	struct look_options *ret_options, struct text_style *ret_style)
{
	struct look_options o = {
		.only = args_get(a, "only"), .skip = args_get(a, "skip"), .house = house
	};
	struct text_style style;
	double seconds = 0;

	if (!terminal_style(args_get(a, "color"), &style)) {
		usage_error(a->command, "--color takes auto, always or never, not '%s'",
			args_get(a, "color"));
		return false;
	}
	if (args_get(a, "root") && args_get(a, "for")) {
		usage_error(a->command, "--root is of the past: no --for");
		return false;
	}
	if (args_get(a, "for") && !args_seconds(a, "for", 0.1, 86400, &seconds))
		return false;
	if (!names_known(a, &o, "only") || !names_known(a, &o, "skip"))
		return false;
	style.verbose = args_get(a, "verbose") != NULL;
	o.for_ns = (uint64_t)(seconds * 1e9);
	*ret_options = o;
	*ret_style = style;
	return true;
}

int look_print(const struct args *a, const struct text_style *style, const struct report *r)
{
	auto_strbuf out = { 0 };

	if (args_get(a, "json"))
		json_report(r, &out);
	else
		text_report(r, style, &out);
	int printed = print_text(&out);

	return printed == EXIT_NOTHING ? report_exit_code(r) : printed;
}

int look_refused(const struct args *a, int err)
{
	if (err == -EINVAL)
		return usage_error(a->command, "--only and --skip leave nothing to check");
	log_error("could not look: %s", strerror(-err));
	return EXIT_INTERNAL;
}
