/* SPDX-License-Identifier: MIT */
/* Both ways to find who holds a socket, on this machine, with sockets of our own. */
#include "source/source.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* A socket that this process holds twice and a child once. */
struct scene {
	struct host *host;
	struct table *process;
	int fd, twin;
	pid_t child;
	uint64_t inode;
};

static const struct source *source_named(const char *name)
{
	for (size_t i = 0; i < n_sources; i++) {
		if (strcmp(sources[i]->name, name) == 0)
			return sources[i];
	}
	return NULL;
}

static void add_process(struct table *t, uint64_t pid)
{
	struct process *row = table_add(t);

	assert_non_null(row);
	row_put(t->schema, row, PROCESS_pid, pid);
}

static int setup(void **state)
{
	static struct scene s;
	struct stat st;

	assert_int_equal(host_open_live(&s.host), 0);
	s.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	s.twin = dup(s.fd);
	assert_true(s.fd >= 0 && s.twin > s.fd && fstat(s.fd, &st) == 0);
	s.inode = st.st_ino;
	s.child = fork();
	assert_true(s.child >= 0);
	if (s.child == 0) {
		pause();
		_exit(0);
	}
	s.process = table_new(schemas[TABLE_process]);
	add_process(s.process, (uint64_t)getpid());
	add_process(s.process, (uint64_t)s.child);
	s.process->state = STATE_OK;
	*state = &s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	kill(s->child, SIGKILL);
	waitpid(s->child, NULL, 0);
	close(s->fd);
	close(s->twin);
	table_unref(s->process);
	host_free(s->host);
	return 0;
}

/* Ask source for the scene's socket and one that nobody has. */
static struct table *ask(struct scene *s, const char *name, uint64_t deadline_ns)
{
	const struct source *source = source_named(name);
	uint64_t asked[2] = { s->inode, UINT64_MAX };
	struct table *out[TABLES] = { 0 };
	struct frame frame = { 0 };
	struct probe p = {
		.host = s->host, .frame = &frame, .out = out, .deadline_ns = deadline_ns
	};

	if (!source)
		return NULL;
	out[TABLE_socket_owner] = table_new(schemas[TABLE_socket_owner]);
	frame.at[TABLE_process] = s->process;
	p.asked[TABLE_socket_owner] = asked;
	p.n_asked[TABLE_socket_owner] = ARRAY_SIZE(asked);
	assert_int_equal(source->read(&p), 0);
	return out[TABLE_socket_owner];
}

static void assert_found(const struct scene *s, const struct table *t)
{
	assert_int_equal(t->state, STATE_OK);
	assert_int_equal(t->n, 1);
	const struct socket_owner *o = t->row;

	assert_true(o->inode == s->inode);
	assert_int_equal(o->pid, s->child < getpid() ? s->child : getpid());
	assert_int_equal(o->fd, s->fd);
	assert_true(row_has(o->has, SOCKET_OWNER_holders));
	assert_int_equal(o->holders, 2);
}

static void by_walking(void **state)
{
	struct table *t = ask(*state, "socket_owner", 0);

	assert_found(*state, t);
	table_unref(t);
}

/* Too late at once: what is not known is not claimed. */
static void by_walking_too_late(void **state)
{
	struct table *t = ask(*state, "socket_owner", 1);

	assert_int_equal(t->state, STATE_LATE);
	assert_int_equal(t->n, 0);
	assert_int_equal(t->cell[SOCKET_OWNER_holders], STATE_LATE);
	table_unref(t);
}

static void by_ebpf(void **state)
{
	struct table *t = ask(*state, "socket_owner_bpf", 0);

	/* Not built in, no rights, no BTF: but then it says so. */
	if (!t)
		skip_because("built without eBPF");
	if (t->state == STATE_DENIED || t->state == STATE_ABSENT) {
		char reason[sizeof(t->why)];

		assert_true(t->why[0] != '\0');
		snprintf(reason, sizeof(reason), "%s", t->why);
		table_unref(t);
		skip_because(reason);
	}
	assert_found(*state, t);
	table_unref(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_walking),
		cmocka_unit_test(by_walking_too_late),
		cmocka_unit_test(by_ebpf),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
