/* SPDX-License-Identifier: MIT */
/*
 * CPUs, hardware errors, crashes and links in the kernel log.
 *
 *   [watchdog: |NMI watchdog: ]BUG: soft lockup - CPU#0 stuck for 22s! [comm:123]
 *   [watchdog: |NMI watchdog: ]Watchdog detected hard LOCKUP on cpu 3
 *   [rcu: ]INFO: rcu_sched self-detected stall on CPU[ { 1}  (t=60001 jiffies ...)]
 *   [rcu: ]INFO: rcu_sched detected [expedited ]stalls on CPUs/tasks:[ { 1} (detected by 0, ...)]
 *   BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 32s!
 *       kernel/watchdog.c, kernel/watchdog_hld.c, kernel/rcu/tree_stall.h, kernel/workqueue.c
 *
 *   mce: [Hardware Error]: CPU 0: Machine Check[ Exception]: 5 Bank 4: be00000000800400
 *   mce: [Hardware Error]: Machine check events logged
 *   EDAC MC0: 1 CE memory read error on CPU_SrcID#0_Chan#1_DIMM#0 (channel:1 ...)
 *   {1}[Hardware Error]: event severity: corrected
 *   pcieport 0000:00:1c.0: [AER: ]PCIe Bus Error: severity=Corrected, type=Physical Layer, ...
 *       "Uncorrected (Non-Fatal)", "Uncorrected (Fatal)"; since 6.8 "Correctable", "Uncorrectable"
 *   Memory failure: 0x1234: recovery action for dirty page: Recovered
 *       arch/x86/kernel/cpu/mce/core.c, drivers/edac/edac_mc.c, drivers/firmware/efi/cper.c,
 *       drivers/pci/pcie/aer.c, mm/memory-failure.c
 *
 *   comm[123]: segfault at 0 ip 0000... sp 0000... error 4 in libc.so[...]
 *   [traps: ]comm[123] general protection[ fault] ip:... sp:... error:0 in prog[...]
 *   traps: comm[123] trap invalid opcode ip:... sp:... error:0 in prog[...]
 *   comm[123]: segfault (11) at 0 nip 10000 lr 10000 code 1 in prog[...]          powerpc
 *   comm[123]: unhandled level 2 translation fault (11) at 0x0, esr 0x92000046     arm64
 *       arch/x86/mm/fault.c, arch/x86/kernel/traps.c, arch/arm64/kernel/traps.c
 *
 *   e1000e 0000:00:19.0 eth0: NIC Link is Down; e1000e: eth0 NIC Link is Down; eth0: link down
 *   bond0: (slave eth1): link status definitely down, disabling slave
 *       drivers/net/ethernet/, drivers/net/phy/phy.c, drivers/net/bonding/bond_main.c
 */
#include "source/klog_event.h"

#include <string.h>

static bool number_at(struct span s, uint64_t *ret_value)
{
	struct cursor c = cursor_span(s);

	return cursor_u64(&c, ret_value);
}

/* The number behind the first text in s. */
static bool number_after(struct span s, const char *text, uint64_t *ret_value)
{
	size_t at;

	return span_find(s, text, &at) && number_at(span_from(s, at + strlen(text)), ret_value);
}

/* "COMM[123]" at the end of s; COMM may hold any byte. */
static bool take_process(struct span s, struct klog_found *ret)
{
	size_t open;

	if (s.len < 4 || s.at[s.len - 1] != ']' || !span_find_last(s, "[", &open) || open == 0)
		return false;
	struct cursor c = cursor_span(span_from(span_upto(s, s.len - 1), open + 1));

	ret->has_pid = cursor_u64(&c, &ret->pid) && cursor_end(&c);
	ret->comm = span_upto(s, open);
	return ret->has_pid;
}

/* "BUG: soft lockup - CPU#0 stuck for 22s! [comm:123]" */
static bool find_soft_lockup(struct span s, struct klog_found *ret)
{
	size_t open, colon;

	if (!number_after(s, "soft lockup - CPU#", &ret->cpu))
		return false;
	ret->kind = KLOG_SOFT_LOCKUP;
	ret->has_cpu = true;
	if (!span_find(s, "! [", &open))
		return true;
	s = span_from(s, open + 3);
	if (span_find_last(s, ":", &colon)) {
		ret->has_pid = number_at(span_from(s, colon + 1), &ret->pid);
		ret->comm = span_upto(s, colon);
	}
	return true;
}

