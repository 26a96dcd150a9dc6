/* SPDX-License-Identifier: MIT */
/* A long wire between two network namespaces: each packet takes its time, in order. */
#ifndef MURPHY_LAB_WIRE_H
#define MURPHY_LAB_WIRE_H

#include "lab/lab.h"

struct wire {
	/* Who is in the namespace of each end, and what its device is called there. */
	pid_t pid[2];
	const char *name[2];
	unsigned delay_ms; /* one way */
	unsigned packets;  /* of 2 KiB that a queue holds, one each way; 0: WIRE_PACKETS */
};

enum { WIRE_PACKETS = 4096 };

/*
 * Body of scene_child_done(): makes the devices, then carries. What does not fit into a
 * queue waits in the device, whose own queue is bounded and drops.
 */
void wire_carry(int done, const void *wire) __attribute__((noreturn));

#endif
