/* SPDX-License-Identifier: MIT */
#include "lab/undo.h"

#include "base/cursor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>

#define UNDO_FILES "/run/murphy-lab.*.undo"

/* Busy things become free within moments after the last process has gone. */
enum { TRIES = 100, TRY_NS = 50000000 };

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = TRY_NS }, NULL);
}

/*
 * The file is mapped through a second open file: a mapping keeps its open file, and so its lock,
 * alive in every child that inherits it, also in one that cannot die before we undo.
 */
static int lock_file(int *ret_lock, int *ret_map)
{
	char path[64];

	snprintf(path, sizeof(path), "/run/murphy-lab.%d.undo", (int)getpid());
	int lock = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int map = lock < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (map < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0 ||
		ftruncate(lock, sizeof(struct undo)) < 0) {
		int err = -errno;

		if (map >= 0)
			close(map);
		if (lock >= 0)
			close(lock);
		return err;
	}
	*ret_lock = lock;
	*ret_map = map;
	return 0;
}

int undo_new(struct undo **ret_undo, int *ret_fd)
{
	int lock = -1, map = -1;
	bool file = geteuid() == 0 && lock_file(&lock, &map) == 0;
	struct undo *u = mmap(NULL, sizeof(*u), PROT_READ | PROT_WRITE,
		file ? MAP_SHARED : MAP_SHARED | MAP_ANONYMOUS, map, 0);

	if (map >= 0)
		close(map);
	if (u == MAP_FAILED) {
		undo_done(lock);
		return -ENOMEM;
	}
	u->magic = UNDO_MAGIC;
	u->owner = (uint64_t)getpid();
	*ret_undo = u;
	*ret_fd = lock;
	return 0;
}

void undo_done(int fd)
{
	char link[32], path[64] = "";

	if (fd < 0)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) > 0)
		unlink(path);
	close(fd);
}

int undo_add(struct undo *u, enum undo_op op, const char *path, const char *text)
{
	struct undo_step step = { .op = op };

	if (u->n == UNDO_STEPS)
		return -ENOSPC;
	if (strlen(path) >= sizeof(step.path) || (text && strlen(text) >= sizeof(step.text)))
		return -ENAMETOOLONG;
	snprintf(step.path, sizeof(step.path), "%s", path);
	snprintf(step.text, sizeof(step.text), "%s", text ? text : "");
	u->step[u->n] = step;
	/* Whoever sees the new count sees the step: we may be killed right here. */
	__atomic_store_n(&u->n, u->n + 1, __ATOMIC_RELEASE);
	return 0;
}

static bool parent_is(const char *pid, uint64_t parent)
{
	char path[280], buf[512];
	uint64_t ppid;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	auto_close fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (n <= 0)
		return false;
	buf[n] = '\0';
	/* "1 (comm) S 0": comm may hold anything, so search from the end. */
	const char *p = strrchr(buf, ')');

	if (!p || strlen(p) < 4)
		return false;
	struct cursor c = cursor_of(p + 3, strlen(p + 3));

	return cursor_u64(&c, &ppid) && ppid == parent;
}

/* Children of killed children come to us as we are a subreaper: call until none is left. */
static void kill_all(bool (*ours)(const char *pid, uint64_t arg), uint64_t arg)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		struct cursor c = cursor_of(e->d_name, strlen(e->d_name));
		uint64_t pid;

		if (cursor_u64(&c, &pid) && cursor_end(&c) && ours(e->d_name, arg))
			kill((pid_t)pid, SIGKILL);
	}
	if (dir)
		closedir(dir);
}

static void kill_children(void)
{
	kill_all(parent_is, (uint64_t)getpid());
}

/*
 * Is it a program that the lab of a dead murphy-lab started? Its children have the mark too, where
 * the death signal did not reach them.
 */
static bool is_marked(const char *pid, uint64_t owner)
{
	static char buf[1 << 16];
	char path[280], mark[40];

	snprintf(path, sizeof(path), "/proc/%s/environ", pid);
	auto_close fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));
	int len = snprintf(mark, sizeof(mark), "%s=%ju", UNDO_MARK, (uintmax_t)owner);

	/* With its NUL: 12 is not 123. */
	return n > 0 && memmem(buf, (size_t)n, mark, (size_t)len + 1);
}

static void reap_children(void)
{
	for (int try = 0; try < 4 * TRIES; try++) {
		pid_t pid;

		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (pid < 0 && errno == ECHILD)
			return;
		kill_children();
		nap();
	}
}

static void put_back(const struct undo_step *step)
{
	auto_close fd = open(step->path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, step->text, strlen(step->text)) < 0)
		fprintf(stderr, "murphy-lab: %s: %s\n", step->path, strerror(errno));
}

/* Only what is a mount of its own: when mounting failed, path lies on the machine's disk. */
static void thaw(const char *path)
{
	char up[UNDO_PATH + 4];
	struct stat here, above;

	snprintf(up, sizeof(up), "%s/..", path);
	if (stat(path, &here) < 0 || stat(up, &above) < 0 || here.st_dev == above.st_dev)
		return;
	auto_close fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		ioctl(fd, FITHAW, 0);
}

