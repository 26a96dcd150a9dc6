/* SPDX-License-Identifier: MIT */
#ifndef MURPHY_LAB_TASKS_H
#define MURPHY_LAB_TASKS_H

#include "lab/lab.h"

/*
 * A process named comm in a control group that may have limit tasks, with want children that only
 * wait; it tries again and again to have them all. Returns its pid, scene_skip()'s value or -errno.
 */
pid_t tasks_fill(
	struct scene *s, const char *comm, unsigned limit, unsigned want, struct cgroup *ret_group);

#endif
