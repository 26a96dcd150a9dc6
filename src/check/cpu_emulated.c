/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "base/human.h"
#include "check/entity.h"
#include "model/cpu.h"
#include "model/process.h"

#include <string.h>

/*
 * The models that hypervisors give when nobody chose one: the least that every machine of twenty
 * years has, so that a guest may move anywhere. What they hide is paid for with time.
 */
static const char *const lowest[] = { "QEMU Virtual CPU", "Common KVM processor",
	"Common 32-bit KVM processor", "QEMU TCG CPU", "AMD Phenom", "Intel Core 2 Duo P9xxx" };

/* What a CPU of the last ten years has, and what its absence costs. */
static const struct {
	const char *flag, *costs;
} wanted[] = {
	{ "aes", "TLS, SSH and disk encryption take 3 to 10 times the CPU" },
	{ "avx2", "video, compression, vector search and checksums run at half speed or less" },
	{ "ssse3", "checksums and string searches fall back to byte loops" },
	{ "sse4_2", "crc32c (ext4, btrfs, iSCSI, databases) is computed from tables" },
	{ "x2apic", "interrupts between CPUs leave the guest each time" },
	{ "constant_tsc", "the kernel may give up the TSC and read slow clocks" },
};
#define PCID_COSTS "with Meltdown's mitigation every system call empties the TLB"

/* Without hardware for it that is a core doing nothing else. */
#define CRYPT_CPU_RATIO 0.30
#define CRYPT_WHY "of a CPU for what encrypts all that it moves"
/* Of all CPU time: each of these system calls paid for two page-table switches without PCID. */
#define SYSTEM_RATIO 0.25
#define SYSTEM_WHY "of all CPU time in the kernel, with an empty TLB at each entry"
/* Of a CPU: who is slowed down by full emulation. */
#define TCG_VICTIM_RATIO 0.30
enum { VICTIMS_SHOWN = 5, COSTS_MAX = 512 };

struct cpu_facts {
	const struct cpu_type *row;
	const char *model, *flags, *signature, *meltdown;
	bool tcg, low, no_pcid;
};

static bool has_flag(const char *flags, const char *flag)
{
	struct cursor c = cursor_of(flags, strlen(flags));
	struct span word;

	while (cursor_word(&c, &word)) {
		if (span_eq(word, flag))
			return true;
	}
	return false;
}

static bool starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static struct cpu_facts facts_of(const struct table *t, const struct cpu_type *row)
{
	struct cpu_facts c = { .row = row,
		.model = table_text(t, row->model),
		.flags = table_text(t, row->flags),
		.signature = table_text(t, row->signature),
		.meltdown = table_text(t, row->meltdown) };

	for (size_t i = 0; i < ARRAY_SIZE(lowest); i++)
		c.low |= starts(c.model, lowest[i]);
	/* The real Phenom and Core 2 are no guests, but of Xen, which shows what is there. */
	c.low = c.low &&
		(starts(c.model, "QEMU") || (has_flag(c.flags, "hypervisor") &&
						    strcmp(c.signature, "XenVMMXenVMM") != 0));
	c.tcg = strcmp(c.signature, "TCGTCGTCGTCG") == 0 || starts(c.model, "QEMU TCG");
	c.no_pcid = !has_flag(c.flags, "pcid") && strstr(c.meltdown, "PTI");
	return c;
}

static size_t count_missing(const struct cpu_facts *c)
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		n += !has_flag(c->flags, wanted[i].flag);
	return n;
}

/* "aes, avx2" and, for people, what it costs. */
static const char *missing(struct judgement *j, const struct cpu_facts *c)
{
	const char *text = "";

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (!has_flag(c->flags, wanted[i].flag))
			text = judge_text(j, "%s%s%s", text, *text ? ", " : "", wanted[i].flag);
	}
	return c->no_pcid ? judge_text(j, "%s%spcid", text, *text ? ", " : "") : text;
}

static const char *costs(struct judgement *j, const struct cpu_facts *c)
{
	const char *text = c->no_pcid ? PCID_COSTS : "";

	for (size_t i = 0; i < ARRAY_SIZE(wanted) && strlen(text) < COSTS_MAX / 2; i++) {
		if (!has_flag(c->flags, wanted[i].flag))
			text = judge_text(j, "%s%s%s", text, *text ? "; " : "", wanted[i].costs);
	}
	return text;
}

/* Encrypts whatever passes through it: nobody runs it in the clear. */
static bool encrypts(const struct process_facts *p)
{
	static const char *const names[] = { "openvpn", "stunnel", "stunnel4", "sshd",
		"sshd-session" };

	if (p->kthread)
		return strstr(p->comm, "kcryptd") != NULL;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(p->comm, names[i]) == 0)
			return true;
	}
	return false;
}

static bool harmed(const struct cpu_facts *c, const struct process_facts *p)
{
	if (!reading_ok(p->cpu_ratio))
		return false;
	if (c->tcg)
		return !p->kthread && p->cpu_ratio.value >= TCG_VICTIM_RATIO;
	return !has_flag(c->flags, "aes") && encrypts(p) && p->cpu_ratio.value >= CRYPT_CPU_RATIO;
}

static struct reading add_victims(
	struct judgement *j, const struct model *m, struct finding *f, const struct cpu_facts *c)
{
	struct reading most = reading_none(STATE_ABSENT);

