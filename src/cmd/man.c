/* SPDX-License-Identifier: MIT */
#include "cmd/help.h"

static int run(const struct args *a UNUSED)
{
	auto_strbuf out = { 0 };

	help_man(&out);
	return print_text(&out);
}

const struct command command_man = {
	.name = "man",
	.help = "print the manual page, as roff:  murphy man | man -l -",
	.options = (const struct option_row[]){ { 0 } },
	.run = run,
};
