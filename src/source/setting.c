/* SPDX-License-Identifier: MIT */
/*
 * How a machine is set up, for murphy diff: what two machines may differ in before either is sick.
 */
#include "source/setting.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 192 };

#define CPU "sys/devices/system/cpu/"
#define MM "sys/kernel/mm/"

/* Single files below /sys. */
static const char *const system_files[] = {
	MM "transparent_hugepage/enabled",
	MM "transparent_hugepage/defrag",
	MM "transparent_hugepage/shmem_enabled",
	MM "ksm/run",
	MM "lru_gen/enabled",
	"sys/module/zswap/parameters/enabled",
	"sys/module/pcie_aspm/parameters/policy",
	"sys/module/nf_conntrack/parameters/hashsize",
	"sys/kernel/security/lsm",
	"sys/devices/system/node/online",
	CPU "online",
	CPU "isolated",
	CPU "nohz_full",
	CPU "smt/active",
	CPU "smt/control",
	CPU "cpuidle/current_driver",
	CPU "cpuidle/current_governor_ro",
	CPU "cpufreq/boost",
	CPU "intel_pstate/no_turbo",
	CPU "intel_pstate/status",
	CPU "amd_pstate/status",
};

static const char *const disk_files[] = { "queue/scheduler", "queue/read_ahead_kb",
	"queue/nr_requests", "queue/rotational", "queue/write_cache", "queue/nomerges",
	"queue/rq_affinity", "queue/max_sectors_kb", "queue/wbt_lat_usec", "queue/add_random",
	"queue/logical_block_size", "queue/physical_block_size", "queue/zoned", "queue/io_poll",
	"ro", "removable", "size", "device/model", "device/queue_depth" };

static const char *const nic_files[] = { "mtu", "speed", "duplex", "operstate", "tx_queue_len",
	"gro_flush_timeout", "napi_defer_hard_irqs", "threaded", "queues/rx-0/rps_cpus",
	"queues/rx-0/rps_flow_cnt", "queues/tx-0/xps_cpus" };

/* Boot parameters whose values are the kernel's words, so that they may leave the house. */
static const char *const plain_params[] = { "mitigations", "isolcpus", "nohz_full", "nohz",
	"rcu_nocbs", "idle", "clocksource", "tsc", "transparent_hugepage", "hugepages",
	"hugepagesz", "default_hugepagesz", "numa_balancing", "numa", "nosmt", "maxcpus", "nr_cpus",
	"mem", "elevator", "swapaccount", "cgroup_enable", "cgroup_disable", "cgroup_no_v1",
	"systemd.unified_cgroup_hierarchy", "intel_iommu", "amd_iommu", "iommu", "pcie_aspm",
	"intel_pstate", "amd_pstate", "cpufreq.default_governor", "intel_idle.max_cstate",
	"processor.max_cstate", "selinux", "apparmor", "audit", "lsm", "security", "spectre_v2",
	"spec_store_bypass_disable", "pti", "kpti", "l1tf", "mds", "tsx", "retbleed", "preempt",
	"skew_tick", "nmi_watchdog", "psi", "init_on_alloc", "init_on_free", "page_poison",
	"slub_debug", "debug_pagealloc", "zswap.enabled", "crashkernel", "panic", "quiet", "ro",
	"rw", "nokaslr", "threadirqs", "nvme_core.io_timeout", "scsi_mod.use_blk_mq" };

static bool listed(struct span s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (span_eq(s, list[i]))
			return true;
	}
	return false;
}

