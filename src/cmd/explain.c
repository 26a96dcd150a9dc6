/* SPDX-License-Identifier: MIT */
#include "cmd/explain.h"

#include "check/check.h"
#include "cmd/command.h"

#include <stdio.h>
#include <string.h>

static int list_pages(void)
{
	for (size_t i = 0; i < n_checks; i++)
		printf("%-22s %s\n", checks[i]->id, checks[i]->question);
	return fflush(stdout) == 0 ? EXIT_NOTHING : EXIT_INTERNAL;
}

static int run(const struct args *a)
{
	if (a->n_operands == 0)
		return list_pages();
	if (a->n_operands > 1)
		return usage_error(a->command, "it takes one id");
	for (size_t i = 0; i < n_pages; i++) {
		if (strcmp(pages[i].id, a->operand[0]) != 0)
			continue;
		return print_all(pages[i].text, strlen(pages[i].text)) < 0 ? EXIT_INTERNAL
									   : EXIT_NOTHING;
	}
	return usage_error(
		a->command, "no finding is called '%s'; murphy explain lists them", a->operand[0]);
}

const struct command command_explain = {
	.name = "explain",
	.operands = "[ID]",
	.help = "print the page of a finding; without ID list what is checked",
	.options = (const struct option_row[]){ { 0 } },
	.run = run,
};
