/* SPDX-License-Identifier: MIT */
/* Processes summed by name: who fills the process table, whole or one part of it. */
#ifndef MURPHY_MODEL_CROWD_H
#define MURPHY_MODEL_CROWD_H

#include "model/process.h"

struct crowd {
	const char *comm;
	uint64_t pid; /* of that name the one with most threads */
	uint64_t processes, threads;
};

/*
 * The max names with most threads among the processes that counts() takes (NULL: all but kernel
 * threads), most first. Returns how many there are in ret, 0 also when memory is out.
 */
size_t crowd_top(const struct process_model *pm,
	bool (*counts)(const struct process_facts *p, const void *arg), const void *arg,
	struct arena *a, struct crowd *ret, size_t max);

#endif
