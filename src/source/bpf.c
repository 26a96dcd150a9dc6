/* SPDX-License-Identifier: MIT */
#include "source/bpf.h"

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
