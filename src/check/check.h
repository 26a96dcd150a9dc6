/* SPDX-License-Identifier: MIT */
/*
 * A check judges a model: a row (question, needs) and a pure judge. One file each, registered by
 * its line in check.def, explained in docs/findings/ID.md, proved by a lab.
 */
#ifndef MURPHY_CHECK_CHECK_H
#define MURPHY_CHECK_CHECK_H

#include "base/arena.h"
#include "model/model.h"

enum verdict {
	VERDICT_UNKNOWN, /* could not look */
	VERDICT_FINE,
	VERDICT_SAD,
	VERDICT_YOUNG, /* needs more history than there is */
	VERDICT_ASK,   /* asked for more (judge_ask); judged again when it has come */
};

enum severity {
	SEVERITY_INFO,     /* harms nobody */
	SEVERITY_WARNING,  /* will hurt */
	SEVERITY_CRITICAL, /* people suffer now or within the hour */
};

enum confidence {
	CONFIDENCE_POSSIBLE, /* one signal */
	CONFIDENCE_LIKELY,   /* two independent signals */
	CONFIDENCE_CERTAIN,  /* the kernel said so */
};

enum entity_kind {
	ENTITY_HOST,
	ENTITY_PROCESS,    /* pid, name = comm */
	ENTITY_CGROUP,     /* name = path */
	ENTITY_DEVICE,     /* name = "sda" */
	ENTITY_MOUNT,      /* name = target */
	ENTITY_LISTENER,   /* name = "0.0.0.0:80" */
	ENTITY_CONNECTION, /* name = "10.0.0.1:80 10.0.0.2:4711" */
	ENTITY_SLAB,       /* name = cache */
	ENTITY_PEER, /* name = "192.0.2.1:53", or the address alone; on another machine or not */
	ENTITY_UNIT, /* name = "nginx.service" */
	ENTITY_ROW,  /* name = "softnet cpu=3": what has no kind of its own */
	ENTITY_INTERFACE, /* name = "eth0" */
};

struct known;

/* id + culprit is the same finding over time. Names are raw bytes: renderers escape them. */
struct entity {
	enum entity_kind kind;
	const char *name;
	uint64_t pid;       /* of a process, or the one behind a listener or connection; 0: none */
	const char *cgroup; /* of a process, where known; NULL */
	const char *detail; /* "31 connections", "D state 40 s"; NULL */
};

enum { ENTITIES_MAX = 8, EVIDENCE_MAX = 16, TODO_MAX = 6 };
/* A leaking process may well hold 65,536 sockets, and each is asked for. */
enum { ASKS_MAX = 1 << 20 };
/* In all, and of one check: a thousand throttled groups must not hide the dead disk. */
enum { FINDINGS_MAX = 256, FINDINGS_EACH_MAX = 10 };

struct evidence {
	const char *metric; /* "meminfo.available_bytes", or a derived "memory.available_ratio" */
	enum unit unit;
	struct reading value;
	const char *text;   /* instead of a value: "nfs_wait_on_request"; else NULL */
	const char *source; /* "/proc/meminfo" */
	struct reading threshold;
	enum alarm alarm; /* which side of the threshold is bad */
	const char *why;  /* why that threshold; NULL */
};

struct finding {
	const char *id; /* family.name, the check's id */
	enum severity severity;
	enum confidence confidence;
	double share;      /* 0..1, how much of the thing is taken: ranks equals */
	const char *title; /* the number that matters, the culprit; no full stop */
	struct evidence evidence[EVIDENCE_MAX];
	size_t n_evidence;
	const char *cause;
	struct entity culprits[ENTITIES_MAX]; /* the first is its identity */
	size_t n_culprits;
	struct entity victims[ENTITIES_MAX];
	size_t n_victims, more_victims; /* those that did not fit */
	const char *todo[TODO_MAX];     /* what to do, safest first; a command after two spaces */
	size_t n_todo;
	const char *refuted_if;
	uint64_t since_ns; /* boottime since when, 0: unknown */
	bool aside;        /* too small to be the cause of anything else */
	bool past;         /* an event that is over: of equals, what goes on now comes first */
	/* set by look */
	struct finding *parent;            /* the finding that explains this one */
	const struct known *known;         /* what accepts it (check/house.h): it is not told */
	const struct finding *known_cause; /* an accepted one that explains this one; NULL */
};

struct ask {
	enum table_id table;
	uint64_t key;
};

/* Where a judge puts what it has to say. All text lives in its arena. */
struct judgement {
	struct arena arena;
	const struct check *check; /* being judged */
	struct finding *finding[FINDINGS_MAX];
	size_t n_findings, lost_findings;
	struct ask *ask; /* in the arena */
	size_t n_asks, asks_size;
	struct ask *granted; /* what was read for asks of before, sorted; in the arena */
	size_t n_granted;
	enum state unknown_state; /* why the last judge said UNKNOWN */
	const char *unknown_why;
};

struct check {
	const char *id;
	const char *question; /* "Does a process wait for a disk that does not answer?" */
	/* Ids that nest below it when they share an entity, or one of the two is of the host. */
	const char *explains[8];
	/* The judge is not called when one that is not optional is missing. */
	struct need needs[NEEDS_MAX];
	enum model_id models[8];
	enum verdict (*judge)(const struct model *m, struct judgement *j);
};

extern const struct check *const checks[];
extern const size_t n_checks;

/*
 * A new finding of the check being judged. Never NULL: past FINDINGS_EACH_MAX the least severe of
 * the check's own gives way; what does not get in is a scratch one that is dropped. Both are
 * counted.
 */
struct finding *judge_finding(
	struct judgement *j, enum severity severity, enum confidence confidence);

/* Formatted text in the judgement's arena; never NULL. */
const char *judge_text(struct judgement *j, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * Add evidence; what does not fit is dropped. threshold may be reading_none(); why may be NULL.
 * metric, source and why must outlive the judgement (literals, or judge_text()).
 * Most values are bad from their threshold up (above it, where it is 0); _alarm() says it
 * otherwise.
 */
void finding_evidence(struct finding *f, const char *metric, enum unit unit, struct reading value,
	const char *source, struct reading threshold, const char *why);
void finding_evidence_alarm(struct finding *f, const char *metric, enum unit unit,
	struct reading value, const char *source, enum alarm alarm, struct reading threshold,
	const char *why);
void finding_evidence_text(
	struct finding *f, const char *metric, const char *text, const char *source);
void finding_culprit(struct finding *f, struct entity e);
void finding_victim(struct finding *f, struct entity e);
void finding_todo(struct finding *f, const char *text);

/* Why this check cannot tell: returns VERDICT_UNKNOWN. table names the reason; or say it. */
enum verdict judge_unknown(struct judgement *j, const struct model *m, enum table_id table);
enum verdict judge_unknown_why(struct judgement *j, enum state state, const char *why);

/*
 * Ask for row key of table (a need with .ask = true). True when it was looked for in this frame
 * already, found or not; false: it was asked for now, return VERDICT_ASK when no suspect is left to
 * ask for.
 */
bool judge_ask(struct judgement *j, const struct model *m, enum table_id table, uint64_t key);

/* Order of asks: by table, then by key. */
int ask_compare(const void *a, const void *b);

const char *severity_name(enum severity s);
const char *confidence_name(enum confidence c);
const char *entity_kind_name(enum entity_kind k);
const char *verdict_name(enum verdict v);

/* The value is beyond its threshold: this row made the finding, others are there for context. */
bool evidence_fired(const struct evidence *e);

bool entity_same(const struct entity *a, const struct entity *b);

#endif
