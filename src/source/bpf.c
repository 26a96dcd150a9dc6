/* SPDX-License-Identifier: MIT */
#include "source/bpf.h"

#include "base/mem.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A source is alone in its process: there is one that listens, or none. */
static struct bpf_said *listener;

static int PRINTF_LIKE(2, 0) hear(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (!listener || level != LIBBPF_WARN || listener->text[0])
		return 0;
	vsnprintf(listener->text, sizeof(listener->text), fmt, ap);
	listener->text[strcspn(listener->text, "\n")] = '\0';
	return 0;
}

void bpf_listen(struct bpf_said *said)
{
	listener = said;
	libbpf_set_print(hear);
}

void bpf_fail(struct table *t, int err, const struct bpf_said *said)
{
	if (err == -EPERM || err == -EACCES)
		table_fail(t, STATE_DENIED, "eBPF: %s", strerror(-err));
	else if (access("/sys/kernel/btf/vmlinux", F_OK) < 0)
		table_fail(t, STATE_ABSENT, "eBPF: this kernel has no BTF");
	else
		table_fail(
			t, STATE_BROKEN, "eBPF: %s", said->text[0] ? said->text : strerror(-err));
}

enum { ROWS_BYTES = 64 * 1024 };

static int read_rows(struct probe *p, int fd, size_t size,
	int (*take)(void *arg, const void *rows, size_t n), void *arg)
{
	size_t most = ROWS_BYTES / size;
	auto_free void *rows = mem_new(most, size);

	if (!rows)
		return -ENOMEM;
	for (;;) {
		if (probe_late(p))
			return -ETIME;
		ssize_t n = read(fd, rows, most * size);

		/* EAGAIN: a million objects without a hit, go on (kernel/bpf/bpf_iter.c). */
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		int err = take(arg, rows, (size_t)n / size);

		if (err < 0)
			return err;
	}
}

int bpf_iterate(struct probe *p, const struct bpf_program *program, size_t size,
	int (*take)(void *arg, const void *rows, size_t n), void *arg)
{
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);

	if (!link)
		return -errno;
	auto_close fd = bpf_iter_create(bpf_link__fd(link));
	int err = fd < 0 ? fd : read_rows(p, fd, size, take, arg);

	bpf_link__destroy(link);
	return err;
}
