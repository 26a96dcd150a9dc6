/* SPDX-License-Identifier: MIT */
#include "cmd/terminal.h"

#include "base/cursor.h"
#include "cmd/command.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { WIDTH_MIN = 40, WIDTH_DEFAULT = 100, WIDTH_MAX = 132 };

static unsigned int width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t n = 0;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
		n = size.ws_col;
	} else if (columns) {
		struct cursor c = cursor_of(columns, strlen(columns));

		if (!cursor_u64(&c, &n))
			n = 0;
	}
	if (n == 0)
		n = WIDTH_DEFAULT;
	/* Longer lines are hard to read, and so are columns of a word each. */
	return n > WIDTH_MAX ? WIDTH_MAX : n < WIDTH_MIN ? WIDTH_MIN : (unsigned int)n;
}

bool terminal_style(const char *colour, struct text_style *ret_style)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
	struct text_style style = { .width = width() };

	if (!colour || strcmp(colour, "auto") == 0)
		style.colour = isatty(STDOUT_FILENO) && !(no_colour && *no_colour) &&
			       !(term && strcmp(term, "dumb") == 0);
	else if (strcmp(colour, "always") == 0)
		style.colour = true;
	else if (strcmp(colour, "never") != 0)
		return false;
	*ret_style = style;
	return true;
}

int exit_of_open(int err)
{
	switch (-err) {
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case EIO:
	case ENOSPC:
		return EXIT_INTERNAL;
	default:
		return EXIT_USAGE;
	}
}

int terminal_open_host(const char *root, struct host **ret_host)
{
	char why[160] = "";
	int err = root ? host_open_root(root, ret_host, why) : host_open_live(ret_host);

	if (err < 0)
		log_error("%s: %s", root ? root : "/", why[0] ? why : strerror(-err));
	return err >= 0 ? -1 : root ? exit_of_open(err) : EXIT_INTERNAL;
}

bool output_gone(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLNVAL));
}

void sleep_s(double seconds)
{
	struct timespec t = { .tv_sec = (time_t)seconds };

	t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}
