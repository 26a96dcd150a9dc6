/* SPDX-License-Identifier: MIT */
/*
 * Who holds files of a file system open: asked by its device number. df counts what was deleted
 * and is still open, du does not: only /proc/PID/fd tells.
 *
 * A file system that hangs must not be asked about a file. So what the file lies on is told by
 * /proc/PID/fdinfo, and only files of those that were asked for are looked at: their statfs(2) has
 * answered in this very look.
 */
#include "base/cursor.h"
#include "base/path.h"
#include "source/proc.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { ROWS_MAX = 4096, FDINFO_MAX = 1024, MOUNTINFO_MAX = 1 << 20 };

static const char deleted_mark[] = " (deleted)";

struct walk {
	struct probe *probe;
	struct table *t;
	const struct table *mounts;
	struct table
		*theirs;    /* mounts of the process at hand, when it lives in another namespace */
	uint64_t theirs_of; /* its pid */
	struct strbuf text;
	struct tally tally;
};

struct open_file {
	uint64_t mount_id;
	bool writable;
};

/* "pos:\t0\nflags:\t0100001\nmnt_id:\t29\n". mnt_id came with 3.15. fs/proc/fd.c, seq_show() */
static int parse_fdinfo(const char *buf, size_t len, struct open_file *ret_file)
{
	struct cursor c = cursor_of(buf, len), line;
	bool mount = false;

	*ret_file = (struct open_file){ 0 };
	while (cursor_line(&c, &line)) {
		struct span word;

		/* Octal; the last digit holds O_ACCMODE: 1 write, 2 both. */
		if (cursor_lit(&line, "flags:") && cursor_word(&line, &word)) {
			char last = word.at[word.len - 1];

			ret_file->writable = last == '1' || last == '2';
		} else if (cursor_lit(&line, "mnt_id:")) {
			mount = cursor_u64(&line, &ret_file->mount_id);
		}
	}
	return mount ? 0 : -ENODATA;
}

static bool was_asked(const struct probe *p, uint64_t dev)
{
	const uint64_t *asked = p->asked[TABLE_held_file];

	for (size_t i = 0; i < p->n_asked[TABLE_held_file]; i++) {
		if (asked[i] == dev)
			return true;
	}
	return false;
}

/*
 * The device that was asked for and that a file of this mount takes its space from. What a
 * container writes into its overlay lies in a directory beside where the overlay is mounted.
 */
static bool asked_device(
	const struct walk *w, const struct table *mounts, const struct mount *m, uint64_t *ret_dev)
{
	const char *target = table_text(mounts, m->target);
	size_t longest = 0;

	*ret_dev = m->dev;
	if (was_asked(w->probe, m->dev) || strcmp(table_text(mounts, m->fstype), "overlay") != 0)
		return was_asked(w->probe, m->dev);
	/* In our namespace it is mounted where its layers are; there it is "/". */
	for (table_each(const struct mount, o, w->mounts)) {
		if (o->dev == m->dev && strlen(table_text(w->mounts, o->target)) > 1)
			target = table_text(w->mounts, o->target);
	}
	for (table_each(const struct mount, o, w->mounts)) {
		const char *above = table_text(w->mounts, o->target);
		size_t len = o->dev == m->dev ? 0 : path_in(target, above);

		if (len == 0 || len < longest)
			continue;
		longest = len;
		*ret_dev = o->dev;
	}
	return was_asked(w->probe, *ret_dev);
}

/* The mount of that number in the namespace of the process; NULL when it cannot be told. */
static const struct mount *their_mount(struct walk *w, uint64_t pid, uint64_t id)
{
	char path[PROC_PATH_MAX];

	if (w->theirs_of != pid) {
		table_unref(w->theirs);
		w->theirs = table_new(schemas[TABLE_mount]);
		w->theirs_of = pid;
		if (!w->theirs)
			return NULL;
		if (host_read_all(w->probe->host, proc_path(path, pid, "mountinfo"), MOUNTINFO_MAX,
			    &w->text) == 0 &&
			mount_parse(strbuf_text(&w->text), w->text.len, w->theirs) == 0 &&
			table_sort(w->theirs) == 0)
			w->theirs->state = STATE_OK;
	}
	return table_find(w->theirs, id);
}

/* Is the file on a file system that was asked for? 1: yes, 0: no, or -errno. */
static int find_device(
	struct walk *w, uint64_t pid, uint64_t fd, struct open_file *ret_file, uint64_t *ret_dev)
{
	char path[PROC_PATH_MAX], file[40], buf[FDINFO_MAX];

	snprintf(file, sizeof(file), "fdinfo/%llu", (unsigned long long)fd);
	ssize_t n = host_read_record(w->probe->host, proc_path(path, pid, file), buf, sizeof(buf));
	int err = n < 0 ? (int)n : parse_fdinfo(buf, (size_t)n, ret_file);

