/* SPDX-License-Identifier: MIT */
/*
 * What bench/mem.py lets murphy look at.
 *
 *   mem-load sleep N      N processes that only sleep; says "ready" when all do
 *   mem-load stall MIB    a process with so much of shared memory and an eighth of it beside, one
 *   of
 *                         whose threads maps, touches and unmaps memory over and over. "ready"
 *                         first; then for each line that it reads how long that took since the line
 *                         before: worst and 99.9th percentile in microseconds, and how often it was
 *                         done
 */
#include "base/cursor.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
	LOOP_BYTES = 64 * 1024,
	PAUSE_NS = 50000,
	BIN_US = 10,
	BINS = 100000,
	PER_MILLE_TENTHS = 9990
};

/* bin[i]: rounds that took i * BIN_US to (i + 1) * BIN_US; the last one those that took longer. */
static atomic_uint bin[BINS];
static atomic_ullong worst_ns;

static unsigned long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long long)t.tv_sec * 1000000000u + (unsigned long long)t.tv_nsec;
}

static void *loop(void *unused)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	/* Waiting for a CPU is not what is measured. */
	setpriority(PRIO_PROCESS, 0, -20);
	for (;;) {
		unsigned long long began = now_ns(), took, worst;
		char *p = mmap(NULL, LOOP_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		for (size_t i = 0; p != MAP_FAILED && i < LOOP_BYTES; i += page)
			*(volatile char *)&p[i] = 1;
		if (p != MAP_FAILED)
			munmap(p, LOOP_BYTES);
		took = now_ns() - began;
		worst = atomic_load(&worst_ns);
		while (took > worst && !atomic_compare_exchange_weak(&worst_ns, &worst, took))
			;
		size_t at = took / 1000 / BIN_US;

		atomic_fetch_add(&bin[at < BINS ? at : BINS - 1], 1);
		nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
	}
	return NULL;
}

/* What there was since the last time; then it begins anew. */
static void tell(void)
{
	static unsigned copy[BINS];
	unsigned long long rounds = 0, seen = 0, worst = atomic_exchange(&worst_ns, 0);
	size_t at = 0;

	for (size_t i = 0; i < BINS; i++) {
		copy[i] = atomic_exchange(&bin[i], 0);
		rounds += copy[i];
	}
	while (at < BINS - 1 && (seen += copy[at]) * 10000 < rounds * PER_MILLE_TENTHS)
		at++;
	printf("%.1f %zu %llu\n", (double)worst / 1000, (at + 1) * BIN_US, rounds);
	fflush(stdout);
}

static int stall(size_t mib)
{
	size_t bytes = mib << 20;
	char line[16];
	pthread_t thread;
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *q = mmap(NULL, bytes / 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || q == MAP_FAILED) {
		perror("mem-load: mmap");
		return 1;
	}
	memset(p, 's', bytes);
	memset(q, 'p', bytes / 8);
	if (pthread_create(&thread, NULL, loop, NULL) != 0) {
		fprintf(stderr, "mem-load: no thread\n");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		tell();
	return 0;
}

static int sleepers(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			fprintf(stderr, "mem-load: process %zu: %s\n", i, strerror(errno));
			return 1;
		}
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
	}
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	struct cursor c = cursor_of(argc == 3 ? argv[2] : "", argc == 3 ? strlen(argv[2]) : 0);
	uint64_t n;

	if (argc == 3 && cursor_u64(&c, &n) && cursor_end(&c)) {
		if (strcmp(argv[1], "stall") == 0)
			return stall((size_t)n);
		if (strcmp(argv[1], "sleep") == 0)
			return sleepers((size_t)n);
	}
	fprintf(stderr, "usage: mem-load stall MIB | sleep N\n");
	return 64;
}
