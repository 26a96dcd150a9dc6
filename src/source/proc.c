/* SPDX-License-Identifier: MIT */
#include "source/proc.h"

#include "base/cursor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PROC_FILE_MAX = 48 };

const char *proc_path(char *buf, uint64_t pid, const char *file)
{
	char digits[24], *d = digits + sizeof(digits);
	char *at = buf;
	size_t len = strnlen(file, PROC_FILE_MAX);

	do {
		*--d = (char)('0' + pid % 10);
		pid /= 10;
	} while (pid > 0);
	size_t n_digits = (size_t)(digits + sizeof(digits) - d);

	memcpy(at, "proc/", 5);
	at += 5;
	memcpy(at, d, n_digits);
	at += n_digits;
	*at++ = '/';
	memcpy(at, file, len);
	at[len] = '\0';
	return buf;
}

bool proc_is_pid(const char *name, uint64_t *ret_pid)
{
	uint64_t pid = 0;
	size_t i;

	for (i = 0; name[i] >= '0' && name[i] <= '9' && i < 18; i++)
		pid = pid * 10 + (uint64_t)(name[i] - '0');
	if (i == 0 || name[i] != '\0' || pid == 0)
		return false;
	*ret_pid = pid;
	return true;
}

int proc_group(struct host *h, uint64_t tid, uint64_t *ret_pid)
{
	char path[PROC_PATH_MAX], buf[1024];
	ssize_t n = host_read_record(h, proc_path(path, tid, "status"), buf, sizeof(buf));
	struct cursor c, line;

	if (n < 0)
		return (int)n;
	c = cursor_of(buf, (size_t)n);
	while (cursor_line(&c, &line)) {
		if (cursor_lit(&line, "Tgid:"))
			return cursor_u64(&line, ret_pid) ? 0 : -EINVAL;
	}
	return -ENODATA;
}

int proc_fds(
	struct probe *p, uint64_t pid, int (*each)(void *arg, uint64_t pid, uint64_t fd), void *arg)
{
	char path[PROC_PATH_MAX];
	auto_strbuf names = { 0 };
	int err = host_list(p->host, proc_path(path, pid, "fd"), &names);

	for (const char *s = NULL; err == 0 && (s = host_next_name(&names, s));) {
		struct cursor c = cursor_of(s, strlen(s));
		uint64_t fd;

		if (probe_late(p))
			err = -ETIME;
		else if (cursor_u64(&c, &fd) && cursor_end(&c))
			err = each(arg, pid, fd);
	}
	return err;
}

bool proc_socket_inode(const char *target, size_t len, uint64_t *ret_inode)
{
	struct cursor c = cursor_of(target, len);

	return cursor_lit(&c, "socket:[") && cursor_u64(&c, ret_inode) && cursor_lit(&c, "]");
}

bool proc_socket(struct host *h, uint64_t pid, uint64_t fd, uint64_t *ret_inode)
{
	char path[PROC_PATH_MAX], file[40], target[64];

	snprintf(file, sizeof(file), "fd/%llu", (unsigned long long)fd);
	ssize_t n = host_link(h, proc_path(path, pid, file), target, sizeof(target));

	return n > 0 && proc_socket_inode(target, (size_t)n, ret_inode);
}

uint64_t proc_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

bool tally_count(struct tally *a, int err)
{
	enum state state = state_of_errno(err);

	if (state == STATE_ABSENT) {
		a->gone++;
		return false;
	}
	a->tried++;
	if (state == STATE_DENIED) {
		a->denied++;
	} else if (state != STATE_OK) {
		a->failed++;
		a->err = err;
	}
	return state == STATE_OK;
}

enum { CAP_PTRACE_BIT = 19 }; /* include/uapi/linux/capability.h */

const char *proc_denied(struct probe *p, const char *needs)
{
	char buf[4096];
	ssize_t n = host_is_live(p->host)
			    ? host_read_record(p->host, "proc/self/status", buf, sizeof(buf))
			    : -ENOENT;
	struct cursor c = cursor_of(buf, n < 0 ? 0 : (size_t)n), line;
	uint64_t has;

	while (cursor_line(&c, &line)) {
		if (cursor_lit(&line, "CapEff:") && cursor_x64(&line, &has) &&
			(has >> CAP_PTRACE_BIT & 1) != 0)
			return "they refuse even CAP_SYS_PTRACE (a sandbox, another user "
			       "namespace)";
	}
	return needs;
}

/* What a negative errno means to people here. */
static const char *wrong(int err)
{
	return err == -EINVAL ? "not in the form that this murphy knows" : strerror(-err);
}

/* n with a comma at each thousand, into buf of 32 bytes. */
static const char *grouped(char *buf, uint64_t n)
{
	char *at = buf + 31;

	*at = '\0';
	for (int i = 0; i == 0 || n > 0; i++) {
		if (i > 0 && i % 3 == 0)
			*--at = ',';
		*--at = (char)('0' + n % 10);
		n /= 10;
	}
	return at;
}

static const char *what_of(const struct tally *a)
{
	return a->of ? a->of : "processes";
}

void tally_close(const struct tally *a, struct table *t, const char *denied)
{
	char bad[32], all[32];
	const char *of = what_of(a);
	uint64_t lost = a->denied + a->failed;

	t->lost += lost;
	if (a->tried == 0 && a->gone > 0 && t->n == 0)
		table_fail(
			t, STATE_ABSENT, "not there for any of %s %s", grouped(all, a->gone), of);
	else if (lost == 0)
		t->state = STATE_OK;
	else if (a->denied == a->tried)
		table_fail(t, STATE_DENIED, "%s", denied);
	else if (a->failed == a->tried)
		table_fail(t, STATE_BROKEN, "%s", wrong(a->err));
	else if (a->failed == 0)
		table_fail(t, STATE_OK, "%s of %s %s denied: %s", grouped(bad, a->denied),
			grouped(all, a->tried), of, denied);
	else
		table_fail(t, STATE_OK, "%s of %s %s could not be read: %s", grouped(bad, lost),
			grouped(all, a->tried), of, wrong(a->err));
}

void tally_late(
	const struct tally *a, struct table *t, uint64_t done, uint64_t all, uint64_t since_ns)
{
	char part[32], whole[32];

	t->lost += all - done;
	table_fail(t, STATE_LATE, "%s of %s %s in %.1f s", grouped(part, done), grouped(whole, all),
		what_of(a), (double)(proc_now_ns() - since_ns) / 1e9);
}
