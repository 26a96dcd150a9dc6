/* SPDX-License-Identifier: MIT */
/* murphy's own configuration: which files are read, and which are not to be trusted. */
#include "host/own_files.h"
#include "tests/unit/folder.h"

#include <endian.h>
#include <stdbool.h>
#include <sys/xattr.h>

struct got {
	size_t n, refused;
	char names[200], why[400];
};

static void take(
	void *arg, const char *path, const char *refused_why, const char *bytes, size_t len)
{
	struct got *g = arg;
	const char *name = strrchr(path, '/') + 1;

	g->n += !refused_why;
	g->refused += refused_why != NULL;
	if (refused_why)
		snprintf(g->why, sizeof(g->why), "%s", refused_why);
	else
		assert_int_equal(len, strlen(bytes));
	snprintf(g->names + strlen(g->names), sizeof(g->names) - strlen(g->names), "%s ", name);
}

static void only_own_files_are_read(void **state UNUSED)
{
	struct got g = { 0 };

	put("d/b.conf", "x");
	put("d/a.conf", "yy");
	put("d/.hidden.conf", "x");
	put("d/readme.txt", "x");
	put("d/empty.conf", "");
	assert_int_equal(symlink("a.conf", below("d/c.conf")), 0);
	assert_int_equal(mkfifo(below("d/fifo.conf"), 0600), 0);
	assert_int_equal(own_files_read(below("d"), 10, 100, take, &g), 0);
	assert_string_equal(g.names, "a.conf b.conf c.conf empty.conf fifo.conf ");
	assert_int_equal(g.refused, 1);
	assert_non_null(strstr(g.why, "expected a regular file"));
	assert_int_equal(own_files_read(below("none"), 10, 100, take, &g), -ENOENT);
}

