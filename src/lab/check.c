/* SPDX-License-Identifier: MIT */
#include "lab/check.h"

#include "base/cursor.h"
#include "lab/judge.h"
#include "lab/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

enum { MURPHY_LATE_S = 30 };

struct row {
	const struct lab *lab;
	struct judged judged;
	struct answer before, after;
};

/* A running lab, or murphy: its process and the end of a pipe with what it prints. */
struct child {
	pid_t pid;
	int out;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* As fork(): in the child 0, its stdout leads here and it gets SIGTERM when we are gone. */
static pid_t spawn(struct child *ret_child)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC) < 0)
		return -errno;
	fflush(NULL);
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(fd[1], STDOUT_FILENO);
		close(fd[0]);
		close(fd[1]);
		return 0;
	}
	close(fd[1]);
	if (pid < 0) {
		close(fd[0]);
		return -errno;
	}
	*ret_child = (struct child){ pid, fd[0] };
	return pid;
}

/* Exit code; 128 + signal; -1 when it cannot be had. */
static int join(struct child *c)
{
	int status;

	close(c->out);
	while (waitpid(c->pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Append what comes; false at the end or past until_ms. */
static bool more(const struct child *c, struct strbuf *text, uint64_t until_ms)
{
	struct pollfd p = { .fd = c->out, .events = POLLIN };
	uint64_t now = now_ms();
	char buf[8192];

	if (now >= until_ms || poll(&p, 1, (int)(until_ms - now)) <= 0)
		return false;
	ssize_t n = read(c->out, buf, sizeof(buf));

	if (n > 0)
		strbuf_add(text, buf, (size_t)n);
	return n > 0;
}

static int ask_murphy(const char *murphy, unsigned seconds, struct answer *ret_answer)
{
	auto_strbuf text = { 0 };
	struct child c = { 0 };
	char look[16];
	pid_t pid = spawn(&c);

	if (pid < 0)
		return pid;
	if (pid == 0) {
		snprintf(look, sizeof(look), "%u", seconds);
		if (seconds > 0)
			execl(murphy, "murphy", "--json", "--for", look, (char *)NULL);
		else
			execl(murphy, "murphy", "--json", (char *)NULL);
		_exit(127);
	}
	uint64_t until = now_ms() + (seconds + MURPHY_LATE_S) * UINT64_C(1000);

	while (more(&c, &text, until))
		;
	if (now_ms() >= until)
		kill(pid, SIGKILL);
	int code = join(&c);

	/* 0 to 3 are answers; all else is not. */
	if (code < 0 || code > 3 || text.failed)
		return -EIO;
	return answer_parse(text.bytes ? text.bytes : "", text.len, ret_answer);
}

/* Find the line that starts with word; its rest is copied. */
static bool line_of(const struct strbuf *text, const char *word, char *rest, size_t size)
{
	struct cursor c = cursor_of(text->bytes ? text->bytes : "", text->len), line;

	while (cursor_line(&c, &line)) {
		if (!cursor_lit(&line, word))
			continue;
		/* A last line may still be growing. */
		if (cursor_end(&c) && text->bytes && text->bytes[text->len - 1] != '\n')
			return false;
		cursor_blank(&line);
		span_copy((struct span){ line.at, cursor_left(&line) }, rest, size);
		return true;
	}
	return false;
}

/* What is wrong when a lab did not come to "ready". */
static struct judged not_ready(const struct strbuf *text, int code)
{
	struct judged j = { .outcome = code == LAB_SKIPPED ? OUTCOME_SKIPPED : OUTCOME_BROKEN };

	if (code != LAB_SKIPPED || !line_of(text, "skipped:", j.why, sizeof(j.why)))
		snprintf(j.why, sizeof(j.why), "the lab did not start (exit code %d)", code);
	return j;
}

/* Keep reading while the lab settles, so that it never blocks on a full pipe. */
static void settle(const struct child *c, struct strbuf *text, unsigned seconds)
{
	uint64_t until = now_ms() + seconds * UINT64_C(1000);

	while (now_ms() < until) {
		if (!more(c, text, until))
			poll(NULL, 0, 50);
	}
}

static struct judged run_one(struct row *row, const char *murphy, unsigned seconds)
{
	auto_strbuf text = { 0 };
	char announced[600];
	struct child c = { 0 };
	pid_t pid = spawn(&c);

	if (pid == 0) {
		setlinebuf(stdout);
		_exit(lab_run(row->lab, row->lab->settle_s + seconds + 2 * MURPHY_LATE_S));
	}
	if (pid < 0)
		return (struct judged){ OUTCOME_BROKEN, "", "cannot fork" };
	uint64_t until = now_ms() + (LAB_SETUP_S + 10) * UINT64_C(1000);

	while (!line_of(&text, "ready", announced, sizeof(announced))) {
		if (!more(&c, &text, until)) {
			kill(pid, SIGTERM);
			return not_ready(&text, join(&c));
		}
	}
	settle(&c, &text, row->lab->settle_s);
	int err = ask_murphy(murphy, seconds, &row->after);
	bool lived = waitpid(pid, NULL, WNOHANG) == 0;

	if (lived) {
		kill(pid, SIGTERM);
		join(&c);
	} else {
		close(c.out);
	}
	if (err < 0 || !lived)
		return (struct judged){ OUTCOME_BROKEN, "",
			"the lab ended, or murphy gave no answer, in the middle" };
	return judge_lab(row->lab, announced, &row->before, &row->after);
}

static void print_row(const struct row *r)
{
	printf("%-8s %-18s %-20s %s%s%s\n", outcome_name(r->judged.outcome), r->lab->name,
		r->lab->want ? r->lab->want : "(healthy)", r->judged.first,
		r->judged.first[0] && r->judged.why[0] ? "  " : "", r->judged.why);
}

static bool in_answer(const struct answer *a, const char *id)
{
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->seen[i].id, id) == 0)
			return true;
	}
	return false;
}

