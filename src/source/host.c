/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "source/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DMI "sys/class/dmi/id/"

enum { NS_PER_S = 1000000000 };

static int add_row(struct table *t, const struct host_row *h)
{
	struct host_row *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = *h;
	return 0;
}

static bool has_word(struct cursor c, const char *text)
{
	struct span word;

	while (cursor_word(&c, &word)) {
		if (span_eq(word, text))
			return true;
	}
	return false;
}

/* "model name\t: Intel..." is name and value. */
static bool split_field(struct cursor *line, struct span *ret_name)
{
	if (!cursor_until(line, ':', ret_name))
		return false;
	while (ret_name->len > 0 &&
		(ret_name->at[ret_name->len - 1] == '\t' || ret_name->at[ret_name->len - 1] == ' '))
		ret_name->len--;
	cursor_blank(line);
	return true;
}

/*
 * The next field of /proc/cpuinfo's first CPU; a line that the end of the buffer cuts is not read.
 */
static bool next_field(struct cursor *c, struct span *ret_name, struct cursor *ret_value)
{
	while (cursor_line(c, ret_value) && c->at[-1] == '\n' && !cursor_end(ret_value)) {
		if (split_field(ret_value, ret_name))
			return true;
	}
	return false;
}

/*
 * Parse /proc/cpuinfo up to the end of the first CPU into a row with cpu_model and hypervisor. A
 * line that the end of buf cuts is not read, so the head of the file will do.
 *
 * Shape:  "name : value", an empty line after each CPU. x86 has "model name" and "flags"; others
 *         have only some of it (ppc64 "cpu", s390 "processor 0"), so nothing is required.
 * Errors: -ENODATA no line at all.
 * Source: arch/x86/kernel/cpu/proc.c, show_cpuinfo() and its like.
 */
int cpuinfo_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	struct host_row h = { 0 };
	struct span name;
	bool some = false;

	while (next_field(&c, &name, &line)) {
		some = true;
		if ((span_eq(name, "model name") || span_eq(name, "cpu")) && !h.cpu_model)
			row_put(t->schema, &h, HOST_cpu_model,
				table_intern(t, line.at, cursor_left(&line)));
		else if (span_eq(name, "flags"))
			row_put(t->schema, &h, HOST_hypervisor, has_word(line, "hypervisor"));
	}
	return some ? add_row(t, &h) : -ENODATA;
}

static void keep_text(
	struct table *t, struct cpu_type *row, unsigned int column, const struct cursor *line)
{
	if (!row_has(row->has, column))
		row_put(t->schema, row, column, table_intern(t, line->at, cursor_left(line)));
}

/*
 * Parse /proc/cpuinfo up to the end of the first CPU into a row. As cpuinfo_parse(), a line that
 * the end of buf cuts is not read.
 *
 * Shape:  "name : value"; nothing of it is required.
 * Errors: -ENODATA no line at all.
 * Source: arch/x86/kernel/cpu/proc.c, arch/arm64/kernel/cpuinfo.c and their like.
 */
int cpu_type_parse(const char *buf, size_t len, struct table *t)
{
	static const struct {
		const char *name;
		unsigned int column;
	} names[] = {
		{ "vendor_id", CPU_TYPE_vendor },
		{ "CPU implementer", CPU_TYPE_vendor },
		{ "model name", CPU_TYPE_model },
		{ "cpu", CPU_TYPE_model },
		{ "flags", CPU_TYPE_flags },
		{ "Features", CPU_TYPE_flags },
		{ "bugs", CPU_TYPE_bugs },
	};
	struct cursor c = cursor_of(buf, len), line;
	struct cpu_type row = { 0 };
	struct span name;
	bool some = false;

	while (next_field(&c, &name, &line)) {
		some = true;
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			if (span_eq(name, names[i].name))
				keep_text(t, &row, names[i].column, &line);
		}
	}
	if (!some)
		return -ENODATA;
	struct cpu_type *to = table_add(t);

	if (!to)
		return -ENOMEM;
	*to = row;
	return 0;
}

/*
 * Parse what host_cpu_signature() gives into a row with signature.
 *
 * Shape:  "signature TEXT", "none" on bare metal.
 * Errors: -ENODATA no such line.
 */
