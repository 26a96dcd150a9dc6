/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/process.h"

#include <string.h>
#include <time.h>

/*
 * The kernel takes its clock to be right while somebody tells it so: the maximum error grows by
 * 500 us a second, to 16 s, where it stays (kernel/time/ntp.c, second_overflow()). STA_UNSYNC alone
 * proves nothing: chrony leaves it set unless told to keep the hardware clock (rtcsync), and then
 * sets only the error. timedatectl judges the same way.
 */
#define LOST_NS UINT64_C(16000000000)
#define LOST_WHY "a fixed mark for unknown, not the error of the clock"
/* The slowest poll of a healthy daemon, 2048 s, lets it grow to 1 s. */
#define STALE_NS UINT64_C(4000000000)
#define STALE_WHY "grows by 1.8 s an hour since the last correction; polls are 34 min apart at most"
/* A daemon needs some minutes at its start, ntpd up to ten. */
static const uint64_t SETTLE_NS = UINT64_C(900000000000);
static const uint64_t DAY_NS = UINT64_C(86400000000000);
/*
 * A slew moves the clock by a tenth of the time at most (chrony, 83333 ppm); a step is beyond it.
 */
#define SLEW_RATIO 0.10
#define STEP_SLACK_NS 250e6
#define STEP_SAD_NS 1e9
#define STEP_WHY "a slew moves it by a tenth of the look at most"
/* Quartz: 1 to 5 s a day. */
#define DRIFT_PPM 20.0

enum { INSERT = 0x10, DELETE = 0x20, UNSYNC = 0x40, STATE_WAITS = 4 };

/* Who keeps clocks, and whether the kernel hears of it from him. */
enum keeper { KEEPER_NONE, KEEPER_TELLS, KEEPER_SILENT };

static const struct {
	const char *comm;
	enum keeper keeper;
} keepers[] = {
	{ "chronyd", KEEPER_TELLS },
	{ "systemd-timesyn", KEEPER_TELLS },
	{ "ntpd", KEEPER_TELLS },     /* but see slews() */
	{ "phc2sys", KEEPER_SILENT }, /* before linuxptp 3.0 */
	{ "ptp4l", KEEPER_SILENT },
	{ "timemaster", KEEPER_SILENT },
	{ "openntpd", KEEPER_SILENT },
	{ "vmtoolsd", KEEPER_SILENT },
	{ "VBoxService", KEEPER_SILENT },
	{ "prltoolsd", KEEPER_SILENT },
	{ "htpdate", KEEPER_SILENT },
	{ "tlsdated", KEEPER_SILENT },
	{ "sntp", KEEPER_SILENT },
};

/* Who suffers from a clock that is off by little, and by how much. */
static const struct {
	const char *comm, *bears;
} dependents[] = {
	{ "ceph-mon", "bears 50 ms between monitors" },
	{ "cockroach", "ends itself at 400 ms from the others" },
	{ "yb-tserver", "bears 500 ms" },
	{ "yb-master", "bears 500 ms" },
};

struct facts {
	const struct timekeeping *now;
	const struct process_facts *keeper, *silent, *dependent;
	const char *bears;
	bool pids;      /* other processes of the machine are seen */
	bool container; /* no kernel thread among them: the clock is the host's */
	bool hosted;    /* a hypervisor that keeps its guests' time from outside */
	uint64_t up_ns;
};

static bool lost(const struct timekeeping *t)
{
	return (t->status & UNSYNC) && row_has(t->has, TIMEKEEPING_max_error_ns) &&
	       t->max_error_ns >= LOST_NS;
}

/*
 * ntpd -x corrects by adjtime() and never tells the kernel that it is right. What it is told at its
 * start is in its command line, asked for only when all looks lost.
 */
static bool slews(const struct model *m, uint64_t pid)
{
	const struct table *t = frame_table(m->now, TABLE_process_cmd);
	const struct process_cmd *row = table_find(t, pid);
	const char *line = row ? table_text(t, row->line) : "";

	for (const char *at = line; (at = strstr(at, " -")); at++) {
		size_t len = strcspn(at + 1, " ");

		if (at[2] != '-' && memchr(at + 1, 'x', len))
			return true;
	}
	return strstr(line, "ntp engine") || strstr(line, "--slew");
}

static void take_process(struct facts *f, const struct process_facts *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(keepers); i++) {
		if (strcmp(p->comm, keepers[i].comm) != 0)
			continue;
		if (keepers[i].keeper == KEEPER_TELLS)
			f->keeper = p;
		else
			f->silent = p;
	}
	for (size_t i = 0; i < ARRAY_SIZE(dependents); i++) {
		if (strcmp(p->comm, dependents[i].comm) != 0)
			continue;
		f->dependent = p;
		f->bears = dependents[i].bears;
	}
}

