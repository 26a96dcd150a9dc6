/* SPDX-License-Identifier: MIT */
#include "lab/check.h"

#include "base/cursor.h"
#include "lab/child.h"
#include "lab/guest.h"
#include "lab/judge.h"
#include "lab/lab.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { MURPHY_LATE_S = 30 };
#define WHY_FOR "3"

struct row {
	const struct lab *lab;
	struct judged judged;
	struct answer before, after;
	bool older; /* before was seen before the lab before */
	uint64_t took_ms;
};

/* How long murphy looks at this lab; 0: as long as it likes. */
static unsigned looks_for(const struct lab *lab, unsigned seconds)
{
	return seconds > lab->for_s ? seconds : lab->for_s;
}

static int ask_murphy(const char *murphy, unsigned seconds, struct answer *ret_answer)
{
	auto_strbuf text = { 0 };
	char look[16];

	snprintf(look, sizeof(look), "%u", seconds);
	const char *const argv[] = { murphy, "--json", seconds > 0 ? "--for" : NULL, look, NULL };
	int code = child_read(argv, (seconds + MURPHY_LATE_S) * 1000, &text);

	/* 0 to 3 are answers; all else is not. */
	if (code < 0 || code > 3 || text.failed)
		return -EIO;
	return answer_parse(strbuf_text(&text), text.len, ret_answer);
}

/* ret_why stays "" when murphy why says what the lab announced. */
static void ask_why(const char *murphy, const char *announced, char *ret_why, size_t size)
{
	auto_strbuf text = { 0 };
	char pid[16];
	struct cursor c = cursor_of(announced, strlen(announced));
	struct span word = { 0 };

	cursor_word(&c, &word);
	span_copy(word, pid, sizeof(pid));
	const char *const argv[] = { murphy, "why", "--json", "--for", WHY_FOR, pid, NULL };
	int code = child_read(argv, MURPHY_LATE_S * 1000, &text);

	if (code != 0 || text.failed) {
		snprintf(ret_why, size, "murphy why %s failed (exit code %d)", pid, code);
		return;
	}
	judge_why(strbuf_text(&text), text.len, announced, ret_why, size);
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
	uint64_t until = child_now_ms() + seconds * UINT64_C(1000);

	while (child_now_ms() < until) {
		if (!child_more(c, text, until))
			poll(NULL, 0, 50);
	}
}

/* Start the lab in a child, for seconds longer than it needs to settle. Its pid or -errno. */
static pid_t start_lab(const struct lab *lab, unsigned seconds, struct child *ret_child)
{
	pid_t pid = child_start(ret_child, SIGTERM);

	if (pid != 0)
		return pid;
	setlinebuf(stdout);
	_exit(lab_run(lab, lab->settle_s + seconds + 2 * MURPHY_LATE_S));
}

/* Until it says "ready", with whom it announces. */
static bool await_ready(const struct child *c, struct strbuf *text, char *announced, size_t size)
{
	uint64_t until = child_now_ms() + (LAB_SETUP_S + 10) * UINT64_C(1000);

	while (!line_of(text, "ready", announced, size)) {
		if (!child_more(c, text, until))
			return false;
	}
	return true;
}

/*
 * Where the whole machine stood still murphy says that it could not look in time: once more then.
 */
static int ask_during(struct row *row, const char *murphy, unsigned seconds)
{
	int err = ask_murphy(murphy, seconds, &row->after);
	const char *want = row->lab->want;

	if (err < 0)
		return err;
	const struct blind *b =
		want ? answer_blind(&row->after, want) : answer_blinded(&row->before, &row->after);

	return b && b->late ? ask_murphy(murphy, seconds, &row->after) : 0;
}

static struct judged run_one(struct row *row, const char *murphy, unsigned seconds)
{
	auto_strbuf text = { 0 };
	char announced[600], why[300], wrong[sizeof(row->judged.why)] = "";
	struct child c = { 0 };
	pid_t pid = start_lab(row->lab, seconds, &c);

	if (pid < 0)
		return (struct judged){ OUTCOME_BROKEN, "", "cannot fork" };
	if (!await_ready(&c, &text, announced, sizeof(announced))) {
		kill(pid, SIGTERM);
		return not_ready(&text, child_join(&c));
	}
	settle(&c, &text, row->lab->settle_s);
	int err = ask_during(row, murphy, seconds);

	if (err == 0 && line_of(&text, "why", why, sizeof(why)))
		ask_why(murphy, why, wrong, sizeof(wrong));
	else if (row->lab->why)
		snprintf(wrong, sizeof(wrong), "it did not say what to ask murphy why");
	bool lived = waitpid(pid, NULL, WNOHANG) == 0;

	if (lived) {
		kill(pid, SIGTERM);
		child_join(&c);
	} else {
		close(c.out);
	}
	if (err < 0 || !lived)
		return (struct judged){ OUTCOME_BROKEN, "",
			"the lab ended, or murphy gave no answer, in the middle" };
	struct judged j = judge_lab(row->lab, announced, &row->before, &row->after);

