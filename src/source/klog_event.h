/* SPDX-License-Identifier: MIT */
/* What the files klog_event*.c share: one of them a family of lines. */
#ifndef MURPHY_SOURCE_KLOG_EVENT_H
#define MURPHY_SOURCE_KLOG_EVENT_H

#include "sample/klog_kind.h"
#include "sample/tables.h"
#include "source/klog_line.h"

/* An event as one line tells it. Spans point into the line. */
struct klog_found {
	const char *kind;
	struct span device, comm, what;
	uint64_t n; /* 0 is taken for 1 */
	uint64_t pid, cpu;
	bool has_pid, has_cpu;
	bool refused; /* a request without a name, which the device may not know: klog_command() */
};

/*
 * Does the line tell of one? Each looks for lines of its family only. Pure.
 * Source: the kernel's format strings from 3.10 to 6.18; docs/findings/kernel.*.md name the files.
 */
bool klog_find_disk(struct span s, struct klog_found *ret);    /* block, ata, nvme */
bool klog_find_fs(struct span s, struct klog_found *ret);      /* ext4, xfs, btrfs, fat, md */
bool klog_find_cpu(struct span s, struct klog_found *ret);     /* lockups, stalls */
bool klog_find_machine(struct span s, struct klog_found *ret); /* mce, EDAC, APEI, AER */
bool klog_find_crash(struct span s, struct klog_found *ret);   /* faults of programs */
bool klog_find_link(struct span s, struct klog_found *ret);    /* network interfaces */

/*
 * The line before a failed request that tells its SCSI command; *ret_data: it reads or writes;
 * disk: whose it is, empty when it is not told, left as it is by a line that goes on.
 *
 *   sd 0:0:0:101: [sdj] tag#0 CDB: Write same(16) 93 08 00 ...
 *   sd 0:0:0:0: [sda] CDB:                                     and, a line of its own until 3.18,
 *   Read(10): 28 00 00 ...                                     drivers/scsi/constants.c
 */
bool klog_command(struct span s, struct span *disk, bool *ret_data);

/* The CPU of the line after a stall: "rcu: \t1-....: (5249 ticks", "\t3-...: (0 ticks". */
bool klog_stalled_cpu(struct span s, uint64_t *ret_cpu);

/* What lies between the first head of s and the next end after it; false when either is missing. */
bool klog_between(struct span s, const char *head, const char *end, struct span *ret);

/* s holds text. */
static inline bool klog_has(struct span s, const char *text)
{
	size_t at;

	return span_find(s, text, &at);
}

#endif
