/* SPDX-License-Identifier: MIT */
#include "check/entity.h"
#include "check/kernel.h"

#include <string.h>

/*
 * Corrected errors are what ECC is for; mcelog and rasdaemon act on ten a day of one module, and so
 * do the vendors who exchange it.
 */
#define CORRECTED_MANY 10
/*
 * A request that a PCIe device does not support counts as one that was lost; laptops have it at
 * boot and wake-up, and the driver goes on. Three in a day are a device that fails.
 */
#define NONFATAL_MANY 3

enum { UNCORRECTED, NONFATAL, CORRECTED };
static const char *const kinds[] = { KLOG_UNCORRECTED, KLOG_NONFATAL, KLOG_CORRECTED, NULL };

/* "0000:00:1c.0": links correct themselves all the time, and lose nothing by it. */
static bool is_pci(const char *name)
{
	size_t len = strlen(name);

	return len >= 12 && name[4] == ':' && name[7] == ':' && name[10] == '.';
}

/* False: not worth a word. */
static bool grade(const struct kernel_thing *one, enum severity *ret)
{
	const struct kernel_count *bad = &one->of[UNCORRECTED];
	uint64_t lost = one->of[NONFATAL].day, good = one->of[CORRECTED].day;
	bool pci = is_pci(one->name);

	if (bad->hour > 0)
		*ret = SEVERITY_CRITICAL;
	else if (bad->day > 0 || lost >= NONFATAL_MANY || (good >= CORRECTED_MANY && !pci))
		*ret = SEVERITY_WARNING;
	else
		*ret = SEVERITY_INFO;
	return bad->n > 0 || lost > 0 || (pci ? good >= CORRECTED_MANY : good > 0);
}

/* The worst that happened within the day, or else ever. */
static int worst(const struct kernel_thing *one)
{
	for (int i = UNCORRECTED; i <= CORRECTED; i++) {
		if (one->of[i].day > 0)
			return i;
	}
	return UNCORRECTED;
}

static void add_evidence(struct judgement *j, struct finding *f, const struct kernel_thing *one)
{
	static const struct {
		double many;
		const char *why;
	} limits[] = {
		[UNCORRECTED] = { 1, "data were lost, a process killed, or a link broke" },
		[NONFATAL] = { NONFATAL_MANY,
			"one may be a request that the device does not know" },
		[CORRECTED] = { CORRECTED_MANY, "a module that errs ten times a day is exchanged" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		if (one->of[i].n)
			kernel_evidence(j, f, kinds[i], &one->of[i], limits[i].many, limits[i].why);
	}
}

static void report(struct judgement *j, const struct model *m, const struct kernel_thing *one,
	enum severity severity)
{
	static const char *const said[] = { " that could not be corrected", ", not fatal",
		", corrected" };
	int kind = worst(one);
	const struct kernel_count *told = &one->of[kind];
	struct finding *f = judge_finding(j, severity, CONFIDENCE_CERTAIN);
	uint64_t n = told->day ? told->day : told->n;
	bool pci = is_pci(one->name);

	f->title = judge_text(j, "%s: %llu hardware error%s%s%s%s", one->name,
		(unsigned long long)n, n == 1 ? "" : "s", said[kind], told->day ? " in a day" : "",
		kernel_last(j, m, told->last_ns));
	f->since_ns = one->first_ns;
	f->past = kernel_over(m, told->last_ns);
	add_evidence(j, f, one);
	finding_culprit(f, kernel_device(j, one->name));
	f->cause = pci ? "a PCIe link: slot, riser, card, or its power saving (ASPM)"
		   : kind == UNCORRECTED
			   ? "memory, CPU or bus gave wrong data that could not be put right"
			   : "memory or a CPU gave wrong data that ECC put right";
	if (pci) {
		finding_todo(f, judge_text(j, "see what is there:  lspci -vvs %s",
					shell_word(j, one->name)));
		finding_todo(f, "reseat the card, or turn off its power saving: pcie_aspm=off");
	} else {
		finding_todo(f, "see which module:  ras-mc-ctl --errors; "
				"grep . /sys/devices/system/edac/mc/mc*/dimm*/dimm_*e_count");
		finding_todo(f, "read the service processor's log:  ipmitool sel elist");
		finding_todo(f, "move services away and have the part exchanged");
	}
	f->refuted_if = "the counters of EDAC stand still for days under the same load";
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	struct kernel_things things;
	bool sad = false;

	kernel_fold(j, m, kinds, NULL, &things);
	for (size_t i = 0; i < things.n; i++) {
		enum severity severity;

		if (!grade(&things.at[i], &severity))
			continue;
		report(j, m, &things.at[i], severity);
		sad = true;
	}
	return kernel_verdict(j, &things, sad);
}

const struct check check_kernel_machine_check = {
	.id = "kernel.machine-check",
	.question = "Did memory, a CPU or a bus report errors?",
	.explains = { "kernel.segfaults", "kernel.lockup" },
	.needs = {
		{ .table = TABLE_klog_event },
	},
	.judge = judge,
};
