/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"

#include "cmd/terminal.h"
#include "look/tcp_look.h"
#include "render/tcp.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

enum { TOP_DEFAULT = 20, EVERY_DEFAULT_S = 2, JSON_PIECE = 1000 };

#define STATES                                                                                    \
	"ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE_WAIT LAST_ACK LISTEN " \
	"CLOSING"
#define VERDICTS                                                                                \
	"wrong fine path-mtu peer-gone send-stalled syn-void keepalive-failing zero-window "    \
	"listen-overflow never-accepted close-wait nagle retrans last-ack fin-wait1 fin-wait2 " \
	"half-open"

static const struct option_row options[] = {
	{ "verdict", 'v', "NAMES", "only these: close-wait,nagle...; wrong: all but fine",
		VERDICTS },
	{ "state", 'S', "NAMES", "only these: ESTABLISHED,CLOSE_WAIT...", STATES },
	{ "port", 'p', "PORT", "only this port, here or at the peer" },
	{ "address", 'a', "ADDRESS", "only this address or ADDRESS/BITS, here or at the peer" },
	{ "process", 'P', "WHO", "only of this pid, or of processes of this name" },
	{ "by", 'b', "WHAT", "sums by process, command, unit, peer, port, verdict or state",
		"process command unit peer port verdict state" },
	{ "sort", 's', "COLUMN",
		"verdict (default), silence, send-queue, receive-queue, rtt, retransmits",
		"verdict silence send-queue receive-queue rtt retransmits" },
	{ "top", 'n', "N", "so many rows; 0: all. Of text 20 else, of JSON all" },
	{ "no-owner", 'O', NULL, "do not look for the processes" },
	{ "json", 'j', NULL, "one JSON object per line; docs/json.md" },
	{ "watch", 'w', NULL, "look again and again" },
	{ "every", 'e', "SECONDS", "with --watch: look that often instead of each 2 s" },
	{ "root", 'r', "PATH", "another machine: a capture" },
	{ "color", 0, "WHEN", "auto, always or never; NO_COLOR is obeyed" },
	{ 0 },
};

struct request {
	const struct args *args;
	struct tcp_wanted wanted;
	struct tcp_filter filter;
	enum tcp_sort sort;
	enum tcp_by by;
	size_t top;
	double every_s;
	struct text_style style;
	bool json, owners;
};

/* Owners first, of what is shown: they are what costs. 0 or -errno. */
static int make_report(
	const struct request *q, struct tcp_look *l, struct tcp_report *r, struct arena *a)
{
	size_t n = 0;
	int err = tcp_view_rows(r, a);
	uint64_t *inodes = err < 0 || !q->owners ? NULL : tcp_view_inodes(r, a, &n);

	if (err == 0 && q->owners && !inodes)
		err = -ENOMEM;
	if (err == 0 && n > 0)
		err = tcp_look_owners(l, inodes, n);
	r->now_ns = tcp_look_now_ns(l);
	r->cpu_ns = tcp_look_cpu_ns(l);
	r->wall_ns = tcp_look_wall_ns(l);
	r->peak_bytes = tcp_look_peak_bytes(l);
	return err < 0 ? err : tcp_view_owners(r, a);
}

/* Of 400,000 rows the text is half a gigabyte: piece by piece. An exit code. */
static int print_json(const struct tcp_report *r, int code)
{
	auto_strbuf out = { 0 };
	int printed = EXIT_NOTHING;
	size_t n;

	for (size_t at = 0; printed == EXIT_NOTHING; at += n) {
		n = tcp_json_rows(r, at, JSON_PIECE, &out);
		if (n < JSON_PIECE)
			tcp_json_end(r, code, &out);
		printed = print_text(&out);
		strbuf_clear(&out);
		if (n < JSON_PIECE || output_gone())
			break;
	}
	return printed;
}

