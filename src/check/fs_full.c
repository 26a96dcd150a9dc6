/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/process.h"
#include "model/spaces.h"

#include <string.h>

/*
 * Near is both: a twentieth of the file system, and an amount that one package upgrade, core dump
 * or night's log takes. A large disk at 97 % has years, a small one at 90 % has room for its files.
 */
#define NEAR_RATIO 0.05
#define NEAR_BYTES (5ull << 30)
/* Below this share, or this much, the next write of any size fails. */
#define FULL_RATIO 0.001
#define FULL_BYTES (1ull << 20)
/* Inodes: a mail queue, a session folder or an unpacked archive takes so many in one go. */
#define NEAR_INODES 100000
#define FULL_INODES 16
/* What two seconds show says nothing of tomorrow: only what is filled within minutes is told. */
#define FILL_FROM_RATIO 0.80
#define FILL_WARN_RATIO 0.90
#define FILL_NS (600ull * 1000000000u)
/* Held by deleted files: a tenth of what is in use is why it is full. */
#define HELD_RATIO 0.10
/* Less is made to be full: credentials, images of a few blocks. */
#define SIZE_MIN_BYTES (4ull << 20)
enum { SUSPECTS_MAX = 8, HOLDERS_MAX = 64, WRITERS_MAX = 64 };

enum grade { GRADE_FINE, GRADE_FILLING, GRADE_ROOMY, GRADE_NEAR, GRADE_FULL };

struct holder {
	uint64_t pid, held_bytes, files;
	text_t largest; /* path, of the table held_file */
	uint64_t largest_bytes, largest_fd;
};

struct writer {
	uint64_t pid;
	text_t path;
	struct reading bytes_per_s;
};

struct suspect {
	const struct space *space;
	enum grade bytes, inodes;
	struct holder holder[HOLDERS_MAX]; /* most first */
	size_t n_holders;
	uint64_t held_bytes;               /* by all of them, each file once */
	struct writer writer[WRITERS_MAX]; /* fastest first */
	size_t n_writers;
};

static enum grade grade_bytes(const struct space *s)
{
	double left = 1 - s->used_ratio;

	if (s->used_bytes + s->available_bytes < SIZE_MIN_BYTES)
		return GRADE_FINE;
	if (left <= FULL_RATIO || s->available_bytes < FULL_BYTES)
		return GRADE_FULL;
	if (left <= NEAR_RATIO)
		return s->available_bytes <= NEAR_BYTES ? GRADE_NEAR : GRADE_ROOMY;
	if (s->used_ratio >= FILL_FROM_RATIO && reading_ok(s->full_in_ns) &&
		s->full_in_ns.value <= FILL_NS)
		return GRADE_FILLING;
	return GRADE_FINE;
}

/* XFS makes inodes from free space, so its limit shrinks with that: then space is what is short. */
static enum grade grade_inodes(const struct space *s, enum grade bytes)
{
	if (!reading_ok(s->inodes_ratio) || (bytes >= GRADE_ROOMY && strcmp(s->fstype, "xfs") == 0))
		return GRADE_FINE;
	double left = 1 - s->inodes_ratio.value;

	if (left <= FULL_RATIO || s->free_inodes < FULL_INODES)
		return GRADE_FULL;
	return left <= NEAR_RATIO && s->free_inodes <= NEAR_INODES ? GRADE_NEAR : GRADE_FINE;
}

static enum grade worst(const struct suspect *s)
{
	return s->bytes > s->inodes ? s->bytes : s->inodes;
}

/* Fills within minutes, whatever is left. */
static bool filling(const struct suspect *s)
{
	return reading_ok(s->space->full_in_ns) && s->space->full_in_ns.value <= FILL_NS;
}

static size_t find_suspects(const struct model *m, struct suspect *list)
{
	size_t n = 0;

	for (size_t i = 0; i < m->spaces->n && n < SUSPECTS_MAX; i++) {
		struct suspect s = { .space = &m->spaces->space[i] };

		s.bytes = grade_bytes(s.space);
		s.inodes = grade_inodes(s.space, s.bytes);
		if (worst(&s) != GRADE_FINE)
			list[n++] = s;
	}
	return n;
}

