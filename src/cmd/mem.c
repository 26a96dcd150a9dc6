/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"

#include "cmd/terminal.h"
#include "look/mem_look.h"
#include "render/mem.h"

#include <errno.h>
#include <string.h>

enum { TOP_DEFAULT = 20, EVERY_DEFAULT_S = 2 };

static const struct option_row options[] = {
	{ "by", 'b', "WHAT",
		"executable (default), name, cgroup, unit, user, session, parent, process",
		"executable name cgroup unit user session parent process" },
	{ "shared", 'S', NULL, "what processes share: files, memfds, System V segments" },
	{ "exact", 'x', NULL, "count every page instead of estimating what is shared" },
	{ "sort", 's', "COLUMN",
		"pss (default), rss, uss, exclusive, swap, page-tables, processes, name",
		"pss rss uss exclusive swap page-tables processes name" },
	{ "top", 'n', "N", "so many rows; 0: all. Of text 20 else, of JSON all" },
	{ "json", 'j', NULL, "one JSON object per line; docs/json.md" },
	{ "watch", 'w', NULL, "look again and again" },
	{ "every", 'e', "SECONDS", "with --watch: look that often instead of each 2 s" },
	{ "root", 'r', "PATH", "another machine: a capture" },
	{ "color", 0, "WHEN", "auto, always or never; NO_COLOR is obeyed" },
	{ 0 },
};

struct request {
	const struct args *args;
	struct mem_options look;
	enum mem_what what;
	enum mem_sort sort;
	size_t top;
	double every_s;
	struct text_style style;
	bool json;
};

static int refused(const struct request *q, const struct mem_look *l, int err)
{
	const struct table *t = frame_table(mem_look_frame(l), TABLE_process);

	switch (-err) {
	case ESRCH:
		log_error("there is no process %s that could be seen", q->args->operand[0]);
		return EXIT_USAGE;
	case EACCES:
		log_error("processes cannot be listed: %s", t ? t->why : "they were not read");
		return EXIT_BLIND;
	default:
		log_error("could not look: %s", strerror(-err));
		return EXIT_INTERNAL;
	}
}

/* An exit code. */
static int print(const struct request *q, const struct mem_look *l)
{
	struct arena arena = { 0 };
	auto_strbuf out = { 0 };
	struct mem_report r = { .frame = mem_look_frame(l),
		.groups = mem_look_groups(l),
		.what = q->what,
		.sort = q->sort,
		.top = q->top,
		.pid = q->look.pid,
		.exact = q->look.exact,
		.now_ns = mem_look_now_ns(l),
		.cpu_ns = mem_look_cpu_ns(l),
		.wall_ns = mem_look_wall_ns(l),
		.peak_bytes = mem_look_peak_bytes(l) };
	int err = mem_view(&r, &arena), code = r.blind ? EXIT_BLIND : EXIT_NOTHING;

	if (err == 0 && q->json)
		mem_json(&r, code, &out);
	else if (err == 0)
		mem_text(&r, &q->style, &out);
	out.failed |= err < 0;
	int printed = print_text(&out);

	arena_release(&arena);
	return printed == EXIT_NOTHING ? code : printed;
}

static int look(const struct request *q, struct mem_look *l)
{
	for (bool again = args_get(q->args, "watch") != NULL;; sleep_s(q->every_s)) {
		int err = mem_look_next(l);
		int code = err < 0 ? refused(q, l, err) : print(q, l);

		if (!again || err < 0 || code == EXIT_INTERNAL || output_gone())
			return code;
		if (!q->json)
			print_all("\n", 1);
	}
}

static int parse_top(struct request *q)
{
	const char *text = args_get(q->args, "top");
	uint64_t n = q->json ? 0 : TOP_DEFAULT;

	if (text && !parse_whole(text, &n))
		return usage_error(q->args->command, "--top takes a number, not '%s'", text);
	q->top = (size_t)n;
	return -1;
}