static struct facts facts_of(const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_timekeeping);
	const struct table *cpu = frame_table(m->now, TABLE_cpu_type);
	const struct cpu_type *type = frame_row(m->now, TABLE_cpu_type);
	const char *signature = type ? table_text(cpu, type->signature) : "";
	struct facts f = { .now = frame_row(m->now, TABLE_timekeeping), .up_ns = t->taken_ns };

	f.hosted = strcmp(signature, "Microsoft Hv") == 0 || strcmp(signature, "VMwareVMware") == 0;
	f.pids = m->process && m->process->n > 0;
	f.container = f.pids;
	for (size_t i = 0; f.pids && i < m->process->n; i++) {
		const struct process_facts *p = &m->process->row[i];

		if (p->kthread)
			f.container = false;
		else
			take_process(&f, p);
	}
	return f;
}

/* Running long enough to have asked its servers. */
static bool settled(const struct facts *f)
{
	return f->up_ns >= SETTLE_NS && f->keeper->start_ns + SETTLE_NS <= f->up_ns;
}

static void add_numbers(struct finding *f, const struct facts *x, const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_timekeeping);
	bool gone = lost(x->now);

	finding_evidence_text(f, "timekeeping.status",
		x->now->status & UNSYNC ? "STA_UNSYNC" : "synchronised", "adjtimex(2)");
	finding_evidence(f, "timekeeping.max_error_ns", UNIT_NS,
		table_cell(t, x->now, TIMEKEEPING_max_error_ns), "adjtimex(2)",
		reading_of(gone ? (double)LOST_NS : (double)STALE_NS), gone ? LOST_WHY : STALE_WHY);
	finding_evidence(f, "timekeeping.est_error_ns", UNIT_NS,
		table_cell(t, x->now, TIMEKEEPING_est_error_ns), "adjtimex(2)",
		reading_none(STATE_ABSENT), NULL);
}

static void add_todo(
	struct judgement *j, const struct model *m, struct finding *f, const struct facts *x)
{
	const char *comm = x->keeper ? x->keeper->comm : "";

	if (x->container) {
		finding_todo(f, "look on its host:  timedatectl; chronyc tracking");
		return;
	}
	/* Whatever comes after it may set the clock. */
	finding_todo(f, "see how far it is off first (finer: ntpdate -q pool.ntp.org); a step back "
			"hurts databases, logs and cron, let it slew if it is more than a second:  "
			"curl -sI http://www.debian.org | grep -i ^date; date -u");
	if (strcmp(comm, "chronyd") == 0)
		finding_todo(f, "ask it (Reach 0: no server answers):  chronyc -n sources; chronyc "
				"tracking");
	else if (strcmp(comm, "ntpd") == 0)
		finding_todo(f, "ask it (reach 0: no server answers):  ntpq -pn");
	else if (*comm)
		finding_todo(f, "ask it:  timedatectl timesync-status; journalctl -u "
				"systemd-timesyncd -n 20");
	else
		finding_todo(f, "start one and name servers (or: timedatectl set-ntp true):  apt "
				"install chrony");
	if (*comm) {
		finding_todo(f, "mend what is between: names of servers, UDP 123 in the firewall");
		finding_todo(f, judge_text(j, "then:  %s", restart_command(j, m, x->keeper->pid)));
	}
}

/* A daemon is there, has had its time, and says itself that it does not know what time it is. */
static void report_failed(struct judgement *j, const struct model *m, const struct facts *x)
{
	struct finding *f = judge_finding(j, SEVERITY_WARNING, CONFIDENCE_LIKELY);

	finding_culprit(f, entity_process(j, m, x->keeper->pid));
	if (x->dependent) {
		struct entity e = entity_process(j, m, x->dependent->pid);

		e.detail = x->bears;
		finding_victim(f, e);
	}
	f->title = judge_text(j, "%s runs and the clock is not synchronised",
		process_label(j, m, x->keeper->pid));
	add_numbers(f, x, m);
	finding_evidence(f, "process.age", UNIT_NS,
		reading_of((double)(x->up_ns - x->keeper->start_ns)), "/proc/PID/stat",
		reading_of((double)SETTLE_NS), "no daemon needs longer for its first answer");
	f->cause = "it gets no time from its servers: they do not answer, have no time themselves, "
		   "or disagree; or somebody has just set the clock by hand";
	add_todo(j, m, f, x);
	f->refuted_if = "the daemon says that it is in step, and was told not to tell the kernel "
			"(chronyd -x, ntpd with disable kernel)";
}