	for (size_t i = 0; m->process && i < m->process->n && f->n_victims < VICTIMS_SHOWN; i++) {
		const struct process_facts *p = &m->process->row[i];

		if (!harmed(c, p))
			continue;
		struct entity e = entity_process(j, m, p->pid);

		e.detail = judge_text(j, "takes %s of a CPU", human_ratio(p->cpu_ratio.value).s);
		finding_victim(f, e);
		if (!reading_ok(most) || p->cpu_ratio.value > most.value)
			most = p->cpu_ratio;
	}
	return most;
}

static bool pays_for_calls(const struct model *m, const struct cpu_facts *c)
{
	return c->no_pcid && m->cpu && reading_ok(m->cpu->system) &&
	       m->cpu->system.value >= SYSTEM_RATIO;
}

static void add_evidence(struct judgement *j, const struct model *m, struct finding *f,
	const struct cpu_facts *c, struct reading most)
{
	finding_evidence_text(f, "cpu_type.model", *c->model ? c->model : "?", "/proc/cpuinfo");
	if (*c->signature)
		finding_evidence_text(
			f, "cpu_type.signature", c->signature, "cpuid leaf 0x40000000");
	if (!c->tcg)
		finding_evidence_text(
			f, "cpu_type.missing_flags", missing(j, c), "/proc/cpuinfo flags");
	if (reading_ok(most) && !c->tcg)
		finding_evidence(f, "process.cpu_ratio", UNIT_RATIO, most, "/proc/PID/stat",
			reading_of(CRYPT_CPU_RATIO), CRYPT_WHY);
	if (pays_for_calls(m, c))
		finding_evidence(f, "cpu.system_ratio", UNIT_RATIO, m->cpu->system, "/proc/stat",
			reading_of(SYSTEM_RATIO), SYSTEM_WHY);
}

static void say_tcg(struct finding *f, struct judgement *j, const struct cpu_facts *c)
{
	f->title = judge_text(j, "Every instruction is emulated in software: %s",
		*c->model ? c->model : c->signature);
	f->cause = "QEMU runs this guest with TCG, its translator, 5 to 50 times slower than the "
		   "CPU below it: KVM was not to be had there (no /dev/kvm, nested "
		   "virtualisation off, another architecture) or nobody asked for it";
	finding_todo(f, "on the host:  ls -l /dev/kvm; lsmod | grep kvm");
	finding_todo(f, "start the guest with hardware: qemu -accel kvm -cpu host, "
			"<domain type='kvm'> in libvirt; in a cloud guest ask for nested "
			"virtualisation");
	f->refuted_if = "the guest is of another architecture than its host: then nothing faster "
			"is to be had";
}

static void say_low(struct finding *f, struct judgement *j, const struct cpu_facts *c)
{
	f->title = judge_text(j, "The CPU is shown as \"%s\", without %s", c->model, missing(j, c));
	f->cause = judge_text(j,
		"the hypervisor gives its lowest CPU model instead of passing the real one "
		"through: %s",
		costs(j, c));
	finding_todo(
		f, "see, on the host, what it has:  grep -m1 -oE 'model name.*' /proc/cpuinfo");
	finding_todo(f,
		"give the guest more: qemu -cpu host, libvirt <cpu mode='host-model'/>, "
		"Proxmox cpu: host or x86-64-v3; it takes a power cycle, and live migration "
		"then needs like hosts");
	f->refuted_if = "the host's own CPU lacks these flags too";
}

static void report(struct judgement *j, const struct model *m, const struct cpu_facts *c)
{
	struct finding *f = judge_finding(j, SEVERITY_INFO, CONFIDENCE_CERTAIN);
	struct reading most = add_victims(j, m, f, c);

	finding_culprit(f, entity_host());
	if (c->tcg)
		say_tcg(f, j, c);
	else
		say_low(f, j, c);
	if (f->n_victims > 0 || (!c->tcg && pays_for_calls(m, c))) {
		f->severity = SEVERITY_WARNING;
		f->confidence = c->tcg ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY;
	}
	f->share = reading_ok(most) ? most.value : 0;
	add_evidence(j, m, f, c, most);
}

static enum verdict judge(const struct model *m, struct judgement *j)
{
	const struct table *t = frame_table(m->now, TABLE_cpu_type);
	const struct cpu_type *row = frame_row(m->now, TABLE_cpu_type);

	if (!row)
		return judge_unknown(j, m, TABLE_cpu_type);
	/* Other architectures have no such models: what they say of themselves is true. */
	struct cpu_facts c = facts_of(t, row);

	if (!c.tcg && c.low && !row_has(row->has, CPU_TYPE_flags))
		return judge_unknown_why(j, t->cell[CPU_TYPE_flags],
			"the CPU's model is a hypervisor's lowest; its flags are not known");
	if (!c.tcg && (!c.low || (count_missing(&c) == 0 && !c.no_pcid)))
		return VERDICT_FINE;
	report(j, m, &c);
	return VERDICT_SAD;
}

const struct check check_cpu_emulated = {
	.id = "cpu.emulated",
	.question = "Is the CPU emulated, or shown as less than it is?",
	.explains = { "cpu.clocksource" },
	.needs = { { .table = TABLE_cpu_type },
		{ .table = TABLE_cpu, .rate = true, .optional = true },
		{ .table = TABLE_process, .rate = true, .optional = true } },
	.models = { MODEL_cpu, MODEL_process },
	.judge = judge,
};
