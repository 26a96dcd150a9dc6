/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"

#include "base/cursor.h"
#include "base/strbuf.h"
#include "base/version.h"
#include "cmd/help.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COMMAND(name) extern const struct command command_##name;
#include "cmd/command.def"
#undef COMMAND

const struct command *const commands[] = {
#define COMMAND(name) &command_##name,
#include "cmd/command.def"
#undef COMMAND
};
const size_t n_commands = ARRAY_SIZE(commands);

void log_error(const char *fmt, ...)
{
	auto_strbuf line = { 0 };
	va_list ap;

	strbuf_puts(&line, "murphy: ");
	va_start(ap, fmt);
	strbuf_vprintf(&line, fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s\n", line.bytes ? line.bytes : "murphy: out of memory");
}

int usage_error(const struct command *c, const char *fmt, ...)
{
	auto_strbuf line = { 0 };
	va_list ap;

	va_start(ap, fmt);
	strbuf_vprintf(&line, fmt, ap);
	va_end(ap);
	fprintf(stderr, "murphy %s: %s\nmurphy %s --help says what it takes\n", c->name,
		strbuf_text(&line), c->name);
	return EXIT_USAGE;
}

int print_all(const char *bytes, size_t len)
{
	if ((len && fwrite(bytes, 1, len, stdout) != len) || fflush(stdout) != 0) {
		if (errno == EPIPE)
			return 0;
		return errno ? -errno : -EIO;
	}
	return 0;
}

int print_text(const struct strbuf *text)
{
	int err = text->failed ? -ENOMEM : print_all(text->bytes, text->len);

	if (err == 0)
		return EXIT_NOTHING;
	log_error("could not print: %s", strerror(-err));
	return EXIT_INTERNAL;
}

const char *args_get(const struct args *a, const char *name)
{
	for (size_t i = 0; a->command->options[i].name; i++) {
		if (strcmp(a->command->options[i].name, name) == 0)
			return a->value[i];
	}
	return NULL;
}

bool args_seconds(
	const struct args *a, const char *name, double min, double max, double *ret_seconds)
{
	const char *text = args_get(a, name);
	struct cursor c = cursor_of(text, text ? strlen(text) : 0);
	double seconds;

	if (!cursor_f64(&c, &seconds) || !cursor_end(&c) || seconds < min || seconds > max) {
		usage_error(a->command, "--%s takes %g to %g seconds, not '%s'", name, min, max,
			text ? text : "");
		return false;
	}
	*ret_seconds = seconds;
	return true;
}

bool parse_whole(const char *text, uint64_t *ret_value)
{
	struct cursor c = cursor_of(text, strlen(text));

	return *text >= '0' && *text <= '9' && cursor_u64(&c, ret_value) && cursor_end(&c);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < n_commands; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

/* Of two words, such as "tcp nagle": the longer name wins. *ret_words: how many it took. */
static const struct command *command_of(int argc, char **argv, int *ret_words)
{
	auto_strbuf two = { 0 };
	const struct command *c;

	if (argc > 1)
		strbuf_printf(&two, "%s %s", argv[0], argv[1]);
	*ret_words = 2;
	c = find_command(strbuf_text(&two));
	if (c)
		return c;
	*ret_words = 1;
	return find_command(argv[0]);
}

static int unknown_command(const char *name)
{
	log_error("'%s' is not one of its commands", name);
	fputs("murphy has", stderr);
	for (size_t i = 0; i < n_commands; i++)
		fprintf(stderr, "%s %s", i ? "," : "", commands[i]->name);
	fputs("; murphy --help says more\n", stderr);
	return EXIT_USAGE;
}

/*
 * What getopt gives back: a letter, or one of these; the command's own are counted from OPTION_OWN.
 */
enum { OPTION_HELP = 1000, OPTION_VERSION, OPTION_OWN };

static void fill_getopt(const struct command *c, struct option *longs, char *letters)
{
	size_t i = 0, n = 0;

	letters[n++] = ':';
	letters[n++] = 'h';
	for (; c->options[i].name; i++) {
		const struct option_row *o = &c->options[i];

		longs[i] = (struct option){ o->name, o->value ? required_argument : no_argument,
			NULL, OPTION_OWN + (int)i };
		if (o->letter)
			letters[n++] = o->letter;
		if (o->letter && o->value)
			letters[n++] = ':';
	}
	longs[i++] = (struct option){ "help", no_argument, NULL, OPTION_HELP };
	longs[i++] = (struct option){ "version", no_argument, NULL, OPTION_VERSION };
	longs[i] = (struct option){ 0 };
	letters[n] = '\0';
}

static int index_of_letter(const struct command *c, int letter)
{
	for (int i = 0; c->options[i].name; i++) {
		if (c->options[i].letter == letter)
			return i;
	}
	return -1;
}

/* An expression may begin with a minus; no option has a blank, or a digit for its letter. */
static int not_an_option(const struct command *c, const char *operand)
{
	auto_strbuf word = { 0 };

	strbuf_add_shell_word(&word, operand);
	return usage_error(c,
		"no option -%c; what begins with - and is none stands after --: "
		"murphy %s -- %s",
		optopt, c->name, strbuf_text(&word));
}

/* getopt returned '?': say what it did not like. next: what it will look at then. */
static int unknown_option(const struct command *c, const char *arg, const char *next)
{
	/* While letters of a word are left it is not done with that word. */
	bool letter = optopt > ' ' && optopt < 0x7f;
	const char *word = letter && next && next[0] == '-' && strchr(next, optopt) ? next : arg;

	if (c->operands && letter && word[0] == '-' &&
		((optopt >= '0' && optopt <= '9') || strchr(word, ' ')))
		return not_an_option(c, word);
	if (optopt >= OPTION_HELP)
		return usage_error(c, "%s: it takes no value", arg);
	if (letter)
		return usage_error(c, "no option -%c", optopt);
	if (optopt != 0)
		return usage_error(c, "no option is called by that letter");
	return usage_error(c, "no option %s", arg);
}

/* -1: parsed, run it; else an exit code. */
static int parse(struct args *a, int argc, char **argv)
{
	const struct command *c = a->command;
	struct option longs[OPTIONS_MAX + 3];
	char letters[2 * OPTIONS_MAX + 4];
	int got;

	fill_getopt(c, longs, letters);
	opterr = 0;
	optind = 1;
	while ((got = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (got == OPTION_HELP || got == 'h')
			return help_print(c);
		if (got == OPTION_VERSION)
			return version_print();
		if (got == ':')
			return usage_error(c, "%s needs a value", argv[optind - 1]);
		if (got == '?')
			return unknown_option(c, argv[optind - 1], argv[optind]);
		int i = got >= OPTION_OWN ? got - OPTION_OWN : index_of_letter(c, got);

		if (optarg && a->value[i])
			return usage_error(c, "--%s is given twice", c->options[i].name);
		a->value[i] = optarg ? optarg : "";
	}
	a->operand = argv + optind;
	a->n_operands = argc - optind;
	return -1;
}

/* murphy help [COMMAND] */
static int help(int argc, char **argv)
{
	int words;
	const struct command *c = argc > 0 ? command_of(argc, argv, &words) : NULL;

	return argc > 0 && !c ? unknown_command(argv[0]) : help_print(c);
}

/* What whoever started murphy left closed must not become a file that murphy writes to. */
static void hold_standard_fds(void)
{
	int fd;

	do
		fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int murphy_run(int argc, char **argv)
{
	struct args a = { .command = commands[0] };

	hold_standard_fds();
	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		return help_print(NULL);
	if (argc > 1 && strcmp(argv[1], "--version") == 0)
		return version_print();
	if (argc > 1 && argv[1][0] != '-') {
		int words;

		a.command = command_of(argc - 1, argv + 1, &words);
		if (!a.command && strcmp(argv[1], "help") != 0)
			return unknown_command(argv[1]);
		if (!a.command)
			return help(argc - 2, argv + 2);
		argc -= words;
		argv += words;
	}
	a.all = argv;
	a.n_all = argc;
	if (!a.command->raw) {
		signal(SIGCHLD, SIG_DFL); /* ignored, it would hide how readers end */
		signal(SIGXFSZ, SIG_IGN); /* a limit on files is an error of write(2) */
	}
	int code = a.command->raw ? -1 : parse(&a, argc, argv);

	if (code >= 0)
		return code;
	if (!a.command->operands && a.n_operands > 0)
		return usage_error(a.command, "'%s': it takes no operands", a.operand[0]);
	return a.command->run(&a);
}