/* The same file is held once, by whoever comes first: the others inherited it. */
static bool counted(const struct table *t, const struct held_file *f)
{
	for (table_each(const struct held_file, o, t)) {
		if (o == f)
			return false;
		if (o->deleted && o->dev == f->dev && o->inode == f->inode)
			return true;
	}
	return false;
}

static void add_holder(struct suspect *s, const struct held_file *f)
{
	struct holder *h = NULL;

	for (size_t i = 0; i < s->n_holders; i++) {
		if (s->holder[i].pid == f->pid)
			h = &s->holder[i];
	}
	if (!h && s->n_holders == HOLDERS_MAX)
		return;
	if (!h) {
		h = &s->holder[s->n_holders++];
		*h = (struct holder){ .pid = f->pid };
	}
	h->held_bytes += f->held_bytes;
	h->files++;
	if (f->held_bytes >= h->largest_bytes) {
		h->largest = f->path;
		h->largest_bytes = f->held_bytes;
		h->largest_fd = f->fd;
	}
	for (; h > s->holder && h[-1].held_bytes < h->held_bytes; h--) {
		struct holder swap = h[-1];

		h[-1] = *h;
		*h = swap;
	}
}

/* Memory file systems are no storage: there only what write(2) was given tells. */
static struct reading write_rate(
	const struct model *m, const struct space *s, const struct process_facts *p)
{
	const void *io = table_find(frame_table(m->now, TABLE_process_io), p->pid);

	if (strcmp(s->fstype, "tmpfs") != 0 || !io || p->born)
		return p->written_bytes_per_s;
	return model_rate(m, TABLE_process_io, io, PROCESS_IO_written_chars);
}

static double rate_of(const struct writer *w)
{
	return reading_ok(w->bytes_per_s) ? w->bytes_per_s.value : 0;
}

static void add_writer(struct suspect *s, const struct model *m, const struct held_file *f)
{
	const struct process_facts *p = process_find(m->process, f->pid);
	struct writer w = { .pid = f->pid, .path = f->path };

	for (size_t i = 0; i < s->n_writers; i++) {
		if (s->writer[i].pid == f->pid)
			return;
	}
	if (!p || s->n_writers == WRITERS_MAX)
		return;
	w.bytes_per_s = write_rate(m, s->space, p);
	size_t at = s->n_writers++;

	for (; at > 0 && rate_of(&s->writer[at - 1]) < rate_of(&w); at--)
		s->writer[at] = s->writer[at - 1];
	s->writer[at] = w;
}

static void find_people(struct suspect *s, const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_held_file);

	if (!table_usable(t))
		return;
	for (table_each(const struct held_file, f, t)) {
		if (f->dev != s->space->mount->dev && f->dev != s->space->below_dev)
			continue;
		if (f->deleted && !counted(t, f)) {
			s->held_bytes += f->held_bytes;
			add_holder(s, f);
		}
		if (f->writable)
			add_writer(s, m, f);
	}
}

/* Space that a process keeps from everybody else is the cause; NULL: it is not. */
static const struct holder *guilty(const struct suspect *s)
{
	if (s->n_holders == 0 || s->bytes < GRADE_ROOMY ||
		(double)s->held_bytes < (double)s->space->used_bytes * HELD_RATIO)
		return NULL;
	return &s->holder[0];
}

static enum severity grade(const struct suspect *s)
{
	/*
	 * Programs on it fail now; a full disk that nobody has open for writing may be an archive.
	 */
	if (worst(s) == GRADE_FULL && (s->n_writers > 0 || strcmp(s->space->target, "/") == 0))
		return SEVERITY_CRITICAL;
	if (s->bytes == GRADE_NEAR && filling(s))
		return SEVERITY_CRITICAL;
	/*
	 * A large copy fills at any pace and ends: a pace
	 * alone is no warning while a tenth is left.
	 */
	if (worst(s) == GRADE_FILLING && s->space->used_ratio < FILL_WARN_RATIO)
		return SEVERITY_INFO;
	return worst(s) == GRADE_ROOMY && !filling(s) ? SEVERITY_INFO : SEVERITY_WARNING;
}