/* The next parameter: blanks within double quotes are of it. */
static bool next_param(struct cursor *c, struct span *ret_param)
{
	bool quoted = false;

	while (!cursor_end(c) && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t'))
		c->at++;
	if (cursor_end(c))
		return false;
	const char *from = c->at;

	for (; !cursor_end(c) && (quoted || (*c->at != ' ' && *c->at != '\n')); c->at++)
		quoted ^= *c->at == '"';
	*ret_param = (struct span){ from, (size_t)(c->at - from) };
	return true;
}

/* It had no value so far: what is added is its owner's words. */
static void make_secret(struct setting *row)
{
	if (row_has(row->has, SETTING_words))
		return;
	row->words = row->value;
	row->value = 0;
	row->has &= ~((has_t)1 << SETTING_value);
	row_set(&row->has, SETTING_words);
}

/* A parameter that comes again, as console= does, adds to the row that is there. */
static int add_param(struct table *t, size_t before, struct span name, struct span value)
{
	bool secret = !listed(name, plain_params, ARRAY_SIZE(plain_params)) && value.len > 0;
	text_t key = table_intern(t, name.at, name.len);

	for (size_t i = before; i < t->n; i++) {
		struct setting *row = table_at(t, i);
		char text[SETTING_VALUE_MAX];

		if (row->name != key)
			continue;
		if (secret)
			make_secret(row);
		text_t *slot = row_has(row->has, SETTING_words) ? &row->words : &row->value;
		int len = snprintf(text, sizeof(text), "%s%s%.*s", table_text(t, *slot),
			*slot ? " " : "",
			(int)(value.len < sizeof(text) ? value.len : sizeof(text)), value.at);

		*slot = table_intern(
			t, text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
		return 0;
	}
	return setting_put(t, "boot", "", name, value, secret);
}

/*
 * Parse /proc/cmdline into rows of boot. What comes after "--" is init's.
 *
 * Shape:  "name=value name ...", blanks in double quotes are part of a value, one line.
 * Errors: none: no parameters, as in some containers, are no rows.
 * Source: kernel/params.c, parse_args(), and lib/cmdline.c, next_arg().
 */
int boot_params_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len);
	size_t before = t->n;
	struct span param;

	while (next_param(&c, &param) && !span_eq(param, "--")) {
		const char *is = memchr(param.at, '=', param.len);
		struct span name = { param.at, is ? (size_t)(is - param.at) : param.len };
		struct span value = { is ? is + 1 : "", is ? param.len - name.len - 1 : 0 };

		if (name.len == 0)
			continue;
		int err = add_param(t, before, name, value);

		if (err < 0) {
			table_cut(t, before);
			return err;
		}
	}
	return 0;
}

/* "[mq-deadline] kyber none" is mq-deadline: what is chosen, not what there is. */
static struct span chosen(const char *text, size_t len)
{
	const char *from = memchr(text, '[', len);
	const char *to = from ? memchr(from, ']', len - (size_t)(from - text)) : NULL;

	if (!to)
		return (struct span){ text, len };
	return (struct span){ from + 1, (size_t)(to - from - 1) };
}

/* One file into a row named name. What is not there is no row. */
static int put_file(struct probe *p, struct table *t, const char *of, const char *what,
	const char *path, const char *name)
{
	char text[SETTING_VALUE_MAX];
	ssize_t n = host_read(p->host, path, text, sizeof(text));

	if (n < 0)
		return 0;
	return setting_put(
		t, of, what, (struct span){ name, strlen(name) }, chosen(text, (size_t)n), false);
}

static int read_system(struct probe *p, struct table *t)
{
	auto_strbuf names = { 0 };
	char path[PATH_SIZE];
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(system_files) && err == 0; i++)
		err = put_file(p, t, "system", "", system_files[i], system_files[i] + 4);
	host_list(p->host, CPU "vulnerabilities", &names);
	for (const char *name = NULL; err == 0 && (name = host_next_name(&names, name));) {
		if ((size_t)snprintf(path, sizeof(path), CPU "vulnerabilities/%s", name) <
			sizeof(path))
			err = put_file(p, t, "system", "", path, path + 4);
	}
	return err;
}

/* "queue/scheduler" is called scheduler. */
static const char *last_piece(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

struct device_class {
	const char *of, *dir;
	const char *const *file;
	size_t n_files;
	const char *skip[10]; /* prefixes of names that come and go, and say nothing */
};

static const struct device_class classes[] = {
	{ "disk", "sys/block", disk_files, ARRAY_SIZE(disk_files),
		{ "loop", "ram", "zram", "sr" } },
	{ "nic", "sys/class/net", nic_files, ARRAY_SIZE(nic_files),
		{ "lo", "veth", "cali", "lxc", "tap", "vnet", "docker", "br-" } },
};

static bool comes_and_goes(const struct device_class *c, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(c->skip) && c->skip[i]; i++) {
		if (strncmp(name, c->skip[i], strlen(c->skip[i])) == 0)
			return true;
	}
	return false;
}

