/* SPDX-License-Identifier: MIT */
/* What is said of the commands: --help, --version, the man page, completions; all from the rows. */
#ifndef MURPHY_CMD_HELP_H
#define MURPHY_CMD_HELP_H

#include "base/strbuf.h"
#include "cmd/command.h"

/* Of one command, NULL: of murphy. An exit code. */
int help_print(const struct command *c);
int version_print(void);

void help_man(struct strbuf *out);

/* shell is bash, zsh or fish; false for another. */
bool help_completion(const char *shell, struct strbuf *out);

#endif
