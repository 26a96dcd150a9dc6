/* SPDX-License-Identifier: MIT */
#include "model/spaces.h"

#include "base/path.h"

#include <errno.h>
#include <string.h>

/* Two readings of one file system differ by less than that part of it. */
enum { MOMENT = 1000 };

const struct space *spaces_find(const struct spaces_model *sm, uint64_t dev)
{
	for (size_t i = 0; sm && i < sm->n; i++) {
		if (sm->space[i].mount->dev == dev || sm->space[i].below_dev == dev)
			return &sm->space[i];
	}
	return NULL;
}

const struct mount *mount_of_path(const struct table *mounts, const char *path)
{
	const struct mount *best = NULL;
	size_t longest = 0;

	for (table_each(const struct mount, m, mounts)) {
		size_t len = path_in(path, table_text(mounts, m->target));

		/* Of two at one place the later one hides the other. */
		if (len > 0 && (len > longest || (len == longest && m->id > best->id))) {
			best = m;
			longest = len;
		}
	}
	return best;
}

/*
 * Images: full by design. Those of FUSE do not always say that they are read-only, but have no free
 * block at all.
 */
static bool is_image(const char *fstype, const struct mount_space *s)
{
	static const char *const images[] = { "squashfs", "iso9660", "erofs", "cramfs", "udf",
		"romfs", "fuse.snapfuse", "fuse.squashfuse", "fuse.dwarfs" };

	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		if (strcmp(fstype, images[i]) == 0)
			return true;
	}
	return strncmp(fstype, "fuse", 4) == 0 && s->free_bytes == 0;
}

/* Files that a container's runtime mounts one by one, from wherever it keeps them. */
static bool is_file_of_runtime(const char *target)
{
	static const char *const files[] = { "/etc/hosts", "/etc/hostname", "/etc/resolv.conf",
		"/etc/localtime", "/etc/timezone", "/dev/termination-log", "/run/.containerenv" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (strcmp(target, files[i]) == 0)
			return true;
	}
	return false;
}

static bool better_name(const char *a, const char *b)
{
	bool file_a = is_file_of_runtime(a), file_b = is_file_of_runtime(b);

	return file_a != file_b ? file_b : strlen(a) < strlen(b);
}

/* How the file system of dev is best named; NULL when it can be written nowhere. */
static const struct mount *name_of(const struct table *mounts, uint64_t dev)
{
	const struct mount *best = NULL;

	for (table_each(const struct mount, m, mounts)) {
		if (m->dev != dev || m->read_only)
			continue;
		if (!best || better_name(table_text(mounts, m->target),
				     table_text(mounts, best->target)))
			best = m;
	}
	return best;
}

/* Subvolumes and datasets have numbers of their own and one pool of space. */
static bool same_pool(const struct space *a, const struct space *b)
{
	static const char *const pooled[] = { "zfs", "btrfs", "bcachefs" };

	if (a->mount->dev == b->mount->dev)
		return true;
	if (strcmp(a->fstype, b->fstype) != 0 || a->available_bytes != b->available_bytes)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(pooled); i++) {
		if (strcmp(a->fstype, pooled[i]) == 0)
			return true;
	}
	return false;
}