/* Columns: every finding that a lab of this run wants or that murphy said. */
static size_t columns_of(const struct row *rows, size_t n, const char *ids[SEEN_MAX])
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k <= rows[i].after.n; k++) {
			const char *id = k ? rows[i].after.seen[k - 1].id : rows[i].lab->want;
			bool known = !id;

			for (size_t m = 0; m < found && !known; m++)
				known = strcmp(ids[m], id) == 0;
			if (!known && found < SEEN_MAX)
				ids[found++] = id;
		}
	}
	return found;
}

/* Wanted and first: X; wanted and not: !; else said, new or of the machine: o; not said: dot. */
static void print_matrix(const struct row *rows, size_t n)
{
	const char *ids[SEEN_MAX];
	size_t n_ids = columns_of(rows, n, ids);

	printf("\n");
	for (size_t i = 0; i < n_ids; i++)
		printf("%*s %c %s\n", 18 + (int)i * 2, "", "abcdefghijklmnopqrstuvwxyz"[i % 26],
			ids[i]);
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];

		if (r->judged.outcome == OUTCOME_SKIPPED)
			continue;
		printf("%-18s", r->lab->name);
		for (size_t k = 0; k < n_ids; k++) {
			bool wanted = r->lab->want && strcmp(r->lab->want, ids[k]) == 0;
			bool said = in_answer(&r->after, ids[k]);
			bool hit = wanted && strcmp(r->judged.first, ids[k]) == 0;

			printf(" %c", hit ? 'X' : wanted ? '!' : said ? 'o' : '.');
		}
		printf("\n");
	}
	printf("X wanted and first   ! wanted and not first   o also said (or was there "
	       "before)\n\n");
}

static bool find_murphy(char *path, size_t size)
{
	static const char *const beside[] = { "murphy", "../murphy", "../bin/murphy",
		"../../bin/murphy" };
	char self[PATH_MAX] = "";

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return false;
	*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(beside); i++) {
		if (snprintf(path, size, "%s/%s", self, beside[i]) < (int)size &&
			access(path, X_OK) == 0)
			return true;
	}
	return false;
}

static int finish(const struct row *rows, size_t n)
{
	size_t passed = 0, skipped = 0;

	for (size_t i = 0; i < n; i++) {
		passed += rows[i].judged.outcome == OUTCOME_PASSED;
		skipped += rows[i].judged.outcome == OUTCOME_SKIPPED;
	}
	print_matrix(rows, n);
	printf("%zu passed, %zu failed, %zu skipped\n", passed, n - passed - skipped, skipped);
	if (passed + skipped < n)
		return 1;
	return skipped == n ? LAB_SKIPPED : 0;
}

/* Two at once would see each other's sickness. Waits; an ordinary user may not lock, and runs. */
static int only_check(void)
{
	int fd = open("/run/murphy-lab.check", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	fprintf(stderr, "murphy-lab: another check runs: waiting for its end\n");
	while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
		;
	return fd;
}

int lab_check(const char *const names[], size_t n, const char *murphy, unsigned seconds)
{
	char found[PATH_MAX];
	size_t count = n ? n : n_lab_list;

	if (!murphy) {
		if (!find_murphy(found, sizeof(found))) {
			fprintf(stderr, "murphy-lab: murphy is not beside me: say --murphy PATH\n");
			return 1;
		}
		murphy = found;
	}
	auto_free struct row *rows = calloc(count, sizeof(*rows));

	if (!rows)
		return 1;
	auto_close lock UNUSED = only_check();

	for (size_t i = 0; i < count; i++) {
		struct row *r = &rows[i];

		r->lab = n ? lab_find(names[i]) : lab_list[i];
		/* What the machine has now is the machine's, also what the lab before left in logs. */
		if (ask_murphy(murphy, seconds, &r->before) < 0 || !r->before.whole)
			r->judged = (struct judged){ OUTCOME_BROKEN, "",
				"murphy gave no answer before" };
		else
			r->judged = run_one(r, murphy, seconds);
		print_row(r);
	}
	return finish(rows, count);
}