static bool find_stall(struct span s, struct klog_found *ret)
{
	size_t at;

	if (!span_starts(s, "INFO: rcu_") ||
		(!klog_has(s, "detected stall") && !klog_has(s, "detected expedited stall")))
		return false;
	ret->kind = KLOG_RCU_STALL;
	/* "{ 1-... }" and "{ 1}"; "{ P123 }" is a task. */
	if (span_find(s, "{", &at))
		ret->has_cpu = number_at(span_from(s, at + 1), &ret->cpu);
	else if (number_after(s, "stall on CPU ", &ret->cpu))
		ret->has_cpu = true;
	return true;
}

bool klog_stalled_cpu(struct span s, uint64_t *ret_cpu)
{
	struct cursor c = cursor_span(s);
	uint64_t cpu;

	cursor_lit(&c, "rcu:");
	/* Its begin is a tabulator, which /dev/kmsg escapes. */
	while (cursor_lit(&c, "\\x09") || cursor_lit(&c, " ") || cursor_lit(&c, "\t"))
		;
	if (!cursor_u64(&c, &cpu) || !cursor_lit(&c, "-"))
		return false;
	*ret_cpu = cpu;
	return true;
}

static struct span without(struct span s, const char *prefix)
{
	return span_starts(s, prefix) ? span_from(s, strlen(prefix)) : s;
}

bool klog_find_cpu(struct span s, struct klog_found *ret)
{
	s = without(without(without(s, "NMI "), "watchdog: "), "rcu: ");
	if (span_starts(s, "INFO: rcu_"))
		return find_stall(s, ret);
	if (span_starts(s, "BUG: soft lockup"))
		return find_soft_lockup(s, ret);
	if (span_starts(s, "BUG: workqueue lockup")) {
		ret->kind = KLOG_WORKQUEUE;
		ret->has_cpu = number_after(s, "cpus=", &ret->cpu);
		return true;
	}
	if (!span_starts(s, "Watchdog detected hard LOCKUP") &&
		!span_starts(s, "BUG: NMI Watchdog detected LOCKUP"))
		return false;
	ret->kind = KLOG_HARD_LOCKUP;
	ret->has_cpu =
		number_after(s, " on cpu ", &ret->cpu) || number_after(s, " on CPU", &ret->cpu);
	return true;
}

/* "CPU 0: Machine Check: 0 Bank 4: be00000000800400": bit 61 says that it was not corrected. */
static bool find_mce(struct span s, struct klog_found *ret)
{
	size_t at, colon;
	uint64_t status = 0;

	ret->device = span_of("CPU");
	if (klog_has(s, "Machine check events logged")) {
		ret->kind = KLOG_CORRECTED;
		return true;
	}
	if (!number_after(s, "[Hardware Error]: CPU ", &ret->cpu) ||
		!klog_has(s, ": Machine Check"))
		return false;
	ret->has_cpu = true;
	if (span_find(s, " Bank ", &at)) {
		struct span bank = span_from(s, at + 6);

		if (span_find(bank, ": ", &colon)) {
			struct cursor c = cursor_span(span_from(bank, colon + 2));

			cursor_x64(&c, &status);
		}
	}
	bool bad = klog_has(s, "Machine Check Exception") || status >> 61 & 1;

	ret->kind = bad ? KLOG_UNCORRECTED : KLOG_CORRECTED;
	return true;
}

/* "EDAC MC0: 3 CE memory read error on DIMM_A1 (channel:1": 3 corrected errors. */
static bool find_edac(struct span s, struct klog_found *ret)
{
	struct cursor c;

	if (!klog_between(s, "EDAC ", ": ", &ret->device))
		return false;
	c = cursor_span(span_from(s, sizeof("EDAC ") - 1 + ret->device.len + 2));
	if (!cursor_u64(&c, &ret->n))
		return false;
	if (cursor_lit(&c, " CE "))
		ret->kind = KLOG_CORRECTED;
	else if (cursor_lit(&c, " UE "))
		ret->kind = KLOG_UNCORRECTED;
	else
		return false;
	klog_between(s, " on ", " (", &ret->device);
	return true;
}

static bool is_corrected(struct span word)
{
	return span_starts(word, "orrect") || span_starts(word, "Correct") ||
	       span_starts(word, "correct");
}

