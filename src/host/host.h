/* SPDX-License-Identifier: MIT */
/*
 * The only door to a machine: this one, a tree, or an archive that murphy captured. Paths are
 * relative to its root ("proc/meminfo", no leading slash). What is not a file has a path of its
 * own in a capture: proc/PID/fd.count, proc/PID/fdstat/FD, statfs/MOUNTPOINT, netlink/NETNS/NAME
 * (docs/capture.md).
 */
#ifndef MURPHY_HOST_HOST_H
#define MURPHY_HOST_HOST_H

#include "base/state.h"
#include "base/strbuf.h"
#include "table/tsv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct host;

/* This machine. 0 or -errno. */
int host_open_live(struct host **ret_host);

/*
 * Another machine: an archive of murphy capture, its unpacked tree, an unpacked sosreport, or any
 * directory that holds proc/. why, at least 160 bytes, says what was wrong with path.
 */
int host_open_root(const char *path, struct host **ret_host, char *why);

/* The same from an archive in memory, which is copied. The fuzzer calls it. */
int host_open_bytes(const char *buf, size_t len, struct host **ret_host, char *why);

/* File systems that did not answer statfs(2) and whose asker still hangs. */
unsigned int host_stuck(const struct host *h);

void host_free(struct host *h);

bool host_is_live(const struct host *h);

/* Does it say of itself that murphy capture --redact made it? */
bool host_is_redacted(const struct host *h);

/* Frames that it holds: 1 or more for a root, 0 (as many as you like) when live. */
unsigned int host_frames(const struct host *h);

/* All later reads are of that frame. 0, or -errno when the capture is damaged there. */
int host_set_frame(struct host *h, unsigned int frame);

/*
 * How the frame's table was read there: state, why, method, times. A replay's table takes them
 * over, so that it tells the same as the machine did. 0; -ENOENT: no capture, or the table was not
 * needed; -EINVAL: damaged.
 */
int host_table_note(struct host *h, const char *table, struct table_note *ret_note);

/*
 * The rows of a table in the form of table/tsv.h, where a capture holds rows instead of bytes:
 * then its source need not and cannot run. 0, -EFBIG: more than 128 MiB, or -ENOENT: run the
 * source.
 */
int host_rows(struct host *h, const char *table, struct strbuf *ret_text);

/* Clocks of the machine; of a capture those of its frame. Boottime 0: unknown. */
uint64_t host_boottime_ns(const struct host *h);
uint64_t host_walltime_ns(const struct host *h);
long host_page_size(const struct host *h);
long host_ticks_per_s(const struct host *h);
/* The kernel's own tick, 1 / CONFIG_HZ, which is not the one of host_ticks_per_s(). 0: unknown. */
uint64_t host_tick_ns(const struct host *h);

/*
 * The whole file into buf, at most size bytes; more is cut. Returns the length or -errno.
 * Never follows a link out of a root.
 */
ssize_t host_read(struct host *h, const char *path, char *buf, size_t size);

/*
 * The same for files that the kernel makes whole at the first read(2), as /proc/PID/stat: saves the
 * second one, which only says that the file has ended, a sixth of what 600 processes cost.
 */
ssize_t host_read_record(struct host *h, const char *path, char *buf, size_t size);

/* The same, growing ret_text (cleared first) up to limit bytes; longer files are cut there. */
int host_read_all(struct host *h, const char *path, size_t limit, struct strbuf *ret_text);

/*
 * The end of a file that grows at its end, at most limit bytes of it, into ret_text (cleared
 * first). limit is what a capture keeps. *ret_cut (may be NULL): there was more before.
 */
int host_read_end(
	struct host *h, const char *path, size_t limit, struct strbuf *ret_text, bool *ret_cut);

/* What its local time is ahead of UTC now, for logs without a zone. 0 where it is not known. */
int64_t host_utc_offset_s(struct host *h);

/*
 * Names in a directory, without . and .., each followed by NUL, into ret_names (cleared first).
 * 0 or -errno.
 */
int host_list(struct host *h, const char *path, struct strbuf *ret_names);

/*
 * False when a directory certainly has none below it: the number of its links says so (2 and one
 * for each in sysfs, cgroupfs and most others), which costs a twentieth of listing one that is full
 * of files. Of a root it is always true. Nobody is told: it is no more than a hint.
 */
bool host_may_have_dirs(const struct host *h, const char *path);

/* for (const char *name = NULL; (name = host_next_name(&names, name));) */
const char *host_next_name(const struct strbuf *names, const char *name);

