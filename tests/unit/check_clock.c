/* SPDX-License-Identifier: MIT */
/* cpu.clocksource, cpu.emulated, cpu.governor. */
#include "tests/unit/build.h"

extern const struct check check_cpu_clocksource, check_cpu_emulated, check_cpu_governor;

#define KHZ UINT64_C(1000)
#define GHZ UINT64_C(1000000000)

/* It took so many hundredths of the two seconds, system of them in the kernel. */
static struct process *add_process(
	struct scene *s, uint64_t pid, const char *comm, uint64_t run, uint64_t system)
{
	struct process *was = build_row(&s->was, TABLE_process);
	struct process *now = build_row(&s->now, TABLE_process);

	was->pid = now->pid = pid;
	was->comm = build_text(&s->was, TABLE_process, comm);
	now->comm = build_text(&s->now, TABLE_process, comm);
	now->user_ns = (run - system) * SECOND / 50;
	now->system_ns = system * SECOND / 50;
	return now;
}

static void add_io(struct scene *s, uint64_t pid, uint64_t read_chars)
{
	struct process_io *was = build_row(&s->was, TABLE_process_io);
	struct process_io *now = build_row(&s->now, TABLE_process_io);

	was->pid = now->pid = pid;
	now->read_chars = read_chars;
}

static void add_clock(struct scene *s, const char *current, const char *available, uint64_t read_ns)
{
	struct clock *c = build_row(&s->now, TABLE_clock);

	c->current = build_text(&s->now, TABLE_clock, current);
	c->available = build_text(&s->now, TABLE_clock, available);
	if (read_ns) {
		struct clock_cost *cost = build_row(&s->now, TABLE_clock_cost);

		cost->read_ns = read_ns;
		cost->syscall_ns = 300;
	}
}

static void give_up(struct scene *s, const char *name, const char *reason)
{
	struct klog_clock *k = build_row(&s->now, TABLE_klog_clock);

	k->name = build_text(&s->now, TABLE_klog_clock, name);
	k->reason = build_text(&s->now, TABLE_klog_clock, reason);
	k->given_up = 1;
	k->sequence = s->now.at[TABLE_klog_clock]->n;
}

static void a_good_clock_is_fine(void **state UNUSED)
{
	static const char *const good[] = { "tsc", "kvm-clock", "hyperv_clocksource_tsc_page",
		"arch_sys_counter", "xen" };
	struct scene s;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		scene_start(&s);
		add_clock(&s, good[i], "tsc kvm-clock hpet acpi_pm", 1999);
		/* What an old guest says at each boot. */
		give_up(&s, "tsc", "TSCs unsynchronized");
		add_process(&s, 20, "db", 100, 90);
		assert_int_equal(scene_judge(&s, &check_cpu_clocksource), VERDICT_FINE);
		scene_end(&s);
	}
	scene_start(&s); /* trapped, or no vDSO: told, and no more */
	add_clock(&s, "tsc", "tsc", 2000);
	add_process(&s, 20, "db", 100, 90);
	assert_int_equal(scene_judge(&s, &check_cpu_clocksource), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
	assert_int_equal(scene_only(&s)->confidence, CONFIDENCE_POSSIBLE);
	scene_end(&s);
	scene_start(&s);
	assert_int_equal(scene_judge(&s, &check_cpu_clocksource), VERDICT_UNKNOWN);
	scene_end(&s);
}

static void a_slow_clock_is_sad_when_a_better_one_was(void **state UNUSED)
{
	struct scene s;

	scene_start(&s); /* a small board that has nothing else, and reads it cheaply */
	add_clock(&s, "jiffies", "jiffies", 499);
	assert_int_equal(scene_judge(&s, &check_cpu_clocksource), VERDICT_FINE);
	scene_end(&s);
	scene_start(&s);
	add_clock(&s, "jiffies", "jiffies", 500);
	assert_int_equal(scene_judge(&s, &check_cpu_clocksource), VERDICT_SAD);
	scene_end(&s);
	scene_start(&s); /* a tree: by name alone */
	add_clock(&s, "hpet", "hpet acpi_pm", 0);
	assert_int_equal(scene_judge(&s, &check_cpu_clocksource), VERDICT_UNKNOWN);
	give_up(&s, "hpet", "no good one");
	assert_int_equal(scene_judge(&s, &check_cpu_clocksource), VERDICT_UNKNOWN);
	give_up(&s, "tsc", "clocksource watchdog");
	assert_int_equal(scene_judge(&s, &check_cpu_clocksource), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->confidence, CONFIDENCE_LIKELY);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
	assert_non_null(strstr(scene_only(&s)->cause, "clocksource watchdog"));
	for (size_t i = 0; i < scene_only(&s)->n_todo; i++)
		assert_null(strstr(scene_only(&s)->todo[i], "echo "));
	scene_end(&s);
	scene_start(&s);
	add_clock(&s, "acpi_pm", "tsc hpet acpi_pm", 1400);
	assert_int_equal(scene_judge(&s, &check_cpu_clocksource), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->confidence, CONFIDENCE_CERTAIN);
	assert_string_equal(scene_only(&s)->title,
		"The clock source is acpi_pm: reading the time takes 1.4 us");
	assert_non_null(strstr(scene_only(&s)->todo[1], "echo tsc >"));
	scene_end(&s);
}

