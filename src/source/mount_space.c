/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "source/source.h"

#include <errno.h>
#include <string.h>

/*
 * File systems without space of their own. overlay is left out but for the root: what it says is
 * said of the file system that holds its upper directory, and hosts of containers have hundreds.
 * autofs would mount what nobody asked for.
 */
static const char *const pseudo[] = { "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2",
	"configfs", "cpuset", "debugfs", "devpts", "efivarfs", "fusectl", "fuse.lxcfs",
	"fuse.portal", "fuse.gvfsd-fuse", "hugetlbfs", "mqueue", "nsfs", "overlay", "proc",
	"pstore", "ramfs", "rootfs", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs" };

/* Those that ask somebody else: last, so that the dead among them take no time from the others. */
static const char *const remote[] = { "9p", "afs", "ceph", "cifs", "fuse", "glusterfs", "lustre",
	"nfs", "smb3", "virtiofs" };

static bool is_pseudo(const char *fstype, const char *target)
{
	if (strcmp(fstype, "overlay") == 0 && strcmp(target, "/") == 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(pseudo); i++) {
		if (strcmp(fstype, pseudo[i]) == 0)
			return true;
	}
	return false;
}

/* By prefix: nfs4, fuse.sshfs. fuseblk (ntfs-3g) too. */
static bool is_remote(const char *fstype)
{
	for (size_t i = 0; i < ARRAY_SIZE(remote); i++) {
		if (strncmp(fstype, remote[i], strlen(remote[i])) == 0)
			return true;
	}
	return false;
}

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* By target, the newest mount first: it hides the others. */
static int compare_targets(const void *a, const void *b)
{
	const struct mount *const *ma = a, *const *mb = b;
	int order = compare_u64((*ma)->target, (*mb)->target);

	return order ? order : compare_u64((*mb)->id, (*ma)->id);
}

static int compare_devs(const void *a, const void *b)
{
	const struct mount *const *ma = a, *const *mb = b;
	int order = compare_u64((*ma)->dev, (*mb)->dev);

	return order ? order : compare_u64((*ma)->id, (*mb)->id);
}

/* The mounts to ask: of each file system the oldest that no later mount hides. */
static size_t choose(const struct table *mounts, const struct mount **list)
{
	size_t n = 0, kept = 0;

	for (table_each(const struct mount, m, mounts)) {
		if (!is_pseudo(table_text(mounts, m->fstype), table_text(mounts, m->target)))
			list[n++] = m;
	}
	qsort(list, n, sizeof(*list), compare_targets);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || list[i]->target != list[i - 1]->target)
			list[kept++] = list[i];
	}
	n = kept;
	kept = 0;
	qsort(list, n, sizeof(*list), compare_devs);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || list[i]->dev != list[kept - 1]->dev)
			list[kept++] = list[i];
	}
	return kept;
}

/* What ask_all() works on. */
struct round {
	const struct table *mounts;
	const struct mount **list; /* the file systems to ask */
	size_t n, asked;
	bool hangs; /* one did not answer */
};

static const char *target_of(const struct round *r, size_t i)
{
	return table_text(r->mounts, r->list[i]->target);
}

/*
 * One that hangs gets a row without an answer; one that refuses (a user's FUSE) gets none. -EBUSY:
 * none more may be asked.
 */
static int ask(struct probe *p, struct table *t, struct round *r, size_t i)
{
	struct host_space space;
	int err = host_statfs(p->host, target_of(r, i), &space);

	/* No child to be had for it is no answer of the file system. */
	if (err == -EBUSY || err == -EAGAIN || err == -EMFILE || err == -ENFILE || err == -ENOMEM)
		return -EBUSY;
	t->seen++;
	r->asked++;
	r->hangs |= err == -ETIMEDOUT;
	if (err < 0 && err != -ETIMEDOUT)
		return 0;
	void *row = table_add(t);

	if (!row)
		return -ENOMEM;
	row_put(t->schema, row, MOUNT_SPACE_id, r->list[i]->id);
	if (err < 0)
		return 0;
	row_put(t->schema, row, MOUNT_SPACE_size_bytes, space.size_bytes);
	row_put(t->schema, row, MOUNT_SPACE_free_bytes, space.free_bytes);
	row_put(t->schema, row, MOUNT_SPACE_available_bytes, space.available_bytes);
	/* btrfs, vfat and others have no fixed number of inodes and say 0. */
	if (space.inodes > 0) {
		row_put(t->schema, row, MOUNT_SPACE_inodes, space.inodes);
		row_put(t->schema, row, MOUNT_SPACE_free_inodes, space.free_inodes);
	}
	row_put(t->schema, row, MOUNT_SPACE_answered, 1);
	return 0;
}

/* Where one server is dead, others of its mounts are: do not wait for each in turn. */
static size_t ask_ahead(struct probe *p, const struct round *r, size_t from)
{
	while (from < r->n && host_statfs_ahead(p->host, target_of(r, from)) == 0)
		from++;
	return from;
}

static bool asks_remote(const struct round *r, size_t i)
{
	return is_remote(table_text(r->mounts, r->list[i]->fstype));
}

/* list with those that ask somebody else last, else in its order. Their first. */
static size_t remote_last(const struct round *r)
{
	size_t local = 0;

	for (size_t i = 0; i < r->n; i++) {
		const struct mount *m = r->list[i];

		if (asks_remote(r, i))
			continue;
		memmove(r->list + local + 1, r->list + local, (i - local) * sizeof(*r->list));
		r->list[local++] = m;
	}
	return local;
}

static int ask_all(struct probe *p, struct table *t, struct round *r)
{
	size_t ahead = remote_last(r);

	for (size_t i = 0; i < r->n; i++) {
		if (r->hangs && i >= ahead)
			ahead = ask_ahead(p, r, i);
		int err = probe_late(p) ? -EBUSY : ask(p, t, r, i);

		if (err == -EBUSY) {
			table_fail(t, STATE_LATE, "%zu of %zu file systems not asked",
				r->n - r->asked, r->n);
			return 0;
		}
		if (err < 0)
			return err;
	}
	return 0;
}

static int read_mount_space(struct probe *p)
{
	struct table *t = probe_table(p, TABLE_mount_space);
	const struct table *mounts = probe_used(p, TABLE_mount);

	if (!t)
		return 0;
	if (!mounts) {
		table_fail(t, STATE_ABSENT, "needs /proc/self/mountinfo");
		return 0;
	}
	auto_free const struct mount **list = mem_new(mounts->n + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	struct round r = { .mounts = mounts, .list = list, .n = choose(mounts, list) };

	t->state = STATE_OK;
	t->cell[MOUNT_SPACE_answered] = STATE_LATE;
	int err = ask_all(p, t, &r);

	host_statfs_end(p->host);
	if (err == 0 && t->n == 0 && r.n > 0 && !host_is_live(p->host))
		table_fail(t, STATE_ABSENT, "not in this capture");
	return err;
}

/* A hundred dead mounts fit into its deadline; more are named as not asked. */
const struct source source_mount_space = {
	.name = "mount_space",
	.fills = { TABLE_mount_space },
	.uses = { TABLE_mount },
	.manner = MANNER_RISKY,
	.deadline_ns = 2000000000,
	.read = read_mount_space,
};
