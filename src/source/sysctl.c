/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "source/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NS_PER_S = 1000000000, NS_PER_US = 1000, KIB = 1024, PAGES = 0 };

/* The at-th number of a file below /proc/sys, counted from 0. scale PAGES: times page size. */
static const struct {
	const char *path;
	unsigned int at, column;
	uint64_t scale;
} settings[] = {
	{ "vm/overcommit_memory", 0, SYSCTL_vm_overcommit_memory, 1 },
	{ "vm/dirty_ratio", 0, SYSCTL_vm_dirty_ratio, 1 },
	{ "vm/dirty_bytes", 0, SYSCTL_vm_dirty_bytes, 1 },
	{ "vm/dirty_background_ratio", 0, SYSCTL_vm_dirty_background_ratio, 1 },
	{ "vm/swappiness", 0, SYSCTL_vm_swappiness, 1 },
	{ "vm/min_free_kbytes", 0, SYSCTL_vm_min_free_bytes, KIB },
	{ "vm/max_map_count", 0, SYSCTL_vm_max_map_count, 1 },
	{ "fs/file-nr", 0, SYSCTL_fs_file_open, 1 },
	{ "fs/file-nr", 2, SYSCTL_fs_file_max, 1 },
	{ "kernel/pid_max", 0, SYSCTL_kernel_pid_max, 1 },
	{ "kernel/threads-max", 0, SYSCTL_kernel_threads_max, 1 },
	{ "kernel/hung_task_timeout_secs", 0, SYSCTL_kernel_hung_task_timeout_ns, NS_PER_S },
	{ "net/core/somaxconn", 0, SYSCTL_net_somaxconn, 1 },
	{ "net/core/netdev_max_backlog", 0, SYSCTL_net_backlog, 1 },
	{ "net/core/netdev_budget", 0, SYSCTL_net_budget, 1 },
	{ "net/core/netdev_budget_usecs", 0, SYSCTL_net_budget_ns, NS_PER_US },
	{ "net/core/dev_weight", 0, SYSCTL_net_dev_weight, 1 },
	{ "net/ipv4/tcp_max_syn_backlog", 0, SYSCTL_net_syn_backlog, 1 },
	{ "net/ipv4/tcp_abort_on_overflow", 0, SYSCTL_net_abort_on_overflow, 1 },
	{ "net/ipv4/ip_local_port_range", 0, SYSCTL_net_port_low, 1 },
	{ "net/ipv4/ip_local_port_range", 1, SYSCTL_net_port_high, 1 },
	{ "net/ipv4/tcp_mem", 1, SYSCTL_net_tcp_mem_pressure_bytes, PAGES },
	{ "net/ipv4/tcp_mem", 2, SYSCTL_net_tcp_mem_max_bytes, PAGES },
};

static int number_at(const char *text, size_t len, unsigned int at, uint64_t *ret_value)
{
	struct cursor c = cursor_of(text, len);
	uint64_t value;

	for (unsigned int i = 0; i <= at; i++) {
		if (!cursor_u64(&c, &value))
			return -EINVAL;
	}
	*ret_value = value;
	return 0;
}

/*
 * Every setting is a file of its own, so each cell has its own state. What is known of one network
 * namespace is known of murphy's.
 */
static int read_sysctl(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_sysctl);
	uint64_t page = (uint64_t)host_page_size(p->host), value;
	int n = 0, some = 0;
	char path[96], text[128];

	void *row = t ? table_add(t) : NULL;

	if (!row)
		return t ? -ENOMEM : 0;
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		unsigned int column = settings[i].column;

		if (i == 0 || strcmp(settings[i].path, settings[i - 1].path) != 0) {
			snprintf(path, sizeof(path), "proc/sys/%s", settings[i].path);
			n = probe_line(p, path, text, sizeof(text));
		}
		int err = n < 0 ? n : number_at(text, (size_t)n, settings[i].at, &value);

		if (err == 0 && __builtin_mul_overflow(value,
					settings[i].scale ? settings[i].scale : page, &value))
			err = -EINVAL;
		if (err == 0)
			row_put(t->schema, row, column, value);
		else
			t->cell[column] = (uint8_t)state_of_errno(err);
		some += err == 0;
	}
	if (some > 0)
		t->state = STATE_OK;
	else
		table_fail(t, STATE_ABSENT, "/proc/sys has none of the settings");
	return 0;
}

const struct source source_sysctl = {
	.name = "sysctl",
	.fills = { TABLE_sysctl },
	.deadline_ns = 500000000,
	.read = read_sysctl,
};