static void who_works_in_the_kernel_pays_for_it(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_clock(&s, "hpet", "tsc hpet acpi_pm", 1400);
	add_process(&s, 20, "proxy", 45, 19);                /* too little in the kernel */
	add_process(&s, 21, "compute", 100, 39);             /* most of it its own */
	add_process(&s, 22, "kswapd0", 90, 90)->kthread = 1; /* no program */
	add_process(&s, 24, "fork", 90, 90)->minor_faults = 1000;
	add_io(&s, 24, 0);
	add_process(&s, 25, "cp", 90, 90);
	add_io(&s, 25, 20000000);
	add_process(&s, 26, "secret", 90, 90); /* its I/O is denied */
	assert_int_equal(scene_judge(&s, &check_cpu_clocksource), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
	add_process(&s, 23, "db", 45, 21);
	add_io(&s, 23, 19999998);
	assert_int_equal(scene_judge(&s, &check_cpu_clocksource), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_WARNING);
	assert_int_equal(scene_only(&s)->confidence, CONFIDENCE_POSSIBLE);
	assert_int_equal(scene_only(&s)->n_victims, 1);
	assert_int_equal(scene_only(&s)->victims[0].pid, 23);
	/* Who reads a cheap one, though a better one works, pays nothing. */
	((struct clock_cost *)s.now.at[TABLE_clock_cost]->row)->read_ns = 499;
	assert_int_equal(scene_judge(&s, &check_cpu_clocksource), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
	scene_end(&s);
}

static void add_cpu(struct scene *s, const char *model, const char *flags, const char *signature,
	const char *meltdown)
{
	struct cpu_type *c = build_row(&s->now, TABLE_cpu_type);

	c->model = build_text(&s->now, TABLE_cpu_type, model);
	c->flags = build_text(&s->now, TABLE_cpu_type, flags);
	c->signature = build_text(&s->now, TABLE_cpu_type, signature);
	c->meltdown = build_text(&s->now, TABLE_cpu_type, meltdown);
}

#define MODERN "fpu aes avx2 ssse3 sse4_2 x2apic constant_tsc"

static void add_system(struct scene *s, uint64_t system_ns)
{
	for (int64_t id = -1; id < 1; id++) {
		struct cpu *was = build_row(&s->was, TABLE_cpu);
		struct cpu *now = build_row(&s->now, TABLE_cpu);

		was->id = now->id = id;
		now->system_ns = system_ns;
		now->idle_ns = 2 * SECOND - system_ns;
	}
}

static void a_cpu_that_is_passed_through_is_fine(void **state UNUSED)
{
	static const char *const fine[][3] = {
		{ "Intel(R) Xeon(R) Processor", "fpu hypervisor", "KVMKVMKVM" },
		{ "Intel Core Processor (Skylake, IBRS)", "fpu hypervisor", "KVMKVMKVM" },
		{ "QEMU Virtual CPU version 2.5+", MODERN " hypervisor", "KVMKVMKVM" },
		/* The real one, 2008. */
		{ "AMD Phenom(tm) 9550 Quad-Core Processor", "fpu sse", "none" },
		{ "", "", "" },
	};
	struct scene s;

	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		scene_start(&s);
		add_cpu(&s, fine[i][0], fine[i][1], fine[i][2], "Not affected");
		assert_int_equal(scene_judge(&s, &check_cpu_emulated), VERDICT_FINE);
		scene_end(&s);
	}
	scene_start(&s);
	assert_int_equal(scene_judge(&s, &check_cpu_emulated), VERDICT_UNKNOWN);
	scene_end(&s);
}

static void the_lowest_model_is_told(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_cpu(&s, "Common KVM processor", "fpu hypervisor ssse3 sse4_2 x2apic constant_tsc",
		"KVMKVMKVM", "Not affected");
	add_process(&s, 20, "nginx", 90, 10); /* nobody knows that it does TLS */
	add_process(&s, 21, "openvpn", 29, 5);
	assert_int_equal(scene_judge(&s, &check_cpu_emulated), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
	assert_string_equal(scene_only(&s)->title,
		"The CPU is shown as \"Common KVM processor\", without aes, avx2");
	add_process(&s, 22, "kworker/u8:1-kcryptd", 31, 31)->kthread = 1;
	assert_int_equal(scene_judge(&s, &check_cpu_emulated), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_WARNING);
	assert_int_equal(scene_only(&s)->victims[0].pid, 22);
	scene_end(&s);

	scene_start(&s); /* all flags but pcid, and Meltdown's mitigation on */
	add_cpu(&s, "QEMU Virtual CPU version 2.5+", MODERN " hypervisor", "KVMKVMKVM",
		"Mitigation: PTI");
	add_system(&s, SECOND / 2 - SECOND / 100);
	assert_int_equal(scene_judge(&s, &check_cpu_emulated), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
	scene_end(&s);
	scene_start(&s);
	add_cpu(&s, "QEMU Virtual CPU version 2.5+", MODERN " hypervisor", "KVMKVMKVM",
		"Mitigation: PTI");
	add_system(&s, SECOND / 2);
	assert_int_equal(scene_judge(&s, &check_cpu_emulated), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_WARNING);
	scene_end(&s);
}

static void full_emulation_is_a_warning_when_somebody_works(void **state UNUSED)
{
	static const char *const tcg[][2] = { { "QEMU TCG CPU version 2.5+", "" },
		{ "Intel Xeon Processor (Skylake)", "TCGTCGTCGTCG" } };
	struct scene s;

	for (size_t i = 0; i < ARRAY_SIZE(tcg); i++) {
		scene_start(&s);
		add_cpu(&s, tcg[i][0], MODERN " hypervisor", tcg[i][1], "Not affected");
		add_process(&s, 20, "cc1", 90, 1);
		assert_int_equal(scene_judge(&s, &check_cpu_emulated), VERDICT_SAD);
		assert_int_equal(scene_only(&s)->severity, SEVERITY_WARNING);
		assert_int_equal(scene_only(&s)->victims[0].pid, 20);
		scene_end(&s);
		scene_start(&s); /* nobody has much to do in it */
		add_cpu(&s, tcg[i][0], MODERN " hypervisor", tcg[i][1], "Not affected");
		assert_int_equal(scene_judge(&s, &check_cpu_emulated), VERDICT_SAD);
		assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
		scene_end(&s);
	}
}

/* Without flags all of them would be missing. Xen's own guests see the true CPU. */
static void what_is_not_known_is_not_missing(void **state UNUSED)
{
	struct scene s;

	scene_start(&s);
	add_cpu(&s, "QEMU Virtual CPU version 2.5+", "", "KVMKVMKVM", "Not affected");
	build_unset(s.now.at[TABLE_cpu_type]->row, CPU_TYPE_flags);
	assert_int_equal(scene_judge(&s, &check_cpu_emulated), VERDICT_UNKNOWN);
	scene_end(&s);
	scene_start(&s);
	add_cpu(&s, "AMD Phenom(tm) 9550 Quad-Core Processor", "fpu hypervisor", "XenVMMXenVMM",
		"Not affected");
	assert_int_equal(scene_judge(&s, &check_cpu_emulated), VERDICT_FINE);
	scene_end(&s);
}

struct freq {
	const char *governor, *driver, *preference;
	uint64_t current_hz, limit_hz, max_hz, base_hz;
	uint64_t busy; /* hundredths of the look */
	enum verdict want;
};

static void add_freq(struct scene *s, const struct freq *f)
{
	struct cpufreq *c = build_row(&s->now, TABLE_cpufreq);

	c->governor = build_text(&s->now, TABLE_cpufreq, f->governor);
	c->driver = build_text(&s->now, TABLE_cpufreq, f->driver);
	c->preference = build_text(&s->now, TABLE_cpufreq, f->preference);
	c->current_hz = f->current_hz;
	c->limit_hz = f->limit_hz;
	c->max_hz = f->max_hz;
	c->base_hz = f->base_hz;
	if (!f->base_hz)
		build_unset(c, CPUFREQ_base_hz);
	for (int64_t id = -1; id < 1; id++) {
		struct cpu *was = build_row(&s->was, TABLE_cpu);
		struct cpu *now = build_row(&s->now, TABLE_cpu);

		was->id = now->id = id;
		now->user_ns = f->busy * SECOND / 50;
		now->idle_ns = (100 - f->busy) * SECOND / 50;
	}
	add_process(s, 20, "db", f->busy, 0);
}

static void a_busy_cpu_is_slow_for_a_reason(void **state UNUSED)
{
	static const struct freq cases[] = {
		/* pinned low */
		{ "powersave", "acpi-cpufreq", "", GHZ, 3 * GHZ, 3 * GHZ, 0, 90, VERDICT_SAD },
		{ "powersave", "acpi-cpufreq", "", GHZ, 3 * GHZ, 3 * GHZ, 0, 79, VERDICT_FINE },
		{ "conservative", "acpi-cpufreq", "", 2 * GHZ, 3 * GHZ, 3 * GHZ, 0, 90,
			VERDICT_SAD },
		{ "powersave", "acpi-cpufreq", "", 2200000 * KHZ, 3 * GHZ, 3 * GHZ, 0, 90,
			VERDICT_FINE },
		/* low without a reason: AVX-512, or a BIOS that does not say */
		{ "schedutil", "acpi-cpufreq", "", GHZ, 3 * GHZ, 3 * GHZ, 0, 90, VERDICT_FINE },
		/* everybody's */
		{ "powersave", "intel_pstate", "balance_performance", GHZ, 3 * GHZ, 3 * GHZ,
			2 * GHZ, 90, VERDICT_FINE },
		{ "powersave", "amd-pstate-epp", "balance_performance", GHZ, 3 * GHZ, 3 * GHZ, 0,
			90, VERDICT_FINE },
		{ "powersave", "intel_pstate", "power", GHZ, 3 * GHZ, 3 * GHZ, 2 * GHZ, 90,
			VERDICT_SAD },
		{ "powersave", "intel_pstate", "power", 2 * GHZ, 3 * GHZ, 3 * GHZ, 2 * GHZ, 90,
			VERDICT_FINE },
		/* capped */
		{ "performance", "intel_pstate", "performance", 1500000 * KHZ, 1500000 * KHZ,
			3 * GHZ, 2 * GHZ, 90, VERDICT_SAD },
		{ "performance", "intel_pstate", "performance", 2200000 * KHZ, 2200000 * KHZ,
			3 * GHZ, 2 * GHZ, 90, VERDICT_FINE },
	};
	struct scene s;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scene_start(&s);
		add_freq(&s, &cases[i]);
		if (scene_judge(&s, &check_cpu_governor) != cases[i].want)
			fail_msg("case %zu", i);
		if (cases[i].want == VERDICT_SAD) {
			assert_int_equal(scene_only(&s)->severity, SEVERITY_WARNING);
			assert_int_equal(scene_only(&s)->victims[0].pid, 20);
		}
		scene_end(&s);
	}
}

static void a_cpu_whose_idle_time_is_unknown_is_not_busy(void **state UNUSED)
{
	static const struct freq slow = { "powersave", "acpi-cpufreq", "", GHZ, 3 * GHZ, 3 * GHZ, 0,
		90, VERDICT_SAD };
	struct scene s;

	scene_start(&s);
	add_freq(&s, &slow);
	for (size_t i = 0; i < s.now.at[TABLE_cpu]->n; i++)
		build_unset(table_at(s.now.at[TABLE_cpu], i), CPU_iowait_ns);
	assert_int_equal(scene_judge(&s, &check_cpu_governor), VERDICT_SAD);
	for (size_t i = 0; i < s.now.at[TABLE_cpu]->n; i++)
		build_unset(table_at(s.now.at[TABLE_cpu], i), CPU_idle_ns);
	assert_int_equal(scene_judge(&s, &check_cpu_governor), VERDICT_UNKNOWN);
	/* It runs as it should, busy or not. */
	((struct cpufreq *)s.now.at[TABLE_cpufreq]->row)->current_hz = 3 * GHZ;
	assert_int_equal(scene_judge(&s, &check_cpu_governor), VERDICT_FINE);
	build_unset(s.now.at[TABLE_cpufreq]->row, CPUFREQ_current_hz);
	assert_int_equal(scene_judge(&s, &check_cpu_governor), VERDICT_UNKNOWN);
	scene_end(&s);
}

/* One of four: its counter went back, or it came online in the look. */
static void one_counter_does_not_blind(void **state UNUSED)
{
	static const struct freq slow = { "powersave", "acpi-cpufreq", "", GHZ, 3 * GHZ, 3 * GHZ, 0,
		10, VERDICT_FINE };
	struct scene s;

	scene_start(&s);
	add_freq(&s, &slow);
	build_unset(table_at(s.now.at[TABLE_cpu], 1), CPU_idle_ns);
	assert_int_equal(scene_judge(&s, &check_cpu_governor), VERDICT_UNKNOWN);
	for (uint64_t id = 1; id < 4; id++) {
		struct cpufreq *c = build_row(&s.now, TABLE_cpufreq);
		struct cpu *was = build_row(&s.was, TABLE_cpu);
		struct cpu *now = build_row(&s.now, TABLE_cpu);

		*c = *(const struct cpufreq *)s.now.at[TABLE_cpufreq]->row;
		c->cpu = id;
		was->id = now->id = (int64_t)id;
		now->idle_ns = 2 * SECOND;
	}
	assert_int_equal(scene_judge(&s, &check_cpu_governor), VERDICT_FINE);
	scene_end(&s);
}

static void a_laptop_saves_power(void **state UNUSED)
{
	static const struct freq slow = { "powersave", "intel_pstate", "power", GHZ, 3 * GHZ,
		3 * GHZ, 2 * GHZ, 90, VERDICT_SAD };
	struct scene s;

	scene_start(&s);
	add_freq(&s, &slow);
	struct power_supply *p = build_row(&s.now, TABLE_power_supply);

	p->type = build_text(&s.now, TABLE_power_supply, "Battery");
	p->scope = build_text(&s.now, TABLE_power_supply, "Device"); /* a mouse */
	assert_int_equal(scene_judge(&s, &check_cpu_governor), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_WARNING);
	p = table_at(s.now.at[TABLE_power_supply], 0);
	p->scope = 0;
	assert_int_equal(scene_judge(&s, &check_cpu_governor), VERDICT_SAD);
	assert_int_equal(scene_only(&s)->severity, SEVERITY_INFO);
	scene_end(&s);
}

static struct cpu_throttle *add_heat(struct scene *s, uint64_t times, uint64_t ns)
{
	struct cpu_throttle *was = build_row(&s->was, TABLE_cpu_throttle);
	struct cpu_throttle *now = build_row(&s->now, TABLE_cpu_throttle);

	was->core = 7;
	now->core = 7 + times;
	now->core_ns = ns;
	if (!ns)
		build_unset(now, CPU_THROTTLE_core_ns);
	build_unset(now, CPU_THROTTLE_package_ns);
	return now;
}

static void heat_is_judged_by_time_else_by_number(void **state UNUSED)
{
	static const struct {
		uint64_t times, ns;
		enum verdict want;
	} cases[] = {
		{ 2, SECOND / 5, VERDICT_SAD },
		{ 500, SECOND / 5 - SECOND / 100, VERDICT_FINE },
		{ 10, 0, VERDICT_SAD },
		{ 9, 0, VERDICT_FINE },
	};
	struct scene s;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scene_start(&s);
		add_system(&s, SECOND);
		add_heat(&s, cases[i].times, cases[i].ns);
		add_process(&s, 20, "db", 60, 0);
		if (scene_judge(&s, &check_cpu_governor) != cases[i].want)
			fail_msg("case %zu", i);
		if (cases[i].want == VERDICT_SAD)
			assert_int_equal(scene_only(&s)->severity, SEVERITY_WARNING);
		scene_end(&s);
	}
	scene_start(&s); /* a guest */
	add_system(&s, SECOND);
	build_table(&s.now, TABLE_cpufreq)->state = STATE_ABSENT;
	build_table(&s.now, TABLE_cpu_throttle)->state = STATE_ABSENT;
	assert_int_equal(scene_judge(&s, &check_cpu_governor), VERDICT_FINE);
	build_table(&s.now, TABLE_cpufreq)->state = STATE_DENIED;
	assert_int_equal(scene_judge(&s, &check_cpu_governor), VERDICT_UNKNOWN);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_clock_is_fine),
		cmocka_unit_test(a_slow_clock_is_sad_when_a_better_one_was),
		cmocka_unit_test(who_works_in_the_kernel_pays_for_it),
		cmocka_unit_test(a_cpu_that_is_passed_through_is_fine),
		cmocka_unit_test(the_lowest_model_is_told),
		cmocka_unit_test(full_emulation_is_a_warning_when_somebody_works),
		cmocka_unit_test(what_is_not_known_is_not_missing),
		cmocka_unit_test(a_cpu_whose_idle_time_is_unknown_is_not_busy),
		cmocka_unit_test(a_busy_cpu_is_slow_for_a_reason),
		cmocka_unit_test(one_counter_does_not_blind),
		cmocka_unit_test(a_laptop_saves_power),
		cmocka_unit_test(heat_is_judged_by_time_else_by_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
