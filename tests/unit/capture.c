/* SPDX-License-Identifier: MIT */
/* What the capture writer makes is read back as the machine that it saw. */
#include "store/capture.h"
#include "host/host.h"
#include "sample/tables.h"
#include "store/redact.h"
#include "tests/unit/folder.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#if defined(MURPHY_WITH_ZSTD)
#include <zstd.h>
#endif

static char why[160];

static struct capture *begin(const struct capture_options *o)
{
	struct capture *c = NULL;

	if (capture_new(o, &c, why) < 0)
		fail_msg("%s: %s", o->path, why);
	return c;
}

static void tap_text(struct capture *c, const char *path, const char *text)
{
	capture_tap(c, 'f', path, 0, text, strlen(text));
}

static struct host *open_root(const char *path)
{
	struct host *h = NULL;

	if (host_open_root(path, &h, why) < 0)
		fail_msg("%s: %s", path, why);
	return h;
}

static void wants_file(struct host *h, const char *path, const char *want)
{
	auto_strbuf text = { 0 };
	int err = host_read_all(h, path, SIZE_MAX, &text);

	if (err < 0)
		fail_msg("%s: %s", path, strerror(-err));
	assert_string_equal(text.bytes ? text.bytes : "", want);
}

static size_t files_in_top(void)
{
	DIR *dir = opendir(top);
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static struct table *some_processes(void)
{
	struct table *t = table_new(schemas[TABLE_process]);
	struct process *p = table_add(t);

	t->state = STATE_LATE;
	t->method = "process";
	t->taken_ns = 12345;
	snprintf(t->why, sizeof(t->why), "/srv/topsecret: was slow, /proc/7/stat");
	row_put(t->schema, p, PROCESS_pid, 7);
	row_put(t->schema, p, PROCESS_comm, table_intern(t, "privateer", 9));
	row_put(t->schema, p, PROCESS_resident_bytes, 4096);
	return t;
}

static void tap_second_frame(struct capture *c, const char *longest)
{
	tap_text(c, "proc/loadavg", "second");
	tap_text(c, longest, "long");
	tap_text(c, "sys/block/sda/size", "9");
	tap_text(c, "odd/\t\n\\\xff", "odd");
	tap_text(c, "../escape", "no");
	tap_text(c, "/absolute", "no");
	tap_text(c, "empty", "");
	capture_tap(c, 'l', "sys/block/sda", 0, "../devices/sda", 14);
	capture_tap(c, 'd', "proc", 0, "7\0loadavg", 10);
	capture_tap(c, 'd', "proc/7/fd", -EACCES, NULL, 0);
	capture_tap(c, 'f', "proc/\t8", -ESRCH, NULL, 0);
	capture_tap(c, 'f', "partial", -ENOBUFS, "some", 4);
}

static void round_trip_of(bool named)
{
	struct capture_options o = { .path = below("a.tar.zst"), .named = named };
	char *path = strdup(o.path), longest[600], buf[64];
	struct table *t = some_processes(), *back = NULL;
	auto_strbuf text = { 0 };
	struct table_note note;

	o.path = path;
	memset(longest, 'y', sizeof(longest) - 1);
	longest[599] = '\0';
	struct capture *c = begin(&o);

	capture_frame(c, 0);
	capture_clock(c, 111, 222, 4096, 100);
	tap_text(c, "proc/loadavg", "first");
	tap_text(c, "proc/loadavg", "read again, too late");
	capture_frame(c, 1);
	capture_clock(c, 333, 444, 4096, 100);
	tap_second_frame(c, longest);
	capture_table(c, t, true);
	assert_int_equal(files_in_top(), named ? 1 : 0);
	assert_int_equal(capture_finish(c), 0);
	assert_int_equal(files_in_top(), 1);

	struct host *h = open_root(path);

	assert_int_equal(host_frames(h), 2);
	assert_int_equal(host_boottime_ns(h), 111);
	wants_file(h, "proc/loadavg", "first");
	assert_int_equal(host_set_frame(h, 1), 0);
	assert_int_equal(host_walltime_ns(h), 444);
	wants_file(h, "proc/loadavg", "second");
	wants_file(h, longest, "long");
	wants_file(h, "sys/block/sda/size", "9");
	wants_file(h, "odd/\t\n\\\xff", "odd");
	wants_file(h, "empty", "");
	wants_file(h, "partial", "some");
	assert_int_equal(host_read(h, "escape", buf, 1), -ENOENT);
	assert_int_equal(host_read(h, "absolute", buf, 1), -ENOENT);
	assert_int_equal(host_read(h, "proc/\t8", buf, 1), -ESRCH);
	assert_int_equal(host_link(h, "sys/block/sda", buf, sizeof(buf)), 14);
	assert_string_equal(buf, "../devices/sda");
	assert_int_equal(host_list(h, "proc", &text), 0);
	assert_int_equal(text.len, 10);
	assert_memory_equal(text.bytes, "7\0loadavg", 10);
	assert_int_equal(host_list(h, "proc/7/fd", &text), -EACCES);
	assert_int_equal(host_table_note(h, "process", &note), 0);
	assert_int_equal(note.state, STATE_LATE);
	assert_string_equal(note.why, "/srv/topsecret: was slow, /proc/7/stat");
	assert_int_equal(host_table_note(h, "slab", &note), -ENOENT);
	assert_int_equal(host_rows(h, "process", &text), 0);
	assert_int_equal(table_read_tsv(text.bytes, text.len, t->schema, &note, &back), 0);
	assert_int_equal(back->n, 1);
	assert_int_equal(((struct process *)back->row)->resident_bytes, 4096);
	table_unref(back);
	table_unref(t);
	host_free(h);
	free(path);
}

static void round_trip(void **state UNUSED)
{
	round_trip_of(false);
}

static void round_trip_named(void **state UNUSED)
{
	round_trip_of(true);
}

static void never_harms_a_file(void **state UNUSED)
{
	auto_free char *path = strdup(below("a.tar.zst"));
	struct capture_options o = { .path = path };
	struct capture *c = NULL;

	put("a.tar.zst", "mine");
	assert_int_equal(capture_new(&o, &c, why), -EEXIST);
	assert_non_null(strstr(why, "--force"));
	/* It appears while we look. */
	assert_int_equal(unlink(path), 0);
	c = begin(&o);
	put("a.tar.zst", "mine");
	assert_int_equal(capture_finish(c), -EEXIST);
	assert_int_equal(files_in_top(), 1);
	o.force = true;
	capture_abort(begin(&o));
	FILE *f = fopen(path, "r");
	char buf[8];

	assert_int_equal(fread(buf, 1, sizeof(buf), f), 4);
	fclose(f);
	for (int named = 0; named < 2; named++) {
		struct stat st;

		o.named = named;
		assert_int_equal(capture_finish(begin(&o)), 0);
		assert_int_equal(files_in_top(), 1);
		assert_int_equal(stat(path, &st), 0);
		assert_true(st.st_size > 4);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	/* What is no file is not replaced, force or not. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(capture_new(&o, &c, why), -EINVAL);
	o.path = "/dev/null";
	assert_int_equal(capture_new(&o, &c, why), -EINVAL);
	o.path = top;
	assert_int_equal(capture_new(&o, &c, why), -EINVAL);
	o.path = "/nowhere/x";
	assert_int_equal(capture_new(&o, &c, why), -ENOENT);
}

/* Bytes that do not compress. */
static char *noise(size_t len)
{
	char *bytes = malloc(len);
	uint64_t x = 88172645463325252u;

	assert_non_null(bytes);
	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		bytes[i] = (char)x;
	}
	return bytes;
}

static void a_full_disk_leaves_nothing(void **state UNUSED)
{
	auto_free char *path = strdup(below("a.tar.zst"));
	auto_free char *bytes = noise(4 << 20);
	struct rlimit was, small;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = was;
	small.rlim_cur = 1 << 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (int named = 0; named < 2; named++) {
		struct capture_options o = { .path = path, .named = named };
		struct capture *c = begin(&o);

		capture_frame(c, 0);
		capture_tap(c, 'f', "proc/noise", 0, bytes, 4 << 20);
		assert_int_equal(capture_error(c), -EFBIG);
		tap_text(c, "proc/more", "dropped");
		assert_int_equal(capture_finish(c), -EFBIG);
		assert_int_equal(files_in_top(), 0);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
}

/* The whole file, decompressed. */
static void unpacked(const char *path, struct strbuf *out)
{
	char buf[65536];
	FILE *f = fopen(path, "r");
	auto_strbuf packed = { 0 };

	assert_non_null(f);
	for (size_t n; (n = fread(buf, 1, sizeof(buf), f)) > 0;)
		strbuf_add(&packed, buf, n);
	fclose(f);
#if defined(MURPHY_WITH_ZSTD)
	ZSTD_DCtx *z = ZSTD_createDCtx();

	assert_int_equal(strbuf_reserve(out, 8 << 20), 0);
	out->len = ZSTD_decompressDCtx(z, out->bytes, 8 << 20, packed.bytes, packed.len);
	assert_false(ZSTD_isError(out->len));
	ZSTD_freeDCtx(z);
#else
	strbuf_add(out, packed.bytes, packed.len);
#endif
}

static void add_text(struct table *t, void *row, unsigned int column, const char *text)
{
	row_put(t->schema, row, column, table_intern(t, text, strlen(text)));
}

static uint64_t fnv1a(const char *s)
{
	uint64_t h = 14695981039346656037u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h;
}

static void capture_secrets(struct capture *c)
{
	static const char group[] = "/system.slice/acme-billing.service";
	struct table *t = some_processes();

	tap_text(c, "proc/7/cmdline", "hunter2");
	capture_tap(c, 'd', "srv/topsecret", 0, "file", 5);
	capture_table(c, t, false);
	table_unref(t);
	t = table_new(schemas[TABLE_host]);
	add_text(t, table_add(t), HOST_name, "db7.acme.example");
	capture_table(c, t, false);
	table_unref(t);
	t = table_new(schemas[TABLE_process_cmd]);
	add_text(t, table_add(t), PROCESS_CMD_line, "mysql -phunter2");
	capture_table(c, t, false);
	table_unref(t);
	t = table_new(schemas[TABLE_cgroup]);
	void *row = table_add(t);

	row_put(t->schema, row, CGROUP_id, fnv1a(group));
	add_text(t, row, CGROUP_path, group);
	capture_table(c, t, false);
	table_unref(t);
	t = table_new(schemas[TABLE_cgroup_mem]);
	row_put(t->schema, table_add(t), CGROUP_MEM_id, fnv1a(group));
	capture_table(c, t, false);
	table_unref(t);
	t = table_new(schemas[TABLE_tcp_socket]);
	row = table_add(t);
	add_text(t, row, TCP_SOCKET_local, "127.0.0.1");
	add_text(t, row, TCP_SOCKET_peer, "203.0.113.77");
	row_put(t->schema, row, TCP_SOCKET_peer_port, 5432);
	capture_table(c, t, false);
	table_unref(t);
}

static struct table *rows_of(struct host *h, enum table_id id)
{
	auto_strbuf text = { 0 };
	struct table_note note;
	struct table *t = NULL;

	assert_int_equal(host_rows(h, schemas[id]->name, &text), 0);
	assert_int_equal(table_read_tsv(text.bytes, text.len, schemas[id], &note, &t), 0);
	return t;
}

static void redacted_tells_nothing(void **state UNUSED)
{
	static const char *const secrets[] = { "privateer", "topsecret", "hunter2", "acme",
		"203.0.113.77", "mysql" };
	auto_free char *path = strdup(below("a.tar.zst"));
	struct capture_options o = { .path = path, .redact = true };
	struct capture *c = begin(&o);
	auto_strbuf all = { 0 };

	capture_frame(c, 0);
	capture_clock(c, 111, 222, 4096, 100);
	capture_secrets(c);
	assert_int_equal(capture_finish(c), 0);
	unpacked(path, &all);
	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
		if (memmem(all.bytes, all.len, secrets[i], strlen(secrets[i])))
			fail_msg("it tells %s", secrets[i]);
	}
	struct host *h = open_root(path);
	struct table *process = rows_of(h, TABLE_process), *cmd = rows_of(h, TABLE_process_cmd);
	struct table *cgroup = rows_of(h, TABLE_cgroup), *mem = rows_of(h, TABLE_cgroup_mem);
	struct table *tcp = rows_of(h, TABLE_tcp_socket);
	const struct cgroup *g = cgroup->row;
	const struct tcp_socket *s = tcp->row;
	const char *group = table_text(cgroup, g->path);

	assert_int_equal(((struct process *)process->row)->resident_bytes, 4096);
	assert_non_null(strstr(process->why, ": was slow, /proc/7/stat"));
	assert_false(row_has(((struct process_cmd *)cmd->row)->has, PROCESS_CMD_line));
	assert_memory_equal(group, "/system.slice/p-", 16);
	assert_string_equal(group + 24, ".service");
	/* Ids that are made from names still join, and still are made from them. */
	assert_true(g->id == fnv1a(group));
	assert_true(((struct cgroup_mem *)mem->row)->id == g->id);
	assert_string_equal(table_text(tcp, s->local), "127.0.0.1");
	assert_int_equal(s->peer_port, 5432);
	table_unref(process);
	table_unref(cmd);
	table_unref(cgroup);
	table_unref(mem);
	table_unref(tcp);
	host_free(h);
}

static void pseudonyms_are_stable(void **state UNUSED)
{
	struct redact *a = NULL, *b = NULL;

	assert_int_equal(redact_new(&a), 0);
	assert_int_equal(redact_new(&b), 0);
	struct table *t = some_processes(), *one = redact_table(a, t), *again = redact_table(a, t),
		     *other = redact_table(b, t);
	const struct process *p = one->row, *q = again->row, *r = other->row;

	assert_string_equal(table_text(one, p->comm), table_text(again, q->comm));
	assert_string_not_equal(table_text(one, p->comm), table_text(other, r->comm));
	table_unref(t);
	table_unref(one);
	table_unref(again);
	table_unref(other);
	redact_free(a);
	redact_free(b);
}

#if defined(MURPHY_WITH_ZSTD)
static void cut_or_flipped(void **state UNUSED)
{
	auto_free char *path = strdup(below("a.tar.zst"));
	struct capture_options o = { .path = path };
	struct capture *c = begin(&o);
	char packed[4096];

	capture_frame(c, 0);
	capture_clock(c, 111, 222, 4096, 100);
	tap_text(c, "proc/loadavg", "0.00 0.01 0.05 1/100 4711");
	assert_int_equal(capture_finish(c), 0);
	FILE *f = fopen(path, "r");
	size_t len = fread(packed, 1, sizeof(packed), f);

	fclose(f);
	assert_true(len > 100 && len < sizeof(packed));
	for (size_t cut = 0; cut < len; cut++) {
		struct host *h = NULL;

		assert_true(host_open_bytes(packed, cut, &h, why) < 0);
		assert_true(why[0]);
	}
	for (size_t bit = 0; bit < len * 8; bit++) {
		struct host *h = NULL;

		packed[bit / 8] ^= (char)(1 << bit % 8);
		int err = host_open_bytes(packed, len, &h, why);

		packed[bit / 8] ^= (char)(1 << bit % 8);
		/* A few bits mean nothing to zstd; then the content must be whole. */
		if (err == 0) {
			wants_file(h, "proc/loadavg", "0.00 0.01 0.05 1/100 4711");
			host_free(h);
		}
	}
}

static void a_bomb_does_not_go_off(void **state UNUSED)
{
	auto_free char *path = strdup(below("a.tar.zst"));
	auto_free char *zero = calloc(100 << 20, 1);
	struct capture_options o = { .path = path };
	struct capture *c = begin(&o);
	struct host *h = NULL;

	capture_frame(c, 0);
	capture_tap(c, 'f', "proc/zero", 0, zero, 100 << 20);
	assert_int_equal(capture_finish(c), 0);
	assert_int_equal(host_open_root(path, &h, why), -EFBIG);
	assert_non_null(strstr(why, "far more"));
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(round_trip, make_top, drop_top),
		cmocka_unit_test_setup_teardown(round_trip_named, make_top, drop_top),
		cmocka_unit_test_setup_teardown(never_harms_a_file, make_top, drop_top),
		cmocka_unit_test_setup_teardown(a_full_disk_leaves_nothing, make_top, drop_top),
		cmocka_unit_test_setup_teardown(redacted_tells_nothing, make_top, drop_top),
		cmocka_unit_test(pseudonyms_are_stable),
#if defined(MURPHY_WITH_ZSTD)
		cmocka_unit_test_setup_teardown(cut_or_flipped, make_top, drop_top),
		cmocka_unit_test_setup_teardown(a_bomb_does_not_go_off, make_top, drop_top),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
