/* SPDX-License-Identifier: MIT */
#include "sample/disk_name.h"

#include "base/attr.h"

#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool disk_name_within(struct span name, struct span disk)
{
	size_t at = disk.len;

	if (disk.len == 0 || name.len < disk.len || memcmp(name.at, disk.at, disk.len) != 0)
		return false;
	if (at == name.len)
		return true;
	if (is_digit(disk.at[disk.len - 1]) && name.at[at++] != 'p')
		return false;
	if (at == name.len)
		return false;
	while (at < name.len && is_digit(name.at[at]))
		at++;
	return at == name.len;
}

/* Disks whose names end with a letter, so that nothing stands before the partition's number. */
static bool is_lettered(struct span name)
{
	static const char *const heads[] = { "sd", "vd", "hd", "xvd" };

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		size_t at = strlen(heads[i]);

		if (!span_starts(name, heads[i]))
			continue;
		while (at < name.len && name.at[at] >= 'a' && name.at[at] <= 'z')
			at++;
		if (at == name.len && at > strlen(heads[i]))
			return true;
	}
	return false;
}

struct span disk_name_whole(struct span name)
{
	struct span disk = name;

	while (disk.len > 0 && is_digit(disk.at[disk.len - 1]))
		disk.len--;
	if (disk.len == name.len)
		return name;
	if (disk.len > 1 && disk.at[disk.len - 1] == 'p' && is_digit(disk.at[disk.len - 2])) {
		disk.len--;
		return disk;
	}
	return is_lettered(disk) ? disk : name;
}
