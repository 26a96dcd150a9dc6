/* SPDX-License-Identifier: MIT */
/*
 * A source turns the bytes of one interface into rows. One file each, registered by its line in
 * source.def; its parsers are pure and registered in parser.def.
 *
 * Every source runs in a process forked for it (feed/reader.h), so one that hangs, crashes or
 * changes its namespace harms nobody.
 */
#ifndef MURPHY_SOURCE_SOURCE_H
#define MURPHY_SOURCE_SOURCE_H

#include "host/host.h"
#include "sample/frame.h"
#include "sample/member.h"

enum { SOURCE_TABLES_MAX = 8 };

/* What a source works with during one read. */
struct probe {
	struct host *host;
	const struct frame *frame;     /* tables of uses, read before */
	const struct frame *was;       /* the frame before; NULL in the first */
	struct table **out;            /* by table id; use probe_table() */
	const uint64_t *asked[TABLES]; /* sorted keys that a check asked for */
	size_t n_asked[TABLES];
	const struct need *needs; /* all needs of the look, for keep */
	size_t n_needs;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC: stop and mark the table LATE */
	void *memory; /* bytes as the source says: zero at first, then what its last read left */
	int out_fd; /* where its tables go, not for children of the source that may hang; 0: none */
};

enum source_cost {
	COST_CHEAP, /* each look */
	COST_ASKED, /* only for the keys that a check asks for */
};

enum source_manner {
	MANNER_INLINE, /* not known to block: shares a process with its like */
	MANNER_RISKY,  /* may block or changes its process: one of its own */
};

struct source {
	const char *name;
	enum table_id fills[SOURCE_TABLES_MAX];
	enum table_id uses[SOURCE_TABLES_MAX];  /* must have been read before */
	enum table_id after[SOURCE_TABLES_MAX]; /* order only: read later than these */
	enum table_id only_with;                /* runs only where that table is wanted, too */
	int rank; /* of several that fill a table the lowest that works */
	enum source_cost cost;
	enum source_manner manner;
	bool exact_only; /* of no use where nobody asks for exact values: not started then */
	bool rows_only;  /* made without reading bytes of the host: a capture keeps the rows */
	size_t memory;   /* bytes that one read leaves to the next, in probe.memory; 0: none */
	uint64_t deadline_ns;
	const char *denied; /* what lifts STATE_DENIED: "needs CAP_SYSLOG or root" */
	/*
	 * 0, or -errno that becomes the state of every table of it that is still ABSENT and has
	 * no reason of its own.
	 */
	int (*read)(struct probe *p);
};

extern const struct source *const sources[];
extern const size_t n_sources;

/* False for a table that is only read row by row, for keys that a check asks for. */
bool source_reads_whole(enum table_id id);

/* The table to fill, NULL when nobody needs it in this frame or memory is out. */
struct table *probe_table(struct probe *p, enum table_id id);

/* A table of uses, NULL when it could not be read. */
const struct table *probe_used(const struct probe *p, enum table_id id);

/* True when somebody wants the row to stay. */
bool probe_keep(const struct probe *p, enum table_id id, const void *row);

/* need.verdict of the row, 0 when nobody has one. Cheap enough for each of 400,000 rows. */
uint32_t probe_verdict(const struct probe *p, enum table_id id, const void *row);

/* How long table id is to be watched; 0: it is not that kind of table. */
uint64_t needs_for_ns(const struct need *needs, size_t n_needs, enum table_id id);

/* Somebody wants table id exact, at whatever price. */
bool needs_exact(const struct need *needs, size_t n_needs, enum table_id id);

/* Somebody has a verdict of each row of table id, or wants it exact. */
bool needs_all(const struct need *needs, size_t n_needs, enum table_id id);

/* True once deadline_ns has passed: mark the table LATE and return. Cheap enough for every row. */
bool probe_late(const struct probe *p);

/*
 * Read path and hand it to parse with table id. Sets the table's state (OK, or what the error
 * says, with path in why). limit bounds the file.
 */
int probe_parse(struct probe *p, enum table_id id, const char *path, size_t limit,
	int (*parse)(const char *buf, size_t len, struct table *t));

/*
 * The same for text that was read already, with the error of reading it: for files that fill
 * several tables. t may be NULL.
 */
void probe_bytes(struct table *t, const char *path, int err, const struct strbuf *text,
	int (*parse)(const char *buf, size_t len, struct table *t));

/* The first line of path into buf, NUL-terminated, blanks at its end cut. Length or -errno. */
int probe_line(struct probe *p, const char *path, char *buf, size_t size);

/* The number that is all that stands in path: a file of /sys or /proc/sys. 0 or -errno. */
int probe_number(struct probe *p, const char *path, uint64_t *ret_value);

/*
 * Parsers take a page for 4096 bytes, as they see no machine. Where its pages are larger this
 * corrects the u64 columns of table id; a table with a value that no longer fits is BROKEN.
 */
void probe_rescale(struct probe *p, enum table_id id, const unsigned int *columns, size_t n);

/* The parsers: PARSER(name, table) in parser.def declares name_parse(). */
#define PARSER(name, id) int name##_parse(const char *buf, size_t len, struct table *t);
#include "source/parser.def"
#undef PARSER

#endif
