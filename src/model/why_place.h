/* SPDX-License-Identifier: MIT */
/* What somebody waits for, by the place where he was found. Of model/why.c only. */
#ifndef MURPHY_MODEL_WHY_PLACE_H
#define MURPHY_MODEL_WHY_PLACE_H

#include "model/why.h"

/* A TCP socket of one of the processes. */
struct why_socket {
	uint64_t pid;
	const struct tcp_socket *row;
};

struct why_scene {
	const struct model *m;
	struct arena *arena;
	struct why_socket *socket;
	size_t n_sockets;
	uint8_t listens[65536 / 8]; /* local ports that somebody listens on */
	bool thrashes;              /* what it reads are pages that a limit has pushed out */
};

/* Sockets of the table process_socket. 0 or -ENOMEM. */
int why_scene_sockets(struct why_scene *w);

/* Who waits for the processes: fills clients and what goes with them. */
void why_scene_clients(const struct why_scene *w, struct why *ret_why);

/* The state that a sleeping task at p is in; text says more, never NULL. */
struct why_found {
	enum why_state state;
	const char *text;
	uint64_t holder, age_ns; /* as in struct why_place */
};
struct why_found why_find(const struct why_scene *w, const struct task_place *p);

#endif
