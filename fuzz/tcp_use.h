/* SPDX-License-Identifier: MIT */
#ifndef MURPHY_FUZZ_TCP_USE_H
#define MURPHY_FUZZ_TCP_USE_H

#include "table/table.h"

/*
 * All that murphy tcp does with the rows of t, a table tcp_socket: verdicts, predictions, views,
 * text and JSON. Aborts when a promise is broken.
 */
void fuzz_use_sockets(struct table *t);

#endif
