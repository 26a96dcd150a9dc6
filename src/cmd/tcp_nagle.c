/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"

#include "base/cursor.h"
#include "cmd/terminal.h"
#include "look/nagle_look.h"
#include "render/nagle.h"

#include <errno.h>
#include <string.h>

#define DEFAULT_SECONDS 5.0
enum { TOP_DEFAULT = 20 };

static const struct option_row options[] = {
	{ "for", 'f', "SECONDS", "watch that long instead of 5 s" },
	{ "pid", 'p', "PID", "only what this process writes" },
	{ "port", 'P', "PORT", "only connections with this port, at either end" },
	{ "top", 'n', "N", "so many rows; 0: all. Of text 20 else, of JSON all" },
	{ "json", 'j', NULL, "one JSON object per line; docs/json.md" },
	{ "root", 'r', "PATH", "refused: what is past cannot be traced" },
	{ "color", 0, "WHEN", "auto, always or never; NO_COLOR is obeyed" },
	{ 0 },
};

struct request {
	const struct args *args;
	double seconds;
	uint64_t pid, port, top;
	struct text_style style;
	bool json;
};

/* -1: it is understood, or was not given; else an exit code. */
static int parse_number(
	const struct args *a, const char *name, uint64_t least, uint64_t most, uint64_t *ret_value)
{
	const char *text = args_get(a, name);
	struct cursor c = cursor_of(text ? text : "", text ? strlen(text) : 0);
	uint64_t value;

	if (!text)
		return -1;
	if (*text < '0' || *text > '9' || !cursor_u64(&c, &value) || !cursor_end(&c) ||
		value < least || value > most)
		return usage_error(a->command, "--%s takes a number from %llu to %llu, not '%s'",
			name, (unsigned long long)least, (unsigned long long)most, text);
	*ret_value = value;
	return -1;
}

static int parse(const struct args *a, struct request *q)
{
	if (args_get(a, "root"))
		return usage_error(a->command,
			"--root is of the past, and what is past cannot be traced; murphy --root "
			"tells what a capture has kept of it");
	if (!terminal_style(args_get(a, "color"), &q->style))
		return usage_error(a->command, "--color takes auto, always or never, not '%s'",
			args_get(a, "color"));
	if (args_get(a, "for") && !args_seconds(a, "for", 0.1, 3600, &q->seconds))
		return EXIT_USAGE;
	int code = parse_number(a, "pid", 1, INT32_MAX, &q->pid);

	code = code >= 0 ? code : parse_number(a, "port", 1, UINT16_MAX, &q->port);
	return code >= 0 ? code : parse_number(a, "top", 0, INT32_MAX, &q->top);
}

static int refused(const struct request *q, int err)
{
	if (err == -ESRCH) {
		log_error(
			"there is no process %llu that could be seen", (unsigned long long)q->pid);
		return EXIT_USAGE;
	}
	log_error("could not look: %s", strerror(-err));
	return EXIT_INTERNAL;
}

static int print(const struct request *q, const struct nagle_look *l)
{
	struct arena arena = { 0 };
	auto_strbuf out = { 0 };
	struct nagle_report r = { .frame = nagle_look_frame(l),
		.was = nagle_look_was(l),
		.pid = q->pid,
		.port = (uint32_t)q->port,
		.top = (size_t)q->top };
	int err = nagle_view(&r, &arena);
	int code = !r.watch ? EXIT_BLIND : r.stalls > 0 ? EXIT_WARNING : EXIT_NOTHING;

	if (err == 0 && !r.watch)
		log_error("sends could not be traced: %s", r.why);
	if (err == 0 && q->json)
		nagle_json(&r, code, &out);
	else if (err == 0 && r.watch)
		nagle_text(&r, &q->style, &out);
	out.failed |= err < 0;
	int printed = print_text(&out);

	arena_release(&arena);
	return printed == EXIT_NOTHING ? code : printed;
}

static int run(const struct args *a)
{
	struct request q = { .args = a, .seconds = DEFAULT_SECONDS };
	struct nagle_look *l = NULL;
	struct host *h = NULL;

	q.json = args_get(a, "json") != NULL;
	q.top = q.json ? 0 : TOP_DEFAULT;
	int code = parse(a, &q);

	if (code < 0)
		code = terminal_open_host(NULL, &h);
	if (code >= 0)
		return code;
	int err = nagle_look_new(h, &l);

	if (err == 0)
		err = nagle_look_watch(l, q.pid, (uint64_t)(q.seconds * 1e9));
	code = err < 0 ? refused(&q, err) : print(&q, l);
	nagle_look_free(l);
	host_free(h);
	return code;
}

const struct command command_tcp_nagle = {
	.name = "tcp nagle",
	.help = "who waits for delayed ACKs because it writes in small pieces: the proof",
	.text = "Traces for a while which sends Nagle's algorithm holds back, on all connections "
		"of "
		"this host: for each process and peer how many, for how long, how many of them "
		"were stalls (20 ms or more above the shortest round trip, ended by an ACK without "
		"data), whose delayed ACK ended them where that end is on this host, what was "
		"written first and what was held, and what to do. The header says what tracing "
		"cost others. It needs CAP_BPF and CAP_PERFMON and a kernel with BTF. Exit status: "
		"0 when there was no stall, 1 when there were, 3 when tracing was not possible, 64 "
		"when there is no such process.",
	.options = options,
	.run = run,
};
