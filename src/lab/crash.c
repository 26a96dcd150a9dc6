/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define SHOWN "/proc/sys/debug/exception-trace"

static void fault(void)
{
	const struct rlimit none = { 0, 0 };
	volatile char *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* No core, and no handler of a sanitizer. */
	setrlimit(RLIMIT_CORE, &none);
	signal(SIGSEGV, SIG_DFL);
	if (p != MAP_FAILED)
		*p = 1;
	_exit(1);
}

int crash(struct scene *s, const char *comm, unsigned n)
{
	char text[16];

	if (scene_read(SHOWN, text, sizeof(text)) > 0 && text[0] == '0')
		return scene_skip(s, "%s is 0: this kernel tells of no faults", SHOWN);
	for (unsigned i = 0; i < n; i++) {
		pid_t pid = scene_child(s, comm);

		if (pid == 0)
			fault();
		int code = scene_join(pid);

		if (code != 128 + SIGSEGV)
			return code < 0 ? code : -ECHILD;
		scene_culprit(s, "process", pid, comm);
	}
	return 0;
}
