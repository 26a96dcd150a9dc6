/* SPDX-License-Identifier: MIT */
#ifndef MURPHY_LAB_CLOCK_H
#define MURPHY_LAB_CLOCK_H

#include "lab/lab.h"

/* A process named comm that does nothing but read the clock. Its pid or -errno. */
pid_t clock_reader(struct scene *s, const char *comm);

#endif
