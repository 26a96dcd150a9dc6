/* SPDX-License-Identifier: MIT */
#include "lab/sharers.h"

#define MIB UINT64_C(1048576)

/* On a small machine less is not missed. */
#define AT_LEAST (320 * MIB)

static int run(struct scene *s)
{
	uint64_t total, available, page = (uint64_t)sysconf(_SC_PAGESIZE);
	int err = scene_memory(&total, &available);
	unsigned n = err < 0 ? 0 : sharers_scale(total, 200);

	if (err < 0)
		return err;
	if (n == 0)
		return scene_skip(s, "this machine has too little memory");
	/* One page in the reach of each page table: as a large hash table that is hit at random. */
	uint64_t bytes = total / 100 * 13 > AT_LEAST ? total / 100 * 13 : AT_LEAST;
	uint64_t reach = page * (page / 8), places = bytes / n / page;
	struct sparse o = { "lab-table", places * reach, reach, page, -1 };
	struct sharer kind = { .comm = "lab-backend", .n = n, .percent = 100 };

	err = sharers_start(s, &o, &kind, 1);
	if (err < 0)
		return err;
	scene_say(s,
		"lab-backend (pid %d) and %u children have touched one page here and there of "
		"%ju MiB: %ju MiB of memory, %ju MiB of page tables",
		(int)kind.pid, n - 1, (uintmax_t)(o.size >> 20), (uintmax_t)(places * page >> 20),
		(uintmax_t)(n * sharers_table_bytes(&o, &kind) >> 20));
	scene_culprit(s, "process", kind.pid, "lab-backend");
	return scene_hold(s);
}

const struct lab lab_page_tables = {
	.name = "page-tables",
	.story = "Many processes map one big object with small pages: their page tables take more "
		 "memory than the object",
	.want = "mem.page-tables",
	.bounds = "up to 200 processes that wait, 14 % of memory, 320 MiB at least, in an own "
		  "cgroup; "
		  "refuses unless a quarter stays available",
	.root = true,
	.mild = true,
	.settle_s = 1,
	.run = run,
};
