/* SPDX-License-Identifier: MIT */
/*
 * Each way in which a page can be mapped, or only seem to be: what tests/lab/mem.sh compares with
 * the kernel's own count. All wait for ever once they are in shape.
 */
#include "lab/mem_shape.h"
#include "lab/swap.h"

#include "base/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* since 6.13 */
#endif

#define MIB ((size_t)1048576)
#define KSM "/sys/kernel/mm/ksm/"
#define HUGEPAGES "/proc/sys/vm/nr_hugepages"

enum {
	SHAPE_PIDS = 3,
	HUGETLB_PAGES = 4,
	KSM_PAGES = 256,
	KSM_KINDS = 32, /* of content: each page of ours is there 16 times */
	FAR_PLACES = 64,
	RETRIES = 100,
	RETRY_MS = 200,
};

/* What a process of a shape says when it is in shape. */
struct said {
	pid_t pid;
};

struct shape {
	const char *name;
	unsigned n; /* processes, each of which calls shape_stay() */
	/* What the machine must have first. 0, or why this shape cannot be here: -errno. */
	int (*prepare)(struct scene *s);
	void (*make)(const struct scene *s, int done);
};

size_t shape_page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

char *shape_map(size_t bytes, int prot, int flags, int fd)
{
	char *p = mmap(NULL, bytes, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		_exit(1);
	return p;
}

char *shape_small(size_t bytes)
{
	char *p = shape_map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

void shape_read(const char *p, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += shape_page())
		(void)*(const volatile char *)&p[i];
}

void shape_stay(int done)
{
	struct said said = { getpid() };

	if (write(done, &said, sizeof(said)) != sizeof(said))
		_exit(1);
	close(done);
	for (;;)
		pause();
}

pid_t shape_fork(void)
{
	pid_t pid = fork();

	if (pid < 0)
		_exit(1);
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* A line of a file of /proc/self in kB, or a whole file that is a number; 0: not there. */
static uint64_t own(const char *path, const char *key)
{
	char buf[4096];
	ssize_t n = scene_read(path, buf, sizeof(buf));
	struct cursor c = cursor_of(buf, n > 0 ? (size_t)n : 0), line;
	uint64_t value;

	while (cursor_line(&c, &line)) {
		if (cursor_lit(&line, key) && cursor_u64(&line, &value))
			return value;
	}
	return 0;
}

uint64_t shape_kib(const char *key)
{
	return own("/proc/self/smaps_rollup", key);
}

static size_t huge_size(void)
{
	return (size_t)own("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "");
}

/* n huge pages of private memory, aligned; the shape cannot be where the kernel gives none. */
static char *huge(size_t n, bool write)
{
	size_t size = huge_size();

	if (size == 0)
		_exit(1);
	char *p =
		shape_map((n + 1) * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	p += (size - (uintptr_t)p % size) % size;
	if (madvise(p, n * size, MADV_HUGEPAGE) < 0)
		_exit(1);
	if (write)
		memset(p, 'h', n * size);
	else
		shape_read(p, n * size);
	if (write && shape_kib("AnonHugePages:") < n * size / 1024)
		_exit(1);
	return p;
}

static void make_anonymous(const struct scene *s, int done)
{
	memset(shape_small(SHAPE_BYTES), 'a', SHAPE_BYTES);
	shape_stay(done);
}

/* Reading what was never written maps the zero page, which is nobody's memory. */
static void make_zero_page(const struct scene *s, int done)
{
	char *p = shape_small(SHAPE_BYTES);

	shape_read(p, SHAPE_BYTES);
	memset(p, 'z', SHAPE_BYTES / 4);
	shape_stay(done);
}

static void make_huge_zero_page(const struct scene *s, int done)
{
	huge(2, false);
	shape_stay(done);
}

/* Pages stay mapped, with entries that look as if they were not present. */
static void make_prot_none(const struct scene *s, int done)
{
	char *p = shape_small(SHAPE_BYTES);

	memset(p, 'n', SHAPE_BYTES);
	mprotect(p, SHAPE_BYTES / 2, PROT_NONE);
	shape_stay(done);
}

static void make_guard(const struct scene *s, int done)
{
	char *p = shape_small(SHAPE_BYTES);

	memset(p, 'g', SHAPE_BYTES);
	if (madvise(p, SHAPE_BYTES / 2, MADV_GUARD_INSTALL) < 0)
		_exit(1);
	shape_stay(done);
}

static void make_copy_on_write(const struct scene *s, int done)
{
	char *p = shape_small(SHAPE_BYTES);

	memset(p, 'c', SHAPE_BYTES);
	if (shape_fork() == 0)
		memset(p, 'd', SHAPE_BYTES / 2);
	shape_stay(done);
}

/* Moved by a few pages, so that it has other page tables; and what is left where it was. */
static void make_moved(const struct scene *s, int done)
{
	size_t part = SHAPE_BYTES / 2;
	char *p = shape_small(SHAPE_BYTES), *to = shape_small(2 * SHAPE_BYTES) + 3 * shape_page();

	memset(p, 'm', SHAPE_BYTES);
	if (mremap(p, part, part, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED)
		_exit(1);
	/* Since 5.7. */
	mremap(p + part, part, part, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	shape_fork();
	shape_stay(done);
}

/* Each second page is a mapping of its own. */
static void make_mappings(const struct scene *s, int done)
{
	char *p = shape_small(SHAPE_BYTES);

	memset(p, 'm', SHAPE_BYTES);
	for (size_t i = 0; i < SHAPE_BYTES; i += 2 * shape_page())
		mprotect(p + i, shape_page(), PROT_READ);
	shape_stay(done);
}

/* A page table for each few pages. */
static void make_far_apart(const struct scene *s, int done)
{
	uintptr_t first = (uintptr_t)1 << 44;

	for (unsigned i = 0; i < FAR_PLACES; i++) {
		char *p = mmap((void *)(first + ((uintptr_t)i << 32)), 3 * shape_page(),
			PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			-1, 0);

		/* Not all machines have so many addresses. */
		if (p != MAP_FAILED)
			memset(p, 'r', 2 * shape_page());
	}
	shape_stay(done);
}

/* Two processes in one address space; each is told to have all of it. */
static int same_space(void *done)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	shape_stay(*(int *)done);
}

static void make_same_space(const struct scene *s, int done)
{
	size_t stack = 256 * 1024;
	char *p = shape_small(stack);
	/* Its files are its own: both close done. */
	int theirs = done;

	if (clone(same_space, p + stack, CLONE_VM | SIGCHLD, &theirs) < 0)
		_exit(1);
	shape_stay(done);
}

static void make_huge(const struct scene *s, int done)
{
	huge(2, true);
	shape_stay(done);
}

static void make_huge_fork(const struct scene *s, int done)
{
	huge(2, true);
	shape_fork();
	shape_stay(done);
}

/* The child writes a little of each: copies beside what is still shared. */
static void make_huge_copy(const struct scene *s, int done)
{
	char *p = huge(2, true);

	if (shape_fork() == 0) {
		memset(p, 'w', 3 * shape_page());
		memset(p + huge_size(), 'w', huge_size() / 2);
	}
	shape_stay(done);
}

/* Huge for the parent, in small pieces for the child. */
static void make_huge_split(const struct scene *s, int done)
{
	char *p = huge(2, true);

	if (shape_fork() == 0) {
		mprotect(p + shape_page(), shape_page(), PROT_READ);
		munmap(p + huge_size() + 4 * shape_page(), huge_size() / 2);
	}
	shape_stay(done);
}

/* A piece of a huge page is elsewhere, another is gone. */
static void make_huge_torn(const struct scene *s, int done)
{
	char *p = huge(2, true), *to = shape_small(SHAPE_BYTES);

	munmap(p, huge_size() / 4);
	if (mremap(p + huge_size(), huge_size() / 2, huge_size() / 2, MREMAP_MAYMOVE | MREMAP_FIXED,
		    to) == MAP_FAILED)
		_exit(1);
	shape_stay(done);
}

static int prepare_shmem_huge(struct scene *s)
{
	return scene_knob(s, "/sys/kernel/mm/transparent_hugepage/shmem_enabled", "advise");
}

/* Another process maps it off by a page: in small pieces. */
static void make_shmem_huge(const struct scene *s, int done)
{
	size_t bytes = 2 * huge_size();
	int fd = shape_object(bytes, true);

	if (shape_fork() == 0) {
		char *p = mmap(
			NULL, bytes - shape_page(), PROT_READ, MAP_SHARED, fd, (off_t)shape_page());

		if (p == MAP_FAILED)
			_exit(1);
		shape_read(p, bytes - shape_page());
	}
	shape_stay(done);
}

static int prepare_hugetlb(struct scene *s)
{
	char text[24];
	uint64_t had = own(HUGEPAGES, "");

	snprintf(text, sizeof(text), "%ju", (uintmax_t)had + HUGETLB_PAGES);
	int err = scene_knob(s, HUGEPAGES, text);

	return err == 0 && own(HUGEPAGES, "") < had + HUGETLB_PAGES ? -ENOMEM : err;
}

static void make_hugetlb(const struct scene *s, int done)
{
	uint64_t size = own("/proc/meminfo", "Hugepagesize:") * 1024;
	char *p = shape_map(
		2 * size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1);
	char *q = shape_map(
		size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);

	memset(p, 't', 2 * size);
	memset(q, 't', size);
	if (shape_fork() == 0)
		shape_read(p, size);
	shape_stay(done);
}

static int prepare_ksm(struct scene *s)
{
	int err = scene_knob(s, KSM "pages_to_scan", "5000");

	return err < 0 ? err : scene_knob(s, KSM "run", "1");
}

static void make_ksm(const struct scene *s, int done)
{
	size_t bytes = KSM_PAGES * shape_page();
	uint64_t merged = 0;

	shape_fork();
	char *p = shape_small(bytes);

	for (int i = 0; i < KSM_PAGES; i++)
		memset(p + (size_t)i * shape_page(), 1 + i % KSM_KINDS, shape_page());
	if (madvise(p, bytes, MADV_MERGEABLE) < 0)
		_exit(1);
	for (int i = 0; i < RETRIES && merged < KSM_PAGES; i++) {
		scene_nap(RETRY_MS);
		merged = own("/proc/self/ksm_merging_pages", "");
	}
	if (merged == 0)
		_exit(1);
	shape_stay(done);
}

static int prepare_swap(struct scene *s)
{
	return swap_new(s, 32 * MIB);
}

/* A part of private memory is out, for two processes; a part of an object too. */
static void make_swapped(const struct scene *s, int done)
{
	char *p = swap_fill(SHAPE_BYTES);
	char *q = shape_map(
		SHAPE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, shape_object(SHAPE_BYTES, false));

	memset(q, 'q', SHAPE_BYTES);
	/* While it is mapped once: else the kernel lets it be. */
	if (!p || swap_out(p, SHAPE_BYTES / 2) < 0 || swap_out(q, SHAPE_BYTES / 2) < 0 ||
		swap_await(getpid(), SHAPE_BYTES / 4) < 0)
		_exit(1);
	if (shape_fork() == 0)
		shape_read(q + SHAPE_BYTES / 2, SHAPE_BYTES / 4);
	shape_stay(done);
}

static const struct shape shapes[] = {
	{ "anonymous", 1, NULL, make_anonymous },
	{ "zero-page", 1, NULL, make_zero_page },
	{ "huge-zero-page", 1, NULL, make_huge_zero_page },
	{ "prot-none", 1, NULL, make_prot_none },
	{ "guard", 1, NULL, make_guard },
	{ "double-map", 1, NULL, shape_of_double_map },
	{ "copy-on-write", 2, NULL, make_copy_on_write },
	{ "parts", 3, NULL, shape_of_parts },
	{ "sysv", 2, NULL, shape_of_sysv },
	{ "file", 2, shape_prepare_file, shape_of_file },
	{ "holes", 2, shape_prepare_dir, shape_of_holes },
	{ "moved", 2, NULL, make_moved },
	{ "device", 1, NULL, shape_of_device },
	{ "ring", 1, NULL, shape_of_ring },
	{ "mappings", 1, NULL, make_mappings },
	{ "far-apart", 1, NULL, make_far_apart },
	{ "same-space", 2, NULL, make_same_space },
	{ "huge", 1, NULL, make_huge },
	{ "huge-fork", 2, NULL, make_huge_fork },
	{ "huge-copy", 2, NULL, make_huge_copy },
	{ "huge-split", 2, NULL, make_huge_split },
	{ "huge-torn", 1, NULL, make_huge_torn },
	{ "shmem-huge", 2, prepare_shmem_huge, make_shmem_huge },
	{ "hugetlb", 2, prepare_hugetlb, make_hugetlb },
	{ "ksm", 2, prepare_ksm, make_ksm },
	{ "swapped", 2, prepare_swap, make_swapped },
};

/* 0, also where the machine cannot have it; -errno. */
static int build(struct scene *s, const struct shape *shape)
{
	struct said said[SHAPE_PIDS];
	unsigned n = 0;
	int done[2];

	if (shape->prepare && shape->prepare(s) < 0) {
		scene_say(s, "no shape %s: this machine does not let it be", shape->name);
		return 0;
	}
	if (pipe2(done, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = scene_child(s, "lab-shape");

	if (pid == 0) {
		close(done[0]);
		shape->make(s, done[1]);
		_exit(1);
	}
	close(done[1]);
	while (pid > 0 && n < shape->n && read(done[0], &said[n], sizeof(*said)) == sizeof(*said))
		n++;
	close(done[0]);
	if (n < shape->n)
		scene_say(s, "no shape %s: this kernel does not make it", shape->name);
	for (unsigned i = 0; i < n && n == shape->n; i++)
		scene_say(s, "shape %s pid %d", shape->name, (int)said[i].pid);
	return pid < 0 ? pid : 0;
}

static int run(struct scene *s)
{
	int err = scene_need_memory(s, 256 * MIB);

	for (size_t i = 0; i < ARRAY_SIZE(shapes) && err == 0; i++)
		err = build(s, &shapes[i]);
	return err < 0 ? err : scene_hold(s);
}

const struct lab lab_mem_shapes = {
	.name = "mem-shapes",
	.story = "Memory in every shape: huge, merged, shared, torn, swapped out, and all is well",
	.bounds = "200 MiB of memory, 40 MiB of disk, 4 huge pages, a swap file, ksmd at work",
	.root = true,
	.settle_s = 1,
	.run = run,
};
