/* SPDX-License-Identifier: MIT */
#include "lab/limit.h"

#define MIB 1048576UL
/* Of version 2's groups. Neither is near what all read together, so that it is no ceiling. */
#define SLOW (1 * MIB)
#define FAST (12 * MIB)

enum { GROUPS = 2, STEP_MS = 120 };

static int make_groups(struct scene *s, const struct slow_disk *d, struct cgroup groups[GROUPS])
{
	int err = 0;

	for (unsigned i = 0; err == 0 && i < GROUPS; i++) {
		struct io_limit limit = { .v2 = "rbps", .value = i ? FAST : SLOW };

		err = cgroup_beside(s, &d->group, i, &groups[i]);
		if (err == 0)
			err = limit_set(&groups[i], &d->below, &limit);
	}
	return err;
}

/*
 * Version 2: a limit that changes under load counts no more before Linux 6.6 (what was read too
 * much is carried over as a number without a sign). So the limits stay, and the readers move.
 */
static int move_readers(const struct cgroup groups[GROUPS], struct cgroup now)
{
	int err = 0;

	for (unsigned i = 0; err == 0; i++) {
		const struct cgroup *next = &groups[i % GROUPS];

		err = cgroup_move(&now, next);
		now = *next;
		scene_nap(STEP_MS);
	}
	return err;
}

static int run(struct scene *s)
{
	struct cgroup groups[GROUPS];
	struct slow_disk d;
	int err = limit_crowd(s, &d);

	if (err == 0 && d.group.version == 2)
		err = make_groups(s, &d, groups);
	if (err < 0)
		return err;
	scene_ready(s);
	return d.group.version == 2 ? move_readers(groups, d.group)
				    : limit_waver(&d.group, &d.below, d.limit);
}

const struct lab lab_io_saturated = {
	.name = "io-saturated",
	.story = "A job reads all that a slow disk gives, and somebody else waits in its queue",
	.want = "io.saturated",
	.bounds = "160 MiB of disk, two loop devices at 1 to 12 MiB/s",
	.root = true,
	.settle_s = 3,
	.run = run,
};
