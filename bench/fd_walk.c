/* SPDX-License-Identifier: MIT */
/* fd_walk: reads the link of every descriptor of every process; prints how many are sockets. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static unsigned long walk(const char *pid)
{
	char path[300], to[64];
	unsigned long sockets = 0;
	struct dirent *e;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	DIR *d = opendir(path);

	while (d && (e = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, to, sizeof(to));

		sockets += n > 7 && memcmp(to, "socket:", 7) == 0;
	}
	if (d)
		closedir(d);
	return sockets;
}

int main(void)
{
	DIR *d = opendir("/proc");
	unsigned long sockets = 0;
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (isdigit((unsigned char)e->d_name[0]))
			sockets += walk(e->d_name);
	}
	printf("%lu\n", sockets);
	return !d;
}
