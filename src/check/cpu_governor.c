/* SPDX-License-Identifier: MIT */
#include "base/human.h"
#include "check/entity.h"
#include "model/cpu.h"
#include "model/process.h"

#include <string.h>

/* A CPU that has that much to do would run faster if it were let. */
#define BUSY_RATIO 0.80
/* Turbo is for few cores at a time and for cool ones: below that of the highest it is no turbo. */
#define SLOW_RATIO 0.70
#define SLOW_WHY "of its highest frequency: less than loss of turbo explains"
#define BASE_WHY "what it is sold to keep up with all cores busy"
/* A tenth of the look slowed down for heat is felt; a short peak is what throttling is for. */
#define HOT_RATIO 0.10
#define HOT_WHY "of the look slowed down for heat"
/* Kernels before 5.6 count but do not time: a few each second. */
#define HOT_TIMES 10
#define HOT_TIMES_WHY "times in the look; a peak makes one or two"
#define USER_CPU_RATIO 0.30
/* One counter goes back now and then (NO_HZ), and a CPU that came online has none of before. */
#define BLIND_RATIO 0.5
enum { VICTIMS_SHOWN = 5 };

/* One CPU that is busy and slow, with the reason that is to be seen. */
enum reason { REASON_NONE, REASON_CAP, REASON_GOVERNOR, REASON_PREFERENCE };

struct slow_cpus {
	size_t cpus, busy;           /* with a frequency; of those busy */
	size_t unknown;              /* slow, and nobody knows whether they are busy */
	size_t slow[4];              /* by reason */
	const struct cpufreq *worst; /* of the reason that most have */
	enum reason reason;
	double ratio; /* current to what it should be, of the worst */
	double should_hz;
};

static struct reading busy_of(const struct model *m, uint64_t id)
{
	const struct cpu *row = table_find(frame_table(m->now, TABLE_cpu), id);
	double elapsed_ns = (double)model_elapsed_ns(m, TABLE_cpu);

	if (!row || elapsed_ns <= 0)
		return reading_none(STATE_ABSENT);
	struct reading idle = model_delta(m, TABLE_cpu, row, CPU_idle_ns);
	struct reading iowait = model_delta(m, TABLE_cpu, row, CPU_iowait_ns);

	if (!reading_ok(idle))
		return idle;
	/* iowait goes back by a little now and then: kernel/sched/cputime.c. */
	double rest = idle.value + (reading_ok(iowait) ? iowait.value : 0);

	return reading_of(rest < elapsed_ns ? 1 - rest / elapsed_ns : 0);
}

/*
 * intel_pstate and amd-pstate in their active mode choose by themselves: their "powersave" is what
 * everybody has, and the preference is what matters. Everywhere else powersave pins the lowest.
 */
static enum reason reason_of(const struct table *t, const struct cpufreq *f)
{
	const char *governor = table_text(t, f->governor), *driver = table_text(t, f->driver);
	bool active = strcmp(driver, "intel_pstate") == 0 || strstr(driver, "pstate-epp") ||
		      strstr(driver, "pstate_epp");

	if (row_has(f->has, CPUFREQ_limit_hz) && row_has(f->has, CPUFREQ_max_hz) &&
		(double)f->limit_hz < SLOW_RATIO * (double)f->max_hz)
		return REASON_CAP;
	if (!active && row_has(f->has, CPUFREQ_driver) &&
		(strcmp(governor, "powersave") == 0 || strcmp(governor, "conservative") == 0 ||
			strcmp(governor, "userspace") == 0))
		return REASON_GOVERNOR;
	if (active && strcmp(governor, "performance") != 0 &&
		strcmp(table_text(t, f->preference), "power") == 0)
		return REASON_PREFERENCE;
	return REASON_NONE;
}

/* What the CPU should reach with much to do. */
static double should_hz(const struct cpufreq *f)
{
	return row_has(f->has, CPUFREQ_base_hz) && f->base_hz < f->max_hz
		       ? (double)f->base_hz
		       : SLOW_RATIO * (double)f->max_hz;
}