static uint64_t size_of(const struct space *s)
{
	return s->used_bytes + s->available_bytes + s->reserved_bytes;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/*
 * An overlay says of itself what the file system of its upper directory says (fs/overlayfs/super.c,
 * ovl_statfs()), asked a moment earlier or later. In a container that one is seen by its volumes.
 */
static bool is_below(const struct space *overlay, const struct space *s)
{
	return strcmp(overlay->fstype, "overlay") == 0 && strcmp(s->fstype, "overlay") != 0 &&
	       size_of(overlay) == size_of(s) &&
	       distance(overlay->used_bytes, s->used_bytes) <= size_of(s) / MOMENT &&
	       distance(overlay->free_inodes, s->free_inodes) <= s->inodes / MOMENT;
}

/* Has the list that space already, by this or another name? */
static bool merge(struct spaces_model *sm, const struct space *sp)
{
	for (size_t i = 0; i < sm->n; i++) {
		struct space *known = &sm->space[i];

		if (same_pool(known, sp))
			return true;
		if (is_below(known, sp)) {
			known->below_dev = sp->mount->dev;
			return true;
		}
		if (is_below(sp, known)) {
			uint64_t dev = known->mount->dev;

			*known = *sp;
			known->below_dev = dev;
			return true;
		}
	}
	return false;
}

static void fold_pace(struct space *sp, const struct model *m, const struct mount_space *s)
{
	const struct mount_space *was = table_find(frame_table(m->was, TABLE_mount_space), s->id);
	uint64_t elapsed = model_elapsed_ns(m, TABLE_mount_space);

	if (!was || elapsed == 0 || !row_has(was->has, MOUNT_SPACE_free_bytes) ||
		was->size_bytes != s->size_bytes)
		return;
	double eaten =
		was->free_bytes > s->free_bytes ? (double)(was->free_bytes - s->free_bytes) : 0;

	sp->fill_bytes_per_s = reading_of(eaten * 1e9 / (double)elapsed);
	if (eaten > 0)
		sp->full_in_ns =
			reading_of((double)sp->available_bytes * 1e9 / sp->fill_bytes_per_s.value);
}

static bool fold(struct space *sp, const struct model *m, const struct mount_space *s)
{
	const struct table *mounts = frame_table(m->now, TABLE_mount);
	const struct mount *asked = table_find(mounts, s->id);
	const struct mount *named = asked ? name_of(mounts, asked->dev) : NULL;

	if (!named || !s->answered || !row_has(s->has, MOUNT_SPACE_available_bytes) ||
		s->size_bytes == 0 || s->size_bytes < s->free_bytes ||
		is_image(table_text(mounts, named->fstype), s))
		return false;
	*sp = (struct space){ .mount = named,
		.target = table_text(mounts, named->target),
		.fstype = table_text(mounts, named->fstype),
		.used_bytes = s->size_bytes - s->free_bytes,
		.available_bytes = s->available_bytes,
		.reserved_bytes = s->free_bytes > s->available_bytes
					  ? s->free_bytes - s->available_bytes
					  : 0 };
	double whole = (double)sp->used_bytes + (double)sp->available_bytes;

	sp->used_ratio = whole > 0 ? (double)sp->used_bytes / whole : 0;
	if (row_has(s->has, MOUNT_SPACE_inodes) && s->inodes >= s->free_inodes) {
		sp->inodes = s->inodes;
		sp->free_inodes = s->free_inodes;
		sp->inodes_ratio =
			ratio_of((double)(s->inodes - s->free_inodes), (double)s->inodes);
	}
	fold_pace(sp, m, s);
	return true;
}

static int step(void *self, const struct model *m, struct arena *a)
{
	struct spaces_model *sm = self;
	const struct table *t = frame_table(m->now, TABLE_mount_space);

	*sm = (struct spaces_model){ .state = t ? t->state : STATE_ABSENT };
	if (!table_usable(t) || t->n == 0)
		return 0;
	sm->space = arena_new(a, t->n * sizeof(*sm->space));
	if (!sm->space)
		return -ENOMEM;
	for (table_each(const struct mount_space, s, t)) {
		struct space *sp = &sm->space[sm->n];

		*sp = (struct space){ 0 };
		if (fold(sp, m, s) && !merge(sm, sp))
			sm->n++;
	}
	return 0;
}

const struct model_row model_spaces = {
	.name = "spaces",
	.needs = { { .table = TABLE_mount, .optional = true },
		{ .table = TABLE_mount_space, .rate = true, .optional = true } },
	.size = sizeof(struct spaces_model),
	.step = step,
};
