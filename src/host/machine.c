/* SPDX-License-Identifier: MIT */
/*
 * What a system call or an instruction tells of a machine and no file does. Text, so that a capture
 * keeps it as a file and the source of a root reads the same. Asking changes nothing.
 */
#include "host/host_private.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

enum { ANSWER_MAX = 4096, BATCHES = 4, BATCH = 16, NS_PER_US = 1000, TRIES = 3 };

/* Two clocks that are read further apart than this may have been read minutes apart. */
#define TOGETHER_NS 1000000u

static int answer(
	struct host *h, const char *path, int (*make)(struct strbuf *text), struct strbuf *ret_text)
{
	strbuf_clear(ret_text);
	int err = h->live ? make(ret_text) : host_get(h, path, ANSWER_MAX, ret_text);

	if (err == 0 && ret_text->failed)
		err = -ENOMEM;
	if (err < 0)
		strbuf_clear(ret_text);
	host_show(h, 'f', path, err, ret_text->bytes, ret_text->len);
	return err;
}

/* Both clocks at one moment; nothing when murphy was stopped between them each time. */
static void put_clocks(struct strbuf *text)
{
	for (int i = 0; i < TRIES; i++) {
		uint64_t before = clock_ns(CLOCK_BOOTTIME);
		uint64_t wall = clock_ns(CLOCK_REALTIME);
		uint64_t after = clock_ns(CLOCK_BOOTTIME);

		if (after - before >= TOGETHER_NS)
			continue;
		strbuf_printf(text, "walltime_ns %llu\nboottime_ns %llu\n",
			(unsigned long long)wall, (unsigned long long)before);
		return;
	}
}

/* modes is 0: adjtimex(2) only tells. */
static int make_timex(struct strbuf *text)
{
	struct timex t = { 0 };
	int state = adjtimex(&t);
	long offset = t.status & STA_NANO ? 1 : NS_PER_US;

	if (state < 0)
		return -errno;
	strbuf_printf(text,
		"state %d\nstatus %d\noffset_ns %lld\nfrequency_ppb %lld\ntick_ns %lld\n"
		"max_error_ns %lld\nest_error_ns %lld\n",
		state, t.status, (long long)t.offset * offset,
		(long long)t.freq * NS_PER_US / 65536, (long long)t.tick * NS_PER_US,
		(long long)t.maxerror * NS_PER_US, (long long)t.esterror * NS_PER_US);
	put_clocks(text);
	return 0;
}

int host_timex(struct host *h, struct strbuf *ret_text)
{
	return answer(h, "timex", make_timex, ret_text);
}

static int by_library(struct timespec *ts)
{
	return clock_gettime(CLOCK_MONOTONIC, ts);
}

static int by_kernel(struct timespec *ts)
{
	return (int)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, ts);
}

/* One call, of the fastest batch: in the others murphy was interrupted. */
static uint64_t cost_of(int (*read_clock)(struct timespec *ts))
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < BATCHES; i++) {
		uint64_t start = clock_ns(CLOCK_MONOTONIC);
		struct timespec ts;

		for (int k = 0; k < BATCH; k++)
			read_clock(&ts);
		uint64_t ns = (clock_ns(CLOCK_MONOTONIC) - start) / (BATCH + 1);

		if (ns < best)
			best = ns;
	}
	return best;
}

static int make_clock_cost(struct strbuf *text)
{
	strbuf_printf(text, "read_ns %llu\nsyscall_ns %llu\n",
		(unsigned long long)cost_of(by_library), (unsigned long long)cost_of(by_kernel));
	return 0;
}

int host_clock_cost(struct host *h, struct strbuf *ret_text)
{
	return answer(h, "clock.cost", make_clock_cost, ret_text);
}

#if defined(__x86_64__) || defined(__i386__)
/* Leaf 1 says whether there is a hypervisor, leaf 0x40000000 how it signs. */
static int make_signature(struct strbuf *text)
{
	unsigned int a, part[3], d;
	char name[sizeof(part) + 1] = { 0 };

	__cpuid(1, a, part[0], part[1], d);
	if (!(part[1] & 1u << 31)) {
		strbuf_puts(text, "signature none\n");
		return 0;
	}
	__cpuid(0x40000000, a, part[0], part[1], part[2]);
	memcpy(name, part, sizeof(part));
	strbuf_puts(text, "signature ");
	strbuf_add_printable(text, name, strlen(name));
	strbuf_putc(text, '\n');
	return 0;
}
#else
static int make_signature(struct strbuf *text)
{
	(void)text;
	return -ENOENT;
}
#endif

int host_cpu_signature(struct host *h, struct strbuf *ret_text)
{
	return answer(h, "cpu.signature", make_signature, ret_text);
}

/* A tree that murphy did not make: "Uid:	REAL	EFFECTIVE..." of its status. */
static int owner_of_status(struct host *h, uint64_t pid, uint64_t *ret_uid)
{
	auto_strbuf text = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "proc/%llu/status", (unsigned long long)pid);
	int err = host_get(h, path, ANSWER_MAX, &text);
	struct cursor c = cursor_of(text.bytes, text.len), line;

	if (err < 0)
		return err;
	while (cursor_line(&c, &line)) {
		if (cursor_lit(&line, "Uid:"))
			return cursor_u64(&line, ret_uid) ? 0 : -EINVAL;
	}
	return -ENOENT;
}

static int owner_of_root(struct host *h, const char *path, uint64_t pid, uint64_t *ret_uid)
{
	auto_strbuf text = { 0 };
	int err = host_get(h, path, ANSWER_MAX, &text);
	struct cursor c = cursor_of(text.bytes, text.len);

	if (err == -ENOENT)
		return owner_of_status(h, pid, ret_uid);
	if (err < 0)
		return err;
	return cursor_u64(&c, ret_uid) ? 0 : -EINVAL;
}

/* Of the directory: the files of who may not be traced belong to root. */
static int owner_live(struct host *h, uint64_t pid, uint64_t *ret_uid)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "proc/%llu", (unsigned long long)pid);
	int err = live_stat(h, path, &st);

	if (err == 0)
		*ret_uid = st.st_uid;
	return err;
}

int host_owner(struct host *h, uint64_t pid, uint64_t *ret_uid)
{
	char path[64], text[32];

	if (h->live && !h->tap)
		return owner_live(h, pid, ret_uid);
	snprintf(path, sizeof(path), "proc/%llu/owner", (unsigned long long)pid);
	uint64_t uid = 0;
	int err = h->live ? owner_live(h, pid, &uid) : owner_of_root(h, path, pid, &uid);
	int len = snprintf(text, sizeof(text), "%llu\n", (unsigned long long)uid);

	host_show(h, 'f', path, err, text, err < 0 ? 0 : (size_t)len);
	if (err == 0)
		*ret_uid = uid;
	return err;
}
