/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "base/human.h"
#include "check/entity.h"
#include "model/cpu.h"
#include "model/process.h"

#include <string.h>

/*
 * A good clock source is read in user space by the vDSO in some tens of nanoseconds. The slow ones
 * are devices behind a bus, which in a guest trap into the hypervisor: every clock_gettime(), and
 * the kernel's own timestamps, become a system call and a microsecond or more.
 */
#define DEAR_NS 500.0
#define DEAR_WHY "by the vDSO it takes 20 to 60 ns"
/* Without a slow name it may be a CPU that is slow at everything: only what is beyond doubt. */
#define ODD_NS 2000.0
/* Who spends that much of a CPU in the kernel, and that part of his own time. */
#define VICTIM_SYSTEM_RATIO 0.20
#define VICTIM_SYSTEM_PART 0.40
#define VICTIM_WHY "of a CPU in the kernel, and neither for files nor for memory"
/* Less than takes some hundredths of a CPU: files, memory and children are not why it is there. */
#define VICTIM_BYTES_PER_S 10e6
#define VICTIM_FAULTS_PER_S 500

/*
 * Best first. Hyper-V's second one and Xen's are system
 * calls on some kernels, still the best there.
 */
static const char *const good[] = { "tsc", "kvm-clock", "hyperv_clocksource_tsc_page",
	"arch_sys_counter", "timebase", "tod", "riscv_clocksource", "Constant",
	"hyperv_clocksource", "xen" };

static bool is_good(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		if (strcmp(name, good[i]) == 0)
			return true;
	}
	return false;
}

/* The first good one among those that would work, "" when there is none. */
static const char *better_than(const char *available, const char *current)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct cursor c = cursor_of(available, strlen(available));
		struct span word;

		while (cursor_word(&c, &word)) {
			if (span_eq(word, good[i]) && strcmp(good[i], current) != 0)
				return good[i];
		}
	}
	return "";
}

/*
 * The last time that the kernel gave up a good one, NULL: never, or its log has been overwritten.
 */
static const struct klog_clock *given_up(const struct table *t)
{
	const struct klog_clock *last = NULL;

	for (table_each(struct klog_clock, k, table_usable(t) ? t : NULL)) {
		if (k->given_up && is_good(table_text(t, k->name)))
			last = k;
	}
	return last;
}

struct clock_facts {
	const char *current, *better;
	const struct klog_clock *lost; /* row of klog_clock */
	const char *reason;
	struct reading read_ns, syscall_ns;
	bool slow;
};

static struct clock_facts facts_of(const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_clock);
	const struct table *log = frame_table(m->now, TABLE_klog_clock);
	const struct table *cost = frame_table(m->now, TABLE_clock_cost);
	const struct clock *row = frame_row(m->now, TABLE_clock);
	const struct clock_cost *price = frame_row(m->now, TABLE_clock_cost);
	struct clock_facts f = { .current = table_text(t, row->current), .reason = "" };

	f.better = better_than(
		row_has(row->has, CLOCK_available) ? table_text(t, row->available) : "", f.current);
	f.lost = given_up(log);
	if (f.lost)
		f.reason = table_text(log, f.lost->reason);
	if (price) {
		f.read_ns = table_cell(cost, price, CLOCK_COST_read_ns);
		f.syscall_ns = table_cell(cost, price, CLOCK_COST_syscall_ns);
	}
	f.slow = cpu_clock_slow(f.current);
	return f;
}

static bool sad(const struct clock_facts *f)
{
	if (!f->slow)
		return reading_ok(f->read_ns) && f->read_ns.value >= ODD_NS;
	/* Machines without any better one read the jiffies for nothing: that is no finding. */
	return f->better[0] || f->lost || (reading_ok(f->read_ns) && f->read_ns.value >= DEAR_NS);
}

static struct reading system_ratio(const struct model *m, const struct process_facts *p)
{
	const struct process *row = table_find(frame_table(m->now, TABLE_process), p->pid);
	uint64_t elapsed_ns = model_elapsed_ns(m, TABLE_process);

	if (!row || p->born || p->kthread || elapsed_ns == 0)
		return reading_none(STATE_ABSENT);
	struct reading r = model_delta(m, TABLE_process, row, PROCESS_system_ns);

	return reading_ok(r) ? ratio_of(r.value, (double)elapsed_ns) : r;
}

static bool below(struct reading r, double limit)
{
	return reading_ok(r) && r.value < limit;
}

/* In the kernel for something else than files and memory; false also when that is not known. */
static bool idle_kernel_work(const struct model *m, const struct process_facts *p)
{
	const struct process *row = table_find(frame_table(m->now, TABLE_process), p->pid);
	const struct process_io *io = table_find(frame_table(m->now, TABLE_process_io), p->pid);

	return row && io &&
	       below(model_rate(m, TABLE_process, row, PROCESS_minor_faults),
		       VICTIM_FAULTS_PER_S) &&
	       below(model_rate(m, TABLE_process_io, io, PROCESS_IO_read_chars),
		       VICTIM_BYTES_PER_S) &&
	       below(model_rate(m, TABLE_process_io, io, PROCESS_IO_written_chars),
		       VICTIM_BYTES_PER_S);
}

static struct reading add_victims(struct judgement *j, const struct model *m, struct finding *f)
{
	struct reading most = reading_none(STATE_ABSENT);

	for (size_t i = 0; m->process && i < m->process->n; i++) {
		const struct process_facts *p = &m->process->row[i];
		struct reading in_kernel = system_ratio(m, p);

		if (!reading_ok(in_kernel) || in_kernel.value < VICTIM_SYSTEM_RATIO ||
			in_kernel.value < VICTIM_SYSTEM_PART * p->cpu_ratio.value ||
			!idle_kernel_work(m, p))
			continue;
		struct entity e = entity_process(j, m, p->pid);

		e.detail = judge_text(
			j, "spends %s of a CPU in the kernel", human_ratio(in_kernel.value).s);
		finding_victim(f, e);
		if (!reading_ok(most) || in_kernel.value > most.value)
			most = in_kernel;
	}
	return most;
}

