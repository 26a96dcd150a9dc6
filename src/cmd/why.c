/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"

#include "cmd/terminal.h"
#include "look/inquiry.h"
#include "render/why.h"

#include <errno.h>
#include <string.h>

#define DEFAULT_SECONDS 3.0

static const struct option_row options[] = {
	{ "json", 'j', NULL, "one JSON object; docs/json.md" },
	{ "root", 'r', "PATH", "another machine: a capture; it has no samples" },
	{ "for", 'f', "SECONDS", "watch that long instead of 3 s" },
	{ "tree", 't', NULL, "with its children, and theirs" },
	{ "color", 0, "WHEN", "auto, always or never; NO_COLOR is obeyed" },
	{ 0 },
};

/* 12, :80, nginx, nginx.service, /system.slice/nginx.service. */
static bool parse_target(const char *text, struct target *ret_target)
{
	struct target t = { .kind = TARGET_UNIT, .unit = text };
	uint64_t value = 0;

	if (text[0] == ':') {
		if (!parse_whole(text + 1, &value) || value == 0 || value > UINT16_MAX)
			return false;
		t.kind = TARGET_PORT;
		t.port = (uint32_t)value;
	} else if (parse_whole(text, &value)) {
		t.kind = TARGET_PID;
		t.pid = value;
	}
	if (t.kind == TARGET_PID ? value == 0 : text[0] == '\0' || strcmp(text, "/") == 0)
		return false;
	*ret_target = t;
	return true;
}

static int refused(const struct args *a, const struct target *t, const struct inquiry *q, int err)
{
	const char *name = a->operand[0];

	switch (-err) {
	case ESRCH:
		if (t->kind == TARGET_PID)
			log_error("there is no process %s that could be seen", name);
		else if (t->kind == TARGET_PORT)
			log_error("nobody listens on TCP port %s", name + 1);
		else
			log_error("no process is in a unit or control group called '%s'", name);
		return EXIT_USAGE;
	case ECHILD:
		log_error("%s ended while it was watched", name);
		return EXIT_BLIND;
	case ETIME:
		log_error("whether there is such a target as %s is not known: %s", name,
			inquiry_lacks(q));
		return EXIT_BLIND;
	case EACCES:
		log_error("somebody listens on TCP port %s, and no process has the socket: it is "
			  "the kernel's own, or of a process that cannot be seen from here%s%s",
			name + 1, inquiry_lacks(q) ? ": " : "",
			inquiry_lacks(q) ? inquiry_lacks(q) : "");
		return EXIT_BLIND;
	case ENODATA:
		log_error("this root has one frame: where time goes needs two");
		return EXIT_BLIND;
	default:
		log_error("could not watch %s: %s", name, strerror(-err));
		return EXIT_INTERNAL;
	}
}

static const char *who(
	const struct args *a, const struct target *t, const struct model *m, struct arena *arena)
{
	const struct table *processes = frame_table(m->now, TABLE_process);
	const struct process *p = table_find(processes, t->pid);

	/* It may have ended. */
	if (!p) {
		processes = frame_table(m->was, TABLE_process);
		p = table_find(processes, t->pid);
	}
	if (t->kind == TARGET_PID)
		return arena_printf(arena, "%s (pid %llu)",
			p ? table_text(processes, p->comm) : "?", (unsigned long long)t->pid);
	if (t->kind == TARGET_PORT)
		return arena_printf(arena, "who listens on %s", a->operand[0]);
	return arena_printf(arena, "unit %s", t->unit);
}

/* An exit code. */
static int print_why(const struct args *a, const struct target *t, const struct inquiry *q,
	const struct text_style *style)
{
	const struct model *m = inquiry_model(q);
	const struct table *places = frame_table(m->now, TABLE_task_place);
	struct arena arena = { 0 };
	auto_strbuf out = { 0 };
	struct why_report r = { .why = inquiry_why(q),
		.who = who(a, t, m, &arena),
		.cpu_ns = inquiry_cpu_ns(q),
		.wall_ns = inquiry_wall_ns(q),
		.lacks = inquiry_lacks(q),
		.denied = places && places->cell[TASK_PLACE_call] == STATE_DENIED };

	r.pid = inquiry_pids(q, &r.n_pids);
	out.failed = why_explain(&r, &arena) < 0;
	if (!out.failed && args_get(a, "json"))
		why_json(&r, &out);
	else if (!out.failed)
		why_text(&r, style, &out);
	arena_release(&arena);
	int code = print_text(&out);

	return code == EXIT_NOTHING && (r.denied || r.lacks || r.why->ended == r.n_pids)
		       ? EXIT_BLIND
		       : code;
}

static int run(const struct args *a)
{
	double seconds = DEFAULT_SECONDS;
	struct inquiry *q = NULL;
	struct text_style style;
	struct target t;
	struct host *h;

	if (!terminal_style(args_get(a, "color"), &style))
		return usage_error(a->command, "--color takes auto, always or never, not '%s'",
			args_get(a, "color"));
	if (a->n_operands != 1)
		return usage_error(a->command, "it takes one target: PID, UNIT or :PORT");
	if (!parse_target(a->operand[0], &t))
		return usage_error(a->command, "'%s' is no PID, UNIT or :PORT", a->operand[0]);
	if (args_get(a, "root") && args_get(a, "for"))
		return usage_error(a->command, "--root is of the past: no --for");
	if (args_get(a, "for") && !args_seconds(a, "for", 0.5, 600, &seconds))
		return EXIT_USAGE;
	t.tree = args_get(a, "tree") != NULL;
	int code = terminal_open_host(args_get(a, "root"), &h);

	if (code >= 0)
		return code;
	int err = inquiry_new(h, &t, (uint64_t)(seconds * 1e9), &q);

	code = err < 0 ? refused(a, &t, q, err) : print_why(a, &t, q, &style);
	inquiry_free(q);
	host_free(h);
	return code;
}

const struct command command_why = {
	.name = "why",
	.operands = "PID|UNIT|:PORT",
	.help = "where a service's time goes: running, waiting for CPU, disk, lock, memory or a "
		"peer",
	.text = "Watches the threads of a process, of all processes of a systemd unit or "
		"control group, or of who listens on a TCP port, and says where their time "
		"went: running, waiting for a CPU, throttled, for a disk, for memory, for a "
		"lock (and who holds it), for a peer (and which), or idle. Shares add up to the "
		"time of all threads; what is idle is told apart. It takes about a tenth of a "
		"CPU at most while it watches, attaches to nothing and stops nobody. Exit "
		"status: 0, 3 when what the threads sleep in needs root, when they ended or when "
		"some of what tells who belongs to the target could not be read, 64 when "
		"there is no such process, unit or listener.",
	.options = options,
	.run = run,
};
