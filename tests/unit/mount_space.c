/* SPDX-License-Identifier: MIT */
/*
 * A file system that never answers must cost its own row and nothing else. Ours is a FUSE mount
 * whose daemon is this test, which reads nothing; in a mount namespace of its own. Skipped where
 * one may not mount.
 */
#include "source/source.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

enum { DEAD = 9 };

static int fuse[DEAD];
static char base[] = "/tmp/murphy-test-XXXXXX";

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* base is a tmpfs with directories 0, 1, ...; each is a dead file system. */
static bool mount_dead(void)
{
	char path[64], options[128];

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("none", base, "tmpfs", 0, "size=1m") < 0)
		return false;
	for (int i = 0; i < DEAD; i++) {
		fuse[i] = open("/dev/fuse", O_RDWR | O_CLOEXEC);
		snprintf(path, sizeof(path), "%s/%d", base, i);
		snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0",
			fuse[i]);
		if (fuse[i] < 0 || mkdir(path, 0700) < 0 ||
			mount("dead", path, "fuse.dead", 0, options) < 0)
			return false;
	}
	return true;
}

static struct table *look(struct host *host, const char *name, enum table_id id, struct table **out,
	uint64_t deadline_ns)
{
	struct frame frame = { 0 };
	struct probe p = { .host = host, .frame = &frame, .out = out };

	p.deadline_ns = now_ns() + deadline_ns;
	out[id] = table_new(schemas[id]);
	for (size_t i = 0; i < n_sources; i++) {
		if (strcmp(sources[i]->name, name) == 0)
			assert_int_equal(sources[i]->read(&p), 0);
	}
	assert_int_equal(table_sort(out[id]), 0);
	return out[id];
}

static void the_dead_harm_nobody(void **state UNUSED)
{
	struct table *out[TABLES] = { 0 };
	struct host *host;
	size_t dead = 0, others = 0, alive = 0, ours = 0;

	if (!mount_dead())
		skip_because("a dead FUSE cannot be mounted here");
	assert_int_equal(host_open_live(&host), 0);
	struct table *mounts = look(host, "mount", TABLE_mount, out, 1000000000);
	uint64_t began = now_ns();
	struct table *t = look(host, "mount_space", TABLE_mount_space, out, 5000000000);
	uint64_t took = now_ns() - began;

	assert_int_equal(t->state, STATE_OK);
	for (table_each(struct mount_space, s, t)) {
		const struct mount *m = table_find(mounts, s->id);

		assert_non_null(m);
		if (!row_has(s->has, MOUNT_SPACE_answered)) {
			/* The machine may have dead ones of its own. */
			if (strcmp(table_text(mounts, m->fstype), "fuse.dead") == 0)
				dead++;
			else
				others++;
			assert_false(row_has(s->has, MOUNT_SPACE_size_bytes));
			continue;
		}
		alive++;
		if (strcmp(table_text(mounts, m->target), base) == 0) {
			assert_int_equal(s->size_bytes, 1 << 20);
			ours++;
		}
	}
	assert_int_equal(dead, DEAD);
	assert_int_equal(ours, 1);
	assert_true(alive >= 2);
	/* The first is waited for, then all others together. */
	assert_true(took >= 600000000 && took < (DEAD + others) * 300000000ull);
	table_unref(out[TABLE_mount_space]);

	/* Too little time for all of the dead: the living were first. */
	t = look(host, "mount_space", TABLE_mount_space, out, 200000000);
	assert_int_equal(t->state, STATE_LATE);
	assert_true(t->n > 1 && t->n <= alive + 1);
	assert_true(strtoull(t->why, NULL, 10) >= DEAD - 1);
	table_unref(out[TABLE_mount_space]);
	table_unref(mounts);
	host_free(host);
}

static int set_up(void **state UNUSED)
{
	return mkdtemp(base) ? 0 : -1;
}

static int tear_down(void **state UNUSED)
{
	char path[64];

	for (int i = 0; i < DEAD; i++) {
		if (fuse[i] > 0)
			close(fuse[i]); /* ends whatever still waits */
		snprintf(path, sizeof(path), "%s/%d", base, i);
		umount2(path, MNT_DETACH);
	}
	umount2(base, MNT_DETACH);
	return rmdir(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_dead_harm_nobody),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
