/* SPDX-License-Identifier: MIT */
#include "source/bpf.h"

#include "base/mem.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdio.h>
#include <string.h>

#define BTF_FILE "/sys/kernel/btf/vmlinux"
enum { STRINGS_MAX = 16 << 20 };

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
	if (err == -ETIME)
		table_fail(t, STATE_LATE, "eBPF: loading the program took all the time");
	else if (err == -EPERM || err == -EACCES)
		table_fail(t, STATE_DENIED, "eBPF: %s", strerror(-err));
	else if (access(BTF_FILE, F_OK) < 0)
		table_fail(t, STATE_ABSENT, "eBPF: this kernel has no BTF");
	else
		table_fail(
			t, STATE_BROKEN, "eBPF: %s", said->text[0] ? said->text : strerror(-err));
}

bool bpf_kernel_has(const char *name)
{
	struct btf_header head;
	auto_close fd = open(BTF_FILE, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
		head.magic != BTF_MAGIC || head.str_len > STRINGS_MAX)
		return false;
	auto_free char *text = mem_new(1, (size_t)head.str_len + 1);
	off_t at = (off_t)head.hdr_len + head.str_off;
	size_t have = 0;
	ssize_t n = text ? 1 : 0;

	while (n > 0 && have < head.str_len) {
		n = pread(fd, text + have, head.str_len - have, at + (off_t)have);
		have += n > 0 ? (size_t)n : 0;
	}
	/* With the 0 on both sides: all of a string. */
	for (const char *s = text; s && s < text + have; s += strlen(s) + 1) {
		if (strcmp(s, name) == 0)
			return true;
	}
	return false;
}

enum { ROWS_BYTES = 64 * 1024 };

int bpf_read_rows(struct probe *p, int fd, size_t size,
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
		/* Half a row is none, and what follows would be read from its middle. */
		if ((size_t)n % size)
			return -EBADMSG;
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
	int err = fd < 0 ? fd : bpf_read_rows(p, fd, size, take, arg);

	bpf_link__destroy(link);
	return err;
}
