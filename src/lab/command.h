/* SPDX-License-Identifier: MIT */
/* The subcommands of murphy-lab: arguments after the name, an exit code back. */
#ifndef MURPHY_LAB_COMMAND_H
#define MURPHY_LAB_COMMAND_H

enum { COMMAND_USAGE = 64 };

int command_list(int argc, char *argv[]);
int command_run(int argc, char *argv[]);
int command_show(int argc, char *argv[]);
int command_check(int argc, char *argv[]);
int command_guest(int argc, char *argv[]);
int command_peer(int argc, char *argv[]);

#endif