static void report_nobody(struct judgement *j, const struct model *m, const struct facts *x)
{
	bool needed = x->dependent && !x->container && !x->hosted && x->up_ns >= DAY_NS;
	struct finding *f = judge_finding(j, needed ? SEVERITY_WARNING : SEVERITY_INFO,
		x->pids ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE);

	finding_culprit(f, entity_host());
	if (needed) {
		struct entity e = entity_process(j, m, x->dependent->pid);

		e.detail = x->bears;
		finding_victim(f, e);
	}
	f->title = x->container ? "The clock is the host's, and nobody has told the kernel that it "
				  "is right"
				: "Nobody is seen to keep the clock";
	add_numbers(f, x, m);
	if (!x->container)
		finding_evidence(f, "timekeeping.drift", UNIT_NS,
			reading_of((double)x->up_ns * DRIFT_PPM / 1e6), "uptime",
			reading_none(STATE_ABSENT),
			"what 20 ppm, a usual quartz, make of the uptime");
	f->cause =
		x->container ? "a container has no clock of its own: it is for its host to keep it"
		: x->silent  ? judge_text(j,
				       "%s may keep it without telling the kernel; whether it does "
					"cannot be seen from here",
				       process_label(j, m, x->silent->pid))
		: x->hosted  ? "no time daemon; the hypervisor may set the clock from outside, "
			       "which the kernel does not learn of"
			     : "no time daemon is running: the clock goes as its quartz, or as "
			       "that of the hypervisor, does";
	add_todo(j, m, f, x);
	f->refuted_if = "something else sets it: a job with ntpdate, the hypervisor's tools, a GPS "
			"receiver";
}

static void report_stale(struct judgement *j, const struct model *m, const struct facts *x)
{
	struct finding *f = judge_finding(j, SEVERITY_INFO, CONFIDENCE_LIKELY);

	finding_culprit(f, x->keeper ? entity_process(j, m, x->keeper->pid) : entity_host());
	f->title = judge_text(j, "Nobody has corrected the clock for %s or so",
		human_ns((double)x->now->max_error_ns * 2000).s);
	add_numbers(f, x, m);
	f->cause =
		"its daemon ended or has lost its servers; at 16 s the kernel will call the clock "
		"unsynchronised";
	add_todo(j, m, f, x);
	f->refuted_if =
		"its servers are so far away that the error is true: chronyc tracking, root "
		"dispersion";
}

/* How far the wall clock went besides the time that passed, forward or back. */
static struct reading step_of(const struct model *m)
{
	const struct timekeeping *now = frame_row(m->now, TABLE_timekeeping);
	const struct timekeeping *was = frame_row(m->was, TABLE_timekeeping);
	has_t clocks = (has_t)1 << TIMEKEEPING_walltime_ns | (has_t)1 << TIMEKEEPING_boottime_ns;

	if (!now || !was || (now->has & was->has & clocks) != clocks ||
		now->boottime_ns < was->boottime_ns)
		return reading_none(STATE_ABSENT);
	double passed = (double)(now->boottime_ns - was->boottime_ns);
	double wall = (double)(int64_t)(now->walltime_ns - was->walltime_ns);
	double step = wall - passed, size = step < 0 ? -step : step;

	return size > passed * SLEW_RATIO + STEP_SLACK_NS ? reading_of(step)
							  : reading_none(STATE_ABSENT);
}

static void report_step(
	struct judgement *j, const struct model *m, const struct facts *x, double step)
{
	double size = step < 0 ? -step : step;
	bool early = x->up_ns < SETTLE_NS;
	struct finding *f =
		judge_finding(j, size >= STEP_SAD_NS && !early ? SEVERITY_WARNING : SEVERITY_INFO,
			CONFIDENCE_CERTAIN);
	struct reading look = reading_of((double)(model_elapsed_ns(m, TABLE_timekeeping)));