/* An exit code. */
static int print(const struct request *q, struct tcp_look *l)
{
	struct arena arena = { 0 };
	auto_strbuf out = { 0 };
	struct tcp_report r = { .frame = tcp_look_frame(l),
		.sort = q->sort,
		.by = q->by,
		.top = q->top,
		.filter = q->filter,
		.owners = q->owners };
	int err = make_report(q, l, &r, &arena), code = r.blind ? EXIT_BLIND : EXIT_NOTHING;

	int printed;

	if (err == 0 && q->json) {
		printed = print_json(&r, code);
	} else {
		if (err == 0)
			tcp_text(&r, &q->style, &out);
		out.failed |= err < 0;
		printed = print_text(&out);
	}
	arena_release(&arena);
	return printed == EXIT_NOTHING ? code : printed;
}

static int look(const struct request *q, struct tcp_look *l)
{
	for (bool again = args_get(q->args, "watch") != NULL;; sleep_s(q->every_s)) {
		int err = tcp_look_next(l);
		int code = err < 0 ? EXIT_INTERNAL : print(q, l);

		if (err < 0)
			log_error("could not look: %s", strerror(-err));
		if (!again || code == EXIT_INTERNAL || output_gone())
			return code;
		if (!q->json)
			print_all("\n", 1);
	}
}

/* As ss writes them, too: "close-wait", "FIN-WAIT-1". */
static bool same_state(const char *text, size_t len, const char *name)
{
	for (size_t i = 0; i < len; text++) {
		char c = *text;

		i++;
		if (c == '-' || c == '_') {
			if (*name == '_')
				name++;
			continue;
		}
		if (strncasecmp(&c, name, 1) != 0)
			return false;
		name++;
	}
	return *name == '\0';
}

static bool parse_state(const char *text, size_t len, uint32_t *bits)
{
	static const struct {
		const char *word, *state;
	} short_names[] = { { "ESTAB", "ESTABLISHED" }, { "UNCONN", "CLOSE" } };

	for (uint32_t state = 1; state < TCP_STATES; state++) {
		const char *name = tcp_state_name(state);
		bool same = same_state(text, len, name);

		for (size_t i = 0; i < ARRAY_SIZE(short_names); i++)
			same |= strcmp(name, short_names[i].state) == 0 &&
				same_state(text, len, short_names[i].word);
		if (same)
			*bits |= 1u << state;
	}
	return *bits != 0;
}

static bool parse_verdict(const char *text, size_t len, uint32_t *bits)
{
	enum tcp_verdict v;

	if (len == 5 && memcmp(text, "wrong", len) == 0) {
		*bits |= ((1u << TCP_VERDICTS) - 1) & ~(1u << TCP_FINE);
		return true;
	}
	if (!tcp_verdict_parse(text, len, &v))
		return false;
	*bits |= 1u << v;
	return true;
}

/* "a,b": each is understood by parse. -1, or an exit code. */
static int parse_list(const struct request *q, const char *option, const char *known,
	bool (*parse)(const char *, size_t, uint32_t *), uint32_t *ret_bits)
{
	const char *text = args_get(q->args, option);

	for (const char *at = text; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		size_t len = strcspn(at, ",");
		uint32_t bits = 0;

		if (!parse(at, len, &bits))
			return usage_error(q->args->command, "--%s takes %s, not '%.*s'", option,
				known, (int)len, at);
		*ret_bits |= bits;
	}
	return -1;
}

static int parse_numbers(struct request *q)
{
	const struct args *a = q->args;
	const char *top = args_get(a, "top"), *port = args_get(a, "port");
	const char *process = args_get(a, "process");
	uint64_t n = q->json ? 0 : TOP_DEFAULT, value = 0;

	if (top && !parse_whole(top, &n))
		return usage_error(a->command, "--top takes a number, not '%s'", top);
	q->top = (size_t)n;
	if (port && (!parse_whole(port, &value) || value == 0 || value > UINT16_MAX))
		return usage_error(a->command, "--port takes 1 to 65535, not '%s'", port);
	q->wanted.port = (uint32_t)value;
	if (process && !*process)
		return usage_error(a->command, "--process takes a pid or a name, not ''");
	if (process && process[0] == '-' && parse_whole(process + 1, &value))
		return usage_error(
			a->command, "--process takes a pid or a name, not '%s'", process);
	if (process && !parse_whole(process, &q->filter.pid))
		q->filter.comm = process;
	else if (process && q->filter.pid == 0)
		return usage_error(a->command, "--process takes a pid or a name, not '0'");
	return -1;
}

