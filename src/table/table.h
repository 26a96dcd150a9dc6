/* SPDX-License-Identifier: MIT */
/*
 * Typed rows read at one moment. This layer knows schemas, no column: what a table means is in
 * sample/NAME.def.
 */
#ifndef MURPHY_TABLE_TABLE_H
#define MURPHY_TABLE_TABLE_H

#include "base/attr.h"
#include "base/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum column_type { TYPE_u32, TYPE_u64, TYPE_s64, TYPE_f64, TYPE_text };

enum column_role {
	ROLE_KEY,     /* rows of two readings are joined by it */
	ROLE_GAUGE,   /* a value now */
	ROLE_COUNTER, /* only grows; its rate means something */
	ROLE_LABEL,   /* describes the row */
};

enum unit {
	UNIT_NONE, /* a name, an id, an enumeration: nothing to compute with */
	UNIT_COUNT,
	UNIT_BYTES,
	UNIT_NS,
	UNIT_RATIO, /* 0..1 */
	UNIT_PER_S,
	UNIT_BYTES_PER_S,
	UNIT_HZ,
	UNIT_NAME,    /* of a process, host, user: --redact replaces it */
	UNIT_PATH,    /* replaced piece by piece */
	UNIT_ADDRESS, /* replaced */
	UNIT_HASH,    /* FNV-1a 64 of a path: replaced with it */
	UNIT_SECRET,  /* may hold anything (command lines): dropped by --redact */
};

enum table_kind {
	KIND_STATE, /* as it is now; joined by key */
	KIND_EVENT, /* what happened; never carried over */
};

struct column {
	const char *name;
	enum column_type type;
	enum column_role role;
	enum unit unit;
	uint32_t offset; /* in the row */
	const char *help;
};

struct schema {
	const char *name;
	enum table_kind kind;
	const char *help;
	size_t row_size, n_columns;
	const struct column *columns;
};

/* An offset into the table's text; 0 is the empty text. See table_text(). */
typedef uint32_t text_t;

/* Every row struct begins with it: bit i says that column i has a value. */
typedef uint64_t has_t;

struct table {
	const struct schema *schema;
	enum state state; /* of the table as a whole; LATE may still have rows */
	/*
	 * "needs CAP_SYSLOG". OK with lost > 0: the rows that are there are good, those of others
	 * are known to be missing, and why says the reason; otherwise OK has an empty why.
	 */
	char why[120];
	const char *method;  /* the source that filled it, static */
	uint8_t cell[64];    /* per column: enum state of the cells without a has-bit */
	uint64_t taken_ns;   /* boottime when it was read */
	uint64_t cost_ns;    /* CPU time that it took */
	uint64_t seen, lost; /* rows before keep(); rows known to be missing */
	size_t n;
	void *row;
	/* private */
	size_t size;
	char *text;
	uint32_t text_len, text_size;
	uint32_t *text_slot, text_slots, text_n; /* open-addressed set of interned offsets */
	unsigned int refs;
	bool sorted;
};

/* An empty table in STATE_ABSENT with one reference, or NULL. */
struct table *table_new(const struct schema *schema) MUST_USE;
struct table *table_ref(struct table *t);
void table_unref(struct table *t);

/*
 * A new zeroed row at the end, NULL when memory is out. Rows move: it is valid until the next
 * table_add().
 */
void *table_add(struct table *t) MUST_USE;

/* Take back the row that was added last. */
void table_drop_last(struct table *t);

/* Take back every row from n on: what a parser that failed half-way had appended. */
void table_cut(struct table *t, size_t n);

/* Intern len bytes; 0 for empty text or when memory is out. Equal texts have equal values. */
text_t table_intern(struct table *t, const char *s, size_t len);

/* The text of a text_t of this table: never NULL, NUL-terminated, owned by the table. */
const char *table_text(const struct table *t, text_t text);

/* Memory that its rows and texts need. */
static inline size_t table_bytes(const struct table *t)
{
	return t->n * t->schema->row_size + t->text_len;
}

/* Row i. */
static inline void *table_at(const struct table *t, size_t i)
{
	return (char *)t->row + i * t->schema->row_size;
}

/* for (table_each(struct disk, d, t)): every row of t, which may be NULL. */
#define table_each(type, var, t)                               \
	type *var = (t) ? (type *)(t)->row : NULL,             \
	     *var##_stop = (t) && (t)->n ? var + (t)->n : var; \
	var < var##_stop;                                      \
	var++

/* True when t has rows that may be judged. */
static inline bool table_usable(const struct table *t)
{
	return t && (t->state == STATE_OK || (t->state == STATE_LATE && t->n > 0));
}

/* The only row of a one-row table; NULL when t is NULL, empty or not OK. */
const void *table_only(const struct table *t);

/* Sort by the key columns, once. Repeated keys keep the first row. 0 or -ENOMEM. */
int table_sort(struct table *t);

/*
 * The row whose first key column is key (a text key cannot be looked up so); NULL when there is
 * none. t may be NULL and must be sorted.
 */
void *table_find(const struct table *t, uint64_t key);

/* The row of t with the same keys as row, which is a row of of, a table of the same schema. */
void *table_same(const struct table *t, const struct table *of, const void *row);

/* Mark the whole table; formatted reason. A table that has rows keeps them only when LATE. */
void table_fail(struct table *t, enum state state, const char *fmt, ...) PRINTF_LIKE(3, 4);

static inline void row_set(has_t *has, unsigned int column)
{
	*has |= (has_t)1 << column;
}

static inline bool row_has(has_t has, unsigned int column)
{
	return has >> column & 1;
}

/* Store value in a u32 (cut), u64 or s64 column of row and set its has-bit. */
void row_put(const struct schema *schema, void *row, unsigned int column, uint64_t value);

/* Cell as a number with its state; a text column is absent. */
struct reading table_cell(const struct table *t, const void *row, unsigned int column);

/* The i-th column named name, or -1. */
int schema_column(const struct schema *schema, const char *name);

/* "bytes", "ns", ... as in docs/json.md. */
const char *unit_name(enum unit unit);

#endif