/* Target of a link into buf, NUL-terminated. Length or -errno. */
ssize_t host_link(struct host *h, const char *path, char *buf, size_t size);

/* Open descriptors of a process: st_size of proc/PID/fd where the kernel tells, else counted. */
int host_fd_count(struct host *h, uint64_t pid, uint64_t *ret_n);

struct host_fd_stat {
	uint64_t inode, links, allocated_bytes;
	uint64_t regular; /* 1: a regular file */
};

/*
 * stat(2) of what a descriptor of a process leads to, also when it has no name any more. Asks its
 * file system, which may hang. 0 or -errno.
 */
int host_fd_stat(struct host *h, uint64_t pid, uint64_t fd, struct host_fd_stat *ret_st);

/*
 * Whose a process is: its effective user, of a tree that
 * murphy did not make its real one. 0 or -errno.
 */
int host_owner(struct host *h, uint64_t pid, uint64_t *ret_uid);

/*
 * Answers that are in no file, as "name value" lines (docs/capture.md): adjtimex(2), asked without
 * setting anything, with both clocks at that moment; what reading the clock costs here; how the
 * hypervisor signs itself. 0 or -errno; -ENOENT: this machine or root has none.
 */
int host_timex(struct host *h, struct strbuf *ret_text);
int host_clock_cost(struct host *h, struct strbuf *ret_text);
int host_cpu_signature(struct host *h, struct strbuf *ret_text);

/*
 * Open a file of the kernel that answers for an offset (proc/PID/pagemap, proc/kpageflags): a
 * descriptor, for pread(2), or -errno; a root has none: -ENOENT.
 */
int host_open_offset(const struct host *h, const char *path);

/* Addresses from start to end - 1 that a process has in memory. */
struct host_run {
	uint64_t start, end;
};

/*
 * Who reads /proc/PID/pagemap has the lock of that address space, piece by piece. But for 4 ms a
 * reader who comes back gets it before a writer (mmap(), munmap()) that waits and has to wake up
 * first (kernel/locking/rwsem.c, RWSEM_WAIT_TIMEOUT): so rest now and then. Zeroed, one for a
 * process or for all.
 */
struct host_turn {
	uint64_t held_ns; /* since the last rest */
};

/* Entries of n pages from first on, from pagemap that is open. How many, 0 at its end, -errno. */
ssize_t host_read_pagemap(
	int pagemap, struct host_turn *turn, uint64_t first, uint64_t n, uint64_t *ret_entry);

/*
 * What of [*start, end) is in memory, from /proc/PID/pagemap that is open: at most size runs, of
 * which HOST_RUNS_MAX are taken at once, with at most most_pages pages, and never so many that the
 * lock is held for long. *start: where it stopped. The number of runs, or -errno; -ENOTTY: the
 * kernel cannot (before 6.7). Documentation/admin-guide/mm/pagemap.rst, PAGEMAP_SCAN.
 */
enum { HOST_RUNS_MAX = 256 };
enum host_runs {
	RUNS_PRESENT,
	RUNS_OWN, /* present, and neither of a file nor shared */
	RUNS_USED /* present or swapped out */
};
int host_present_runs(int pagemap, struct host_turn *turn, struct host_run *runs, size_t size,
	enum host_runs which, uint64_t end, uint64_t most_pages, uint64_t *start);

/*
 * The device, major << 20 | minor, of what lives in memory and has no mount: memfds, System V
 * segments. 0 or -errno, of a root -ENOENT.
 */
int host_shmem_dev(const struct host *h, uint64_t *ret_dev);

/*
 * Of an object in memory that is open (proc/PID/map_files/X): its length, its pages. 0 or -errno.
 */
int host_object_size(int fd, uint64_t *ret_size, uint64_t *ret_resident);

/* The first byte at or after from that it has. 0; -ENXIO: there is none, or -errno. */
int host_next_data(int fd, uint64_t from, uint64_t *ret_at);

/* Do two processes have the same address space? kcmp(2); false when that cannot be told. */
bool host_same_space(const struct host *h, uint64_t pid, uint64_t other);

/*
 * size bytes of the memory of a process at address. Takes its mmap_lock, which may hang: only for a
 * RISKY source. 0 or -errno; a root has none: -ENOENT.
 */
int host_peek(const struct host *h, uint64_t pid, uint64_t address, void *buf, size_t size);

struct host_space {
	uint64_t size_bytes, free_bytes, available_bytes, inodes, free_inodes;
};