static int parse_words(struct request *q)
{
	const struct args *a = q->args;
	const char *by = args_get(a, "by"), *sort = args_get(a, "sort");
	const char *address = args_get(a, "address");

	if (!terminal_style(args_get(a, "color"), &q->style))
		return usage_error(a->command, "--color takes auto, always or never, not '%s'",
			args_get(a, "color"));
	if (by && !tcp_by_parse(by, &q->by))
		return usage_error(a->command,
			"--by takes process, command, unit, peer, port, verdict or state, not '%s'",
			by);
	if (sort && !tcp_sort_parse(sort, &q->sort))
		return usage_error(a->command,
			"--sort takes verdict, silence, send-queue, receive-queue, rtt or "
			"retransmits, not '%s'",
			sort);
	if (sort && by)
		return usage_error(a->command, "sums are in order of what is wrong: no --sort");
	if (address && !tcp_prefix_parse(address, &q->filter.address))
		return usage_error(a->command,
			"--address takes one such as 10.0.0.1, 10.0.0.0/8 or fe80::/10, not '%s'",
			address);
	int code = parse_list(q, "state", STATES, parse_state, &q->wanted.states);

	return code >= 0 ? code
			 : parse_list(q, "verdict", VERDICTS, parse_verdict, &q->wanted.verdicts);
}

/* -1: it is understood; else an exit code. */
static int parse(struct request *q)
{
	const struct args *a = q->args;
	int code = parse_words(q);

	if (code < 0)
		code = parse_numbers(q);
	if (code >= 0)
		return code;
	if (args_get(a, "root") && args_get(a, "watch"))
		return usage_error(a->command, "--root is of the past: no --watch");
	if (args_get(a, "every") && !args_get(a, "watch"))
		return usage_error(a->command, "--every says how often to --watch");
	if (args_get(a, "every") && !args_seconds(a, "every", 0.1, 86400, &q->every_s))
		return EXIT_USAGE;
	q->owners = args_get(a, "no-owner") == NULL;
	if (!q->owners && (tcp_by_owner(q->by) || args_get(a, "process")))
		return usage_error(a->command, "without owners no process is known");
	/* Some thousand healthy ones do where the worst are shown. */
	q->wanted.all = q->by != TCP_BY_NONE || q->top == 0 || q->top > 1000 ||
			q->sort != TCP_SORT_VERDICT || q->wanted.states || q->wanted.port ||
			q->filter.address.bits || q->filter.pid || q->filter.comm;
	return -1;
}

static int run(const struct args *a)
{
	struct request q = { .args = a, .every_s = EVERY_DEFAULT_S };
	struct tcp_look *l = NULL;
	struct host *h = NULL;

	q.json = args_get(a, "json") != NULL;
	int code = parse(&q);

	if (code < 0)
		code = terminal_open_host(args_get(a, "root"), &h);
	if (code >= 0)
		return code;
	int err = tcp_look_new(h, &q.wanted, &l);

	code = err < 0 ? EXIT_INTERNAL : look(&q, l);
	if (err < 0)
		log_error("could not look: %s", strerror(-err));
	tcp_look_free(l);
	host_free(h);
	return code;
}

const struct command command_tcp = {
	.name = "tcp",
	.words = "nagle join probe",
	.help = "every TCP connection, and what is wrong with it",
	.text = "Judges each TCP socket of all network namespaces that may be entered: connections "
		"whose peer is gone or does not read, that were forgotten, never accepted, that "
		"wait for Nagle's algorithm... and shows the worst first, with what they wait for, "
		"what the kernel will do next, and whose they are. A verdict is what one look can "
		"tell: murphy explain tcp.NAME has its page, and murphy (diagnose) judges them "
		"together, over two seconds. Exit status: 0, 3 when sockets or owners could not be "
		"read.",
	.options = options,
	.run = run,
};