static void evidence_space(struct finding *f, const struct suspect *s)
{
	const struct space *sp = s->space;
	static const char source[] = "statfs(2)";
	struct reading none = reading_none(STATE_ABSENT);
	/* Few left alone is no alarm: of a small file system there never are many. */
	bool bytes = s->bytes > GRADE_FINE, inodes = s->inodes > GRADE_FINE;

	finding_evidence(f, "mount_space.used_ratio", UNIT_RATIO, reading_of(sp->used_ratio),
		source, reading_of(1 - NEAR_RATIO), "as df counts, without what is kept for root");
	finding_evidence_alarm(f, "mount_space.available_bytes", UNIT_BYTES,
		reading_of((double)sp->available_bytes), source, ALARM_BELOW,
		bytes ? reading_of((double)NEAR_BYTES) : none,
		bytes ? "less than one upgrade, core dump or night of logs; both must be short"
		      : NULL);
	if (sp->reserved_bytes > 0)
		finding_evidence(f, "mount_space.reserved_bytes", UNIT_BYTES,
			reading_of((double)sp->reserved_bytes), source, none,
			"only root may take it");
	if (reading_ok(sp->inodes_ratio)) {
		finding_evidence(f, "mount_space.inodes_ratio", UNIT_RATIO, sp->inodes_ratio,
			source, reading_of(1 - NEAR_RATIO), "a file each, however small");
		finding_evidence_alarm(f, "mount_space.free_inodes", UNIT_COUNT,
			reading_of((double)sp->free_inodes), source, ALARM_BELOW,
			inodes ? reading_of(NEAR_INODES) : none,
			inodes ? "an unpacked archive or a mail queue takes so many; both must be "
				 "short"
			       : NULL);
	}
	finding_evidence(f, "spaces.fill_bytes_per_s", UNIT_BYTES_PER_S, sp->fill_bytes_per_s,
		source, none, "how much more was in use at the end of the look");
	if (reading_ok(sp->full_in_ns))
		finding_evidence_alarm(f, "spaces.full_in_ns", UNIT_NS, sp->full_in_ns, source,
			ALARM_BELOW, reading_of((double)FILL_NS), "at that pace");
}

static void evidence_people(
	struct judgement *j, struct finding *f, const struct model *m, const struct suspect *s)
{
	const struct table *t = frame_table(m->now, TABLE_held_file);

	if (!table_usable(t) || t->state != STATE_OK || t->lost > 0)
		finding_evidence_text(f, "held_file.state",
			judge_text(j, "not all open files are known: %s",
				t && t->why[0] ? t->why : "not read"),
			"/proc/PID/fd");
	if (s->n_holders > 0) {
		finding_evidence(f, "held_file.held_bytes", UNIT_BYTES,
			reading_of((double)s->held_bytes), "/proc/PID/fd, stat(2)",
			reading_of((double)s->space->used_bytes * HELD_RATIO),
			"deleted and still open: df counts it, du does not");
		finding_evidence_text(f, "held_file.path",
			judge_text(j, "%s (descriptor %llu of %s, %s)",
				table_text(t, s->holder[0].largest),
				(unsigned long long)s->holder[0].largest_fd,
				process_label(j, m, s->holder[0].pid),
				human_bytes((double)s->holder[0].largest_bytes).s),
			"/proc/PID/fd");
	}
	if (s->n_writers > 0 && rate_of(&s->writer[0]) > 0)
		finding_evidence(f, "process_io.written_bytes_per_s", UNIT_BYTES_PER_S,
			s->writer[0].bytes_per_s, "/proc/PID/io", reading_none(STATE_ABSENT),
			"the fastest writer that has a file open there");
}

