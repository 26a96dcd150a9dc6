/* SPDX-License-Identifier: MIT */
#include "cmd/metrics.h"

#include "base/glob.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "engine/metric.h"
#include "render/json_report.h"

#include <string.h>

/* How a column is to be used: what expressions call its unit. */
static const char *unit_words(const struct column *c)
{
	if (c->type == TYPE_text)
		return "text";
	switch (c->unit) {
	case UNIT_BYTES:
		return "bytes";
	case UNIT_NS:
		return "time";
	case UNIT_RATIO:
		return "share";
	case UNIT_PER_S:
		return "per second";
	case UNIT_BYTES_PER_S:
		return "bytes per second";
	case UNIT_HZ:
		return "hertz";
	default:
		return "number";
	}
}

/* * and ? stand for something: then it must match the name; else it is somewhere in the line. */
static bool wanted(const char *pattern, const char *name, const char *help)
{
	if (!pattern || strcasestr(name, pattern) || strcasestr(help, pattern))
		return true;
	return strpbrk(pattern, "*?") && glob_match(pattern, name);
}

static void put_json(struct strbuf *out, const char *name, enum table_id id, const struct column *c)
{
	static const char *const roles[] = { "key", "gauge", "counter", "label" };
	struct json j = json_begin_kind(out, "metric");

	json_member(&j, "name", name);
	json_member(&j, "unit", c->type == TYPE_text ? "text" : unit_name(c->unit));
	json_member(&j, "role", roles[c->role]);
	json_key(&j, "rows");
	json_bool(&j, !metric_single(id));
	json_member(&j, "help", c->help);
	json_member(&j, "table", schemas[id]->help);
	json_end_kind(&j);
}

static void put_table(struct strbuf *out, const char *pattern, bool json, enum table_id id)
{
	const struct schema *s = schemas[id];
	bool told = false;

	for (unsigned int i = 0; i < s->n_columns; i++) {
		const struct column *c = &s->columns[i];
		auto_strbuf name = { 0 };

		strbuf_printf(&name, "%s.%s", s->name, c->name);
		out->failed |= name.failed;
		if (c->unit == UNIT_HASH || !wanted(pattern, strbuf_text(&name), c->help))
			continue;
		if (json) {
			put_json(out, strbuf_text(&name), id, c);
			continue;
		}
		if (!told)
			strbuf_printf(out, "%s%s: %s%s\n", out->len ? "\n" : "", s->name, s->help,
				metric_single(id) ? "" : " (many rows)");
		told = true;
		strbuf_printf(out, "  %-38s %-8s %-8s %s%s%s\n", strbuf_text(&name), unit_words(c),
			c->role == ROLE_COUNTER ? "counter"
			: c->role == ROLE_KEY   ? "key"
						: "",
			c->help, metric_words(id, i) ? "; one of " : "",
			metric_words(id, i) ? metric_words(id, i) : "");
	}
}

int metrics_list(const struct args *a, const bool cannot[TABLES])
{
	auto_strbuf out = { 0 };
	const char *pattern = a->n_operands > 0 ? a->operand[0] : NULL;

	if (a->n_operands > 1)
		return usage_error(a->command, "--list takes one PATTERN");
	for (int id = 1; id < TABLES; id++) {
		if (!cannot[id])
			put_table(&out, pattern, args_get(a, "json") != NULL, (enum table_id)id);
	}
	if (!out.failed && out.len == 0)
		return usage_error(a->command, "no metric has '%s' in it", pattern);
	return print_text(&out);
}
