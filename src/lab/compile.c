/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <stdio.h>

enum { FILES = 24, FUNCTIONS = 300 };

static int write_sources(const char *dir)
{
	char path[128];

	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "%s/f%d.c", dir, i);
		FILE *f = fopen(path, "we");

		if (!f)
			return -errno;
		for (int k = 0; k < FUNCTIONS; k++)
			fprintf(f,
				"int f%d_%d(int x) { for (int i = 0; i < x; i++) x ^= i * %d; "
				"return x; }\n",
				i, k, k);
		if (fclose(f) != 0)
			return -EIO;
	}
	snprintf(path, sizeof(path), "%s/Makefile", dir);
	FILE *f = fopen(path, "we");

	if (!f)
		return -errno;
	fprintf(f,
		"all: $(patsubst %%.c,%%.o,$(wildcard *.c))\n%%.o: %%.c\n\tgcc -O2 -c -o $@ $<\n");
	return fclose(f) != 0 ? -EIO : 0;
}

static int run(struct scene *s)
{
	char jobs[32];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (!scene_has("make") || !scene_has("gcc"))
		return scene_skip(s, "make and gcc are not installed");
	int err = scene_dir(s, 64 << 20);

	if (err == 0)
		err = write_sources(s->dir);
	if (err < 0)
		return err;
	snprintf(jobs, sizeof(jobs), "-j%ld", cpus > 8 ? 8 : cpus);
	const char *make[] = { "make", "-B", "-s", jobs, NULL };

	scene_say(s, "make %s compiles %d files, over and over", jobs, FILES);
	scene_ready(s);
	while ((err = scene_command(s, NULL, make)) == 0)
		;
	return -ECHILD;
}

const struct lab lab_compile = {
	.name = "compile",
	.story = "A parallel compile: as many jobs as CPUs",
	.bounds = "all CPUs, at most 8; 64 MiB of disk",
	.settle_s = 2,
	.run = run,
};