static struct entity holder_entity(
	struct judgement *j, const struct model *m, const struct holder *h)
{
	struct entity e = entity_process(j, m, h->pid);

	e.detail = judge_text(j, "holds %s in %llu deleted file%s",
		human_bytes((double)h->held_bytes).s, (unsigned long long)h->files,
		h->files == 1 ? "" : "s");
	return e;
}

static void add_people(
	struct judgement *j, struct finding *f, const struct model *m, const struct suspect *s)
{
	const struct holder *top = guilty(s);
	bool fast = s->n_writers > 0 && rate_of(&s->writer[0]) > 0;

	if (top)
		finding_culprit(f, holder_entity(j, m, top));
	finding_culprit(f, (struct entity){ .kind = ENTITY_MOUNT,
				   .name = judge_text(j, "%s", s->space->target) });
	for (size_t i = top ? 1 : 0; i < s->n_holders && i < 3; i++)
		finding_culprit(f, holder_entity(j, m, &s->holder[i]));
	for (size_t i = 0; i < s->n_writers; i++) {
		struct entity e = entity_process(j, m, s->writer[i].pid);

		if (i == 0 && fast) {
			e.detail =
				judge_text(j, "writes %s/s", human_bytes(rate_of(&s->writer[0])).s);
			if (!top || top->pid != e.pid)
				finding_culprit(f, e);
			continue;
		}
		e.detail = "has files open for writing there";
		if (worst(s) == GRADE_FULL && (!top || top->pid != e.pid))
			finding_victim(f, e);
	}
}

static const char *title(struct judgement *j, const struct suspect *s)
{
	const struct space *sp = s->space;
	const struct holder *top = guilty(s);
	const char *held = "";

	if (s->inodes > s->bytes)
		return judge_text(j,
			"%s has %s of %s inodes left: files cannot be made, with %s free",
			sp->target, human_number((double)sp->free_inodes).s,
			human_number((double)sp->inodes).s,
			human_bytes((double)sp->available_bytes).s);
	if (top)
		held = judge_text(
			j, "; deleted files still hold %s", human_bytes((double)s->held_bytes).s);
	if (s->bytes == GRADE_FULL)
		return judge_text(j, "%s is full: %s left of %s%s", sp->target,
			human_bytes((double)sp->available_bytes).s,
			human_bytes((double)(sp->used_bytes + sp->available_bytes)).s, held);
	if (filling(s))
		return judge_text(j, "%s is %s full and has %s left: full in %s at this pace%s",
			sp->target, human_ratio(sp->used_ratio).s,
			human_bytes((double)sp->available_bytes).s,
			human_ns(sp->full_in_ns.value).s, held);
	return judge_text(j, "%s is %s full: %s left%s", sp->target, human_ratio(sp->used_ratio).s,
		human_bytes((double)sp->available_bytes).s, held);
}

static const char *cause(struct judgement *j, const struct model *m, const struct suspect *s)
{
	const struct holder *top = guilty(s);

	if (s->inodes > s->bytes)
		return "very many small files: sessions, mail, caches, or a job that makes one per "
		       "request; their number was fixed when the file system was made";
	if (top)
		return judge_text(j,
			"%s holds files open that were deleted, so their space comes back only "
			"when it closes them; most often a log that was removed instead of rotated",
			process_label(j, m, top->pid));
	if (s->n_writers > 0 && rate_of(&s->writer[0]) > 0)
		return judge_text(j, "what lies there has grown; right now %s writes most",
			process_label(j, m, s->writer[0].pid));
	return "what lies there has grown; nobody who has a file open there writes right now";
}

static bool holds(const struct model *m, const struct suspect *s, const char *path)
{
	const struct mount *on = mount_of_path(frame_table(m->now, TABLE_mount), path);

	return on && (on->dev == s->space->mount->dev || on->dev == s->space->below_dev);
}

