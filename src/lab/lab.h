/* SPDX-License-Identifier: MIT */
/*
 * A lab makes one story happen for real and names the finding that murphy must produce; a healthy
 * twin comes close and must produce none. Labs are an executable of their own: nothing sick is in
 * murphy itself.
 *
 * A lab only builds: it never cleans up. Whatever outlives a process (a mount, a control group, a
 * knob) goes through the scene, which notes how to undo it before it is done; a keeper process
 * undoes it all at the end, however the end comes (undo.h).
 */
#ifndef MURPHY_LAB_LAB_H
#define MURPHY_LAB_LAB_H

#include "base/attr.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct undo;

enum {
	LAB_ALSO_MAX = 5,
	LAB_WISHES_MAX = 12,
	LAB_SKIPPED = 77, /* exit code: cannot run here */
	LAB_SETUP_S = 90, /* a lab that is not ready by then is ended */
	LAB_FOR_S = 60,   /* how long it stays ready unless told otherwise */
	LAB_FOR_MAX_S = 3600,
};

/* What a lab's run function gets; lives as long as the lab's process. */
struct scene {
	const struct lab *lab;
	struct undo *undo;
	char dir[96];            /* on a disk, made by scene_dir(); "" before */
	struct strbuf announced; /* culprits, for the line "ready" */
	struct strbuf why;       /* for the line "why" */
};

/*
 * A lab that has one of these runs in a guest of its own only (murphy-lab check --guest): Debian's
 * cloud kernel with cgroup v2, 2 CPUs, a disk, murphy, and what is asked for here. Lists end early
 * with NULL.
 */
struct lab_guest {
	const char *why;    /* not on a machine that is used: "it takes all memory" */
	const char *append; /* words for the kernel's command line, or NULL */
	const char *modules[LAB_WISHES_MAX];  /* of that kernel, loaded with what they need */
	const char *programs[LAB_WISHES_MAX]; /* of this machine, by their paths; with libraries */
	const char *device;  /* one more, as qemu's -device takes it, on a PCIe machine; or NULL */
	unsigned memory_mib; /* 0: GUEST_MEMORY_MIB; at most GUEST_MEMORY_MAX_MIB */
};

struct lab {
	const char *name;
	const char *story; /* what happens */
	const char *want;  /* the finding that must be first; NULL: healthy, nothing above info */
	const char *also[LAB_ALSO_MAX]; /* findings that truthfully come along */
	const char *bounds;             /* how much of the machine it may take */
	const struct lab_guest *guest;  /* NULL: runs on any machine that has what it needs */
	bool root;
	bool mild;         /* nobody is harmed: the finding may be info. Else a warning at least */
	bool why;          /* it says, by scene_why(), what murphy why has to answer */
	unsigned settle_s; /* between ready and the moment when the finding can be judged */
	unsigned for_s;    /* murphy looks at least so long; 0: as long as it is told, or likes */
	struct {
		const char *table, *source;
	} method; /* the source that should have read that table; a row of check tells when not */
	/*
	 * Make it happen, announce, scene_hold(). Returns only when that failed: -errno, or what
	 * scene_skip() gave. Runs in a process of its own that is killed at the end.
	 */
	int (*run)(struct scene *s);
};

extern const struct lab *const lab_list[];
extern const size_t n_lab_list;

/* NULL when there is none of that name. */
const struct lab *lab_find(const char *name);

/*
 * Run one lab for seconds after it is ready, then undo it. 0, LAB_SKIPPED, or 1 when it failed.
 * Returns earlier on SIGINT, SIGTERM, SIGHUP and when stdout's reader is gone.
 */
int lab_run(const struct lab *lab, unsigned seconds);

