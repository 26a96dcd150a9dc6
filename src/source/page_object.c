/* SPDX-License-Identifier: MIT */
#include "source/page_object.h"

#include "base/mem.h"
#include "source/proc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OBJECTS_MAX = 65536,
	PARTS_MAX = 1 << 20,
	FIRST_SLOTS = 1024,
	EXTENTS_MAX = 1024, /* questions to ask of one object */
	MOUNTINFO_MAX = 1 << 20,
	MOUNTINFOS = 32,
};

int page_objects_init(struct page_objects *o, struct probe *p)
{
	*o = (struct page_objects){ .probe = p, .page_bytes = (uint64_t)host_page_size(p->host) };
	o->slots = FIRST_SLOTS;
	o->slot = mem_new(o->slots, sizeof(*o->slot));
	if (host_shmem_dev(p->host, &o->shmem_dev) < 0)
		o->shmem_dev = UINT64_MAX;
	return o->slot ? 0 : -ENOMEM;
}

void page_objects_release(struct page_objects *o)
{
	for (size_t i = 0; i < o->n; i++)
		free(o->object[i].extent);
	for (size_t i = 0; i < o->n_parts; i++)
		free(o->part[i].bin);
	free(o->object);
	free(o->slot);
	free(o->part);
	free(o->device);
	strbuf_release(&o->mounts);
	strbuf_release(&o->paths);
}

static size_t hash_of(const struct page_objects *o, uint64_t dev, uint64_t inode)
{
	return (size_t)((inode ^ dev << 40) * 0x9e3779b97f4a7c15u >> 32) & (o->slots - 1);
}

static uint32_t *find(const struct page_objects *o, uint64_t dev, uint64_t inode)
{
	size_t i = hash_of(o, dev, inode);

	while (o->slot[i] != 0) {
		const struct page_object *x = &o->object[o->slot[i] - 1];

		if (x->dev == dev && x->inode == inode)
			break;
		i = (i + 1) & (o->slots - 1);
	}
	return &o->slot[i];
}

static int rehash(struct page_objects *o)
{
	uint32_t *was = o->slot, *more = mem_new(o->slots * 2, sizeof(*more));

	if (!more)
		return -ENOMEM;
	o->slot = more;
	o->slots *= 2;
	for (size_t i = 0; i < o->n; i++)
		*find(o, o->object[i].dev, o->object[i].inode) = (uint32_t)i + 1;
	free(was);
	return 0;
}

/* Find what mountinfo says of a device: "ID PARENT MAJOR:MINOR ... - FSTYPE ...". */
static bool find_mount(const struct strbuf *text, uint64_t dev, enum shared_kind *ret_kind)
{
	struct cursor c = cursor_of(text->bytes, text->len), line;
	uint64_t id, major, minor;
	struct span word;

	while (cursor_line(&c, &line)) {
		if (!cursor_u64(&line, &id) || !cursor_u64(&line, &id) ||
			!cursor_u64(&line, &major) || !cursor_lit(&line, ":") ||
			!cursor_u64(&line, &minor) || (major << 20 | minor) != dev)
			continue;
		while (cursor_word(&line, &word) && !span_eq(word, "-"))
			;
		if (!cursor_word(&line, &word))
			return false;
		*ret_kind = span_eq(word, "tmpfs") || span_eq(word, "devtmpfs") ? SHARED_TMPFS
			    : span_eq(word, "hugetlbfs")                        ? SHARED_HUGETLB
										: SHARED_FILE;
		return true;
	}
	return false;
}

/*
 * Most file systems that a process maps murphy sees as well. Containers may have some of their own;
 * of thousands of them a few are asked.
 */
static enum shared_kind ask_mounts(struct page_objects *o, uint64_t pid, uint64_t dev)
{
	enum shared_kind kind = SHARED_FILE;
	auto_strbuf text = { 0 };
	char path[PROC_PATH_MAX];

	if (o->mounts.len == 0)
		host_read_all(o->probe->host, "proc/self/mountinfo", MOUNTINFO_MAX, &o->mounts);
	if (find_mount(&o->mounts, dev, &kind) || o->mountinfos == MOUNTINFOS)
		return kind;
	o->mountinfos++;
	if (host_read_all(
		    o->probe->host, proc_path(path, pid, "mountinfo"), MOUNTINFO_MAX, &text) == 0)
		find_mount(&text, dev, &kind);
	return kind;
}

/* File systems in memory have no block device. */
static enum shared_kind kind_of_device(struct page_objects *o, uint64_t pid, uint64_t dev)
{
	if (dev >> 20 != 0)
		return SHARED_FILE;
	for (size_t i = o->n_devices; i-- > 0;) {
		if (o->device[i].dev == dev)
			return o->device[i].kind;
	}
	enum shared_kind kind = ask_mounts(o, pid, dev);

	if (o->n_devices == o->devices_size) {
		size_t size = o->devices_size ? o->devices_size * 2 : 32;
		struct page_device *more = mem_resize(o->device, size, sizeof(*more));

		if (!more)
			return kind;
		o->device = more;
		o->devices_size = size;
	}
	o->device[o->n_devices++] = (struct page_device){ dev, kind };
	return kind;
}

/*
 * What has no name in any file system lies in two that nobody has mounted: one of them is
 * hugetlbfs.
 */
