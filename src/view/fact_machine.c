/* SPDX-License-Identifier: MIT */
/* What the machine is, what its memory is used for, and what is mounted where. */
#include "view/fact.h"

#include "base/strbuf.h"
#include "model/cpu.h"

#include <string.h>

/* One cell of a table with one row: where it is missing, its kind's state says why. */
static void cell_text(struct facts *f, enum fact_id id, const struct table *t, const void *row,
	unsigned int column)
{
	has_t has;
	text_t text;

	if (!facts_from(f, id, t) || !row)
		return;
	memcpy(&has, row, sizeof(has));
	if (!row_has(has, column)) {
		f->state[id] = (enum state)t->cell[column];
		return;
	}
	memcpy(&text, (const char *)row + t->schema->columns[column].offset, sizeof(text));
	facts_text(f, id, "", table_text(t, text));
}

static void cell_number(struct facts *f, enum fact_id id, const struct table *t, const void *row,
	unsigned int column)
{
	if (!facts_from(f, id, t) || !row)
		return;
	struct reading value = table_cell(t, row, column);

	f->state[id] = value.state;
	facts_number(f, id, "", value);
}

static void put_ratio(struct facts *f, enum fact_id id, const struct table *t, const void *row,
	unsigned int part, unsigned int whole)
{
	if (!facts_from(f, id, t) || !row)
		return;
	struct reading a = table_cell(t, row, part), b = table_cell(t, row, whole);

	f->state[id] = reading_ok(a) ? b.state : a.state;
	if (reading_ok(a) && reading_ok(b))
		facts_number(f, id, "", ratio_of(a.value, b.value));
}

/* Whether there is one says the CPU; its name only who was asked on the machine itself. */
static void hypervisor_facts(
	const struct model *m, struct facts *f, const struct table *t, const struct host_row *h)
{
	const struct table *types = frame_table(m->now, TABLE_cpu_type);

	if (facts_from(f, FACT_hypervisor, t) && h && row_has(h->has, HOST_hypervisor))
		facts_text(f, FACT_hypervisor, "", h->hypervisor ? "yes" : "no");
	else if (f->state[FACT_hypervisor] == STATE_OK)
		f->state[FACT_hypervisor] = STATE_ABSENT;
	cell_text(f, FACT_hypervisor_name, types, table_only(types), CPU_TYPE_signature);
}

static void host_facts(const struct model *m, struct facts *f)
{
	const struct table *t = frame_table(m->now, TABLE_host);
	const struct host_row *h = table_only(t);

	cell_text(f, FACT_cpu_model, t, h, HOST_cpu_model);
	cell_text(f, FACT_machine, t, h, HOST_machine);
	cell_text(f, FACT_kernel, t, h, HOST_release);
	cell_text(f, FACT_os, t, h, HOST_os);
	cell_number(f, FACT_cpus, t, h, HOST_cpus_online);
	hypervisor_facts(m, f, t, h);
	/* A tree without /sys: the CPUs of /proc/stat. */
	if (!reading_ok(h ? table_cell(t, h, HOST_cpus_online) : reading_none(STATE_ABSENT)) &&
		m->cpu && m->cpu->cpus > 0) {
		f->state[FACT_cpus] = STATE_OK;
		facts_number(f, FACT_cpus, "", reading_of((double)m->cpu->cpus));
	}
}

static void memory_facts(const struct model *m, struct facts *f)
{
	static const struct {
		enum fact_id id;
		unsigned int part;
	} shares[] = {
		{ FACT_available, MEMINFO_available_bytes },
		{ FACT_share_anon, MEMINFO_anon_bytes },
		{ FACT_share_shmem, MEMINFO_shmem_bytes },
		{ FACT_share_slab, MEMINFO_slab_bytes },
		{ FACT_share_tables, MEMINFO_page_tables_bytes },
	};
	const struct table *t = frame_table(m->now, TABLE_meminfo);
	const struct meminfo *i = table_only(t);

	cell_number(f, FACT_memory, t, i, MEMINFO_total_bytes);
	cell_number(f, FACT_swap, t, i, MEMINFO_swap_total_bytes);
	cell_number(f, FACT_hugetlb, t, i, MEMINFO_hugetlb_bytes);
	cell_number(f, FACT_dirty, t, i, MEMINFO_dirty_bytes);
	for (size_t k = 0; k < ARRAY_SIZE(shares); k++)
		put_ratio(f, shares[k].id, t, i, shares[k].part, MEMINFO_total_bytes);
	if (facts_from(f, FACT_swap_used, t) && i && i->swap_total_bytes >= i->swap_free_bytes)
		facts_number(f, FACT_swap_used, "",
			reading_of((double)(i->swap_total_bytes - i->swap_free_bytes)));
}

static void node_facts(const struct model *m, struct facts *f)
{
	const struct table *t = frame_table(m->now, TABLE_zone);
	uint64_t nodes = 0, last = UINT64_MAX;

	for (table_each(const struct zone, z, t)) {
		nodes += z->node != last;
		last = z->node;
	}
	if (facts_from(f, FACT_nodes, t) && nodes > 0)
		facts_number(f, FACT_nodes, "", reading_of((double)nodes));
}

