/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/cpu.h"
#include "model/process.h"

#include <string.h>

/*
 * A machine that is busy does what it was bought for. It is saturated when tasks queue for the
 * CPUs, and that is a warning when somebody else than those who fill them waits. Throttled groups
 * wait too, while CPUs idle: that is cpu.throttled, hence BUSY_RATIO.
 */
#define BUSY_RATIO 0.90
#define BUSY_WHY "below that a waiting task soon finds an idle CPU"
#define STALLED_RATIO 0.60
#define STALLED_WHY "at least one task waited for that share of the look"
/* wrk against nginx and pgbench with a client per CPU make about 1, and nobody complains. */
#define QUEUE_PER_CPU 3
#define QUEUE_WHY "each task gets a quarter of what it asks for"
#define QUEUE_CRITICAL 6
/* A victim asked for a CPU and mostly waited. */
#define VICTIM_WAIT_RATIO 0.30
#define VICTIM_CRITICAL_RATIO 0.80
#define VICTIM_TIMES_RUN 2
#define VICTIM_WHY "of the look, and at least twice as long as it ran"
/* procs_running counts murphy itself: the process and the reader that reads it. */
enum { OWN_TASKS = 2 };

/* Less than this of all CPUs is not the one cause. */
#define ONE_CAUSE_RATIO 0.5

enum { CULPRITS_SHOWN = 3 };

struct load {
	const struct process_facts *top; /* of the name that takes most CPU, who takes most */
	double cpu_ratio;                /* of all of that name */
	size_t processes;
};

/*
 * Tasks that waited for each CPU, on average: from the tasks' own clocks, or, where not all threads
 * were read, from the run queue of both frames. NULL model: unknown.
 */
static struct reading queue_per_cpu(const struct model *m)
{
	struct reading waiting = m->process->waiting;
	struct reading runnable = m->cpu->runnable;

	if (m->cpu->cpus == 0 || (!reading_ok(waiting) && !reading_ok(runnable)))
		return reading_none(STATE_ABSENT);
	runnable.value -= (double)(m->cpu->cpus + OWN_TASKS);
	if (!reading_ok(waiting) || (reading_ok(runnable) && runnable.value > waiting.value))
		waiting = runnable;
	waiting.state = STATE_OK;
	if (waiting.value < 0)
		waiting.value = 0;
	return ratio_of(waiting.value, (double)m->cpu->cpus);
}

static bool counts(const struct process_facts *p)
{
	return !p->kthread && reading_ok(p->cpu_ratio) && p->cpu_ratio.value > 0;
}

/* What processes of the name of p take together; 0 when a lower row has that name already. */
static struct load load_of(const struct process_model *pm, const struct process_facts *p)
{
	struct load l = { .top = p };

	for (size_t i = 0; i < pm->n; i++) {
		const struct process_facts *other = &pm->row[i];

		if (!counts(other) || strcmp(other->comm, p->comm) != 0)
			continue;
		if (other < p)
			return (struct load){ 0 };
		l.cpu_ratio += other->cpu_ratio.value;
		l.processes++;
		if (other->cpu_ratio.value > l.top->cpu_ratio.value)
			l.top = other;
	}
	return l;
}

/* The CULPRITS_SHOWN names that take most, the first takes most; fewer when there are fewer. */
static size_t find_loads(const struct process_model *pm, struct load *list)
{
	size_t n = 0;

	for (size_t i = 0; i < pm->n; i++) {
		struct load l = counts(&pm->row[i]) ? load_of(pm, &pm->row[i]) : (struct load){ 0 };
		size_t at = n;

		if (!l.top || l.cpu_ratio <= 0)
			continue;
		while (at > 0 && list[at - 1].cpu_ratio < l.cpu_ratio)
			at--;
		if (at == CULPRITS_SHOWN)
			continue;
		if (n < CULPRITS_SHOWN)
			n++;
		memmove(&list[at + 1], &list[at], (n - at - 1) * sizeof(*list));
		list[at] = l;
	}
	return n;
}

/* A main thread or another one that waited for a CPU. */
struct waiter {
	const struct process_facts *of;
	const char *thread; /* NULL: the main one */
	double run_ratio, wait_ratio;
};

static bool waits(struct reading run, struct reading wait)
{
	return reading_ok(run) && reading_ok(wait) && wait.value >= VICTIM_WAIT_RATIO &&
	       wait.value >= VICTIM_TIMES_RUN * run.value;
}

