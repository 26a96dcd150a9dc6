/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include "base/cursor.h"
#include "lab/undo.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>

#include <linux/magic.h>

void scene_say(struct scene *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

int scene_skip(struct scene *s, const char *fmt, ...)
{
	va_list ap;

	printf("skipped: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	return -EOPNOTSUPP;
}

void scene_culprit(struct scene *s, const char *kind, pid_t pid, const char *name)
{
	strbuf_printf(&s->announced, "%s%s %d %s", s->announced.len ? " | " : "culprit ", kind,
		(int)pid, name);
}

void scene_victim(struct scene *s, const char *kind, pid_t pid, const char *name)
{
	strbuf_printf(&s->announced, " | victim %s %d %s", kind, (int)pid, name);
}

void scene_why(struct scene *s, pid_t pid, const char *state, const char *names)
{
	strbuf_clear(&s->why);
	strbuf_printf(&s->why, "%d %s %s", (int)pid, state, names);
}

void scene_ready(struct scene *s)
{
	struct timespec t;

	if (s->lab->want)
		scene_say(s, "murphy should say %s, and name %s", s->lab->want,
			s->announced.bytes ? s->announced.bytes : "");
	else
		scene_say(s, "murphy should say nothing above info");
	clock_gettime(CLOCK_MONOTONIC, &t);
	__atomic_store_n(&s->undo->ready_ns, (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec,
		__ATOMIC_RELEASE);
	if (s->why.len)
		scene_say(s, "why %s", s->why.bytes);
	scene_say(s, "ready %s", s->announced.bytes ? s->announced.bytes : "healthy");
}

int scene_hold(struct scene *s)
{
	scene_ready(s);
	for (;;)
		pause();
}

pid_t scene_child(struct scene *s, const char *comm)
{
	fflush(NULL);
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, comm);
	}
	return pid;
}

pid_t scene_child_done(struct scene *s, const char *comm,
	void (*body)(int done, const void *context), const void *context)
{
	int done[2];
	char c;

	if (pipe2(done, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = scene_child(s, comm);

	if (pid == 0) {
		close(done[0]);
		body(done[1], context);
		_exit(0);
	}
	close(done[1]);
	ssize_t n = pid < 0 ? 0 : read(done[0], &c, 1);

	close(done[0]);
	return pid < 0 ? pid : n == 1 ? pid : -EAGAIN;
}

static int become(const char *user)
{
	const struct passwd *pw = user ? getpwnam(user) : NULL;

	if (!user)
		return 0;
	if (!pw)
		return -ENOENT;
	if (setgroups(0, NULL) < 0 || setgid(pw->pw_gid) < 0 || setuid(pw->pw_uid) < 0)
		return -errno;
	return 0;
}

pid_t scene_start(struct scene *s, const char *user, const char *const argv[])
{
	pid_t pid = scene_child(s, argv[0]);

	if (pid != 0)
		return pid;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(126);
	if ((s->dir[0] && chdir(s->dir) < 0) || become(user) < 0)
		_exit(126);
	/* A new user loses the death signal. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (s->dir[0])
		setenv("TMPDIR", s->dir, 1);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(errno == ENOENT ? 127 : 126);
}

int scene_join(pid_t pid)
{
	int status;

	if (pid < 0)
		return pid;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int scene_command(struct scene *s, const char *user, const char *const argv[])
{
	return scene_join(scene_start(s, user, argv));
}

char scene_state(pid_t pid)
{
	char path[32], buf[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	ssize_t n = scene_read(path, buf, sizeof(buf));
	const char *p = n > 0 ? strrchr(buf, ')') : NULL;

	return p && p[1] ? p[2] : '?';
}

int scene_await(pid_t pid, char state)
{
	for (int i = 0; i < 100; i++) {
		if (scene_state(pid) == state)
			return 0;
		scene_nap(100);
	}
	return -ETIMEDOUT;
}

void scene_nap(unsigned ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

bool scene_has(const char *program)
{
	static const char *const dirs[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
		"/usr/bin", "/sbin", "/bin" };
	char path[256];

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], program);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

int scene_dir(struct scene *s, uint64_t bytes)
{
	static const char base[] = "/var/tmp";
	struct statvfs v;
	struct statfs f;

	if (s->dir[0])
		return 0;
	if (statvfs(base, &v) < 0 || statfs(base, &f) < 0)
		return scene_skip(s, "%s: %s", base, strerror(errno));
	if (f.f_type == TMPFS_MAGIC)
		return scene_skip(s, "%s is in memory; this lab needs a disk", base);

	uint64_t total = (uint64_t)v.f_blocks * v.f_frsize,
		 left = (uint64_t)v.f_bavail * v.f_frsize;

	if (left < bytes + total / 10)
		return scene_skip(
			s, "%s has too little room for %ju MiB", base, (uintmax_t)bytes >> 20);
	snprintf(s->dir, sizeof(s->dir), "%s/murphy-lab.%s.%d", base, s->lab->name, (int)getpid());
	int err = undo_add(s->undo, UNDO_TREE, s->dir, NULL);

	if (err < 0)
		return err;
	return mkdir(s->dir, 0711) < 0 ? -errno : 0;
}

int scene_file(struct scene *s, const char *name, uint64_t bytes)
{
	static char block[1 << 20];
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", s->dir, name);
	auto_close fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	memset(block, 'm', sizeof(block));
	while (bytes > 0) {
		size_t part = bytes < sizeof(block) ? (size_t)bytes : sizeof(block);
		ssize_t n = write(fd, block, part);

		if (n < 0)
			return -errno;
		bytes -= (uint64_t)n;
	}
	if (fdatasync(fd) < 0)
		return -errno;
	/* Whoever reads it next pays for it. */
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

ssize_t scene_read(const char *path, char *buf, size_t size)
{
	auto_close fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

int scene_write(const char *path, const char *text)
{
	auto_close fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

int scene_knob(struct scene *s, const char *path, const char *text)
{
	char was[UNDO_TEXT];
	ssize_t n = scene_read(path, was, sizeof(was));

	if (n < 0)
		return (int)n;
	was[strcspn(was, "\n")] = '\0';
	/* Some tell all that they may be: "always [madvise] never". */
	char *chosen = strchr(was, '['), *end = chosen ? strchr(chosen, ']') : NULL;

	if (end)
		*end = '\0';
	int err = undo_add(s->undo, UNDO_WRITE, path, end ? chosen + 1 : was);

	return err < 0 ? err : scene_write(path, text);
}

int scene_memory(uint64_t *ret_total, uint64_t *ret_available)
{
	char buf[4096];
	uint64_t total = 0, available = 0;
	ssize_t n = scene_read("/proc/meminfo", buf, sizeof(buf));

	if (n < 0)
		return (int)n;
	struct cursor c = cursor_of(buf, (size_t)n), line;

	while (cursor_line(&c, &line)) {
		if (cursor_lit(&line, "MemTotal:"))
			cursor_u64(&line, &total);
		else if (cursor_lit(&line, "MemAvailable:"))
			cursor_u64(&line, &available);
	}
	if (total == 0 || available == 0)
		return -ENODATA;
	*ret_total = total << 10;
	*ret_available = available << 10;
	return 0;
}

int scene_need_memory(struct scene *s, uint64_t bytes)
{
	uint64_t total, available;
	int err = scene_memory(&total, &available);

	if (err < 0)
		return err;
	if (available < bytes + total / 4)
		return scene_skip(s,
			"needs %ju MiB and must leave a quarter of memory; %ju available",
			(uintmax_t)bytes >> 20, (uintmax_t)available >> 20);
	return 0;
}
