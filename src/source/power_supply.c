/* SPDX-License-Identifier: MIT */
#include "source/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BELOW "sys/class/power_supply"

static void put_line(struct probe *p, struct table *t, struct power_supply *row, const char *name,
	const char *file, unsigned int column)
{
	char path[300], text[64];

	snprintf(path, sizeof(path), BELOW "/%s/%s", name, file);
	int n = probe_line(p, path, text, sizeof(text));

	if (n >= 0)
		row_put(t->schema, row, column, table_intern(t, text, (size_t)n));
	else
		t->cell[column] = (uint8_t)state_of_errno(n);
}

/* drivers/power/supply/power_supply_sysfs.c. Most servers have none: an empty table says so. */
static int read_power_supply(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_power_supply);
	auto_strbuf names = { 0 };

	if (!t)
		return 0;
	int err = host_list(p->host, BELOW, &names);

	if (err < 0)
		return err;
	for (const char *name = NULL; (name = host_next_name(&names, name));) {
		struct power_supply row = { 0 };

		row_put(t->schema, &row, POWER_SUPPLY_name, table_intern(t, name, strlen(name)));
		put_line(p, t, &row, name, "type", POWER_SUPPLY_type);
		put_line(p, t, &row, name, "scope", POWER_SUPPLY_scope);
		struct power_supply *to = table_add(t);

		if (!to)
			return -ENOMEM;
		*to = row;
	}
	t->state = STATE_OK;
	return 0;
}

const struct source source_power_supply = {
	.name = "power_supply",
	.fills = { TABLE_power_supply },
	.deadline_ns = 200000000,
	.read = read_power_supply,
};