	/*
	 * Who needs a long look was looked at for a short time before, which tells less of the
	 * machine, and so does what was seen earlier. Where that may matter it is made up for, now
	 * that the lab is over.
	 */
	if (j.outcome != OUTCOME_PASSED && (row->lab->for_s > 0 || row->older) &&
		ask_murphy(murphy, seconds, &row->before) == 0)
		j = judge_lab(row->lab, announced, &row->before, &row->after);
	if (j.outcome == OUTCOME_PASSED && wrong[0]) {
		j.outcome = OUTCOME_MISSED;
		memcpy(j.why, wrong, sizeof(j.why));
	}
	return j;
}

static void print_row(const struct row *r)
{
	printf("%-8s %-18s %-20s %4.1f s  %s%s%s\n", outcome_name(r->judged.outcome), r->lab->name,
		r->lab->want ? r->lab->want : "(healthy)", (double)r->took_ms / 1e3,
		r->judged.first, r->judged.first[0] && r->judged.why[0] ? "  " : "", r->judged.why);
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
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const char *ids[SEEN_MAX];
	size_t n_ids = columns_of(rows, n, ids);

	printf("\n");
	for (size_t i = 0; i < n_ids; i++)
		printf("%*s %c %s\n", 18 + (int)i * 2, "", letters[i % (sizeof(letters) - 1)],
			ids[i]);
	/* Again above the rows: the first ones are far from theirs. */
	printf("%-18s", "");
	for (size_t i = 0; i < n_ids; i++)
		printf(" %c", letters[i % (sizeof(letters) - 1)]);
	printf("\n");
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

bool lab_find_murphy(char *path, size_t size)
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
	struct tally t = { 0 };

	for (size_t i = 0; i < n; i++)
		tally_add(&t, rows[i].judged.outcome);
	/* Of a guest murphy-lab on the host reads the rows, and sums up. */
	if (!guest_inside()) {
		print_matrix(rows, n);
		tally_print(&t);
	}
	return tally_code(&t);
}

/*
 * What the machine has now is the machine's, also what the lab before left in logs. Where murphy
 * found nothing new while that one was there, what it saw then is what the machine has. A lab that
 * is to be found must be new, so what was seen before the last one does for it, unless that one
 * has left what this one is for; what the last one left must not count against one that is to be
 * silent.
 */
static int look_before(struct row *r, const struct row *last, const char *murphy, unsigned seconds)
{
	if (!last || last->judged.outcome != OUTCOME_PASSED)
		return ask_murphy(murphy, seconds, &r->before);
	if (judge_nothing_new(&last->before, &last->after)) {
		r->before = last->after;
	} else if (r->lab->want && !in_answer(&last->after, r->lab->want)) {
		r->before = last->before;
		r->older = true;
	} else {
		return ask_murphy(murphy, seconds, &r->before);
	}
	return 0;
}

static struct judged check_row(
	struct row *r, const struct row *last, const char *murphy, unsigned seconds)
{
	struct judged j = { .outcome = OUTCOME_SKIPPED };

	if (r->lab->guest && !guest_inside()) {
		snprintf(j.why, sizeof(j.why), "needs --guest: %s", r->lab->guest->why);
		return j;
	}
	if (look_before(r, last, murphy, seconds) < 0 || !r->before.whole)
		return (struct judged){ OUTCOME_BROKEN, "", "murphy gave no answer before" };
	return run_one(r, murphy, looks_for(r->lab, seconds));
}

int lab_check(const char *const names[], size_t n, const char *murphy, unsigned seconds)
{
	size_t count = n ? n : n_lab_list;
	auto_free struct row *rows = calloc(count, sizeof(*rows));

	if (!rows)
		return 1;
	/* The rules of this machine's house prove nothing of murphy, unless somebody says so. */
	setenv("MURPHY_CONFIG", "", 0);
	for (size_t i = 0; i < count; i++) {
		struct row *r = &rows[i];
		uint64_t began = child_now_ms();

		r->lab = n ? lab_find(names[i]) : lab_list[i];
		r->judged = check_row(r, i > 0 ? r - 1 : NULL, murphy, seconds);
		r->took_ms = child_now_ms() - began;
		print_row(r);
	}
	return finish(rows, count);
}

int lab_show(const struct lab *lab, const char *murphy)
{
	char look[16];
	const char *const argv[] = { murphy, "--color", "never", lab->for_s ? "--for" : NULL, look,
		NULL };
	auto_strbuf text = { 0 }, report = { 0 };
	char announced[600];
	struct child c = { 0 };
	pid_t pid = start_lab(lab, lab->for_s, &c);

	snprintf(look, sizeof(look), "%u", lab->for_s);
	if (pid < 0)
		return 1;
	bool ready = await_ready(&c, &text, announced, sizeof(announced));

	printf("%s", strbuf_text(&text));
	if (ready) {
		settle(&c, &text, lab->settle_s);
		int code = child_read(argv, (lab->for_s + MURPHY_LATE_S) * 1000, &report);

		printf("\n%s", strbuf_text(&report));
		ready = code >= 0 && code <= 3;
	}
	kill(pid, SIGTERM);
	int code = child_join(&c);

	return ready ? 0 : code == LAB_SKIPPED ? LAB_SKIPPED : 1;
}
