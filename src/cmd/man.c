/* SPDX-License-Identifier: MIT */
#include "cmd/help.h"

static int run(const struct args *a UNUSED)
{
	auto_strbuf out = { 0 };

	help_man(&out);
	if (out.failed || print_all(out.bytes, out.len) < 0) {
		log_error("could not print");
		return EXIT_INTERNAL;
	}
	return EXIT_NOTHING;
}

const struct command command_man = {
	.name = "man",
	.help = "print the manual page, as roff:  murphy man | man -l -",
	.options = (const struct option_row[]){ { 0 } },
	.run = run,
};
