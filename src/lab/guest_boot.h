/* SPDX-License-Identifier: MIT */
/* One start of a guest: its image, its QEMU, its lines. */
#ifndef MURPHY_LAB_GUEST_BOOT_H
#define MURPHY_LAB_GUEST_BOOT_H

#include "base/cursor.h"
#include "lab/guest.h"

struct guest_boot {
	const struct guest_place *place;
	const struct guest_options *options;
	const struct lab_guest *wish; /* beyond what each guest has; NULL: nothing */
	const char *program;          /* one more to take along; NULL */
	const char *arguments;        /* GUEST_ARGUMENTS */
	unsigned silent_s;            /* killed when it printed nothing for so long */
	/* Called with each line that the guest's program printed. */
	void (*line)(void *context, struct cursor line);
	void *context;
};

/*
 * Start it and wait for its end. What GUEST_END told; -ETIME: killed; -EPROTO: it ended without
 * saying so, and the end of the kernel's log was printed to stderr; or -errno.
 */
int guest_boot(const struct guest_boot *b);

#endif
