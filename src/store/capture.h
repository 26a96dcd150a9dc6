/* SPDX-License-Identifier: MIT */
/*
 * What sources were told by a machine, frame by frame, in one archive that host_open_root() reads:
 * a tar inside zstd (without libzstd a plain tar). The form is in docs/capture.md. Everything
 * streams: memory stays small whatever the machine.
 */
#ifndef MURPHY_STORE_CAPTURE_H
#define MURPHY_STORE_CAPTURE_H

#include "table/table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture;

struct capture_options {
	const char *path; /* "-": stdout */
	bool force;       /* replace a file that is there */
	bool redact;      /* no bytes, only rows without names: store/redact.h */
	bool named;       /* for tests: as on file systems that have no O_TMPFILE */
};

/*
 * Begin. Nothing appears at path before capture_finish(). 0 or -errno: -EEXIST without force,
 * -EINVAL path is no regular file. why, at least 160 bytes, says what is wrong.
 */
int capture_new(const struct capture_options *o, struct capture **ret_capture, char *why);

/* What comes from now on is of that frame. */
void capture_frame(struct capture *c, unsigned int index);

/* The clock of the frame, once. Boottime as host_boottime_ns() gave it to the frame. */
void capture_clock(struct capture *c, uint64_t boottime_ns, uint64_t walltime_ns, long page_size,
	long ticks_per_s);

/*
 * A host_tap_fn; arg is the struct capture. The first answer for a path in a frame counts. Errors
 * are kept by capture_finish().
 */
void capture_tap(void *arg, char kind, const char *path, int err, const char *bytes, size_t len);

/*
 * A table of the frame as it was read: how, and with as_rows (always with redact) its rows, which
 * a replay then takes instead of running the source. Once per table and frame, in the order of
 * table ids. NULL is none.
 */
void capture_table(struct capture *c, const struct table *t, bool as_rows);

/* The first error so far: 0 or -errno. What comes after it is dropped. */
int capture_error(const struct capture *c);

/*
 * Write the end, let the file appear and free c. 0, or -errno and there is no file: -EEXIST when
 * somebody else made one meanwhile.
 */
int capture_finish(struct capture *c);

/* Drop all of it and free c. NULL is allowed. */
void capture_abort(struct capture *c);

#endif
