/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "source/guard.h"
#include "source/proc.h"

#include <errno.h>
#include <string.h>

enum { LINE_MAX_BYTES = 256 };

struct walk {
	struct table *t;
	const uint64_t *pids;
	struct tally tally;
	uint64_t hung, first_hung;
};

/*
 * Parse the head of /proc/PID/cmdline, at most 257 bytes; the row has no pid. Pure.
 *
 * Shape:  arguments, a NUL after each; programs may have put anything else there.
 * Errors: -ENODATA nothing: a kernel thread or a zombie.
 * Source: fs/proc/base.c, get_mm_cmdline().
 */
int process_cmd_parse(const char *buf, size_t len, struct table *t)
{
	char line[LINE_MAX_BYTES];
	bool cut = len > LINE_MAX_BYTES;
	size_t n = cut ? LINE_MAX_BYTES : len;

	while (n > 0 && buf[n - 1] == '\0')
		n--;
	if (n == 0)
		return -ENODATA;
	for (size_t i = 0; i < n; i++)
		line[i] = buf[i] ? buf[i] : ' ';
	text_t text = table_intern(t, line, n);
	struct process_cmd *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, PROCESS_CMD_line, text);
	row_put(t->schema, row, PROCESS_CMD_cut, cut);
	return 0;
}

static void path_of(const void *arg, size_t i, char *buf)
{
	const struct walk *w = arg;

	proc_path(buf, w->pids[i], "cmdline");
}

static int take(void *arg, size_t i, const char *buf, ssize_t len)
{
	struct walk *w = arg;

	if (len == -ETIME && w->hung++ == 0)
		w->first_hung = w->pids[i];
	if (len <= 0) {
		tally_count(&w->tally, (int)len);
		return 0;
	}
	int err = process_cmd_parse(buf, (size_t)len, w->t);

	if (err == 0)
		row_put(w->t->schema, table_at(w->t, w->t->n - 1), 0, w->pids[i]);
	else if (err == -ENOMEM)
		return err;
	tally_count(&w->tally, err);
	return 0;
}

static int read_process_cmd(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_process_cmd);
	const struct table *processes = probe_used(p, TABLE_process);
	uint64_t start_ns = proc_now_ns();
	auto_free uint64_t *pids = NULL;
	struct walk w = { .t = t };
	size_t done, n = 0;

	if (!t)
		return 0;
	if (!processes)
		return -ENODATA;
	pids = mem_new(processes->n + 1, sizeof(*pids));
	if (!pids)
		return -ENOMEM;
	for (table_each(struct process, proc, processes)) {
		if (!proc->kthread && proc->state != 'Z')
			pids[n++] = proc->pid;
	}
	w.pids = pids;
	struct guard g = {
		.n = n, .size = LINE_MAX_BYTES + 1, .path = path_of, .take = take, .arg = &w
	};
	int err = guard_read(p, &g, &done);

	if (err < 0)
		return err;
	tally_close(&w.tally, t, "needs root");
	if (done < n)
		tally_late(&w.tally, t, done, n, start_ns);
	else if (w.hung)
		table_fail(t, STATE_OK,
			"the command line of %llu processes, pid %llu first, hangs: mmap_lock held",
			(unsigned long long)w.hung, (unsigned long long)w.first_hung);
	return 0;
}

const struct source source_process_cmd = {
	.name = "process_cmd",
	.fills = { TABLE_process_cmd },
	.uses = { TABLE_process },
	.manner = MANNER_RISKY,
	.deadline_ns = 700000000,
	.read = read_process_cmd,
};
