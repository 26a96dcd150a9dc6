/* SPDX-License-Identifier: MIT */
#include "lab/sharers.h"

#define MIB UINT64_C(1048576)

static int run(struct scene *s)
{
	uint64_t total, available;
	int err = scene_memory(&total, &available);
	unsigned n = err < 0 ? 0 : sharers_scale(total, 100);

	if (err < 0)
		return err;
	if (n == 0)
		return scene_skip(s, "this machine has too little memory");
	uint64_t bytes = total / 48 / MIB < 512 ? total / 48 / MIB * MIB : 512 * MIB;
	struct sparse o = { "lab-dense", bytes, bytes, bytes, -1 };
	struct sharer kind = { .comm = "lab-dense", .n = n, .percent = 100 };

	err = sharers_start(s, &o, &kind, 1);
	if (err < 0)
		return err;
	scene_say(s,
		"lab-dense (pid %d) and %u children use all of %ju MiB: %ju MiB of page tables",
		(int)kind.pid, n - 1, (uintmax_t)(bytes >> 20),
		(uintmax_t)(n * sharers_table_bytes(&o, &kind) >> 20));
	return scene_hold(s);
}

const struct lab lab_page_tables_few = {
	.name = "page-tables-few",
	.story =
		"Many processes use all of an object that they share: page tables are a small part "
		"of memory",
	.bounds = "up to 100 processes that wait, 4 % of memory in an own cgroup",
	.root = true,
	.settle_s = 1,
	.run = run,
};
