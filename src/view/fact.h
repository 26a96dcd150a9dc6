/* SPDX-License-Identifier: MIT */
/*
 * What can be said of a machine in one value, made from a model: its processor, a sysctl, how long
 * a read takes. murphy diff compares the facts of two machines.
 */
#ifndef MURPHY_VIEW_FACT_H
#define MURPHY_VIEW_FACT_H

#include "model/model.h"

enum fact_id {
#define FACT(id, name, unit, weight, ratio, size, manner, why) FACT_##id,
#include "view/fact.def"
#undef FACT
	FACTS
};

enum fact_manner {
	FACT_MEMBER = 1 << 0, /* not there is a value too */
	FACT_NAMED = 1 << 1,  /* cannot be joined with a redacted capture */
	FACT_QUIET = 1 << 2,  /* nobody is told when only one side has it */
};

struct fact_kind {
	const char *id, *name;
	enum unit unit;
	double weight, ratio, size;
	unsigned int manner;
	const char *why;
};
extern const struct fact_kind fact_kinds[FACTS];

/* A number, and how many events it was made from: few of them are noise. 0: it is no count. */
struct measure {
	struct reading value;
	double events;
};

/* Text is the facts' arena's. */
struct fact {
	enum fact_id id;
	const char *of; /* "sda"; "" */
	const char
		*text; /* what is compared, NULL: the numbers are; without either it is not known */
	struct measure now;  /* as it is, or over the look */
	struct measure ever; /* of what is counted: mean since boot */
	double weight;       /* 0: the kind's */
	double slack;        /* texts of numbers that are that close are the same */
	const char *why;     /* outlives the facts; NULL: the kind's */
	enum state unseen;   /* DENIED, LATE, BROKEN: it could not be looked at, and why says so */
};

/*
 * Zero-initialised is none. Sorted by id and of, without repetition, once facts_sort() was called.
 */
struct facts {
	struct fact *fact;
	size_t n, size;
	enum state state[FACTS]; /* where they were to come from */
	const char *why[FACTS];
	bool redacted; /* names are pseudonyms */
	bool failed;   /* memory was out */
	struct arena arena;
};

void facts_release(struct facts *f);

/* Add one; texts are copied. The first of two with the same id and of is kept by facts_sort(). */
void facts_put(struct facts *f, const struct fact *fact);
void facts_text(struct facts *f, enum fact_id id, const char *of, const char *text);
void facts_number(struct facts *f, enum fact_id id, const char *of, struct reading value);

/*
 * Kind id comes from table t: its state is the table's. True when t can be used. Without a call the
 * kind is ABSENT.
 */
bool facts_from(struct facts *f, enum fact_id id, const struct table *t);

/* All facts of m, which needs the tables of fact_needs. f is zeroed before it. */
void facts_make(const struct model *m, struct facts *f);

/* Tables that facts are made from; ends with TABLE_none. */
extern const struct need fact_needs[];

/* The makers, a file each; facts_make() calls them. */
void facts_of_machine(const struct model *m, struct facts *f);
void facts_of_settings(const struct model *m, struct facts *f);
void facts_of_limits(const struct model *m, struct facts *f);
void facts_of_rates(const struct model *m, struct facts *f);

/* Sort them. Call when all are in. */
void facts_sort(struct facts *f);

#endif
