/* SPDX-License-Identifier: MIT */
/* Archives that somebody else made: damaged, cut, hostile. */
#include "host/host.h"
#include "host/tar.h"
#include "tests/unit/folder.h"

static char why[160];

static void add(struct strbuf *tar, enum tar_type type, const char *path, const char *bytes)
{
	static const char zero[TAR_BLOCK];
	size_t len = strlen(bytes);

	assert_int_equal(tar_header(tar, type, path, len, 1), 0);
	strbuf_add(tar, bytes, len);
	strbuf_add(tar, zero, tar_padding(len));
}

/* Change the last header, whose member has no bytes, and make its checksum right again. */
static void patch(struct strbuf *tar, size_t offset, const char *text, size_t len)
{
	char *block = tar->bytes + tar->len - TAR_BLOCK;
	unsigned int sum = 0;

	memcpy(block + offset, text, len);
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)block[i];
	snprintf(block + 148, 8, "%06o", sum);
}

static void add_link(struct strbuf *tar, char type, const char *path, const char *target)
{
	add(tar, TAR_FILE, path, "");
	patch(tar, 156, &type, 1);
	patch(tar, 157, target, strlen(target));
}

static void finish(struct strbuf *tar)
{
	static const char zero[2 * TAR_BLOCK];

	strbuf_add(tar, zero, sizeof(zero));
	assert_false(tar->failed);
}

/* In memory: what is cut and flipped ten thousand times need not go over a disk each time. */
static int open_bytes(const char *bytes, size_t len, struct host **ret_host)
{
	why[0] = '\0';
	return host_open_bytes(bytes, len, ret_host, why);
}

static struct host *open_tar(struct strbuf *tar)
{
	struct host *h = NULL;

	finish(tar);
	put_bytes("a.tar", tar->bytes, tar->len);
	int err = host_open_root(below("a.tar"), &h, why);

	if (err < 0)
		fail_msg("%s", why);
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
}

static int error_of(struct host *h, const char *path)
{
	char buf[64];
	ssize_t n = host_read(h, path, buf, sizeof(buf));

	return n < 0 ? (int)n : 0;
}

static void reads_what_is_in_it(void **state UNUSED)
{
	auto_strbuf tar = { 0 }, names = { 0 };
	char longest[400];

	memset(longest, 'x', sizeof(longest) - 1);
	longest[399] = '\0';
	memcpy(longest, "top/proc/", 9);
	longest[150] = '/';
	add(&tar, TAR_DIR, "./top/", "");
	add(&tar, TAR_FILE, "top//proc/./stat", "old");
	add(&tar, TAR_FILE, "top/proc/10/comm", "ten");
	add(&tar, TAR_FILE, "top/proc/1/comm", "one");
	add(&tar, TAR_FILE, "top/proc/1/io", "");
	add(&tar, TAR_FILE, "top/proc/1.x", "");
	add(&tar, TAR_FILE, longest, "long");
	add(&tar, TAR_FILE, "top/proc/stat", "new");
	struct host *h = open_tar(&tar);

	wants_file(h, "proc/stat", "new");
	wants_file(h, longest + 4, "long");
	wants_file(h, "proc/1/io", "");
	assert_int_equal(error_of(h, "proc/1"), -EISDIR);
	assert_int_equal(error_of(h, "proc/2/comm"), -ENOENT);
	assert_int_equal(error_of(h, "proc/stat/x"), -ENOENT);
	assert_int_equal(host_list(h, "proc/1", &names), 0);
	assert_memory_equal(names.bytes, "comm\0io", 8);
	assert_int_equal(names.len, 8);
	assert_int_equal(host_list(h, "proc/stat", &names), -ENOTDIR);
	assert_int_equal(host_list(h, "proc/3", &names), -ENOENT);
	assert_int_equal(host_list(h, "", &names), 0);
	assert_memory_equal(names.bytes, "proc", 5);
	assert_int_equal(host_list(h, "proc", &names), 0);
	assert_int_equal(names.len, 2 + 3 + 4 + 5 + strcspn(longest + 9, "/") + 1);
	host_free(h);
}

static void links_stay_inside(void **state UNUSED)
{
	auto_strbuf tar = { 0 };
	char buf[64];

	add(&tar, TAR_FILE, "etc/passwd", "inside");
	add(&tar, TAR_FILE, "proc/stat", "cpu");
	add_link(&tar, '2', "proc/up", "../../../../../../etc/passwd");
	add_link(&tar, '2', "proc/absolute", "/etc/passwd");
	add_link(&tar, '2', "proc/dir", "../etc");
	add_link(&tar, '2', "proc/a", "b");
	add_link(&tar, '2', "proc/b", "a");
	add_link(&tar, '1', "proc/hard", "proc/stat");
	add_link(&tar, '1', "proc/hard-loop", "proc/hard-loop");
	add_link(&tar, '3', "proc/device", "");
	add_link(&tar, '6', "proc/fifo", "");
	struct host *h = open_tar(&tar);

	wants_file(h, "proc/up", "inside");
	wants_file(h, "proc/absolute", "inside");
	wants_file(h, "proc/dir/passwd", "inside");
	wants_file(h, "proc/dir/../etc/passwd", "inside");
	wants_file(h, "proc/hard", "cpu");
	assert_int_equal(error_of(h, "proc/a"), -ELOOP);
	assert_int_equal(error_of(h, "proc/hard-loop"), -EINVAL);
	assert_int_equal(error_of(h, "proc/device"), -EINVAL);
	assert_int_equal(error_of(h, "proc/fifo"), -EINVAL);
	assert_int_equal(host_link(h, "proc/absolute", buf, 5), 4);
	assert_string_equal(buf, "/etc");
	assert_int_equal(host_link(h, "proc/stat", buf, sizeof(buf)), -EINVAL);
	host_free(h);
}

