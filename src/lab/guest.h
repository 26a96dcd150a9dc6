/* SPDX-License-Identifier: MIT */
/*
 * A guest: Debian's stock cloud kernel under QEMU, interpreted also where there is KVM, with
 * murphy-lab as its first process. For labs that the kernel of this machine cannot host, or that
 * nobody wants on a machine that is used.
 *
 *	murphy-lab check --guest ── qemu (dies with it) ┄┄ guest_main() ── murphy-lab check ── lab
 *
 * No network unless a TAP device is given; memory, time and disk are bounded; image and disk are
 * files without a name. The first serial line carries what the guest's murphy-lab prints, the
 * second the kernel's log.
 */
#ifndef MURPHY_LAB_GUEST_H
#define MURPHY_LAB_GUEST_H

#include "lab/lab.h"

#include <limits.h>
#include <stdio.h>

/* A word of the guest's kernel command line, and the last line that it prints, with a number. */
#define GUEST_MARK "murphy.guest"
#define GUEST_END "guest-exit "
/* guest_peer(): it has its address and listens; it has printed what was asked. */
#define GUEST_PEER_READY "peer-ready"
#define GUEST_PEER_END "peer-end"
/* Where murphy-lab lies in the image to be the first process. */
#define GUEST_INIT "/init"
/* What guest_main() finds in the image: modules to load, arguments to run; a line each. */
#define GUEST_MODULES "/modules/list"
#define GUEST_ARGUMENTS "/arguments"

enum {
	GUEST_MEMORY_MIB = 1536,
	GUEST_MEMORY_MAX_MIB = 2048,
	GUEST_DISK_MIB = 6144,
	/*
	 * Before its first line; a boot takes 5 s to 10 s. Now and then one never gets so far, its
	 * kernel's console empty (seen with qemu 7.2, once in some hundred): it is booted anew.
	 */
	GUEST_BOOT_S = 60,
	GUEST_BOOTS_MAX = 3,
	GUEST_SILENT_S = 180, /* no lab takes that long without a line: then it is killed */
	GUEST_RUN_S = 600,    /* murphy-lab guest PROGRAM */
};

struct guest_options {
	const char *murphy; /* to take along, or NULL */
	const char *kernel; /* a folder with boot/ and lib/modules/; NULL: see guest_find() */
	const char
		*console; /* a file for the kernel's log; NULL: shown only when something fails */
	unsigned seconds; /* how long murphy looks; 0: as long as it likes */
	const char *tap;  /* a TAP device of this network namespace, its only network; or NULL */
};

/* What a guest needs of this machine. */
struct guest_place {
	char qemu[PATH_MAX];
	char kernel[PATH_MAX];
	char modules[PATH_MAX]; /* .../lib/modules/RELEASE, with modules.dep */
};

/* Are we in one? Only a kernel that was started so says yes. */
bool guest_inside(void);

/*
 * Find qemu and the kernel: in given, or in the caches of murphy, or installed. 0; -ENOENT: why
 * says in a few words what is missing, and the commands that get it were printed to stderr.
 */
int guest_find(const char *given, struct guest_place *ret_place, char *why, size_t size);

/*
 * lab_check() in guests: labs that wish nothing of one, or the same thing, share it.
 * Prints their rows. 0 when all that could run passed, else 1; LAB_SKIPPED when none could.
 */
int guest_check(const char *const names[], size_t n, const struct guest_options *o);

/* Start the lab in a guest and print what it says and murphy's report. 0, 1, LAB_SKIPPED. */
int guest_run(const struct lab *lab, const struct guest_options *o);

/* Run argv (a program of this machine, by its path) in a guest. Its exit code, or LAB_SKIPPED. */
int guest_program(const char *const argv[], const struct guest_options *o);

/*
 * In a guest with a network: have that address (IPv4, /24), answer each client at port with what it
 * said first and keep its connection (port 0: nobody listens), until the power is gone. A datagram
 * to port 9 has murphy tcp --json printed, and then GUEST_PEER_END. An exit code.
 */
int guest_peer(const char *address, uint16_t port);

/*
 * The guest's first process: sets the machine up, runs the arguments, switches off. Returns only
 * when this is no guest.
 */
void guest_main(void);

#endif
