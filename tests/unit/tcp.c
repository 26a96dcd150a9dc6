/* SPDX-License-Identifier: MIT */
/* The fixtures are of loopback sockets in a network namespace of their own, Linux 6.18. */
#include "host/host.h"
#include "source/source.h"
#include "source/tcp_diag.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

static size_t corpus(const char *name, char *buf, size_t size)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/fuzz/corpus/tcp_diag/%s", MURPHY_SOURCE_ROOT, name);
	auto_close fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	ssize_t n = read(fd, buf, size);

	assert_true(n >= 0 && (size_t)n < size);
	return (size_t)n;
}

static int parse_corpus(const char *name, struct table *t)
{
	char buf[16384];
	size_t len = corpus(name, buf, sizeof(buf));

	return tcp_diag_parse(buf, len, t);
}

static const struct tcp_socket *only(const struct table *t, uint32_t state, uint32_t timer)
{
	const struct tcp_socket *found = NULL;

	for (table_each(const struct tcp_socket, s, t)) {
		if (s->state != state || s->timer != timer)
			continue;
		assert_null(found);
		found = s;
	}
	assert_non_null(found);
	return found;
}

static void a_recorded_dump(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_tcp_socket]);

	assert_int_equal(parse_corpus("loopback4", t), 0);
	assert_int_equal(t->n, 12); /* and one in TIME_WAIT, which is no row */
	const struct tcp_socket *l = only(t, TCP_STATE_LISTEN, 0);

	assert_int_equal(l->receive_queue, 1); /* one connection waits for accept() */
	assert_int_equal(l->send_queue, 5);    /* listen(5) */
	assert_string_equal(table_text(t, l->local), "127.0.0.1");
	assert_false(row_has(l->has, TCP_SOCKET_unacked));
	assert_true(row_has(l->has, TCP_SOCKET_drops));
	const struct tcp_socket *probe = only(t, 1, 4);

	assert_true(probe->notsent_bytes > 1000000);
	assert_int_equal(probe->send_window_bytes, 0);
	assert_int_equal(probe->peer_port, l->local_port);
	assert_int_equal(probe->timer_ns, 124000000);
	assert_true(row_has(probe->has, TCP_SOCKET_receive_window_bytes));
	assert_true(probe->rwnd_limited_ns > 0 && probe->rwnd_limited_ns <= probe->busy_ns);
	table_unref(t);
}

static void mapped_addresses_read_as_ipv4(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_tcp_socket]);
	size_t mapped = 0, real = 0;

	assert_int_equal(parse_corpus("loopback6", t), 0);
	for (table_each(const struct tcp_socket, s, t)) {
		assert_int_equal(s->family, AF_INET6);
		mapped += strcmp(table_text(t, s->local), "127.0.0.1") == 0;
		real += strcmp(table_text(t, s->local), "::1") == 0;
	}
	assert_int_equal(mapped, 1);
	assert_int_equal(real, 3);
	table_unref(t);
}

/* tcp_info grew over the years: what a kernel does not send is absent, what is new is ignored. */
static void other_kernels(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_tcp_socket]);
	const struct tcp_socket *s;

	assert_int_equal(parse_corpus("info-2.6", t), 0);
	s = table_at(t, 0);
	assert_true(row_has(s->has, TCP_SOCKET_rtt_ns));
	assert_true(row_has(s->has, TCP_SOCKET_total_retransmits));
	assert_false(row_has(s->has, TCP_SOCKET_acked_bytes));
	assert_false(row_has(s->has, TCP_SOCKET_drops));
	assert_int_equal(parse_corpus("info-odd", t), 0);
	s = table_at(t, 1);
	assert_true(row_has(s->has, TCP_SOCKET_sndbuf_limited_ns));
	assert_false(row_has(s->has, TCP_SOCKET_send_window_bytes)); /* its last byte is missing */
	assert_true(row_has(s->has, TCP_SOCKET_receive_memory_bytes));
	assert_false(row_has(s->has, TCP_SOCKET_receive_buffer_bytes));
	assert_int_equal(parse_corpus("info-future", t), 0);
	s = table_at(t, 2);
	assert_true(row_has(s->has, TCP_SOCKET_receive_window_bytes));
	assert_int_equal(t->n, 3);
	table_unref(t);
}

