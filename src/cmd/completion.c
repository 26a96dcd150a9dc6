/* SPDX-License-Identifier: MIT */
#include "cmd/help.h"

static int run(const struct args *a)
{
	auto_strbuf out = { 0 };

	if (a->n_operands != 1 || !help_completion(a->operand[0], &out))
		return usage_error(a->command, "it takes one of bash, zsh, fish");
	return print_text(&out);
}

const struct command command_completion = {
	.name = "completion",
	.operands = "bash|zsh|fish",
	.words = "bash zsh fish",
	.help = "print the completions of a shell",
	.options = (const struct option_row[]){ { 0 } },
	.run = run,
};
