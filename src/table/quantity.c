/* SPDX-License-Identifier: MIT */
#include "table/quantity.h"

#include <stdio.h>

struct human quantity_human(enum unit unit, struct reading value)
{
	struct human h;

	if (!reading_ok(value)) {
		snprintf(h.s, sizeof(h.s), "%s", state_name(value.state));
		return h;
	}
	switch (unit) {
	case UNIT_BYTES:
		return human_bytes(value.value);
	case UNIT_NS:
		return human_ns(value.value);
	case UNIT_RATIO:
		return human_ratio(value.value);
	case UNIT_PER_S:
		snprintf(h.s, sizeof(h.s), "%.16s/s", human_count(value.value).s);
		return h;
	case UNIT_BYTES_PER_S:
		snprintf(h.s, sizeof(h.s), "%.16s/s", human_bytes(value.value).s);
		return h;
	case UNIT_HZ:
		snprintf(h.s, sizeof(h.s), "%.2f GHz", value.value / 1e9);
		return h;
	case UNIT_NONE:
		snprintf(h.s, sizeof(h.s), "%.0f", value.value);
		return h;
	default:
		return human_number(value.value);
	}
}
