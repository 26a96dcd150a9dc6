/* SPDX-License-Identifier: MIT */
#include "lab/mirror.h"

#include "lab/undo.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <linux/types.h>

#include <linux/raid/md_p.h>
#include <linux/raid/md_u.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define DEVICE ("/dev/" MIRROR)

static const char *const disks[] = { "/dev/" MIRROR_FIRST, "/dev/" MIRROR_SECOND };

/* The first open of the node makes the array (drivers/md/md.c, md_probe()). */
static int open_array(void)
{
	if (mknod(DEVICE, S_IFBLK | 0600, makedev(MD_MAJOR, 0)) < 0 && errno != EEXIST)
		return -errno;
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Without superblocks, as mdadm --build does: two disks that are the same already. */
static int assemble(int fd)
{
	mdu_array_info_t array = { .minor_version = 90,
		.level = 1,
		.raid_disks = ARRAY_SIZE(disks),
		.not_persistent = 1,
		.state = 1 << MD_SB_CLEAN };

	if (ioctl(fd, SET_ARRAY_INFO, &array) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(disks); i++) {
		mdu_disk_info_t disk = { .number = (int)i,
			.raid_disk = (int)i,
			.state = 1 << MD_DISK_ACTIVE | 1 << MD_DISK_SYNC };
		struct stat st;

		if (stat(disks[i], &st) < 0)
			return -errno;
		disk.major = (int)major(st.st_rdev);
		disk.minor = (int)minor(st.st_rdev);
		if (ioctl(fd, ADD_NEW_DISK, &disk) < 0)
			return -errno;
	}
	return ioctl(fd, RUN_ARRAY, NULL) < 0 ? -errno : 0;
}

int mirror_new(struct scene *s, char ret_target[112])
{
	static const char *const mkfs[] = { "mkfs.ext4", "-q", "-F", DEVICE, NULL };
	auto_close fd = -1;
	int err = scene_dir(s, 0);

	if (err < 0)
		return err;
	fd = open_array();
	if (fd == -ENOENT || fd == -ENXIO)
		return scene_skip(s, "this kernel has no md");
	if (fd < 0)
		return fd;
	err = assemble(fd);
	if (err == 0 && scene_command(s, NULL, mkfs) != 0)
		err = -EIO;
	if (err < 0)
		return err;
	snprintf(ret_target, 112, "%s/mirror", s->dir);
	if (mkdir(ret_target, 0755) < 0)
		return -errno;
	err = undo_add(s->undo, UNDO_UMOUNT, ret_target, NULL);
	if (err == 0 && mount(DEVICE, ret_target, "ext4", MS_NOSUID | MS_NODEV, NULL) < 0)
		err = -errno;
	return err;
}

int mirror_break(void)
{
	auto_close fd = open_array();
	struct stat st;

	if (fd < 0)
		return fd;
	if (stat(disks[1], &st) < 0 || ioctl(fd, SET_DISK_FAULTY, (unsigned long)st.st_rdev) < 0)
		return -errno;
	return 0;
}
