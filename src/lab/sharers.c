/* SPDX-License-Identifier: MIT */
#include "lab/sharers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* since 5.14 */
#endif

#define MIB UINT64_C(1048576)

/* Of a process that has hardly touched anything: its stacks, tables, and what fork() copied. */
enum { PROCESS_KIB = 320 };

unsigned sharers_scale(uint64_t total, unsigned max)
{
	uint64_t n = max * (total / MIB) / 16384;

	return n < max ? (unsigned)n : max;
}

uint64_t sharers_table_bytes(const struct sparse *o, const struct sharer *k)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), reach = page * (page / 8);
	uint64_t each = (o->chunk + reach - 1) / reach, chunks = o->size / o->stride;

	/* The lowest level, and the one above it. */
	return (chunks * each + o->size / reach / (page / 8)) * page * k->percent / 100;
}

static int fill(struct sparse *o)
{
	static char block[1 << 20];
	int fd = memfd_create(o->name, MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)o->size) < 0)
		return -errno;
	memset(block, 'm', sizeof(block));
	for (uint64_t at = 0; at < o->size; at += o->stride) {
		for (uint64_t done = 0; done < o->chunk;) {
			uint64_t left = o->chunk - done;
			ssize_t n = pwrite(fd, block,
				left < sizeof(block) ? (size_t)left : sizeof(block),
				(off_t)(at + done));

			if (n < 0)
				return -errno;
			done += (uint64_t)n;
		}
	}
	o->fd = fd;
	return 0;
}

static void touch(const char *p, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (madvise((void *)(uintptr_t)p, bytes, MADV_POPULATE_READ) == 0)
		return;
	for (size_t i = 0; i < bytes; i += page)
		(void)*(const volatile char *)&p[i];
}

/* What one process does; no error ends it but being unable. */
static void share(const struct sparse *o, const struct sharer *k)
{
	bool copies = k->copy_bytes > 0;
	/* Not writable as a whole: nobody has the memory to promise copies of all of it. */
	char *p = mmap(NULL, o->size, PROT_READ, copies ? MAP_PRIVATE : MAP_SHARED, o->fd, 0);

	if (p == MAP_FAILED)
		_exit(1);
	madvise(p, o->size, MADV_NOHUGEPAGE);
	for (uint64_t at = 0; at < o->size / 100 * k->percent; at += o->stride)
		touch(p + at, o->chunk);
	if (copies && mprotect(p, k->copy_bytes, PROT_READ | PROT_WRITE) < 0)
		_exit(1);
	memset(p, 'c', k->copy_bytes);
	if (k->own_bytes == 0)
		return;
	p = mmap(NULL, k->own_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		_exit(1);
	memset(p, 'o', k->own_bytes);
}

/* The first of a kind: one child after the other, so that no more than the kinds work at a time. */
static void lead(const struct sparse *o, const struct sharer *k, int done)
	__attribute__((noreturn));
static void lead(const struct sparse *o, const struct sharer *k, int done)
{
	int ready[2];
	char c;

	for (unsigned i = 1; i < k->n; i++) {
		pid_t pid = pipe2(ready, O_CLOEXEC) < 0 ? -1 : fork();

		if (pid < 0)
			_exit(1);
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(done);
			share(o, k);
			if (write(ready[1], "r", 1) != 1)
				_exit(1);
			close(ready[0]);
			close(ready[1]);
			for (;;)
				pause();
		}
		close(ready[1]);
		if (read(ready[0], &c, 1) != 1)
			_exit(1);
		close(ready[0]);
	}
	share(o, k);
	if (write(done, "d", 1) != 1)
		_exit(1);
	close(done);
	for (;;)
		pause();
}

static uint64_t need(const struct sparse *o, const struct sharer kinds[], size_t n_kinds)
{
	uint64_t bytes = o->size / o->stride * o->chunk;

	for (size_t i = 0; i < n_kinds; i++)
		bytes += kinds[i].n * (sharers_table_bytes(o, &kinds[i]) + kinds[i].copy_bytes +
					      kinds[i].own_bytes + PROCESS_KIB * UINT64_C(1024));
	return bytes;
}

static int enter_group(struct scene *s, uint64_t bytes)
{
	struct cgroup g = { 0 };
	char limit[32];
	int err = cgroup_new(s, "memory", &g);

	snprintf(limit, sizeof(limit), "%ju", (uintmax_t)(bytes + bytes / 4 + 64 * MIB));
	if (err == 0)
		err = cgroup_set(&g, "memory.limit_in_bytes", "memory.max", limit);
	return err < 0 ? err : cgroup_enter(&g);
}

int sharers_start(struct scene *s, struct sparse *o, struct sharer kinds[], size_t n_kinds)
{
	uint64_t bytes = need(o, kinds, n_kinds);
	int done[2], err = scene_need_memory(s, bytes + bytes / 4);
	char c;

	if (err == 0)
		err = enter_group(s, bytes);
	if (err == 0)
		err = fill(o);
	if (err < 0)
		return err;
	if (pipe2(done, O_CLOEXEC) < 0)
		return -errno;
	for (size_t i = 0; i < n_kinds; i++) {
		kinds[i].pid = scene_child(s, kinds[i].comm);
		if (kinds[i].pid < 0)
			return kinds[i].pid;
		if (kinds[i].pid == 0) {
			close(done[0]);
			lead(o, &kinds[i], done[1]);
		}
	}
	close(done[1]);
	for (size_t i = 0; i < n_kinds; i++) {
		if (read(done[0], &c, 1) != 1)
			return -ENOMEM;
	}
	close(done[0]);
	return 0;
}
