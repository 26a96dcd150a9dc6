/* SPDX-License-Identifier: MIT */
#include "base/cursor.h"
#include "source/mangled.h"
#include "source/source.h"

#include <errno.h>
#include <string.h>

/* True when the comma-separated options hold the word. */
static bool has_option(struct span options, const char *name)
{
	struct cursor c = cursor_span(options);
	struct span word;

	while (cursor_until(&c, ',', &word)) {
		if (span_eq(word, name))
			return true;
	}
	return span_eq((struct span){ c.at, cursor_left(&c) }, name);
}

/*
 * Did the file system turn itself read-only? Who asks for "ro" gets it in both lists; an error sets
 * it in the second only (ext4 before 6.15, btrfs, fat), or one of the words that ext4 has for it
 * since. Some that can never write (squashfs, iso9660) are like that from birth.
 */
static bool turned_read_only(struct span fstype, struct span options, struct span super)
{
	static const char *const writers[] = { "ext2", "ext3", "ext4", "btrfs", "vfat", "msdos",
		"f2fs", "jfs", "nilfs2", "ntfs3", "ocfs2", "gfs2", "reiserfs" };

	if (has_option(super, "emergency_ro"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
		if (span_eq(fstype, writers[i]))
			return has_option(super, "ro") && !has_option(options, "ro");
	}
	return false;
}

static int parse_mount(struct cursor *c, struct table *t)
{
	struct span root, target, options, word, fstype, source = { 0 }, super = { 0 };
	uint64_t id, parent, major, minor;
	struct mount m = { 0 };

	if (!cursor_u64(c, &id) || !cursor_u64(c, &parent) || !cursor_u64(c, &major) ||
		!cursor_lit(c, ":") || !cursor_u64(c, &minor) || major > UINT32_MAX ||
		minor > UINT32_MAX)
		return -EINVAL;
	if (!cursor_word(c, &root) || !cursor_word(c, &target) || !cursor_word(c, &options))
		return -EINVAL;
	do {
		if (!cursor_word(c, &word))
			return -EINVAL;
	} while (!span_eq(word, "-"));
	/* A mount may have an empty source: then two blanks stand side by side. */
	if (!cursor_word(c, &fstype) || !cursor_lit(c, " "))
		return -EINVAL;
	if (!cursor_until(c, ' ', &source) || !cursor_word(c, &super))
		return -EINVAL;
	row_put(t->schema, &m, MOUNT_id, id);
	row_put(t->schema, &m, MOUNT_dev, major << 32 | minor);
	row_put(t->schema, &m, MOUNT_target, mangled_intern(t, target));
	row_put(t->schema, &m, MOUNT_fstype, table_intern(t, fstype.at, fstype.len));
	row_put(t->schema, &m, MOUNT_source, mangled_intern(t, source));
	row_put(t->schema, &m, MOUNT_options, table_intern(t, options.at, options.len));
	row_put(t->schema, &m, MOUNT_super_options, table_intern(t, super.at, super.len));
	bool turned = turned_read_only(fstype, options, super);

	row_put(t->schema, &m, MOUNT_read_only,
		turned || has_option(options, "ro") || has_option(super, "ro"));
	row_put(t->schema, &m, MOUNT_turned_read_only, turned);
	struct mount *row = table_add(t);

	if (!row)
		return -ENOMEM;
	*row = m;
	return 0;
}

/*
 * Parse /proc/PID/mountinfo. read_only is of the mount or of its file system, which errors turn
 * read-only behind the mount's back. Paths longer than 4096 bytes are cut.
 *
 * Shape:  "id parent major:minor root target options [tag...] - fstype source super-options".
 * Errors: -EINVAL malformed line, -ENODATA no line.
 * Source: fs/proc_namespace.c, show_mountinfo(); the same from 2.6.26 to 6.18.
 */
int mount_parse(const char *buf, size_t len, struct table *t)
{
	struct cursor c = cursor_of(buf, len), line;
	size_t before = t->n;
	int err = 0;

	while (err == 0 && cursor_line(&c, &line)) {
		if (!cursor_end(&line))
			err = parse_mount(&line, t);
	}
	if (err == 0 && t->n == before)
		err = -ENODATA;
	if (err < 0)
		table_cut(t, before);
	return err;
}

static int read_mount(struct probe *p)
{
	return probe_parse(p, TABLE_mount, "proc/self/mountinfo", 16 << 20, mount_parse);
}

const struct source source_mount = {
	.name = "mount",
	.fills = { TABLE_mount },
	.deadline_ns = 500000000,
	.read = read_mount,
};
