/* SPDX-License-Identifier: MIT */
#include "model/unit.h"

#include <string.h>

struct span unit_of_path(const char *path)
{
	struct cursor c = cursor_of(path, strlen(path));
	struct span part, none = { path, 0 };
	bool more = true;

	while (more) {
		more = cursor_until(&c, '/', &part);
		if (!more)
			part = (struct span){ c.at, cursor_left(&c) };
		if (span_ends(part, ".service") || span_ends(part, ".scope"))
			return *part.at == '-' ? none : part;
		if (part.len > 0 && !span_ends(part, ".slice"))
			return none;
	}
	return none;
}