static bool find_severity(struct span s, struct klog_found *ret)
{
	static const char apei[] = "[Hardware Error]: event severity: ",
			  aer[] = "PCIe Bus Error: severity=";
	size_t at, end;

	if (span_find(s, apei, &at)) {
		struct span word = span_from(s, at + sizeof(apei) - 1);

		ret->device = span_of("firmware");
		ret->kind = is_corrected(word) ? KLOG_CORRECTED : KLOG_UNCORRECTED;
		return !span_starts(word, "info");
	}
	if (!span_find(s, aer, &at) || !span_find(s, ": ", &end) || end >= at)
		return false;
	/* "pcieport 0000:00:1c.0: ...": driver and address. */
	struct span who = span_upto(s, end);
	size_t blank;

	ret->device = span_find_last(who, " ", &blank) ? span_from(who, blank + 1) : who;
	s = span_from(s, at + sizeof(aer) - 1);
	ret->kind = is_corrected(s)          ? KLOG_CORRECTED
		    : klog_has(s, "(Fatal)") ? KLOG_UNCORRECTED
					     : KLOG_NONFATAL;
	return true;
}

bool klog_find_machine(struct span s, struct klog_found *ret)
{
	if (span_starts(s, "mce: "))
		return find_mce(s, ret);
	if (span_starts(s, "EDAC "))
		return find_edac(s, ret);
	if (span_starts(s, "Memory failure: ") && klog_has(s, ": recovery action for ")) {
		ret->kind = KLOG_UNCORRECTED;
		ret->device = span_of("memory");
		return true;
	}
	return find_severity(s, ret);
}

/* A name is at most 15 bytes, 60 when escaped: what comes later is the mapped file's. */
enum { PROCESS_MAX = 40, ESCAPED_MAX = 85 };

bool klog_find_crash(struct span s, struct klog_found *ret)
{
	static const struct {
		const char *text, *what;
	} faults[] = {
		{ "]: segfault at ", "segfault" },
		{ "]: segfault (", "segfault" },
		{ "] general protection", "general protection" },
		{ "] trap ", "trap" },
		{ "]: unhandled ", "unhandled" },
	};
	static const char suppressed[] = "show_signal_msg: ";
	struct span head = span_upto(s, ESCAPED_MAX);
	size_t at;

	if (!klog_has(span_upto(s, PROCESS_MAX), "\\x"))
		head = span_upto(s, PROCESS_MAX);

	ret->kind = KLOG_SEGFAULT;
	if (span_starts(s, suppressed))
		return number_at(span_from(s, sizeof(suppressed) - 1), &ret->n) &&
		       klog_has(s, " callbacks suppressed");
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		if (!span_find_last(head, faults[i].text, &at))
			continue;
		ret->what = span_of(faults[i].what);
		return take_process(without(span_upto(s, at + 1), "traps: "), ret);
	}
	return false;
}

/* A name of an interface: no blank, bracket, slash or colon. */
static bool is_interface(struct span s)
{
	if (s.len == 0 || s.len > 15)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] <= ' ' || memchr("()[]{}/:,", s.at[i], 9))
			return false;
	}
	return true;
}

/* The last word of s without the colon at its end. */
static struct span last_word(struct span s)
{
	size_t at;

	while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == ':'))
		s.len--;
	return span_find_last(s, " ", &at) ? span_from(s, at + 1) : s;
}

bool klog_find_link(struct span s, struct klog_found *ret)
{
	static const char *const downs[] = { "Link is Down", "Link is down", "link is down",
		"Link down", "link down", "Link Down" };
	size_t at = s.len;

	ret->kind = KLOG_LINK_DOWN;
	if (klog_has(s, "link status definitely down"))
		return (klog_between(s, "(slave ", ")", &ret->device) ||
			       klog_between(s, " for interface ", ",", &ret->device)) &&
		       is_interface(ret->device);
	for (size_t i = 0; i < ARRAY_SIZE(downs) && at == s.len; i++) {
		if (!span_find(s, downs[i], &at))
			at = s.len;
	}
	if (at == s.len)
		return false;
	struct span before = span_upto(s, at);

	/* "eth0: NIC Link is Down", "eth0 NIC Link is Down" */
	if (span_eq(last_word(before), "NIC"))
		before = span_upto(before, before.len - 4);
	ret->device = last_word(before);
	return is_interface(ret->device) && !span_eq(ret->device, "SATA") && !span_starts(s, "ata");
}