static void hostile_lengths(void **state UNUSED)
{
	static const char *const bad[] = { "length-zero", "length-past-end", "length-short",
		"attribute-zero", "attribute-past-end", "attribute-short", "truncated",
		"family-unknown", "state-unknown" };
	static const char *const empty[] = { "empty", "done-only", "error" };
	struct table *t = table_new(schemas[TABLE_tcp_socket]);
	char buf[16384];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(parse_corpus(bad[i], t), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(empty); i++)
		assert_int_equal(parse_corpus(empty[i], t), 0);
	assert_int_equal(t->n, 0);
	assert_int_equal(parse_corpus("nested", t), 0);

	/* Cut anywhere it is an error or a shorter answer, never a read past the end. */
	size_t len = corpus("loopback4", buf, sizeof(buf));

	for (size_t cut = 0; cut < len; cut += 7) {
		char *exact = malloc(cut + 1);

		assert_non_null(exact);
		memcpy(exact, buf, cut);
		int err = tcp_diag_parse(exact, cut, t);

		assert_true(err == 0 || err == -EINVAL);
		free(exact);
	}
	table_unref(t);
}

static int collect(void *arg, const char *buf, size_t len)
{
	return tcp_diag_parse(buf, len, arg);
}

static int stop(void *arg UNUSED, const char *buf UNUSED, size_t len UNUSED)
{
	return -ETIME;
}

/* A listener of our own is found among this machine's sockets by its inode. */
static void this_machine(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_tcp_socket]);
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	struct host *h;
	struct stat st;
	size_t found = 0;
	auto_close fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, 7) < 0)
		skip_because("no TCP socket to be had");
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(host_open_live(&h), 0);
	int err = host_tcp_diag(h, 0, 0, collect, t);

	if (err == -ENOENT || err == -EPROTONOSUPPORT)
		skip_because("the kernel tells nobody of TCP sockets (inet_diag)");
	assert_int_equal(err, 0);
	for (table_each(const struct tcp_socket, s, t)) {
		if (s->inode != st.st_ino)
			continue;
		assert_int_equal(s->local_port, ntohs(at.sin_port));
		assert_int_equal(s->state, TCP_STATE_LISTEN);
		assert_int_equal(s->send_queue, 7);
		found++;
	}
	assert_int_equal(found, 1);
	assert_int_equal(host_tcp_diag(h, 0, 0, stop, NULL), -ETIME);
	/* Nobody's inode: the process is there, its namespace is another. */
	assert_int_equal(host_tcp_diag(h, 1, (uint64_t)getpid(), collect, t), -ESRCH);
	host_free(h);
	table_unref(t);
}

/* One question is for both families. */
static void both_families(void **state UNUSED)
{
	struct table *t = table_new(schemas[TABLE_tcp_socket]);
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	struct host *h;
	struct stat st;
	size_t found = 0, v4 = 0;
	auto_close one = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	auto_close fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (one < 0 || listen(one, 1) < 0 || fd < 0 ||
		bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 9) < 0)
		skip_because("no IPv6 here");
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(host_open_live(&h), 0);
	int err = host_tcp_diag(h, 0, 0, collect, t);

	if (err == -ENOENT || err == -EPROTONOSUPPORT)
		skip_because("the kernel tells nobody of TCP sockets (inet_diag)");
	assert_int_equal(err, 0);
	for (table_each(const struct tcp_socket, s, t)) {
		v4 += s->family == AF_INET;
		if (s->inode != st.st_ino)
			continue;
		assert_int_equal(s->family, AF_INET6);
		assert_string_equal(table_text(t, s->local), "::1");
		assert_int_equal(s->send_queue, 9);
		found++;
	}
	assert_int_equal(found, 1);
	assert_true(v4 > 0);
	host_free(h);
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_recorded_dump),
		cmocka_unit_test(mapped_addresses_read_as_ipv4),
		cmocka_unit_test(other_kernels),
		cmocka_unit_test(hostile_lengths),
		cmocka_unit_test(this_machine),
		cmocka_unit_test(both_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
