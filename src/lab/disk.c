/* SPDX-License-Identifier: MIT */
#include "lab/lab.h"

#include "lab/undo.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

/*
 * A free loop device on the file, detached by the kernel at its last close: as long as it is only
 * our descriptor that holds it, being killed detaches it. Its descriptor or -errno.
 */
static int attach(const char *image, uint32_t flags, int *ret_number)
{
	auto_close control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	auto_close backing = open(image, O_RDWR | O_CLOEXEC);
	struct loop_config config = { .info.lo_flags = LO_FLAGS_AUTOCLEAR | flags };

	if (control < 0 || backing < 0)
		return -errno;
	config.fd = (uint32_t)backing;
	for (int try = 0; try < 8; try++) {
		char path[32];
		int number = ioctl(control, LOOP_CTL_GET_FREE);

		if (number < 0)
			return -errno;
		snprintf(path, sizeof(path), "/dev/loop%d", number);
		int fd = open(path, O_RDWR | O_CLOEXEC);

		if (fd < 0)
			return -errno;
		if (ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
			*ret_number = number;
			return fd;
		}
		/* Somebody else was quicker: take the next. */
		int err = -errno;

		close(fd);
		if (err != -EBUSY)
			return err;
	}
	return -EBUSY;
}

/* flags: LO_FLAGS_DIRECT_IO reads past the cache of what lies below. name: of the mount point. */
static int mount_image(struct scene *s, const char *image, uint32_t flags, const char *options,
	const char *name, struct disk *ret_disk)
{
	char device[32];
	struct disk disk = { 0 }, *d = &disk;
	struct stat st;
	int number = -1;
	auto_close fd = attach(image, flags, &number);

	if (fd == -ENOENT || fd == -EPERM || fd == -EACCES)
		return scene_skip(s, "no loop device to be had: %s", strerror(-fd));
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	d->major = (unsigned)(st.st_rdev >> 8 & 0xfff);
	d->minor = (unsigned)((st.st_rdev & 0xff) | (st.st_rdev >> 12 & 0xfff00));
	snprintf(d->device, sizeof(d->device), "loop%d", number);
	snprintf(device, sizeof(device), "/dev/loop%d", number);
	snprintf(d->target, sizeof(d->target), "%s/%s", s->dir, name);
	if (mkdir(d->target, 0755) < 0)
		return -errno;
	int err = undo_add(s->undo, UNDO_UMOUNT, d->target, NULL);

	if (err < 0)
		return err;
	if (mount(device, d->target, "ext4", MS_NOSUID | MS_NODEV | MS_NOATIME, options) < 0)
		return scene_skip(s, "may not mount: %s", strerror(errno));
	*ret_disk = disk;
	return 0;
}

int disk_mount(struct scene *s, const char *image, const char *options, struct disk *ret_disk)
{
	return mount_image(s, image, 0, options, "disk.mnt", ret_disk);
}

/* Opening for writing would wait too: so the file is open before the freeze. */
pid_t disk_writer(struct scene *s, const struct disk *d)
{
	static const char block[4096];
	char path[128];

	snprintf(path, sizeof(path), "%s/log", d->target);
	auto_close fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	pid_t pid = scene_child(s, "lab-writer");

	if (pid != 0)
		return pid;
	for (;;) {
		if (pwrite(fd, block, sizeof(block), 0) < 0)
			_exit(1);
		scene_nap(10);
	}
}

/* ext4 on the file image. */
static int format(struct scene *s, const char *image, unsigned inodes)
{
	const char *mkfs[] = { "mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0", image, NULL,
		NULL, NULL };
	char number[16];

	snprintf(number, sizeof(number), "%u", inodes);
	if (inodes > 0) {
		mkfs[5] = "-N";
		mkfs[6] = number;
		mkfs[7] = image;
	}
	return scene_command(s, NULL, mkfs) == 0 ? 0 : -EIO;
}

