/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/process.h"

/*
 * At its soft RLIMIT_NOFILE a process gets EMFILE from open(), socket() and accept()
 * (fs/file.c, alloc_fd()). The limit is on the number of the descriptor, so the last ones are
 * there only if no number below is free: near the limit is as bad as at it.
 */
#define NEAR_RATIO 0.90
#define NEAR_WHY "what is left is gone with the next burst"
#define AT_RATIO 0.98
#define AT_WHY "calls fail with EMFILE now, or with the next few connections"
/* Of a million even 2 % are a reserve. */
enum { FEW_LEFT = 1024 };
/*
 * Smaller limits are put there on purpose: sandboxes (sshd's, for one) forbid descriptors with 0
 * or 1, test suites use a handful.
 */
enum { SMALLEST_LIMIT = 64 };
static const uint64_t HOUR_NS = UINT64_C(3600000000000);

static double left_ns(const struct model *m, const struct process_fd *fd, uint64_t limit)
{
	struct reading rate = model_rate(m, TABLE_process_fd, fd, PROCESS_FD_open);
	double left = (double)limit - (double)fd->open;

	/* A gauge: what it grew by in the look. Two or three say nothing about an hour. */
	if (!reading_ok(rate) ||
		rate.value * (double)model_elapsed_ns(m, TABLE_process_fd) / 1e9 < 3)
		return -1;
	return left / rate.value * 1e9;
}

static void add_todo(struct judgement *j, const struct model *m, struct finding *f,
	const struct process_limits *l, const char *restart)
{
	unsigned long long pid = l->pid;
	unsigned long long want = l->fd_soft * 4;

	(void)m;
	finding_todo(f, judge_text(j,
				"see what they are:  ls -l /proc/%llu/fd | sed 's/.*-> //; "
				"s/[0-9]*//g' | sort | uniq -c | sort -n | tail",
				pid));
	if (row_has(l->has, PROCESS_LIMITS_fd_hard) && l->fd_hard <= l->fd_soft)
		finding_todo(f, judge_text(j,
					"raise the limit now, without a restart:  prlimit --pid "
					"%llu --nofile=%llu:%llu",
					pid, want, want));
	else
		finding_todo(f, judge_text(j,
					"raise the limit now, without a restart:  prlimit --pid "
					"%llu --nofile=%llu:",
					pid, want));
	finding_todo(f, judge_text(j,
				"keep it: LimitNOFILE=%llu in its unit, "
				"/etc/security/limits.conf for what users start",
				want));
	finding_todo(f, judge_text(j, "if they leak, gain time:  %s", restart));
	finding_todo(f, "in the program: close what it opens on every path, also that of errors; "
			"bound its pools below the limit; O_CLOEXEC");
}

static void report(struct judgement *j, const struct model *m, const struct process_fd *fd,
	const struct process_limits *l)
{
	double ratio = (double)fd->open / (double)l->fd_soft;
	double left = left_ns(m, fd, l->fd_soft);
	bool soon = left >= 0 && left < (double)HOUR_NS;
	bool at = ratio >= AT_RATIO && l->fd_soft - fd->open <= FEW_LEFT;
	struct finding *f = judge_finding(
		j, at || soon ? SEVERITY_CRITICAL : SEVERITY_WARNING, CONFIDENCE_CERTAIN);

	finding_evidence(f, "process_fd.open", UNIT_COUNT, reading_of((double)fd->open),
		judge_text(j, "/proc/%llu/fd", (unsigned long long)fd->pid),
		reading_of((at ? AT_RATIO : NEAR_RATIO) * (double)l->fd_soft),
		at ? AT_WHY : NEAR_WHY);
	finding_evidence(f, "process_limits.fd_soft", UNIT_COUNT, reading_of((double)l->fd_soft),
		judge_text(j, "/proc/%llu/limits", (unsigned long long)fd->pid),
		reading_none(STATE_ABSENT), NULL);
	if (left >= 0)
		finding_evidence_alarm(f, "process_fd.exhaustion", UNIT_NS, reading_of(left),
			"growth during the look", ALARM_BELOW, reading_of((double)HOUR_NS),
			"at the pace of this look");
	finding_culprit(f, entity_process(j, m, fd->pid));
	f->share = ratio;
	f->title = judge_text(j, "%s has %llu of %llu files open (%s)",
		process_label(j, m, fd->pid), (unsigned long long)fd->open,
		(unsigned long long)l->fd_soft, human_ratio(ratio).s);
	f->cause = left >= 0 ? "its open descriptors grow towards its limit: more load than the "
			       "limit was made for, or a leak"
			     : "its limit is too small for what it holds open, or it leaks slowly";
	add_todo(j, m, f, l, restart_command(j, m, fd->pid));
	f->refuted_if = judge_text(j,
		"the program holds a fixed number by design and no call of it fails with EMFILE:  "
		"strace -f -p %llu -e trace=desc,network -Z",
		(unsigned long long)fd->pid);
}

/* Open more than the limit: it was lowered afterwards, by a process that wants no new ones. */
static bool sad(const struct process_fd *fd, const struct process_limits *l)
{
	return l && row_has(l->has, PROCESS_LIMITS_fd_soft) && row_has(fd->has, PROCESS_FD_open) &&
	       l->fd_soft >= SMALLEST_LIMIT && fd->open <= l->fd_soft &&
	       (double)fd->open >= NEAR_RATIO * (double)l->fd_soft;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct table *fds = frame_table(m->now, TABLE_process_fd);
	const struct table *limits = frame_table(m->now, TABLE_process_limits);
	enum verdict verdict = VERDICT_FINE;

	if (!table_usable(fds))
		return judge_unknown(j, m, TABLE_process_fd);
	if (!table_usable(limits))
		return judge_unknown(j, m, TABLE_process_limits);
	for (table_each(struct process_fd, fd, fds)) {
		const struct process_limits *l = table_find(limits, fd->pid);

		if (!sad(fd, l))
			continue;
		report(j, m, fd, l);
		verdict = VERDICT_SAD;
	}
	/* An ordinary user sees its own processes: of the rest it cannot say that they are fine. */
	if (verdict == VERDICT_FINE && fds->lost > fds->n)
		return judge_unknown_why(j, STATE_DENIED,
			fds->why[0] ? fds->why
				    : "most processes' descriptors need root with CAP_SYS_PTRACE "
				      "over them");
	return verdict;
}

const struct check check_proc_fd_limit = {
	.id = "proc.fd-limit",
	.question = "Is a process about to run out of file descriptors?",
	.explains = { "tcp.listen-overflow" },
	.needs = { { .table = TABLE_process_fd, .rate = true }, { .table = TABLE_process_limits } },
	.models = { MODEL_process },
	.judge = judge,
};