	if (err < 0)
		return err;
	const struct table *mounts = w->mounts;
	const struct mount *m = table_find(mounts, ret_file->mount_id);

	if (!m) {
		m = their_mount(w, pid, ret_file->mount_id);
		mounts = w->theirs;
	}
	return m && asked_device(w, mounts, m, ret_dev) ? 1 : 0;
}

static int add_row(struct walk *w, uint64_t pid, uint64_t fd, struct span path, uint64_t dev,
	const struct open_file *file, const struct host_fd_stat *st)
{
	text_t text = table_intern(w->t, path.at, path.len);
	void *row = table_add(w->t);

	if (!row)
		return -ENOMEM;
	row_put(w->t->schema, row, HELD_FILE_pid, pid);
	row_put(w->t->schema, row, HELD_FILE_fd, fd);
	row_put(w->t->schema, row, HELD_FILE_dev, dev);
	row_put(w->t->schema, row, HELD_FILE_path, text);
	row_put(w->t->schema, row, HELD_FILE_writable, file->writable);
	row_put(w->t->schema, row, HELD_FILE_deleted, st != NULL);
	if (st) {
		row_put(w->t->schema, row, HELD_FILE_inode, st->inode);
		row_put(w->t->schema, row, HELD_FILE_held_bytes, st->allocated_bytes);
	}
	return 0;
}

/* Files that a file system may be asked about, by where they are: most others need no more look. */
static bool may_be_on(const struct walk *w, const char *path)
{
	for (table_each(const struct mount, m, w->mounts)) {
		if (was_asked(w->probe, m->dev) && path_in(path, table_text(w->mounts, m->target)))
			return true;
	}
	return false;
}

/*
 * One descriptor. 0, -ENOMEM, or -ETIME: there is room for no more. That it is gone, or may not be
 * seen, is no error.
 */
static int look_at(void *arg, uint64_t pid, uint64_t fd)
{
	struct walk *w = arg;
	char path[PROC_PATH_MAX], file[40], target[PATH_MAX];
	size_t mark = sizeof(deleted_mark) - 1;
	struct host_fd_stat st;
	struct open_file o;
	uint64_t dev;

	if (w->t->n >= ROWS_MAX)
		return -ETIME;
	snprintf(file, sizeof(file), "fd/%llu", (unsigned long long)fd);
	ssize_t n = host_link(w->probe->host, proc_path(path, pid, file), target, sizeof(target));

	if (n <= 0 || target[0] != '/')
		return 0;
	struct span name = { target, (size_t)n };
	bool deleted = name.len > mark && memcmp(target + name.len - mark, deleted_mark, mark) == 0;

	if ((!deleted && !may_be_on(w, target)) || find_device(w, pid, fd, &o, &dev) <= 0)
		return 0;
	/* A file may be called so. */
	if (deleted && host_fd_stat(w->probe->host, pid, fd, &st) == 0 && st.links == 0 &&
		st.regular) {
		name.len -= mark;
		return add_row(w, pid, fd, name, dev, &o, &st);
	}
	return o.writable && !deleted ? add_row(w, pid, fd, name, dev, &o, NULL) : 0;
}

static int walk_all(struct walk *w, const struct table *processes)
{
	uint64_t start_ns = proc_now_ns(), done = 0;

	for (table_each(const struct process, proc, processes)) {
		int err = proc->kthread ? 0 : proc_fds(w->probe, proc->pid, look_at, w);

		if (err == -ENOMEM)
			return err;
		if (err == -ETIME) {
			tally_late(&w->tally, w->t, done, processes->n, start_ns);
			return 0;
		}
		if (!proc->kthread)
			tally_count(&w->tally, err);
		done++;
	}
	tally_close(&w->tally, w->t, "needs CAP_SYS_PTRACE or root");
	return 0;
}

static int read_held_file(struct probe *p)
{
	const struct table *processes = probe_used(p, TABLE_process);
	struct walk w = { .probe = p,
		.t = probe_table(p, TABLE_held_file),
		.mounts = probe_used(p, TABLE_mount) };

	if (!w.t)
		return 0;
	if (!processes || !w.mounts) {
		table_fail(w.t, STATE_ABSENT, "the list of processes or of mounts is missing");
		return 0;
	}
	int err = walk_all(&w, processes);

	table_unref(w.theirs);
	strbuf_release(&w.text);
	return err;
}

const struct source source_held_file = {
	.name = "held_file",
	.fills = { TABLE_held_file },
	.uses = { TABLE_process, TABLE_mount },
	.cost = COST_ASKED,
	.manner = MANNER_RISKY,
	.deadline_ns = 450000000,
	.denied = "needs CAP_SYS_PTRACE or root",
	.read = read_held_file,
};
