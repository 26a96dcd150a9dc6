/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"

int main(int argc, char **argv)
{
	return murphy_run(argc, argv);
}
