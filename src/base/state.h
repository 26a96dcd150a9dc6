/* SPDX-License-Identifier: MIT */
/*
 * Unknown is a value. Absent, denied, late and broken are different things, and none of them is
 * zero; zero-initialised means absent.
 */
#ifndef MURPHY_BASE_STATE_H
#define MURPHY_BASE_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum state {
	STATE_ABSENT, /* this kernel, capture or moment does not have it */
	STATE_OK,
	STATE_DENIED, /* a privilege would show it */
	STATE_LATE,   /* the deadline passed first; rows that came in time may be there */
	STATE_BROKEN, /* it answered, and the answer made no sense */
};

/* A derived number and whether it is one. */
struct reading {
	enum state state;
	double value;
};

/* "absent", "ok", ... Static. */
const char *state_name(enum state state);

/* The inverse: false when name is none of them. */
bool state_parse(const char *name, enum state *ret_state);

/*
 * What a negative errno says about a reading: -ENOENT is absent, -EACCES denied, the rest broken.
 */
enum state state_of_errno(int err);

static inline struct reading reading_of(double value)
{
	return (struct reading){ STATE_OK, value };
}

/* A reading without a value: why is not STATE_OK. */
static inline struct reading reading_none(enum state why)
{
	return (struct reading){ why, 0 };
}

static inline bool reading_ok(struct reading r)
{
	return r.state == STATE_OK;
}

/* On which side of a threshold a value is an alarm. */
enum alarm {
	ALARM_NONE,  /* on neither: it is there to compare with */
	ALARM_ABOVE, /* > */
	ALARM_FROM,  /* >= */
	ALARM_BELOW, /* < */
	ALARM_TO,    /* <= */
};

/* False where one of the two is not known. */
bool alarm_fired(enum alarm alarm, struct reading value, struct reading threshold);

/*
 * was and now are a counter's values elapsed_ns apart. A counter that went back, or no time
 * between, gives absent, not 0.
 */
struct reading rate_per_s(uint64_t was, uint64_t now, uint64_t elapsed_ns);

/* part / whole, absent when whole is 0. */
struct reading ratio_of(double part, double whole);

#endif
