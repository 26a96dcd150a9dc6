/* SPDX-License-Identifier: MIT */
/* Where the output goes, and which machine a command is about. */
#ifndef MURPHY_CMD_TERMINAL_H
#define MURPHY_CMD_TERMINAL_H

#include "host/host.h"
#include "render/text.h"

/* Width and colour of stdout. colour is auto, always, never or NULL; false for another. */
bool terminal_style(const char *colour, struct text_style *ret_style);

/* root or, when NULL, this machine. -1: it is open; else what is wrong was logged: an exit code. */
int terminal_open_host(const char *root, struct host **ret_host);

/*
 * A file that the user named could not be opened, with err: was that their doing, or the machine's?
 */
int exit_of_open(int err);

/* Between two looks of --watch. */
void sleep_s(double seconds);

/* Has the reader of stdout gone away? */
bool output_gone(void);

#endif
