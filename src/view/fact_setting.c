/* SPDX-License-Identifier: MIT */
/* Sysctls, boot parameters, disks and interfaces: table setting, and which of it matters. */
#include "view/fact.h"

#include "base/cursor.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *of, *name;
	double weight, slack;
	const char *why;
} known[] = {
#define WHY(of, name, weight, slack, why) { of, name, weight, slack, why },
#include "view/setting_why.def"
#undef WHY
};

static const struct {
	const char *of;
	enum fact_id fact;
} kinds[] = {
	{ "sysctl", FACT_sysctl },
	{ "boot", FACT_boot_param },
	{ "system", FACT_system_setting },
	{ "disk", FACT_disk_setting },
	{ "nic", FACT_nic_setting },
};

static bool matches(const char *pattern, const char *name)
{
	size_t plain = strcspn(pattern, "*");

	/* Nearly all lines differ before the first '*'. */
	return strncmp(pattern, name, plain) == 0 && fnmatch(pattern, name, 0) == 0;
}

/* What is known of the setting; false when it is not to be compared. */
static bool know(const char *of, const char *name, struct fact *fact)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(known[i].of, of) != 0 || !matches(known[i].name, name))
			continue;
		fact->weight = known[i].weight;
		fact->slack = known[i].slack;
		fact->why = known[i].why;
		return known[i].weight > 0;
	}
	return true;
}

static void put_setting(struct facts *f, const struct table *t, const struct setting *s)
{
	const char *of = table_text(t, s->of), *what = table_text(t, s->what);
	const char *name = table_text(t, s->name);
	bool plain = row_has(s->has, SETTING_value);
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct fact fact = { .id = kinds[i].fact, .of = name };

		if (strcmp(kinds[i].of, of) != 0 || !know(of, name, &fact))
			continue;
		if (*what) {
			snprintf(text, sizeof(text), "%s %s", what, name);
			fact.of = text;
		}
		/* A redacted one has neither: it is there, its value is not known. */
		if (plain || row_has(s->has, SETTING_words))
			fact.text = table_text(t, plain ? s->value : s->words);
		facts_put(f, &fact);
	}
}

/* Each flag is a fact: there, or not. */
static void flag_facts(const struct model *m, struct facts *f)
{
	const struct table *t = frame_table(m->now, TABLE_cpu_type);
	const struct cpu_type *type = table_only(t);
	struct span word;

	if (!facts_from(f, FACT_cpu_flag, t) || !type)
		return;
	if (!row_has(type->has, CPU_TYPE_flags)) {
		f->state[FACT_cpu_flag] = (enum state)t->cell[CPU_TYPE_flags];
		return;
	}
	const char *flags = table_text(t, type->flags);
	struct cursor c = cursor_of(flags, strlen(flags));

	while (cursor_word(&c, &word)) {
		struct fact fact = { .id = FACT_cpu_flag, .text = "" };
		char flag[64];

		span_copy(word, flag, sizeof(flag));
		fact.of = flag;
		if (know("cpu", flag, &fact))
			facts_put(f, &fact);
	}
}

static bool has_some(const struct facts *f, enum fact_id id)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->fact[i].id == id)
			return true;
	}
	return false;
}

void facts_of_settings(const struct model *m, struct facts *f)
{
	const struct table *t = frame_table(m->now, TABLE_setting);

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		facts_from(f, kinds[i].fact, t);
	for (table_each(const struct setting, s, t))
		put_setting(f, t, s);
	flag_facts(m, f);
	/* A list of members without any was not read: a tree may lack the file. */
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (fact_kinds[kinds[i].fact].manner & FACT_MEMBER && f->state[kinds[i].fact] &&
			!has_some(f, kinds[i].fact))
			f->state[kinds[i].fact] = STATE_ABSENT;
	}
}
