/* SPDX-License-Identifier: MIT */
#include "cmd/command.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Labs are an executable of their own, so that no sick code is in this one. */
static int lab_path(char path[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		char *slash = strrchr(self, '/');

		if (slash)
			*slash = '\0';
		int len = snprintf(path, PATH_MAX, "%s/murphy-lab", self);

		if (len < PATH_MAX && access(path, X_OK) == 0)
			return 0;
	}
	snprintf(path, PATH_MAX, "%s/murphy-lab", MURPHY_LIBEXECDIR);
	return access(path, X_OK) == 0 ? 0 : -errno;
}

static int run(const struct args *a)
{
	char path[PATH_MAX];

	if (lab_path(path) < 0) {
		log_error("murphy-lab is neither beside murphy nor in %s", MURPHY_LIBEXECDIR);
		return EXIT_INTERNAL;
	}
	execv(path, a->all);
	log_error("%s: %s", path, strerror(errno));
	return EXIT_INTERNAL;
}

const struct command command_lab = {
	.name = "lab",
	.operands = "list|run NAME|show NAME|check [NAME...]|--guest [NAME...]",
	.help = "make a story happen, confined, and see that murphy names it (this acts)",
	.text = "A lab makes one kind of sickness for real, bounded and in its own cgroup, "
		"namespace "
		"or loop device, undoes it when it ends or is killed, and names the finding that "
		"murphy must show; its healthy twin must show none. All but list act; show prints "
		"murphy's report too. With "
		"--guest they act in a QEMU guest on Debian's cloud kernel, for what this "
		"machine's "
		"kernel cannot or must not host; what that needs is told, never installed.",
	.words = "list run show check guest --guest",
	.raw = true,
	.run = run,
};
