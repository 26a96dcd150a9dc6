/* SPDX-License-Identifier: MIT */
#include "host/own_trust.h"

#include "base/cursor.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* include/uapi/linux/posix_acl.h and posix_acl_xattr.h. */
enum { ACL_USER = 2, ACL_GROUP_OBJ = 4, ACL_GROUP = 8, ACL_WRITE = 2, ACL_VERSION = 2 };

struct acl_entry {
	uint16_t tag, perm;
	uint32_t id;
};

enum { ACL_HEAD = 4, ACL_ENTRIES = 128 };

static bool group_is_others(uint32_t gid)
{
	return gid != 0 && geteuid() == 0;
}

static bool refuse_group(uint32_t gid, struct strbuf *ret_why)
{
	if (!group_is_others(gid))
		return true;
	strbuf_printf(ret_why,
		"not read: group %u may write to it, and murphy runs as root (chmod g-w)",
		(unsigned int)gid);
	return false;
}

static bool acl_entry_trusted(struct acl_entry e, gid_t owner, struct strbuf *ret_why)
{
	if (!(le16toh(e.perm) & ACL_WRITE))
		return true;
	uint32_t id = le32toh(e.id);

	switch (le16toh(e.tag)) {
	case ACL_GROUP_OBJ:
		return refuse_group(owner, ret_why);
	case ACL_USER:
		if (id == 0 || id == geteuid())
			return true;
		break;
	case ACL_GROUP:
		if (id == 0)
			return true;
		break;
	default:
		return true;
	}
	strbuf_printf(ret_why, "not read: its access control list lets %s %u write (setfacl -b)",
		le16toh(e.tag) == ACL_USER ? "user" : "group", (unsigned int)id);
	return false;
}

/*
 * The group may write, says the mode. With an access control list those bits are its mask: what
 * anybody whom it names may have at most, and the group itself may have less.
 */
static bool group_trusted(int fd, gid_t owner, struct strbuf *ret_why)
{
	char acl[ACL_HEAD + ACL_ENTRIES * sizeof(struct acl_entry)];
	ssize_t n = fgetxattr(fd, "system.posix_acl_access", acl, sizeof(acl));
	struct acl_entry e;
	uint32_t version;

	if (n < 0 && (errno == ENODATA || errno == EOPNOTSUPP))
		return refuse_group(owner, ret_why);
	if (n >= ACL_HEAD)
		memcpy(&version, acl, sizeof(version));
	if (n < ACL_HEAD || le32toh(version) != ACL_VERSION) {
		strbuf_puts(ret_why, "not read: who may write to it cannot be told (chmod g-w)");
		return false;
	}
	for (ssize_t at = ACL_HEAD; at + (ssize_t)sizeof(e) <= n; at += (ssize_t)sizeof(e)) {
		memcpy(&e, acl + at, sizeof(e));
		if (!acl_entry_trusted(e, owner, ret_why))
			return false;
	}
	return true;
}

static bool mode_trusted(int fd, const struct stat *st, bool above, struct strbuf *ret_why)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		strbuf_printf(ret_why,
			"not read: it belongs to user %u, and only what belongs to root or to who "
			"runs murphy (user %u) is trusted",
			(unsigned int)st->st_uid, (unsigned int)geteuid());
	else if (above && (st->st_mode & S_ISVTX))
		return true;
	else if (st->st_mode & S_IWOTH)
		strbuf_puts(ret_why, "not read: everybody may write to it (chmod o-w)");
	else
		return !(st->st_mode & S_IWGRP) || group_trusted(fd, st->st_gid, ret_why);
	return false;
}

bool own_trusted(int fd, mode_t kind, struct strbuf *ret_why)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		strbuf_puts(ret_why, strerror(errno));
	else if ((st.st_mode & S_IFMT) != kind)
		strbuf_printf(ret_why, "not read: expected a %s",
			kind == S_IFDIR ? "directory" : "regular file");
	else
		return mode_trusted(fd, &st, false, ret_why);
	return false;
}

/* Which may be searched, if not read. */
static int open_parent(int fd)
{
	int up = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return up < 0 && errno == EACCES ? openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC) : up;
}

/* How many parts of the path it takes to come to level directories above it. */
static void name_above(const char *path, unsigned int level, struct strbuf *out)
{
	size_t len = strlen(path);

	while (level-- > 0 && len > 0) {
		while (len > 0 && path[--len] != '/')
			;
	}
	strbuf_add(out, path, len);
	if (len == 0)
		strbuf_putc(out, '/');
}

bool own_trusted_above(int fd, const char *path, struct strbuf *ret_why)
{
	auto_close here = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_free char *real = realpath(path, NULL);
	auto_strbuf why = { 0 };
	struct stat was, st;

	if (here < 0 || fstat(here, &was) < 0) {
		strbuf_puts(ret_why, strerror(errno));
		return false;
	}
	for (unsigned int level = 1;; level++) {
		auto_close up = open_parent(here);

		if (up < 0 || fstat(up, &st) < 0) {
			strbuf_printf(ret_why, "the directory above it: %s", strerror(errno));
			return false;
		}
		if (st.st_dev == was.st_dev && st.st_ino == was.st_ino)
			return true; /* the top is above itself */
		if (!mode_trusted(up, &st, true, &why)) {
			name_above(real ? real : path, level, ret_why);
			strbuf_printf(ret_why, " above it: %s", strbuf_text(&why));
			ret_why->failed |= why.failed;
			return false;
		}
		was = st;
		int next = up;

		up = here;
		here = next;
	}
}