static struct slow_cpus find_slow(const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_cpufreq);
	struct slow_cpus s = { .ratio = 1 };

	for (table_each(struct cpufreq, f, table_usable(t) ? t : NULL)) {
		struct reading busy = busy_of(m, f->cpu);

		if (!row_has(f->has, CPUFREQ_current_hz) || !row_has(f->has, CPUFREQ_max_hz))
			continue;
		s.cpus++;
		enum reason r = reason_of(t, f);
		double want = should_hz(f);
		bool slow = r != REASON_NONE && (double)f->current_hz < want;

		s.unknown += slow && !reading_ok(busy);
		if (!reading_ok(busy) || busy.value < BUSY_RATIO)
			continue;
		s.busy++;
		if (!slow)
			continue;
		s.slow[r]++;
		if (s.slow[r] >= s.slow[s.reason] && (double)f->current_hz / want <= s.ratio) {
			s.ratio = (double)f->current_hz / want;
			s.should_hz = want;
			s.worst = f;
			s.reason = r;
		}
	}
	return s;
}

/* What heat took of the look, the worst CPU's; by count where the kernel does not time it. */
struct heat {
	struct reading ratio, times;
	int64_t cpu;
	bool power;
};

static struct heat find_heat(const struct model *m)
{
	double elapsed_ns = (double)model_elapsed_ns(m, TABLE_cpu_throttle);
	const struct table *t = elapsed_ns > 0 ? frame_table(m->now, TABLE_cpu_throttle) : NULL;
	struct heat h = { .ratio = reading_none(STATE_ABSENT), .cpu = -1 };

	for (table_each(struct cpu_throttle, c, t)) {
		static const unsigned int columns[][2] = {
			{ CPU_THROTTLE_core_ns, CPU_THROTTLE_core },
			{ CPU_THROTTLE_package_ns, CPU_THROTTLE_package },
		};
		struct reading power =
			model_delta(m, TABLE_cpu_throttle, c, CPU_THROTTLE_power_limits);

		h.power |= reading_ok(power) && power.value > 0;
		for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
			struct reading ns = model_delta(m, TABLE_cpu_throttle, c, columns[i][0]);
			struct reading n = model_delta(m, TABLE_cpu_throttle, c, columns[i][1]);

			if (reading_ok(ns) &&
				(!reading_ok(h.ratio) || ns.value / elapsed_ns > h.ratio.value)) {
				h.ratio = reading_of(ns.value / elapsed_ns);
				h.cpu = (int64_t)c->cpu;
			}
			if (reading_ok(n) && (!reading_ok(h.times) || n.value > h.times.value))
				h.times = n;
		}
	}
	return h;
}

static bool hot(const struct heat *h)
{
	if (reading_ok(h->ratio))
		return h->ratio.value >= HOT_RATIO;
	return reading_ok(h->times) && h->times.value >= HOT_TIMES;
}

/* Laptops slow down on purpose, for the battery and for the lap. */
static bool portable(const struct model *m)
{
	const struct table *t = frame_table(m->now, TABLE_power_supply);

	for (table_each(struct power_supply, p, table_usable(t) ? t : NULL)) {
		if (strcmp(table_text(t, p->type), "Battery") == 0 &&
			strcmp(table_text(t, p->scope), "Device") != 0)
			return true;
	}
	return false;
}

static void add_victims(struct judgement *j, const struct model *m, struct finding *f)
{
	for (size_t i = 0; m->process && i < m->process->n && f->n_victims < VICTIMS_SHOWN; i++) {
		const struct process_facts *p = &m->process->row[i];

		if (p->kthread || p->patient || !reading_ok(p->cpu_ratio) ||
			p->cpu_ratio.value < USER_CPU_RATIO)
			continue;
		struct entity e = entity_process(j, m, p->pid);

		e.detail = judge_text(j, "takes %.1f CPUs", p->cpu_ratio.value);
		finding_victim(f, e);
	}
}