/*
 * Those of the same name, or started by the same shell or service, are part of the load: a build
 * that waits for itself harms nobody. Who asked to wait (nice) is no victim either.
 */
static bool victim(
	const struct process_facts *p, const struct load *load, struct waiter *ret_waiter)
{
	bool main_waits = waits(p->run_ratio, p->wait_ratio);

	if (!load->top || p->kthread || p->patient)
		return false;
	if (strcmp(p->comm, load->top->comm) == 0 ||
		(p->session && p->session == load->top->session))
		return false;
	if (p->waiter && waits(p->waiter_run_ratio, p->waiter_wait_ratio) &&
		(!main_waits || p->waiter_wait_ratio.value > p->wait_ratio.value)) {
		*ret_waiter = (struct waiter){ p, p->waiter, p->waiter_run_ratio.value,
			p->waiter_wait_ratio.value };
		return true;
	}
	*ret_waiter = (struct waiter){ p, NULL, p->run_ratio.value, p->wait_ratio.value };
	return main_waits;
}

/* The one that waited most; of NULL: nobody. */
static struct waiter add_victims(
	struct judgement *j, const struct model *m, struct finding *f, const struct load *load)
{
	struct waiter worst = { 0 }, w;

	for (size_t i = 0; i < m->process->n; i++) {
		if (!victim(&m->process->row[i], load, &w))
			continue;
		struct entity e = entity_process(j, m, w.of->pid);

		e.detail = judge_text(j, "%sran %s and waited %s of the look",
			w.thread ? judge_text(j, "thread %s ", w.thread) : "",
			human_ratio(w.run_ratio).s, human_ratio(w.wait_ratio).s);
		finding_victim(f, e);
		if (!worst.of || w.wait_ratio > worst.wait_ratio)
			worst = w;
	}
	return worst;
}

static void add_culprits(struct judgement *j, const struct model *m, struct finding *f,
	const struct load *loads, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct entity e = entity_process(j, m, loads[i].top->pid);

		if (i > 0 && loads[i].cpu_ratio < loads[0].cpu_ratio / 2)
			break;
		e.detail =
			loads[i].processes > 1
				? judge_text(j, "%zu processes of that name take %.1f CPUs",
					  loads[i].processes, loads[i].cpu_ratio)
				: judge_text(j, "takes %.1f CPUs, %llu threads", loads[i].cpu_ratio,
					  (unsigned long long)loads[i].top->threads);
		finding_culprit(f, e);
	}
	if (n == 0)
		finding_culprit(f, entity_host());
}

/* A CPU that the hypervisor has taken away is not one that a waiting task could have. */
static double stolen(const struct model *m)
{
	return reading_ok(m->cpu->steal) ? m->cpu->steal.value : 0;
}

static void add_evidence(
	struct finding *f, const struct model *m, struct reading queue, const struct waiter *worst)
{
	finding_evidence(f, "cpu.busy_ratio", UNIT_RATIO,
		reading_of(m->cpu->busy.value + stolen(m)), "/proc/stat", reading_of(BUSY_RATIO),
		BUSY_WHY);
	finding_evidence(f, "cpu.queue_per_cpu", UNIT_COUNT, queue,
		"/proc/PID/schedstat, procs_running", reading_of(QUEUE_PER_CPU), QUEUE_WHY);
	finding_evidence(f, "cpu.stalled_ratio", UNIT_RATIO, m->cpu->stalled, "/proc/pressure/cpu",
		reading_of(STALLED_RATIO), STALLED_WHY);
	if (worst->of)
		finding_evidence(f, "process_sched.wait_ratio", UNIT_RATIO,
			reading_of(worst->wait_ratio),
			worst->thread ? "/proc/PID/task/TID/schedstat" : "/proc/PID/schedstat",
			reading_of(VICTIM_WAIT_RATIO), VICTIM_WHY);
}

static void add_todo(struct judgement *j, struct finding *f, const struct load *load)
{
	if (load) {
		unsigned long long pid = load->top->pid;

		finding_todo(
			f, judge_text(j, "let it wait for the others:  renice -n 10 -p %llu", pid));
		const char *unit = system_unit(j, load->top->cgroup);

		if (unit)
			finding_todo(f, judge_text(j,
						"or by its unit's share:  systemctl set-property "
						"--runtime %s CPUWeight=20",
						shell_word(j, unit)));
		finding_todo(
			f, judge_text(j, "see what it does (or perf top -p %llu):  top -H -p %llu",
				   pid, pid));
	}
	finding_todo(f,
		"run fewer workers: more than CPUs only queue; start batch work with nice or "
		"in a slice of its own; else more CPUs");
}