/*
 * statfs(2) of a mount point ("/srv"), in a child process that serves one question after the other.
 * 0, -ETIMEDOUT when it hangs (after 300 ms, the child is killed), -EBUSY when 4 children could not
 * be killed and no more is risked, or -errno.
 */
int host_statfs(struct host *h, const char *target, struct host_space *ret_space);

/*
 * Ask now, in a child of its own, what host_statfs() of the same target will take up: many that
 * hang then cost one wait. 0, also when there is nothing to wait for; -EAGAIN: no more at
 * once, lest more than 4 are left that cannot be killed.
 */
int host_statfs_ahead(struct host *h, const char *target);

/* How long a task waited for memory since it began, where delay accounting is on; else all 0. */
struct host_delays {
	uint64_t swapin_ns, reclaim_ns, thrash_ns, compact_ns;
};

struct host_delays_door {
	int fd;
	uint16_t family;
};

/*
 * Taskstats of this machine: needs CAP_NET_ADMIN in the first namespaces. 0 or -errno, of a root
 * -ENOENT. host_delays() answers -ESRCH for a task that is gone, -EOPNOTSUPP of a kernel whose
 * layout of the answer is its own.
 */
int host_delays_open(const struct host *h, struct host_delays_door *ret_door);
void host_delays_close(const struct host_delays_door *door);
int host_delays(const struct host_delays_door *door, uint64_t tid, struct host_delays *ret_delays);

/* No more questions for now: ends those children, so that their CPU time counts as ours. */
void host_statfs_end(struct host *h);

/*
 * Raw sock_diag answer (netlink messages, back to back) for TCP, IPv4 and IPv6, in a network
 * namespace: 0 is murphy's own, else the inode, entered through proc/PID/ns/net of pid (only in a
 * RISKY source: the process stays there). Each chunk goes to each() as it comes, so that 400,000
 * sockets need no buffer; each() returns 0 or -errno, which stops.
 */
int host_tcp_diag(struct host *h, uint64_t netns, uint64_t pid,
	int (*each)(void *arg, const char *buf, size_t len), void *arg);

/*
 * Raw rtnetlink answer of the same shape, for a namespace likewise: RTM_NEWLINK messages of its
 * interfaces, or RTM_NEWQDISC messages.
 */
enum host_route { HOST_LINKS, HOST_QDISCS };
int host_route_dump(struct host *h, uint64_t netns, uint64_t pid, enum host_route what,
	int (*each)(void *arg, const char *buf, size_t len), void *arg);

/*
 * Do work as a process of that namespace does, of this host; see host_tcp_diag(). What work
 * returned, or -errno when the namespace could not be entered.
 */
int host_netns_do(uint64_t netns, uint64_t pid, int (*work)(void *arg), void *arg);

/*
 * Files below proc/sys/net show the namespace of who reads them: read n of them as a process of
 * that namespace does, at most 4 KiB of each. each() gets the number of the path and 0 or -errno.
 * In a root they are below netns/INODE/, or where they always are when netns is 0. Returns 0, or
 * -errno when the namespace cannot be entered: then each() was not called.
 */
typedef void host_netns_fn(void *arg, size_t path, int err, const char *bytes, size_t len);
int host_netns_read(struct host *h, uint64_t netns, uint64_t pid, const char *const *paths,
	size_t n, host_netns_fn *each, void *arg);

/* The kernel log, oldest first, as /dev/kmsg or dmesg -r/dmesg gives it. */
int host_kmsg(struct host *h, size_t limit, struct strbuf *ret_text);

/*
 * Units of systemd that failed, start, or wait for their restart: a line each, "NAME LOAD ACTIVE
 * SUB" and properties behind tabulators ("NRestarts=3"); of a sosreport as systemctl list-units
 * prints them. 0; -ENOENT: systemd does not run there; -EOPNOTSUPP: built without libsystemd;
 * -ELIBACC: that is not here.
 */
int host_units(struct host *h, struct strbuf *ret_text);

/*
 * Capture: every answer is shown to the tap as it is given. err is 0 or -errno; kind 'f' bytes,
 * 'd' names, 'l' link target. path is where a root will be asked for it.
 */
typedef void host_tap_fn(
	void *arg, char kind, const char *path, int err, const char *bytes, size_t len);
void host_set_tap(struct host *h, host_tap_fn *tap, void *arg);

/*
 * The most memory that this very process has had resident, 0: unknown. Not ru_maxrss, which
 * begins with that of whoever started murphy.
 */
uint64_t host_own_peak_bytes(void);

#endif