static enum shared_kind kind_of(struct page_objects *o, uint64_t pid, const struct page_vma *vma)
{
	static const struct {
		const char *prefix;
		enum shared_kind kind;
	} names[] = {
		{ "/memfd:", SHARED_MEMFD },
		{ "/SYSV", SHARED_SYSV },
		{ "/dev/zero", SHARED_ANONYMOUS },
		{ "/anon_hugepage", SHARED_HUGETLB },
	};

	for (size_t i = 0; vma->dev >> 20 == 0 && i < ARRAY_SIZE(names); i++) {
		if (!span_starts(vma->path, names[i].prefix))
			continue;
		if (o->shmem_dev == vma->dev)
			return names[i].kind;
		if (kind_of_device(o, pid, vma->dev) == SHARED_FILE)
			return o->shmem_dev == UINT64_MAX ? names[i].kind : SHARED_HUGETLB;
	}
	return o->shmem_dev == vma->dev ? SHARED_TMPFS : kind_of_device(o, pid, vma->dev);
}

static int add(struct page_objects *o, uint64_t pid, const struct page_vma *vma)
{
	if (o->n == OBJECTS_MAX) {
		o->left_out++;
		return -E2BIG;
	}
	if (o->n == o->size) {
		size_t size = o->size ? o->size * 2 : 256;
		struct page_object *more = mem_resize(o->object, size, sizeof(*more));

		if (!more)
			return -ENOMEM;
		o->object = more;
		o->size = size;
	}
	if (o->n * 2 >= o->slots && rehash(o) < 0)
		return -ENOMEM;
	struct page_object *x = &o->object[o->n];

	*x = (struct page_object){ .dev = vma->dev,
		.inode = vma->inode,
		.path = o->paths.len,
		.path_len = vma->path.len,
		.kind = kind_of(o, pid, vma) };
	strbuf_add(&o->paths, vma->path.at, vma->path.len);
	if (o->paths.failed)
		return -ENOMEM;
	*find(o, vma->dev, vma->inode) = (uint32_t)o->n + 1;
	return (int)o->n++;
}

int page_objects_of(struct page_objects *o, uint64_t pid, const struct page_vma *vma)
{
	uint32_t at = *find(o, vma->dev, vma->inode);

	return at != 0 ? (int)at - 1 : add(o, pid, vma);
}

/*
 * Where x has pages, in steps that are larger the more there are, so that a segment of 100 GiB
 * costs no more than one of 2. A step that has a page is taken whole.
 */
static int find_extents(const struct page_objects *o, struct page_object *x, int fd)
{
	uint64_t step = (uint64_t)2 << 20;
	struct page_extent *e = mem_new(EXTENTS_MAX, sizeof(*e));
	size_t n = 0;

	if (!e)
		return -ENOMEM;
	while (step * EXTENTS_MAX < x->resident + ((uint64_t)2 << 20))
		step *= 2;
	uint64_t at = 0;

	for (int asked = 0; asked < EXTENTS_MAX && host_next_data(fd, at, &at) == 0; asked++) {
		uint64_t from = at / step * step;

		at = from + step;
		if (n > 0 && e[n - 1].to * o->page_bytes == from)
			e[n - 1].to = at / o->page_bytes;
		else
			e[n++] = (struct page_extent){ from / o->page_bytes, at / o->page_bytes };
	}
	/* What was not asked may have pages anywhere. */
	if (n > 0 && host_next_data(fd, at, &at) == 0)
		e[n - 1].to = (x->size + o->page_bytes - 1) / o->page_bytes;
	x->extent = e;
	x->n_extents = n;
	return 0;
}

void page_objects_ask(struct page_objects *o, uint32_t i, uint64_t pid, const struct page_vma *vma)
{
	struct page_object *x = &o->object[i];
	char file[48], path[PROC_PATH_MAX];

	/* The file system of another one may hang when it is asked. */
	if (x->asked || !page_object_in_memory(x))
		return;
	x->asked = true;
	snprintf(file, sizeof(file), "map_files/%llx-%llx", (unsigned long long)vma->start,
		(unsigned long long)vma->end);
	auto_close fd = host_open_offset(o->probe->host, proc_path(path, pid, file));

	if (fd < 0 || host_object_size(fd, &x->size, &x->resident) < 0)
		return;
	x->sized = find_extents(o, x, fd) == 0;
}

struct page_part *page_objects_part(struct page_objects *o, uint32_t i, uint32_t group)
{
	struct page_object *x = &o->object[i];

	if (x->part != 0 && x->part_group == group)
		return &o->part[x->part - 1];
	if (o->n_parts == o->parts_size) {
		size_t size = o->parts_size ? o->parts_size * 2 : 256;
		struct page_part *more =
			size > PARTS_MAX ? NULL : mem_resize(o->part, size, sizeof(*more));

		if (!more)
			return NULL;
		o->part = more;
		o->parts_size = size;
	}
	o->part[o->n_parts++] = (struct page_part){ .object = i, .group = group };
	x->part = o->n_parts;
	x->part_group = group;
	return &o->part[x->part - 1];
}

struct page_bin *page_part_bin(struct page_part *part, uint64_t page, uint64_t pages)
{
	if (!part->bin)
		part->bin = mem_new(PAGE_BINS, sizeof(*part->bin));
	return part->bin ? &part->bin[page < pages ? page * PAGE_BINS / pages : PAGE_BINS - 1]
			 : NULL;
}
