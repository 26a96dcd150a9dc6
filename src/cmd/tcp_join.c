/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"

#include "base/strbuf.h"
#include "cmd/tcp_join_run.h"
#include "cmd/terminal.h"
#include "render/tcp_join.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { TOP_DEFAULT = 20, LOOK_S = 60, ADDRESSES_MAX = 64 };
/* Two looks at a host that are closer prove little: a FIN may be under way for as long. */
#define APART_NS UINT64_C(500000000)

static const struct option_row options[] = {
	{ "again", 'g', NULL, "two more files follow: A and B, looked at again after the first" },
	{ "peer", 'p', "HOST", "instead of files: this host and HOST, by ssh" },
	{ "ssh", 0, "PROGRAM", "instead of ssh: called with HOST and a command" },
	{ "murphy", 0, "PROGRAM", "what murphy is called on HOST" },
	{ "after", 'e', "SECONDS", "with --peer: look again so much later instead of 1 s" },
	{ "a-address", 0, "ADDRESSES",
		"that A has, beyond those of its sockets: 10.0.0.1,fd00::1" },
	{ "b-address", 0, "ADDRESSES", "that B has" },
	{ "direct", 'd', NULL, "no address between the two is translated (NAT)" },
	{ "json", 'j', NULL, "one JSON object per line; docs/json.md" },
	{ "top", 'n', "N", "so many connections; 0: all. Of text 20 else, of JSON all" },
	{ "color", 0, "WHEN", "auto, always or never; NO_COLOR is obeyed" },
	{ 0 },
};

struct request {
	const struct args *args;
	struct remote remote;
	double after_s;
	struct text_style style;
	size_t top;
	bool json;
	struct join *join;
	/* of each host, of its last look */
	struct dump_end end[JOIN_HOSTS];
	bool looked[JOIN_HOSTS];
};

/* Where rows go. */
struct into {
	struct join *join;
	unsigned int host;
};

static int first_row(void *ctx, const struct join_row *row)
{
	const struct into *i = ctx;

	return join_add(i->join, i->host, row);
}

static int later_row(void *ctx, const struct join_row *row)
{
	const struct into *i = ctx;

	join_again(i->join, i->host, row);
	return 0;
}

/* The files must be of the host, and of a later time. -1, or an exit code. */
static int check_order(const struct request *q, const struct dump_reader *r,
	const struct dump_end *was, const struct dump_end *now)
{
	if (strcmp(was->host, now->host) != 0)
		return usage_error(
			q->args->command, "%s is of %s, not of %s", r->name, now->host, was->host);
	if (was->taken_ns && now->taken_ns && now->taken_ns < was->taken_ns + APART_NS)
		return usage_error(q->args->command,
			"%s: a second look must be of half a second after the first, or more",
			r->name);
	return -1;
}

/* The first look of a host. -1, or an exit code. */
static int look_first(struct request *q, unsigned int host, struct dump_reader *r)
{
	struct into into = { q->join, host };
	int got = dump_next(r, first_row, &into, &q->end[host]);

	if (got <= 0)
		return dump_refused(r, got < 0 ? got : -ENODATA);
	if (q->end[host].blind)
		join_blind(q->join, host);
	q->looked[host] = true;
	return -1;
}

/*
 * Those that follow, all that there are in a file. What breaks off (--watch was ended) counts for
 * nothing. -1, or an exit code.
 */
static int look_later(struct request *q, unsigned int host, struct dump_reader *r)
{
	struct into into = { q->join, host };

	for (;;) {
		struct dump_end end;
		int got = dump_next(r, later_row, &into, &end);

		if (got == 0 || got == -ENODATA)
			return -1;
		if (got < 0)
			return dump_refused(r, got);
		int code = check_order(q, r, &q->end[host], &end);

		if (code >= 0)
			return code;
		join_looked(q->join, host, end.blind);
		q->end[host] = end;
	}
}

static int matched(struct request *q)
{
	int err = join_match(q->join);

	if (err == 0)
		return -1;
	log_error("could not join: %s", strerror(-err));
	return EXIT_INTERNAL;
}

static int open_file(const char *path, struct dump_reader *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*ret = (struct dump_reader){ .name = path, .fd = fd };
	if (fd >= 0)
		return -1;
	log_error("%s: %s", path, strerror(errno));
	return exit_of_open(-errno);
}