static void grade(struct judgement *j, const struct model *m, struct finding *f)
{
	add_victims(j, m, f);
	finding_culprit(f, entity_host());
	if (f->n_victims > 0 && !portable(m))
		f->severity = SEVERITY_WARNING;
}

/* "2.10 GHz" of a frequency in Hz. */
static const char *ghz(struct judgement *j, double hz)
{
	return judge_text(j, "%.2f GHz", hz / 1e9);
}

static void say_reason(
	struct judgement *j, const struct table *t, struct finding *f, const struct slow_cpus *s)
{
	const struct cpufreq *w = s->worst;
	const char *governor = table_text(t, w->governor);

	switch (s->reason) {
	case REASON_CAP:
		f->cause = judge_text(j,
			"scaling_max_freq allows %s of %s: a power profile, a tool (tuned, TLP, "
			"cpupower) or the platform (BIOS power cap, thermal daemon) set it",
			ghz(j, (double)w->limit_hz), ghz(j, (double)w->max_hz));
		finding_todo(f, judge_text(j,
					"lift the cap, until the next boot:  cpupower "
					"frequency-set -u %lluKHz",
					(unsigned long long)(w->max_hz / 1000)));
		break;
	case REASON_PREFERENCE:
		f->cause = "energy_performance_preference is \"power\": the CPU itself chooses low "
			   "frequencies";
		finding_todo(f, "prefer speed, until the next boot:  echo balance_performance | "
				"tee /sys/devices/system/cpu/cpu*/cpufreq/"
				"energy_performance_preference");
		break;
	default:
		f->cause = judge_text(j, "governor %s with driver %s %s", governor,
			table_text(t, w->driver),
			strcmp(governor, "powersave") == 0 ? "keeps the lowest frequency"
			: strcmp(governor, "userspace") == 0
				? "keeps what somebody wrote into scaling_setspeed"
				: "raises the frequency only by small steps");
		finding_todo(f, "let it rise, until the next boot (or governor performance):  "
				"cpupower frequency-set -g schedutil");
	}
	finding_todo(f, "keep it: tuned-adm profile throughput-performance, or what your "
			"distribution has instead; BIOS: power profile of the OS");
}

static void report_slow(struct judgement *j, const struct model *m, const struct slow_cpus *s)
{
	const struct table *t = frame_table(m->now, TABLE_cpufreq);
	struct finding *f = judge_finding(j, SEVERITY_INFO, CONFIDENCE_LIKELY);
	const struct cpufreq *w = s->worst;
	bool base = row_has(w->has, CPUFREQ_base_hz) && w->base_hz < w->max_hz;
	const char *dir = "/sys/devices/system/cpu/cpu*/cpufreq";

	grade(j, m, f);
	f->share = 1 - s->ratio;
	f->title = judge_text(j, "%zu busy CPUs run at %s or less and could do %s",
		s->slow[s->reason], ghz(j, (double)w->current_hz), ghz(j, (double)w->max_hz));
	finding_evidence_alarm(f, "cpufreq.current_hz", UNIT_HZ, reading_of((double)w->current_hz),
		judge_text(j, "%s/scaling_cur_freq", dir), ALARM_BELOW, reading_of(s->should_hz),
		base ? BASE_WHY : SLOW_WHY);
	finding_evidence(f, "cpufreq.limit_hz", UNIT_HZ, table_cell(t, w, CPUFREQ_limit_hz),
		judge_text(j, "%s/scaling_max_freq", dir), reading_none(STATE_ABSENT), NULL);
	finding_evidence_text(f, "cpufreq.governor",
		judge_text(j, "%s, driver %s%s%s", table_text(t, w->governor),
			table_text(t, w->driver), row_has(w->has, CPUFREQ_preference) ? ", " : "",
			table_text(t, w->preference)),
		judge_text(j, "%s/scaling_governor", dir));
	finding_evidence(f, "cpu.busy_cpus", UNIT_COUNT, reading_of((double)s->busy), "/proc/stat",
		reading_none(STATE_ABSENT), "busy at least 80 % of the look");
	say_reason(j, t, f, s);
	f->refuted_if = "turbostat shows busy cores (Bzy_MHz) at or above their base frequency";
}

