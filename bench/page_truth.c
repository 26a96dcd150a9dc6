/* SPDX-License-Identifier: MIT */
/*
 * How good the estimates of murphy mem are on this very machine: the tables are read again and
 * again and compared with smaps_rollup, which is read first. Nothing that is looked at may change
 * meanwhile.
 *
 *   page-truth [process] [TRIALS]
 *
 * One line per executable: processes, true PSS, RMS error, how often the 95 % interval held, its
 * mean half width; of each process alone with "process".
 */
#include "base/cursor.h"
#include "base/mem.h"
#include "feed/feed.h"
#include "source/source.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXES_MAX = 512, LEAST_MIB = 4, PROCESS_LEAST_KIB = 500 };

struct member {
	uint64_t pid, exe, truth; /* bytes; 0: cannot be told */
};

struct exe {
	char name[256];
	uint64_t n, truth;
	size_t trials, covered;
	double squares, width, bias;
};

struct bench {
	struct host *host;
	struct feed *feed;
	struct member *member;
	size_t n;
	struct exe exe[EXES_MAX];
	size_t n_exes;
	bool each;
	uint64_t *key;
};

static size_t exe_of(struct bench *b, uint64_t pid)
{
	char path[64], name[256];
	size_t i;

	snprintf(path, sizeof(path), "proc/%llu/exe", (unsigned long long)pid);
	if (host_link(b->host, path, name, sizeof(name)) <= 0)
		return EXES_MAX;
	for (i = 0; i < b->n_exes && strcmp(b->exe[i].name, name) != 0; i++)
		;
	if (i < b->n_exes || i == EXES_MAX)
		return i;
	snprintf(b->exe[i].name, sizeof(b->exe[i].name), "%s", name);
	return b->n_exes++;
}

static uint64_t truth_of(struct bench *b, uint64_t pid)
{
	char path[64], buf[4096];

	snprintf(path, sizeof(path), "proc/%llu/smaps_rollup", (unsigned long long)pid);
	ssize_t n = host_read(b->host, path, buf, sizeof(buf));
	struct cursor c = cursor_of(buf, n < 0 ? 0 : (size_t)n), line;
	uint64_t kib;

	while (cursor_line(&c, &line)) {
		if (cursor_lit(&line, "Pss:") && cursor_u64(&line, &kib))
			return kib * 1024;
	}
	return 0;
}

static int find_members(struct bench *b)
{
	auto_strbuf names = { 0 };
	int err = host_list(b->host, "proc", &names);

	b->member = mem_new(names.len + 1, sizeof(*b->member));
	b->key = mem_new(names.len + 1, sizeof(*b->key));
	if (err < 0 || !b->member || !b->key)
		return err < 0 ? err : -ENOMEM;
	for (const char *s = NULL; (s = host_next_name(&names, s));) {
		struct cursor c = cursor_of(s, strlen(s));
		struct member m = { 0 };

		if (!cursor_u64(&c, &m.pid) || !cursor_end(&c) || m.pid == (uint64_t)getpid())
			continue;
		m.exe = exe_of(b, m.pid);
		if (m.exe == EXES_MAX)
			continue;
		m.truth = truth_of(b, m.pid);
		if (m.truth == 0)
			continue;
		b->exe[m.exe].n++;
		b->exe[m.exe].truth += m.truth;
		b->member[b->n++] = m;
	}
	return 0;
}

static int compare_keys(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void score(struct exe *e, double truth, double value, double error, uint64_t n)
{
	double off = value - truth;

	e->trials++;
	e->covered += fabs(off) <= error + 2048 * (double)n; /* smaps_rollup rounds */
	e->squares += off * off / truth / truth;
	e->bias += off / truth;
	e->width += error / truth;
}

static void compare(struct bench *b, const struct frame *f)
{
	for (table_each(const struct group_share, g, frame_table(f, TABLE_group_share))) {
		const struct member *m = b->each ? &b->member[g->group] : NULL;
		struct exe *e = &b->exe[m ? m->exe : g->group];
		uint64_t truth = m ? m->truth : e->truth;

		if (truth >= (b->each ? PROCESS_LEAST_KIB << 10 : LEAST_MIB << 20))
			score(e, (double)truth, (double)g->pss_bytes, (double)g->pss_error_bytes,
				g->processes);
	}
}

static int trial(struct bench *b)
{
	static const enum table_id ids[] = { TABLE_process_share, TABLE_group_share,
		TABLE_shared_object, TABLE_object_share };
	struct need needs[ARRAY_SIZE(ids)] = { 0 };
	struct feed_ask asks[ARRAY_SIZE(ids)];
	struct frame f = { 0 };

	for (size_t i = 0; i < b->n; i++)
		b->key[i] = member_key(b->each ? i : b->member[i].exe, b->member[i].pid);
	qsort(b->key, b->n, sizeof(*b->key), compare_keys);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		needs[i] = (struct need){ .table = ids[i], .ask = true };
		asks[i] = (struct feed_ask){ ids[i], b->key, b->n };
	}
	int err = feed_asks(b->feed, asks, ARRAY_SIZE(ids), needs, ARRAY_SIZE(ids), &f);
	const struct table *t = frame_table(&f, TABLE_group_share);

	if (err == 0 && t->state != STATE_OK) {
		fprintf(stderr, "%s: %s: %s\n", t->method ? t->method : "nobody",
			state_name(t->state), t->why);
		err = -ENODATA;
	}
	if (err == 0)
		compare(b, &f);
	frame_release(&f);
	return err;
}

int main(int argc, char **argv)
{
	struct bench b = { .each = argc > 1 && strcmp(argv[1], "process") == 0 };
	const char *count = argc > 1 + b.each ? argv[1 + b.each] : "1";
	unsigned long trials = strtoul(count, NULL, 10);
	int err = host_open_live(&b.host);

	if (err == 0)
		err = feed_new(b.host, &b.feed);
	if (err == 0)
		err = find_members(&b);
	if (b.feed)
		feed_set_budget(b.feed, 10000000000u);
	for (unsigned long i = 0; i < trials && err == 0; i++)
		err = trial(&b);
	if (err < 0) {
		fprintf(stderr, "page-truth: %s\n", strerror(-err));
		return 1;
	}
	printf("%zu processes, CPU %.4f s a reading\n", b.n,
		(double)feed_cost(b.feed).cpu_ns / 1e9 / (double)trials);
	printf("%6s %12s %8s %8s %8s %8s  %s\n", "n", "PSS MiB", "RMS %", "bias %", "holds %",
		"width %", "executable");
	for (size_t i = 0; i < b.n_exes; i++) {
		const struct exe *e = &b.exe[i];
		double n = (double)e->trials;

		if (e->trials > 0)
			printf("%6llu %12.1f %8.2f %8.2f %8.1f %8.2f  %s\n",
				(unsigned long long)e->n, (double)e->truth / (1 << 20),
				100 * sqrt(e->squares / n), 100 * e->bias / n,
				100 * (double)e->covered / n, 100 * e->width / n, e->name);
	}
	free(b.member);
	free(b.key);
	feed_free(b.feed);
	host_free(b.host);
	return 0;
}