static void refuses(struct strbuf *tar, int want, const char *because)
{
	struct host *h = NULL;

	finish(tar);
	assert_int_equal(open_bytes(tar->bytes, tar->len, &h), want);
	assert_null(h);
	if (!strstr(why, because))
		fail_msg("\"%s\" does not tell: %s", why, because);
	strbuf_clear(tar);
}

static void refuses_what_lies(void **state UNUSED)
{
	auto_strbuf tar = { 0 };

	add(&tar, TAR_FILE, "proc/../../etc/passwd", "");
	refuses(&tar, -EBADMSG, "leads outside");
	add(&tar, TAR_FILE, "proc/stat", "");
	patch(&tar, 0, "/proc/x", 7);
	refuses(&tar, -EBADMSG, "leads outside");
	add(&tar, TAR_FILE, "proc/stat", "");
	patch(&tar, 124, "77777777777", 11);
	refuses(&tar, -ENODATA, "cut short");
	add(&tar, TAR_FILE, "proc/stat", "");
	patch(&tar, 124, "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
	refuses(&tar, -EBADMSG, "size");
	add(&tar, TAR_FILE, "proc/stat", "");
	patch(&tar, 124, "hello", 5);
	refuses(&tar, -EBADMSG, "size");
	add(&tar, TAR_FILE, "proc/stat", "");
	patch(&tar, 156, "S", 1);
	refuses(&tar, -EBADMSG, "sparse");
	add(&tar, TAR_FILE, "proc/stat", "");
	tar.bytes[3] ^= 1;
	refuses(&tar, -EBADMSG, "checksum");
	add(&tar, (enum tar_type)'x', "pax", "30 path=proc/short\n");
	refuses(&tar, -EBADMSG, "pax");
	add(&tar, (enum tar_type)'x', "pax", "18 path=../../etc\n");
	add(&tar, TAR_FILE, "proc/stat", "");
	refuses(&tar, -EBADMSG, "leads outside");
	add(&tar, TAR_FILE, "usr/bin/true", "");
	refuses(&tar, -EINVAL, "neither a capture");
}

static void every_cut_is_told(void **state UNUSED)
{
	auto_strbuf tar = { 0 };

	add(&tar, TAR_FILE, "proc/stat", "cpu");
	add(&tar, TAR_FILE, "proc/meminfo", "MemTotal");
	size_t whole = tar.len;

	finish(&tar);
	for (size_t len = 0; len < whole; len++) {
		struct host *h = NULL;
		int err = open_bytes(tar.bytes, len, &h);

		assert_true(err == -ENODATA || (len < TAR_BLOCK && err == -EINVAL));
		assert_true(why[0]);
	}
}

/* Whatever a flipped bit does, there is an answer, and no byte is read outside. */
static void flipped_bits_do_no_harm(void **state UNUSED)
{
	auto_strbuf tar = { 0 };

	add(&tar, TAR_FILE, "0/proc/stat", "cpu");
	add(&tar, TAR_FILE, "0/errors", "proc/x\tEIO\n");
	add(&tar, TAR_FILE, "0/tables", "slab\tok\tslab\t1\t2\t3\t4\t\n");
	add(&tar, TAR_FILE, "clock", "0\t1\t2\t3\t4\n");
	finish(&tar);
	for (size_t bit = 0; bit < tar.len * 8; bit += 3) {
		struct host *h = NULL;

		tar.bytes[bit / 8] ^= (char)(1 << bit % 8);
		int err = open_bytes(tar.bytes, tar.len, &h);

		tar.bytes[bit / 8] ^= (char)(1 << bit % 8);
		assert_true(err < 0 ? why[0] != '\0' : h != NULL);
		if (h) {
			struct table_note note;

			host_table_note(h, "slab", &note);
			error_of(h, "proc/x");
			error_of(h, "proc/stat");
			host_free(h);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_what_is_in_it, make_top, drop_top),
		cmocka_unit_test_setup_teardown(links_stay_inside, make_top, drop_top),
		cmocka_unit_test_setup_teardown(refuses_what_lies, make_top, drop_top),
		cmocka_unit_test_setup_teardown(every_cut_is_told, make_top, drop_top),
		cmocka_unit_test_setup_teardown(flipped_bits_do_no_harm, make_top, drop_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
