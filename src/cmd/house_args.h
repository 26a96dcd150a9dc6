/* SPDX-License-Identifier: MIT */
/* Where the rules of the house come from: --config DIR, else $MURPHY_CONFIG, else /etc/murphy. */
#ifndef MURPHY_CMD_HOUSE_ARGS_H
#define MURPHY_CMD_HOUSE_ARGS_H

#include "check/house.h"
#include "cmd/command.h"

#define HOUSE_OPTION                                                                      \
	{                                                                                 \
		"config", 'c', "DIR",                                                     \
			"checks.d and known.d of DIR instead of /etc/murphy; '': of none" \
	}

/*
 * Load the rules for run, whose exit code it gives. What is wrong in a file becomes a notice; a DIR
 * that was named and is none is said, and nothing is run.
 */
int house_run(const struct args *a, int (*run)(const struct args *a, struct house *h));

/* The notices to stderr, for commands that have no report. */
void house_log(const struct house *h);

#endif