int disk_new(struct scene *s, uint64_t bytes, unsigned inodes, struct disk *ret_disk)
{
	char image[160];
	int err = scene_dir(s, bytes);

	if (err < 0)
		return err;
	if (!scene_has("mkfs.ext4"))
		return scene_skip(s, "mkfs.ext4 is not installed (e2fsprogs)");
	err = scene_file(s, "disk", bytes);
	if (err < 0)
		return err;
	snprintf(image, sizeof(image), "%s/disk", s->dir);
	err = format(s, image, inodes);
	return err < 0 ? err : disk_mount(s, image, "", ret_disk);
}

int disk_upon(struct scene *s, const struct disk *below, uint64_t bytes, struct disk *ret_disk)
{
	char image[160];
	int fd = disk_open(below, "disk");

	if (fd < 0)
		return fd;
	int err = disk_fill(fd, bytes);

	if (err == 0 && fsync(fd) < 0)
		err = -errno;
	close(fd);
	if (err < 0)
		return err;
	snprintf(image, sizeof(image), "%s/disk", below->target);
	err = format(s, image, 0);
	return err < 0 ? err : mount_image(s, image, LO_FLAGS_DIRECT_IO, "", "upon.mnt", ret_disk);
}

int disk_data(const struct disk *d, uint64_t bytes)
{
	int fd = disk_open(d, "data");

	if (fd < 0)
		return fd;
	int err = disk_fill(fd, bytes);

	if (err == 0 && fsync(fd) < 0)
		err = -errno;
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	return err;
}

void disk_read(const struct disk *d, uint64_t bytes, size_t part)
{
	char path[160];
	void *block = NULL;
	uint64_t x = (uint64_t)getpid();

	snprintf(path, sizeof(path), "%s/data", d->target);
	int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);

	if (fd < 0 || posix_memalign(&block, 4096, part) != 0)
		_exit(1);
	for (;;) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		if (pread(fd, block, part, (off_t)((x >> 33) % (bytes / part) * part)) < 0)
			_exit(1);
	}
}

int disk_freeze(struct scene *s, const struct disk *d)
{
	int err = undo_add(s->undo, UNDO_THAW, d->target, NULL);
	auto_close fd = open(d->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (err < 0 || fd < 0)
		return err < 0 ? err : -errno;
	return ioctl(fd, FIFREEZE, 0) < 0 ? -errno : 0;
}

int disk_open(const struct disk *d, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", d->target, name);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

int disk_fill(int fd, uint64_t bytes)
{
	static char block[65536];

	memset(block, 'm', sizeof(block));
	for (size_t part = sizeof(block); bytes > 0;) {
		if (part > bytes)
			part = (size_t)bytes;
		ssize_t n = write(fd, block, part);

		if (n >= 0)
			bytes -= (uint64_t)n;
		else if (errno != ENOSPC)
			return -errno;
		/* Also the last block. */
		else if (part > 4096)
			part = 4096;
		else
			return -ENOSPC;
	}
	return 0;
}

int tmpfs_new(struct scene *s, uint64_t bytes, uint64_t used, char ret_target[112])
{
	char options[64], file[128];
	int err = scene_dir(s, 0);

	if (err < 0)
		return err;
	snprintf(ret_target, 112, "%s/mnt", s->dir);
	if (mkdir(ret_target, 0755) < 0)
		return -errno;
	err = undo_add(s->undo, UNDO_UMOUNT, ret_target, NULL);
	if (err < 0)
		return err;
	snprintf(options, sizeof(options), "mode=755,size=%ju", (uintmax_t)bytes);
	if (mount("murphy-lab", ret_target, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
		return scene_skip(s, "may not mount: %s", strerror(errno));
	snprintf(file, sizeof(file), "%s/file", ret_target);
	auto_close fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || fallocate(fd, 0, 0, (off_t)used) < 0)
		return -errno;
	return 0;
}
