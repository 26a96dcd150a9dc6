/* SPDX-License-Identifier: MIT */
#include "lab/guest.h"

#include "base/mem.h"
#include "lab/guest_boot.h"
#include "lab/judge.h"

#include <errno.h>
#include <string.h>

/* A row of the matrix: what the guest said of a lab. */
struct row {
	const struct lab *lab;
	bool told;
	enum outcome outcome;
};

struct rows {
	struct row *at;
	size_t n;
};

static void print_line(struct cursor line)
{
	auto_strbuf text = { 0 };

	strbuf_add_printable(&text, line.at, cursor_left(&line));
	printf("%s\n", strbuf_text(&text));
	fflush(stdout);
}

static bool outcome_of(struct span word, enum outcome *ret_outcome)
{
	for (int o = OUTCOME_PASSED; o <= OUTCOME_BROKEN; o++) {
		if (span_eq(word, outcome_name((enum outcome)o))) {
			*ret_outcome = (enum outcome)o;
			return true;
		}
	}
	return false;
}

/* "ok  NAME  ..." is a lab's row; all else the guest says of itself. */
static void take_row(void *context, struct cursor line)
{
	struct rows *rows = context;
	struct cursor c = line;
	struct span word, name;
	enum outcome outcome;

	print_line(line);
	if (!cursor_word(&c, &word) || !outcome_of(word, &outcome) || !cursor_word(&c, &name))
		return;
	for (size_t i = 0; i < rows->n; i++) {
		struct row *r = &rows->at[i];

		if (span_eq(name, r->lab->name) && !r->told) {
			r->told = true;
			r->outcome = outcome;
			return;
		}
	}
}

static void take_text(void *context, struct cursor line)
{
	print_line(line);
}

static void tell(struct row *r, enum outcome outcome, const char *why)
{
	printf("%-8s %-18s %-20s %s\n", outcome_name(outcome), r->lab->name,
		r->lab->want ? r->lab->want : "(healthy)", why);
	r->told = true;
	r->outcome = outcome;
}

/* Those that wish the same share a guest: nothing, or the same thing. */
static bool share(const struct rows *rows, size_t i, const struct lab_guest *wish)
{
	return rows->at[i].lab->guest == wish;
}

/* One guest for the labs from first on that share it. */
static void check_in_one(const struct guest_place *place, const struct guest_options *o,
	struct rows *rows, size_t first)
{
	const struct lab_guest *wish = rows->at[first].lab->guest;
	auto_strbuf arguments = { 0 };

	strbuf_puts(&arguments, "/usr/bin/murphy-lab\ncheck\n");
	if (o->seconds)
		strbuf_printf(&arguments, "--for\n%u\n", o->seconds);
	for (size_t i = first; i < rows->n; i++) {
		if (share(rows, i, wish))
			strbuf_printf(&arguments, "%s\n", rows->at[i].lab->name);
	}
	struct guest_boot boot = { .place = place,
		.options = o,
		.wish = wish,
		.arguments = strbuf_text(&arguments),
		.silent_s = GUEST_SILENT_S,
		.line = take_row,
		.context = rows };
	int code = arguments.failed ? -ENOMEM : guest_boot(&boot);

	for (size_t i = first; i < rows->n; i++) {
		struct row *r = &rows->at[i];

		if (!r->told && share(rows, i, wish))
			tell(r, OUTCOME_BROKEN,
				code == -ETIME    ? "the guest was silent, and ended"
				: code == -EPROTO ? "the guest ended before"
				: code < 0        ? strerror(-code)
						  : "the guest said nothing of it");
	}
}

static int sum_up(const struct rows *rows)
{
	struct tally t = { 0 };

	for (size_t i = 0; i < rows->n; i++)
		tally_add(&t, rows->at[i].outcome);
	tally_print(&t);
	return tally_code(&t);
}

int guest_check(const char *const names[], size_t n, const struct guest_options *o)
{
	size_t count = n ? n : n_lab_list;
	auto_free struct row *list = mem_new(count, sizeof(*list));
	struct rows rows = { list, count };
	struct guest_place place;
	char why[128];

	if (!list)
		return 1;
	for (size_t i = 0; i < rows.n; i++)
		rows.at[i].lab = n ? lab_find(names[i]) : lab_list[i];
	int err = guest_find(o->kernel, &place, why, sizeof(why));

	for (size_t i = 0; i < rows.n; i++) {
		if (rows.at[i].told)
			continue;
		if (err < 0)
			tell(&rows.at[i], OUTCOME_SKIPPED, why);
		else
			check_in_one(&place, o, &rows, i);
	}
	return sum_up(&rows);
}

static int one_boot(struct guest_boot boot, const struct guest_options *o, const char *what)
{
	struct guest_place place;
	char why[128];

	if (guest_find(o->kernel, &place, why, sizeof(why)) < 0) {
		printf("skipped: %s\n", why);
		return LAB_SKIPPED;
	}
	boot.place = &place;
	boot.options = o;
	boot.line = take_text;
	int code = guest_boot(&boot);

	if (code < 0)
		fprintf(stderr, "murphy-lab: %s: %s\n", what,
			code == -ETIME    ? "the guest was silent for too long, and ended"
			: code == -EPROTO ? "the guest ended before its program"
					  : strerror(-code));
	return code < 0 ? 1 : code;
}

int guest_run(const struct lab *lab, const struct guest_options *o)
{
	char arguments[128];
	struct guest_boot boot = {
		.wish = lab->guest, .arguments = arguments, .silent_s = GUEST_SILENT_S
	};

	snprintf(arguments, sizeof(arguments), "/usr/bin/murphy-lab\nshow\n%s\n", lab->name);
	return one_boot(boot, o, lab->name);
}

int guest_program(const char *const argv[], const struct guest_options *o)
{
	auto_strbuf arguments = { 0 };

	for (size_t i = 0; argv[i]; i++) {
		if (strchr(argv[i], '\n'))
			return 1;
		strbuf_printf(&arguments, "%s\n", argv[i]);
	}
	struct guest_boot boot = {
		.program = argv[0], .arguments = strbuf_text(&arguments), .silent_s = GUEST_RUN_S
	};

	return arguments.failed ? 1 : one_boot(boot, o, argv[0]);
}
