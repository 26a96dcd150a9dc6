/* SPDX-License-Identifier: MIT */
/* Children that have ended and that their parents have not waited for. */
#ifndef MURPHY_MODEL_ZOMBIES_H
#define MURPHY_MODEL_ZOMBIES_H

#include "model/model.h"

struct zombie_parent {
	uint64_t pid;             /* of the parent */
	uint64_t zombies;         /* of it */
	uint64_t settled;         /* of those, that were zombies in the frame before too */
	uint64_t reaped;          /* zombies of the frame before that are gone */
	uint64_t oldest_start_ns; /* when the one of them that was started first was */
	uint64_t example;         /* pid of that one */
};

struct zombies_model {
	enum state state;          /* of the process table */
	uint64_t zombies;          /* of all */
	struct zombie_parent *row; /* most zombies first */
	size_t n;
	uint64_t elapsed_ns; /* between the frames, 0: only one */
};

/* A process that has ended and is not only the main thread of one that goes on without it. */
bool zombie(const struct process *p);

#endif
