/* SPDX-License-Identifier: MIT */
#include "base/state.h"

#include "base/attr.h"

#include <errno.h>
#include <string.h>

static const char *const names[] = {
	[STATE_ABSENT] = "absent",
	[STATE_OK] = "ok",
	[STATE_DENIED] = "denied",
	[STATE_LATE] = "late",
	[STATE_BROKEN] = "broken",
};

const char *state_name(enum state state)
{
	return names[state];
}

bool state_parse(const char *name, enum state *ret_state)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret_state = (enum state)i;
			return true;
		}
	}
	return false;
}

enum state state_of_errno(int err)
{
	switch (err) {
	case 0:
		return STATE_OK;
	case -ENOENT:
	case -ENOTDIR:
	case -ESRCH:
	case -ENODATA:
	case -ENOSYS:
	case -EOPNOTSUPP:
		return STATE_ABSENT;
	case -EACCES:
	case -EPERM:
		return STATE_DENIED;
	case -ETIME:
	case -ETIMEDOUT:
		return STATE_LATE;
	default:
		return STATE_BROKEN;
	}
}

struct reading rate_per_s(uint64_t was, uint64_t now, uint64_t elapsed_ns)
{
	if (now < was || elapsed_ns == 0)
		return reading_none(STATE_ABSENT);
	return reading_of((double)(now - was) * 1e9 / (double)elapsed_ns);
}

struct reading ratio_of(double part, double whole)
{
	if (whole <= 0)
		return reading_none(STATE_ABSENT);
	return reading_of(part / whole);
}

bool alarm_fired(enum alarm alarm, struct reading value, struct reading threshold)
{
	if (!reading_ok(value) || !reading_ok(threshold))
		return false;
	switch (alarm) {
	case ALARM_ABOVE:
		return value.value > threshold.value;
	case ALARM_FROM:
		return value.value >= threshold.value;
	case ALARM_BELOW:
		return value.value < threshold.value;
	case ALARM_TO:
		return value.value <= threshold.value;
	case ALARM_NONE:
		break;
	}
	return false;
}
