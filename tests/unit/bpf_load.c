/* SPDX-License-Identifier: MIT */
/*
 * Does each eBPF program load into the kernel that runs? A line each. Exit code 0: all; 77: it may
 * not be (no rights, a kernel without BTF), then murphy does without; 1: the kernel refused one.
 */
#include "base/attr.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
/* Generated: the skeletons, and BPF_PROGRAMS(X) with an X(name) for each. */
#include "bpf_programs.h"
#pragma GCC diagnostic pop

static int PRINTF_LIKE(2, 0) quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, ap) : 0;
}

/*
 * What is loaded only where it fits: of a tracepoint and a function's end that see the same thing
 * the tracepoint where this kernel has it, as source/nagle_bpf.c chooses.
 */
static void choose(struct bpf_object *object)
{
	static const char point[] = "tp_btf/";
	struct bpf_program *p, *end = NULL;
	bool has_point = false;

	bpf_object__for_each_program(p, object)
	{
		const char *section = bpf_program__section_name(p);

		if (bpf_program__autoload(p))
			continue;
		if (strncmp(section, point, strlen(point)) != 0) {
			end = p;
		} else if (libbpf_find_vmlinux_btf_id(section + strlen(point), BPF_TRACE_RAW_TP) >
			   0) {
			has_point = true;
			bpf_program__set_autoload(p, true);
		}
	}
	if (end && !has_point)
		bpf_program__set_autoload(end, true);
}

#define X(name)                                                   \
	static int load_##name(void)                              \
	{                                                         \
		struct name##_bpf *skel = name##_bpf__open();     \
		if (skel)                                         \
			choose(skel->obj);                        \
		int err = skel ? name##_bpf__load(skel) : -errno; \
                                                                  \
		name##_bpf__destroy(skel);                        \
		return err;                                       \
	}
BPF_PROGRAMS(X)
#undef X

static const struct {
	const char *name;
	int (*load)(void);
} programs[] = {
#define X(name) { #name, load_##name },
	BPF_PROGRAMS(X)
#undef X
};

int main(void)
{
	int code = 0;

	libbpf_set_print(quiet);
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		int err = programs[i].load();

		if (err < 0)
			printf("bpf %s does not load: %s\n", programs[i].name, strerror(-err));
		else
			printf("bpf %s loads\n", programs[i].name);
		if (err == -EPERM || err == -EACCES || access("/sys/kernel/btf/vmlinux", F_OK) < 0)
			code = code ? code : 77;
		else if (err < 0)
			code = 1;
	}
	return code;
}
