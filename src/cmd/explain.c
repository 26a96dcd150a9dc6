/* SPDX-License-Identifier: MIT */
#include "cmd/explain.h"

#include "check/check.h"
#include "cmd/house_args.h"
#include "cmd/near.h"

#include <string.h>

static int list_pages(const struct house *house)
{
	auto_strbuf out = { 0 };

	for (size_t i = 0; i < n_checks; i++)
		strbuf_printf(&out, "%-22s %s\n", checks[i]->id, checks[i]->question);
	for (size_t i = 0; i < house->n_rules; i++)
		strbuf_printf(&out, "%-22s %s\n", house->check[i]->id, house->check[i]->question);
	int code = print_text(&out);

	if (code != EXIT_NOTHING)
		return code;
	return house->n_notices ? EXIT_BLIND : EXIT_NOTHING;
}

static int show(const char *text)
{
	int err = print_all(text, strlen(text));

	if (err < 0)
		log_error("could not print: %s", strerror(-err));
	return err < 0 ? EXIT_INTERNAL : EXIT_NOTHING;
}

static int run_house(const struct args *a, struct house *house)
{
	house_log(house);
	if (a->n_operands == 0)
		return list_pages(house);
	if (a->n_operands > 1)
		return usage_error(a->command, "it takes one id");
	for (size_t i = 0; i < n_pages; i++) {
		if (strcmp(pages[i].id, a->operand[0]) == 0)
			return show(pages[i].text);
	}
	const char *page = house_page(house, a->operand[0]);

	if (house->arena.failed) {
		log_error("out of memory");
		return EXIT_INTERNAL;
	}
	if (page)
		return show(page);
	return usage_error(a->command, "no finding is called '%s'%s; murphy explain lists all",
		a->operand[0], near_ids(a->operand[0], strlen(a->operand[0]), house).text);
}

static int run(const struct args *a)
{
	return house_run(a, run_house);
}

const struct command command_explain = {
	.name = "explain",
	.operands = "[ID]",
	.help = "print the page of a finding; without ID list what is checked",
	.text = "What is wrong with the rules of the house goes to stderr, and the exit status of "
		"the list is 3 then: murphy explain --config DIR tries rules out.",
	.options = (const struct option_row[]){ HOUSE_OPTION, { 0 } },
	.run = run,
};
