/* SPDX-License-Identifier: MIT */
#include "cmd/help.h"

#include "base/version.h"
#include "check/check.h"
#include "render/words.h"

#include <string.h>

enum { MAN_WIDTH = 76 };

enum { WIDTH = 100, SYNOPSIS = 27 };

static const char exit_codes[] = "0 nothing wrong, 1 a warning, 2 something critical, 3 nothing "
				 "found but a check was denied, "
				 "late or broken, 64 wrong usage, 70 internal error.";

static void put_option(struct strbuf *out, const struct option_row *o)
{
	auto_strbuf name = { 0 };

	if (o->letter)
		strbuf_printf(&name, "-%c, ", o->letter);
	strbuf_printf(&name, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
	out->failed |= name.failed;
	strbuf_printf(out, "  %-24s %s\n", strbuf_text(&name), o->help);
}

static void help_of(const struct command *c, struct strbuf *out)
{
	strbuf_printf(out, "murphy %s%s%s%s\n  %s\n", c->name,
		c->options && c->options[0].name ? " [OPTIONS]" : "", c->operands ? " " : "",
		c->operands ? c->operands : "", c->help);
	if (c->text) {
		strbuf_putc(out, '\n');
		words_wrap(out, c->text, 0, 0, WIDTH);
	}
	if (c->options && c->options[0].name)
		strbuf_puts(out, "\n");
	for (size_t i = 0; c->options && c->options[i].name; i++)
		put_option(out, &c->options[i]);
}

static void help_all(struct strbuf *out)
{
	strbuf_puts(out, "murphy tells what is wrong with this machine. It only reads: it changes"
			 " nothing,\nopens no port, and has a deadline for everything.\n\n");
	for (size_t i = 0; i < n_commands; i++) {
		auto_strbuf name = { 0 };

		strbuf_printf(&name, "%s%s%s", commands[i]->name, commands[i]->operands ? " " : "",
			commands[i]->operands ? commands[i]->operands : "");
		strbuf_printf(out, "  murphy %-*s", SYNOPSIS, i == 0 ? "" : strbuf_text(&name));
		if (name.len >= SYNOPSIS) {
			strbuf_putc(out, '\n');
			words_pad(out, 9 + SYNOPSIS);
		}
		words_wrap(out, commands[i]->help, 9 + SYNOPSIS, 9 + SYNOPSIS, WIDTH);
		out->failed |= name.failed;
	}
	strbuf_puts(out, "\n");
	for (size_t i = 0; commands[0]->options[i].name; i++)
		put_option(out, &commands[0]->options[i]);
	strbuf_puts(out, "\nmurphy COMMAND --help tells more of one.\nExit status: ");
	words_wrap(out, exit_codes, strlen("Exit status: "), 0, WIDTH);
}

int help_print(const struct command *c)
{
	auto_strbuf out = { 0 };

	if (c)
		help_of(c, &out);
	else
		help_all(&out);
	return print_text(&out);
}

int version_print(void)
{
	auto_strbuf out = { 0 };

	strbuf_printf(&out, "murphy %s\n", murphy_version);
	for (size_t i = 0; i < n_features; i++)
		strbuf_printf(&out, "%s %s: %s\n", features[i].present ? "with   " : "without",
			features[i].name, features[i].purpose);
	return print_text(&out);
}

/* A paragraph for roff: backslashes and leading dots must not be commands. */
static void man_text(struct strbuf *out, const char *text)
{
	auto_strbuf lines = { 0 };
	bool start = true;

	words_wrap(&lines, text, 0, 0, MAN_WIDTH);
	for (const char *p = lines.bytes; p && *p; p++) {
		if (start && (*p == '.' || *p == '\''))
			strbuf_puts(out, "\\&");
		if (*p == '\\')
			strbuf_puts(out, "\\e");
		else if (*p == '-')
			strbuf_puts(out, "\\-");
		else
			strbuf_putc(out, *p);
		start = *p == '\n';
	}
}

static void man_command(struct strbuf *out, const struct command *c)
{
	strbuf_puts(out, ".SS murphy");
	strbuf_printf(
		out, " %s%s%s\n", c->name, c->operands ? " " : "", c->operands ? c->operands : "");
	man_text(out, c->help);
	if (c->text) {
		strbuf_puts(out, ".PP\n");
		man_text(out, c->text);
	}
	for (size_t i = 0; c->options && c->options[i].name; i++) {
		const struct option_row *o = &c->options[i];
		auto_strbuf name = { 0 };

		if (o->letter)
			strbuf_printf(&name, "-%c, ", o->letter);
		strbuf_printf(&name, "--%s", o->name);
		strbuf_puts(out, ".TP\n\\fB");
		for (const char *p = strbuf_text(&name); *p; p++)
			strbuf_printf(out, *p == '-' ? "\\%c" : "%c", *p);
		strbuf_printf(out, "\\fR%s%s%s\n", o->value ? " \\fI" : "",
			o->value ? o->value : "", o->value ? "\\fR" : "");
		man_text(out, o->help);
	}
}

void help_man(struct strbuf *out)
{
	strbuf_printf(out, ".TH MURPHY 1 %s \"murphy %s\" \"User Commands\"\n", murphy_date,
		murphy_version);
	strbuf_puts(out, ".SH NAME\nmurphy \\- tell what is wrong with this machine\n"
			 ".SH SYNOPSIS\n.B murphy\n[\\fICOMMAND\\fR] [\\fIOPTIONS\\fR]\n"
			 ".SH DESCRIPTION\n");
	man_text(out,
		"murphy looks at this machine for two seconds and prints a short ranked list of "
		"what is wrong with it: each finding with its evidence, its cause, what to do, "
		"and what would prove it wrong. It only reads: it changes nothing, opens no "
		"port, and has a deadline for everything. Without privileges it sees less and "
		"says what.");
	strbuf_puts(out, ".SH COMMANDS\n");
	for (size_t i = 0; i < n_commands; i++)
		man_command(out, commands[i]);
	strbuf_puts(out, ".SH FINDINGS\n");
	for (size_t i = 0; i < n_checks; i++) {
		strbuf_puts(out, ".TP\n.B ");
		man_text(out, checks[i]->id);
		man_text(out, checks[i]->question);
	}
	strbuf_puts(out, ".SH EXIT STATUS\n");
	man_text(out, exit_codes);
	strbuf_puts(out,
		".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nNo colour when set and not empty.\n"
		".TP\n.B COLUMNS\nWidth of the report when it is not a terminal.\n"
		".TP\n.B MURPHY_CONFIG\nDirectory of the rules of the house instead of "
		"/etc/murphy; empty: none.\n.SH FILES\n.TP\n.I /etc/murphy/checks.d/*.conf\n"
		"Checks of the house: docs/checks.md.\n.TP\n.I /etc/murphy/known.d/*.conf\n"
		"Findings that are known and accepted until a day.\n"
		".SH SECURITY\n");
	man_text(out,
		"A capture holds what the machine says of itself, command lines and addresses "
		"included: murphy capture --redact replaces them.");
}

/* Ids of checks and of the rules of the house, which only the machine itself knows. */
#define IDS "murphy explain 2>/dev/null | cut -d' ' -f1"

#define COLOURS "auto always never"

static void bash_words(struct strbuf *out, const struct command *c)
{
	for (size_t i = 0; c->options && c->options[i].name; i++) {
		if (c->options[i].letter)
			strbuf_printf(out, "-%c ", c->options[i].letter);
		strbuf_printf(out, "--%s ", c->options[i].name);
	}
	strbuf_printf(out, "-h --help%s%s", c->words ? " " : "", c->words ? c->words : "");
}

/* Options whose values are known: their letters may mean something else to other commands. */
static void bash_values(struct strbuf *out, const struct command *c)
{
	for (const struct option_row *o = c->options; o && o->name; o++) {
		if (!o->words)
			continue;
		strbuf_printf(out, "\t'%s:--%s'", c->name, o->name);
		if (o->letter)
			strbuf_printf(out, "|'%s:-%c'", c->name, o->letter);
		strbuf_printf(out,
			")\n\t\tCOMPREPLY=($(compgen -W '%s' -- \"$word\"))\n\t\treturn ;;\n",
			o->words);
	}
}

static bool two_words(const struct command *c)
{
	return strchr(c->name, ' ') != NULL;
}

static void bash_second_words(struct strbuf *out)
{
	for (size_t i = 0; i < n_commands; i++) {
		if (two_words(commands[i]))
			strbuf_printf(out,
				"\t[ \"$COMP_CWORD\" -gt 2 ] && [ \"${COMP_WORDS[1]} "
				"${COMP_WORDS[2]}\" = '%s' ] &&\n\t\tcommand='%s'\n",
				commands[i]->name, commands[i]->name);
	}
}

static void complete_bash(struct strbuf *out)
{
	strbuf_puts(out,
		"# bash completion of murphy\n_murphy()\n{\n\tlocal words command=diagnose\n"
		"\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
		"\tcase ${COMP_WORDS[1]} in\n\t-*|'') ;;\n"
		"\t*) [ \"$COMP_CWORD\" -gt 1 ] && command=${COMP_WORDS[1]} ;;\n\tesac\n");
	bash_second_words(out);
	strbuf_puts(out, "\tcase $command:$before in\n");
	for (size_t i = 0; i < n_commands; i++)
		bash_values(out, commands[i]);
	strbuf_puts(out,
		"\tesac\n\tcase $before in\n\t--color)\n\t\tCOMPREPLY=($(compgen -W '" COLOURS
		"' -- "
		"\"$word\"))\n\t\treturn ;;\n\t-r|--root|-c|--config");
	for (size_t i = 0; i < n_commands; i++) {
		const char *name = commands[i]->name, *second = strchr(name, ' ');

		if (commands[i]->files)
			strbuf_printf(out, "|%s", second ? second + 1 : name);
	}
	strbuf_puts(out,
		")\n\t\tCOMPREPLY=($(compgen -f -- \"$word\"))\n\t\treturn "
		";;\n\t-o|--only|-s|--skip)\n"
		"\t\tCOMPREPLY=($(compgen -W \"$(" IDS ")\" -- \"$word\"))\n\t\treturn ;;\n\tesac\n"
		"\tcase $command in\n");
	for (size_t i = 0; i < n_commands; i++) {
		strbuf_printf(out, "\t'%s') words='", commands[i]->name);
		bash_words(out, commands[i]);
		strbuf_puts(out, "' ;;\n");
	}
	strbuf_puts(out, "\tesac\n\t[ \"$command\" = explain ] && words=\"$words $(" IDS ")\"\n"
			 "\t[ \"$COMP_CWORD\" -eq 1 ] && words=\"$words");
	for (size_t i = 0; i < n_commands; i++) {
		if (!two_words(commands[i]))
			strbuf_printf(out, " %s", commands[i]->name);
	}
	strbuf_puts(out, "\"\n\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\n"
			 "complete -o default -F _murphy murphy\n");
}

/* Inside single quotes of a shell; a backslash goes before what is special there. */
static void quoted(struct strbuf *out, const char *text, const char *special)
{
	for (; *text; text++) {
		if (*text == '\'')
			strbuf_puts(out, "'\\''");
		else if (strchr(special, *text))
			strbuf_printf(out, "\\%c", *text);
		else
			strbuf_putc(out, *text);
	}
}

static void zsh_values(struct strbuf *out, const struct option_row *o)
{
	if (o->words)
		strbuf_printf(out, "(%s)", o->words);
	else if (strcmp(o->name, "root") == 0 || strcmp(o->name, "config") == 0)
		strbuf_puts(out, "_files");
	else if (strcmp(o->name, "only") == 0 || strcmp(o->name, "skip") == 0)
		strbuf_puts(out, "_murphy_ids");
	else if (strcmp(o->name, "color") == 0)
		strbuf_puts(out, "(" COLOURS ")");
}

/* Ends of words in the specifications of _arguments and _describe. */
#define ZSH_SPECIAL "[]:"

static void zsh_option(struct strbuf *out, const struct option_row *o)
{
	const char *sign = o->value ? "=" : "";

	if (o->letter)
		strbuf_printf(out, " \\\n\t'(-%c --%s)'{-%c%s,--%s%s}'[", o->letter, o->name,
			o->letter, o->value ? "+" : "", o->name, sign);
	else
		strbuf_printf(out, " \\\n\t'--%s%s[", o->name, sign);
	quoted(out, o->help, ZSH_SPECIAL);
	strbuf_puts(out, "]");
	if (o->value) {
		strbuf_printf(out, ":%s:", o->value);
		zsh_values(out, o);
	}
	strbuf_puts(out, "'");
}

static void zsh_operand(struct strbuf *out, const struct command *c)
{
	if (c->words)
		strbuf_printf(out, "(%s)", c->words);
	else if (strcmp(c->name, "explain") == 0)
		strbuf_puts(out, "_murphy_ids");
	else if (c->files)
		strbuf_puts(out, "_files");
}

static void complete_zsh(struct strbuf *out)
{
	strbuf_puts(out, "#compdef murphy\n_murphy_ids() { compadd -- ${(f)\"$(" IDS ")\"} }\n"
			 "local -a commands=(\n");
	for (size_t i = 0; i < n_commands; i++) {
		if (two_words(commands[i]))
			continue;
		strbuf_printf(out, "\t'%s:", commands[i]->name);
		quoted(out, commands[i]->help, ZSH_SPECIAL);
		strbuf_puts(out, "'\n");
	}
	strbuf_puts(out, ")\nlocal command=diagnose\n"
			 "(( CURRENT > 2 )) && [[ $words[2] != -* ]] && command=$words[2]\n"
			 "(( CURRENT == 2 )) && _describe command commands\n");
	for (size_t i = 0; i < n_commands; i++) {
		if (two_words(commands[i]))
			strbuf_printf(out,
				"(( CURRENT > 3 )) && [[ \"$words[2] $words[3]\" == '%s' ]] && "
				"command='%s'\n",
				commands[i]->name, commands[i]->name);
	}
	strbuf_puts(out, "case $command in\n");
	for (size_t i = 0; i < n_commands; i++) {
		const struct command *c = commands[i];

		strbuf_printf(out, "'%s') _arguments", c->name);
		for (size_t k = 0; c->options && c->options[k].name; k++)
			zsh_option(out, &c->options[k]);
		strbuf_printf(out, " \\\n\t'(-h --help)'{-h,--help}'[what it takes]'");
		strbuf_printf(out, " \\\n\t'*:%s:", c->operands ? "operand" : "");
		zsh_operand(out, c);
		strbuf_puts(out, "' ;;\n");
	}
	strbuf_puts(out, "esac\n");
}

#define IDS_FISH "murphy explain 2>/dev/null | string split -f1 \" \""

/* When options and operands of c are asked for. */
static void fish_seen(struct strbuf *out, const struct command *c)
{
	const char *second = strchr(c->name, ' ');

	strbuf_printf(out, "__fish_seen_subcommand_from %.*s",
		(int)(second ? (size_t)(second - c->name) : strlen(c->name)), c->name);
	if (second)
		strbuf_printf(out, "; and __fish_seen_subcommand_from%s", second);
}

static void complete_fish(struct strbuf *out)
{
	strbuf_puts(out, "# fish completion of murphy\n");
	for (size_t i = 0; i < n_commands; i++) {
		const struct command *c = commands[i];

		if (!two_words(c)) {
			strbuf_printf(out, "complete -c murphy -n __fish_use_subcommand -a %s -d '",
				c->name);
			quoted(out, c->help, "");
			strbuf_puts(out, "'\n");
		}
		for (size_t k = 0; c->options && c->options[k].name; k++) {
			strbuf_printf(out, "complete -c murphy -n '%s",
				i == 0 ? "__fish_use_subcommand; or " : "");
			fish_seen(out, c);
			strbuf_printf(out, "' -l %s%s ", c->options[k].name,
				c->options[k].value ? " -r" : "");
			if (c->options[k].letter)
				strbuf_printf(out, "-s %c ", c->options[k].letter);
			strbuf_puts(out, "-d '");
			quoted(out, c->options[k].help, "");
			if (c->options[k].words)
				strbuf_printf(out, "' -f -a '%s", c->options[k].words);
			strbuf_puts(out, "'\n");
		}
		if (!c->words)
			continue;
		strbuf_puts(out, "complete -c murphy -n '");
		fish_seen(out, c);
		strbuf_printf(out, "' -f -a '%s'\n", c->words);
	}
	strbuf_puts(out,
		"complete -c murphy -s h -l help -d 'what it takes'\n"
		"complete -c murphy -l color -r -f -a '" COLOURS "'\n"
		"complete -c murphy -n '__fish_seen_subcommand_from explain' -f -a '(" IDS_FISH
		")'\ncomplete -c murphy -l only -r -f -a '(" IDS_FISH
		")'\ncomplete -c murphy -l skip -r -f -a '(" IDS_FISH ")'\n");
}

bool help_completion(const char *shell, struct strbuf *out)
{
	if (strcmp(shell, "bash") == 0)
		complete_bash(out);
	else if (strcmp(shell, "zsh") == 0)
		complete_zsh(out);
	else if (strcmp(shell, "fish") == 0)
		complete_fish(out);
	else
		return false;
	return true;
}
