/* SPDX-License-Identifier: MIT */
/* Dumps of two hosts: lines that begin with A or B, and = between the looks. */
#include "fuzz/form.h"

#include "base/cursor.h"
#include "model/tcp_join.h"
#include "source/tcp_lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "broken promise: %s\n", what);
	abort();
}

/* An end that was blind proves no absence. */
static int use_line(struct join *j, struct cursor line, bool again)
{
	unsigned int host = *line.at++ == 'B' ? JOIN_B : JOIN_A;
	struct tcp_line l;
	struct join_row r;
	int err = tcp_line_parse(line.at, cursor_left(&line), &l);

	if (err < 0)
		return err;
	if (l.kind == TCP_LINE_END && again)
		join_looked(j, host, l.blind);
	else if (l.kind == TCP_LINE_END && l.blind)
		join_blind(j, host);
	if (l.kind != TCP_LINE_CONNECTION)
		return 0;
	err = join_row_of(&l.row, l.local, l.peer, l.pid, l.command, &r);
	if (err == 0 && again)
		join_again(j, host, &r);
	else if (err == 0)
		err = join_add(j, host, &r);
	return err;
}

int fuzz_form_tcp_join(const char *buf, size_t len)
{
	struct cursor c = cursor_of(buf, len), line;
	struct join_result r;
	struct join *j = NULL;
	bool again = false;
	int err = 0, worst = 0;

	must(join_new(false, &j) == 0, "memory for the harness");
	while (cursor_line(&c, &line)) {
		if (cursor_end(&line))
			continue;
		if (*line.at == '=' && !again) {
			again = true;
			must(join_match(j) == 0, "join_match");
		} else if (*line.at != '=') {
			err = use_line(j, line, again);
			worst = err < 0 ? err : worst;
		}
	}
	if (!again)
		must(join_match(j) == 0, "join_match");
	must(join_finish(j, &r) == 0, "join_finish");
	must(r.n_checked <= r.n_findings && r.n_findings <= r.suspects,
		"findings without suspects");
	for (size_t i = 0; i < r.n_findings; i++)
		must(r.finding[i].cause != JOIN_NONE, "a finding without a cause");
	join_free(j);
	return worst;
}
