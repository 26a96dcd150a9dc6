/* SPDX-License-Identifier: MIT */
/* Events of the kernel log, disks and mounts for the checks kernel.* */
#ifndef MURPHY_TESTS_BUILD_KERNEL_H
#define MURPHY_TESTS_BUILD_KERNEL_H

#include "sample/klog_kind.h"
#include "tests/unit/build.h"

#define HOUR (3600 * SECOND)
#define UP (100 * HOUR)

/* A host that is up for 100 hours. */
static inline void begin(struct scene *s)
{
	scene_start(s);
	s->was.boottime_ns = UP - 2 * SECOND;
	s->now.boottime_ns = UP;
}

/* n events age_ns ago; a name of a segfault is a program's. */
static inline struct klog_event *add_event(
	struct scene *s, const char *kind, const char *name, uint64_t n, uint64_t age_ns)
{
	struct klog_event *e = build_row(&s->now, TABLE_klog_event);
	bool crash = strcmp(kind, KLOG_SEGFAULT) == 0 || strcmp(kind, KLOG_SOFT_LOCKUP) == 0;

	e->sequence = s->now.at[TABLE_klog_event]->n;
	e->kind = build_text(&s->now, TABLE_klog_event, kind);
	if (crash)
		e->comm = build_text(&s->now, TABLE_klog_event, name);
	else
		e->device = build_text(&s->now, TABLE_klog_event, name);
	e->n = n;
	build_unset(e, KLOG_EVENT_folded);
	e->first_ns = e->last_ns = UP - age_ns;
	return e;
}

static inline struct disk *add_disk(struct scene *s, uint64_t dev, const char *name, bool partition)
{
	struct disk *was = build_row(&s->was, TABLE_disk), *now = build_row(&s->now, TABLE_disk);

	was->dev = now->dev = dev;
	now->name = build_text(&s->now, TABLE_disk, name);
	now->partition = partition;
	return now;
}

/* A mount of a device by its name. */
static inline struct mount *add_source(
	struct scene *s, uint64_t dev, const char *target, const char *source)
{
	struct mount *m = build_mount(&s->now, s->now.at[TABLE_mount] ? 9 : 8, dev, target, "ext4");

	m->source = build_text(&s->now, TABLE_mount, source);
	return m;
}

#endif
