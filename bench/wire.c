/* SPDX-License-Identifier: MIT */
/*
 * wire PID DELAY_MS: a wire of the labs between this network namespace and that of a process. Both
 * ends are called wire0, and somebody else gives them addresses; "d" when they are there.
 */
#include "lab/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: wire PID DELAY_MS\n");
		return 2;
	}
	/* Room for the windows of many at once: it loses nothing. */
	struct wire wire = {
		.pid = { getpid(), (pid_t)strtol(argv[1], NULL, 10) },
		.name = { "wire0", "wire0" },
		.delay_ms = (unsigned)strtoul(argv[2], NULL, 10),
		.packets = 32768,
	};

	wire_carry(STDOUT_FILENO, &wire);
}