static void add_evidence(struct finding *f, const struct clock_facts *c, struct reading most)
{
	struct reading none = reading_none(STATE_ABSENT);

	finding_evidence_text(f, "clock.current", c->current,
		"/sys/devices/system/clocksource/clocksource0/current_clocksource");
	if (c->better[0])
		finding_evidence_text(f, "clock.available", c->better,
			"/sys/devices/system/clocksource/clocksource0/available_clocksource");
	if (c->lost)
		finding_evidence_text(f, "klog_clock.reason", c->reason, "/dev/kmsg");
	finding_evidence(f, "clock_cost.read_ns", UNIT_NS, c->read_ns,
		"clock_gettime(), measured by murphy", reading_of(c->slow ? DEAR_NS : ODD_NS),
		DEAR_WHY);
	finding_evidence(f, "clock_cost.syscall_ns", UNIT_NS, c->syscall_ns,
		"the same as a system call", none, NULL);
	if (reading_ok(most))
		finding_evidence(f, "process.system_ratio", UNIT_RATIO, most, "/proc/PID/stat",
			reading_of(VICTIM_SYSTEM_RATIO), VICTIM_WHY);
}

static const char *cause_of(struct judgement *j, const struct clock_facts *c)
{
	if (!c->slow)
		return judge_text(j,
			"%s is a good one, but reading it is slow here: a hypervisor that traps "
			"it, or a kernel without the vDSO for it",
			c->current);
	if (c->lost && !c->better[0])
		return judge_text(j,
			"the kernel gave up the better one (%s) and reads %s, a device, instead",
			c->reason, c->current);
	if (c->better[0])
		return judge_text(j,
			"%s was chosen by hand or by clocksource= on the kernel's command line, "
			"although %s works",
			c->current, c->better);
	return judge_text(j,
		"this kernel found no clock source better than %s: an old or "
		"emulated CPU, or one whose TSC it did not trust at boot",
		c->current);
}

static void add_todo(struct judgement *j, struct finding *f, const struct clock_facts *c)
{
	finding_todo(f, "see who pays for it (read_hpet, acpi_pm_read, pvclock... near the top):  "
			"perf top -e cpu-clock");
	if (c->slow && c->better[0]) {
		finding_todo(f, judge_text(j,
					"try the better one, until the next boot:  echo %s > "
					"/sys/devices/system/clocksource/clocksource0/"
					"current_clocksource",
					c->better));
		finding_todo(f, "remove clocksource= from the kernel's command line, if it is "
				"there:  grep -o 'clocksource=[^ ]*' /proc/cmdline");
	}
	if (c->lost)
		finding_todo(f, "read why:  dmesg -T | grep -iE 'tsc|clocksource'");
	if (c->lost && !c->better[0])
		finding_todo(f,
			"reboot: kernels before 5.18 give it up after one late watchdog; if it "
			"comes again update firmware; tsc=nowatchdog only where the CPU has "
			"constant_tsc and nonstop_tsc");
	finding_todo(f, "in a guest have the hypervisor offer kvm-clock, an invariant TSC or "
			"Hyper-V's page; see cpu.emulated");
}

static void report(struct judgement *j, const struct model *m, const struct clock_facts *c)
{
	bool measured = reading_ok(c->read_ns);
	struct finding *f = judge_finding(j, SEVERITY_INFO,
		c->slow && measured ? CONFIDENCE_CERTAIN
		: c->slow           ? CONFIDENCE_LIKELY
				    : CONFIDENCE_POSSIBLE);
	bool dear = c->slow && (!measured || c->read_ns.value >= DEAR_NS);
	struct reading most = dear ? add_victims(j, m, f) : reading_none(STATE_ABSENT);

	/* That the kernel works for them is seen, that it reads clocks is not. */
	if (f->n_victims > 0) {
		f->severity = SEVERITY_WARNING;
		f->confidence = CONFIDENCE_POSSIBLE;
		f->share = most.value;
	}
	finding_culprit(f, entity_host());
	add_evidence(f, c, most);
	f->title = measured ? judge_text(j, "The clock source is %s: reading the time takes %s",
				      c->current, human_ns(c->read_ns.value).s)
			    : judge_text(j, "The clock source is %s, a slow one", c->current);
	f->cause = cause_of(j, c);
	add_todo(j, f, c);
	f->refuted_if = "a profile of the busy programs shows no time in reading clocks";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	if (!frame_row(m->now, TABLE_clock))
		return judge_unknown(j, m, TABLE_clock);
	struct clock_facts c = facts_of(m);

	if (!sad(&c)) {
		/* One of a small board may be all that there is, and cheap. */
		if (c.slow && !reading_ok(c.read_ns))
			return judge_unknown_why(j, c.read_ns.state,
				judge_text(j, "%s may be dear to read; that was not measured",
					c.current));
		return VERDICT_FINE;
	}
	report(j, m, &c);
	return VERDICT_SAD;
}

const struct check check_cpu_clocksource = {
	.id = "cpu.clocksource",
	.question = "Is the clock that programs read a slow one?",
	.needs = { { .table = TABLE_clock }, { .table = TABLE_clock_cost, .optional = true },
		{ .table = TABLE_klog_clock, .optional = true },
		{ .table = TABLE_process_io, .rate = true, .optional = true },
		{ .table = TABLE_process, .rate = true, .optional = true } },
	.models = { MODEL_process },
	.judge = judge,
};
