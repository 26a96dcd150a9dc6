/* SPDX-License-Identifier: MIT */
/*
 * The options that every command which looks at a machine has: --for, --only, --skip, --color ...
 */
#ifndef MURPHY_CMD_LOOK_ARGS_H
#define MURPHY_CMD_LOOK_ARGS_H

#include "cmd/command.h"
#include "look/look.h"
#include "render/text.h"

/* False when they make no sense; what is wrong was said (EXIT_USAGE). */
bool look_args(
	const struct args *a, struct look_options *ret_options, struct text_style *ret_style);

/* The same with the rules of a house: --only and --skip may name them. */
bool look_args_house(const struct args *a, const struct house *house,
	struct look_options *ret_options, struct text_style *ret_style);

/* Print the report, as --json says. An exit code: EXIT_INTERNAL, or what was found. */
int look_print(const struct args *a, const struct text_style *style, const struct report *r);

/* look_new() failed with err: say why. An exit code. */
int look_refused(const struct args *a, int err);

#endif