/* -1, or an exit code. */
static int join_files(struct request *q)
{
	struct dump_reader r[4] = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 }, { .fd = -1 } };
	int code = -1;

	for (int i = 0; i < q->args->n_operands && code < 0; i++)
		code = open_file(q->args->operand[i], &r[i]);
	for (unsigned int h = 0; h < JOIN_HOSTS && code < 0; h++)
		code = look_first(q, h, &r[h]);
	if (code < 0)
		code = matched(q);
	for (unsigned int i = 0; i < (unsigned int)q->args->n_operands && code < 0; i++)
		code = look_later(q, i % JOIN_HOSTS, &r[i]);
	for (size_t i = 0; i < ARRAY_SIZE(r); i++)
		dump_release(&r[i]);
	return code;
}

/* Now, at this host or the other one. -1, or an exit code. */
static int look_live(struct request *q, unsigned int host, bool again)
{
	const struct remote *r = host == JOIN_B ? &q->remote : NULL;
	struct dump_child child;
	int err = dump_start(r, again, LOOK_S, &child);

	if (err < 0) {
		log_error("could not start murphy: %s", strerror(-err));
		return EXIT_INTERNAL;
	}
	int code = again ? look_later(q, host, &child.reader) : look_first(q, host, &child.reader);

	dump_stop(&child);
	/* It is no fault of how murphy was called that the other one says something else. */
	return code == EXIT_USAGE ? EXIT_BLIND : code;
}

/*
 * In turn, never at once: what A believes before and after B was looked at, it believed at that
 * moment, and no clocks need to be compared. -1, or an exit code.
 */
static int join_live(struct request *q)
{
	int code = look_live(q, JOIN_A, false);

	code = code < 0 ? look_live(q, JOIN_B, false) : code;
	code = code < 0 ? matched(q) : code;
	if (code >= 0 || join_suspects(q->join) == 0)
		return code;
	sleep_s(q->after_s);
	code = look_live(q, JOIN_A, true);
	return code < 0 ? look_live(q, JOIN_B, true) : code;
}

/* What to call them: two hosts of one name are A and B. */
static void put_names(const struct request *q, struct strbuf name[JOIN_HOSTS])
{
	bool same = strcmp(q->end[0].host, q->end[1].host) == 0 || !q->end[0].host[0] ||
		    !q->end[1].host[0];

	for (int h = 0; h < JOIN_HOSTS; h++) {
		const char *host = q->end[h].host;

		if (same)
			strbuf_printf(&name[h], "%c%s%s%s", "AB"[h], *host ? " (" : "", host,
				*host ? ")" : "");
		else
			strbuf_puts(&name[h], host);
	}
}

static int code_of(const struct join_result *r)
{
	if (r->n_checked)
		return EXIT_WARNING;
	if (r->n_findings || r->dropped || r->side[JOIN_A].looks != r->side[JOIN_B].looks)
		return EXIT_BLIND;
	for (int h = 0; h < JOIN_HOSTS; h++) {
		const struct join_side *s = &r->side[h];

		if (s->unseen || s->perhaps_nat || s->both_have ||
			(s->elsewhere && r->side[!h].addresses == 0))
			return EXIT_BLIND;
	}
	return EXIT_NOTHING;
}

static int print(const struct request *q)
{
	struct strbuf name[JOIN_HOSTS] = { 0 };
	auto_strbuf out = { 0 };
	struct join_result r;
	int err = join_finish(q->join, &r);

	if (err < 0) {
		log_error("could not join: %s", strerror(-err));
		return EXIT_INTERNAL;
	}
	put_names(q, name);
	struct join_view v = { .result = &r,
		.host = { strbuf_text(&name[0]), strbuf_text(&name[1]) },
		.top = q->top,
		.live = q->remote.host != NULL,
		.exit_code = code_of(&r) };

	if (q->json)
		tcp_join_json(&v, &out);
	else
		tcp_join_text(&v, &q->style, &out);
	out.failed |= name[0].failed || name[1].failed;
	strbuf_release(&name[0]);
	strbuf_release(&name[1]);
	int printed = print_text(&out);

	return printed == EXIT_NOTHING ? v.exit_code : printed;
}

