/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "lab/check.h"
#include "lab/command.h"
#include "lab/guest.h"
#include "lab/lab.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *usage;
	int (*run)(int argc, char *argv[]);
} commands[] = {
	{ "list", "list [--json]", command_list },
	{ "run", "run NAME [--for S] [--guest]", command_run },
	{ "show", "show NAME", command_show },
	{ "check", "check [NAME...] [--murphy PATH] [--for S] [--guest]", command_check },
	{ "guest", "guest [--kernel DIR] [--console FILE] [--tap DEVICE] /PROGRAM [ARG...]",
		command_guest },
	{ "peer", "peer ADDRESS [PORT]    (in a guest with --tap)", command_peer },
};

static int usage(FILE *to, int code)
{
	fprintf(to, "Labs make a sickness happen for real, in a box, and name what murphy should "
		    "say.\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  murphy-lab %s\n", commands[i].usage);
	return code;
}

static int ended(int code)
{
	return code == COMMAND_USAGE ? usage(stderr, code) : code;
}

int main(int argc, char *argv[])
{
	if (getpid() == 1 && strcmp(argv[0], GUEST_INIT) == 0)
		guest_main();
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0))
		return usage(stdout, 0);
	/* Short for check --guest. */
	if (argc > 1 && strcmp(argv[1], "--guest") == 0)
		return ended(command_check(argc - 1, argv + 1));
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return ended(commands[i].run(argc - 2, argv + 2));
	}
	if (argc > 1)
		fprintf(stderr, "murphy-lab: '%s' is not one of its commands\n", argv[1]);
	return usage(stderr, COMMAND_USAGE);
}
