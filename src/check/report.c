/* SPDX-License-Identifier: MIT */
#include "check/report.h"

/* Was asked for, and there is no such file. */
static bool missing(const struct report *r, enum table_id id)
{
	const struct table *t = frame_table(r->model->now, id);

	return t && t->state == STATE_ABSENT;
}

static bool no_linux(const struct report *r)
{
	return missing(r, TABLE_kernel_stat) && missing(r, TABLE_meminfo);
}

bool report_is_blind(const struct report *r)
{
	return report_count(r, VERDICT_UNKNOWN) == r->n_results || no_linux(r);
}

int report_exit_code(const struct report *r)
{
	int code = 0;

	for (size_t i = 0; i < r->n_findings; i++) {
		if ((int)r->finding[i]->severity > code)
			code = (int)r->finding[i]->severity;
	}
	for (size_t i = 0; i < r->n_results && code == 0; i++) {
		if (r->result[i].verdict == VERDICT_UNKNOWN && r->result[i].state != STATE_ABSENT &&
			r->result[i].state != STATE_OK)
			return 3;
	}
	if (code == 0 && (no_linux(r) || (r->house && r->house->n_notices > 0)))
		return 3;
	return code;
}

size_t report_expired(const struct report *r)
{
	size_t n = 0;

	for (size_t i = 0; r->house && i < r->house->n_known; i++)
		n += r->house->known[i].until_ns <= r->now_ns;
	return n;
}

size_t report_count(const struct report *r, enum verdict verdict)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_results; i++)
		n += r->result[i].verdict == verdict;
	return n;
}
