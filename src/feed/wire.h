/* SPDX-License-Identifier: MIT */
/*
 * What a reader (a forked copy of this very process) sends to its parent through a pipe: tables as
 * they lie in memory, and captured bytes. Nothing else ever reads this form.
 */
#ifndef MURPHY_FEED_WIRE_H
#define MURPHY_FEED_WIRE_H

#include "base/strbuf.h"
#include "host/host.h"
#include "sample/frame.h"

enum wire_kind { WIRE_START, WIRE_TABLE, WIRE_TAP, WIRE_DONE };

/* One message: head, then len bytes. */
struct wire_head {
	uint32_t kind;
	uint32_t source; /* index in sources[] */
	uint64_t len;
};

/* Write to the pipe; the reader ends itself when the parent is gone. */
void wire_send_mark(int fd, enum wire_kind kind, size_t source);
void wire_send_table(int fd, size_t source, enum table_id id, const struct table *t);
void wire_send_tap(
	int fd, size_t source, char kind, const char *path, int err, const char *bytes, size_t len);

/* A table from the payload of WIRE_TABLE. 0, -EINVAL damaged, -ENOMEM. */
int wire_get_table(const char *buf, size_t len, enum table_id *ret_id, struct table **ret_table);

/* Hand the payload of WIRE_TAP to tap. 0 or -EINVAL. */
int wire_get_tap(const char *buf, size_t len, host_tap_fn *tap, void *arg);

#endif
