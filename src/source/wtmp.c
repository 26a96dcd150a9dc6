/* SPDX-License-Identifier: MIT */
#include "source/source.h"

#include <errno.h>
#include <string.h>

/*
 * struct utmp as all but a few machines have it (glibc/bits/utmp.h, __WORDSIZE_TIME64_COMPAT32): by
 * offsets, because the record may be of another machine than this one.
 */
enum { RECORD = 384, TYPE = 0, SECONDS = 340, BOOT_TIME = 2, TYPES = 10 };
#define NS_PER_S 1000000000u

/*
 * Parse wtmp for boots, a row each.
 *
 * Shape:  records of 384 bytes, little-endian; type 2 is a boot, its time seconds since 1970.
 * Errors: -EINVAL not of such records, -ENOMEM.
 * Source: utmp(5), bits/utmp.h.
 */
int wtmp_parse(const char *buf, size_t len, struct table *t)
{
	size_t before = t->n;

	if (len % RECORD != 0)
		return -EINVAL;
	for (size_t at = 0; at < len; at += RECORD) {
		uint16_t type;
		uint32_t seconds;

		memcpy(&type, buf + at + TYPE, sizeof(type));
		memcpy(&seconds, buf + at + SECONDS, sizeof(seconds));
		if (type >= TYPES) {
			table_cut(t, before);
			return -EINVAL;
		}
		if (type != BOOT_TIME)
			continue;
		struct change *row = table_add(t);

		if (!row)
			return -ENOMEM;
		row_put(t->schema, row, CHANGE_number, t->n - 1);
		row_put(t->schema, row, CHANGE_kind, table_intern(t, "boot", 4));
		row_put(t->schema, row, CHANGE_at_wall_ns, (uint64_t)seconds * NS_PER_S);
	}
	return 0;
}
