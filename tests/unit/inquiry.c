/* SPDX-License-Identifier: MIT */
/* murphy why on real processes of this test: who is found, and what their threads do. */
#include "look/inquiry.h"
#include "tests/unit/folder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOR_NS UINT64_C(600000000)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int port;

static void *locked(void *arg UNUSED)
{
	pthread_mutex_lock(&lock);
	return NULL;
}

/* Its main thread has the lock and sleeps; another waits for it. */
static void hold_lock(void)
{
	pthread_t t;

	pthread_mutex_lock(&lock);
	pthread_create(&t, NULL, locked, NULL);
	for (;;)
		pause();
}

static void burn(void)
{
	for (volatile unsigned long i = 0;; i++)
		;
}

static int listener(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	assert_true(listen(fd, 4) == 0 && getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	port = ntohs(a.sin_port);
	return fd;
}

static void ask(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char c = 'a';

	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && send(fd, &c, 1, 0) == 1)
		c = (char)recv(fd, &c, 1, 0);
	_exit(c);
}

static pid_t start(void (*run)(void))
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run();
		_exit(1);
	}
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static struct inquiry *look(struct target t, int want)
{
	struct inquiry *q = NULL;
	struct host *h;

	assert_int_equal(host_open_live(&h), 0);
	assert_int_equal(inquiry_new(h, &t, FOR_NS, &q), want);
	assert_non_null(q);
	host_free(h);
	return q;
}

static struct target pid_target(pid_t pid)
{
	return (struct target){ .kind = TARGET_PID, .pid = (uint64_t)pid };
}

static double share(const struct why *y, enum why_state state)
{
	for (size_t i = 0; i < y->n_parts; i++) {
		if (y->part[i].state == state)
			return y->part[i].ns / y->all_ns;
	}
	return 0;
}

static void who_computes(void **state UNUSED)
{
	pid_t pid = start(burn);
	struct inquiry *q = look(pid_target(pid), 0);
	const struct why *y = inquiry_why(q);

	assert_true(y->sampled);
	assert_int_equal(y->tasks, 1);
	/* On a crowded machine it gets little of a CPU; it never sleeps. */
	assert_true(share(y, WHY_USER) + share(y, WHY_SYSTEM) + share(y, WHY_CPU) +
			    share(y, WHY_THROTTLED) >
		    0.9);
	inquiry_free(q);
	stop(pid);
}

static void who_waits_for_a_lock(void **state UNUSED)
{
	pid_t pid = start(hold_lock);
	struct inquiry *q;

	usleep(100000);
	q = look(pid_target(pid), 0);
	const struct why *y = inquiry_why(q);

	assert_int_equal(y->tasks, 2);
	assert_int_equal(y->leading, WHY_LOCK);
	assert_int_equal(y->part[0].place[0].holder, pid);
	inquiry_free(q);
	stop(pid);
}

static bool has(const uint64_t *pids, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++) {
		if (pids[i] == (uint64_t)pid)
			return true;
	}
	return false;
}

/* The child asks this test, which does not answer; and is found by the port, as it listens. */
static void who_waits_for_a_peer(void **state UNUSED)
{
	int fd = listener();
	char name[32];
	pid_t pid = start(ask);

	usleep(100000);
	struct inquiry *q = look(pid_target(pid), 0);
	const struct why *y = inquiry_why(q);

	snprintf(name, sizeof(name), "127.0.0.1:%d", port);
	assert_int_equal(y->leading, WHY_PEER);
	assert_non_null(strstr(y->part[0].place[0].text, name));
	inquiry_free(q);

	struct target t = { .kind = TARGET_PORT, .port = (uint32_t)port };
	const uint64_t *pids;
	size_t n;

	q = look(t, 0);
	pids = inquiry_pids(q, &n);
	assert_true(has(pids, n, getpid()) && has(pids, n, pid)); /* and its child */
	inquiry_free(q);
	close(fd);
	stop(pid); /* which had it too */
	inquiry_free(look(t, -ESRCH));
}

