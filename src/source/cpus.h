/* SPDX-License-Identifier: MIT */
/* The directories of CPUs below /sys/devices/system/cpu. */
#ifndef MURPHY_SOURCE_CPUS_H
#define MURPHY_SOURCE_CPUS_H

#include "source/source.h"

#define CPUS "sys/devices/system/cpu"

/* The number of a directory that is called as a CPU, "cpu12". */
bool cpus_number(const char *name, uint64_t *ret_cpu);

/*
 * Is it switched off, as half of them are where SMT is? It has no driver's files then, which says
 * nothing of the others. Not told, as of a CPU that nobody can switch off: no.
 */
bool cpus_off(struct probe *p, uint64_t cpu);

#endif
