/* SPDX-License-Identifier: MIT */
/* What only the files of host/ know of each other. */
#ifndef MURPHY_HOST_PRIVATE_H
#define MURPHY_HOST_PRIVATE_H

#include "base/cursor.h"
#include "host/door.h"

#include <sys/stat.h>

enum { HOST_FRAMES_MAX = 64 };

/* Clock of a frame, from the file "clock" of a capture or from the frame's own /proc. */
struct host_clock {
	uint64_t boottime_ns, walltime_ns;
	long page_size, ticks_per_s;
};

/* "path TAB value" lines of a frame, sorted by path. text owns the bytes. */
struct notes {
	struct strbuf text;
	struct note {
		const char *path;
		struct span value; /* unescaped; a NUL follows; TABs have become NULs */
	} * note;
	size_t n;
};

/* The child that calls statfs(2) for us; none while pid is 0. */
struct space_child {
	pid_t pid;
	int fd;
};

/* A question asked ahead of its turn, by a child of its own; free while its pid is 0. */
enum { AHEAD_MAX = 4 };
struct space_ahead {
	struct space_child child;
	uint64_t target;   /* hash of its path */
	uint64_t until_ns; /* monotonic: when its answer is no longer waited for */
};

/*
 * Children that hang, in memory that all processes of murphy share: a file system is not asked
 * again while the child that asked it before still hangs, or --watch would leave one at each look.
 */
enum { HUNG_MAX = 64 };
struct space_hung {
	pid_t pid;       /* 0: free */
	uint64_t target; /* hash of its path */
	bool killed;     /* in vain, as long as it is still there */
};

struct host {
	bool live;
	int root_fd; /* live: "/proc"; tree: the frame's directory; archive: -1 */
	struct archive *archive;
	int base_fd;      /* tree: the directory that was named; else -1 */
	bool capture;     /* has notes, rows and clock of murphy's own */
	bool redacted;    /* its manifest says so */
	bool frame_dirs;  /* frames are the directories 0, 1, ... */
	char prefix[256]; /* archive: what stands before a frame's paths, with its '/' */
	size_t base_prefix;
	unsigned int n_frames, frame;
	struct host_clock clock[HOST_FRAMES_MAX];
	struct notes errors, links, dirs; /* of the frame */
	struct space_child space_child;
	struct space_ahead ahead[AHEAD_MAX];
	struct space_hung *hung; /* live: HUNG_MAX of them; else NULL */
	host_tap_fn *tap;
	void *tap_arg;
};

/* Open path below root_fd; in a tree only regular files and directories, never out of it. */
int live_open(const struct host *h, const char *path, int flags);
ssize_t live_link(const struct host *h, const char *path, char *buf, size_t size);
int live_stat(const struct host *h, const char *path, struct stat *ret_st);
int tree_open(int root_fd, const char *path, int flags);

int live_fd_stat(const struct host *h, const char *path, struct host_fd_stat *ret_st);
int live_statfs(const char *target, struct host_space *ret_space);

/*
 * live_statfs() in a child; -ETIMEDOUT when it does not answer in 300 ms, or did not before; -EBUSY
 * when so many hang for good that none more is risked.
 */
int space_child_ask(struct host *h, const char *target, struct host_space *ret_space);
int space_child_ahead(struct host *h, const char *target);
void space_children_end(struct host *h);

/* A file, its bytes owned by the archive; a directory; a link. -ENOENT, -EISDIR, -ELOOP... */
int archive_open(const char *path, struct archive **ret_archive, char *why);
int archive_open_bytes(const char *buf, size_t len, struct archive **ret_archive, char *why);
void archive_free(struct archive *a);
int archive_file(
	const struct archive *a, const char *root, const char *path, struct span *ret_bytes);
int archive_list(const struct archive *a, const char *root, const char *path, struct strbuf *names);
int archive_link(
	const struct archive *a, const char *root, const char *path, struct span *ret_target);

/* The one directory that everything is in, with its '/', or "". */
const char *archive_top(const struct archive *a);

/* As host_read_all(), but nobody is told, and text is appended to. */
int host_get(struct host *h, const char *path, size_t limit, struct strbuf *text);

/* Go to h->frame: its directory, its notes. 0, or -errno and in *ret_bad the file, static. */
int root_enter(struct host *h, const char **ret_bad);

int notes_load(struct host *h, const char *path, struct notes *n);
void notes_release(struct notes *n);
const struct note *notes_find(const struct notes *n, const char *path);

#endif