static enum severity severity_of(struct reading queue, const struct waiter *worst)
{
	if (!worst->of)
		return SEVERITY_INFO;
	return queue.value >= QUEUE_CRITICAL && worst->wait_ratio >= VICTIM_CRITICAL_RATIO
		       ? SEVERITY_CRITICAL
		       : SEVERITY_WARNING;
}

static const char *cause_of(struct judgement *j, const struct model *m, const struct load *load,
	const struct waiter *worst)
{
	const char *top = process_label(j, m, load->top->pid);
	const char *like = load->processes > 1 ? " with its like" : "";
	double cpus = (double)m->cpu->cpus;

	if (load->cpu_ratio < ONE_CAUSE_RATIO * cpus)
		return judge_text(j,
			"many programs share the CPUs; %s takes most of them, %.1f of %.0f%s", top,
			load->cpu_ratio, cpus, like);
	return judge_text(j, "%s takes %.1f of %.0f CPUs%s%s", top, load->cpu_ratio, cpus, like,
		worst->of ? "" : "; the tasks that wait are its own");
}

static const char *waiter_label(struct judgement *j, const struct model *m, const struct waiter *w)
{
	const char *process = process_label(j, m, w->of->pid);

	return w->thread ? judge_text(j, "thread %s of %s", w->thread, process) : process;
}

static void report(struct judgement *j, const struct model *m, struct reading queue)
{
	struct load loads[CULPRITS_SHOWN + 1];
	size_t n = find_loads(m->process, loads);
	struct finding *f = judge_finding(j, SEVERITY_INFO, CONFIDENCE_LIKELY);
	struct waiter worst = n > 0 ? add_victims(j, m, f, &loads[0]) : (struct waiter){ 0 };

	f->severity = severity_of(queue, &worst);
	f->share = m->cpu->busy.value;
	add_culprits(j, m, f, loads, n);
	add_evidence(f, m, queue, &worst);
	f->title =
		worst.of ? judge_text(j, "%.0f tasks wait for each CPU; %s got %s and waited %s",
				   queue.value, waiter_label(j, m, &worst),
				   human_ratio(worst.run_ratio).s, human_ratio(worst.wait_ratio).s)
			 : judge_text(j,
				   "%.0f tasks wait for each CPU; nobody outside the load was seen "
				   "to wait",
				   queue.value);
	f->cause =
		n > 0 ? cause_of(j, m, &loads[0], &worst) : "processes too short-lived to be named";
	add_todo(j, f, n > 0 ? &loads[0] : NULL);
	f->refuted_if = "r stays at or below the number of CPUs over a minute, then it was a "
			"burst:  vmstat 1 60";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	if (!m->cpu || !reading_ok(m->cpu->busy))
		return judge_unknown(j, m, TABLE_cpu);
	struct reading queue = queue_per_cpu(m);

	if (m->cpu->busy.value + stolen(m) < BUSY_RATIO)
		return VERDICT_FINE;
	if (!reading_ok(queue))
		return judge_unknown(j, m, TABLE_process_sched);
	if (queue.value < QUEUE_PER_CPU)
		return VERDICT_FINE;
	/* Kernels before 4.20, or psi=0: the queue and its victims have to do. */
	if (reading_ok(m->cpu->stalled) && m->cpu->stalled.value < STALLED_RATIO)
		return VERDICT_FINE;
	report(j, m, queue);
	return VERDICT_SAD;
}

const struct check check_cpu_saturated = {
	.id = "cpu.saturated",
	.question = "Does somebody wait for a CPU because others fill them?",
	.explains = { "tcp.listen-overflow", "tcp.zero-window" },
	.needs = { { .table = TABLE_cpu, .rate = true }, { .table = TABLE_process, .rate = true },
		{ .table = TABLE_process_sched, .rate = true, .optional = true },
		{ .table = TABLE_thread, .rate = true, .optional = true },
		{ .table = TABLE_kernel_stat, .rate = true, .optional = true },
		{ .table = TABLE_pressure, .rate = true, .optional = true } },
	.models = { MODEL_cpu, MODEL_process },
	.judge = judge,
};
