/* SPDX-License-Identifier: MIT */
/* Shapes of memory that lies in an object: a file, shared, a device's, the kernel's own. */
#include "lab/mem_shape.h"

#include <fcntl.h>
#include <glob.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>

int shape_object(size_t bytes, bool huge_pages)
{
	int fd = memfd_create("lab-shape", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		_exit(1);
	if (!huge_pages)
		return fd;
	char *p = shape_map(bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd);

	madvise(p, bytes, MADV_HUGEPAGE);
	memset(p, 's', bytes);
	if (shape_kib("ShmemPmdMapped:") == 0)
		_exit(1);
	return fd;
}

/* One process maps each page twice, a part of them three times. */
void shape_of_double_map(const struct scene *s, int done)
{
	int fd = shape_object(SHAPE_BYTES, false);

	memset(shape_map(SHAPE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd), 'd', SHAPE_BYTES);
	shape_read(shape_map(SHAPE_BYTES, PROT_READ, MAP_SHARED, fd), SHAPE_BYTES);
	shape_read(shape_map(SHAPE_BYTES / 4, PROT_READ, MAP_PRIVATE, fd), SHAPE_BYTES / 4);
	shape_stay(done);
}

/* Three processes, each with another part of one object. */
void shape_of_parts(const struct scene *s, int done)
{
	char *p = shape_map(
		SHAPE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, shape_object(SHAPE_BYTES, false));

	madvise(p, SHAPE_BYTES, MADV_NOHUGEPAGE);
	if (shape_fork() == 0) {
		memset(p, 'p', SHAPE_BYTES / 2);
		shape_stay(done);
	}
	if (shape_fork() == 0) {
		memset(p + SHAPE_BYTES / 4, 'p', SHAPE_BYTES / 2);
		shape_stay(done);
	}
	memset(p, 'p', SHAPE_BYTES);
	shape_stay(done);
}

void shape_of_sysv(const struct scene *s, int done)
{
	int id = shmget(IPC_PRIVATE, SHAPE_BYTES, IPC_CREAT | 0600);
	char *p = id < 0 ? MAP_FAILED : shmat(id, NULL, 0);

	/* It lives as long as somebody has it. */
	if (id >= 0)
		shmctl(id, IPC_RMID, NULL);
	if (p == MAP_FAILED)
		_exit(1);
	memset(p, 'v', SHAPE_BYTES);
	if (shape_fork() == 0)
		shape_read(p, SHAPE_BYTES / 2);
	shape_stay(done);
}

int shape_prepare_dir(struct scene *s)
{
	return scene_dir(s, SHAPE_BYTES);
}

int shape_prepare_file(struct scene *s)
{
	int err = shape_prepare_dir(s);

	return err < 0 ? err : scene_file(s, "data", SHAPE_BYTES);
}

/* A file, shared; and private, of which a half was written to. */
void shape_of_file(const struct scene *s, int done)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/data", s->dir);
	int fd = open(path, O_RDWR | O_CLOEXEC);

	shape_read(shape_map(SHAPE_BYTES, PROT_READ, MAP_SHARED, fd), SHAPE_BYTES);
	if (shape_fork() == 0) {
		char *p = shape_map(SHAPE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);

		shape_read(p, SHAPE_BYTES);
		memset(p, 'f', SHAPE_BYTES / 2);
	}
	shape_stay(done);
}

/* A file of holes, of which two processes have read a half each; and one in memory. */
void shape_of_holes(const struct scene *s, int done)
{
	int fd = open(s->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	int in_memory = shape_object(SHAPE_BYTES, false);

	if (fd < 0 || ftruncate(fd, SHAPE_BYTES) < 0)
		_exit(1);
	bool child = shape_fork() == 0;
	size_t from = child ? SHAPE_BYTES / 4 : 0;
	char *p = shape_map(SHAPE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);

	shape_read(p + from, SHAPE_BYTES / 2);
	memset(p + SHAPE_BYTES / 2, 'h', SHAPE_BYTES / 8);
	shape_read(shape_map(SHAPE_BYTES, PROT_READ, child ? MAP_SHARED : MAP_PRIVATE, in_memory),
		SHAPE_BYTES / 2);
	shape_stay(done);
}

/* Memory of a device, which is no memory of the process: nothing is read or written there. */
void shape_of_device(const struct scene *s, int done)
{
	void *p = MAP_FAILED;
	glob_t found;

	if (glob("/sys/bus/pci/devices/*/resource[0-5]", 0, NULL, &found) != 0)
		_exit(1);
	for (size_t i = 0; i < found.gl_pathc && p == MAP_FAILED; i++) {
		auto_close fd = open(found.gl_pathv[i], O_RDWR | O_CLOEXEC);

		p = mmap(NULL, shape_page(), PROT_READ, MAP_SHARED, fd, 0);
	}
	if (p == MAP_FAILED)
		_exit(1);
	shape_stay(done);
}

/* The kernel's own memory, of a ring that it shares: the process has that. */
void shape_of_ring(const struct scene *s, int done)
{
	int fd =
		socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* of no protocol: it gets nothing */
	struct tpacket_req ring = {
		.tp_block_size = 1 << 16,
		.tp_block_nr = 16,
		.tp_frame_size = 1 << 11,
		.tp_frame_nr = 1 << 9,
	};

	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof(ring)) < 0)
		_exit(1);
	shape_read(shape_map(1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd), 1 << 20);
	shape_stay(done);
}
