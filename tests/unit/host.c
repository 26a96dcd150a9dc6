/* SPDX-License-Identifier: MIT */
/* Trees and unpacked captures as machines; hostile ones too. */
#include "host/host.h"
#include "tests/unit/folder.h"

#include <sys/stat.h>

static char why[160];

static struct host *open_top(void)
{
	struct host *h = NULL;
	int err = host_open_root(top, &h, why);

	if (err < 0)
		fail_msg("%s: %s", top, why);
	assert_false(host_is_live(h));
	return h;
}

static void wants_file(struct host *h, const char *path, const char *want)
{
	char buf[256];
	ssize_t n = host_read(h, path, buf, sizeof(buf) - 1);

	if (n < 0)
		fail_msg("%s: %s", path, strerror((int)-n));
	buf[n] = '\0';
	assert_string_equal(buf, want);
	auto_strbuf text = { 0 };

	assert_int_equal(host_read_all(h, path, SIZE_MAX, &text), 0);
	assert_string_equal(text.bytes ? text.bytes : "", want);
}

static void plain_tree(void **state UNUSED)
{
	char buf[8];
	uint64_t n = 0;

	put("proc/uptime", "100.25 7.00\n");
	put("proc/stat", "cpu 1\nbtime 1700000000\n");
	put("proc/7/fd/0", "");
	put("proc/7/fd/1", "");
	put("errors", "proc/uptime\tEACCES\n"); /* a capture's name, but this is none */
	struct host *h = open_top();

	assert_int_equal(host_frames(h), 1);
	assert_true(host_boottime_ns(h) == 100250000000u);
	assert_true(host_walltime_ns(h) == 1700000100250000000u);
	wants_file(h, "proc/uptime", "100.25 7.00\n");
	assert_int_equal(host_read(h, "proc/uptime", buf, 3), 3);
	assert_memory_equal(buf, "100", 3);
	assert_int_equal(host_read(h, "proc/none", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(host_read(h, "proc/7", buf, sizeof(buf)), -EISDIR);
	assert_int_equal(host_fd_count(h, 7, &n), 0);
	assert_int_equal(n, 2);
	host_free(h);
}

static void nothing_leads_out(void **state UNUSED)
{
	auto_strbuf names = { 0 };
	char buf[64];

	put("proc/stat", "cpu 1\n");
	put("etc/passwd", "inside\n");
	assert_int_equal(symlink("/etc/passwd", below("absolute")), 0);
	assert_int_equal(symlink("../../../../../../../../etc/passwd", below("proc/up")), 0);
	assert_int_equal(symlink("/", below("proc/slash")), 0);
	assert_int_equal(symlink("loop", below("loop")), 0);
	assert_int_equal(mkfifo(below("proc/fifo"), 0600), 0);
	/* An ordinary user may not make a device; the link is refused either way. */
	if (mknod(below("proc/zero"), S_IFCHR | 0600, 1 << 8 | 5) < 0)
		assert_int_equal(mkfifo(below("proc/zero"), 0600), 0);
	struct host *h = open_top();

	wants_file(h, "absolute", "inside\n");
	wants_file(h, "proc/up", "inside\n");
	wants_file(h, "proc/slash/etc/passwd", "inside\n");
	wants_file(h, "../../../../etc/passwd", "inside\n");
	assert_int_equal(host_read(h, "loop", buf, sizeof(buf)), -ELOOP);
	assert_int_equal(host_read(h, "proc/fifo", buf, sizeof(buf)), -EINVAL);
	assert_int_equal(host_read(h, "proc/zero", buf, sizeof(buf)), -EINVAL);
	assert_int_equal(host_link(h, "absolute", buf, sizeof(buf)), 11);
	assert_string_equal(buf, "/etc/passwd");
	assert_int_equal(host_list(h, "proc/slash/proc", &names), 0);
	assert_int_equal(names.len, sizeof("fifo\0slash\0stat\0up\0zero"));
	assert_memory_equal(names.bytes, "fifo\0slash\0stat\0up\0zero", names.len);
	host_free(h);
}

static void unpacked_capture(void **state UNUSED)
{
	struct host_space space;
	struct table_note note;
	auto_strbuf text = { 0 };
	char buf[64];
	uint64_t n;

	put("murphy-capture", "format\t1\n");
	put("clock", "# frame boottime_ns walltime_ns page_size ticks_per_s\n"
		     "0\t1000\t2000\t65536\t250\n1\t3000\t4000\t65536\t250\n");
	put("0/proc/loadavg", "first");
	put("1/proc/loadavg", "second");
	put("1/proc/5/fd.count", "77\n");
	put("1/statfs/%2Fsrv", "size_bytes 5\nfree_bytes 4\navailable_bytes 3\ninodes 2\n"
			       "free_inodes 1\n");
	put("1/errors", "proc/5/io\tEACCES\nproc/odd\\t\\n\\\\name\tEIO\nproc/new\tENOVEL\n");
	put("1/links", "proc/5/fd/3\tsocket:[9]\n");
	put("1/dirs", "proc\t5\tloadavg\todd\\tname\nempty\n");
	put("1/tables", "# name state method taken_ns cost_ns seen lost why\n"
			"slab\tdenied\tslabinfo\t12\t34\t0\t0\tneeds root\n");
	put("1/rows/meminfo.tsv", "rows");
	put("1/dev/kmsg", "6,1,2,-;hello\n");
	struct host *h = open_top();

	assert_int_equal(host_frames(h), 2);
	assert_int_equal(host_boottime_ns(h), 1000);
	wants_file(h, "proc/loadavg", "first");
	assert_int_equal(host_table_note(h, "slab", &note), -ENOENT);
	assert_int_equal(host_set_frame(h, 2), -EINVAL);
	assert_int_equal(host_set_frame(h, 1), 0);
	assert_int_equal(host_walltime_ns(h), 4000);
	assert_int_equal(host_page_size(h), 65536);
	assert_int_equal(host_ticks_per_s(h), 250);
	wants_file(h, "proc/loadavg", "second");
	assert_int_equal(host_fd_count(h, 5, &n), 0);
	assert_int_equal(n, 77);
	assert_int_equal(host_statfs(h, "/srv", &space), 0);
	assert_int_equal(space.free_inodes, 1);
	assert_int_equal(host_statfs(h, "/", &space), -ENOENT);
	assert_int_equal(host_read(h, "proc/5/io", buf, sizeof(buf)), -EACCES);
	assert_int_equal(host_read(h, "proc/odd\t\n\\name", buf, sizeof(buf)), -EIO);
	assert_int_equal(host_read(h, "proc/new", buf, sizeof(buf)), -EIO);
	assert_int_equal(host_link(h, "proc/5/fd/3", buf, sizeof(buf)), 10);
	assert_string_equal(buf, "socket:[9]");
	assert_int_equal(host_list(h, "proc", &text), 0);
	assert_int_equal(text.len, 19);
	assert_memory_equal(text.bytes, "5\0loadavg\0odd\tname", 19);
	assert_int_equal(host_list(h, "empty", &text), 0);
	assert_int_equal(text.len, 0);
	assert_int_equal(host_table_note(h, "slab", &note), 0);
	assert_int_equal(note.state, STATE_DENIED);
	assert_string_equal(note.method, "slabinfo");
	assert_int_equal(note.cost_ns, 34);
	assert_string_equal(note.why, "needs root");
	assert_int_equal(host_rows(h, "meminfo", &text), 0);
	assert_string_equal(text.bytes, "rows");
	assert_int_equal(host_rows(h, "slab", &text), -ENOENT);
	assert_int_equal(host_kmsg(h, 1000, &text), 0);
	assert_string_equal(text.bytes, "6,1,2,-;hello\n");
	assert_int_equal(host_set_frame(h, 0), 0);
	wants_file(h, "proc/loadavg", "first");
	assert_int_equal(host_list(h, "proc", &text), 0);
	host_free(h);
}

static void sosreport(void **state UNUSED)
{
	auto_strbuf text = { 0 };

	put("proc/meminfo", "MemTotal: 1 kB\n");
	put("sos_commands/kernel/dmesg", "[    0.000000] Linux\n");
	put("sos_commands/host/uptime", " 12:01:00 up 3 days,  2:05,  1 user,  load average: 0\n");
	struct host *h = open_top();

	assert_int_equal(host_frames(h), 1);
	assert_true(host_boottime_ns(h) == (3 * 86400 + 2 * 3600 + 5 * 60) * 1000000000ull);
	assert_int_equal(host_kmsg(h, 1000, &text), 0);
	assert_string_equal(text.bytes, "[    0.000000] Linux\n");
	host_free(h);
}

static void says_what_is_wrong(void **state UNUSED)
{
	struct host *h = NULL;

	assert_int_equal(host_open_root(top, &h, why), -EINVAL);
	assert_non_null(strstr(why, "neither a capture of murphy"));
	assert_int_equal(host_open_root("/nowhere", &h, why), -ENOENT);
	assert_int_equal(host_open_root("/dev/null", &h, why), -EINVAL);
	put("text", "not an archive");
	assert_int_equal(host_open_root(below("text"), &h, why), -EINVAL);
	assert_non_null(strstr(why, "neither a directory nor an archive"));
	put("0/x", "");
	put("clock", "0 what\n");
	assert_int_equal(host_open_root(top, &h, why), -EBADMSG);
	put("clock", "");
	put("murphy-capture", "format\t2\n");
	assert_int_equal(host_open_root(top, &h, why), -EPROTO);
	assert_null(h);
}

/* A hint may only be wrong in the careful way. */
static void directories_below(void **state UNUSED)
{
	char dir[] = "/tmp/murphy-host-XXXXXX", sub[64];
	struct host *h;
	struct stat st;

	assert_non_null(mkdtemp(dir));
	snprintf(sub, sizeof(sub), "%s/below", dir);
	assert_int_equal(host_open_live(&h), 0);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(host_may_have_dirs(h, dir + 1), st.st_nlink != 2);
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_true(host_may_have_dirs(h, dir + 1));
	assert_int_equal(rmdir(sub) | rmdir(dir), 0);
	assert_true(host_may_have_dirs(h, dir + 1));
	host_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directories_below),
		cmocka_unit_test_setup_teardown(plain_tree, make_top, drop_top),
		cmocka_unit_test_setup_teardown(nothing_leads_out, make_top, drop_top),
		cmocka_unit_test_setup_teardown(unpacked_capture, make_top, drop_top),
		cmocka_unit_test_setup_teardown(sosreport, make_top, drop_top),
		cmocka_unit_test_setup_teardown(says_what_is_wrong, make_top, drop_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