/* Rows rx_queues and tx_queues, and which driver it has. */
static int read_nic_shape(struct probe *p, struct table *t, const char *nic)
{
	size_t rx = 0, tx = 0;
	auto_strbuf names = { 0 };
	char path[PATH_SIZE], text[256];
	int err = 0;

	snprintf(path, sizeof(path), "sys/class/net/%s/queues", nic);
	if (host_list(p->host, path, &names) == 0) {
		for (const char *name = NULL; (name = host_next_name(&names, name));) {
			rx += strncmp(name, "rx-", 3) == 0;
			tx += strncmp(name, "tx-", 3) == 0;
		}
		int n = snprintf(text, sizeof(text), "%zu", rx);

		err = setting_put(t, "nic", nic, (struct span){ "rx_queues", 9 },
			(struct span){ text, (size_t)n }, false);
		n = snprintf(text, sizeof(text), "%zu", tx);
		if (err == 0)
			err = setting_put(t, "nic", nic, (struct span){ "tx_queues", 9 },
				(struct span){ text, (size_t)n }, false);
	}
	snprintf(path, sizeof(path), "sys/class/net/%s/device/driver", nic);
	ssize_t len = err == 0 ? host_link(p->host, path, text, sizeof(text)) : -ENOENT;

	if (len > 0) {
		const char *driver = last_piece(text);

		err = setting_put(t, "nic", nic, (struct span){ "driver", 6 },
			(struct span){ driver, strlen(driver) }, false);
	}
	return err;
}

static int read_class(struct probe *p, struct table *t, const struct device_class *c)
{
	auto_strbuf names = { 0 };
	char path[PATH_SIZE];
	int err = 0;

	if (host_list(p->host, c->dir, &names) < 0)
		return 0;
	for (const char *name = NULL; err == 0 && (name = host_next_name(&names, name));) {
		if (comes_and_goes(c, name) || strlen(name) > 64)
			continue;
		if (probe_late(p))
			return -ETIME;
		for (size_t i = 0; i < c->n_files && err == 0; i++) {
			snprintf(path, sizeof(path), "%s/%s/%s", c->dir, name, c->file[i]);
			err = put_file(p, t, c->of, name, path, last_piece(c->file[i]));
		}
		if (err == 0 && strcmp(c->of, "nic") == 0)
			err = read_nic_shape(p, t, name);
	}
	return err;
}

static int read_text(struct probe *p, struct table *t, const char *path, size_t limit,
	int (*parse)(const char *buf, size_t len, struct table *t))
{
	auto_strbuf text = { 0 };

	if (host_read_all(p->host, path, limit, &text) < 0)
		return 0;
	int err = parse(strbuf_text(&text), text.len, t);

	return err == -ENODATA ? 0 : err;
}

/*
 * Every setting is a file of its own and may be missing; what is not there is no row. Sosreports
 * have the output of sysctl(8) instead of /proc/sys.
 */
static int read_setting(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_setting);

	if (!t)
		return 0;
	int err = read_text(p, t, "proc/cmdline", 65536, boot_params_parse);

	if (err == 0)
		err = read_system(p, t);
	for (size_t i = 0; i < ARRAY_SIZE(classes) && err == 0; i++)
		err = read_class(p, t, &classes[i]);
	if (err == 0 && !host_is_live(p->host))
		err = read_text(p, t, "sos_commands/kernel/sysctl_-a", 1 << 20, sysctl_list_parse);
	if (err == 0)
		err = setting_read_sysctl(p, t);
	if (err == -ENOMEM)
		return err;
	if (err == -ETIME)
		table_fail(t, STATE_LATE, "more settings than could be read in time");
	else if (t->n > 0)
		t->state = STATE_OK;
	return 0;
}

const struct source source_setting = {
	.name = "setting",
	.fills = { TABLE_setting },
	/* speed and duplex ask the driver under rtnl_lock, again and again while another has it. */
	.manner = MANNER_RISKY,
	.deadline_ns = 500000000,
	.read = read_setting,
};