static void report_heat(struct judgement *j, const struct model *m, const struct heat *h)
{
	struct finding *f = judge_finding(j, SEVERITY_INFO, CONFIDENCE_CERTAIN);

	grade(j, m, f);
	f->share = reading_ok(h->ratio) ? h->ratio.value : 0;
	if (reading_ok(h->ratio))
		f->title = judge_text(j, "CPU %lld was slowed down for heat %s of the look",
			(long long)h->cpu, human_ratio(h->ratio.value).s);
	else
		f->title =
			judge_text(j, "CPUs were slowed down for heat %.0f times", h->times.value);
	finding_evidence(f, "cpu_throttle.core_ratio", UNIT_RATIO, h->ratio,
		"thermal_throttle/*_throttle_total_time_ms", reading_of(HOT_RATIO), HOT_WHY);
	finding_evidence(f, "cpu_throttle.times", UNIT_COUNT, h->times,
		"thermal_throttle/*_throttle_count", reading_of(HOT_TIMES), HOT_TIMES_WHY);
	if (h->power)
		finding_evidence_text(f, "cpu_throttle.power_limits", "the power limit was hit too",
			"thermal_throttle/package_power_limit_count");
	f->cause = "the CPU is too hot at this load: a fan, dust, air flow, a loose heat sink, the "
		   "room; or firmware that asserts PROCHOT (a power supply that failed does that)";
	finding_todo(f, "read the sensors and fans:  sensors; ipmitool sdr type Temperature; "
			"ipmitool sdr type Fan; ipmitool sel list | tail");
	finding_todo(f, "watch it:  turbostat --show Core,Busy%,Bzy_MHz,CoreTmp,PkgTmp,PkgWatt");
	finding_todo(f, "mend the cooling; until then move load to another host");
	f->refuted_if = "the counters stand still while the same load goes on";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct table *freq = frame_table(m->now, TABLE_cpufreq);
	const struct table *throttle = frame_table(m->now, TABLE_cpu_throttle);
	bool sad = false;

	/* Guests have neither, and their host decides: nothing can be wrong with them here. */
	if (freq && freq->state == STATE_ABSENT && throttle && throttle->state == STATE_ABSENT)
		return VERDICT_FINE;
	if (!table_usable(freq) && !table_usable(throttle))
		return judge_unknown(j, m, TABLE_cpufreq);
	if (model_elapsed_ns(m, TABLE_cpu) == 0)
		return judge_unknown_why(
			j, STATE_ABSENT, "whether CPUs are busy: needs two readings");
	struct slow_cpus s = find_slow(m);
	struct heat h = find_heat(m);

	if (s.worst) {
		report_slow(j, m, &s);
		sad = true;
	}
	if (hot(&h)) {
		report_heat(j, m, &h);
		sad = true;
	}
	if (sad)
		return VERDICT_SAD;
	if (s.unknown > 0 && (double)s.unknown >= BLIND_RATIO * (double)s.cpus)
		return judge_unknown_why(j, STATE_ABSENT,
			"CPUs run slowly; whether they have work is not known: /proc/stat does not "
			"tell their idle time");
	if (table_usable(freq) && freq->n > 0 && s.cpus == 0)
		return judge_unknown_why(
			j, freq->cell[CPUFREQ_current_hz], "the frequency of no CPU could be read");
	return VERDICT_FINE;
}

const struct check check_cpu_governor = {
	.id = "cpu.governor",
	.question = "Are busy CPUs kept below the frequency that they could run at?",
	.explains = { "cpu.saturated" },
	.needs = { { .table = TABLE_cpufreq, .optional = true },
		{ .table = TABLE_cpu_throttle, .rate = true, .optional = true },
		{ .table = TABLE_power_supply, .optional = true },
		{ .table = TABLE_cpu, .rate = true } },
	.models = { MODEL_cpu, MODEL_process },
	.judge = judge,
};