/* A server with more sockets on one port than are looked up: that others may be missing is said. */
static void too_many_sockets(void **state UNUSED)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd[257], one = 1;

	for (size_t i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_true(fd[i] >= 0);
		assert_int_equal(setsockopt(fd[i], SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)), 0);
		assert_int_equal(bind(fd[i], (struct sockaddr *)&a, sizeof(a)), 0);
		assert_int_equal(listen(fd[i], 1), 0);
		assert_int_equal(getsockname(fd[i], (struct sockaddr *)&a, &len), 0);
	}
	struct target t = { .kind = TARGET_PORT, .port = ntohs(a.sin_port) };
	struct inquiry *q = look(t, 0);

	assert_non_null(inquiry_lacks(q));
	assert_non_null(strstr(inquiry_lacks(q), "more than 256 sockets"));
	inquiry_free(q);
	for (size_t i = 0; i < ARRAY_SIZE(fd); i++)
		close(fd[i]);
}

enum { OTHERS = 65534 };

/* As a plain user, in a process of its own: 0 when the inquiry of the port ended with want. */
static int ask_as_others(int fd, int want)
{
	struct target t = { .kind = TARGET_PORT, .port = (uint32_t)port };
	struct inquiry *q = NULL;
	struct host *h;
	bool good;

	if (setresgid(OTHERS, OTHERS, OTHERS) < 0 || setresuid(OTHERS, OTHERS, OTHERS) < 0)
		return 2;
	prctl(PR_SET_DUMPABLE, 1); /* or /proc/self/fd stays root's */
	close(fd);
	if (want == 0)
		listener();
	t.port = (uint32_t)port;
	if (host_open_live(&h) < 0)
		return 3;
	int err = inquiry_new(h, &t, FOR_NS, &q);

	if (!q)
		return 4;
	/* What root has is hidden, and that is the reason; his own is all there. */
	good = want ? inquiry_lacks(q) && strstr(inquiry_lacks(q), "socket_owner")
		    : !inquiry_lacks(q);
	if (!good || err != want)
		printf("%d: %s\n", err, inquiry_lacks(q) ? inquiry_lacks(q) : "");
	inquiry_free(q);
	host_free(h);
	return err != want ? 5 : good ? 0 : 6;
}

static void who_may_not_look(void **state UNUSED)
{
	static const int wants[] = { -EACCES, 0 };

	if (geteuid() != 0)
		skip_because("only root can become somebody else");
	for (size_t i = 0; i < ARRAY_SIZE(wants); i++) {
		int status, fd = listener();
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			status = ask_as_others(fd, wants[i]);
			fflush(stdout);
			_exit(status);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		close(fd);
	}
}

static void nobody(void **state UNUSED)
{
	pid_t pid = start(burn);

	stop(pid);
	inquiry_free(look(pid_target(pid), -ESRCH));
	inquiry_free(look((struct target){ .kind = TARGET_UNIT, .unit = "no-such-unit" }, -ESRCH));
}

/* Nobody is found where what tells it was not read whole: that is not the same as nobody there. */
static void not_known(void **state UNUSED)
{
	struct target unit = { .kind = TARGET_UNIT, .unit = "no-such-unit" };
	struct target web = { .kind = TARGET_PORT, .port = 80 };
	struct host *h;

	put("proc/1/stat", "1 (init) S 0 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 5 1 1 1 0 0 0 0 "
			   "0 0 0 0 0 0 0 "
			   "0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
	for (int i = 0; i < 2; i++) {
		struct target t = i ? web : unit;
		struct inquiry *q = NULL;

		assert_int_equal(host_open_root(top, &h, (char[160]){ "" }), 0);
		assert_int_equal(inquiry_new(h, &t, 0, &q), -ETIME);
		assert_non_null(
			strstr(inquiry_lacks(q), i ? "tcp_socket is " : "process_cgroup is "));
		inquiry_free(q);
		host_free(h);
	}
	/* With it the unit is not there. */
	put("proc/1/cgroup", "0::/init.scope\n");
	struct inquiry *q = NULL;

	assert_int_equal(host_open_root(top, &h, (char[160]){ "" }), 0);
	assert_int_equal(inquiry_new(h, &unit, 0, &q), -ESRCH);
	inquiry_free(q);
	host_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_computes),
		cmocka_unit_test(who_waits_for_a_lock),
		cmocka_unit_test(who_waits_for_a_peer),
		cmocka_unit_test(too_many_sockets),
		cmocka_unit_test(who_may_not_look),
		cmocka_unit_test(nobody),
		cmocka_unit_test_setup_teardown(not_known, make_top, drop_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