static void unmount(const char *path)
{
	for (int try = 0; try < TRIES; try++) {
		if (umount2(path, UMOUNT_NOFOLLOW) == 0 || errno != EBUSY)
			return;
		nap();
	}
	umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
}

/* Its files go with it. */
static int remove_group_below(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	if (type == FTW_DP && ftw->level > 0)
		rmdir(path);
	return 0;
}

static void remove_group(const char *path)
{
	for (int try = 0; try < TRIES; try++) {
		if (rmdir(path) == 0 || errno == ENOENT)
			return;
		/* Whoever lived in it may have made groups of his own. */
		nftw(path, remove_group_below, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
		nap();
	}
	fprintf(stderr, "murphy-lab: %s: %s\n", path, strerror(errno));
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	if (remove(path) < 0)
		fprintf(stderr, "murphy-lab: %s: %s\n", path, strerror(errno));
	return 0;
}

static void perform(const struct undo_step *step)
{
	switch ((enum undo_op)step->op) {
	case UNDO_WRITE:
	case UNDO_THAW:
		break;
	case UNDO_UMOUNT:
		unmount(step->path);
		break;
	case UNDO_SWAPOFF:
		if (swapoff(step->path) < 0 && errno != EINVAL)
			fprintf(stderr, "murphy-lab: %s: %s\n", step->path, strerror(errno));
		break;
	case UNDO_GROUP:
		remove_group(step->path);
		break;
	case UNDO_TREE:
		nftw(step->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
		break;
	}
}

static uint32_t count(const struct undo *u)
{
	uint32_t n = __atomic_load_n(&u->n, __ATOMIC_ACQUIRE);

	return n < UNDO_STEPS ? n : UNDO_STEPS;
}

/* What tasks may wait for, so that they can die. */
static void loosen(const struct undo *u)
{
	for (uint32_t i = count(u); i-- > 0;) {
		if (u->step[i].op == UNDO_WRITE)
			put_back(&u->step[i]);
		else if (u->step[i].op == UNDO_THAW)
			thaw(u->step[i].path);
	}
}

static void perform_all(struct undo *u)
{
	uint32_t n = count(u);

	kill_children();
	loosen(u);
	reap_children();
	for (uint32_t i = n; i-- > 0;)
		perform(&u->step[i]);
}

void undo_all(struct undo *u)
{
	perform_all(u);
	__atomic_store_n(&u->n, 0, __ATOMIC_RELEASE);
}

/* The file's owner is root and nobody else can write in /run; its size and content may be torn. */
static bool load(int fd, struct undo *ret)
{
	if (pread(fd, ret, sizeof(*ret), 0) != (ssize_t)sizeof(*ret) || ret->magic != UNDO_MAGIC)
		return false;
	if (ret->n > UNDO_STEPS)
		ret->n = UNDO_STEPS;
	for (size_t i = 0; i < UNDO_STEPS; i++) {
		ret->step[i].path[UNDO_PATH - 1] = '\0';
		ret->step[i].text[UNDO_TEXT - 1] = '\0';
	}
	return true;
}

/* Of a lab none of whose own processes is left to be its children's parent. */
static void undo_orphans(struct undo *u)
{
	kill_all(is_marked, u->owner);
	undo_all(u);
}

static bool sweep_one(const char *path)
{
	auto_close fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct undo u;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return false;
	if (load(fd, &u))
		undo_orphans(&u);
	unlink(path);
	return true;
}

static void wake(int sig)
{
}

/* Until nobody holds the list any more, or it is time to thaw whatever they do. */
static void warden(const char *path, unsigned seconds) __attribute__((noreturn));
static void warden(const char *path, unsigned seconds)
{
	auto_close fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct sigaction sa = { .sa_handler = wake };
	struct stat st;
	struct undo u;

	sigaction(SIGALRM, &sa, NULL);
	alarm(seconds);
	while (fd >= 0 && flock(fd, LOCK_EX) < 0 && errno == EINTR) {
		if (load(fd, &u))
			loosen(&u);
		alarm(seconds);
	}
	/* Without a name it was undone as it should; we are the last to hold it. */
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink > 0) {
		if (load(fd, &u))
			undo_orphans(&u);
		unlink(path);
	}
	_exit(0);
}

void undo_guard(int lock, unsigned seconds)
{
	char path[64];

	if (lock < 0)
		return;
	snprintf(path, sizeof(path), "/run/murphy-lab.%d.undo", (int)getpid());
	fflush(NULL);
	pid_t pid = fork();

	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (pid != 0)
		return;
	setsid();
	if (fork() != 0)
		_exit(0);
	prctl(PR_SET_NAME, "lab-warden");
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	/* Whoever reads what the lab prints shall see its end; and its lock is not ours to hold. */
	close_range(0, ~0U, 0);
	warden(path, seconds);
}

unsigned undo_sweep(void)
{
	glob_t found = { 0 };
	unsigned n = 0;

	if (geteuid() != 0)
		return 0;
	if (glob(UNDO_FILES, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++)
			n += sweep_one(found.gl_pathv[i]);
	}
	globfree(&found);
	return n;
}