static void clock_facts(const struct model *m, struct facts *f)
{
	const struct table *t = frame_table(m->now, TABLE_clock);
	const struct clock *c = table_only(t);
	struct fact fact = { .id = FACT_clocksource };

	if (!facts_from(f, FACT_clocksource, t) || !c)
		return;
	fact.text = table_text(t, c->current);
	if (cpu_clock_slow(fact.text)) {
		fact.weight = 92;
		fact.why = "tsc and kvm-clock are read in user space; with a device such as hpet "
			   "or acpi_pm every gettimeofday() is a system call";
	}
	facts_put(f, &fact);
}

/* "balance_performance, powersave" does not have the word "performance". */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (*list) {
		size_t n = strcspn(list, ",");

		if (n == len && memcmp(list, word, n) == 0)
			return true;
		list += n + strspn(list + n, ", ");
	}
	return false;
}

/* A word of all CPUs: "performance", or "performance, powersave" where they vary. */
static void freq_words(struct facts *f, enum fact_id id, const struct table *t, unsigned int column)
{
	auto_strbuf names = { 0 };
	text_t last = 0, text;

	if (!facts_from(f, id, t))
		return;
	for (table_each(const struct cpufreq, c, t)) {
		memcpy(&text, (const char *)c + t->schema->columns[column].offset, sizeof(text));
		const char *name = table_text(t, text);

		if (!row_has(c->has, column) || text == last || has_word(strbuf_text(&names), name))
			continue;
		strbuf_printf(&names, "%s%s", names.len ? ", " : "", name);
		last = text;
	}
	if (names.len > 0)
		facts_text(f, id, "", strbuf_text(&names));
	else
		f->state[id] = (enum state)t->cell[column];
	f->failed |= names.failed;
}

static void frequency_facts(const struct model *m, struct facts *f)
{
	const struct table *t = frame_table(m->now, TABLE_cpufreq);
	struct reading limit = reading_none(STATE_ABSENT);

	freq_words(f, FACT_governor, t, CPUFREQ_governor);
	freq_words(f, FACT_frequency_driver, t, CPUFREQ_driver);
	freq_words(f, FACT_preference, t, CPUFREQ_preference);
	facts_from(f, FACT_cpu_limit, t);
	for (table_each(const struct cpufreq, c, t)) {
		struct reading hz = table_cell(t, c, CPUFREQ_limit_hz);

		if (reading_ok(hz) && (!reading_ok(limit) || hz.value > limit.value))
			limit = hz;
	}
	facts_number(f, FACT_cpu_limit, "", limit);
}

static void load_facts(const struct model *m, struct facts *f)
{
	const struct table *t = frame_table(m->now, TABLE_loadavg);
	const struct loadavg *l = table_only(t);

	cell_number(f, FACT_tasks, t, l, LOADAVG_tasks);
	if (facts_from(f, FACT_load, t) && l && m->cpu && m->cpu->cpus > 0)
		facts_number(f, FACT_load, "", reading_of(l->load_5m / (double)m->cpu->cpus));
}

/* File systems that hold data of somebody. */
static bool holds_data(const char *fstype)
{
	static const char *const data[] = { "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs",
		"nfs", "nfs4", "cifs", "smb3", "ceph", "gfs2", "ocfs2", "lustre", "reiserfs", "jfs",
		"vfat", "exfat", "ntfs3", "bcachefs", "9p", "virtiofs", "fuseblk", "overlay" };

	for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
		if (strcmp(fstype, data[i]) == 0)
			return true;
	}
	return false;
}

/* Below these everything comes and goes with containers. */
static bool is_of_container(const char *target)
{
	static const char *const below[] = { "/var/lib/docker/", "/var/lib/containers/",
		"/var/lib/containerd/", "/var/lib/kubelet/", "/run/containerd/", "/run/user/",
		"/snap/" };

	for (size_t i = 0; i < ARRAY_SIZE(below); i++) {
		if (strncmp(target, below[i], strlen(below[i])) == 0)
			return true;
	}
	return false;
}

static void space_fact(
	const struct model *m, struct facts *f, const struct mount *mount, const char *target)
{
	const struct mount_space *s = table_find(frame_table(m->now, TABLE_mount_space), mount->id);

	if (!s || !s->answered || s->size_bytes < s->free_bytes)
		return;
	double used = (double)(s->size_bytes - s->free_bytes);

	facts_number(f, FACT_space_used, target, ratio_of(used, used + (double)s->available_bytes));
}

static void mount_facts(const struct model *m, struct facts *f)
{
	const struct table *t = frame_table(m->now, TABLE_mount);

	facts_from(f, FACT_space_used, frame_table(m->now, TABLE_mount_space));
	facts_from(f, FACT_mount_type, t);
	facts_from(f, FACT_mount_options, t);
	facts_from(f, FACT_mount_super, t);
	for (table_each(const struct mount, mount, t)) {
		const char *type = table_text(t, mount->fstype);
		const char *target = table_text(t, mount->target);

		if (!holds_data(type) || is_of_container(target))
			continue;
		facts_text(f, FACT_mount_type, target, type);
		facts_text(f, FACT_mount_options, target, table_text(t, mount->options));
		/* Layers of an overlay are paths, and no two are the same. */
		if (strcmp(type, "overlay") != 0 && row_has(mount->has, MOUNT_super_options))
			facts_text(
				f, FACT_mount_super, target, table_text(t, mount->super_options));
		space_fact(m, f, mount, target);
	}
}

void facts_of_machine(const struct model *m, struct facts *f)
{
	host_facts(m, f);
	memory_facts(m, f);
	node_facts(m, f);
	clock_facts(m, f);
	frequency_facts(m, f);
	load_facts(m, f);
	mount_facts(m, f);
}