/* What may be thrown away on most machines, where it lies on that file system. */
static void add_quick_gain(
	struct judgement *j, struct finding *f, const struct model *m, const struct suspect *s)
{
	static const struct {
		const char *path, *command;
	} gains[] = {
		{ "/var/log/journal", "journalctl --vacuum-size=200M" },
		{ "/var/cache/apt/archives", "apt-get clean" },
	};
	const char *commands = "";

	for (size_t i = 0; i < ARRAY_SIZE(gains); i++) {
		if (holds(m, s, gains[i].path))
			commands = judge_text(
				j, "%s%s%s", commands, *commands ? "; " : "", gains[i].command);
	}
	if (*commands)
		finding_todo(f, judge_text(j, "gain time:  %s", commands));
}

static void advise(
	struct judgement *j, struct finding *f, const struct model *m, const struct suspect *s)
{
	const struct holder *top = guilty(s);
	const char *where = shell_word(j, s->space->target);

	if (top) {
		finding_todo(f, judge_text(j, "see them all:  lsof -nP +aL1 %s", where));
		finding_todo(f,
			judge_text(j,
				"if it is a log that nobody needs, empty it where it is:  "
				"truncate -s 0 /proc/%llu/fd/%llu",
				(unsigned long long)top->pid, (unsigned long long)top->largest_fd));
		finding_todo(f, judge_text(j, "or end it, which closes them:  %s",
					restart_command(j, m, top->pid)));
		finding_todo(f, "rotate logs by a signal or copytruncate, not by rm");
	} else if (s->inodes > s->bytes) {
		finding_todo(f, judge_text(j,
					"see where the files are:  du -x --inodes %s | sort -n | "
					"tail",
					where));
		finding_todo(f, "remove what is old there, or move that folder to a file system "
				"of its own (mkfs.ext4 -i, or xfs)");
	} else {
		finding_todo(f, judge_text(j,
					"see what takes it:  du -xh --max-depth=2 %s | sort -h | "
					"tail",
					where));
		finding_todo(
			f, judge_text(j, "see what is deleted and still held:  lsof -nP +aL1 %s",
				   where));
	}
	if (s->bytes >= GRADE_ROOMY && !top)
		add_quick_gain(j, f, m, s);
	f->refuted_if =
		s->inodes > s->bytes
			? judge_text(j, "a file can be made:  touch %s/murphy-test", where)
			: judge_text(j, "df %s shows room, and a file can be written there", where);
}

static void report(struct judgement *j, const struct model *m, struct suspect *s)
{
	find_people(s, m);
	struct finding *f = judge_finding(
		j, grade(s), worst(s) == GRADE_FILLING ? CONFIDENCE_POSSIBLE : CONFIDENCE_CERTAIN);

	f->share = s->inodes > s->bytes ? s->space->inodes_ratio.value : s->space->used_ratio;
	f->title = title(j, s);
	evidence_people(j, f, m, s);
	evidence_space(f, s);
	add_people(j, f, m, s);
	f->cause = cause(j, m, s);
	advise(j, f, m, s);
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct suspect list[SUSPECTS_MAX];
	size_t n = find_suspects(m, list);
	bool told = true;

	for (size_t i = 0; i < n; i++) {
		told &= judge_ask(j, m, TABLE_held_file, list[i].space->mount->dev);
		if (list[i].space->below_dev)
			told &= judge_ask(j, m, TABLE_held_file, list[i].space->below_dev);
	}
	if (!told)
		return VERDICT_ASK;
	for (size_t i = 0; i < n; i++)
		report(j, m, &list[i]);
	return n > 0 ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_fs_full = {
	.id = "fs.full",
	.question = "Is a file system out of space or inodes, or about to be?",
	.needs = {
		{ .table = TABLE_mount },
		{ .table = TABLE_mount_space, .rate = true },
		{ .table = TABLE_process, .rate = true, .optional = true },
		{ .table = TABLE_process_io, .rate = true, .optional = true },
		{ .table = TABLE_process_cgroup, .optional = true },
		{ .table = TABLE_held_file, .ask = true },
	},
	.models = { MODEL_spaces, MODEL_process },
	.judge = judge,
};
