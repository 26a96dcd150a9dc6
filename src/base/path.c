/* SPDX-License-Identifier: MIT */
#include "base/path.h"

#include <string.h>

size_t path_in(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (strcmp(dir, "/") == 0)
		return path[0] == '/';
	if (len == 0 || strncmp(path, dir, len) != 0 || (path[len] && path[len] != '/'))
		return 0;
	return len;
}