static int parse_target(struct request *q)
{
	const struct args *a = q->args;

	if (a->n_operands > 1)
		return usage_error(a->command, "it takes one PID at most");
	if (a->n_operands == 0)
		return -1;
	if (!parse_whole(a->operand[0], &q->look.pid) || q->look.pid == 0 ||
		q->look.pid > INT32_MAX)
		return usage_error(a->command, "'%s' is no PID", a->operand[0]);
	if (args_get(a, "by") || args_get(a, "shared"))
		return usage_error(a->command, "of one process there are no --by and --shared");
	q->what = MEM_PROCESS;
	q->look.by = MEM_BY_PROCESS;
	return -1;
}

/* -1: it is understood; else an exit code. */
static int parse(const struct args *a, struct request *q)
{
	const char *by = args_get(a, "by"), *sort = args_get(a, "sort");

	if (!terminal_style(args_get(a, "color"), &q->style))
		return usage_error(a->command, "--color takes auto, always or never, not '%s'",
			args_get(a, "color"));
	if (by && !mem_by_parse(by, &q->look.by))
		return usage_error(a->command,
			"--by takes executable, name, cgroup, unit, user, session, parent or "
			"process, "
			"not '%s'",
			by);
	if (sort && !mem_sort_parse(sort, &q->sort))
		return usage_error(a->command,
			"--sort takes pss, rss, uss, exclusive, swap, page-tables, processes or "
			"name, not '%s'",
			sort);
	if (args_get(a, "root") && args_get(a, "watch"))
		return usage_error(a->command, "--root is of the past: no --watch");
	if (args_get(a, "every") && !args_get(a, "watch"))
		return usage_error(a->command, "--every says how often to --watch");
	if (args_get(a, "every") && !args_seconds(a, "every", 0.1, 86400, &q->every_s))
		return EXIT_USAGE;
	int code = parse_top(q);

	code = code >= 0 ? code : parse_target(q);
	if (code < 0 && !mem_sorts(q->what, q->sort))
		return usage_error(a->command,
			q->what == MEM_SHARED
				? "shared objects can be sorted by pss, rss, processes or name, "
				  "not by '%s'"
				: "mappings can be sorted by pss, rss, uss, swap, processes or "
				  "name, not by '%s'",
			sort);
	return code;
}

static int run(const struct args *a)
{
	struct request q = { .args = a, .every_s = EVERY_DEFAULT_S };
	struct mem_look *l = NULL;
	struct host *h = NULL;

	q.json = args_get(a, "json") != NULL;
	q.look.exact = args_get(a, "exact") != NULL;
	q.look.objects = args_get(a, "shared") != NULL;
	q.what = q.look.objects ? MEM_SHARED : MEM_GROUPS;
	int code = parse(a, &q);

	if (code < 0)
		code = terminal_open_host(args_get(a, "root"), &h);
	if (code >= 0)
		return code;
	int err = mem_look_new(h, &q.look, &l);

	code = err < 0 ? EXIT_INTERNAL : look(&q, l);
	if (err < 0)
		log_error("could not look: %s", strerror(-err));
	mem_look_free(l);
	host_free(h);
	return code;
}

const struct command command_mem = {
	.name = "mem",
	.operands = "[PID]",
	.help = "who has the memory, each page counted once",
	.text = "Shows for each group of processes what it really has: PSS (each page divided by "
		"how often it is mapped), RSS, USS (mapped once), what only the group has, swap "
		"and page tables, and with whom it shares most; then what the kernel has for "
		"itself, so that the column of PSS adds up to MemTotal. The header names the "
		"method, its age, its error and its cost. As root it reads private pages exactly "
		"and samples shared objects; --exact counts every page; a plain user gets what "
		"/proc/PID/status tells, with bounds. With a PID it shows the mappings of that "
		"process. Exit status: 0, 3 when memory of some processes could not be read, 64 "
		"when there is no such process.",
	.options = options,
	.run = run,
};
