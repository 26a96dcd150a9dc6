/* SPDX-License-Identifier: MIT */
/*
 * A subcommand is a row: its line in command.def, its file. --help, the man page and completions
 * are made from the rows.
 */
#ifndef MURPHY_CMD_COMMAND_H
#define MURPHY_CMD_COMMAND_H

#include "base/attr.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum exit_code {
	EXIT_NOTHING = 0,
	EXIT_WARNING = 1,
	EXIT_CRITICAL = 2,
	EXIT_BLIND = 3, /* nothing found, but a check was denied, late or broken */
	EXIT_USAGE = 64,
	EXIT_INTERNAL = 70,
};

struct option_row {
	const char *name;  /* long, without -- */
	char letter;       /* 0: none */
	const char *value; /* "SECONDS"; NULL: a flag */
	const char *help;  /* a line */
	const char *words; /* that the value may be, for completions; NULL: anything */
};

enum { OPTIONS_MAX = 24 };

struct args {
	const struct command *command;
	const char *value[OPTIONS_MAX]; /* by option; NULL: not given; "" for flags */
	char **operand;
	int n_operands;
	char **all; /* argv of the command, its name first */
	int n_all;
};

struct command {
	const char *name, *operands, *help; /* the name may be of two words: "tcp nagle" */
	const char *text;                   /* paragraphs for --help and the man page */
	const struct option_row *options;   /* ends with a NULL name */
	const char *words;                  /* that an operand may be, for completions; NULL */
	bool files;                         /* operands are files: completions offer them */
	bool raw;                           /* parses its arguments itself: args->all */
	int (*run)(const struct args *a);   /* an exit code */
};

extern const struct command *const commands[];
extern const size_t n_commands;

/* Value of an option that the command has, NULL when it was not given. */
const char *args_get(const struct args *a, const char *name);

/* Finite seconds, min..max, of an option; what is wrong goes to stderr. */
bool args_seconds(
	const struct args *a, const char *name, double min, double max, double *ret_seconds);

/* Digits and nothing else. */
bool parse_whole(const char *text, uint64_t *ret_value);

/* "murphy: " fmt to stderr, and a line break. */
void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The same with "see murphy NAME --help"; returns EXIT_USAGE. */
int usage_error(const struct command *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Write all of it to stdout. 0 or -errno; EPIPE is no error: the reader has had enough. */
int print_all(const char *bytes, size_t len);

/* The same with what is wrong told: an exit code. */
int print_text(const struct strbuf *text);

/* murphy ARGV: the whole program. An exit code. */
int murphy_run(int argc, char **argv);

#endif
