/* SPDX-License-Identifier: MIT */
/* Bytes into one file, compressed when this build can; the file appears whole or not at all. */
#ifndef MURPHY_STORE_SINK_H
#define MURPHY_STORE_SINK_H

#include <stdbool.h>
#include <stddef.h>

struct sink;

/* path "-" is stdout. named: no O_TMPFILE. Errors as capture_new(). */
int sink_new(const char *path, bool force, bool named, struct sink **ret_sink, char *why);

/* 0 or -errno, which stays. */
int sink_write(struct sink *s, const void *bytes, size_t len);
int sink_error(const struct sink *s);

/* Flush, sync, give the file its name and free s. 0, or -errno and there is no file. */
int sink_finish(struct sink *s);
void sink_abort(struct sink *s);

#endif
