/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define MIB (1 << 20)

enum {
	BASE = 32 * MIB,
	MOST = 64 * MIB,
	STEP_MS = 250,
	LIFE_MS = 9000,
	POOL = 20,
	POOL_MAX = 30,
	/* When a process is no longer young to mem.leak: for those who keep the lab up for long. */
	LATE_MS = 1260000,
};

/* What it has after so many milliseconds. */
typedef size_t shape_fn(unsigned ms);

/* A cache that fills: each second an eighth of what is missing. */
static size_t warm(unsigned ms)
{
	size_t missing = 8 * MIB;

	for (unsigned s = 0; s < ms / 1000 && s < 120; s++)
		missing -= missing / 8;
	return BASE + 8 * MIB - missing;
}

/* A garbage collector, every seven seconds. */
static size_t saw(unsigned ms)
{
	return BASE + (size_t)ms % 7000 * (4 * MIB / 7000);
}

/* A larger batch, once. */
static size_t step(unsigned ms)
{
	return ms < 15000 ? BASE : BASE + 8 * MIB;
}

/* A second of much more, as what starts needs it. */
static size_t begin(unsigned ms)
{
	return ms < 1000 ? BASE + 24 * MIB : BASE;
}

struct kind {
	const char *comm;
	shape_fn *shape;
	unsigned after_ms; /* until then it has what it begins with */
	bool restarts;     /* every LIFE_MS */
};

/* Returns when it is to end. */
static void keep(const struct kind *k)
{
	char *p = mmap(NULL, MOST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t have = 0;

	if (p == MAP_FAILED)
		_exit(1);
	for (unsigned ms = 0; !k->restarts || ms < LIFE_MS; ms += STEP_MS) {
		unsigned begun = ms > k->after_ms ? ms - k->after_ms : 0;
		size_t want = k->shape(begun) & ~(size_t)4095;

		if (want > have)
			memset(p + have, 1, want - have);
		else if (want < have)
			madvise(p + want, have - want, MADV_DONTNEED);
		have = want;
		scene_nap(STEP_MS);
	}
}

static void live(const struct kind *k) __attribute__((noreturn));
static void live(const struct kind *k)
{
	while (k->restarts) {
		pid_t pid = fork();

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			keep(k);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) < 0)
			_exit(1);
	}
	keep(k);
	_exit(1);
}

/* A process of a pool: a few megabytes, for some seconds. */
static void serve(unsigned n) __attribute__((noreturn));
static void serve(unsigned n)
{
	char *p = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "lab-pool");
	if (p == MAP_FAILED)
		_exit(1);
	memset(p, 1, (size_t)(1 + n % 2) * MIB);
	scene_nap(3000 + n * 7919 % 7000);
	_exit(0);
}

/* Their number goes up and down around twenty. */
static void churn(void) __attribute__((noreturn));
static void churn(void)
{
	unsigned live = 0;

	for (unsigned n = 0;; n++) {
		unsigned want = POOL + (n / 20 % 2 ? 5 : 0);

		while (waitpid(-1, NULL, WNOHANG) > 0)
			live--;
		if (live < want && live < POOL_MAX) {
			pid_t pid = fork();

			if (pid == 0)
				serve(n);
			live += pid > 0;
		}
		scene_nap(STEP_MS);
	}
}

static int run(struct scene *s)
{
	static const struct kind kinds[] = {
		{ "lab-warm", warm, 0, false },
		{ "lab-saw", saw, 0, false },
		{ "lab-step", step, 0, false },
		{ "lab-restart", begin, 0, true },
		{ "lab-warm-late", warm, LATE_MS, false },
		{ "lab-step-late", step, LATE_MS, false },
	};
	int err = scene_need_memory(s, UINT64_C(512) << 20);

	for (size_t i = 0; i < ARRAY_SIZE(kinds) && err == 0; i++) {
		pid_t pid = scene_child(s, kinds[i].comm);

		if (pid == 0)
			live(&kinds[i]);
		err = pid < 0 ? pid : 0;
	}
	pid_t pool = err == 0 ? scene_child(s, "lab-pool") : err;

	if (pool < 0)
		return pool;
	if (pool == 0)
		churn();
	scene_say(s, "a cache warms up, a saw-tooth, a step, restarts, a pool that comes and goes");
	return scene_hold(s);
}

const struct lab lab_mem_shapes_healthy = {
	.name = "mem-shapes-healthy",
	.story = "Memory that grows and is no leak: warm-up, saw-tooth, step, restarts, churn",
	.bounds = "512 MiB of memory, 40 processes",
	.settle_s = 1,
	.for_s = 30,
	.run = run,
};
