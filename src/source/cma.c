/* SPDX-License-Identifier: MIT */
#include "source/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BELOW "sys/kernel/mm/cma"

/* Bytes. 0 or -errno. */
static int read_pages(struct probe *p, const char *name, const char *file, uint64_t *ret_bytes)
{
	char path[300];
	uint64_t pages;

	snprintf(path, sizeof(path), BELOW "/%s/%s", name, file);
	int err = probe_number(p, path, &pages);

	if (err == 0 && __builtin_mul_overflow(pages, (uint64_t)host_page_size(p->host), ret_bytes))
		err = -ERANGE;
	return err;
}

static int add_area(struct probe *p, struct table *t, const char *name)
{
	uint64_t total = 0, available = 0;
	text_t text = table_intern(t, name, strlen(name));
	int err = read_pages(p, name, "total_pages", &total);

	if (err == 0)
		err = read_pages(p, name, "available_pages", &available);
	if (err == 0 && available > total)
		err = -EINVAL;
	void *row = table_add(t);

	if (!row || !text)
		return -ENOMEM;
	row_put(t->schema, row, CMA_name, text);
	if (err < 0) { /* before 6.11 only successes and failures are counted */
		t->cell[CMA_total_bytes] = t->cell[CMA_device_bytes] = (uint8_t)state_of_errno(err);
		return 0;
	}
	row_put(t->schema, row, CMA_total_bytes, total);
	row_put(t->schema, row, CMA_device_bytes, total - available);
	return 0;
}

/* mm/cma_sysfs.c. Without CONFIG_CMA_SYSFS the table is absent. */
static int read_cma(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_cma);
	auto_strbuf names = { 0 };

	if (!t)
		return 0;
	int err = host_list(p->host, BELOW, &names);

	for (const char *name = NULL; err == 0 && (name = host_next_name(&names, name));)
		err = add_area(p, t, name);
	if (err == 0)
		t->state = STATE_OK;
	return err;
}

const struct source source_cma = {
	.name = "cma",
	.fills = { TABLE_cma },
	.deadline_ns = 200000000,
	.read = read_cma,
};