	finding_culprit(f, entity_host());
	f->title = judge_text(j, "The clock was set %s by %s while murphy looked",
		step < 0 ? "back" : "forward", human_ns(size).s);
	finding_evidence(f, "timekeeping.step", UNIT_NS, reading_of(size),
		"CLOCK_REALTIME against CLOCK_BOOTTIME",
		reading_of(look.value * SLEW_RATIO + STEP_SLACK_NS), STEP_WHY);
	f->cause = x->keeper && x->silent
			   ? judge_text(j, "%s and %s both keep it: they pull against each other",
				     process_label(j, m, x->keeper->pid),
				     process_label(j, m, x->silent->pid))
			   : "a time daemon that steps, somebody with date -s, a job with "
			     "ntpdate, or a guest that was stopped and goes on";
	finding_todo(f,
		"who set it:  journalctl -b | grep -iE 'time has been changed|step|chronyd|ntp' "
		"| tail");
	finding_todo(f, "let one alone keep the clock: turn off the time synchronisation of the "
			"guest tools, or the daemon");
	finding_todo(
		f, "let it slew instead of step once services run: chrony makestep 1 3, ntpd -x");
	f->refuted_if = "it was the one step of a time daemon that has just started";
}

/*
 * A leap second at the end of this UTC day is only ever due on the last day of June or December,
 * and none is announced for years: on another day servers lie, and the clock will be off by 1 s.
 */
static bool false_leap(const struct timekeeping *t)
{
	static const uint64_t day_s = 86400;

	if (!(t->status & (INSERT | DELETE)) || t->state >= STATE_WAITS ||
		!row_has(t->has, TIMEKEEPING_walltime_ns))
		return false;
	time_t tomorrow = (time_t)((t->walltime_ns / 1000000000u / day_s + 1) * day_s);
	struct tm tm;

	return gmtime_r(&tomorrow, &tm) && !(tm.tm_mday == 1 && (tm.tm_mon == 0 || tm.tm_mon == 6));
}

static void report_leap(struct judgement *j, const struct facts *x)
{
	struct finding *f = judge_finding(j, SEVERITY_WARNING, CONFIDENCE_CERTAIN);

	finding_culprit(f, entity_host());
	f->title = "A leap second is armed for a day that has none";
	finding_evidence_text(f, "timekeeping.status",
		x->now->status & INSERT ? "STA_INS: insert one at the end of the UTC day"
					: "STA_DEL: leave one out at the end of the UTC day",
		"adjtimex(2)");
	f->cause = "a time server announced it wrongly, or the flag was left from long ago: at "
		   "midnight UTC the clock will be off by a second";
	finding_todo(
		f, "who says so (Leap status; of ntpd: ntpq -c 'rv 0 leap'):  chronyc tracking");
	finding_todo(f,
		"leave out the server that does, restart the daemon, and see that the flag is "
		"gone before midnight UTC:  adjtimex -p");
	f->refuted_if = "IERS Bulletin C announces one for today";
}

/* Is all that is needed known? Asks for the command line of an ntpd that may slew. */
static bool known(const struct model *m, struct judgement *j, const struct facts *x)
{
	return !lost(x->now) || !x->keeper || strcmp(x->keeper->comm, "systemd-timesyn") == 0 ||
	       judge_ask(j, m, TABLE_process_cmd, x->keeper->pid);
}

static bool judge_sync(const struct model *m, struct judgement *j, const struct facts *x)
{
	if (lost(x->now)) {
		if (x->keeper && slews(m, x->keeper->pid))
			return false;
		if (x->keeper && !settled(x))
			return false;
		if (x->keeper && !x->container)
			report_failed(j, m, x);
		else if (x->up_ns >= SETTLE_NS)
			report_nobody(j, m, x);
		else
			return false;
		return true;
	}
	if (!row_has(x->now->has, TIMEKEEPING_max_error_ns) || x->now->max_error_ns < STALE_NS)
		return false;
	report_stale(j, m, x);
	return true;
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	if (!frame_row(m->now, TABLE_timekeeping))
		return judge_unknown(j, m, TABLE_timekeeping);
	struct facts x = facts_of(m);
	struct reading step = step_of(m);

	if (!known(m, j, &x))
		return VERDICT_ASK;
	bool sad = judge_sync(m, j, &x);

	if (reading_ok(step)) {
		report_step(j, m, &x, step.value);
		sad = true;
	}
	if (false_leap(x.now)) {
		report_leap(j, &x);
		sad = true;
	}
	return sad ? VERDICT_SAD : VERDICT_FINE;
}

const struct check check_time_unsynced = {
	.id = "time.unsynced",
	.question = "Is the clock right, and does somebody keep it so?",
	.needs = { { .table = TABLE_timekeeping, .rate = true },
		{ .table = TABLE_process, .optional = true },
		{ .table = TABLE_process_cmd, .ask = true },
		{ .table = TABLE_cpu_type, .optional = true } },
	.models = { MODEL_process },
	.judge = judge,
};