int cpu_signature_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;

	while (cursor_line(&c, &line)) {
		if (!cursor_lit(&line, "signature "))
			continue;
		struct cpu_type *row = table_add(t);

		if (!row)
			return -ENOMEM;
		keep_text(t, row, CPU_TYPE_signature, &line);
		return 0;
	}
	return -ENODATA;
}

/*
 * Parse /etc/os-release into a row with os.
 *
 * Shape:  NAME=value, value bare or in single or double quotes. Backslashes stay as they are.
 * Errors: -ENODATA no PRETTY_NAME.
 * Source: os-release(5).
 */
int os_release_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	struct host_row h = { 0 };

	while (cursor_line(&c, &line)) {
		if (!cursor_lit(&line, "PRETTY_NAME="))
			continue;
		size_t n = cursor_left(&line);

		if (n >= 2 && (*line.at == '"' || *line.at == '\'') && line.end[-1] == *line.at) {
			line.at++;
			n -= 2;
		}
		row_put(t->schema, &h, HOST_os, table_intern(t, line.at, n));
	}
	return row_has(h.has, HOST_os) ? add_row(t, &h) : -ENODATA;
}

/*
 * Parse a list of CPUs into a row with cpus_online.
 *
 * Shape:  "0-3,8", ascending.
 * Errors: -EINVAL malformed, -ENODATA empty.
 * Source: lib/vsprintf.c, bitmap_list_string().
 */
int cpu_list_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len);
	struct host_row h = { 0 };
	uint64_t first, last, next = 0;

	if (len == 0 || *buf == '\n')
		return -ENODATA;
	do {
		if (!cursor_u64(&c, &first))
			return -EINVAL;
		last = first;
		if (cursor_lit(&c, "-") && !cursor_u64(&c, &last))
			return -EINVAL;
		if (first < next || last < first || last > UINT32_MAX)
			return -EINVAL;
		h.cpus_online += last - first + 1;
		next = last + 1;
	} while (cursor_lit(&c, ","));
	if (cursor_left(&c) > 0 && *c.at != '\n')
		return -EINVAL;
	row_set(&h.has, HOST_cpus_online);
	return add_row(t, &h);
}

/*
 * Parse /proc/uptime into a row with uptime_ns.
 *
 * Shape:  "1562.12 3004.35": seconds since boot, idle seconds of all CPUs.
 * Errors: -EINVAL malformed, -ENODATA empty.
 * Source: fs/proc/uptime.c, uptime_proc_show().
 */
int uptime_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len);
	struct host_row h = { 0 };
	uint64_t s;
	double fraction;

	if (len == 0)
		return -ENODATA;
	if (!cursor_u64(&c, &s) || __builtin_mul_overflow(s, NS_PER_S, &h.uptime_ns))
		return -EINVAL;
	/* Its fraction apart: a double holds no nanoseconds of a year. */
	if (cursor_left(&c) > 1 && *c.at == '.') {
		char text[16] = "0";
		size_t n = cursor_left(&c) < 10 ? cursor_left(&c) : 10;

		memcpy(text + 1, c.at, n);
		struct cursor f = cursor_of(text, n + 1);

		if (!cursor_f64(&f, &fraction) ||
			__builtin_add_overflow(
				h.uptime_ns, (uint64_t)(fraction * NS_PER_S + 0.5), &h.uptime_ns))
			return -EINVAL;
	}
	row_set(&h.has, HOST_uptime_ns);
	return add_row(t, &h);
}

/* Move what the last row has into the first, so that each parser may make a row of its own. */
static void merge_last(struct table *t)
{
	struct host_row *to = table_at(t, 0), *from = table_at(t, t->n - 1);

	for (unsigned int i = 0; i < HOST_COLUMNS; i++) {
		const struct column *c = &t->schema->columns[i];
		bool narrow = c->type == TYPE_u32 || c->type == TYPE_text;

		if (!row_has(from->has, i))
			continue;
		memcpy((char *)to + c->offset, (char *)from + c->offset, narrow ? 4 : 8);
		row_set(&to->has, i);
	}
	table_drop_last(t);
}