/* -1, or an exit code. */
static int add_addresses(struct request *q, const char *option, unsigned int host)
{
	const char *text = args_get(q->args, option);
	int n = 0;

	for (const char *at = text; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		struct span one = { at, strcspn(at, ",") };
		uint8_t address[16];
		char buf[64];

		span_copy(one, buf, sizeof(buf));
		if (one.len >= sizeof(buf) || !join_address_parse(buf, address))
			return usage_error(
				q->args->command, "--%s: '%s' is no address", option, buf);
		if (n++ == ADDRESSES_MAX)
			return usage_error(q->args->command, "--%s: more than %d addresses", option,
				ADDRESSES_MAX);
		if (join_address(q->join, host, address) < 0)
			return EXIT_INTERNAL;
	}
	return -1;
}

static int parse_peer(struct request *q)
{
	const struct args *a = q->args;
	const char *host = args_get(a, "peer"), *ssh = args_get(a, "ssh");
	const char *murphy = args_get(a, "murphy");

	if (!host && (ssh || murphy || args_get(a, "after")))
		return usage_error(a->command, "--ssh, --murphy and --after go with --peer");
	if (!host)
		return -1;
	if (a->n_operands > 0 || args_get(a, "again"))
		return usage_error(a->command, "files, or --peer: not both");
	/* ssh would take it for an option. */
	if (!*host || *host == '-')
		return usage_error(a->command, "--peer takes a host, not '%s'", host);
	q->remote = (struct remote){ ssh ? ssh : "ssh", host, murphy ? murphy : "murphy" };
	if (args_get(a, "after") && !args_seconds(a, "after", 0.5, 3600, &q->after_s))
		return EXIT_USAGE;
	return -1;
}

/* -1: it is understood; else an exit code. */
static int parse(struct request *q)
{
	const struct args *a = q->args;
	const char *top = args_get(a, "top"), *when = args_get(a, "color");
	uint64_t n = q->json ? 0 : TOP_DEFAULT;
	bool again = args_get(a, "again") != NULL;

	if (!terminal_style(when, &q->style))
		return usage_error(
			a->command, "--color takes auto, always or never, not '%s'", when);
	if (top && !parse_whole(top, &n))
		return usage_error(a->command, "--top takes a number, not '%s'", top);
	q->top = (size_t)n;
	int code = parse_peer(q);

	if (code >= 0 || q->remote.host)
		return code;
	if (again && a->n_operands != 4)
		return usage_error(a->command, "it takes A B --again A2 B2");
	if (a->n_operands != 2 && a->n_operands != 4)
		return usage_error(a->command, "it takes two files, four with --again, or --peer");
	return -1;
}

static int run(const struct args *a)
{
	struct request q = { .args = a, .after_s = 1, .json = args_get(a, "json") != NULL };
	int code = parse(&q);

	if (code >= 0)
		return code;
	if (join_new(args_get(a, "direct") != NULL, &q.join) < 0) {
		log_error("%s", strerror(ENOMEM));
		return EXIT_INTERNAL;
	}
	code = add_addresses(&q, "a-address", JOIN_A);
	code = code < 0 ? add_addresses(&q, "b-address", JOIN_B) : code;
	if (code < 0)
		code = q.remote.host ? join_live(&q) : join_files(&q);
	if (code < 0)
		code = print(&q);
	join_free(q.join);
	return code;
}

const struct command command_tcp_join = {
	.name = "tcp join",
	.operands = "A B [--again A2 B2]",
	.help = "the connections on which two hosts disagree",
	.text = "A and B are files with what murphy tcp --json printed on two hosts. Each "
		"connection of one is looked up at the other: half-open ones whose peer was "
		"restarted, ends that got lost, sequence numbers that differ - what neither host "
		"can tell alone. While hosts are read, connections come and go: only what a second "
		"look at both shows unchanged is claimed. Take them in this order: A, B, A2, B2 "
		"(or with --watch, at the same time); --peer HOST does that itself, with murphy on "
		"both hosts. NAT between them hides who belongs to whom: it is recognized where it "
		"can be, and told. Exit status: 0 they agree, 1 they disagree, 3 something could "
		"not be judged or checked, 64 wrong usage or a damaged file. docs/tcp-join.md "
		"tells what each cause means.",
	.options = options,
	.files = true,
	.run = run,
};