static void what_others_could_have_written_is_refused(void **state UNUSED)
{
	struct got g = { 0 };

	put("d/a.conf", "x");
	assert_int_equal(chmod(below("d/a.conf"), 0602), 0);
	own_files_read(below("d"), 10, 100, take, &g);
	assert_non_null(strstr(g.why, "everybody may write"));
	assert_int_equal(chmod(below("d/a.conf"), 0644), 0);
	assert_int_equal(chmod(below("d"), 0777), 0);
	g = (struct got){ 0 };
	own_files_read(below("d"), 10, 100, take, &g);
	assert_int_equal(g.refused, 1);
	assert_int_equal(g.n, 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(chmod(below("d"), 0755), 0);
	assert_int_equal(chown(below("d/a.conf"), 4711, 0), 0);
	g = (struct got){ 0 };
	own_files_read(below("d"), 10, 100, take, &g);
	assert_non_null(strstr(g.why, "belongs to user 4711"));
	assert_int_equal(chown(below("d/a.conf"), 0, 4711), 0);
	assert_int_equal(chmod(below("d/a.conf"), 0664), 0);
	own_files_read(below("d"), 10, 100, take, &g);
	assert_non_null(strstr(g.why, "group 4711 may write"));
	assert_int_equal(g.n, 0);
}

/* Who may write to a directory above could put another one in its place. */
static void what_lies_above_counts(void **state UNUSED)
{
	struct got g = { 0 };

	put("up/d/a.conf", "x");
	put("elsewhere/b.conf", "x");
	assert_int_equal(symlink("../../elsewhere/b.conf", below("up/d/b.conf")), 0);
	assert_int_equal(chmod(below("up"), 0777), 0);
	own_files_read(below("up/d"), 10, 100, take, &g);
	assert_int_equal(g.n, 0);
	assert_non_null(strstr(g.why, "/up above it: not read: everybody may write"));
	/* As in /tmp, where only who owns a name may change it. */
	assert_int_equal(chmod(below("up"), 01777), 0);
	g = (struct got){ 0 };
	own_files_read(below("up/d"), 10, 100, take, &g);
	assert_int_equal(g.n, 2);
	assert_int_equal(chmod(below("elsewhere"), 0777), 0);
	g = (struct got){ 0 };
	own_files_read(below("up/d"), 10, 100, take, &g);
	assert_string_equal(g.names, "a.conf b.conf ");
	assert_int_equal(g.n, 1);
	assert_int_equal(g.refused, 1);
	/* The path from a working directory is as good as a whole one. */
	g = (struct got){ 0 };
	assert_int_equal(chdir(below("up")), 0);
	own_files_read("d", 10, 100, take, &g);
	assert_int_equal(g.n, 1);
	assert_int_equal(chdir("/"), 0);
}

static void what_is_no_file_is_told(void **state UNUSED)
{
	struct got g = { 0 };

	put("d", "x");
	own_files_read(below("d"), 10, 100, take, &g);
	assert_non_null(strstr(g.why, "expected a directory"));
	assert_int_equal(symlink("nowhere", below("e")), 0);
	own_files_read(below("e"), 10, 100, take, &g);
	assert_non_null(strstr(g.why, "leads nowhere"));
	put("f/x", "x");
	assert_int_equal(symlink("/dev/null", below("f/a.conf")), 0);
	own_files_read(below("f"), 10, 100, take, &g);
	assert_non_null(strstr(g.why, "expected a regular file"));
	assert_int_equal(remove(below("f/a.conf")), 0);
	assert_int_equal(symlink("a.conf", below("f/a.conf")), 0);
	own_files_read(below("f"), 10, 100, take, &g);
	assert_non_null(strstr(g.why, "leads nowhere"));
	assert_int_equal(g.n, 0);
}

/*
 * An entry of an access control list of a file: the owner, somebody, the group, the mask, others.
 */
static bool put_acl(const char *path, uint16_t tag, uint16_t perm, uint32_t id, uint16_t mask)
{
	struct {
		uint32_t version;
		struct {
			uint16_t tag, perm;
			uint32_t id;
		} e[5];
	} acl = { htole32(2),
		{ { htole16(1), htole16(6), ~0u }, { htole16(tag), htole16(perm), htole32(id) },
			{ htole16(4), htole16(4), ~0u }, { htole16(16), htole16(mask), ~0u },
			{ htole16(32), htole16(4), ~0u } } };

	if (tag == 8) { /* in the order of tags */
		acl.e[1].tag = htole16(4);
		acl.e[1].perm = htole16(4);
		acl.e[1].id = ~0u;
		acl.e[2].tag = htole16(8);
		acl.e[2].perm = htole16(perm);
		acl.e[2].id = htole32(id);
	}
	return setxattr(path, "system.posix_acl_access", &acl, sizeof(acl), 0) == 0;
}

/* The group bits of the mode are then the most that anybody named there may do. */
static void access_control_lists_count(void **state UNUSED)
{
	struct got g = { 0 };
	const char *path = below("d/a.conf");

	put("d/a.conf", "x");
	if (!put_acl(path, 2, 6, 4711, 6))
		skip_because("no access control lists on this file system");
	own_files_read(below("d"), 10, 100, take, &g);
	assert_non_null(strstr(g.why, "lets user 4711 write"));
	path = below("d/a.conf");
	assert_true(put_acl(path, 8, 6, 4711, 6));
	own_files_read(below("d"), 10, 100, take, &g);
	assert_non_null(strstr(g.why, "lets group 4711 write"));
	assert_int_equal(g.n, 0);
	/* The mask takes it away; an entry to read leaves a mask that may stand wider. */
	path = below("d/a.conf");
	assert_true(put_acl(path, 2, 6, 4711, 4));
	own_files_read(below("d"), 10, 100, take, &g);
	path = below("d/a.conf");
	assert_true(put_acl(path, 2, 4, 4711, 6));
	own_files_read(below("d"), 10, 100, take, &g);
	path = below("d/a.conf");
	assert_true(put_acl(path, 2, 6, geteuid(), 6));
	own_files_read(below("d"), 10, 100, take, &g);
	assert_int_equal(g.n, 3);
}

static void files_are_bounded(void **state UNUSED)
{
	struct got g = { 0 };
	char name[40], big[200];

	memset(big, 'x', sizeof(big));
	put_bytes("d/0.conf", big, 101);
	own_files_read(below("d"), 10, 100, take, &g);
	assert_non_null(strstr(g.why, "longer than"));
	for (int i = 1; i < 12; i++) {
		snprintf(name, sizeof(name), "d/%d.conf", i);
		put(name, "x");
	}
	g = (struct got){ 0 };
	own_files_read(below("d"), 10, 100, take, &g);
	assert_int_equal(g.n, 9);
	assert_int_equal(g.refused, 2);
	assert_non_null(strstr(g.why, "more files"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_top, drop_top)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_own_files_are_read),
		TEST(what_others_could_have_written_is_refused),
		TEST(what_lies_above_counts),
		TEST(what_is_no_file_is_told),
		TEST(access_control_lists_count),
		TEST(files_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