/* What cannot be read leaves its cells empty with the reason. */
static void read_part(struct probe *p, struct table *t, const char *path, size_t limit,
	int (*parse)(const char *buf, size_t len, struct table *t), unsigned int column)
{
	auto_strbuf text = { 0 };
	int err = host_read_all(p->host, path, limit, &text);

	if (err == 0)
		err = parse(strbuf_text(&text), text.len, t);
	if (err == 0)
		merge_last(t);
	else
		t->cell[column] = (uint8_t)state_of_errno(err);
}

static void read_text(struct probe *p, struct table *t, const char *path, unsigned int column)
{
	char text[256];
	int n = probe_line(p, path, text, sizeof(text));

	if (n >= 0)
		row_put(t->schema, table_at(t, 0), column, table_intern(t, text, (size_t)n));
	else
		t->cell[column] = (uint8_t)state_of_errno(n);
}

/* "Dell Inc. PowerEdge R640"; machines without DMI name themselves in their device tree. */
static void read_machine(struct probe *p, struct table *t)
{
	char vendor[128], product[128], text[257];
	int n = probe_line(p, DMI "sys_vendor", vendor, sizeof(vendor));

	if (n < 0) {
		read_text(p, t, "sys/firmware/devicetree/base/model", HOST_machine);
		return;
	}
	bool named = probe_line(p, DMI "product_name", product, sizeof(product)) > 0;
	int len = snprintf(
		text, sizeof(text), "%s%s%s", vendor, named ? " " : "", named ? product : "");

	row_put(t->schema, table_at(t, 0), HOST_machine, table_intern(t, text, (size_t)len));
}

static void read_signature(struct probe *p, struct table *t)
{
	auto_strbuf text = { 0 };
	int err = host_cpu_signature(p->host, &text);

	if (err == 0)
		err = cpu_signature_parse(strbuf_text(&text), text.len, t);
	if (err < 0) {
		t->cell[CPU_TYPE_signature] = (uint8_t)state_of_errno(err);
		return;
	}
	text_t signature = ((struct cpu_type *)table_at(t, 1))->signature;

	table_drop_last(t);
	row_put(t->schema, table_at(t, 0), CPU_TYPE_signature, signature);
}

static void read_cpu_type(struct probe *p, struct table *t, int err, const struct strbuf *cpuinfo)
{
	char text[128];

	if (!t)
		return;
	probe_bytes(t, "proc/cpuinfo", err, cpuinfo, cpu_type_parse);
	if (t->state != STATE_OK)
		return;
	read_signature(p, t);
	int n = probe_line(
		p, "sys/devices/system/cpu/vulnerabilities/meltdown", text, sizeof(text));

	if (n >= 0)
		row_put(t->schema, table_at(t, 0), CPU_TYPE_meltdown,
			table_intern(t, text, (size_t)n));
	else
		t->cell[CPU_TYPE_meltdown] = (uint8_t)state_of_errno(n);
}

/* Read once for both: some kernels measure the frequency of every CPU each time it is opened. */
static void read_cpuinfo(struct probe *p, struct table *t)
{
	auto_strbuf text = { 0 };
	int err = host_read_all(p->host, "proc/cpuinfo", 8192, &text);

	read_cpu_type(p, probe_table(p, TABLE_cpu_type), err, &text);
	if (!t)
		return;
	if (err == 0)
		err = cpuinfo_parse(strbuf_text(&text), text.len, t);
	if (err == 0)
		merge_last(t);
	else
		t->cell[HOST_cpu_model] = (uint8_t)state_of_errno(err);
}

static int read_host(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_host);

	if (t && !table_add(t))
		return -ENOMEM;
	read_cpuinfo(p, t);
	if (!t)
		return 0;
	t->state = STATE_OK;
	read_text(p, t, "proc/sys/kernel/hostname", HOST_name);
	read_text(p, t, "proc/sys/kernel/osrelease", HOST_release);
	read_text(p, t, "proc/sys/kernel/random/boot_id", HOST_boot_id);
	read_machine(p, t);
	read_part(p, t, "etc/os-release", 16384, os_release_parse, HOST_os);
	read_part(p, t, "sys/devices/system/cpu/online", 4096, cpu_list_parse, HOST_cpus_online);
	read_part(p, t, "proc/uptime", 128, uptime_parse, HOST_uptime_ns);
	return 0;
}

const struct source source_host = {
	.name = "host",
	.fills = { TABLE_host, TABLE_cpu_type },
	.deadline_ns = 500000000,
	.read = read_host,
};