/* A line for people: what happens now. */
void scene_say(struct scene *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Say why this lab cannot run on this machine; return its value from run. */
int scene_skip(struct scene *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * An entity that murphy may rightly name, as it will name it; call again for alternatives. kind is
 * as in JSON ("process", "cgroup", "device", "mount", "slab", "host"); pid 0: none.
 */
void scene_culprit(struct scene *s, const char *kind, pid_t pid, const char *name);

/* After the culprits: somebody who must be among the victims that murphy names. */
void scene_victim(struct scene *s, const char *kind, pid_t pid, const char *name);

/*
 * What murphy why must say of that process: the leading state, as in JSON ("memory|system" where it
 * depends on the machine), and a text that occurs in what it says of it ("lab-holder (tid 12)"; a
 * port, a control group), "" for none.
 */
void scene_why(struct scene *s, pid_t pid, const char *state, const char *names);

/* All is in place: say so, and stay until the end. Never returns. */
int scene_hold(struct scene *s) __attribute__((noreturn));
/* The same for a lab that has work to do until it is killed. */
void scene_ready(struct scene *s);

/* Fork a process named comm that dies with the lab. As fork(): 0 in the child; -errno. */
pid_t scene_child(struct scene *s, const char *comm);

/* The same, once body, which gets that context, has written a byte to done: its pid, or -errno. */
pid_t scene_child_done(struct scene *s, const char *comm,
	void (*body)(int done, const void *context), const void *context);

/*
 * Fork, change into s->dir, become user (NULL: stay), and run argv with its output thrown away.
 * Its pid or -errno.
 */
pid_t scene_start(struct scene *s, const char *user, const char *const argv[]);
/* Wait for it. Its exit code; 127: not installed; 128 + signal; or -errno. */
int scene_join(pid_t pid);
/* Both. */
int scene_command(struct scene *s, const char *user, const char *const argv[]);

/* The state in /proc/PID/stat; '?' when there is none. */
char scene_state(pid_t pid);
/* Wait until a process is in that state: 0, or -ETIMEDOUT after 10 s. */
int scene_await(pid_t pid, char state);

void scene_nap(unsigned ms);

/* Whether a program is installed: looks in PATH and the usual sbin folders. */
bool scene_has(const char *program);

/* Make s->dir on a real disk with room for bytes more (a tenth of the disk stays free). */
int scene_dir(struct scene *s, uint64_t bytes);

/* Write a file of bytes (not sparse) at s->dir/name; scene_dir() must have gone well. */
int scene_file(struct scene *s, const char *name, uint64_t bytes);

/* 0 when taking bytes leaves a quarter of memory available; else scene_skip(). */
int scene_need_memory(struct scene *s, uint64_t bytes);

/* Memory of this machine in bytes: total, available. */
int scene_memory(uint64_t *ret_total, uint64_t *ret_available);

/* Write text to an existing file of sysfs or a control group; 0 or -errno. */
int scene_write(const char *path, const char *text);

/* Read a small file; NUL-terminated. Its length or -errno. */
ssize_t scene_read(const char *path, char *buf, size_t size);

/* Write text, and put back at the end what is there now. */
int scene_knob(struct scene *s, const char *path, const char *text);

/* A control group of our own, in whatever version of cgroups has the controller. */
struct cgroup {
	char dir[192];
	char path[96]; /* below the hierarchy's root, as murphy prints it */
	int version;   /* 1 or 2 */
};

/*
 * "blkio" is version 2's io too. 0, -EOPNOTSUPP when no hierarchy has that controller, or -errno.
 */
int cgroup_new(struct scene *s, const char *controller, struct cgroup *ret_cgroup);

/* Write a control file: its name in version 1 and in version 2 (NULL: not in this version). */
int cgroup_set(const struct cgroup *g, const char *v1, const char *v2, const char *text);

/* Another beside it, of the same hierarchy; number tells them apart. 0 or -errno. */
int cgroup_beside(
	struct scene *s, const struct cgroup *g, unsigned number, struct cgroup *ret_cgroup);

/* Move all processes of one group into another. 0 or -errno. */
int cgroup_move(const struct cgroup *from, const struct cgroup *to);

/* Move the calling process into the group. */
int cgroup_enter(const struct cgroup *g);

/* A file system on a loop device of our own, mounted. */
struct disk {
	char device[16]; /* "loop3" */
	char target[112];
	unsigned major, minor;
};

/* ext4 of bytes in a file below s->dir; 0, scene_skip()'s value or -errno. inodes 0: as usual. */
int disk_new(struct scene *s, uint64_t bytes, unsigned inodes, struct disk *ret_disk);

/* The same of a file on another of ours, so that it is no faster than that. */
int disk_upon(struct scene *s, const struct disk *below, uint64_t bytes, struct disk *ret_disk);

/* A file "data" of bytes there, not in memory. 0 or -errno. */
int disk_data(const struct disk *d, uint64_t bytes);

/* Read parts of that file at random, past the cache, for ever. */
void disk_read(const struct disk *d, uint64_t bytes, size_t part) __attribute__((noreturn));

/*
 * Write to fd until at least bytes were written, or nothing fits any more: then -ENOSPC. 0, -errno.
 */
int disk_fill(int fd, uint64_t bytes);

/* Open a new file of that name on the disk; its descriptor or -errno. */
int disk_open(const struct disk *d, const char *name);

/* Freeze its file system, as for a snapshot; it is thawed at the end. 0 or -errno. */
int disk_freeze(struct scene *s, const struct disk *d);

/*
 * The same of a file that holds ext4 already, with mount options; scene_dir() must have gone well.
 */
int disk_mount(struct scene *s, const char *image, const char *options, struct disk *ret_disk);

/* "lab-writer" writes to a file on it 100 times a second. Its pid or -errno. */
pid_t disk_writer(struct scene *s, const struct disk *d);

/* TCP over 127.0.0.1. Sockets or -errno. */
int net_listen(int backlog, uint16_t *ret_port);
int net_connect(uint16_t port, bool nonblock);

/*
 * A network namespace of the lab's own, for this process and those that it starts from now on: only
 * loopback is in it, and up. It ends with them. 0, scene_skip()'s value or -errno.
 */
int net_isolate(struct scene *s);

/* The same at 127.0.HOST: sockets or -errno. port 0 of net_listen_at(): any. */
int net_listen_at(uint16_t host, uint16_t port, int backlog);
int net_connect_at(uint16_t host, uint16_t port, bool nonblock);

/*
 * The two path labs: clients talk to three servers; lossy: of what goes to the last 25 % is lost.
 */
int net_path(struct scene *s, bool lossy);

/*
 * The two port labs: connections that stay open, spread over so many servers, with 100 local ports.
 */
int net_ports(struct scene *s, unsigned connections, unsigned servers);

/*
 * The two TIME_WAIT labs: 100 short connections a second; so many may be in TIME_WAIT, 0: as many
 * as may.
 */
int net_short(struct scene *s, unsigned room);

/* The two reset labs: 30 connections that clients have reset; the server looks at them, or not. */
int net_reset(struct scene *s, bool looks);

/* The two labs of tcp_mem: 24 connections, whose data is read or not, and 8 MiB for all of TCP. */
int net_full(struct scene *s, bool reads);

/* The two UDP labs: 2,000 datagrams a second for a process that reads them, or does not. */
int net_udp(struct scene *s, bool reads);

/*
 * The three Nagle labs: 500 bytes are asked and 100 answered, again and again, over one connection
 * in a namespace of its own.
 */
enum net_manner { NET_TWO_WRITES, NET_NODELAY, NET_ONE_WRITE };
int net_dialogue(struct scene *s, enum net_manner how);

/* The two stream labs: the reader, or the sender, takes a pause after each 64 KiB. */
int net_stream(struct scene *s, bool slow_reader);

/* Burn this thread's CPU time for ms, or for ever (0). */
void burn(unsigned ms);

/* A memory file system of bytes mounted at ret_target (made), with one file that fills used. */
int tmpfs_new(struct scene *s, uint64_t bytes, uint64_t used, char ret_target[112]);

/*
 * An interface "lab-flap" without addresses, whose other end lives in a network namespace of its
 * own and takes the link away every ms milliseconds; once: only one time, a second from now, and
 * the name is "lab-once", since the log remembers names.
 */
int net_flaps(struct scene *s, unsigned ms, bool once);

/* Run n processes named comm, one after the other, that die of a fault of memory. 0 or -errno. */
int crash(struct scene *s, const char *comm, unsigned n);

/*
 * In a network of its own, which the calling process enters for good: a name server at 192.0.2.53
 * that answers, or never does, and four processes "lab-lookup" that ask it.
 */
int net_names(struct scene *s, bool answers);

/* The two close-wait labs: n connections whose peers have closed; the end is read or not. */
int net_close_wait(struct scene *s, const char *comm, unsigned n, bool read_end);

#endif
