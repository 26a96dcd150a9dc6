/* SPDX-License-Identifier: MIT */
/* How often links came and went: net/core/net-sysfs.c, carrier_changes (since 3.15). */
#include "source/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DIR "sys/class/net"

/* A host of containers has a virtual interface for each: then only those with a device are read. */
enum { ALL_MAX = 64, TARGET_MAX = 512 };

static size_t count_names(const struct strbuf *names)
{
	size_t n = 0;

	for (const char *name = NULL; (name = host_next_name(names, name));)
		n++;
	return n;
}

/* The link's target of one without a device is ".../devices/virtual/net/veth0". */
static bool is_virtual(struct probe *p, const char *name)
{
	char path[96], target[TARGET_MAX];

	snprintf(path, sizeof(path), DIR "/%.64s", name);
	ssize_t n = host_link(p->host, path, target, sizeof(target));

	return n > 0 && memmem(target, (size_t)n, "/virtual/", 9);
}

static int read_one(struct probe *p, struct table *t, const char *name, bool virtual)
{
	uint64_t changes;
	char path[128];

	snprintf(path, sizeof(path), DIR "/%.64s/carrier_changes", name);
	int err = probe_number(p, path, &changes);

	if (err < 0)
		return err;
	struct carrier *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, CARRIER_name, table_intern(t, name, strlen(name)));
	row_put(t->schema, row, CARRIER_changes, changes);
	row_put(t->schema, row, CARRIER_virtual, virtual);
	return 0;
}

static int read_carrier(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_carrier);
	auto_strbuf names = { 0 };
	int err = t ? host_list(p->host, DIR, &names) : 0;

	if (!t || err < 0)
		return err;
	bool all = count_names(&names) <= ALL_MAX;
	int failed = 0;

	for (const char *name = NULL; (name = host_next_name(&names, name));) {
		bool virtual = is_virtual(p, name);

		if (strcmp(name, "lo") == 0 || (virtual && !all))
			continue;
		/* bonding_masters is a file; an interface may go while we read. */
		err = read_one(p, t, name, virtual);
		if (err == -ENOMEM)
			return err;
		failed = err < 0 && err != -ENOTDIR ? err : failed;
		if (probe_late(p)) {
			table_fail(t, STATE_LATE, "too many network interfaces");
			return 0;
		}
	}
	/* A kernel that does not count is not one whose links are steady. */
	if (t->n == 0 && failed < 0)
		table_fail(t, state_of_errno(failed), "carrier_changes: %s", strerror(-failed));
	else
		t->state = STATE_OK;
	return 0;
}

const struct source source_carrier = {
	.name = "carrier",
	.fills = { TABLE_carrier },
	.deadline_ns = 300000000,
	.read = read_carrier,
};
