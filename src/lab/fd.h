/* SPDX-License-Identifier: MIT */
/* The fd-limit lab and its twin. */
#ifndef MURPHY_LAB_FD_H
#define MURPHY_LAB_FD_H

#include "lab/lab.h"

/* A process of that name with open descriptors of limit. Its pid or -errno. */
pid_t fd_open_many(struct scene *s, const char *comm, unsigned open, unsigned limit);

#endif
