/* SPDX-License-Identifier: MIT */
#include "cmd/house_args.h"

#include "host/own_files.h"
#include "source/source.h"

#include <errno.h>
#include <string.h>

#define DEFAULT_DIR "/etc/murphy"

struct loader {
	struct house *house;
	void (*add)(struct house *h, const char *file, const char *buf, size_t len);
};

static void take_file(
	void *arg, const char *path, const char *refused, const char *bytes, size_t len)
{
	struct loader *l = arg;

	if (refused)
		house_wrong(l->house, path, 0, "", "", "%s", refused);
	else
		l->add(l->house, path, bytes, len);
}

/* 0, or -ENOENT when there is none. */
static int load_dir(struct house *h, const char *dir, const char *name,
	void (*add)(struct house *h, const char *file, const char *buf, size_t len))
{
	struct loader l = { h, add };
	const char *path = arena_printf(&h->arena, "%s/%s", dir, name);
	int err = own_files_read(path, HOUSE_FILES_MAX, HOUSE_FILE_MAX, take_file, &l);

	h->arena.failed |= err == -ENOMEM;
	if (err < 0 && err != -ENOENT)
		house_wrong(h, path, 0, "", "", "%s", strerror(-err));
	return err == -ENOENT ? err : 0;
}

/* -1: go on; else what is wrong was said: an exit code. */
static int load(const struct args *a, struct house *h)
{
	const char *named = args_get(a, "config");
	const char *dir = named ? named : secure_getenv("MURPHY_CONFIG");
	bool asked = dir != NULL;

	if (!asked)
		dir = DEFAULT_DIR;
	else if (!*dir)
		return -1;
	for (int id = 1; id < TABLES; id++)
		h->cannot[id] = !source_reads_whole((enum table_id)id);
	int rules = load_dir(h, dir, "checks.d", house_add_checks), known = -ENOENT;

	/* A rule is a judgement, good for every machine; what is known is a fact about this one. */
	if (asked || !args_get(a, "root"))
		known = load_dir(h, dir, "known.d", house_add_known);
	house_ready(h);
	if (h->arena.failed) {
		log_error("out of memory");
		return EXIT_INTERNAL;
	}
	if (asked && rules < 0 && known < 0)
		return usage_error(a->command, "%s holds neither checks.d nor known.d", dir);
	return -1;
}

int house_run(const struct args *a, int (*run)(const struct args *a, struct house *h))
{
	struct house house = { 0 };
	int code = load(a, &house);

	if (code < 0)
		code = run(a, &house);
	house_release(&house);
	return code;
}

void house_log(const struct house *h)
{
	for (size_t i = 0; i < h->n_notices; i++) {
		const struct notice *n = &h->notice[i];
		const char *colon = n->key[0] ? ": " : "";

		if (n->line)
			log_error("%s:%u: %s%s%s", n->file, n->line, n->key, colon, n->text);
		else
			log_error("%s: %s", n->file, n->text);
	}
	if (h->lost_notices)
		log_error("and %zu more", h->lost_notices);
}
