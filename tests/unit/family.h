/* SPDX-License-Identifier: MIT */
/* Processes with memory of many kinds, beside what the kernel's smaps_rollup says of them. */
#ifndef MURPHY_TESTS_FAMILY_H
#define MURPHY_TESTS_FAMILY_H

#include "base/cursor.h"
#include "host/host.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
/* Then every fork shares memory, in a mapping of terabytes, that is not of these tests. */
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

enum { MIB = 1 << 20, CHILDREN = 4, BIG_MIB = 16 };

static struct host *live;
static char *parents; /* memory that children have from us, copied on write */

struct family {
	pid_t pid[CHILDREN];
	int go[2];
};

typedef void child_fn(int number, int memfd);

static inline char *map(size_t size, int flags, int fd)
{
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (at == MAP_FAILED)
		_exit(1);
	return at;
}

static inline void touch(volatile char *at, size_t size, bool write)
{
	char sum = 0;

	for (size_t i = 0; i < size; i += 4096) {
		if (write)
			at[i] = 1;
		else
			sum ^= at[i];
	}
	(void)sum;
}

/* Half of a large object, of small memory some of each kind. */
static inline void child_of_all_kinds(int number, int memfd)
{
	char *big = map(BIG_MIB * MIB, MAP_SHARED, memfd);
	char *again = map(2 * MIB, MAP_SHARED, memfd);
	char *own = map(MIB, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char *zero = map(MIB, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char *locked = map(MIB, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	char *sparse = map((size_t)4096 * MIB, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	char *copied = map(BIG_MIB * MIB, MAP_PRIVATE, memfd);

	touch(big, number % 2 ? BIG_MIB * MIB : BIG_MIB / 2 * MIB, false);
	touch(again, 2 * MIB, false);
	touch(own, MIB, true);
	touch(zero, MIB, false);
	touch(locked, MIB, true);
	mprotect(locked, MIB, PROT_NONE);
	touch(sparse + (size_t)1000 * MIB, MIB / 2, true);
	touch(sparse + (size_t)3000 * MIB, MIB / 4, true);
	touch(copied, 8 * MIB, false);
	touch(copied + 3 * MIB, MIB, true);
	touch(parents, MIB, number == 0);
}

/* A huge page that all have, and one that each has broken up. */
static inline void child_of_huge_pages(int number, int memfd UNUSED)
{
	touch(parents, 2 * MIB, false);
	if (number == 1)
		touch(parents, MIB, true);
}

/*
 * Makes parents a huge page, or small ones, which are as good. Returns what is to be unmapped, 4
 * MiB.
 */
static inline char *huge_parents(void)
{
	char *at = map(4 * MIB, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	parents = at + (2 * MIB - (uintptr_t)at % (2 * MIB));
	madvise(parents, 2 * MIB, MADV_HUGEPAGE);
	touch(parents, 2 * MIB, true);
	return at;
}

static inline void start(struct family *f, child_fn *run)
{
	int memfd = memfd_create("page-sample", MFD_CLOEXEC), ready[2];
	char c = 0;

	assert_true(memfd >= 0);
	assert_int_equal(ftruncate(memfd, (off_t)64 * MIB), 0);
	char *big = map(BIG_MIB * MIB, MAP_SHARED, memfd);

	touch(big, BIG_MIB * MIB, true);
	munmap(big, BIG_MIB * MIB);
	assert_int_equal(pipe(f->go), 0);
	assert_int_equal(pipe(ready), 0);
	for (int i = 0; i < CHILDREN; i++) {
		f->pid[i] = fork();
		if (f->pid[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(f->go[1]);
			run(i, memfd);
			_exit(write(ready[1], &c, 1) == 1 && read(f->go[0], &c, 1) == 0 ? 0 : 1);
		}
	}
	close(memfd);
	close(ready[1]); /* or the read would wait for a child that has died */
	for (int i = 0; i < CHILDREN; i++)
		assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
}

static inline void stop(struct family *f)
{
	close(f->go[0]);
	close(f->go[1]);
	for (int i = 0; i < CHILDREN; i++)
		waitpid(f->pid[i], NULL, 0);
}

static inline uint64_t rollup(pid_t pid, const char *key)
{
	char path[64], buf[4096];

	snprintf(path, sizeof(path), "proc/%d/smaps_rollup", (int)pid);
	ssize_t n = host_read(live, path, buf, sizeof(buf));
	struct cursor c = cursor_of(buf, n < 0 ? 0 : (size_t)n), line;
	uint64_t kib = 0;

	while (cursor_line(&c, &line)) {
		if (cursor_lit(&line, key) && cursor_u64(&line, &kib))
			break;
	}
	return kib * 1024;
}

#endif
