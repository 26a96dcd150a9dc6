/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "source/source.h"

#include <errno.h>
#include <string.h>

static bool percent(struct cursor *line, const char *name, double *ret_ratio)
{
	double value;

	cursor_blank(line);
	if (!cursor_lit(line, name) || !cursor_f64(line, &value) || value < 0)
		return false;
	*ret_ratio = value / 100;
	return true;
}

static int parse_half(struct cursor *line, unsigned int first, double *ratio, uint64_t *total,
	struct pressure *row)
{
	uint64_t us;

	if (row_has(row->has, first))
		return -EINVAL;
	if (!percent(line, "avg10=", &ratio[0]) || !percent(line, "avg60=", &ratio[1]) ||
		!percent(line, "avg300=", &ratio[2]))
		return -EINVAL;
	cursor_blank(line);
	if (!cursor_lit(line, "total=") || !cursor_u64(line, &us) || !cursor_end(line) ||
		__builtin_mul_overflow(us, 1000, total))
		return -EINVAL;
	for (unsigned int i = first; i < first + 4; i++)
		row_set(&row->has, i);
	return 0;
}

/*
 * Parse a file of /proc/pressure (and *.pressure of a cgroup). resource stays absent: the file
 * does not say it.
 *
 * Shape:  "some avg10=F avg60=F avg300=F total=N", the same for "full". cpu has no full before
 *         5.13; irq, since 6.1, has only full.
 * Units:  percent; total in microseconds.
 * Errors: -EINVAL malformed or repeated line, -ENODATA neither line.
 * Source: kernel/sched/psi.c, psi_show().
 */
int pressure_parse(const char *buf, size_t len, struct table *t)
{
	struct pressure pr = { 0 };
	struct cursor c = cursor_of(buf, len), line;
	double some[3] = { 0 }, full[3] = { 0 };
	struct span word;

	while (cursor_line(&c, &line)) {
		int err = 0;

		if (!cursor_word(&line, &word))
			continue;
		if (span_eq(word, "some"))
			err = parse_half(
				&line, PRESSURE_some_10s_ratio, some, &pr.some_total_ns, &pr);
		else if (span_eq(word, "full"))
			err = parse_half(
				&line, PRESSURE_full_10s_ratio, full, &pr.full_total_ns, &pr);
		if (err < 0)
			return err;
	}
	if (pr.has == 0)
		return -ENODATA;
	pr.some_10s_ratio = some[0];
	pr.some_60s_ratio = some[1];
	pr.some_300s_ratio = some[2];
	pr.full_10s_ratio = full[0];
	pr.full_60s_ratio = full[1];
	pr.full_300s_ratio = full[2];
	struct pressure *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = pr;
	return 0;
}

static int read_one(struct probe *p, struct table *t, const char *resource)
{
	char path[64], text[512];

	snprintf(path, sizeof(path), "proc/pressure/%s", resource);
	ssize_t n = host_read(p->host, path, text, sizeof(text));
	size_t before = t->n;
	int err = n < 0 ? (int)n : pressure_parse(text, (size_t)n, t);

	if (err < 0)
		return err;
	struct pressure *row = table_at(t, before);

	row->resource = table_intern(t, resource, strlen(resource));
	row_set(&row->has, PRESSURE_resource);
	return 0;
}

/* A row for each resource that answers; only when none does has the table a reason. */
static int read_pressure(struct probe *p)
{
	static const char *const resources[] = { "cpu", "memory", "io", "irq" };
	struct table *t = probe_table(p, TABLE_pressure);
	int first = 0;

	if (!t)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(resources); i++) {
		int err = read_one(p, t, resources[i]);

		if (i == 0)
			first = err;
		if (err == -EINVAL || err == -ENODATA) {
			table_fail(t, STATE_BROKEN,
				"/proc/pressure/%s: not in the form that this murphy knows",
				resources[i]);
			return 0;
		}
	}
	if (t->n > 0)
		t->state = STATE_OK;
	else if (state_of_errno(first) == STATE_ABSENT)
		table_fail(t, STATE_ABSENT, "PSI is off or older than Linux 4.20: boot with psi=1");
	else
		table_fail(t, state_of_errno(first), "/proc/pressure/cpu: %s", strerror(-first));
	return 0;
}

const struct source source_pressure = {
	.name = "pressure",
	.fills = { TABLE_pressure },
	.deadline_ns = 500000000,
	.read = read_pressure,
};
