/* SPDX-License-Identifier: MIT */
#include "base/standard_fds.h"

#include "base/attr.h"

#include <fcntl.h>

void standard_fds_drop(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* In a root without it: something that cannot be written to either. */
	if (null < 0)
		null = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (null < 0 || (null != fd && dup2(null, fd) < 0))
			close(fd);
	}
	if (null > STDERR_FILENO)
		close(null);
}
