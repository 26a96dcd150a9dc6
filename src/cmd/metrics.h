/* SPDX-License-Identifier: MIT */
/* murphy assert --list: what expressions can name. */
#ifndef MURPHY_CMD_METRICS_H
#define MURPHY_CMD_METRICS_H

#include "cmd/command.h"
#include "sample/tables.h"

/* All, or those whose name or meaning has the operand in it, but tables of cannot. An exit code. */
int metrics_list(const struct args *a, const bool cannot[TABLES]);

#endif
